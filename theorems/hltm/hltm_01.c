/* HLTM-1: moments of the latent tree, and the sampler */
#include "theorems/claims.h"
#include "theorems/hltm/latent.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NODES = 32, MOST_STATES = 4 };

/* Of the controls, whose root is not uniform. */
static double root_tilt(const struct trial *trial)
{
    return trial->restored ? 0 : 0.5;
}

/* ---- correlations of a binary tree ---- */

/* Product of polarities along the path between two nodes. */
static double path_product(const struct tree *tree, const size_t *parent, size_t a, size_t b)
{
    double product = 1;
    while (a != b) {
        size_t *lower = a > b ? &a : &b; /* a parent's number is below its children's */
        product *= tree->polarity[*lower];
        *lower = parent[*lower];
    }
    return product;
}

static size_t predicted_correlations(const struct tree *tree, double *out)
{
    size_t parent[MOST_NODES], count = 0;
    latent_parents(tree, parent);
    for (size_t i = 0; i < tree->nodes; i++)
        for (size_t k = 0; k < i; k++)
            out[count++] = path_product(tree, parent, i, k);
    return count;
}

/* E[z_i z_k] - E[z_i] E[z_k] of nodes as +-1, which have variance 1 where they are uniform. */
static void joint_correlations(const struct tree *tree, const double *joint, size_t assignments,
                               double *out)
{
    double mean[MOST_NODES] = {0}, sign[MOST_NODES];
    size_t pairs = tree->nodes * (tree->nodes - 1) / 2;
    memset(out, 0, pairs * sizeof *out);
    for (size_t z = 0; z < assignments; z++) {
        double *pair = out;
        for (size_t i = 0; i < tree->nodes; i++) {
            sign[i] = z >> (tree->nodes - 1 - i) & 1 ? 1 : -1;
            mean[i] += joint[z] * sign[i];
            for (size_t k = 0; k < i; k++)
                *pair++ += joint[z] * sign[i] * sign[k];
        }
    }
    for (size_t i = 0; i < tree->nodes; i++)
        for (size_t k = 0; k < i; k++)
            *out++ -= mean[i] * mean[k];
}

static enum status measure_correlations(const struct trial *trial, struct reading *reading)
{
    const struct latent_settings *s = trial->settings;
    struct tree *tree;
    double *joint, measured[MOST_NODES * MOST_NODES], predicted[MOST_NODES * MOST_NODES];
    size_t assignments;
    struct tree_wish wish = {.nodes = latent_joint_nodes(s, 2), .edges = latent_at_edge(trial)};
    enum status status = latent_tree(trial->rng, s, wish, &tree, trial->err);
    if (status)
        return status;
    status = joint_enumerate(tree, &joint, &assignments, trial->err);
    if (!status) {
        size_t pairs = predicted_correlations(tree, predicted);
        joint_correlations(tree, joint, assignments, measured);
        plant(trial, measured, pairs);
        reading->error = relative_error(measured, predicted, pairs);
        latent_tilt(tree, root_tilt(trial), joint, assignments);
        joint_correlations(tree, joint, assignments, measured);
        plant(trial, measured, pairs);
        reading->control[0] = relative_error(measured, predicted, pairs);
        free(joint);
    }
    tree_free(tree);
    return status;
}

/* ---- the joint law of two nodes of any tree ---- */

/* out = P(node = b | top = a), the product of transition matrices down from `top`; [m][m] */
static void path_matrix(const struct tree *tree, const size_t *parent, size_t top, size_t node,
                        double *out)
{
    const int m = tree->states;
    double before[MOST_STATES * MOST_STATES];
    for (int k = 0; k < m * m; k++)
        out[k] = k / m == k % m;
    for (; node != top; node = parent[node]) {
        memcpy(before, out, sizeof before);
        for (int a = 0; a < m; a++)
            for (int b = 0; b < m; b++) {
                out[a * m + b] = 0;
                for (int k = 0; k < m; k++)
                    out[a * m + b] += tree_transition(tree, node, a, k) * before[k * m + b];
            }
    }
}

/* P(u, v) = sum_a P(a) P(u | a) P(v | a) over the states of their lowest common ancestor, which is
 * uniform as every node is. */
static void predicted_law(const struct tree *tree, const size_t *parent, size_t u, size_t v,
                          double *out)
{
    const int m = tree->states;
    double down_u[MOST_STATES * MOST_STATES], down_v[MOST_STATES * MOST_STATES];
    size_t top = u, other = v;
    while (top != other) {
        size_t *lower = top > other ? &top : &other;
        *lower = parent[*lower];
    }
    path_matrix(tree, parent, top, u, down_u);
    path_matrix(tree, parent, top, v, down_v);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++) {
            out[i * m + j] = 0;
            for (int a = 0; a < m; a++)
                out[i * m + j] += down_u[a * m + i] * down_v[a * m + j] / m;
        }
}

static size_t predicted_laws(const struct tree *tree, double *out)
{
    size_t parent[MOST_NODES], cells = (size_t)tree->states * (size_t)tree->states, count = 0;
    latent_parents(tree, parent);
    for (size_t u = 0; u < tree->nodes; u++)
        for (size_t v = 0; v < u; v++, count += cells)
            predicted_law(tree, parent, u, v, out + count);
    return count;
}

static void joint_laws(const struct tree *tree, const double *joint, size_t assignments,
                       double *out)
{
    const size_t m = (size_t)tree->states, nodes = tree->nodes;
    size_t digit[MOST_NODES];
    memset(out, 0, nodes * (nodes - 1) / 2 * m * m * sizeof *out);
    for (size_t z = 0; z < assignments; z++) {
        double *cell = out;
        for (size_t i = nodes, rest = z; i-- > 0; rest /= m)
            digit[i] = rest % m;
        for (size_t u = 0; u < nodes; u++)
            for (size_t v = 0; v < u; v++, cell += m * m)
                cell[digit[u] * m + digit[v]] += joint[z];
    }
}

static enum status compare_laws(const struct trial *trial, const struct tree *tree,
                                struct reading *reading)
{
    enum { CELLS = MOST_NODES * MOST_NODES / 2 * MOST_STATES * MOST_STATES };
    double *joint, *measured = malloc(2 * CELLS * sizeof *measured);
    size_t assignments;
    if (!measured)
        return error_memory(trial->err, "the laws of pairs");
    enum status status = joint_enumerate(tree, &joint, &assignments, trial->err);
    if (!status) {
        double *predicted = measured + CELLS;
        size_t count = predicted_laws(tree, predicted);
        joint_laws(tree, joint, assignments, measured);
        plant(trial, measured, count);
        reading->error = relative_error(measured, predicted, count);
        latent_tilt(tree, root_tilt(trial), joint, assignments);
        joint_laws(tree, joint, assignments, measured);
        plant(trial, measured, count);
        reading->control[0] = relative_error(measured, predicted, count);
        free(joint);
    }
    free(measured);
    return status;
}

static enum status measure_laws(const struct trial *trial, struct reading *reading)
{
    const struct latent_settings *s = trial->settings;
    int states = 2 + trial->instance % (MOST_STATES - 1);
    struct tree_wish wish = {
        .states = states, .nodes = latent_joint_nodes(s, states), .edges = latent_at_edge(trial)};
    struct tree *tree;
    enum status status = latent_tree(trial->rng, s, wish, &tree, trial->err);
    if (status)
        return status;
    status = compare_laws(trial, tree, reading);
    tree_free(tree);
    return status;
}

/* ---- the sampler ---- */

/* Draw samples and call `add` on the states of each block, [node][BLOCK], all nodes. */
static enum status each_block(const struct trial *trial, const struct tree *tree, size_t blocks,
                              void (*add)(const struct tree *, const uint8_t *state, double *sums),
                              double *sums)
{
    void *states = malloc(sample_size(tree));
    uint8_t *state = malloc(tree->nodes * BLOCK);
    struct draw draw = {.seed = gsl_rng_get(trial->rng), .purpose = PURPOSE_CLAIM};
    enum status status = states && state ? STATUS_OK : error_memory(trial->err, "samples");
    for (size_t b = 0; !status && b < blocks; b++) {
        draw.block = b;
        sample_tree(tree, draw, states);
        sample_unpack(tree, states, 0, tree->nodes, state, BLOCK);
        add(tree, state, sums);
    }
    free(states);
    free(state);
    return status;
}

static size_t block_count(const struct trial *trial)
{
    return (size_t)((const struct latent_settings *)trial->settings)->samples / BLOCK;
}

/* Another tree, where a change of polarity does not show in this one. */
static enum status redraw(const struct trial *trial, int *made)
{
    enum status status = claim_redraw(trial, made, "tree");
    if (status != STATUS_INVALID)
        return status;
    return error_set(trial->err, STATUS_INVALID,
                     "no tree in %d draws shows a polarity changed by 0.05 in %zu samples; more "
                     "samples show it",
                     CLAIM_DRAWS, block_count(trial) * BLOCK);
}

/* Counts of leaf patterns, in the order of the support. */
static void add_patterns(const struct tree *tree, const uint8_t *state, double *count)
{
    const uint8_t *leaf = state + tree->first[tree->depth] * BLOCK;
    for (size_t lane = 0; lane < BLOCK; lane++) {
        size_t pattern = 0;
        for (size_t i = 0; i < tree_leaves(tree); i++)
            pattern = pattern * (size_t)tree->states + leaf[i * BLOCK + lane];
        count[pattern]++;
    }
}

/* sum_x (p(x) - p'(x))^2 / p'(x): times the samples, this is how much chi-square grows if p' is
 * taken for p. */
static double divergence(const struct support *truth, const struct support *other)
{
    double sum = 0;
    for (size_t x = 0; x < truth->count; x++) {
        double difference = truth->probability[x] - other->probability[x];
        sum += difference * difference / other->probability[x];
    }
    return sum;
}

/* The leaf patterns of the tree with one polarity changed, where the change shows most. */
static enum status changed_support(struct tree *tree, const struct support *truth,
                                   struct support **out, struct error *err)
{
    enum status status = STATUS_OK;
    *out = NULL;
    for (size_t node = 1; !status && node < tree->nodes; node++) {
        struct support *other;
        double before = tree->polarity[node];
        tree->polarity[node] += latent_shift(tree, node);
        status = support_create(&other, tree, err);
        tree->polarity[node] = before;
        if (status)
            break;
        bool better = !*out || divergence(truth, other) > divergence(truth, *out);
        support_free(better ? *out : other);
        *out = better ? other : *out;
    }
    if (!status && !*out)
        status = error_set(err, STATUS_INVALID, "a tree without edges has no polarity to change");
    return status;
}

/* p-value of the counts under the probabilities of a support. */
static double pattern_p(const struct support *support, const double *count, size_t samples,
                        double *expected)
{
    for (size_t x = 0; x < support->count; x++)
        expected[x] = support->probability[x] * (double)samples;
    return chi_square_p(count, expected, support->count, 0);
}

/* A tree, its leaf patterns and those with one polarity changed, such that the change moves
 * chi-square by many times its noise. */
struct pattern_case {
    struct tree *tree;
    struct support *support, *changed;
};

static void free_patterns(struct pattern_case *c)
{
    tree_free(c->tree);
    support_free(c->support);
    support_free(c->changed);
    *c = (struct pattern_case){.tree = NULL};
}

static enum status draw_patterns(const struct trial *trial, int states, struct pattern_case *c)
{
    enum { SHIFT = 300 };
    struct tree_wish wish = {.states = states, .leaves = states == 2 ? 6 : 4, .low = 0.5};
    for (int made = 0;;) {
        *c = (struct pattern_case){.tree = NULL};
        enum status status = latent_tree(trial->rng, trial->settings, wish, &c->tree, trial->err);
        if (!status)
            status = support_create(&c->support, c->tree, trial->err);
        if (!status)
            status = changed_support(c->tree, c->support, &c->changed, trial->err);
        if (!status &&
            (double)(block_count(trial) * BLOCK) * divergence(c->support, c->changed) > SHIFT)
            return STATUS_OK;
        free_patterns(c);
        if (!status)
            status = redraw(trial, &made);
        if (status)
            return status;
    }
}

static enum status measure_patterns(const struct trial *trial, struct reading *reading)
{
    struct pattern_case c;
    enum status status = draw_patterns(trial, 2 + trial->instance % 2, &c);
    if (status)
        return status;
    size_t samples = block_count(trial) * BLOCK, patterns = c.support->count;
    double *count = calloc(2 * patterns, sizeof *count);
    status = count ? each_block(trial, c.tree, block_count(trial), add_patterns, count)
                   : error_memory(trial->err, "counts");
    if (!status) {
        plant(trial, count, patterns);
        reading->error = pattern_p(c.support, count, samples, count + patterns);
        reading->control[0] =
            pattern_p(trial->restored ? c.support : c.changed, count, samples, count + patterns);
    }
    free(count);
    free_patterns(&c);
    return status;
}

/* Sums of nodes as +-1, then of products of pairs of leaves. */
static void add_moments(const struct tree *tree, const uint8_t *state, double *sums)
{
    for (size_t i = 0; i < tree->nodes; i++, sums++)
        for (size_t lane = 0; lane < BLOCK; lane++)
            *sums += state[i * BLOCK + lane] ? 1 : -1;
    for (size_t i = tree->first[tree->depth]; i < tree->nodes; i++)
        for (size_t k = tree->first[tree->depth]; k < i; k++, sums++)
            for (size_t lane = 0; lane < BLOCK; lane++)
                *sums += state[i * BLOCK + lane] == state[k * BLOCK + lane] ? 1 : -1;
}

/* p-value of the largest deviation from the tree's moments in standard errors, corrected for their
 * number.  The mean of samples +-1 with expectation r has variance (1 - r^2) / samples. */
static double moment_p(const struct tree *tree, const double *sums, size_t samples)
{
    size_t parent[MOST_NODES], count = tree->nodes;
    double largest = 0;
    latent_parents(tree, parent);
    for (size_t i = 0; i < tree->nodes; i++)
        largest = larger(largest, fabs(sums[i]) / sqrt((double)samples));
    for (size_t i = tree->first[tree->depth]; i < tree->nodes; i++)
        for (size_t k = tree->first[tree->depth]; k < i; k++, count++) {
            double r = path_product(tree, parent, i, k);
            double deviation = fabs(sums[count] / (double)samples - r);
            largest = larger(largest, deviation / sqrt((1 - r * r) / (double)samples));
        }
    return smaller(1, (double)count * erfc(largest / sqrt(2)));
}

/* The leaf whose edge, changed by 0.05, moves a correlation by most standard errors; how many. */
static size_t telling_leaf(const struct tree *tree, size_t samples, double *distance)
{
    size_t parent[MOST_NODES], first = tree->first[tree->depth], best = first;
    latent_parents(tree, parent);
    *distance = 0;
    for (size_t i = first; i < tree->nodes; i++)
        for (size_t k = first; k < tree->nodes; k++) {
            double r = i == k ? 0 : path_product(tree, parent, i, k);
            double moved = 0.05 * fabs(r / tree->polarity[i]);
            double here = moved * sqrt((double)samples / (1 - r * r));
            best = here > *distance ? i : best;
            *distance = fmax(*distance, here);
        }
    return best;
}

static enum status draw_moments(const struct trial *trial, struct tree **tree, size_t *leaf)
{
    enum { DISTANCE = 12 };
    struct tree_wish wish = {.leaves = 8, .nodes = 16};
    size_t samples = block_count(trial) * BLOCK;
    for (int made = 0;;) {
        double distance;
        enum status status = latent_tree(trial->rng, trial->settings, wish, tree, trial->err);
        if (status)
            return status;
        *leaf = telling_leaf(*tree, samples, &distance);
        if (distance > DISTANCE)
            return STATUS_OK;
        tree_free(*tree);
        status = redraw(trial, &made);
        if (status)
            return status;
    }
}

static enum status measure_moments(const struct trial *trial, struct reading *reading)
{
    struct tree *tree;
    size_t leaf, blocks = block_count(trial);
    double sums[MOST_NODES * MOST_NODES] = {0};
    enum status status = draw_moments(trial, &tree, &leaf);
    if (status)
        return status;
    status = each_block(trial, tree, blocks, add_moments, sums);
    if (!status) {
        size_t leaves = tree_leaves(tree);
        plant(trial, sums + tree->nodes, leaves * (leaves - 1) / 2);
        reading->error = moment_p(tree, sums, blocks * BLOCK);
        tree->polarity[leaf] += trial->restored ? 0 : latent_shift(tree, leaf);
        reading->control[0] = moment_p(tree, sums, blocks * BLOCK);
    }
    tree_free(tree);
    return status;
}

/* ---- the claim ---- */

static const struct part parts[] = {
    {.statement = "correlations: corr(z_u, z_v) = product of rho along the path, m = 2",
     .measured = "Correlation of every pair of nodes, as +-1, summed over the joint distribution "
                 "of all nodes.",
     .controls = {"a root that is not uniform"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 40, .quick = 6, .cost = 0.0003},
     .measure = measure_correlations},
    {.statement = "joint laws: P(z_u, z_v) = product of transition matrices along the path, from "
                  "a uniform common ancestor; m = 2, 3, 4",
     .measured = "Law of every pair of nodes, summed over the joint distribution of all nodes.",
     .controls = {"a root that is not uniform"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 42, .quick = 6, .cost = 0.0003},
     .measure = measure_laws},
    {.statement = "sampler, leaf patterns: chi-square of all patterns of a small tree, m = 2, 3",
     .measured = "p-value of the counts of sampled leaf patterns against their exact "
                 "probabilities; the smallest, times the number of instances, above 1e-4.",
     .controls = {"the polarity of one edge changed by 0.05, that which shows most"},
     .kind = PART_TEST,
     .plan = {.instances = 20, .quick = 4, .cost = 0.05},
     .measure = measure_patterns},
    {.statement = "sampler, moments: mean of every node and correlation of every pair of leaves, "
                  "m = 2",
     .measured = "p-value of the largest deviation in units of the standard error (about 5 at "
                 "1e-4), corrected for the number of moments and instances.",
     .controls = {"the polarity of one leaf's edge changed by 0.05, that which shows most"},
     .kind = PART_TEST,
     .plan = {.instances = 20, .quick = 4, .cost = 0.1},
     .measure = measure_moments},
};

const struct claim claim_hltm_1 = {
    .about = {.name = "HLTM-1",
              .doc = "In a latent tree the joint law of two variables depends only on the path "
                     "between them: it is the product of the transition matrices along it, which "
                     "for binary variables makes their correlation the product of the polarities. "
                     "The sampler draws from this law.",
              .source = "[DDN] Sec. 6",
              LATENT_SETTINGS},
    .title = "Moments of the latent tree",
    .formula = "corr(z_u, z_v) = prod of rho along the path from u to v",
    .hypotheses = "Uniform root; symmetric channels, so that every node is uniform. Any depth, "
                  "numbers of children and polarities of either sign.",
    ALL_PARTS(parts),
};
