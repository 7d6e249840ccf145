/* fd_alignment: alignment of neurons with features, with and without masks. */
#include "paper_figs/fd/fd_runs.h"
#include "paper_figs/figures.h"

#include <stdlib.h>

static const char *const masks[] = {"none", "complementary"};

enum { MASKS = sizeof masks / sizeof *masks };

/* ---- computing ---- */

/* A neuron and its sort keys: its best feature, then their |cos|. */
struct row {
    size_t neuron, best;
    double cosine;
};

static int by_feature(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    if (a->best != b->best)
        return a->best < b->best ? -1 : 1;
    if (a->cosine != b->cosine)
        return a->cosine > b->cosine ? -1 : 1;
    return a->neuron < b->neuron ? -1 : a->neuron > b->neuron;
}

/* Sort the rows by their best feature: sorted[neuron][feature]. */
static void sort_rows(const double *cosine, size_t neurons, size_t features, struct row *row,
                      double *sorted)
{
    for (size_t i = 0; i < neurons; i++) {
        row[i] = (struct row){.neuron = i};
        for (size_t j = 0; j < features; j++)
            if (cosine[i * features + j] > row[i].cosine) {
                row[i].best = j;
                row[i].cosine = cosine[i * features + j];
            }
    }
    qsort(row, neurons, sizeof *row, by_feature);
    for (size_t i = 0; i < neurons; i++)
        for (size_t j = 0; j < features; j++)
            sorted[i * features + j] = cosine[row[i].neuron * features + j];
}

static void put_sorted(struct sheet *sheet, const char *group, const double *cosine,
                       const struct fd_settings_of_figure *s)
{
    const size_t neurons = (size_t)s->neurons, features = (size_t)s->features;
    struct row *row = sheet_room(sheet, neurons, sizeof *row);
    double *sorted = sheet_numbers(sheet, neurons * features);
    if (sheet->status)
        return;
    sort_rows(cosine, neurons, features, row, sorted);
    sheet_group(sheet, group);
    sheet_put(sheet, "cosine", "neuron feature", sorted,
              "|cos(w_i, M_j)|, neurons in the order of their best feature", "1");
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    const struct fd_settings_of_figure *s = job->settings;
    const size_t size = (size_t)(s->neurons * s->features), points = (size_t)s->epochs + 1;
    struct run_list runs;
    struct sheet sheet = {.store = store, .err = err};
    fd_runs_make(&sheet, &runs, job, masks, MASKS);
    sheet_axis(&sheet, "neuron", (size_t)s->neurons, NULL,
               "neuron, in the order of its best feature", "1");
    sheet_axis(&sheet, "feature", (size_t)s->features, NULL, "feature, column of M", "1");
    double *cosine = sheet_numbers(&sheet, points * size);
    for (size_t m = 0; m < MASKS && cosine; m++) {
        run_series(&sheet, runs.run[m].path, "/series/features/cosine", points, size, size, cosine);
        if (m == 0)
            put_sorted(&sheet, "before", cosine, s);
        put_sorted(&sheet, masks[m], cosine + (points - 1) * size, s);
    }
    run_list_free(&runs);
    return sheet_close(&sheet);
}

/* ---- checks ---- */

/* Number of features j with cos^2(w_i, M_j) > 1/2 for some neuron i. */
static size_t learned(struct reader *r, const char *group, size_t *features)
{
    const struct store_array a = reader_get(r, 0, 0, "/%s/cosine", group);
    size_t count = 0;
    if (r->status)
        return 0;
    *features = a.shape[1];
    for (size_t j = 0; j < a.shape[1]; j++) {
        bool some = false;
        for (size_t i = 0; i < a.shape[0]; i++)
            some |= a.values[i * a.shape[1] + j] > 0.70710678;
        count += some;
    }
    return count;
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    size_t features = 0;
    const size_t before = learned(&r, "before", &features);
    const size_t without = learned(&r, masks[0], &features),
                 with = learned(&r, masks[1], &features);
    if (!r.status) {
        sight(sights, before == 0, "before training no feature has a neuron");
        sight(sights, 10 * with >= 9 * features,
              "with masks %zu of %zu features have a neuron, cos^2 > 1/2", with, features);
        sight(sights, 2 * without < with, "without masks %zu have", without);
    }
    return reader_close(&r);
}

const struct figure figure_fd_alignment = {
    .about = {.name = "fd_alignment",
              .doc = "|cos(w_i, M_j)| of all neurons and features, before training and after it "
                     "without and with complementary masks; neurons are sorted by their nearest "
                     "feature. With masks nearly every neuron has one or two features, and every "
                     "feature has neurons; without masks neurons stay mixtures of features.",
              .source = "[FD], FD-2 and FD-3",
              .params = fd_figure_params + 1, /* one seed */
              .settings_size = sizeof(struct fd_settings_of_figure)},
    .quick = (const char *const[]){FD_QUICK, NULL},
    .spec = FD_SPEC,
    .compute = compute,
    .script = "paper_figs/fd/fd_alignment.gp",
    .check = check,
};
