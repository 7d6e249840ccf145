/* cacr: contrastive attraction and contrastive repulsion, [SC] Zheng et al. */
#include "sim/loss/objectives/objectives.h"

/* The r_k of the largest weight. */
static double heaviest(int64_t count, const double *r, double t)
{
    double best = r[0];
    for (int64_t k = 1; k < count; k++)
        best = (t < 0 ? r[k] < best : r[k] > best) ? r[k] : best;
    return best;
}

void cacr_weights(int64_t count, const double *r, double t, double *weight)
{
    const double best = heaviest(count, r, t);
    double total = 0;
    /* the difference first: a difference of two products is off by rounding of numbers of any size
     */
    for (int64_t k = 0; k < count; k++)
        total += weight[k] = exp(2 * t * (r[k] - best));
    for (int64_t k = 0; k < count; k++)
        weight[k] /= total;
}

/* sum_k pi_k c_k; d[k] = d / d r_k, in which the weights move too. */
static double weighted_cost(int64_t count, const double *r, double t, double *d)
{
    const double best = heaviest(count, r, t);
    double mean = 0; /* of c_k - 2 best */
    cacr_weights(count, r, t, d);
    for (int64_t k = 0; k < count; k++)
        mean += d[k] * 2 * (r[k] - best);
    for (int64_t k = 0; k < count; k++) /* no weight, no slope, however far away */
        d[k] = d[k] == 0 ? 0 : d[k] * 2 * (1 + t * (2 * (r[k] - best) - mean));
    return 2 * best + mean;
}

static double loss(const void *settings, int64_t negatives, const double *r_plus,
                   const double *r_minus, double *d_plus, double *d_minus)
{
    const struct cacr_settings *s = settings;
    double attraction = weighted_cost(s->positives, r_plus, s->t_plus, d_plus);
    double repulsion = weighted_cost(negatives, r_minus, -s->t_minus, d_minus);
    for (int64_t k = 0; k < negatives; k++)
        d_minus[k] = -d_minus[k];
    return attraction - repulsion;
}

static const struct param params[] = {
    REAL_PARAM(struct cacr_settings, t_plus, "1", 0, UNBOUNDED,
               "t_+: positives have weights pi_+ ~ exp(t_+ |f(x_1) - f(x_+)|^2); 0: all the same"),
    REAL_PARAM(struct cacr_settings, t_minus, "1", 0, UNBOUNDED,
               "t_-: negatives have weights pi_- ~ exp(-t_- |f(x_1) - f(x_-)|^2); 0: all the same"),
    INTEGER_PARAM(struct cacr_settings, positives, "4", 1, 64,
                  "K, views of the sample's point besides x_1"),
    INTEGER_PARAM(struct cacr_settings, negatives, "16", 1, 4096,
                  "H, independent negatives of each sample"),
    {0}};

const struct objective objective_cacr = {
    .about = {.name = "cacr",
              .doc = "Contrastive attraction and contrastive repulsion: mean squared distance to K "
                     "positives, the far ones weighing more, less that to H negatives, the near "
                     "ones weighing more. Gradients flow through the weights too, as in the "
                     "authors' code. Unbounded below unless the output is normalised.",
              .source = "[SC] Zheng et al., arXiv:2105.03746",
              .params = params,
              .settings_size = sizeof(struct cacr_settings)},
    .form = &form_per_sample,
    .of = &(const struct per_sample){.loss = loss,
                                     .positives = offsetof(struct cacr_settings, positives),
                                     .negatives = offsetof(struct cacr_settings, negatives)},
};
