/* phase: diagrams of the modes that collapse, with the boundary of the theory. */
#include "paper_figs/figures.h"

#include "harness/run/progress.h"
#include "sim/flow/phase.h"
#include "store/reader.h"

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>

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

struct diagram {
    struct phase_mode mode;
    struct phase_axis x, eta, at; /* of the grid, of the boundary */
    double *x_value, *eta_value, *at_value;
    double *collapse, *line;      /* [eta][x], [x] */
    double *measured, *predicted; /* [at] */
};

static void diagram_free(struct diagram *d)
{
    free(d->x_value);
}

static enum status diagram_open(struct diagram *d, const struct panel *panel,
                                const struct settings *settings, struct error *err)
{
    size_t grid = (size_t)settings->grid, points = (size_t)settings->points;
    d->mode = panel->mode;
    d->mode.sigma2 = settings->sigma2;
    d->x = d->at = panel->x;
    d->x.count = grid;
    d->at.count = points;
    d->eta = (struct phase_axis){PHASE_ETA, 0, ETA_HIGHEST, false, grid};
    d->x_value = malloc((grid * grid + 3 * grid + 3 * points) * sizeof *d->x_value);
    if (!d->x_value)
        return error_memory(err, "a diagram of %zu x %zu", grid, grid);
    d->eta_value = d->x_value + grid;
    d->line = d->eta_value + grid;
    d->at_value = d->line + grid;
    d->measured = d->at_value + points;
    d->predicted = d->measured + points;
    d->collapse = d->predicted + points;
    for (size_t i = 0; i < grid; i++) {
        d->x_value[i] = phase_axis_value(&d->x, i);
        d->eta_value[i] = phase_axis_value(&d->eta, i);
        d->line[i] = predicted_eta(panel, &d->mode, d->x_value[i]);
    }
    for (size_t i = 0; i < points; i++) {
        d->at_value[i] = phase_axis_value(&d->at, i);
        d->predicted[i] = predicted_eta(panel, &d->mode, d->at_value[i]);
    }
    return STATUS_OK;
}

static enum status diagram_compute(struct diagram *d, int threads, struct error *err)
{
    enum status status = phase_grid(&d->mode, &d->x, &d->eta, threads, d->collapse, err);
    if (status)
        return status;
    return phase_curve(&d->mode, &d->at, PHASE_ETA, 1e-6, 1, BOUNDARY_WIDTH, threads, d->measured,
                       err);
}

/* ---- storing ---- */

struct paths {
    char x[64], eta[64], collapse[64], line[64], at[64], measured[64], predicted[64];
};

static struct paths paths_of(const struct panel *panel)
{
    const char *line = panel->exact ? "predicted" : "limit";
    struct paths p;
    snprintf(p.x, sizeof p.x, "/%s/%s", panel->name, panel->x_name);
    snprintf(p.eta, sizeof p.eta, "/%s/eta", panel->name);
    snprintf(p.collapse, sizeof p.collapse, "/%s/collapse", panel->name);
    snprintf(p.line, sizeof p.line, "/%s/%s", panel->name, line);
    snprintf(p.at, sizeof p.at, "/%s/boundary/%s", panel->name, panel->x_name);
    snprintf(p.measured, sizeof p.measured, "/%s/boundary/measured", panel->name);
    snprintf(p.predicted, sizeof p.predicted, "/%s/boundary/%s", panel->name, line);
    return p;
}

static enum status put_grid(struct store *store, const struct panel *panel, const struct paths *p,
                            const struct diagram *d, const char *prediction, struct error *err)
{
    const char *axes[] = {p->eta, p->x};
    size_t grid = d->x.count, shape[] = {grid, grid};
    enum status status = store_put_axis(store, p->x, grid, d->x_value, panel->x_symbol, "1", err);
    if (!status)
        status = store_put_axis(store, p->eta, grid, d->eta_value, "eta, weight decay", "1", err);
    if (!status)
        status = store_put(store, p->line, 1, &grid, &axes[1], d->line, prediction, "1", err);
    if (!status)
        status = store_put(store, p->collapse, 2, shape, axes, d->collapse,
                           "1 if the mode collapses, 0 if it survives, NaN: undecided", "1", err);
    return status;
}

static enum status put_boundary(struct store *store, const struct panel *panel,
                                const struct paths *p, const struct diagram *d,
                                const char *prediction, struct error *err)
{
    const char *axes[] = {p->at};
    size_t points = d->at.count;
    enum status status =
        store_put_axis(store, p->at, points, d->at_value, panel->x_symbol, "1", err);
    if (!status)
        status = store_put(store, p->measured, 1, &points, axes, d->measured,
                           "eta at which the fate of the flow changes, by bisection", "1", err);
    if (!status)
        status =
            store_put(store, p->predicted, 1, &points, axes, d->predicted, prediction, "1", err);
    return status;
}

static enum status put_panel(struct store *store, const struct panel *panel,
                             const struct diagram *d, struct error *err)
{
    const struct paths p = paths_of(panel);
    const char *prediction =
        panel->exact
            ? "boundary by NCP-10, p_-(eta) = p(0) or eta = tau^2 / (4 (1 + sigma2))"
            : "eta = 1 / (4 (1 + sigma2)), the threshold at tau = 1: no survivor lies above";
    enum status status = put_grid(store, panel, &p, d, prediction, err);
    if (!status)
        status = put_boundary(store, panel, &p, d, prediction, err);
    return status ? status : store_put_text(store, panel->name, panel->what, err);
}

static enum status compute_panel(struct store *store, const struct panel *panel,
                                 const struct figure_job *job, struct error *err)
{
    struct diagram diagram;
    enum status status = diagram_open(&diagram, panel, job->settings, err);
    if (!status)
        status = diagram_compute(&diagram, job->threads, err);
    if (!status)
        status = put_panel(store, panel, &diagram, err);
    diagram_free(&diagram);
    return status;
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    struct progress progress;
    enum status status = STATUS_OK;
    gsl_error_handler_t *handler = gsl_set_error_handler_off();
    progress_start(&progress, job->quiet);
    for (uint64_t i = 0; i < PANELS && !status; i++) {
        status = compute_panel(store, &panels[i], job, err);
        if (!status)
            progress_line(&progress, i + 1, PANELS, panels[i].name);
    }
    progress_end(&progress);
    gsl_set_error_handler(handler);
    return status;
}

/* ---- the table ---- */

static enum status write_panel(const struct store_file *file, const struct panel *panel, FILE *out,
                               struct error *err)
{
    const struct paths p = paths_of(panel);
    struct reader r = {.file = file, .err = err};
    const struct store_array at = reader_get(&r, 0, 1, "%s", p.at),
                             measured = reader_get(&r, at.count, 1, "%s", p.measured),
                             predicted = reader_get(&r, at.count, 1, "%s", p.predicted);
    for (size_t i = 0; i < at.count && !r.status; i++) {
        double eta = measured.values[i], expected = panel->exact ? predicted.values[i] : NAN;
        fprintf(out, "%s\t%.17g\t%.17g\t%.17g\t%.3g\n", panel->name, at.values[i], eta, expected,
                eta / expected - 1);
    }
    return reader_close(&r);
}

static enum status write_data(const struct store_file *file, FILE *out, struct error *err)
{
    enum status status = STATUS_OK;
    fprintf(out, "diagram\tx\teta_measured\teta_predicted\trelative_difference\n");
    for (size_t i = 0; i < PANELS && !status; i++)
        status = write_panel(file, &panels[i], out, err);
    return status;
}

/* ---- checks ---- */

/* The measured boundary equals the predicted one where the theory is exact. */
static enum status check_panel(const struct store_file *file, const struct panel *panel,
                               struct sights *sights, struct error *err)
{
    const struct paths p = paths_of(panel);
    struct reader r = {.file = file, .err = err};
    const struct store_array measured = reader_get(&r, 0, 1, "%s", p.measured),
                             predicted = reader_get(&r, measured.count, 1, "%s", p.predicted);
    double worst = 0, above = 0;
    for (size_t i = 0; i < measured.count && !r.status; i++) {
        worst = fmax(worst, fabs(measured.values[i] / predicted.values[i] - 1));
        above = fmax(above, measured.values[i] / predicted.values[i] - 1);
    }
    if (!r.status && panel->exact)
        sight(sights, worst < 1e-6, "%s: the measured boundary equals the predicted one (%.1e)",
              panel->name, worst);
    else if (!r.status)
        sight(sights, above < 1e-6 && worst > 0.1,
              "%s: the boundary ends at the threshold of tau = 1 and lies below it (by up to %.0f "
              "%%)",
              panel->name, 100 * worst);
    return reader_close(&r);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < PANELS && !status; i++)
        status = check_panel(file, &panels[i], sights, err);
    return status;
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
