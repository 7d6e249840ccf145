/* The measurement that alignment and linear share. */
#include "analysis/output_measure.h"
#include "analysis/probes/probes.h"

struct outputs_state {
    struct output_measure measure; /* first: what the probes see */
    const struct subject *subject;
};

static void layout(void *state, const struct subject *s, struct arena *arena)
{
    struct outputs_state *o = state;
    const struct measure_settings *m = s->settings;
    const bool alignment = probe_is_chosen(s, "alignment");
    const struct output_plan plan = {
        .network = s->network,
        .source = s->source,
        .world = s->world,
        .predictor = s->predictor,
        .samples = alignment ? (size_t)m->samples : 1,
        .probe_samples = probe_is_chosen(s, "linear") ? (size_t)m->probe_samples : 0,
        .ridge = m->ridge,
        .alpha_p = s->alpha_p,
        .eta_p = s->eta_p,
        .eta_s = s->eta_s,
        .threads = s->exact ? 0 : s->threads};
    o->subject = s;
    outputs_layout(&o->measure, &plan, arena);
}

static enum status measure(void *state, const struct snapshot *snapshot, struct error *err)
{
    struct outputs_state *o = state;
    struct output_measure *m = &o->measure;
    if (o->subject->exact) {
        const size_t width = (size_t)o->subject->network->level[0].width;
        const size_t size = width * width * sizeof *m->c;
        memcpy(m->c, snapshot->moments->c, size);
        memcpy(m->f, snapshot->moments->f, size);
        memcpy(m->d, snapshot->moments->d, size);
        return outputs_from_moments(m, snapshot->parameters, snapshot->target, snapshot->predictor,
                                    err);
    }
    m->plan.threads = snapshot->threads;
    return outputs_measure(m, snapshot->parameters, snapshot->target, snapshot->predictor,
                           o->subject->seed, snapshot->epoch, err);
}

const struct measurement measurement_of_outputs = {
    .size = sizeof(struct outputs_state), .layout = layout, .measure = measure};
