/*
 * Row (v, s) is the output of view v of sample s.  With u = f / |f|, c_ij = u_i . u_j and P_i the
 * positives of row i
 *     p_ik = exp(c_ik / tau) / sum_{k' != i} exp(c_ik' / tau)
 *     outside: loss_i = -mean_{j in P_i} log p_ij,  q_ij = 1 / |P_i|
 *     inside:  loss_i = -log mean_{j in P_i} p_ij,  q_ij = p_ij / sum_{j' in P_i} p_ij'
 *     summed:  loss_i = -log sum_{j in P_i} p_ij,   q_ij as inside
 * for j in P_i, q_ij = 0 for others, and
 *     d mean loss / d u_i = sum_{k != i} (p_ik + p_ki - q_ik - q_ki) u_k / (rows tau).
 * Where P_i is the partner alone, the other view of the sample, all three are ntxent. */

#include "sim/loss/pairs.h"

#include <math.h>
#include <string.h>

static void inverse_norms(const struct outputs *o, double *inverse)
{
    for (int view = 0; view < 2; view++)
        for (size_t s = 0; s < o->samples; s++) {
            double square = 0;
            for (int k = 0; k < o->width; k++) {
                double f = o->f[output_index(o, view, k, s)];
                square += f * f;
            }
            inverse[(size_t)view * o->stride + s] = square > 0 ? 1 / sqrt(square) : 0;
        }
}

/* cosine[view * stride + t] of row (v, s) with every row, over tau */
static void cosines(const struct outputs *o, const double *inverse, double tau, int v, size_t s,
                    double *cosine)
{
    double mine = inverse[(size_t)v * o->stride + s] / tau;
    for (int view = 0; view < 2; view++) {
        double *row = cosine + (size_t)view * o->stride;
        memset(row, 0, o->samples * sizeof *row);
        for (int k = 0; k < o->width; k++) {
            const double *theirs = o->f + output_index(o, view, k, 0);
            double f = o->f[output_index(o, v, k, s)];
            for (size_t t = 0; t < o->samples; t++)
                row[t] += f * theirs[t];
        }
        for (size_t t = 0; t < o->samples; t++)
            row[t] *= mine * inverse[(size_t)view * o->stride + t];
    }
}

struct view_of_pairs {
    const struct pairs *of;
    const struct outputs *o;
    const uint8_t *label; /* NULL: the positive is the partner alone */
    double tau;
    /* [view][stride] log-sum-exp of every row over all others, and over its positives where they
     * are added up inside the logarithm; NULL elsewhere */
    double *all, *positives;
    double *inverse; /* [view][stride] 1 / |f| */
    double *cosine;  /* [view][stride] of one row, over tau */
};

/* Whether the rows' sums over positives are needed besides those over all. */
static bool inside_logarithm(const struct pairs *of)
{
    return of->positives == POSITIVES_INSIDE || of->positives == POSITIVES_SUMMED;
}

static bool by_label(const struct pairs *of)
{
    return of->positives != POSITIVE_PARTNER;
}

static struct needs needs(const void *of, const void *settings)
{
    (void)settings;
    return (struct needs){.positives = 1,
                          .views = 2,
                          .gradient_views = 2,
                          .labels = by_label(of),
                          .whole_batch = true};
}

/* [4][stride] that all chunks share, then [4][stride] of each worker. */
static void *layout(const struct loss *l, struct arena *arena)
{
    return ARENA_TAKE(arena, double, (1 + (size_t)l->plan.workers) * 4 * l->plan.stride);
}

static struct view_of_pairs pairs_of(const struct loss *l, const struct chunk *c)
{
    const struct pairs *of = l->plan.objective->of;
    const size_t stride = c->outputs->stride;
    double *shared = l->state, *scratch = shared + 4 * (1 + (size_t)c->worker) * stride;
    return (struct view_of_pairs){.of = of,
                                  .o = c->outputs,
                                  .label = by_label(of) ? c->outputs->label : NULL,
                                  .tau = of->temperature(l->plan.settings),
                                  .all = shared,
                                  .positives = inside_logarithm(of) ? shared + 2 * stride : NULL,
                                  .inverse = scratch,
                                  .cosine = scratch + 2 * stride};
}

/* Whether outputs of samples s and t have one label. */
static inline bool alike(const uint8_t *label, size_t s, size_t t)
{
    return label ? label[s] == label[t] : s == t;
}

/* log sum of exp(cosine / tau); -inf does not count. */
static double log_sum_exp(const struct outputs *o, const double *cosine)
{
    double top = -INFINITY, sum = 0;
    for (int view = 0; view < 2; view++)
        for (size_t t = 0; t < o->samples; t++) {
            double c = cosine[(size_t)view * o->stride + t];
            top = c > top || isnan(c) ? c : top;
        }
    for (int view = 0; view < 2; view++)
        for (size_t t = 0; t < o->samples; t++)
            sum += exp(cosine[(size_t)view * o->stride + t] - top);
    return top + log(sum);
}

/* -inf in the place of what is no positive of sample s. */
static void keep_positives(const struct view_of_pairs *p, size_t s)
{
    for (int view = 0; view < 2; view++)
        for (size_t t = 0; t < p->o->samples; t++)
            if (!alike(p->label, s, t))
                p->cosine[(size_t)view * p->o->stride + t] = -INFINITY;
}

static void rows(const struct loss *l, const struct chunk *c)
{
    const struct view_of_pairs pairs = pairs_of(l, c), *p = &pairs;
    const size_t begin = c->begin, end = c->end;
    inverse_norms(p->o, p->inverse);
    for (int v = 0; v < 2; v++)
        for (size_t s = begin; s < end; s++) {
            size_t row = (size_t)v * p->o->stride + s;
            cosines(p->o, p->inverse, p->tau, v, s, p->cosine);
            p->cosine[row] = -INFINITY; /* not with itself */
            p->all[row] = log_sum_exp(p->o, p->cosine);
            if (!p->positives)
                continue;
            keep_positives(p, s);
            p->positives[row] = log_sum_exp(p->o, p->cosine);
        }
}

/* Sum of row (v, s) over its positives; *count = |P|. */
static double positive_sum(const struct view_of_pairs *p, int v, size_t s, double *count)
{
    const size_t stride = p->o->stride, row = (size_t)v * stride + s;
    double total = 0;
    *count = 1;
    if (!p->label)
        return p->cosine[(size_t)(1 - v) * stride + s];
    *count = 0;
    for (int view = 0; view < 2; view++)
        for (size_t t = 0; t < p->o->samples; t++) {
            const size_t other = (size_t)view * stride + t;
            bool positive = alike(p->label, s, t) && other != row;
            *count += positive;
            total += positive ? p->cosine[other] : 0;
        }
    return total;
}

/* Loss of row (v, s) from its cosines; *count = |P|. */
static double row_loss(const struct view_of_pairs *p, int v, size_t s, double *count)
{
    const size_t row = (size_t)v * p->o->stride + s;
    double total = positive_sum(p, v, s, count);
    if (!p->positives)
        return p->all[row] - total / *count;
    double summed = p->all[row] - p->positives[row];
    return p->of->positives == POSITIVES_SUMMED ? summed : summed + log(*count);
}

/* The cosines of row (v, s) become p_ik + p_ki - q_ik - q_ki, over |f_k|. */
static void row_forces(const struct view_of_pairs *p, int v, size_t s, double count)
{
    const size_t stride = p->o->stride, row = (size_t)v * stride + s;
    const double all = p->all[row], inside = p->positives ? p->positives[row] : 0;
    const uint8_t *const label = p->label;
    for (int view = 0; view < 2; view++) {
        const double *theirs = p->all + (size_t)view * stride;
        const double *inverse = p->inverse + (size_t)view * stride;
        const double *positives = p->positives ? p->positives + (size_t)view * stride : NULL;
        double *cosine = p->cosine + (size_t)view * stride;
        for (size_t t = 0; t < p->o->samples; t++) {
            double c = cosine[t], push = exp(c - all) + exp(c - theirs[t]), pull = 0;
            if (alike(label, s, t))
                pull = positives ? exp(c - inside) + exp(c - positives[t]) : 2 / count;
            cosine[t] = (push - pull) * inverse[t];
        }
    }
    p->cosine[row] = 0;
}

static double pairwise_row(const struct view_of_pairs *p, int v, size_t s)
{
    const struct outputs *o = p->o;
    double rows = 2 * (double)o->samples, along = 0, count;
    double inverse_norm = p->inverse[(size_t)v * o->stride + s];
    cosines(o, p->inverse, p->tau, v, s, p->cosine);
    double loss = row_loss(p, v, s, &count);
    row_forces(p, v, s, count);
    for (int k = 0; k < o->width; k++) {
        double g = 0;
        for (int view = 0; view < 2; view++)
            for (size_t t = 0; t < o->samples; t++)
                g += p->cosine[(size_t)view * o->stride + t] * o->f[output_index(o, view, k, t)];
        o->df[output_index(o, v, k, s)] = g / (rows * p->tau);
        along += g / (rows * p->tau) * o->f[output_index(o, v, k, s)] * inverse_norm;
    }
    for (int k = 0; k < o->width; k++) { /* through u = f / |f| */
        size_t i = output_index(o, v, k, s);
        o->df[i] = (o->df[i] - along * o->f[i] * inverse_norm) * inverse_norm;
    }
    return loss / rows;
}

static void gradient(const struct loss *l, const struct chunk *c, double partial[LOSS_PARTIALS])
{
    const struct view_of_pairs pairs = pairs_of(l, c);
    inverse_norms(pairs.o, pairs.inverse);
    for (int v = 0; v < 2; v++)
        for (size_t s = c->begin; s < c->end; s++)
            partial[0] += pairwise_row(&pairs, v, s);
}

static double finish(const struct loss *l, const struct outputs *o,
                     const double totals[LOSS_PARTIALS], double *scale)
{
    (void)l, (void)o, (void)scale;
    return totals[0];
}

const struct form form_pairs = {
    .needs = needs, .layout = layout, .rows = rows, .gradient = gradient, .finish = finish};
