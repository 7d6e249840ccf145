/* ddn_selectivity: ReLU neurons distinguish two translated objects, linear neurons do not. */
#include "paper_figs/figures.h"

#include "core/extreme.h"
#include "harness/run/progress.h"
#include "harness/spec/params.h"
#include "harness/spec/spec.h"
#include "paper_figs/kit/series.h"
#include "theorems/claims.h"
#include "theorems/ddn/ddn_10.h"
#include "theorems/ddn/dual.h"

#include <gsl/gsl_errno.h>
#include <math.h>

enum { TIMES = DDN_10_TIMES, NEURONS = DDN_10_NEURONS, FLOW_PART = 2 };

struct settings {
    int64_t rings, seed;
};

static const struct param params[] = {
    INTEGER_SETTING(rings, "40", 2, 1000,
                    "drawn rings and weights: the first draws of the claim DDN-10, and more"),
    INTEGER_SETTING(seed, "1", 0, UNBOUNDED, "of the drawn rings and weights"),
    {0},
};

/* ---- computing ---- */

static enum status follow(const struct settings *s, struct ddn_10_path *path, bool quiet,
                          struct error *err)
{
    struct progress progress;
    struct dual_settings sizes;
    enum status status = params_fill(dual_params, NULL, 0, &sizes, err);
    progress_start(&progress, quiet);
    for (int i = 0; i < (int)s->rings && !status; i++) {
        struct trial trial = {.seed = (uint64_t)s->seed,
                              .instance = i,
                              .rng = claim_rng(&claim_ddn_10, (uint64_t)s->seed, FLOW_PART, i),
                              .settings = &sizes,
                              .err = err};
        status = trial.rng ? ddn_10_follow(&trial, &path[i]) : error_memory(err, "a random stream");
        if (trial.rng)
            gsl_rng_free(trial.rng);
        progress_update(&progress, (uint64_t)i + 1, (uint64_t)s->rings, "rings");
    }
    progress_end(&progress);
    return status;
}

/* The second largest change of a selectivity. */
static double second_change(const struct ddn_10_path *p)
{
    double most = 0, second = 0;
    for (int k = 0; k < NEURONS; k++) {
        double change = fabs(p->relu[p->count - 1][k] - p->relu[0][k]);
        second = larger(second, smaller(change, most));
        most = larger(most, change);
    }
    return second;
}

/* Among the rings without a switch of a gate (or the longest without one), the ring in which two
 * neurons change most. */
static size_t shown_ring(const struct ddn_10_path *path, size_t rings)
{
    size_t best = 0;
    for (size_t i = 1; i < rings; i++)
        if (path[i].count > path[best].count ||
            (path[i].count == path[best].count &&
             second_change(&path[i]) > second_change(&path[best])))
            best = i;
    return best;
}

/* ---- storing ---- */

static void put_shown(struct sheet *sheet, const struct ddn_10_path *p)
{
    const struct {
        const char *name, *long_name;
        const double (*value)[NEURONS];
    } set[] = {
        {"relu", "selectivity of the ReLU neurons, gradient flow", p->relu},
        {"predicted", "selectivity of the ReLU neurons, e^{A t} s(0)", p->predicted},
        {"linear", "selectivity of linear neurons with the same weights", p->linear},
        {"counts", "the same, for the objects 11 and 111", p->counts},
    };
    double time[TIMES];
    for (int i = 0; i < p->count; i++)
        time[i] = p->time[i] * p->growth;
    sheet_group(sheet, "ring");
    sheet_axis(sheet, "time", (size_t)p->count, time, "time t tr A", "1 / tr A");
    sheet_axis(sheet, "neuron", NEURONS, NULL, "neuron k", "1");
    for (size_t i = 0; i < sizeof set / sizeof *set; i++)
        sheet_put(sheet, set[i].name, "time neuron", *set[i].value, set[i].long_name, "1");
}

/* The change of every neuron of every ring, at the last time before a gate switches:
 * s_k - s_k(0), [ring * NEURONS + neuron]. */
static void put_ends(struct sheet *sheet, const struct ddn_10_path *path, size_t rings)
{
    static const struct {
        const char *name, *long_name, *units;
    } set[] = {
        {"relu", "s_k - s_k(0) of the ReLU neurons, gradient flow", "1"},
        {"linear", "s_k - s_k(0) of linear neurons with the same weights", "1"},
        {"ring", "number of the ring", "1"},
        {"time", "the last time before a gate switches, at most 1", "1 / tr A"},
    };
    enum { SETS = sizeof set / sizeof *set };
    const size_t count = rings * NEURONS;
    double *predicted = sheet_numbers(sheet, count), *value = sheet_numbers(sheet, SETS * count);
    for (size_t at = 0; at < count && !sheet->status; at++) {
        const size_t k = at % NEURONS, ring = at / NEURONS;
        const struct ddn_10_path *p = &path[ring];
        const int last = p->count - 1;
        predicted[at] = p->predicted[last][k] - p->predicted[0][k];
        value[at] = p->relu[last][k] - p->relu[0][k];
        value[count + at] = p->linear[last][k] - p->linear[0][k];
        value[2 * count + at] = (double)ring;
        value[3 * count + at] = p->time[last] * p->growth;
    }
    sheet_group(sheet, "end");
    sheet_axis(sheet, "predicted", count, predicted,
               "s_k - s_k(0) of the ReLU neurons, e^{A t} s(0) - s(0)", "1");
    for (size_t i = 0; i < SETS; i++)
        sheet_put(sheet, set[i].name, "predicted", value + i * count, set[i].long_name,
                  set[i].units);
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    const struct settings *s = job->settings;
    const size_t rings = (size_t)s->rings;
    struct sheet sheet = {.store = store, .err = err};
    struct ddn_10_path *path = sheet_room(&sheet, rings, sizeof *path);
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    if (!sheet.status)
        sheet.status = follow(s, path, job->quiet, err);
    if (!sheet.status) {
        put_shown(&sheet, &path[shown_ring(path, rings)]);
        put_ends(&sheet, path, rings);
    }
    gsl_set_error_handler(handler);
    return sheet_close(&sheet);
}

/* ---- checks ---- */

/* Largest |a - b|; largest |a| if b is NULL */
static double largest(const struct store_array *a, const struct store_array *b)
{
    double most = 0;
    for (size_t i = 0; i < a->count && (!b || i < b->count); i++)
        most = larger(most, fabs(a->values[i] - (b ? b->values[i] : 0)));
    return most;
}

enum { RELU, PREDICTED, LINEAR, COUNTS, ARRAYS };

static void judge(const struct store_array *end, const struct store_array *shown,
                  struct sights *sights)
{
    const double error = largest(&end[RELU], &end[PREDICTED]) / largest(&end[PREDICTED], NULL);
    const double change = largest(&end[RELU], NULL), linear = largest(&end[LINEAR], NULL);
    const size_t last = shown[RELU].count - NEURONS;
    double grown = 0, counted = 0;
    for (size_t k = 0; k < NEURONS; k++) {
        grown = larger(grown, fabs(shown[RELU].values[last + k] - shown[RELU].values[k]));
        counted = larger(counted, fabs(shown[COUNTS].values[last + k] - shown[COUNTS].values[k]));
    }
    sight(sights, error < 1e-8 && change > 0.05,
          "%zu rings: selectivities of ReLU neurons change by up to %.2f, as predicted to %.0e",
          end[RELU].count / NEURONS, change, error);
    sight(sights, linear < 1e-12 && largest(&shown[LINEAR], NULL) < 1e-12,
          "linear neurons never distinguish the objects (%.0e)",
          larger(linear, largest(&shown[LINEAR], NULL)));
    sight(sights, grown > 0.05 && largest(&shown[RELU], &shown[PREDICTED]) < 1e-8,
          "the ring that is shown: a selectivity changes by %.2f", grown);
    sight(sights, counted > 0.05,
          "linear neurons do distinguish objects with different numbers of ones (change %.2f)",
          counted);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    static const char *const end_path[] = {
        [RELU] = "/end/relu", [PREDICTED] = "/end/predicted", [LINEAR] = "/end/linear"};
    static const char *const shown_path[] = {[RELU] = "/ring/relu",
                                             [PREDICTED] = "/ring/predicted",
                                             [LINEAR] = "/ring/linear",
                                             [COUNTS] = "/ring/counts"};
    struct store_array end[ARRAYS] = {0}, shown[ARRAYS] = {0};
    struct reader r = {.file = file, .err = err};
    for (int i = RELU; i <= LINEAR; i++)
        end[i] = reader_get(&r, 0, 0, "%s", end_path[i]);
    for (int i = RELU; i <= COUNTS; i++)
        if (shown_path[i])
            shown[i] = reader_get(&r, 0, 0, "%s", shown_path[i]);
    if (!r.status && (shown[RELU].count < NEURONS || shown[COUNTS].count != shown[RELU].count))
        r.status = error_set(err, STATUS_INVALID, "the selectivities of /ring differ in length");
    if (!r.status)
        judge(end, shown, sights);
    return reader_close(&r);
}

const struct figure figure_ddn_selectivity = {
    .about = {.name = "ddn_selectivity",
              .doc =
                  "Two objects, 11 and 101, under all translations of a ring: selectivity of each "
                  "hidden neuron, half the difference of its mean responses to them. Selectivities "
                  "of ReLU neurons, some of which fall, follow the prediction of the covariance "
                  "operator until a gate switches. Linear neurons with the same weights never "
                  "distinguish these objects, but do distinguish objects with different numbers of "
                  "ones.",
              .source = "[DDN], objects under translation (DDN-10)",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"rings=3", NULL},
    .compute = compute,
    .script = "paper_figs/ddn/ddn_selectivity.gp",
    .check = check,
};
