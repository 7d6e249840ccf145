/* ncp_commutator: do the eigenspaces of W_p and F align? */
#include "core/extreme.h"
#include "paper_figs/figures.h"
#include "paper_figs/kit/isotropic.h"
#include "paper_figs/kit/series.h"
#include "theorems/ncp/ncp.h"

#include <math.h>
#include <string.h>

struct settings {
    double sigma2, alpha_p, scale, end;
    int64_t size, times, seed;
};

static const struct param params[] = {
    REAL_SETTING(sigma2, "0.0009", 0, 10,
                 "sigma^2, the variance of the views around their mean: X = I, X' = sigma^2 I"),
    REAL_SETTING(alpha_p, "1", 0.1, 10,
                 "alpha_p, rate of the predictor over the rate of the trunk"),
    REAL_SETTING(scale, "0.05", 1e-3, 10, "size of the first weights: of variance scale^2 / size"),
    REAL_SETTING(end, "500", 1, 1e4, "time at which the flow ends"),
    INTEGER_SETTING(size, "8", 2, 64, "outputs, and as many inputs"),
    INTEGER_SETTING(times, "400", 8, 10000, "times at which it is measured"),
    INTEGER_SETTING(seed, "1", 0, 1e15, "seed of the weights"),
    {0},
};

static const double tau[] = {0.2, 0.4, 0.6, 0.8, 1};

static const struct panel {
    const char *name;
    double eta;
} panels[] = {{"eta_0", 0}, {"eta_0.01", 0.01}, {"eta_0.04", 0.04}};

enum { TARGETS = sizeof tau / sizeof *tau, PANELS = sizeof panels / sizeof *panels };
enum { NORM, LEAST_K, QUANTITIES };

/* ---- computing ---- */

struct watched {
    struct reduced_flow flow;
    double *work; /* [n][n] */
};

/* |F W_p - W_p F| and the least eigenvalue of K */
static enum status look(const void *context, const double *state, double *value, struct error *err)
{
    const struct watched *w = context;
    const size_t n = w->flow.n;
    matrix_commutator(n, state + n * n, state, w->work);
    value[NORM] = frobenius(w->work, n * n);
    reduced_flow_k(&w->flow, state, w->work);
    return ncp_least_eigenvalue(n, w->work, &value[LEAST_K], err);
}

/* The symmetric part of a drawn W_p, and F = W W^T */
static void draw(struct sheet *sheet, const struct settings *s, double *state)
{
    const size_t n = (size_t)s->size;
    struct isotropic byol;
    isotropic_open(sheet, &byol, n, s->sigma2);
    isotropic_draw(sheet, &byol, (uint64_t)s->seed, 0);
    if (!sheet->status) {
        for (size_t i = 0; i < matrix_flow_target(&byol.flow); i++)
            byol.state[i] *= s->scale;
        memcpy(state, byol.state + matrix_flow_predictor(&byol.flow), n * n * sizeof *state);
        matrix_symmetrise(n, state);
        matrix_product(PLAIN, TRANSPOSED, n, n, n, 1, byol.state, byol.state, 0, state + n * n);
    }
    isotropic_close(&byol);
}

static void put_panel(struct sheet *sheet, const struct figure_job *job, size_t i)
{
    const struct settings *s = job->settings;
    const size_t size = 2 * (size_t)(s->size * s->size);
    struct watched watched = {.flow = {.n = (size_t)s->size,
                                       .sigma2 = s->sigma2,
                                       .alpha_p = s->alpha_p,
                                       .eta = panels[i].eta},
                              .work = sheet_numbers(sheet, size / 2)};
    const struct series_measure measure = {look, &watched};
    struct dynamics dynamics;
    struct series series = series_open(sheet, QUANTITIES, (size_t)s->times, TARGETS, 0.05, s->end);
    double *start = sheet_numbers(sheet, size), *state = sheet_numbers(sheet, size + 1);
    draw(sheet, s, start);
    if (!sheet->status)
        sheet->status = reduced_flow_open(&watched.flow, &dynamics, sheet->err);
    for (size_t k = 0; k < TARGETS && !sheet->status; k++) {
        memcpy(state, start, size * sizeof *state);
        state[size] = tau[k];
        series_run(sheet, &series, k, &dynamics, &measure, state);
    }
    reduced_flow_close(&watched.flow);
    sheet_group(sheet, panels[i].name);
    sheet_axis(sheet, "t", series.times, series.t, "time", "1");
    sheet_axis(sheet, "tau", TARGETS, tau, "W_a = tau W", "1");
    sheet_series(sheet, &series, NORM, "commutator", "tau", "|F W_p - W_p F|");
    sheet_series(sheet, &series, LEAST_K, "least_k", "tau", "least eigenvalue of K");
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    return sheet_fill(job, store, PANELS, put_panel, err);
}

/* ---- checks ---- */

/* One run: the maximum of the commutator over its start; whether K is always positive definite; how
 * often the commutator grows while K is positive definite; its largest excess over the bound
 * e^{-2 lambda t} after K has become positive definite for good, with lambda the least eigenvalue
 * from then on.  Below a millionth of the start there is rounding only. */
struct commutator_course {
    double peak, excess;
    bool definite;
    size_t broken;
};

static struct commutator_course look_back(const struct store_array *t, const double *norm,
                                          const double *least_k)
{
    struct commutator_course o = {.peak = 1, .excess = -1};
    double least = INFINITY;
    size_t start = t->count;
    while (start > 0 && least_k[(start - 1) * TARGETS] > 0)
        least = smaller(least, least_k[--start * TARGETS]);
    o.definite = start == 0;
    for (size_t i = 1; i < t->count; i++) {
        const double now = norm[i * TARGETS], before = norm[(i - 1) * TARGETS];
        if (now < 1e-6 * norm[0])
            break;
        o.peak = larger(o.peak, now / norm[0]);
        o.broken += least_k[i * TARGETS] > 0 && least_k[(i - 1) * TARGETS] > 0 && now >= before;
        if (i > start)
            o.excess = larger(o.excess, now / norm[start * TARGETS] *
                                                exp(2 * least * (t->values[i] - t->values[start])) -
                                            1);
    }
    return o;
}

static void check_panel(struct reader *r, const struct panel *panel,
                        struct commutator_course o[TARGETS], struct sights *sights)
{
    struct store_array t = reader_get(r, 0, 1, "/%s/t", panel->name);
    struct store_array norm = reader_get(r, t.count, TARGETS, "/%s/commutator", panel->name);
    struct store_array least_k = reader_get(r, t.count, TARGETS, "/%s/least_k", panel->name);
    double excess = -1;
    size_t definite = 0, broken = 0;
    if (r->status)
        return;
    for (size_t k = 0; k < TARGETS; k++) {
        o[k] = look_back(&t, norm.values + k, least_k.values + k);
        excess = larger(excess, o[k].excess);
        definite += o[k].definite;
        broken += o[k].broken + (o[k].definite && o[k].peak > 1);
    }
    sight(sights, broken == 0,
          "%s: the commutator grows only while K is not positive definite, which it always is in "
          "%zu of %d runs",
          panel->name, definite, TARGETS);
    sight(sights, excess < 1e-6,
          "%s: once K stays positive definite, it is below e^{-2 lambda_0 t} (by %.2g %% or more)",
          panel->name, -100 * excess);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader reader = {.file = file, .err = err};
    struct commutator_course o[PANELS][TARGETS];
    bool rises = true, falls = true;
    for (size_t i = 0; i < PANELS; i++)
        check_panel(&reader, &panels[i], o[i], sights);
    if (!reader.status) {
        for (size_t k = 1; k < TARGETS; k++)
            rises &= o[0][k].peak >= o[0][k - 1].peak;
        for (size_t i = 1; i < PANELS; i++)
            falls &= o[i][TARGETS - 1].peak < o[i - 1][TARGETS - 1].peak;
        sight(sights, rises && o[0][TARGETS - 1].peak > 2,
              "without weight decay it first grows, more for larger tau: to %.2f times its start "
              "at tau = %g",
              o[0][TARGETS - 1].peak, tau[TARGETS - 1]);
        sight(sights, falls && o[PANELS - 1][TARGETS - 1].peak == 1,
              "weight decay removes that growth: to %.2f and %.2f times", o[1][TARGETS - 1].peak,
              o[2][TARGETS - 1].peak);
    }
    return reader_close(&reader);
}

const struct figure figure_ncp_commutator = {
    .about = {.name = "ncp_commutator",
              .doc = "Frobenius norm of the commutator [F, W_p] and the least "
                     "eigenvalue of K, along the flow of a symmetric predictor at fixed tau, "
                     "from small weights. The commutator grows only while K is not positive "
                     "definite, which occurs for small weight decay and large tau; where K is "
                     "positive definite it decays at least as e^{-2 lambda_0 t}.",
              .source = "[NCP] Fig. 9; its weight decays, tau, sizes and weights are not given",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"size=4", "times=60", NULL},
    .compute = compute,
    .script = "paper_figs/ncp/ncp_commutator.gp",
    .check = check,
};
