#include "harness/verify/crosscheck/subject.h"

#include "sim/loss/noncontrastive_batch.h"
#include "sim/registry.h"
#include "sim/train/direct_predictor.h"

#include <stdlib.h>
#include <string.h>

static struct extent predictor_extent(const struct subject *s)
{
    size_t width = (size_t)s->network.level[0].width;
    return (struct extent){2, {width, width}};
}

static void read_predictor(struct crosscheck *check, struct subject *s)
{
    check->status = predictor_build(&s->predictor, PREDICTOR_LINEAR, s->network.level[0].width, 0,
                                    false, false, check->err);
    double *w = reference_get(check, predictor_extent(s), "/predictor/W");
    const size_t count = s->predictor.parameters;
    s->predictor_parameters = crosscheck_take(check, count, sizeof *w, "the predictor");
    s->predictor_gradient = crosscheck_take(check, count, sizeof *w, "the predictor");
    if (!check->status)
        memcpy(s->predictor_parameters, w, extent_entries(predictor_extent(s)) * sizeof *w);
    free(w);
}

void read_noncontrastive(struct crosscheck *check, struct subject *s)
{
    if (check->status || !mlp_expects(check, crosscheck_predicts))
        return;
    s->target = subject_read_network(check, s, "/target");
    if (!check->status)
        read_predictor(check, s);
}

static void compare_one(struct crosscheck *check, const struct subject *s,
                        const struct objective *objective)
{
    const char *name = objective->about.name;
    struct arena count = {0}, arena;
    struct noncontrastive_batch batch;
    noncontrastive_batch_layout(&batch, &s->network, &s->predictor, objective, NULL, s->samples, 0,
                                &count);
    check->status = arena_create(&arena, &count, check->err);
    if (check->status)
        return;
    noncontrastive_batch_layout(&batch, &s->network, &s->predictor, objective, NULL, s->samples, 0,
                                &arena);
    for (int v = 0; v < 2; v++) {
        int at;
        struct batch *holder = noncontrastive_batch_view(&batch, v, &at);
        batch_set_values(holder, at, s->values[v], s->samples);
    }
    struct noncontrastive_parameters parameters = {
        .trunk = s->parameters, .predictor = s->predictor_parameters, .target = s->target};
    double loss =
        noncontrastive_batch_loss(&batch, &parameters, s->gradient, s->predictor_gradient);
    arena_free(&arena);
    crosscheck_compare(check, &loss, (struct extent){0}, "%s/loss/%s", s->root, name);
    compare_gradient(check, s, name);
    crosscheck_compare(check, s->predictor_gradient, predictor_extent(s), "%s/grad/%s/predictor/W",
                       s->root, name);
}

void compare_noncontrastive(struct crosscheck *check, const struct subject *s)
{
    for (size_t i = 0; !check->status && i < objective_registry.count; i++) {
        const struct objective *objective = (const void *)objective_registry.entries[i];
        if (crosscheck_predicts(objective) &&
            crosscheck_expects(check, s->root, objective->about.name))
            compare_one(check, s, objective);
    }
}

/* F of the outputs for x, begun at I. */
static void online_correlation(struct crosscheck *check, const struct subject *s, double rho,
                               double *correlation, double *moment)
{
    struct arena count = {0}, arena;
    struct batch batch;
    batch_layout_views(&batch, &s->network, 1, s->samples, 0, &count);
    check->status = arena_create(&arena, &count, check->err);
    if (check->status)
        return;
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
}

static void set_and_compare(struct crosscheck *check, const struct subject *s,
                            const struct direct_rule *rule, double rho, double *scratch)
{
    int width = s->network.level[0].width;
    size_t size = (size_t)width * (size_t)width;
    double *correlation = scratch, *w = scratch + size, *rest = scratch + 2 * size;
    online_correlation(check, s, rho, correlation, w);
    if (check->status)
        return;
    check->status = direct_predictor(rule, width, correlation, w, rest, check->err);
    if (check->status == STATUS_DIVERGED)
        check->status = error_set(check->err, STATUS_INVALID,
                                  "with these /weights the correlation of the outputs overflows; "
                                  "smaller ones are needed");
    crosscheck_compare(check, correlation, predictor_extent(s), "%s/directpred/correlation",
                       s->root);
    crosscheck_compare(check, w, predictor_extent(s), "%s/directpred/W", s->root);
}

void compare_direct(struct crosscheck *check, const struct subject *s)
{
    struct direct_rule rule = {.power = 0.5};
    const int width = s->network.level[0].width;
    char path[REFERENCE_PATH];
    snprintf(path, sizeof path, "%s/directpred", s->root);
    if (store_kind(check->file, path) == STORE_NOTHING)
        return;
    const double rho = reference_real(check, "rho", 0, 1);
    rule.epsilon = reference_real(check, "epsilon", 0, UNBOUNDED);
    double *scratch =
        crosscheck_take(check, 2 * (size_t)width * (size_t)width + direct_scratch_size(width),
                        sizeof *scratch, "the correlation");
    if (scratch)
        set_and_compare(check, s, &rule, rho, scratch);
    free(scratch);
}
