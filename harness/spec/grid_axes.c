/* The axes of a grid: keys by themselves, zipped keys, cases. */
#include "harness/spec/grid_maker.h"

#include <stdio.h>
#include <string.h>

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
            return grid_refuse(
                maker, keys[k],
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
            return grid_refuse(maker, &here, "%s is written twice in one case; keep one of the two",
                               line->key);
    if (strcmp(line->key, "case") == 0) {
        for (size_t i = 0; i < index; i++)
            if (is_case_line(&maker->spec->sweep[i]) &&
                strcmp(maker->spec->sweep[i].key, "case") == 0 &&
                strcmp(maker->spec->sweep[i].value[0], line->value[0]) == 0)
                return grid_refuse(maker, &here,
                                   "two cases are called %s; give each a name of its own",
                                   line->value[0]);
        return STATUS_OK;
    }
    if (maker_find(maker, line->key) || is_argument(maker, line->key))
        return grid_refuse(maker, &here, "%s is set by a case and %s too; let one of them set it",
                           line->key,
                           is_argument(maker, line->key) ? "on the command line" : "swept");
    return strcmp(line->key, "name") == 0
               ? grid_refuse(maker, &here,
                             "name cannot be set by a case: it is the folder of the sweep")
               : STATUS_OK;
}

static enum status fill_case(struct maker *maker, struct grid_position *position, int set)
{
    const struct spec_sweep_line *first = NULL;
    size_t lines = 0;
    for (size_t i = 0; i < maker_lines(maker); i++)
        if (maker->spec->sweep[i].set == set) {
            lines++;
            first = first ? first : &maker->spec->sweep[i];
        }
    position->override = pool_take(&maker->grid->pool, lines, sizeof *position->override);
    position->label = pool_take(&maker->grid->pool, 1, sizeof *position->label);
    if (!position->override || !position->label)
        return error_memory(maker->err, "the grid; sweep fewer values");
    for (size_t i = 0; i < maker_lines(maker); i++) {
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
    return grid_refuse(maker, &here, "set %d of cases has no name; start it with `case: NAME`",
                       set + 1);
}

static enum status add_cases(struct maker *maker)
{
    struct grid *grid = maker->grid;
    struct grid_axis *axis = &grid->axis[grid->axes++];
    *axis = (struct grid_axis){.columns = 1};
    for (size_t i = 0; i < maker_lines(maker); i++)
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
        keys[count] = maker_find(maker, word);
        if (keys[count] && !keys[count]->taken && strcmp(word, "case") != 0) {
            keys[count]->taken = true;
            continue;
        }
        grid_refuse(maker, &here,
                    keys[count]
                        ? "%s is zipped twice, or a case; name each key in one zip"
                        : "%s is zipped but not swept; sweep it too, or leave it out of the zip",
                    word);
        return NULL;
    }
    if (count >= 2)
        return keys;
    grid_refuse(maker, &here, "zip names %zu key%s; it needs at least two, such as a,b", count,
                count == 1 ? "" : "s");
    return NULL;
}

/* All zips: first the ones of the file, "[a, b]" each or one list of keys, then the command line's.
 */
static enum status collect_zips(struct maker *maker, struct swept ****zips, size_t *count)
{
    size_t most = maker->zip_count;
    for (size_t i = 0; i < maker_lines(maker); i++)
        most += is_zip_line(&maker->spec->sweep[i]) ? maker->spec->sweep[i].count + 1 : 0;
    *zips = pool_take(&maker->grid->pool, most, sizeof **zips);
    *count = 0;
    if (!*zips)
        return error_memory(maker->err, "the grid; sweep fewer values");
    for (size_t i = 0; i < maker_lines(maker); i++) {
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
enum status maker_make_axes(struct maker *maker)
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
