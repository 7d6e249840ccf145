#include "paper_figs/kit/plane.h"

#include "core/extreme.h"

#include <math.h>
#include <string.h>

static void state_at(const struct plane *plane, const double at[2], double state[3])
{
    memcpy(state, plane->rest, sizeof plane->rest);
    state[plane->tied] = state[plane->x] = at[0];
    state[plane->y] = at[1];
}

void plane_rate(const struct plane *plane, const double at[2], double rate[2])
{
    double state[3], all[3];
    state_at(plane, at, state);
    plane->dynamics->flow.rate(plane->dynamics->flow.context, 0, state, all);
    rate[0] = all[plane->x];
    rate[1] = all[plane->y];
}

void plane_growth(const struct plane *plane, const double at[2], double growth[2])
{
    const double h = 1e-5;
    double j[2][2]; /* d rate / d place */
    for (int k = 0; k < 2; k++) {
        double up[2] = {at[0], at[1]}, down[2] = {at[0], at[1]}, above[2], below[2];
        up[k] += h;
        down[k] -= h;
        plane_rate(plane, up, above);
        plane_rate(plane, down, below);
        j[0][k] = (above[0] - below[0]) / (2 * h);
        j[1][k] = (above[1] - below[1]) / (2 * h);
    }
    double middle = (j[0][0] + j[1][1]) / 2, half = (j[0][0] - j[1][1]) / 2;
    double root = sqrt(larger(0, half * half + j[0][1] * j[1][0]));
    growth[0] = middle + root;
    growth[1] = middle - root;
}

/* ---- storing ---- */

void plane_put_field(struct sheet *sheet, const struct plane *plane, size_t grid)
{
    double *field = sheet_numbers(sheet, 4 * grid * grid);
    for (size_t i = 0; field && i < grid * grid; i++) {
        double *arrow = field + 4 * i;
        for (size_t k = 0; k < 2; k++) {
            double share = ((double)(k ? i / grid : i % grid) + 0.5) / (double)grid;
            arrow[k] = plane->low[k] + share * (plane->high[k] - plane->low[k]);
        }
        plane_rate(plane, arrow, arrow + 2);
    }
    sheet_axis(sheet, "arrow", grid * grid, NULL, "arrow of the field", "1");
    sheet_axis(sheet, "field_column", 4, NULL, "x, y, dx/dt, dy/dt", "1");
    sheet_put(sheet, "field", "arrow field_column", field, "the flow on a grid", "1");
}

/* Starts as fractions of the frame */
static const double frame_starts[][2] = {
    {0.03, 0.99}, {0.17, 0.99}, {0.34, 0.99}, {0.5, 0.99},  {0.67, 0.99}, {0.83, 0.99},
    {0.99, 0.99}, {0.01, 0.75}, {0.01, 0.5},  {0.01, 0.25}, {0.99, 0.75}, {0.99, 0.5},
    {0.99, 0.25}, {0.05, 0.02}, {0.26, 0.02}, {0.5, 0.02},  {0.73, 0.02}, {0.95, 0.02},
};

enum { FRAME_STARTS = sizeof frame_starts / sizeof *frame_starts };

static void start_at(const struct plane *plane, const struct plane_starts *starts, size_t i,
                     double at[2])
{
    for (size_t k = 0; k < 2; k++)
        at[k] = i < starts->own_count ? starts->own[i][k]
                                      : plane->low[k] + frame_starts[i - starts->own_count][k] *
                                                            (plane->high[k] - plane->low[k]);
}

/* x, y and the entry that vanishes in a collapse */
static enum status look(const void *context, const double *state, double *value, struct error *err)
{
    const struct plane *plane = context;
    (void)err;
    value[0] = state[plane->x];
    value[1] = state[plane->y];
    value[2] = state[1];
    return STATUS_OK;
}

static void put_trajectories(struct sheet *sheet, const struct series *s, double floor)
{
    size_t all = s->times * s->runs;
    double *trajectory = sheet_numbers(sheet, 2 * all + s->runs);
    for (size_t i = 0; trajectory && i < 2 * all; i++)
        trajectory[i] = series_quantity(s, i % 2)[i / 2];
    for (size_t i = 0; trajectory && i < s->runs; i++)
        trajectory[2 * all + i] = fabs(series_quantity(s, 2)[all - s->runs + i]) < floor;
    sheet_axis(sheet, "t", s->times, s->t, "time", "1");
    sheet_axis(sheet, "start", s->runs, NULL, "start of a trajectory", "1");
    sheet_axis(sheet, "place", 2, NULL, "x, y", "1");
    sheet_put(sheet, "trajectory", "t start place", trajectory, "trajectories", "1");
    sheet_put(sheet, "collapse", "start", trajectory ? trajectory + 2 * all : NULL,
              "1 if the trajectory ends in collapse, else 0", "1");
}

void plane_put_trajectories(struct sheet *sheet, const struct plane *plane,
                            const struct plane_starts *starts)
{
    const struct series_measure measure = {look, plane};
    const size_t count = starts->own_count + FRAME_STARTS;
    struct series series = series_open(sheet, 3, starts->times, count, 0.01, starts->end);
    for (size_t i = 0; i < count; i++) {
        double at[2], state[3];
        start_at(plane, starts, i, at);
        state_at(plane, at, state);
        series_run(sheet, &series, i, plane->dynamics, &measure, state);
    }
    put_trajectories(sheet, &series, starts->floor);
}

void plane_put_rest(struct sheet *sheet, const struct plane *plane,
                    const struct plane_point *points, size_t count)
{
    double *rest = sheet_numbers(sheet, PLANE_REST_COLUMNS * count);
    for (size_t i = 0; rest && i < count; i++) {
        double *row = rest + PLANE_REST_COLUMNS * i, rate[2];
        memcpy(row, points[i].at, sizeof points[i].at);
        plane_rate(plane, row, rate);
        row[2] = (double)points[i].kind;
        row[3] = hypot(rate[0], rate[1]);
        plane_growth(plane, row, row + 4);
    }
    sheet_axis(sheet, "point", count, NULL, "point of rest", "1");
    sheet_axis(sheet, "rest_column", PLANE_REST_COLUMNS, NULL,
               "x, y, 0 stable 1 unstable 2 half-stable, |rate|, growth rates", "1");
    sheet_put(sheet, "rest", "point rest_column", rest, "points of rest", "1");
}

void plane_put_curve(struct sheet *sheet, const char *name, const double (*curve)[2], size_t count,
                     const char *long_name)
{
    char along[SHEET_NAME], both[SHEET_NAME], axes[2 * SHEET_NAME];
    snprintf(along, sizeof along, "%.30s_along", name);
    snprintf(both, sizeof both, "%.30s_place", name);
    sheet_axis(sheet, along, count, NULL, "along the curve", "1");
    sheet_axis(sheet, both, 2, NULL, "x, y", "1");
    snprintf(axes, sizeof axes, "%s %s", along, both);
    sheet_put(sheet, name, axes, *curve, long_name, "1");
}

/* ---- checks ---- */

void plane_check_rest(struct reader *reader, const char *group, struct sights *sights)
{
    struct store_array rest = reader_get(reader, 0, PLANE_REST_COLUMNS, "/%s/rest", group);
    double fastest = 0;
    size_t wrong = 0;
    if (reader->status)
        return;
    for (const double *row = rest.values; row < rest.values + rest.count;
         row += PLANE_REST_COLUMNS) {
        fastest = larger(fastest, row[3]);
        wrong += (row[4] > 1e-7) != (row[2] == REST_UNSTABLE);
    }
    sight(sights, fastest < 1e-14, "%s: the flow vanishes at all %zu points of rest (%.1e)", group,
          rest.shape[0], fastest);
    sight(sights, wrong == 0, "%s: the linearised flow grows only at the unstable points of rest",
          group);
}
