/* SC-1: the mean over positives inside and outside the logarithm */
#include "core/extreme.h"
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/draw.h"
#include "theorems/sc/sc.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

/* Terms of Jensen's inequality for one anchor: x_j = z_i . z_j / tau over its positives. */
struct spread {
    double all;                   /* log of the sum of e^{x} over all others */
    double mean, variance, least; /* of the positives */
    double outside;               /* their mean under the weights outside the logarithm */
};

/* Positives weigh ~ e^{tilt x} outside the logarithm. */
static struct spread spread_of(const struct sc_batch *b, size_t i, double tilt, double *cosine)
{
    struct spread s = {.least = INFINITY};
    double count = sc_positives(b, i), total = 0, weight = 0, square = 0;
    sc_cosines(b, i, cosine);
    for (size_t k = 0; k < sc_rows(b); k++) {
        double e = exp(cosine[k]); /* at most e^10 */
        total += e;
        if (!sc_positive(b, i, k))
            continue;
        s.mean += cosine[k] / count;
        s.least = smaller(s.least, cosine[k]);
        s.outside += exp(tilt * cosine[k]) * cosine[k];
        weight += exp(tilt * cosine[k]);
    }
    for (size_t k = 0; k < sc_rows(b); k++)
        if (sc_positive(b, i, k))
            square += (cosine[k] - s.mean) * (cosine[k] - s.mean);
    s.variance = square / count;
    s.outside /= weight;
    s.all = log(total);
    return s;
}

/* Means over the anchors. */
struct means {
    double out; /* L_out by its formula, with the weights outside the logarithm */
    double gap; /* the least gap */
};

static enum status mean_spread(const struct sc_batch *b, double tilt, struct means *m,
                               struct error *err)
{
    const size_t rows = sc_rows(b);
    double *cosine = malloc(rows * sizeof *cosine);
    *m = (struct means){0};
    if (!cosine)
        return error_memory(err, "%zu rows", rows);
    for (size_t i = 0; i < rows; i++) {
        const struct spread s = spread_of(b, i, tilt, cosine);
        m->out += (s.all - s.outside) / (double)rows;
        m->gap += log1p(s.variance / 2 * exp(s.least - s.mean)) / (double)rows;
    }
    free(cosine);
    return STATUS_OK;
}

/* The argument: whether the order or the gap of both losses is bounded. */
enum bounded { ORDER, GAP };

static enum status measure_bound(const struct trial *trial, struct reading *reading)
{
    const enum bounded bounded = *(const enum bounded *)trial->argument;
    struct sc_batch b;
    struct means even = {0}, other = {0};
    enum status status = sc_draw(&b, trial);
    if (!status)
        status = mean_spread(&b, 0, &even, trial->err);
    if (!status)
        status = mean_spread(&b, trial->restored ? 0 : 1, &other, trial->err);
    if (!status) {
        double in = sc_loss(&b, &objective_supcon_in), out = sc_loss(&b, &objective_supcon_out);
        const double gap = bounded == GAP ? even.gap : 0;
        plant(trial, &in, 1);
        reading->error = (gap - (out - in)) / fabs(out);
        if (b.edge == SC_PLAIN)
            reading->control[0] = (gap - (other.out - in)) / fabs(out);
    }
    sc_free(&b);
    return status;
}

/* ---- equality ---- */

enum { COMMON = 3, MAX_CLASSES = 8 };

/* Rows cos(a) m + sin(a) e_i.  Each class has its own m, in a space of few dimensions, and with
 * `equal` its own a; each row has its own direction e_i.  Then any two rows of a class have the
 * cosine cos(a)^2. */
static void draw_around(struct sc_batch *b, gsl_rng *rng, bool equal)
{
    double angle[MAX_CLASSES + 2], centre[MAX_CLASSES + 2][COMMON];
    for (int c = 0; c < MAX_CLASSES + 2; c++) {
        angle[c] = gsl_ran_flat(rng, 0.2, 1.4);
        gsl_ran_dir_nd(rng, COMMON, centre[c]);
    }
    for (size_t i = 0; i < sc_rows(b); i++) {
        const int label = b->label[i % b->outputs.samples];
        const double length = gsl_ran_flat(rng, 0.3, 3);
        const double a = equal ? angle[label] : gsl_ran_flat(rng, 0.2, 1.4);
        for (int k = 0; k < b->outputs.width; k++) {
            double x = k < COMMON ? cos(a) * centre[label][k] : sin(a) * (k == COMMON + (int)i);
            b->f[sc_index(b, i, k)] = length * x;
        }
    }
}

/* Distance of both losses, relative to L_out. */
static double inequality(const struct trial *trial, struct sc_batch *b, bool equal)
{
    draw_around(b, trial->rng, equal);
    double in = sc_loss(b, &objective_supcon_in), out = sc_loss(b, &objective_supcon_out);
    plant(trial, &in, 1);
    return relative_error(&in, &out, 1);
}

static enum status measure_equality(const struct trial *trial, struct reading *reading)
{
    struct sc_batch b;
    const int samples = draw_between(trial->rng, 4, 8), width = COMMON + 2 * samples;
    enum status status = sc_create(&b, (size_t)samples, width, trial->err);
    if (!status) {
        b.tau = exp(gsl_ran_flat(trial->rng, log(0.1), log(2)));
        sc_draw_labels(&b, trial->rng, draw_between(trial->rng, 1, MAX_CLASSES));
        reading->error = inequality(trial, &b, true);
        reading->control[0] = inequality(trial, &b, trial->restored);
    }
    sc_free(&b);
    return status;
}

static const struct part parts[] = {
    {.statement = "order: L_in <= L_out",
     .measured =
         "Excess of L_in over L_out, relative to L_out, of drawn batches, some of one class, "
         "of pairs alone, or of equal outputs. For the control L_out has the positives "
         "weighted by e^{z_i . z_p / tau}, not evenly: Jensen's inequality then goes the "
         "other way.",
     .controls = {"uneven weights outside the logarithm"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 200},
     .measure = measure_bound,
     .argument = &(const enum bounded){ORDER}},
    {.statement = "gap: L_out - L_in >= mean_i log(1 + v_i e^{-(m_i - l_i)} / 2) > 0 unless all "
                  "positives of every anchor are equally similar",
     .measured = "m_i, v_i, l_i: mean, variance and least of z_i . z_p / tau over the positives of "
                 "anchor i. By how much the gap falls short, relative to L_out. The bound "
                 "follows from e^y >= 1 + y + y^2 e^{min(y, 0)} / 2.",
     .controls = {"uneven weights outside the logarithm"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 200},
     .measure = measure_bound,
     .argument = &(const enum bounded){GAP}},
    {.statement = "equality: L_in = L_out where all positives of an anchor are equally similar",
     .measured = "Both losses on batches in which any two rows of a class have the same cosine, "
                 "drawn for each class.",
     .controls = {"positives that are not equally similar"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 100, .quick = 20},
     .measure = measure_equality},
};

const struct claim claim_sc_1 = {
    .about = {.name = "SC-1",
              .doc = "The supervised contrastive loss with the mean over positives inside the "
                     "logarithm is at most the one with the mean outside, and equal to it only "
                     "where all positives of an anchor are equally similar to it.",
              .source = "[SC] Khosla et al., Eqns. 2 and 3, by Jensen's inequality",
              SC_SETTINGS},
    .title = "Inside and outside the logarithm",
    .formula = "L_in <= L_out",
    .hypotheses = "The positives have even weights 1 / |P(i)|.",
    ALL_PARTS(parts),
};
