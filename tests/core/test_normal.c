/* Protects core/normal.c: normal numbers at addresses, and random bases. */
#include "core/normal.h"
#include "tests/kit/testing.h"

#include <gsl/gsl_sort.h>

static bool same_bits(const double *a, const double *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

static struct draw draw_at(uint64_t block)
{
    return (struct draw){.seed = 7, .purpose = PURPOSE_TEST, .epoch = 2, .block = block};
}

/* Box and Muller with the mathematical library. */
static void normal_numbers_follow_their_definition(void **state)
{
    (void)state;
    for (uint64_t lane = 0; lane < 2000; lane++) {
        struct draw draw = draw_at(lane % 7);
        double row[BLOCK];
        uint64_t word[BLOCK];
        draw.view = lane % 3;
        normal_row(draw, lane, row);
        word_row(draw, lane, word);
        for (size_t i = 0; i < BLOCK / 2; i++) {
            uint64_t turn = word[i + BLOCK / 2];
            double u = 1 - (double)(word[i] >> 12) * 0x1p-52;
            double angle = M_PI_4 * ((double)(turn & 0xfffffffffffff) * 0x1p-51 - 1);
            double radius = sqrt(-2 * log(u)), x = cos(angle), y = sin(angle);
            if (turn >> 63)
                radius = -radius;
            bool swap = turn >> 62 & 1;
            assert_near(row[i], radius * (swap ? y : x), 2e-15 * fabs(radius));
            assert_near(row[i + BLOCK / 2], radius * (swap ? x : y), 2e-15 * fabs(radius));
        }
    }
}

static void normal_numbers_are_normal(void **state)
{
    (void)state;
    enum { ROWS = 8000, COUNT = ROWS * BLOCK };
    double *x = allocate(COUNT, sizeof *x), distance = 0, across = 0;
    for (uint64_t row = 0; row < ROWS; row++)
        normal_row(draw_at(row), 5, x + row * BLOCK);
    for (size_t i = 0; i < COUNT; i++) /* the two of a pair */
        across += i % BLOCK < BLOCK / 2 ? x[i] * x[i + BLOCK / 2] : 0;
    assert_at_most(fabs(across) / sqrt(COUNT / 2.0), 5);
    gsl_sort(x, 1, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        distance = fmax(distance, fabs(gsl_cdf_ugaussian_P(x[i]) - ((double)i + 0.5) / COUNT));
    assert_at_most(distance * sqrt(COUNT), 2.2); /* Kolmogorov: P < 2e-4 */
    assert_above(-x[0], 4);
    assert_above(x[COUNT - 1], 4);
    free(x);
}

/* Rows whose addresses differ in one member share no word. */
static void every_member_of_an_address_counts(void **state)
{
    (void)state;
    enum { ROWS = 7 };
    struct draw at[ROWS];
    uint64_t word[ROWS][BLOCK];
    for (int i = 0; i < ROWS; i++)
        at[i] = draw_at(1);
    at[1].seed++;
    at[2].purpose = PURPOSE_DATA;
    at[3].epoch++;
    at[4].block++;
    at[5].view++;
    for (uint64_t i = 0; i < ROWS; i++)
        word_row(at[i], i == 6 ? 4 : 3, word[i]);
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < i * BLOCK; k++)
            for (int j = 0; j < BLOCK; j++)
                assert_true(word[k / BLOCK][k % BLOCK] != word[i][j]);
}

static void what_is_drawn_once_has_addresses_too(void **state)
{
    (void)state;
    enum { COUNT = 150 };
    double x[COUNT], y[COUNT + 1];
    normal_once(3, ONCE_CENTRES, COUNT, x);
    y[COUNT / 2] = 7;
    normal_once(3, ONCE_CENTRES, COUNT / 2, y); /* fewer: the same ones */
    assert_true(same_bits(x, y, COUNT / 2));
    assert_true(y[COUNT / 2] == 7);
    normal_once(3, ONCE_DEVIATIONS, COUNT, y);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(x[i] != y[i] && x[i] != x[(i + BLOCK) % COUNT]);
    normal_once(4, ONCE_CENTRES, COUNT, y);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(x[i] != y[i]);
}

/* row i of the basis times G + G^T times row j */
static double turned(size_t n, const double *basis, const double *g, size_t i, size_t j)
{
    double sum = 0;
    for (size_t k = 0; k < n; k++)
        for (size_t l = 0; l < n; l++)
            sum += basis[i * n + k] * (g[k * n + l] + g[l * n + k]) * basis[j * n + l];
    return sum;
}

static void a_random_basis_is_that_of_a_random_matrix(void **state)
{
    (void)state;
    enum { N = 7, DRAWS = 3000 };
    double sum = 0, g[N * N], *basis;
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        struct error err;
        check_ok(random_basis(seed, ONCE_SUBSPACE, N, &basis, &err), &err);
        normal_once(seed, ONCE_SUBSPACE, (size_t)N * N, g);
        for (size_t i = 0; i < N; i++)
            for (size_t j = 0; j < N; j++) {
                double dot = 0;
                for (size_t k = 0; k < N; k++)
                    dot += basis[i * N + k] * basis[j * N + k];
                assert_near(dot, i == j, 1e-13);
                assert_near(i == j ? 0 : turned(N, basis, g, i, j), 0, 1e-12);
            }
        sum += pow(basis[2], 4);
        free(basis);
    }
    /* E and variance of the fourth power of a coordinate of a random unit vector */
    double mean = 3.0 / (N * (N + 2)), square = 105.0 / (N * (N + 2) * (N + 4) * (N + 6));
    assert_at_most(fabs(sum / DRAWS - mean), 5 * sqrt((square - mean * mean) / DRAWS));
}

/* ---- normal numbers of single precision ---- */

static void single_numbers_follow_their_definition(void **state)
{
    (void)state;
    for (uint64_t lane = 0; lane < 2000; lane++) {
        const struct random_words base = random_words(1, PURPOSE_TEST, lane % 7, 2, 3, 4);
        float row[BLOCK];
        uint32_t word[RANDOM_ROW];
        normal_row_single(&base, (uint32_t)lane, row);
        random_row(&base, (uint32_t)lane, word);
        for (size_t i = 0; i < BLOCK / 2; i++) {
            const uint32_t turn = word[i + BLOCK / 2];
            const double u = ((double)(word[i] >> 1) + 0.5) * 0x1p-31;
            const double angle = M_PI_4 * ((double)(turn & 0x7fffff) * 0x1p-22 - 1);
            const double radius = (turn >> 31 ? -1 : 1) * sqrt(-2 * log(u));
            const double x = cos(angle), y = sin(angle);
            const bool swap = turn >> 30 & 1;
            /* u is rounded to 24 bits: radius^2 is off by 2^-24, */
            const double slack = 4e-7 * fabs(radius) + 0x1p-24 / fabs(radius);
            assert_near((double)row[i], radius * (swap ? y : x), slack);
            assert_near((double)row[i + BLOCK / 2], radius * (swap ? x : y), slack);
        }
    }
}

static void single_numbers_are_normal(void **state)
{
    (void)state;
    enum { ROWS = 8000, COUNT = ROWS * BLOCK };
    double *x = allocate(COUNT, sizeof *x), distance = 0, across = 0, second = 0, fourth = 0;
    for (uint64_t row = 0; row < ROWS; row++) {
        const struct random_words base = random_words(1, PURPOSE_TEST, row / 100, 2, 3, 4);
        float value[BLOCK];
        normal_row_single(&base, (uint32_t)row % 100, value);
        for (size_t i = 0; i < BLOCK; i++)
            x[row * BLOCK + i] = (double)value[i];
    }
    for (size_t i = 0; i < COUNT; i++) { /* the two of a pair */
        across += i % BLOCK < BLOCK / 2 ? x[i] * x[i + BLOCK / 2] : 0;
        second += x[i] * x[i] / COUNT;
        fourth += pow(x[i], 4) / COUNT;
    }
    assert_at_most(fabs(across) / sqrt(COUNT / 2.0), 5);
    assert_at_most(fabs(second - 1), 5 * sqrt(2.0 / COUNT));
    assert_at_most(fabs(fourth - 3), 5 * sqrt(96.0 / COUNT));
    gsl_sort(x, 1, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        distance = fmax(distance, fabs(gsl_cdf_ugaussian_P(x[i]) - ((double)i + 0.5) / COUNT));
    assert_at_most(distance * sqrt(COUNT), 2.2); /* Kolmogorov: P < 2e-4 */
    assert_above(-x[0], 4);
    assert_above(x[COUNT - 1], 4);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_numbers_follow_their_definition),
        cmocka_unit_test(normal_numbers_are_normal),
        cmocka_unit_test(every_member_of_an_address_counts),
        cmocka_unit_test(what_is_drawn_once_has_addresses_too),
        cmocka_unit_test(a_random_basis_is_that_of_a_random_matrix),
        cmocka_unit_test(single_numbers_follow_their_definition),
        cmocka_unit_test(single_numbers_are_normal),
    };
    return cmocka_run_group_tests_name("normal", tests, NULL, NULL);
}
