/* Claims: statements of the papers, each with a way to measure it and a control.
 *
 * A claim is one file that exports one `const struct claim`.  It has parts, statements that are
 * measured separately.  A part is measured on many instances, each drawn from (seed, claim, part,
 * instance), and judged by its kind.  A control is the same measurement with one hypothesis
 * removed, where the statement must fail: a part whose control does not fail shows nothing. */
#pragma once

#include "analysis/statistics.h"
#include "core/descriptor.h"
#include "core/error.h"

#include <math.h>

/* How a part is judged. */
enum part_kind {
    /* Relative error at most `tolerance`, 1e-10, on every instance: sums over finite supports. */
    PART_IDENTITY,
    /* The same along the trajectory of a differential equation, 1e-8. */
    PART_FLOW,
    /* reading.error is the relative violation (negative: slack); at most `tolerance`, 1e-10. */
    PART_BOUND,
    /* reading.error is a log-log slope, at least `least` - `tolerance` on every instance. */
    PART_RATE,
    /* reading.error is an effect; the interval of its mean lies above `least`. */
    PART_EFFECT,
    /* reading.error is a p-value; -log10 of the smallest, corrected for the number of instances,
     * is at most `tolerance`, 4. */
    PART_TEST,
};

enum { CLAIM_CONTROLS = 4, CLAIM_PARTS = 24, CLAIM_DRAWS = 1000 };

/* Faults that tests plant in measured values, to see that the claim then fails. */
enum fault { FAULT_NONE, FAULT_SIGN, FAULT_FACTOR, FAULT_NAN, FAULT_GATE, FAULT_CENTRING };

/* One instance to be measured. */
struct trial {
    uint64_t seed;
    int instance;
    gsl_rng *rng;         /* at (seed, claim, part, instance) */
    const void *settings; /* as the claim's params describe */
    const void *argument; /* of the part: it tells parts with one `measure` apart */
    enum fault fault;
    /* Controls keep their hypothesis: each goes the same way as without it, and must then hold like
     * the statement itself.  This shows that it is the missing hypothesis that makes it fail. */
    bool restored;
    bool (*keep_going)(void); /* asked within long measurements; NULL: always */
    struct memo *memo;        /* results that measurements share (theorems/memo.h); NULL: none */
    struct error *err;        /* takes the message of whatever cannot be measured */
};

/* The measurement of one instance.  A number that is lost, NaN, makes the part fail, and in a
 * control it shows nothing. */
struct reading {
    double error;                   /* see part_kind */
    double uncertainty;             /* PART_RATE: standard error of the slope */
    double control[CLAIM_CONTROLS]; /* the same without one hypothesis, or NOT_MEASURED */
};

/* Of a control: left out on this instance. */
#define NOT_MEASURED (-INFINITY)

struct part {
    const char *statement;                    /* "gradient: ...": a name, then the formula */
    const char *measured;                     /* how */
    const char *controls[CLAIM_CONTROLS + 1]; /* hypotheses removed; ended by NULL */
    enum part_kind kind;
    double tolerance; /* 0: as the kind says (part_tolerance) */
    double least;
    /* A PART_EFFECT that a paper reports for other data.  It may differ here, so an interval that
     * is not above `least` is VERDICT_DIFFERS; of any other effect it is VERDICT_FAILS. */
    bool reported;
    /* Of a control that does not go the statement's own way with the hypothesis restored (see
     * trial.restored): why it cannot, and why it still shows something.  NULL: it does. */
    const char *apart[CLAIM_CONTROLS];
    struct {
        int instances, quick; /* their number; their number with --quick */
        double cost;          /* seconds per instance, about; the longest start first */
    } plan;
    /* STATUS_INVALID: cannot be measured at these settings. */
    enum status (*measure)(const struct trial *trial, struct reading *reading);
    const void *argument; /* becomes trial->argument */
};

/* A table that a report plots: every other column against the first. */
struct curves {
    const char *title, *x_label, *y_label, *caption;
    bool log_x, log_y;
    int columns;
    const char *name[8];
    size_t rows, room;
    double *value; /* [rows][columns] */
};

struct claim {
    struct descriptor about; /* name: the id; doc: the statement in words; source with its number */
    const char *title, *formula, *hypotheses;
    const struct part *parts;
    int part_count; /* both by ALL_PARTS */
    /* A curve for the report, or NULL. */
    enum status (*draw)(const struct trial *trial, struct curves *curves);
};

#define ALL_PARTS(array) .parts = (array), .part_count = sizeof(array) / sizeof *(array)

/* ---- for measurements ---- */

/* max |measured - predicted| / max |predicted|, or max |measured| where that is 0.  This is right
 * for sums whose rounding errors are alike in all entries; entries far below the largest are not
 * seen. */
double relative_error(const double *measured, const double *predicted, size_t count);

/* The largest relative_error of the `blocks` blocks of `size` entries, each in its own scale: for
 * modes, nodes or rows that differ in size.  A block whose prediction is 0 is compared with the
 * largest entry of all.  With size 1: entry by entry. */
double relative_error_blocks(const double *measured, const double *predicted, size_t blocks,
                             size_t size);

/* sqrt(sum of squares) */
double frobenius(const double *value, size_t count);

/* Plant FAULT_SIGN (the largest entry), FAULT_FACTOR (the whole array) or FAULT_NAN (the last
 * entry) in measured values. */
void plant(const struct trial *trial, double *measured, size_t count);

/* Whether a draw that does not serve may be made again, `*made` of them having been made, which is
 * counted up.  STATUS_INVALID after CLAIM_DRAWS, "no DRAW in 1000 draws"; STATUS_INTERRUPTED where
 * the user has stopped the measurement. */
enum status claim_redraw(const struct trial *trial, int *made, const char *draw);

/* No controls. */
void reading_clear(struct reading *reading);

/* A PART_RATE: the slope and its control. */
void reading_slopes(struct reading *reading, struct slope slope, struct slope control);

/* Append a row. */
enum status curves_add(struct curves *curves, const double *row, struct error *err);
void curves_free(struct curves *curves);

/* ---- judging: theorems/judge.c ---- */

enum verdict {
    VERDICT_HOLDS,
    VERDICT_NOT_REFUTED, /* of a claim: what was measured holds, but some parts were not */
    VERDICT_DIFFERS,     /* an effect that is `reported` does not show */
    VERDICT_FAILS,
    VERDICT_NO_CONTROL, /* a control did not fail */
    VERDICT_NOT_CHECKED,
};
enum { VERDICTS = VERDICT_NOT_CHECKED + 1 };

struct judgement {
    enum verdict verdict;
    int instances;
    /* In the kind's own measure.  Of several controls the one that failed least; NaN: none, or one
     * was lost. */
    double error, tolerance, control;
    double median, least;                       /* PART_BOUND: slack; PART_RATE: slope */
    double uncertainty;                         /* PART_RATE: standard error of the least slope */
    double level;                               /* PART_EFFECT: of the interval */
    struct interval interval, control_interval; /* PART_EFFECT; control: which failed least */
    double ratio;                               /* error / tolerance; error where tolerance is 0 */
    double seconds;
    char why[256]; /* not checked: why */
};

/* The part's own tolerance, or its kind's. */
double part_tolerance(const struct part *part);

/* Number of its controls. */
int part_controls(const struct part *part);

/* Judge a part by the readings of all its instances; `rng` is for bootstraps.
 *
 * A control must fail by 100 times the tolerance of an identity, flow or bound, by the tolerance of
 * a rate or test, and as the effect itself would: on every instance, except that a bound must be
 * broken on half of them.
 *
 * `effects` is the number of effects of the claim that are judged, this one included: their
 * intervals are of level 1 - 0.05 / effects, so that all of them cover in 95% of cases, whatever
 * their dependence (Bonferroni).  Holm's procedure would find a little more, but its verdicts are
 * those of no interval that could be shown. */
void part_judge(const struct part *part, const struct reading *readings, int count, int effects,
                gsl_rng *rng, struct judgement *judgement);

/* The judgement that stands for the claim: the worst of the parts that were measured. */
const struct judgement *claim_worst(const struct claim *claim, const struct judgement *parts);

/* Number of parts that were measured. */
int claim_parts_measured(const struct claim *claim, const struct judgement *parts);

/* The verdict about what was measured: the worst part's; VERDICT_HOLDS only where all parts were
 * measured. */
enum verdict claim_verdict(const struct claim *claim, const struct judgement *parts);

const char *part_kind_name(enum part_kind kind);
const char *verdict_name(enum verdict verdict);

/* ---- running ---- */

/* Random numbers of an instance. */
gsl_rng *claim_rng(const struct claim *claim, uint64_t seed, int part, int instance);

/* Measure instance `instance` of part `part` of a claim; seed, settings, fault and memo are taken
 * from `common`, argument and err are set. */
enum status claim_measure(const struct claim *claim, int part, int instance,
                          const struct trial *common, struct reading *reading, struct error *err);
