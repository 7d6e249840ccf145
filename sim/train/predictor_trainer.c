#include "sim/train/predictor_trainer.h"

#include "core/linalg.h"

#include <cblas.h>
#include <string.h>

static const struct predictor_step *step_of(const struct predictor_trainer *t)
{
    return t->learner->predictor_settings;
}

/* Of a plan whose optimiser has a rule. */
static const struct predictor_rule *rule_of(const struct predictor_trainer *t)
{
    return t->learner->predictor_settings;
}

/* ---- plan ---- */

enum status predictor_check_optimiser(const struct predictor *p,
                                      const struct predictor_optimiser *optimiser,
                                      struct error *err)
{
    const char *name = optimiser->about.name;
    if (!optimiser->set)
        return STATUS_OK;
    if (p->kind != PREDICTOR_LINEAR)
        return error_key(err, "predictor_optimiser.name",
                         "predictor_optimiser.name %s sets one matrix, but predictor.kind is %s; "
                         "use predictor.kind linear or predictor_optimiser.name gradient",
                         name, p->kind == PREDICTOR_IDENTITY ? "identity" : "two_layers");
    if (p->bias)
        return error_key(err, "predictor.bias",
                         "predictor_optimiser.name %s knows no bias, but predictor.bias is true; "
                         "set it to false",
                         name);
    return STATUS_OK;
}

static size_t square(const struct predictor_trainer *t)
{
    return (size_t)t->learner->predictor->width * (size_t)t->learner->predictor->width;
}

void predictor_trainer_layout(struct predictor_trainer *t, const struct learner *l,
                              struct arena *arena)
{
    const size_t settings = l->optimiser->about.settings_size;
    *t = (struct predictor_trainer){.learner = l, .stride = padded(l->predictor->parameters)};
    t->settings = ARENA_TAKE(arena, uint8_t, settings);
    t->parameters = ARENA_TAKE(arena, double, t->stride);
    t->gradient = ARENA_TAKE(arena, double, t->stride);
    t->state = ARENA_TAKE(arena, double, (size_t)l->optimiser->slots * t->stride);
    if (l->predictor_optimiser->set) {
        t->c = ARENA_TAKE(arena, double, square(t));
        t->d = ARENA_TAKE(arena, double, square(t));
        t->scratch = ARENA_TAKE(arena, double, direct_scratch_size(l->predictor->width));
    }
    if (!arena->base)
        return;
    memcpy(t->settings, l->optimiser_settings, settings);
    const struct descriptor *trunk = &l->optimiser->about; /* all have these two */
    *descriptor_real(trunk, t->settings, "lr") *= step_of(t)->lr_ratio;
    *descriptor_real(trunk, t->settings, "weight_decay") = step_of(t)->weight_decay;
    predictor_init(l->predictor, l->seed, t->parameters);
}

void predictor_trainer_state(struct predictor_trainer *t, struct state_list *list)
{
    const size_t slots = (size_t)t->learner->optimiser->slots;
    state_reals(list, t->stride, t->parameters, "predictor/parameters");
    state_reals(list, slots * t->stride, t->state, "predictor/optimiser");
    state_reals(list, square(t), t->c, "predictor/c");
    state_reals(list, square(t), t->d, "predictor/d");
}

/* ---- a step ---- */

size_t predictor_sums_size(const struct predictor_trainer *t)
{
    return t->stride + (t->learner->predictor_optimiser->set ? 2 * padded(square(t)) : 0);
}

void predictor_sums_add(const struct predictor_trainer *t, size_t samples, size_t stride,
                        const double *f, const double *f_a, double *sums)
{
    const int n = t->learner->predictor->width;
    const double *left[] = {f, f_a};
    for (size_t i = 0; t->learner->predictor_optimiser->set && i < 2; i++)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, (int)samples, 1, left[i],
                    (int)stride, f, (int)stride, 1, sums + t->stride + i * padded(square(t)), n);
}

/* Running moments from a batch's. */
static void move_moments(struct predictor_trainer *t, uint64_t step, size_t samples, double *sums)
{
    double *moment[] = {t->c, t->d};
    for (size_t i = 0; i < 2; i++) {
        double *batch = sums + t->stride + i * padded(square(t));
        cblas_dscal((int)square(t), 1 / (double)samples, batch, 1);
        correlation_update(t->learner->predictor->width, step == 1 ? 0 : rule_of(t)->rho, batch,
                           moment[i]);
    }
}

static void move_by_gradient(struct predictor_trainer *t, uint64_t step, const double *sums)
{
    const struct predictor *p = t->learner->predictor;
    memcpy(t->gradient, sums, p->parameters * sizeof *sums);
    predictor_project(p, t->gradient);
    t->learner->optimiser->update(t->settings, step, p->parameters, t->parameters, t->gradient,
                                  t->state, t->stride);
}

bool predictor_trainer_step(struct predictor_trainer *t, uint64_t step, size_t samples,
                            double *sums)
{
    const struct predictor *p = t->learner->predictor;
    const struct predictor_optimiser *o = t->learner->predictor_optimiser;
    if (o->set)
        move_moments(t, step, samples, sums);
    if (o->set && step % (uint64_t)rule_of(t)->freq == 0) {
        if (o->set(rule_of(t), p->width, t->c, t->d, t->parameters, t->scratch, NULL))
            return false;
        predictor_project(p, t->parameters);
    } else
        move_by_gradient(t, step, sums);
    return are_finite(p->parameters, t->parameters);
}
