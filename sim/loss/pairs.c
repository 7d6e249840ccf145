/* Row i is the output of view i / stride of sample i % stride, u = f / |f|, c_ij = u_i . u_j, P_i
 * the positives of row i and
 *
 *     p_ik = exp(c_ik / tau) / sum_{k' != i} exp(c_ik' / tau)
 *     outside: loss_i = -mean_{j in P_i} log p_ij,  q_ij = 1 / |P_i|
 *     inside:  loss_i = -log mean_{j in P_i} p_ij,  q_ij = p_ij / sum_{j' in P_i} p_ij'
 *     summed:  loss_i = -log sum_{j in P_i} p_ij,   q_ij as inside
 *
 * for j in P_i, q_ij = 0 for others.  Where P_i is the partner alone, all three are ntxent.  Then
 *
 *     d mean loss / d u_i = sum_{k != i} (p_ik + p_ki - q_ik - q_ki) u_k / (rows tau),
 *
 * so that both directions are products of matrices: panels of some rows of c by all columns, and
 * panels of the weights by u.  As p_ki = exp(c_ik / tau) / (the sum of row k), a panel takes one
 * exponential a pair. */
#include "sim/loss/pairs.h"

#include "core/extreme.h"
#include "core/norm.h"

/* Rows of a panel. */
enum { PANEL = 64 };

/* Sums of exponentials of a row, over all others or over its positives. */
struct sums {
    double *log;     /* [columns] logarithm of the sum of exp(c / tau) */
    double *inverse; /* [columns] 1 / the sum of exp(c / tau - shift), where the shift is safe */
};

struct memory {
    double *u;       /* [width][columns], columns = 2 stride; 0 in the padding */
    double *inverse; /* [columns] 1 / |f| */
    struct sums all, positives;
    double *loss, *share; /* [columns] loss_i, and 1 / |P_i| */
    double *panel;        /* [worker][PANEL][columns] c / tau, then weights of u */
    double *du;           /* [worker][width][PANEL] d loss / d u */
};

static bool by_label(const struct pairs *of)
{
    return of->positives != POSITIVE_PARTNER;
}

/* Whether the rows' sums over positives are needed besides those over all. */
static bool inside_logarithm(const struct pairs *of)
{
    return of->positives == POSITIVES_INSIDE || of->positives == POSITIVES_SUMMED;
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

static void *layout(const struct loss *l, struct arena *arena)
{
    const size_t columns = 2 * l->plan.stride, width = (size_t)l->plan.width;
    const size_t workers = (size_t)l->plan.workers;
    struct memory *state = ARENA_TAKE(arena, struct memory, 1);
    const struct memory taken = {
        .u = ARENA_TAKE(arena, double, width *columns),
        .inverse = ARENA_TAKE(arena, double, columns),
        .all = {ARENA_TAKE(arena, double, columns), ARENA_TAKE(arena, double, columns)},
        .positives = {ARENA_TAKE(arena, double, columns), ARENA_TAKE(arena, double, columns)},
        .loss = ARENA_TAKE(arena, double, columns),
        .share = ARENA_TAKE(arena, double, columns),
        .panel = ARENA_TAKE(arena, double, workers *PANEL *columns),
        .du = ARENA_TAKE(arena, double, workers *width *PANEL)};
    if (state)
        *state = taken;
    return state;
}

/* ---- panels ---- */

/* Some rows of one view, at work. */
struct panel {
    const struct memory *m;
    const struct pairs *of;
    const struct outputs *o;
    const uint8_t *label; /* NULL: the positive is the partner alone */
    size_t columns;
    int view;
    size_t first, count; /* samples */
    double tau;
    /* exp(c / tau - shift) neither overflows nor loses digits for any c, nor does the inverse of
     * their sum; NAN where tau is too small for any such shift */
    double shift;
    double *c;  /* [count][columns] */
    double *du; /* [width][PANEL] */
};

static double safe_shift(double tau, size_t columns)
{
    return 2 / tau + log((double)columns) < 700 ? 1 / tau : NAN;
}

/* The row that a panel's row `r` is. */
static size_t row_of(const struct panel *p, size_t r)
{
    return (size_t)p->view * p->o->stride + p->first + r;
}

/* c / tau of the panel's rows with all. */
static void multiply(const struct panel *p)
{
    const int columns = (int)p->columns;
    const double *u = p->m->u;
    cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)p->count, columns, p->o->width,
                1 / p->tau, u + row_of(p, 0), columns, u, columns, 0, p->c, columns);
}

/* `work` on every panel of a chunk. */
static void each_panel(const struct loss *l, const struct chunk *c,
                       void (*work)(const struct panel *))
{
    const struct memory *m = l->state;
    const struct pairs *of = l->plan.objective->of;
    const struct outputs *o = c->outputs;
    const size_t columns = 2 * o->stride, worker = (size_t)c->worker;
    const double tau = ((const struct temperature_settings *)l->plan.settings)->tau;
    struct panel p = {.m = m,
                      .of = of,
                      .o = o,
                      .label = by_label(of) ? o->label : NULL,
                      .columns = columns,
                      .tau = tau,
                      .shift = safe_shift(tau, columns),
                      .c = m->panel + worker * PANEL * columns,
                      .du = m->du + worker * PANEL * (size_t)o->width};
    for (p.view = 0; p.view < 2; p.view++)
        for (p.first = c->begin; p.first < c->end; p.first += PANEL) {
            p.count = c->end - p.first < PANEL ? c->end - p.first : PANEL;
            multiply(&p);
            work(&p);
        }
}

/* ---- unit vectors ---- */

void unit_vectors(const struct outputs *o, int view, size_t begin, size_t end, double *u,
                  size_t stride, double *inverse)
{
    for (size_t s = begin; s < end; s++)
        inverse[s] = 0;
    for (int k = 0; k < o->width; k++) {
        const double *f = o->f + output_index(o, view, k, 0);
        for (size_t s = begin; s < end; s++)
            inverse[s] += f[s] * f[s];
    }
    for (size_t s = begin; s < end; s++)
        inverse[s] = inverse_of_norm(
            square_is_safe(inverse[s])
                ? sqrt(inverse[s])
                : norm_of((size_t)o->width, o->f + output_index(o, view, 0, s), o->stride));
    for (int k = 0; k < o->width; k++) {
        const double *f = o->f + output_index(o, view, k, 0);
        for (size_t s = begin; s < end; s++)
            u[(size_t)k * stride + s] = f[s] * inverse[s];
    }
}

static void chunk(const struct loss *l, const struct chunk *c)
{
    const struct memory *m = l->state;
    const size_t stride = c->outputs->stride;
    for (int view = 0; view < 2; view++)
        unit_vectors(c->outputs, view, c->begin, c->end, m->u + (size_t)view * stride, 2 * stride,
                     m->inverse + (size_t)view * stride);
}

/* ---- sums and losses ---- */

/* Whether outputs of samples s and t have one label. */
static inline bool alike(const uint8_t *label, size_t s, size_t t)
{
    return label ? label[s] == label[t] : s == t;
}

/* Which entries of a row count: all but its own, or its positives. */
enum which { ALL, POSITIVES };

static inline bool counts(const struct panel *p, enum which which, size_t r, size_t t)
{
    return which == ALL || alike(p->label, p->first + r, t);
}

static double largest(const struct panel *p, enum which which, size_t r, const double *c)
{
    double top = -INFINITY;
    for (size_t view = 0; view < 2; view++)
        for (size_t t = 0; t < p->o->samples; t++) {
            const double x = counts(p, which, r, t) ? c[view * p->o->stride + t] : -INFINITY;
            top = x > top || isnan(x) ? x : top;
        }
    return top;
}

/* The sum of exponentials of row r, whose own entry is -inf. */
static void keep_sum(const struct panel *p, enum which which, size_t r, const double *c,
                     const struct sums *sums)
{
    const double top = isnan(p->shift) ? largest(p, which, r, c) : p->shift;
    double sum = 0;
    for (size_t view = 0; view < 2; view++)
        for (size_t t = 0; t < p->o->samples; t++)
            if (counts(p, which, r, t))
                sum += exp(c[view * p->o->stride + t] - top);
    sums->log[row_of(p, r)] = top + log(sum);
    sums->inverse[row_of(p, r)] = 1 / sum;
}

/* Sum of row r over its positives; *count = |P|. */
static double positive_sum(const struct panel *p, size_t r, const double *c, double *count)
{
    double total = 0;
    *count = 0;
    for (size_t view = 0; view < 2; view++)
        for (size_t t = 0; t < p->o->samples; t++) {
            const size_t other = view * p->o->stride + t;
            if (!alike(p->label, p->first + r, t) || other == row_of(p, r))
                continue;
            *count += 1;
            total += c[other];
        }
    return total;
}

static void sum_rows(const struct panel *p)
{
    const struct memory *m = p->m;
    for (size_t r = 0; r < p->count; r++) {
        const size_t row = row_of(p, r);
        double *c = p->c + r * p->columns, count, total = positive_sum(p, r, c, &count);
        c[row] = -INFINITY; /* not with itself */
        keep_sum(p, ALL, r, c, &m->all);
        m->share[row] = 1 / count;
        m->loss[row] = m->all.log[row] - total / count;
        if (!inside_logarithm(p->of))
            continue;
        keep_sum(p, POSITIVES, r, c, &m->positives);
        m->loss[row] = m->all.log[row] - m->positives.log[row];
        if (p->of->positives == POSITIVES_INSIDE)
            m->loss[row] += log(count);
    }
}

static void rows(const struct loss *l, const struct chunk *c)
{
    each_panel(l, c, sum_rows);
}

/* ---- gradients ---- */

/* exp(x) over the sum whose logarithm is given, of which it is a part: at most 1, even where x was
 * rounded differently in the other row and a small tau has made much of it */
static inline double share_of(double x, double log_sum)
{
    return exp(smaller(0, x - log_sum));
}

/* exp(x) over the sums of two rows, one with the other: e = exp(x - shift), where that is safe */
static inline double shares(const struct panel *p, const struct sums *sums, size_t i, size_t k,
                            double x, double e)
{
    return isnan(p->shift) ? share_of(x, sums->log[i]) + share_of(x, sums->log[k])
                           : e * (sums->inverse[i] + sums->inverse[k]);
}

/* c / tau of the panel's row r becomes p_ik + p_ki - q_ik - q_ki. */
static void weigh_row(const struct panel *p, size_t r)
{
    const struct memory *m = p->m;
    const size_t row = row_of(p, r);
    const bool inside = inside_logarithm(p->of);
    double *c = p->c + r * p->columns;
    for (size_t view = 0; view < 2; view++)
        for (size_t t = 0; t < p->o->samples; t++) {
            const size_t k = view * p->o->stride + t;
            const double x = c[k], e = exp(x - p->shift);
            c[k] = shares(p, &m->all, row, k, x, e);
            if (alike(p->label, p->first + r, t)) /* as many positives as it has */
                c[k] -= inside ? shares(p, &m->positives, row, k, x, e) : 2 * m->share[row];
        }
    c[row] = 0;
}

/* From d loss / d u to df, through u = f / |f|. */
static void through_norm(const struct panel *p)
{
    const struct outputs *o = p->o;
    const size_t first = row_of(p, 0);
    double along[PANEL] = {0};
    for (int k = 0; k < o->width; k++) {
        const double *u = p->m->u + (size_t)k * p->columns + first, *du = p->du + k * PANEL;
        for (size_t r = 0; r < p->count; r++)
            along[r] += du[r] * u[r];
    }
    for (int k = 0; k < o->width; k++) {
        const double *u = p->m->u + (size_t)k * p->columns + first, *du = p->du + k * PANEL;
        double *df = o->df + output_index(o, p->view, k, p->first);
        for (size_t r = 0; r < p->count; r++)
            df[r] = (du[r] - along[r] * u[r]) * p->m->inverse[first + r];
    }
}

static void pull_rows(const struct panel *p)
{
    const double rows = 2 * (double)p->o->samples;
    for (size_t r = 0; r < p->count; r++)
        weigh_row(p, r);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, p->o->width, (int)p->count,
                (int)p->columns, 1 / (rows * p->tau), p->m->u, (int)p->columns, p->c,
                (int)p->columns, 0, p->du, PANEL);
    through_norm(p);
}

static void gradient(const struct loss *l, const struct chunk *c, double partial[LOSS_PARTIALS])
{
    const struct memory *m = l->state;
    const struct outputs *o = c->outputs;
    each_panel(l, c, pull_rows);
    for (size_t view = 0; view < 2; view++)
        for (size_t s = c->begin; s < c->end; s++)
            partial[0] += m->loss[view * o->stride + s] / (2 * (double)o->samples);
}

const struct form form_pairs = {
    .needs = needs, .layout = layout, .chunk = chunk, .rows = rows, .gradient = gradient};
