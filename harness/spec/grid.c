#include "harness/spec/grid.h"

#include "core/text.h"
#include "harness/spec/grid_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the section as YAML ---- */

static void write_cases(FILE *out, const struct grid_axis *axis)
{
    fputs("  cases:\n", out);
    for (size_t i = 0; i < axis->count; i++) {
        fprintf(out, "    - {case: %s", axis->position[i].label[0]);
        for (size_t k = 0; k < axis->position[i].count; k++) {
            const char *override = axis->position[i].override[k];
            const char *end = strchr(override, SPEC_PLACE_END);
            const char *key = end ? end + 1 : override, *equals = strchr(key, '=');
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
            fprintf(out, "%s%s", k ? ", " : "[", axis->column[k]);
        fputc(']', out);
    }
    fputs(zips ? "]\n" : "", out);
}

static enum status write_yaml(struct maker *maker)
{
    struct grid *grid = maker->grid;
    size_t length;
    FILE *out = open_memstream(&grid->yaml, &length);
    if (!out)
        return error_memory(maker->err, "the grid; sweep fewer values");
    fputs(grid->axes ? "sweep:\n" : "", out);
    size_t a = 0;
    for (size_t i = 0; i < maker->swept_count; i++) {
        const struct swept *swept = &maker->swept[i];
        if (strcmp(swept->key, "case") == 0 && !swept->value) {
            while (a < grid->axes && strcmp(grid->axis[a].column[0], "case") != 0)
                a++;
            write_cases(out, &grid->axis[a]);
            continue;
        }
        fprintf(out, "  %s: [", swept->key);
        for (size_t v = 0; v < swept->items; v++)
            fprintf(out, "%s%s", v ? ", " : "", swept->item[v]);
        fputs("]\n", out);
    }
    write_zips(out, grid);
    return close_text(out, "the grid; sweep fewer values", maker->err);
}

/* ---- the grid ---- */

static enum status count_points(struct maker *maker)
{
    struct grid *grid = maker->grid;
    double points = 1;
    for (size_t a = 0; a < grid->axes; a++) {
        const struct grid_axis *axis = &grid->axis[a];
        size_t most = 0;
        points *= (double)axis->count;
        grid->columns += axis->columns;
        for (size_t i = 0; i < axis->count; i++)
            most = axis->position[i].count > most ? axis->position[i].count : most;
        grid->most += most;
    }
    if (points > GRID_MAX_POINTS)
        return error_set(maker->err, STATUS_INVALID,
                         "the grid has %.3g points; it may have at most %d, so sweep fewer values",
                         points, (int)GRID_MAX_POINTS);
    grid->points = (size_t)points;
    return STATUS_OK;
}

void grid_free(struct grid *grid)
{
    pool_free(&grid->pool);
    free(grid->yaml);
    *grid = (struct grid){0};
}

enum status grid_make(struct grid *grid, const struct spec *spec, const char *const *arguments,
                      size_t count, const char *const *zips, size_t zip_count, struct error *err)
{
    *grid = (struct grid){0};
    struct error unwanted;
    struct maker maker = {.grid = grid,
                          .spec = spec,
                          .arguments = arguments,
                          .argument_count = count,
                          .zips = zips,
                          .zip_count = zip_count,
                          .err = err ? err : &unwanted};
    enum status status = maker_collect(&maker);
    if (!status)
        status = maker_make_axes(&maker);
    if (!status)
        status = count_points(&maker);
    if (!status)
        status = write_yaml(&maker);
    if (status)
        grid_free(grid);
    return status;
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
