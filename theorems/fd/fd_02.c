/* FD-2: with masks neurons learn the sparse features */
#include "theorems/claims.h"
#include "theorems/fd/fd.h"

#define WITHOUT "no masks: x_+ = x_1 (FD-3)"

static const struct part parts[] = {
    {.statement = "columns: fewer columns of M carry 90% of a neuron than without masks",
     .measured = "Share of the d columns that carry 90% of the part of |w_i|^2 in span(M), mean "
                 "over neurons, at the end of training; without masks less with, for the same "
                 "dictionary, initial weights and samples. One seed per instance; its two "
                 "trainings serve all parts of FD-2 and FD-3, and are timed here.",
     .kind = PART_EFFECT,
     .plan = {.instances = 10, .cost = 8},
     FD_GAP(FD_COLUMNS, FD_THEORY)},
    {.statement = "features: the best neuron of a feature is nearer to its column",
     .measured = "max_i |cos(w_i, M_j)|, mean over features j; with masks less without.",
     FD_EFFECT,
     FD_GAP(FD_COSINE, FD_THEORY)},
    {.statement = "span: more of w_i is in span(M)",
     .measured = "Share of |w_i|^2 in span(M), mean over neurons; with masks less without.",
     FD_EFFECT,
     FD_GAP(FD_INSIDE, FD_THEORY)},
    {.statement = "noise: f(x) is less like f(xi)",
     .measured = "Mean cosine of f(x) with f(xi) over samples that have a feature; without masks "
                 "less with.",
     FD_EFFECT,
     FD_GAP(FD_NOISE_COSINE, FD_THEORY)},
    {.statement = "readout: a linear readout of f comes nearer to the oracle",
     .measured = "Accuracy of a linear readout of sign <w*, z> as a share of the way from chance "
                 "to the oracle, a readout of E[z_j | <M_j, x>]; with masks less without.",
     FD_EFFECT,
     FD_GAP(FD_READOUT, FD_THEORY)},
    {.statement = "few: with masks a quarter of the columns at most carries 90% of a neuron",
     .measured = "-(that share of the columns), against -1/4.",
     .controls = {WITHOUT},
     FD_EFFECT,
     .least = -0.25,
     FD_NUMBER(.mask = FD_WITH, .weight = {[FD_COLUMNS] = -1})},
    {.statement = "every feature: with masks 95% of the features and more have a neuron",
     .measured = "Share of the features j with |cos(w_i, M_j)|^2 > 1/2 for some neuron i.",
     .controls = {WITHOUT},
     FD_EFFECT,
     .least = 0.95,
     FD_NUMBER(.mask = FD_WITH, .weight = {[FD_LEARNED] = 1})},
    {.statement = "oracle: with masks the readout goes 0.8 of the way from chance to the oracle",
     .measured = "The same share of the way.",
     .controls = {WITHOUT},
     FD_EFFECT,
     .least = 0.8,
     FD_NUMBER(.mask = FD_WITH, .weight = {[FD_READOUT] = 1})},
    {.statement = "settled: over the last third of the steps no quantity moves by a quarter of the "
                  "difference between the two trainings",
     .measured = "-(the largest change of the five quantities with masks over the last third of "
                 "the steps, in units of their difference from those without at the end), against "
                 "-1/4.",
     FD_EFFECT,
     .least = -0.25,
     .measure = fd_measure_rest,
     .argument = &(const enum fd_mask){FD_WITH}},
    {.statement =
         "small: f(x) is nearer to f(M z) than to f(xi), also at d = 10, d_1 = 100, m = 20",
     .measured = "Difference of their mean cosines over samples that have a feature, after a third "
                 "of the steps.",
     .controls = {WITHOUT},
     .kind = PART_EFFECT,
     .plan = {.instances = 10, .quick = 3, .cost = 1},
     FD_NUMBER(.world = FD_SMALL, .mask = FD_WITH,
               .weight = {[FD_SIGNAL_COSINE] = 1, [FD_NOISE_COSINE] = -1})},
};

const struct claim claim_fd_2 = {
    .about = {.name = "FD-2",
              .doc = "Trained on masked views, each neuron learns few sparse features, and each "
                     "feature has some neuron. A linear readout of the outputs does nearly as well "
                     "as one of the true features.",
              .source = "[FD], contrastive learning with augmentation",
              .params = fd_params,
              .settings_size = sizeof(struct fd_settings)},
    .title = "With masks: sparse features",
    .formula = "x_+ = 2 (I - D) x: w_i is along few M_j",
    .hypotheses = "d = 20, d_1 = 200, m = 40, sparsity, noise and first threshold of the theory; "
                  "initial weights of scale 0.01; "
                  "InfoNCE with four negatives, tau = 1, SGD with lr 0.5 and ridge 0.0003, 6000 "
                  "steps of 64 samples, 500 of them with b = 0. Schedule and bounds were chosen "
                  "on three other seeds.",
    ALL_PARTS(parts),
};
