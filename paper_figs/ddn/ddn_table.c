/* ddn_table: the topmost latent and its best neuron, before and after training. */
#include "core/extreme.h"
#include "paper_figs/ddn/ddn_runs.h"
#include "paper_figs/figures.h"

#include <math.h>

static const struct ddn_case cases[] = {
    {5, 2, 0.7},  {5, 5, 0.7},  {5, 10, 0.7}, {5, 20, 0.7}, {5, 2, 0.8},  {5, 5, 0.8},
    {5, 10, 0.8}, {5, 20, 0.8}, {5, 2, 0.9},  {5, 5, 0.9},  {5, 10, 0.9}, {5, 20, 0.9},
};

enum { CASES = sizeof cases / sizeof *cases, WIDTHS = 4, POLARITIES = CASES / WIDTHS, LEVELS = 5 };

/* A run is lost if its root no longer follows the latent: no neuron of the root is above this. */
static const double lost_below = 0.1;

static void put_case(struct ddn_runs *runs, size_t i)
{
    const struct ddn_quantity correlation = {
        .dataset = "/series/best_correlation",
        .size = LEVELS,
        .name = "correlation",
        .long_name = "largest |correlation| of a neuron of the root with the topmost latent"};
    const struct ddn_quantity ceiling = {
        .dataset = "/ceiling/level_0",
        .size = 1,
        .constant = true,
        .name = "ceiling",
        .long_name = "largest |correlation| that a function of the leaves can have with it"};
    ddn_put(runs, i, &correlation, 0);
    ddn_put(runs, i, &ceiling, 0);
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    struct ddn_runs runs;
    ddn_runs_make(&runs, job, cases, CASES, store, err);
    for (size_t i = 0; i < CASES; i++)
        put_case(&runs, i);
    sheet_group(&runs.sheet, "");
    sheet_put(&runs.sheet, "lost_below", "", &lost_below,
              "correlation below which a run counts as lost", "1");
    return ddn_runs_close(&runs);
}

/* ---- the table ---- */

static size_t lost(struct reader *r, const struct ddn_case *c, int epoch)
{
    size_t count = 0;
    for (size_t s = 0; s < ddn_seeds(r); s++)
        count += ddn_value_of_run(r, c, "correlation", 0, s, epoch) < lost_below;
    return count;
}

static void write_case(struct reader *r, const struct ddn_case *c, int epoch, FILE *out)
{
    fprintf(out, "%.1f\t%d\t%d\t%.17g\t%.17g\t%.17g\t%zu\t%zu\t%.17g\t%.17g\n", c->low, c->width,
            epoch, ddn_value(r, c, "correlation", 0, DDN_MEAN, epoch),
            ddn_value(r, c, "correlation", 0, DDN_SD, epoch),
            ddn_value(r, c, "correlation", 0, DDN_MEDIAN, epoch), ddn_seeds(r), lost(r, c, epoch),
            ddn_value(r, c, "ceiling", 0, DDN_MEAN, 0), ddn_value(r, c, "ceiling", 0, DDN_SD, 0));
}

static enum status write_data(const struct store_file *file, FILE *out, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    const int epochs[] = {0, 1, ddn_last_epoch(&r)};
    fprintf(out, "polarity_low\twidth\tepoch\tcorrelation\tsd\tmedian\truns\tlost_runs\tceiling\t"
                 "ceiling_sd\n");
    for (size_t i = 0; i < CASES; i++)
        for (size_t k = 0; k < sizeof epochs / sizeof *epochs; k++)
            write_case(&r, &cases[i], epochs[k], out);
    return reader_close(&r);
}

/* ---- checks ---- */

/* The mean of a cell, at an epoch (-1: the last). */
static double cell(struct reader *r, size_t i, int epoch)
{
    return ddn_value(r, &cases[i], "correlation", 0, DDN_MEAN, epoch);
}

static bool is_wide(size_t i)
{
    return cases[i].width >= 10;
}

/* Mean rise of the runs of a cell that are not lost at the end. */
static double rise(struct reader *r, size_t i)
{
    double sum = 0, count = 0;
    for (size_t s = 0; s < ddn_seeds(r); s++) {
        const double after = ddn_value_of_run(r, &cases[i], "correlation", 0, s, -1);
        if (after >= lost_below) {
            sum += after - ddn_value_of_run(r, &cases[i], "correlation", 0, s, 0);
            count++;
        }
    }
    return sum / count;
}

static void check_training(struct reader *r, struct sights *sights)
{
    double least = INFINITY, room = INFINITY;
    for (size_t i = 0; i < CASES; i++) {
        least = smaller(least, rise(r, i));
        for (size_t s = 0; s < ddn_seeds(r); s++)
            room = smaller(room, ddn_value_of_run(r, &cases[i], "ceiling", 0, s, 0) -
                                     ddn_value_of_run(r, &cases[i], "correlation", 0, s, -1));
    }
    sight(sights, least > 0.03,
          "in every cell training raises the correlation of the runs that are not lost, by %.3f "
          "or more",
          least);
    sight(sights, room > 0, "every run ends below its ceiling, by %.3f or more", room);
}

static void check_lost(struct reader *r, struct sights *sights)
{
    size_t narrow[WIDTHS] = {0}, wide = 0;
    for (size_t i = 0; i < CASES; i++)
        if (is_wide(i))
            wide += lost(r, &cases[i], -1);
        else
            narrow[i % WIDTHS] += lost(r, &cases[i], -1);
    sight(sights, wide == 0,
          "no run of 10 or 20 neurons per node is lost (of 2: %zu, of 5: %zu, of %zu each)",
          narrow[0], narrow[1], POLARITIES * ddn_seeds(r));
}

static void check_order(struct reader *r, struct sights *sights)
{
    double wider = INFINITY, wide = INFINITY, clearer = INFINITY;
    for (size_t i = 0; i < CASES; i += WIDTHS)
        wider = smaller(wider, cell(r, i + WIDTHS - 1, -1) - cell(r, i, -1));
    for (size_t i = 0; i < CASES; i++)
        if (is_wide(i) && cases[i].low < 0.85)
            wide = smaller(wide, cell(r, i, -1) - cell(r, i - 1, -1));
    for (size_t i = WIDTHS; i < CASES; i++)
        if (is_wide(i))
            clearer = smaller(clearer, cell(r, i, -1) - cell(r, i - WIDTHS, -1));
    sight(sights, wider > 0.05, "20 neurons per node end above 2 at each polarity, by %.3f or more",
          wider);
    sight(sights, wide > 0.01,
          "from 5 to 10 to 20 each step ends higher at |rho| in [0.7, 1] and [0.8, 1], by %.3f or "
          "more",
          wide);
    sight(sights, clearer > 0.02,
          "with 10 and 20 each step of the polarities towards 1 ends higher, by %.3f or more",
          clearer);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    check_training(&r, sights);
    check_lost(&r, sights);
    check_order(&r, sights);
    return reader_close(&r);
}

const struct figure figure_ddn_table = {
    .about =
        {.name = "ddn_table",
         .doc =
             "Largest |correlation| of a neuron of the root with the topmost latent before "
             "training, after one epoch and at the end: mean and standard deviation over the "
             "seeds, the single runs, and the ceiling that no function of the leaves can exceed. "
             "With 10 and 20 neurons per node every run approaches the ceiling, mostly in the "
             "first epoch; more neurons and polarities nearer to 1 end higher. Runs of 2 neurons "
             "per node can be lost: at the end no neuron of the root is above 0.1.",
         .source = "[DDN] Sec. 6",
         .params = ddn_params_10,
         .settings_size = sizeof(struct ddn_settings)},
    .quick = (const char *const[]){"seeds=4", "epochs=6", "samples=16000", NULL},
    .spec = DDN_SPEC,
    .compute = compute,
    .script = "paper_figs/ddn/ddn_table.gp",
    .write_data = write_data,
    .check = check,
};
