/* Protects the losses and norms of sim/ where inputs are extreme: loss and gradient are finite
 * wherever their mathematical values are, and a size that cancels does not matter. */
#include "core/norm.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/net/network.h"
#include "sim/optimisers/optimisers.h"
#include "sim/registry.h"
#include "tests/kit/arena.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

enum { SAMPLES = 11, WIDTH = 3, CLASSES = 3, LABELLED = 5, VIEWS = 40 };
enum { STRIDE = 16, LABELLED_STRIDE = 8, MOST = VIEWS * WIDTH * STRIDE };

/* Outputs of all views, their gradients, and labelled outputs beside them. */
struct bench {
    const struct objective *objective;
    union kit_settings settings, sgd;
    double f[MOST], df[MOST], labelled_f[WIDTH * LABELLED_STRIDE],
        labelled_df[WIDTH * LABELLED_STRIDE];
    uint8_t label[STRIDE];
    struct outputs outputs, labelled;
};

enum pattern { DRAWN, FAR_APART, ALL_EQUAL, PATTERNS }; /* FAR_APART: some are 1e8 times larger */

static void fill(double *f, size_t count, size_t stride, double scale, enum pattern pattern,
                 uint64_t seed)
{
    kit_fill(f, count, scale, 21, seed, (uint64_t)pattern);
    for (size_t i = 0; i < count; i++) {
        if (pattern == FAR_APART && (i % stride) % 3 == 1)
            f[i] *= 1e8;
        if (pattern == ALL_EQUAL)
            f[i] = scale * (double)(1 + i / stride % WIDTH);
    }
}

static void open_bench(struct bench *b, const struct objective *objective, double scale,
                       enum pattern pattern)
{
    *b = (struct bench){.objective = objective};
    kit_defaults(&objective->about, &b->settings);
    kit_defaults(&optimiser_sgd.about, &b->sgd);
    if (objective->form == &form_comatch) {
        kit_set(&objective->about, &b->settings, "labels", LABELLED);
        kit_set(&objective->about, &b->settings, "bank", 0);
    }
    const struct needs needs = objective_needs(objective, &b->settings);
    assert_true(needs.views <= VIEWS);
    const size_t size = (size_t)needs.views * WIDTH * STRIDE;
    fill(b->f, size, STRIDE, scale, pattern, 0);
    fill(b->labelled_f, WIDTH * LABELLED_STRIDE, LABELLED_STRIDE, scale, pattern, 1);
    for (size_t s = 0; s < STRIDE; s++)
        b->label[s] = (uint8_t)(s * s % CLASSES);
    b->outputs = (struct outputs){.samples = SAMPLES,
                                  .stride = STRIDE,
                                  .width = WIDTH,
                                  .views = needs.views,
                                  .f = b->f,
                                  .df = b->df,
                                  .label = b->label};
    b->labelled = (struct outputs){.samples = LABELLED,
                                   .stride = LABELLED_STRIDE,
                                   .width = WIDTH,
                                   .views = 1,
                                   .f = b->labelled_f,
                                   .df = b->labelled_df,
                                   .label = b->label};
}

static double evaluate(struct bench *b)
{
    struct error err;
    double loss = NAN;
    const struct loss_plan plan = {.objective = b->objective,
                                   .settings = &b->settings,
                                   .width = WIDTH,
                                   .samples = SAMPLES,
                                   .stride = STRIDE,
                                   .labelled = &b->labelled,
                                   .classes = CLASSES,
                                   .optimiser = &optimiser_sgd,
                                   .optimiser_settings = &b->sgd};
    check_ok(loss_once(&plan, &b->outputs, &loss, &err), &err);
    return loss;
}

/* Doubles of df that the objective writes; doubles of the padding do not count. */
static double largest_gradient(const struct bench *b)
{
    const int views = objective_needs(b->objective, &b->settings).gradient_views;
    double largest = 0;
    for (int view = 0; view < views; view++)
        for (int k = 0; k < WIDTH; k++)
            largest =
                fmax(largest, kit_largest(b->df + output_index(&b->outputs, view, k, 0), SAMPLES));
    return largest;
}

static void check_finite(struct bench *b, const char *key, double value, double scale,
                         enum pattern pattern)
{
    const double loss = evaluate(b), largest = largest_gradient(b);
    if (!isfinite(loss) || !isfinite(largest))
        fail_msg("%s, %s = %g, outputs of size %g, pattern %d: loss %g, largest gradient %g",
                 b->objective->about.name, key, value, scale, (int)pattern, loss, largest);
}

/* The largest fourth power of an output, and the least square, are doubles. */
static const double sizes[] = {1e-160, 1e-40, 1e-8, 1, 1e8, 1e40, 1e60};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void losses_of_outputs_of_any_size_are_finite(void **state)
{
    (void)state;
    for (size_t e = 0; e < objective_registry.count; e++)
        for (size_t s = 0; s < SIZES; s++)
            for (enum pattern p = 0; p < PATTERNS; p++) {
                struct bench b;
                open_bench(&b, (const void *)objective_registry.entries[e], sizes[s], p);
                check_finite(&b, "defaults", 0, sizes[s], p);
            }
}

/* Every real parameter of every objective at the ends of its range, as far as products of them
 * with outputs are doubles. */
static void losses_with_extreme_settings_are_finite(void **state)
{
    (void)state;
    static const double values[] = {-1e60, 1e-60, 1e-5, 1.1e5, 1e60};
    size_t tried = 0;
    for (size_t e = 0; e < objective_registry.count; e++) {
        const struct descriptor *about = objective_registry.entries[e];
        for (const struct param *param = about->params; param && param->name; param++)
            for (size_t v = 0; v < sizeof values / sizeof *values; v++)
                for (size_t s = 1; s < SIZES - 1; s++)
                    for (enum pattern p = 0; p < PATTERNS; p++) {
                        struct bench b;
                        if (param->type != PARAM_REAL || values[v] < param->low ||
                            values[v] > param->high)
                            continue;
                        open_bench(&b, (const void *)about, sizes[s], p);
                        kit_set(about, &b.settings, param->name, values[v]);
                        check_finite(&b, param->name, values[v], sizes[s], p);
                        tried++;
                    }
    }
    assert_true(tried > 500);
}

/* Where outputs are divided by their norms, their size cannot matter: the loss is the same, the
 * gradient falls with it. */
static void losses_of_cosines_have_no_size(void **state)
{
    (void)state;
    size_t tried = 0;
    for (size_t e = 0; e < objective_registry.count; e++) {
        const struct objective *objective = (const void *)objective_registry.entries[e];
        if (objective->form != &form_pairs)
            continue;
        for (int exponent = -960; exponent <= 960; exponent += 160) {
            struct bench one, other;
            const double scale = ldexp(1, exponent);
            open_bench(&one, objective, 1, DRAWN);
            open_bench(&other, objective, scale, DRAWN);
            assert_near(evaluate(&other), evaluate(&one), 1e-12);
            for (int i = 0; i < 2 * WIDTH * STRIDE; i++)
                if (i % STRIDE < SAMPLES)
                    assert_near(other.df[i] * scale, one.df[i], 1e-11);
            tried++;
        }
    }
    assert_true(tried > 0);
}

/* Rows of many panels, whose products with each other may differ by a rounding: a share of a sum
 * is at most 1 even where tau makes much of it. */
static void shares_at_tiny_temperatures_are_bounded(void **state)
{
    (void)state;
    enum { MANY = 203, WIDE = 64, COLUMNS = 208 };
    double *f = allocate(2 * WIDE * COLUMNS, sizeof *f),
           *df = allocate(2 * WIDE * COLUMNS, sizeof *f);
    const struct outputs o = {
        .samples = MANY, .stride = COLUMNS, .width = WIDE, .views = 2, .f = f, .df = df};
    const double taus[] = {1e-3, 1e-17, 1e-30, 1e-200};
    kit_fill(f, 2 * WIDE * COLUMNS, 1, 23, 0, 0);
    for (size_t i = 0; i < sizeof taus / sizeof *taus; i++) {
        struct error err;
        double loss;
        const struct loss_plan plan = {.objective = &objective_ntxent,
                                       .settings = &(struct temperature_settings){taus[i]},
                                       .width = WIDE,
                                       .samples = MANY,
                                       .stride = COLUMNS};
        check_ok(loss_once(&plan, &o, &loss, &err), &err);
        assert_true(isfinite(loss));
        /* |f| > 1 and |d loss / d u_i| <= (3 + the sum of p_ki over k) / (rows tau) */
        for (int k = 0; k < 2 * WIDE; k++)
            assert_at_most(kit_largest(df + k * COLUMNS, MANY) * taus[i], 1 + 1.5 / MANY);
    }
    free(f);
    free(df);
}

static void normalisation_has_no_size(void **state)
{
    (void)state;
    double f[WIDTH * 8], g[WIDTH * 8], y[WIDTH * 8], dy[WIDTH * 8], df[WIDTH * 8];
    double scaled_y[WIDTH * 8], scaled_df[WIDTH * 8];
    kit_fill(f, WIDTH * 8, 1, 22, 0, 0);
    kit_fill(dy, WIDTH * 8, 1, 22, 1, 0);
    normalize_forward(WIDTH, 8, 8, 0, f, y);
    normalize_backward(WIDTH, 8, 8, 0, f, dy, df);
    for (int exponent = -1000; exponent <= 1000; exponent += 10) {
        for (int i = 0; i < WIDTH * 8; i++) /* others among the eight are moderate */
            g[i] = i % 8 % 3 ? f[i] : ldexp(f[i], exponent);
        normalize_forward(WIDTH, 8, 8, 0, g, scaled_y);
        normalize_backward(WIDTH, 8, 8, 0, g, dy, scaled_df);
        for (int i = 0; i < WIDTH * 8; i++) {
            assert_near(scaled_y[i], y[i], 1e-14);
            assert_near(i % 8 % 3 ? scaled_df[i] : ldexp(scaled_df[i], exponent), df[i],
                        1e-12 * (1 + fabs(df[i])));
        }
    }
}

/* <dy, f / (|f| + eps)> of the first of eight samples */
static double normalised_product(const double *f, const double *dy, double eps)
{
    double y[WIDTH * 8], sum = 0;
    normalize_forward(WIDTH, 8, 8, eps, f, y);
    for (int k = 0; k < WIDTH; k++)
        sum += dy[k * 8] * y[k * 8];
    return sum;
}

static void moderate_outputs_are_normalised_with_eps(void **state)
{
    (void)state;
    for (double eps = 0; eps < 1; eps += 0.3) {
        double f[WIDTH * 8], dy[WIDTH * 8], df[WIDTH * 8], plain = 0, square = 0;
        kit_fill(f, WIDTH * 8, 1, 24, 0, 0);
        kit_fill(dy, WIDTH * 8, 1, 24, 1, 0);
        normalize_backward(WIDTH, 8, 8, eps, f, dy, df);
        for (int k = 0; k < WIDTH; k++) {
            double slope;
            plain += dy[k * 8] * f[k * 8];
            square += f[k * 8] * f[k * 8];
            KIT_DIFFERENCE(slope, &f[k * 8], 1e-4, 4, normalised_product(f, dy, eps));
            assert_near(df[k * 8], slope, 1e-9);
        }
        assert_near(normalised_product(f, dy, eps), plain / (sqrt(square) + eps), 1e-14);
    }
}

/* 1 / norm = 0 would make outputs of a network that diverged look like one that collapsed. */
static void norms_past_the_largest_double_are_no_zeros(void **state)
{
    (void)state;
    double f[2 * 8] = {0}, y[2 * 8], inverse[8], u[2 * 8];
    const struct outputs o = {.samples = 3, .stride = 8, .width = 2, .views = 1, .f = f};
    f[0] = f[8] = 1.7e308; /* the norm is none */
    f[1] = INFINITY;       /* and sample 2 vanishes */
    normalize_forward(2, 8, 8, 1e-4, f, y);
    unit_vectors(&o, 0, 0, 3, u, 8, inverse);
    for (int i = 0; i < 2; i++)
        assert_true(isnan(y[i]) && isnan(inverse[i]) && isnan(u[i]));
    assert_true(y[2] == 0 && inverse[2] == 0 && u[2] == 0);
}

static void norms_of_any_size_have_all_digits(void **state)
{
    (void)state;
    for (int exponent = -1020; exponent <= 1000; exponent += 20) {
        double x[8] = {0};
        x[0] = ldexp(3, exponent);
        x[4] = ldexp(-4, exponent);
        assert_near(norm_of(2, x, 4) / ldexp(5, exponent), 1, 1e-15);
    }
    const double lost[] = {1, NAN}, none[] = {0, 0};
    assert_true(isnan(norm_of(2, lost, 1)) && norm_of(2, none, 1) == 0);
    assert_true(!square_is_safe(0) && !square_is_safe(NAN) && !square_is_safe(INFINITY));
}

/* tau times a quotient that overflows: the hinge without its softness. */
static void triplet_is_a_hinge_at_tiny_temperatures(void **state)
{
    (void)state;
    const double r[] = {1e20, 3e19};
    const struct triplet_settings settings = {.tau = 1e-300, .margin = 1};
    double d[2];
    assert_near(sample_loss(&objective_triplet, &settings, 1, r, r + 1, d, d + 1), 7e19, 1e5);
    assert_near(d[0], 1, 0);
    assert_near(sample_loss(&objective_triplet, &settings, 1, r + 1, r, d, d + 1), 0, 0);
    assert_near(d[0], 0, 0);
}

/* The case in which a product rounded once and a product rounded twice were subtracted. */
static void cacr_weights_of_huge_exponents_are_a_distribution(void **state)
{
    (void)state;
    const double near_one = 4e14;
    for (double t = -1.1e5; t <= 1.1e5; t += 2.2e5)
        for (int step = 0; step < 1000; step++) {
            double r[3] = {near_one + step, near_one * (1 + 1e-3 * step), near_one / 3}, weight[3];
            cacr_weights(3, r, t, weight);
            assert_near(weight[0] + weight[1] + weight[2], 1, 1e-15);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_of_outputs_of_any_size_are_finite),
        cmocka_unit_test(losses_with_extreme_settings_are_finite),
        cmocka_unit_test(losses_of_cosines_have_no_size),
        cmocka_unit_test(shares_at_tiny_temperatures_are_bounded),
        cmocka_unit_test(normalisation_has_no_size),
        cmocka_unit_test(moderate_outputs_are_normalised_with_eps),
        cmocka_unit_test(norms_past_the_largest_double_are_no_zeros),
        cmocka_unit_test(norms_of_any_size_have_all_digits),
        cmocka_unit_test(triplet_is_a_hinge_at_tiny_temperatures),
        cmocka_unit_test(cacr_weights_of_huge_exponents_are_a_distribution),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
