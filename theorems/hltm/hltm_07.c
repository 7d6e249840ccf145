/* HLTM-7: latents emerge */
#include "core/extreme.h"
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/hltm/training.h"

#include <gsl/gsl_fit.h>
#include <math.h>

static const struct param params[] = {TRAINING_PARAMS, {0}};

static const struct infonce_settings infonce_settings = {.tau = 0.1, .negatives = 1};
static const struct temperature_settings published_settings = {.tau = 0.01};

/* A loss; the argument of the parts that measure both. */
struct trained_loss {
    const struct objective *objective;
    const void *settings;
};

static const struct trained_loss infonce = {&objective_infonce, &infonce_settings};
static const struct trained_loss published = {&objective_reference_nce, &published_settings};

static struct training_plan plan_of(const struct trial *trial, const struct trained_loss *loss)
{
    struct training_plan plan = training_plan_of(trial->settings, gsl_rng_get(trial->rng));
    plan.objective = loss->objective;
    plan.objective_settings = loss->settings;
    return plan;
}

/* The start of training: a fraction of the samples, and of the learning rate. */
enum { FEWER_SAMPLES = 5 };
static const double slower = 0.05;

/* x_+ of another sample, except where controls keep their hypothesis. */
static void shuffle(const struct trial *trial, struct training_plan *plan)
{
    plan->keep_level = trial->restored ? plan->keep_level : -1;
}

static double gain_of(const struct training_result *r)
{
    return training_upper_mean(r->best[1]) - training_upper_mean(r->best[0]);
}

static enum status gain(const struct training_plan *plan, double *value, struct error *err)
{
    struct training_result r;
    enum status status = training_run(plan, &r, err);
    *value = status ? NAN : gain_of(&r);
    return status;
}

static enum status measure_gain(const struct trial *trial, struct reading *reading)
{
    struct training_plan plan = plan_of(trial, trial->argument);
    enum status status = gain(&plan, &reading->error, trial->err);
    plant(trial, &reading->error, 1);
    shuffle(trial, &plan);
    return status ? status : gain(&plan, &reading->control[0], trial->err);
}

/* Gain with views that keep only the root, less the gain with x_+ = x_1; for the control with x_+
 * of another sample in the place of views. */
static enum status measure_augmentation(const struct trial *trial, struct reading *reading)
{
    struct training_plan plan = plan_of(trial, trial->argument), same = plan;
    double with = NAN, without = NAN, shuffled = NAN;
    same.keep_level = same.depth;
    enum status status = gain(&plan, &with, trial->err);
    if (!status)
        status = gain(&same, &without, trial->err);
    shuffle(trial, &plan);
    if (!status)
        status = gain(&plan, &shuffled, trial->err);
    reading->error = with - without;
    plant(trial, &reading->error, 1);
    reading->control[0] = shuffled - without;
    return status;
}

/* The share of what the initial neurons lack, up to the ceiling, that training adds: its
 * least-squares slope against log2 of the number of neurons, the rise per doubling. */
static enum status share_slope(const struct training_plan *given, double *slope, struct error *err)
{
    enum { SIZES = 4 };
    static const int width[SIZES] = {2, 5, 10, 20};
    struct training_plan plan = *given;
    double doublings[SIZES], share[SIZES], c0, cov00, cov01, cov11, sum;
    for (int i = 0; i < SIZES; i++) {
        struct training_result r;
        plan.width = width[i];
        enum status status = training_run(&plan, &r, err);
        if (status)
            return status;
        double lacking = training_upper_mean(r.ceiling) - training_upper_mean(r.best[0]);
        doublings[i] = log2(width[i]);
        share[i] = gain_of(&r) / lacking;
    }
    gsl_fit_linear(doublings, 1, share, 1, SIZES, &c0, slope, &cov00, &cov01, &cov11, &sum);
    return STATUS_OK;
}

static enum status measure_width(const struct trial *trial, struct reading *reading)
{
    struct training_plan plan = plan_of(trial, &infonce);
    enum status status = share_slope(&plan, &reading->error, trial->err);
    plant(trial, &reading->error, 1);
    shuffle(trial, &plan);
    return status ? status : share_slope(&plan, &reading->control[0], trial->err);
}

/* log growth of |OP_mu|, the mean over the nodes of a level, in one epoch */
static double log_growth(const struct training_result *r, int level)
{
    return log(r->norm[1][level] / r->norm[0][level]);
}

/* The growth at the root for |rho| in [0.7, 1], [0.8, 1], [0.9, 1]: the smaller of both steps. */
static enum status polarity_step(const struct training_plan *given, double *step, struct error *err)
{
    struct training_plan plan = *given;
    double growth[3];
    for (int i = 0; i < 3; i++) {
        struct training_result r;
        plan.low = 0.7 + 0.1 * i;
        enum status status = training_run(&plan, &r, err);
        if (status)
            return status;
        growth[i] = log_growth(&r, 0);
    }
    *step = smaller(growth[1] - growth[0], growth[2] - growth[1]);
    return STATUS_OK;
}

/* Near the initial network, where growth is exponential: a short epoch of small steps. */
static enum status measure_polarity(const struct trial *trial, struct reading *reading)
{
    struct training_plan plan = plan_of(trial, &infonce);
    plan.epochs = 1;
    plan.samples /= FEWER_SAMPLES;
    plan.lr *= slower;
    enum status status = polarity_step(&plan, &reading->error, trial->err);
    plant(trial, &reading->error, 1);
    shuffle(trial, &plan);
    return status ? status : polarity_step(&plan, &reading->control[0], trial->err);
}

/* log growth at the root less that above the leaves, in the first epoch */
static enum status level_difference(const struct training_plan *plan, double *value,
                                    struct error *err)
{
    struct training_result r;
    enum status status = training_run(plan, &r, err);
    *value = status ? NAN : log_growth(&r, 0) - log_growth(&r, plan->depth - 1);
    return status;
}

static enum status measure_growth(const struct trial *trial, struct reading *reading)
{
    struct training_plan plan = plan_of(trial, &infonce);
    plan.epochs = 1;
    enum status status = level_difference(&plan, &reading->error, trial->err);
    plant(trial, &reading->error, 1);
    shuffle(trial, &plan);
    return status ? status : level_difference(&plan, &reading->control[0], trial->err);
}

static enum status draw(const struct trial *trial, struct curves *curves)
{
    struct training_plan plan = plan_of(trial, &infonce);
    struct training_result r, of_published;
    *curves = (struct curves){
        .title = "Latents emerge",
        .x_label = "level (0: the root)",
        .y_label = "mean best |correlation|",
        .caption = "One tree. Mean over a level's nodes of the best neuron's "
                   "correlation with its latent, and the ceiling, the best "
                   "that any function of the leaves can do.",
        .columns = 5,
        .name = {"level", "before training", "infonce", "published loss", "ceiling"}};
    enum status status = training_run(&plan, &r, trial->err);
    plan.objective = published.objective;
    plan.objective_settings = published.settings;
    if (!status)
        status = training_run(&plan, &of_published, trial->err);
    for (int l = 0; l < plan.depth && !status; l++) {
        double row[] = {l, r.best[0][l], r.best[1][l], of_published.best[1][l], r.ceiling[l]};
        status = curves_add(curves, row, trial->err);
    }
    return status;
}

/* Theory says which way these effects point, not how large they are: each must be above 0. */
static const struct part parts[] = {
    {.statement = "infonce: the best |correlation| of neurons with their latents rises at the "
                  "upper levels",
     .measured = "Mean over nodes, then over the root and the two levels below it, after training "
                 "less before in the same run; one seed of tree, weights and samples per "
                 "instance.",
     .controls = {"shuffled pairs: x_+ of another sample"},
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .quick = 5, .cost = 1},
     .measure = measure_gain,
     .argument = &infonce},
    {.statement = "published loss: the same",
     .measured = "The same with reference_nce, tau = 0.01.",
     .controls = {"shuffled pairs: x_+ of another sample"},
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .quick = 5, .cost = 1},
     .measure = measure_gain,
     .argument = &published},
    {.statement = "augmentation: with infonce it rises more than with x_+ = x_1",
     .measured = "The same gain, less the gain of training without augmentation.",
     .controls = {"shuffled pairs in place of views, against x_+ = x_1"},
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .cost = 1.2},
     .measure = measure_augmentation,
     .argument = &infonce},
    {.statement = "augmentation, published loss: the same",
     .measured = "The same. Without augmentation the upper levels rise too, by half as much: where "
                 "nothing is pulled together, pushing samples apart finds their leading principal "
                 "component, which the root dominates.",
     .controls = {"shuffled pairs in place of views, against x_+ = x_1"},
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .cost = 1.2},
     .measure = measure_augmentation,
     .argument = &published},
    {.statement = "neurons: the more neurons per node, 2, 5, 10, 20, the larger the share of what "
                  "the initial network lacks that training adds",
     .measured = "(after - before) / (ceiling - before) with infonce; slope against log2 of the "
                 "number. Most of the rise is from 2 to 5. The correlation itself rises with the "
                 "number in untrained networks too (HLTM-6), which this leaves out.",
     .controls = {"shuffled pairs: x_+ of another sample"},
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .cost = 6},
     .measure = measure_width},
    {.statement = "polarity: |OP_mu| of the root grows faster at the start for |rho| in [0.9, 1] "
                  "than [0.8, 1] than [0.7, 1]",
     .measured = "Log of the growth in an epoch of a fifth of the samples at a twentieth of the "
                 "learning rate, infonce; the smaller of both steps. Later, growth levels off "
                 "whatever the polarity is. That correlations are higher is true of untrained "
                 "networks too, and not measured.",
     .controls = {"shuffled pairs: x_+ of another sample"},
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .quick = 5, .cost = 1},
     .measure = measure_polarity},
    {.statement = "growth: |OP_mu| grows more at the root than above the leaves in the first epoch",
     .measured = "Difference of the logs of the growths.",
     .controls = {"shuffled pairs: x_+ of another sample"},
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .quick = 5, .cost = 0.8},
     .measure = measure_growth},
};

const struct claim claim_hltm_7 = {
    .about = {.name = "HLTM-7",
              .doc = "Contrastive training on the latent tree makes neurons that follow latents "
                     "which they were never shown, the more so with more neurons per node; the "
                     "covariance operator grows most at the top, and faster with polarities "
                     "nearer to 1.",
              .source = "[DDN] Sec. 6, experiments",
              .params = params,
              .settings_size = sizeof(struct training_settings)},
    .title = "Latents emerge",
    .formula = "best |corr(f_k, z_mu)| after > before",
    .hypotheses =
        "SB-HLTM, two children per node; published setting (SGD, lr 0.1, batch 128, biases, "
        "normalised output).",
    ALL_PARTS(parts),
    .draw = draw,
};
