#include "sim/flow/phase.h"

#include "sim/flow/noncontrastive.h"

#include <math.h>

/* ---- the fate of one mode ---- */

/* A mode as flow_run sees it, which keeps its fate. */
struct followed {
    struct mode_flow flow; /* first: what its rate sees */
    struct dynamics dynamics;
    enum phase_fate fate;
};

/* With w = sqrt(s) and u = tau w: dw/dt <= p u - eta w, dp/dt <= alpha_p w u - eta p and, if tau
 * moves, du/dt = beta (w - u).  So while p < eta and w, u < eta / sqrt(alpha_p) all of them stay so
 * and vanish.  At fixed tau u is no variable, and the bounds are eta / tau and
 * eta / (tau sqrt(alpha_p)). */
static bool is_trapped(const struct mode_flow *f, double p, double s, double tau)
{
    double w = sqrt(s), reach = f->tau_moves ? 1 : tau;
    double largest = f->tau_moves ? fmax(w, tau * w) : w;
    return reach * p < f->eta_p && reach * largest * sqrt(f->alpha_p) < f->eta_p;
}

static bool is_at_rest(const struct mode_flow *f, const double *state, const double *rate)
{
    double p = state[0], s = state[1], tau = state[2];
    double force = tau + (1 + f->sigma2) * fabs(p);
    double p_size = f->alpha_p * s * force + f->eta_p * fabs(p);
    double s_size = 2 * s * (fabs(p) * force + f->eta_s);
    double tau_size = f->beta * (1 + tau);
    return fabs(rate[0]) <= PHASE_REST * p_size && fabs(rate[1]) <= PHASE_REST * s_size &&
           (!f->tau_moves || fabs(rate[2]) <= PHASE_REST * tau_size);
}

/* The event: positive until the fate is known. */
static void decide(void *context, const double *state, double *value)
{
    struct followed *m = context;
    double rate[3];
    m->dynamics.flow.rate(m, 0, state, rate);
    if (is_trapped(&m->flow, state[0], state[1], state[2]))
        m->fate = FATE_COLLAPSES;
    else if (is_at_rest(&m->flow, state, rate))
        m->fate = FATE_SURVIVES;
    value[0] = m->fate == FATE_UNDECIDED ? 1 : -1;
}

static void place(const struct phase_mode *mode, double *state)
{
    double p = mode->p, s = mode->s;
    if (mode->start == START_S)
        p = sqrt(mode->alpha_p * s);
    if (mode->start == START_ABOVE_P_PLUS)
        p = mode->tau / (1 + mode->sigma2);
    if (mode->start == START_P || mode->start == START_ABOVE_P_PLUS)
        s = p * p / mode->alpha_p;
    state[0] = p;
    state[1] = s;
    state[2] = mode->tau;
}

static enum status check(const struct phase_mode *mode, const double *state, struct error *err)
{
    const struct {
        const char *name;
        double value;
        bool may_vanish;
    } needed[] = {
        {"eta", mode->eta, false},
        {"alpha_p", mode->alpha_p, false},
        {"sigma2", mode->sigma2, true},
        {"s", state[1], false},
        {"tau", state[2], true},
        {"beta", mode->tau_moves ? mode->beta : 1, false},
        {"p", mode->tau_moves ? state[0] : fabs(state[0]), true}, /* from p < 0 w may reach 0 */
    };
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (!isfinite(needed[i].value) || needed[i].value < 0 ||
            (needed[i].value == 0 && !needed[i].may_vanish))
            return error_set(err, STATUS_INVALID, "%s = %g; a mode needs %s %s 0", needed[i].name,
                             needed[i].value, needed[i].name, needed[i].may_vanish ? ">=" : ">");
    return STATUS_OK;
}

enum status phase_fate(const struct phase_mode *mode, enum phase_fate *fate, struct error *err)
{
    /* Next to a saddle-node at a relative distance d a flow takes the time pi / (eta sqrt(d)). */
    enum { MAX_STEPS = 2000000 };
    const double end = 1e7 / mode->eta, tolerance = 1e-12, smallest = 1e-12;
    struct followed m = {.flow = {.modes = 1,
                                  .sigma2 = mode->sigma2,
                                  .alpha_p = mode->alpha_p,
                                  .beta = mode->beta,
                                  .eta_p = mode->eta,
                                  .eta_s = mode->eta,
                                  .tau_moves = mode->tau_moves}};
    struct flow_result result;
    double state[3], event;
    place(mode, state);
    enum status status = check(mode, state, err);
    if (status)
        return status;
    mode_flow_open(&m.flow, &m.dynamics);
    m.dynamics.flow.events = 1;
    m.dynamics.flow.event = decide;
    m.dynamics.flow.max_steps = MAX_STEPS;
    decide(&m, state, &event);
    if (m.fate == FATE_UNDECIDED)
        status =
            flow_run(&m.dynamics.flow, 0, end, tolerance, smallest, 1, NULL, state, &result, err);
    *fate = m.fate;
    return status == STATUS_DIVERGED ? STATUS_OK : status; /* the steps are used up */
}

/* ---- diagrams ---- */

void phase_set(struct phase_mode *mode, enum phase_variable variable, double value)
{
    double *const quantity[] = {
        [PHASE_ETA] = &mode->eta, [PHASE_TAU] = &mode->tau,         [PHASE_BETA] = &mode->beta,
        [PHASE_P] = &mode->p,     [PHASE_ALPHA_P] = &mode->alpha_p, [PHASE_S] = &mode->s};
    *quantity[variable] = value;
}

double phase_axis_value(const struct phase_axis *axis, size_t i)
{
    double share = ((double)i + 0.5) / (double)axis->count;
    if (axis->logarithmic)
        return axis->low * pow(axis->high / axis->low, share);
    return axis->low + share * (axis->high - axis->low);
}

/* Keep the error of the first point that has one, whichever thread met it. */
struct first_error {
    size_t point;
    struct error error;
};

static void keep_first(struct first_error *first, size_t point, const struct error *error)
{
#pragma omp critical(phase_error)
    if (first->error.status == STATUS_OK || point < first->point) {
        first->point = point;
        first->error = *error;
    }
}

static enum status report(const struct first_error *first, struct error *err)
{
    if (first->error.status && err)
        *err = first->error;
    return first->error.status;
}

enum status phase_grid(const struct phase_mode *mode, const struct phase_axis *x,
                       const struct phase_axis *y, int threads, double *collapse, struct error *err)
{
    struct first_error first = {0};
#pragma omp parallel for num_threads(threads) schedule(dynamic, 16)
    for (size_t i = 0; i < x->count * y->count; i++) {
        struct phase_mode here = *mode;
        struct error error = {0};
        enum phase_fate fate = FATE_UNDECIDED;
        phase_set(&here, x->variable, phase_axis_value(x, i % x->count));
        phase_set(&here, y->variable, phase_axis_value(y, i / x->count));
        if (phase_fate(&here, &fate, &error))
            keep_first(&first, i, &error);
        collapse[i] = fate == FATE_UNDECIDED ? NAN : fate == FATE_COLLAPSES;
    }
    return report(&first, err);
}

enum status phase_boundary(const struct phase_mode *mode, enum phase_variable variable, double low,
                           double high, double tolerance, double *boundary, struct error *err)
{
    struct phase_mode here = *mode;
    enum phase_fate below, above, fate;
    *boundary = NAN;
    phase_set(&here, variable, low);
    enum status status = phase_fate(&here, &below, err);
    phase_set(&here, variable, high);
    if (!status)
        status = phase_fate(&here, &above, err);
    if (status || below == above || below == FATE_UNDECIDED || above == FATE_UNDECIDED)
        return status;
    while (high - low > tolerance * high) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high)
            break;
        phase_set(&here, variable, middle);
        status = phase_fate(&here, &fate, err);
        if (status || fate == FATE_UNDECIDED)
            return status;
        if (fate == below)
            low = middle;
        else
            high = middle;
    }
    *boundary = low + (high - low) / 2;
    return STATUS_OK;
}

enum status phase_curve(const struct phase_mode *mode, const struct phase_axis *at,
                        enum phase_variable variable, double low, double high, double tolerance,
                        int threads, double *boundary, struct error *err)
{
    struct first_error first = {0};
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (size_t i = 0; i < at->count; i++) {
        struct phase_mode here = *mode;
        struct error error = {0};
        phase_set(&here, at->variable, phase_axis_value(at, i));
        if (phase_boundary(&here, variable, low, high, tolerance, &boundary[i], &error))
            keep_first(&first, i, &error);
    }
    return report(&first, err);
}

/* ---- NCP-10 ---- */

double phase_p_minus(double eta, double tau, double sigma2)
{
    double root = sqrt(tau * tau - 4 * eta * (1 + sigma2));
    return 2 * eta / (tau + root); /* without cancellation */
}

double phase_critical_eta(double p, double tau, double sigma2)
{
    double k = 1 + sigma2, middle = fmin(p, tau / (2 * k));
    return middle * (tau - k * middle);
}
