/* ddn_residual: how the residual of the weighted operator falls with the augmentation. */
#include "paper_figs/figures.h"

#include "core/extreme.h"
#include "harness/run/progress.h"
#include "harness/spec/params.h"
#include "harness/spec/spec.h"
#include "paper_figs/kit/series.h"
#include "theorems/claims.h"
#include "theorems/ddn/ddn_06.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>

enum { SCALES = DDN_6_SCALES, QUANTILES = 3 };

struct settings {
    int64_t instances, seed;
};

static const struct param params[] = {
    INTEGER_SETTING(instances, "4000", 8, 100000,
                    "drawn networks and data: the instances of the claim DDN-6, and as many more"),
    INTEGER_SETTING(seed, "1", 0, UNBOUNDED, "of the drawn networks and data"),
    {0},
};

/* Each is drawn as one band: instances of a loss without split gates, with split gates, and all
 * with xi = 1. */
struct group {
    const char *name, *what;
};

enum { WHOLE, SPLIT, UNIT, GROUPS };

static const struct group groups[GROUPS] = {
    [WHOLE] = {"whole", "no ReLU gate has views of one point on both sides at s = 1/512"},
    [SPLIT] = {"split", "some ReLU gate has views of one point on both sides at s = 1/512"},
    [UNIT] = {"unit", "xi = 1 in place of the weight"},
};

static const double share[QUANTILES] = {0.1, 0.5, 0.9};

static bool belongs(const struct ddn_6_sweep *sweep, int group)
{
    return group == UNIT || (sweep->split[SCALES - 1] > 0) == (group == SPLIT);
}

/* ---- computing ---- */

static enum status measure(const struct settings *s, struct ddn_6_sweep *sweep, bool quiet,
                           struct error *err)
{
    enum status status;
    struct progress progress;
    struct dual_settings sizes;
    status = params_fill(dual_params, NULL, 0, &sizes, err);
    progress_start(&progress, quiet);
    for (int i = 0; i < (int)s->instances && !status; i++) {
        struct trial trial = {.seed = (uint64_t)s->seed,
                              .instance = i,
                              .rng = claim_rng(&claim_ddn_6, (uint64_t)s->seed, 0, i),
                              .settings = &sizes,
                              .err = err};
        status = trial.rng ? ddn_6_sweep(&trial, &sweep[i]) : error_memory(err, "a random stream");
        if (trial.rng)
            gsl_rng_free(trial.rng);
        progress_update(&progress, (uint64_t)i + 1, (uint64_t)s->instances, "networks");
    }
    progress_end(&progress);
    return status;
}

/* ---- storing ---- */

/* Quantiles 10 %, 50 % and 90 % of residual / |grad| over the instances of one loss and group, at
 * every s. */
static void put_band(struct sheet *sheet, const struct ddn_6_sweep *sweep, size_t count,
                     bool infonce, int group)
{
    double *room = sheet_numbers(sheet, count), band[SCALES][QUANTILES];
    char name[160];
    for (int k = 0; k < SCALES && room; k++) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++)
            if (sweep[i].infonce == infonce && belongs(&sweep[i], group)) {
                const struct ddn_6_residual *r = &sweep[i].residual[k];
                room[n++] = (group == UNIT ? r->without : r->with_weight) / r->gradient;
            }
        gsl_sort(room, 1, n);
        for (int q = 0; q < QUANTILES; q++)
            band[k][q] = n ? gsl_stats_quantile_from_sorted_data(room, 1, n, share[q]) : NAN;
    }
    snprintf(name, sizeof name, "|-grad - OP vec(W)| / |grad|; %s", groups[group].what);
    sheet_group(sheet, infonce ? "infonce" : "triplet");
    sheet_put(sheet, groups[group].name, "s quantile", *band, name, "1");
}

/* Slopes in rising order, and the cumulative share of instances. */
static void put_slopes(struct sheet *sheet, const struct ddn_6_sweep *sweep, size_t count,
                       int group)
{
    char path[SHEET_NAME], name[200];
    double *slope = sheet_numbers(sheet, count), *below = sheet_numbers(sheet, count);
    size_t n = 0;
    for (size_t i = 0; i < count && !sheet->status; i++)
        if (belongs(&sweep[i], group))
            slope[n++] = ddn_6_slope(&sweep[i], group != UNIT).slope;
    if (n == 0 && !sheet->status)
        sheet->status =
            error_set(sheet->err, STATUS_INVALID, "no instance of %zu where %s; more are needed",
                      count, groups[group].what);
    if (sheet->status)
        return;
    gsl_sort(slope, 1, n);
    for (size_t i = 0; i < n; i++)
        below[i] = (double)(i + 1) / (double)n;
    snprintf(path, sizeof path, "slopes/%s", groups[group].name);
    snprintf(name, sizeof name, "fitted slope of log residual against log s; %s",
             groups[group].what);
    sheet_group(sheet, path);
    sheet_axis(sheet, "share", n, below, "share of instances with at most this slope", "1");
    sheet_put(sheet, "slope", "share", slope, name, "1");
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    const struct settings *s = job->settings;
    const size_t count = (size_t)s->instances;
    struct sheet sheet = {.store = store, .err = err};
    struct ddn_6_sweep *sweep = sheet_room(&sheet, count, sizeof *sweep);
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    if (!sheet.status)
        sheet.status = measure(s, sweep, job->quiet, err);
    if (!sheet.status)
        sheet_axis(&sheet, "s", SCALES, sweep[0].scale,
                   "s, standard deviation of the views over 1/2", "1");
    sheet_axis(&sheet, "quantile", QUANTILES, share, "share of instances below", "1");
    for (int group = 0; group < GROUPS; group++) {
        put_band(&sheet, sweep, count, true, group);
        put_band(&sheet, sweep, count, false, group);
        put_slopes(&sheet, sweep, count, group);
    }
    gsl_set_error_handler(handler);
    return sheet_close(&sheet);
}

/* ---- checks ---- */

static void check_slopes(struct reader *r, struct sights *sights)
{
    struct store_array slope[GROUPS];
    for (int group = 0; group < GROUPS; group++)
        slope[group] = reader_get(r, 0, 1, "/slopes/%s/slope", groups[group].name);
    if (r->status)
        return;
    const struct store_array *whole = &slope[WHOLE], *split = &slope[SPLIT], *unit = &slope[UNIT];
    const double least = smaller(whole->values[0], split->values[0]);
    const double middle = whole->values[whole->count / 2];
    const double slower = split->values[split->count / 2];
    const size_t out = unit->count / 200; /* at either end: with a xi near 1 there is little left */
    const double most = larger(-unit->values[out], unit->values[unit->count - 1 - out]);
    sight(sights, least > 0.95, "every residual falls at least as s (least slope %.2f of %zu)",
          least, unit->count);
    sight(sights, fabs(middle - 2) < 0.05,
          "where no gate is split, as s^2 (median slope %.3f of %zu)", middle, whole->count);
    sight(sights, slower < middle - 0.25,
          "where a gate is split down to the smallest s, more slowly (median slope %.2f of %zu)",
          slower, split->count);
    sight(sights, most < 0.1,
          "with xi = 1 it does not vanish (|slope| at most %.3f in 99 of 100 networks)", most);
}

/* The medians at the ends of the range. */
static void check_band(struct reader *r, const char *loss, struct sights *sights)
{
    const struct store_array whole = reader_get(r, SCALES, QUANTILES, "/%s/whole", loss),
                             unit = reader_get(r, SCALES, QUANTILES, "/%s/unit", loss);
    const size_t last = (SCALES - 1) * QUANTILES + 1;
    if (!r->status)
        sight(sights, whole.values[last] < 1e-4 && unit.values[last] > 1,
              "%s: at s = 1/512 the residual is %.1e of the gradient, with xi = 1 %.0f times it",
              loss, whole.values[last], unit.values[last]);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    check_slopes(&r, sights);
    check_band(&r, "infonce", sights);
    check_band(&r, "triplet", sights);
    return reader_close(&r);
}

const struct figure figure_ddn_residual = {
    .about =
        {.name = "ddn_residual",
         .doc =
             "Residual of the population gradient of InfoNCE and triplet after the weighted "
             "covariance operator, over the strength s of the augmentation: median and 10 to 90 % "
             "of drawn networks, relative to the gradient, and the fitted slopes. The residual "
             "falls as s^2. Only where a ReLU gate has views of one point on both sides, and only "
             "at the smallest s, it falls as the bound O(s). With xi = 1 in place of the weight "
             "the residual does not fall and is many times the gradient.",
         .source = "[DDN] Thm. 4 (DDN-6)",
         .params = params,
         .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"instances=400", NULL},
    .compute = compute,
    .script = "paper_figs/ddn/ddn_residual.gp",
    .check = check,
};
