/* HLTM-7: latents emerge */
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

/* Mean best |correlation| of the upper levels after training. */
static enum status after(const struct training_plan *plan, double *value, struct error *err)
{
    struct training_result r;
    enum status status = training_run(plan, &r, err);
    *value = status ? NAN : training_upper_mean(r.best[1]);
    return status;
}

static enum status gain(const struct training_plan *plan, double *value, struct error *err)
{
    struct training_result r;
    enum status status = training_run(plan, &r, err);
    *value = status ? NAN : training_upper_mean(r.best[1]) - training_upper_mean(r.best[0]);
    return status;
}

static enum status measure_gain(const struct trial *trial, struct reading *reading)
{
    struct training_plan plan = plan_of(trial, trial->argument);
    enum status status = gain(&plan, &reading->error, trial->err);
    plan.keep_level = -1;
    return status ? status : gain(&plan, &reading->control[0], trial->err);
}

/* Gain with views that keep only the root, less the gain with x_+ = x_1. */
static enum status measure_augmentation(const struct trial *trial, struct reading *reading)
{
    struct training_plan plan = plan_of(trial, trial->argument);
    double with, without = NAN;
    enum status status = gain(&plan, &with, trial->err);
    plan.keep_level = plan.depth;
    if (!status)
        status = gain(&plan, &without, trial->err);
    reading->error = with - without;
    return status;
}

/* Least-squares slope against log2 of the number of neurons: the rise per doubling. */
static enum status measure_width(const struct trial *trial, struct reading *reading)
{
    enum { SIZES = 4 };
    static const int width[SIZES] = {2, 5, 10, 20};
    struct training_plan plan = plan_of(trial, &infonce);
    double doublings[SIZES], value[SIZES], c0, c1, cov00, cov01, cov11, sum;
    enum status status = STATUS_OK;
    for (int i = 0; i < SIZES && !status; i++) {
        plan.width = width[i];
        doublings[i] = log2(width[i]);
        status = after(&plan, &value[i], trial->err);
    }
    if (status)
        return status;
    gsl_fit_linear(doublings, 1, value, 1, SIZES, &c0, &c1, &cov00, &cov01, &cov11, &sum);
    reading->error = c1;
    return STATUS_OK;
}

static enum status measure_polarity(const struct trial *trial, struct reading *reading)
{
    struct training_plan plan = plan_of(trial, &infonce);
    double value[3] = {0};
    enum status status = STATUS_OK;
    for (int i = 0; i < 3 && !status; i++) {
        plan.low = 0.7 + 0.1 * i;
        status = after(&plan, &value[i], trial->err);
    }
    reading->error = fmin(value[1] - value[0], value[2] - value[1]);
    return status;
}

/* log growth of |OP_mu| at the root less that above the leaves, in the first epoch */
static enum status measure_growth(const struct trial *trial, struct reading *reading)
{
    struct training_plan plan = plan_of(trial, &infonce);
    struct training_result r;
    plan.epochs = 1;
    int bottom = plan.depth - 1;
    enum status status = training_run(&plan, &r, trial->err);
    if (!status)
        reading->error =
            log(r.norm[1][0] / r.norm[0][0]) - log(r.norm[1][bottom] / r.norm[0][bottom]);
    return status;
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

static const struct part parts[] = {
    {.statement =
         "infonce: the best |correlation| of neurons with their latents rises at the upper "
         "levels, by 0.05 and more",
     .measured = "Mean over nodes, then over the root and the two levels below it, after training "
                 "less before; one seed of tree, weights and samples per instance.",
     .controls = {"shuffled pairs: x_+ of another sample"},
     .kind = PART_EFFECT,
     .least = 0.05,
     .plan = {.instances = 16, .quick = 5, .cost = 1},
     .measure = measure_gain,
     .argument = &infonce},
    {.statement = "published loss: the same",
     .measured = "The same with reference_nce, tau = 0.01.",
     .controls = {"shuffled pairs: x_+ of another sample"},
     .kind = PART_EFFECT,
     .least = 0.05,
     .plan = {.instances = 16, .quick = 5, .cost = 1},
     .measure = measure_gain,
     .argument = &published},
    {.statement = "augmentation: with infonce it rises more than with x_+ = x_1",
     .measured = "The same gain, less the gain of training without augmentation.",
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .cost = 0.7},
     .measure = measure_augmentation,
     .argument = &infonce},
    {.statement = "augmentation, published loss: the same",
     .measured = "The same. Without augmentation the upper levels rise too, by half as much: where "
                 "nothing is pulled together, pushing samples apart finds their leading principal "
                 "component, which the root dominates.",
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .cost = 0.7},
     .measure = measure_augmentation,
     .argument = &published},
    {.statement = "neurons: it rises with the number of neurons per node, 2, 5, 10, 20",
     .measured = "Slope against log2 of the number, infonce, after training. Most of the rise is "
                 "from 2 to 5; at 10 and 20 it is close to the ceiling.",
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .cost = 4},
     .measure = measure_width},
    {.statement = "polarity: it is higher for |rho| in [0.9, 1] than [0.8, 1] than [0.7, 1]",
     .measured = "The smaller of both steps, infonce, after training.",
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .cost = 1},
     .measure = measure_polarity},
    {.statement = "growth: |OP_mu| grows more at the root than above the leaves in the first epoch",
     .measured = "Difference of the logs of the growths.",
     .kind = PART_EFFECT,
     .plan = {.instances = 16, .cost = 0.4},
     .measure = measure_growth},
};

const struct claim claim_hltm_7 = {
    .about = {.name = "HLTM-7",
              .doc = "Contrastive training on the latent tree makes neurons that follow latents "
                     "which they were never shown, the more so with more neurons per node and with "
                     "polarities nearer to 1; the covariance operator grows most at the top.",
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
