/* FD-3: without masks neurons learn the dense noise */
#include "theorems/claims.h"
#include "theorems/fd/fd.h"

/* A number of the training without masks; the control is the same number with masks. */
static enum status measure_of(const struct trial *trial, enum fd_world world,
                              double (*number)(const double *value), struct reading *reading,
                              struct error *err)
{
    struct fd_training pair[FD_MASKS];
    enum status status = fd_pair(trial, world, pair, err);
    if (status)
        return status;
    reading->error = number(pair[FD_WITHOUT].value[FD_END]);
    reading->control[0] = number(pair[FD_WITH].value[FD_END]);
    return STATUS_OK;
}

static double columns(const double *value)
{
    return value[FD_COLUMNS];
}

static double outside(const double *value)
{
    return 1 - value[FD_INSIDE];
}

static double nearer_to_noise(const double *value)
{
    return value[FD_NOISE_COSINE] - value[FD_SIGNAL_COSINE];
}

static double missing_features(const double *value)
{
    return 1 - value[FD_LEARNED];
}

static double behind_oracle(const double *value)
{
    return 1 - value[FD_READOUT];
}

static enum status measure_spread(const struct trial *trial, struct reading *reading,
                                  struct error *err)
{
    return measure_of(trial, FD_THEORY, columns, reading, err);
}

static enum status measure_outside(const struct trial *trial, struct reading *reading,
                                   struct error *err)
{
    return measure_of(trial, FD_THEORY, outside, reading, err);
}

static enum status measure_noise(const struct trial *trial, struct reading *reading,
                                 struct error *err)
{
    return measure_of(trial, FD_THEORY, nearer_to_noise, reading, err);
}

static enum status measure_missing(const struct trial *trial, struct reading *reading,
                                   struct error *err)
{
    return measure_of(trial, FD_THEORY, missing_features, reading, err);
}

static enum status measure_readout(const struct trial *trial, struct reading *reading,
                                   struct error *err)
{
    return measure_of(trial, FD_THEORY, behind_oracle, reading, err);
}

static enum status measure_small(const struct trial *trial, struct reading *reading,
                                 struct error *err)
{
    return measure_of(trial, FD_SMALL, nearer_to_noise, reading, err);
}

static enum status measure_loss(const struct trial *trial, struct reading *reading,
                                struct error *err)
{
    return fd_compare(trial, FD_THEORY, FD_LOSS, reading, err);
}

static enum status measure_settled(const struct trial *trial, struct reading *reading,
                                   struct error *err)
{
    struct fd_training pair[FD_MASKS];
    enum status status = fd_pair(trial, FD_THEORY, pair, err);
    if (!status)
        reading->error = -fd_unrest(pair, FD_WITHOUT);
    return status;
}

/* ---- with a strong ridge ---- */

static enum status strong_columns(const struct trial *trial, struct reading *reading,
                                  struct error *err)
{
    return fd_compare(trial, FD_STRONG_RIDGE, FD_COLUMNS, reading, err);
}

static enum status strong_cosine(const struct trial *trial, struct reading *reading,
                                 struct error *err)
{
    return fd_compare(trial, FD_STRONG_RIDGE, FD_COSINE, reading, err);
}

static enum status strong_inside(const struct trial *trial, struct reading *reading,
                                 struct error *err)
{
    return fd_compare(trial, FD_STRONG_RIDGE, FD_INSIDE, reading, err);
}

static enum status strong_noise(const struct trial *trial, struct reading *reading,
                                struct error *err)
{
    return fd_compare(trial, FD_STRONG_RIDGE, FD_NOISE_COSINE, reading, err);
}

static enum status strong_readout(const struct trial *trial, struct reading *reading,
                                  struct error *err)
{
    return fd_compare(trial, FD_STRONG_RIDGE, FD_READOUT, reading, err);
}

#define WITH "complementary masks (FD-2)"
#define STRONG .kind = PART_EFFECT, .reported = true, .instances = 10, .cost = 0.01

static const struct part parts[] = {
    {.statement = "spread: it takes more than a quarter of the columns of M to carry 90% of w_i in "
                  "span(M)",
     .measured = "Share of the d columns, mean over neurons, at the end of training without masks. "
                 "Instances as in FD-2.",
     .controls = {WITH},
     .kind = PART_EFFECT,
     .least = 0.25,
     .instances = 10,
     .cost = 0.01,
     .measure = measure_spread},
    {.statement = "outside: most of w_i is outside span(M)",
     .measured = "Share of |w_i|^2 outside span(M), mean over neurons; before training it is "
                 "1 - d / d_1 = 0.9.",
     .controls = {WITH},
     .kind = PART_EFFECT,
     .least = 0.5,
     .reported = true,
     .instances = 10,
     .cost = 0.01,
     .measure = measure_outside},
    {.statement = "noise: f(x) is nearer to f(xi) than to f(M z)",
     .measured = "Difference of their mean cosines over samples that have a feature.",
     .controls = {WITH},
     .kind = PART_EFFECT,
     .instances = 10,
     .cost = 0.01,
     .measure = measure_noise},
    {.statement = "missing: most features have no neuron",
     .measured = "Share of the features j with |cos(w_i, M_j)|^2 <= 1/2 for all neurons i.",
     .controls = {WITH},
     .kind = PART_EFFECT,
     .least = 0.5,
     .instances = 10,
     .cost = 0.01,
     .measure = measure_missing},
    {.statement = "readout: it stays well below the oracle, by a quarter of the way from chance",
     .measured = "1 - share of the way from chance to the oracle.",
     .controls = {WITH},
     .kind = PART_EFFECT,
     .least = 0.25,
     .instances = 10,
     .cost = 0.01,
     .measure = measure_readout},
    {.statement = "loss: the contrastive loss is the smaller one nevertheless",
     .measured = "Mean over the last third of the steps; with masks less without.",
     .kind = PART_EFFECT,
     .instances = 10,
     .cost = 0.01,
     .measure = measure_loss},
    {.statement = "settled: over the last third of the steps no quantity moves by a quarter of the "
                  "difference between the two trainings",
     .measured = "As in FD-2, of the training without masks.",
     .kind = PART_EFFECT,
     .least = -0.25,
     .instances = 10,
     .cost = 0.01,
     .measure = measure_settled},
    {.statement = "strong ridge, columns: fewer with masks than without",
     .measured = "As in FD-2 with ridge 0.01, lr 0.6 and half the steps. The ridge keeps weights "
                 "small, the thresholds then filter the noise, and without masks features are "
                 "learned too: every neuron has one, and more exactly than with masks.",
     STRONG,
     .measure = strong_columns},
    {.statement = "strong ridge, features: the best neuron is nearer to its column with masks",
     .measured = "The same.",
     STRONG,
     .measure = strong_cosine},
    {.statement = "strong ridge, span: more of w_i is in span(M) with masks",
     .measured = "The same.",
     STRONG,
     .measure = strong_inside},
    {.statement = "strong ridge, noise: f(x) is less like f(xi) with masks",
     .measured = "The same.",
     STRONG,
     .measure = strong_noise},
    {.statement = "strong ridge, readout: it comes nearer to the oracle with masks",
     .measured = "The same.",
     STRONG,
     .measure = strong_readout},
    {.statement =
         "small: f(x) is nearer to f(xi) than to f(M z), also at d = 10, d_1 = 100, m = 20",
     .measured = "Difference of their mean cosines, after a third of the steps.",
     .controls = {WITH},
     .kind = PART_EFFECT,
     .instances = 10,
     .quick = 3,
     .cost = 0.01,
     .measure = measure_small},
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
    .hypotheses = "As FD-2, except that both views are x.",
    .parts = parts,
    .part_count = sizeof parts / sizeof *parts,
};
