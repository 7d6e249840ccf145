/* Protects training without negative pairs in sim/train/trainer_*.c and
 * sim/train/predictor_trainer.c: every step is the gradient of one explicit batch, an optimiser's
 * update, an EMA step and the predictor's rule, for any number of threads. */
#include "core/linalg.h"
#include "core/random.h"
#include "sim/data/sources/sources.h"
#include "sim/loss/noncontrastive_batch.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/optimisers/optimisers.h"
#include "sim/train/direct_predictor.h"
#include "sim/train/predictor_optimiser.h"
#include "sim/train/trainer.h"
#include "tests/kit/arena.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

#include <omp.h>

enum { WIDTH = 4, SEED = 23 };

/* ---- data ---- */

/* Real numbers with correlated views: x_2 = x_1 / 2 + other numbers. */
static void real_values(const void *world, struct draw draw, int positives, int views,
                        void *scratch, struct samples out)
{
    (void)positives;
    const size_t size = 8 * BLOCK;
    struct stream stream;
    (void)world, (void)scratch;
    stream_open(&stream, draw.seed, draw.purpose, draw.epoch, draw.block);
    for (size_t i = 0; i < (size_t)views * size; i++)
        out.value[i] = 2 * stream_uniform(&stream) - 1 + (i < size ? 0 : out.value[i % size] / 2);
}

static struct observed observed(const void *world)
{
    (void)world;
    return (struct observed){.leaves = 8};
}

static const struct source source_real = {
    .observed = observed, .scratch_size = kit_no_scratch, .draw = real_values};

/* ---- what is trained ---- */

struct trunk {
    const char *name;
    bool tree, real, relu, bias, normalize;
};

static const struct trunk trunks[] = {
    {"relu tree", .tree = true, .relu = true, .bias = true, .normalize = true},
    {"linear tree", .tree = true},
    {"relu mlp", .relu = true, .bias = true},
    {"linear mlp of numbers", .real = true},
    {"relu mlp of numbers", .real = true, .relu = true, .bias = true, .normalize = true},
};
enum { TRUNKS = sizeof trunks / sizeof *trunks };

/* On 8 leaves. */
static struct network build_trunk(const struct trunk *trunk)
{
    static const int tree[] = {WIDTH, 3, 3}, layers[] = {WIDTH, 5};
    return kit_network((struct network){.levels = trunk->tree ? 3 : 2,
                                        .relu = trunk->relu,
                                        .bias = trunk->bias,
                                        .normalize = trunk->normalize,
                                        .norm_eps = 1e-2,
                                        .leaves = 8,
                                        .leaf_states = trunk->real ? 0 : 2,
                                        .mirrors_tree = trunk->tree},
                       trunk->tree ? tree : layers);
}

struct head_case {
    const char *name;
    enum predictor_kind kind;
    int hidden;
    bool bias, symmetric;
};

static const struct head_case heads[] = {
    {"linear", PREDICTOR_LINEAR, 0, false, false},
    {"linear, bias, symmetric", PREDICTOR_LINEAR, 0, true, true},
    {"two layers, bias", PREDICTOR_TWO_LAYERS, 6, true, false},
    {"two layers, symmetric", PREDICTOR_TWO_LAYERS, WIDTH, false, true},
    {"identity", PREDICTOR_IDENTITY, 0, false, false},
};
enum { HEADS = sizeof heads / sizeof *heads, PLAIN_HEAD = 0 };

static const struct head_case symmetric_linear = {"linear, symmetric", PREDICTOR_LINEAR, 0, false,
                                                  true};

struct target_case {
    const struct objective *objective;
    struct target_settings settings;
};

static const struct target_case targets[] = {
    {&objective_byol, {0, START_ONLINE}},
    {&objective_byol, {0, START_RANDOM}},
    {&objective_byol, {0, START_ZERO}},
    {&objective_byol, {0.9, START_ONLINE}},
    {&objective_byol, {0.9, START_RANDOM}},
    {&objective_byol, {0.9, START_ZERO}},
    {&objective_byol, {1, START_ONLINE}},
    {&objective_byol, {1, START_RANDOM}},
    {&objective_byol, {1, START_ZERO}},
    {&objective_simsiam, {0, START_ONLINE}},
    {&objective_no_stopgrad, {0, START_ONLINE}},
    {&objective_byol_cosine, {0.9, START_ONLINE}},
    {&objective_byol_cosine, {0.5, START_RANDOM}},
};
enum { TARGETS = sizeof targets / sizeof *targets, EMA_RANDOM = 4, SIMSIAM = 9, NO_STOP = 10 };

struct job {
    const struct trunk *trunk;
    const struct head_case *head;
    const struct target_case *target;
    const struct optimiser *optimiser;
    const struct predictor_optimiser *rule;
    union kit_settings optimiser_settings, rule_settings;
    size_t samples, batch;
    int threads;
};

/* Momentum or Adam, with different weight decays and learning rates. */
static struct job default_job(const struct trunk *trunk, const struct head_case *head,
                              const struct target_case *target, bool adam)
{
    struct job job = {.trunk = trunk,
                      .head = head,
                      .target = target,
                      .optimiser = adam ? &optimiser_adam : &optimiser_sgd,
                      .rule = &predictor_gradient,
                      .samples = 4 * 150 + 20,
                      .batch = 150,
                      .threads = 1};
    const struct descriptor *about = &job.optimiser->about;
    kit_set(about, &job.optimiser_settings, "lr", adam ? 0.01 : 0.05);
    kit_set(about, &job.optimiser_settings, "weight_decay", 0.02);
    if (adam) {
        kit_set(about, &job.optimiser_settings, "beta1", 0.8);
        kit_set(about, &job.optimiser_settings, "beta2", 0.95);
        kit_set(about, &job.optimiser_settings, "eps", 1e-2); /* does not amplify rounding */
    } else
        kit_set(about, &job.optimiser_settings, "momentum", 0.5);
    kit_set(&job.rule->about, &job.rule_settings, "lr_ratio", 2.5);
    kit_set(&job.rule->about, &job.rule_settings, "weight_decay", 0.07);
    return job;
}

/* The same with another rule. */
static void give_rule(struct job *job, const struct predictor_optimiser *rule, double rho,
                      double freq)
{
    job->rule = rule;
    kit_set(&rule->about, &job->rule_settings, "rho", rho);
    kit_set(&rule->about, &job->rule_settings, "freq", freq);
}

static void describe(const struct job *job, char out[256])
{
    snprintf(out, 256, "%s, %s %g/%d, %s, %s, %s", job->trunk->name,
             job->target->objective->about.name, job->target->settings.ema,
             job->target->settings.start, job->head->name, job->optimiser->about.name,
             job->rule->about.name);
}

/* ---- the trainer ---- */

struct setup {
    char name[256];
    void *world;
    struct network network;
    struct predictor predictor;
    struct learner plan;
    struct trainer trainer;
    struct arena arena;
};

static void open_setup(struct setup *s, const struct job *job)
{
    struct error err;
    static const struct kit_tree tree = {
        .depth = 3, .children = {2}, .keep_level = 1, .low = 0.5, .high = 0.95, .seed = 17};
    memset(s, 0, sizeof *s);
    describe(job, s->name);
    s->world = job->trunk->real ? NULL : kit_open_tree(&tree);
    s->network = build_trunk(job->trunk);
    check_ok(predictor_build(&s->predictor, job->head->kind, WIDTH, job->head->hidden,
                             job->head->bias, job->head->symmetric, &err),
             &err);
    s->plan = (struct learner){.source = job->trunk->real ? &source_real : &source_hltm,
                               .world = s->world,
                               .network = &s->network,
                               .objective = job->target->objective,
                               .objective_settings = &job->target->settings,
                               .optimiser = job->optimiser,
                               .optimiser_settings = &job->optimiser_settings,
                               .predictor = &s->predictor,
                               .predictor_optimiser = job->rule,
                               .predictor_settings = &job->rule_settings,
                               .seed = SEED,
                               .samples = job->samples,
                               .batch = job->batch,
                               .threads = job->threads};
    KIT_LAY_OUT(&s->arena, pass, trainer_layout(&s->trainer, &s->plan, pass));
}

static void close_setup(struct setup *s)
{
    if (s->world)
        source_hltm.close(s->world);
    arena_free(&s->arena);
}

/* ---- the same by hand ---- */

struct plain {
    const struct setup *setup;
    const struct job *job;
    struct noncontrastive_batch batch;
    struct arena arena;
    union kit_settings
        head_settings; /* the optimiser's settings with the predictor's lr and weight decay */
    double *trunk, *head, *target, *gradient, *head_gradient, *state, *head_state;
    double *scratch, c[WIDTH * WIDTH], d[WIDTH * WIDTH];
    uint64_t step;
    double loss; /* of the last step */
};

static double setting(const struct descriptor *about, const union kit_settings *settings,
                      const char *name)
{
    const struct param *param = descriptor_param(about, name);
    int64_t integer;
    double real;
    memcpy(&integer, settings->bytes + param->offset, sizeof integer);
    memcpy(&real, settings->bytes + param->offset, sizeof real);
    return param->type == PARAM_INTEGER ? (double)integer : real;
}

static void plain_head_settings(struct plain *p)
{
    const struct job *job = p->job;
    const struct descriptor *about = &job->optimiser->about, *rule = &job->rule->about;
    p->head_settings = job->optimiser_settings;
    kit_set(about, &p->head_settings, "lr",
            setting(about, &job->optimiser_settings, "lr") *
                setting(rule, &job->rule_settings, "lr_ratio"));
    kit_set(about, &p->head_settings, "weight_decay",
            setting(rule, &job->rule_settings, "weight_decay"));
}

static void layout_plain(struct plain *p, struct arena *arena)
{
    const struct network *n = &p->setup->network;
    const struct predictor *predictor = &p->setup->predictor;
    const size_t head = padded(predictor->parameters + 1);
    noncontrastive_batch_layout(&p->batch, n, predictor, p->job->target->objective,
                                &p->job->target->settings, p->job->batch, n->levels, arena);
    p->trunk = ARENA_TAKE(arena, double, n->parameters);
    p->target = ARENA_TAKE(arena, double, n->parameters);
    p->gradient = ARENA_TAKE(arena, double, n->parameters);
    p->head = ARENA_TAKE(arena, double, head);
    p->head_gradient = ARENA_TAKE(arena, double, head);
    p->state = ARENA_TAKE(arena, double, 2 * n->parameters);
    p->head_state = ARENA_TAKE(arena, double, 2 * head);
    p->scratch = ARENA_TAKE(arena, double, direct_scratch_size(WIDTH));
}

static void open_plain(struct plain *p, const struct setup *setup, const struct job *job)
{
    const struct network *n = &setup->network;
    *p = (struct plain){.setup = setup, .job = job};
    KIT_LAY_OUT(&p->arena, pass, layout_plain(p, pass));
    network_init(n, SEED, PURPOSE_WEIGHTS, p->trunk);
    predictor_init(&setup->predictor, SEED, p->head);
    if (job->target->settings.start == START_ONLINE)
        memcpy(p->target, p->trunk, n->parameters * sizeof *p->trunk);
    else if (job->target->settings.start == START_RANDOM)
        network_init(n, SEED, PURPOSE_TARGET, p->target);
    plain_head_settings(p);
}

/* Samples [first, first + batch) of an epoch. */
static void plain_samples(struct plain *p, uint64_t epoch, size_t first)
{
    const struct draw draw = {.seed = SEED, .purpose = PURPOSE_TRAIN, .epoch = epoch};
    struct views views = {
        .source = p->setup->plan.source, .world = p->setup->world, .positives = 1, .count = 2};
    struct rows rows[2];
    struct error err;
    for (int view = 0, at; view < 2; view++) {
        struct batch *holder = noncontrastive_batch_view(&p->batch, view, &at);
        rows[view] = batch_rows(holder, at);
        rows[view].view = view;
    }
    check_ok(views_open(&views, &err), &err);
    views_fill(&views, draw, first, p->job->batch, rows, 2);
    views_close(&views);
}

/* moment <- rho moment + (1 - rho) mean of a f^T; the mean itself after the first batch */
static void plain_moment(const struct plain *p, const double *a, const double *f, double *moment)
{
    const size_t stride = p->batch.online.stride, count = p->job->batch;
    const double rho =
        p->step == 1 ? 0 : setting(&p->job->rule->about, &p->job->rule_settings, "rho");
    for (size_t i = 0; i < WIDTH; i++)
        for (size_t j = 0; j < WIDTH; j++) {
            double sum = 0;
            for (size_t s = 0; s < count; s++)
                sum += a[i * stride + s] * f[j * stride + s];
            moment[i * WIDTH + j] = rho * moment[i * WIDTH + j] + (1 - rho) * sum / (double)count;
        }
}

/* The predictor's part of a step. */
static void plain_head_step(struct plain *p)
{
    const struct job *job = p->job;
    const struct predictor *shape = &p->setup->predictor;
    const double *f = p->batch.online.outputs.f;
    const double *f_a = objective_needs(job->target->objective, NULL).target == TARGET_NETWORK
                            ? p->batch.target.outputs.f
                            : f + WIDTH * p->batch.online.stride;
    struct error err;
    if (job->rule->set) {
        plain_moment(p, f, f, p->c);
        plain_moment(p, f_a, f, p->d);
    }
    if (job->rule->set &&
        p->step % (uint64_t)setting(&job->rule->about, &job->rule_settings, "freq") == 0) {
        check_ok(job->rule->set(&job->rule_settings, WIDTH, p->c, p->d, p->head, p->scratch, &err),
                 &err);
        predictor_project(shape, p->head);
    } else
        job->optimiser->update(&p->head_settings, p->step, shape->parameters, p->head,
                               p->head_gradient, p->head_state, padded(shape->parameters + 1));
}

/* The mean loss of an epoch. */
static double plain_epoch(struct plain *p, uint64_t epoch)
{
    const struct job *job = p->job;
    const size_t count = p->setup->network.parameters, steps = job->samples / job->batch;
    const struct noncontrastive_parameters parameters = {p->trunk, p->head, p->target};
    double mean = 0;
    for (size_t i = 0; i < steps; i++) {
        plain_samples(p, epoch, i * job->batch);
        p->step++;
        mean += noncontrastive_batch_loss(&p->batch, &parameters, p->gradient, p->head_gradient) /
                (double)steps;
        plain_head_step(p);
        job->optimiser->update(&job->optimiser_settings, p->step, count, p->trunk, p->gradient,
                               p->state, count);
        if (objective_needs(job->target->objective, NULL).target == TARGET_NETWORK)
            ema_step(count, job->target->settings.ema, p->trunk, p->target);
    }
    return mean;
}

static double distance(const double *a, const double *b, size_t count)
{
    double top = 0, size = 1e-300;
    for (size_t i = 0; i < count; i++) {
        top = isnan(a[i] - b[i]) ? INFINITY : fmax(top, fabs(a[i] - b[i]));
        size = fmax(size, fabs(b[i]));
    }
    return top / size;
}

static void expect_near(const char *name, const char *what, const double *got, const double *wanted,
                        size_t count, double tolerance)
{
    const double off = distance(got, wanted, count);
    if (!(off <= tolerance))
        fail_msg("%s: %s is off by %g", name, what, off);
}

static void check_job(const struct job *job)
{
    struct setup s;
    struct plain p;
    open_setup(&s, job);
    open_plain(&p, &s, job);
    const size_t count = s.network.parameters;
    for (uint64_t epoch = 1; epoch <= 2; epoch++) {
        const struct epoch_result result = trainer_epoch(&s.trainer, epoch, NULL);
        const double loss = plain_epoch(&p, epoch);
        if (result.diverged || result.stopped)
            fail_msg("%s: step %d of epoch %d is not finite", s.name, (int)result.steps,
                     (int)epoch);
        assert_int_equal(result.steps, p.step);
        expect_near(s.name, "the loss", &result.loss, &loss, 1, 1e-12);
    }
    expect_near(s.name, "the trunk", s.trainer.parameters, p.trunk, count, 1e-12);
    expect_near(s.name, "the predictor", s.trainer.predictor.parameters, p.head,
                s.predictor.parameters, 1e-12);
    assert_int_equal(s.trainer.online_views, s.trainer.target ? 1 : 2);
    if (s.trainer.target)
        expect_near(s.name, "the target", s.trainer.target, p.target, count, 1e-12);
    else
        assert_true(objective_needs(job->target->objective, NULL).target != TARGET_NETWORK);
    arena_free(&p.arena);
    close_setup(&s);
}

/* ---- steps ---- */

static void steps_are_gradients_updates_and_ema_steps(void **state)
{
    (void)state;
    for (size_t t = 0; t < TRUNKS; t++)
        for (size_t h = 0; h < HEADS; h++)
            for (size_t o = (t + h) % 2; o < TARGETS; o += 2) {
                struct job job = default_job(&trunks[t], &heads[h], &targets[o], (h + o / 2) % 2);
                check_job(&job);
            }
}

/* 9 samples are less than a chunk; 64 are one; 200 have a short last chunk; 1100 exceed a slab. */
static void any_batch_will_do(void **state)
{
    (void)state;
    static const size_t batches[] = {1, 9, 64, 200, 1100};
    static const size_t some[] = {EMA_RANDOM, SIMSIAM, NO_STOP, TARGETS - 1};
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++)
        for (size_t o = 0; o < sizeof some / sizeof *some; o++) {
            struct job job =
                default_job(&trunks[(b + o) % TRUNKS], &heads[o], &targets[some[o]], false);
            kit_set(&optimiser_sgd.about, &job.optimiser_settings, "lr", 0.01);
            job.threads = 1 + (int)(o % 2);
            job.batch = batches[b];
            job.samples = 7 * batches[b] + batches[b] / 2;
            check_job(&job);
        }
}

/* ---- predictors that are set ---- */

/* Rules with their settings, on a job of gradient steps. */
static size_t give_rules(struct job *job, size_t which)
{
    static const double rho[] = {0.6, 0, 0.9, 0.3, 0.6, 0.5, 0.8};
    static const double freq[] = {1, 1, 3, 2, 1, 1, 5};
    static const struct predictor_optimiser *const rules[] = {
        &predictor_direct_pred, &predictor_direct_pred, &predictor_direct_pred,
        &predictor_direct_copy, &predictor_direct_copy, &predictor_optimal,
        &predictor_optimal};
    give_rule(job, rules[which], rho[which], freq[which]);
    if (rules[which] == &predictor_optimal)
        kit_set(&predictor_optimal.about, &job->rule_settings, "form", (double)(which % 2));
    else {
        kit_set(&rules[which]->about, &job->rule_settings, "epsilon", 0.1 + 0.1 * (double)which);
        kit_set(&rules[which]->about, &job->rule_settings, "offset", which == 1 ? 0.01 : 0);
    }
    if (rules[which] == &predictor_direct_pred)
        kit_set(&predictor_direct_pred.about, &job->rule_settings, "power", which == 2 ? 0.8 : 0.5);
    return sizeof rules / sizeof *rules;
}

static void rules_set_the_predictor_from_running_moments(void **state)
{
    (void)state;
    static const size_t some[] = {EMA_RANDOM, SIMSIAM, NO_STOP};
    for (size_t o = 0; o < 3; o++)
        for (size_t t = 0; t < TRUNKS; t++)
            for (size_t r = 0, count = 1; r < count; r++) {
                const struct head_case *head = (r + t) % 2 ? &symmetric_linear : &heads[PLAIN_HEAD];
                struct job job = default_job(&trunks[t], head, &targets[some[o]], (r + o) % 2);
                kit_set(&job.optimiser->about, &job.optimiser_settings, "lr", 0.01);
                count = give_rules(&job, r);
                check_job(&job);
            }
}

/* Epochs of one step, so that the state after every step can be compared. */
static void a_rule_acts_after_every_freq_th_step_alone(void **state)
{
    (void)state;
    struct job job = default_job(&trunks[3], &heads[PLAIN_HEAD], &targets[EMA_RANDOM], false);
    struct setup s;
    struct plain p;
    double w_p[WIDTH * WIDTH], scratch[1024];
    struct error err;
    give_rule(&job, &predictor_direct_pred, 0.9, 3);
    kit_set(&predictor_direct_pred.about, &job.rule_settings, "power", 0.5);
    kit_set(&predictor_direct_pred.about, &job.rule_settings, "epsilon", 0.2);
    job.samples = job.batch;
    assert_true(direct_scratch_size(WIDTH) <= 1024);
    open_setup(&s, &job);
    open_plain(&p, &s, &job);
    for (uint64_t step = 1; step <= 6; step++) {
        trainer_epoch(&s.trainer, step, NULL);
        plain_epoch(&p, step);
        if (step == 1) /* not rho times nothing */
            expect_near(s.name, "C after the first batch", s.trainer.predictor.c, p.c,
                        WIDTH * WIDTH, 1e-13);
        check_ok(predictor_direct_pred.set(&job.rule_settings, WIDTH, s.trainer.predictor.c,
                                           s.trainer.predictor.d, w_p, scratch, &err),
                 &err);
        const double off = distance(s.trainer.predictor.parameters, w_p, WIDTH * WIDTH);
        if (step % 3 == 0)
            assert_at_most(off, 0);
        else
            assert_above(off, 1e-3);
        expect_near(s.name, "D", s.trainer.predictor.d, p.d, WIDTH * WIDTH, 1e-12);
    }
    arena_free(&p.arena);
    close_setup(&s);
}

static void rules_want_one_matrix_without_bias(void **state)
{
    (void)state;
    static const struct predictor_optimiser *const rules[] = {
        &predictor_direct_pred, &predictor_direct_copy, &predictor_optimal};
    for (size_t h = 0; h < HEADS; h++)
        for (size_t r = 0; r < 3; r++) {
            struct predictor p;
            struct error err = {0};
            const struct head_case *c = &heads[h];
            check_ok(predictor_build(&p, c->kind, WIDTH, c->hidden, c->bias, c->symmetric, &err),
                     &err);
            check_ok(predictor_check_optimiser(&p, &predictor_gradient, &err), &err);
            const enum status status = predictor_check_optimiser(&p, rules[r], &err);
            if (h == PLAIN_HEAD) {
                check_ok(status, &err);
                continue;
            }
            assert_int_equal(status, STATUS_INVALID);
            assert_non_null(strstr(err.message, rules[r]->about.name));
            assert_non_null(strstr(err.message, c->kind == PREDICTOR_LINEAR ? "predictor.bias"
                                                                            : "predictor.kind"));
        }
}

/* ---- threads, limits, evaluation ---- */

static void expect_same_bits(const struct setup *a, const struct setup *b)
{
    const struct trainer *x = &a->trainer, *y = &b->trainer;
    const size_t bytes = a->network.parameters * sizeof(double);
    const size_t square = WIDTH * WIDTH * sizeof(double);
    assert_memory_equal(x->parameters, y->parameters, bytes);
    if (x->target)
        assert_memory_equal(x->target, y->target, bytes);
    if (a->predictor.parameters)
        assert_memory_equal(x->predictor.parameters, y->predictor.parameters,
                            a->predictor.parameters * sizeof(double));
    if (x->predictor.c) {
        assert_memory_equal(x->predictor.c, y->predictor.c, square);
        assert_memory_equal(x->predictor.d, y->predictor.d, square);
    }
}

static void training_is_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    for (size_t o = 0; o < TARGETS; o += 2)
        for (size_t h = 0; h < HEADS; h++) {
            struct job job = default_job(&trunks[(o + h) % TRUNKS], &heads[h], &targets[o], h % 2);
            struct setup one, more;
            double losses[2];
            job.batch = 700;
            job.samples = 2100;
            if (h == PLAIN_HEAD)
                give_rules(&job, o % 7);
            job.threads = 1;
            open_setup(&one, &job);
            losses[0] = trainer_epoch(&one.trainer, 1, NULL).loss;
            for (job.threads = 2; job.threads <= 3; job.threads++) {
                open_setup(&more, &job);
                losses[1] = trainer_epoch(&more.trainer, 1, NULL).loss;
                assert_int_equal(more.trainer.team, job.threads);
                assert_true(losses[0] == losses[1]);
                expect_same_bits(&one, &more);
                close_setup(&more);
            }
            close_setup(&one);
        }
}

/* One thread, then two, three, one, ... */
static int another_number(void *context)
{
    int *last = context;
    *last = *last % 3 + 1;
    return *last;
}

/* As during a measurement. */
static void threads_may_come_and_go_within_an_epoch(void **state)
{
    (void)state;
    static const size_t some[] = {EMA_RANDOM, SIMSIAM, NO_STOP, TARGETS - 1};
    for (size_t o = 0; o < 4; o++) {
        struct job job = default_job(&trunks[o], &heads[PLAIN_HEAD], &targets[some[o]], false);
        struct setup steady, changing;
        int last = 0;
        const struct trainer_watch watch = {.threads = another_number, .context = &last};
        kit_set(&optimiser_sgd.about, &job.optimiser_settings, "lr", 0.01);
        give_rules(&job, 2);
        job.batch = 300;
        job.samples = 50 * job.batch;
        open_setup(&steady, &job);
        job.threads = 3;
        open_setup(&changing, &job);
        trainer_epoch(&steady.trainer, 1, NULL);
        trainer_epoch(&changing.trainer, 1, &watch);
        assert_true(last != 1); /* it was asked more than once */
        assert_int_equal(changing.trainer.step, 50);
        expect_same_bits(&steady, &changing);
        close_setup(&steady);
        close_setup(&changing);
    }
}

static void byol_without_memory_is_simsiam(void **state)
{
    (void)state;
    for (size_t t = 0; t < TRUNKS; t++)
        for (size_t h = 0; h < HEADS; h++) {
            struct setup byol, simsiam;
            struct job job = default_job(&trunks[t], &heads[h], &targets[0], false);
            open_setup(&byol, &job);
            job.target = &targets[SIMSIAM];
            open_setup(&simsiam, &job);
            for (uint64_t epoch = 1; epoch <= 2; epoch++) {
                trainer_epoch(&byol.trainer, epoch, NULL);
                trainer_epoch(&simsiam.trainer, epoch, NULL);
            }
            expect_near(byol.name, "the trunk", byol.trainer.parameters, simsiam.trainer.parameters,
                        byol.network.parameters, 1e-12);
            expect_near(byol.name, "the predictor", byol.trainer.predictor.parameters,
                        simsiam.trainer.predictor.parameters, byol.predictor.parameters, 1e-12);
            assert_memory_equal(byol.trainer.target, byol.trainer.parameters,
                                byol.network.parameters * sizeof(double));
            close_setup(&byol);
            close_setup(&simsiam);
        }
}

static void a_frozen_target_stays_as_it_began(void **state)
{
    (void)state;
    for (size_t o = 6; o <= 8; o++) {
        struct job job = default_job(&trunks[0], &heads[0], &targets[o], true);
        struct setup s;
        open_setup(&s, &job);
        const size_t count = s.network.parameters;
        double *start = allocate(count, sizeof *start), norm = 0;
        memcpy(start, s.trainer.target, count * sizeof *start);
        for (size_t i = 0; i < count; i++)
            norm += start[i] * start[i];
        assert_true((norm == 0) == (targets[o].settings.start == START_ZERO));
        assert_true((memcmp(start, s.trainer.parameters, count * sizeof *start) == 0) ==
                    (targets[o].settings.start == START_ONLINE));
        trainer_epoch(&s.trainer, 1, NULL);
        assert_memory_equal(start, s.trainer.target, count * sizeof *start);
        free(start);
        close_setup(&s);
    }
}

static void evaluation_changes_nothing_and_gives_the_mean_loss(void **state)
{
    (void)state;
    for (size_t o = 0; o < TARGETS; o++) {
        struct job job = default_job(&trunks[o % TRUNKS], &heads[0], &targets[o], false);
        struct setup s, untouched;
        struct plain p;
        double loss = 0;
        give_rule(&job, &predictor_direct_copy, 0.5, 1);
        open_setup(&s, &job);
        open_setup(&untouched, &job);
        open_plain(&p, &s, &job);
        for (size_t step = 0; step < 2; step++) {
            const struct noncontrastive_parameters parameters = {p.trunk, p.head, p.target};
            plain_samples(&p, 1, step * job.batch);
            loss += noncontrastive_batch_loss(&p.batch, &parameters, NULL, NULL) / 2;
        }
        assert_near(trainer_evaluate(&s.trainer, 2), loss, 1e-12 * fabs(loss));
        assert_int_equal(s.trainer.step, 0);
        expect_same_bits(&s, &untouched);
        arena_free(&p.arena);
        close_setup(&s);
        close_setup(&untouched);
    }
}

/* The trunk is still finite after the only step. */
static void a_predictor_that_blows_up_is_noticed_at_once(void **state)
{
    (void)state;
    struct job job = default_job(&trunks[2], &heads[0], &targets[3], false);
    struct setup s;
    job.samples = job.batch;
    kit_set(&job.rule->about, &job.rule_settings, "lr_ratio", 1e308);
    kit_set(&job.rule->about, &job.rule_settings, "weight_decay", 1e10);
    open_setup(&s, &job);
    const struct epoch_result result = trainer_epoch(&s.trainer, 1, NULL);
    assert_true(isfinite(result.loss));
    for (size_t i = 0; i < s.network.parameters; i++)
        assert_true(isfinite(s.trainer.parameters[i]));
    assert_true(result.diverged);
    close_setup(&s);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    linalg_threads_are_safe();
    omp_set_dynamic(0); /* exactly as many threads as requested */
    const struct CMUnitTest tests[] = {
        TEST(steps_are_gradients_updates_and_ema_steps),
        TEST(any_batch_will_do),
        TEST(rules_set_the_predictor_from_running_moments),
        TEST(a_rule_acts_after_every_freq_th_step_alone),
        TEST(rules_want_one_matrix_without_bias),
        TEST(training_is_the_same_bits_for_any_number_of_threads),
        TEST(threads_may_come_and_go_within_an_epoch),
        TEST(byol_without_memory_is_simsiam),
        TEST(a_frozen_target_stays_as_it_began),
        TEST(evaluation_changes_nothing_and_gives_the_mean_loss),
        TEST(a_predictor_that_blows_up_is_noticed_at_once),
    };
    return cmocka_run_group_tests_name("byol_training", tests, NULL, NULL);
}
