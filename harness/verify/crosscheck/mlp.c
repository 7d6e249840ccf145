#include "harness/verify/crosscheck/subject.h"

#include <stdlib.h>

/* Sizes from the input to the output make layers of fully connected neurons. */
static void set_layers(struct crosscheck *check, struct network *n, const struct store_array *sizes)
{
    const bool fits =
        sizes->rank == 1 && sizes->count >= 2 && sizes->count <= NETWORK_MAX_LEVELS + 1;
    if (!fits)
        crosscheck_fail(check,
                        "the attribute sizes has %zu values; it must be a list of 2 to %d, from "
                        "the inputs to the outputs",
                        sizes->count, NETWORK_MAX_LEVELS + 1);
    for (size_t i = 0; fits && i < sizes->count; i++)
        if (!is_whole(sizes->values[i], 1, REFERENCE_MAX_WIDTH))
            crosscheck_fail(check,
                            "the attribute sizes has the entry %g; all must be whole numbers from "
                            "1 to %d",
                            sizes->values[i], REFERENCE_MAX_WIDTH);
    if (check->status)
        return;
    n->levels = (int)sizes->count - 1;
    n->leaves = (size_t)sizes->values[0];
    for (int layer = 1; layer <= n->levels; layer++)
        n->level[n->levels - layer] = (struct level){.nodes = 1,
                                                     .width = (int)sizes->values[layer],
                                                     .children = layer == 1 ? (int)n->leaves : 1};
    network_finish(n);
}

static void read_layers(struct crosscheck *check, struct subject *s)
{
    struct store_array sizes;
    s->samples = reference_size(check, "batch", 1, REFERENCE_MAX_BATCH);
    if (!check->status && store_has_attribute(check->file, "bias"))
        reference_size(check, "bias", 0, 0);
    if (store_get_numbers(check->file, "sizes", &sizes, NULL))
        crosscheck_fail(check, "the attribute sizes is %s; it must be a list of whole numbers",
                        store_has_attribute(check->file, "sizes") ? "not numbers" : "missing");
    else
        set_layers(check, &s->network, &sizes);
    store_array_free(&sizes);
}

static void read_values(struct crosscheck *check, struct subject *s)
{
    const size_t samples = s->samples, leaves = s->network.leaves;
    for (int v = 0; v < 3; v++) {
        double *x = reference_get(check, (struct extent){2, {samples, leaves}}, "%s", view_path[v]);
        s->values[v] = crosscheck_take(check, samples * leaves, sizeof(double), view_path[v]);
        for (size_t i = 0; s->values[v] && i < samples * leaves; i++)
            s->values[v][i % leaves * samples + i / leaves] = x[i];
        free(x);
    }
}

/* Labels may be any numbers; samples with the same number get the same of 0, 1, ... */
static void number_labels(struct crosscheck *check, const struct subject *s, const double *given)
{
    size_t first[UINT8_MAX + 1], classes = 0; /* the sample that a class was first seen at */
    for (size_t i = 0; i < s->samples && !check->status; i++) {
        size_t k = 0;
        while (k < classes && given[first[k]] != given[i])
            k++;
        if (k > UINT8_MAX) {
            crosscheck_fail(check,
                            "/batch/label has more than %d different labels; fewer are needed",
                            UINT8_MAX + 1);
            return;
        }
        if (k == classes)
            first[classes++] = i;
        s->label[i] = (uint8_t)k;
    }
}

static bool compares_labels(const struct objective *objective)
{
    return objective_needs(objective, NULL).labels;
}

/* Labels must be there if an objective that compares them is expected. */
static void read_labels(struct crosscheck *check, struct subject *s)
{
    if (check->status || !mlp_expects(check, compares_labels))
        return;
    double *given = reference_get(check, (struct extent){1, {s->samples}}, "/batch/label");
    s->label = crosscheck_take(check, s->samples, 1, "/batch/label");
    if (s->label)
        number_labels(check, s, given);
    free(given);
}

void check_mlp(struct crosscheck *check)
{
    struct subject s = {0};
    read_layers(check, &s);
    s.parameters = subject_read_network(check, &s, "/weights");
    s.gradient = crosscheck_take(check, s.network.parameters, sizeof(double), "the gradient");
    read_values(check, &s);
    read_labels(check, &s);
    read_noncontrastive(check, &s);
    for (int linear = 0; linear < 2; linear++) {
        s.root = linear ? "/expect/linear" : "/expect/relu";
        s.network.relu = !linear;
        if (check->status || !store_has(check->file, s.root))
            continue;
        compare_objectives(check, &s);
        compare_noncontrastive(check, &s);
        compare_direct(check, &s);
    }
    if (check->compared.count == 0)
        crosscheck_fail(check, "there is neither /expect/relu nor /expect/linear; an mlp file has "
                               "at least one of them");
    subject_free(&s);
}
