#include "analysis/features.h"
#include "analysis/probes/probes.h"
#include "sim/net/axes.h"

static const char *applies(const struct subject *s)
{
    return !source_dictionary(s->source, s->world) ? "no dictionary in the data"
           : s->exact                              ? "a flow draws no samples"
                                                   : NULL;
}

static void layout(void *state, const struct subject *s, struct arena *arena)
{
    const struct features_plan plan = {.network = s->network,
                                       .source = s->source,
                                       .world = s->world,
                                       .seed = s->seed,
                                       .samples = (size_t)s->settings->probe_samples,
                                       .ridge = s->settings->ridge,
                                       .threads = s->threads};
    features_layout(state, &plan, arena);
}

static enum status measure(void *state, const struct snapshot *snapshot, struct error *err)
{
    struct features *f = state;
    f->plan.threads = snapshot->threads;
    return features_measure(f, snapshot->parameters, snapshot->epoch, err);
}

/* Axes of a quantity, in their order. */
enum { NEURON = 1, FEATURE = 2 };

static void add_features(struct quantity *q, const struct features *f)
{
    quantity_axis(q, f->count, "feature, column of the dictionary", "/feature");
}

static void quantities(const void *state, struct quantity_list *list)
{
    const struct features *f = state;
    const struct {
        const char *name, *long_name;
        unsigned axes;
        const double *value;
    } all[] = {
        {"cosine", "|<w_i, M_j>| / |w_i| of a neuron and a column of the dictionary",
         NEURON | FEATURE, f->cosine},
        {"columns_for_90",
         "columns of the dictionary that carry 90% of a neuron's weights within their span", NEURON,
         f->columns},
        {"neurons_per_feature",
         "neurons of whose squared weights the feature's column carries more than half", FEATURE,
         f->learners},
        {"outside", "share of a neuron's squared weights outside the span of the dictionary",
         NEURON, f->outside},
        {"signal_cosine", "mean cosine of f(x) and f(M z) over samples that have a feature", 0,
         &f->signal_cosine},
        {"noise_cosine", "mean cosine of f(x) and f(xi) over samples that have a feature", 0,
         &f->noise_cosine},
        {"accuracy", "accuracy of a linear readout of sign <w*, z> from f(x) on held-out samples",
         0, &f->accuracy},
        {"oracle",
         "the same from the posterior means of z_j, the dictionary and the law being known", 0,
         &f->oracle},
        {"chance", "share of the label that is more frequent among the held-out samples", 0,
         &f->chance},
        {"readout", "accuracy as a share of the way from chance to the oracle", 0,
         &f->readout_share},
        {"share_of_columns", "columns_for_90, mean over neurons, as a share of all columns", 0,
         &f->share_of_columns},
        {"best_cosine", "best |<w_i, M_j>| / |w_i| over neurons, mean over features", 0,
         &f->best_cosine},
        {"inside", "share of squared weights in the span of the dictionary, mean over neurons", 0,
         &f->inside},
        {"learned", "share of the features that have a neuron", 0, &f->learned},
    };
    const struct network *n = f->plan.network;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct quantity *q =
            quantity_add(list, all[i].long_name, "/series/features/%s", all[i].name);
        if (all[i].axes & NEURON)
            add_neurons(q, n, n->levels - 1);
        if (all[i].axes & FEATURE)
            add_features(q, f);
        q->value = all[i].value;
    }
    struct quantity *q = quantity_add(list, "columns of the dictionary", "/dictionary");
    add_features(q, f);
    add_inputs(q, n, n->levels - 1);
    q->value = source_dictionary(f->plan.source, f->plan.world)->column;
    q->constant = true;
}

static const struct measurement measurement = {
    .size = sizeof(struct features), .layout = layout, .measure = measure};

const struct probe probe_features = {
    .about = {.name = "features",
              .doc = "What neurons learn of sparse-coding data: the columns of the dictionary that "
                     "their weights carry, whether outputs follow features or noise, and what a "
                     "linear readout makes of the outputs.",
              .source = "[FD]"},
    .applies = applies,
    .measurement = &measurement,
    .quantities = quantities,
};
