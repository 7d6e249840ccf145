/* Data of a file: the rows of an HDF5 dataset, drawn at random. */
#include "core/hash.h"
#include "core/linalg.h"
#include "core/normal.h"
#include "sim/data/sources/sources.h"
#include "store/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LABEL = 255, NAMES = 256 };

struct settings {
    const char *path, *dataset, *labels;
    double noise;
};

/* All that is read of a file, and hashed. */
struct file {
    struct store_array x, y; /* [row][input]; labels [row], or nothing */
    double noise;            /* variance */
    int classes;
};

/* ---- reading ---- */

/* As many names as fit; the text ends with "..." where these are not all. */
static enum status add_name(const char *path, void *names, struct error *err)
{
    (void)err;
    const size_t used = strlen(names), left = NAMES - used;
    char *end = (char *)names + used;
    if (used > 0 && end[-1] == '.')
        return STATUS_OK;
    const bool fits = strlen(path) + sizeof ", , ..." <= left;
    snprintf(end, left, "%s%s", used ? ", " : "", fits ? path : "...");
    return STATUS_OK;
}

/* The dataset that `key` names, of this rank, with finite numbers. */
static enum status read_array(const struct store_file *file, const char *path, const char *key,
                              const char *dataset, int rank, struct store_array *array,
                              struct error *err)
{
    char names[NAMES] = "";
    struct error problem;
    if (store_kind(file, dataset) != STORE_DATASET) {
        store_visit(file, "/", add_name, names, NULL);
        return error_key(err, key, "%s is %s, but %s has no such dataset; it has %s", key, dataset,
                         path, names[0] ? names : "none");
    }
    if (store_get(file, dataset, array, &problem))
        return error_key(err, key, "%s: %s; give a dataset of numbers", key, problem.message);
    if (array->rank != rank || array->count == 0)
        return error_key(err, key,
                         "%s: %s of %s has %zu values in %d dimensions; give one with values in %d",
                         key, dataset, path, array->count, array->rank, rank);
    for (size_t i = 0; i < array->count; i++)
        if (!isfinite(array->values[i]))
            return error_key(err, key, "%s: row %zu of %s in %s has %g; all must be finite numbers",
                             key, i / (array->count / array->shape[0]), dataset, path,
                             array->values[i]);
    return STATUS_OK;
}

static enum status check_labels(struct file *f, const struct settings *s, struct error *err)
{
    const char *key = "data.labels";
    if (f->y.count != f->x.shape[0])
        return error_key(err, key, "%s: %s has %zu labels for %zu rows of %s; give one per row",
                         key, s->labels, f->y.count, f->x.shape[0], s->dataset);
    for (size_t i = 0; i < f->y.count; i++) {
        const double y = f->y.values[i];
        if (!(y >= 0 && y <= MAX_LABEL && y == floor(y)))
            return error_key(err, key, "%s: label %zu of %s is %g; give whole numbers from 0 to %d",
                             key, i, s->labels, y, MAX_LABEL);
        f->classes = f->classes > (int)y ? f->classes : (int)y + 1;
    }
    return STATUS_OK;
}

static enum status read_file(struct file *f, const struct settings *s, struct error *err)
{
    struct store_file *file;
    struct error problem;
    if (!s->path[0])
        return error_key(err, "data.path", "data.path is empty; give the path of an HDF5 file");
    if (store_open(&file, s->path, &problem))
        return error_key(err, "data.path", "data.path: %s; give the path of an HDF5 file",
                         problem.message);
    enum status status = read_array(file, s->path, "data.dataset", s->dataset, 2, &f->x, err);
    if (!status && s->labels[0])
        status = read_array(file, s->path, "data.labels", s->labels, 1, &f->y, err);
    if (!status && s->labels[0])
        status = check_labels(f, s, err);
    store_close(file);
    return status;
}

static void close_world(void *world)
{
    struct file *f = world;
    if (!f)
        return;
    store_array_free(&f->x);
    store_array_free(&f->y);
    free(f);
}

static enum status open_world(const void *settings, uint64_t seed, void **world, struct error *err)
{
    const struct settings *s = settings;
    struct file *f = calloc(1, sizeof *f);
    *world = NULL;
    (void)seed; /* the rows are given */
    if (!f)
        return error_memory(err, "a data source");
    f->noise = s->noise;
    enum status status = read_file(f, s, err);
    if (status)
        close_world(f);
    else
        *world = f;
    return status;
}

static uint64_t content_of_world(const void *world)
{
    const struct file *f = world;
    uint64_t hash = hash_more(HASH_OF_NOTHING, f->x.shape, 2 * sizeof *f->x.shape);
    hash = hash_more(hash, f->x.values, f->x.count * sizeof *f->x.values);
    return hash_more(hash, f->y.values, f->y.count * sizeof *f->y.values);
}

static enum status content(const void *settings, uint64_t *hash, struct error *err)
{
    void *world;
    enum status status = open_world(settings, 0, &world, err);
    if (!status)
        *hash = content_of_world(world);
    close_world(world);
    return status;
}

/* ---- samples ---- */

static struct observed observed(const void *world)
{
    const struct file *f = world;
    return (struct observed){.leaves = f->x.shape[1]};
}

static size_t scratch_size(const void *world)
{
    (void)world;
    return BLOCK * sizeof(uint64_t);
}

/* Which rows the samples of a block are. */
static void pick_rows(const struct file *f, struct draw draw, uint64_t row[BLOCK])
{
    word_row(draw, 0, row);
    for (size_t s = 0; s < BLOCK; s++)
        row[s] = pick(row[s], f->x.shape[0]);
}

/* x_1 and its positives add noise to one row; the rest are of rows of their own. */
static void draw_views(const void *world, struct draw draw, int positives, int views, void *scratch,
                       struct samples block)
{
    const struct file *f = world;
    const size_t inputs = f->x.shape[1];
    const double sd = sqrt(f->noise);
    uint64_t *row = scratch;
    double *out = block.value;
    for (int view = 0; view < views; view++) {
        draw.view = (uint64_t)view;
        if (view_is_new(view, positives))
            pick_rows(f, draw, row);
        for (size_t i = 0; i < inputs; i++, out += BLOCK) {
            double noise[BLOCK] = {0};
            if (sd > 0)
                normal_row(draw, 1 + i, noise);
            for (size_t s = 0; s < BLOCK; s++)
                out[s] = f->x.values[row[s] * inputs + i] + sd * noise[s];
        }
    }
}

static int classes(const void *world)
{
    const struct file *f = world;
    return f->classes;
}

static void draw_labels(const void *world, struct draw draw, uint8_t *label)
{
    const struct file *f = world;
    uint64_t row[BLOCK];
    draw.view = 0;
    pick_rows(f, draw, row);
    for (size_t s = 0; s < BLOCK; s++)
        label[s] = (uint8_t)f->y.values[row[s]];
}

/* X = E[x x^T] over the rows, X' = noise I */
static void moments(const void *world, double *x, double *x_prime)
{
    const struct file *f = world;
    const size_t inputs = f->x.shape[1];
    const size_t rows = f->x.shape[0];
    matrix_product(TRANSPOSED, PLAIN, inputs, inputs, rows, 1 / (double)rows, f->x.values,
                   f->x.values, 0, x);
    matrix_symmetrise(inputs, x);
    memset(x_prime, 0, inputs * inputs * sizeof *x_prime);
    for (size_t i = 0; i < inputs; i++)
        x_prime[i * (inputs + 1)] = f->noise;
}

static const struct param params[] = {
    PARAM("path", PARAM_TEXT, struct settings, path, "\"\"",
          "HDF5 file; a relative path starts from where duet is called", .aside = true),
    TEXT_PARAM(struct settings, dataset, "/x", "the dataset of the rows, numbers [sample][input]"),
    TEXT_PARAM(
        struct settings, labels, "\"\"",
        "dataset of their labels [sample], whole numbers from 0 to 255; empty: they have none"),
    REAL_PARAM(struct settings, noise, "0.1", 0, UNBOUNDED,
               "sigma^2, variance of the noise of each input of a view"),
    {0}};

const struct source source_file = {
    .about = {.name = "file",
              .doc =
                  "Rows of an HDF5 file. A sample is one of the rows, all as likely; a view adds "
                  "normal noise of its own: X = E[x x^T], X' = sigma^2 I. A run is named by "
                  "what the file holds, too.",
              .source = "duet",
              .params = params,
              .settings_size = sizeof(struct settings),
              .example = "data: {source: file, path: example.h5, labels: /y, noise: 0.2}",
              .content = content},
    .open = open_world,
    .close = close_world,
    .content = content_of_world,
    .observed = observed,
    .scratch_size = scratch_size,
    .draw = draw_views,
    .labels = &(const struct source_labels){.classes = classes, .draw = draw_labels},
    .moments = moments,
};
