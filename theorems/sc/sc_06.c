/* SC-6: CoMatch with few labels against self-supervised learning alone */
#include "analysis/classification.h"
#include "sim/data/sources/sources.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/optimisers/optimisers.h"
#include "sim/train/trainer.h"
#include "theorems/claims.h"
#include "theorems/hltm/training.h"
#include "theorems/memo.h"

#include <math.h>
#include <string.h>

struct few_settings {
    int64_t depth, width, steps, batch, labels;
};

static const struct param params[] = {
    INTEGER_PARAM(struct few_settings, depth, "4", 2, 8,
                  "levels of the tree below its root, two children per node"),
    INTEGER_PARAM(struct few_settings, width, "10", 2, 64, "neurons of a node"),
    INTEGER_PARAM(struct few_settings, steps, "500", 1, 1 << 20,
                  "steps of training, of a network and of a class head"),
    INTEGER_PARAM(struct few_settings, batch, "64", 8, 1024, "unlabelled samples of a step"),
    INTEGER_PARAM(struct few_settings, labels, "20", 1, 4096,
                  "labelled samples, all of them in every step"),
    {0}};

/* Level of the latent that labels a sample, its node 0. */
enum { LABEL_LEVEL = 1, TEST_SAMPLES = 1 << 13 };

/* Training methods, and their labels. */
enum method_kind { COMATCH, LABELS_ALONE, NTXENT };

struct method {
    enum method_kind kind;
    double tau;
    bool wrong_labels; /* labels of other samples */
};

/* A training run: all that its accuracy depends on. */
struct labelled_run {
    struct few_settings settings;
    struct method method;
    int keep_level; /* of views */
    uint64_t seed;
};

/* ---- one training run ---- */

/* It points into itself. */
struct world {
    const struct labelled_run *run;
    struct source source;
    struct source_labels labels; /* of `source`, where they are wrong */
    struct comatch_settings comatch;
    struct temperature_settings ntxent;
    struct tree *tree;
    struct sgd_settings sgd;
    struct network network;
    struct trainer trainer;
    struct labelled labelled;     /* of the class head that is trained afterwards */
    struct pattern_tables tables; /* of the trained network, for these */
    struct class_head head;
    double *head_parameters, *head_gradient, *logit, *df;
    struct classification classification;
    struct arena arena;
};

/* Labels of unrelated samples in place of the training samples' own. */
static void labels_of_others(const void *world, struct draw draw, uint8_t *label)
{
    draw.purpose = PURPOSE_CLAIM;
    source_hltm.labels->draw(world, draw, label);
}

/* Whether the trainer has a class head. */
static bool has_head(const struct labelled_run *run)
{
    return run->method.kind != NTXENT;
}

/* The paper's settings except for the temperature. */
static struct comatch_settings comatch_of(const struct labelled_run *run)
{
    const double lambda = run->method.kind == COMATCH ? 1 : 0;
    return (struct comatch_settings){.labels = run->settings.labels,
                                     .tau = run->method.tau,
                                     .alpha = 0.9,
                                     .confidence = 0.95,
                                     .edge = 0.8,
                                     .lambda_cls = lambda,
                                     .lambda_ctr = lambda,
                                     .bank = 512,
                                     .mean_decay = 0.97};
}

static void layout_trainer(struct world *w, struct arena *arena)
{
    const struct few_settings *s = &w->run->settings;
    const void *settings = has_head(w->run) ? (const void *)&w->comatch : &w->ntxent;
    const struct learner plan = {.source = &w->source,
                                 .world = w->tree,
                                 .network = &w->network,
                                 .objective =
                                     has_head(w->run) ? &objective_comatch : &objective_ntxent,
                                 .objective_settings = settings,
                                 .optimiser = &optimiser_sgd,
                                 .optimiser_settings = &w->sgd,
                                 .seed = w->run->seed,
                                 .samples = (size_t)(s->steps * s->batch),
                                 .batch = (size_t)s->batch,
                                 .threads = 1};
    trainer_layout(&w->trainer, &plan, arena);
}

static void layout_head(struct world *w, struct arena *arena)
{
    const size_t labels = (size_t)w->run->settings.labels, size = class_head_parameters(&w->head);
    const struct labelled_plan plan = {.source = &w->source,
                                       .world = w->tree,
                                       .network = &w->network,
                                       .tables = &w->tables,
                                       .seed = w->run->seed,
                                       .count = labels,
                                       .batch = labels};
    pattern_tables_layout(&w->tables, &w->network, boundary_level(&w->network, labels), NULL, 0,
                          arena);
    labelled_layout(&w->labelled, &plan, arena);
    const size_t stride = w->labelled.outputs.stride;
    w->head_parameters = ARENA_TAKE(arena, double, size);
    w->head_gradient = ARENA_TAKE(arena, double, size);
    w->logit = ARENA_TAKE(arena, double, (size_t)w->head.classes *stride);
    w->df = ARENA_TAKE(arena, double, (size_t)w->head.width *stride);
}

static void layout(struct world *w, struct arena *arena)
{
    const struct classification_plan plan = {.network = &w->network,
                                             .source = &source_hltm,
                                             .world = w->tree,
                                             .samples = TEST_SAMPLES,
                                             .threads = 1};
    layout_trainer(w, arena);
    classification_layout(&w->classification, &plan, arena);
    w->head = w->classification.head;
    layout_head(w, arena);
}

/* CoMatch's class head on fixed outputs, with as many steps at the same rate. */
static void train_head(struct world *w)
{
    const struct outputs *o = &w->labelled.outputs;
    const size_t count = class_head_parameters(&w->head);
    pattern_tables_forward(&w->tables, w->trainer.parameters, 0,
                           nodes_of(&w->network, w->tables.entry));
    labelled_forward(&w->labelled, 0, w->trainer.parameters);
    for (int64_t step = 0; step < w->run->settings.steps; step++) {
        class_head_forward(&w->head, w->head_parameters, o->samples, o->stride, o->f, w->logit);
        for (size_t y = 0; y < (size_t)w->head.classes; y++)
            for (size_t s = 0; s < o->samples; s++) {
                double *d = &w->logit[y * o->stride + s];
                *d = (exp(*d) - (y == o->label[s])) / (double)o->samples;
            }
        memset(w->head_gradient, 0, count * sizeof *w->head_gradient);
        class_head_backward(&w->head, w->head_parameters, o->samples, o->stride, o->f, w->logit,
                            w->head_gradient, w->df);
        for (size_t i = 0; i < count; i++)
            w->head_parameters[i] -= w->sgd.lr * w->head_gradient[i];
    }
}

static enum status open_world(struct world *w, const struct labelled_run *run, struct error *err)
{
    struct arena count = {0};
    *w = (struct world){.run = run,
                        .source = source_hltm,
                        .labels = {source_hltm.labels->classes, labels_of_others},
                        .comatch = comatch_of(run),
                        .ntxent = {.tau = run->method.tau},
                        .sgd = {.lr = 0.1}};
    if (run->method.wrong_labels)
        w->source.labels = &w->labels;
    w->network = training_network((int)run->settings.depth, (int)run->settings.width);
    const struct tree_settings settings = {
        .depth = run->settings.depth, .keep_level = run->keep_level, .label_level = LABEL_LEVEL};
    enum status status = training_tree(settings, 0.7, 1, run->seed, &w->tree, err);
    if (status)
        return status;
    layout(w, &count);
    status = arena_create(&w->arena, &count, err);
    if (!status)
        layout(w, &w->arena);
    return status;
}

/* Share of held-out samples whose label the class head predicts after training. */
static enum status train(const void *key, void *accuracy, struct error *err)
{
    const struct labelled_run *run = key;
    struct world w;
    enum status status = open_world(&w, run, err);
    if (!status && trainer_epoch(&w.trainer, 1, NULL).diverged)
        status = error_set(err, STATUS_DIVERGED, "training diverged");
    if (!status) {
        if (!has_head(run))
            train_head(&w);
        size_t count;
        const double *head =
            has_head(run) ? trainer_class_head(&w.trainer, &count) : w.head_parameters;
        *(double *)accuracy =
            classification_accuracy(&w.classification, w.trainer.parameters, head, run->seed, 1);
    }
    arena_free(&w.arena);
    tree_free(w.tree);
    return status;
}

/* ---- comparisons ---- */

static const struct method comatch = {.kind = COMATCH, .tau = 0.5};
static const struct method labels_alone = {.kind = LABELS_ALONE, .tau = 0.5};
static const struct method cold_ntxent = {.kind = NTXENT, .tau = 0.1};
static const struct method warm_ntxent = {.kind = NTXENT, .tau = 0.5};

/* All parts of the claim have the same seeds, so that they can share runs. */
static uint64_t seed_of(const struct trial *trial)
{
    gsl_rng *rng = claim_rng(&claim_sc_6, trial->seed, 0, trial->instance);
    const uint64_t seed = gsl_rng_get(rng);
    gsl_rng_free(rng);
    return seed;
}

static enum status accuracy_of(const struct trial *trial, int keep_level, struct method method,
                               double *accuracy)
{
    struct labelled_run run;
    memset(&run, 0, sizeof run); /* padding is part of the key */
    run.settings = *(const struct few_settings *)trial->settings;
    run.method.kind = method.kind;
    run.method.tau = method.tau;
    run.method.wrong_labels = method.wrong_labels;
    run.keep_level = keep_level;
    run.seed = seed_of(trial);
    return memo_take(trial->memo, &run, sizeof run, accuracy, sizeof *accuracy, train, trial->err);
}

/* Views that keep all latents above the leaves. */
static int all_latents(const struct trial *trial)
{
    return (int)((const struct few_settings *)trial->settings)->depth - 1;
}

/* The argument of a part: a method beside CoMatch. */
struct rival {
    const struct method *method;
    bool upper; /* views keep only the latents down to the label's */
};

/* Accuracy of CoMatch less its rival's, of the same tree, initial weights and samples; in the
 * control it has wrong labels. */
static enum status measure(const struct trial *trial, struct reading *reading)
{
    const struct rival *rival = trial->argument;
    const int keep_level = rival->upper ? LABEL_LEVEL : all_latents(trial);
    struct method wrong = comatch;
    double right = NAN, other = NAN, misled = NAN;
    enum status status = accuracy_of(trial, keep_level, comatch, &right);
    if (!status)
        status = accuracy_of(trial, keep_level, *rival->method, &other);
    wrong.wrong_labels = !trial->restored;
    if (!status)
        status = accuracy_of(trial, keep_level, wrong, &misled);
    reading->error = right - other;
    reading->control[0] = misled - other;
    plant(trial, &reading->error, 1);
    return status;
}

static enum status draw(const struct trial *trial, struct curves *curves)
{
    enum { METHODS = 4, COUNTS = 5 };
    static const int64_t labels[COUNTS] = {5, 10, 20, 40, 80};
    const struct method method[METHODS] = {comatch, cold_ntxent, warm_ntxent, labels_alone};
    *curves = (struct curves){
        .title = "Few labels",
        .x_label = "labelled samples",
        .y_label = "accuracy",
        .caption = "One tree. Share of held-out samples whose label the class head predicts, "
                   "against the number of labelled samples; views keep all latents above the "
                   "leaves.",
        .log_x = true,
        .columns = 1 + METHODS,
        .name = {"labels", "comatch", "ntxent, tau 0.1", "ntxent, tau 0.5", "labels alone"}};
    enum status status = STATUS_OK;
    for (int i = 0; i < COUNTS && !status; i++) {
        struct few_settings settings = *(const struct few_settings *)trial->settings;
        struct trial here = *trial;
        double row[1 + METHODS] = {(double)labels[i]};
        settings.labels = labels[i];
        here.settings = &settings;
        for (int m = 0; m < METHODS && !status; m++)
            status = accuracy_of(&here, all_latents(&here), method[m], &row[1 + m]);
        if (!status)
            status = curves_add(curves, row, trial->err);
    }
    return status;
}

static const struct part parts[] = {
    {.statement =
         "all latents: CoMatch's class head predicts the label of new samples more often than one "
         "trained on the same labels on top of ntxent",
     .measured = "Difference of the shares of 8192 held-out samples whose label is predicted, with "
                 "the same tree, initial weights, samples and steps; one seed per instance, the "
                 "same for all parts. Views keep all latents above the leaves. Each method has the "
                 "temperature that was best on other seeds, 0.5 of three for CoMatch and 0.1 of "
                 "five for ntxent, so this compares them at their best, not at one temperature.",
     .controls = {"CoMatch is given the labels of other samples"},
     .kind = PART_EFFECT,
     .reported = true,
     .plan = {.instances = 16, .cost = 1},
     .measure = measure,
     .argument = &(const struct rival){&cold_ntxent, .upper = false}},
    {.statement = "upper latents: ... where views share the label and little else",
     .measured = "The same, with views that keep the root and the two latents below it. "
                 "Temperature 0.5 for both.",
     .controls = {"CoMatch is given the labels of other samples"},
     .kind = PART_EFFECT,
     .reported = true,
     .plan = {.instances = 16, .cost = 0.7},
     .measure = measure,
     .argument = &(const struct rival){&warm_ntxent, .upper = true}},
    {.statement = "labels alone: CoMatch predicts it more often than a network trained only on the "
                  "few labels",
     .measured = "The same as for all latents, less CoMatch with lambda_cls = lambda_ctr = 0.",
     .controls = {"CoMatch is given the labels of other samples"},
     .kind = PART_EFFECT,
     .reported = true,
     .plan = {.instances = 16, .quick = 3, .cost = 1},
     .measure = measure,
     .argument = &(const struct rival){&labels_alone, .upper = false}},
};

const struct claim claim_sc_6 = {
    .about = {.name = "SC-6",
              .doc = "With few labels CoMatch (pseudo-labels with a memory bank, and a graph of "
                     "embeddings that follows the graph of pseudo-labels) predicts the label "
                     "better than a classifier on top of a network trained without labels.",
              .source = "[SC] Li et al., arXiv:2011.11183",
              .params = params,
              .settings_size = sizeof(struct few_settings)},
    .title = "CoMatch with few labels",
    .formula = "P(argmax_y p(y | x) = z_mu): CoMatch > self-supervised, then a class head",
    .hypotheses = "SB-HLTM, two children per node, |rho| in [0.7, 1]; the label is the first "
                  "latent below the root, known for 20 samples; SGD, lr 0.1, batch 64, biases, "
                  "normalised outputs.",
    ALL_PARTS(parts),
    .draw = draw,
};
