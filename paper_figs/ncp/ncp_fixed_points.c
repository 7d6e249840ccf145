/* ncp_fixed_points: points of rest of a mode on the parabola, in three regimes of weight decay. */
#include "core/extreme.h"
#include "paper_figs/figures.h"
#include "paper_figs/kit/series.h"
#include "sim/flow/phase.h"

#include <math.h>

struct settings {
    double sigma2, tau;
    int64_t points;
};

static const struct param params[] = {
    REAL_SETTING(sigma2, "0.5", 0.01, 10,
                 "sigma^2, the variance of the views around their mean: X' = sigma^2 I"),
    REAL_SETTING(tau, "1", 0.1, 1, "tau, fixed: W_a = tau W"),
    INTEGER_SETTING(points, "401", 11, 100000, "places at which the rate is computed"),
    {0},
};

/* Weight decay over its threshold tau^2 / (4 (1 + sigma2)), and the number of points of rest */
static const struct panel {
    const char *name;
    double share;
    size_t rest;
} panels[] = {{"none", 0, 2}, {"weak", 0.75, 3}, {"strong", 1.5, 1}};

enum { PANELS = sizeof panels / sizeof *panels, MOST_REST = 3, COLUMNS = 4 };

/* A point of rest: measured place, predicted place, sign of the rate on both sides */
enum { PLACE, PREDICTED, BELOW, ABOVE };

/* The frame in units of tau / (1 + sigma2) */
static const double low = -0.3, high = 1.2;

/* ---- computing ---- */

/* dp/dt of the mode on the parabola, alpha_p = 1 */
struct parabola {
    struct dynamics dynamics;
    double tau;
};

static double rate_at(const struct parabola *parabola, double p)
{
    double state[3] = {p, p * p, parabola->tau}, rate[3];
    parabola->dynamics.flow.rate(parabola->dynamics.flow.context, 0, state, rate);
    return rate[0];
}

/* The place between a and b at which the rate changes its sign, by bisection */
static double rest_near(const struct parabola *parabola, double a, double b)
{
    const double sign = rate_at(parabola, a) > 0 ? 1 : -1;
    for (int i = 0; i < 200; i++) {
        double p = (a + b) / 2;
        if (sign * rate_at(parabola, p) > 0)
            a = p;
        else
            b = p;
    }
    return (a + b) / 2;
}

/* The points of rest, found from the rate alone except 0, with their prediction by NCP-10 and the
 * sign of the rate on both sides */
static size_t find_rest(const struct parabola *parabola, double eta, double k,
                        double rest[MOST_REST][COLUMNS])
{
    const double middle = parabola->tau / (2 * k), aside = 1e-4 * middle;
    const double p_minus = phase_p_minus(eta, parabola->tau, k - 1);
    size_t count = 0;
    rest[count++][PLACE] = 0;
    rest[0][PREDICTED] = 0;
    if (rate_at(parabola, middle) > 0) {
        if (rate_at(parabola, aside) < 0) {
            rest[count][PREDICTED] = p_minus;
            rest[count++][PLACE] = rest_near(parabola, aside, middle);
        }
        rest[count][PREDICTED] = 2 * middle - p_minus;
        rest[count++][PLACE] = rest_near(parabola, middle, 4 * middle);
    }
    for (size_t i = 0; i < count; i++) {
        rest[i][BELOW] = copysign(1, rate_at(parabola, rest[i][PLACE] - aside));
        rest[i][ABOVE] = copysign(1, rate_at(parabola, rest[i][PLACE] + aside));
    }
    return count;
}

static void put_rest(struct sheet *sheet, const struct parabola *parabola, double eta, double k)
{
    double rest[MOST_REST][COLUMNS];
    size_t count = find_rest(parabola, eta, k, rest);
    sheet_axis(sheet, "point", count, NULL, "point of rest", "1");
    sheet_axis(sheet, "rest_column", COLUMNS, NULL,
               "p measured, p predicted, sign of dp/dt below it, above it", "1");
    sheet_put(sheet, "rest", "point rest_column", *rest, "points of rest", "1");
}

/* The rate of the flow and both cubics at every place */
static void put_rates(struct sheet *sheet, const struct parabola *parabola, double eta, double k,
                      size_t points)
{
    double *at = sheet_numbers(sheet, points), *rate = sheet_numbers(sheet, points);
    double *corrected = sheet_numbers(sheet, points), *printed = sheet_numbers(sheet, points);
    for (size_t i = 0; i < points && !sheet->status; i++) {
        const double share = (double)i / (double)(points - 1), unit = parabola->tau / k;
        const double p = unit * (low + share * (high - low));
        at[i] = p;
        rate[i] = rate_at(parabola, p);
        printed[i] = -p * (p * p - unit * p + eta / k); /* also for complex p_- and p_+ */
        corrected[i] = k * printed[i];
    }
    sheet_axis(sheet, "p", points, at, "p_j", "1");
    sheet_put(sheet, "rate", "p", rate, "dp_j/dt of the flow", "1");
    sheet_put(sheet, "corrected", "p", corrected, "-(1 + sigma2) p (p - p_-) (p - p_+)", "1");
    sheet_put(sheet, "printed", "p", printed, "-p (p - p_-) (p - p_+)", "1");
}

static void put_panel(struct sheet *sheet, const struct figure_job *job, size_t i)
{
    const struct settings *s = job->settings;
    const double k = 1 + s->sigma2, eta = panels[i].share * s->tau * s->tau / (4 * k);
    struct mode_flow mode = {
        .modes = 1, .sigma2 = s->sigma2, .alpha_p = 1, .eta_p = eta, .eta_s = eta};
    struct parabola parabola = {.tau = s->tau};
    mode_flow_open(&mode, &parabola.dynamics);
    sheet_group(sheet, panels[i].name);
    sheet_put(sheet, "eta", "", &eta, "weight decay", "1");
    put_rates(sheet, &parabola, eta, k, (size_t)s->points);
    put_rest(sheet, &parabola, eta, k);
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    return sheet_fill(job, store, PANELS, put_panel, err);
}

/* ---- checks ---- */

static double largest(const struct store_array *a)
{
    double most = 0;
    for (size_t i = 0; i < a->count; i++)
        most = larger(most, fabs(a->values[i]));
    return most;
}

static double difference(const struct store_array *a, const struct store_array *b)
{
    double most = 0;
    for (size_t i = 0; i < a->count; i++)
        most = larger(most, fabs(a->values[i] - b->values[i]));
    return most / largest(a);
}

/* The last is stable, a point between is unstable; 0 is stable only with weight decay. */
static bool behaves(const struct store_array *rest, bool decay)
{
    bool as_said = true;
    for (size_t i = 0; i < rest->shape[0]; i++) {
        const double *point = rest->values + COLUMNS * i;
        const bool between = i > 0 && i + 1 < rest->shape[0];
        const double below = between ? -1 : 1;
        const double above = between || (i == 0 && !decay) ? 1 : -1;
        as_said &= point[BELOW] == below && point[ABOVE] == above;
    }
    return as_said;
}

static void check_panel(struct reader *r, const struct panel *panel, struct sights *sights)
{
    struct store_array rate = reader_get(r, 0, 1, "/%s/rate", panel->name);
    struct store_array corrected = reader_get(r, rate.count, 1, "/%s/corrected", panel->name);
    struct store_array printed = reader_get(r, rate.count, 1, "/%s/printed", panel->name);
    struct store_array rest = reader_get(r, 0, COLUMNS, "/%s/rest", panel->name);
    double off = 0;
    if (r->status)
        return;
    for (size_t i = 0; i < rest.shape[0]; i++)
        off = larger(off, fabs(rest.values[COLUMNS * i] - rest.values[COLUMNS * i + 1]));
    sight(sights, rest.shape[0] == panel->rest && off < 1e-12,
          "%s: %zu points of rest, as predicted (%.1e)", panel->name, rest.shape[0], off);
    sight(sights, behaves(&rest, panel->share > 0),
          "%s: dp/dt changes its sign as the predicted stability requires", panel->name);
    double right = difference(&rate, &corrected), wrong = difference(&rate, &printed);
    sight(sights, right < 1e-13 && wrong > 0.1,
          "%s: dp/dt is the cubic with the factor 1 + sigma^2 (%.1e), not without it (%.2f)",
          panel->name, right, wrong);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader reader = {.file = file, .err = err};
    for (size_t i = 0; i < PANELS; i++)
        check_panel(&reader, &panels[i], sights);
    return reader_close(&reader);
}

const struct figure figure_ncp_fixed_points = {
    .about = {.name = "ncp_fixed_points",
              .doc =
                  "The rate of p_j on the parabola s_j = p_j^2 / alpha_p at fixed tau: no weight "
                  "decay, weight decay below its threshold tau^2 / (4 (1 + sigma^2)), and above "
                  "it. Points of rest from the rate of the flow: filled if stable, open if "
                  "unstable, black if stable from one side. The flow is the cubic with the "
                  "factor 1 + sigma^2; dashed: the cubic printed in the paper, without it.",
              .source = "[NCP] Fig. 4, with the corrected factor (erratum E2); the paper gives no "
                        "numbers",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"points=101", NULL},
    .compute = compute,
    .script = "paper_figs/ncp/ncp_fixed_points.gp",
    .check = check,
};
