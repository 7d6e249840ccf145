/* Phase diagrams of learning without negative pairs: does a mode collapse?
 *
 * One mode (p, s, tau) of mode_flow (sim/flow/noncontrastive.h, [NCP]) is followed from its start
 * until its fate is certain.  The rules look at the flow alone, never at what theory predicts for
 * its end:
 *
 *   collapses  (p, s) is inside a box around 0 that the flow cannot leave and in which it decays,
 *   survives   the flow is at rest outside: what each variable gains and loses cancels to
 *              PHASE_REST of its size.
 *
 * Just above a saddle-node the flow slows down where there is no fixed point any more, and just
 * below p_- it leaves slowly.  Within a few PHASE_REST, relatively, of the saddle-node in eta, and
 * of PHASE_REST / sqrt(d) of p_- at a distance d from the saddle-node, it passes for being at rest:
 * no boundary is more exact than that.
 *
 * Nothing here keeps memory.  Errors: STATUS_INVALID names the quantity that is out of range. */
#pragma once

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>

#define PHASE_REST 1e-10

/* Where the mode starts. */
enum phase_start {
    START_FREE,         /* at p and s as given */
    START_P,            /* at p, on the parabola: s = p^2 / alpha_p */
    START_S,            /* at s, on the parabola: p = sqrt(alpha_p s) */
    START_ABOVE_P_PLUS, /* on the parabola at p = tau / (1 + sigma2), where p_+ is without decay */
};

/* A mode at t = 0.  eta is the weight decay of both p and s. */
struct phase_mode {
    double sigma2, alpha_p, beta, eta; /* sigma2 >= 0; the others > 0, beta only if tau moves */
    bool tau_moves;                    /* by EMA of rate beta */
    enum phase_start start;
    double p, s, tau; /* s > 0, tau >= 0; p >= 0 if tau moves, of either sign else */
};

enum phase_fate { FATE_UNDECIDED, FATE_COLLAPSES, FATE_SURVIVES };

/* FATE_UNDECIDED where all steps were used up first. */
enum status phase_fate(const struct phase_mode *mode, enum phase_fate *fate, struct error *err);

/* ---- diagrams ---- */

enum phase_variable { PHASE_ETA, PHASE_TAU, PHASE_BETA, PHASE_ALPHA_P, PHASE_P, PHASE_S };

void phase_set(struct phase_mode *mode, enum phase_variable variable, double value);

/* `count` values, the middles of as many equal cells of [low, high] (equal in the logarithm). */
struct phase_axis {
    enum phase_variable variable;
    double low, high;
    bool logarithmic;
    size_t count;
};

double phase_axis_value(const struct phase_axis *axis, size_t i);

/* collapse[y][x]: 1 where the mode collapses, 0 where it survives, NaN where that is undecided.
 * The same on any number of threads. */
enum status phase_grid(const struct phase_mode *mode, const struct phase_axis *x,
                       const struct phase_axis *y, int threads, double *collapse,
                       struct error *err);

/* Where along `variable`, between `low` and `high`, the fate changes, by bisection to a relative
 * width of `tolerance`; NaN where both ends have one fate, or one is undecided. */
enum status phase_boundary(const struct phase_mode *mode, enum phase_variable variable, double low,
                           double high, double tolerance, double *boundary, struct error *err);

/* boundary[i]: the same at every value of the axis `at`, which sets another variable. */
enum status phase_curve(const struct phase_mode *mode, const struct phase_axis *at,
                        enum phase_variable variable, double low, double high, double tolerance,
                        int threads, double *boundary, struct error *err);

/* ---- what theory predicts on the parabola at fixed tau: NCP-10 ---- */

/* p_- = [tau - sqrt(tau^2 - 4 eta (1 + sigma2))] / (2 (1 + sigma2)): starts below it collapse.
 * NaN for eta > tau^2 / (4 (1 + sigma2)): all do. */
double phase_p_minus(double eta, double tau, double sigma2);

/* The eta above which a start at p collapses: that of p_-(eta) = p, and from p = tau / (2 (1 +
 * sigma2)) on tau^2 / (4 (1 + sigma2)), where p_- and p_+ meet. */
double phase_critical_eta(double p, double tau, double sigma2);
