/* ncp_symmetry: the symmetric and the antisymmetric part of the predictor. */
#include "core/extreme.h"
#include "paper_figs/figures.h"
#include "paper_figs/kit/isotropic.h"
#include "paper_figs/kit/series.h"

#include <math.h>

struct settings {
    double sigma2, end;
    int64_t size, times, seed;
};

static const struct param params[] = {
    REAL_SETTING(sigma2, "0.0009", 0, 10,
                 "sigma^2, the variance of the views around their mean: X = I, X' = sigma^2 I"),
    REAL_SETTING(end, "10000", 10, 1e6, "time at which the flow ends"),
    INTEGER_SETTING(size, "8", 2, 64, "inputs, and as many outputs"),
    INTEGER_SETTING(times, "160", 8, 10000, "times at which they are measured"),
    INTEGER_SETTING(seed, "1", 0, 1e15, "seed of the weights"),
    {0},
};

static const double tau[] = {0.1, 0.3, 0.5, 0.7, 1};

static const struct panel {
    const char *name;
    double eta;
} panels[] = {{"eta_0.001", 0.001}, {"eta_0.01", 0.01}, {"eta_0.05", 0.05}};

enum { TARGETS = sizeof tau / sizeof *tau, PANELS = sizeof panels / sizeof *panels };
enum { SYMMETRIC, ANTISYMMETRIC, QUANTITIES };

/* ---- computing ---- */

/* Frobenius norms of (W_p + W_p^T) / 2 and (W_p - W_p^T) / 2 */
static enum status look(const void *context, const double *state, double *value, struct error *err)
{
    const struct matrix_flow *f = context;
    const double *p = state + matrix_flow_predictor(f);
    const size_t n = f->outputs;
    double even = 0, odd = 0;
    (void)err;
    for (size_t i = 0; i < n * n; i++) {
        const double turned = p[i % n * n + i / n];
        even += (p[i] + turned) * (p[i] + turned) / 4;
        odd += (p[i] - turned) * (p[i] - turned) / 4;
    }
    value[SYMMETRIC] = sqrt(even);
    value[ANTISYMMETRIC] = sqrt(odd);
    return STATUS_OK;
}

/* From W = W_p^T: then F = W W^T = W_p^T W_p at all times. */
static void run_all(struct sheet *sheet, struct series *series, double eta,
                    const struct settings *s)
{
    const size_t n = (size_t)s->size;
    struct isotropic byol;
    const struct series_measure measure = {look, &byol.flow};
    isotropic_open(sheet, &byol, n, s->sigma2);
    byol.flow.target = RULE_SCALED;
    byol.flow.eta_p = byol.flow.eta_s = eta;
    for (size_t k = 0; k < TARGETS; k++) {
        byol.flow.tau = tau[k];
        isotropic_draw(sheet, &byol, (uint64_t)s->seed, 0);
        const double *p = byol.state + matrix_flow_predictor(&byol.flow);
        for (size_t i = 0; i < n * n && !sheet->status; i++)
            byol.state[i] = p[i % n * n + i / n];
        series_run(sheet, series, k, &byol.dynamics, &measure, byol.state);
    }
    isotropic_close(&byol);
}

static void put_panel(struct sheet *sheet, const struct figure_job *job, size_t i)
{
    const struct settings *s = job->settings;
    const double eta = panels[i].eta;
    double survives[TARGETS];
    for (size_t k = 0; k < TARGETS; k++)
        survives[k] = eta < tau[k] * tau[k] / (4 * (1 + s->sigma2));
    struct series series = series_open(sheet, QUANTITIES, (size_t)s->times, TARGETS, 0.1, s->end);
    run_all(sheet, &series, eta, s);
    sheet_group(sheet, panels[i].name);
    sheet_axis(sheet, "t", series.times, series.t, "time", "1");
    sheet_axis(sheet, "tau", TARGETS, tau, "W_a = tau W", "1");
    sheet_series(sheet, &series, SYMMETRIC, "symmetric", "tau", "|W_p + W_p^T| / 2");
    sheet_series(sheet, &series, ANTISYMMETRIC, "antisymmetric", "tau", "|W_p - W_p^T| / 2");
    sheet_put(sheet, "survives", "tau", survives, "1 if eta < tau^2 / (4 (1 + sigma2))", "1");
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    return sheet_fill(job, store, PANELS, put_panel, err);
}

/* ---- checks ---- */

/* Symmetric parts survive where predicted; the times from which the antisymmetric parts stay below
 * a hundredth of their first values. */
static void check_panel(struct reader *r, const struct panel *panel, double late[TARGETS],
                        struct sights *sights)
{
    struct store_array t = reader_get(r, 0, 1, "/%s/t", panel->name);
    struct store_array even = reader_get(r, t.count, TARGETS, "/%s/symmetric", panel->name);
    struct store_array odd = reader_get(r, t.count, TARGETS, "/%s/antisymmetric", panel->name);
    struct store_array survives = reader_get(r, TARGETS, 1, "/%s/survives", panel->name);
    size_t living = 0, wrong = 0;
    double left = 0;
    if (r->status)
        return;
    const double *even_end = even.values + even.count - TARGETS;
    const double *odd_end = odd.values + odd.count - TARGETS;
    for (size_t k = 0; k < TARGETS; k++) {
        late[k] = 0;
        for (size_t i = 0; i < t.count; i++)
            if (odd.values[i * TARGETS + k] > 0.01 * odd.values[k])
                late[k] = t.values[i];
        left = larger(left, odd_end[k] / odd.values[k]);
        living += even_end[k] > 0.1;
        wrong += (even_end[k] > 0.1) != (survives.values[k] == 1);
    }
    sight(sights, left < 1e-3, "%s: the antisymmetric part vanishes at every tau (to %.1e)",
          panel->name, left);
    sight(sights, wrong == 0,
          "%s: the symmetric part stays at %zu tau, where eta < tau^2 / (4 (1 + sigma^2))",
          panel->name, living);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader reader = {.file = file, .err = err};
    double late[PANELS][TARGETS];
    bool later = true;
    for (size_t i = 0; i < PANELS; i++)
        check_panel(&reader, &panels[i], late[i], sights);
    for (size_t i = 0; i < PANELS && !reader.status; i++)
        later &= late[i][0] > late[i][TARGETS - 1];
    if (!reader.status) {
        sight(sights, later, "at every eta it falls to a hundredth later at tau = %g than at %g",
              tau[0], tau[TARGETS - 1]);
        sight(sights, late[2][0] < late[1][0] && late[1][0] < late[0][0],
              "at tau = %g weight decay hastens that: t = %.0f, %.0f, %.0f; at tau = %g it does "
              "not: %.0f, %.0f, %.0f",
              tau[0], late[0][0], late[1][0], late[2][0], tau[TARGETS - 1], late[0][TARGETS - 1],
              late[1][TARGETS - 1], late[2][TARGETS - 1]);
    }
    return reader_close(&reader);
}

const struct figure figure_ncp_symmetry = {
    .about = {.name = "ncp_symmetry",
              .doc = "Frobenius norms of the symmetric part A and the antisymmetric part B of the "
                     "predictor along the flow without symmetrisation, at fixed tau, from F = "
                     "W_p^T W_p. B always vanishes, sooner for large tau. A stays if eta < tau^2 / "
                     "(4 (1 + sigma^2)), else it vanishes too.",
              .source =
                  "[NCP] Fig. 8, with its weight decays; it does not give tau, sizes and weights",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"size=4", "times=60", NULL},
    .compute = compute,
    .script = "paper_figs/ncp/ncp_symmetry.gp",
    .check = check,
};
