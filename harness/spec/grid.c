#include "harness/spec/grid.h"

#include "core/text.h"
#include "harness/spec/number.h"

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
            return grid->axis[a].column[column].key;
    return NULL;
}

const char *grid_label(const struct grid *grid, size_t point, size_t column)
{
    for (size_t a = 0; a < grid->axes; column -= grid->axis[a++].columns)
        if (column < grid->axis[a].columns)
            return position_of(grid, point, a)->label[column];
    return NULL;
}

/* ---- the section as YAML ---- */

static void write_cases(FILE *out, const struct grid_axis *axis)
{
    fputs("  cases:\n", out);
    for (size_t i = 0; i < axis->count; i++) {
        fprintf(out, "    - {case: %s", axis->position[i].label[0]);
        for (size_t k = 0; k < axis->position[i].count; k++) {
            const char *key = spec_without_place(axis->position[i].override[k]);
            const char *equals = strchr(key, '=');
            fprintf(out, ", %.*s: %s", (int)(equals - key), key, equals + 1);
        }
        fputs("}\n", out);
    }
}

static void write_zips(FILE *out, const struct grid *grid)
{
    size_t zips = 0;
    for (size_t a = 0; a < grid->axes; a++) {
        const struct grid_axis *axis = &grid->axis[a];
        if (axis->columns < 2)
            continue;
        fputs(zips++ ? ", " : "  zip: [", out);
        for (size_t k = 0; k < axis->columns; k++)
            fprintf(out, "%s%s", k ? ", " : "[", axis->column[k].key);
        fputc(']', out);
    }
    fputs(zips ? "]\n" : "", out);
}

enum status grid_write_yaml(struct grid *grid, struct error *err)
{
    size_t length;
    FILE *out = open_memstream(&grid->yaml, &length);
    if (out)
        fputs(grid->axes ? "sweep:\n" : "", out);
    for (size_t a = 0; out && a < grid->axes; a++) {
        const struct grid_axis *axis = &grid->axis[a];
        if (!axis->column[0].item)
            write_cases(out, axis);
        for (size_t k = 0; k < axis->columns && axis->column[k].item; k++) {
            fprintf(out, "  %s: [", axis->column[k].key);
            for (size_t i = 0; i < axis->column[k].items; i++)
                fprintf(out, "%s%s", i ? ", " : "", axis->column[k].item[i]);
            fputs("]\n", out);
        }
    }
    if (out)
        write_zips(out, grid);
    return close_text(out, "the grid; sweep fewer values", err);
}
