/* Protects sim/flow/network_flow.c and sim/flow/flow_trainer.c: losses and moments of the
 * flow, agreement of its four descriptions, training with small steps follows it, and every
 * refusal.
 *
 * On isotropic data with an aligned start the descriptions agree exactly (to the integrator's
 * tolerance), except that `reduced` has a single tau.  It is exact without EMA or if all modes
 * begin alike, and otherwise only near. */
#include "sim/flow/network_flow.h"

#include "core/linalg.h"
#include "harness/run/experiment.h"
#include "sim/data/sources/sources.h"
#include "sim/flow/flow_trainer.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/net/kinds/kinds.h"
#include "sim/optimisers/optimisers.h"
#include "sim/train/predictor_optimiser.h"
#include "sim/train/trainer.h"
#include "tests/kit/arena.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

#include <gsl/gsl_errno.h>
#include <omp.h>

enum { N1 = 4, N2 = 3, MIXED = N1 * N2, SQUARE = N2 * N2, MOST = 2 * MIXED + SQUARE, SEED = 11 };

/* ---- data whose whole support is one block of samples: 4 points, 4 views each, 16 pairs ---- */

enum { POINTS = 4, VIEWS = 4 };

static double view_of(size_t point, size_t view, size_t input)
{
    double centre[POINTS * N1], all[POINTS * VIEWS * N1];
    kit_fill(centre, POINTS * N1, 1.5, SEED, 41, 0);
    kit_fill(all, POINTS * VIEWS * N1, 0.8, SEED, 41, 1);
    return centre[point * N1 + input] + all[(point * VIEWS + view) * N1 + input];
}

/* x[2][N1][BLOCK]: lane (point, i, j) has views i and j of the point */
static void all_pairs(const void *world, struct draw draw, int positives, int views, void *scratch,
                      struct samples out)
{
    (void)positives;
    (void)draw, (void)scratch;
    (void)views;
    memcpy(out.value, world, 2 * N1 * BLOCK * sizeof *out.value);
}

static void fill_pairs(double *x)
{
    for (size_t input = 0; input < N1; input++)
        for (size_t lane = 0; lane < BLOCK; lane++) {
            const size_t point = lane / (VIEWS * VIEWS);
            x[input * BLOCK + lane] = view_of(point, lane / VIEWS % VIEWS, input);
            x[(N1 + input) * BLOCK + lane] = view_of(point, lane % VIEWS, input);
        }
}

/* X = E[x_2 x_1^T], X + X' = E[x_1 x_1^T] */
static void pair_moments(const double *x, double *shared, double *own)
{
    for (size_t i = 0; i < N1; i++)
        for (size_t j = 0; j < N1; j++) {
            shared[i * N1 + j] = own[i * N1 + j] = 0;
            for (size_t s = 0; s < BLOCK; s++) {
                const double one = x[i * BLOCK + s] * x[j * BLOCK + s] / BLOCK;
                const double two = x[(N1 + i) * BLOCK + s] * x[j * BLOCK + s] / BLOCK;
                shared[i * N1 + j] += two;
                own[i * N1 + j] += one - two;
            }
        }
}

static const struct source source_pairs = {.scratch_size = kit_no_scratch, .draw = all_pairs};

/* ---- flows ---- */

struct start {
    double w[MIXED], w_p[SQUARE], w_a[MIXED];
    double pairs[2 * N1 * BLOCK], x[N1 * N1], x_prime[N1 * N1];
};

static void draw_start(struct start *s)
{
    kit_fill(s->w, MIXED, 0.6, SEED, 41, 2);
    kit_fill(s->w_p, SQUARE, 0.6, SEED, 41, 3);
    kit_fill(s->w_a, MIXED, 0.6, SEED, 41, 4);
    fill_pairs(s->pairs);
    pair_moments(s->pairs, s->x, s->x_prime);
}

static struct network_flow_plan plan_of(const struct start *s, enum flow_equations equations)
{
    return (struct network_flow_plan){.equations = equations,
                                      .inputs = N1,
                                      .outputs = N2,
                                      .x = s->x,
                                      .x_prime = s->x_prime,
                                      .target = RULE_EMA,
                                      .alpha_p = 1.3,
                                      .beta = 0.5,
                                      .eta_p = 0.03,
                                      .eta_s = 0.03};
}

static void open_flow(struct network_flow *f, const struct network_flow_plan *plan,
                      const struct start *s)
{
    struct error err = {0};
    check_ok(network_flow_open(f, plan, s->w, s->w_p, s->w_a, &err), &err);
}

static void run_flow(struct network_flow *f, double end, int points,
                     bool (*watch)(void *, double, const double *), void *context)
{
    struct flow_result result;
    struct error err = {0};
    check_ok(
        dynamics_run(&f->dynamics, end, 1e-12, points, watch, context, f->state, &result, &err),
        &err);
}

/* ---- losses and moments ---- */

/* |P W x_1 - W_a x_2|^2 / 2, mean over all pairs; NULL: P = I */
static double plain_loss(const double *pairs, const double *w, const double *p, const double *w_a)
{
    double sum = 0;
    for (size_t s = 0; s < BLOCK; s++) {
        double f[N2], t[N2];
        for (size_t k = 0; k < N2; k++) {
            f[k] = t[k] = 0;
            for (size_t i = 0; i < N1; i++) {
                f[k] += w[k * N1 + i] * pairs[i * BLOCK + s];
                t[k] += w_a[k * N1 + i] * pairs[(N1 + i) * BLOCK + s];
            }
        }
        for (size_t k = 0; k < N2; k++) {
            double q = p ? 0 : f[k];
            for (size_t m = 0; p && m < N2; m++)
                q += p[k * N2 + m] * f[m];
            sum += (q - t[k]) * (q - t[k]) / 2 / BLOCK;
        }
    }
    return sum;
}

static void the_loss_is_the_mean_over_all_pairs(void **state)
{
    (void)state;
    struct start s;
    draw_start(&s);
    for (int online = 0; online < 2; online++)
        for (int identity = 0; identity < 2; identity++) {
            struct network_flow_plan plan = plan_of(&s, FLOW_MATRIX);
            struct network_flow f;
            plan.target = online ? RULE_ONLINE : RULE_EMA;
            plan.no_predictor = identity;
            open_flow(&f, &plan, &s);
            const double loss =
                plain_loss(s.pairs, s.w, identity ? NULL : s.w_p, online ? s.w : s.w_a);
            assert_near(network_flow_loss(&f, f.state), loss, 1e-13);
            network_flow_close(&f);
        }
}

struct falling {
    const struct network_flow *f;
    double first, last;
};

static bool loss_falls(void *context, double t, const double *state)
{
    struct falling *w = context;
    const double loss = network_flow_loss(w->f, state);
    if (t == 0)
        w->first = loss;
    else
        assert_true(loss < w->last);
    w->last = loss;
    return true;
}

/* Descent on the loss alone: the target is fixed, or has its own gradient. */
static void the_loss_falls_along_gradient_flows(void **state)
{
    (void)state;
    struct start s;
    draw_start(&s);
    for (int through = 0; through < 2; through++)
        for (int symmetric = 0; symmetric < 2; symmetric++) {
            struct network_flow_plan plan = plan_of(&s, FLOW_MATRIX);
            struct network_flow f;
            plan.target = through ? RULE_ONLINE : RULE_FROZEN;
            plan.through_target = through;
            plan.symmetric = symmetric;
            plan.eta_p = plan.eta_s = 0;
            open_flow(&f, &plan, &s);
            struct falling w = {.f = &f};
            run_flow(&f, 4, 40, loss_falls, &w);
            assert_at_most(w.last, 0.8 * w.first);
            network_flow_close(&f);
        }
}

/* a m b^T, [N2][N2] */
static void between(const double *a, const double *m, const double *b, double *out)
{
    for (size_t i = 0; i < N2; i++)
        for (size_t j = 0; j < N2; j++) {
            out[i * N2 + j] = 0;
            for (size_t k = 0; k < N1; k++)
                for (size_t l = 0; l < N1; l++)
                    out[i * N2 + j] += a[i * N1 + k] * m[k * N1 + l] * b[j * N1 + l];
        }
}

static void moments_of_the_matrix_flow_are_its_formulas(void **state)
{
    (void)state;
    struct start s;
    draw_start(&s);
    for (int online = 0; online < 2; online++)
        for (int identity = 0; identity < 2; identity++) {
            struct network_flow_plan plan = plan_of(&s, FLOW_MATRIX);
            struct network_flow f;
            double got[4][SQUARE], c[SQUARE], x[SQUARE], d[SQUARE];
            plan.target = online ? RULE_ONLINE : RULE_EMA;
            plan.no_predictor = identity;
            open_flow(&f, &plan, &s);
            network_flow_moments(&f, f.state, got[0], got[1], got[2], got[3]);
            between(s.w, s.x, s.w, x);
            between(s.w, s.x_prime, s.w, c);
            between(online ? s.w : s.w_a, s.x, s.w, d);
            for (size_t i = 0; i < SQUARE; i++) {
                const size_t turned = i % N2 * N2 + i / N2;
                assert_near(got[0][i], c[i] + x[i], 1e-13);
                assert_near(got[1][i], x[i], 1e-13);
                assert_near(got[2][i], (d[i] + d[turned]) / 2, 1e-13);
                assert_near(got[3][i], identity ? i % (N2 + 1) == 0 : s.w_p[i], 0);
            }
            assert_memory_equal(network_flow_weights(&f, f.state), s.w, sizeof s.w);
            network_flow_close(&f);
        }
}

/* ---- four descriptions ---- */

/* Isotropic data, n inputs and outputs; modes along the columns of U. */
struct aligned {
    size_t inputs, outputs;
    double x[N1 * N1], x_prime[N1 * N1], u[N1 * N1];
    double w[N1 * N1], w_p[N1 * N1], w_a[N1 * N1];
};

/* Rows of `u`: the eigenvectors of a drawn matrix. */
static void draw_basis(size_t n, double *u)
{
    double value[N1];
    struct error err = {0};
    kit_fill(u, n * n, 1, SEED, 41, 6);
    matrix_symmetrise(n, u);
    check_ok(symmetric_eigen((int)n, u, value, 1, &err), &err);
}

/* W = U^T diag(w), W_p = U^T diag(p) U, W_a = tau W */
static void draw_aligned(struct aligned *a, size_t inputs, size_t outputs, const double *w,
                         const double *p, double tau, double sigma2)
{
    *a = (struct aligned){.inputs = inputs, .outputs = outputs};
    draw_basis(outputs, a->u);
    for (size_t i = 0; i < inputs; i++) {
        a->x[i * inputs + i] = 1;
        a->x_prime[i * inputs + i] = sigma2;
    }
    for (size_t k = 0; k < outputs; k++) {
        for (size_t j = 0; j < inputs && j < outputs; j++)
            a->w[k * inputs + j] = a->u[j * outputs + k] * w[j];
        for (size_t m = 0; m < outputs; m++)
            for (size_t j = 0; j < outputs; j++)
                a->w_p[k * outputs + m] += a->u[j * outputs + k] * p[j] * a->u[j * outputs + m];
    }
    for (size_t i = 0; i < inputs * outputs; i++)
        a->w_a[i] = tau * a->w[i];
}

/* The final state in a description: every mode, and the loss. */
struct said {
    double c[N1], f[N1], d[N1], p[N1], loss;
};

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Diagonal of u m u^T, or of m if the description has modes of its own; largest first. */
static void diagonal(const struct aligned *a, bool modes, const double *m, double *out)
{
    const size_t n = a->outputs;
    for (size_t j = 0; j < n; j++) {
        out[j] = modes ? m[j * (n + 1)] : 0;
        for (size_t i = 0; !modes && i < n; i++)
            for (size_t k = 0; k < n; k++)
                out[j] += a->u[j * n + i] * m[i * n + k] * a->u[j * n + k];
    }
    qsort(out, n, sizeof *out, by_size);
}

static struct said say(const struct aligned *a, enum flow_equations equations,
                       enum target_rule target, double end)
{
    const struct network_flow_plan plan = {.equations = equations,
                                           .inputs = a->inputs,
                                           .outputs = a->outputs,
                                           .x = a->x,
                                           .x_prime = a->x_prime,
                                           .target = target,
                                           .symmetric = true,
                                           .alpha_p = 1.4,
                                           .beta = target == RULE_EMA ? 0.3 : 0,
                                           .eta_p = 0.02,
                                           .eta_s = 0.02};
    const bool modes = equations == FLOW_MODES || equations == FLOW_SCALARS;
    struct network_flow f;
    struct said s;
    struct error err = {0};
    double m[4][N1 * N1];
    check_ok(network_flow_open(&f, &plan, a->w, a->w_p, a->w_a, &err), &err);
    run_flow(&f, end, 10, NULL, NULL);
    network_flow_moments(&f, f.state, m[0], m[1], m[2], m[3]);
    double *said[] = {s.c, s.f, s.d, s.p};
    for (size_t i = 0; i < 4; i++)
        diagonal(a, modes, m[i], said[i]);
    s.loss = network_flow_loss(&f, f.state);
    assert_true((network_flow_weights(&f, f.state) == f.state) == (equations == FLOW_MATRIX));
    network_flow_close(&f);
    return s;
}

/* The largest difference between two descriptions. */
static double disagreement(const struct aligned *a, const struct said *x, const struct said *y)
{
    double most = fabs(x->loss - y->loss);
    for (size_t j = 0; j < a->outputs; j++) {
        most = fmax(most, fmax(fabs(x->c[j] - y->c[j]), fabs(x->f[j] - y->f[j])));
        most = fmax(most, fmax(fabs(x->d[j] - y->d[j]), fabs(x->p[j] - y->p[j])));
    }
    return isnan(most) ? INFINITY : most;
}

static const double spread_w[] = {0.9, 0.6, 0.4, 0.3}, spread_p[] = {0.7, 0.5, 0.35, 0.2};

static void without_ema_matrix_reduced_and_modes_agree(void **state)
{
    (void)state;
    struct aligned a;
    draw_aligned(&a, N1, N2, spread_w, spread_p, 1, 0.2);
    for (double end = 0.5; end < 10; end *= 4) {
        const struct said matrix = say(&a, FLOW_MATRIX, RULE_ONLINE, end);
        const struct said reduced = say(&a, FLOW_REDUCED, RULE_ONLINE, end);
        const struct said modes = say(&a, FLOW_MODES, RULE_ONLINE, end);
        assert_at_most(disagreement(&a, &matrix, &reduced), 1e-10);
        assert_at_most(disagreement(&a, &matrix, &modes), 1e-10);
    }
}

static void with_ema_matrix_modes_and_scalars_agree(void **state)
{
    (void)state;
    struct aligned a;
    draw_aligned(&a, N2, N2, spread_w, spread_p, 0.6, 0.2);
    for (double end = 0.5; end < 10; end *= 4) {
        const struct said matrix = say(&a, FLOW_MATRIX, RULE_EMA, end);
        const struct said modes = say(&a, FLOW_MODES, RULE_EMA, end);
        const struct said scalars = say(&a, FLOW_SCALARS, RULE_EMA, end);
        assert_at_most(disagreement(&a, &matrix, &modes), 1e-10);
        assert_at_most(disagreement(&a, &matrix, &scalars), 1e-10);
    }
}

static void one_tau_for_all_modes_is_exact_where_they_begin_alike_only(void **state)
{
    (void)state;
    struct aligned alike, unlike;
    static const double same[] = {0.6, 0.6, 0.6};
    draw_aligned(&alike, N1, N2, same, same, 0.5, 0.2);
    draw_aligned(&unlike, N1, N2, spread_w, spread_p, 0.5, 0.2);
    const struct said matrix[] = {say(&alike, FLOW_MATRIX, RULE_EMA, 3),
                                  say(&unlike, FLOW_MATRIX, RULE_EMA, 3)};
    const struct said reduced[] = {say(&alike, FLOW_REDUCED, RULE_EMA, 3),
                                   say(&unlike, FLOW_REDUCED, RULE_EMA, 3)};
    assert_at_most(disagreement(&alike, &matrix[0], &reduced[0]), 1e-10);
    const double off = disagreement(&unlike, &matrix[1], &reduced[1]);
    assert_above(off, 1e-5);
    assert_at_most(off, 0.1);
}

/* F(0) has rank 2: the third output is 0, and its mode must not affect the others. */
static void modes_that_see_nothing_stay_at_rest(void **state)
{
    (void)state;
    struct aligned a;
    draw_aligned(&a, 2, N2, spread_w, spread_p, 0.6, 0.2);
    const struct said matrix = say(&a, FLOW_MATRIX, RULE_EMA, 2);
    const struct said modes = say(&a, FLOW_MODES, RULE_EMA, 2);
    assert_at_most(disagreement(&a, &matrix, &modes), 1e-10);
}

/* Without alignment too, entry by entry. */
static void reduced_is_the_matrix_flow_for_any_symmetric_predictor(void **state)
{
    (void)state;
    struct aligned a;
    double m[2][4][SQUARE];
    draw_aligned(&a, N1, N2, spread_w, spread_p, 1, 0.2);
    kit_fill(a.w, MIXED, 0.6, SEED, 41, 7);
    for (int reduced = 0; reduced < 2; reduced++) {
        const struct network_flow_plan plan = {.equations = reduced ? FLOW_REDUCED : FLOW_MATRIX,
                                               .inputs = N1,
                                               .outputs = N2,
                                               .x = a.x,
                                               .x_prime = a.x_prime,
                                               .target = RULE_ONLINE,
                                               .symmetric = true,
                                               .alpha_p = 1.4,
                                               .eta_p = 0.02,
                                               .eta_s = 0.02};
        struct network_flow f;
        struct error err = {0};
        check_ok(network_flow_open(&f, &plan, a.w, a.w_p, a.w, &err), &err);
        run_flow(&f, 3, 10, NULL, NULL);
        network_flow_moments(&f, f.state, m[reduced][0], m[reduced][1], m[reduced][2],
                             m[reduced][3]);
        network_flow_close(&f);
    }
    for (size_t i = 0; i < 4 * SQUARE; i++)
        assert_near(m[1][i / SQUARE][i % SQUARE], m[0][i / SQUARE][i % SQUARE], 1e-10);
}

/* W_p of a trained network is symmetric only up to rounding; W_p of the flow to the last bit. */
static void reduced_takes_the_symmetric_part_of_the_predictor(void **state)
{
    (void)state;
    struct aligned a;
    struct network_flow f;
    struct error err = {0};
    double m[4][SQUARE];
    draw_aligned(&a, N1, N2, spread_w, spread_p, 1, 0.2);
    const struct network_flow_plan plan = {.equations = FLOW_REDUCED,
                                           .inputs = N1,
                                           .outputs = N2,
                                           .x = a.x,
                                           .x_prime = a.x_prime,
                                           .target = RULE_ONLINE,
                                           .symmetric = true,
                                           .alpha_p = 1};
    const double kept = a.w_p[1];
    a.w_p[1] += 1e-3;
    check_ok(network_flow_open(&f, &plan, a.w, a.w_p, a.w, &err), &err);
    network_flow_moments(&f, f.state, m[0], m[1], m[2], m[3]);
    assert_near(m[3][1], kept + 5e-4, 1e-15);
    assert_near(m[3][N2], m[3][1], 0);
    network_flow_close(&f);
}

/* ---- training follows the flow ---- */

struct training {
    const char *name;
    const struct objective *objective;
    enum predictor_kind predictor;
    bool symmetric;
    enum target_start start;
    double beta; /* of a target network */
};

static const struct training trainings[] = {
    {"byol", &objective_byol, PREDICTOR_LINEAR, false, START_RANDOM, 0.5},
    {"byol, symmetric", &objective_byol, PREDICTOR_LINEAR, true, START_ZERO, 2},
    {"frozen target", &objective_byol, PREDICTOR_LINEAR, false, START_RANDOM, 0},
    {"simsiam", &objective_simsiam, PREDICTOR_LINEAR, false, START_ONLINE, 0},
    {"simsiam, identity", &objective_simsiam, PREDICTOR_IDENTITY, false, START_ONLINE, 0},
    {"no stop-gradient", &objective_no_stopgrad, PREDICTOR_LINEAR, true, START_ONLINE, 0},
};

struct pupil {
    struct network network;
    struct predictor predictor;
    struct trainer trainer;
    struct arena arena;
    struct target_settings target;
    struct sgd_settings sgd;
    struct predictor_step step;
    struct start start;
};

enum { DURATION = 2 };

static void open_pupil(struct pupil *p, const struct training *t, double lr)
{
    struct error err = {0};
    *p = (struct pupil){.network = {.levels = 1, .leaves = N1},
                        .target = {.ema = 1 - t->beta * lr, .start = (int)t->start},
                        .sgd = {.lr = lr, .weight_decay = 0.05},
                        .step = {.lr_ratio = 1.5, .weight_decay = 0.1}};
    p->network.level[0] = (struct level){.nodes = 1, .width = N2, .children = N1};
    network_finish(&p->network);
    draw_start(&p->start);
    check_ok(predictor_build(&p->predictor, t->predictor, N2, 0, false, t->symmetric, &err), &err);
    const struct learner plan = {.source = &source_pairs,
                                 .world = p->start.pairs,
                                 .network = &p->network,
                                 .objective = t->objective,
                                 .objective_settings = &p->target,
                                 .optimiser = &optimiser_sgd,
                                 .optimiser_settings = &p->sgd,
                                 .predictor = &p->predictor,
                                 .predictor_optimiser = &predictor_gradient,
                                 .predictor_settings = &p->step,
                                 .seed = SEED,
                                 .samples = BLOCK * (size_t)lround(DURATION / lr),
                                 .batch = BLOCK,
                                 .threads = 1};
    KIT_LAY_OUT(&p->arena, pass, trainer_layout(&p->trainer, &plan, pass));
}

/* The flow of the trainer's network from its start, as the harness makes one from a spec. */
static void open_flow_of(struct network_flow *f, const struct pupil *p, const struct training *t)
{
    const struct network_flow_plan plan = {
        .inputs = N1,
        .outputs = N2,
        .x = p->start.x,
        .x_prime = p->start.x_prime,
        .target = !p->trainer.target ? RULE_ONLINE
                  : t->beta == 0     ? RULE_FROZEN
                                     : RULE_EMA,
        .through_target = objective_needs(t->objective, NULL).target == TARGET_ONLINE,
        .no_predictor = t->predictor == PREDICTOR_IDENTITY,
        .symmetric = t->symmetric,
        .alpha_p = 1.5,
        .beta = t->beta,
        .eta_p = 1.5 * 0.1,
        .eta_s = 0.05,
    };
    struct error err = {0};
    double w_p[SQUARE] = {0};
    memcpy(w_p, p->trainer.predictor.parameters, p->predictor.parameters * sizeof *w_p);
    check_ok(network_flow_open(f, &plan, p->trainer.parameters, w_p,
                               p->trainer.target ? p->trainer.target : p->trainer.parameters, &err),
             &err);
}

static double furthest(const double *a, const double *b, size_t count)
{
    double most = 0;
    for (size_t i = 0; i < count; i++)
        most = isnan(a[i] - b[i]) ? INFINITY : fmax(most, fabs(a[i] - b[i]));
    return most;
}

/* The distance of training from the flow at the end. */
static double miss(const struct training *t, double lr)
{
    struct pupil p;
    struct network_flow f;
    open_pupil(&p, t, lr);
    open_flow_of(&f, &p, t);
    run_flow(&f, DURATION, 10, NULL, NULL);
    assert_false(trainer_epoch(&p.trainer, 1, NULL).diverged);
    assert_int_equal(p.trainer.step, lround(DURATION / lr));
    double most = furthest(p.trainer.parameters, f.state, MIXED);
    most = fmax(most,
                furthest(p.trainer.predictor.parameters, f.state + MIXED, p.predictor.parameters));
    if (p.trainer.target)
        most = fmax(most, furthest(p.trainer.target, f.state + MIXED + SQUARE, MIXED));
    network_flow_close(&f);
    arena_free(&p.arena);
    return most;
}

static void training_misses_the_flow_by_its_learning_rate(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof trainings / sizeof *trainings; i++) {
        const struct training *t = &trainings[i];
        const double off[] = {miss(t, 0.01), miss(t, 0.005), miss(t, 0.0025)};
        if (!(off[0] / off[1] > 1.9 && off[0] / off[1] < 2.1 && off[1] / off[2] > 1.95 &&
              off[1] / off[2] < 2.05 && off[2] < 0.01))
            fail_msg("%s: off by %g, %g, %g for half the learning rate each time", t->name, off[0],
                     off[1], off[2]);
    }
}

/* ---- settings without a flow ---- */

struct refusal {
    const char *what;
    enum flow_equations equations;
    enum target_rule target;
    bool through, identity, asymmetric, wide; /* wide: more inputs than outputs */
    double eta_p, x, x_prime, w_a;            /* eta_p, and what is added to an entry */
    const char *key, *word;                   /* the key at fault; a word of the message */
};

static const struct refusal refusals[] = {
    {"identity", FLOW_REDUCED, RULE_ONLINE, .identity = true, .key = "train.equations",
     .word = "predictor.kind"},
    {"identity", FLOW_MODES, RULE_ONLINE, .identity = true, .key = "train.equations",
     .word = "predictor.kind"},
    {"asymmetric", FLOW_REDUCED, RULE_ONLINE, .asymmetric = true, .key = "train.equations",
     .word = "predictor.symmetric"},
    {"asymmetric", FLOW_MODES, RULE_ONLINE, .asymmetric = true, .key = "train.equations",
     .word = "predictor.symmetric"},
    {"gradient through the target", FLOW_REDUCED, RULE_ONLINE, .through = true,
     .key = "train.equations", .word = "objective.name simsiam"},
    {"gradient through the target", FLOW_MODES, RULE_ONLINE, .through = true,
     .key = "train.equations", .word = "objective.name simsiam"},
    {"frozen", FLOW_REDUCED, RULE_FROZEN, .key = "train.equations", .word = "objective.ema"},
    {"frozen", FLOW_MODES, RULE_FROZEN, .key = "train.equations", .word = "objective.ema"},
    {"X", FLOW_REDUCED, RULE_EMA, .x = 1e-3, .key = "train.equations", .word = "isotropic"},
    {"X'", FLOW_MODES, RULE_EMA, .x_prime = 1e-3, .key = "train.equations", .word = "isotropic"},
    {"another target", FLOW_REDUCED, RULE_EMA, .w_a = 1e-3, .key = "objective.start",
     .word = "train.equations"},
    {"another target", FLOW_MODES, RULE_EMA, .w_a = 1e-3, .key = "objective.start",
     .word = "train.equations"},
    {"another target", FLOW_SCALARS, RULE_EMA, .w_a = 1e-3, .key = "objective.start",
     .word = "train.equations"},
    {"two weight decays", FLOW_REDUCED, RULE_EMA, .eta_p = 0.5, .key = "train.equations",
     .word = "weight decay"},
    {"no EMA", FLOW_SCALARS, RULE_ONLINE, .key = "train.equations", .word = "objective.ema"},
    {"frozen", FLOW_SCALARS, RULE_FROZEN, .key = "train.equations", .word = "objective.ema"},
    {"identity", FLOW_SCALARS, RULE_EMA, .identity = true, .key = "train.equations",
     .word = "predictor.kind"},
    {"more inputs than outputs", FLOW_SCALARS, RULE_EMA, .wide = true, .key = "train.equations",
     .word = "network.layers"},
    {"no common eigenvectors", FLOW_SCALARS, RULE_EMA, .x = 0.3, .x_prime = -0.2,
     .key = "train.equations", .word = "common eigenvectors"},
};

/* On isotropic data, or data with common eigenvectors, a flow is opened; with the change it is not.
 */
static void refuse(const struct refusal *r, bool change)
{
    struct aligned a;
    struct network_flow f;
    struct error err = {0};
    const size_t inputs = r->equations == FLOW_SCALARS && !(change && r->wide) ? N2 : N1;
    draw_aligned(&a, inputs, N2, spread_w, spread_p, 0.6, 0.2);
    struct network_flow_plan plan = {.equations = r->equations,
                                     .inputs = inputs,
                                     .outputs = N2,
                                     .x = a.x,
                                     .x_prime = a.x_prime,
                                     .target = RULE_EMA,
                                     .symmetric = true,
                                     .alpha_p = 1,
                                     .beta = 0.1,
                                     .eta_p = 0.1,
                                     .eta_s = 0.1};
    if (r->equations == FLOW_SCALARS) /* need not be isotropic */
        a.x[0] = 2;
    if (change) {
        plan.target = r->target;
        plan.through_target = r->through;
        plan.no_predictor = r->identity;
        plan.symmetric = !r->asymmetric;
        plan.eta_p += r->eta_p;
        a.x[1] += r->x, a.x[inputs] += r->x;
        a.x_prime[1] += r->x_prime, a.x_prime[inputs] += r->x_prime;
        a.w_a[1] += r->w_a;
    }
    const enum status status = network_flow_open(&f, &plan, a.w, a.w_p, a.w_a, &err);
    network_flow_close(&f);
    if (!change)
        check_ok(status, &err);
    else if (status != STATUS_INVALID || strcmp(err.key, r->key) != 0 ||
             !strstr(err.message, r->word) || !strstr(err.message, r->key))
        fail_msg("%s, equations %d: status %d, %s: %s", r->what, (int)r->equations, (int)status,
                 err.key, err.message);
}

static void what_the_equations_do_not_hold_for_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        refuse(&refusals[i], false);
        refuse(&refusals[i], true);
    }
}

/* ---- specs ---- */

static const char *const usual[] = {
    "train.trainer=flow",      "train.points=4",        "train.end=1",
    "data.source=gaussian",    "data.dimension=4",      "data.noise=0.2",
    "network.kind=mlp",        "network.layers=[3]",    "network.bias=false",
    "network.normalize=false", "predictor.kind=linear", "objective.name=byol",
};
enum { USUAL = sizeof usual / sizeof *usual };

/* The usual spec with up to three changes. */
static void load(struct spec *spec, const char *const changes[3])
{
    const char *all[USUAL + 3];
    size_t count = USUAL;
    struct error err = {0};
    memcpy(all, usual, sizeof usual);
    for (size_t i = 0; i < 3 && changes[i]; i++)
        all[count++] = changes[i];
    check_ok(spec_load(spec, NULL, all, count, &err), &err);
}

static const struct {
    const char *changes[3], *key, *words[2];
} contradictions[] = {
    {{"objective.name=infonce", "predictor.kind=none"}, "objective.name", {"flow", "infonce"}},
    {{"objective.name=byol_cosine"}, "objective.name", {"flow", "byol_cosine"}},
    {{"network.layers=[5, 3]"}, "network.layers", {"flow", "2"}},
    {{"data={source: hltm, depth: 2}", "network={kind: tree, bias: false}"},
     "network.kind",
     {"flow", "tree"}},
    {{"network.bias=true"}, "network.bias", {"flow", "false"}},
    {{"network.normalize=true"}, "network.normalize", {"flow", "false"}},
    {{"predictor.kind=two_layers"}, "predictor.kind", {"flow", "two_layers"}},
    {{"predictor.bias=true"}, "predictor.bias", {"flow", "false"}},
    {{"predictor_optimiser.name=direct_pred"}, "predictor_optimiser.name", {"flow", "direct_pred"}},
    {{"optimiser.name=adam"}, "optimiser.name", {"flow", "sgd"}},
    {{"optimiser.momentum=0.5"}, "optimiser.momentum", {"flow", "optimiser.momentum"}},
    {{"optimiser.lr=0"}, "optimiser.lr", {"flow", "above 0"}},
    {{"train.equations=reduced"}, "train.equations", {"reduced", "predictor.symmetric"}},
};

static void contradictions_name_both_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof contradictions / sizeof *contradictions; i++) {
        struct spec spec;
        struct experiment e;
        struct error err = {0};
        load(&spec, contradictions[i].changes);
        const enum status status = experiment_open(&e, &spec, 1, &err);
        if (status != STATUS_INVALID || strcmp(err.key, contradictions[i].key) != 0 ||
            !strstr(err.message, contradictions[i].words[0]) ||
            !strstr(err.message, contradictions[i].words[1]))
            fail_msg("%s: status %d, %s: %s", contradictions[i].changes[0], (int)status, err.key,
                     err.message);
        experiment_free(&e);
        spec_free(&spec);
    }
}

static void data_without_exact_moments_has_no_flow(void **state)
{
    (void)state;
    static const char *const changes[3] = {NULL};
    struct source sampled = source_gaussian;
    struct spec spec;
    struct experiment e;
    struct error err = {0};
    load(&spec, changes);
    check_ok(experiment_open(&e, &spec, 1, &err), &err);
    const void *settings = spec.settings[SECTION_TRAIN];
    struct learner learner = e.learner;
    check_ok(e.kind->check(&learner, settings, &err), &err);
    sampled.moments = NULL;
    learner.source = &sampled;
    assert_int_equal(e.kind->check(&learner, settings, &err), STATUS_INVALID);
    assert_string_equal(err.key, "data.source");
    assert_non_null(strstr(err.message, "train.trainer flow"));
    experiment_free(&e);
    spec_free(&spec);
}

/* Rates and rules from a spec. */
static const struct {
    const char *changes[3];
    enum target_rule target;
    double beta;
    bool through, identity, symmetric;
} meanings[] = {
    {{"objective.ema=0.98"}, RULE_EMA, 0.4, false, false, false},
    {{"objective.ema=0"}, RULE_ONLINE, 20, false, false, false},
    {{"objective.ema=1", "predictor.symmetric=true"}, RULE_FROZEN, 0, false, false, true},
    {{"objective.name=simsiam"}, RULE_ONLINE, 0, false, false, false},
    {{"objective.name=no_stopgrad"}, RULE_ONLINE, 0, true, false, false},
    {{"objective.name=simsiam", "predictor.kind=identity"}, RULE_ONLINE, 0, false, true, false},
};

static void a_spec_means_one_flow(void **state)
{
    (void)state;
    static const char *const rates[] = {"optimiser.lr=0.05", "optimiser.weight_decay=0.3",
                                        "predictor_optimiser.lr_ratio=1.5",
                                        "predictor_optimiser.weight_decay=0.2"};
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        const char *all[USUAL + 7];
        size_t count = USUAL;
        struct spec spec;
        struct experiment e;
        struct error err = {0};
        memcpy(all, usual, sizeof usual);
        memcpy(all + count, rates, sizeof rates);
        count += 4;
        for (size_t k = 0; k < 3 && meanings[i].changes[k]; k++)
            all[count++] = meanings[i].changes[k];
        check_ok(spec_load(&spec, NULL, all, count, &err), &err);
        check_ok(experiment_open(&e, &spec, 1, &err), &err);
        const struct network_flow_plan *plan = &((struct flow_trainer *)e.training)->flow.plan;
        assert_int_equal(plan->target, meanings[i].target);
        assert_near(plan->beta, meanings[i].beta, 1e-12);
        assert_int_equal(plan->through_target, meanings[i].through);
        assert_int_equal(plan->no_predictor, meanings[i].identity);
        assert_int_equal(plan->symmetric, meanings[i].symmetric);
        assert_near(plan->alpha_p, 1.5, 0);
        assert_near(plan->eta_p, 1.5 * 0.2, 1e-15);
        assert_near(plan->eta_s, 0.3, 0);
        for (size_t k = 0; k < N1 * N1; k++) {
            assert_near(plan->x[k], k % (N1 + 1) == 0, 1e-14);
            assert_near(plan->x_prime[k], k % (N1 + 1) == 0 ? 0.2 : 0, 1e-14);
        }
        experiment_free(&e);
        spec_free(&spec);
    }
}

/* Points at equal times, the last state's weights, and what is measured of every point. */
static void a_run_keeps_every_point(void **state)
{
    (void)state;
    static const char *const changes[3] = {NULL};
    struct spec spec;
    struct experiment e;
    struct error err = {0};
    load(&spec, changes);
    check_ok(experiment_open(&e, &spec, 1, &err), &err);
    check_ok(experiment_run(&e, NULL, &err), &err);
    assert_int_equal(e.record.measured, 5);
    for (size_t i = 0; i < 5; i++)
        assert_near(e.record.time[i], (double)i / 4, 1e-15);
    const struct flow_trainer *trainer = e.training;
    const struct snapshot weights = e.kind->weights(trainer);
    const double *last = trainer->flow.state;
    assert_memory_equal(weights.parameters, last, MIXED * sizeof *last);
    assert_memory_equal(weights.predictor, last + MIXED, SQUARE * sizeof *last);
    assert_memory_equal(weights.target, last + MIXED + SQUARE, MIXED * sizeof *last);
    double w[MIXED], w_p[SQUARE];
    network_init(&e.network, spec.seed, PURPOSE_WEIGHTS, w);
    predictor_init(&e.predictor, spec.seed, w_p);
    assert_memory_equal(e.initial.parameters, w, sizeof w);
    assert_memory_equal(e.initial.predictor, w_p, sizeof w_p);
    const double *loss = record_find(&e.record, "/series/loss", NULL);
    const double *sigma2 = record_find(&e.record, "/series/predictor/sigma2", NULL);
    const double *invariant = record_find(&e.record, "/series/predictor/invariant", NULL);
    assert_non_null(loss);
    assert_non_null(sigma2);
    assert_non_null(invariant);
    assert_near(loss[4], network_flow_loss(&trainer->flow, last), 0);
    for (size_t i = 0; i < 5; i++)
        assert_near(sigma2[i], 0.2, 1e-12);
    for (size_t i = 0; i < 5 * SQUARE; i++) /* no weight decay: constant */
        assert_near(invariant[i], invariant[i % SQUARE], 1e-9);
    experiment_free(&e);
    spec_free(&spec);
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    gsl_set_error_handler_off();
    linalg_threads_are_safe();
    omp_set_dynamic(0);
    const struct CMUnitTest tests[] = {
        TEST(the_loss_is_the_mean_over_all_pairs),
        TEST(the_loss_falls_along_gradient_flows),
        TEST(moments_of_the_matrix_flow_are_its_formulas),
        TEST(without_ema_matrix_reduced_and_modes_agree),
        TEST(with_ema_matrix_modes_and_scalars_agree),
        TEST(one_tau_for_all_modes_is_exact_where_they_begin_alike_only),
        TEST(modes_that_see_nothing_stay_at_rest),
        TEST(reduced_is_the_matrix_flow_for_any_symmetric_predictor),
        TEST(reduced_takes_the_symmetric_part_of_the_predictor),
        TEST(training_misses_the_flow_by_its_learning_rate),
        TEST(what_the_equations_do_not_hold_for_is_refused),
        TEST(contradictions_name_both_keys),
        TEST(data_without_exact_moments_has_no_flow),
        TEST(a_spec_means_one_flow),
        TEST(a_run_keeps_every_point),
    };
    return cmocka_run_group_tests_name("network_flow", tests, NULL, NULL);
}
