#include "sim/loss/comatch_graph.h"

#include <math.h>
#include <string.h>

/* ---- embeddings ---- */

double *comatch_embedding(const struct comatch *c, int view)
{
    return c->embedding + (size_t)view * (size_t)c->plan.width * c->plan.stride;
}

double *comatch_inverse(const struct comatch *c, int view)
{
    return c->inverse + (size_t)(view - COMATCH_STRONG) * c->plan.stride;
}

void comatch_similarities(const struct comatch *c, const double *z, size_t s, const double *other,
                          size_t other_stride, size_t count, double *out)
{
    memset(out, 0, count * sizeof *out);
    for (size_t k = 0; k < (size_t)c->plan.width; k++) {
        const double mine = z[k * c->plan.stride + s];
        const double *theirs = other + k * other_stride;
        for (size_t j = 0; j < count; j++)
            out[j] += mine * theirs[j];
    }
    /* after the sum, so that j has the same bits with s as s with j: the largest of either row
     * bounds both, however small tau is */
    for (size_t j = 0; j < count; j++)
        out[j] /= c->settings->tau;
}

double comatch_largest(const double *a, size_t count)
{
    double top = -INFINITY;
    for (size_t i = 0; i < count; i++)
        top = a[i] > top || isnan(a[i]) ? a[i] : top;
    return top;
}

/* ---- the two graphs ----
 *
 * With rows of Q and Z divided by their sums, loss_b = -sum_j Q_bj log Z_bj, and
 *     d mean loss / d (z'_k . z'_j) = (Z_kj + Z_jk - Q_kj - Q_jk) / (samples tau), j != k,
 *     d mean loss / d (z'_k . z''_k) = (Z_kk - Q_kk) / (samples tau). */

/* Q_bj of one b, before the row is divided by its sum */
static void label_edges(const struct comatch *c, size_t b, double *edge)
{
    const size_t stride = c->plan.stride, samples = c->plan.samples;
    memset(edge, 0, samples * sizeof *edge);
    for (size_t y = 0; y < (size_t)c->plan.classes; y++) {
        const double *q = c->pseudo + y * stride, mine = q[b];
        for (size_t j = 0; j < samples; j++)
            edge[j] += mine * q[j];
    }
    for (size_t j = 0; j < samples; j++)
        edge[j] = edge[j] >= c->settings->edge ? edge[j] : 0;
    edge[b] = 1;
}

/* log Z_bj of one b, before the row is divided by its sum */
static void embedding_edges(const struct comatch *c, size_t b, double *out)
{
    const size_t stride = c->plan.stride;
    const double *z = comatch_embedding(c, COMATCH_STRONG),
                 *other = comatch_embedding(c, COMATCH_STRONG_2);
    double self = 0;
    comatch_similarities(c, z, b, z, stride, c->plan.samples, out);
    for (size_t k = 0; k < (size_t)c->plan.width; k++)
        self += z[k * stride + b] * other[k * stride + b];
    out[b] = self / c->settings->tau;
}

/* Sums of all rows, and the loss. */
static void graph_rows(struct comatch *c)
{
    const size_t samples = c->plan.samples;
    double loss = 0;
    for (size_t b = 0; b < samples; b++) {
        double sum = 0, all = 0, along = 0;
        label_edges(c, b, c->edge);
        embedding_edges(c, b, c->row);
        const double top = comatch_largest(c->row, samples);
        for (size_t j = 0; j < samples; j++) {
            sum += c->edge[j];
            along += c->edge[j] * c->row[j];
            all += exp(c->row[j] - top);
        }
        c->row_sum[b] = sum;
        c->log_sum[b] = top + log(all);
        loss += c->log_sum[b] - along / sum;
    }
    c->term[COMATCH_GRAPH] = loss / (double)samples;
}

/* The row of log Z_kj becomes d loss / d (z'_k . z'_j), for j = k that by z'_k . z''_k. */
static void graph_forces(struct comatch *c, size_t k)
{
    const double scale = c->settings->lambda_ctr / ((double)c->plan.samples * c->settings->tau);
    const double mine = c->log_sum[k], my_sum = c->row_sum[k];
    label_edges(c, k, c->edge);
    embedding_edges(c, k, c->row);
    const double self = exp(c->row[k] - mine) - 1 / my_sum;
    for (size_t j = 0; j < c->plan.samples; j++) {
        const double push = exp(c->row[j] - mine) + exp(c->row[j] - c->log_sum[j]);
        const double pull = c->edge[j] / my_sum + c->edge[j] / c->row_sum[j];
        c->row[j] = scale * (push - pull);
    }
    c->row[k] = scale * self;
}

/* d loss / d z of column s of a view is added to df, through z = f / |f|. */
static void add_force(const struct comatch *c, const struct outputs *o, int view, size_t s,
                      const double *dz)
{
    const double *z = comatch_embedding(c, view), inverse = comatch_inverse(c, view)[s];
    double along = 0;
    for (size_t k = 0; k < (size_t)o->width; k++)
        along += dz[k] * z[k * o->stride + s];
    for (size_t k = 0; k < (size_t)o->width; k++)
        o->df[output_index(o, view, (int)k, s)] += (dz[k] - along * z[k * o->stride + s]) * inverse;
}

void comatch_graph_loss(struct comatch *c, const struct outputs *o)
{
    const size_t stride = o->stride, width = (size_t)o->width;
    const double *z = comatch_embedding(c, COMATCH_STRONG),
                 *other = comatch_embedding(c, COMATCH_STRONG_2);
    double *dz = c->force, *d_other = c->force + width;
    graph_rows(c);
    for (size_t b = 0; b < o->samples; b++) {
        graph_forces(c, b);
        const double self = c->row[b];
        c->row[b] = 0;
        for (size_t k = 0; k < width; k++) {
            d_other[k] = self * z[k * stride + b];
            dz[k] = self * other[k * stride + b];
            for (size_t j = 0; j < o->samples; j++)
                dz[k] += c->row[j] * z[k * stride + j];
        }
        add_force(c, o, COMATCH_STRONG, b, dz);
        add_force(c, o, COMATCH_STRONG_2, b, d_other);
    }
}
