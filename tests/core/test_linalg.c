/* Protects the products of small matrices in core/linalg.c, and core/extreme.h. */
#include "core/extreme.h"
#include "core/linalg.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"

enum { N = 3 };

static void commutators_and_traces_are_sums_of_products(void **state)
{
    (void)state;
    double a[N * N], b[N * N], out[N * N], trace = 0;
    kit_fill(a, N * N, 1, 41, 0, 0);
    kit_fill(b, N * N, 1, 41, 1, 0);
    matrix_commutator(N, a, b, out);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++) {
            double sum = 0;
            for (int j = 0; j < N; j++)
                sum += a[i * N + j] * b[j * N + k] - b[i * N + j] * a[j * N + k];
            assert_near(out[i * N + k], sum, 1e-15);
            trace += i == k ? a[i * N + k] : 0;
        }
    assert_near(matrix_trace(N, a), trace, 1e-15);
}

static void symmetrised_matrices_are_means_with_their_transpose(void **state)
{
    (void)state;
    double a[N * N], s[N * N];
    kit_fill(a, N * N, 1, 42, 0, 0);
    memcpy(s, a, sizeof s);
    matrix_symmetrise(N, s);
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            assert_near(s[i * N + k], (a[i * N + k] + a[k * N + i]) / 2, 1e-16);
}

static void extremes_keep_nan(void **state)
{
    (void)state;
    assert_true(larger(1, 2) == 2 && larger(2, 1) == 2 && larger(-INFINITY, -1) == -1);
    assert_true(smaller(1, 2) == 1 && smaller(2, 1) == 1 && smaller(INFINITY, 1) == 1);
    assert_true(isnan(larger(NAN, 1)) && isnan(larger(1, NAN)) && isnan(larger(INFINITY, NAN)));
    assert_true(isnan(smaller(NAN, 1)) && isnan(smaller(1, NAN)) && isnan(smaller(-INFINITY, NAN)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commutators_and_traces_are_sums_of_products),
        cmocka_unit_test(symmetrised_matrices_are_means_with_their_transpose),
        cmocka_unit_test(extremes_keep_nan),
    };
    linalg_threads_are_safe();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
