#include "sim/loss/distances.h"

/* Samples are taken eight at a time, so that the inner loops are whole vectors; rows are padded. */
enum { EIGHT = 8 };

/* |f_0 - f_view|^2 of samples s, ..., s + 7. */
static void squared_distances(const struct outputs *o, int view, size_t s, double out[EIGHT])
{
    for (size_t i = 0; i < EIGHT; i++)
        out[i] = 0;
    for (int k = 0; k < o->width; k++) {
        const double *f = o->f + output_index(o, 0, k, s);
        const double *other = o->f + output_index(o, view, k, s);
        for (size_t i = 0; i < EIGHT; i++)
            out[i] += (f[i] - other[i]) * (f[i] - other[i]);
    }
}

/* Add to df what one pair contributes: c[i] = d loss / d r(f_0, f_view); view 1 is the first to
 * write. */
static void pull_together(const struct outputs *o, int view, size_t s, const double c[EIGHT])
{
    for (int k = 0; k < o->width; k++) {
        const double *f = o->f + output_index(o, 0, k, s);
        const double *other = o->f + output_index(o, view, k, s);
        double *df = o->df + output_index(o, 0, k, s);
        double *d_other = o->df + output_index(o, view, k, s);
        for (size_t i = 0; i < EIGHT; i++) {
            double force = c[i] * (f[i] - other[i]);
            df[i] = view == 1 ? force : df[i] + force;
            d_other[i] = -force;
        }
    }
}

/* -2 <f_0, f_view>, which stands for a squared distance */
static void negative_products(const struct outputs *o, int view, size_t s, double out[EIGHT])
{
    for (size_t i = 0; i < EIGHT; i++)
        out[i] = 0;
    for (int k = 0; k < o->width; k++) {
        const double *f = o->f + output_index(o, 0, k, s);
        const double *other = o->f + output_index(o, view, k, s);
        for (size_t i = 0; i < EIGHT; i++)
            out[i] -= 2 * f[i] * other[i];
    }
}

/* As pull_together, for c[i] = - d loss / d <f_0, f_view>, f_view held constant. */
static void pull_first(const struct outputs *o, int view, size_t s, const double c[EIGHT])
{
    for (int k = 0; k < o->width; k++) {
        const double *other = o->f + output_index(o, view, k, s);
        double *df = o->df + output_index(o, 0, k, s);
        for (size_t i = 0; i < EIGHT; i++)
            df[i] = view == 1 ? -c[i] * other[i] : df[i] - c[i] * other[i];
    }
}

/* How one objective compares outputs. */
struct comparison {
    void (*compare)(const struct outputs *o, int view, size_t s, double out[EIGHT]);
    void (*pull)(const struct outputs *o, int view, size_t s, const double c[EIGHT]);
};

/* A member of the settings by its offset; NULL where there is none. */
static const void *member(size_t offset, const void *settings)
{
    return offset > 0 && settings ? (const char *)settings + offset : NULL;
}

static bool inner_products(const struct per_sample *of, const void *settings)
{
    const int *similarity = member(of->similarity, settings);
    return similarity && *similarity == 1;
}

static struct comparison comparison_of(const struct loss *l)
{
    return inner_products(l->plan.objective->of, l->plan.settings)
               ? (struct comparison){negative_products, pull_first}
               : (struct comparison){squared_distances, pull_together};
}

/* K or H, where `settings` say so. */
static int count_of(size_t offset, const void *settings)
{
    const int64_t *count = member(offset, settings);
    return count ? (int)*count : 1;
}

static struct needs sample_needs(const void *of, const void *settings)
{
    const struct per_sample *s = of;
    const int positives = count_of(s->positives, settings);
    const int negatives = s->target == TARGET_NONE ? count_of(s->negatives, settings) : 0;
    const int views = 1 + positives + negatives;
    const struct block_cut *cut = member(s->cut, settings);
    return (struct needs){.positives = positives,
                          .views = views,
                          .gradient_views = inner_products(s, settings) ? 1 : views,
                          .target = s->target,
                          .cosine = s->cosine,
                          .cut = cut ? *cut : (struct block_cut){0}};
}

double sample_loss(const struct objective *objective, const void *settings, int64_t negatives,
                   const double *r_plus, const double *r_minus, double *d_plus, double *d_minus)
{
    const struct per_sample *of = objective->of;
    return of->loss(settings, negatives, r_plus, r_minus, d_plus, d_minus);
}

/* Of one worker: r and then d loss / d r of the other views, [views - 1][8], and of one sample. */
static size_t scratch_size(const struct loss *l)
{
    return padded((EIGHT + 2) * (size_t)l->needs.views);
}

static void *layout(const struct loss *l, struct arena *arena)
{
    return ARENA_TAKE(arena, double, (size_t)l->plan.workers *scratch_size(l));
}

/* Samples s, ..., s + count - 1, count <= 8. */
static double eight_gradient(const struct loss *l, const struct outputs *o, size_t s, size_t count,
                             double *scratch)
{
    const int positives = l->needs.positives, others = o->views - 1;
    const struct comparison by = comparison_of(l);
    double *r = scratch, *one_r = scratch + others * EIGHT, *one_d = one_r + others, loss = 0;
    for (int k = 0; k < others; k++)
        by.compare(o, 1 + k, s, r + k * EIGHT);
    for (size_t i = 0; i < count; i++) {
        double share = o->weight ? o->weight[s + i] : 1.0 / (double)o->samples;
        for (int k = 0; k < others; k++)
            one_r[k] = r[(size_t)k * EIGHT + i] / 2;
        loss += share * sample_loss(l->plan.objective, l->plan.settings, others - positives, one_r,
                                    one_r + positives, one_d, one_d + positives);
        for (int k = 0; k < others; k++) /* the distances are not needed again */
            r[(size_t)k * EIGHT + i] = share * one_d[k];
    }
    for (int k = 0; k < others; k++)
        by.pull(o, 1 + k, s, r + k * EIGHT);
    return loss;
}

static void sample_gradient(const struct loss *l, const struct chunk *c,
                            double partial[LOSS_PARTIALS])
{
    double *scratch = (double *)l->state + (size_t)c->worker * scratch_size(l);
    for (size_t s = c->begin; s < c->end; s += EIGHT)
        partial[0] +=
            eight_gradient(l, c->outputs, s, c->end - s < EIGHT ? c->end - s : EIGHT, scratch);
}

const struct form form_per_sample = {
    .needs = sample_needs, .layout = layout, .gradient = sample_gradient};

/* ---- losses of the batch ----
 *
 * The gradient is one number, known when all chunks are done, times that of P - N, which a chunk
 * can do by itself. */

static struct needs batch_needs(const void *of, const void *settings)
{
    (void)of, (void)settings;
    return (struct needs){.positives = 1, .views = 3, .gradient_views = 3};
}

/* P = sum of |a - b|^2 / entries = 2 r / entries */
static double entries(const struct outputs *o)
{
    return (double)o->samples * o->width;
}

static void batch_gradient(const struct loss *l, const struct chunk *chunk,
                           double partial[LOSS_PARTIALS])
{
    (void)l;
    const struct outputs *o = chunk->outputs;
    double c[2][EIGHT];
    for (size_t i = 0; i < EIGHT; i++) {
        c[0][i] = 2 / entries(o);
        c[1][i] = -c[0][i];
    }
    for (size_t s = chunk->begin; s < chunk->end; s += EIGHT)
        for (int i = 0; i < 2; i++) {
            double square[EIGHT];
            squared_distances(o, 1 + i, s, square);
            for (size_t k = 0; k < EIGHT && s + k < chunk->end; k++)
                partial[i] += square[k];
            pull_together(o, 1 + i, s, c[i]);
        }
}

static double batch_finish(const struct loss *l, const struct outputs *o,
                           const double totals[LOSS_PARTIALS], double *scale)
{
    const struct of_batch *of = l->plan.objective->of;
    return of->loss(l->plan.settings, totals[0] / entries(o) - totals[1] / entries(o), scale);
}

const struct form form_of_batch = {
    .needs = batch_needs, .gradient = batch_gradient, .finish = batch_finish};
