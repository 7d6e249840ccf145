#include "harness/spec/emit.h"
#include "harness/spec/loader.h"
#include "harness/spec/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* YAML text of a node, in the pool; NULL for lack of memory. */
static const char *text_of(struct pool *pool, const struct node *node)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out)
        emit_node(out, node);
    bool whole = out && fclose(out) == 0;
    const char *kept = whole ? pool_text(pool, text, length) : NULL;
    free(text);
    return kept;
}

/* KEY: VALUE becomes the next line. */
static enum status keep_sweep_line(struct loader *loader, struct spec_sweep_line *line,
                                   const struct node *key, int set)
{
    struct pool *pool = &loader->spec->origin->pool;
    const struct text *text = loader->spec->origin->file;
    const struct node *value = key->next;
    char place[PHRASE];
    enum status status = loader_check_key(loader, text, key);
    if (status)
        return status;
    snprintf(place, sizeof place, "%s:%d:%d", text->name, key->line, key->column);
    *line = (struct spec_sweep_line){.set = set, .list = set < 0 && value->kind == NODE_LIST};
    line->key = pool_text(pool, key->value, strlen(key->value));
    line->place = pool_text(pool, place, strlen(place));
    line->count = line->list ? value->count : 1;
    line->value = pool_take(pool, line->count + 1, sizeof *line->value);
    if (!line->key || !line->place || !line->value)
        return error_memory(loader->err, "a spec");
    const struct node *item = line->list ? value->first : value;
    for (size_t i = 0; item && i < line->count; i++, item = item->next)
        if (!(line->value[i] = text_of(pool, item)))
            return error_memory(loader->err, "a spec");
    return STATUS_OK;
}

/* The sets of `cases`, from `*line` on. */
static enum status keep_cases(struct loader *loader, struct spec_sweep_line **line,
                              const struct node *cases)
{
    const struct text *text = loader->spec->origin->file;
    int set = 0;
    if (cases->kind != NODE_LIST || cases->count == 0)
        return error_at(loader->err, text, cases->line, cases->column, "sweep.cases",
                        "cases is no list of sets; write one such as [{case: name, KEY: VALUE}]");
    for (const struct node *one = cases->first; one; one = one->next, set++) {
        if (one->kind != NODE_MAPPING)
            return error_at(loader->err, text, one->line, one->column, "sweep.cases",
                            "an entry of cases is no mapping; it must be one such as {case: name, "
                            "KEY: VALUE}");
        for (const struct node *key = one->first; key; key = key->next->next) {
            enum status status = keep_sweep_line(loader, (*line)++, key, set);
            if (status)
                return status;
        }
    }
    return STATUS_OK;
}

enum status loader_keep_sweep(struct loader *loader)
{
    struct spec *spec = loader->spec;
    const struct entry *sweep = &spec->origin->sweep;
    if (!sweep->key)
        return STATUS_OK;
    const struct node *section = sweep->value->kind == NODE_MAPPING ? sweep->value : NULL;
    size_t most = 1;
    for (const struct node *key = section ? section->first : NULL; key; key = key->next->next) {
        most++;
        if (key->next->kind == NODE_LIST)
            for (const struct node *one = key->next->first; one; one = one->next)
                most += one->kind == NODE_MAPPING ? one->count / 2 : 0;
    }
    struct spec_sweep_line *first = pool_take(&spec->origin->pool, most, sizeof *first);
    struct spec_sweep_line *line = first;
    if (!first)
        return error_memory(loader->err, "a spec");
    enum status status = STATUS_OK;
    for (const struct node *key = section ? section->first : NULL; key && !status;
         key = key->next->next) {
        if (key->kind == NODE_SCALAR && strcmp(key->value, "cases") == 0)
            status = keep_cases(loader, &line, key->next);
        else
            status = keep_sweep_line(loader, line++, key, -1);
    }
    spec->sweep = first;
    spec->sweep_count = (size_t)(line - first);
    return status;
}
