/* `duet verify`: measures claims on all their instances, judges them, and reports the verdicts.
 *
 * Every number except the seconds depends only on the seed, the settings and --quick, not on the
 * number of threads. */
#pragma once

#include "harness/run/progress.h"
#include "harness/run/run.h"
#include "theorems/claim.h"

#include <stdio.h>

enum { VERIFY_MAX_IDS = 64 };

struct verify_options {
    const char *ids[VERIFY_MAX_IDS]; /* none: all claims */
    size_t id_count;
    const char *overrides[RUN_MAX_OVERRIDES]; /* KEY=VALUE, later ones win */
    size_t override_count;
    uint64_t seed;
    bool quick; /* the quick instances of each part; parts without any are left out */
    bool quiet;
    int jobs;                            /* threads; 0: all processors */
    const char *json;                    /* file, "-" for stdout, or NULL */
    const char *report;                  /* FILE.md or NULL */
    const char *expect, *write_expected; /* tables of expected verdicts, or NULL */
};

/* How one claim turned out. */
struct outcome {
    const struct claim *claim;
    void *settings; /* as the claim's params describe */
    bool left_out[CLAIM_PARTS];
    struct judgement part[CLAIM_PARTS];
    const struct judgement *worst; /* the part that stands for the claim */
    enum verdict verdict;          /* about what was measured */
    int parts_measured;
    int instances;        /* measured, over all parts */
    double seconds;       /* of all instances, over all threads */
    struct curves curves; /* for the report; no rows: none */
    char *undrawn;        /* why there is no curve, or NULL */
};

struct verification {
    const struct verify_options *options; /* borrowed */
    struct outcome *outcome;              /* [count], in the order of the registry */
    size_t count;
};

/* Whether `id` selects the claim `name`: it equals the name, or its beginning up to a hyphen or up
 * to the end of a number ("HLTM", "DDN-1" but not DDN-10).  Case does not matter. */
bool verify_selects(const char *id, const char *name);

/* Choose claims from a registry and fill their settings.  On failure nothing is left allocated. */
enum status verification_create(struct verification *v, const struct verify_options *options,
                                const struct registry *registry, struct error *err);

/* Measure and judge. */
enum status verification_run(struct verification *v, struct progress *progress, struct error *err);
void verification_free(struct verification *v);

/* STATUS_FAILED where a claim fails, a control does not, or nothing at all could be checked. */
enum status verification_status(const struct verification *v);

/* ---- output ---- */

/* Distinct kinds of the claim's parts, "Identity + Flow". */
void verdicts_kinds(const struct claim *claim, char *text, size_t size);

/* One sentence on all claims: "48 claims: 40 measured in full and holding, ..., none refuted". */
void verdicts_count(const struct verification *v, char *text, size_t size);

enum { VERDICTS_COUNT = 512 }; /* bytes of such a sentence */

/* The table, remarks on the claims that do not hold, and the count. */
void verdicts_print(const struct verification *v, FILE *out);

/* Array of objects {"id", "title", "kind", "instances", "error", "tolerance", "control", "verdict",
 * "parts_measured", "parts", "seconds"} of a struct verification; numbers that are not finite are
 * null. */
void verdicts_json(FILE *out, const void *verification);

/* The report at `path`, FILE.md, and its curves in the folder FILE: ID.tsv and ID.png. */
enum status report_write(const struct verification *v, const char *path, struct error *err);

/* Whether report_write could write now: all files, and gnuplot for the curves. */
enum status report_check(const struct verification *v, const char *path, struct error *err);

/* ---- expected verdicts ---- */

/* The table of thresholds, verdicts and effects, a row per part of the chosen claims, of a struct
 * verification. */
void expected_print(FILE *out, const void *verification);

/* Compare with the table at `path`, which must be made by the same command except for the names of
 * claims: print on `out` every threshold and verdict that is another, every effect whose mean is
 * outside the expected interval or on another side of 0 or of what is claimed, and every part that
 * only one of both has.  STATUS_FAILED if there is any. */
enum status expected_compare(const struct verification *v, const char *path, FILE *out,
                             struct error *err);

/* Whether the table at `path` can be read and is made by the same command. */
enum status expected_check(const struct verification *v, const char *path, struct error *err);
