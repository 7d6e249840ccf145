/* ddn_residual: how the residual of the weighted operator falls with the augmentation. */
#include "paper_figs/figures.h"

#include "harness/run/progress.h"
#include "harness/spec/params.h"
#include "harness/spec/spec.h"
#include "store/reader.h"
#include "theorems/claims.h"
#include "theorems/ddn/ddn_06.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>

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
static enum status put_band(struct store *store, const struct ddn_6_sweep *sweep, size_t count,
                            bool infonce, int group, double *room, struct error *err)
{
    static const double share[QUANTILES] = {0.1, 0.5, 0.9};
    const size_t shape[] = {SCALES, QUANTILES};
    const char *const axes[] = {"/s", "/quantile"};
    double band[SCALES][QUANTILES];
    char path[64], name[160];
    for (int k = 0; k < SCALES; k++) {
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
    snprintf(path, sizeof path, "/%s/%s", infonce ? "infonce" : "triplet", groups[group].name);
    snprintf(name, sizeof name, "|-grad - OP vec(W)| / |grad|; %s", groups[group].what);
    return store_put(store, path, 2, shape, axes, &band[0][0], name, "1", err);
}

/* Slopes in rising order, and the cumulative share of instances. */
static enum status put_slopes(struct store *store, const struct ddn_6_sweep *sweep, size_t count,
                              int group, double *room, struct error *err)
{
    char path[64], axis[64], name[200];
    const char *const axes[] = {axis};
    double *share = room + count;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (belongs(&sweep[i], group))
            room[n++] = ddn_6_slope(&sweep[i], group != UNIT).slope;
    if (n == 0)
        return error_set(err, STATUS_INVALID, "no instance of %zu where %s; more are needed", count,
                         groups[group].what);
    gsl_sort(room, 1, n);
    for (size_t i = 0; i < n; i++)
        share[i] = (double)(i + 1) / (double)n;
    snprintf(axis, sizeof axis, "/slopes/%s/share", groups[group].name);
    snprintf(path, sizeof path, "/slopes/%s/slope", groups[group].name);
    snprintf(name, sizeof name, "fitted slope of log residual against log s; %s",
             groups[group].what);
    enum status status = store_put_axis(store, axis, n, share,
                                        "share of instances with at most this slope", "1", err);
    return status ? status : store_put(store, path, 1, &n, axes, room, name, "1", err);
}

static enum status put(struct store *store, const struct ddn_6_sweep *sweep, size_t count,
                       double *room, struct error *err)
{
    enum status status = store_put_axis(store, "/s", SCALES, sweep[0].scale,
                                        "s, standard deviation of the views over 1/2", "1", err);
    if (!status)
        status = store_put_axis(store, "/quantile", QUANTILES, (double[]){0.1, 0.5, 0.9},
                                "share of instances below", "1", err);
    for (int group = 0; group < GROUPS && !status; group++) {
        status = put_band(store, sweep, count, true, group, room, err);
        if (!status)
            status = put_band(store, sweep, count, false, group, room, err);
        if (!status)
            status = put_slopes(store, sweep, count, group, room, err);
    }
    return status;
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    const struct settings *s = job->settings;
    size_t count = (size_t)s->instances;
    struct ddn_6_sweep *sweep = calloc(count, sizeof *sweep);
    double *room = malloc(2 * count * sizeof *room);
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    enum status status = STATUS_OK;
    if (!sweep || !room)
        status = error_memory(err, "residuals");
    else if (!(status = measure(s, sweep, job->quiet, err)))
        status = put(store, sweep, count, room, err);
    gsl_set_error_handler(handler);
    free(sweep);
    free(room);
    return status;
}

/* ---- checks ---- */

static enum status check_slopes(const struct store_file *file, struct sights *sights,
                                struct error *err)
{
    struct store_array slope[GROUPS];
    struct reader r = {.file = file, .err = err};
    for (int group = 0; group < GROUPS; group++)
        slope[group] = reader_get(&r, 0, 1, "/slopes/%s/slope", groups[group].name);
    if (!r.status) {
        const struct store_array *whole = &slope[WHOLE], *split = &slope[SPLIT],
                                 *unit = &slope[UNIT];
        double least = fmin(whole->values[0], split->values[0]);
        double middle = whole->values[whole->count / 2];
        double most = fmax(-unit->values[0], unit->values[unit->count - 1]);
        sight(sights, least > 0.95, "every residual falls at least as s (least slope %.2f of %zu)",
              least, unit->count);
        sight(sights, fabs(middle - 2) < 0.05,
              "where no gate is split, as s^2 (median slope %.3f of %zu)", middle, whole->count);
        double slower = split->values[split->count / 2];
        sight(
            sights, slower < middle - 0.25,
            "where a gate is split down to the smallest s, more slowly (median slope %.2f of %zu)",
            slower, split->count);
        sight(sights, most < 0.5, "with xi = 1 none vanishes (largest |slope| %.3f)", most);
    }
    return reader_close(&r);
}

/* The medians at the ends of the range. */
static enum status check_band(const struct store_file *file, const char *loss,
                              struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    const struct store_array whole = reader_get(&r, SCALES, QUANTILES, "/%s/whole", loss),
                             unit = reader_get(&r, SCALES, QUANTILES, "/%s/unit", loss);
    if (!r.status) {
        const size_t last = (SCALES - 1) * QUANTILES + 1;
        sight(sights, whole.values[last] < 1e-4 && unit.values[last] > 1,
              "%s: at s = 1/512 the residual is %.1e of the gradient, with xi = 1 %.0f times it",
              loss, whole.values[last], unit.values[last]);
    }
    return reader_close(&r);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    enum status status = check_slopes(file, sights, err);
    if (!status)
        status = check_band(file, "infonce", sights, err);
    return status ? status : check_band(file, "triplet", sights, err);
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
