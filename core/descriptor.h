/* Descriptors: how a data source, network, objective or optimiser describes itself.
 *
 * Each of them is one file that exports one `const struct` whose first member is a `struct
 * descriptor`.  Its parameter table alone drives the spec parser, `duet list`, the error messages
 * and the spec that is stored in a result file. */
#pragma once

#include "core/error.h"

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum param_type {
    PARAM_INTEGER,  /* int64_t */
    PARAM_REAL,     /* double */
    PARAM_BOOLEAN,  /* bool */
    PARAM_TEXT,     /* const char * */
    PARAM_CHOICE,   /* int: index of the word among `choices` */
    PARAM_CHOICES,  /* unsigned: bit set of the words of a list, bit i for word i of `choices` */
    PARAM_INTEGERS, /* struct integers: a number or a list of them */
    PARAM_REALS,    /* struct reals: a number, a list, or a list of lists */
};

/* Value of a PARAM_INTEGERS.  A bare number is a list of one with `scalar` set. */
struct integers {
    bool scalar;
    size_t count;
    const int64_t *value;
};

/* Value of a PARAM_REALS: a ragged table.  rank 0 is a bare number (one row of one), rank 1 a list
 * (one row), rank 2 a list of lists (row r has length[r] values, rows follow one another). */
struct reals {
    int rank;
    size_t rows;
    const size_t *length;
    const double *value;
};

/* Ranges are closed.  POSITIVE as `low` means "above 0", UNBOUNDED as `high` no limit. */
#define POSITIVE DBL_MIN
#define UNBOUNDED DBL_MAX

struct param {
    const char *name;
    enum param_type type;
    const char *fallback; /* default as YAML text; NULL where the key must be given */
    double low, high;     /* numbers, and every entry of a list */
    const char *choices;  /* PARAM_CHOICE(S): the words, separated by one space; or NULL, and */
    const struct registry *registry; /* ... the names of its entries */
    const char *doc;                 /* meaning, with its unit */
    size_t offset;                   /* of the field in the settings struct */
    bool aside; /* its value changes nothing that is computed, so it is no part of what names a run;
                   a file's path is such a value where `content` hashes what the file holds */
};

/* Lines of a parameter table: settings struct, its member, default as YAML text, range or words,
 * meaning.  The key is called as the member; NUMBER_PARAM has another key, or is of another type
 * than PARAM_INTEGER and PARAM_REAL. */
#define PARAM(key, kind, settings, member, default_, meaning, ...)                                 \
    {                                                                                              \
        .name = key, .type = kind, .fallback = default_, .doc = meaning,                           \
        .offset = offsetof(settings, member), __VA_ARGS__                                          \
    }
#define NUMBER_PARAM(key, kind, settings, member, default_, low_, high_, meaning)                  \
    PARAM(key, kind, settings, member, default_, meaning, .low = low_, .high = high_)
#define INTEGER_PARAM(settings, member, default_, low_, high_, meaning)                            \
    NUMBER_PARAM(#member, PARAM_INTEGER, settings, member, default_, low_, high_, meaning)
#define REAL_PARAM(settings, member, default_, low_, high_, meaning)                               \
    NUMBER_PARAM(#member, PARAM_REAL, settings, member, default_, low_, high_, meaning)
#define BOOLEAN_PARAM(settings, member, default_, meaning)                                         \
    PARAM(#member, PARAM_BOOLEAN, settings, member, default_, meaning, .choices = NULL)
#define CHOICE_PARAM(settings, member, default_, words, meaning)                                   \
    PARAM(#member, PARAM_CHOICE, settings, member, default_, meaning, .choices = words)
#define TEXT_PARAM(settings, member, default_, meaning)                                            \
    PARAM(#member, PARAM_TEXT, settings, member, default_, meaning, .choices = NULL)

struct descriptor {
    const char *name;
    const char *doc;            /* one paragraph */
    const char *source;         /* where it is defined, by theory tag, such as "[DDN]" */
    const struct param *params; /* ended by an entry whose name is NULL; may be NULL */
    size_t settings_size;       /* sizeof the struct that `params` fill; 0 where there are none */
    /* A small spec that names it, as YAML, for the tests of its registry; NULL where these need
     * none.  */
    const char *example;
    /* A hash of what the settings name and do not hold, such as the numbers of a file, so that it
     * enters what names a run.  Errors name the key to blame.  NULL: the settings are all. */
    enum status (*content)(const void *settings, uint64_t *hash, struct error *err);
};

/* The parameter of that name, or NULL. */
const struct param *descriptor_param(const struct descriptor *descriptor, const char *name);

/* The field in `settings` of the PARAM_REAL of that name, which the table must have. */
double *descriptor_real(const struct descriptor *descriptor, void *settings, const char *name);

/* All descriptors of one folder, in the order in which `duet list` shows them. */
struct registry {
    const char *what; /* "objective", for messages */
    const struct descriptor *const *entries;
    size_t count;
};

/* The entry of that name, or NULL. */
const struct descriptor *registry_find(const struct registry *registry, const char *name);
