#include "sim/flow/flow.h"

#include "core/linalg.h"

#include <assert.h>
#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_odeiv2.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int rate_for_gsl(double t, const double y[], double dydt[], void *params)
{
    const struct flow *flow = params;
    flow->rate(flow->context, t, y, dydt);
    return are_finite(flow->size, dydt) ? GSL_SUCCESS : GSL_EBADFUNC;
}

static int jacobian_for_gsl(double t, const double y[], double *dfdy, double dfdt[], void *params)
{
    const struct flow *flow = params;
    flow->jacobian(flow->context, t, y, dfdy);
    memset(dfdt, 0, flow->size * sizeof *dfdt);
    return GSL_SUCCESS;
}

struct walk {
    const struct flow *flow;
    gsl_odeiv2_driver *driver;
    double *before, *step;     /* state before a stretch, before a step */
    double *event, *event_now; /* signs at the start and now */
    struct flow_place place;
};

static void free_walk(struct walk *w)
{
    if (w->driver)
        gsl_odeiv2_driver_free(w->driver);
    free(w->before);
    free(w->step);
    free(w->event);
    free(w->event_now);
}

static void *watch_context(const struct flow *flow)
{
    return flow->watch_context ? flow->watch_context : flow->context;
}

static bool event_happened(struct walk *w, const double *state)
{
    const struct flow *flow = w->flow;
    if (!flow->event)
        return false;
    flow->event(flow->context, state, w->event_now);
    for (size_t i = 0; i < flow->events; i++)
        if ((w->event_now[i] > 0) != (w->event[i] > 0))
            return true;
    return false;
}

static void tell_place(struct walk *w, double t)
{
    w->place.t = t;
    w->place.step = w->driver->h;
    if (w->flow->place)
        *w->flow->place = w->place;
}

/* Whether it does, after a step. */
static bool goes_on(struct walk *w, double t)
{
    const struct flow *flow = w->flow;
    tell_place(w, t);
    return !flow->keep_going || flow->keep_going(watch_context(flow));
}

/* `code` is GSL's, or 0 where the steps are used up. */
static enum status stop(struct walk *w, struct flow_result *result, int code, struct error *err)
{
    const double t = result->t;
    result->exhausted = !code;
    if (!code)
        tell_place(w, t);
    result->step = w->driver->h;
    return error_set(err, STATUS_DIVERGED,
                     "the flow stopped at t = %g: %s; the state's norm is %g, the step %g", t,
                     code == GSL_EBADFUNC ? "it is no longer finite"
                     : code               ? gsl_strerror(code)
                                          : "too many steps",
                     cblas_dnrm2((int)w->flow->size, w->step, 1), w->driver->h);
}

/* One stretch.  Signs are looked at after every step: a step that crosses a kink of the right-hand
 * side is short, but beyond it lie many more.  At an event the state before the stretch comes
 * back. */
static enum status stretch(struct walk *w, double end, double *state, struct flow_result *result,
                           struct error *err)
{
    gsl_odeiv2_driver *d = w->driver;
    double *t = &result->t;
    bool *stopped = &result->stopped;
    double start = *t, least = 1e-14 * (end - start);
    const long limit = w->flow->max_steps > 0 ? w->flow->max_steps : FLOW_MAX_STEPS;
    memcpy(w->before, state, w->flow->size * sizeof *state);
    while (*t < end && !*stopped) {
        double before = *t;
        memcpy(w->step, state, w->flow->size * sizeof *state);
        if (w->place.steps >= (uint64_t)limit)
            return stop(w, result, 0, err);
        int code = gsl_odeiv2_evolve_apply(d->e, d->c, d->s, d->sys, t, end, &d->h, state);
        if (!are_finite(w->flow->size, state))
            code = GSL_EBADFUNC;
        w->place.steps++;
        if (code == GSL_EBADFUNC &&
            d->h > least) { /* too long a step: the first, or over a blow-up */
            d->h /= 10;
            *t = before;
            memcpy(state, w->step, w->flow->size * sizeof *state);
            gsl_odeiv2_evolve_reset(d->e);
            gsl_odeiv2_step_reset(d->s);
            continue;
        }
        if (code == GSL_FAILURE && w->flow->event) { /* no step is small enough: a kink */
            *stopped = true;
            break;
        }
        if (code)
            return stop(w, result, code, err);
        *stopped = event_happened(w, state) || !goes_on(w, *t);
    }
    if (*stopped) {
        memcpy(state, w->before, w->flow->size * sizeof *state);
        *t = start;
    }
    return STATUS_OK;
}

static enum status open_walk(struct walk *w, const struct flow *flow, gsl_odeiv2_system *system,
                             double step, double tolerance, double scale, struct error *err)
{
    const gsl_odeiv2_step_type *type =
        flow->jacobian ? gsl_odeiv2_step_msbdf : gsl_odeiv2_step_rk8pd;
    *w = (struct walk){
        .flow = flow,
        .driver = gsl_odeiv2_driver_alloc_y_new(system, type, step, tolerance * scale, tolerance),
        .before = calloc(flow->size, sizeof(double)),
        .step = calloc(flow->size, sizeof(double)),
        .event = calloc(flow->events + 1, sizeof(double)),
        .event_now = calloc(flow->events + 1, sizeof(double)),
    };
    if (w->driver && w->before && w->step && w->event && w->event_now)
        return STATUS_OK;
    free_walk(w);
    return error_memory(err, "a flow of %zu variables", flow->size);
}

/* Whether the flow names a place other than the beginning. */
static bool is_begun(const struct flow *flow)
{
    const struct flow_place *place = flow->place;
    assert(!place || (!flow->jacobian && !flow->event));
    return place && place->step > 0 && place->scale >= 0;
}

enum status flow_run(const struct flow *flow, double t0, double t1, double tolerance, double scale,
                     int samples, bool (*watch)(void *context, double t, const double *state),
                     double *state, struct flow_result *result, struct error *err)
{
    gsl_odeiv2_system system = {.function = rate_for_gsl,
                                .jacobian = flow->jacobian ? jacobian_for_gsl : NULL,
                                .dimension = flow->size,
                                .params = (void *)flow};
    const bool begun = is_begun(flow);
    const struct flow_place first = {.t = t0, .step = (t1 - t0) / samples / 100, .scale = scale},
                            place = begun ? *flow->place : first;
    struct walk w;
    enum status status = open_walk(&w, flow, &system, place.step, tolerance, place.scale, err);
    if (status)
        return status;
    w.place = place;
    *result = (struct flow_result){.t = w.place.t};
    if (flow->event)
        flow->event(flow->context, state, w.event);
    if (watch && !begun)
        result->stopped = !watch(watch_context(flow), t0, state);
    for (int i = (int)w.place.reached + 1; i <= samples && !result->stopped && !status; i++) {
        status = stretch(&w, t0 + (t1 - t0) * i / samples, state, result, err);
        w.place.reached = (uint64_t)i;
        if (watch && !status && !result->stopped)
            result->stopped = !watch(watch_context(flow), result->t, state);
    }
    free_walk(&w);
    return status;
}
