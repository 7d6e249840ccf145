#include "sim/train/predictor_optimiser.h"

#include "sim/registry.h"

/* Lines of a parameter table. */
#define PREDICTOR_STEP_PARAMS                                                                      \
    REAL_PARAM(struct predictor_step, lr_ratio, "1", 0, UNBOUNDED,                                 \
               "alpha_p: the predictor's learning rate over the trunk's"),                         \
        REAL_PARAM(                                                                                \
            struct predictor_step, weight_decay, "0", 0, UNBOUNDED,                                \
            "of the predictor, beside its gradient: in time eta_p = lr_ratio * weight_decay; "     \
            "optimiser.weight_decay is the trunk's alone")

#define PREDICTOR_RULE_PARAMS(freq_default)                                                        \
    PREDICTOR_STEP_PARAMS,                                                                         \
        REAL_PARAM(struct predictor_rule, rho, "0.3", 0, 1 - 1e-12,                                \
                   "share of the moments that a batch leaves in place; 0: each batch by itself"),  \
        INTEGER_PARAM(struct predictor_rule, freq, freq_default, 1, 1e9,                           \
                      "W_p is set after every so many steps; it moves by its gradient in between")

#define DIRECT_PARAMS                                                                              \
    PREDICTOR_RULE_PARAMS("1"),                                                                    \
        REAL_PARAM(struct direct_settings, epsilon, "0.1", 0, UNBOUNDED,                           \
                   "of the largest eigenvalue of C, added to every p_j"),                          \
        REAL_PARAM(struct direct_settings, offset, "0", -UNBOUNDED, UNBOUNDED,                     \
                   "c: taken off every eigenvalue s_j of C")

/* ---- gradient steps ---- */

static const struct param gradient_params[] = {PREDICTOR_STEP_PARAMS, {0}};

const struct predictor_optimiser predictor_gradient = {
    .about = {.name = "gradient",
              .doc = "The predictor is trained: by the trunk's optimiser, with a learning rate and "
                     "a weight decay of its own.",
              .source = "[NCP]",
              .params = gradient_params,
              .settings_size = sizeof(struct predictor_step)},
};

/* ---- DirectPred and DirectCopy ---- */

static enum status set_direct(const void *settings, int n, const double *c, const double *d,
                              double *w_p, double *scratch, struct error *err)
{
    (void)d;
    const struct direct_settings *s = settings;
    const struct direct_rule rule = {.power = s->power, .epsilon = s->epsilon, .offset = s->offset};
    return direct_predictor(&rule, n, c, w_p, scratch, err);
}

static const struct param direct_pred_params[] = {
    DIRECT_PARAMS,
    REAL_PARAM(struct direct_settings, power, "0.5", POSITIVE, 8,
               "of the eigenvalues: 0.5 on the invariant parabola"),
    {0}};

const struct predictor_optimiser predictor_direct_pred = {
    .about = {.name = "direct_pred",
              .doc = "DirectPred. W_p has the eigenvectors of C = E[f f^T] and the eigenvalues "
                     "p_j = max(s_j - offset, 0)^power + epsilon max s.",
              .source = "[NCP]",
              .params = direct_pred_params,
              .settings_size = sizeof(struct direct_settings)},
    .set = set_direct,
};

static enum status set_copy(const void *settings, int n, const double *c, const double *d,
                            double *w_p, double *scratch, struct error *err)
{
    struct direct_settings s = *(const struct direct_settings *)settings;
    s.power = 1;
    return set_direct(&s, n, c, d, w_p, scratch, err);
}

static const struct param direct_copy_params[] = {DIRECT_PARAMS, {0}};

const struct predictor_optimiser predictor_direct_copy = {
    .about = {.name = "direct_copy",
              .doc = "DirectCopy. DirectPred with power 1: W_p = C + epsilon max(s) I where offset "
                     "is 0.",
              .source = "[NCP]",
              .params = direct_copy_params,
              .settings_size = sizeof(struct direct_settings)},
    .set = set_copy,
};

/* ---- least squares ---- */

struct optimal_settings {
    struct predictor_rule rule;
    int form; /* enum optimal_kind */
};

static enum status set_optimal(const void *settings, int n, const double *c, const double *d,
                               double *w_p, double *scratch, struct error *err)
{
    const struct optimal_settings *s = settings;
    return optimal_predictor((enum optimal_kind)s->form, n, c, d, w_p, scratch, err);
}

static const struct param optimal_params[] = {
    PREDICTOR_RULE_PARAMS("1"),
    CHOICE_PARAM(struct optimal_settings, form, "plug_in", "plug_in symmetric",
                 "plug_in: W_p C = (D + D^T) / 2; symmetric: W_p C + C W_p = D + D^T"),
    {0}};

const struct predictor_optimiser predictor_optimal = {
    .about = {.name = "optimal",
              .doc = "The predictor that is best for the moments of the outputs, in the sense of "
                     "least squares.",
              .source = "[NCP]",
              .params = optimal_params,
              .settings_size = sizeof(struct optimal_settings)},
    .set = set_optimal,
};

static const struct descriptor *const optimisers[] = {
    &predictor_gradient.about, &predictor_direct_pred.about, &predictor_direct_copy.about,
    &predictor_optimal.about};

const struct registry predictor_optimiser_registry = {"predictor optimiser", optimisers,
                                                      sizeof optimisers / sizeof *optimisers};
