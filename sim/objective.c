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
    return objective->scope == OBJECTIVE_PAIRWISE ? 4 * stride : 2 * (size_t)views;
}

/* |f_a - f_b|^2 of sample s */
static double squared_distance(const struct outputs *o, int a, int b, size_t s)
{
    double sum = 0;
    for (int k = 0; k < o->width; k++) {
        double d = o->f[output_index(o, a, k, s)] - o->f[output_index(o, b, k, s)];
        sum += d * d;
    }
    return sum;
}

/* df of one sample from c_plus = d / d r_+ and c_minus[k] = d / d r_k-. */
static void distance_gradient(const struct outputs *o, size_t s, double c_plus,
                              const double *c_minus)
{
    for (int k = 0; k < o->width; k++) {
        double anchor = o->f[output_index(o, 0, k, s)], sum = 0;
        for (int view = 1; view < o->views; view++) {
            double c = view == 1 ? c_plus : c_minus[view - 2];
            double pull = c * (anchor - o->f[output_index(o, view, k, s)]);
            o->df[output_index(o, view, k, s)] = -pull;
            sum += pull;
        }
        o->df[output_index(o, 0, k, s)] = sum;
    }
}

/* ---- per sample ---- */

static double sample_gradient(const struct objective *objective, const void *settings,
                              const struct outputs *o, size_t s, double *scratch)
{
    double *r_minus = scratch, *d_minus = scratch + o->views, d_plus;
    int64_t negatives = o->views - 2;
    for (int k = 0; k < negatives; k++)
        r_minus[k] = squared_distance(o, 0, 2 + k, s) / 2;
    double loss = objective->loss(settings, negatives, squared_distance(o, 0, 1, s) / 2, r_minus,
                                  &d_plus, d_minus);
    double share = 1.0 / (double)o->samples;
    for (int k = 0; k < negatives; k++)
        d_minus[k] *= share;
    distance_gradient(o, s, d_plus * share, d_minus);
    return loss * share;
}

/* ---- of the batch ---- */

static double batch_gradient(const struct objective *objective, const void *settings,
                             const struct outputs *o, size_t begin, size_t end,
                             const double totals[OBJECTIVE_PARTIALS])
{
    double entries = (double)o->samples * o->width, d_plus, d_minus;
    double negative = totals[1] / entries;
    double loss = objective->loss(settings, 1, totals[0] / entries, &negative, &d_plus, &d_minus);
    /* P = sum of |a - b|^2 / entries = 2 r / entries */
    d_minus *= 2 / entries;
    for (size_t s = begin; s < end; s++)
        distance_gradient(o, s, d_plus * 2 / entries, &d_minus);
    return loss * (double)(end - begin) / (double)o->samples;
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

static void pairwise_reduce(const struct outputs *o, double tau, size_t begin, size_t end,
                            double *log_sum, double *scratch)
{
    double *inverse = scratch, *cosine = scratch + 2 * o->stride;
    inverse_norms(o, inverse);
    for (int v = 0; v < 2; v++)
        for (size_t s = begin; s < end; s++) {
            cosines(o, inverse, tau, v, s, cosine);
            double sum = 0, top = 1 / tau; /* no cosine over tau is larger */
            for (int view = 0; view < 2; view++)
                for (size_t t = 0; t < o->samples; t++)
                    if (view != v || t != s)
                        sum += exp(cosine[(size_t)view * o->stride + t] - top);
            if (sum == 0) { /* all cosines far below 1: take the largest there is */
                top = -INFINITY;
                for (int view = 0; view < 2; view++)
                    for (size_t t = 0; t < o->samples; t++)
                        if (view != v || t != s)
                            top = fmax(top, cosine[(size_t)view * o->stride + t]);
                for (int view = 0; view < 2; view++)
                    for (size_t t = 0; t < o->samples; t++)
                        if (view != v || t != s)
                            sum += exp(cosine[(size_t)view * o->stride + t] - top);
            }
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

/* ---- both steps ---- */

void objective_reduce(const struct objective *objective, const void *settings,
                      const struct outputs *o, size_t begin, size_t end, double *shared,
                      double *scratch, double partial[OBJECTIVE_PARTIALS])
{
    partial[0] = partial[1] = 0;
    if (objective->scope == OBJECTIVE_PAIRWISE)
        pairwise_reduce(o, objective->temperature(settings), begin, end, shared, scratch);
    if (objective->scope == OBJECTIVE_OF_BATCH)
        for (size_t s = begin; s < end; s++) {
            partial[0] += squared_distance(o, 0, 1, s);
            partial[1] += squared_distance(o, 0, 2, s);
        }
}

double objective_gradient(const struct objective *objective, const void *settings,
                          const struct outputs *o, size_t begin, size_t end, const double *shared,
                          double *scratch, const double totals[OBJECTIVE_PARTIALS])
{
    double loss = 0;
    switch (objective->scope) {
    case OBJECTIVE_PER_SAMPLE:
        for (size_t s = begin; s < end; s++)
            loss += sample_gradient(objective, settings, o, s, scratch);
        break;
    case OBJECTIVE_OF_BATCH:
        loss = batch_gradient(objective, settings, o, begin, end, totals);
        break;
    case OBJECTIVE_PAIRWISE:
        inverse_norms(o, scratch);
        for (int v = 0; v < 2; v++)
            for (size_t s = begin; s < end; s++)
                loss += pairwise_row(o, objective->temperature(settings), v, s, shared, scratch,
                                     scratch + 2 * o->stride);
        break;
    }
    return loss;
}
