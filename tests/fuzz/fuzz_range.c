/* Fuzzes the syntax of sweeps, harness/spec/grid.c: lists, ranges, zips and cases.
 *
 * An input is YAML up to the first zero byte, whose section `sweep` is used if it is a spec, then
 * arguments "KEY=VALUE,VALUE", each ended by a zero byte; arguments that start with '+' are zips. A
 * refused input must have a message; an accepted one must have every point that it counts. */
#include "harness/spec/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_ARGUMENTS = 16 };

static void demand(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void check_point(const struct grid *grid, size_t point, const char **override)
{
    size_t count = grid_overrides(grid, point, override);
    demand(count <= grid->most, "a point has more overrides than the grid says");
    for (size_t i = 0; i < count; i++)
        demand(strchr(override[i], '=') != NULL, "an override has no value");
    for (size_t i = 0; i < grid->columns; i++)
        demand(grid_column(grid, i) && grid_label(grid, point, i), "a column has no text");
}

static void check_grid(const struct grid *grid)
{
    const char **override = malloc((grid->most + 1) * sizeof *override);
    demand(override && grid->points > 0 && grid->points <= GRID_MAX_POINTS, "too many points");
    check_point(grid, 0, override);
    check_point(grid, grid->points / 2, override);
    check_point(grid, grid->points - 1, override);
    free(override);
}

static void check_arguments(const struct spec *spec, const char *text, size_t size)
{
    const char *argument[MAX_ARGUMENTS], *zip[MAX_ARGUMENTS];
    size_t arguments = 0, zips = 0;
    for (size_t at = 0; at < size; at += strlen(text + at) + 1)
        if (text[at] == '+' && zips < MAX_ARGUMENTS)
            zip[zips++] = text + at + 1;
        else if (text[at] != '+' && arguments < MAX_ARGUMENTS)
            argument[arguments++] = text + at;
    for (size_t i = 0; i < arguments; i++)
        grid_sweeps(argument[i]);
    struct grid grid;
    struct error err = {0};
    if (grid_make(&grid, spec, argument, arguments, zip, zips, &err)) {
        demand(err.message[0] != '\0', "refused without a word");
        return;
    }
    check_grid(&grid);
    grid_free(&grid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    size_t length = strlen(text), rest = length < size ? length + 1 : size;
    struct spec spec;
    struct error err = {0};
    if (spec_parse(&spec, "input.yaml", text, length, NULL, 0, &err)) {
        check_arguments(NULL, text + rest, size - rest);
    } else {
        check_arguments(&spec, text + rest, size - rest);
        spec_free(&spec);
    }
    free(text);
    return 0;
}
