/* The making of a grid: the keys that are swept, their values, the axes. */
#include "harness/spec/grid.h"
#include "harness/spec/node.h"
#include "harness/spec/number.h"
#include "harness/spec/params.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A key with its values, or the cases. */
struct swept {
    const char *key; /* "case" for the cases */
    struct place place;
    const struct node *cases; /* NULL: a key */
    size_t items, count;
    const char **item;        /* as they were written, [items] */
    const char **override;    /* of every value, ranges spread out, [count] */
    struct swept *const *zip; /* the keys that it goes together with, ended by NULL; NULL: none */
    bool taken;               /* by an axis */
};

struct maker {
    struct grid *grid;
    const struct node *sweep; /* the section's first key; NULL: none */
    const char *const *arguments;
    size_t argument_count;
    struct swept *swept;
    size_t swept_count;
    double values; /* of all keys */
    struct error *err;
};

static const struct text command_line = {.name = "command line"};
static const struct place argument_place = {.text = &command_line};

static enum status no_memory(struct maker *maker)
{
    return error_memory(maker->err, "the grid; sweep fewer values");
}

/* The key, or NULL where it is not swept. */
static struct swept *find_swept(const struct maker *maker, const char *key)
{
    for (size_t i = 0; i < maker->swept_count; i++)
        if (strcmp(maker->swept[i].key, key) == 0)
            return &maker->swept[i];
    return NULL;
}

/* YAML text of a node; NULL for lack of memory. */
static const char *text_of(struct maker *maker, const struct node *node)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out)
        emit_node(out, node);
    bool whole = out && fclose(out) == 0;
    const char *kept = whole ? pool_text(&maker->grid->pool, text, length) : NULL;
    free(text);
    return kept;
}

/* "PLACE\x1fKEY=VALUE" */
static const char *make_override(struct maker *maker, const struct place *place, const char *key,
                                 const char *value)
{
    enum { COLONS_AND_NUMBERS = 32 };
    const char *file = place->text->located ? place->text->name : "";
    const size_t size = strlen(file) + strlen(key) + strlen(value) + COLONS_AND_NUMBERS;
    char *text = pool_room(&maker->grid->pool, size);
    int used = 0;
    if (text && place->text->located)
        used = snprintf(text, size, "%c%s:%d:%d%c", SPEC_PLACE_MARK, file, place->line,
                        place->column, SPEC_PLACE_MARK);
    if (text)
        snprintf(text + used, size - (size_t)used, "%s=%s", key, value);
    return text;
}

/* ---- the keys ---- */

static enum status count_values(struct maker *maker, struct swept *swept)
{
    double count = 0;
    for (size_t i = 0; i < swept->items; i++) {
        struct range range;
        bool is_range = range_read(swept->item[i], &range);
        if (is_range && !(range.count >= 1))
            return error_at(maker->err, &swept->place, swept->key,
                            "%s of %s has no values; write a:b:step with a step that leads from a "
                            "to b, or log:a:b:n with a and b above 0 and n values",
                            swept->item[i], swept->key);
        if (!is_range && !*swept->item[i])
            return error_at(maker->err, &swept->place, swept->key,
                            "%s has an empty value; write a value between two commas", swept->key);
        count += is_range ? range.count : 1;
    }
    maker->values += count;
    if (maker->values > GRID_MAX_VALUES)
        return error_at(maker->err, &swept->place, swept->key,
                        "%s has %.3g values; all keys together may have at most %d", swept->key,
                        count, (int)GRID_MAX_VALUES);
    if (count < 1)
        return error_at(maker->err, &swept->place, swept->key,
                        "%s has no values; give it at least one", swept->key);
    swept->count = (size_t)count;
    return STATUS_OK;
}

static enum status spread(struct maker *maker, struct swept *swept)
{
    enum status status = count_values(maker, swept);
    if (status)
        return status;
    const char **next = swept->override =
        pool_take(&maker->grid->pool, swept->count, sizeof *swept->override);
    if (!next)
        return no_memory(maker);
    for (size_t i = 0; i < swept->items; i++) {
        struct range range;
        bool is_range = range_read(swept->item[i], &range);
        const size_t count = is_range ? (size_t)range.count : 1;
        for (size_t k = 0; k < count; k++) {
            char text[64];
            if (is_range)
                range_format(&range, k, text, sizeof text);
            *next =
                make_override(maker, &swept->place, swept->key, is_range ? text : swept->item[i]);
            if (!*next++)
                return no_memory(maker);
        }
    }
    return STATUS_OK;
}

/* A key of the section. */
static enum status add_key(struct maker *maker, const struct node *key)
{
    const struct node *value = key->next;
    const bool list = value->kind == NODE_LIST, cases = strcmp(key->value, "cases") == 0;
    struct swept *swept = &maker->swept[maker->swept_count];
    *swept = (struct swept){.key = cases ? "case" : key->value,
                            .place = key->place,
                            .cases = cases ? value : NULL,
                            .items = list ? value->count : 1};
    if (strcmp(key->value, "zip") == 0)
        return STATUS_OK;
    if (find_swept(maker, swept->key))
        return error_at(maker->err, &key->place, key->value,
                        "%s is swept twice; keep one of the two", key->value);
    maker->swept_count++;
    if (cases)
        return STATUS_OK;
    swept->item = pool_take(&maker->grid->pool, swept->items, sizeof *swept->item);
    if (!swept->item)
        return no_memory(maker);
    const struct node *item = list ? value->first : value;
    for (size_t i = 0; i < swept->items; i++, item = item->next)
        if (!(swept->item[i] = text_of(maker, item)))
            return no_memory(maker);
    return STATUS_OK;
}

static enum status split_argument(struct maker *maker, const char *argument, struct swept *swept)
{
    const char *c = strchr(argument, '=') + 1;
    struct pool *pool = &maker->grid->pool;
    *swept = (struct swept){.place = argument_place, .items = 1};
    for (const char *comma = find_comma(c); *comma; comma = find_comma(comma + 1))
        swept->items++;
    swept->item = pool_take(pool, swept->items, sizeof *swept->item);
    swept->key = pool_text(pool, argument, (size_t)(c - 1 - argument));
    if (!swept->item || !swept->key)
        return no_memory(maker);
    for (size_t i = 0; i < swept->items; i++) {
        const char *end = find_comma(c);
        while (c < end && *c == ' ')
            c++;
        if (!(swept->item[i] = pool_text(pool, c, (size_t)(end - c))))
            return no_memory(maker);
        c = end + 1;
    }
    return STATUS_OK;
}

/* An argument takes the place of what was said of its key before, or fixes the key. */
static enum status add_argument(struct maker *maker, const char *argument)
{
    struct swept swept;
    if (!strchr(argument, '='))
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

static enum status collect_keys(struct maker *maker)
{
    size_t most = maker->argument_count;
    for (const struct node *key = maker->sweep; key; key = key->next->next)
        most++;
    maker->swept = pool_take(&maker->grid->pool, most + 1, sizeof *maker->swept);
    if (!maker->swept)
        return no_memory(maker);
    enum status status = STATUS_OK;
    for (const struct node *key = maker->sweep; key && !status; key = key->next->next)
        status = add_key(maker, key);
    for (size_t i = 0; i < maker->argument_count && !status; i++)
        status = add_argument(maker, maker->arguments[i]);
    for (size_t i = 0; i < maker->swept_count && !status; i++) {
        struct swept *swept = &maker->swept[i];
        if (strcmp(swept->key, "name") == 0)
            status = error_at(maker->err, &swept->place, swept->key,
                              "name cannot be swept: it is the folder of the sweep; give one name");
        else if (strcmp(swept->key, "case") != 0)
            status = spread(maker, swept);
        else if (!swept->cases)
            status = error_at(maker->err, &swept->place, swept->key,
                              "case is no key of a spec; the section sweep has a list `cases`, "
                              "whose entries may be named by it");
    }
    return status;
}

/* ---- the axes ---- */

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
        return no_memory(maker);
    for (size_t k = 0; k < columns; k++) {
        const char *key = pool_text(&grid->pool, keys[k]->key, strlen(keys[k]->key));
        if (!key)
            return no_memory(maker);
        axis->column[k] = (struct grid_column){key, keys[k]->items, keys[k]->item};
        keys[k]->taken = true;
        if (keys[k]->count != axis->count)
            return error_at(maker->err, &keys[k]->place, keys[k]->key,
                            "%s has %zu values and %s, which is zipped with it, %zu; give both as "
                            "many",
                            keys[0]->key, axis->count, keys[k]->key, keys[k]->count);
    }
    for (size_t i = 0; i < axis->count; i++) {
        axis->position[i] = (struct grid_position){columns, texts, texts + columns};
        texts += 2 * columns;
        for (size_t k = 0; k < columns; k++) {
            axis->position[i].override[k] = keys[k]->override[i];
            axis->position[i].label[k] = strchr(spec_without_place(keys[k]->override[i]), '=') + 1;
        }
    }
    return STATUS_OK;
}

/* Is the key set by an argument? */
static bool is_argument(const struct maker *maker, const char *key)
{
    const size_t length = strlen(key);
    for (size_t i = 0; i < maker->argument_count; i++)
        if (strncmp(maker->arguments[i], key, length) == 0 && maker->arguments[i][length] == '=')
            return true;
    return false;
}

static enum status check_case_key(const struct maker *maker, const struct node *set,
                                  const struct node *key)
{
    const char *name = key->value;
    for (const struct node *other = set->first; other != key; other = other->next->next)
        if (strcmp(other->value, name) == 0)
            return error_at(maker->err, &key->place, name,
                            "%s is written twice in one case; keep one of the two", name);
    if (strcmp(name, "case") == 0)
        return STATUS_OK;
    if (find_swept(maker, name) || is_argument(maker, name))
        return error_at(maker->err, &key->place, name,
                        "%s is set by a case and %s too; let one of them set it", name,
                        is_argument(maker, name) ? "on the command line" : "swept");
    return strcmp(name, "name") == 0
               ? error_at(maker->err, &key->place, name,
                          "name cannot be set by a case: it is the folder of the sweep")
               : STATUS_OK;
}

/* The case `set`, which becomes the last position of the axis. */
static enum status add_case(struct maker *maker, struct grid_axis *axis, const struct node *set)
{
    struct pool *pool = &maker->grid->pool;
    struct grid_position *position = &axis->position[axis->count++];
    position->override = pool_take(pool, set->count, sizeof *position->override);
    position->label = pool_take(pool, 1, sizeof *position->label);
    if (!position->override || !position->label)
        return no_memory(maker);
    for (const struct node *key = set->first; key; key = key->next->next) {
        enum status status = check_case_key(maker, set, key);
        if (status)
            return status;
        const bool name = strcmp(key->value, "case") == 0;
        const char *value = text_of(maker, key->next);
        if (value && !name)
            value = make_override(maker, &key->place, key->value, value);
        if (!value)
            return no_memory(maker);
        *(name ? position->label : &position->override[position->count++]) = value;
        for (size_t i = 0; name && i + 1 < axis->count; i++)
            if (strcmp(axis->position[i].label[0], value) == 0)
                return error_at(maker->err, &key->place, key->value,
                                "two cases are called %s; give each a name of its own", value);
    }
    return position->label[0]
               ? STATUS_OK
               : error_at(maker->err, set->first ? &set->first->place : &set->place, "cases",
                          "set %zu of cases has no name; start it with `case: NAME`", axis->count);
}

static enum status add_cases(struct maker *maker, const struct node *cases)
{
    struct grid *grid = maker->grid;
    struct grid_axis *axis = &grid->axis[grid->axes++];
    *axis = (struct grid_axis){.columns = 1};
    axis->column = pool_take(&grid->pool, 1, sizeof *axis->column);
    axis->position = pool_take(&grid->pool, cases->count, sizeof *axis->position);
    if (!axis->column || !axis->position)
        return no_memory(maker);
    axis->column[0].key = "case";
    enum status status = STATUS_OK;
    for (const struct node *set = cases->first; set && !status; set = set->next)
        status = add_case(maker, axis, set);
    return status;
}

/* Zip the keys of "a,b" or "[a, b]"; NULL: there was no memory for it. */
static enum status add_zip(struct maker *maker, const char *text, const struct place *place)
{
    static const char between[] = ",[] ";
    struct swept **keys =
        text ? pool_take(&maker->grid->pool, strlen(text) + 1, sizeof *keys) : NULL;
    char *copy = keys ? pool_text(&maker->grid->pool, text, strlen(text)) : NULL, *rest = copy;
    size_t count = 0;
    if (!copy)
        return no_memory(maker);
    for (char *word; (word = strtok_r(rest, between, &rest)); count++) {
        keys[count] = find_swept(maker, word);
        if (!keys[count])
            return error_at(maker->err, place, "zip",
                            "%s is zipped but not swept; sweep it too, or leave it out of the zip",
                            word);
        if (keys[count]->zip || keys[count]->cases)
            return error_at(maker->err, place, "zip",
                            "%s is zipped twice, or a case; name each key in one zip", word);
        keys[count]->zip = keys;
    }
    return count >= 2 ? STATUS_OK
                      : error_at(maker->err, place, "zip",
                                 "zip names %zu key%s; it needs at least two, such as a,b", count,
                                 count == 1 ? "" : "s");
}

/* The zips of the file, one list of keys or a list of such lists, then the command line's. */
static enum status add_zips(struct maker *maker, const char *const *zips, size_t zip_count)
{
    enum status status = STATUS_OK;
    for (const struct node *key = maker->sweep; key && !status; key = key->next->next) {
        if (strcmp(key->value, "zip") != 0)
            continue;
        const struct node *value = key->next, *list = value->first;
        if (!list || list->kind != NODE_LIST)
            status = add_zip(maker, text_of(maker, value), &key->place);
        else
            for (; list && !status; list = list->next)
                status = add_zip(maker, text_of(maker, list), &key->place);
    }
    for (size_t i = 0; i < zip_count && !status; i++)
        status = add_zip(maker, zips[i], &argument_place);
    return status;
}

/* An axis for every key by itself, except the zipped ones, whose axis comes where the first of them
 * stands. */
static enum status make_axes(struct maker *maker)
{
    struct grid *grid = maker->grid;
    enum status status = STATUS_OK;
    grid->axis = pool_take(&grid->pool, maker->swept_count, sizeof *grid->axis);
    if (!grid->axis)
        return no_memory(maker);
    for (size_t i = 0; i < maker->swept_count && !status; i++) {
        struct swept *swept = &maker->swept[i];
        size_t columns = 1;
        while (swept->zip && swept->zip[columns])
            columns++;
        if (swept->cases)
            status = add_cases(maker, swept->cases);
        else if (!swept->taken)
            status = add_axis(maker, swept->zip ? swept->zip : &swept, columns);
    }
    return status;
}

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

enum status grid_make(struct grid *grid, const struct spec *spec, const char *const *arguments,
                      size_t count, const char *const *zips, size_t zip_count, struct error *err)
{
    *grid = (struct grid){0};
    struct maker maker = {.grid = grid,
                          .sweep = spec && spec->sweep ? spec->sweep->first : NULL,
                          .arguments = arguments,
                          .argument_count = count,
                          .err = err};
    enum status status = collect_keys(&maker);
    if (!status)
        status = add_zips(&maker, zips, zip_count);
    if (!status)
        status = make_axes(&maker);
    if (!status)
        status = count_points(&maker);
    if (!status)
        status = grid_write_yaml(grid, err);
    if (status)
        grid_free(grid);
    return status;
}
