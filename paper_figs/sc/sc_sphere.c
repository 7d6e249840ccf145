/* sc_sphere: alignment and uniformity over training, at several temperatures of ntxent. */
#include "core/extreme.h"
#include "paper_figs/figures.h"
#include "paper_figs/kit/run_list.h"
#include "paper_figs/kit/series.h"

#include <math.h>
#include <stdio.h>

struct settings {
    int64_t seeds, epochs;
};

static const struct param params[] = {
    INTEGER_SETTING(seeds, "3", 1, 1000, "runs of each temperature, with seeds 1, 2, ..."),
    INTEGER_SETTING(epochs, "10", 1, 10000, "epochs of a run, measured after each"),
    {0},
};

static const double tau[] = {0.05, 0.1, 0.2, 0.5, 1};
enum { TAUS = sizeof tau / sizeof *tau };

/* Latents that the two views of a sample share: many different samples, or few. */
static const struct shared {
    const char *name;
    int keep_level;
} shared[] = {{"many", 4}, {"few", 2}};
enum { SHARED = sizeof shared / sizeof *shared };

static const char *const series[][2] = {
    {"alignment", "alignment E |u - u_+|^2, mean over the runs"},
    {"uniformity", "uniformity log E exp(-2 |u_i - u_j|^2), mean over the runs"},
};
enum { SERIES = sizeof series / sizeof *series };

/* ---- computing ---- */

/* Runs are [shared][tau][seed]. */
static enum status make_runs(struct run_list *runs, const struct figure_job *job, struct error *err)
{
    const struct settings *s = job->settings;
    const size_t seeds = (size_t)s->seeds;
    enum status status = run_list_open(runs, SHARED * TAUS * seeds, err);
    for (size_t i = 0; i < runs->count && !status; i++) {
        run_list_set(runs, i, "seed=%zu", i % seeds + 1);
        run_list_set(runs, i, "objective.tau=%g", tau[i / seeds % TAUS]);
        run_list_set(runs, i, "data.keep_level=%d", shared[i / seeds / TAUS].keep_level);
        run_list_set(runs, i, "train.epochs=%lld", (long long)s->epochs);
    }
    return status ? status : figure_runs(job, runs->run, runs->count, err);
}

/* A series, mean over the runs of each temperature. */
static void put_mean(struct sheet *sheet, const struct settings *s, const struct figure_run *run,
                     size_t which)
{
    const size_t seeds = (size_t)s->seeds, points = (size_t)s->epochs + 1;
    double *mean = sheet_numbers(sheet, points * TAUS), *values = sheet_numbers(sheet, points);
    char path[64];
    snprintf(path, sizeof path, "/series/embedding/%s", series[which][0]);
    for (size_t i = 0; i < TAUS * seeds; i++) {
        run_series(sheet, run[i].path, path, points, 1, 1, values);
        for (size_t t = 0; t < points && !sheet->status; t++)
            mean[t * TAUS + i / seeds] += values[t] / (double)seeds;
    }
    sheet_put(sheet, series[which][0], "epoch tau", mean, series[which][1], "1");
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    const struct settings *s = job->settings;
    struct run_list runs;
    struct sheet sheet = {.store = store, .err = err};
    sheet.status = make_runs(&runs, job, err);
    sheet_axis(&sheet, "epoch", (size_t)s->epochs + 1, NULL, "epochs of training", "1");
    sheet_axis(&sheet, "tau", TAUS, tau, "temperature", "1");
    for (size_t g = 0; g < SHARED; g++) {
        sheet_group(&sheet, shared[g].name);
        for (size_t k = 0; k < SERIES; k++)
            put_mean(&sheet, s, runs.run + g * TAUS * (size_t)s->seeds, k);
    }
    run_list_free(&runs);
    return sheet_close(&sheet);
}

/* ---- checks ---- */

/* The values at the end of training of the temperatures first ... last grow with the temperature
 * (sign 1) or fall (sign -1). */
static bool ordered(const struct store_array *a, size_t first, size_t last, double sign)
{
    const double *end = a->values + a->count - TAUS;
    for (size_t i = first; i < last; i++)
        if (!(sign * (end[i + 1] - end[i]) > 0))
            return false;
    return true;
}

static void check_order(struct reader *r, struct sights *sights)
{
    const struct store_array alignment[] = {reader_get(r, 0, TAUS, "/many/alignment"),
                                            reader_get(r, 0, TAUS, "/few/alignment")};
    const struct store_array uniformity[] = {reader_get(r, 0, TAUS, "/many/uniformity"),
                                             reader_get(r, 0, TAUS, "/few/uniformity")};
    if (r->status)
        return;
    for (size_t g = 0; g < SHARED; g++) {
        double least = INFINITY;
        for (size_t i = 0; i < TAUS; i++)
            least = smaller(least, uniformity[g].values[i] -
                                       uniformity[g].values[uniformity[g].count - TAUS + i]);
        sight(sights, least > 0.1, "%s shared latents: uniformity falls, by %.2f or more",
              shared[g].name, least);
    }
    sight(sights, ordered(&uniformity[0], 2, 4, 1) && ordered(&alignment[0], 2, 4, -1),
          "many shared latents: from tau = 1 to 0.2 a lower temperature is more uniform and less "
          "aligned");
    sight(sights, ordered(&uniformity[1], 0, 2, -1) && ordered(&alignment[1], 0, 2, 1),
          "few shared latents: from tau = 0.2 to 0.05 a lower temperature is less uniform and more "
          "aligned");
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    check_order(&r, sights);
    return reader_close(&r);
}

const struct figure figure_sc_sphere = {
    .about = {.name = "sc_sphere",
              .doc =
                  "Alignment and uniformity of the outputs over training with ntxent, at several "
                  "temperatures, means over runs. For large batches the loss is alignment / (2 "
                  "tau) + log E exp(-|u_i - u_j|^2 / (2 tau)): the second term is uniformity "
                  "at the scale of tau. While there are samples nearer than this scale, a lower "
                  "temperature weighs near pairs more, and the outputs are more uniform and "
                  "less aligned. Where the views share few latents, so that there are few "
                  "different samples, these are soon further apart than the scale; then only "
                  "alignment is left to gain, and the order turns round.",
              .source = "[SC]; Wang and Isola, arXiv:2005.10242, Thm. 1",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"seeds=1", "epochs=5", NULL},
    .spec = "paper_figs/sc/sc_sphere.yaml",
    .compute = compute,
    .script = "paper_figs/sc/sc_sphere.gp",
    .check = check,
};
