#include "harness/spec/grid.h"

#include "harness/spec/range.h"

#include <stdlib.h>
#include <string.h>

bool grid_sweeps(const char *argument)
{
    const char *equals = strchr(argument, '=');
    struct range range;
    return equals && (*find_comma(equals + 1) || range_read(equals + 1, &range));
}

void grid_free(struct grid *grid)
{
    pool_free(&grid->pool);
    free(grid->yaml);
    *grid = (struct grid){0};
}

/* Position of a point on an axis. */
static const struct grid_position *position_of(const struct grid *grid, size_t point, size_t axis)
{
    for (size_t a = grid->axes; a-- > axis + 1;)
        point /= grid->axis[a].count;
    return &grid->axis[axis].position[point % grid->axis[axis].count];
}

size_t grid_overrides(const struct grid *grid, size_t point, const char **override)
{
    size_t count = 0;
    for (size_t a = 0; a < grid->axes; a++) {
        const struct grid_position *position = position_of(grid, point, a);
        for (size_t i = 0; i < position->count; i++)
            override[count++] = position->override[i];
    }
    return count;
}

const char *grid_column(const struct grid *grid, size_t column)
{
    for (size_t a = 0; a < grid->axes; column -= grid->axis[a++].columns)
        if (column < grid->axis[a].columns)
            return grid->axis[a].column[column];
    return NULL;
}

const char *grid_label(const struct grid *grid, size_t point, size_t column)
{
    for (size_t a = 0; a < grid->axes; column -= grid->axis[a++].columns)
        if (column < grid->axis[a].columns)
            return position_of(grid, point, a)->label[column];
    return NULL;
}
