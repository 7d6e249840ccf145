/* FD-3: without masks neurons learn the dense noise */
#include "theorems/claims.h"
#include "theorems/fd/fd.h"

#define WITH "complementary masks (FD-2)"
#define STRONG(quantity) FD_EFFECT, .reported = true, FD_GAP(quantity, FD_STRONG_RIDGE)

static const struct part parts[] = {
    {.statement = "spread: it takes more than a quarter of the columns of M to carry 90% of w_i in "
                  "span(M)",
     .measured = "Share of the d columns, mean over neurons, at the end of training without masks. "
                 "Instances as in FD-2.",
     .controls = {WITH},
     FD_EFFECT,
     .least = 0.25,
     FD_NUMBER(.mask = FD_WITHOUT, .weight = {[FD_COLUMNS] = 1})},
    {.statement = "outside: most of w_i is outside span(M)",
     .measured = "Share of |w_i|^2 outside span(M), mean over neurons; before training it is "
                 "1 - d / d_1 = 0.9.",
     .controls = {WITH},
     FD_EFFECT,
     .least = 0.5,
     .reported = true,
     FD_NUMBER(.mask = FD_WITHOUT, .constant = 1, .weight = {[FD_INSIDE] = -1})},
    {.statement = "noise: f(x) is nearer to f(xi) than to f(M z)",
     .measured = "Difference of their mean cosines over samples that have a feature.",
     .controls = {WITH},
     FD_EFFECT,
     FD_NUMBER(.mask = FD_WITHOUT, .weight = {[FD_NOISE_COSINE] = 1, [FD_SIGNAL_COSINE] = -1})},
    {.statement = "missing: most features have no neuron",
     .measured = "Share of the features j with |cos(w_i, M_j)|^2 <= 1/2 for all neurons i.",
     .controls = {WITH},
     FD_EFFECT,
     .least = 0.5,
     FD_NUMBER(.mask = FD_WITHOUT, .constant = 1, .weight = {[FD_LEARNED] = -1})},
    {.statement = "readout: it stays well below the oracle, by a quarter of the way from chance",
     .measured = "1 - share of the way from chance to the oracle.",
     .controls = {WITH},
     FD_EFFECT,
     .least = 0.25,
     FD_NUMBER(.mask = FD_WITHOUT, .constant = 1, .weight = {[FD_READOUT] = -1})},
    {.statement = "loss: the contrastive loss is the smaller one nevertheless",
     .measured = "Mean over the last third of the steps; with masks less without.",
     FD_EFFECT,
     FD_GAP(FD_LOSS, FD_THEORY)},
    {.statement = "settled: over the last third of the steps no quantity moves by a quarter of the "
                  "difference between the two trainings",
     .measured = "As in FD-2, of the training without masks.",
     FD_EFFECT,
     .least = -0.25,
     .measure = fd_measure_rest,
     .argument = &(const enum fd_mask){FD_WITHOUT}},
    {.statement = "strong ridge, columns: fewer with masks than without",
     .measured = "As in FD-2 with ridge 0.01, lr 0.6 and half the steps. The ridge keeps weights "
                 "small, the thresholds then filter the noise, and without masks features are "
                 "learned too: every neuron has one, and more exactly than with masks.",
     STRONG(FD_COLUMNS)},
    {.statement = "strong ridge, features: the best neuron is nearer to its column with masks",
     .measured = "The same.",
     STRONG(FD_COSINE)},
    {.statement = "strong ridge, span: more of w_i is in span(M) with masks",
     .measured = "The same.",
     STRONG(FD_INSIDE)},
    {.statement = "strong ridge, noise: f(x) is less like f(xi) with masks",
     .measured = "The same.",
     STRONG(FD_NOISE_COSINE)},
    {.statement = "strong ridge, readout: it comes nearer to the oracle with masks",
     .measured = "The same.",
     STRONG(FD_READOUT)},
    {.statement =
         "small: f(x) is nearer to f(xi) than to f(M z), also at d = 10, d_1 = 100, m = 20",
     .measured = "Difference of their mean cosines, after a third of the steps.",
     .controls = {WITH},
     .kind = PART_EFFECT,
     .plan = {.instances = 10, .quick = 3, .cost = 0.01},
     FD_NUMBER(.world = FD_SMALL, .mask = FD_WITHOUT,
               .weight = {[FD_NOISE_COSINE] = 1, [FD_SIGNAL_COSINE] = -1})},
};

const struct claim claim_fd_3 = {
    .about = {.name = "FD-3",
              .doc = "Without augmentation neurons fit the dense noise, by which samples differ "
                     "most: they stay spread over the features, outputs follow the noise, and a "
                     "linear readout of a feature label stays behind, at a lower contrastive "
                     "loss.",
              .source = "[FD], contrastive learning without augmentation",
              .params = fd_params,
              .settings_size = sizeof(struct fd_settings)},
    .title = "Without masks: dense noise",
    .formula = "x_+ = x_1: f(x) is like f(xi)",
    .hypotheses = "As FD-2, except that both views are x. How much of the weights is in span(M) "
                  "at the end depends on the scale of the initial weights.",
    ALL_PARTS(parts),
};
