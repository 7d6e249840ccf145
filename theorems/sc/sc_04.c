/* SC-4: weights and limit of contrastive attraction and contrastive repulsion */
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/draw.h"
#include "theorems/sc/sc.h"

#include <gsl/gsl_randist.h>
#include <gsl/gsl_sort.h>
#include <math.h>
#include <string.h>

enum { MOST = 16 };

/* Drawn settings and distances; r of the positives, then of the negatives. */
struct forces {
    struct cacr_settings settings;
    int positives, negatives;
    double r[2 * MOST], d[2 * MOST];
};

static void draw_forces(struct forces *f, gsl_rng *rng)
{
    f->positives = draw_between(rng, 2, MOST);
    f->negatives = draw_between(rng, 2, MOST);
    f->settings = (struct cacr_settings){.t_plus = exp(gsl_ran_flat(rng, -2, 1.5)),
                                         .t_minus = exp(gsl_ran_flat(rng, -2, 1.5)),
                                         .positives = f->positives,
                                         .negatives = f->negatives};
    for (int k = 0; k < f->positives + f->negatives; k++)
        f->r[k] = gsl_ran_flat(rng, 0, 2); /* as for outputs of length 1 */
}

/* Loss, and d = its derivatives. */
static double evaluate(struct forces *f)
{
    return sample_loss(&objective_cacr, &f->settings, f->negatives, f->r, f->r + f->positives, f->d,
                       f->d + f->positives);
}

/* ---- weights ---- */

/* The largest step against `direction` (1: up, -1: down) of weights along sorted distances, over
 * the largest weight. */
static double misstep(double *r, int count, double t, double direction)
{
    double weight[MOST], worst = -INFINITY, top = 0;
    gsl_sort(r, 1, (size_t)count);
    cacr_weights(count, r, t, weight);
    for (int k = 1; k < count; k++)
        worst = fmax(worst, direction * (weight[k - 1] - weight[k]));
    for (int k = 0; k < count; k++)
        top = fmax(top, weight[k]);
    return worst / top;
}

static enum status measure_weights(const struct trial *trial, struct reading *reading)
{
    struct forces f;
    draw_forces(&f, trial->rng);
    const double t_plus = f.settings.t_plus, t_minus = f.settings.t_minus;
    double *r_minus = f.r + f.positives;
    reading->error =
        fmax(misstep(f.r, f.positives, t_plus, 1), misstep(r_minus, f.negatives, -t_minus, -1));
    reading->control[0] = misstep(f.r, f.positives, -t_plus, 1);
    reading->control[1] = misstep(r_minus, f.negatives, t_minus, -1);
    return STATUS_OK;
}

/* ---- forces ---- */

/* Mean of c = 2 r under weights ~ e^{t c}, and its derivatives by r: with the derivatives of the
 * weights, or without. */
static double weighted_mean(int count, const double *r, double t, bool moving, double *d)
{
    double total = 0, mean = 0;
    for (int k = 0; k < count; k++)
        total += exp(2 * t * r[k]);
    for (int k = 0; k < count; k++)
        mean += exp(2 * t * r[k]) / total * 2 * r[k];
    for (int k = 0; k < count; k++)
        d[k] = 2 * exp(2 * t * r[k]) / total * (1 + (moving ? t * (2 * r[k] - mean) : 0));
    return mean;
}

/* Loss, then derivatives: [1 + K + H]. */
static void predict(const struct forces *f, double t_plus, double t_minus, bool moving, double *out)
{
    double *d_plus = out + 1, *d_minus = d_plus + f->positives;
    double attraction = weighted_mean(f->positives, f->r, t_plus, moving, d_plus);
    double repulsion = weighted_mean(f->negatives, f->r + f->positives, -t_minus, moving, d_minus);
    out[0] = attraction - repulsion;
    for (int k = 0; k < f->negatives; k++)
        d_minus[k] = -d_minus[k];
}

static void take(const struct trial *trial, struct forces *f, double *out)
{
    out[0] = evaluate(f);
    memcpy(out + 1, f->d, (size_t)(f->positives + f->negatives) * sizeof *out);
    plant(trial, out, 1 + (size_t)(f->positives + f->negatives));
}

static enum status measure_forces(const struct trial *trial, struct reading *reading)
{
    struct forces f;
    double measured[1 + 2 * MOST], predicted[1 + 2 * MOST];
    draw_forces(&f, trial->rng);
    const size_t size = 1 + (size_t)(f.positives + f.negatives);
    take(trial, &f, measured);
    predict(&f, f.settings.t_plus, f.settings.t_minus, true, predicted);
    reading->error = relative_error(measured, predicted, size);
    predict(&f, f.settings.t_plus, f.settings.t_minus, false, predicted);
    reading->control[0] = relative_error(measured, predicted, size);
    predict(&f, -f.settings.t_plus, -f.settings.t_minus, true, predicted);
    reading->control[1] = relative_error(measured, predicted, size);
    return STATUS_OK;
}

/* ---- without temperatures ---- */

static enum status measure_plain(const struct trial *trial, struct reading *reading)
{
    struct forces f;
    double measured[1 + 2 * MOST], plain[1 + 2 * MOST] = {0};
    draw_forces(&f, trial->rng);
    const int others = f.positives + f.negatives;
    for (int k = 0; k < others; k++) {
        plain[1 + k] = k < f.positives ? 2.0 / f.positives : -2.0 / f.negatives;
        plain[0] += plain[1 + k] * f.r[k];
    }
    take(trial, &f, measured);
    reading->control[0] = relative_error(measured, plain, 1 + (size_t)others);
    f.settings.t_plus = f.settings.t_minus = 0;
    take(trial, &f, measured);
    reading->error = relative_error(measured, plain, 1 + (size_t)others);
    return STATUS_OK;
}

/* Slope of |loss - loss without temperatures| against a common factor of both; for the control t_-
 * stays. */
static enum status measure_limit(const struct trial *trial, struct reading *reading)
{
    enum { SCALES = 8 };
    double factor[SCALES], away[SCALES], held[SCALES];
    struct forces f;
    draw_forces(&f, trial->rng);
    const double t_plus = f.settings.t_plus, t_minus = f.settings.t_minus;
    f.settings.t_plus = f.settings.t_minus = 0;
    const double plain = evaluate(&f);
    for (int i = 0; i < SCALES; i++) {
        factor[i] = pow(2, -10 - i);
        f.settings.t_plus = factor[i] * t_plus;
        f.settings.t_minus = factor[i] * t_minus;
        away[i] = fabs(evaluate(&f) - plain);
        f.settings.t_minus = t_minus;
        held[i] = fabs(evaluate(&f) - plain);
    }
    reading_slopes(reading, log_log_slope(factor, away, SCALES),
                   log_log_slope(factor, held, SCALES));
    return STATUS_OK;
}

static const struct part parts[] = {
    {.statement = "weights: pi_+ rises with the distance of a positive, pi_- falls with the "
                  "distance of a negative",
     .measured = "Weights of the engine along sorted distances, both kinds: the largest step the "
                 "wrong way, over the largest weight.",
     .controls = {"attraction with the weights of repulsion",
                  "repulsion with the weights of attraction"},
     .kind = PART_BOUND,
     .plan = {.instances = 1000, .quick = 200},
     .measure = measure_weights},
    {.statement = "forces: loss = C_+ - C_-, C = sum_k pi_k c_k, and dC/dc_k = pi_k [1 + t (c_k - "
                  "C)], t = t_+ or -t_-",
     .measured = "Left: loss and derivatives as training uses them, at drawn distances. Right: "
                 "weights pi_+ ~ e^{t_+ c_+} and pi_- ~ e^{-t_- c_-}, written out.",
     .controls = {"weights without a gradient", "both temperatures of the other sign"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 100, .quick = 20},
     .measure = measure_forces},
    {.statement = "averages: with t_+ = t_- = 0 loss = mean c_+ - mean c_-",
     .measured = "Loss and derivatives at drawn distances against the plain averages.",
     .controls = {"drawn temperatures"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 100, .quick = 20},
     .measure = measure_plain},
    {.statement =
         "limit: the loss goes to the plain averages as both temperatures vanish, linearly",
     .measured =
         "Slope of the distance of the loss from the loss of the plain averages against a common "
         "factor of both temperatures, 8 scales.",
     .controls = {"t_- stays as it is"},
     .kind = PART_RATE,
     .tolerance = 0.01,
     .least = 1,
     .plan = {.instances = 20, .quick = 5},
     .measure = measure_limit},
};

const struct claim claim_sc_4 = {
    .about = {.name = "SC-4",
              .doc = "Contrastive attraction and contrastive repulsion pulls hardest at far "
                     "positives and pushes hardest at near negatives. It goes to the difference of "
                     "plain average distances linearly as its temperatures vanish.",
              .source = "[SC] Zheng et al., arXiv:2105.03746",
              SC_SETTINGS},
    .title = "Weights of attraction and repulsion",
    .formula = "pi_+ ~ e^{t_+ c_+}, pi_- ~ e^{-t_- c_-}, loss = sum pi_+ c_+ - sum pi_- c_-",
    .hypotheses = "The cost is the squared distance, c = |f(x_1) - f(x)|^2 = 2 r.",
    ALL_PARTS(parts),
};
