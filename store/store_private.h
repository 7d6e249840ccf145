/* Shared by the parts of store/store.h: store_write.c makes files; store_view.c opens what is in
 * them, store_read.c and store_walk.c read it, store_try.c opens files, once a child process has
 * read them; store_each.c reads many. */
#pragma once

#include "store/store.h"

#include <hdf5.h>

/* ---- HDF5 ---- */

/* Keep HDF5 from printing its error stack on stderr; every thread must call it. */
void hdf5_quiet(void);

/* Release an HDF5 object of any kind; an id below 0 is no object. */
void hdf5_release(hid_t id);

/* The sentence of `format`, followed by HDF5's own message.  Must come before any further call of
 * HDF5, which would clear the error stack. */
enum status hdf5_error(struct error *err, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- errors ---- */

/* `path: what: errno's words`, with errno kept in the error. */
enum status store_system_error(struct error *err, const char *path, const char *what);

/* HDF5's message about a file that is damaged at `what`. */
enum status store_damaged(const struct store_file *file, const char *what, struct error *err);

/* Write all the bytes; errno says why not. */
bool store_write_all(int descriptor, const void *bytes, size_t size);

/* ---- an open file ---- */

struct store_file {
    hid_t id;
    hid_t access; /* how links are followed */
    uint64_t size;
    char *path;
    enum store_state state;
};

/* A root attribute: says that the file ends with a checksum. */
extern const char store_checksum_attribute[], store_checksum_text[];

enum {
    STORE_INCREMENT = 1 << 20, /* bytes by which a file in memory grows */
    STORE_MAX_LINKS = 1000000, /* followed by one visit */
};

/* Open without trying in another process first: only where a crash costs nothing. */
enum status store_open_here(struct store_file **file, const char *path, struct error *err);

/* Give a file that was built the digest of what it holds (store_digest.c); again where it has one.
 */
enum status store_put_digest(hid_t file, struct error *err);

/* Of a file whose bytes are not those that were written: whether it still holds what it held. */
enum status store_compare_digest(const struct store_file *file, enum store_state *state,
                                 struct error *err);

/* Read all that can be read: an error, or a crash, where HDF5 cannot. */
enum status store_rehearse(const struct store_file *file, struct error *err);

/* Set the limits of a process that may crash; before each file that it reads, limit time and memory
 * by the size of that file. store_open_here does the latter itself. */
void store_limit_child(void);
void store_limit_file(uint64_t size);

/* Whether the object has the attribute; an error where its header cannot be read.  HDF5 may refuse
 * a header and, asked again, take it: so an error must never pass for "no". */
enum status store_find_attribute(const struct store_file *file, hid_t object, const char *name,
                                 bool *there, struct error *err);

/* Whether there is a link of that path, wherever it leads. */
bool store_is_linked(const struct store_file *file, const char *path);

/* The error that says why a path that is linked cannot be opened. */
enum status store_broken_link(const struct store_file *file, const char *path, struct error *err);

/* ---- an open dataset or attribute ---- */

struct view {
    hid_t id, type, space;
    const char *name;
};

enum status view_open_dataset(const struct store_file *file, const char *path, struct view *view,
                              struct error *err);
enum status view_open_attribute(const struct store_file *file, hid_t object, const char *name,
                                struct view *view, struct error *err);
void view_close(struct view *view);

/* Its shape, of up to STORE_FILE_RANK dimensions, and number of entries. */
enum status view_extent(const struct store_file *file, const struct view *view, int *rank,
                        size_t *shape, size_t *count, struct error *err);

/* Whether a file of this size can hold `count` values of the type, which filters may compress by up
 * to `factor`. */
enum status view_check_capacity(const struct store_file *file, const struct view *view,
                                size_t count, uint64_t factor, struct error *err);

/* The plain integers and floats; with enumerations of them, such as the booleans of h5py; and words
 * for what is neither. */
bool view_is_plain_number(const struct view *view);
bool view_is_number(const struct view *view);
const char *view_class_name(H5T_class_t class);

/* Refuse data in other files, and find how much the filters of a dataset may compress. */
enum status view_check_layout(const struct store_file *file, const struct view *view,
                              uint64_t *factor, struct error *err);

/* Everything about numbers except the values. */
enum status view_check_numbers(const struct store_file *file, const struct view *view,
                               uint64_t factor, struct store_array *array, struct error *err);

/* The texts of varying length of a dataset; store_array_free frees them, also after
 * an error. */
enum status view_read_texts(const struct store_file *file, const struct view *view,
                            struct store_array *array, struct error *err);

/* Whether it is one text; then the text, allocated.  One of fixed length is without its padding. */
bool view_is_text(const struct view *view);
enum status view_read_text(const struct store_file *file, const struct view *view, char **text,
                           struct error *err);
enum status view_read_fixed_text(const struct store_file *file, const struct view *view,
                                 char **text, struct error *err);

/* ---- all datasets below a group ---- */

struct store_walk {
    const struct store_file *file;
    enum status (*visit)(const char *path, void *context, struct error *err);
    void *context;
    struct error *err;
    size_t links;
    int depth;
    bool skip_deep; /* skip groups that are too deep; else they are an error */
};

enum status store_walk_from(struct store_walk *walk, const char *group);
