#include "analysis/classification.h"
#include "analysis/probes/probes.h"

struct class_head_state {
    struct classification classification;
    const struct subject *subject;
    double accuracy;
};

static const char *applies(const struct subject *s)
{
    return s->class_head ? NULL : "no class head";
}

static void layout(void *state, const struct subject *s, struct arena *arena)
{
    struct class_head_state *c = state;
    const struct classification_plan plan = {.network = s->network,
                                             .source = s->source,
                                             .world = s->world,
                                             .samples = (size_t)s->settings->probe_samples,
                                             .threads = s->threads};
    c->subject = s;
    classification_layout(&c->classification, &plan, arena);
}

static enum status measure(void *state, const struct snapshot *snapshot, struct error *err)
{
    struct class_head_state *c = state;
    (void)err;
    c->classification.plan.threads = snapshot->threads;
    c->accuracy = classification_accuracy(&c->classification, snapshot->parameters,
                                          snapshot->class_head, c->subject->seed, snapshot->epoch);
    return STATUS_OK;
}

static void quantities(const void *state, struct quantity_list *list)
{
    const struct class_head_state *c = state;
    struct quantity *q = quantity_add(
        list, "share of samples that were not trained on whose label the class head chooses",
        "/series/comatch/accuracy");
    q->value = &c->accuracy;
    q->headline = "accuracy of the class head";
}

static const struct measurement measurement = {
    .size = sizeof(struct class_head_state), .layout = layout, .measure = measure};

const struct probe probe_class_head = {
    .about = {.name = "class_head",
              .doc = "Accuracy of the class head of a semi-supervised objective on samples that it "
                     "was not trained on. Measured wherever anything is.",
              .source = "[SC]"},
    .always = true,
    .applies = applies,
    .measurement = &measurement,
    .quantities = quantities,
};
