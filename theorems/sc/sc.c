#include "theorems/sc/sc.h"

#include "core/extreme.h"
#include "sim/loss/objectives/objectives.h"
#include "theorems/draw.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>

static void layout(struct sc_batch *b, size_t samples, int width, struct arena *arena)
{
    const size_t stride = padded(samples), size = 2 * (size_t)width * stride;
    b->f = ARENA_TAKE(arena, double, size);
    b->df = ARENA_TAKE(arena, double, size);
    b->label = ARENA_TAKE(arena, uint8_t, samples);
    b->outputs = (struct outputs){.samples = samples,
                                  .stride = stride,
                                  .width = width,
                                  .views = 2,
                                  .f = b->f,
                                  .df = b->df,
                                  .label = b->label};
    loss_layout(&b->loss,
                &(struct loss_plan){.objective = &objective_supcon_in,
                                    .width = width,
                                    .samples = samples,
                                    .stride = stride},
                arena);
}

enum status sc_create(struct sc_batch *b, size_t samples, int width, struct error *err)
{
    struct arena count = {0};
    *b = (struct sc_batch){.tau = 1};
    layout(b, samples, width, &count);
    enum status status = arena_create(&b->arena, &count, err);
    if (!status)
        layout(b, samples, width, &b->arena);
    return status;
}

void sc_free(struct sc_batch *b)
{
    arena_free(&b->arena);
}

/* Class 0 has two samples more than class 1; the others are drawn. */
void sc_draw_labels(struct sc_batch *b, gsl_rng *rng, int classes)
{
    const size_t samples = b->outputs.samples;
    for (size_t s = 0; s < samples; s++)
        b->label[s] = s < 3 ? 0 : s == 3 ? 1 : (uint8_t)(2 + draw_between(rng, 0, classes - 1));
    gsl_ran_shuffle(rng, b->label, samples, 1);
}

static void draw_outputs(struct sc_batch *b, gsl_rng *rng, double *centre)
{
    const int width = b->outputs.width;
    const double strength = gsl_ran_flat(rng, 0, 2);
    for (size_t i = 0; i < sc_rows(b); i++) {
        const double *own = centre + (size_t)b->label[i % b->outputs.samples] * (size_t)width;
        double square = 0, length = exp(gsl_ran_flat(rng, -1.2, 1.1));
        for (int k = 0; k < width; k++) {
            double x = strength * own[k] + gsl_ran_gaussian(rng, 1);
            b->f[sc_index(b, i, k)] = x;
            square += x * x;
        }
        for (int k = 0; k < width; k++)
            b->f[sc_index(b, i, k)] *= length / sqrt(square);
    }
}

static void go_to_edge(struct sc_batch *b)
{
    for (size_t s = 0; s < b->outputs.samples; s++)
        if (b->edge == SC_ONE_CLASS || b->edge == SC_PARTNERS)
            b->label[s] = b->edge == SC_ONE_CLASS ? 0 : (uint8_t)s;
    for (size_t i = 0; i < sc_rows(b) && b->edge == SC_EQUAL; i++)
        for (int k = 0; k < b->outputs.width; k++)
            b->f[sc_index(b, i, k)] = (double)(k + 1);
}

enum status sc_draw(struct sc_batch *b, const struct trial *trial)
{
    const struct sc_settings *s = trial->settings;
    gsl_rng *rng = trial->rng;
    const int classes = draw_between(rng, 1, (int)s->classes);
    const int width = draw_between(rng, 2, (int)s->width);
    enum status status =
        sc_create(b, (size_t)draw_between(rng, 4, (int)s->samples), width, trial->err);
    double *centre = malloc((size_t)(classes + 2) * (size_t)width * sizeof *centre);
    if (!status && !centre)
        status = error_memory(trial->err, "%d classes", classes);
    if (!status) {
        b->tau = exp(gsl_ran_flat(rng, log(0.1), log(2)));
        draw_normal(rng, 1, (size_t)(classes + 2) * (size_t)width, centre);
        sc_draw_labels(b, rng, classes);
        draw_outputs(b, rng, centre);
        b->edge = trial->instance % 5 < 4
                      ? SC_PLAIN
                      : (enum sc_edge)(1 + trial->instance / 5 % (SC_EDGES - 1));
        go_to_edge(b);
    }
    free(centre);
    return status;
}

/* The memory is the form's, so that it serves any objective of all pairs. */
double sc_loss(struct sc_batch *b, const struct objective *objective)
{
    const struct temperature_settings settings = {b->tau};
    struct loss loss = b->loss;
    loss.plan.objective = objective;
    loss.plan.settings = &settings;
    return loss_evaluate(&loss, &b->outputs);
}

double sc_gradient_error(const struct sc_batch *b, const double *measured, const double *predicted,
                         size_t size)
{
    double worst = 0;
    if (b->edge != SC_EQUAL)
        return relative_error(measured, predicted, size);
    for (size_t i = 0; i < size; i++)
        worst = larger(worst, fabs(measured[i] - predicted[i]));
    return worst;
}

bool sc_positive(const struct sc_batch *b, size_t i, size_t k)
{
    const size_t samples = b->outputs.samples;
    return i != k && b->label[i % samples] == b->label[k % samples];
}

double sc_positives(const struct sc_batch *b, size_t i)
{
    double count = 0;
    for (size_t k = 0; k < sc_rows(b); k++)
        count += sc_positive(b, i, k);
    return count;
}

static double product(const struct sc_batch *b, size_t i, size_t k)
{
    double sum = 0;
    for (int j = 0; j < b->outputs.width; j++)
        sum += b->f[sc_index(b, i, j)] * b->f[sc_index(b, k, j)];
    return sum;
}

void sc_cosines(const struct sc_batch *b, size_t i, double *cosine)
{
    for (size_t k = 0; k < sc_rows(b); k++)
        cosine[k] = k == i ? -INFINITY
                           : product(b, i, k) / sqrt(product(b, i, i) * product(b, k, k)) / b->tau;
}

const struct param sc_params[] = {
    INTEGER_PARAM(struct sc_settings, samples, "12", 4, 256, "samples of a batch, at most"),
    INTEGER_PARAM(struct sc_settings, width, "6", 2, 256, "outputs, at most"),
    INTEGER_PARAM(struct sc_settings, classes, "4", 1, 64,
                  "classes besides two that are always present, at most"),
    {0}};
