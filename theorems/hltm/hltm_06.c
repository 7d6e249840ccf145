/* HLTM-6: lucky neurons */
#include "theorems/hltm/hltm_06.h"
#include "core/extreme.h"
#include "theorems/claims.h"
#include "theorems/hltm/latent.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 100000, MAX_INPUTS = 256 };

/* Networks of the engine: their number, neurons per node, and inputs whose law is summed. */
enum { NETWORKS = 1500, WIDTH = 3, MOST_SUMMED = 12 };

const double hltm_6_quantile[HLTM_6_QUANTILES] = {0.1, 0.5, 0.9};

/* Inputs of a node's neurons: the difference of their means between the node's two states. */
struct node_inputs {
    int count;
    double difference[MAX_INPUTS]; /* E[f_k | z = 1] - E[f_k | z = 0], summed over leaf patterns */
    double norm;                   /* |a|, from selectivities and polarities */
};

/* A tree and a network on it whose root does not see too many neurons. */
static enum status open_case(const struct trial *trial, struct latent_case *c)
{
    struct net_wish wish = {.relu = gsl_rng_uniform_int(trial->rng, 2) == 0};
    enum status status = latent_case_open(c, trial, LATENT_FORKED);
    if (!status)
        status = latent_case_draw(c, trial, wish);
    if (!status && latent_inputs(&c->net, 0) > MAX_INPUTS)
        status =
            error_set(trial->err, STATUS_INVALID, "the root sees %zu neurons; at most %d are drawn",
                      latent_inputs(&c->net, 0), MAX_INPUTS);
    return status;
}

static struct node_inputs root_inputs(const struct latent_net *net)
{
    struct node_inputs in = {.count = (int)latent_inputs(net, 0)};
    double a[MAX_INPUTS], square = 0;
    latent_selectivity(net, 0, 0, a);
    for (int k = 0; k < in.count; k++) {
        const double *f = latent_input(net, 0, 0, (size_t)k);
        in.difference[k] = latent_mean(net->support, net->tree, f, 0, 1) -
                           latent_mean(net->support, net->tree, f, 0, 0);
        square += a[k] * a[k];
    }
    in.norm = sqrt(square);
    return in;
}

/* ---- the law of the largest gap ---- */

struct law {
    double scale; /* 2 sigma_w |a| / sqrt(n) */
    int neurons;  /* |N_mu| */
};

static double cdf(double x, void *context)
{
    const struct law *law = context;
    return pow(gsl_cdf_ugaussian_P(x / law->scale), law->neurons);
}

/* Largest gap of `neurons` rows W_j i.i.d. Normal(0, 1/n), with a part `common` of every row's
 * variance shared by all. */
static double largest_gap(gsl_rng *rng, const struct node_inputs *in, int neurons, double common)
{
    double sd = 1 / sqrt(in->count), shared = 0, largest = -INFINITY;
    for (int k = 0; common > 0 && k < in->count; k++)
        shared += sqrt(common) * sd * gsl_ran_gaussian_ziggurat(rng, 1) * in->difference[k];
    for (int j = 0; j < neurons; j++) {
        double gap = 0;
        for (int k = 0; k < in->count; k++)
            gap += sd * gsl_ran_gaussian_ziggurat(rng, 1) * in->difference[k];
        largest = larger(largest, shared + sqrt(1 - common) * gap);
    }
    return largest;
}

static double test_law(const struct trial *trial, const struct node_inputs *in, int neurons,
                       double common, double *gap)
{
    struct law law = {2 * in->norm / sqrt(in->count), neurons};
    for (int i = 0; i < DRAWS; i++) {
        gap[i] = largest_gap(trial->rng, in, neurons, common);
        plant(trial, &gap[i], 1);
    }
    return kolmogorov_smirnov_p(gap, DRAWS, cdf, &law);
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    static const int sizes[] = {2, 5, 10, 20};
    double *gap = malloc(DRAWS * sizeof *gap);
    if (!gap)
        return error_memory(trial->err, "draws");
    struct latent_case c;
    enum status status = open_case(trial, &c);
    if (!status) {
        struct node_inputs in = root_inputs(&c.net);
        int neurons = sizes[trial->instance % 4];
        reading->error = test_law(trial, &in, neurons, 0, gap);
        reading->control[0] = test_law(trial, &in, neurons, trial->restored ? 0 : 0.5, gap);
    }
    latent_case_free(&c);
    free(gap);
    return status;
}

/* ---- the initial weights of the engine ---- */

/* P(S <= x) of S = sum_k c_k U_k, U_k uniform on [-1, 1] and independent:
 *
 *     1 / (m! 2^m prod_k c_k) sum_{e in {-1, 1}^m} (prod_k e_k) (x + sum_k e_k c_k)_+^m
 *
 * by convolution of boxes.  The sum is taken on the side of the shorter tail. */
static double uniform_sum_cdf(double x, const double *c, int m)
{
    double sum = 0, below = -fabs(x);
    for (int e = 0; e < 1 << m; e++) {
        double at = below, sign = 1, power = 1;
        for (int k = 0; k < m; k++) {
            at += e >> k & 1 ? c[k] : -c[k];
            sign *= e >> k & 1 ? 1 : -1;
        }
        for (int k = 0; k < m; k++)
            power *= at / (2 * c[k] * (k + 1));
        sum += at > 0 ? sign * power : 0;
    }
    return x > 0 ? 1 - sum : sum;
}

/* |c_k| of the inputs that matter, c_k = difference_k / sqrt(n); those below a thousandth of the
 * largest move the law by less than 1e-6.  Returns their number. */
static int spread_of(const struct node_inputs *in, double *c)
{
    double largest = 0;
    int count = 0;
    for (int k = 0; k < in->count; k++)
        largest = larger(largest, fabs(in->difference[k]) / sqrt(in->count));
    for (int k = 0; k < in->count; k++)
        if (fabs(in->difference[k]) / sqrt(in->count) > 1e-3 * largest)
            c[count++] = fabs(in->difference[k]) / sqrt(in->count);
    return count;
}

/* Largest gap of the root's neurons, by the engine's forward pass. */
static double engine_gap(const struct trial *trial, const struct latent_net *net)
{
    double largest = -INFINITY;
    for (int j = 0; j < net->width[0]; j++) {
        const double *f = net->value[0] + (size_t)j * net->support->stride;
        double gap = latent_mean(net->support, net->tree, f, 0, 1) -
                     latent_mean(net->support, net->tree, f, 0, 0);
        largest = larger(largest, gap);
    }
    plant(trial, &largest, 1);
    return largest;
}

static double identity(double x, void *context)
{
    (void)context;
    return x;
}

/* p-value of F(largest gap)^N, uniform on [0, 1] if the law is right, over networks as training
 * begins with; each has its own inputs of the root and its own law F. */
static enum status test_engine(const struct trial *trial, struct latent_case *c, bool one_row,
                               double *p)
{
    double *u = malloc(NETWORKS * sizeof *u), spread[MOST_SUMMED];
    enum status status = u ? STATUS_OK : error_memory(trial->err, "networks");
    size_t count = 0;
    for (int i = 0; !status && i < NETWORKS; i++) {
        status = latent_net_init(&c->net, gsl_rng_get(trial->rng), one_row, trial->err);
        if (status)
            break;
        struct node_inputs in = root_inputs(&c->net);
        int summed = spread_of(&in, spread);
        double gap = engine_gap(trial, &c->net);
        if (summed > 0) /* else all ReLUs below are shut */
            u[count++] = pow(uniform_sum_cdf(gap, spread, summed), c->net.width[0]);
    }
    *p = status ? NAN : kolmogorov_smirnov_p(u, count, identity, NULL);
    free(u);
    return status;
}

static enum status measure_engine(const struct trial *trial, struct reading *reading)
{
    struct latent_case c;
    enum status status = latent_case_open(&c, trial, LATENT_FORKED);
    struct net_wish wish = {.relu = trial->instance % 2 == 0, .bias = true, .width = WIDTH};
    if (!status)
        status = latent_case_draw(&c, trial, wish);
    if (!status && latent_inputs(&c.net, 0) > MOST_SUMMED)
        status = error_set(trial->err, STATUS_INVALID,
                           "the root sees %zu neurons; the law of at most %d is summed",
                           latent_inputs(&c.net, 0), MOST_SUMMED);
    if (!status)
        status = test_engine(trial, &c, false, &reading->error);
    if (!status)
        status = test_engine(trial, &c, !trial->restored, &reading->control[0]);
    latent_case_free(&c);
    return status;
}

/* ---- after the ReLU, for the report ---- */

/* E[ReLU(w f) | z = 1] - E[ReLU(w f) | z = 0], the largest over the neurons */
static double largest_response(gsl_rng *rng, const struct latent_net *net, int neurons, double *f)
{
    int inputs = (int)latent_inputs(net, 0);
    double largest = -INFINITY;
    for (int j = 0; j < neurons; j++) {
        memset(f, 0, net->support->stride * sizeof *f);
        for (int k = 0; k < inputs; k++) {
            double w = gsl_ran_gaussian_ziggurat(rng, 1 / sqrt(inputs));
            const double *in = latent_input(net, 0, 0, (size_t)k);
            for (size_t s = 0; s < net->support->count; s++)
                f[s] += w * in[s];
        }
        for (size_t s = 0; s < net->support->count; s++)
            f[s] = fmax(f[s], 0);
        largest = fmax(largest, latent_mean(net->support, net->tree, f, 0, 1) -
                                    latent_mean(net->support, net->tree, f, 0, 0));
    }
    return largest;
}

/* Quantiles for a node of `neurons` neurons; `room`: two arrays of draws and one of patterns. */
static void lucky_row(gsl_rng *rng, const struct latent_net *net, const struct node_inputs *in,
                      int neurons, double *room, struct hltm_6_row *row)
{
    double *value = room, *after = room + HLTM_6_REPEATS, scale = 2 * in->norm / sqrt(in->count);
    for (int r = 0; r < HLTM_6_REPEATS; r++) {
        value[r] = largest_gap(rng, in, neurons, 0) / scale;
        after[r] = largest_response(rng, net, neurons, value + 2 * HLTM_6_REPEATS) / scale;
    }
    gsl_sort(value, 1, HLTM_6_REPEATS);
    gsl_sort(after, 1, HLTM_6_REPEATS);
    row->neurons = neurons;
    for (int q = 0; q < HLTM_6_QUANTILES; q++) {
        double share = hltm_6_quantile[q];
        row->exact[q] = gsl_cdf_ugaussian_Pinv(pow(share, 1.0 / neurons));
        row->drawn[q] = gsl_stats_quantile_from_sorted_data(value, 1, HLTM_6_REPEATS, share);
        row->after[q] = gsl_stats_quantile_from_sorted_data(after, 1, HLTM_6_REPEATS, share);
    }
}

enum status hltm_6_rows(const struct trial *trial, const int *sizes, size_t count,
                        struct hltm_6_row *row)
{
    struct latent_case c;
    enum status status = open_case(trial, &c);
    double *room = NULL;
    if (!status) {
        room = malloc((2 * HLTM_6_REPEATS + c.support->stride) * sizeof *room);
        status = room ? STATUS_OK : error_memory(trial->err, "draws");
    }
    if (!status) {
        struct node_inputs in = root_inputs(&c.net);
        for (size_t i = 0; i < count; i++)
            lucky_row(trial->rng, &c.net, &in, sizes[i], room, &row[i]);
    }
    free(room);
    latent_case_free(&c);
    return status;
}

static enum status draw(const struct trial *trial, struct curves *curves)
{
    enum { SIZES = 7 };
    static const int sizes[SIZES] = {1, 2, 5, 10, 20, 50, 100};
    struct hltm_6_row row[SIZES];
    *curves = (struct curves){
        .title = "The luckiest neuron",
        .x_label = "neurons of the node |N_μ|",
        .y_label = "largest gap / (2 σ_w |a| / √n)",
        .caption = "Largest difference of a neuron's mean pre-activation between the two states of "
                   "its latent before training: the exact law (10%, 50%, 90%), 2,000 draws, and "
                   "the median after the ReLU.",
        .log_x = true,
        .columns = 8,
        .name = {"|N_μ|", "10% exact", "10% drawn", "50% exact", "50% drawn", "90% exact",
                 "90% drawn", "50% after ReLU"}};
    enum status status = hltm_6_rows(trial, sizes, SIZES, row);
    for (size_t i = 0; i < SIZES && !status; i++)
        status = curves_add(curves,
                            (double[]){row[i].neurons, row[i].exact[0], row[i].drawn[0],
                                       row[i].exact[1], row[i].drawn[1], row[i].exact[2],
                                       row[i].drawn[2], row[i].after[1]},
                            trial->err);
    return status;
}

static const struct part parts[] = {
    {.statement = "law: P(max_j gap <= t 2 sigma_w |a| / sqrt n) = Phi(t)^|N_μ|",
     .measured =
         "Kolmogorov-Smirnov test of 100,000 draws of W; the gap 2 w_j^T a from conditional "
         "means of the inputs over all leaf patterns, |a| from selectivities and "
         "polarities; |N_mu| = 2, 5, 10, 20 in turn.",
     .controls = {"correlated rows: half of each row's variance shared"},
     .kind = PART_TEST,
     .plan = {.instances = 12, .quick = 2, .cost = 0.7},
     .measure = measure},
    {.statement = "initial weights, uniform on +-1/sqrt(n): P(max_j gap <= x) = F(x)^|N_μ|, F the "
                  "law of sum_k U_k (E[f_k | z = 1] - E[f_k | z = 0]) / sqrt n, U_k uniform on "
                  "+-1",
     .measured = "Gaps at the root by forward passes of 1,500 networks as training begins with, "
                 "3 neurons per node. Each has its own inputs and its own F, an exact sum; "
                 "Kolmogorov-Smirnov test of F(max gap)^3 against the uniform law.",
     .controls = {"all neurons of the root with one row of weights"},
     .kind = PART_TEST,
     .plan = {.instances = 8, .quick = 2, .cost = 0.7},
     .measure = measure_engine},
};

const struct claim claim_hltm_6 = {
    .about = {.name = "HLTM-6",
              .doc = "Before training the gaps of a node's neurons between the states of its "
                     "latent are normal, so the largest of them grows like the largest of as many "
                     "normal numbers: log(eta) / log Phi(t) neurons give a gap t with probability "
                     "1 - eta.",
              .source = "[DDN] Sec. 6, lucky neurons",
              LATENT_SETTINGS},
    .title = "Lucky neurons",
    .formula = "2 w_j^T a_mu ~ Normal(0, 4 sigma_w^2 |a_mu|^2 / n); P(max_j gap >= t 2 sigma_w "
               "|a_mu| / sqrt n) = 1 - Phi(t)^|N_μ|",
    .hypotheses = "SB-HLTM; W_mu i.i.d. Normal(0, sigma_w^2 / n), or uniform as training begins.",
    ALL_PARTS(parts),
    .draw = draw,
};
