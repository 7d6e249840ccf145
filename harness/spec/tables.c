/* The tables of train and measure, until their owners have them. */
#include "harness/spec/spec.h"

static const struct param train_params[] = {
    {.name = "epochs",
     .type = PARAM_INTEGER,
     .fallback = "20",
     .low = 0,
     .high = 1e6,
     .doc = "passes over `samples` fresh samples",
     .offset = offsetof(struct train_settings, epochs)},
    {.name = "samples",
     .type = PARAM_INTEGER,
     .fallback = "64000",
     .low = 1,
     .high = 1e12,
     .doc = "samples of an epoch",
     .offset = offsetof(struct train_settings, samples)},
    {.name = "batch",
     .type = PARAM_INTEGER,
     .fallback = "128",
     .low = 1,
     .high = 1e9,
     .doc = "samples of an update",
     .offset = offsetof(struct train_settings, batch)},
    {.name = NULL},
};

static const struct param measure_params[] = {
    {.name = "every",
     .type = PARAM_INTEGER,
     .fallback = "1",
     .low = 1,
     .high = 1e6,
     .doc = "epochs between measurements",
     .offset = offsetof(struct measure_settings, every)},
    {.name = "samples",
     .type = PARAM_INTEGER,
     .fallback = "64000",
     .low = 1,
     .high = 1e12,
     .doc = "samples of a measurement",
     .offset = offsetof(struct measure_settings, samples)},
    {.name = "probes",
     .type = PARAM_CHOICES,
     .fallback = "[correlation, covop, spectrum, alignment, linear, features]",
     .choices = "correlation covop spectrum alignment linear features",
     .doc = "what is measured: correlation with the latents; norm and trace of the covariance "
            "operator, and its spectrum; alignment of a predictor; linear probes of the latents "
            "that a view keeps; features of a dictionary in weights and outputs. What the data or "
            "the objective have not is left out",
     .offset = offsetof(struct measure_settings, probes)},
    {.name = "probe_samples",
     .type = PARAM_INTEGER,
     .fallback = "10000",
     .low = 4,
     .high = 1e9,
     .doc = "samples of the linear probes and of features, half of them held out; and of a class "
            "head",
     .offset = offsetof(struct measure_settings, probe_samples)},
    {.name = "ridge",
     .type = PARAM_REAL,
     .fallback = "1e-6",
     .low = POSITIVE,
     .high = UNBOUNDED,
     .doc = "penalty of the linear probes, on the squared norm of the readout",
     .offset = offsetof(struct measure_settings, ridge)},
    {.name = NULL},
};

static const struct param flow_params[] = {
    {.name = "equations",
     .type = PARAM_CHOICE,
     .fallback = "matrix",
     .choices = "matrix reduced modes scalars",
     .doc = "matrix: W, W_p and W_a; reduced: W_p, F and tau for isotropic data, W_a = tau W and a "
            "symmetric W_p; modes: p, s and tau of every eigenvector of F(0); scalars: w_p, w and "
            "w_a of every eigenvector of X",
     .offset = offsetof(struct flow_settings, equations)},
    {.name = "end",
     .type = PARAM_REAL,
     .fallback = "100",
     .low = POSITIVE,
     .high = UNBOUNDED,
     .doc = "time at the end, in units of optimiser.lr times steps",
     .offset = offsetof(struct flow_settings, end)},
    {.name = "points",
     .type = PARAM_INTEGER,
     .fallback = "100",
     .low = 1,
     .high = 1e6,
     .doc = "equal stretches of time after which the flow is measured",
     .offset = offsetof(struct flow_settings, points)},
    {.name = "tolerance",
     .type = PARAM_REAL,
     .fallback = "1e-12",
     .low = 1e-15,
     .high = 0.1,
     .doc = "relative error of a step",
     .offset = offsetof(struct flow_settings, tolerance)},
    {.name = NULL},
};

static const struct descriptor minibatch_table = {
    .name = "minibatch",
    .doc = "Steps of the optimiser on batches of fresh samples.",
    .params = train_params,
    .settings_size = sizeof(struct train_settings),
};

static const struct descriptor flow_table = {
    .name = "flow",
    .doc = "The limit of small learning rates for a linear network without negatives: a "
           "differential equation from the exact moments of the data, integrated by GSL. With "
           "gamma_a = objective.ema the target follows at the rate beta = (1 - gamma_a) / "
           "optimiser.lr.",
    .source = "[NCP] Thm. 1",
    .params = flow_params,
    .settings_size = sizeof(struct flow_settings),
};

static const struct descriptor *const trainers[] = {&minibatch_table, &flow_table};

const struct registry trainer_registry = {"trainer", trainers, sizeof trainers / sizeof *trainers};

static const struct descriptor measure_table = {
    .name = "measure",
    .doc = "What is measured, and how often.",
    .params = measure_params,
    .settings_size = sizeof(struct measure_settings),
};

static const struct descriptor *const measures[] = {&measure_table};

const struct registry measure_registry = {"table", measures, 1};
