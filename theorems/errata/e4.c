/* E4: the covariance of scrambled views */
#include "theorems/claims.h"
#include "theorems/ncp/ncp.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <string.h>

enum { SIZE = 2, SQUARE = SIZE * SIZE };

/* Two inputs, of which the first `scrambled` directions of a rotation are; in every fifth instance
 * the smallest one: both, Sigma^x = diag(1, 0). */
struct instance {
    int scrambled;
    double u[SQUARE]; /* rows: the rotation */
    double x[SQUARE]; /* Sigma^x */
};

static void draw(struct instance *d, const struct trial *trial)
{
    const bool smallest = trial->instance % 5 == 4;
    const double angle = smallest ? 0 : gsl_ran_flat(trial->rng, 0.2, 1.2);
    const double turn = smallest ? 0 : angle + gsl_ran_flat(trial->rng, 0.3, 1.2);
    const double large = smallest ? 1 : gsl_ran_flat(trial->rng, 1, 2);
    const double small = smallest ? 0 : gsl_ran_flat(trial->rng, 0.1, 0.7);
    const double rotation[SQUARE] = {cos(angle), sin(angle), -sin(angle), cos(angle)};
    const double axes[SQUARE] = {cos(turn), sin(turn), -sin(turn), cos(turn)};
    d->scrambled = smallest ? 2 : 1 + trial->instance % 2;
    memcpy(d->u, rotation, sizeof rotation);
    ncp_compose(SIZE, axes, (const double[]){large, small}, d->x);
}

/* E[A Sigma^x A^T] over A = P + U B U^T.  B enters through its second moments, and independent
 * signs have the normal's. */
static void scramble(const struct instance *d, double *out)
{
    const int k = d->scrambled;
    const unsigned count = 1u << (k * k);
    memset(out, 0, SQUARE * sizeof *out);
    for (unsigned bits = 0; bits < count; bits++) {
        double a[SQUARE] = {0}, half[SQUARE];
        for (int i = 0; i < SQUARE; i++) {
            for (int j = k; j < SIZE; j++) /* P */
                a[i] += d->u[j * SIZE + i / SIZE] * d->u[j * SIZE + i % SIZE];
            for (int e = 0; e < k * k; e++)
                a[i] += (bits >> e & 1 ? 1 : -1) * d->u[e / k * SIZE + i / SIZE] *
                        d->u[e % k * SIZE + i % SIZE];
        }
        matrix_product(PLAIN, PLAIN, SIZE, SIZE, SIZE, 1, a, d->x, 0, half);
        matrix_product(PLAIN, TRANSPOSED, SIZE, SIZE, SIZE, 1 / (double)count, half, a, 1, out);
    }
}

/* P Sigma^x P + tr(U^T Sigma^x U) U U^T */
static void corrected(const struct instance *d, double *out)
{
    double p[SQUARE] = {0}, u_u[SQUARE] = {0}, half[SQUARE], trace = 0;
    for (int i = 0; i < SQUARE; i++)
        for (int j = 0; j < SIZE; j++)
            (j < d->scrambled ? u_u : p)[i] +=
                d->u[j * SIZE + i / SIZE] * d->u[j * SIZE + i % SIZE];
    matrix_product(PLAIN, PLAIN, SIZE, SIZE, SIZE, 1, p, d->x, 0, half);
    matrix_product(PLAIN, PLAIN, SIZE, SIZE, SIZE, 1, half, p, 0, out);
    for (int i = 0; i < SQUARE; i++)
        trace += u_u[i] * d->x[i];
    for (int i = 0; i < SQUARE; i++)
        out[i] += trace * u_u[i];
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct instance d;
    double measured[SQUARE], right[SQUARE];
    draw(&d, trial);
    scramble(&d, measured);
    corrected(&d, right);
    plant(trial, measured, SQUARE);
    reading->error = relative_error(measured, right, SQUARE);
    reading->control[0] = relative_error(measured, trial->restored ? right : d.x, SQUARE);
    return STATUS_OK;
}

static const struct part parts[] = {
    {.statement = "scrambled: Sigma^s = P Sigma^x P + tr(U^T Sigma^x U) U U^T",
     .measured = "Two inputs, one or both directions scrambled: E[x_1 x_1^T] for A = P + U B U^T, "
                 "summed over every B of signs, whose first and second moments equal the normal's; "
                 "in every fifth both, Sigma^x = diag(1, 0), where Sigma^s = I.",
     .controls = {"as printed, Sigma^s = Sigma^x"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5},
     .measure = measure},
};

const struct claim claim_e4 = {
    .about = {.name = "E4",
              .doc = "Scrambling a subspace changes the covariance of the views: the scrambled "
                     "part becomes isotropic, with its whole variance in every direction, and its "
                     "covariance with the other part is lost.",
              .source = "[NCP] App. D.2; erratum E4",
              NCP_SETTINGS},
    .title = "The covariance of scrambled views",
    .formula = "Sigma^s = P Sigma^x P + tr(U^T Sigma^x U) U U^T",
    .hypotheses = "A = P + U B U^T, B of independent standard normal entries.",
    ALL_PARTS(parts),
};
