/* ddn_correlation: the best neurons of each level over training. */
#include "core/extreme.h"
#include "paper_figs/ddn/ddn_runs.h"
#include "paper_figs/figures.h"

#include <math.h>

enum { PUBLISHED, POLARITY_8, POLARITY_9, WIDTH_2, WIDTH_5, WIDTH_20, CASES, LEVELS = 5 };

static const struct ddn_case cases[CASES] = {
    [PUBLISHED] = {5, 10, 0.7}, [POLARITY_8] = {5, 10, 0.8}, [POLARITY_9] = {5, 10, 0.9},
    [WIDTH_2] = {5, 2, 0.7},    [WIDTH_5] = {5, 5, 0.7},     [WIDTH_20] = {5, 20, 0.7},
};

static void put_level(struct ddn_runs *runs, size_t i, int level)
{
    char dataset[64];
    const struct ddn_quantity correlation = {
        .dataset = "/series/best_correlation",
        .size = LEVELS,
        .column = (size_t)level,
        .name = "correlation",
        .long_name = "largest |correlation| of a node's neurons with its latent, mean over nodes"};
    const struct ddn_quantity ceiling = {
        .dataset = dataset,
        .size = 1,
        .constant = true,
        .name = "ceiling",
        .long_name = "largest |correlation| that a function of the leaves can have with a latent, "
                     "mean over nodes"};
    snprintf(dataset, sizeof dataset, "/ceiling/level_%d", level);
    ddn_put(runs, i, &correlation, level);
    ddn_put(runs, i, &ceiling, level);
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    struct ddn_runs runs;
    ddn_runs_make(&runs, job, cases, CASES, store, err);
    for (size_t i = 0; i < CASES; i++)
        for (int level = 0; level < LEVELS; level++)
            put_level(&runs, i, level);
    return ddn_runs_close(&runs);
}

/* ---- checks ---- */

static double best(struct reader *r, size_t i, int level, int epoch)
{
    return ddn_value(r, &cases[i], "correlation", level, DDN_MEDIAN, epoch);
}

static void check_rise(struct reader *r, struct sights *sights)
{
    double rise[LEVELS];
    for (int l = 0; l < LEVELS; l++)
        rise[l] = best(r, PUBLISHED, l, -1) - best(r, PUBLISHED, l, 0);
    sight(sights, rise[0] > 0.1 && rise[1] > 0.03 && rise[2] > 0.03 && rise[0] > rise[1],
          "published setting: levels 0, 1, 2 rise by %.3f, %.3f, %.3f, the root most", rise[0],
          rise[1], rise[2]);
    sight(sights, fabs(rise[3]) < 0.02 && fabs(rise[4]) < 0.01,
          "the two levels above the leaves stay where they started (%+.3f, %+.3f)", rise[3],
          rise[4]);
}

static void check_ceiling(struct reader *r, struct sights *sights)
{
    const int last = ddn_last_epoch(r);
    double room = INFINITY;
    for (size_t i = 0; i < CASES; i++)
        for (int l = 0; l < LEVELS; l++)
            for (int t = 0; t <= last; t++)
                room = smaller(room, ddn_value(r, &cases[i], "ceiling", l, DDN_MEDIAN, 0) -
                                         best(r, i, l, t));
    sight(sights, room > 0, "every level of every setting stays below its ceiling, by %.3f or more",
          room);
}

static void check_order(struct reader *r, struct sights *sights)
{
    double clearer = INFINITY, wider = INFINITY;
    for (int l = 0; l < LEVELS; l++) {
        clearer = smaller(clearer, best(r, POLARITY_8, l, -1) - best(r, PUBLISHED, l, -1));
        clearer = smaller(clearer, best(r, POLARITY_9, l, -1) - best(r, POLARITY_8, l, -1));
        wider = smaller(wider, best(r, WIDTH_20, l, -1) - best(r, WIDTH_2, l, -1));
    }
    sight(sights, clearer > 0.01,
          "polarities nearer to 1 end higher at every level, by %.3f or more", clearer);
    sight(sights, wider > 0.03, "20 neurons per node end above 2 at every level, by %.3f or more",
          wider);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    check_rise(&r, sights);
    check_ceiling(&r, sights);
    check_order(&r, sights);
    return reader_close(&r);
}

const struct figure figure_ddn_correlation = {
    .about =
        {.name = "ddn_correlation",
         .doc = "Largest |correlation| of a node's neurons with its latent over training, mean "
                "over the nodes of a level: median and quartiles over the seeds, by polarity (top) "
                "and by the number of neurons per node (bottom). Dashed: median of the ceiling "
                "that no function of the leaves can exceed. The root and the two levels below it "
                "rise, the root most and mainly in the first epoch; the levels next to the leaves "
                "stay where they start. With 2 neurons per node the root can be lost.",
         .source = "[DDN] Sec. 6",
         .params = ddn_params_10,
         .settings_size = sizeof(struct ddn_settings)},
    .quick = (const char *const[]){"seeds=4", "epochs=6", "samples=16000", NULL},
    .spec = DDN_SPEC,
    .compute = compute,
    .script = "paper_figs/ddn/ddn_correlation.gp",
    .write_data = ddn_write_statistics,
    .check = check,
};
