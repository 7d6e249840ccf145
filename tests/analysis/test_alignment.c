/* Protects analysis/alignment.c: eigenvalues, alignment and asymmetry of a predictor. */
#include "analysis/alignment.h"
#include "tests/kit/testing.h"

enum { N = 3 };

struct measured {
    double f_value[N], p_value[N], predictor[N], cosine[N];
    struct alignment a;
};

static void measure(const double f[N * N], const double w_p[N * N], struct measured *m)
{
    double *work = allocate(alignment_work(N), sizeof *work);
    struct error err = {0};
    m->a = (struct alignment){.f_value = m->f_value,
                              .p_value = m->p_value,
                              .predictor = m->predictor,
                              .cosine = m->cosine};
    check_ok(alignment_measure(N, f, w_p, work, &m->a, &err), &err);
    free(work);
}

/* A rotation by an angle in the plane of the first two axes, and its axes as columns. */
static void compose(double angle, const double value[N], double out[N * N])
{
    const double c = cos(angle), s = sin(angle), u[N][N] = {{c, s, 0}, {-s, c, 0}, {0, 0, 1}};
    memset(out, 0, N * N * sizeof *out);
    for (int j = 0; j < N; j++)
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++)
                out[i * N + k] += value[j] * u[j][i] * u[j][k];
}

static void shared_eigenvectors_are_aligned(void **state)
{
    (void)state;
    double f[N * N], w[N * N];
    compose(0.3, (const double[]){4, 2, 1}, f);
    compose(0.3, (const double[]){0.5, -3, 2}, w);
    struct measured m;
    measure(f, w, &m);
    const double p[] = {0.5, -3, 2}, s[] = {4, 2, 1}, sorted[] = {2, 0.5, -3};
    for (int j = 0; j < N; j++) {
        assert_near(m.f_value[j], s[j], 1e-14);
        assert_near(m.p_value[j], p[j], 1e-14);
        assert_near(m.predictor[j], sorted[j], 1e-14);
        assert_near(m.cosine[j], 1, 1e-14);
    }
    assert_at_most(m.a.commutator, 1e-14);
    assert_at_most(m.a.asymmetry, 1e-15);
    double h = -(4 / 7.0 * log(4 / 7.0) + 2 / 7.0 * log(2 / 7.0) + 1 / 7.0 * log(1 / 7.0));
    assert_near(m.a.effective_rank, exp(h), 1e-13);
}

static void alignment_has_no_size(void **state)
{
    (void)state;
    double f[N * N], w[N * N];
    compose(0.3, (const double[]){4, 2, 1}, f);
    compose(0.8, (const double[]){0.5, -3, 2}, w);
    struct measured m, large;
    measure(f, w, &m);
    for (int i = 0; i < N * N; i++)
        w[i] *= 1e180;
    measure(f, w, &large);
    for (int j = 0; j < N; j++) {
        assert_near(large.cosine[j], m.cosine[j], 1e-14);
        assert_at_most(m.cosine[0], 0.99);
    }
}

static void turned_eigenvectors_are_not(void **state)
{
    (void)state;
    double f[N * N], w[N * N];
    compose(0, (const double[]){4, 2, 1}, f);
    compose(0.5, (const double[]){3, 1, 2}, w);
    struct measured m;
    measure(f, w, &m);
    double c = cos(0.5), s = sin(0.5); /* W u_1 = 3 c a - 1 s b in the turned axes */
    double along = 3 * c * c + s * s, norm = sqrt(9 * c * c + s * s);
    assert_near(m.p_value[0], along, 1e-14);
    assert_near(m.cosine[0], along / norm, 1e-14);
    assert_near(m.cosine[2], 1, 1e-14);
    /* [F, W]_{12} = (4 - 2) W_{12}, twice */
    assert_near(m.a.commutator, sqrt(2) * 2 * fabs(w[1]), 1e-14);
}

static void asymmetry_and_degenerate_cases(void **state)
{
    (void)state;
    const double f[N * N] = {1, 0, 0, 0, 1, 0, 0, 0, 0}, odd[N * N] = {0, 1, 0, -1, 0, 0, 0, 0, 0};
    const double zero[N * N] = {0};
    struct measured m;
    measure(f, odd, &m);
    assert_near(m.a.asymmetry, 2, 1e-15);
    assert_near(m.cosine[0], 0, 1e-15);
    assert_near(m.a.effective_rank, 2, 1e-14);
    measure(zero, zero, &m);
    assert_near(m.a.asymmetry, 0, 0);
    assert_near(m.a.effective_rank, 0, 0);
    assert_near(m.cosine[0], 0, 0);
}

static void says_what_is_not_finite(void **state)
{
    (void)state;
    double f[N * N] = {NAN}, w[N * N] = {0}, value[4][N], work[64];
    struct alignment a = {
        .f_value = value[0], .p_value = value[1], .predictor = value[2], .cosine = value[3]};
    struct error err = {0};
    assert_true(alignment_measure(N, f, w, work, &a, &err) != STATUS_OK);
    assert_non_null(strstr(err.message, "covariance of the outputs"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_eigenvectors_are_aligned),
        cmocka_unit_test(alignment_has_no_size),
        cmocka_unit_test(turned_eigenvectors_are_not),
        cmocka_unit_test(asymmetry_and_degenerate_cases),
        cmocka_unit_test(says_what_is_not_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
