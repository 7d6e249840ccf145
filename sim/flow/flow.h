/* Gradient flows and other ordinary differential equations, over GSL odeiv2.
 *
 * A flow is a state, its right-hand side and, where wanted, events: functions of the state whose
 * sign must not change (a ReLU gate, say).  It is integrated by rk8pd, or by msbdf where a Jacobian
 * is given and the equations are stiff. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A flow between two steps.  With rk8pd and without events this and the state are all that the rest
 * of the way depends on. */
struct flow_place {
    double t, step;   /* the next step tried; 0: the beginning, whatever the other members are */
    double scale;     /* of the absolute tolerance, from the beginning */
    uint64_t steps;   /* taken and tried */
    uint64_t reached; /* of the equal times, without t0 */
};

struct flow {
    size_t size;
    void *context;
    /* rate = d state / dt */
    void (*rate)(void *context, double t, const double *state, double *rate);
    /* d rate / d state, row-major [size][size]; NULL: integrate with rk8pd */
    void (*jacobian)(void *context, double t, const double *state, double *jacobian);
    /* Events: values whose signs are watched; NULL: none.  Where they are, a kink of the right-hand
     * side that no step is small enough for counts as one. */
    size_t events;
    void (*event)(void *context, const double *state, double *value);
    long max_steps; /* 0: FLOW_MAX_STEPS */
    /* Where to begin; then where it is, whenever keep_going is asked and where the steps are used
     * up
     * (`state` is of the same place then).  NULL: at the beginning.  For
     * flows without Jacobian and events: msbdf and events look further back. */
    struct flow_place *place;
    /* Asked after every step; false stops the flow.  NULL: not. */
    bool (*keep_going)(void *watch_context);
    void *watch_context; /* also of `watch` below; NULL: `context` */
};

enum { FLOW_MAX_STEPS = 200000 };

/* Where a flow ended. */
struct flow_result {
    double t;
    bool stopped; /* at an event, t is where it was last known not to have happened; or by watch or
                     keep_going */
    bool exhausted; /* the steps were used up, at t and with steps of this length; all is finite */
    double step;
};

/* From `t0` to `t1` at relative tolerance `tolerance` (absolute: times `scale`, the size of the
 * state that matters).  `watch(watch_context, t, state)` is called at t0 and at `samples` equal
 * times up to t1, and stops the flow by returning false; NULL: not.  `state` is overwritten.
 * STATUS_DIVERGED where the state is no longer finite or the steps are used up, with the time, the
 * norm of the last finite state and the step. */
enum status flow_run(const struct flow *flow, double t0, double t1, double tolerance, double scale,
                     int samples, bool (*watch)(void *context, double t, const double *state),
                     double *state, struct flow_result *result, struct error *err);
