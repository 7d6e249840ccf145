/* ddn_norm: the norm of the covariance operator of each level over training. */
#include "core/extreme.h"
#include "paper_figs/ddn/ddn_runs.h"
#include "paper_figs/figures.h"

#include <math.h>

enum { PUBLISHED, DEPTH_3, DEPTH_7, POLARITY_8, POLARITY_9, WIDTH_2, WIDTH_5, CASES };

static const struct ddn_case cases[CASES] = {
    [PUBLISHED] = {5, 10, 0.7},  [DEPTH_3] = {3, 10, 0.7},    [DEPTH_7] = {7, 10, 0.7},
    [POLARITY_8] = {5, 10, 0.8}, [POLARITY_9] = {5, 10, 0.9}, [WIDTH_2] = {5, 2, 0.7},
    [WIDTH_5] = {5, 5, 0.7},
};

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    struct ddn_runs runs;
    ddn_runs_make(&runs, job, cases, CASES, store, err);
    for (size_t i = 0; i < CASES; i++)
        for (int level = 0; level < cases[i].depth; level++) {
            char dataset[64];
            const struct ddn_quantity norm = {
                .dataset = dataset,
                .size = 1,
                .name = "norm",
                .long_name = "Frobenius norm of the covariance operator, mean over nodes"};
            snprintf(dataset, sizeof dataset, "/series/covop/level_%d/norm", level);
            ddn_put(&runs, i, &norm, level);
        }
    return ddn_runs_close(&runs);
}

/* ---- checks ---- */

static double norm(struct reader *r, size_t i, int level, int epoch)
{
    return ddn_value(r, &cases[i], "norm", level, DDN_MEDIAN, epoch);
}

static double growth(struct reader *r, size_t i, int level)
{
    return norm(r, i, level, -1) / norm(r, i, level, 0);
}

/* Depth 5, ten neurons: growth and order of the levels at one polarity. */
static void check_levels(struct reader *r, size_t i, struct sights *sights)
{
    const int bottom = cases[i].depth - 1;
    const double top_growth = growth(r, i, 0), bottom_growth = growth(r, i, bottom);
    double least = INFINITY;
    for (int level = 0; level < bottom; level++)
        least = smaller(least, norm(r, i, level, -1) / norm(r, i, level + 1, -1));
    sight(sights, top_growth > 8 && top_growth > 3 * bottom_growth && bottom_growth > 1.3,
          "|rho| in [%.1f, 1]: the norm grows %.0f-fold at the root, %.1f-fold at the bottom",
          cases[i].low, top_growth, bottom_growth);
    sight(sights, least > 1.1,
          "and ends larger at each level than at the next one down, %.1f-fold or more", least);
}

static void check_depths(struct reader *r, struct sights *sights)
{
    const double start[] = {norm(r, DEPTH_3, 0, 0), norm(r, PUBLISHED, 0, 0),
                            norm(r, DEPTH_7, 0, 0)};
    sight(sights, start[0] > 10 * start[1] && start[1] > 10 * start[2],
          "deeper trees start lower: %.1e, %.1e, %.1e at the root for depth 3, 5, 7", start[0],
          start[1], start[2]);
    sight(sights, growth(r, DEPTH_3, 0) < 4 && growth(r, DEPTH_3, 1) < 1.3,
          "at depth 3 the norm hardly grows: %.1f-fold at the root, %.1f-fold below it",
          growth(r, DEPTH_3, 0), growth(r, DEPTH_3, 1));
}

static void check_widths(struct reader *r, struct sights *sights)
{
    const double start[] = {norm(r, WIDTH_2, 0, 0), norm(r, WIDTH_5, 0, 0),
                            norm(r, PUBLISHED, 0, 0)};
    const double grown[] = {growth(r, WIDTH_2, 0), growth(r, WIDTH_5, 0), growth(r, PUBLISHED, 0)};
    sight(sights, 3 * start[0] < start[2] && 3 * start[1] < start[2],
          "fewer neurons start lower: %.1e, %.1e, %.1e at the root for 2, 5, 10", start[0],
          start[1], start[2]);
    sight(sights, grown[0] > 2 * grown[2] && grown[1] > 2 * grown[2],
          "and grow more: %.0f-, %.0f-, %.0f-fold", grown[0], grown[1], grown[2]);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    check_levels(&r, PUBLISHED, sights);
    check_levels(&r, POLARITY_8, sights);
    check_levels(&r, POLARITY_9, sights);
    check_depths(&r, sights);
    check_widths(&r, sights);
    return reader_close(&r);
}

const struct figure figure_ddn_norm = {
    .about =
        {.name = "ddn_norm",
         .doc =
             "Frobenius norm of the covariance operator of each level over training, mean over "
             "its nodes: median and quartiles over the seeds, by depth, by polarity and by "
             "the number of neurons per node; the other two as in the published setting "
             "(depth 5, |rho| in [0.7, 1], 10 neurons). The norm grows most at the root, and "
             "at the end it decreases with every level down. With deeper trees and fewer neurons "
             "it starts lower and grows more; at depth 3 it grows little, and only at the "
             "root.",
         .source = "[DDN] Sec. 6",
         .params = ddn_params_5,
         .settings_size = sizeof(struct ddn_settings)},
    .quick = (const char *const[]){"seeds=4", "epochs=6", "samples=16000", NULL},
    .spec = DDN_SPEC,
    .compute = compute,
    .script = "paper_figs/ddn/ddn_norm.gp",
    .write_data = ddn_write_statistics,
    .check = check,
};
