/* The measurement that correlation, covop and spectrum share. */
#include "analysis/latent_measure.h"
#include "analysis/probes/probes.h"

struct latents_state {
    struct latent_measure measure; /* first: what the probes see */
    const struct subject *subject;
};

static void layout(void *state, const struct subject *s, struct arena *arena)
{
    struct latents_state *l = state;
    const struct latent_plan plan = {.network = s->network,
                                     .tree = s->tree,
                                     .columns = (size_t)s->settings->samples,
                                     .correlation = probe_is_chosen(s, "correlation"),
                                     .covop = probe_is_chosen(s, "covop"),
                                     .spectrum = probe_is_chosen(s, "spectrum"),
                                     .threads = s->threads,
                                     .source = s->source,
                                     .world = s->world};
    l->subject = s;
    latents_layout(&l->measure, &plan, arena);
}

static enum status measure(void *state, const struct snapshot *snapshot, struct error *err)
{
    struct latents_state *l = state;
    l->measure.plan.threads = snapshot->threads;
    return latents_from_samples(&l->measure, snapshot->parameters, l->subject->seed,
                                snapshot->epoch, (size_t)l->subject->settings->samples, err);
}

const struct measurement measurement_of_latents = {
    .size = sizeof(struct latents_state), .layout = layout, .measure = measure};
