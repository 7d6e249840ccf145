/* ddn_factorisation: distance of the factorised operator from the operator of ReLU networks, and
 * the luckiest neuron of a node. */
#include "paper_figs/figures.h"

#include "core/extreme.h"
#include "harness/run/progress.h"
#include "harness/spec/params.h"
#include "harness/spec/spec.h"
#include "paper_figs/kit/series.h"
#include "theorems/claims.h"
#include "theorems/hltm/hltm_04.h"
#include "theorems/hltm/hltm_06.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

enum { SHALLOWEST = 2, WIDTH = 10, POLARITIES = 8, WIDTHS = 6, MAX_NETS = 256, SIZES = 8 };

static const double middle_polarity = 0.7;
static const int widths[WIDTHS] = {2, 4, 6, 10, 16, 24};
static const int sizes[SIZES] = {1, 2, 5, 10, 20, 50, 100, 200};

struct settings {
    int64_t depth, width, nets, lucky, seed;
};

static const struct param params[] = {
    INTEGER_SETTING(depth, "4", SHALLOWEST, 4, "depth of the deepest binary trees"),
    INTEGER_SETTING(width, "24", 2, 24,
                    "neurons of a node of the widest networks; at depth 4 at most 10"),
    INTEGER_SETTING(nets, "30", 2, MAX_NETS,
                    "drawn networks per point; a fifth of them at depth 4"),
    INTEGER_SETTING(lucky, "12", 1, 100,
                    "drawn trees and networks; the neurons of their roots are drawn many times"),
    INTEGER_SETTING(seed, "1", 0, UNBOUNDED, "of the drawn networks"),
    {0},
};

/* ---- the error of the factors ---- */

struct point {
    struct hltm_4_kind kind;
    int nets;
    double mean[HLTM_4_FACTORS], error[HLTM_4_FACTORS]; /* over ReLU networks; standard error */
    double linear; /* of one linear network, the larger of both factors */
    enum status status;
    struct error err;
};

static enum status measure_nets(struct point *p, const struct latent_settings *latent, gsl_rng *rng)
{
    double square[HLTM_4_FACTORS] = {0}, error[HLTM_4_FACTORS];
    enum status status = STATUS_OK;
    for (int n = 0; n < p->nets && !status; n++) {
        status = hltm_4_errors(rng, latent, p->kind, error, &p->err);
        for (int f = 0; f < HLTM_4_FACTORS && !status; f++) {
            p->mean[f] += error[f] / p->nets;
            square[f] += error[f] * error[f] / p->nets;
        }
    }
    for (int f = 0; f < HLTM_4_FACTORS; f++)
        p->error[f] = sqrt(larger(0, square[f] - p->mean[f] * p->mean[f]) / (p->nets - 1));
    struct hltm_4_kind linear = p->kind;
    linear.linear = true;
    if (!status)
        status = hltm_4_errors(rng, latent, linear, error, &p->err);
    p->linear = larger(error[0], error[1]);
    return status;
}

/* The same networks for every polarity, except networks that are drawn again. */
static void measure_point(struct point *p, const struct latent_settings *latent, uint64_t seed)
{
    gsl_rng *rng = claim_rng(&claim_hltm_4, seed, 0, 1000 * p->kind.depth + p->kind.width);
    p->status = rng ? measure_nets(p, latent, rng) : error_memory(&p->err, "a random stream");
    if (rng)
        gsl_rng_free(rng);
}

static enum status measure_points(struct point *point, size_t count,
                                  const struct latent_settings *latent, uint64_t seed,
                                  const struct figure_job *job, struct error *err)
{
    struct progress progress;
    uint64_t done = 0;
    progress_start(&progress, job->quiet);
    /* The last networks are the largest and start first. */
#pragma omp parallel for schedule(dynamic, 1) num_threads(job->threads)
    for (size_t i = 0; i < count; i++) {
        measure_point(&point[count - 1 - i], latent, seed);
#pragma omp critical(ddn_factorisation)
        progress_update(&progress, ++done, count, "points");
    }
    progress_end(&progress);
    for (size_t i = 0; i < count; i++)
        if (point[i].status) {
            *err = point[i].err;
            return point[i].status;
        }
    return STATUS_OK;
}

static int nets_of(const struct settings *s, int depth)
{
    return depth < 4 ? (int)s->nets : (int)(s->nets + 4) / 5;
}

/* Points of one depth, over polarities or over widths; returns their number. */
static size_t list_points(const struct settings *s, int depth, bool over_width, struct point *point)
{
    size_t count = 0;
    for (int i = 0; i < (over_width ? WIDTHS : POLARITIES); i++) {
        int width = over_width ? widths[i] : WIDTH;
        double polarity = over_width ? middle_polarity : 0.3 + 0.65 * i / (POLARITIES - 1);
        if (over_width && (width > s->width || (depth == 4 && width > 10)))
            continue;
        point[count++] =
            (struct point){.kind = {depth, width, polarity, false}, .nets = nets_of(s, depth)};
    }
    return count;
}

/* ---- storing ---- */

static void put_points(struct sheet *sheet, const struct point *point, size_t count,
                       bool over_width)
{
    static const char *const name[][2] = {
        {"mean_of_gram", "relative error with E[J^T J], mean over networks"},
        {"mean_of_gram_error", "its standard error"},
        {"gram_of_mean", "relative error with E[J]^T E[J], mean over networks"},
        {"gram_of_mean_error", "its standard error"},
        {"linear", "relative error of a linear network, the larger of both"}};
    const char *axis = over_width ? "width" : "rho";
    char group[SHEET_NAME];
    double column[6][POLARITIES > WIDTHS ? POLARITIES : WIDTHS];
    for (size_t i = 0; i < count; i++) {
        column[0][i] = over_width ? point[i].kind.width : point[i].kind.polarity;
        for (int f = 0; f < HLTM_4_FACTORS; f++) {
            column[1 + 2 * f][i] = point[i].mean[f];
            column[2 + 2 * f][i] = point[i].error[f];
        }
        column[5][i] = point[i].linear;
    }
    snprintf(group, sizeof group, "%s/depth_%d", over_width ? "width" : "polarity",
             point[0].kind.depth);
    sheet_group(sheet, group);
    sheet_axis(sheet, axis, count, column[0],
               over_width ? "neurons of a node" : "|rho| of every edge", "1");
    for (int i = 0; i < 5; i++)
        sheet_put(sheet, name[i][0], axis, column[1 + i], name[i][1], "1");
}

static void put_factors(struct sheet *sheet, const struct figure_job *job,
                        const struct latent_settings *latent)
{
    enum { DEPTHS = 3, BLOCKS = 2 * DEPTHS };
    const struct settings *s = job->settings;
    struct point point[BLOCKS * POLARITIES];
    size_t first[BLOCKS + 1] = {0}, blocks = 0;
    for (int depth = SHALLOWEST; depth <= (int)s->depth; depth++)
        for (int over_width = 0; over_width < 2; over_width++, blocks++)
            first[blocks + 1] =
                first[blocks] + list_points(s, depth, over_width == 1, point + first[blocks]);
    if (!sheet->status)
        sheet->status =
            measure_points(point, first[blocks], latent, (uint64_t)s->seed, job, sheet->err);
    for (size_t i = 0; i < blocks && !sheet->status; i++)
        put_points(sheet, point + first[i], first[i + 1] - first[i], i % 2 == 1);
}

/* ---- the luckiest neuron ---- */

static void draw_lucky(struct sheet *sheet, const struct settings *s,
                       const struct latent_settings *latent, struct hltm_6_row *row)
{
    for (int i = 0; i < (int)s->lucky && !sheet->status; i++) {
        struct trial trial = {.seed = (uint64_t)s->seed,
                              .instance = i,
                              .rng = claim_rng(&claim_hltm_6, (uint64_t)s->seed, 0, i),
                              .settings = latent,
                              .err = sheet->err};
        sheet->status = trial.rng ? hltm_6_rows(&trial, sizes, SIZES, row + (size_t)i * SIZES)
                                  : error_memory(sheet->err, "a random stream");
        if (trial.rng)
            gsl_rng_free(trial.rng);
    }
}

static void put_lucky(struct sheet *sheet, const struct settings *s,
                      const struct latent_settings *latent)
{
    static const char *const units = "2 sigma_w |a| / sqrt(n)";
    const size_t nets = (size_t)s->lucky, size = SIZES * nets * HLTM_6_QUANTILES;
    struct hltm_6_row *row = sheet_room(sheet, nets * SIZES, sizeof *row);
    double *drawn = sheet_numbers(sheet, size), *after = sheet_numbers(sheet, size);
    double neurons[SIZES], exact[SIZES][HLTM_6_QUANTILES];
    draw_lucky(sheet, s, latent, row);
    if (sheet->status)
        return;
    for (size_t i = 0; i < SIZES; i++) {
        neurons[i] = row[i].neurons;
        memcpy(exact[i], row[i].exact, sizeof exact[i]);
        for (size_t n = 0; n < nets; n++) {
            const size_t at = (i * nets + n) * HLTM_6_QUANTILES;
            memcpy(drawn + at, row[n * SIZES + i].drawn, sizeof row->drawn);
            memcpy(after + at, row[n * SIZES + i].after, sizeof row->after);
        }
    }
    sheet_group(sheet, "lucky");
    sheet_axis(sheet, "neurons", SIZES, neurons, "neurons of the node |N_mu|", "1");
    sheet_axis(sheet, "quantile", HLTM_6_QUANTILES, hltm_6_quantile, "quantile", "1");
    sheet_axis(sheet, "net", nets, NULL, "tree and network", "1");
    sheet_put(sheet, "exact", "neurons quantile", *exact, "largest gap by the law Phi(t)^|N_mu|",
              units);
    sheet_put(sheet, "drawn", "neurons net quantile", drawn,
              "largest gap of pre-activations, 2000 draws of W", units);
    sheet_put(sheet, "after", "neurons net quantile", after,
              "largest gap after the ReLU, 2000 draws of W", units);
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    struct latent_settings latent;
    struct sheet sheet = {.store = store, .err = err};
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    sheet.status = params_fill(latent_params, NULL, 0, &latent, err);
    put_factors(&sheet, job, &latent);
    put_lucky(&sheet, job->settings, &latent);
    gsl_set_error_handler(handler);
    return sheet_close(&sheet);
}

/* ---- checks ---- */

struct extremes {
    double least, most, sum;
    size_t count;
};

static void widen(struct extremes *e, struct reader *r, const char *group, const char *name)
{
    const struct store_array a = reader_get(r, 0, 0, "%s/%s", group, name);
    for (size_t i = 0; i < a.count; i++) {
        e->least = e->count ? smaller(e->least, a.values[i]) : a.values[i];
        e->most = e->count ? larger(e->most, a.values[i]) : a.values[i];
        e->sum += a.values[i];
        e->count++;
    }
}

static void check_factors(struct reader *r, struct sights *sights)
{
    static const char *const over[] = {"polarity", "width"};
    struct extremes gram = {0}, mean = {0}, linear = {0};
    for (int i = 0; i < 2; i++)
        for (int depth = SHALLOWEST; depth <= 4; depth++) {
            char group[64];
            snprintf(group, sizeof group, "/%s/depth_%d", over[i], depth);
            if (!store_has(r->file, group))
                continue;
            widen(&gram, r, group, "mean_of_gram");
            widen(&mean, r, group, "gram_of_mean");
            widen(&linear, r, group, "linear");
        }
    if (r->status)
        return;
    sight(sights, linear.most < 1e-10, "linear networks factorise (largest error %.0e)",
          linear.most);
    sight(sights, gram.least > 0.25 && gram.most < 1,
          "ReLU networks do not, at any depth, width or polarity (mean errors %.2f to %.2f)",
          gram.least, gram.most);
    sight(sights, mean.sum > gram.sum,
          "E[J]^T E[J] is no better than E[J^T J] on average (%.2f and %.2f)",
          mean.sum / (double)mean.count, gram.sum / (double)gram.count);
}

static void judge_lucky(const struct store_array *exact, const struct store_array *drawn,
                        const struct store_array *after, struct sights *sights)
{
    const size_t nets = drawn->shape[1], last = (size_t)(SIZES - 1) * HLTM_6_QUANTILES + 1;
    double worst = 0, least = INFINITY, excess = -INFINITY;
    for (size_t i = 0; i < exact->count; i++) {
        double mean = 0;
        for (size_t n = 0; n < nets; n++)
            mean += drawn->values[(i / HLTM_6_QUANTILES * nets + n) * HLTM_6_QUANTILES +
                                  i % HLTM_6_QUANTILES] /
                    (double)nets;
        worst = larger(worst, fabs(mean - exact->values[i]));
    }
    for (size_t n = 0; n < nets; n++) {
        double median = after->values[((SIZES - 1) * nets + n) * HLTM_6_QUANTILES + 1];
        least = smaller(least, median / exact->values[last]);
        excess = larger(excess, median / exact->values[last]);
    }
    sight(sights, worst < 0.1, "the largest gap follows its exact law (quantiles to %.3f)", worst);
    sight(sights, least < 0.8 && excess < 1.05,
          "after the ReLU it is smaller, by a factor that depends on the network (%.2f to %.2f)",
          least, excess);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    check_factors(&r, sights);
    const struct store_array exact = reader_get(&r, SIZES, HLTM_6_QUANTILES, "/lucky/exact"),
                             drawn = reader_get(&r, SIZES, 0, "/lucky/drawn"),
                             after = reader_get(&r, SIZES, 0, "/lucky/after");
    if (!r.status && (drawn.rank != 3 || drawn.count != after.count ||
                      drawn.count != exact.count * drawn.shape[1]))
        r.status = error_set(err, STATUS_INVALID, "the quantiles in /lucky differ in length");
    if (!r.status)
        judge_lucky(&exact, &drawn, &after, sights);
    return reader_close(&r);
}

const struct figure figure_ddn_factorisation = {
    .about =
        {.name = "ddn_factorisation",
         .doc = "Distance of a node's factorised operator from its operator in random ReLU "
                "networks, over polarity, width and depth, and the luckiest neuron of a node. The "
                "factors are exact in linear networks only: in ReLU networks at initialisation the "
                "relative error stays near 0.6 and hardly depends on any of the three. The largest "
                "gap grows with the number of neurons by the exact law; after the ReLU it is "
                "smaller, by a factor that depends on the network.",
         .source = "[DDN] Sec. 6 (HLTM-4, HLTM-6)",
         .params = params,
         .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"depth=3", "width=10", "nets=8", "lucky=4", NULL},
    .compute = compute,
    .script = "paper_figs/ddn/ddn_factorisation.gp",
    .check = check,
};
