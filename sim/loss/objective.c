#include "sim/loss/objective.h"

#include "sim/loss/comatch.h"

#include <math.h>
#include <string.h>

int objective_positives(const struct objective *objective, const void *settings)
{
    return objective->positives ? (int)objective->positives(settings) : 1;
}

int objective_views(const struct objective *objective, const void *settings)
{
    if (objective->scope == OBJECTIVE_PAIRWISE)
        return 2;
    return 1 + objective_positives(objective, settings) +
           (objective->negatives ? (int)objective->negatives(settings) : 1);
}

/* Whether the rows' sums over positives are needed besides those over all. */
static bool inside_logarithm(const struct objective *objective)
{
    return objective->pairs == POSITIVES_INSIDE || objective->pairs == POSITIVES_SUMMED;
}

static bool inner_products(const struct objective *objective, const void *settings)
{
    return objective->inner && objective->inner(settings);
}

int objective_gradient_views(const struct objective *objective, const void *settings)
{
    return inner_products(objective, settings) ? 1 : objective_views(objective, settings);
}

size_t objective_shared_size(const struct objective *objective, size_t stride)
{
    if (objective->scope != OBJECTIVE_PAIRWISE)
        return 0;
    return (inside_logarithm(objective) ? 4 : 2) * stride; /* log-sum-exp of every row */
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

/* As `pull`, for c[i] = - d / d <f_0, f_view>, f_view held constant. */
static void pull_inner(const struct outputs *o, int view, size_t s, const double c[EIGHT])
{
    for (int k = 0; k < o->width; k++) {
        const double *other = o->f + output_index(o, view, k, s);
        double *df = o->df + output_index(o, 0, k, s);
        for (size_t i = 0; i < EIGHT; i++)
            df[i] = view == 1 ? -c[i] * other[i] : df[i] - c[i] * other[i];
    }
}

/* What one objective compares outputs by. */
struct comparison {
    void (*compare)(const struct outputs *o, int view, size_t s, double out[EIGHT]);
    void (*pull)(const struct outputs *o, int view, size_t s, const double c[EIGHT]);
};

static void distances_from_first(const struct outputs *o, int view, size_t s, double out[EIGHT])
{
    squared_distances(o, 0, view, s, out);
}

static struct comparison comparison_of(const struct objective *objective, const void *settings)
{
    if (inner_products(objective, settings))
        return (struct comparison){negative_products, pull_inner};
    return (struct comparison){distances_from_first, pull};
}

enum status objective_check(const struct objective *objective, const void *settings,
                            int64_t samples, int64_t batch, struct error *err)
{
    if (objective->scope == OBJECTIVE_SEMI_SUPERVISED)
        return comatch_check(settings, samples, batch, err);
    if (objective->scope == OBJECTIVE_PAIRWISE && batch < 2)
        return error_key(err, "train.batch",
                         "objective %s compares the samples of a batch; train.batch must be at "
                         "least 2",
                         objective->about.name);
    return STATUS_OK;
}

/* ---- per sample ---- */

/* Samples s, ..., s + count - 1, count <= 8.  scratch: r and then d loss / d r of the other views,
 * [views - 1][8], and of one sample. */
static double eight_gradient(const struct objective *objective, const void *settings,
                             const struct outputs *o, size_t s, size_t count, double *scratch)
{
    const int positives = objective_positives(objective, settings), others = o->views - 1;
    const struct comparison by = comparison_of(objective, settings);
    double *r = scratch, *one_r = scratch + others * EIGHT, *one_d = one_r + others, loss = 0;
    for (int k = 0; k < others; k++)
        by.compare(o, 1 + k, s, r + k * EIGHT);
    for (size_t i = 0; i < count; i++) {
        double share = o->weight ? o->weight[s + i] : 1.0 / (double)o->samples;
        for (int k = 0; k < others; k++)
            one_r[k] = r[(size_t)k * EIGHT + i] / 2;
        loss += share * objective->loss(settings, others - positives, one_r, one_r + positives,
                                        one_d, one_d + positives);
        for (int k = 0; k < others; k++) /* the distances are not needed again */
            r[(size_t)k * EIGHT + i] = share * one_d[k];
    }
    for (int k = 0; k < others; k++)
        by.pull(o, 1 + k, s, r + k * EIGHT);
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
 * Row (v, s) is the output of view v of sample s.  With u = f / |f|, c_ij = u_i . u_j and P_i the
 * positives of row i
 *     p_ik = exp(c_ik / tau) / sum_{k' != i} exp(c_ik' / tau)
 *     outside: loss_i = -mean_{j in P_i} log p_ij,  q_ij = 1 / |P_i|
 *     inside:  loss_i = -log mean_{j in P_i} p_ij,  q_ij = p_ij / sum_{j' in P_i} p_ij'
 *     summed:  loss_i = -log sum_{j in P_i} p_ij,   q_ij as inside
 * for j in P_i, q_ij = 0 for others, and
 *     d mean loss / d u_i = sum_{k != i} (p_ik + p_ki - q_ik - q_ki) u_k / (rows tau).
 * Where P_i is the partner alone, the other view of the sample, all three are ntxent. */

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

struct pairs {
    const struct objective *objective;
    const struct outputs *o;
    const uint8_t *label; /* NULL: the positive is the partner alone */
    double tau;
    /* [view][stride] log-sum-exp of every row over all others, and over its positives where they
     * are added up inside the logarithm; NULL elsewhere */
    double *all, *positives;
    double *inverse; /* [view][stride] 1 / |f| */
    double *cosine;  /* [view][stride] of one row, over tau */
};

static struct pairs pairs_of(const struct objective *objective, const void *settings,
                             const struct outputs *o, double *shared, double *scratch)
{
    return (struct pairs){.objective = objective,
                          .o = o,
                          .label = objective_labelled(objective) ? o->label : NULL,
                          .tau = objective->temperature(settings),
                          .all = shared,
                          .positives = inside_logarithm(objective) ? shared + 2 * o->stride : NULL,
                          .inverse = scratch,
                          .cosine = scratch + 2 * o->stride};
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
static void keep_positives(const struct pairs *p, size_t s)
{
    for (int view = 0; view < 2; view++)
        for (size_t t = 0; t < p->o->samples; t++)
            if (!alike(p->label, s, t))
                p->cosine[(size_t)view * p->o->stride + t] = -INFINITY;
}

static void pairwise_rows(const struct pairs *p, size_t begin, size_t end)
{
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
static double positive_sum(const struct pairs *p, int v, size_t s, double *count)
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
static double row_loss(const struct pairs *p, int v, size_t s, double *count)
{
    const size_t row = (size_t)v * p->o->stride + s;
    double total = positive_sum(p, v, s, count);
    if (!p->positives)
        return p->all[row] - total / *count;
    double summed = p->all[row] - p->positives[row];
    return p->objective->pairs == POSITIVES_SUMMED ? summed : summed + log(*count);
}

/* The cosines of row (v, s) become p_ik + p_ki - q_ik - q_ki, over |f_k|. */
static void row_forces(const struct pairs *p, int v, size_t s, double count)
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

static double pairwise_row(const struct pairs *p, int v, size_t s)
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

static double pairwise_gradient(const struct pairs *p, size_t begin, size_t end)
{
    double loss = 0;
    inverse_norms(p->o, p->inverse);
    for (int v = 0; v < 2; v++)
        for (size_t s = begin; s < end; s++)
            loss += pairwise_row(p, v, s);
    return loss;
}

/* ---- the steps ---- */

void objective_rows(const struct objective *objective, const void *settings,
                    const struct outputs *o, size_t begin, size_t end, double *shared,
                    double *scratch)
{
    const struct pairs pairs = pairs_of(objective, settings, o, shared, scratch);
    pairwise_rows(&pairs, begin, end);
}

void objective_gradient(const struct objective *objective, const void *settings,
                        const struct outputs *o, size_t begin, size_t end, const double *shared,
                        double *scratch, double partial[OBJECTIVE_PARTIALS])
{
    struct pairs pairs;
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
        pairs = pairs_of(objective, settings, o, (double *)shared, scratch);
        partial[0] = pairwise_gradient(&pairs, begin, end);
        break;
    case OBJECTIVE_SEMI_SUPERVISED: /* not one of these */
        partial[0] = NAN;
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
    double positive = totals[0] / batch_entries(o), negative = totals[1] / batch_entries(o),
           d_minus;
    return objective->loss(settings, 1, &positive, &negative, force, &d_minus);
}
