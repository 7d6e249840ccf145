/* The spec of a run: YAML file plus overrides, checked against the parameter tables.
 *
 * A section `sweep` of the file is kept as it was written and is no part of the run
 * (harness/spec/grid.h).
 *
 * A section of the spec names a descriptor (data.source, network.kind, objective.name,
 * predictor.kind, optimiser.name, predictor_optimiser.name, train.trainer) or has one fixed table
 * (train, measure); its remaining keys fill the descriptor's settings struct.  Every key has a
 * default unless its table says otherwise.
 *
 * An override that names another descriptor (objective.name=ntxent) leaves what was written before
 * of the keys that both have, and drops keys that only others have, with a remark.  So does an
 * override of a list of tables (measure.probes) with the keys of tables that it no longer names.
 *
 * The YAML is plain (harness/spec/yaml.h).  Integers are decimal and may be written as 6.4e4; text
 * in quotes is never a number. */
#pragma once

#include "core/descriptor.h"
#include "core/error.h"
#include "core/remarks.h"

enum spec_section {
    SECTION_DATA,
    SECTION_NETWORK,
    SECTION_OBJECTIVE,
    SECTION_PREDICTOR,
    SECTION_OPTIMISER,
    SECTION_PREDICTOR_OPTIMISER,
    SECTION_TRAIN,
    SECTION_MEASURE,
    SECTION_COUNT,
};

/* A section of the spec. */
struct section {
    const char *key;
    const char *selector; /* key that names the descriptor; NULL for a registry of one table */
    const char *fallback; /* descriptor where the selector is left out */
    const char *list;     /* `duet list LIST` shows the descriptors */
    const struct registry *registry;
};

extern const struct section spec_sections[SECTION_COUNT];

enum { SPEC_PLACE_MARK = 0x1f, HASH_SIZE = 17 };

struct spec {
    char *name; /* folder of the results */
    uint64_t seed;
    const struct descriptor *chosen[SECTION_COUNT]; /* descriptor of each section */
    void *settings[SECTION_COUNT];                  /* its filled settings struct, or NULL */
    /* Where a parameter of the section names entries of a registry (measure.probes): by the order
     * of that registry, the settings of each one named, SECTION.ENTRY.KEY; NULL where it has none,
     * or is not named. */
    void **tables[SECTION_COUNT];
    char *yaml; /* complete: every key, defaults included */
    /* What names a run, as 16 hexadecimal digits: the hash of all that decides what is computed.
     * That is `yaml` without `name` and without the keys that are aside (core/descriptor.h), and
     * after spec_name the contents of what is read outside the spec. */
    char hash[HASH_SIZE];
    char kind[HASH_SIZE];            /* the same without the seed */
    uint64_t computed;               /* the same without seed and contents */
    uint64_t content[SECTION_COUNT]; /* after spec_name, where the descriptor has such a thing */
    char *written;            /* YAML of the keys that were written, without the section `sweep` */
    const struct node *sweep; /* the section `sweep` as it was written; NULL: no such section */
    struct spec_source *origin; /* where each key was written */
    struct remarks remarks;     /* on keys that were written and are not used */
};

/* Read `path`, apply `overrides` ("data.depth=7", later ones win), check everything.
 * `path` may be NULL: defaults and overrides alone.  On failure nothing is left allocated and
 * `err->message` starts with FILE:LINE:COLUMN (or "command line: KEY=VALUE").  An override that is
 * from a file may have its place in front, between two SPEC_PLACE_MARKs:
 * "\x1fa.yaml:7:3\x1ftrain.batch=8". */
enum status spec_load(struct spec *spec, const char *path, const char *const *overrides,
                      size_t override_count, struct error *err);

/* Whether the first `length` bytes of `text` are a key, as far as its first part tells: "seed",
 * "objective.anything". */
bool spec_is_key(const char *text, size_t length);

/* KEY=VALUE of such an override. */
const char *spec_without_place(const char *override);

/* The same, but `hash` knows of no contents and no file other than `path` is looked at: for a spec
 * of which no run is named. */
enum status spec_read(struct spec *spec, const char *path, const char *const *overrides,
                      size_t override_count, struct error *err);

/* As spec_read, of `length` bytes of YAML that are already in memory, such as the spec that a
 * result file keeps.  `name` stands for the file in messages. */
enum status spec_parse(struct spec *spec, const char *name, const char *yaml, size_t length,
                       const char *const *overrides, size_t override_count, struct error *err);

/* Whether the parameter `name` of the section's descriptor was left out, or has the value of its
 * default. */
bool spec_is_default(const struct spec *spec, enum spec_section section, const char *name);

/* Let what lies outside the spec (`content`, core/descriptor.h) enter `hash` and `kind`; where
 * there is no such thing they stay as they are.  Contents are looked at once per settings as long
 * as `known` is the same; it starts as NULL and is freed by spec_contents_free.  Errors are not yet
 * located. */
struct spec_content;
enum status spec_name(struct spec *spec, struct spec_content **known, struct error *err);
void spec_contents_free(struct spec_content **known);

/* Put the place where err->key was written in front of err->message, for errors that were found
 * after parsing (a module checked keys against one another): FILE:LINE:COLUMN of the key or the
 * override that set it, or the file and the name of a key that was left at its default. */
void spec_locate(const struct spec *spec, struct error *err);

/* Frees what the spec owns, settings included; a zeroed or failed spec is fine. */
void spec_free(struct spec *spec);

/* FNV-1a of a text in 64 bits, as 16 hexadecimal digits. */
void hash_of_text(const char *text, char hash[HASH_SIZE]);
