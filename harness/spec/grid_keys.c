/* Which keys are swept, through which values. */
#include "harness/spec/grid_maker.h"
#include "harness/spec/range.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool grid_sweeps(const char *argument)
{
    const char *equals = strchr(argument, '=');
    struct range range;
    return equals && (*find_comma(equals + 1) || range_read(equals + 1, &range));
}

enum status grid_refuse(const struct maker *maker, const struct swept *swept, const char *format,
                        ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return error_key(maker->err, swept->key, "%.300s: %s",
                     swept->place ? swept->place : "command line", message);
}

struct swept *maker_find(const struct maker *maker, const char *key)
{
    for (size_t i = 0; i < maker->swept_count; i++)
        if (strcmp(maker->swept[i].key, key) == 0)
            return &maker->swept[i];
    return NULL;
}

static enum status count_values(struct maker *maker, struct swept *swept)
{
    double count = 0;
    for (size_t i = 0; i < swept->items; i++) {
        struct range range;
        bool is_range = range_read(swept->item[i], &range);
        if (is_range && !(range.count >= 1))
            return grid_refuse(
                maker, swept,
                "%s of %s has no values; write a:b:step with a step that leads from a to "
                "b, or log:a:b:n with a and b above 0 and n values",
                swept->item[i], swept->key);
        if (!is_range && !*swept->item[i])
            return grid_refuse(maker, swept,
                               "%s has an empty value; write a value between two commas",
                               swept->key);
        count += is_range ? range.count : 1;
    }
    maker->values += count;
    if (maker->values > GRID_MAX_VALUES)
        return grid_refuse(maker, swept,
                           "%s has %.3g values; all keys together may have at most %d", swept->key,
                           count, (int)GRID_MAX_VALUES);
    if (count < 1)
        return grid_refuse(maker, swept, "%s has no values; give it at least one", swept->key);
    swept->count = (size_t)count;
    return STATUS_OK;
}

/* The items one by one, ranges spread out. */
static enum status spread(struct maker *maker, struct swept *swept)
{
    enum status status = count_values(maker, swept);
    if (status)
        return status;
    swept->value = pool_take(&maker->grid->pool, swept->count, sizeof *swept->value);
    if (!swept->value)
        return error_memory(maker->err, "the grid; sweep fewer values");
    size_t v = 0;
    for (size_t i = 0; i < swept->items; i++) {
        struct range range;
        bool is_range = range_read(swept->item[i], &range);
        const size_t count = is_range ? (size_t)range.count : 1;
        for (size_t k = 0; k < count; k++) {
            char text[64];
            if (is_range)
                range_format(&range, k, text, sizeof text);
            const char *value = is_range ? text : swept->item[i];
            if (!(swept->value[v++] = pool_text(&maker->grid->pool, value, strlen(value))))
                return error_memory(maker->err, "the grid; sweep fewer values");
        }
    }
    return STATUS_OK;
}

static enum status add_line(struct maker *maker, const struct spec_sweep_line *line)
{
    struct swept *swept = &maker->swept[maker->swept_count];
    *swept = (struct swept){
        .key = line->key, .place = line->place, .items = line->count, .item = line->value};
    if (maker_find(maker, line->key))
        return grid_refuse(maker, swept, "%s is swept twice; keep one of the two", line->key);
    maker->swept_count++;
    return STATUS_OK;
}

static enum status split_argument(struct maker *maker, const char *argument, struct swept *swept)
{
    const char *equals = strchr(argument, '=');
    *swept = (struct swept){.items = 1};
    for (const char *c = find_comma(equals + 1); *c; c = find_comma(c + 1))
        swept->items++;
    swept->item = pool_take(&maker->grid->pool, swept->items, sizeof *swept->item);
    swept->key = pool_text(&maker->grid->pool, argument, (size_t)(equals - argument));
    if (!swept->item || !swept->key)
        return error_memory(maker->err, "the grid; sweep fewer values");
    const char *c = equals + 1;
    for (size_t i = 0; i < swept->items; i++) {
        const char *end = find_comma(c);
        size_t skip = strspn(c, " "), length = (size_t)(end - c);
        skip = skip < length ? skip : length;
        if (!(swept->item[i] = pool_text(&maker->grid->pool, c + skip, length - skip)))
            return error_memory(maker->err, "the grid; sweep fewer values");
        c = end + 1;
    }
    return STATUS_OK;
}

/* An argument takes the place of what was said of its key before, or fixes the key. */
static enum status add_argument(struct maker *maker, const char *argument)
{
    struct swept swept;
    const char *equals = strchr(argument, '=');
    if (!equals)
        return STATUS_OK; /* spec_load says so */
    enum status status = split_argument(maker, argument, &swept);
    if (status)
        return status;
    struct swept *old = maker_find(maker, swept.key);
    if (grid_sweeps(argument)) {
        *(old ? old : &maker->swept[maker->swept_count++]) = swept;
    } else if (old) {
        memmove(old, old + 1, (size_t)(maker->swept + maker->swept_count - old - 1) * sizeof *old);
        maker->swept_count--;
    }
    return STATUS_OK;
}

size_t maker_lines(const struct maker *maker)
{
    return maker->spec ? maker->spec->sweep_count : 0;
}

bool is_case_line(const struct spec_sweep_line *line)
{
    return line->set >= 0;
}

bool is_zip_line(const struct spec_sweep_line *line)
{
    return line->set < 0 && strcmp(line->key, "zip") == 0;
}

enum status maker_collect(struct maker *maker)
{
    const size_t lines = maker_lines(maker);
    maker->swept =
        pool_take(&maker->grid->pool, lines + maker->argument_count, sizeof *maker->swept);
    if (!maker->swept)
        return error_memory(maker->err, "the grid; sweep fewer values");
    enum status status = STATUS_OK;
    bool cases = false;
    for (size_t i = 0; i < lines && !status; i++) {
        const struct spec_sweep_line *line = &maker->spec->sweep[i];
        if (!is_case_line(line) && !is_zip_line(line)) {
            status = add_line(maker, line);
        } else if (is_case_line(line) && !cases) { /* holds the place of the cases */
            maker->swept[maker->swept_count++] =
                (struct swept){.key = "case", .place = line->place};
            cases = true;
        }
    }
    for (size_t i = 0; i < maker->argument_count && !status; i++)
        status = add_argument(maker, maker->arguments[i]);
    for (size_t i = 0; i < maker->swept_count && !status; i++) {
        struct swept *swept = &maker->swept[i];
        if (strcmp(swept->key, "name") == 0)
            status = grid_refuse(
                maker, swept, "name cannot be swept: it is the folder of the sweep; give one name");
        else if (strcmp(swept->key, "case") != 0)
            status = spread(maker, swept);
        else if (swept->items > 0) /* not the place of the cases */
            status =
                grid_refuse(maker, swept,
                            "case is no key of a spec; the section sweep has a list `cases`, whose "
                            "entries may be named by it");
    }
    return status;
}
