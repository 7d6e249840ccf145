/* The contents of a file: lists of names, descriptions, axes. */
#include "core/names.h"
#include "store/store_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* HDF5 could sort names, but frees what it never set when it meets a damaged one while doing so. */

/* ---- root attributes ---- */

static herr_t add_attribute(hid_t object, const char *name, const H5A_info_t *about, void *names)
{
    (void)object, (void)about;
    return names_add(names, name) ? 0 : -1;
}

enum status store_visit_attributes(const struct store_file *file,
                                   enum status (*visit)(const char *name, void *context,
                                                        struct error *err),
                                   void *context, struct error *err)
{
    hdf5_quiet();
    struct names names = {0};
    enum status status = STATUS_OK;
    /* Looking up a missing name reads all of them, so it fails if one is damaged. */
    if (H5Aexists(file->id, "\1") < 0 ||
        H5Aiterate2(file->id, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, add_attribute, &names) < 0)
        status = store_damaged(file, "its attributes", err);
    names_sort(&names);
    for (size_t i = 0; i < names.count && !status; i++)
        status = visit(names.name[i], context, err);
    names_free(&names);
    return status;
}

/* ---- objects of a file ---- */

/* An attribute of a dataset, "" where it is missing or no text. */
static enum status text_or_empty(const struct store_file *file, hid_t object, const char *name,
                                 char **text, struct error *err)
{
    struct view view = {-1, -1, -1, name};
    bool there;
    enum status status = store_find_attribute(file, object, name, &there, err);
    if (!status && there)
        status = view_open_attribute(file, object, name, &view, err);
    if (!status && view.id >= 0 && view_is_text(&view))
        status = view_read_text(file, &view, text, err);
    else if (!status && !(*text = strdup("")))
        status = error_memory(err, "%s", name);
    view_close(&view);
    return status;
}

/* A dimension scale says so in its attribute CLASS, of fixed length in every writer. */
static enum status find_axis(const struct store_file *file, hid_t dataset, bool *axis,
                             struct error *err)
{
    struct view view;
    char *class = NULL;
    bool there;
    *axis = false;
    enum status status = store_find_attribute(file, dataset, "CLASS", &there, err);
    if (status || !there)
        return status;
    status = view_open_attribute(file, dataset, "CLASS", &view, err);
    *axis = !status && view_is_text(&view) && H5Tis_variable_str(view.type) == 0 &&
            view_read_fixed_text(file, &view, &class, NULL) == STATUS_OK &&
            strcmp(class, "DIMENSION_SCALE") == 0;
    free(class);
    view_close(&view);
    return status;
}

enum status store_describe(const struct store_file *file, const char *path, struct store_info *info,
                           struct error *err)
{
    hdf5_quiet();
    *info = (struct store_info){0};
    struct view view;
    enum status status = view_open_dataset(file, path, &view, err);
    if (status)
        return status;
    hsize_t extent[STORE_FILE_RANK];
    info->rank = H5Sget_simple_extent_dims(view.space, extent, NULL);
    for (int i = 0; i < info->rank; i++)
        info->shape[i] = extent[i];
    info->texts = H5Tis_variable_str(view.type) > 0;
    if (info->rank < 0)
        status = store_damaged(file, path, err);
    else
        status = find_axis(file, view.id, &info->axis, err);
    const struct {
        const char *name;
        char **text;
    } texts[] = {{"long_name", &info->long_name},
                 {"units", &info->units},
                 {"headline", &info->headline},
                 {"limit", &info->limit},
                 {"at_zero", &info->at_zero}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts && !status; i++)
        status = text_or_empty(file, view.id, texts[i].name, texts[i].text, err);
    view_close(&view);
    if (status)
        store_info_free(info);
    return status;
}

void store_info_free(struct store_info *info)
{
    free(info->long_name);
    free(info->units);
    free(info->headline);
    free(info->limit);
    free(info->at_zero);
    *info = (struct store_info){0};
}

enum { MAX_DEPTH = 32 }; /* of groups in one another */

static enum status walk_group(struct store_walk *walk, hid_t group, const char *path);

static enum status walk_object(struct store_walk *walk, hid_t group, const char *name,
                               const char *path)
{
    if (++walk->links > STORE_MAX_LINKS)
        return error_set(walk->err, STATUS_INVALID, "%s: has more than %d links", walk->file->path,
                         STORE_MAX_LINKS);
    hid_t object = H5Oopen(group, name, walk->file->access);
    if (object < 0)
        return store_damaged(walk->file, path, walk->err);
    enum status status = STATUS_OK;
    H5I_type_t type = H5Iget_type(object);
    if (type == H5I_DATASET)
        status = walk->visit(path, walk->context, walk->err);
    else if (type == H5I_GROUP)
        status = walk_group(walk, object, path);
    hdf5_release(object);
    return status;
}

/* Only hard links are followed: every object of the file has one. */
static herr_t add_link(hid_t group, const char *name, const H5L_info_t *about, void *names)
{
    (void)group;
    return about->type != H5L_TYPE_HARD || names_add(names, name) ? 0 : -1;
}

static enum status walk_names(struct store_walk *walk, hid_t group, const char *path,
                              const struct names *names)
{
    const char *above = strcmp(path, "/") == 0 ? "" : path;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < names->count && !status; i++) {
        char *below;
        if (asprintf(&below, "%s/%s", above, names->name[i]) < 0)
            return error_memory(walk->err, "a file");
        status = walk_object(walk, group, names->name[i], below);
        free(below);
    }
    return status;
}

static enum status walk_group(struct store_walk *walk, hid_t group, const char *path)
{
    if (walk->depth == MAX_DEPTH && walk->skip_deep)
        return STATUS_OK;
    if (walk->depth == MAX_DEPTH)
        return error_set(walk->err, STATUS_INVALID,
                         "%s: has groups more than %d deep or links in a circle at %s",
                         walk->file->path, MAX_DEPTH, path);
    struct names names = {0};
    enum status status;
    walk->depth++;
    if (H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, add_link, &names) < 0) {
        status = store_damaged(walk->file, path, walk->err);
    } else {
        names_sort(&names);
        status = walk_names(walk, group, path, &names);
    }
    walk->depth--;
    names_free(&names);
    return status;
}

enum status store_walk_from(struct store_walk *walk, const char *group)
{
    hdf5_quiet();
    if (!store_is_linked(walk->file, group))
        return error_set(walk->err, STATUS_INVALID, "%s: there is no group %s", walk->file->path,
                         group);
    hid_t top = H5Oopen(walk->file->id, group, walk->file->access);
    if (top < 0)
        return store_broken_link(walk->file, group, walk->err);
    enum status status;
    if (H5Iget_type(top) == H5I_GROUP)
        status = walk_group(walk, top, group);
    else
        status =
            error_set(walk->err, STATUS_INVALID, "%s: %s is no group", walk->file->path, group);
    hdf5_release(top);
    return status;
}

enum status store_visit(const struct store_file *file, const char *group,
                        enum status (*visit)(const char *path, void *context, struct error *err),
                        void *context, struct error *err)
{
    struct store_walk walk = {.file = file, .visit = visit, .context = context, .err = err};
    return store_walk_from(&walk, group);
}

/* ---- axes ---- */

/* An entry of an axis's REFERENCE_LIST, as H5DSattach_scale writes it. */
struct reference {
    hobj_ref_t dataset;
    int dimension;
};

/* The entries of an axis's REFERENCE_LIST that point to one dataset.  The opposite way, by the
 * dataset's DIMENSION_LIST, leads through a heap without checksum. */
struct axis_search {
    const struct store_file *file;
    hobj_ref_t dataset;
    char **axes;
};

static hid_t reference_type(void)
{
    hid_t type = H5Tcreate(H5T_COMPOUND, sizeof(struct reference));
    if (type < 0)
        return type;
    if (H5Tinsert(type, "dataset", offsetof(struct reference, dataset), H5T_STD_REF_OBJ) >= 0 &&
        H5Tinsert(type, "dimension", offsetof(struct reference, dimension), H5T_NATIVE_INT) >= 0)
        return type;
    hdf5_release(type);
    return -1;
}

static enum status read_references(const struct store_file *file, const struct view *list,
                                   struct reference **entries, size_t *count, struct error *err)
{
    int rank;
    size_t shape[STORE_FILE_RANK];
    enum status status = view_extent(file, list, &rank, shape, count, err);
    if (!status)
        status = view_check_capacity(file, list, *count, 1, err);
    if (status)
        return status;
    *entries = calloc(*count ? *count : 1, sizeof **entries);
    if (!*entries)
        return error_memory(err, "a file");
    hid_t type = reference_type();
    if (type < 0 || H5Aread(list->id, type, *entries) < 0)
        status = store_damaged(file, list->name, err);
    hdf5_release(type);
    return status;
}

static enum status match_axis(struct axis_search *search, hid_t axis, const char *path,
                              struct error *err)
{
    struct view list;
    struct reference *entries = NULL;
    size_t count = 0;
    bool there;
    enum status status = store_find_attribute(search->file, axis, "REFERENCE_LIST", &there, err);
    if (status || !there)
        return status;
    status = view_open_attribute(search->file, axis, "REFERENCE_LIST", &list, err);
    if (status)
        return status;
    status = read_references(search->file, &list, &entries, &count, err);
    for (size_t i = 0; !status && i < count; i++) {
        int dimension = entries[i].dimension;
        if (entries[i].dataset == search->dataset && dimension >= 0 && dimension < STORE_MAX_RANK &&
            !search->axes[dimension])
            if (!(search->axes[dimension] = strdup(path)))
                status = error_memory(err, "a file");
    }
    free(entries);
    view_close(&list);
    return status;
}

static enum status visit_axis(const char *path, void *context, struct error *err)
{
    struct axis_search *search = context;
    bool axis = false;
    hid_t dataset = H5Oopen(search->file->id, path, search->file->access);
    enum status status = dataset < 0 ? store_damaged(search->file, path, err)
                                     : find_axis(search->file, dataset, &axis, err);
    if (!status && axis)
        status = match_axis(search, dataset, path, err);
    hdf5_release(dataset);
    return status;
}

enum status store_get_axes(const struct store_file *file, const char *path,
                           char *axes[STORE_MAX_RANK], struct error *err)
{
    hdf5_quiet();
    for (int i = 0; i < STORE_MAX_RANK; i++)
        axes[i] = NULL;
    struct axis_search search = {.file = file, .axes = axes};
    if (store_kind(file, path) != STORE_DATASET)
        return error_set(err, STATUS_INVALID, "%s: there is no dataset %s", file->path, path);
    if (H5Rcreate(&search.dataset, file->id, path, H5R_OBJECT, -1) < 0)
        return store_damaged(file, path, err);
    enum status status = store_visit(file, "/", visit_axis, &search, err);
    if (status)
        store_axes_free(axes);
    return status;
}

void store_axes_free(char *axes[STORE_MAX_RANK])
{
    for (int i = 0; i < STORE_MAX_RANK; i++) {
        free(axes[i]);
        axes[i] = NULL;
    }
}

struct object_visit {
    struct store_walk walk;
    const char *above; /* the group, "" for the root */
    enum status status;
};

static herr_t visit_object(hid_t top, const char *name, const H5O_info_t *about, void *context)
{
    struct object_visit *visit = context;
    char path[4096];
    (void)top;
    if (++visit->walk.links > STORE_MAX_LINKS)
        return -1;
    if (about->type != H5O_TYPE_DATASET)
        return 0;
    if (snprintf(path, sizeof path, "%s/%s", visit->above, name) >= (int)sizeof path)
        return -1;
    visit->status = visit->walk.visit(path, visit->walk.context, visit->walk.err);
    return visit->status ? -1 : 0;
}

enum status store_visit_objects(const struct store_file *file, const char *group,
                                enum status (*visit)(const char *path, void *context,
                                                     struct error *err),
                                void *context, struct error *err)
{
    hdf5_quiet();
    struct object_visit all = {{.visit = visit, .context = context, .err = err},
                               strcmp(group, "/") == 0 ? "" : group,
                               STATUS_OK};
    if (!store_is_linked(file, group))
        return error_set(err, STATUS_INVALID, "%s: there is no group %s", file->path, group);
    if (H5Ovisit_by_name2(file->id, group, H5_INDEX_NAME, H5_ITER_INC, visit_object, &all,
                          H5O_INFO_BASIC, file->access) < 0)
        return all.status ? all.status : store_damaged(file, group, err);
    return STATUS_OK;
}
