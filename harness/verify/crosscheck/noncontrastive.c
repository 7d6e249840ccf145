#include "harness/verify/crosscheck/subject.h"

#include "sim/loss/noncontrastive_batch.h"
#include "sim/registry.h"
#include "sim/train/direct_predictor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct extent predictor_extent(const struct subject *s)
{
    size_t width = (size_t)s->network.level[0].width;
    return (struct extent){2, {width, width}};
}

static enum status read_predictor(const struct store_file *file, struct subject *s,
                                  struct error *err)
{
    struct store_array array;
    int width = s->network.level[0].width;
    enum status status =
        predictor_build(&s->predictor, PREDICTOR_LINEAR, width, 0, false, false, err);
    if (!status)
        status = reference_get(file, "/predictor/W", predictor_extent(s), &array, err);
    if (status)
        return status;
    status = take_zeros(s->predictor.parameters, &s->predictor_parameters, err);
    if (!status)
        status = take_zeros(s->predictor.parameters, &s->predictor_gradient, err);
    if (!status)
        memcpy(s->predictor_parameters, array.values, array.count * sizeof *array.values);
    store_array_free(&array);
    return status;
}

enum status read_noncontrastive(const struct crosscheck *check, struct subject *s,
                                struct error *err)
{
    bool expected = false;
    for (size_t i = 0; i < objective_registry.count; i++) {
        const struct descriptor *about = objective_registry.entries[i];
        expected |= crosscheck_predicts(about) &&
                    (crosscheck_expects(check, "/expect/relu", about->name) ||
                     crosscheck_expects(check, "/expect/linear", about->name));
    }
    if (!expected)
        return STATUS_OK;
    enum status status = subject_read_network(check->file, s, "/target", &s->target, err);
    if (!status)
        status = read_predictor(check->file, s, err);
    return status;
}

static void set_noncontrastive_views(const struct subject *s, struct noncontrastive_batch *batch)
{
    for (int v = 0; v < 2; v++) {
        int at;
        struct batch *holder = noncontrastive_batch_view(batch, v, &at);
        batch_set_values(holder, at, s->values[v], s->samples);
    }
}

static enum status compare_one_noncontrastive(struct crosscheck *check, const struct subject *s,
                                              const struct objective *objective, struct error *err)
{
    const char *name = objective->about.name;
    struct arena count = {0}, arena;
    struct noncontrastive_batch batch;
    char path[REFERENCE_PATH];
    noncontrastive_batch_layout(&batch, &s->network, &s->predictor, objective, NULL, s->samples, 0,
                                &count);
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    noncontrastive_batch_layout(&batch, &s->network, &s->predictor, objective, NULL, s->samples, 0,
                                &arena);
    set_noncontrastive_views(s, &batch);
    struct noncontrastive_parameters parameters = {
        .trunk = s->parameters, .predictor = s->predictor_parameters, .target = s->target};
    double loss =
        noncontrastive_batch_loss(&batch, &parameters, s->gradient, s->predictor_gradient);
    arena_free(&arena);
    snprintf(path, sizeof path, "%s/loss/%s", s->root, name);
    status = crosscheck_compare(check, path, (struct extent){0}, &loss, err);
    if (!status)
        status = compare_gradient(check, s, name, err);
    snprintf(path, sizeof path, "%s/grad/%s/predictor/W", s->root, name);
    if (!status)
        status = crosscheck_compare(check, path, predictor_extent(s), s->predictor_gradient, err);
    return status;
}

enum status compare_noncontrastive(struct crosscheck *check, const struct subject *s,
                                   struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < objective_registry.count; i++) {
        const struct descriptor *about = objective_registry.entries[i];
        if (crosscheck_predicts(about) && crosscheck_expects(check, s->root, about->name))
            status = compare_one_noncontrastive(check, s, (const void *)about, err);
    }
    return status;
}

/* F of the outputs for x, begun at I. */
static enum status online_correlation(const struct subject *s, double rho, double *correlation,
                                      double *moment, struct error *err)
{
    struct arena count = {0}, arena;
    struct batch batch;
    batch_layout_views(&batch, &s->network, 1, s->samples, 0, &count);
    enum status status = arena_create(&arena, &count, err);
    if (status)
        return status;
    batch_layout_views(&batch, &s->network, 1, s->samples, 0, &arena);
    batch_set_values(&batch, 0, s->values[0], s->samples);
    batch_forward(&batch, s->parameters);
    const double *f = batch.outputs.f;
    int width = batch.outputs.width;
    second_moment(width, s->samples, batch.outputs.stride, f, f, moment);
    arena_free(&arena);
    for (size_t i = 0; i < (size_t)width; i++)
        correlation[i * (size_t)width + i] = 1;
    correlation_update(width, rho, moment, correlation);
    return STATUS_OK;
}

static enum status set_and_compare(struct crosscheck *check, const struct subject *s,
                                   const struct direct_rule *rule, double rho, double *scratch,
                                   struct error *err)
{
    int width = s->network.level[0].width;
    size_t size = (size_t)width * (size_t)width;
    double *correlation = scratch, *w = scratch + size, *rest = scratch + 2 * size;
    char path[REFERENCE_PATH];
    enum status status = online_correlation(s, rho, correlation, w, err);
    if (!status)
        status = direct_predictor(rule, width, correlation, w, rest, err);
    if (status == STATUS_DIVERGED)
        status = error_set(err, STATUS_INVALID,
                           "with these /weights the correlation of the outputs overflows; smaller "
                           "ones are needed");
    snprintf(path, sizeof path, "%s/directpred/correlation", s->root);
    if (!status)
        status = crosscheck_compare(check, path, predictor_extent(s), correlation, err);
    snprintf(path, sizeof path, "%s/directpred/W", s->root);
    if (!status)
        status = crosscheck_compare(check, path, predictor_extent(s), w, err);
    return status;
}

enum status compare_direct(struct crosscheck *check, const struct subject *s, struct error *err)
{
    struct direct_rule rule = {.power = 0.5};
    double rho = 0, *scratch = NULL;
    int width = s->network.level[0].width;
    char path[REFERENCE_PATH];
    snprintf(path, sizeof path, "%s/directpred", s->root);
    if (store_kind(check->file, path) == STORE_NOTHING)
        return STATUS_OK;
    enum status status = reference_real(check->file, "rho", 0, 1, &rho, err);
    if (!status)
        status = reference_real(check->file, "epsilon", 0, UNBOUNDED, &rule.epsilon, err);
    if (!status)
        status = take_zeros(2 * (size_t)width * (size_t)width + direct_scratch_size(width),
                            &scratch, err);
    if (!status)
        status = set_and_compare(check, s, &rule, rho, scratch, err);
    free(scratch);
    return status;
}
