#include "sim/objective.h"

#include <math.h>
#include <string.h>

int objective_views(const struct objective *objective, const void *settings)
{
    if (objective->scope == OBJECTIVE_PAIRWISE)
        return 2;
    return 2 + (objective->negatives ? (int)objective->negatives(settings) : 1);
}

size_t objective_shared_size(const struct objective *objective, size_t stride)
{
    return objective->scope == OBJECTIVE_PAIRWISE ? 2 * stride : 0; /* log-sum-exp of every row */
}

size_t objective_scratch_size(const struct objective *objective, int views, size_t stride)
{
    return objective->scope == OBJECTIVE_PAIRWISE ? 4 * stride : 10 * (size_t)views;
}

/* Samples are taken eight at a time, so that the inner loops are whole vectors; rows are padded. */
enum { EIGHT = 8 };

/* |f_a - f_b|^2 of samples s, ..., s + 7 */
static void squared_distances(const struct outputs *o, int a, int b, size_t s, double out[EIGHT])
{
    for (size_t i = 0; i < EIGHT; i++)
        out[i] = 0;
    for (int k = 0; k < o->width; k++) {
        const double *fa = o->f + output_index(o, a, k, s), *fb = o->f + output_index(o, b, k, s);
        for (size_t i = 0; i < EIGHT; i++)
            out[i] += (fa[i] - fb[i]) * (fa[i] - fb[i]);
    }
}

/* Add what one pair contributes to df: c[i] = d / d r(f_0, f_view). */
static void pull(const struct outputs *o, int view, size_t s, const double c[EIGHT])
{
    for (int k = 0; k < o->width; k++) {
        const double *f = o->f + output_index(o, 0, k, s);
        const double *other = o->f + output_index(o, view, k, s);
        double *df = o->df + output_index(o, 0, k, s);
        double *d_other = o->df + output_index(o, view, k, s);
        for (size_t i = 0; i < EIGHT; i++) {
            double force = c[i] * (f[i] - other[i]);
            df[i] = view == 1 ? force : df[i] + force; /* view 1 is the first to write */
            d_other[i] = -force;
        }
    }
}

/* ---- per sample ---- */

/* Samples s, ..., s + count - 1, count <= 8.  scratch: [2 views][8]. */
static double eight_gradient(const struct objective *objective, const void *settings,
                             const struct outputs *o, size_t s, size_t count, double *scratch)
{
    const int negatives = o->views - 2;
    double r_plus[EIGHT], c_plus[EIGHT] = {0}, loss = 0;
    double *r_minus = scratch, *one_r = scratch + (size_t)o->views * EIGHT,
           *one_d = one_r + o->views;
    squared_distances(o, 0, 1, s, r_plus);
    for (int k = 0; k < negatives; k++)
        squared_distances(o, 0, 2 + k, s, r_minus + k * EIGHT);
    for (size_t i = 0; i < count; i++) {
        double share = o->weight ? o->weight[s + i] : 1.0 / (double)o->samples;
        for (int k = 0; k < negatives; k++)
            one_r[k] = r_minus[(size_t)k * EIGHT + i] / 2;
        loss +=
            share * objective->loss(settings, negatives, r_plus[i] / 2, one_r, &c_plus[i], one_d);
        c_plus[i] *= share;
        for (int k = 0; k < negatives; k++) /* the distances are not needed again */
            r_minus[(size_t)k * EIGHT + i] = share * one_d[k];
    }
    pull(o, 1, s, c_plus);
    for (int k = 0; k < negatives; k++)
        pull(o, 2 + k, s, r_minus + k * EIGHT);
    return loss;
}

/* ---- of the batch ----
 *
 * The loss depends on P - N alone, so the gradient is one number, known when all chunks are done,
 * times that of P - N, which a chunk can do by itself. */

/* P = sum of |a - b|^2 / entries = 2 r / entries */
static double batch_entries(const struct outputs *o)
{
    return (double)o->samples * o->width;
}

static void batch_difference(const struct outputs *o, size_t begin, size_t end,
                             double partial[OBJECTIVE_PARTIALS])
{
    double c[2][EIGHT];
    for (size_t i = 0; i < EIGHT; i++) {
        c[0][i] = 2 / batch_entries(o);
        c[1][i] = -c[0][i];
    }
    for (size_t s = begin; s < end; s += EIGHT)
        for (int i = 0; i < 2; i++) {
            double square[EIGHT];
            squared_distances(o, 0, 1 + i, s, square);
            for (size_t k = 0; k < EIGHT && s + k < end; k++)
                partial[i] += square[k];
            pull(o, 1 + i, s, c[i]);
        }
}

/* ---- all pairs ----
 *
 * Row (v, s) is the output of view v of sample s.  With u = f / |f| and cosines c_ij = u_i . u_j
 *     loss_i = -c_ij / tau + log sum_{k != i} exp(c_ik / tau),   j the other view of the sample,
 * and d mean loss / d u_i = (sum_{k != i} (p_ik + p_ki) u_k - 2 u_j) / (rows tau),
 * p_ik = exp(c_ik / tau) / sum_{k' != i} exp(c_ik' / tau). */

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

static void pairwise_rows(const struct outputs *o, double tau, size_t begin, size_t end,
                          double *log_sum, double *scratch)
{
    double *inverse = scratch, *cosine = scratch + 2 * o->stride;
    inverse_norms(o, inverse);
    for (int v = 0; v < 2; v++)
        for (size_t s = begin; s < end; s++) {
            cosines(o, inverse, tau, v, s, cosine);
            cosine[(size_t)v * o->stride + s] = -INFINITY; /* not with itself */
            double top = -INFINITY, sum = 0;
            for (int view = 0; view < 2; view++)
                for (size_t t = 0; t < o->samples; t++) {
                    double c = cosine[(size_t)view * o->stride + t];
                    top = c > top || isnan(c) ? c : top;
                }
            for (int view = 0; view < 2; view++)
                for (size_t t = 0; t < o->samples; t++)
                    sum += exp(cosine[(size_t)view * o->stride + t] - top);
            log_sum[(size_t)v * o->stride + s] = top + log(sum);
        }
}

static double pairwise_row(const struct outputs *o, double tau, int v, size_t s,
                           const double *log_sum, const double *inverse, double *cosine)
{
    double rows = 2 * (double)o->samples, along = 0;
    double mine = log_sum[(size_t)v * o->stride + s];
    double inverse_norm = inverse[(size_t)v * o->stride + s];
    cosines(o, inverse, tau, v, s, cosine);
    double loss = mine - cosine[(size_t)(1 - v) * o->stride + s];
    for (int view = 0; view < 2; view++)
        for (size_t t = 0; t < o->samples; t++) {
            double *c = cosine + (size_t)view * o->stride + t;
            double p = exp(*c - mine) + exp(*c - log_sum[(size_t)view * o->stride + t]);
            bool self = view == v && t == s, partner = view != v && t == s;
            *c = self ? 0 : (p - 2 * partner) * inverse[(size_t)view * o->stride + t];
        }
    for (int k = 0; k < o->width; k++) {
        double g = 0;
        for (int view = 0; view < 2; view++)
            for (size_t t = 0; t < o->samples; t++)
                g += cosine[(size_t)view * o->stride + t] * o->f[output_index(o, view, k, t)];
        o->df[output_index(o, v, k, s)] = g / (rows * tau);
        along += g / (rows * tau) * o->f[output_index(o, v, k, s)] * inverse_norm;
    }
    for (int k = 0; k < o->width; k++) { /* through u = f / |f| */
        size_t i = output_index(o, v, k, s);
        o->df[i] = (o->df[i] - along * o->f[i] * inverse_norm) * inverse_norm;
    }
    return loss / rows;
}

/* ---- the steps ---- */

void objective_rows(const struct objective *objective, const void *settings,
                    const struct outputs *o, size_t begin, size_t end, double *shared,
                    double *scratch)
{
    pairwise_rows(o, objective->temperature(settings), begin, end, shared, scratch);
}

void objective_gradient(const struct objective *objective, const void *settings,
                        const struct outputs *o, size_t begin, size_t end, const double *shared,
                        double *scratch, double partial[OBJECTIVE_PARTIALS])
{
    partial[0] = partial[1] = 0;
    switch (objective->scope) {
    case OBJECTIVE_PER_SAMPLE:
        for (size_t s = begin; s < end; s += EIGHT)
            partial[0] += eight_gradient(objective, settings, o, s,
                                         end - s < EIGHT ? end - s : EIGHT, scratch);
        break;
    case OBJECTIVE_OF_BATCH:
        batch_difference(o, begin, end, partial);
        break;
    case OBJECTIVE_PAIRWISE:
        inverse_norms(o, scratch);
        for (int v = 0; v < 2; v++)
            for (size_t s = begin; s < end; s++)
                partial[0] += pairwise_row(o, objective->temperature(settings), v, s, shared,
                                           scratch, scratch + 2 * o->stride);
        break;
    }
}

double objective_finish(const struct objective *objective, const void *settings,
                        const struct outputs *o, const double totals[OBJECTIVE_PARTIALS],
                        double *force)
{
    *force = 1;
    if (objective->scope != OBJECTIVE_OF_BATCH)
        return totals[0];
    double negative = totals[1] / batch_entries(o), d_minus;
    return objective->loss(settings, 1, totals[0] / batch_entries(o), &negative, force, &d_minus);
}
