/* Protects the objectives of sim/loss/objectives one by one: values against plain formulas, and
 * gradients against differences.  It is quick; tests/sim/test_sim.c tries more variants. */
#include "sim/loss/objectives/objectives.h"
#include "sim/registry.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

enum { SAMPLES = 11, STRIDE = 16, WIDTH = 3, VIEWS = 24, MOST = VIEWS * WIDTH * STRIDE };

struct chosen {
    const struct objective *objective;
    union kit_settings settings;
};

static struct chosen choose(const char *name)
{
    const struct descriptor *about = registry_find(&objective_registry, name);
    struct chosen c = {.objective = (const void *)about};
    assert_non_null(about);
    kit_defaults(about, &c.settings);
    return c;
}

static void set(struct chosen *c, const char *key, double value)
{
    kit_set(&c->objective->about, &c->settings, key, value);
}

/* ---- losses of distances ---- */

enum { POSITIVES = 2, NEGATIVES = 3 };

/* sum of w_k c_k, w_k ~ exp(t c_k), c_k = 2 r_k */
static double plain_mean(int count, const double *r, double t)
{
    double total = 0, mean = 0;
    for (int k = 0; k < count; k++)
        total += exp(2 * t * r[k]);
    for (int k = 0; k < count; k++)
        mean += exp(2 * t * r[k]) / total * 2 * r[k];
    return mean;
}

static void check_distances(const struct chosen *c, int negatives, const double *r, double expected)
{
    double d[POSITIVES + NEGATIVES], at[POSITIVES + NEGATIVES];
    const int positives = objective_needs(c->objective, &c->settings).positives;
    memcpy(at, r, sizeof at);
    const double loss =
        sample_loss(c->objective, &c->settings, negatives, at, at + positives, d, d + positives);
    assert_near(loss, expected, 1e-13 * (1 + fabs(expected)));
    for (int k = 0; k < positives + negatives; k++) {
        double slope, unused[POSITIVES + NEGATIVES];
        KIT_DIFFERENCE(slope, &at[k], 1e-5, 2,
                       sample_loss(c->objective, &c->settings, negatives, at, at + positives,
                                   unused, unused + positives));
        assert_near(d[k], slope, 1e-8 * (1 + fabs(slope)));
    }
}

static void losses_of_distances_follow_their_formulas(void **state)
{
    (void)state;
    for (uint64_t draw = 0; draw < 10; draw++) {
        double r[POSITIVES + NEGATIVES], all;
        kit_fill(r, POSITIVES + NEGATIVES, 0.5, 51, draw, 0);
        for (int k = 0; k < POSITIVES + NEGATIVES; k++)
            r[k] += 0.6;
        struct chosen c = choose("simple");
        check_distances(&c, 1, r, r[0] - r[1]);
        c = choose("simple_beta");
        set(&c, "beta", 0.3);
        check_distances(&c, 1, r, 1.3 * r[0] - r[1]);
        c = choose("triplet");
        set(&c, "tau", 0.2);
        set(&c, "margin", 0.4);
        check_distances(&c, 1, r, 0.2 * log(1 + exp((r[0] - r[1] + 0.4) / 0.2)));
        c = choose("infonce");
        set(&c, "tau", 0.3);
        set(&c, "negatives", NEGATIVES);
        all = exp(-r[0] / 0.3);
        for (int k = 1; k <= NEGATIVES; k++)
            all += exp(-r[k] / 0.3);
        check_distances(&c, NEGATIVES, r, -log(exp(-r[0] / 0.3) / all));
        c = choose("cacr");
        set(&c, "t_plus", 0.8);
        set(&c, "t_minus", 1.7);
        set(&c, "positives", POSITIVES);
        set(&c, "negatives", NEGATIVES);
        check_distances(&c, NEGATIVES, r,
                        plain_mean(POSITIVES, r, 0.8) - plain_mean(NEGATIVES, r + POSITIVES, -1.7));
        c = choose("byol");
        check_distances(&c, 0, r, r[0]);
        c = choose("byol_cosine");
        check_distances(&c, 0, r, 2 * r[0]);
    }
}

/* Its weight is held constant. */
static void exact_cov_pulls_by_its_weight(void **state)
{
    (void)state;
    const double r[] = {0.4, 0.7}, e = exp(-0.7 / 0.2), weight = e / (0.2 * (1 + e));
    double d[2];
    struct chosen c = choose("exact_cov");
    set(&c, "tau", 0.2);
    assert_near(sample_loss(c.objective, &c.settings, 1, r, r + 1, d, d + 1), weight * (0.4 - 0.7),
                1e-15);
    assert_near(d[0], weight, 1e-15);
    assert_near(d[1], -weight, 1e-15);
}

/* ---- losses of outputs ---- */

struct bench {
    struct chosen chosen;
    double f[MOST], df[MOST];
    uint8_t label[STRIDE];
    struct outputs outputs;
};

static void open_bench(struct bench *b, struct chosen chosen)
{
    const struct needs needs = objective_needs(chosen.objective, &chosen.settings);
    assert_true(needs.views <= VIEWS);
    b->chosen = chosen;
    kit_fill(b->f, MOST, 1, 52, 0, 0);
    for (size_t s = 0; s < STRIDE; s++)
        b->label[s] = (uint8_t)(s * s % 3);
    b->outputs = (struct outputs){.samples = SAMPLES,
                                  .stride = STRIDE,
                                  .width = WIDTH,
                                  .views = needs.views,
                                  .f = b->f,
                                  .df = b->df,
                                  .label = b->label};
}

static double evaluate(struct bench *b)
{
    const struct loss_plan plan = {.objective = b->chosen.objective,
                                   .settings = &b->chosen.settings,
                                   .width = WIDTH,
                                   .samples = SAMPLES,
                                   .stride = STRIDE};
    struct error err;
    double loss;
    check_ok(loss_once(&plan, &b->outputs, &loss, &err), &err);
    return loss;
}

/* Mean over samples of f_i(a) f_j(b) - centred, a and b views. */
static double product_of(const struct bench *b, int view, int i, int other, int j, bool centred)
{
    const double *x = b->f + output_index(&b->outputs, view, i, 0);
    const double *y = b->f + output_index(&b->outputs, other, j, 0);
    double sum = 0, mean_x = 0, mean_y = 0;
    for (int s = 0; s < SAMPLES && centred; s++) {
        mean_x += x[s] / SAMPLES;
        mean_y += y[s] / SAMPLES;
    }
    for (int s = 0; s < SAMPLES; s++)
        sum += (x[s] - mean_x) * (y[s] - mean_y) / SAMPLES;
    return sum;
}

static double distance_of(const struct bench *b, int view)
{
    double sum = 0;
    for (int k = 0; k < WIDTH; k++)
        for (int s = 0; s < SAMPLES; s++)
            sum += pow(b->f[output_index(&b->outputs, 0, k, (size_t)s)] -
                           b->f[output_index(&b->outputs, view, k, (size_t)s)],
                       2) /
                   SAMPLES;
    return sum;
}

static double plain_barlow(const struct bench *b, double lambda)
{
    double sum = 0;
    for (int i = 0; i < WIDTH; i++)
        for (int j = 0; j < WIDTH; j++) {
            const double c =
                product_of(b, 0, i, 1, j, true) /
                sqrt(product_of(b, 0, i, 0, i, true) * product_of(b, 1, j, 1, j, true));
            sum += i == j ? (1 - c) * (1 - c) : lambda * c * c;
        }
    return sum;
}

/* Defaults of weights: 25, 25, 1. */
static double plain_vicreg(const struct bench *b, double target)
{
    const double unbiased = SAMPLES / (SAMPLES - 1.0);
    double sum = 25 * distance_of(b, 1) / WIDTH;
    for (int view = 0; view < 2; view++)
        for (int i = 0; i < WIDTH; i++)
            for (int j = 0; j < WIDTH; j++) {
                const double c = unbiased * product_of(b, view, i, view, j, true);
                sum += i == j ? 12.5 * fmax(0, target - sqrt(c + 1e-4)) / WIDTH : c * c / WIDTH;
            }
    return sum;
}

static void losses_of_a_batch_follow_their_formulas(void **state)
{
    (void)state;
    struct bench b;
    struct chosen c = choose("reference_nce");
    set(&c, "tau", 0.3);
    open_bench(&b, c);
    const double p = exp(-distance_of(&b, 1) / WIDTH / 0.3),
                 n = exp(-distance_of(&b, 2) / WIDTH / 0.3);
    assert_near(evaluate(&b), -p / (p + n), 1e-14);
    open_bench(&b, choose("reference_subtract"));
    assert_near(evaluate(&b), (distance_of(&b, 1) - distance_of(&b, 2)) / WIDTH, 1e-14);
    c = choose("barlow_twins");
    set(&c, "lambda", 0.3);
    open_bench(&b, c);
    assert_near(evaluate(&b), plain_barlow(&b, 0.3), 1e-12);
    c = choose("vicreg"); /* some deviations are above this target */
    set(&c, "target", 0.6);
    open_bench(&b, c);
    assert_near(evaluate(&b), plain_vicreg(&b, 0.6), 1e-12);
}

/* Every third entry of the first samples of all views with a gradient. */
static void check_gradient(struct bench *b)
{
    double df[MOST];
    const int views = objective_needs(b->chosen.objective, &b->chosen.settings).gradient_views;
    evaluate(b);
    memcpy(df, b->df, sizeof df);
    for (size_t i = 0; i < output_index(&b->outputs, views, 0, 0); i += 3) {
        double slope;
        if (i % STRIDE >= SAMPLES)
            continue;
        KIT_DIFFERENCE(slope, &b->f[i], 1e-4, 4, evaluate(b));
        if (!(fabs(df[i] - slope) <= 1e-8 * (1 + fabs(slope))))
            fail_msg("%s, entry %zu: %g, differences give %g", b->chosen.objective->about.name, i,
                     df[i], slope);
    }
}

static void gradients_of_all_objectives_are_slopes(void **state)
{
    (void)state;
    struct bench b;
    for (size_t e = 0; e < objective_registry.count; e++) {
        const char *name = objective_registry.entries[e]->name;
        struct chosen c = choose(name);
        /* comatch has a test of its own; exact_cov stops a gradient */
        if (c.objective->form == &form_comatch || strcmp(name, "exact_cov") == 0)
            continue;
        if (descriptor_param(&c.objective->about, "tau"))
            set(&c, "tau", 0.4);
        open_bench(&b, c);
        check_gradient(&b);
    }
    struct chosen c = choose("infonce"); /* <f(x_1), StopGrad f(x')> */
    set(&c, "similarity", 1);
    set(&c, "negatives", 2);
    assert_int_equal(objective_needs(c.objective, &c.settings).gradient_views, 1);
    open_bench(&b, c);
    check_gradient(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_of_distances_follow_their_formulas),
        cmocka_unit_test(exact_cov_pulls_by_its_weight),
        cmocka_unit_test(losses_of_a_batch_follow_their_formulas),
        cmocka_unit_test(gradients_of_all_objectives_are_slopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
