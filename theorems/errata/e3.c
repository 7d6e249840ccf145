/* E3: on which side the decay without predictor acts */
#include "theorems/claims.h"
#include "theorems/ncp/model.h"

#include <string.h>

enum { SIZE = 2, SQUARE = SIZE * SIZE };

/* The smallest instance: W = (0 1; 0 0), X' = diag(1, 0), eta = 0, where nothing moves. */
static void smallest(struct ncp_model *m, double *w)
{
    static const double aside[NCP_VIEWS] = {-1, 0, 1};
    const double unit[SQUARE] = {0, 1, 0, 0};
    memcpy(w, unit, sizeof unit);
    for (size_t c = 0; c < NCP_POINTS * NCP_VIEWS; c++) {
        m->data->q[c] = c % NCP_VIEWS == 1 ? 0 : 0.5;
        m->data->x[SIZE * c] = m->data->x[SIZE * (c - c % NCP_VIEWS)] + aside[c % NCP_VIEWS];
        m->data->x[SIZE * c + 1] = m->data->x[SIZE * (c - c % NCP_VIEWS) + 1];
    }
    m->flow.flow.eta_s = 0;
}

/* X' = E_x V[view] */
static void noise_of(const struct population *d, double *x_prime)
{
    memset(x_prime, 0, SQUARE * sizeof *x_prime);
    for (int c = 0; c < NCP_POINTS * NCP_VIEWS; c++) {
        const int first = c - c % NCP_VIEWS;
        double mean[SIZE] = {0};
        for (int v = first; v < first + NCP_VIEWS; v++)
            for (int i = 0; i < SIZE; i++)
                mean[i] += d->q[v] * d->x[SIZE * v + i];
        for (int i = 0; i < SQUARE; i++)
            x_prime[i] += d->p[c / NCP_VIEWS] * d->q[c] *
                          (d->x[SIZE * c + i / SIZE] - mean[i / SIZE]) *
                          (d->x[SIZE * c + i % SIZE] - mean[i % SIZE]);
    }
}

/* E|W x_1 - V x_2|^2 / 2 over every point and pair of views */
static double loss(const struct population *d, const double *w, const double *v)
{
    double sum = 0;
    for (int s = 0; s < NCP_POINTS * NCP_VIEWS * NCP_VIEWS; s++) {
        const int point = s / (NCP_VIEWS * NCP_VIEWS);
        const int one = point * NCP_VIEWS + s / NCP_VIEWS % NCP_VIEWS;
        const int two = point * NCP_VIEWS + s % NCP_VIEWS;
        for (int i = 0; i < SIZE; i++) {
            double apart = 0;
            for (int k = 0; k < SIZE; k++)
                apart +=
                    w[SIZE * i + k] * d->x[SIZE * one + k] - v[SIZE * i + k] * d->x[SIZE * two + k];
            sum += d->p[point] * d->q[one] * d->q[two] * apart * apart / 2;
        }
    }
    return sum;
}

/* -dJ/dW - eta W, the target V = W held: J is quadratic in W, so a central difference is exact. */
static void descend(const struct population *d, const double *w, double eta, double *rate)
{
    for (int i = 0; i < SQUARE; i++) {
        double above[SQUARE], below[SQUARE];
        memcpy(above, w, sizeof above);
        memcpy(below, w, sizeof below);
        above[i] += 1;
        below[i] -= 1;
        rate[i] = -(loss(d, above, w) - loss(d, below, w)) / 2 - eta * w[i];
    }
}

/* -W (X' + eta I), or -(X' + eta I) W */
static void decay(const double *w, const double *x_prime, double eta, bool left, double *out)
{
    memcpy(out, w, SQUARE * sizeof *out);
    matrix_product(PLAIN, PLAIN, SIZE, SIZE, SIZE, -1, left ? x_prime : w, left ? w : x_prime, -eta,
                   out);
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct ncp_model m;
    double w[SQUARE], x_prime[SQUARE], measured[SQUARE], right[SQUARE], printed[SQUARE];
    enum status status = ncp_model_draw(&m, trial, (struct ncp_wish){.size = SIZE});
    if (!status) {
        memcpy(w, m.flow.first, sizeof w);
        if (trial->instance % 5 == 4)
            smallest(&m, w);
        const double eta = m.flow.flow.eta_s;
        noise_of(m.data, x_prime);
        descend(m.data, w, eta, measured);
        decay(w, x_prime, eta, false, right);
        decay(w, x_prime, eta, !trial->restored, printed);
        plant(trial, measured, SQUARE);
        reading->error = relative_error(measured, right, SQUARE);
        reading->control[0] = relative_error(measured, printed, SQUARE);
    }
    ncp_model_free(&m);
    return status;
}

static const struct part parts[] = {
    {.statement = "side: without predictor, dW/dt = -W (X' + eta I)",
     .measured = "Left: central differences of E|W x_1 - V x_2|^2 / 2, which are exact, V = W held "
                 "as stop-gradient does, over every point and pair of views of a drawn "
                 "distribution of two inputs; in every fifth W = (0 1; 0 0), X' = diag(1, 0), "
                 "eta = 0. Right: the product.",
     .controls = {"as printed, -(X' + eta I) W"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 5, .cost = 0.0005},
     .measure = measure},
};

const struct claim claim_e3 = {
    .about = {.name = "E3",
              .doc = "Without a predictor the covariance of the augmentation acts on the weights "
                     "from the right, on their inputs; it is printed on the left, where it fits "
                     "only if W happens to be square, and then is wrong.",
              .source = "[NCP] Thm. 2, remark; erratum E3",
              NCP_SETTINGS},
    .title = "The side of the decay without predictor",
    .formula = "dW/dt = -W (X' + eta I)",
    .hypotheses = "Linear; W_a = W with stop-gradient; no predictor.",
    ALL_PARTS(parts),
};
