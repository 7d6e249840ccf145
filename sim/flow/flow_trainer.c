#include "sim/flow/flow_trainer.h"

#include "sim/net/axes.h"
#include "sim/optimisers/optimisers.h"

#include <cblas.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- what a flow can be of ---- */

static enum status check_network(const struct network *n, struct error *err)
{
    if (n->mirrors_tree && n->levels != 1)
        return error_key(err, "network.kind",
                         "train.trainer flow integrates one layer, but network.kind tree has one a "
                         "level of the tree, %d; use network.kind mlp with one number in "
                         "network.layers",
                         n->levels);
    if (n->levels != 1)
        return error_key(err, "network.layers",
                         "train.trainer flow integrates one layer, but the network has %d; give "
                         "network.layers one number",
                         n->levels);
    if (n->symmetric)
        return error_key(err, "network.kind",
                         "train.trainer flow integrates a linear network, but network.kind is "
                         "symmetric_relu; use mlp");
    if (n->bias)
        return error_key(err, "network.bias",
                         "train.trainer flow needs a network without biases; set network.bias to "
                         "false");
    if (n->normalize)
        return error_key(err, "network.normalize",
                         "train.trainer flow needs outputs as they are; set network.normalize to "
                         "false");
    return STATUS_OK;
}

static enum status check_predictor(const struct learner *l, struct error *err)
{
    if (l->predictor->kind == PREDICTOR_TWO_LAYERS)
        return error_key(err, "predictor.kind",
                         "train.trainer flow knows no predictor.kind two_layers; use linear or "
                         "identity");
    if (l->predictor->bias)
        return error_key(err, "predictor.bias",
                         "train.trainer flow needs a predictor without bias; set predictor.bias to "
                         "false");
    if (l->predictor_optimiser->set)
        return error_key(err, "predictor_optimiser.name",
                         "train.trainer flow moves the predictor by its gradient, but "
                         "predictor_optimiser.name is %s; use gradient",
                         l->predictor_optimiser->about.name);
    return STATUS_OK;
}

static enum status check_optimiser(const struct learner *l, struct error *err)
{
    const struct sgd_settings *sgd = l->optimiser_settings;
    if (l->optimiser != &optimiser_sgd)
        return error_key(
            err, "optimiser.name",
            "train.trainer flow is the limit of sgd, but optimiser.name is %s; use sgd",
            l->optimiser->about.name);
    if (sgd->momentum != 0)
        return error_key(err, "optimiser.momentum",
                         "train.trainer flow is the limit of sgd without momentum, but "
                         "optimiser.momentum is %g; set it to 0",
                         sgd->momentum);
    if (!(sgd->lr > 0))
        return error_key(err, "optimiser.lr",
                         "train.trainer flow measures time in units of optimiser.lr, which is 0; "
                         "it must be above 0");
    return STATUS_OK;
}

static enum status check(const struct learner *l, const void *settings, struct error *err)
{
    (void)settings;
    enum status status = STATUS_OK;
    if (l->needs.target == TARGET_NONE || l->needs.cosine)
        status = error_key(err, "objective.name",
                           "train.trainer flow integrates byol, simsiam or no_stopgrad, but "
                           "objective.name is %s",
                           l->objective->about.name);
    if (!status && !l->source->moments)
        status = error_key(err, "data.source",
                           "train.trainer flow needs exact moments, which data.source %s does not "
                           "have",
                           l->source->about.name);
    if (!status)
        status = check_network(l->network, err);
    if (!status)
        status = check_predictor(l, err);
    return status ? status : check_optimiser(l, err);
}

/* ---- plan ---- */

static size_t points(const struct learner *l, const void *settings)
{
    (void)l;
    return (size_t)((const struct flow_settings *)settings)->points + 1;
}

/* Settings of the target network; NULL: the target is the online network. */
static const struct target_settings *target_of(const struct learner *l)
{
    return l->needs.target == TARGET_NETWORK ? l->objective_settings : NULL;
}

static void layout(void *state, const struct learner *l, const void *settings, struct arena *arena)
{
    struct flow_trainer *f = state;
    const size_t n1 = (size_t)l->network->level[0].fan_in;
    const size_t n2 = (size_t)l->network->level[0].width;
    const struct target_settings *target = target_of(l);
    *f = (struct flow_trainer){.learner = l, .settings = settings};
    f->w = ARENA_TAKE(arena, double, n2 *n1);
    f->w_p = ARENA_TAKE(arena, double, n2 *n2);
    f->w_a = ARENA_TAKE(arena, double, n2 *n1);
    f->x = ARENA_TAKE(arena, double, n1 *n1);
    f->x_prime = ARENA_TAKE(arena, double, n1 *n1);
    double **square[] = {&f->c, &f->f, &f->d, &f->invariant};
    for (size_t i = 0; i < sizeof square / sizeof *square; i++)
        *square[i] = ARENA_TAKE(arena, double, n2 *n2);
    if (!arena->base)
        return;
    network_init(l->network, l->seed, PURPOSE_WEIGHTS, f->w);
    predictor_init(l->predictor, l->seed, f->w_p);
    if (!target || target->start == START_ONLINE)
        memcpy(f->w_a, f->w, n2 * n1 * sizeof *f->w_a);
    else if (target->start == START_RANDOM)
        network_init(l->network, l->seed, PURPOSE_TARGET, f->w_a);
    l->source->moments(l->world, f->x, f->x_prime);
}

static enum status open_flow(void *state, struct error *err)
{
    struct flow_trainer *f = state;
    const struct learner *l = f->learner;
    const struct sgd_settings *sgd = l->optimiser_settings;
    const struct predictor_step *step = l->predictor_settings;
    const struct target_settings *target = target_of(l);
    const struct network_flow_plan plan = {
        .equations = (enum flow_equations)f->settings->equations,
        .inputs = (size_t)l->network->level[0].fan_in,
        .outputs = (size_t)l->network->level[0].width,
        .x = f->x,
        .x_prime = f->x_prime,
        .target = !target || target->ema == 0 ? RULE_ONLINE
                  : target->ema == 1          ? RULE_FROZEN
                                              : RULE_EMA,
        .through_target = l->needs.target == TARGET_ONLINE,
        .no_predictor = l->predictor->kind == PREDICTOR_IDENTITY,
        .symmetric = l->predictor->symmetric,
        .alpha_p = step->lr_ratio,
        .beta = target ? (1 - target->ema) / sgd->lr : 0,
        .eta_p = step->lr_ratio * step->weight_decay,
        .eta_s = sgd->weight_decay,
    };
    return network_flow_open(&f->flow, &plan, f->w, f->w_p, f->w_a, err);
}

static void close_flow(void *state)
{
    network_flow_close(&((struct flow_trainer *)state)->flow);
}

/* ---- run ---- */

/* The equations other than FLOW_MATRIX begin with W and W_a, and follow neither. */
static struct snapshot weights(const void *state)
{
    const struct flow_trainer *f = state;
    const bool known = f->reached == 0 || f->settings->equations == FLOW_MATRIX;
    return (struct snapshot){.parameters = known ? f->w : NULL,
                             .target = known && target_of(f->learner) ? f->w_a : NULL,
                             .predictor = f->w_p};
}

struct watching {
    struct flow_trainer *trainer;
    const struct watch *watch;
    char *detail;
    enum status status;
    struct error *err;
};

/* Weights, moments, loss and invariant of a state. */
static void take_state(struct flow_trainer *t, double time, const double *state)
{
    const struct network_flow *f = &t->flow;
    const size_t size = f->plan.inputs * f->plan.outputs * sizeof *state;
    if (f->plan.equations == FLOW_MATRIX) {
        memcpy(t->w, state, size);
        memcpy(t->w_a, network_flow_target(f, state), size);
    }
    network_flow_moments(f, state, t->c, t->f, t->d, t->w_p);
    if (f->dynamics.invariants > 0)
        f->dynamics.invariant(f->dynamics.flow.context, time, state, t->invariant);
    t->loss = network_flow_loss(f, state);
    t->time = time;
    t->reached++;
}

static bool watch_state(void *context, double time, const double *state)
{
    struct watching *w = context;
    struct flow_trainer *t = w->trainer;
    take_state(t, time, state);
    const struct exact_moments moments = {t->c, t->f, t->d};
    struct snapshot snapshot = weights(t);
    snapshot.moments = &moments;
    snapshot.threads = 1;
    w->watch->reached(w->watch->context, time);
    w->status = w->watch->measure(w->watch->context, &snapshot, w->err);
    if (w->status == STATUS_DIVERGED) /* a decomposition met what is not finite */
        w->status =
            error_set(w->err, STATUS_DIVERGED,
                      "the flow stopped at t = %g: the moments of its outputs are no longer "
                      "finite; the state's norm is %g",
                      time, cblas_dnrm2((int)t->flow.dynamics.flow.size, state, 1));
    if (!w->status)
        w->watch->kept(w->watch->context, t->reached - 1, (uint64_t)t->settings->points,
                       t->reached == (uint64_t)t->settings->points + 1);
    return !w->status;
}

static bool keep_going(void *context)
{
    struct watching *w = context;
    const struct flow_trainer *t = w->trainer;
    const uint64_t points = (uint64_t)t->settings->points;
    const enum going going = w->watch->going(w->watch->context, t->reached - 1, points);
    if (going == SAVE || going == SAVE_AND_STOP)
        w->status = w->watch->save(w->watch->context, w->err);
    if (!w->status && (going == STOP || going == SAVE_AND_STOP)) {
        snprintf(w->detail, TRAINER_DETAIL, "interrupted at t = %g of %g", t->place.t,
                 t->settings->end);
        w->status = error_set(w->err, STATUS_INTERRUPTED, "%s", w->detail);
    }
    return !w->status;
}

/* A flow that used up its steps is sound as far as it went: it is saved, and more steps go on. */
static enum status stop_exhausted(struct watching *w, const struct flow_result *result)
{
    const struct flow_settings *s = w->trainer->settings;
    const enum status status = w->watch->save(w->watch->context, w->err);
    if (status)
        return status;
    snprintf(w->detail, TRAINER_DETAIL, "out of steps at t = %g of %g", result->t, s->end);
    error_key(w->err, "train.max_steps",
              "train.max_steps %" PRId64 " are too few: the flow has come to t = %g of train.end "
              "%g, with steps of %.2g, and is finite; give more steps, an earlier end or a "
              "train.tolerance above %g",
              s->max_steps, result->t, s->end, result->step, s->tolerance);
    return w->err->status = STATUS_INTERRUPTED;
}

static enum status run(void *state, const struct watch *watch, char detail[TRAINER_DETAIL],
                       struct error *err)
{
    struct flow_trainer *t = state;
    const struct flow_settings *s = t->settings;
    struct watching w = {.trainer = t, .watch = watch, .detail = detail, .err = err};
    struct flow_result result = {0};
    t->flow.dynamics.flow.keep_going = keep_going;
    t->flow.dynamics.flow.place = &t->place;
    t->flow.dynamics.flow.max_steps = (long)s->max_steps;
    t->place.reached = t->reached > 0 ? t->reached - 1 : 0;
    enum status status = dynamics_run(&t->flow.dynamics, s->end, s->tolerance, (int)s->points,
                                      watch_state, &w, t->flow.state, &result, err);
    if (!status)
        status = w.status;
    else if (result.exhausted)
        status = stop_exhausted(&w, &result);
    if (status == STATUS_DIVERGED)
        snprintf(detail, TRAINER_DETAIL, "%.*s", TRAINER_DETAIL - 1, err->message);
    return status;
}

/* ---- the state ---- */

static void list_state(void *state, struct state_list *list)
{
    struct flow_trainer *t = state;
    const struct network *n = t->learner->network;
    const size_t width = (size_t)n->level[0].width;
    state_natural(list, &t->reached, (uint64_t)t->settings->points, "flow/reached");
    state_natural(list, &t->place.steps, LONG_MAX, "flow/steps");
    state_reals(list, 1, &t->place.t, "flow/t");
    state_reals(list, 1, &t->place.step, "flow/step");
    state_reals(list, 1, &t->place.scale, "flow/scale");
    state_reals(list, t->flow.dynamics.flow.size, t->flow.state, "flow/state");
    state_reals(list, 1, &t->time, "flow/point/time");
    state_reals(list, n->parameters, t->w, "flow/point/w");
    state_reals(list, n->parameters, t->w_a, "flow/point/w_a");
    state_reals(list, width * width, t->w_p, "flow/point/w_p");
}

static size_t measured(const void *state)
{
    return (size_t)((const struct flow_trainer *)state)->reached;
}

static uint64_t steps_done(const void *state, uint64_t *steps)
{
    const struct flow_trainer *t = state;
    *steps = (uint64_t)t->settings->points;
    return t->reached > 0 ? t->reached - 1 : 0;
}

/* ---- the kind ---- */

/* Loss, and what the exact flow leaves as it was: a matrix, or one number per mode. */
static void quantities(const void *state, struct quantity_list *list)
{
    const struct flow_trainer *t = state;
    const struct network *n = t->learner->network;
    const size_t many = t->flow.dynamics.invariants;
    add_loss(list, &trainer_flow, &t->loss);
    if (many > 0 && t->settings->equations == FLOW_MATRIX) {
        struct quantity *q = quantity_add(
            list, "exp(2 eta t) (W W^T - W_p^T W_p / alpha_p), constant where both decay alike",
            "/series/predictor/invariant");
        add_neurons(q, n, 0);
        add_neurons(q, n, 0);
        q->value = t->invariant;
    } else if (many > 0) {
        struct quantity *q = quantity_add(
            list, "exp(2 eta t) (s - p^2 / alpha_p) of a mode, constant where both decay alike",
            "/series/predictor/invariant");
        quantity_axis(q, many, "mode of the flow, in the order of the beginning", "/flow_mode");
        q->value = t->invariant;
    }
}

static int describe_work(const void *state, char *text, size_t size)
{
    const struct flow_trainer *t = state;
    return snprintf(text, size, "flow of %zu variables to t = %g", t->flow.dynamics.flow.size,
                    t->settings->end);
}

static int describe_time(const void *state, double time, char *text, size_t size)
{
    const struct flow_trainer *t = state;
    return snprintf(text, size, "t = %.5g of %.5g", time, t->settings->end);
}

static const struct param params[] = {
    TRAINER_PARAMS,
    CHOICE_PARAM(
        struct flow_settings, equations, "matrix", "matrix reduced modes scalars",
        "matrix: W, W_p and W_a; reduced: W_p, F and tau for isotropic data, W_a = tau W and a "
        "symmetric W_p; modes: p, s and tau of every eigenvector of F(0); scalars: w_p, w and "
        "w_a of every eigenvector of X"),
    REAL_PARAM(struct flow_settings, end, "100", POSITIVE, UNBOUNDED,
               "time at the end, in units of optimiser.lr times steps"),
    INTEGER_PARAM(struct flow_settings, points, "100", 1, 1e6,
                  "equal stretches of time after which the flow is measured"),
    REAL_PARAM(struct flow_settings, tolerance, "1e-12", 1e-15, 0.1, "relative error of a step"),
    PARAM(
        "max_steps", PARAM_INTEGER, struct flow_settings, max_steps, "200000",
        "steps of the integrator at most; a flow that needs more stops, is saved, and goes on with "
        "a larger value. Results do not depend on it",
        .low = 1, .high = 1e12, .aside = true),
    {.name = NULL},
};

const struct trainer_kind trainer_flow = {
    .about = {.name = "flow",
              .doc = "The limit of small learning rates for a linear network without negatives: a "
                     "differential equation from the exact moments of the data, integrated by GSL. "
                     "With gamma_a = objective.ema the target follows at the rate beta = (1 - "
                     "gamma_a) / optimiser.lr.",
              .source = "[NCP] Thm. 1",
              .params = params,
              .settings_size = sizeof(struct flow_settings)},
    .time = "/series/time",
    .time_name = "time of the flow",
    .loss_name = "loss",
    .exact = true,
    .size = sizeof(struct flow_trainer),
    .check = check,
    .points = points,
    .layout = layout,
    .open = open_flow,
    .close = close_flow,
    .run = run,
    .state = list_state,
    .measured = measured,
    .steps_done = steps_done,
    .quantities = quantities,
    .weights = weights,
    .describe_work = describe_work,
    .describe_time = describe_time,
};
