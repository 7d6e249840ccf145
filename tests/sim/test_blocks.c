/* Protects sim/train/blocks.c and local training in sim/train/trainer_*.c: the cut of a network
 * into blocks, each block's loss and gradient against a plain evaluation, no gradient below a
 * block. */
#include "core/random.h"
#include "sim/data/sources/sources.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/optimisers/optimisers.h"
#include "sim/train/blocks.h"
#include "sim/train/trainer.h"

#include "tests/kit/arena.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

/* ---- the cut of a network ---- */

static struct network of_levels(int levels)
{
    static const int width[] = {3, 3, 3, 3, 3, 3};
    return kit_network((struct network){.levels = levels,
                                        .leaves = (size_t)1 << levels,
                                        .leaf_states = 2,
                                        .mirrors_tree = true},
                       width);
}

static void expect_cut(int levels, int64_t size, int64_t overlap, const char *expected)
{
    const struct network n = of_levels(levels);
    struct block block[NETWORK_MAX_LEVELS];
    char found[256] = "";
    const int count = blocks_of((struct block_cut){size, overlap}, &n, block);
    for (int b = 0; b < count; b++) {
        const size_t used = strlen(found);
        snprintf(found + used, sizeof found - used, "%d-%d ", block[b].top, block[b].bottom);
        assert_int_equal(block[b].width, 3 << block[b].top);
    }
    assert_string_equal(found, expected);
}

static void blocks_are_cut_from_the_output_down(void **state)
{
    (void)state;
    expect_cut(5, 0, 0, "0-4 ");
    expect_cut(5, 5, 0, "0-4 ");
    expect_cut(5, 5, 4, "0-4 ");
    expect_cut(5, 1, 0, "0-0 1-1 2-2 3-3 4-4 ");
    expect_cut(4, 2, 0, "0-1 2-3 ");
    expect_cut(5, 2, 0, "0-1 2-3 4-4 ");
    expect_cut(5, 2, 1, "0-1 1-2 2-3 3-4 ");
    expect_cut(5, 3, 1, "0-2 2-4 ");
    expect_cut(6, 3, 1, "0-2 2-4 4-5 ");
    expect_cut(6, 4, 3, "0-3 1-4 2-5 ");
    expect_cut(1, 1, 0, "0-0 ");
}

static void cuts_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const struct network n = of_levels(3);
    struct error err;
    assert_int_equal(blocks_check((struct block_cut){0, 0}, &n, &err), STATUS_OK);
    for (int64_t size = 1; size <= 5; size++)
        for (int64_t overlap = 0; overlap <= 5; overlap++)
            assert_int_equal(blocks_check((struct block_cut){size, overlap}, &n, &err),
                             size <= 3 && overlap < size ? STATUS_OK : STATUS_INVALID);
}

/* ---- a trainer on drawn data ---- */

struct job {
    bool tree, relu, bias, normalize;
    int states;
    struct block_cut cut;
    double lr;
    size_t samples, batch;
    int threads;
};

struct setup {
    struct job job;
    void *world;
    struct network network;
    struct loco_settings objective;
    struct sgd_settings sgd;
    struct trainer trainer;
    struct arena arena;
};

enum { DEPTH = 4, NEGATIVES = 2 };
static const double tau = 0.4;

static const struct job usual = {.tree = true,
                                 .relu = true,
                                 .bias = true,
                                 .normalize = true,
                                 .states = 2,
                                 .cut = {2, 1},
                                 .lr = 0.5,
                                 .samples = 300,
                                 .batch = 50,
                                 .threads = 1};

static struct network network_of(const struct job *job)
{
    static const int tree[DEPTH] = {3, 3, 3, 3}, layers[DEPTH] = {4, 5, 6, 7};
    return kit_network((struct network){.levels = DEPTH,
                                        .leaves = 1 << DEPTH,
                                        .leaf_states = job->states,
                                        .relu = job->relu,
                                        .bias = job->bias,
                                        .normalize = job->normalize,
                                        .norm_eps = 1e-4,
                                        .mirrors_tree = job->tree},
                       job->tree ? tree : layers);
}

static void open_trainer(struct setup *s, const struct job *job, const struct objective *objective)
{
    const struct kit_tree tree = {.depth = DEPTH,
                                  .children = {2},
                                  .states = job->states,
                                  .low = 0.5,
                                  .high = 0.95,
                                  .seed = 5};
    *s = (struct setup){.job = *job,
                        .world = kit_open_tree(&tree),
                        .network = network_of(job),
                        .objective = {{.tau = tau, .negatives = NEGATIVES}, job->cut},
                        .sgd = {.lr = job->lr}};
    const struct learner plan = {.source = &source_hltm,
                                 .world = s->world,
                                 .network = &s->network,
                                 .objective = objective,
                                 .objective_settings = &s->objective,
                                 .optimiser = &optimiser_sgd,
                                 .optimiser_settings = &s->sgd,
                                 .seed = 8,
                                 .samples = job->samples,
                                 .batch = job->batch,
                                 .threads = job->threads};
    KIT_LAY_OUT(&s->arena, pass, trainer_layout(&s->trainer, &plan, pass));
}

static void close_trainer(struct setup *s)
{
    source_hltm.close(s->world);
    arena_free(&s->arena);
}

static size_t parameter_bytes(const struct setup *s)
{
    return s->network.parameters * sizeof(double);
}

/* ---- the plain evaluation: one view of one sample at a time ---- */

enum { MOST = 64 };

/* f of a level from f of the level below, as in sim/net/network.h. */
static void evaluate_level(const struct network *n, const double *parameters, int l,
                           const double *below, double *f)
{
    const struct level *level = &n->level[l];
    for (size_t node = 0; node < level->nodes; node++)
        for (size_t k = 0; k < (size_t)level->width; k++) {
            const size_t inputs = (size_t)level->fan_in;
            const double *w = parameters + weight_offset(n, l, node) + k * inputs;
            double sum = n->bias ? parameters[bias_offset(n, l, node) + k] : 0;
            for (size_t i = 0; i < inputs; i++)
                sum += w[i] * below[node * inputs + i];
            f[node * (size_t)level->width + k] = l > 0 && n->relu && sum < 0 ? 0 : sum;
        }
}

/* The outputs of a block for leaves in these states; returns their width. */
static int evaluate_block(const struct network *n, const double *parameters, int top,
                          const uint8_t *leaf, double *out)
{
    double f[2][MOST] = {{0}}, square = 0;
    for (size_t i = 0; i < n->leaves; i++)
        if (n->leaf_states == 2)
            f[n->levels % 2][i] = leaf[i];
        else
            f[n->levels % 2][i * (size_t)n->leaf_states + leaf[i]] = 1;
    for (int l = n->levels - 1; l >= top; l--)
        evaluate_level(n, parameters, l, f[(l + 1) % 2], f[l % 2]);
    const int width = (int)n->level[top].nodes * n->level[top].width;
    for (int k = 0; k < width; k++)
        square += f[top % 2][k] * f[top % 2][k];
    for (int k = 0; k < width; k++)
        out[k] = f[top % 2][k] / (n->normalize ? sqrt(square) + n->norm_eps : 1);
    return width;
}

static double half_square(const double *a, const double *b, int width)
{
    double sum = 0;
    for (int k = 0; k < width; k++)
        sum += (a[k] - b[k]) * (a[k] - b[k]) / 2;
    return sum;
}

/* Mean InfoNCE of a block over the first batch of epoch 1. */
static double plain_loss(const struct setup *s, const double *parameters, int top)
{
    enum { VIEWS = 2 + NEGATIVES };
    static uint8_t drawn[(VIEWS << DEPTH) * BLOCK];
    void *scratch = allocate(source_hltm.scratch_size(s->world), 1);
    double loss = 0;
    assert_true(s->job.batch <= BLOCK);
    const struct draw draw = {.seed = s->trainer.plan.seed, .purpose = PURPOSE_TRAIN, .epoch = 1};
    source_hltm.draw(s->world, draw, 1, VIEWS, scratch, (struct samples){.state = drawn});
    for (size_t i = 0; i < s->job.batch; i++) {
        double f[VIEWS][MOST], total = 0, first = 0;
        int width = 0;
        for (size_t view = 0; view < VIEWS; view++) {
            uint8_t leaf[1 << DEPTH];
            for (size_t k = 0; k < 1 << DEPTH; k++)
                leaf[k] = drawn[((view << DEPTH) + k) * BLOCK + i];
            width = evaluate_block(&s->network, parameters, top, leaf, f[view]);
        }
        for (int view = 1; view < VIEWS; view++) {
            const double weight = exp(-half_square(f[0], f[view], width) / tau);
            first = view == 1 ? weight : first;
            total += weight;
        }
        loss -= log(first / total) / (double)s->job.batch;
    }
    free(scratch);
    return loss;
}

/* ---- losses and gradients ---- */

static int level_of(const struct network *n, size_t parameter)
{
    int l = n->levels - 1;
    while (n->level[l].weights > parameter)
        l--;
    return l;
}

/* The trainer's gradient of one batch against differences of each block's own loss, summed over the
 * blocks of the parameter's level; returns the largest excess of the sum over all blocks. */
static double check_gradient(const struct job *job)
{
    struct setup s;
    struct job one = *job;
    one.samples = one.batch;
    one.lr = 0;
    open_trainer(&s, &one, &objective_loco);
    const struct trainer *t = &s.trainer;
    const struct epoch_result result = trainer_epoch(&s.trainer, 1, NULL);
    double *parameters = allocate(s.network.parameters, sizeof *parameters), leak = 0;
    memcpy(parameters, t->parameters, parameter_bytes(&s));
    assert_true(result.loss == t->block_loss[0]);
    for (int b = 0; b < t->blocks; b++)
        assert_near(t->block_loss[b], plain_loss(&s, parameters, t->block[b].top), 1e-12);
    for (size_t i = 0; i < s.network.parameters; i += 1 + i % 5) {
        const int l = level_of(&s.network, i);
        double expected = 0, outside = 0, slope;
        for (int b = 0; b < t->blocks; b++)
            if (t->block[b].top <= l) {
                KIT_DIFFERENCE(slope, &parameters[i], 1e-6, 2,
                               plain_loss(&s, parameters, t->block[b].top));
                *(l <= t->block[b].bottom ? &expected : &outside) += slope;
            }
        assert_near(t->gradient[i], expected, 1e-7);
        leak = fmax(leak, fabs(outside));
    }
    free(parameters);
    close_trainer(&s);
    return leak;
}

static void gradients_are_those_of_each_blocks_own_loss(void **state)
{
    (void)state;
    static const struct block_cut cuts[] = {{1, 0}, {2, 0}, {2, 1}, {3, 1}, {3, 2}, {4, 0}};
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++)
        for (int bits = 0; bits < 16; bits++) {
            struct job job = usual;
            job.cut = cuts[c];
            job.tree = bits & 1;
            job.relu = bits & 2;
            job.bias = bits & 4;
            job.normalize = bits & 8;
            job.states = bits % 3 ? 2 : 3;
            job.batch = bits & 1 ? 13 : 24;
            const double leak = check_gradient(&job);
            if (cuts[c].size < DEPTH)
                assert_above(leak, 1e-4); /* a gradient below a block would be detected */
        }
}

/* ---- training ---- */

static void one_block_is_ordinary_training(void **state)
{
    (void)state;
    for (int tree = 0; tree < 2; tree++) {
        struct job job = usual;
        job.tree = tree;
        job.cut = (struct block_cut){DEPTH, 0};
        struct setup local, ordinary;
        open_trainer(&local, &job, &objective_loco);
        open_trainer(&ordinary, &job, &objective_infonce);
        for (uint64_t epoch = 1; epoch <= 2; epoch++)
            assert_true(trainer_epoch(&local.trainer, epoch, NULL).loss ==
                        trainer_epoch(&ordinary.trainer, epoch, NULL).loss);
        assert_memory_equal(local.trainer.parameters, ordinary.trainer.parameters,
                            parameter_bytes(&local));
        close_trainer(&local);
        close_trainer(&ordinary);
    }
}

/* Train with the drawn weights of the top level, or with their signs changed. */
static void train_below(const struct job *job, bool flip, struct setup *s)
{
    open_trainer(s, job, &objective_loco);
    for (size_t i = 0; flip && i < s->network.level[1].weights; i += 2)
        s->trainer.parameters[i] *= -1;
    trainer_epoch(&s->trainer, 1, NULL);
}

/* Disjoint blocks do not depend on the blocks above; overlapping blocks do. */
static void upper_blocks_reach_lower_ones_through_shared_levels_alone(void **state)
{
    (void)state;
    for (int tree = 0; tree < 2; tree++)
        for (int overlap = 0; overlap < 2; overlap++) {
            struct job job = usual;
            job.tree = tree;
            job.cut = (struct block_cut){2, overlap};
            struct setup one, other;
            train_below(&job, false, &one);
            train_below(&job, true, &other);
            const size_t below = one.network.level[2].weights;
            const bool same =
                memcmp(one.trainer.parameters + below, other.trainer.parameters + below,
                       (one.network.parameters - below) * sizeof(double)) == 0;
            assert_true(same == (overlap == 0));
            assert_true(one.trainer.block_loss[0] != other.trainer.block_loss[0]);
            close_trainer(&one);
            close_trainer(&other);
        }
}

static void every_level_learns_and_losses_fall(void **state)
{
    (void)state;
    for (int tree = 0; tree < 2; tree++)
        for (int overlap = 0; overlap < 2; overlap++) {
            struct job job = usual;
            job.tree = tree;
            job.cut.overlap = overlap;
            job.samples = 12800;
            job.lr = 0.1;
            struct setup s;
            open_trainer(&s, &job, &objective_loco);
            double before[NETWORK_MAX_LEVELS];
            trainer_evaluate(&s.trainer, 64);
            memcpy(before, s.trainer.block_loss, sizeof before);
            assert_int_equal(s.trainer.step, 0);
            trainer_epoch(&s.trainer, 1, NULL);
            trainer_evaluate(&s.trainer, 64);
            for (int b = 0; b < s.trainer.blocks; b++)
                assert_above(before[b], s.trainer.block_loss[b]);
            close_trainer(&s);
        }
}

static void local_training_is_the_same_bits_on_any_threads(void **state)
{
    (void)state;
    for (int tree = 0; tree < 2; tree++)
        for (int overlap = 0; overlap < 2; overlap++) {
            struct job job = usual;
            job.tree = tree;
            job.cut.overlap = overlap;
            struct setup one, more;
            open_trainer(&one, &job, &objective_loco);
            trainer_epoch(&one.trainer, 1, NULL);
            for (job.threads = 2; job.threads <= 3; job.threads++) {
                open_trainer(&more, &job, &objective_loco);
                trainer_epoch(&more.trainer, 1, NULL);
                assert_memory_equal(one.trainer.parameters, more.trainer.parameters,
                                    parameter_bytes(&one));
                assert_memory_equal(one.trainer.block_loss, more.trainer.block_loss,
                                    sizeof one.trainer.block_loss);
                close_trainer(&more);
            }
            close_trainer(&one);
        }
}

/* An overflow of a lower block's loss is a divergence, even if the top block's stays finite. */
static void a_lower_block_that_diverges_ends_the_run(void **state)
{
    (void)state;
    struct job job = usual;
    job.normalize = job.relu = false;
    job.lr = 0;
    job.cut = (struct block_cut){2, 0};
    struct setup s;
    open_trainer(&s, &job, &objective_loco);
    const struct network *n = &s.network;
    for (size_t i = 0; i < n->parameters; i++)
        s.trainer.parameters[i] *= level_of(n, i) < 2 ? 0 : level_of(n, i) == 2 ? 1e160 : 1;
    const struct epoch_result result = trainer_epoch(&s.trainer, 1, NULL);
    assert_true(isfinite(s.trainer.block_loss[0]));
    assert_true(result.diverged);
    assert_int_equal(result.steps, 1);
    close_trainer(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_cut_from_the_output_down),
        cmocka_unit_test(cuts_that_do_not_fit_are_refused),
        cmocka_unit_test(gradients_are_those_of_each_blocks_own_loss),
        cmocka_unit_test(one_block_is_ordinary_training),
        cmocka_unit_test(upper_blocks_reach_lower_ones_through_shared_levels_alone),
        cmocka_unit_test(every_level_learns_and_losses_fall),
        cmocka_unit_test(local_training_is_the_same_bits_on_any_threads),
        cmocka_unit_test(a_lower_block_that_diverges_ends_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
