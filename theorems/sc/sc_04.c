/* SC-4: weights and limit of contrastive attraction and contrastive repulsion */
#include "core/extreme.h"
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
    bool edge;
    double r[2 * MOST], d[2 * MOST];
};

/* With `edges` some instances have one positive or one negative, or equal distances: there the
 * weights are even whatever the temperatures are, and controls are not measured. */
static void draw_forces(struct forces *f, const struct trial *trial, bool edges)
{
    gsl_rng *rng = trial->rng;
    const int edge = edges && trial->instance % 5 == 4 ? 1 + trial->instance / 5 % 3 : 0;
    f->edge = edge > 0;
    f->positives = edge == 1 ? 1 : draw_between(rng, 2, MOST);
    f->negatives = edge == 2 ? 1 : draw_between(rng, 2, MOST);
    f->settings = (struct cacr_settings){.t_plus = exp(gsl_ran_flat(rng, -2, 1.5)),
                                         .t_minus = exp(gsl_ran_flat(rng, -2, 1.5)),
                                         .positives = f->positives,
                                         .negatives = f->negatives};
    for (int k = 0; k < f->positives + f->negatives; k++)
        f->r[k] = edge == 3 ? 1 : gsl_ran_flat(rng, 0, 2); /* as for outputs of length 1 */
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
static double misstep(const struct trial *trial, double *r, int count, double t, double direction)
{
    double weight[MOST], worst = -INFINITY, top = 0;
    gsl_sort(r, 1, (size_t)count);
    cacr_weights(count, r, t, weight);
    plant(trial, weight, (size_t)count);
    for (int k = 1; k < count; k++)
        worst = larger(worst, direction * (weight[k - 1] - weight[k]));
    for (int k = 0; k < count; k++)
        top = larger(top, fabs(weight[k]));
    return worst / top;
}

static enum status measure_weights(const struct trial *trial, struct reading *reading)
{
    struct forces f;
    draw_forces(&f, trial, true);
    const double t_plus = f.settings.t_plus, t_minus = f.settings.t_minus;
    double *r_minus = f.r + f.positives;
    const double other = trial->restored ? 1 : -1; /* the weights of the other force */
    reading->error = larger(misstep(trial, f.r, f.positives, t_plus, 1),
                            misstep(trial, r_minus, f.negatives, -t_minus, -1));
    if (f.edge)
        return STATUS_OK;
    reading->control[0] = misstep(trial, f.r, f.positives, other * t_plus, 1);
    reading->control[1] = misstep(trial, r_minus, f.negatives, -other * t_minus, -1);
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
    draw_forces(&f, trial, true);
    const size_t size = 1 + (size_t)(f.positives + f.negatives);
    take(trial, &f, measured);
    predict(&f, f.settings.t_plus, f.settings.t_minus, true, predicted);
    reading->error = relative_error(measured, predicted, size);
    if (f.edge)
        return STATUS_OK;
    const double sign = trial->restored ? 1 : -1;
    predict(&f, f.settings.t_plus, f.settings.t_minus, trial->restored, predicted);
    reading->control[0] = relative_error(measured, predicted, size);
    predict(&f, sign * f.settings.t_plus, sign * f.settings.t_minus, true, predicted);
    reading->control[1] = relative_error(measured, predicted, size);
    return STATUS_OK;
}

/* ---- without temperatures ---- */

static enum status measure_plain(const struct trial *trial, struct reading *reading)
{
    struct forces f;
    double measured[1 + 2 * MOST], plain[1 + 2 * MOST] = {0};
    draw_forces(&f, trial, true);
    const int others = f.positives + f.negatives;
    for (int k = 0; k < others; k++) {
        plain[1 + k] = k < f.positives ? 2.0 / f.positives : -2.0 / f.negatives;
        plain[0] += plain[1 + k] * f.r[k];
    }
    const struct cacr_settings drawn = f.settings;
    f.settings.t_plus = f.settings.t_minus = 0;
    take(trial, &f, measured);
    reading->error = relative_error(measured, plain, 1 + (size_t)others);
    if (!trial->restored)
        f.settings = drawn;
    take(trial, &f, measured);
    if (!f.edge)
        reading->control[0] = relative_error(measured, plain, 1 + (size_t)others);
    return STATUS_OK;
}

/* |loss - loss without temperatures| for t_+ and t_- */
static double away(const struct trial *trial, struct forces *f, double plain, double t_plus,
                   double t_minus)
{
    f->settings.t_plus = t_plus;
    f->settings.t_minus = t_minus;
    double loss = evaluate(f);
    plant(trial, &loss, 1);
    return fabs(loss - plain);
}

/* Slope of this distance against a common factor of both; for the control one of them stays.  Both
 * raise the loss, so it is the one that raises it more: the other one is small beside it. */
static enum status measure_limit(const struct trial *trial, struct reading *reading)
{
    enum { SCALES = 8 };
    double factor[SCALES], both[SCALES], held[SCALES];
    struct forces f;
    draw_forces(&f, trial, false);
    const double t_plus = f.settings.t_plus, t_minus = f.settings.t_minus;
    f.settings.t_plus = f.settings.t_minus = 0;
    const double plain = evaluate(&f);
    const bool plus = away(trial, &f, plain, t_plus, 0) > away(trial, &f, plain, 0, t_minus);
    for (int i = 0; i < SCALES; i++) {
        factor[i] = pow(2, -10 - i);
        const double c = factor[i], stays = trial->restored ? c : 1;
        both[i] = away(trial, &f, plain, c * t_plus, c * t_minus);
        held[i] = away(trial, &f, plain, (plus ? stays : c) * t_plus, (plus ? c : stays) * t_minus);
    }
    reading_slopes(reading, log_log_slope(factor, both, SCALES),
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
     .controls = {"the one that raises the loss more stays as it is"},
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
