#include "theorems/ddn/losses.h"

#include <math.h>

struct chosen_loss loss_of(enum loss_kind kind, double tau, double margin, int negatives)
{
    static const struct objective *const objectives[LOSS_KINDS] = {
        &objective_simple, &objective_triplet, &objective_infonce, &objective_exact_cov};
    struct chosen_loss loss = {.kind = kind,
                               .objective = objectives[kind],
                               .tau = tau,
                               .margin = margin,
                               .negatives = negatives};
    if (kind == LOSS_TRIPLET)
        loss.settings.triplet = (struct triplet_settings){.tau = tau, .margin = margin};
    if (kind == LOSS_INFONCE)
        loss.settings.infonce = (struct infonce_settings){.tau = tau, .negatives = negatives};
    if (kind == LOSS_EXACT_COV)
        loss.settings.exact_cov = (struct temperature_settings){.tau = tau};
    return loss;
}

void loss_weights(const struct chosen_loss *loss, double r_plus, const double *r_minus, double *xi)
{
    const double tau = loss->tau;
    for (int k = 0; k < loss->negatives; k++) {
        double others = 1; /* infonce: sum of e^{-r/tau} over all distances, times e^{r_k-/tau} */
        switch (loss->kind) {
        case LOSS_TRIPLET: /* derivative of tau log(1 + e^{(r_+ - r_- + r_0)/tau}) */
            xi[k] = 1 / (1 + exp((r_minus[k] - r_plus - loss->margin) / tau));
            break;
        case LOSS_EXACT_COV:
            xi[k] = 1 / (tau * (1 + exp(r_minus[k] / tau)));
            break;
        case LOSS_INFONCE:
            others = exp((r_minus[k] - r_plus) / tau);
            for (int j = 0; j < loss->negatives; j++)
                others += exp((r_minus[k] - r_minus[j]) / tau);
            xi[k] = 1 / (tau * others);
            break;
        default:
            xi[k] = 1;
        }
    }
}
