/* A flow of three variables in a plane: its field, trajectories, points of rest, curves.
 *
 * For mode_flow and scalar_flow: state[1], s or w, vanishes in a collapse. */
#pragma once

#include "paper_figs/kit/series.h"

struct plane {
    const struct dynamics *dynamics;
    size_t x, y;    /* entries of the state along the axes */
    size_t tied;    /* an entry equal to the entry of x, as in w_p = w; x itself: none */
    double rest[3]; /* the entries of the state that are not on the axes */
    double low[2], high[2];
};

/* Stability of a point of rest. */
enum plane_rest { REST_STABLE, REST_UNSTABLE, REST_HALF };

void plane_rate(const struct plane *plane, const double at[2], double rate[2]);

/* Real parts of the eigenvalues of the linearised flow in the plane, the larger first. */
void plane_growth(const struct plane *plane, const double at[2], double growth[2]);

/* field[arrow][x, y, dx/dt, dy/dt] on grid x grid points of the frame. */
void plane_put_field(struct sheet *sheet, const struct plane *plane, size_t grid);

/* trajectory[t][start][x, y] and collapse[start]: 1 if |state[1]| ends below `floor`.  The starts
 * are `own`, then points on the edge of the frame and inside. */
struct plane_starts {
    const double (*own)[2];
    size_t own_count;
    size_t times;
    double end, floor;
};
void plane_put_trajectories(struct sheet *sheet, const struct plane *plane,
                            const struct plane_starts *starts);

/* rest[point][x, y, kind, |rate|, growth, growth] */
struct plane_point {
    double at[2];
    enum plane_rest kind;
};
void plane_put_rest(struct sheet *sheet, const struct plane *plane,
                    const struct plane_point *points, size_t count);

/* name[place][x, y]: `count` pairs */
void plane_put_curve(struct sheet *sheet, const char *name, const double (*curve)[2], size_t count,
                     const char *long_name);

/* ---- checks ---- */

enum { PLANE_REST_COLUMNS = 6 };

/* Check that the flow vanishes at the points of rest in `group`, to 1e-14, and that its
 * linearisation grows (above 1e-7) at the points drawn as unstable and only there. */
void plane_check_rest(struct reader *reader, const char *group, struct sights *sights);
