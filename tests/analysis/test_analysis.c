/* Protects analysis/: connections, covariance operators, correlations, and the measurements of
 * all of them, against plain sums and differences. */
#include "analysis/latent_measure.h"
#include "core/linalg.h"
#include "core/random.h"
#include "hltm/exact.h"
#include "sim/data/sources/sources.h"
#include "sim/net/kinds/kinds.h"
#include "tests/kit/arena.h"
#include "tests/kit/numbers.h"
#include "tests/kit/testing.h"
#include "tests/kit/trained.h"

#include <lapacke.h>
#include <omp.h>

/* ---- a tree, a network on it, a measurement ---- */

static const struct kit_shape shapes[] = {
    {.depth = 2, .children = {2, 2}, .states = 2, .width = 3},
    {.depth = 3, .children = {2, 2, 2}, .states = 2, .width = 3},
    {.depth = 4, .children = {2, 2, 2, 2}, .states = 2, .width = 2},
    {.depth = 3, .children = {3, 2, 1}, .states = 2, .width = 5},
    {.depth = 2, .children = {2, 2}, .states = 3, .width = 3},
    {.depth = 3, .children = {2, 1, 3}, .states = 3, .width = 2},
    {.depth = 2, .children = {1, 2}, .states = 4, .width = 4},
    {.depth = 1, .children = {3}, .states = 2, .width = 4},
    {.depth = 2, .children = {3, 2}, .states = 2, .layers = {5, 4, 3}, .layer_count = 3},
    {.depth = 2, .children = {2, 2}, .states = 3, .layers = {4, 2}, .layer_count = 2},
    {.depth = 3, .children = {2, 2, 2}, .states = 2, .layers = {3}, .layer_count = 1},
};

enum { SHAPES = sizeof shapes / sizeof *shapes };

struct lab {
    struct kit_options options;
    void *world;
    const struct tree *tree;
    struct network network;
    double *parameters;
    struct latent_measure measure;
    struct arena arena;
    bool laid_out;
};

/* Polarities are drawn from [lo, hi], or all `hi` if lo is negative. */
static void open_lab(struct lab *lab, const struct kit_shape *shape, struct kit_options options,
                     double lo, double hi, uint64_t seed)
{
    struct kit_tree tree = {.depth = shape->depth,
                            .states = shape->states,
                            .low = fmax(lo, 0),
                            .high = hi,
                            .seed = seed};
    memcpy(tree.children, shape->children, sizeof tree.children);
    *lab = (struct lab){.options = options, .world = kit_open_tree(&tree)};
    lab->tree = lab->world;
    kit_build(&lab->network, shape, options);
    lab->parameters = allocate(lab->network.parameters, sizeof(double));
    kit_fill(lab->parameters, lab->network.parameters, 1, seed, 0, 0);
}

static void lay_out(struct lab *lab, size_t columns, int threads)
{
    struct latent_plan plan = {.network = &lab->network,
                               .tree = lab->tree,
                               .columns = columns,
                               .correlation = true,
                               .covop = true,
                               .spectrum = true,
                               .threads = threads,
                               .source = &source_hltm,
                               .world = lab->world};
    if (lab->laid_out)
        arena_free(&lab->arena);
    KIT_LAY_OUT(&lab->arena, pass, latents_layout(&lab->measure, &plan, pass));
    lab->laid_out = true;
}

static void close_lab(struct lab *lab)
{
    source_hltm.close(lab->world);
    free(lab->parameters);
    if (lab->laid_out)
        arena_free(&lab->arena);
}

/* ---- weighted samples with all latents ---- */

struct data {
    size_t count;
    double *weight; /* [count] */
    uint8_t *state; /* [node][count] */
};

static struct data make_data(const struct tree *tree, size_t count)
{
    struct data data = {count, allocate(count, sizeof(double)), calloc(tree->nodes * count, 1)};
    assert_non_null(data.state);
    return data;
}

static void free_data(struct data *data)
{
    free(data->weight);
    free(data->state);
}

/* Independent states, roots with unequal probabilities; the label `absent` does not occur. */
static struct data random_data(const struct tree *tree, size_t count, int absent, uint64_t seed)
{
    struct data data = make_data(tree, count);
    struct stream stream;
    stream_open(&stream, seed, PURPOSE_TEST, 77, 0);
    for (size_t i = 0; i < tree->nodes * count; i++) {
        double u = stream_uniform(&stream);
        int z = (int)((i < count ? u * u : u) * tree->states);
        data.state[i] = (uint8_t)(i < count && z == absent ? (z + 1) % tree->states : z);
    }
    for (size_t i = 0; i < count; i++)
        data.weight[i] = 1;
    return data;
}

/* Every assignment of all nodes with its probability. */
static struct data joint_data(const struct tree *tree)
{
    double *probability;
    size_t count;
    struct error err;
    check_ok(joint_enumerate(tree, &probability, &count, &err), &err);
    struct data data = make_data(tree, count);
    for (size_t i = 0; i < count; i++) {
        size_t digits = i;
        data.weight[i] = probability[i];
        for (size_t node = tree->nodes; node-- > 0; digits /= (size_t)tree->states)
            data.state[node * count + i] = (uint8_t)(digits % (size_t)tree->states);
    }
    free(probability);
    return data;
}

/* ---- plain evaluation by the definition in sim/net/network.h ---- */

enum { PLAIN_LEVELS = 6, PLAIN_ROWS = 64 };

struct plain {
    double pre[PLAIN_LEVELS][PLAIN_ROWS], act[PLAIN_LEVELS + 1][PLAIN_ROWS];
};

/* Forward with `nudge` added to the pre-activation of one neuron. */
static void plain_forward(const struct network *n, const double *w, const uint8_t *leaf,
                          size_t stride, int nudged_level, size_t nudged_neuron, double nudge,
                          struct plain *p)
{
    for (size_t i = 0; i < n->leaves; i++)
        for (int k = 0; k < n->leaf_width; k++)
            p->act[n->levels][i * (size_t)n->leaf_width + (size_t)k] =
                n->leaf_states == 2 ? leaf[i * stride] : leaf[i * stride] == k;
    for (int l = n->levels - 1; l >= 0; l--) {
        size_t width = (size_t)n->level[l].width, fan_in = (size_t)n->level[l].fan_in;
        for (size_t neuron = 0; neuron < n->level[l].nodes * width; neuron++) {
            const double *in = p->act[l + 1] + neuron / width * fan_in;
            double sum = n->bias ? w[n->level[l].biases + neuron] : 0;
            for (size_t a = 0; a < fan_in; a++)
                sum += w[n->level[l].weights + neuron * fan_in + a] * in[a];
            if (l == nudged_level && neuron == nudged_neuron)
                sum += nudge;
            p->pre[l][neuron] = sum;
            p->act[l][neuron] = n->relu && sum < 0 ? 0 : sum;
        }
    }
}

static const double nudge_size = 1e-5;

/* d f_0[o] / d pre-activation of one neuron, by the difference of two nudges. */
static void plain_jacobian(const struct lab *lab, const uint8_t *leaf, size_t stride, int level,
                           size_t neuron, double nudge, double *out)
{
    struct plain up, down;
    plain_forward(&lab->network, lab->parameters, leaf, stride, level, neuron, nudge, &up);
    plain_forward(&lab->network, lab->parameters, leaf, stride, level, neuron, -nudge, &down);
    for (int o = 0; o < lab->network.level[0].width; o++)
        out[o] = (up.pre[0][o] - down.pre[0][o]) / (2 * nudge);
}

/* Whether no gate is so near its threshold that a nudge switches it. */
static bool is_smooth(const struct lab *lab, const struct data *data)
{
    const struct network *n = &lab->network;
    const uint8_t *leaf = data->state + lab->tree->first[lab->tree->depth] * data->count;
    for (size_t i = 0; n->relu && i < data->count; i++) {
        struct plain plain;
        plain_forward(n, lab->parameters, leaf + i, data->count, -1, 0, 0, &plain);
        for (int l = 1; l < n->levels; l++)
            for (size_t r = 0; r < n->level[l].nodes * (size_t)n->level[l].width; r++)
                if (plain.pre[l][r] != 0 && fabs(plain.pre[l][r]) < 10 * nudge_size)
                    return false;
    }
    return true;
}

/* ---- expected measurements ---- */

struct expected {
    double *connection, *probability, *correlation;
    bool sign_is_open; /* one of three states is absent: the other two correlate as + and - r */
};

/* Add weight K of one sample: K[(o, k), a] = J[o, k] f[a]. */
static void add_connection(const struct lab *lab, const struct data *data, size_t i, double *out)
{
    const struct network *n = &lab->network;
    const uint8_t *leaf = data->state + lab->tree->first[lab->tree->depth] * data->count + i;
    struct plain plain;
    plain_forward(n, lab->parameters, leaf, data->count, -1, 0, 0, &plain);
    for (int l = 0; l < n->levels; l++) {
        size_t width = (size_t)n->level[l].width, fan_in = (size_t)n->level[l].fan_in;
        for (size_t neuron = 0; neuron < n->level[l].nodes * width; neuron++) {
            double jacobian[16];
            bool shut = n->relu && l > 0 && plain.pre[l][neuron] == 0; /* a gate is closed at 0 */
            plain_jacobian(lab, leaf, data->count, l, neuron, nudge_size, jacobian);
            size_t node = neuron / width, k = neuron % width;
            double *k_sum =
                out + connection_offset(&lab->measure.connection_plan, l, node, data->state[i]);
            for (size_t o = 0; o < (size_t)n->level[0].width; o++)
                for (size_t a = 0; a < fan_in; a++)
                    k_sum[(o * width + k) * fan_in + a] +=
                        shut ? 0
                             : data->weight[i] * jacobian[o] * plain.act[l + 1][node * fan_in + a];
        }
    }
}

static void expect_connection(const struct lab *lab, const struct data *data,
                              struct expected *expected)
{
    const struct connection_plan *plan = &lab->measure.connection_plan;
    expected->connection = allocate(connection_size(plan), sizeof(double));
    expected->probability = allocate((size_t)lab->tree->states, sizeof(double));
    double total = 0;
    for (size_t i = 0; i < data->count; i++) {
        add_connection(lab, data, i, expected->connection);
        expected->probability[data->state[i]] += data->weight[i];
        total += data->weight[i];
    }
    for (int l = 0; l < lab->network.levels; l++)
        for (size_t node = 0; node < lab->network.level[l].nodes; node++)
            for (int s = 0; s < lab->tree->states; s++) {
                size_t first = connection_offset(plan, l, node, s);
                size_t end =
                    first + connection_offset(plan, l, 0, 1) - connection_offset(plan, l, 0, 0);
                for (size_t k = first; k < end && expected->probability[s] > 0; k++)
                    expected->connection[k] /= expected->probability[s];
            }
    for (int s = 0; s < lab->tree->states; s++)
        expected->probability[s] /= total;
}

/* Weighted Pearson correlation of x and the indicator of z = s; 0 for a constant x, NaN for a
 * constant indicator. */
static double plain_pearson(const struct data *data, const double *x, const uint8_t *z, int s)
{
    double total = 0, mx = 0, mz = 0, xx = 0, zz = 0, xz = 0;
    for (size_t i = 0; i < data->count; i++) {
        total += data->weight[i];
        mx += data->weight[i] * x[i];
        mz += data->weight[i] * (z[i] == s);
    }
    mx /= total;
    mz /= total;
    for (size_t i = 0; i < data->count; i++) {
        double dx = x[i] - mx, dz = (z[i] == s) - mz, weight = data->weight[i] / total;
        xx += weight * dx * dx;
        zz += weight * dz * dz;
        xz += weight * dx * dz;
    }
    return zz < 1e-24 ? NAN : xx < 1e-24 ? 0 : xz / sqrt(xx * zz);
}

/* Of one neuron with one latent: state 1 of 2, else the state with the largest |correlation|. */
static double plain_correlation(const struct lab *lab, const struct data *data, const double *x,
                                size_t latent)
{
    const uint8_t *z = data->state + latent * data->count;
    if (lab->tree->states == 2)
        return plain_pearson(data, x, z, 1);
    double best = NAN;
    for (int s = 0; s < lab->tree->states; s++) {
        double r = plain_pearson(data, x, z, s);
        best = isnan(best) || fabs(r) > fabs(best) ? r : best;
    }
    return best;
}

/* In the order of analysis/correlation.h: latents level by level, their neurons. */
static void expect_correlation(const struct lab *lab, const struct data *data,
                               struct expected *expected)
{
    const struct network *n = &lab->network;
    const struct tree *tree = lab->tree;
    double *x = allocate(data->count, sizeof(double)), *out;
    expected->correlation = out =
        allocate(correlation_size(&lab->measure.correlation_plan), sizeof(double));
    for (int d = 0; d < tree->depth; d++)
        for (size_t node = 0; node < tree->count[d]; node++) {
            int l = n->mirrors_tree ? d : 0;
            size_t width = (size_t)n->level[l].width;
            for (size_t k = 0; k < width; k++) {
                for (size_t i = 0; i < data->count; i++) {
                    struct plain plain;
                    plain_forward(n, lab->parameters,
                                  data->state + tree->first[tree->depth] * data->count + i,
                                  data->count, -1, 0, 0, &plain);
                    x[i] = plain.pre[l][(n->mirrors_tree ? node * width : 0) + k];
                }
                *out++ = plain_correlation(lab, data, x, tree->first[d] + node);
            }
        }
    free(x);
}

static void free_expected(struct expected *expected)
{
    free(expected->connection);
    free(expected->probability);
    free(expected->correlation);
}

/* ---- explicit operators ---- */

static size_t side_of(struct operator_shape s)
{
    return s.neurons * s.inputs;
}

/* D_s = E[K | s] - E[K], [label][o][k][a] */
static double *deviations(struct operator_shape shape, const double *connection, const double *p)
{
    size_t size = shape.outputs * side_of(shape);
    double *d = allocate(shape.labels * size, sizeof(double));
    for (size_t i = 0; i < size; i++) {
        double mean = 0;
        for (size_t s = 0; s < shape.labels; s++)
            mean += p[s] * connection[s * size + i];
        for (size_t s = 0; s < shape.labels; s++)
            d[s * size + i] = connection[s * size + i] - mean;
    }
    return d;
}

/* [(k, a)][(k', a')] sum_s p_s sum_o D_s[o, k, a] D_s[o, k', a'] */
static double *explicit_operator(struct operator_shape shape, const double *connection,
                                 const double *p)
{
    size_t n = side_of(shape);
    double *d = deviations(shape, connection, p), *op = allocate(n * n, sizeof(double));
    for (size_t s = 0; s < shape.labels; s++)
        for (size_t o = 0; o < shape.outputs; o++)
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++)
                    op[i * n + j] += p[s] * d[(s * shape.outputs + o) * n + i] *
                                     d[(s * shape.outputs + o) * n + j];
    free(d);
    return op;
}

static double frobenius(const double *a, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += a[i] * a[i];
    return sqrt(sum);
}

static double trace_of(const double *a, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i * n + i];
    return sum;
}

/* Eigenvalues, largest first; `a` is destroyed. */
static void eigenvalues(double *a, size_t n, double *value)
{
    double *w = allocate(n, sizeof(double));
    assert_int_equal(LAPACKE_dsyev(LAPACK_ROW_MAJOR, 'N', 'U', (lapack_int)n, a, (lapack_int)n, w),
                     0);
    for (size_t i = 0; i < n; i++)
        value[i] = w[n - 1 - i];
    free(w);
}

static void compare_operator(struct operator_shape shape, const double *connection, const double *p,
                             const char *what)
{
    size_t n = side_of(shape), rank = operator_rank(shape);
    struct operator_summary summary, alone;
    struct error err;
    double *work = allocate(operator_work(shape), sizeof(double)),
           *value = allocate(rank, sizeof(double)), *all = allocate(n, sizeof(double));
    double *op = explicit_operator(shape, connection, p);
    double norm = frobenius(op, n * n), trace = trace_of(op, n);
    check_ok(covariance_operator(shape, connection, p, work, &summary, value, &err), &err);
    check_ok(covariance_operator(shape, connection, p, work, &alone, NULL, &err), &err);
    assert_true(alone.norm == summary.norm && alone.trace == summary.trace);
    if (!(fabs(summary.norm - norm) <= 1e-12 * norm &&
          fabs(summary.trace - trace) <= 1e-12 * trace))
        fail_msg("%s: norm %.15g, not %.15g; trace %.15g, not %.15g", what, summary.norm, norm,
                 summary.trace, trace);
    eigenvalues(op, n, all);
    if (!(kit_apart(value, all, rank) <= 1e-12 * trace))
        fail_msg("%s: eigenvalues are off by %g", what, kit_apart(value, all, rank));
    for (size_t i = 0; i < rank; i++)
        assert_true(value[i] >= 0);
    for (size_t i = rank; i < n; i++) /* the rank bound */
        assert_true(fabs(all[i]) <= 1e-12 * trace);
    free(work);
    free(value);
    free(all);
    free(op);
}

/* Labels, outputs, neurons, inputs; some have more outputs than neurons x inputs. */
static const struct operator_shape operators[] = {
    {2, 3, 4, 5}, {3, 3, 4, 5}, {4, 2, 3, 4}, {2, 10, 2, 2}, {4, 5, 2, 3},
    {3, 1, 1, 1}, {2, 1, 6, 2}, {3, 5, 5, 2}, {3, 6, 1, 5},  {4, 4, 9, 1},
};

enum { OPERATORS = sizeof operators / sizeof *operators };

/* Random E[K | s] and probabilities; P(absent) = 0. */
static double *random_connection(struct operator_shape shape, size_t absent, uint64_t seed,
                                 double *p)
{
    size_t size = shape.labels * shape.outputs * side_of(shape);
    double *connection = allocate(size, sizeof(double)), total = 0;
    kit_fill(connection, size, 1, seed, 1, 0);
    kit_fill(p, shape.labels, 0.45, seed, 2, 0);
    for (size_t s = 0; s < shape.labels; s++)
        total += p[s] = s == absent ? 0 : p[s] + 0.5;
    for (size_t s = 0; s < shape.labels; s++)
        p[s] /= total;
    return connection;
}

static void operator_is_the_variance_written_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < OPERATORS; i++)
        for (uint64_t seed = 0; seed < 5; seed++) {
            double p[4];
            char what[64];
            double *connection = random_connection(operators[i], SIZE_MAX, seed, p);
            snprintf(what, sizeof what, "shape %zu, seed %d", i, (int)seed);
            compare_operator(operators[i], connection, p, what);
            free(connection);
        }
}

static void operator_ignores_a_label_that_never_occurs(void **state)
{
    (void)state;
    for (size_t i = 0; i < OPERATORS; i++)
        for (size_t absent = 0; absent < operators[i].labels; absent++) {
            double p[4];
            char what[64];
            double *connection = random_connection(operators[i], absent, 40 + i, p);
            snprintf(what, sizeof what, "shape %zu without label %zu", i, absent);
            compare_operator(operators[i], connection, p, what);
            free(connection);
        }
}

static void operator_rank_is_at_most_outputs_times_labels_less_one(void **state)
{
    (void)state;
    assert_int_equal(operator_rank((struct operator_shape){2, 3, 4, 5}), 3);
    assert_int_equal(operator_rank((struct operator_shape){4, 3, 4, 5}), 9);
    assert_int_equal(operator_rank((struct operator_shape){4, 10, 2, 3}), 6);
}

/* indices: (output, input), and the neuron */
static void published_norm_is_that_of_the_other_flattening(void **state)
{
    (void)state;
    for (size_t i = 0; i < OPERATORS; i++) {
        struct operator_shape shape = operators[i];
        double p[4], *connection = random_connection(shape, SIZE_MAX, i, p);
        double *d = deviations(shape, connection, p),
               *work = allocate(operator_work(shape), sizeof(double));
        double *op = allocate(shape.neurons * shape.neurons, sizeof(double));
        for (size_t so = 0; so < shape.labels * shape.outputs; so++)
            for (size_t k = 0; k < shape.neurons; k++)
                for (size_t j = 0; j < shape.neurons; j++)
                    for (size_t a = 0; a < shape.inputs; a++)
                        op[k * shape.neurons + j] +=
                            p[so / shape.outputs] * d[(so * shape.neurons + k) * shape.inputs + a] *
                            d[(so * shape.neurons + j) * shape.inputs + a];
        double norm = frobenius(op, shape.neurons * shape.neurons);
        double published = published_operator_norm(shape, connection, p, work);
        if (!(fabs(published - norm) <= 1e-12 * norm))
            fail_msg("shape %zu: %.15g, not %.15g", i, published, norm);
        free(connection);
        free(d);
        free(work);
        free(op);
    }
}

static void operator_refuses_nan(void **state)
{
    (void)state;
    struct operator_shape shape = operators[0];
    struct operator_summary summary;
    struct error err;
    double p[4], value[8], *connection = random_connection(shape, SIZE_MAX, 3, p);
    double *work = allocate(operator_work(shape), sizeof(double));
    connection[7] = NAN;
    assert_int_equal(covariance_operator(shape, connection, p, work, &summary, value, &err),
                     STATUS_DIVERGED);
    assert_true(isnan(summary.norm));
    free(connection);
    free(work);
}

/* ---- connections and correlations of given samples ---- */

static void describe(const struct lab *lab, char *out, size_t size)
{
    snprintf(out, size, "%s, depth %d, %d states, %s%s, boundary %d of %d",
             lab->network.mirrors_tree ? "tree" : "mlp", lab->tree->depth, lab->tree->states,
             lab->options.linear ? "linear" : "relu", lab->options.bias ? " with bias" : "",
             lab->measure.tables.boundary, lab->network.levels);
}

/* With one label alone, operators have not been measured. */
static bool operator_is_known(const struct latent_measure *m, int level, size_t node, size_t labels)
{
    const size_t rank = operator_rank(latents_shape(m, level));
    size_t lost = 0, met = 0;
    for (size_t i = 0; i < rank; i++)
        lost += isnan(m->eigenvalue[level][node * rank + i]) ? 1 : 0;
    lost += isnan(m->norm[level][node]) ? 1 : 0;
    lost += isnan(m->trace[level][node]) ? 1 : 0;
    for (size_t s = 0; s < labels; s++)
        met += m->probability[s] > 0;
    if (met < 2 && lost != rank + 2)
        fail_msg("an operator of one label: %zu of %zu numbers are NaN", lost, rank + 2);
    return met >= 2;
}

/* E[K | label], the labels' probabilities, and the operators that follow from them. */
static void compare_connection(const struct lab *lab, const struct expected *expected)
{
    const struct latent_measure *m = &lab->measure;
    char what[128];
    describe(lab, what, sizeof what);
    if (!(kit_apart(m->probability, expected->probability, (size_t)lab->tree->states) < 1e-13))
        fail_msg("%s: P(label)", what);
    for (int l = 0; l < lab->network.levels; l++)
        for (size_t node = 0; node < lab->network.level[l].nodes; node++) {
            struct operator_shape shape = latents_shape(m, l);
            size_t first = connection_offset(&m->connection_plan, l, node, 0);
            size_t count = shape.labels * shape.outputs * side_of(shape), n = side_of(shape);
            const double *connection = m->connection + first;
            double error = kit_apart(connection, expected->connection + first, count);
            if (!(error <= 1e-9 * kit_largest(expected->connection + first, count) + 1e-10))
                fail_msg("%s: E[K] of node %zu of level %d is off by %g", what, node, l, error);
            if (!operator_is_known(m, l, node, shape.labels))
                continue;
            double *op = explicit_operator(shape, connection, m->probability);
            double norm = frobenius(op, n * n), trace = trace_of(op, n);
            double rounding = 1e-12 * trace + 1e-28;
            if (!(fabs(m->norm[l][node] - norm) <= rounding &&
                  fabs(m->trace[l][node] - trace) <= rounding))
                fail_msg("%s: the operator of node %zu of level %d: norm %g, not %g", what, node, l,
                         m->norm[l][node], norm);
            double *value = allocate(n, sizeof(double));
            size_t rank = operator_rank(shape);
            eigenvalues(op, n, value);
            if (!(kit_apart(m->eigenvalue[l] + node * rank, value, rank) <= rounding))
                fail_msg("%s: eigenvalues of node %zu of level %d", what, node, l);
            free(op);
            free(value);
        }
}

static void compare_correlation(const struct lab *lab, const struct expected *expected)
{
    const struct latent_measure *m = &lab->measure;
    char what[128];
    describe(lab, what, sizeof what);
    for (size_t i = 0; i < correlation_size(&m->correlation_plan); i++) {
        double r = m->correlation[i], plain = expected->correlation[i];
        if (expected->sign_is_open)
            plain = copysign(plain, r);
        if (isnan(plain) ? !isnan(r) : !(fabs(r - plain) <= 1e-11 && fabs(r) <= 1))
            fail_msg("%s: correlation %zu is %.15g, not %.15g", what, i, r, plain);
    }
}

/* Every boundary that occurs for some number of columns; returns their number. */
static int for_each_boundary(struct lab *lab, void (*visit)(struct lab *, void *), void *context)
{
    int last = 0, count = 0;
    for (size_t columns = 1; columns <= 1 << 20; columns *= 2) {
        lay_out(lab, columns, 1);
        if (lab->measure.tables.boundary == last)
            continue;
        last = lab->measure.tables.boundary;
        visit(lab, context);
        count++;
    }
    return count;
}

struct given {
    struct data data;
    struct expected expected;
};

static void visit_given(struct lab *lab, void *context)
{
    struct given *given = context;
    struct error err;
    if (!given->expected.connection) {
        expect_connection(lab, &given->data, &given->expected);
        expect_correlation(lab, &given->data, &given->expected);
    }
    check_ok(latents_from_given(&lab->measure, lab->parameters, given->data.state,
                                given->data.count, given->data.count, &err),
             &err);
    compare_connection(lab, &given->expected);
    compare_correlation(lab, &given->expected);
}

/* Draw parameters and samples at which the network is smooth enough for differences.  The result
 * belongs to the caller. */
static struct given open_given(struct lab *lab, const struct kit_shape *shape,
                               struct kit_options options, int absent)
{
    for (uint64_t seed = 1; seed < 300; seed++) {
        open_lab(lab, shape, options, 0.3, 0.9, seed);
        struct given given = {.data = random_data(lab->tree, 150, absent, seed)};
        if (is_smooth(lab, &given.data))
            return given;
        free_data(&given.data);
        close_lab(lab);
    }
    fail_msg("no smooth parameters");
    return (struct given){.data = {0}};
}

static void check_given(const struct kit_shape *shape, struct kit_options options, int absent)
{
    struct lab lab;
    struct given given = open_given(&lab, shape, options, absent);
    given.expected.sign_is_open = shape->states == 3 && absent >= 0;
    int boundaries = for_each_boundary(&lab, visit_given, &given);
    if (shape->depth > 2 && shape->width) /* so that levels lie above, at and below */
        assert_in_range(boundaries, 2, shape->depth);
    free_data(&given.data);
    free_expected(&given.expected);
    close_lab(&lab);
}

static void connections_and_correlations_of_trees_match_plain_sums(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (int bits = 0; bits < 8 && shapes[i].width; bits++)
            check_given(
                &shapes[i],
                (struct kit_options){.linear = bits & 1, .bias = bits & 2, .normalize = bits & 4},
                -1);
}

static void connections_and_correlations_of_mlps_match_plain_sums(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (int bits = 0; bits < 4 && !shapes[i].width; bits++)
            check_given(&shapes[i], (struct kit_options){.linear = bits & 1, .bias = bits & 2}, -1);
}

static void a_label_that_never_occurs_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (int absent = 0; absent < shapes[i].states; absent++)
            check_given(&shapes[i], (struct kit_options){.bias = true}, absent);
}

/* A neuron with weights 0 is constant; so is one above a level without open gates. */
static void plant_constants(struct lab *lab, bool shut)
{
    const struct network *n = &lab->network;
    for (int l = 0; l < n->levels; l++) {
        size_t fan_in = (size_t)n->level[l].fan_in, width = (size_t)n->level[l].width;
        for (size_t node = 0; node < n->level[l].nodes; node++) {
            memset(lab->parameters + weight_offset(n, l, node), 0, fan_in * sizeof(double));
            lab->parameters[bias_offset(n, l, node)] = 1.0 / 3;
            for (size_t k = 0; shut && l == n->levels - 1 && k < width; k++)
                lab->parameters[bias_offset(n, l, node) + k] = -100;
        }
    }
}

static void visit_constants(struct lab *lab, void *context)
{
    const struct data *data = context;
    const struct correlation_plan *plan = &lab->measure.correlation_plan;
    struct error err;
    for (int shut = 0; shut < 2; shut++) {
        plant_constants(lab, shut);
        check_ok(latents_from_given(&lab->measure, lab->parameters, data->state, data->count,
                                    data->count, &err),
                 &err);
        for (int d = 0; d < lab->tree->depth; d++)
            for (size_t i = 0; i < lab->tree->count[d]; i++) {
                size_t width = (size_t)correlation_width(plan, d);
                const double *r =
                    lab->measure.correlation + correlation_offset(plan, d) + i * width;
                bool above = lab->network.mirrors_tree ? d + 1 < lab->network.levels
                                                       : lab->network.levels > 1;
                for (size_t k = 0; k < (shut && above ? width : 1); k++)
                    if (r[k] != 0)
                        fail_msg("constant neuron %zu of level %d: %g", k, d, r[k]);
            }
    }
}

static void constant_neurons_have_correlation_exactly_0(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++) {
        struct lab lab;
        open_lab(&lab, &shapes[i], (struct kit_options){.bias = true}, 0.3, 0.9, 5 + i);
        struct data data = random_data(lab.tree, 777, -1, 5 + i);
        for_each_boundary(&lab, visit_constants, &data);
        free_data(&data);
        close_lab(&lab);
    }
}

static void visit_copies(struct lab *lab, void *context)
{
    const struct data *data = context;
    const struct correlation_plan *plan = &lab->measure.correlation_plan;
    struct error err;
    int d = lab->tree->depth - 1;
    check_ok(latents_from_given(&lab->measure, lab->parameters, data->state, data->count,
                                data->count, &err),
             &err);
    for (size_t i = 0; i < lab->tree->count[d]; i++)
        for (size_t k = 0; k < 2; k++) {
            size_t width = (size_t)correlation_width(plan, d);
            double r = lab->measure.correlation[correlation_offset(plan, d) + i * width + k];
            if (!(fabs(r) <= 1 && fabs(r - (k ? -1 : 1)) <= 1e-13))
                fail_msg("a copy has correlation %.17g", r);
        }
}

/* A neuron that equals its latent, in odd units, and one that equals its negative. */
static void a_copy_of_the_latent_has_correlation_1_and_no_more(void **state)
{
    (void)state;
    for (size_t shape = 0; shape < 4; shape++) {
        struct lab lab;
        open_lab(&lab, &shapes[shape], (struct kit_options){.bias = true}, 0.3, 0.9, 9);
        const struct tree *tree = lab.tree;
        struct data data = random_data(tree, 1001, -1, 9);
        int l = tree->depth - 1;
        size_t fan_in = (size_t)lab.network.level[l].fan_in;
        for (size_t i = 0; i < tree->count[l]; i++) {
            size_t first_leaf = tree->first[l + 1] + i * (size_t)tree->children[l];
            memcpy(data.state + first_leaf * data.count,
                   data.state + (tree->first[l] + i) * data.count, data.count);
            double *w = lab.parameters + weight_offset(&lab.network, l, i);
            memset(w, 0, 2 * fan_in * sizeof *w);
            w[0] = 0.1;
            w[fan_in] = -1e3 / 7;
        }
        for_each_boundary(&lab, visit_copies, &data);
        free_data(&data);
        close_lab(&lab);
    }
}

/* The measurement of a network with NaN must not look healthy. */
static void nan_shows(void **state)
{
    (void)state;
    for (size_t columns = 1; columns <= 4096; columns *= 4096)
        for (int level = 0; level < 3; level++) {
            struct lab lab;
            struct error err;
            open_lab(&lab, &shapes[1], (struct kit_options){.bias = true}, 0.3, 0.9, 3);
            struct data data = random_data(lab.tree, 200, -1, 3);
            lay_out(&lab, columns, 1);
            lab.parameters[bias_offset(&lab.network, level, 0) + 1] = NAN;
            latents_from_given(&lab.measure, lab.parameters, data.state, data.count, data.count,
                               &err);
            size_t at = correlation_offset(&lab.measure.correlation_plan, level);
            assert_true(isnan(lab.measure.correlation[at + 1]));
            assert_true(!isnan(lab.measure.correlation[at])); /* another neuron of the node */
            lab.parameters[weight_offset(&lab.network, 0, 0)] = NAN;
            assert_int_equal(latents_from_given(&lab.measure, lab.parameters, data.state,
                                                data.count, data.count, &err),
                             STATUS_DIVERGED);
            assert_true(isnan(lab.measure.norm[1][0]));
            free_data(&data);
            close_lab(&lab);
        }
}

/* ---- from a support ---- */

static struct support *support_of(const struct tree *tree)
{
    struct support *support;
    struct error err;
    check_ok(support_create(&support, tree, &err), &err);
    return support;
}

struct exact {
    struct support *support;
    struct data data;
    struct expected expected;
};

static void visit_support(struct lab *lab, void *context)
{
    struct exact *exact = context;
    struct error err;
    if (!exact->expected.connection) {
        expect_connection(lab, &exact->data, &exact->expected);
        expect_correlation(lab, &exact->data, &exact->expected);
    }
    check_ok(latents_from_support(&lab->measure, lab->parameters, exact->support, &err), &err);
    compare_connection(lab, &exact->expected);
    compare_correlation(lab, &exact->expected);
}

static void check_support(const struct kit_shape *shape, struct kit_options options, double lo,
                          double hi)
{
    for (uint64_t seed = 1; seed < 300; seed++) {
        struct lab lab;
        open_lab(&lab, shape, options, lo, hi, seed);
        struct exact exact = {.data = joint_data(lab.tree)};
        bool smooth = is_smooth(&lab, &exact.data);
        if (smooth) {
            exact.support = support_of(lab.tree);
            for_each_boundary(&lab, visit_support, &exact);
            support_free(exact.support);
            free_expected(&exact.expected);
        }
        free_data(&exact.data);
        close_lab(&lab);
        if (smooth)
            return;
    }
    fail_msg("no smooth parameters");
}

static const struct kit_shape small[] = {
    {.depth = 2, .children = {2, 2}, .states = 2, .width = 3},
    {.depth = 3, .children = {2, 1, 2}, .states = 2, .width = 3},
    {.depth = 2, .children = {2, 1}, .states = 3, .width = 3},
    {.depth = 1, .children = {3}, .states = 4, .width = 2},
    {.depth = 2, .children = {2, 2}, .states = 2, .layers = {4, 3}, .layer_count = 2},
    {.depth = 2, .children = {1, 2}, .states = 3, .layers = {4, 3}, .layer_count = 2},
};

static void support_is_the_sum_over_the_joint_distribution(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        check_support(&small[i], (struct kit_options){.bias = true}, 0.3, 0.9);
        check_support(&small[i], (struct kit_options){.linear = true}, 0.3, 0.9);
    }
}

/* Polarity 1 everywhere: most leaf patterns are impossible. */
static void support_of_a_tree_of_copies_is_the_same_sum(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        check_support(&small[i], (struct kit_options){.bias = true}, -1, 1);
}

/* ---- samples against the support ---- */

/* All results of a measurement, in one array. */
static size_t gather(const struct lab *lab, double *out)
{
    const struct latent_measure *m = &lab->measure;
    size_t used = correlation_size(&m->correlation_plan);
    if (out)
        memcpy(out, m->correlation, used * sizeof *out);
    for (int l = 0; l < lab->network.levels; l++)
        for (size_t node = 0; node < lab->network.level[l].nodes; node++, used += 2)
            if (out) {
                out[used] = m->norm[l][node];
                out[used + 1] = m->trace[l][node];
            }
    return used;
}

enum { SEEDS = 40, SAMPLES = 5000 };

static void compare_samples(struct lab *lab, const struct support *support, const char *what)
{
    struct error err;
    lay_out(lab, SAMPLES, 1);
    check_ok(latents_from_support(&lab->measure, lab->parameters, support, &err), &err);
    size_t count = gather(lab, NULL);
    double *exact = allocate(count, sizeof(double)), *one = allocate(count, sizeof(double));
    double *mean = allocate(count, sizeof(double)), *square = allocate(count, sizeof(double));
    gather(lab, exact);
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        check_ok(
            latents_from_samples(&lab->measure, lab->parameters, seed, seed % 3, SAMPLES, &err),
            &err);
        gather(lab, one);
        for (size_t i = 0; i < count; i++) {
            mean[i] += (one[i] - exact[i]) / SEEDS;
            square[i] += (one[i] - exact[i]) * (one[i] - exact[i]) / SEEDS;
        }
    }
    size_t random = 0;
    for (size_t i = 0; i < count; i++) {
        double error = sqrt((square[i] - mean[i] * mean[i]) / (SEEDS - 1));
        if (!(fabs(mean[i]) <= 5 * error + 1e-12))
            fail_msg("%s: result %zu of %zu is %g off; standard error %g", what, i, count, mean[i],
                     error);
        random += error > 1e-6; /* samples, not the support again */
        assert_true(error < 0.1 * (1 + fabs(exact[i])));
    }
    assert_true(2 * random > count);
    free(exact);
    free(one);
    free(mean);
    free(square);
}

static void samples_agree_with_the_support_within_5_standard_errors(void **state)
{
    (void)state;
    static const size_t chosen[] = {0, 1, 4, 8};
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
        struct lab lab;
        char what[32];
        snprintf(what, sizeof what, "shape %zu", chosen[i]);
        open_lab(&lab, &shapes[chosen[i]], (struct kit_options){.bias = true}, 0.7, 0.95, 12);
        struct support *support = support_of(lab.tree);
        compare_samples(&lab, support, what);
        support_free(support);
        close_lab(&lab);
    }
}

/* ---- HLTM-3 and HLTM-4 ---- */

/* a_mu[k] = rho of the edge to the child that owns input k, times its selectivity
 * (E[f_k | z = 1] - E[f_k | z = 0]) / 2.  `level`, `node`: mu; inputs per child: `width`. */
static void selectivities(const struct lab *lab, const struct support *support, int level,
                          size_t node, size_t width, double *a)
{
    const struct tree *tree = lab->tree;
    size_t inputs = width * (size_t)tree->children[level];
    double mean[2][PLAIN_ROWS] = {{0}}, weight[2][PLAIN_ROWS] = {{0}};
    for (size_t x = 0; x < support->count; x++) {
        struct plain plain;
        plain_forward(&lab->network, lab->parameters, support->leaf + x, support->stride, -1, 0, 0,
                      &plain);
        for (size_t k = 0; k < inputs; k++) {
            size_t child = node * (size_t)tree->children[level] + k / width;
            for (size_t z = 0; z < 2; z++) {
                double p =
                    support
                        ->posterior[((tree->first[level + 1] + child) * 2 + z) * support->stride +
                                    x] *
                    support->probability[x];
                mean[z][k] += p * plain.act[level + 1][node * inputs + k];
                weight[z][k] += p;
            }
        }
    }
    for (size_t k = 0; k < inputs; k++) {
        size_t child = node * (size_t)tree->children[level] + k / width;
        a[k] = tree->polarity[tree->first[level + 1] + child] *
               (mean[1][k] / weight[1][k] - mean[0][k] / weight[0][k]) / 2;
    }
}

/* o_mu = product of rho^2 from the root */
static double path_square(const struct tree *tree, int level, size_t node)
{
    double product = 1;
    for (; level > 0; node = tree_parent(tree, level, node), level--)
        product *= pow(tree->polarity[tree->first[level] + node], 2);
    return product;
}

/* If J is the same for every sample: OP = o (a a^T) (x) (J^T J), so its eigenvalues are o |a|^2
 * times the eigenvalues of J^T J. */
static double operator_error(struct lab *lab, const struct support *support, int level, size_t node)
{
    const struct network *n = &lab->network;
    size_t width = (size_t)n->level[level].width, outputs = (size_t)n->level[0].width;
    double a[PLAIN_ROWS], jacobian[16], gram[16 * 16] = {0}, j[16 * 16], value[16];
    selectivities(lab, support, level, node, (size_t)width_of(n, level + 1), a);
    double factor =
        path_square(lab->tree, level, node) * pow(frobenius(a, (size_t)n->level[level].fan_in), 2);
    for (size_t k = 0; k < width; k++) {
        plain_jacobian(lab, support->leaf, support->stride, level, node * width + k, 1, jacobian);
        memcpy(j + k * outputs, jacobian, outputs * sizeof *j);
    }
    for (size_t k = 0; k < width; k++)
        for (size_t q = 0; q < width; q++)
            for (size_t o = 0; o < outputs; o++)
                gram[k * width + q] += factor * j[k * outputs + o] * j[q * outputs + o];
    double norm = frobenius(gram, width * width), trace = trace_of(gram, width);
    eigenvalues(gram, width, value);
    size_t rank = operator_rank(latents_shape(&lab->measure, level));
    double error = fabs(lab->measure.norm[level][node] / norm - 1) +
                   fabs(lab->measure.trace[level][node] / trace - 1);
    return error + kit_distance(lab->measure.eigenvalue[level] + node * rank, value,
                                rank < width ? rank : width);
}

static void linear_operator_is_that_of_hltm_4(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (int bits = 0; bits < 2; bits++) {
            struct lab lab;
            struct error err;
            open_lab(&lab, &shapes[i], (struct kit_options){.linear = true, .bias = bits}, 0.4,
                     0.95, 60 + i);
            struct support *support = support_of(lab.tree);
            lay_out(&lab, support->count, 1);
            check_ok(latents_from_support(&lab.measure, lab.parameters, support, &err), &err);
            for (int l = 0; l < lab.network.levels; l++)
                for (size_t node = 0; node < lab.network.level[l].nodes; node++) {
                    double error = operator_error(&lab, support, l, node);
                    if (!(error <= 1e-9))
                        fail_msg("shape %zu: node %zu of level %d is off by %g", i, node, l, error);
                }
            support_free(support);
            close_lab(&lab);
        }
}

/* In a ReLU network whose gates from mu up are held open by large biases, J is constant too, and
 * the activations below mu are rectified: HLTM-3 for any node. */
static void relu_activations_below_open_gates_follow_hltm_3(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (int level = 0; level < shapes[i].depth; level++) {
            struct lab lab;
            struct error err;
            open_lab(&lab, &shapes[i], (struct kit_options){.bias = true}, 0.4, 0.95, 80 + i);
            const struct network *n = &lab.network;
            for (int l = 1; l <= level; l++)
                for (size_t k = 0; k < n->level[l].nodes * (size_t)n->level[l].width; k++)
                    lab.parameters[n->level[l].biases + k] = pow(20, level - l + 1);
            struct support *support = support_of(lab.tree);
            lay_out(&lab, support->count, 1);
            check_ok(latents_from_support(&lab.measure, lab.parameters, support, &err), &err);
            for (size_t node = 0; node < n->level[level].nodes; node++) {
                double error = operator_error(&lab, support, level, node);
                if (!(error <= 1e-9))
                    fail_msg("shape %zu: node %zu of level %d is off by %g", i, node, level, error);
            }
            support_free(support);
            close_lab(&lab);
        }
}

/* V_{z_0}[E[f | z_0]] of the root's inputs against a a^T, from the root's K = f (x) I. */
static double root_error(const struct lab *lab, const struct support *support, size_t width)
{
    const struct latent_measure *m = &lab->measure;
    size_t inputs = (size_t)lab->network.level[0].fan_in;
    const double *f0 = m->connection + connection_offset(&m->connection_plan, 0, 0, 0);
    const double *f1 = m->connection + connection_offset(&m->connection_plan, 0, 0, 1);
    double a[PLAIN_ROWS], variance[PLAIN_ROWS * PLAIN_ROWS], product[PLAIN_ROWS * PLAIN_ROWS];
    selectivities(lab, support, 0, 0, width, a);
    for (size_t k = 0; k < inputs; k++)
        for (size_t j = 0; j < inputs; j++) {
            variance[k * inputs + j] = (f1[k] - f0[k]) * (f1[j] - f0[j]) / 4;
            product[k * inputs + j] = a[k] * a[j];
        }
    return kit_distance(variance, product, inputs * inputs);
}

/* Controls: a fully connected network with as many neurons as the tree network's node has inputs.
 */
static void only_locally_connected_activations_vary_with_the_root_as_in_hltm_3(void **state)
{
    (void)state;
    for (int linear = 0; linear < 2; linear++)
        for (uint64_t seed = 1; seed < 20; seed++) {
            static const struct kit_shape full = {
                .depth = 2, .children = {2, 2}, .states = 2, .layers = {6, 3}, .layer_count = 2};
            struct lab local, mlp;
            struct error err;
            struct kit_options options = {.linear = linear, .bias = true};
            open_lab(&local, &shapes[0], options, 0.4, 0.95, seed);
            open_lab(&mlp, &full, options, 0.4, 0.95, seed);
            struct support *support = support_of(local.tree);
            lay_out(&local, support->count, 1);
            lay_out(&mlp, support->count, 1);
            check_ok(latents_from_support(&local.measure, local.parameters, support, &err), &err);
            check_ok(latents_from_support(&mlp.measure, mlp.parameters, support, &err), &err);
            double error = root_error(&local, support, 3), control = root_error(&mlp, support, 3);
            if (!(error <= 1e-10 && control > 1e-3))
                fail_msg("seed %d: %g; the control: %g", (int)seed, error, control);
            support_free(support);
            close_lab(&local);
            close_lab(&mlp);
        }
}

/* ---- the ceiling ---- */

/* Largest |correlation| / ceiling over neurons. */
static double ceiling_share(const struct lab *lab, const double *ceiling)
{
    const struct correlation_plan *plan = &lab->measure.correlation_plan;
    double share = 0;
    for (int d = 0; d < lab->tree->depth; d++)
        for (size_t i = 0; i < lab->tree->count[d]; i++)
            for (size_t k = 0; k < (size_t)correlation_width(plan, d); k++) {
                size_t at =
                    correlation_offset(plan, d) + i * (size_t)correlation_width(plan, d) + k;
                double r = fabs(lab->measure.correlation[at]) / ceiling[lab->tree->first[d] + i];
                share = isnan(r) ? INFINITY : fmax(share, r);
            }
    return share;
}

static void no_neuron_exceeds_the_ceiling(void **state)
{
    (void)state;
    static const size_t chosen[] = {0, 1, 3, 4, 8, 9};
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
        struct lab lab;
        struct error err;
        double ceiling[64], top = 0;
        open_lab(&lab, &shapes[chosen[i]], (struct kit_options){.bias = true}, 0.4, 0.9, 70 + i);
        struct support *support = support_of(lab.tree);
        check_ok(ceiling_measure(lab.tree, 1, 0, ceiling, &err), &err);
        lay_out(&lab, support->count, 1);
        lab.measure.plan.covop = lab.measure.plan.spectrum = false;
        for (uint64_t seed = 0; seed < 1000; seed++) {
            kit_fill(lab.parameters, lab.network.parameters, 1, seed, 4, 0);
            check_ok(latents_from_support(&lab.measure, lab.parameters, support, &err), &err);
            double share = ceiling_share(&lab, ceiling);
            if (!(share <= 1 + 1e-10))
                fail_msg("shape %zu, network %d: %.12g of the ceiling", chosen[i], (int)seed,
                         share);
            top = fmax(top, share);
        }
        assert_true(top > 0.9); /* the bound is not trivial */
        support_free(support);
        close_lab(&lab);
    }
}

/* ---- threads and boundaries ---- */

/* Everything, bit for bit: results and E[K]. */
static size_t gather_all(const struct lab *lab, double *out)
{
    const struct latent_measure *m = &lab->measure;
    size_t used = gather(lab, out), more = connection_size(&m->connection_plan);
    if (out)
        memcpy(out + used, m->connection, more * sizeof *out);
    used += more;
    for (int l = 0; l < lab->network.levels; l++) {
        more = lab->network.level[l].nodes * operator_rank(latents_shape(m, l));
        if (out)
            memcpy(out + used, m->eigenvalue[l], more * sizeof *out);
        used += more;
    }
    return used;
}

static void run(struct lab *lab, const struct support *support)
{
    struct error err;
    if (support)
        check_ok(latents_from_support(&lab->measure, lab->parameters, support, &err), &err);
    else
        check_ok(latents_from_samples(&lab->measure, lab->parameters, 4, 2, 3333, &err), &err);
}

static void measurements_are_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    static const int threads[] = {1, 1, 2, 3};
    for (size_t i = 0; i < SHAPES; i++)
        for (int exact = 0; exact < 2; exact++) {
            struct lab lab;
            open_lab(&lab, &shapes[i], (struct kit_options){.bias = true}, 0.5, 0.9, 20 + i);
            struct support *support = exact ? support_of(lab.tree) : NULL;
            double *first = NULL, *other = NULL;
            for (int t = 0; t < 4; t++) {
                lay_out(&lab, 3333, threads[t]);
                size_t count = gather_all(&lab, NULL);
                other = first ? allocate(count, sizeof(double)) : NULL;
                double *out = first ? other : (first = allocate(count, sizeof(double)));
                run(&lab, support);
                gather_all(&lab, out);
                if (memcmp(first, out, count * sizeof *out) != 0)
                    fail_msg("shape %zu: %d threads differ", i, threads[t]);
                run(&lab, support); /* a second measurement does not depend on the first */
                gather_all(&lab, out);
                if (memcmp(first, out, count * sizeof *out) != 0)
                    fail_msg("shape %zu: a repeated measurement differs", i);
                free(other);
            }
            free(first);
            support_free(support);
            close_lab(&lab);
        }
}

struct reference {
    const struct support *support;
    double *first;
};

static void visit_boundary(struct lab *lab, void *context)
{
    struct reference *reference = context;
    size_t count = gather_all(lab, NULL);
    double *out = allocate(count, sizeof(double));
    run(lab, reference->support);
    gather_all(lab, out);
    if (!reference->first) {
        reference->first = out;
        return;
    }
    double scale = kit_largest(reference->first, count);
    double error = kit_apart(out, reference->first, count);
    char what[128];
    describe(lab, what, sizeof what);
    if (!(error <= 1e-10 * fmin(scale, 1)))
        fail_msg("%s: off by %g", what, error);
    free(out);
}

static void measurements_do_not_depend_on_the_boundary(void **state)
{
    (void)state;
    for (size_t i = 0; i < SHAPES; i++)
        for (int bits = 0; bits < 8; bits++) {
            struct lab lab;
            struct kit_options options = {.linear = bits & 1, .bias = bits & 2};
            open_lab(&lab, &shapes[i], options, 0.5, 0.9, 20 + i);
            struct support *support = bits & 4 ? support_of(lab.tree) : NULL;
            struct reference reference = {.support = support};
            for_each_boundary(&lab, visit_boundary, &reference);
            free(reference.first);
            support_free(support);
            close_lab(&lab);
        }
}

#define TEST(name) cmocka_unit_test(name)

int main(void)
{
    linalg_threads_are_safe();
    omp_set_dynamic(0); /* exactly as many threads as requested */
    const struct CMUnitTest tests[] = {
        TEST(operator_is_the_variance_written_out),
        TEST(operator_ignores_a_label_that_never_occurs),
        TEST(operator_rank_is_at_most_outputs_times_labels_less_one),
        TEST(published_norm_is_that_of_the_other_flattening),
        TEST(operator_refuses_nan),
        TEST(connections_and_correlations_of_trees_match_plain_sums),
        TEST(connections_and_correlations_of_mlps_match_plain_sums),
        TEST(a_label_that_never_occurs_changes_nothing),
        TEST(constant_neurons_have_correlation_exactly_0),
        TEST(a_copy_of_the_latent_has_correlation_1_and_no_more),
        TEST(nan_shows),
        TEST(support_is_the_sum_over_the_joint_distribution),
        TEST(support_of_a_tree_of_copies_is_the_same_sum),
        TEST(samples_agree_with_the_support_within_5_standard_errors),
        TEST(linear_operator_is_that_of_hltm_4),
        TEST(relu_activations_below_open_gates_follow_hltm_3),
        TEST(only_locally_connected_activations_vary_with_the_root_as_in_hltm_3),
        TEST(no_neuron_exceeds_the_ceiling),
        TEST(measurements_are_the_same_bits_for_any_number_of_threads),
        TEST(measurements_do_not_depend_on_the_boundary),
    };
    return cmocka_run_group_tests_name("analysis", tests, NULL, NULL);
}
