/* What a file held when duet wrote it: a hash of each root attribute and of each dataset, with its
 * name, kept in order as the root attribute `digest`.  Another program that opens a file changes
 * its bytes, often without a change of a number; the digest tells one from the other. */
#include "core/hash.h"
#include "store/store_private.h"

#include <stdlib.h>
#include <string.h>

static const char attribute_name[] = "digest";

/* Hashes of items of a file. */
struct digest {
    const struct store_file *file;
    size_t count, capacity;
    uint64_t *item;
};

static enum status add_item(struct digest *digest, uint64_t item, struct error *err)
{
    if (digest->count == digest->capacity) {
        const size_t capacity = 2 * digest->capacity + 64;
        uint64_t *more = realloc(digest->item, capacity * sizeof *more);
        if (!more)
            return error_memory(err, "a digest");
        digest->item = more;
        digest->capacity = capacity;
    }
    digest->item[digest->count++] = item;
    return STATUS_OK;
}

static int compare_items(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static uint64_t hash_words(uint64_t hash, const char *text)
{
    return hash_more(hash, text, strlen(text) + 1);
}

/* ---- items ---- */

/* An attribute that cannot be read is none of duet's. */
static enum status add_attribute(const char *name, void *context, struct error *err)
{
    struct digest *digest = context;
    char *text;
    if (strcmp(name, attribute_name) == 0 || strcmp(name, store_checksum_attribute) == 0 ||
        store_show_attribute(digest->file, name, &text, NULL))
        return STATUS_OK;
    const uint64_t item = hash_words(hash_words(HASH_OF_NOTHING, name), text);
    free(text);
    return add_item(digest, item, err);
}

/* Numbers by their values, whatever their order of bytes and layout in the file. */
static enum status hash_numbers(const struct store_file *file, const struct view *view,
                                uint64_t *hash, struct error *err)
{
    struct store_array about;
    uint64_t factor;
    enum status status = view_check_layout(file, view, &factor, err);
    if (!status)
        status = view_check_numbers(file, view, factor, &about, err);
    if (status)
        return status;
    const bool whole = H5Tget_class(view->type) == H5T_INTEGER;
    uint64_t *values = malloc((about.count + 1) * sizeof *values);
    if (!values)
        return error_memory(err, "a digest");
    if (H5Dread(view->id, whole ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL,
                H5P_DEFAULT, values) < 0)
        status = store_damaged(file, view->name, err);
    *hash = hash_words(*hash, whole ? "integers" : "reals");
    *hash = hash_more(*hash, &about.rank, sizeof about.rank);
    *hash = hash_more(*hash, about.shape, (size_t)about.rank * sizeof *about.shape);
    if (!status)
        *hash = hash_more(*hash, values, about.count * sizeof *values);
    free(values);
    return status;
}

/* Texts of varying length, as duet writes them. */
static enum status hash_texts(const struct store_file *file, const struct view *view,
                              uint64_t *hash, struct error *err)
{
    struct store_array array = {0};
    const enum status status = view_read_texts(file, view, &array, err);
    for (size_t i = 0; i < array.count && !status; i++)
        *hash = hash_words(*hash, array.texts[i]);
    store_array_free(&array);
    return status;
}

/* A dataset that cannot be read is none of duet's, or is no longer as it was. */
static enum status add_dataset(const char *path, void *context, struct error *err)
{
    struct digest *digest = context;
    struct view view;
    uint64_t hash = hash_words(HASH_OF_NOTHING, path);
    if (view_open_dataset(digest->file, path, &view, NULL))
        return STATUS_OK;
    const bool texts = H5Tget_class(view.type) == H5T_STRING;
    const bool read = (texts ? hash_texts : hash_numbers)(digest->file, &view, &hash, NULL) == 0;
    view_close(&view);
    return read ? add_item(digest, hash, err) : STATUS_OK;
}

static enum status make_digest(struct digest *digest, struct error *err)
{
    struct store_walk walk = {.file = digest->file,
                              .visit = add_dataset,
                              .context = digest,
                              .err = err,
                              .skip_deep = true};
    enum status status = store_visit_attributes(digest->file, add_attribute, digest, err);
    if (!status)
        status = store_walk_from(&walk, "/");
    if (!status)
        qsort(digest->item, digest->count, sizeof *digest->item, compare_items);
    return status;
}

/* ---- the attribute ---- */

/* The items that the file is said to have; false where it says nothing. */
static bool read_items(const struct store_file *file, struct digest *said)
{
    struct view view;
    int rank;
    size_t shape[STORE_FILE_RANK], count = 0;
    if (view_open_attribute(file, file->id, attribute_name, &view, NULL))
        return false;
    const bool right = H5Tequal(view.type, H5T_STD_U64LE) > 0 &&
                       view_extent(file, &view, &rank, shape, &count, NULL) == STATUS_OK &&
                       rank == 1 && count > 0 &&
                       view_check_capacity(file, &view, count, 1, NULL) == STATUS_OK;
    said->item = right ? calloc(count, sizeof *said->item) : NULL;
    const bool read = said->item && H5Aread(view.id, H5T_NATIVE_UINT64, said->item) >= 0;
    said->count = read ? count : 0;
    view_close(&view);
    return read;
}

static enum status put_items(hid_t file, const struct digest *digest, struct error *err)
{
    const hsize_t count = digest->count;
    hid_t space = H5Screate_simple(1, &count, NULL), attribute = -1;
    if (H5Aexists(file, attribute_name) > 0)
        H5Adelete(file, attribute_name);
    if (space >= 0)
        attribute =
            H5Acreate2(file, attribute_name, H5T_STD_U64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    enum status status = STATUS_OK;
    if (attribute < 0 || H5Awrite(attribute, H5T_NATIVE_UINT64, digest->item) < 0)
        status = hdf5_error(err, STATUS_SYSTEM, "cannot store the digest");
    hdf5_release(attribute);
    hdf5_release(space);
    return status;
}

enum status store_put_digest(hid_t id, struct error *err)
{
    char here[] = "the new file";
    const struct store_file file = {
        .id = id, .access = H5P_LINK_ACCESS_DEFAULT, .size = UINT64_MAX, .path = here};
    struct digest digest = {.file = &file};
    struct digest old = {.file = &file};
    enum status status = make_digest(&digest, err);
    const bool same = !status && read_items(&file, &old) && old.count == digest.count &&
                      memcmp(old.item, digest.item, old.count * sizeof *old.item) == 0;
    if (!status && !same)
        status = put_items(id, &digest, err);
    free(old.item);
    free(digest.item);
    return status;
}

/* ---- in a file that is read ---- */

/* Whether every item of `said`, in order, is among `found`, in order. */
static bool has_items(const struct digest *found, const struct digest *said)
{
    size_t f = 0;
    for (size_t i = 0; i < said->count; i++, f++) {
        while (f < found->count && found->item[f] < said->item[i])
            f++;
        if (f == found->count || found->item[f] != said->item[i])
            return false;
    }
    return true;
}

enum status store_compare_digest(const struct store_file *file, enum store_state *state,
                                 struct error *err)
{
    struct digest said = {.file = file}, found = {.file = file};
    enum status status = STATUS_OK;
    *state = STORE_UNSIGNED;
    if (read_items(file, &said)) {
        status = make_digest(&found, err);
        *state = has_items(&found, &said) ? STORE_REWRITTEN : STORE_CHANGED;
    }
    free(said.item);
    free(found.item);
    return status;
}
