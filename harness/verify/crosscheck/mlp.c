#include "harness/verify/crosscheck/subject.h"

#include "sim/registry.h"

#include <stdlib.h>

/* Sizes from the input to the output make layers of fully connected neurons. */
static enum status set_layers(struct network *n, const struct store_array *sizes, struct error *err)
{
    if (sizes->rank != 1 || sizes->count < 2 || sizes->count > NETWORK_MAX_LEVELS + 1)
        return error_set(err, STATUS_INVALID,
                         "the attribute sizes has %zu values; it must be a list of 2 to %d, from "
                         "the inputs to the outputs",
                         sizes->count, NETWORK_MAX_LEVELS + 1);
    for (size_t i = 0; i < sizes->count; i++)
        if (!is_whole(sizes->values[i], 1, REFERENCE_MAX_WIDTH))
            return error_set(err, STATUS_INVALID,
                             "the attribute sizes has the entry %g; all must be whole numbers from "
                             "1 to %d",
                             sizes->values[i], REFERENCE_MAX_WIDTH);
    n->levels = (int)sizes->count - 1;
    n->leaves = (size_t)sizes->values[0];
    for (int layer = 1; layer <= n->levels; layer++)
        n->level[n->levels - layer] = (struct level){.nodes = 1,
                                                     .width = (int)sizes->values[layer],
                                                     .children = layer == 1 ? (int)n->leaves : 1};
    network_finish(n);
    return STATUS_OK;
}

static enum status read_layers(const struct store_file *file, struct subject *s, struct error *err)
{
    struct store_array sizes;
    size_t bias = 0;
    enum status status = reference_size(file, "batch", 1, REFERENCE_MAX_BATCH, &s->samples, err);
    if (!status && store_has_attribute(file, "bias"))
        status = reference_size(file, "bias", 0, 0, &bias, err);
    if (status)
        return status;
    if (store_get_numbers(file, "sizes", &sizes, NULL))
        return error_set(err, STATUS_INVALID,
                         "the attribute sizes is %s; it must be a list of whole numbers",
                         store_has_attribute(file, "sizes") ? "not numbers" : "missing");
    status = set_layers(&s->network, &sizes, err);
    store_array_free(&sizes);
    return status;
}

static enum status read_values(const struct store_file *file, struct subject *s, struct error *err)
{
    size_t samples = s->samples, leaves = s->network.leaves;
    for (int v = 0; v < 3; v++) {
        struct store_array x;
        enum status status =
            reference_get(file, view_path[v], (struct extent){2, {samples, leaves}}, &x, err);
        if (status)
            return status;
        s->values[v] = malloc(x.count * sizeof(double));
        for (size_t i = 0; s->values[v] && i < x.count; i++)
            s->values[v][i % leaves * samples + i / leaves] = x.values[i];
        store_array_free(&x);
        if (!s->values[v])
            return error_memory(err, "%s", view_path[v]);
    }
    return STATUS_OK;
}

/* Labels may be any numbers; samples with the same number get the same of 0, 1, ... */
static enum status number_labels(const struct store_array *given, uint8_t *label, struct error *err)
{
    size_t first[UINT8_MAX + 1], classes = 0; /* the sample that a class was first seen at */
    for (size_t i = 0; i < given->count; i++) {
        size_t k = 0;
        while (k < classes && given->values[first[k]] != given->values[i])
            k++;
        if (k > UINT8_MAX)
            return error_set(err, STATUS_INVALID,
                             "/batch/label has more than %d different labels; fewer are needed",
                             UINT8_MAX + 1);
        if (k == classes)
            first[classes++] = i;
        label[i] = (uint8_t)k;
    }
    return STATUS_OK;
}

/* Labels must be there if an objective that compares them is expected. */
static enum status read_labels(const struct crosscheck *check, struct subject *s, struct error *err)
{
    bool expected = false;
    struct store_array given;
    for (size_t i = 0; i < objective_registry.count; i++) {
        const struct objective *objective = (const void *)objective_registry.entries[i];
        const char *name = objective->about.name;
        expected |= objective_needs(objective, NULL).labels &&
                    (crosscheck_expects(check, "/expect/relu", name) ||
                     crosscheck_expects(check, "/expect/linear", name));
    }
    if (!expected)
        return STATUS_OK;
    enum status status =
        reference_get(check->file, "/batch/label", (struct extent){1, {s->samples}}, &given, err);
    if (status)
        return status;
    s->label = malloc(s->samples);
    status = s->label ? number_labels(&given, s->label, err) : error_memory(err, "/batch/label");
    store_array_free(&given);
    return status;
}

enum status check_mlp(struct crosscheck *check, struct error *err)
{
    struct subject s = {0};
    enum status status = read_layers(check->file, &s, err);
    if (!status)
        status = subject_read_weights(check->file, &s, err);
    if (!status)
        status = read_values(check->file, &s, err);
    if (!status)
        status = read_labels(check, &s, err);
    if (!status)
        status = read_noncontrastive(check, &s, err);
    for (int linear = 0; !status && linear < 2; linear++) {
        s.root = linear ? "/expect/linear" : "/expect/relu";
        s.network.relu = !linear;
        if (!store_has(check->file, s.root))
            continue;
        status = compare_objectives(check, &s, err);
        if (!status)
            status = compare_noncontrastive(check, &s, err);
        if (!status)
            status = compare_direct(check, &s, err);
    }
    if (!status && check->compared.count == 0)
        status = error_set(err, STATUS_INVALID,
                           "there is neither /expect/relu nor /expect/linear; an mlp file has "
                           "at least one of them");
    subject_free(&s);
    return status;
}
