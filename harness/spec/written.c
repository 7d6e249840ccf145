#include "harness/spec/loader.h"
#include "harness/spec/words.h"
#include "harness/spec/yaml.h"

#include <stdio.h>
#include <string.h>

struct entry *find_entry(struct spec_source *origin, enum spec_section section, const char *key)
{
    for (size_t i = 0; i < origin->count; i++) {
        struct entry *entry = &origin->entries[i];
        if (entry->section == section && !entry->key == !key &&
            (!key || strcmp(entry->key, key) == 0))
            return entry;
    }
    return NULL;
}

/* Make `entry` the last word on its key. */
static enum status add_entry(struct loader *loader, const struct entry *entry)
{
    struct spec_source *origin = loader->spec->origin;
    struct entry *old = find_entry(origin, entry->section, entry->key);
    char path[2 * MAX_SHOWN];
    write_path(path, sizeof path, entry->section, entry->key);
    if (old && old->text == entry->text) {
        char first[MAX_SHOWN] = "";
        if (old->text->located)
            snprintf(first, sizeof first, ", first in line %d", old->line);
        return error_at(loader->err, entry->text, entry->line, entry->column, path,
                        "%s is written twice%s; keep one of the two", path, first);
    }
    size_t keys = 0;
    for (size_t i = 0; i < origin->count; i++)
        keys += origin->entries[i].section == entry->section && origin->entries[i].key;
    if (!old && keys >= MAX_KEYS)
        return error_at(loader->err, entry->text, entry->line, entry->column, path,
                        "more than %d keys in one section; remove the keys that are unknown",
                        (int)MAX_KEYS);
    struct entry *place = old ? old : &origin->entries[origin->count++];
    *place = *entry;
    if (entry->key && !(place->key = pool_text(&origin->pool, entry->key, strlen(entry->key))))
        return error_memory(loader->err, "a spec");
    return STATUS_OK;
}

enum status loader_check_key(struct loader *loader, const struct text *text, const struct node *key)
{
    if (key->kind == NODE_SCALAR && !node_is_null(key))
        return STATUS_OK;
    return error_at(loader->err, text, key->line, key->column, "",
                    "%s in place of a key; a key is one word followed by a colon",
                    key->kind == NODE_SCALAR ? "nothing"
                    : key->kind == NODE_LIST ? "a list"
                                             : "a mapping");
}

/* A key of a section: itself, or all keys of the table that it names. */
static enum status add_key(struct loader *loader, const struct entry *entry)
{
    const struct node *value = entry->value;
    if (!nested_is_table(entry->section, entry->key))
        return add_entry(loader, entry);
    if (value->kind != NODE_MAPPING) {
        char given[MAX_SHOWN + 8], path[2 * MAX_SHOWN];
        node_describe(given, sizeof given, value);
        write_path(path, sizeof path, entry->section, entry->key);
        return error_at(loader->err, entry->text, value->line, value->column, path,
                        "%s is %s; it must be a mapping such as {KEY: VALUE}", path, given);
    }
    enum status status = STATUS_OK;
    for (const struct node *key = value->first; !status && key; key = key->next->next) {
        char name[2 * MAX_SHOWN];
        status = loader_check_key(loader, entry->text, key);
        if (status)
            return status;
        snprintf(name, sizeof name, "%s.%s", entry->key, key->value);
        const struct entry inner = {entry->section, name,        entry->text,
                                    key->line,      key->column, key->next};
        status = add_entry(loader, &inner);
    }
    return status;
}

/* The whole section as `entry` writes it; forgets what was written in it before. */
static enum status add_section(struct loader *loader, const struct entry *entry)
{
    struct spec_source *origin = loader->spec->origin;
    const struct node *value = entry->value;
    const struct section *section = &spec_sections[entry->section];
    enum status status = add_entry(loader, entry);
    if (status)
        return status;
    if (value->kind != NODE_MAPPING && !node_is_null(value)) {
        char given[MAX_SHOWN + 8];
        node_describe(given, sizeof given, value);
        const struct param *first = section->registry->entries[0]->params;
        return error_at(loader->err, entry->text, value->line, value->column, section->key,
                        "%s is %s; it must be a mapping such as {%s: %s}", section->key, given,
                        section->selector ? section->selector : first->name,
                        section->selector ? section->fallback : first->fallback);
    }
    size_t count = 0;
    for (size_t i = 0; i < origin->count; i++)
        if (origin->entries[i].section != entry->section || !origin->entries[i].key)
            origin->entries[count++] = origin->entries[i];
    origin->count = count;
    const struct node *key = value->kind == NODE_MAPPING ? value->first : NULL;
    for (; !status && key; key = key->next->next) {
        struct entry inner = {entry->section, key->value,  entry->text,
                              key->line,      key->column, key->next};
        status = loader_check_key(loader, entry->text, key);
        if (!status)
            status = add_key(loader, &inner);
    }
    return status;
}

static enum status unknown_top_key(struct loader *loader, const struct entry *entry)
{
    const char *known[3 + SECTION_COUNT] = {"name", "seed"};
    char shown[MAX_SHOWN], suggestion[PHRASE];
    for (int s = 0; s < SECTION_COUNT; s++)
        known[2 + s] = spec_sections[s].key;
    known[2 + SECTION_COUNT] = "sweep";
    const size_t count = 2 + SECTION_COUNT + entry->text->located;
    excerpt(shown, sizeof shown, entry->key);
    suggest_word(suggestion, sizeof suggestion, entry->key, known, count, "the keys are");
    return error_at(loader->err, entry->text, entry->line, entry->column, shown,
                    "unknown key '%s'; %s", shown, suggestion);
}

static enum status add_sweep(struct loader *loader, const struct entry *entry)
{
    struct entry *sweep = &loader->spec->origin->sweep;
    const struct node *value = entry->value;
    if (!entry->text->located)
        return error_at(loader->err, entry->text, 0, 0, "sweep",
                        "sweep is a section of the file; write KEY=VALUE,VALUE to sweep a key");
    if (sweep->key)
        return error_at(loader->err, entry->text, entry->line, entry->column, "sweep",
                        "sweep is written twice, first in line %d; keep one of the two",
                        sweep->line);
    if (value->kind != NODE_MAPPING && !node_is_null(value))
        return error_at(loader->err, entry->text, value->line, value->column, "sweep",
                        "sweep is no mapping; it must be one such as {seed: 1:10:1}");
    *sweep = *entry;
    return STATUS_OK;
}

/* One key of the document, or what stands left of the first dot in an override. */
static enum status add_top(struct loader *loader, struct entry entry)
{
    for (const struct param *param = top_params; param->name; param++)
        if (strcmp(param->name, entry.key) == 0) {
            entry.section = SECTION_COUNT;
            return add_entry(loader, &entry);
        }
    for (int s = 0; s < SECTION_COUNT; s++)
        if (strcmp(spec_sections[s].key, entry.key) == 0) {
            entry.section = (enum spec_section)s;
            entry.key = NULL;
            return add_section(loader, &entry);
        }
    if (strcmp(entry.key, "sweep") == 0)
        return add_sweep(loader, &entry);
    return unknown_top_key(loader, &entry);
}

enum status loader_add_document(struct loader *loader, const struct text *text,
                                const struct node *root)
{
    if (!root || node_is_null(root))
        return STATUS_OK;
    if (root->kind != NODE_MAPPING) {
        char given[MAX_SHOWN + 8];
        node_describe(given, sizeof given, root);
        return error_at(loader->err, text, root->line, root->column, "",
                        "the document is %s; a spec is a mapping of keys such as `seed: 1`", given);
    }
    enum status status = STATUS_OK;
    for (const struct node *key = root->first; !status && key; key = key->next->next) {
        status = loader_check_key(loader, text, key);
        if (!status)
            status = add_top(loader, (struct entry){.key = key->value,
                                                    .text = text,
                                                    .line = key->line,
                                                    .column = key->column,
                                                    .value = key->next});
    }
    return status;
}

/* "SECTION.KEY": `entry->key` without its section, which goes to entry->section. */
static enum status add_dotted(struct loader *loader, struct entry *entry, char *dot)
{
    *dot = '\0';
    for (int s = 0; s < SECTION_COUNT; s++)
        if (strcmp(spec_sections[s].key, entry->key) == 0) {
            entry->section = (enum spec_section)s;
            entry->key = dot + 1;
            return add_key(loader, entry);
        }
    for (const struct param *param = top_params; param->name; param++)
        if (strcmp(param->name, entry->key) == 0)
            return error_at(loader->err, entry->text, 0, 0, param->name,
                            "%s has no keys of its own; write %s=VALUE", param->name, param->name);
    if (strcmp(entry->key, "sweep") == 0)
        return add_sweep(loader, entry);
    return unknown_top_key(loader, entry);
}

enum status loader_add_override(struct loader *loader, const char *override)
{
    struct pool *pool = &loader->spec->origin->pool;
    char shown[2 * MAX_SHOWN], name[3 * MAX_SHOWN];
    const char *place = strchr(override, SPEC_PLACE_END);
    const size_t place_length = place ? (size_t)(place - override) : 0;
    const char *from = override;
    override += place ? place_length + 1 : 0;
    excerpt(shown, sizeof shown, override);
    snprintf(name, sizeof name, "command line: %s", shown);
    struct text *text = pool_take(pool, 1, sizeof *text);
    if (!text ||
        !(text->name = pool_text(pool, place ? from : name, place ? place_length : strlen(name))))
        return error_memory(loader->err, "a spec");
    const char *equals = strchr(override, '=');
    if (!equals || equals == override)
        return error_at(loader->err, text, 0, 0, "", "no %s; write KEY=VALUE, such as data.depth=7",
                        equals ? "key" : "'='");
    char *key = pool_text(&loader->scratch, override, (size_t)(equals - override));
    if (!key)
        return error_memory(loader->err, "a spec");
    struct entry entry = {.key = key, .text = text};
    enum status status = yaml_parse(&loader->scratch, text, equals + 1, strlen(equals + 1),
                                    &entry.value, loader->err);
    if (status)
        return status;
    if (!entry.value || node_is_null(entry.value))
        return error_at(loader->err, text, 0, 0, key,
                        "no value; write KEY=VALUE, or leave the override out for the default");
    char *dot = strchr(key, '.');
    return dot ? add_dotted(loader, &entry, dot) : add_top(loader, entry);
}
