/* The steps in which spec.c loads a spec: written.c notes which key was written where, fill.c makes
 * the settings of each section, sections.c lists the sections. */
#pragma once

#include "core/pool.h"
#include "harness/spec/node.h"
#include "harness/spec/spec.h"

enum {
    MAX_KEYS = 64, /* of one section */
    MAX_ENTRIES = 3 + SECTION_COUNT * (MAX_KEYS + 1),
};

/* Keys that belong to no section. */
struct top {
    const char *name;
    int64_t seed;
};

extern const struct param top_params[];

/* The last writing of one key. */
struct entry {
    enum spec_section section; /* SECTION_COUNT for name, seed and sweep */
    const char *key;           /* within the section; NULL for the section itself */
    struct place place;        /* of the key */
    const struct node *value;
    const struct node *before; /* the value that this one took the place of; NULL: none */
    size_t turn;               /* 0: in the document, else in that override */
};

struct spec_source {
    struct pool pool;
    struct text *file; /* NULL: defaults and overrides alone */
    size_t count;
    struct entry entries[MAX_ENTRIES];
};

struct loader {
    struct spec *spec;
    struct error *err;
    size_t turn; /* of what is written next: the document, then one override after the other */
};

/* Note the keys of a document, then of overrides ("data.depth=7").  Later ones replace earlier
 * ones.
 */
enum status loader_add_document(struct loader *loader, const struct node *root);
enum status loader_add_override(struct loader *loader, const char *override);

/* Name a spec that was filled, without contents: `hash` and `kind`. */
void spec_name_alone(struct spec *spec);

/* Whether the section `sweep` is well formed; its values are read by grid_make. */
enum status loader_check_sweep(struct loader *loader);

/* Where a key was written (NULL: the section as a whole), or NULL. */
struct entry *find_entry(struct spec_source *origin, enum spec_section section, const char *key);

/* The section of that key; SECTION_COUNT: there is none. */
enum spec_section find_section(const char *key);

/* "data.depth", "data", "seed" */
void write_path(char *path, size_t size, enum spec_section section, const char *key);

/* Whether the key `by` of the section was set again after `entry` was written. */
bool entry_is_older(struct spec_source *origin, const struct entry *entry, const char *by);

/* Fill name and seed, or the settings of a section, from what was written and from defaults. */
enum status loader_fill_top(struct loader *loader);
enum status loader_fill_section(struct loader *loader, enum spec_section section);

/* Tables within a section: where a parameter takes a list of names of a registry, each entry named
 * has its own parameters as keys SECTION.ENTRY.KEY.  Such a key is written as a mapping ENTRY:
 * {KEY: VALUE}, or with dots; what was written has "ENTRY.KEY" as its key. */
struct nested {
    const struct param *choice;     /* the list */
    size_t index;                   /* of the entry in its registry */
    const struct descriptor *entry; /* NULL: the key is none of these */
    const struct param *param;      /* NULL: the entry has no such parameter */
};

/* The list of a descriptor, or NULL. */
const struct param *nested_choice(const struct descriptor *descriptor);

/* Whether `key` can be the name of a table in the section. */
bool nested_is_table(enum spec_section section, const char *key);

/* Take "ENTRY.KEY" apart; false where it names no entry. */
bool nested_split(const struct descriptor *chosen, const char *key, struct nested *nested);
