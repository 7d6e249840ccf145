/* Protects sim/loss/pairs.c: all pairs as products of matrices against an evaluation row by row. */
#include "core/linalg.h"
#include "core/random.h"
#include "sim/loss/objectives/objectives.h"

#include "tests/kit/arena.h"
#include "tests/kit/testing.h"

/* ---- row by row ---- */

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

/* How one objective compares, and where it keeps what. */
struct by_rows {
    enum positives which;
    const struct outputs *o;
    const uint8_t *label; /* NULL: the positive is the partner alone */
    double tau;
    double *all, *positives; /* [view][stride] log-sum-exp of every row; positives: or NULL */
    double *inverse;         /* [view][stride] 1 / |f| */
    double *cosine;          /* [view][stride] of one row, over tau */
};

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
static void keep_positives(const struct by_rows *p, size_t s)
{
    for (int view = 0; view < 2; view++)
        for (size_t t = 0; t < p->o->samples; t++)
            if (!alike(p->label, s, t))
                p->cosine[(size_t)view * p->o->stride + t] = -INFINITY;
}

static void reference_rows(const struct by_rows *p)
{
    for (int v = 0; v < 2; v++)
        for (size_t s = 0; s < p->o->samples; s++) {
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
static double positive_sum(const struct by_rows *p, int v, size_t s, double *count)
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
static double row_loss(const struct by_rows *p, int v, size_t s, double *count)
{
    const size_t row = (size_t)v * p->o->stride + s;
    double total = positive_sum(p, v, s, count);
    if (!p->positives)
        return p->all[row] - total / *count;
    double summed = p->all[row] - p->positives[row];
    return p->which == POSITIVES_SUMMED ? summed : summed + log(*count);
}

/* The cosines of row (v, s) become p_ik + p_ki - q_ik - q_ki, over |f_k|. */
static void row_weights(const struct by_rows *p, int v, size_t s, double count)
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

static double reference_row(const struct by_rows *p, int v, size_t s)
{
    const struct outputs *o = p->o;
    double rows = 2 * (double)o->samples, along = 0, count;
    double inverse_norm = p->inverse[(size_t)v * o->stride + s];
    cosines(o, p->inverse, p->tau, v, s, p->cosine);
    double loss = row_loss(p, v, s, &count);
    row_weights(p, v, s, count);
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

/* Mean loss, and its gradient in o->df. */
static double reference(enum positives which, const struct outputs *o, double tau)
{
    const bool inside = which == POSITIVES_INSIDE || which == POSITIVES_SUMMED;
    double *memory = allocate(8 * o->stride, sizeof *memory), loss = 0;
    const struct by_rows p = {.which = which,
                              .o = o,
                              .label = which == POSITIVE_PARTNER ? NULL : o->label,
                              .tau = tau,
                              .all = memory,
                              .positives = inside ? memory + 2 * o->stride : NULL,
                              .inverse = memory + 4 * o->stride,
                              .cosine = memory + 6 * o->stride};
    inverse_norms(o, p.inverse);
    reference_rows(&p);
    for (int v = 0; v < 2; v++)
        for (size_t s = 0; s < o->samples; s++)
            loss += reference_row(&p, v, s);
    free(memory);
    return loss;
}

/* ---- batches ---- */

static const struct objective *const objectives[] = {&objective_ntxent, &objective_supcon_out,
                                                     &objective_supcon_in, &objective_suncet};
enum { OBJECTIVES = sizeof objectives / sizeof *objectives, MOST = 300 };

struct setup {
    struct outputs outputs, expected; /* with the same f */
    struct temperature_settings settings;
    uint8_t label[MOST];
    struct loss loss;
    struct arena arena;
};

struct sizes {
    size_t samples, chunk; /* chunk 0: all */
    int width;
};

static void layout(struct setup *s, struct sizes sizes, int o, struct arena *arena)
{
    const size_t stride = padded(sizes.samples), size = 2 * (size_t)sizes.width * stride;
    s->outputs = (struct outputs){.samples = sizes.samples,
                                  .stride = stride,
                                  .width = sizes.width,
                                  .views = 2,
                                  .f = ARENA_TAKE(arena, double, size),
                                  .df = ARENA_TAKE(arena, double, size),
                                  .label = s->label};
    s->expected = s->outputs;
    s->expected.df = ARENA_TAKE(arena, double, size);
    loss_layout(&s->loss,
                &(struct loss_plan){.objective = objectives[o],
                                    .settings = &s->settings,
                                    .width = sizes.width,
                                    .samples = sizes.samples,
                                    .stride = stride,
                                    .chunk = sizes.chunk},
                arena);
}

/* Outputs of lengths around 1, and labels of a few classes. */
static void open_setup(struct setup *s, struct sizes sizes, int o, double tau)
{
    struct stream stream;
    *s = (struct setup){.settings = {tau}};
    KIT_LAY_OUT(&s->arena, pass, layout(s, sizes, o, pass));
    stream_open(&stream, 11, PURPOSE_TEST, sizes.samples, (uint64_t)sizes.width);
    for (size_t i = 0; i < sizes.samples; i++)
        s->label[i] = i == 1 ? 77 : (uint8_t)(stream_word(&stream) % 4);
    for (int view = 0; view < 2; view++)
        for (int k = 0; k < sizes.width; k++)
            for (size_t i = 0; i < sizes.samples; i++) {
                const double x = 2 * stream_uniform(&stream) - 1; /* none is near 0 */
                ((double *)s->outputs.f)[output_index(&s->outputs, view, k, i)] =
                    x + (x < 0 ? -0.2 : 0.2);
            }
}

static double largest_gradient(const struct outputs *o, const double *less)
{
    double top = 0;
    for (int view = 0; view < 2; view++)
        for (int k = 0; k < o->width; k++)
            for (size_t i = 0; i < o->samples; i++) {
                const size_t at = output_index(o, view, k, i);
                const double x = fabs(o->df[at] - (less ? less[at] : 0));
                top = x > top || isnan(x) ? x : top;
            }
    return top;
}

static void compare(struct sizes sizes, int o, double tau, bool labels)
{
    struct setup s;
    open_setup(&s, sizes, o, tau);
    if (!labels)
        s.outputs.label = s.expected.label = NULL;
    const struct pairs *of = objectives[o]->of;
    const double expected = reference(of->positives, &s.expected, tau);
    const double loss = loss_evaluate(&s.loss, &s.outputs);
    /* one exponent c / tau is as exact as its rounding, 1e-16 / tau */
    const double tolerance = 1e-13 + 1e-15 / tau;
    const double size = largest_gradient(&s.expected, NULL);
    const double away = largest_gradient(&s.outputs, s.expected.df);
    if (!(fabs(loss - expected) <= tolerance * (1 + fabs(expected))) ||
        !(away <= tolerance * (size + 1 / (tau * (double)sizes.samples))))
        fail_msg("%s, %zu samples, width %d, tau %g: loss %.17g, not %.17g; gradient off by %g of "
                 "%g",
                 objectives[o]->about.name, sizes.samples, sizes.width, tau, loss, expected, away,
                 size);
    arena_free(&s.arena);
}

static void matrices_give_what_rows_give(void **state)
{
    (void)state;
    static const size_t samples[] = {2, 3, 8, 9, 31, 64, 65, 128, 257, 300};
    static const int widths[] = {1, 2, 7, 10, 33, 64};
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
        for (size_t k = 0; k < sizeof widths / sizeof *widths; k++)
            for (int o = 0; o < OBJECTIVES; o++)
                for (int labels = 0; labels < 2; labels++)
                    compare((struct sizes){.samples = samples[i], .width = widths[k]}, o,
                            k % 2 ? 0.07 : 0.5, labels);
}

/* Below 1/350 no exponential is safe for all cosines at once. */
static void so_they_do_at_any_temperature(void **state)
{
    (void)state;
    for (double tau = 1e-5; tau < 100; tau *= 2.5)
        for (int o = 0; o < OBJECTIVES; o++)
            compare((struct sizes){.samples = 37, .width = 5}, o, tau, true);
}

static void so_they_do_in_chunks(void **state)
{
    (void)state;
    for (size_t chunk = 8; chunk <= 128; chunk *= 2)
        for (int o = 0; o < OBJECTIVES; o++)
            for (size_t samples = 99; samples < 105; samples++)
                compare((struct sizes){.samples = samples, .chunk = chunk, .width = 9}, o, 0.2,
                        true);
}

/* Outputs of 0 have no direction and no gradient; an output that is not finite, or whose norm is no
 * double, shows in the loss; one whose square is none has a direction. */
static void outputs_that_are_no_directions(void **state)
{
    (void)state;
    static const double values[] = {0, 1e200, 1e-200, NAN, INFINITY, 1.5e308};
    enum { FINITE = 3 };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        for (int o = 0; o < OBJECTIVES; o++) {
            struct setup s;
            open_setup(&s, (struct sizes){.samples = 21, .width = 3}, o, 0.3);
            for (int k = 0; k < 3; k++)
                ((double *)s.outputs.f)[output_index(&s.outputs, 1, k, 4)] = values[i];
            const double loss = loss_evaluate(&s.loss, &s.outputs);
            assert_true(isfinite(loss) == (i < FINITE));
            if (i < FINITE)
                assert_true(isfinite(largest_gradient(&s.outputs, NULL)));
            for (int k = 0; k < 3 && values[i] == 0; k++)
                assert_true(s.outputs.df[output_index(&s.outputs, 1, k, 4)] == 0);
            arena_free(&s.arena);
        }
}

int main(void)
{
    linalg_threads_are_safe();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_give_what_rows_give),
        cmocka_unit_test(so_they_do_at_any_temperature),
        cmocka_unit_test(so_they_do_in_chunks),
        cmocka_unit_test(outputs_that_are_no_directions),
    };
    return cmocka_run_group_tests_name("pairs", tests, NULL, NULL);
}
