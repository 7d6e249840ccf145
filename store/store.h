/* Result files: HDF5, built in memory and written whole or not at all (store/output.h).
 *
 * The same calls give the same bytes: object times are not tracked and no wall-clock time goes in.
 * Building in memory means that a full disk or an unwritable folder is one clean error and leaves
 * nothing behind.  A checksum of all bytes follows the part of HDF5, whose library ignores it
 * (store/checksum.h); the root attribute `checksum` says so.  Another program that opens the file
 * to write, h5py or h5edit, drops it; then the root attribute `digest`, the hashes of all root
 * attributes and datasets, tells whether anything that was written has changed.  Every dataset has
 * the attributes `long_name` and `units`, and its axes are dimension scales.
 *
 * Paths inside a file start with a slash: "/series/loss".  Whatever a file holds, reading it gives
 * numbers or an error that names the file and the dataset; external links, external storage and
 * virtual datasets, which lead to other files, are refused. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    STORE_MAX_RANK = 4,   /* of datasets that are written or read */
    STORE_FILE_RANK = 32, /* of datasets that are described: the limit of HDF5 */
    STORE_NUMBER_SIZE = 32,
};

/* ---- writing ---- */

struct store;

enum status store_create(struct store **store, struct error *err);

/* Attributes of the root group.  Texts are UTF-8 of varying length, which h5py gives as str. */
enum status store_put_text(struct store *store, const char *name, const char *value,
                           struct error *err);
enum status store_put_integer(struct store *store, const char *name, uint64_t value,
                              struct error *err);

/* An axis: a dimension scale of `length` values; NULL values are 0, 1, 2, ..., stored as integers.
 * Missing groups are created. */
enum status store_put_axis(struct store *store, const char *path, size_t length,
                           const double *values, const char *long_name, const char *units,
                           struct error *err);

/* The same of whole numbers, which are stored as integers. */
enum status store_put_whole_axis(struct store *store, const char *path, size_t length,
                                 const double *values, const char *long_name, const char *units,
                                 struct error *err);

/* A dataset of doubles, row-major; axes[i] is the path of the axis of dimension i, which was put
 * before, has its length, and lies in the dataset's own group or one above it (where netCDF looks
 * for it); `axes` NULL: none has an axis.  Rank 0 is one value and needs neither shape nor axes. */
enum status store_put(struct store *store, const char *path, int rank, const size_t *shape,
                      const char *const *axes, const double *values, const char *long_name,
                      const char *units, struct error *err);

/* Columns on one axis: of integers; of texts, which have no units. */
enum status store_put_integers(struct store *store, const char *path, size_t length,
                               const char *axis, const int64_t *values, const char *long_name,
                               struct error *err);
enum status store_put_texts(struct store *store, const char *path, size_t length, const char *axis,
                            const char *const *values, const char *long_name, struct error *err);

/* The words that the integers 0, 1, 2, ... of a dataset stand for, as the conventions of CF have
 * it: its attributes flag_values and flag_meanings.  Blanks within a word become '_'. */
enum status store_put_meanings(struct store *store, const char *path, const char *const *words,
                               size_t count, struct error *err);

/* A text attribute of a dataset that was put before. */
enum status store_put_note(struct store *store, const char *path, const char *name,
                           const char *text, struct error *err);

/* Write `path` as store/output.h says.  More can be put and committed after. */
enum status store_commit(struct store *store, const char *path, struct error *err);

/* Whether `path` could be written now, whatever file is there, so that a long run need not fail at
 * its end: makes its folders and a temporary file, and removes the file again. */
enum status store_check_writable(const char *path, struct error *err);

/* Remove what processes of this machine that have ended left beside `path`, when they were killed
 * while they wrote it.  A process of another machine whose file is removed writes it again. */
void store_clean(const char *path);

void store_free(struct store *store);

/* ---- reading ---- */

struct store_file;

/* An array read from a file: `values` or `texts` has `count` entries, the product of `shape`; rank
 * 0 is one value.  Integers and booleans are converted to double.  Free with store_array_free. */
struct store_array {
    int rank;
    size_t shape[STORE_MAX_RANK];
    size_t count;
    double *values;
    char **texts;
};

/* Description of a dataset; texts are "" where the file has none.  Free with store_info_free. */
struct store_info {
    int rank;
    size_t shape[STORE_FILE_RANK];
    bool axis;  /* a dimension scale */
    bool texts; /* of varying length: store_get_texts reads it, not store_get */
    char *long_name, *units;
    char *headline, *limit, *at_zero; /* as in struct quantity (core/quantity.h) */
};

enum store_kind {
    STORE_NOTHING,
    STORE_GROUP,
    STORE_DATASET,
    STORE_OTHER, /* a link that leads nowhere, something damaged, a named type */
};

/* Errors say which file, and whether it is missing, unreadable, truncated or no HDF5 file. */
enum status store_open(struct store_file **file, const char *path, struct error *err);

/* Whether a file is as duet wrote it.  Where its bytes are not, its digest decides. */
enum store_state {
    STORE_AS_WRITTEN,
    STORE_REWRITTEN, /* other bytes; every attribute and dataset that was written is as it was */
    STORE_CHANGED,   /* some are not; the file can be read nevertheless */
    STORE_UNSIGNED,  /* nothing is known: older than the digest, or from another program */
};

enum store_state store_state(const struct store_file *file);
extern const char *const store_state_words[]; /* "changed since it was written; ..." */

/* A line on stderr, if it was changed. */
void store_tell_changed(const struct store_file *file);

/* Whether the file is undamaged and unchanged.  Its checksum decides (store/checksum.h); a file
 * without one is opened instead. */
enum status store_verify(const char *path, struct error *err);

void store_close(struct store_file *file);

enum store_kind store_kind(const struct store_file *file, const char *path);
bool store_has(const struct store_file *file, const char *path); /* a group or a dataset */

enum status store_get(const struct store_file *file, const char *path, struct store_array *array,
                      struct error *err);
enum status store_get_texts(const struct store_file *file, const char *path,
                            struct store_array *array, struct error *err);
void store_array_free(struct store_array *array);

enum status store_describe(const struct store_file *file, const char *path, struct store_info *info,
                           struct error *err);
void store_info_free(struct store_info *info);

/* axes[i] is the path of the axis attached to dimension i, or NULL.  Free with store_axes_free. */
enum status store_get_axes(const struct store_file *file, const char *path,
                           char *axes[STORE_MAX_RANK], struct error *err);
void store_axes_free(char *axes[STORE_MAX_RANK]);

/* Root attributes; `text` is allocated for the caller.  An integer is exact, a number may be of any
 * numeric type, numbers may have up to STORE_MAX_RANK dimensions. */
bool store_has_attribute(const struct store_file *file, const char *name);
enum status store_get_text(const struct store_file *file, const char *name, char **text,
                           struct error *err);
/* The same of a group or dataset. */
enum status store_get_text_of(const struct store_file *file, const char *path, const char *name,
                              char **text, struct error *err);
enum status store_get_integer(const struct store_file *file, const char *name, uint64_t *value,
                              struct error *err);
enum status store_get_number(const struct store_file *file, const char *name, double *value,
                             struct error *err);
enum status store_get_numbers(const struct store_file *file, const char *name,
                              struct store_array *array, struct error *err);

/* A root attribute of any type as text, for display; "(records)" and the like where it is neither
 * text nor numbers. */
enum status store_show_attribute(const struct store_file *file, const char *name, char **text,
                                 struct error *err);

/* Call `visit` with the path of every dataset below `group`, in order of name; its first error ends
 * the visit. */
enum status store_visit(const struct store_file *file, const char *group,
                        enum status (*visit)(const char *path, void *context, struct error *err),
                        void *context, struct error *err);

/* The same in less than half the time, for files that were opened in a child process
 * (store/store_each.h): all object headers below `group` are read at once. */
enum status store_visit_objects(const struct store_file *file, const char *group,
                                enum status (*visit)(const char *path, void *context,
                                                     struct error *err),
                                void *context, struct error *err);

/* The same for the names of the root attributes. */
enum status store_visit_attributes(const struct store_file *file,
                                   enum status (*visit)(const char *name, void *context,
                                                        struct error *err),
                                   void *context, struct error *err);

/* The shortest decimal that reads back as `value`. */
void store_format_number(double value, char text[STORE_NUMBER_SIZE]);
