/* Protects sim/net/level.c: activation, gate and bias gradient of one level, entry by entry. */
#include "sim/net/level.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

enum { WIDTH = 3, COLUMNS = 16 };

/* Two levels; the upper one is the output. */
static struct network two_levels(bool relu)
{
    static const int width[] = {WIDTH, WIDTH};
    return kit_network((struct network){.levels = 2, .leaves = 4, .relu = relu, .bias = true},
                       width);
}

static void activation_is_relu_below_the_output_only(void **state)
{
    (void)state;
    const double bias[WIDTH] = {0.3, 0, -0.2};
    double drawn[WIDTH * COLUMNS], pre[WIDTH * COLUMNS], act[WIDTH * COLUMNS];
    kit_fill(drawn, WIDTH * COLUMNS, 1, 31, 0, 0);
    for (int relu = 0; relu < 2; relu++)
        for (int level = 0; level < 2; level++)
            for (int apart = 0; apart < 2; apart++) {
                const struct network n = two_levels(relu);
                memcpy(pre, drawn, sizeof pre);
                level_activate(&n, level, bias, pre, apart ? act : pre, COLUMNS, COLUMNS);
                for (int i = 0; i < WIDTH * COLUMNS; i++) {
                    const double x = drawn[i] + bias[i / COLUMNS];
                    const double y = relu && level > 0 && x < 0 ? 0 : x;
                    assert_near(apart ? act[i] : pre[i], y, 0);
                    if (apart)
                        assert_near(pre[i], x, 0);
                }
            }
}

static void gates_shut_where_the_neuron_is_shut(void **state)
{
    (void)state;
    const double act[8] = {0, 1e-300, 2, -0.0, 0, 3, 0, 5};
    double delta[8] = {1, 2, 3, 4, NAN, -6, -7, 8};
    const double passed[8] = {0, 2, 3, 0, 0, -6, 0, 8};
    level_gate(delta, act, 8);
    for (int i = 0; i < 8; i++)
        assert_near(delta[i], passed[i], 0);
}

static void gradients_of_a_level_are_sums_over_columns(void **state)
{
    (void)state;
    const struct network n = two_levels(true);
    struct product forward, outer, backward;
    _Alignas(64) double delta[WIDTH * COLUMNS], input[4 * COLUMNS]; /* as rows of an arena */
    double *gradient = allocate(n.parameters, sizeof *gradient);
    kit_fill(delta, WIDTH * COLUMNS, 1, 32, 0, 0);
    kit_fill(input, 4 * COLUMNS, 1, 32, 1, 0);
    level_plan(&n, 1, COLUMNS, &forward, &outer, &backward);
    for (int times = 1; times <= 2; times++) { /* it adds */
        level_gradient(&n, 1, 0, &outer, delta, input, gradient);
        for (int k = 0; k < WIDTH; k++) {
            double sum = 0;
            for (int s = 0; s < COLUMNS; s++)
                sum += delta[k * COLUMNS + s];
            assert_near(gradient[bias_offset(&n, 1, 0) + (size_t)k], times * sum, 1e-14);
            for (int i = 0; i < 4; i++) {
                double product = 0;
                for (int s = 0; s < COLUMNS; s++)
                    product += delta[k * COLUMNS + s] * input[i * COLUMNS + s];
                assert_near(gradient[weight_offset(&n, 1, 0) + (size_t)(4 * k + i)],
                            times * product, 1e-13);
            }
        }
    }
    free(gradient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(activation_is_relu_below_the_output_only),
        cmocka_unit_test(gates_shut_where_the_neuron_is_shut),
        cmocka_unit_test(gradients_of_a_level_are_sums_over_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
