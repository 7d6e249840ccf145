#include "sim/flow/noncontrastive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* out += factor {a, b} = factor (a b + b a) */
static void add_anticommutator(size_t n, double factor, const double *a, const double *b,
                               double *out)
{
    matrix_product(PLAIN, PLAIN, n, n, n, factor, a, b, 1, out);
    matrix_product(PLAIN, PLAIN, n, n, n, factor, b, a, 1, out);
}

/* ---- running ---- */

enum status dynamics_run(const struct dynamics *dynamics, double end, double tolerance, int samples,
                         bool (*watch)(void *context, double t, const double *state), void *context,
                         double *state, struct flow_result *result, struct error *err)
{
    struct flow flow = dynamics->flow;
    double scale = 0;
    for (size_t i = 0; i < flow.size; i++)
        scale = fmax(scale, fabs(state[i]));
    flow.watch_context = context;
    return flow_run(&flow, 0, end, tolerance, fmin(1, scale), samples, watch, state, result, err);
}

struct recorder {
    size_t size;
    double *next;
};

static bool keep(void *context, double t, const double *state)
{
    struct recorder *r = context;
    (void)t;
    memcpy(r->next, state, r->size * sizeof *state);
    r->next += r->size;
    return true;
}

enum status dynamics_record(const struct dynamics *dynamics, double end, int samples, double *state,
                            double *record, struct error *err)
{
    struct recorder recorder = {dynamics->flow.size, record};
    struct flow_result result;
    return dynamics_run(dynamics, end, 1e-12, samples, record ? keep : NULL, &recorder, state,
                        &result, err);
}

/* ---- W, W_p, W_a ---- */

/* work: X + X' [inputs^2], then W (X + X'), G, W_a, P W [outputs][inputs] each, I [outputs^2] */
struct matrix_work {
    double *sum, *scattered, *gradient, *target, *predicted, *identity;
};

static struct matrix_work matrix_work(const struct matrix_flow *f)
{
    size_t in = f->inputs * f->inputs, mixed = f->outputs * f->inputs;
    double *w = f->work + in;
    return (struct matrix_work){f->work, w, w + mixed, w + 2 * mixed, w + 3 * mixed, w + 4 * mixed};
}

/* W_a by the rule, and its rate where it is a variable */
static void target_of(const struct matrix_flow *f, double t, const double *state, double *w_a,
                      double *rate)
{
    size_t mixed = f->outputs * f->inputs;
    const double *w = state, *kept = state + matrix_flow_target(f);
    double factor = f->target == RULE_ONLINE ? 1 : f->target == RULE_SCALED ? f->tau : 0;
    bool variable = f->target == RULE_EMA || f->target == RULE_FROZEN;
    for (size_t i = 0; i < mixed; i++) {
        w_a[i] = variable ? kept[i] : factor * w[i];
        rate[i] = f->target == RULE_EMA ? f->beta * (w[i] - kept[i]) : 0;
    }
    if (f->target == RULE_GIVEN)
        f->given(f->given_context, t, w_a);
}

/* The gradient through the target branch W_a = tau W: tau (P W X - tau W (X + X')) */
static void add_through_target(const struct matrix_flow *f, const struct matrix_work *m,
                               const double *w, const double *p, double *rate)
{
    size_t n1 = f->inputs, n2 = f->outputs;
    double tau = f->target == RULE_ONLINE ? 1 : f->target == RULE_SCALED ? f->tau : 0;
    matrix_product(PLAIN, PLAIN, n2, n1, n2, 1, p, w, 0, m->predicted);
    matrix_product(PLAIN, PLAIN, n2, n1, n1, tau, m->predicted, f->x, 1, rate);
    for (size_t i = 0; i < n2 * n1; i++)
        rate[i] -= tau * tau * m->scattered[i];
}

static void matrix_rate(void *context, double t, const double *state, double *rate)
{
    const struct matrix_flow *f = context;
    struct matrix_work m = matrix_work(f);
    size_t n1 = f->inputs, n2 = f->outputs, predictor = matrix_flow_predictor(f);
    const double *w = state, *p = f->no_predictor ? m.identity : state + predictor;
    double *w_rate = rate, *p_rate = rate + predictor;
    target_of(f, t, state, m.target, rate + matrix_flow_target(f));
    /* G = -P W (X + X') + W_a X */
    matrix_product(PLAIN, PLAIN, n2, n1, n1, 1, w, m.sum, 0, m.scattered);
    matrix_product(PLAIN, PLAIN, n2, n1, n1, 1, m.target, f->x, 0, m.gradient);
    matrix_product(PLAIN, PLAIN, n2, n1, n2, -1, p, m.scattered, 1, m.gradient);
    memcpy(p_rate, state + predictor, n2 * n2 * sizeof *p_rate);
    matrix_product(PLAIN, TRANSPOSED, n2, n2, n1, f->alpha_p, m.gradient, w, -f->eta_p, p_rate);
    if (f->symmetric)
        matrix_symmetrise(n2, p_rate);
    if (f->no_predictor)
        memset(p_rate, 0, n2 * n2 * sizeof *p_rate);
    memcpy(w_rate, w, n2 * n1 * sizeof *w_rate);
    matrix_product(TRANSPOSED, PLAIN, n2, n1, n2, 1, p, m.gradient, -f->eta_s, w_rate);
    if (f->through_target)
        add_through_target(f, &m, w, p, w_rate);
    if (f->hold_trunk)
        memset(w_rate, 0, n2 * n1 * sizeof *w_rate);
}

static void balance(const void *context, double t, const double *state, double *value)
{
    const struct matrix_flow *f = context;
    size_t n1 = f->inputs, n2 = f->outputs;
    const double *p = state + matrix_flow_predictor(f);
    double grown = exp(2 * f->eta_s * t);
    matrix_product(PLAIN, TRANSPOSED, n2, n2, n1, grown, state, state, 0, value);
    matrix_product(TRANSPOSED, PLAIN, n2, n2, n2, -grown / f->alpha_p, p, p, 1, value);
}

enum status matrix_flow_open(struct matrix_flow *f, struct dynamics *dynamics, struct error *err)
{
    size_t n1 = f->inputs, n2 = f->outputs;
    f->work = calloc(n1 * n1 + 4 * n2 * n1 + n2 * n2, sizeof *f->work);
    if (!f->work)
        return error_memory(err, "a flow of %zu x %zu weights", n2, n1);
    struct matrix_work m = matrix_work(f);
    for (size_t i = 0; i < n1 * n1; i++)
        m.sum[i] = f->x[i] + f->x_prime[i];
    for (size_t i = 0; i < n2; i++)
        m.identity[i * n2 + i] = 1;
    *dynamics = (struct dynamics){
        .flow = {.size = matrix_flow_size(f), .context = f, .rate = matrix_rate},
        .invariants = n2 * n2,
        .invariant = balance,
    };
    return STATUS_OK;
}

void matrix_flow_close(struct matrix_flow *f)
{
    free(f->work);
    f->work = NULL;
}

/* ---- W_p, F, tau ---- */

static void reduced_rate(void *context, double t, const double *state, double *rate)
{
    const struct reduced_flow *f = context;
    size_t n = f->n, square = n * n;
    const double *p = state, *big_f = state + square, tau = state[2 * square];
    double k = 1 + f->sigma2, *p_rate = rate, *f_rate = rate + square, *p_square = f->work;
    (void)t;
    matrix_product(PLAIN, PLAIN, n, n, n, 1, p, p, 0, p_square);
    for (size_t i = 0; i < square; i++) {
        p_rate[i] = f->alpha_p * tau * big_f[i] - f->eta * p[i];
        f_rate[i] = -2 * f->eta * big_f[i];
    }
    add_anticommutator(n, -f->alpha_p * k / 2, p, big_f, p_rate);
    add_anticommutator(n, -k, p_square, big_f, f_rate);
    add_anticommutator(n, tau, p, big_f, f_rate);
    rate[2 * square] = f->tau_moves ? f->beta * (1 - tau) -
                                          tau * matrix_trace(n, f_rate) / matrix_trace(n, big_f) / 2
                                    : 0;
}

enum status reduced_flow_open(struct reduced_flow *f, struct dynamics *dynamics, struct error *err)
{
    f->work = calloc(f->n * f->n, sizeof *f->work);
    if (!f->work)
        return error_memory(err, "a flow of %zu dimensions", f->n);
    *dynamics = (struct dynamics){
        .flow = {.size = 2 * f->n * f->n + 1, .context = f, .rate = reduced_rate}};
    return STATUS_OK;
}

void reduced_flow_close(struct reduced_flow *f)
{
    free(f->work);
    f->work = NULL;
}

void reduced_flow_k(const struct reduced_flow *f, const double *state, double *k)
{
    size_t n = f->n, square = n * n;
    const double *p = state, *big_f = state + square, tau = state[2 * square];
    double scatter = 1 + f->sigma2;
    for (size_t i = 0; i < square; i++)
        k[i] = scatter * f->alpha_p / 2 * big_f[i] - tau * p[i];
    for (size_t i = 0; i < n; i++)
        k[i * n + i] += 1.5 * f->eta;
    matrix_product(PLAIN, PLAIN, n, n, n, scatter, p, p, 1, k);
}

/* ---- p, s, tau ---- */

static void mode_rate(void *context, double t, const double *state, double *rate)
{
    const struct mode_flow *f = context;
    double sum = 0, sum_rate = 0;
    (void)t;
    for (size_t j = 0; j < f->modes; j++) {
        double p = state[3 * j], s = state[3 * j + 1], tau = state[3 * j + 2];
        double pull = tau - (1 + f->sigma2) * p, *r = rate + 3 * j;
        r[0] = f->alpha_p * s * pull - f->eta_p * p;
        r[1] = 2 * p * s * pull - 2 * f->eta_s * s;
        /* r[1] / s / 2, which holds for s = 0 too */
        double growth = p * pull - f->eta_s;
        r[2] = f->tau_moves ? f->beta * (1 - tau) - tau * growth : 0;
        sum += s;
        sum_rate += r[1];
    }
    for (size_t j = 0; j < f->modes && f->tau_moves && f->one_tau; j++) {
        double tau = state[3 * j + 2];
        rate[3 * j + 2] = f->beta * (1 - tau) - tau * sum_rate / sum / 2;
    }
}

static void mode_integral(const void *context, double t, const double *state, double *value)
{
    const struct mode_flow *f = context;
    for (size_t j = 0; j < f->modes; j++)
        value[j] =
            exp(2 * f->eta_s * t) * (state[3 * j + 1] - state[3 * j] * state[3 * j] / f->alpha_p);
}

void mode_flow_open(struct mode_flow *f, struct dynamics *dynamics)
{
    *dynamics = (struct dynamics){
        .flow = {.size = 3 * f->modes, .context = f, .rate = mode_rate},
        .invariants = f->modes,
        .invariant = mode_integral,
    };
}

/* ---- w_p, w, w_a ---- */

static void scalar_rate(void *context, double t, const double *state, double *rate)
{
    const struct scalar_flow *f = context;
    (void)t;
    for (size_t j = 0; j < f->modes; j++) {
        double w_p = state[3 * j], w = state[3 * j + 1], w_a = state[3 * j + 2];
        double pull = w_a * f->lambda_d[j] - w_p * w * f->lambda_s[j];
        rate[3 * j] = f->alpha_p * pull * w - f->eta_p * w_p;
        rate[3 * j + 1] = w_p * pull - f->eta_s * w;
        rate[3 * j + 2] = f->beta * (w - w_a);
    }
}

static void scalar_integral(const void *context, double t, const double *state, double *value)
{
    const struct scalar_flow *f = context;
    for (size_t j = 0; j < f->modes; j++)
        value[j] = exp(2 * f->eta_s * t) *
                   (state[3 * j + 1] * state[3 * j + 1] - state[3 * j] * state[3 * j] / f->alpha_p);
}

void scalar_flow_open(struct scalar_flow *f, struct dynamics *dynamics)
{
    *dynamics = (struct dynamics){
        .flow = {.size = 3 * f->modes, .context = f, .rate = scalar_rate},
        .invariants = f->modes,
        .invariant = scalar_integral,
    };
}
