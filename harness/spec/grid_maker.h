/* Shared by the steps of grid_make: grid_keys.c collects the keys that are swept, grid_axes.c
 * makes the axes of them. */
#ifndef DUET_HARNESS_SPEC_GRID_MAKER_H
#define DUET_HARNESS_SPEC_GRID_MAKER_H

#include "harness/spec/grid.h"

/* A key and its values as they were written, then one by one. */
struct swept {
    const char *key, *place; /* place: NULL for the command line */
    size_t items, count;
    const char **item, **value;
    bool taken; /* by an axis */
};

struct maker {
    struct grid *grid;
    const struct spec *spec; /* NULL: none */
    const char *const *arguments;
    size_t argument_count;
    const char *const *zips;
    size_t zip_count;
    struct swept *swept;
    size_t swept_count;
    double values; /* of all keys */
    struct error *err;
};

enum status maker_collect(struct maker *maker);
enum status maker_make_axes(struct maker *maker);

/* The key, or NULL where it is not swept. */
struct swept *maker_find(const struct maker *maker, const char *key);

/* Lines of the section `sweep`, and which of them are part of a case or a zip. */
size_t maker_lines(const struct maker *maker);
bool is_case_line(const struct spec_sweep_line *line);
bool is_zip_line(const struct spec_sweep_line *line);

/* Bad input: "PLACE: MESSAGE", or "command line: MESSAGE". */
enum status grid_refuse(const struct maker *maker, const struct swept *swept, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));

#endif
