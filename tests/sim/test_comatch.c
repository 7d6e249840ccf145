/* Protects sim/loss/comatch.c, sim/net/class_head.c, sim/train/labelled.c and semi-supervised
 * training in sim/train/trainer_*.c: pseudo-labels, graphs and loss against a plain evaluation with
 * a history instead of a bank, gradients against differences, a trainer's steps against plain
 * steps.
 */
#include "analysis/classification.h"
#include "core/random.h"
#include "sim/data/sources/sources.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/net/batch.h"
#include "sim/optimisers/optimisers.h"
#include "sim/train/trainer.h"

#include "tests/kit/arena.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

enum { MOST_SAMPLES = 24, MOST_WIDTH = 6, MOST_CLASSES = 5, MOST_HISTORY = 400 };

/* ---- the objective on drawn outputs ---- */

struct bench {
    struct comatch_settings settings;
    struct sgd_settings sgd;
    struct loss loss;
    struct comatch *comatch; /* its state */
    struct outputs unlabelled, labelled;
    uint8_t label[MOST_SAMPLES];
    struct arena arena;
};

/* Sizes of a bench. */
struct sizes {
    int width, classes;
    size_t samples, labelled;
};

static const struct sizes usual_sizes = {.width = 4, .classes = 3, .samples = 11, .labelled = 5};

static const struct comatch_settings usual_settings = {.labels = 5,
                                                       .tau = 0.3,
                                                       .alpha = 0.7,
                                                       .confidence = 0.6,
                                                       .edge = 0.45,
                                                       .lambda_cls = 1.3,
                                                       .lambda_ctr = 0.8,
                                                       .bank = 40,
                                                       .mean_decay = 0.6};

static void layout_outputs(struct outputs *o, int width, int views, size_t samples,
                           struct arena *arena)
{
    const size_t stride = padded(samples), size = (size_t)(width * views) * stride;
    double *f = ARENA_TAKE(arena, double, size);
    *o = (struct outputs){.samples = samples,
                          .stride = stride,
                          .width = width,
                          .views = views,
                          .f = f,
                          .df = ARENA_TAKE(arena, double, size)};
}

static void layout_bench(struct bench *b, struct sizes sizes, struct arena *arena)
{
    layout_outputs(&b->unlabelled, sizes.width, COMATCH_VIEWS, sizes.samples, arena);
    layout_outputs(&b->labelled, sizes.width, 1, sizes.labelled, arena);
    b->labelled.label = b->label;
    const struct loss_plan plan = {.objective = &objective_comatch,
                                   .settings = &b->settings,
                                   .width = sizes.width,
                                   .samples = sizes.samples,
                                   .stride = b->unlabelled.stride,
                                   .labelled = &b->labelled,
                                   .classes = sizes.classes,
                                   .optimiser = &optimiser_sgd,
                                   .optimiser_settings = &b->sgd};
    loss_layout(&b->loss, &plan, arena);
    b->comatch = b->loss.state;
}

static void open_bench(struct bench *b, struct sizes sizes, const struct comatch_settings *settings)
{
    *b = (struct bench){.settings = *settings, .sgd = {.lr = 0.8}};
    KIT_LAY_OUT(&b->arena, pass, layout_bench(b, sizes, pass));
}

static double symmetric_uniform(struct stream *stream)
{
    return 2 * stream_uniform(stream) - 1;
}

static void draw_outputs(const struct outputs *o, struct stream *stream)
{
    for (int view = 0; view < o->views; view++)
        for (int k = 0; k < o->width; k++)
            for (size_t s = 0; s < o->samples; s++)
                ((double *)o->f)[output_index(o, view, k, s)] = symmetric_uniform(stream);
}

/* Outputs and labels of step `step`; all labels are one class. */
static void draw_step(struct bench *b, uint64_t step, bool one_class)
{
    struct stream stream;
    stream_open(&stream, 3, PURPOSE_TEST, 60, step);
    draw_outputs(&b->unlabelled, &stream);
    draw_outputs(&b->labelled, &stream);
    for (size_t s = 0; s < b->labelled.samples; s++)
        b->label[s] =
            one_class ? 1 : (uint8_t)(stream_word(&stream) % (uint64_t)b->comatch->plan.classes);
}

static void draw_head(struct bench *b, double scale)
{
    struct stream stream;
    stream_open(&stream, 4, PURPOSE_TEST, 61, 0);
    for (size_t i = 0; i < class_head_parameters(&b->comatch->head); i++)
        b->comatch->parameters[i] = scale * symmetric_uniform(&stream);
}

/* ---- the plain evaluation: one sample at a time, all earlier samples kept ---- */

struct memory {
    double z[MOST_WIDTH], p[MOST_CLASSES];
};

struct plain {
    struct memory history[MOST_HISTORY];
    size_t remembered;
    double mean[MOST_CLASSES];
    bool started;
    double p[MOST_SAMPLES][MOST_CLASSES], q[MOST_SAMPLES][MOST_CLASSES];
    double term[COMATCH_TERMS], loss;
};

static void plain_embedding(const struct outputs *o, int view, size_t s, double *z)
{
    double square = 0;
    for (int k = 0; k < o->width; k++) {
        z[k] = o->f[output_index(o, view, k, s)];
        square += z[k] * z[k];
    }
    for (int k = 0; k < o->width; k++)
        z[k] /= sqrt(square);
}

static void plain_classes(const struct bench *b, const struct outputs *o, int view, size_t s,
                          double *p)
{
    const struct class_head *head = &b->comatch->head;
    double sum = 0;
    for (int y = 0; y < head->classes; y++) {
        double logit = b->comatch->parameters[head->classes * head->width + y];
        for (int k = 0; k < head->width; k++)
            logit +=
                b->comatch->parameters[y * head->width + k] * o->f[output_index(o, view, k, s)];
        sum += p[y] = exp(logit);
    }
    for (int y = 0; y < head->classes; y++)
        p[y] /= sum;
}

static double inner(const double *a, const double *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += a[i] * b[i];
    return sum;
}

static void plain_mean(struct plain *plain, const struct bench *b)
{
    const int classes = b->comatch->plan.classes;
    double mean[MOST_CLASSES] = {0};
    for (size_t s = 0; s < b->unlabelled.samples; s++) {
        plain_classes(b, &b->unlabelled, COMATCH_WEAK, s, plain->p[s]);
        for (int y = 0; y < classes; y++)
            mean[y] += plain->p[s][y] / (double)b->unlabelled.samples;
    }
    for (int y = 0; y < classes; y++)
        plain->mean[y] = plain->started ? b->settings.mean_decay * plain->mean[y] +
                                              (1 - b->settings.mean_decay) * mean[y]
                                        : mean[y];
    plain->started = true;
}

static void plain_pseudo_label(struct plain *plain, const struct bench *b, size_t s)
{
    const size_t bank = (size_t)b->settings.bank, all = plain->remembered;
    const int classes = b->comatch->plan.classes, width = b->comatch->plan.width;
    double sum = 0, near[MOST_CLASSES] = {0}, total = 0, z[MOST_WIDTH];
    for (int y = 0; y < classes; y++)
        sum += plain->p[s][y] /= plain->mean[y];
    for (int y = 0; y < classes; y++)
        plain->p[s][y] /= sum;
    plain_embedding(&b->unlabelled, COMATCH_WEAK, s, z);
    for (size_t i = all > bank ? all - bank : 0; i < all; i++) {
        const struct memory *m = &plain->history[i];
        const double weight = exp(inner(z, m->z, width) / b->settings.tau);
        total += weight;
        for (int y = 0; y < classes; y++)
            near[y] += weight * m->p[y];
    }
    for (int y = 0; y < classes; y++)
        plain->q[s][y] = total > 0 ? b->settings.alpha * plain->p[s][y] +
                                         (1 - b->settings.alpha) * near[y] / total
                                   : plain->p[s][y];
}

static void plain_class_losses(struct plain *plain, const struct bench *b)
{
    const int classes = b->comatch->plan.classes;
    const double samples = (double)b->unlabelled.samples;
    double p[MOST_CLASSES];
    for (size_t s = 0; s < b->labelled.samples; s++) {
        plain_classes(b, &b->labelled, 0, s, p);
        plain->term[COMATCH_LABELLED] -= log(p[b->label[s]]) / (double)b->labelled.samples;
    }
    for (size_t s = 0; s < b->unlabelled.samples; s++) {
        double top = 0;
        plain_classes(b, &b->unlabelled, COMATCH_STRONG, s, p);
        for (int y = 0; y < classes; y++)
            top = fmax(top, plain->q[s][y]);
        if (top < b->settings.confidence)
            continue;
        plain->term[COMATCH_CONFIDENT] += 1 / samples;
        for (int y = 0; y < classes; y++)
            plain->term[COMATCH_PSEUDO] -= plain->q[s][y] * log(p[y]) / samples;
    }
}

static void plain_graph_loss(struct plain *plain, const struct bench *b)
{
    const int classes = b->comatch->plan.classes, width = b->comatch->plan.width;
    const size_t samples = b->unlabelled.samples;
    for (size_t s = 0; s < samples; s++) {
        double labels[MOST_SAMPLES], graph[MOST_SAMPLES], label_sum = 0, graph_sum = 0;
        double mine[MOST_WIDTH], other[MOST_WIDTH];
        plain_embedding(&b->unlabelled, COMATCH_STRONG, s, mine);
        for (size_t j = 0; j < samples; j++) {
            const double alike = inner(plain->q[s], plain->q[j], classes);
            plain_embedding(&b->unlabelled, j == s ? COMATCH_STRONG_2 : COMATCH_STRONG, j, other);
            labels[j] = j == s ? 1 : alike >= b->settings.edge ? alike : 0;
            graph[j] = exp(inner(mine, other, width) / b->settings.tau);
            label_sum += labels[j];
            graph_sum += graph[j];
        }
        for (size_t j = 0; j < samples; j++)
            plain->term[COMATCH_GRAPH] -=
                labels[j] / label_sum * log(graph[j] / graph_sum) / (double)samples;
    }
}

static void plain_remember(struct plain *plain, const struct bench *b)
{
    for (size_t s = 0; s < b->unlabelled.samples; s++) {
        struct memory *m = &plain->history[plain->remembered++];
        plain_embedding(&b->unlabelled, COMATCH_WEAK, s, m->z);
        memcpy(m->p, plain->p[s], sizeof m->p);
    }
    for (size_t s = 0; s < b->labelled.samples; s++) {
        struct memory *m = &plain->history[plain->remembered++];
        *m = (struct memory){.z = {0}};
        plain_embedding(&b->labelled, 0, s, m->z);
        m->p[b->label[s]] = 1;
    }
    assert_in_range(plain->remembered, 0, MOST_HISTORY);
}

static void plain_losses(struct plain *plain, const struct bench *b)
{
    memset(plain->term, 0, sizeof plain->term);
    plain_class_losses(plain, b);
    plain_graph_loss(plain, b);
    plain->loss = plain->term[COMATCH_LABELLED] +
                  b->settings.lambda_cls * plain->term[COMATCH_PSEUDO] +
                  b->settings.lambda_ctr * plain->term[COMATCH_GRAPH];
}

/* ---- formulas ---- */

static void compare_step(struct bench *b, struct plain *plain, uint64_t step)
{
    plain_mean(plain, b);
    for (size_t s = 0; s < b->unlabelled.samples; s++)
        plain_pseudo_label(plain, b, s);
    plain_losses(plain, b);
    comatch_pseudo_labels(b->comatch, &b->unlabelled);
    comatch_loss(b->comatch, &b->unlabelled);
    for (size_t s = 0; s < b->unlabelled.samples; s++)
        for (int y = 0; y < b->comatch->plan.classes; y++)
            assert_near(b->comatch->pseudo[(size_t)y * b->unlabelled.stride + s], plain->q[s][y],
                        1e-13);
    for (int i = 0; i < COMATCH_TERMS; i++)
        assert_near(b->comatch->term[i], plain->term[i], 1e-13);
    assert_near(b->comatch->loss, plain->loss, 1e-13);
    plain_remember(plain, b);
    assert_true(form_comatch.learn(&b->loss, step));
}

/* Several steps, so that the bank fills and starts again. */
static void compare_steps(struct sizes sizes, const struct comatch_settings *settings,
                          bool one_class)
{
    enum { STEPS = 7 };
    struct bench b;
    static struct plain plain;
    plain = (struct plain){.started = false};
    open_bench(&b, sizes, settings);
    draw_head(&b, 2);
    for (uint64_t step = 1; step <= STEPS; step++) {
        draw_step(&b, step, one_class);
        compare_step(&b, &plain, step);
    }
    arena_free(&b.arena);
}

static void losses_are_the_formulas_whatever_the_bank_holds(void **state)
{
    (void)state;
    static const int64_t banks[] = {0, 1, 7, 16, 17, 40, 1000}; /* a step brings 16 */
    for (size_t i = 0; i < sizeof banks / sizeof *banks; i++)
        for (int one_class = 0; one_class < 2; one_class++) {
            struct comatch_settings settings = usual_settings;
            settings.bank = banks[i];
            compare_steps(usual_sizes, &settings, one_class);
        }
}

static void losses_are_the_formulas_for_other_sizes(void **state)
{
    (void)state;
    static const struct sizes sizes[] = {
        {1, 2, 2, 1}, {2, 2, 8, 8}, {6, 5, 24, 3}, {3, 4, 9, 24}, {4, 2, 16, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        compare_steps(sizes[i], &usual_settings, false);
}

/* Thresholds that no sample or every sample passes. */
static void losses_are_the_formulas_at_all_thresholds(void **state)
{
    (void)state;
    for (int i = 0; i < 9; i++) {
        struct comatch_settings settings = usual_settings;
        settings.confidence = (i % 3) * 0.7;
        settings.edge = i / 3 * 0.6; /* 0: all are joined, 0.6, 1.2: none are */
        compare_steps(usual_sizes, &settings, false);
    }
}

static double terms_after(const struct comatch_settings *settings, enum comatch_term term)
{
    struct bench b;
    open_bench(&b, usual_sizes, settings);
    draw_head(&b, 2);
    draw_step(&b, 1, false);
    comatch_pseudo_labels(b.comatch, &b.unlabelled);
    comatch_loss(b.comatch, &b.unlabelled);
    const double value = b.comatch->term[term];
    arena_free(&b.arena);
    return value;
}

/* The thresholds of the comparisons above separate samples: some pass, some do not. */
static void thresholds_lie_among_the_values(void **state)
{
    (void)state;
    struct comatch_settings joined = usual_settings, apart = usual_settings;
    const double confident = terms_after(&usual_settings, COMATCH_CONFIDENT);
    assert_above(confident, 0.05);
    assert_above(0.95, confident);
    joined.edge = 0;
    apart.edge = 2;
    const double usual = terms_after(&usual_settings, COMATCH_GRAPH);
    assert_above(fabs(usual - terms_after(&joined, COMATCH_GRAPH)), 1e-3);
    assert_above(fabs(usual - terms_after(&apart, COMATCH_GRAPH)), 1e-3);
}

/* ---- gradients ---- */

/* Pseudo-labels are held fixed. */
static double loss_at(struct bench *b)
{
    comatch_loss(b->comatch, &b->unlabelled);
    return b->comatch->loss;
}

static void check_outputs(struct bench *b, const struct outputs *o)
{
    const size_t size = (size_t)(o->views * o->width) * o->stride;
    double *df = allocate(size, sizeof *df), slope;
    loss_at(b);
    memcpy(df, o->df, size * sizeof *df);
    for (int view = 0; view < o->views; view++)
        for (int k = 0; k < o->width; k++)
            for (size_t s = 0; s < o->samples; s++) {
                const size_t i = output_index(o, view, k, s);
                KIT_DIFFERENCE(slope, (double *)o->f + i, 1e-6, 2, loss_at(b));
                assert_near(df[i], slope, 1e-8);
                if (o->views == COMATCH_VIEWS && view == COMATCH_WEAK)
                    assert_true(df[i] == 0);
            }
    free(df);
}

static void check_head(struct bench *b)
{
    const size_t count = class_head_parameters(&b->comatch->head);
    double *gradient = allocate(count, sizeof *gradient), slope;
    loss_at(b);
    memcpy(gradient, b->comatch->gradient, count * sizeof *gradient);
    for (size_t i = 0; i < count; i++) {
        KIT_DIFFERENCE(slope, b->comatch->parameters + i, 1e-6, 2, loss_at(b));
        assert_near(gradient[i], slope, 1e-8);
    }
    free(gradient);
}

static void gradients_match_differences(void **state)
{
    (void)state;
    static const struct sizes sizes[] = {{4, 3, 11, 5}, {1, 2, 2, 1}, {6, 5, 8, 8}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (uint64_t step = 1; step <= 3; step++) {
            struct bench b;
            open_bench(&b, sizes[i], &usual_settings);
            draw_head(&b, 2);
            for (uint64_t before = 1; before < step; before++) {
                draw_step(&b, before, false);
                comatch_pseudo_labels(b.comatch, &b.unlabelled);
                loss_at(&b);
                assert_true(form_comatch.learn(&b.loss, before));
            }
            draw_step(&b, step, step == 2);
            comatch_pseudo_labels(b.comatch, &b.unlabelled);
            check_outputs(&b, &b.unlabelled);
            check_outputs(&b, &b.labelled);
            check_head(&b);
            arena_free(&b.arena);
        }
}

/* ---- extremes ---- */

static void assert_all_finite(const struct bench *b)
{
    const struct outputs *sets[] = {&b->unlabelled, &b->labelled};
    assert_true(isfinite(b->comatch->loss));
    for (size_t o = 0; o < 2; o++)
        for (size_t i = 0; i < (size_t)(sets[o]->views * sets[o]->width) * sets[o]->stride; i++)
            assert_true(isfinite(sets[o]->df[i]));
    for (size_t i = 0; i < class_head_parameters(&b->comatch->head); i++)
        assert_true(isfinite(b->comatch->gradient[i]));
}

/* Outputs of 0, classes whose probability underflows, a temperature at which only one of the bank's
 * samples counts. */
static void extremes_stay_finite(void **state)
{
    (void)state;
    for (int zero = 0; zero < 2; zero++)
        for (int certain = 0; certain < 2; certain++) {
            struct comatch_settings settings = usual_settings;
            struct bench b;
            settings.tau = 1e-4;
            open_bench(&b, usual_sizes, &settings);
            draw_head(&b, certain ? 1e6 : 1);
            for (uint64_t step = 1; step <= 3; step++) {
                draw_step(&b, step, true);
                if (zero)
                    for (int k = 0; k < usual_sizes.width; k++)
                        for (int view = 0; view < COMATCH_VIEWS; view++)
                            ((double *)b.unlabelled.f)[output_index(&b.unlabelled, view, k, 3)] = 0;
                comatch_pseudo_labels(b.comatch, &b.unlabelled);
                loss_at(&b);
                assert_all_finite(&b);
                assert_true(form_comatch.learn(&b.loss, step));
            }
            arena_free(&b.arena);
        }
}

static void an_output_that_is_not_finite_shows_in_the_loss(void **state)
{
    (void)state;
    for (int view = 0; view < COMATCH_VIEWS; view++) {
        struct bench b;
        open_bench(&b, usual_sizes, &usual_settings);
        draw_step(&b, 1, false);
        ((double *)b.unlabelled.f)[output_index(&b.unlabelled, view, 1, 4)] = NAN;
        comatch_pseudo_labels(b.comatch, &b.unlabelled);
        assert_true(!isfinite(loss_at(&b)));
        arena_free(&b.arena);
    }
}

/* ---- training ---- */

struct job {
    bool tree;
    int states;
    size_t samples, batch, labels, labelled_batch;
    int64_t bank;
    double lr;
    int threads;
};

static const struct job usual = {.tree = true,
                                 .states = 2,
                                 .samples = 300,
                                 .batch = 50,
                                 .labels = 11,
                                 .labelled_batch = 4,
                                 .bank = 130,
                                 .lr = 0.5,
                                 .threads = 1};

enum { DEPTH = 4, KEEP = 2, SEED = 8 };

struct setup {
    void *world;
    struct network network;
    struct comatch_settings objective;
    struct sgd_settings sgd;
    struct trainer trainer;
    struct arena arena;
};

static struct network network_of(const struct job *job)
{
    static const int tree[DEPTH] = {5, 5, 5, 5}, layers[DEPTH] = {5, 6, 7, 8};
    return kit_network((struct network){.levels = DEPTH,
                                        .leaves = 1 << DEPTH,
                                        .leaf_states = job->states,
                                        .relu = true,
                                        .bias = true,
                                        .normalize = true,
                                        .norm_eps = 1e-4,
                                        .mirrors_tree = job->tree},
                       job->tree ? tree : layers);
}

static void open_trainer(struct setup *s, const struct job *job)
{
    const struct kit_tree tree = {.depth = DEPTH,
                                  .children = {2},
                                  .states = job->states,
                                  .keep_level = KEEP,
                                  .label_level = 1,
                                  .label_node = 1,
                                  .low = 0.8,
                                  .high = 0.95,
                                  .seed = 5};
    *s = (struct setup){.world = kit_open_tree(&tree),
                        .network = network_of(job),
                        .objective = usual_settings,
                        .sgd = {.lr = job->lr, .momentum = 0.5, .weight_decay = 0.01}};
    s->objective.labels = (int64_t)job->labels;
    s->objective.labelled_batch = (int64_t)job->labelled_batch;
    s->objective.bank = job->bank;
    s->objective.confidence = 0.5;
    const struct learner plan = {.source = &source_hltm,
                                 .world = s->world,
                                 .network = &s->network,
                                 .objective = &objective_comatch,
                                 .objective_settings = &s->objective,
                                 .optimiser = &optimiser_sgd,
                                 .optimiser_settings = &s->sgd,
                                 .seed = SEED,
                                 .samples = job->samples,
                                 .batch = job->batch,
                                 .threads = job->threads};
    KIT_LAY_OUT(&s->arena, pass, trainer_layout(&s->trainer, &plan, pass));
}

static struct comatch *comatch_of(const struct trainer *trainer)
{
    return trainer->loss.state;
}

static void close_trainer(struct setup *s)
{
    source_hltm.close(s->world);
    arena_free(&s->arena);
}

/* ---- plain steps ---- */

/* The samples of an epoch, and the memory of a step on the first of them. */
struct hand {
    const struct setup *setup;
    const struct job *job;
    struct batch unlabelled, labelled;
    uint8_t *leaf, *label; /* [view][leaf][samples], [samples] */
    uint8_t batch_label[MOST_SAMPLES];
    struct loss loss;
    struct comatch *comatch; /* its state */
    double *parameters, *gradient, *part, *state;
    struct arena arena;
};

static size_t blocks_of_job(const struct job *job)
{
    return (job->samples + BLOCK - 1) / BLOCK;
}

/* Data points from their latents, their two positives as views; labels from the latents. */
static void draw_hand(struct hand *h)
{
    const struct tree *tree = h->setup->world;
    const size_t leaves = tree_leaves(tree), stride = blocks_of_job(h->job) * BLOCK;
    const struct draw draw = {.seed = SEED, .purpose = PURPOSE_TRAIN, .epoch = 1};
    uint8_t *states = allocate(tree->nodes, stride), *first = h->leaf + leaves * stride;
    struct views views = {
        .source = &source_hltm, .world = tree, .positives = 2, .count = 3, .latents = true};
    const struct rows rows[] = {
        {.latent = states, .nodes = tree->nodes, .stride = stride},
        {.view = 1, .state = first, .stride = stride},
        {.view = 2, .state = first + leaves * stride, .stride = stride},
    };
    struct error err;
    check_ok(views_open(&views, &err), &err);
    views_fill(&views, draw, 0, stride, rows, 3);
    memcpy(h->leaf, states + tree->first[DEPTH] * stride, leaves * stride);
    memcpy(h->label, states + (tree->first[1] + 1) * stride, stride);
    views_close(&views);
    free(states);
}

static void layout_hand(struct hand *h, struct arena *arena)
{
    const struct setup *s = h->setup;
    const size_t stride = blocks_of_job(h->job) * BLOCK, count = padded(s->network.parameters);
    batch_layout_views(&h->unlabelled, &s->network, COMATCH_VIEWS, h->job->batch, DEPTH, arena);
    batch_layout_views(&h->labelled, &s->network, 1, h->job->labelled_batch, DEPTH, arena);
    const struct loss_plan plan = {.objective = &objective_comatch,
                                   .settings = &s->objective,
                                   .width = s->network.level[0].width,
                                   .samples = h->job->batch,
                                   .stride = h->unlabelled.stride,
                                   .labelled = &h->labelled.outputs,
                                   .classes = h->job->states,
                                   .optimiser = &optimiser_sgd,
                                   .optimiser_settings = &s->sgd};
    loss_layout(&h->loss, &plan, arena);
    h->comatch = h->loss.state;
    h->leaf = ARENA_TAKE(arena, uint8_t, 3 * s->network.leaves * stride);
    h->label = ARENA_TAKE(arena, uint8_t, stride);
    h->parameters = ARENA_TAKE(arena, double, count);
    h->gradient = ARENA_TAKE(arena, double, count);
    h->part = ARENA_TAKE(arena, double, count);
    h->state = ARENA_TAKE(arena, double, count *(size_t)optimiser_sgd.slots);
}

static void open_hand(struct hand *h, const struct setup *setup, const struct job *job)
{
    *h = (struct hand){.setup = setup, .job = job};
    KIT_LAY_OUT(&h->arena, pass, layout_hand(h, pass));
    memcpy(h->parameters, setup->trainer.parameters, setup->network.parameters * sizeof(double));
    draw_hand(h);
}

/* Samples of step `step` into the batches. */
static void load_hand(struct hand *h, size_t step)
{
    const size_t stride = blocks_of_job(h->job) * BLOCK, leaves = h->setup->network.leaves;
    uint8_t *leaf = allocate(leaves, MOST_SAMPLES);
    for (int view = 0; view < COMATCH_VIEWS; view++)
        batch_set_states(&h->unlabelled, view,
                         h->leaf + (size_t)view * leaves * stride + step * h->job->batch, stride);
    for (size_t i = 0; i < h->job->labelled_batch; i++) {
        const size_t from = (step * h->job->labelled_batch + i) % h->job->labels;
        h->batch_label[i] = h->label[from];
        for (size_t k = 0; k < leaves; k++)
            leaf[k * MOST_SAMPLES + i] = h->leaf[k * stride + from];
    }
    batch_set_states(&h->labelled, 0, leaf, MOST_SAMPLES);
    h->labelled.outputs.label = h->batch_label;
    free(leaf);
}

static double step_by_hand(struct hand *h, size_t step)
{
    const size_t count = h->setup->network.parameters;
    load_hand(h, step);
    batch_forward(&h->unlabelled, h->parameters);
    batch_forward(&h->labelled, h->parameters);
    comatch_pseudo_labels(h->comatch, &h->unlabelled.outputs);
    comatch_loss(h->comatch, &h->unlabelled.outputs);
    batch_backward(&h->unlabelled, h->parameters, h->gradient);
    batch_backward(&h->labelled, h->parameters, h->part);
    for (size_t i = 0; i < count; i++)
        h->gradient[i] += h->part[i];
    optimiser_sgd.update(&h->setup->sgd, step + 1, count, h->parameters, h->gradient, h->state,
                         padded(count));
    assert_true(form_comatch.learn(&h->loss, step + 1));
    return h->comatch->loss;
}

static void compare_with_hand(const struct job *job)
{
    struct setup s;
    struct hand h;
    double loss = 0;
    const size_t steps = job->samples / job->batch;
    open_trainer(&s, job);
    open_hand(&h, &s, job);
    const struct epoch_result result = trainer_epoch(&s.trainer, 1, NULL);
    for (size_t step = 0; step < steps; step++)
        loss += step_by_hand(&h, step) / (double)steps;
    assert_near(result.loss, loss, 1e-12);
    for (size_t i = 0; i < s.network.parameters; i++)
        assert_near(s.trainer.parameters[i], h.parameters[i], 1e-11);
    for (size_t i = 0; i < class_head_parameters(&h.comatch->head); i++)
        assert_near(comatch_of(&s.trainer)->parameters[i], h.comatch->parameters[i], 1e-11);
    assert_int_equal(comatch_of(&s.trainer)->bank_next, h.comatch->bank_next);
    arena_free(&h.arena);
    close_trainer(&s);
}

static void training_is_the_steps_made_by_hand(void **state)
{
    (void)state;
    for (int bits = 0; bits < 8; bits++) {
        struct job job = usual;
        job.tree = bits & 1;
        job.states = bits & 2 ? 3 : 2;
        job.labels = job.labelled_batch = bits & 4 ? 20 : 1;
        if (bits == 0 || bits == 7) /* not all in every batch, and starting again within a batch */
            job.labels = 11, job.labelled_batch = 4;
        job.threads = 1 + bits % 2;
        compare_with_hand(&job);
    }
}

/* The gradient of the network's parameters through the whole loss, pseudo-labels held fixed. */
static void network_gradients_match_differences(void **state)
{
    (void)state;
    const double h = 1e-6;
    struct setup s;
    struct hand hand;
    struct job job = usual;
    job.lr = 0;
    job.samples = job.batch;
    open_trainer(&s, &job);
    open_hand(&hand, &s, &job);
    for (size_t i = 0; i < class_head_parameters(&hand.comatch->head); i++)
        hand.comatch->parameters[i] = comatch_of(&s.trainer)->parameters[i] = (double)(i % 3) - 1;
    trainer_epoch(&s.trainer, 1, NULL);
    load_hand(&hand, 0);
    batch_forward(&hand.unlabelled, hand.parameters);
    batch_forward(&hand.labelled, hand.parameters);
    comatch_pseudo_labels(hand.comatch, &hand.unlabelled.outputs);
    for (size_t i = 0; i < s.network.parameters; i += 1 + i % 5) {
        const double at = hand.parameters[i];
        double loss[2];
        for (int side = 0; side < 2; side++) {
            hand.parameters[i] = side ? at - h : at + h;
            batch_forward(&hand.unlabelled, hand.parameters);
            batch_forward(&hand.labelled, hand.parameters);
            comatch_loss(hand.comatch, &hand.unlabelled.outputs);
            loss[side] = hand.comatch->loss;
        }
        hand.parameters[i] = at;
        assert_near(s.trainer.gradient[i], (loss[0] - loss[1]) / (2 * h), 1e-7);
    }
    arena_free(&hand.arena);
    close_trainer(&s);
}

static void assert_same(const struct setup *a, const struct setup *b)
{
    const struct comatch *p = comatch_of(&a->trainer), *q = comatch_of(&b->trainer);
    assert_memory_equal(a->trainer.parameters, b->trainer.parameters,
                        a->network.parameters * sizeof(double));
    assert_memory_equal(p->parameters, q->parameters, p->parameter_stride * sizeof(double));
    assert_memory_equal(p->bank_embedding, q->bank_embedding,
                        (size_t)p->plan.width * p->bank_stride * sizeof(double));
    assert_memory_equal(p->bank_probability, q->bank_probability,
                        (size_t)p->plan.classes * p->bank_stride * sizeof(double));
    assert_memory_equal(p->epoch_term, q->epoch_term, sizeof p->epoch_term);
}

static void training_is_the_same_bits_on_any_threads(void **state)
{
    (void)state;
    for (int tree = 0; tree < 2; tree++) {
        struct job job = usual;
        struct setup one, more;
        job.tree = tree;
        job.samples = 1000;
        open_trainer(&one, &job);
        for (uint64_t epoch = 1; epoch <= 2; epoch++)
            trainer_epoch(&one.trainer, epoch, NULL);
        for (job.threads = 2; job.threads <= 5; job.threads++) {
            open_trainer(&more, &job);
            for (uint64_t epoch = 1; epoch <= 2; epoch++)
                trainer_epoch(&more.trainer, epoch, NULL);
            assert_same(&one, &more);
            close_trainer(&more);
        }
        close_trainer(&one);
    }
}

static void an_evaluation_remembers_nothing(void **state)
{
    (void)state;
    struct setup evaluated, fresh;
    open_trainer(&evaluated, &usual);
    open_trainer(&fresh, &usual);
    assert_true(isfinite(trainer_evaluate(&evaluated.trainer, 4)));
    assert_near(comatch_of(&evaluated.trainer)->epoch_term[COMATCH_LABELLED], log(2),
                1e-15); /* the head is at 0 */
    assert_int_equal(comatch_of(&evaluated.trainer)->bank_used, 0);
    trainer_epoch(&evaluated.trainer, 1, NULL);
    trainer_epoch(&fresh.trainer, 1, NULL);
    assert_same(&evaluated, &fresh);
    close_trainer(&evaluated);
    close_trainer(&fresh);
}

static void training_that_overflows_diverges(void **state)
{
    (void)state;
    struct job job = usual;
    struct setup s;
    job.lr = 1e200;
    open_trainer(&s, &job);
    assert_true(trainer_epoch(&s.trainer, 1, NULL).diverged);
    close_trainer(&s);
}

/* ---- what is learned ---- */

static double accuracy_of(struct setup *s, int threads)
{
    struct classification classification;
    struct arena arena;
    const struct classification_plan plan = {.network = &s->network,
                                             .source = &source_hltm,
                                             .world = s->world,
                                             .samples = 3000,
                                             .threads = threads};
    KIT_LAY_OUT(&arena, pass, classification_layout(&classification, &plan, pass));
    const double accuracy = classification_accuracy(&classification, s->trainer.parameters,
                                                    comatch_of(&s->trainer)->parameters, SEED, 1);
    arena_free(&arena);
    return accuracy;
}

static void the_class_head_learns_the_label(void **state)
{
    (void)state;
    for (int states = 2; states <= 3; states++) {
        struct job job = usual;
        struct setup s;
        job.states = states;
        job.samples = 10000;
        job.labels = 30;
        job.labelled_batch = 0;
        open_trainer(&s, &job);
        s.sgd.momentum = s.sgd.weight_decay = 0;
        assert_at_most(accuracy_of(&s, 1), 0.6); /* all predictions are the first class */
        trainer_epoch(&s.trainer, 1, NULL);
        assert_above(accuracy_of(&s, 1), 0.8);
        assert_true(accuracy_of(&s, 1) == accuracy_of(&s, 3));
        close_trainer(&s);
    }
}

/* ---- bad input ---- */

static void check_settings(const struct comatch_settings *settings, int64_t samples, int64_t batch,
                           const char *key)
{
    struct error err = {0};
    assert_int_equal(objective_check(&objective_comatch, settings, samples, batch, &err),
                     key ? STATUS_INVALID : STATUS_OK);
    if (key)
        assert_string_equal(err.key, key);
}

static void settings_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct comatch_settings s = usual_settings;
    s.labels = 20;
    check_settings(&s, 20, 2, NULL);
    check_settings(&s, 19, 2, "objective.labels");
    check_settings(&s, 20, 1, "train.batch");
    s.labelled_batch = 20;
    check_settings(&s, 20, 2, NULL);
    s.labelled_batch = 21;
    check_settings(&s, 100, 2, "objective.labelled_batch");
    assert_int_equal(objective_needs(&objective_comatch, &usual_settings).labelled.batch, 5);
    assert_int_equal(objective_needs(&objective_comatch, &s).labelled.batch, 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_are_the_formulas_whatever_the_bank_holds),
        cmocka_unit_test(losses_are_the_formulas_for_other_sizes),
        cmocka_unit_test(losses_are_the_formulas_at_all_thresholds),
        cmocka_unit_test(thresholds_lie_among_the_values),
        cmocka_unit_test(gradients_match_differences),
        cmocka_unit_test(extremes_stay_finite),
        cmocka_unit_test(an_output_that_is_not_finite_shows_in_the_loss),
        cmocka_unit_test(training_is_the_steps_made_by_hand),
        cmocka_unit_test(network_gradients_match_differences),
        cmocka_unit_test(training_is_the_same_bits_on_any_threads),
        cmocka_unit_test(an_evaluation_remembers_nothing),
        cmocka_unit_test(training_that_overflows_diverges),
        cmocka_unit_test(the_class_head_learns_the_label),
        cmocka_unit_test(settings_that_do_not_fit_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
