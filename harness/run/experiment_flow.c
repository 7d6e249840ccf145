#include "harness/run/experiment_flow.h"

#include "sim/optimisers/optimisers.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

static const struct flow_settings *flow_of(const struct experiment *e)
{
    return e->spec->settings[SECTION_TRAIN];
}

size_t experiment_flow_points(const struct experiment *e)
{
    return (size_t)flow_of(e)->points + 1;
}

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

static enum status check_predictor(const struct experiment *e, struct error *err)
{
    const struct predictor_optimiser *optimiser =
        (const void *)e->spec->chosen[SECTION_PREDICTOR_OPTIMISER];
    if (e->predictor.kind == PREDICTOR_TWO_LAYERS)
        return error_key(err, "predictor.kind",
                         "train.trainer flow knows no predictor.kind two_layers; use linear or "
                         "identity");
    if (e->predictor.bias)
        return error_key(err, "predictor.bias",
                         "train.trainer flow needs a predictor without bias; set predictor.bias to "
                         "false");
    if (optimiser->set)
        return error_key(err, "predictor_optimiser.name",
                         "train.trainer flow moves the predictor by its gradient, but "
                         "predictor_optimiser.name is %s; use gradient",
                         optimiser->about.name);
    return STATUS_OK;
}

static enum status check_optimiser(const struct experiment *e, struct error *err)
{
    const struct descriptor *optimiser = e->spec->chosen[SECTION_OPTIMISER];
    const struct sgd_settings *sgd = e->spec->settings[SECTION_OPTIMISER];
    if (optimiser != &optimiser_sgd.about)
        return error_key(
            err, "optimiser.name",
            "train.trainer flow is the limit of sgd, but optimiser.name is %s; use sgd",
            optimiser->name);
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

static struct needs needs_of(const struct experiment *e)
{
    return objective_needs(experiment_objective(e), e->spec->settings[SECTION_OBJECTIVE]);
}

enum status experiment_flow_check(const struct experiment *e, struct error *err)
{
    enum status status = STATUS_OK;
    if (!experiment_predicts(e) || needs_of(e).cosine)
        status = error_key(err, "objective.name",
                           "train.trainer flow integrates byol, simsiam or no_stopgrad, but "
                           "objective.name is %s",
                           experiment_objective(e)->about.name);
    if (!status && !e->source->moments)
        status = error_key(err, "data.source",
                           "train.trainer flow needs exact moments, which data.source %s does not "
                           "have",
                           e->source->about.name);
    if (!status)
        status = check_network(&e->network, err);
    if (!status)
        status = check_predictor(e, err);
    return status ? status : check_optimiser(e, err);
}

/* ---- plan ---- */

void experiment_flow_layout(struct experiment *e, struct arena *arena)
{
    const size_t n1 = (size_t)e->network.level[0].fan_in, n2 = (size_t)e->network.level[0].width;
    const struct target_settings *target =
        needs_of(e).target == TARGET_NETWORK ? e->spec->settings[SECTION_OBJECTIVE] : NULL;
    struct flow_part *f = &e->flow;
    e->parameters = ARENA_TAKE(arena, double, n2 *n1);
    e->predictor_parameters = ARENA_TAKE(arena, double, n2 *n2);
    f->w_a = ARENA_TAKE(arena, double, n2 *n1);
    f->x = ARENA_TAKE(arena, double, n1 *n1);
    f->x_prime = ARENA_TAKE(arena, double, n1 *n1);
    e->target = target ? f->w_a : NULL;
    f->invariant = ARENA_TAKE(arena, double, e->points *n2 *n2);
    if (!arena->base)
        return;
    network_init(&e->network, e->spec->seed, PURPOSE_WEIGHTS, e->parameters);
    predictor_init(&e->predictor, e->spec->seed, e->predictor_parameters);
    if (!target || target->start == START_ONLINE)
        memcpy(f->w_a, e->parameters, n2 * n1 * sizeof *f->w_a);
    else if (target->start == START_RANDOM)
        network_init(&e->network, e->spec->seed, PURPOSE_TARGET, f->w_a);
    e->source->moments(e->world, f->x, f->x_prime);
}

enum status experiment_flow_open(struct experiment *e, struct error *err)
{
    const struct sgd_settings *sgd = e->spec->settings[SECTION_OPTIMISER];
    const struct predictor_step *step = e->spec->settings[SECTION_PREDICTOR_OPTIMISER];
    const struct target_settings *target = e->target ? e->spec->settings[SECTION_OBJECTIVE] : NULL;
    struct network_flow_plan plan = {
        .equations = (enum flow_equations)flow_of(e)->equations,
        .inputs = (size_t)e->network.level[0].fan_in,
        .outputs = (size_t)e->network.level[0].width,
        .x = e->flow.x,
        .x_prime = e->flow.x_prime,
        .target = !target || target->ema == 0 ? RULE_ONLINE
                  : target->ema == 1          ? RULE_FROZEN
                                              : RULE_EMA,
        .through_target = needs_of(e).target == TARGET_ONLINE,
        .no_predictor = e->predictor.kind == PREDICTOR_IDENTITY,
        .symmetric = e->predictor.symmetric,
        .alpha_p = step->lr_ratio,
        .beta = target ? (1 - target->ema) / sgd->lr : 0,
        .eta_p = step->lr_ratio * step->weight_decay,
        .eta_s = sgd->weight_decay,
    };
    return network_flow_open(&e->flow.flow, &plan, e->parameters, e->predictor_parameters,
                             e->flow.w_a, err);
}

void experiment_flow_close(struct experiment *e)
{
    network_flow_close(&e->flow.flow);
}

/* ---- run ---- */

struct watching {
    struct experiment *e;
    const struct observer *observer;
    enum status status;
    struct error *err;
};

/* Weights of the state, where it has them. */
static void take_weights(struct experiment *e, const double *state)
{
    const struct network_flow *f = &e->flow.flow;
    const size_t n1 = f->plan.inputs, n2 = f->plan.outputs;
    if (f->plan.equations != FLOW_MATRIX)
        return;
    memcpy(e->parameters, state, n2 * n1 * sizeof *state);
    memcpy(e->flow.w_a, network_flow_target(f, state), n2 * n1 * sizeof *state);
}

static enum status keep_point(struct experiment *e, double t, const double *state,
                              struct error *err)
{
    const struct network_flow *f = &e->flow.flow;
    struct representation *r = &e->representation;
    const size_t point = e->measured, many = f->dynamics.invariants;
    take_weights(e, state);
    network_flow_moments(f, state, r->c, r->f, r->d, e->predictor_parameters);
    enum status status =
        representation_from_moments(r, network_flow_weights(f, state) ? e->parameters : NULL,
                                    e->target, e->predictor_parameters, err);
    if (status)
        return status;
    e->series.time[point] = t;
    e->series.loss[point] = network_flow_loss(f, state);
    e->series.weight_norm[0][point] =
        f->plan.equations == FLOW_MATRIX ? cblas_dnrm2((int)e->network.parameters, e->parameters, 1)
                                         : NAN;
    if (many)
        f->dynamics.invariant(f->dynamics.flow.context, t, state, e->flow.invariant + point * many);
    experiment_keep_representation(e, point);
    e->measured++;
    return STATUS_OK;
}

static bool keep_going(void *context)
{
    struct watching *w = context;
    const struct observer *o = w->observer;
    if (!o || !o->training || w->e->measured == 0 ||
        o->training(o->context, w->e, w->e->measured - 1, w->e->points - 1))
        return true;
    w->status =
        error_set(w->err, STATUS_INTERRUPTED, "interrupted after t = %g; nothing was written",
                  w->e->series.time[w->e->measured - 1]);
    return false;
}

static bool watch(void *context, double t, const double *state)
{
    struct watching *w = context;
    w->status = keep_point(w->e, t, state, w->err);
    if (w->status == STATUS_DIVERGED) /* a decomposition met what is not finite */
        w->status =
            error_set(w->err, STATUS_DIVERGED,
                      "the flow stopped at t = %g: the moments of its outputs are no longer "
                      "finite; the state's norm is %g",
                      t, cblas_dnrm2((int)w->e->flow.flow.dynamics.flow.size, state, 1));
    return !w->status;
}

enum status experiment_flow_run(struct experiment *e, const struct observer *observer,
                                struct error *err)
{
    const struct flow_settings *s = flow_of(e);
    struct watching w = {.e = e, .observer = observer, .err = err};
    struct flow_result result;
    memcpy(e->initial, e->parameters, e->network.parameters * sizeof *e->initial);
    memcpy(e->initial_predictor, e->predictor_parameters,
           e->predictor.parameters * sizeof *e->initial_predictor);
    e->flow.flow.dynamics.flow.keep_going = keep_going;
    e->flow.flow.dynamics.flow.keep_context = &w;
    enum status status = dynamics_run(&e->flow.flow.dynamics, s->end, s->tolerance, (int)s->points,
                                      watch, &w, e->flow.flow.state, &result, err);
    if (!status)
        status = w.status;
    if (status == STATUS_DIVERGED) {
        e->diverged = true;
        snprintf(e->detail, sizeof e->detail, "%.*s", (int)sizeof e->detail - 1, err->message);
    }
    if (!status && observer && observer->measured)
        observer->measured(observer->context, e, e->points - 1, e->points - 1);
    return status;
}
