#include "core/build.h"
#include "harness/run/experiment.h"
#include "sim/net/axes.h"
#include "sim/net/class_head.h"

/* ---- weights, as constants with their axes ---- */

/* The owner of weights, and the time. */
struct place {
    const char *root, *weights, *biases; /* path, long names */
};

static void add_network(struct quantity_list *list, const struct network *n,
                        const struct place *place, const double *parameters)
{
    for (int l = 0; parameters && l < n->levels; l++) {
        struct quantity *w = quantity_add(list, place->weights, "%s/level_%d/W", place->root, l);
        add_nodes(w, n, l);
        add_neurons(w, n, l);
        add_inputs(w, n, l);
        w->value = parameters + n->level[l].weights;
        if (!n->bias)
            continue;
        struct quantity *b = quantity_add(list, place->biases, "%s/level_%d/b", place->root, l);
        add_nodes(b, n, l);
        add_neurons(b, n, l);
        b->value = parameters + n->level[l].biases;
    }
}

/* An end of the predictor's layer l: an output of the network, or a neuron in between. */
static void add_end(struct quantity *q, const struct experiment *e, bool between)
{
    if (between)
        quantity_axis(q, (size_t)e->predictor.layer[0].outputs,
                      "neuron between the predictor's layers", "/predictor_hidden");
    else
        add_neurons(q, &e->network, 0);
}

/* W and b, or those of layer_0, on the outputs of the network, and layer_1. */
static void add_predictor(struct quantity_list *list, const struct experiment *e,
                          const struct place *place, const double *parameters)
{
    const struct predictor *p = &e->predictor;
    for (int l = 0; parameters && l < p->layers; l++) {
        char layer[24] = "";
        if (p->layers > 1)
            snprintf(layer, sizeof layer, "/layer_%d", l);
        struct quantity *w = quantity_add(list, place->weights, "%s%s/W", place->root, layer);
        add_end(w, e, l < p->layers - 1);
        add_end(w, e, l > 0);
        w->value = parameters + p->layer[l].weights;
        if (!p->bias)
            continue;
        struct quantity *b = quantity_add(list, place->biases, "%s%s/b", place->root, layer);
        add_end(b, e, l < p->layers - 1);
        b->value = parameters + p->layer[l].biases;
    }
}

static void add_class_head(struct quantity_list *list, const struct experiment *e,
                           const struct place *place, const double *parameters)
{
    if (!parameters)
        return;
    const struct class_head head = {source_classes(e->learner.source, e->world),
                                    e->network.level[0].width};
    const char *of_class = "class, a state of the latent that labels samples";
    struct quantity *w = quantity_add(list, place->weights, "%s/W", place->root);
    quantity_axis(w, (size_t)head.classes, of_class, "/class");
    add_neurons(w, &e->network, 0);
    w->value = parameters;
    struct quantity *b = quantity_add(list, place->biases, "%s/b", place->root);
    quantity_axis(b, (size_t)head.classes, of_class, "/class");
    b->value = parameters + class_head_weights(&head);
}

/* The last weights, as far as the trainer still says them, and the first. */
static void add_weights(const void *state, struct quantity_list *list)
{
    static const struct place last = {"/weights", "weights at the end", "biases at the end"},
                              first = {"/initial/weights", "weights before training",
                                       "biases before training"},
                              target = {"/weights/target", "weights of the target at the end",
                                        "biases of the target at the end"},
                              last_predictor = {"/weights/predictor",
                                                "weights of the predictor at the end",
                                                "biases of the predictor at the end"},
                              first_predictor = {"/initial/weights/predictor",
                                                 "weights of the predictor before training",
                                                 "biases of the predictor before training"},
                              last_head = {"/weights/class_head",
                                           "weights of the class head at the end",
                                           "biases of the class head at the end"},
                              first_head = {"/initial/weights/class_head",
                                            "weights of the class head before training",
                                            "biases of the class head before training"};
    const struct experiment *e = state;
    const struct snapshot now = e->kind->weights(e->training);
    add_network(list, &e->network, &last, now.parameters);
    add_network(list, &e->network, &first, e->initial.parameters);
    add_network(list, &e->network, &target, now.target);
    add_predictor(list, e, &last_predictor, now.predictor);
    add_predictor(list, e, &first_predictor, e->initial.predictor);
    add_class_head(list, e, &last_head, now.class_head);
    add_class_head(list, e, &first_head, e->initial.class_head);
}

/* ---- the file ---- */

enum status experiment_put(const struct experiment *e, const char *outcome, const char *detail,
                           struct store *store, struct error *err)
{
    const char *const text[][2] = {
        {"spec", e->spec->yaml},
        {"spec_hash", e->spec->hash},
        {"status", outcome},
        {"status_detail", detail},
    };
    struct build_fact fact[BUILD_FACTS];
    enum status status = STATUS_OK;
    build_facts(fact);
    for (size_t i = 0; i < BUILD_FACTS && !status; i++)
        status = store_put_text(store, fact[i].name, fact[i].value, err);
    for (size_t i = 0; i < sizeof text / sizeof *text && !status; i++)
        status = store_put_text(store, text[i][0], text[i][1], err);
    return status ? status : store_put_integer(store, "seed", e->spec->seed, err);
}

enum status experiment_store(const struct experiment *e, const char *path, struct error *err)
{
    const struct quantity_source weights = {e, add_weights};
    struct store *store;
    enum status status = store_create(&store, err);
    if (status)
        return status;
    const char *const outcome = e->outcome == STATUS_DIVERGED      ? "diverged"
                                : e->outcome == STATUS_INTERRUPTED ? "interrupted"
                                                                   : "complete";
    status = experiment_put(e, outcome, e->detail, store, err);
    if (!status)
        status = record_store(&e->record, &weights, store, err);
    if (!status)
        status = store_commit(store, path, err);
    store_free(store);
    return status;
}
