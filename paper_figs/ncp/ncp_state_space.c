/* ncp_state_space: the flow of a mode in the plane of p_j and s_j. */
#include "core/extreme.h"
#include "paper_figs/figures.h"
#include "paper_figs/kit/plane.h"
#include "sim/flow/phase.h"

#include <math.h>

struct settings {
    double sigma2, tau, alpha_p;
    int64_t grid, times;
};

static const struct param params[] = {
    REAL_SETTING(sigma2, "0.1", 0, 10,
                 "sigma^2, the variance of the views around their mean: X' = sigma^2 I"),
    REAL_SETTING(tau, "1", 0.5, 1, "tau, fixed: W_a = tau W"),
    REAL_SETTING(alpha_p, "1", 0.1, 10,
                 "alpha_p, rate of the predictor over the rate of the trunk"),
    INTEGER_SETTING(grid, "15", 2, 100, "arrows of the field along either axis"),
    INTEGER_SETTING(times, "400", 10, 10000, "points of a trajectory"),
    {0},
};

static const struct panel {
    const char *name;
    double eta, low[2], high[2], end;
} panels[] = {
    {"none", 0, {-1, 0}, {1.5, 1.5}, 3000},
    {"weak", 0.01, {-1, 0}, {1.5, 1.5}, 3000},
    {"weak_near_0", 0.01, {-0.02, 0}, {0.04, 8e-4}, 3000},
    {"strong", 1, {-1, 0}, {1.5, 1.5}, 30},
};

enum { PANELS = sizeof panels / sizeof *panels, CURVE = 201, LINE = 160 };

/* ---- computing ---- */

static void put_parabola(struct sheet *sheet, const struct plane *plane, double alpha_p)
{
    double curve[CURVE][2];
    for (int i = 0; i < CURVE; i++) {
        double p = plane->low[0] + (plane->high[0] - plane->low[0]) * i / (CURVE - 1);
        curve[i][0] = p;
        curve[i][1] = p * p / alpha_p;
    }
    plane_put_curve(sheet, "parabola", (const double(*)[2])curve, CURVE, "s = p^2 / alpha_p");
}

/* Without weight decay the flow rests where s = 0 or p = tau / (1 + sigma2). */
static void put_lines(struct sheet *sheet, const struct plane *plane, double p_plus)
{
    struct plane_point points[2 * LINE];
    for (int i = 0; i < 2 * LINE; i++) {
        double share = (i % LINE + 0.5) / LINE;
        double p = plane->low[0] + share * (plane->high[0] - plane->low[0]);
        points[i] = i < LINE ? (struct plane_point){{p, 0}, REST_STABLE}
                             : (struct plane_point){{p_plus, share * plane->high[1]}, REST_STABLE};
        if (i < LINE && p > 0 && p < p_plus)
            points[i].kind = REST_UNSTABLE;
    }
    plane_put_rest(sheet, plane, points, 2 * LINE);
}

/* 0, p_- and p_+ on the parabola, if they exist */
static void put_points(struct sheet *sheet, const struct plane *plane, double eta,
                       const struct settings *s)
{
    double p_minus = phase_p_minus(eta, s->tau, s->sigma2);
    double p_plus = s->tau / (1 + s->sigma2) - p_minus;
    const struct plane_point points[] = {
        {{0, 0}, REST_STABLE},
        {{p_minus, p_minus * p_minus / s->alpha_p}, REST_UNSTABLE},
        {{p_plus, p_plus * p_plus / s->alpha_p}, REST_STABLE},
    };
    plane_put_rest(sheet, plane, points, isnan(p_minus) ? 1 : 3);
}

/* From the parabola on both sides of p_-, and from the whole frame */
static void put_trajectories(struct sheet *sheet, const struct plane *plane,
                             const struct panel *panel, const struct settings *s)
{
    double p_minus = phase_p_minus(panel->eta, s->tau, s->sigma2), own[2][2];
    for (int i = 0; i < 2; i++) {
        own[i][0] = p_minus * (i ? 1.01 : 0.99);
        own[i][1] = own[i][0] * own[i][0] / s->alpha_p;
    }
    const struct plane_starts starts = {.own = (const double(*)[2])own,
                                        .own_count = panel->eta > 0 && p_minus > 0 ? 2 : 0,
                                        .times = (size_t)s->times,
                                        .end = panel->end,
                                        .floor = 1e-6};
    plane_put_trajectories(sheet, plane, &starts);
}

static void put_panel(struct sheet *sheet, const struct figure_job *job, size_t i)
{
    const struct settings *s = job->settings;
    const struct panel *panel = &panels[i];
    struct mode_flow mode = {.modes = 1,
                             .sigma2 = s->sigma2,
                             .alpha_p = s->alpha_p,
                             .eta_p = panel->eta,
                             .eta_s = panel->eta};
    struct dynamics dynamics;
    mode_flow_open(&mode, &dynamics);
    const struct plane plane = {.dynamics = &dynamics,
                                .y = 1,
                                .rest = {0, 0, s->tau},
                                .low = {panel->low[0], panel->low[1]},
                                .high = {panel->high[0], panel->high[1]}};
    sheet_group(sheet, panel->name);
    plane_put_field(sheet, &plane, (size_t)s->grid);
    put_trajectories(sheet, &plane, panel, s);
    put_parabola(sheet, &plane, s->alpha_p);
    if (panel->eta > 0)
        put_points(sheet, &plane, panel->eta, s);
    else
        put_lines(sheet, &plane, s->tau / (1 + s->sigma2));
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    return sheet_fill(job, store, PANELS, put_panel, err);
}

/* ---- checks ---- */

/* Distance of a trajectory's end from the stable points of rest; without weight decay, from the
 * nearer of the two lines of rest. */
static double distance(const double *end, const struct store_array *rest, bool lines)
{
    double nearest = lines ? fabs(end[1]) : INFINITY;
    for (const double *row = rest->values; row < rest->values + rest->count;
         row += PLANE_REST_COLUMNS)
        if (row[2] == REST_STABLE && !lines)
            nearest = smaller(nearest, hypot(end[0] - row[0], end[1] - row[1]));
        else if (row[2] == REST_STABLE && row[1] > 0)
            nearest = smaller(nearest, fabs(end[0] - row[0]));
    return nearest;
}

static void check_panel(struct reader *r, const struct panel *panel, struct sights *sights)
{
    struct store_array collapse = reader_get(r, 0, 1, "/%s/collapse", panel->name);
    size_t starts = collapse.count;
    struct store_array path = reader_get(r, 0, 2 * starts, "/%s/trajectory", panel->name);
    struct store_array rest = reader_get(r, 0, PLANE_REST_COLUMNS, "/%s/rest", panel->name);
    struct store_array curve = reader_get(r, 0, 2, "/%s/parabola", panel->name);
    double farthest = 0, dead = 0, above = 0, above_dead = 0;
    if (r->status)
        return;
    const double *corner = curve.values + curve.count - 2, *first = path.values;
    const double *end = path.values + path.count - 2 * starts;
    for (size_t i = 0; i < starts; i++) {
        bool high =
            first[2 * i + 1] > first[2 * i] * first[2 * i] * corner[1] / corner[0] / corner[0];
        farthest = larger(farthest, distance(end + 2 * i, &rest, panel->eta == 0));
        dead += collapse.values[i];
        above += high;
        above_dead += high ? collapse.values[i] : 0;
    }
    sight(sights, farthest < 1e-6, "%s: all %zu trajectories end at stable points of rest (%.1e)",
          panel->name, starts, farthest);
    if (panel->eta == 0)
        sight(sights, above > 0 && above_dead == 0 && dead > 0,
              "%s: none of the %.0f starts above the parabola collapses, %.0f below it do",
              panel->name, above, dead);
    else if (rest.shape[0] == 1)
        sight(sights, dead == (double)starts, "%s: all collapse", panel->name);
    else
        sight(
            sights,
            starts > 1 && collapse.values[0] == 1 && collapse.values[1] == 0 &&
                dead < (double)starts,
            "%s: on the parabola 0.99 p_- collapses and 1.01 p_- does not; in total %.0f of %zu do",
            panel->name, dead, starts);
    plane_check_rest(r, panel->name, sights);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader reader = {.file = file, .err = err};
    for (size_t i = 0; i < PANELS; i++)
        check_panel(&reader, &panels[i], sights);
    return reader_close(&reader);
}

const struct figure figure_ncp_state_space = {
    .about = {.name = "ncp_state_space",
              .doc =
                  "The flow of a mode in the plane of p_j and s_j at fixed tau, with no, weak and "
                  "strong weight decay: field, trajectories (orange: collapse, blue: no collapse), "
                  "points of rest (filled: stable, open: unstable) and the parabola s_j = p_j^2 / "
                  "alpha_p (dashed). Without decay no start above the parabola collapses, and the "
                  "end depends on the start. Weak decay attracts all trajectories to the parabola "
                  "and leaves a small basin of collapse below p_-, enlarged in (c). With strong "
                  "decay everything collapses.",
              .source = "[NCP] Fig. 3, with its weight decay and alpha_p; it does not give sigma^2",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"grid=9", "times=100", NULL},
    .compute = compute,
    .script = "paper_figs/ncp/ncp_state_space.gp",
    .check = check,
};
