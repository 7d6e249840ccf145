#include "analysis/correlation.h"

#include <math.h>

int correlation_width(const struct correlation_plan *plan, int level)
{
    return plan->network->level[plan->network->mirrors_tree ? level : 0].width;
}

size_t correlation_offset(const struct correlation_plan *plan, int level)
{
    size_t offset = 0;
    for (int d = 0; d < level; d++)
        offset += plan->tree->count[d] * (size_t)correlation_width(plan, d);
    return offset;
}

size_t correlation_size(const struct correlation_plan *plan)
{
    return correlation_offset(plan, plan->tree->depth);
}

void correlation_plan(struct correlation_plan *plan, const struct network *network,
                      const struct tree *tree, const struct pattern_tables *tables)
{
    *plan = (struct correlation_plan){.network = network, .tree = tree, .tables = tables};
    plan->tracked = tree->states == 2 ? 1 : tree->states;
    plan->total = take_sums(&plan->size, 1);
    size_t tracked = (size_t)plan->tracked;
    int sampled = network->mirrors_tree ? tables->boundary : 1; /* network levels that are summed */
    for (int l = 0; l < sampled; l++)
        plan->neurons[l] =
            take_sums(&plan->size, 2 * network->level[l].nodes * (size_t)network->level[l].width);
    for (int d = 0; d < tree->depth; d++) {
        if (network->mirrors_tree && d >= tables->boundary) {
            plan->histogram[d] =
                take_sums(&plan->size, tree->count[d] * tables->patterns[d] * (size_t)tree->states);
            continue;
        }
        plan->states[d] = take_sums(&plan->size, tree->count[d] * tracked);
        plan->cross[d] =
            take_sums(&plan->size, tree->count[d] * tracked * (size_t)correlation_width(plan, d));
    }
}

/* Tracked state number t as a state of the latent. */
static int tracked_state(const struct correlation_plan *plan, int t)
{
    return plan->tree->states == 2 ? 1 : t;
}

/* weight * P(z_node = s | column) */
static void state_weights(const struct correlation_plan *plan, const struct columns *columns,
                          size_t node, int s, double out[COLUMNS])
{
    if (columns->latent) {
        const uint8_t *z = columns->latent + node * columns->stride;
        for (size_t i = 0; i < COLUMNS; i++)
            out[i] = z[i] == s ? columns->weight[i] : 0;
        return;
    }
    const double *post =
        columns->posterior + (node * (size_t)plan->tree->states + (size_t)s) * columns->stride;
    for (size_t i = 0; i < COLUMNS; i++)
        out[i] = columns->weight[i] * post[i];
}

static void add_neurons(const struct correlation_plan *plan, const struct pass *pass,
                        const struct columns *columns, int l, const double *shift, double *sums)
{
    size_t rows = plan->network->level[l].nodes * (size_t)plan->network->level[l].width;
    for (size_t row = 0; row < rows; row++) {
        const double *pre = pass->pre[l] + row * pass->columns;
        double *out = sums + plan->neurons[l] + 2 * row;
        out[0] += weighted_sum(columns->weight, pre, shift[row], 1);
        out[1] += weighted_sum(columns->weight, pre, shift[row], 2);
    }
}

/* Latent i of level d against the neurons of one node of level l. */
static void add_cross(const struct correlation_plan *plan, const struct pass *pass,
                      const struct columns *columns, int d, size_t i, int l, size_t node,
                      const double *shift, double *sums)
{
    size_t tracked = (size_t)plan->tracked, width = (size_t)plan->network->level[l].width;
    for (size_t t = 0; t < tracked; t++) {
        double weight[COLUMNS];
        state_weights(plan, columns, plan->tree->first[d] + i, tracked_state(plan, (int)t), weight);
        sums[plan->states[d] + i * tracked + t] += weighted_sum(weight, weight, 0, 0);
        double *cross = sums + plan->cross[d] + (i * tracked + t) * width;
        for (size_t k = 0; k < width; k++)
            cross[k] += weighted_sum(weight, pass->pre[l] + (node * width + k) * pass->columns,
                                     shift[node * width + k], 1);
    }
}

static void add_histogram(const struct correlation_plan *plan, const struct columns *columns, int d,
                          const uint16_t *pattern, double *sums)
{
    size_t m = (size_t)plan->tree->states, patterns = plan->tables->patterns[d];
    for (size_t i = 0; i < plan->tree->count[d]; i++) {
        double *histogram = sums + plan->histogram[d] + i * patterns * m;
        const uint16_t *v = pattern + i * COLUMNS;
        size_t node = plan->tree->first[d] + i;
        const uint8_t *z = columns->latent ? columns->latent + node * columns->stride : NULL;
        for (size_t c = 0; z && c < COLUMNS; c++)
            histogram[v[c] * m + z[c]] += columns->weight[c];
        for (size_t s = 0; !z && s < m; s++) {
            const double *post = columns->posterior + (node * m + s) * columns->stride;
            for (size_t c = 0; c < COLUMNS; c++)
                histogram[v[c] * m + s] += columns->weight[c] * post[c];
        }
    }
}

void correlation_add(const struct correlation_plan *plan, const struct pass *pass,
                     const struct columns *columns, double *const *shift, uint16_t *const *pattern,
                     double *sums)
{
    const struct network *n = plan->network;
    int sampled = n->mirrors_tree ? plan->tables->boundary : 1;
    sums[plan->total] += weighted_sum(columns->weight, columns->weight, 0, 0);
    for (int l = 0; l < sampled; l++)
        add_neurons(plan, pass, columns, l, shift[l], sums);
    for (int d = 0; d < plan->tree->depth; d++) {
        if (n->mirrors_tree && d >= sampled) {
            add_histogram(plan, columns, d, pattern[d], sums);
            continue;
        }
        int l = n->mirrors_tree ? d : 0;
        for (size_t i = 0; i < plan->tree->count[d]; i++)
            add_cross(plan, pass, columns, d, i, l, n->mirrors_tree ? i : 0, shift[l], sums);
    }
}

/* ---- results ---- */

/* From weighted means: of g, g^2, z, z g.  A neuron that is constant tells nothing of the state: 0.
 */
static double pearson(double g, double square, double z, double zg, double scale)
{
    double variance = square - g * g, state_variance = z * (1 - z);
    /* what is left of a constant is rounding, far below the square of its size */
    if (!(variance > 1e-26 * scale * scale))
        return isfinite(variance) ? 0 : NAN;
    double r = (zg - z * g) / sqrt(variance * state_variance);
    return r > 1 ? 1 : r < -1 ? -1 : r;
}

/* The strongest correlation with a state, of those that occur in some samples and not in all:
 * others have no correlation.  NaN where there is no such state, or one of them gives NaN. */
struct strongest {
    double correlation;
    bool measured;
};

static void add_state(struct strongest *s, double g, double square, double z, double zg,
                      double scale)
{
    if (!(z * (1 - z) > 0))
        return;
    const double r = pearson(g, square, z, zg, scale), best = s->correlation;
    s->correlation = !s->measured || isnan(r) || fabs(r) > fabs(best) ? r : best;
    s->measured = true;
}

static double strongest_of(const struct strongest *s)
{
    return s->measured ? s->correlation : NAN;
}

static void finish_sampled(const struct correlation_plan *plan, int d, size_t i,
                           const double *shift, const double *sums, double *out)
{
    size_t width = (size_t)correlation_width(plan, d), tracked = (size_t)plan->tracked;
    int l = plan->network->mirrors_tree ? d : 0;
    size_t node = plan->network->mirrors_tree ? i : 0;
    double total = sums[plan->total];
    for (size_t k = 0; k < width; k++) {
        const double *neuron = sums + plan->neurons[l] + 2 * (node * width + k);
        struct strongest best = {0};
        for (size_t t = 0; t < tracked; t++) {
            double z = sums[plan->states[d] + i * tracked + t] / total;
            double zg = sums[plan->cross[d] + (i * tracked + t) * width + k] / total;
            add_state(&best, neuron[0] / total, neuron[1] / total, z, zg,
                      fabs(shift[node * width + k]));
        }
        out[i * width + k] = strongest_of(&best);
    }
}

static void finish_histogram(const struct correlation_plan *plan, int d, size_t i,
                             const double *shift, const double *sums, double *out)
{
    const struct pattern_tables *t = plan->tables;
    size_t width = (size_t)correlation_width(plan, d), m = (size_t)plan->tree->states;
    const double *histogram = sums + plan->histogram[d] + i * t->patterns[d] * m;
    double total = sums[plan->total];
    for (size_t k = 0; k < width; k++) {
        const double *pre = t->pre[d] + (i * width + k) * t->stride[d];
        struct strongest best = {0};
        const double c = shift[i * width + k];
        for (int track = 0; track < plan->tracked; track++) {
            size_t s = (size_t)tracked_state(plan, track);
            double mean = 0, square = 0, z = 0, zg = 0;
            for (size_t v = 0; v < t->patterns[d]; v++) {
                double weight = 0, g = pre[v] - c;
                for (size_t a = 0; a < m; a++)
                    weight += histogram[v * m + a];
                mean += weight * g;
                square += weight * g * g;
                z += histogram[v * m + s];
                zg += histogram[v * m + s] * g;
            }
            add_state(&best, mean / total, square / total, z / total, zg / total, fabs(c));
        }
        out[i * width + k] = strongest_of(&best);
    }
}

void correlation_finish(const struct correlation_plan *plan, double *const *shift,
                        const double *sums, double *correlation, int threads)
{
    const struct network *n = plan->network;
    for (int d = 0; d < plan->tree->depth; d++) {
        double *out = correlation + correlation_offset(plan, d);
        bool sampled = !n->mirrors_tree || d < plan->tables->boundary;
        const double *shifts = shift[n->mirrors_tree ? d : 0];
#pragma omp parallel for num_threads(threads) schedule(static)
        for (size_t i = 0; i < plan->tree->count[d]; i++)
            if (sampled)
                finish_sampled(plan, d, i, shifts, sums, out);
            else
                finish_histogram(plan, d, i, shifts, sums, out);
    }
}
