#include "harness/spec/grid.h"

#include "core/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- texts ---- */

/* Where the first top-level comma of `text` is, or its end. */
static const char *find_comma(const char *text)
{
    int depth = 0;
    char quote = 0;
    for (; *text && (depth > 0 || quote || *text != ','); text++) {
        if (quote)
            quote = *text == quote ? 0 : quote;
        else if (*text == '"' || *text == '\'')
            quote = *text;
        else
            depth += (*text == '[' || *text == '{') - (*text == ']' || *text == '}');
    }
    return text;
}

/* From `a` to `b` by `step`, or `count` values in equal ratios. */
struct range {
    bool logarithmic, whole;
    double a, b, step;
    int64_t first, whole_step;
    double count; /* of values */
};

static bool read_number(const char **text, double *value, char end)
{
    char *rest;
    if (!strchr("+-.0123456789", **text) || !**text)
        return false;
    *value = strtod(*text, &rest);
    bool good = rest != *text && *rest == end && isfinite(*value);
    *text = rest + (*rest != '\0');
    return good;
}

/* Whole numbers are stepped exactly, whatever their size. */
static void read_whole(struct range *range, const char *text)
{
    int64_t b;
    char end;
    range->whole = sscanf(text, "%" SCNd64 ":%" SCNd64 ":%" SCNd64 "%c", &range->first, &b,
                          &range->whole_step, &end) == 3 &&
                   strspn(text, "+-:0123456789") == strlen(text) && range->whole_step != 0;
    const __int128 steps = range->whole ? ((__int128)b - range->first) / range->whole_step : 0;
    if (range->whole)
        range->count = (double)steps + 1;
    if (range->whole && (b < range->first) != (range->whole_step < 0) && b != range->first)
        range->count = 0;
}

static bool read_range(const char *text, struct range *range)
{
    *range = (struct range){.logarithmic = strncmp(text, "log:", 4) == 0};
    const char *rest = text + (range->logarithmic ? 4 : 0);
    if (!read_number(&rest, &range->a, ':') || !read_number(&rest, &range->b, ':') ||
        !read_number(&rest, &range->step, '\0'))
        return false;
    if (range->logarithmic) {
        bool good = range->a > 0 && range->b > 0 && range->step >= 1 &&
                    range->step == floor(range->step) && (range->step > 1 || range->a == range->b);
        range->count = good ? range->step : 0;
        return true;
    }
    range->count = range->step != 0 ? floor((range->b - range->a) / range->step + 1 + 1e-9) : 0;
    read_whole(range, text);
    return true;
}

static void format_value(const struct range *range, size_t i, char *text, size_t size)
{
    const double at = range->count > 1 ? (double)i / (range->count - 1) : 0;
    if (range->logarithmic)
        snprintf(text, size, "%.12g", range->a * pow(range->b / range->a, at));
    else if (range->whole)
        snprintf(text, size, "%" PRId64, range->first + (int64_t)i * range->whole_step);
    else { /* 0 and not 1e-17 */
        double value = range->a + (double)i * range->step;
        bool nothing = fabs(value) < 1e-12 * fabs(range->step);
        snprintf(text, size, "%.12g", nothing ? 0 : value);
    }
}

bool grid_sweeps(const char *argument)
{
    const char *equals = strchr(argument, '=');
    struct range range;
    return equals && (*find_comma(equals + 1) || read_range(equals + 1, &range));
}

/* ---- swept keys ---- */

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

/* "PLACE: ..." or "command line: KEY=...: ..." */
__attribute__((format(printf, 3, 4))) static enum status
refuse(const struct maker *maker, const struct swept *swept, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return error_key(maker->err, swept->key, "%.300s: %s",
                     swept->place ? swept->place : "command line", message);
}

static struct swept *find_swept(const struct maker *maker, const char *key)
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
        bool is_range = read_range(swept->item[i], &range);
        if (is_range && !(range.count >= 1))
            return refuse(maker, swept,
                          "%s of %s has no values; write a:b:step with a step that leads from a to "
                          "b, or log:a:b:n with a and b above 0 and n values",
                          swept->item[i], swept->key);
        if (!is_range && !*swept->item[i])
            return refuse(maker, swept, "%s has an empty value; write a value between two commas",
                          swept->key);
        count += is_range ? range.count : 1;
    }
    maker->values += count;
    if (maker->values > GRID_MAX_VALUES)
        return refuse(maker, swept, "%s has %.3g values; all keys together may have at most %d",
                      swept->key, count, (int)GRID_MAX_VALUES);
    if (count < 1)
        return refuse(maker, swept, "%s has no values; give it at least one", swept->key);
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
        bool is_range = read_range(swept->item[i], &range);
        const size_t count = is_range ? (size_t)range.count : 1;
        for (size_t k = 0; k < count; k++) {
            char text[64];
            if (is_range)
                format_value(&range, k, text, sizeof text);
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
    if (find_swept(maker, line->key))
        return refuse(maker, swept, "%s is swept twice; keep one of the two", line->key);
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
    struct swept *old = find_swept(maker, swept.key);
    if (grid_sweeps(argument)) {
        *(old ? old : &maker->swept[maker->swept_count++]) = swept;
    } else if (old) {
        memmove(old, old + 1, (size_t)(maker->swept + maker->swept_count - old - 1) * sizeof *old);
        maker->swept_count--;
    }
    return STATUS_OK;
}

static size_t line_count(const struct maker *maker)
{
    return maker->spec ? maker->spec->sweep_count : 0;
}

static bool is_case_line(const struct spec_sweep_line *line)
{
    return line->set >= 0;
}

static bool is_zip_line(const struct spec_sweep_line *line)
{
    return line->set < 0 && strcmp(line->key, "zip") == 0;
}

static enum status collect_keys(struct maker *maker)
{
    const size_t lines = line_count(maker);
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
            status = refuse(maker, swept,
                            "name cannot be swept: it is the folder of the sweep; give one name");
        else if (strcmp(swept->key, "case") != 0)
            status = spread(maker, swept);
        else if (swept->items > 0) /* not the place of the cases */
            status = refuse(maker, swept,
                            "case is no key of a spec; the section sweep has a list `cases`, whose "
                            "entries may be named by it");
    }
    return status;
}

/* ---- axes ---- */

/* "PLACE\x1fKEY=VALUE" */
static const char *make_override(struct grid *grid, const char *place, const char *key,
                                 const char *value)
{
    const size_t size = strlen(place ? place : "") + strlen(key) + strlen(value) + 3;
    char *text = pool_room(&grid->pool, size);
    if (text)
        snprintf(text, size, "%s%s%s=%s", place ? place : "", place ? "\x1f" : "", key, value);
    return text;
}

/* An axis of `columns` keys that go together. */
static enum status add_axis(struct maker *maker, struct swept *const *keys, size_t columns)
{
    struct grid *grid = maker->grid;
    struct grid_axis *axis = &grid->axis[grid->axes++];
    *axis = (struct grid_axis){.columns = columns, .count = keys[0]->count};
    axis->column = pool_take(&grid->pool, columns, sizeof *axis->column);
    axis->position = pool_take(&grid->pool, axis->count, sizeof *axis->position);
    const char **texts = pool_take(&grid->pool, 2 * columns * axis->count, sizeof *texts);
    if (!axis->column || !axis->position || !texts)
        return error_memory(maker->err, "the grid; sweep fewer values");
    for (size_t k = 0; k < columns; k++) {
        axis->column[k] = pool_text(&grid->pool, keys[k]->key, strlen(keys[k]->key));
        keys[k]->taken = true;
        if (keys[k]->count != axis->count)
            return refuse(maker, keys[k],
                          "%s has %zu values and %s, which is zipped with it, %zu; give both as "
                          "many",
                          keys[0]->key, axis->count, keys[k]->key, keys[k]->count);
    }
    for (size_t i = 0; i < axis->count; i++) {
        axis->position[i] = (struct grid_position){columns, texts, texts + columns};
        texts += 2 * columns;
        for (size_t k = 0; k < columns; k++) {
            const char *value = keys[k]->value[i];
            axis->position[i].label[k] = value;
            axis->position[i].override[k] =
                make_override(grid, keys[k]->place, keys[k]->key, value);
            if (!axis->position[i].override[k] || !axis->column[k])
                return error_memory(maker->err, "the grid; sweep fewer values");
        }
    }
    return STATUS_OK;
}

/* ---- cases ---- */

/* Is the key set by an argument? */
static bool is_argument(const struct maker *maker, const char *key)
{
    const size_t length = strlen(key);
    for (size_t i = 0; i < maker->argument_count; i++)
        if (strncmp(maker->arguments[i], key, length) == 0 && maker->arguments[i][length] == '=')
            return true;
    return false;
}

static enum status check_case_key(const struct maker *maker, const struct spec_sweep_line *line,
                                  size_t index)
{
    const struct swept here = {.key = line->key, .place = line->place};
    for (size_t i = 0; i < index; i++)
        if (maker->spec->sweep[i].set == line->set &&
            strcmp(maker->spec->sweep[i].key, line->key) == 0)
            return refuse(maker, &here, "%s is written twice in one case; keep one of the two",
                          line->key);
    if (strcmp(line->key, "case") == 0) {
        for (size_t i = 0; i < index; i++)
            if (is_case_line(&maker->spec->sweep[i]) &&
                strcmp(maker->spec->sweep[i].key, "case") == 0 &&
                strcmp(maker->spec->sweep[i].value[0], line->value[0]) == 0)
                return refuse(maker, &here, "two cases are called %s; give each a name of its own",
                              line->value[0]);
        return STATUS_OK;
    }
    if (find_swept(maker, line->key) || is_argument(maker, line->key))
        return refuse(maker, &here, "%s is set by a case and %s too; let one of them set it",
                      line->key, is_argument(maker, line->key) ? "on the command line" : "swept");
    return strcmp(line->key, "name") == 0
               ? refuse(maker, &here, "name cannot be set by a case: it is the folder of the sweep")
               : STATUS_OK;
}

static enum status fill_case(struct maker *maker, struct grid_position *position, int set)
{
    const struct spec_sweep_line *first = NULL;
    size_t lines = 0;
    for (size_t i = 0; i < line_count(maker); i++)
        if (maker->spec->sweep[i].set == set) {
            lines++;
            first = first ? first : &maker->spec->sweep[i];
        }
    position->override = pool_take(&maker->grid->pool, lines, sizeof *position->override);
    position->label = pool_take(&maker->grid->pool, 1, sizeof *position->label);
    if (!position->override || !position->label)
        return error_memory(maker->err, "the grid; sweep fewer values");
    for (size_t i = 0; i < line_count(maker); i++) {
        const struct spec_sweep_line *line = &maker->spec->sweep[i];
        if (line->set != set)
            continue;
        enum status status = check_case_key(maker, line, i);
        if (status)
            return status;
        const bool name = strcmp(line->key, "case") == 0;
        const char *text =
            name ? pool_text(&maker->grid->pool, line->value[0], strlen(line->value[0]))
                 : make_override(maker->grid, line->place, line->key, line->value[0]);
        if (!text)
            return error_memory(maker->err, "the grid; sweep fewer values");
        *(name ? position->label : &position->override[position->count++]) = text;
    }
    if (position->label[0])
        return STATUS_OK;
    const struct swept here = {.key = "cases", .place = first ? first->place : NULL};
    return refuse(maker, &here, "set %d of cases has no name; start it with `case: NAME`", set + 1);
}

static enum status add_cases(struct maker *maker)
{
    struct grid *grid = maker->grid;
    struct grid_axis *axis = &grid->axis[grid->axes++];
    *axis = (struct grid_axis){.columns = 1};
    for (size_t i = 0; i < line_count(maker); i++)
        if (is_case_line(&maker->spec->sweep[i]))
            axis->count = (size_t)maker->spec->sweep[i].set + 1;
    axis->column = pool_take(&grid->pool, 1, sizeof *axis->column);
    axis->position = pool_take(&grid->pool, axis->count, sizeof *axis->position);
    if (!axis->column || !axis->position)
        return error_memory(maker->err, "the grid; sweep fewer values");
    axis->column[0] = "case";
    enum status status = STATUS_OK;
    for (size_t i = 0; i < axis->count && !status; i++)
        status = fill_case(maker, &axis->position[i], (int)i);
    return status;
}

/* ---- zips ---- */

/* The keys of "a,b" or "[a, b]", into a list that a NULL ends. */
static struct swept **split_zip(struct maker *maker, const char *text, const char *place)
{
    const struct swept here = {.key = "zip", .place = place};
    static const char between[] = ",[] ";
    size_t gaps = 0, count = 0;
    for (const char *c = text; *c; c++)
        gaps += strchr(between, *c) != NULL;
    struct swept **keys = pool_take(&maker->grid->pool, gaps + 2, sizeof *keys);
    char *copy = pool_text(&maker->grid->pool, text, strlen(text)), *rest = copy;
    if (!keys || !copy) {
        error_memory(maker->err, "the grid; sweep fewer values");
        return NULL;
    }
    for (char *word; (word = strtok_r(rest, between, &rest)); count++) {
        keys[count] = find_swept(maker, word);
        if (keys[count] && !keys[count]->taken && strcmp(word, "case") != 0) {
            keys[count]->taken = true;
            continue;
        }
        refuse(maker, &here,
               keys[count] ? "%s is zipped twice, or a case; name each key in one zip"
                           : "%s is zipped but not swept; sweep it too, or leave it out of the zip",
               word);
        return NULL;
    }
    if (count >= 2)
        return keys;
    refuse(maker, &here, "zip names %zu key%s; it needs at least two, such as a,b", count,
           count == 1 ? "" : "s");
    return NULL;
}

/* All zips: those of the file, "[a, b]" each or one list of keys, then those of the command line.
 */
static enum status collect_zips(struct maker *maker, struct swept ****zips, size_t *count)
{
    size_t most = maker->zip_count;
    for (size_t i = 0; i < line_count(maker); i++)
        most += is_zip_line(&maker->spec->sweep[i]) ? maker->spec->sweep[i].count + 1 : 0;
    *zips = pool_take(&maker->grid->pool, most, sizeof **zips);
    *count = 0;
    if (!*zips)
        return error_memory(maker->err, "the grid; sweep fewer values");
    for (size_t i = 0; i < line_count(maker); i++) {
        const struct spec_sweep_line *line = &maker->spec->sweep[i];
        if (!is_zip_line(line))
            continue;
        char *whole = NULL; /* "a,b," of a plain list */
        for (size_t v = 0; v < line->count; v++) {
            const bool list = line->value[v][0] == '[';
            const size_t used = whole ? strlen(whole) : 0;
            if (!list) {
                char *longer = pool_take(&maker->grid->pool, used + strlen(line->value[v]) + 2, 1);
                if (!longer)
                    return error_memory(maker->err, "the grid; sweep fewer values");
                sprintf(longer, "%s%s,", whole ? whole : "", line->value[v]);
                whole = longer;
            } else if (!((*zips)[(*count)++] = split_zip(maker, line->value[v], line->place))) {
                return maker->err->status;
            }
        }
        if ((whole || line->count == 0) &&
            !((*zips)[(*count)++] = split_zip(maker, whole ? whole : "", line->place)))
            return maker->err->status;
    }
    for (size_t i = 0; i < maker->zip_count; i++)
        if (!((*zips)[(*count)++] = split_zip(maker, maker->zips[i], NULL)))
            return maker->err->status;
    return STATUS_OK;
}

/* Every key by itself but the zipped ones, which come where the first of them stands. */
static enum status make_axes(struct maker *maker)
{
    struct swept ***zips;
    size_t zip_count;
    enum status status = collect_zips(maker, &zips, &zip_count);
    if (status)
        return status;
    maker->grid->axis =
        pool_take(&maker->grid->pool, maker->swept_count, sizeof *maker->grid->axis);
    if (!maker->grid->axis)
        return error_memory(maker->err, "the grid; sweep fewer values");
    for (size_t i = 0; i < maker->swept_count && !status; i++) {
        struct swept *swept = &maker->swept[i];
        if (strcmp(swept->key, "case") == 0 && !swept->value)
            status = add_cases(maker);
        else if (!swept->taken)
            status = add_axis(maker, &swept, 1);
        for (size_t z = 0; z < zip_count && !status && swept->taken; z++) {
            size_t columns = 0, least = maker->swept_count;
            for (; zips[z][columns]; columns++) {
                size_t at = (size_t)(zips[z][columns] - maker->swept);
                least = at < least ? at : least;
            }
            if (least == i)
                status = add_axis(maker, zips[z], columns);
        }
    }
    return status;
}

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
    enum status status = collect_keys(&maker);
    if (!status)
        status = make_axes(&maker);
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
