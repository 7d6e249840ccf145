#include "hltm/exact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* m^digits, or 0 past `limit` */
static size_t power(size_t m, size_t digits, size_t limit)
{
    size_t count = 1;
    for (size_t i = 0; i < digits; i++)
        if ((count *= m) > limit)
            return 0;
    return count;
}

enum status joint_enumerate(const struct tree *tree, double **probability, size_t *count,
                            struct error *err)
{
    const size_t m = (size_t)tree->states;
    *probability = NULL;
    *count = power(m, tree->nodes, JOINT_LIMIT);
    if (*count == 0)
        return error_set(err, STATUS_INVALID,
                         "the joint distribution of %zu nodes with %zu states is too large to "
                         "enumerate; at most %d assignments fit",
                         tree->nodes, m, JOINT_LIMIT);
    double *p = malloc(*count * sizeof *p);
    if (!p)
        return error_memory(err, "%zu assignments", *count);
    /* Node by node: the table of the first n nodes grows into the table of n + 1. */
    size_t filled = m;
    for (size_t z = 0; z < m; z++)
        p[z] = 1.0 / (double)m;
    for (int d = 1; d <= tree->depth; d++)
        for (size_t i = 0; i < tree->count[d]; i++) {
            size_t node = tree->first[d] + i;
            size_t parent = tree->first[d - 1] + tree_parent(tree, d, i);
            size_t place = 1; /* weight of the parent's digit in an index of `node` digits */
            for (size_t k = parent + 1; k < node; k++)
                place *= m;
            for (size_t index = filled; index-- > 0;) {
                int a = (int)(index / place % m);
                double before = p[index];
                for (size_t b = 0; b < m; b++)
                    p[index * m + b] = before * tree_transition(tree, node, a, (int)b);
            }
            filled *= m;
        }
    *probability = p;
    return STATUS_OK;
}

/* ---- belief propagation ---- */

/* msg[a] = sum_b P(b | a) up[b] over the edge into `node`; no term is negative and none is lost,
 * however small. */
static void message(const struct tree *tree, size_t node, const double *up, double *msg)
{
    const size_t m = (size_t)tree->states;
    const double same = tree_transition(tree, node, 0, 0);
    const double other = tree_transition(tree, node, 0, 1);
    if (same >= other) { /* rho up[a] + other sum_b up[b] */
        double total[BLOCK] = {0};
        for (size_t k = 0; k < m * BLOCK; k++)
            total[k % BLOCK] += up[k];
        for (size_t k = 0; k < m * BLOCK; k++)
            msg[k] = (same - other) * up[k] + other * total[k % BLOCK];
        return;
    }
    for (size_t a = 0; a < m; a++) {
        double *out = msg + a * BLOCK;
        for (size_t lane = 0; lane < BLOCK; lane++)
            out[lane] = same * up[a * BLOCK + lane];
        for (size_t b = 0; b < m; b++)
            for (size_t lane = 0; b != a && lane < BLOCK; lane++)
                out[lane] += other * up[b * BLOCK + lane];
    }
}

/* Divide [m][BLOCK] by its sums over m, and add their logarithms to `log_evidence`.  Impossible
 * evidence has sum 0: its logarithm is -infinity, and the zeros stay. */
static void normalise(double *mine, size_t m, double *log_evidence)
{
    double total[BLOCK] = {0}, inverse[BLOCK];
    for (size_t k = 0; k < m * BLOCK; k++)
        total[k % BLOCK] += mine[k];
    for (size_t lane = 0; lane < BLOCK; lane++)
        inverse[lane] = total[lane] > 0 ? 1 / total[lane] : 0;
    for (size_t k = 0; k < m * BLOCK; k++)
        mine[k] *= inverse[k % BLOCK];
    for (size_t lane = 0; log_evidence && lane < BLOCK; lane++)
        log_evidence[lane] += log(total[lane]);
}

/* `msg` is room for one message, [m][BLOCK]. */
static void upward(const struct tree *tree, double *up, double *msg, double *log_evidence)
{
    enum { CHILDREN_BETWEEN = 16 }; /* so that a product of messages cannot underflow */
    const size_t m = (size_t)tree->states;
    for (int d = tree->depth - 1; d >= 0; d--)
        for (size_t i = 0; i < tree->count[d]; i++) {
            double *mine = up + (tree->first[d] + i) * m * BLOCK;
            for (size_t k = 0; k < m * BLOCK; k++)
                mine[k] = d == 0 ? 1.0 / (double)m : 1;
            size_t children = (size_t)tree->children[d];
            for (size_t c = 0; c < children; c++) {
                size_t child = tree->first[d + 1] + i * children + c;
                message(tree, child, up + child * m * BLOCK, msg);
                for (size_t k = 0; k < m * BLOCK; k++)
                    mine[k] *= msg[k];
                if ((c + 1) % CHILDREN_BETWEEN == 0 || c + 1 == children)
                    normalise(mine, m, log_evidence);
            }
        }
}

/* Belief of a child: b(child) = up(child) x message from the parent's belief without the child's
 * own message.  Where that message is 0, the parent's state adds nothing below either.  The channel
 * is symmetric, so the same `message` serves both ways. */
static void downward(const struct tree *tree, double *up, double *belief)
{
    const size_t m = (size_t)tree->states;
    double *msg = up; /* the root's place: it is not needed again once it is the root's belief */
    memcpy(belief, up, m * BLOCK * sizeof *belief); /* the root's prior is in it already */
    for (int d = 1; d <= tree->depth; d++)
        for (size_t i = 0; i < tree->count[d]; i++) {
            size_t node = tree->first[d] + i;
            const double *parent =
                belief + (tree->first[d - 1] + tree_parent(tree, d, i)) * m * BLOCK;
            const double *mine = up + node * m * BLOCK;
            double *out = belief + node * m * BLOCK;
            message(tree, node, mine, msg);
            for (size_t k = 0; k < m * BLOCK; k++)
                msg[k] = msg[k] > 0 ? parent[k] / msg[k] : 0;
            message(tree, node, msg, out);
            for (size_t k = 0; k < m * BLOCK; k++)
                out[k] *= mine[k];
        }
}

void belief_block(const struct tree *tree, const uint8_t *leaves, size_t stride, double *work,
                  double *belief, double *log_evidence)
{
    const size_t m = (size_t)tree->states;
    for (size_t i = 0; i < tree_leaves(tree); i++)
        for (size_t a = 0; a < m; a++) {
            double *up = work + ((tree->first[tree->depth] + i) * m + a) * BLOCK;
            for (size_t lane = 0; lane < BLOCK; lane++)
                /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): all drawn */
                up[lane] = leaves[i * stride + lane] == a;
        }
    if (log_evidence)
        memset(log_evidence, 0, BLOCK * sizeof *log_evidence);
    upward(tree, work, belief, log_evidence); /* `belief` is free until the way down */
    downward(tree, work, belief);
}

/* ---- support ---- */

static size_t support_size(const struct tree *tree)
{
    return power((size_t)tree->states, tree_leaves(tree), SUPPORT_LIMIT);
}

static void fill_support(struct support *s, const struct tree *tree, double *work, double *belief)
{
    const size_t m = (size_t)tree->states, leaves = tree_leaves(tree);
    for (size_t x = 0; x < s->stride; x++) {
        size_t digits = x < s->count ? x : 0; /* the padding repeats pattern 0 with weight 0 */
        for (size_t i = leaves; i-- > 0; digits /= m)
            s->leaf[i * s->stride + x] = (uint8_t)(digits % m);
    }
    for (size_t start = 0; start < s->stride; start += BLOCK) {
        double log_evidence[BLOCK];
        belief_block(tree, s->leaf + start, s->stride, work, belief, log_evidence);
        for (size_t lane = 0; lane < BLOCK; lane++)
            s->probability[start + lane] = start + lane < s->count ? exp(log_evidence[lane]) : 0;
        for (size_t k = 0; k < tree->nodes * m; k++)
            memcpy(s->posterior + k * s->stride + start, belief + k * BLOCK,
                   BLOCK * sizeof *belief);
    }
}

enum status support_create(struct support **out, const struct tree *tree, struct error *err)
{
    const size_t m = (size_t)tree->states, leaves = tree_leaves(tree);
    *out = NULL;
    size_t count = support_size(tree);
    if (count == 0)
        return error_set(err, STATUS_INVALID,
                         "%zu leaves with %zu states are too many patterns to enumerate; at most "
                         "%d fit (16 binary leaves)",
                         leaves, m, SUPPORT_LIMIT);
    struct support *s = calloc(1, sizeof *s);
    double *work = calloc(tree->nodes * m * BLOCK, sizeof *work);
    double *belief = calloc(tree->nodes * m * BLOCK, sizeof *belief);
    if (s) {
        s->count = count;
        s->stride = (count + BLOCK - 1) / BLOCK * BLOCK;
        s->leaf = malloc(leaves * s->stride);
        s->probability = malloc(s->stride * sizeof *s->probability);
        s->posterior = malloc(tree->nodes * m * s->stride * sizeof *s->posterior);
    }
    enum status status = STATUS_OK;
    if (!s || !work || !belief || !s->leaf || !s->probability || !s->posterior) {
        status = error_memory(err, "%zu leaf patterns", count);
        support_free(s);
    } else {
        fill_support(s, tree, work, belief);
        *out = s;
    }
    free(work);
    free(belief);
    return status;
}

void support_free(struct support *support)
{
    if (!support)
        return;
    free(support->leaf);
    free(support->probability);
    free(support->posterior);
    free(support);
}

/* ---- ceiling ---- */

/* From second moments E[P(z = s | leaves)^2] of [node][m]; every P(z = s) is 1/m by symmetry. */
static void ceiling_of_moments(const struct tree *tree, const double *moment, double *ceiling)
{
    const int m = tree->states;
    const double mean = 1.0 / m, variance = mean * (1 - mean);
    for (size_t node = 0; node < tree->nodes; node++) {
        double best = 0;
        for (int s = 0; s < m; s++)
            best = fmax(best, moment[node * (size_t)m + (size_t)s] - mean * mean);
        ceiling[node] = fmin(1, sqrt(best / variance));
    }
}

static enum status exact_moments(const struct tree *tree, double *moment, struct error *err)
{
    struct support *s;
    enum status status = support_create(&s, tree, err);
    if (status)
        return status;
    for (size_t k = 0; k < tree->nodes * (size_t)tree->states; k++)
        for (size_t x = 0; x < s->count; x++) {
            double post = s->posterior[k * s->stride + x];
            moment[k] += s->probability[x] * post * post;
        }
    support_free(s);
    return STATUS_OK;
}

static enum status sampled_moments(const struct tree *tree, uint64_t seed, size_t samples,
                                   double *moment, struct error *err)
{
    const size_t m = (size_t)tree->states, leaves = tree_leaves(tree);
    const size_t blocks = samples / BLOCK + 1;
    void *states = malloc(sample_size(tree));
    uint8_t *leaf = calloc(leaves, BLOCK);
    double *work = calloc(tree->nodes * m * BLOCK, sizeof *work);
    double *belief = calloc(tree->nodes * m * BLOCK, sizeof *belief);
    enum status status = STATUS_OK;
    if (!states || !leaf || !work || !belief)
        status = error_memory(err, "the ceiling of %zu nodes", tree->nodes);
    for (size_t b = 0; !status && b < blocks; b++) {
        struct draw draw = {.seed = seed, .purpose = PURPOSE_CEILING, .block = b};
        sample_tree(tree, draw, states);
        sample_unpack(tree, states, tree->first[tree->depth], leaves, leaf, BLOCK);
        belief_block(tree, leaf, BLOCK, work, belief, NULL);
        for (size_t k = 0; k < tree->nodes * m; k++) {
            double sum = 0;
            for (size_t lane = 0; lane < BLOCK; lane++)
                sum += belief[k * BLOCK + lane] * belief[k * BLOCK + lane];
            moment[k] += sum / (double)(blocks * BLOCK);
        }
    }
    free(states);
    free(leaf);
    free(work);
    free(belief);
    return status;
}

enum status ceiling_measure(const struct tree *tree, uint64_t seed, size_t samples, double *ceiling,
                            struct error *err)
{
    double *moment = calloc(tree->nodes * (size_t)tree->states, sizeof *moment);
    if (!moment)
        return error_memory(err, "the ceiling of %zu nodes", tree->nodes);
    enum status status = support_size(tree) ? exact_moments(tree, moment, err)
                                            : sampled_moments(tree, seed, samples, moment, err);
    if (!status)
        ceiling_of_moments(tree, moment, ceiling);
    free(moment);
    return status;
}

size_t ceiling_memory(const struct tree *tree)
{
    size_t m = (size_t)tree->states, leaves = tree_leaves(tree), patterns = support_size(tree);
    size_t stride = (patterns + BLOCK - 1) / BLOCK * BLOCK;
    size_t beliefs = 2 * tree->nodes * m * BLOCK * sizeof(double);
    size_t support = leaves * stride + (1 + tree->nodes * m) * stride * sizeof(double);
    size_t samples = sample_size(tree) + leaves * BLOCK;
    return tree->nodes * m * sizeof(double) + beliefs + (patterns ? support : samples);
}
