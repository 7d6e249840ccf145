#include "sim/loss/per_sample.h"

void squared_distances(const struct outputs *o, int view, size_t s, double out[EIGHT])
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

void pull_together(const struct outputs *o, int view, size_t s, const double c[EIGHT])
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

static bool inner_products(const struct per_sample *of, const void *settings)
{
    return of->inner && settings && of->inner(settings);
}

static struct comparison comparison_of(const struct loss *l)
{
    return inner_products(l->plan.objective->of, l->plan.settings)
               ? (struct comparison){negative_products, pull_first}
               : (struct comparison){squared_distances, pull_together};
}

/* K or H, where `settings` say so. */
static int count_of(int64_t (*count)(const void *settings), const void *settings)
{
    return count && settings ? (int)count(settings) : 1;
}

static struct needs needs(const void *of, const void *settings)
{
    const struct per_sample *s = of;
    const int positives = count_of(s->positives, settings);
    const int negatives = s->target == TARGET_NONE ? count_of(s->negatives, settings) : 0;
    const int views = 1 + positives + negatives;
    return (struct needs){.positives = positives,
                          .views = views,
                          .gradient_views = inner_products(s, settings) ? 1 : views,
                          .target = s->target,
                          .cosine = s->cosine,
                          .cut = s->cut && settings ? s->cut(settings) : (struct block_cut){0}};
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

static void gradient(const struct loss *l, const struct chunk *c, double partial[LOSS_PARTIALS])
{
    double *scratch = (double *)l->state + (size_t)c->worker * scratch_size(l);
    for (size_t s = c->begin; s < c->end; s += EIGHT)
        partial[0] +=
            eight_gradient(l, c->outputs, s, c->end - s < EIGHT ? c->end - s : EIGHT, scratch);
}

static double finish(const struct loss *l, const struct outputs *o,
                     const double totals[LOSS_PARTIALS], double *scale)
{
    (void)l, (void)o, (void)scale;
    return totals[0];
}

const struct form form_per_sample = {
    .needs = needs, .layout = layout, .gradient = gradient, .finish = finish};
