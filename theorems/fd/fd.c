#include "theorems/fd/fd.h"

#include "analysis/features.h"
#include "core/extreme.h"
#include "sim/data/sources/sources.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/net/kinds/kinds.h"
#include "sim/optimisers/optimisers.h"
#include "sim/train/trainer.h"
#include "theorems/memo.h"
#include "theorems/source_settings.h"

#include <math.h>
#include <string.h>

#define FIELD(field) .name = #field, .offset = offsetof(struct fd_settings, field)

const struct param fd_params[] = {
    {FIELD(features), .type = PARAM_INTEGER, .fallback = "20", .low = 8, .high = 256,
     .doc = "d: features, columns of the dictionary M"},
    {FIELD(dimension), .type = PARAM_INTEGER, .fallback = "200", .low = 16, .high = 1 << 14,
     .doc = "d_1: inputs, at least as many as features"},
    {FIELD(neurons), .type = PARAM_INTEGER, .fallback = "40", .low = 2, .high = 4096, .doc = "m"},
    {FIELD(steps), .type = PARAM_INTEGER, .fallback = "6000", .low = 600, .high = 1e9,
     .doc = "steps of training, of 64 samples each"},
    {0}};

enum { BATCH = 64, THIRDS = 3, MEASURED = 8192 };

/* ---- the variants ---- */

/* The key of a training on the memo.  Fields of 8 bytes leave no padding. */
struct plan {
    uint64_t mask, seed;
    int64_t features, dimension, neurons, steps;
    double lr, ridge;
};

static const char *const mask_word[FD_MASKS] = {"complementary", "none"};

/* E|xi|^2 = d_1 sigma_xi^2, most of |x|^2.  With masks, steps that are too long for it are
 * unstable. */
static double noise_of(int64_t features, int64_t dimension)
{
    return (double)dimension * sqrt(log((double)features)) / (double)features;
}

static struct plan plan_of(const struct fd_settings *s, enum fd_world world)
{
    struct plan plan = {.features = s->features,
                        .dimension = s->dimension,
                        .neurons = s->neurons,
                        .steps = s->steps,
                        .lr = 0.5,
                        .ridge = 3e-4};
    if (world == FD_SMALL) {
        plan.features = 10;
        plan.dimension = 100;
        plan.neurons = 20;
        plan.steps = s->steps / 3;
    }
    if (world == FD_STRONG_RIDGE) {
        plan.steps = s->steps / 2;
        plan.lr = 0.6;
        plan.ridge = 0.01;
    }
    plan.lr *= fmin(1, noise_of(20, 200) / noise_of(plan.features, plan.dimension));
    return plan;
}

enum status fd_open_source(int64_t features, int64_t dimension, double sparsity, const char *mask,
                           uint64_t seed, void **world, struct error *err)
{
    const struct descriptor *about = &source_sparse_coding.about;
    struct opaque_settings settings = {.bytes = {0}};
    opaque_integer(about, &settings, "features", features);
    opaque_integer(about, &settings, "dimension", dimension);
    opaque_choice(about, &settings, "mask", mask);
    *descriptor_real(about, &settings, "noise") = -1; /* sqrt(log d) / d */
    *descriptor_real(about, &settings, "keep") = 0.5;
    *descriptor_real(about, &settings, "sparsity") = sparsity;
    return source_sparse_coding.open(&settings, seed, world, err);
}

/* sqrt(2 log d / d), over |w_i| */
static double first_threshold(int64_t features)
{
    return sqrt(2 * log((double)features) / (double)features);
}

static enum status build_network(const struct plan *plan, const void *world,
                                 struct network *network, struct error *err)
{
    const struct descriptor *about = &network_symmetric_relu.about;
    struct opaque_settings settings = {.bytes = {0}};
    opaque_integer(about, &settings, "neurons", plan->neurons);
    opaque_integer(about, &settings, "warmup", 500);
    *descriptor_real(about, &settings, "scale") = 0.01;
    *descriptor_real(about, &settings, "bias_start") = first_threshold(plan->features);
    *descriptor_real(about, &settings, "bias_growth") = 1e-4;
    *descriptor_real(about, &settings, "bias_cap") = 1.1 * first_threshold(plan->features);
    return network_build(network, &network_symmetric_relu, &settings, &source_sparse_coding, world,
                         err);
}

/* ---- a training ---- */

/* Times of measurement: after two thirds of the steps and after all, on the same samples. */
enum when { LATE, END, TIMES };

struct training {
    double value[TIMES][FD_QUANTITIES];
};

static const struct infonce_settings objective = {.tau = 1, .negatives = 4, .similarity = 1};

struct fd_run {
    void *world;
    struct network network;
    struct sgd_settings sgd;
    struct trainer trainer;
    struct features features;
    struct arena arena;
};

static void layout(struct fd_run *r, const struct plan *plan, struct arena *arena)
{
    const struct learner train = {.source = &source_sparse_coding,
                                  .world = r->world,
                                  .network = &r->network,
                                  .objective = &objective_infonce,
                                  .objective_settings = &objective,
                                  .optimiser = &optimiser_sgd,
                                  .optimiser_settings = &r->sgd,
                                  .seed = plan->seed,
                                  .samples = (size_t)(plan->steps / THIRDS * BATCH),
                                  .batch = BATCH,
                                  .threads = 1};
    const struct features_plan measure = {.network = &r->network,
                                          .source = &source_sparse_coding,
                                          .world = r->world,
                                          .seed = plan->seed,
                                          .samples = MEASURED,
                                          .ridge = 1e-6,
                                          .threads = 1};
    trainer_layout(&r->trainer, &train, arena);
    features_layout(&r->features, &measure, arena);
}

static enum status open_run(struct fd_run *r, const struct plan *plan, struct error *err)
{
    struct arena count = {0};
    *r = (struct fd_run){.sgd = {.lr = plan->lr, .weight_decay = plan->ridge}};
    enum status status = fd_open_source(plan->features, plan->dimension, 0, mask_word[plan->mask],
                                        plan->seed, &r->world, err);
    if (!status)
        status = build_network(plan, r->world, &r->network, err);
    if (status)
        return status;
    layout(r, plan, &count);
    status = arena_create(&r->arena, &count, err);
    if (!status)
        layout(r, plan, &r->arena);
    return status;
}

static void close_run(struct fd_run *r)
{
    arena_free(&r->arena);
    source_sparse_coding.close(r->world);
}

static enum status observe(struct fd_run *r, double value[FD_QUANTITIES], struct error *err)
{
    const struct features *f = &r->features;
    enum status status = features_measure(&r->features, r->trainer.parameters, 0, err);
    value[FD_COLUMNS] = f->share_of_columns;
    value[FD_COSINE] = f->best_cosine;
    value[FD_INSIDE] = f->inside;
    value[FD_NOISE_COSINE] = f->noise_cosine;
    value[FD_SIGNAL_COSINE] = f->signal_cosine;
    value[FD_READOUT] = f->readout_share;
    value[FD_LEARNED] = f->learned;
    return status;
}

/* For the memo: a struct training from a struct plan. */
static enum status train(const void *key, void *value, struct error *err)
{
    const struct plan *plan = key;
    struct training *training = value;
    struct fd_run run;
    *training = (struct training){.value = {{0}}};
    enum status status = open_run(&run, plan, err);
    for (uint64_t third = 1; third <= THIRDS && !status; third++) {
        const struct epoch_result result = trainer_epoch(&run.trainer, third, NULL);
        const enum when when = third < THIRDS ? LATE : END;
        training->value[when][FD_LOSS] = result.loss;
        if (result.diverged)
            status = error_set(err, STATUS_DIVERGED, "training diverged in the first %lld steps",
                               (long long)result.steps);
        else if (third > 1)
            status = observe(&run, training->value[when], err);
    }
    close_run(&run);
    return status;
}

/* One seed for all claims and parts. */
static uint64_t seed_of(const struct trial *trial, enum fd_world world)
{
    static const uint64_t name = 0x4644; /* "FD" */
    struct stream stream;
    stream_open(&stream, trial->seed, PURPOSE_CLAIM, name,
                ((uint64_t)world << 32) | (uint32_t)trial->instance);
    return stream_word(&stream) >> 33;
}

/* Both trainings of an instance. */
static enum status train_pair(const struct trial *trial, enum fd_world world,
                              struct training pair[FD_MASKS])
{
    struct plan plan = plan_of(trial->settings, world);
    enum status status = STATUS_OK;
    plan.seed = seed_of(trial, world);
    for (enum fd_mask mask = 0; mask < FD_MASKS && !status; mask++) {
        plan.mask = mask;
        status = memo_take(trial->memo, &plan, sizeof plan, &pair[mask], sizeof pair[mask], train,
                           trial->err);
    }
    return status;
}

static double gap_of(const struct training pair[FD_MASKS], enum fd_quantity quantity)
{
    const bool less = quantity == FD_COLUMNS || quantity == FD_NOISE_COSINE;
    const double gap = pair[FD_WITH].value[END][quantity] - pair[FD_WITHOUT].value[END][quantity];
    return less ? -gap : gap;
}

enum status fd_measure_gap(const struct trial *trial, struct reading *reading)
{
    const struct fd_choice *choice = trial->argument;
    struct training pair[FD_MASKS];
    enum status status = train_pair(trial, choice->world, pair);
    if (!status)
        reading->error = gap_of(pair, choice->quantity);
    plant(trial, &reading->error, 1);
    return status;
}

static double number_of(const struct fd_number *number, const struct training *training)
{
    double sum = number->constant;
    for (int q = 0; q < FD_QUANTITIES; q++)
        if (number->weight[q] != 0)
            sum += number->weight[q] * training->value[END][q];
    return sum;
}

enum status fd_measure_number(const struct trial *trial, struct reading *reading)
{
    const struct fd_number *number = trial->argument;
    struct training pair[FD_MASKS];
    enum status status = train_pair(trial, number->world, pair);
    if (status)
        return status;
    const enum fd_mask other = FD_WITH + FD_WITHOUT - number->mask;
    reading->error = number_of(number, &pair[number->mask]);
    reading->control[0] = number_of(number, &pair[trial->restored ? number->mask : other]);
    plant(trial, &reading->error, 1);
    return STATUS_OK;
}

enum status fd_measure_rest(const struct trial *trial, struct reading *reading)
{
    const enum fd_mask mask = *(const enum fd_mask *)trial->argument;
    struct training pair[FD_MASKS];
    double worst = 0;
    enum status status = train_pair(trial, FD_THEORY, pair);
    for (enum fd_quantity q = 0; q < FD_COMPARED && !status; q++) {
        const double *end = pair[mask].value[END], *late = pair[mask].value[LATE];
        worst = larger(worst, fabs((end[q] - late[q]) / gap_of(pair, q)));
    }
    reading->error = -worst;
    plant(trial, &reading->error, 1);
    return status;
}
