/* phase: diagrams of the modes that collapse, with the boundary of the theory. */
#include "paper_figs/figures.h"

#include "core/extreme.h"
#include "paper_figs/kit/series.h"
#include "sim/flow/phase.h"
#include "store/tsv.h"

#include <math.h>

struct settings {
    int64_t grid, points;
    double sigma2;
};

static const struct param params[] = {
    INTEGER_SETTING(grid, "200", 2, 2000, "cells of a diagram along either axis"),
    INTEGER_SETTING(points, "20", 1, 1000, "places at which the boundary is measured by bisection"),
    REAL_SETTING(sigma2, "0.1", 0, 10,
                 "sigma^2, the variance of the views around their mean: X' = sigma^2 I"),
    {0},
};

/* A diagram over x and eta.  Its datasets are in the group of its name. */
struct panel {
    const char *name, *x_name, *x_symbol;
    const char *what; /* the start */
    struct phase_mode mode;
    struct phase_axis x;
    bool exact; /* on the parabola at fixed tau */
};

static const struct panel panels[] = {
    {.name = "eta_tau",
     .x_name = "tau",
     .x_symbol = "tau",
     .what = "tau fixed, from p = tau / (1 + sigma2) on the parabola s = p^2 / alpha_p",
     .mode = {.start = START_ABOVE_P_PLUS, .alpha_p = 1},
     .x = {PHASE_TAU, 0, 1, false, 0},
     .exact = true},
    {.name = "eta_p",
     .x_name = "p_0",
     .x_symbol = "p(0)",
     .what = "tau = 1 fixed, from p(0) on the parabola",
     .mode = {.start = START_P, .alpha_p = 1, .tau = 1},
     .x = {PHASE_P, 0, 0.7, false, 0},
     .exact = true},
    {.name = "eta_alpha_p",
     .x_name = "alpha_p",
     .x_symbol = "alpha_p",
     .what = "tau = 1 fixed, from s(0) = 0.05 on the parabola, p(0) = sqrt(alpha_p s(0))",
     .mode = {.start = START_S, .s = 0.05, .tau = 1},
     .x = {PHASE_ALPHA_P, 0.1, 10, true, 0},
     .exact = true},
    {.name = "eta_beta",
     .x_name = "beta",
     .x_symbol = "beta",
     .what = "tau moves from tau(0) = 0, from p(0) = 1 on the parabola",
     .mode = {.start = START_P, .alpha_p = 1, .p = 1, .tau_moves = true},
     .x = {PHASE_BETA, 1e-3, 10, true, 0}},
    {.name = "eta_alpha_p_off",
     .x_name = "alpha_p",
     .x_symbol = "alpha_p",
     .what = "tau = 1 fixed, off the parabola, from s(0) = 0.05 and p(0) = 0",
     .mode = {.start = START_FREE, .s = 0.05, .tau = 1},
     .x = {PHASE_ALPHA_P, 0.1, 10, true, 0}},
};

enum { PANELS = sizeof panels / sizeof *panels };

#define ETA_HIGHEST 0.3

/* Relative width to which a boundary is bisected. */
#define BOUNDARY_WIDTH 1e-8

/* ---- computing ---- */

/* The boundary that the parabola predicts at x; where the prediction does not apply, the upper
 * limit of any boundary, above which there is no p_+: survivors end on the parabola, at tau = 1. */
static double predicted_eta(const struct panel *panel, const struct phase_mode *base, double x)
{
    struct phase_mode mode = *base;
    phase_set(&mode, panel->x.variable, x);
    double p = mode.p, tau = mode.tau_moves ? 1 : mode.tau;
    if (mode.start == START_S)
        p = sqrt(mode.alpha_p * mode.s);
    if (!panel->exact || mode.start == START_ABOVE_P_PLUS)
        p = tau / (1 + mode.sigma2);
    return phase_critical_eta(p, tau, mode.sigma2);
}

static const char *line_of(const struct panel *panel)
{
    return panel->exact ? "predicted" : "limit";
}

static const char *prediction_of(const struct panel *panel)
{
    return panel->exact
               ? "boundary by NCP-10, p_-(eta) = p(0) or eta = tau^2 / (4 (1 + sigma2))"
               : "eta = 1 / (4 (1 + sigma2)), the threshold at tau = 1: no survivor lies above";
}

/* Put the axis of x and the predicted boundary over it, into the group `prefix` of the panel's. */
static void put_line(struct sheet *sheet, const struct panel *panel, const struct phase_mode *mode,
                     const struct phase_axis *x, const char *prefix)
{
    char axis[SHEET_NAME], line[SHEET_NAME];
    double *value = sheet_numbers(sheet, x->count), *eta = sheet_numbers(sheet, x->count);
    snprintf(axis, sizeof axis, "%s%s", prefix, panel->x_name);
    snprintf(line, sizeof line, "%s%s", prefix, line_of(panel));
    for (size_t i = 0; i < x->count && !sheet->status; i++) {
        value[i] = phase_axis_value(x, i);
        eta[i] = predicted_eta(panel, mode, value[i]);
    }
    sheet_axis(sheet, axis, x->count, value, panel->x_symbol, "1");
    sheet_put(sheet, line, axis, eta, prediction_of(panel), "1");
}

static void put_grid(struct sheet *sheet, const struct panel *panel, const struct phase_mode *mode,
                     size_t grid, int threads)
{
    const struct phase_axis eta = {PHASE_ETA, 0, ETA_HIGHEST, false, grid};
    struct phase_axis x = panel->x;
    char axes[SHEET_NAME];
    x.count = grid;
    snprintf(axes, sizeof axes, "eta %s", panel->x_name);
    double *value = sheet_numbers(sheet, grid), *collapse = sheet_numbers(sheet, grid * grid);
    for (size_t i = 0; i < grid && !sheet->status; i++)
        value[i] = phase_axis_value(&eta, i);
    if (!sheet->status)
        sheet->status = phase_grid(mode, &x, &eta, threads, collapse, sheet->err);
    put_line(sheet, panel, mode, &x, "");
    sheet_axis(sheet, "eta", grid, value, "eta, weight decay", "1");
    sheet_put(sheet, "collapse", axes, collapse,
              "1 if the mode collapses, 0 if it survives, NaN: undecided", "1");
}

static void put_boundary(struct sheet *sheet, const struct panel *panel,
                         const struct phase_mode *mode, size_t points, int threads)
{
    struct phase_axis x = panel->x;
    char axis[SHEET_NAME];
    x.count = points;
    snprintf(axis, sizeof axis, "boundary/%s", panel->x_name);
    double *measured = sheet_numbers(sheet, points);
    if (!sheet->status)
        sheet->status = phase_curve(mode, &x, PHASE_ETA, 1e-6, 1, BOUNDARY_WIDTH, threads, measured,
                                    sheet->err);
    put_line(sheet, panel, mode, &x, "boundary/");
    sheet_put(sheet, "boundary/measured", axis, measured,
              "eta at which the fate of the flow changes, by bisection", "1");
}

static void put_panel(struct sheet *sheet, const struct figure_job *job, size_t i)
{
    const struct settings *s = job->settings;
    const struct panel *panel = &panels[i];
    struct phase_mode mode = panel->mode;
    mode.sigma2 = s->sigma2;
    sheet_group(sheet, panel->name);
    put_grid(sheet, panel, &mode, (size_t)s->grid, job->threads);
    put_boundary(sheet, panel, &mode, (size_t)s->points, job->threads);
    if (!sheet->status)
        sheet->status = store_put_text(sheet->store, panel->name, panel->what, sheet->err);
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    return sheet_fill(job, store, PANELS, put_panel, err);
}

/* ---- the table ---- */

struct boundary {
    struct store_array at, measured, predicted; /* x, eta, eta; of equal length */
};

static struct boundary read_boundary(struct reader *r, const struct panel *panel)
{
    struct boundary b = {.at = reader_get(r, 0, 1, "/%s/boundary/%s", panel->name, panel->x_name)};
    b.measured = reader_get(r, b.at.count, 1, "/%s/boundary/measured", panel->name);
    b.predicted = reader_get(r, b.at.count, 1, "/%s/boundary/%s", panel->name, line_of(panel));
    return b;
}

static enum status write_data(const struct store_file *file, FILE *out, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    fprintf(out, "diagram\tx\teta_measured\teta_predicted\trelative_difference\n");
    for (const struct panel *p = panels; p < panels + PANELS; p++) {
        const struct boundary b = read_boundary(&r, p);
        for (size_t i = 0; i < b.at.count && !r.status; i++) {
            const double eta = b.measured.values[i];
            const double expected = p->exact ? b.predicted.values[i] : NAN;
            const double cell[] = {b.at.values[i], eta, expected, eta / expected - 1};
            fputs(p->name, out);
            for (size_t k = 0; k < sizeof cell / sizeof *cell; k++) {
                putc('\t', out);
                tsv_number(out, cell[k]);
            }
            putc('\n', out);
        }
    }
    return reader_close(&r);
}

/* ---- checks ---- */

/* The measured boundary equals the predicted one where the theory is exact. */
static void check_panel(struct reader *r, const struct panel *panel, struct sights *sights)
{
    const struct boundary b = read_boundary(r, panel);
    double worst = 0, above = 0;
    if (r->status)
        return;
    for (size_t i = 0; i < b.measured.count; i++) {
        const double excess = b.measured.values[i] / b.predicted.values[i] - 1;
        worst = larger(worst, fabs(excess));
        above = larger(above, excess);
    }
    if (panel->exact)
        sight(sights, worst < 1e-6, "%s: the measured boundary equals the predicted one (%.1e)",
              panel->name, worst);
    else
        sight(sights, above < 1e-6 && worst > 0.1,
              "%s: the boundary ends at the threshold of tau = 1 and lies below it (by up to %.0f "
              "%%)",
              panel->name, 100 * worst);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    for (size_t i = 0; i < PANELS; i++)
        check_panel(&r, &panels[i], sights);
    return reader_close(&r);
}

const struct figure figure_phase = {
    .about = {.name = "phase",
              .doc =
                  "Collapse of a mode without negative pairs, over weight decay and tau, p(0), the "
                  "predictor's rate or the target's rate: collapse or survival of every flow, the "
                  "boundary measured by bisection, and the predicted boundary.",
              .source = "[NCP]",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"grid=30", "points=8", NULL},
    .compute = compute,
    .script = "paper_figs/ncp/phase.gp",
    .write_data = write_data,
    .check = check,
};
