#include "theorems/ddn/descent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 24, TRIES = 20, MAX_STEPS = 1000 };

static void rate(void *context, double t, const double *state, double *out)
{
    struct descent *d = context;
    (void)t;
    ensemble_loss(d->ensemble, state, out);
    size_t held = d->hold_output ? d->dual->network.level[1].weights : 0;
    for (size_t i = 0; i < d->flow.size; i++)
        out[i] = i < held ? 0 : -out[i];
}

/* Views of x_1 alone: the first combinations run through all of them. */
static void gates(void *context, const double *state, double *value)
{
    struct descent *d = context;
    struct batch *b = &d->ensemble->loss.batch;
    const struct network *n = b->network;
    size_t views = (size_t)(d->dual->data->points * d->dual->data->views);
    memcpy(d->ensemble->parameters, state, n->parameters * sizeof *state);
    batch_forward(b, d->ensemble->parameters);
    for (int l = 1; l < n->levels; l++)
        for (size_t i = 0; i < n->level[l].nodes * (size_t)n->level[l].width; i++)
            for (size_t s = 0; s < views; s++)
                *value++ = b->pass.pre[l][i * b->pass.columns + s];
}

enum status descent_create(struct descent *descent, const struct dual *dual,
                           const struct objective *objective, const void *settings,
                           struct error *err)
{
    *descent = (struct descent){.dual = dual};
    enum status status = ensemble_create(&descent->ensemble, &dual->network, dual->data, objective,
                                         settings, (struct ensemble_options){0}, err);
    if (status)
        return status;
    bool events = dual->network.relu && dual->view->neurons > 0;
    descent->flow =
        (struct flow){.size = dual->network.parameters,
                      .context = descent,
                      .rate = rate,
                      .events = events ? dual->view->neurons * (size_t)dual->view->samples : 0,
                      .event = events ? gates : NULL,
                      .max_steps = MAX_STEPS};
    return STATUS_OK;
}

void descent_free(struct descent *descent)
{
    ensemble_free(descent->ensemble);
}

/* Time in which |W|^2 or, if sooner, the weights would change by the fraction `growth` at the
 * initial rate. */
static enum status first_time(struct descent *d, double growth, double *time, struct error *err)
{
    size_t size = d->flow.size;
    double *slope = malloc(size * sizeof *slope), norm = 0, along = 0, speed = 0;
    if (!slope)
        return error_memory(err, "a flow");
    rate(d, 0, d->dual->parameters, slope);
    for (size_t i = 0; i < size; i++) {
        norm += d->dual->parameters[i] * d->dual->parameters[i];
        along += 2 * d->dual->parameters[i] * slope[i];
        speed += slope[i] * slope[i];
    }
    free(slope);
    *time = growth * fmin(norm / fabs(along), sqrt(norm / speed));
    return STATUS_OK;
}

struct tape {
    double *state;
    int count;
};

static bool record(void *context, double t, const double *state)
{
    struct descent *d = context;
    struct tape *tape = d->watcher;
    (void)t;
    memcpy(tape->state + (size_t)tape->count++ * d->flow.size, state, d->flow.size * sizeof *state);
    return true;
}

static enum status run(struct descent *d, double growth, struct tape *tape, struct error *err)
{
    size_t size = d->flow.size;
    double *now = tape->state + (SAMPLES + 1) * size, time = 0;
    enum status status = first_time(d, growth, &time, err);
    for (int i = 0; !status && tape->count < SAMPLES / 4; i++) {
        struct flow_result result;
        tape->count = 0;
        memcpy(now, d->dual->parameters, size * sizeof *now);
        status = flow_run(&d->flow, 0, time, 1e-12, 1, SAMPLES, record, now, &result, err);
        if (status == STATUS_DIVERGED && i < TRIES) { /* a deep network may diverge early */
            status = STATUS_OK;
            tape->count = 0;
        }
        time /= 4;
    }
    return status;
}

enum status descent_record(const struct dual *dual, const struct objective *objective,
                           const void *settings, double growth, int *count, double **state,
                           struct error *err)
{
    struct tape tape = {malloc((SAMPLES + 2) * dual->network.parameters * sizeof(double)), 0};
    if (!tape.state)
        return error_memory(err, "a flow");
    struct descent d;
    enum status status = descent_create(&d, dual, objective, settings, err);
    d.watcher = &tape;
    if (!status)
        status = run(&d, growth, &tape, err);
    descent_free(&d);
    if (status)
        free(tape.state);
    *count = tape.count;
    *state = status ? NULL : tape.state;
    return status;
}
