/* ncp_fields: three planes of the flow of w_p, w and w_a. */
#include "core/extreme.h"
#include "paper_figs/figures.h"
#include "paper_figs/kit/plane.h"

#include <math.h>

struct settings {
    double lambda_s, lambda_d, beta;
    int64_t grid, times;
};

static const struct param params[] = {
    REAL_SETTING(lambda_s, "1", 0.1, 10,
                 "lambda_s, eigenvalue of the covariance of a view, X + X'"),
    REAL_SETTING(lambda_d, "0.5", 0.1, 10,
                 "lambda_d, eigenvalue of the covariance between two views, X"),
    REAL_SETTING(beta, "1", 0.01, 10, "beta, rate of the target's moving average, if it moves"),
    INTEGER_SETTING(grid, "17", 2, 100, "arrows of the field along either axis"),
    INTEGER_SETTING(times, "300", 10, 10000, "points of a trajectory"),
    {0},
};

enum { W_P, W, W_A, CURVE = 161 };

static const struct panel {
    const char *name;
    size_t x, y, tied;
    double rest[3], low, high; /* both axes alike */
    bool predictor_moves, target_moves;
} panels[] = {
    {"target_fixed", W, W_P, W, {0, 0, 1}, -1.6, 1.6, true, false},
    {"tied", W, W_A, W_P, {0, 0, 0}, -0.6, 1.2, true, true},
    {"no_predictor", W, W_A, W, {1, 0, 0}, -0.6, 1.2, false, true},
};

enum { PANELS = sizeof panels / sizeof *panels };

/* The flow approaches its half-stable point only as 1 / t: values below this count as 0. */
static const double end = 1000, floor_of_w = 0.02;

/* ---- computing ---- */

/* The set dw/dt = 0 except w_p = 0, v from -1 to 1: w_p w, w^2 or w is w_a times the ratio. */
static void nullcline(size_t i, double ratio, double v, double limit, double at[2])
{
    if (i == 0) { /* a branch of the hyperbola, from edge to edge */
        at[0] = sqrt(ratio) * pow(limit / sqrt(ratio), v);
        at[1] = ratio / at[0];
    } else if (i == 1) {
        at[0] = v * limit;
        at[1] = at[0] * at[0] / ratio;
    } else {
        at[1] = v * limit;
        at[0] = ratio * at[1];
    }
}

static void put_curves(struct sheet *sheet, const struct panel *panel, double ratio)
{
    const size_t i = (size_t)(panel - panels);
    double curve[CURVE][2], mirrored[CURVE][2], equal[CURVE][2];
    for (int k = 0; k < CURVE; k++) {
        double v = 2.0 * k / (CURVE - 1) - 1;
        nullcline(i, ratio, v, panel->high, curve[k]);
        for (int axis = 0; axis < 2; axis++) {
            mirrored[k][axis] = -curve[k][axis];
            equal[k][axis] = v * panel->high;
        }
    }
    plane_put_curve(sheet, "w_nullcline", (const double(*)[2])curve, CURVE, "dw/dt = 0");
    if (!panel->target_moves)
        plane_put_curve(sheet, "w_nullcline_mirrored", (const double(*)[2])mirrored, CURVE,
                        "dw/dt = 0, the other branch");
    else
        plane_put_curve(sheet, "w_a_nullcline", (const double(*)[2])equal, CURVE,
                        "dw_a/dt = 0: w_a = w");
}

static void put_points(struct sheet *sheet, const struct plane *plane, const struct panel *panel,
                       double ratio)
{
    const enum plane_rest origin = !panel->target_moves     ? REST_UNSTABLE
                                   : panel->predictor_moves ? REST_HALF
                                                            : REST_STABLE;
    const struct plane_point points[] = {{{0, 0}, origin}, {{ratio, ratio}, REST_STABLE}};
    plane_put_rest(sheet, plane, points, panel->predictor_moves && panel->target_moves ? 2 : 1);
}

static void put_panel(struct sheet *sheet, const struct figure_job *job, size_t i)
{
    const struct settings *s = job->settings;
    const struct panel *panel = &panels[i];
    const double ratio = s->lambda_d / s->lambda_s;
    struct scalar_flow scalars = {.modes = 1,
                                  .lambda_s = &s->lambda_s,
                                  .lambda_d = &s->lambda_d,
                                  .alpha_p = panel->predictor_moves ? 1 : 0,
                                  .beta = panel->target_moves ? s->beta : 0};
    struct dynamics dynamics;
    scalar_flow_open(&scalars, &dynamics);
    const struct plane plane = {.dynamics = &dynamics,
                                .x = panel->x,
                                .y = panel->y,
                                .tied = panel->tied,
                                .rest = {panel->rest[0], panel->rest[1], panel->rest[2]},
                                .low = {panel->low, panel->low},
                                .high = {panel->high, panel->high}};
    const double near_0[][2] = {{0.01, 0.01}, {-0.01, -0.01}};
    const struct plane_starts starts = {
        .own = near_0, .own_count = 2, .times = (size_t)s->times, .end = end, .floor = floor_of_w};
    sheet_group(sheet, panel->name);
    plane_put_field(sheet, &plane, (size_t)s->grid);
    plane_put_trajectories(sheet, &plane, &starts);
    put_curves(sheet, panel, ratio);
    put_points(sheet, &plane, panel, ratio);
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    return sheet_fill(job, store, PANELS, put_panel, err);
}

/* ---- checks ---- */

struct ends {
    struct store_array collapse;
    size_t starts;
    const double *first, *end; /* [start][2] */
};

static struct ends read_ends(struct reader *r, const char *group)
{
    struct ends ends = {.collapse = reader_get(r, 0, 1, "/%s/collapse", group)};
    ends.starts = ends.collapse.count;
    struct store_array path = reader_get(r, 0, 2 * ends.starts, "/%s/trajectory", group);
    ends.first = path.values;
    ends.end = path.values ? path.values + path.count - 2 * ends.starts : NULL;
    return ends;
}

/* All end on the hyperbola, which has the same w_p w at all points. */
static void check_target_fixed(struct reader *r, struct sights *sights)
{
    struct ends ends = read_ends(r, "target_fixed");
    struct store_array curve = reader_get(r, 0, 2, "/target_fixed/w_nullcline");
    double farthest = 0;
    if (r->status || !ends.end)
        return;
    for (size_t i = 0; i < ends.starts; i++)
        farthest = larger(farthest, fabs(ends.end[2 * i] * ends.end[2 * i + 1] -
                                         curve.values[0] * curve.values[1]));
    sight(sights, farthest < 1e-6,
          "target_fixed: all %zu trajectories end on w_p w = w_a lambda_d / lambda_s (%.1e), also "
          "from starts next to the origin",
          ends.starts, farthest);
}

/* Trajectories from w > 0 end at lambda_d / lambda_s; those that reach w < 0 end at 0, as -1 / t.
 */
static void check_tied(struct reader *r, struct sights *sights)
{
    struct ends ends = read_ends(r, "tied");
    struct store_array rest = reader_get(r, 2, PLANE_REST_COLUMNS, "/tied/rest");
    double farthest = 0, slowest = 0;
    size_t living = 0, sides = 0;
    if (r->status || !ends.end)
        return;
    const double ratio = rest.values[PLANE_REST_COLUMNS];
    for (size_t i = 0; i < ends.starts; i++) {
        const double w = ends.end[2 * i];
        const bool lives = ends.collapse.values[i] == 0;
        living += lives;
        sides += lives != (ends.first[2 * i] > 0);
        if (lives)
            farthest = larger(farthest, larger(fabs(w - ratio), fabs(ends.end[2 * i + 1] - ratio)));
        else
            slowest = larger(slowest, fabs(w));
    }
    sight(sights, living > 0 && farthest < 1e-6,
          "tied: %zu trajectories end at w = w_a = lambda_d / lambda_s (%.1e)", living, farthest);
    sight(sights, ends.collapse.values[0] == 0,
          "tied: the trajectory from w = w_a = 0.01 leaves the origin");
    sight(sights, living < ends.starts && sides == 0 && slowest < 5 / end && slowest > 1e-1 / end,
          "tied: the %zu from w < 0 still collapse, but slowly: w = %.2g at t = %g",
          ends.starts - living, slowest, end);
}

static void check_no_predictor(struct reader *r, struct sights *sights)
{
    struct ends ends = read_ends(r, "no_predictor");
    double farthest = 0;
    if (r->status || !ends.end)
        return;
    for (size_t i = 0; i < 2 * ends.starts; i++)
        farthest = larger(farthest, fabs(ends.end[i]));
    sight(sights, farthest < 1e-6, "no_predictor: all %zu trajectories collapse (%.1e)",
          ends.starts, farthest);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader reader = {.file = file, .err = err};
    check_target_fixed(&reader, sights);
    check_tied(&reader, sights);
    check_no_predictor(&reader, sights);
    for (size_t i = 0; i < PANELS; i++)
        plane_check_rest(&reader, panels[i].name, sights);
    return reader_close(&reader);
}

const struct figure figure_ncp_fields = {
    .about = {.name = "ncp_fields",
              .doc = "The flow of one mode in w_p, w and w_a. (a) Target fixed at w_a = 1: online "
                     "weight and predictor escape from the origin to the hyperbola w_p w = w_a "
                     "lambda_d / lambda_s. (b) Predictor tied to the online weight, w_p = w: "
                     "trajectories with w > 0 end at lambda_d / lambda_s, those with w < 0 at the "
                     "origin. (c) No predictor, w_p = 1: all trajectories collapse. Orange: "
                     "trajectories that collapse; blue: all others; black line: dw/dt = 0; dashed: "
                     "w_a = w.",
              .source = "[NCP] Fig. 10, with its numbers: lambda_s = 1, lambda_d = 1/2, alpha_p = "
                        "beta = 1",
              .params = params,
              .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"grid=9", "times=80", NULL},
    .compute = compute,
    .script = "paper_figs/ncp/ncp_fields.gp",
    .check = check,
};
