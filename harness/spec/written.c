#include "harness/spec/loader.h"
#include "harness/spec/words.h"

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

bool entry_is_older(struct spec_source *origin, const struct entry *entry, const char *by)
{
    const struct entry *other = find_entry(origin, entry->section, by);
    return other && other->turn > entry->turn;
}

/* Make `entry` the last word on its key. */
static enum status add_entry(struct loader *loader, const struct entry *entry)
{
    struct spec_source *origin = loader->spec->origin;
    struct entry *old = find_entry(origin, entry->section, entry->key);
    char path[2 * MAX_SHOWN];
    write_path(path, sizeof path, entry->section, entry->key);
    if (old && old->place.text == entry->place.text) {
        char first[MAX_SHOWN] = "";
        if (old->place.text->located)
            snprintf(first, sizeof first, ", first in line %d", old->place.line);
        return error_at(loader->err, &entry->place, path,
                        "%s is written twice%s; keep one of the two", path, first);
    }
    size_t keys = 0;
    for (size_t i = 0; i < origin->count; i++)
        keys += origin->entries[i].section == entry->section && origin->entries[i].key;
    if (!old && keys >= MAX_KEYS)
        return error_at(loader->err, &entry->place, path,
                        "more than %d keys in one section; remove the keys that are unknown",
                        (int)MAX_KEYS);
    const struct node *before = old ? old->value : NULL;
    struct entry *place = old ? old : &origin->entries[origin->count++];
    *place = *entry;
    place->before = before;
    place->turn = loader->turn;
    if (entry->key && !(place->key = pool_text(&origin->pool, entry->key, strlen(entry->key))))
        return error_memory(loader->err, "a spec");
    return STATUS_OK;
}

static enum status check_key(struct loader *loader, const struct node *key)
{
    if (key->kind == NODE_SCALAR && !node_is_null(key))
        return STATUS_OK;
    return error_at(loader->err, &key->place, "",
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
        return error_at(loader->err, &value->place, path,
                        "%s is %s; it must be a mapping such as {KEY: VALUE}", path, given);
    }
    enum status status = STATUS_OK;
    for (const struct node *key = value->first; !status && key; key = key->next->next) {
        char name[2 * MAX_SHOWN];
        status = check_key(loader, key);
        if (status)
            return status;
        snprintf(name, sizeof name, "%s.%s", entry->key, key->value);
        status = add_entry(loader,
                           &(struct entry){entry->section, name, key->place, key->next, NULL, 0});
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
        return error_at(loader->err, &value->place, section->key,
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
        status = check_key(loader, key);
        if (!status)
            status = add_key(loader, &(struct entry){entry->section, key->value, key->place,
                                                     key->next, NULL, 0});
    }
    return status;
}

/* "; it may be meant as train.epochs", for every section that has a parameter called `key`. */
static void suggest_sections(char *text, size_t size, const char *key)
{
    size_t found = 0;
    *text = '\0';
    for (int s = 0; s < SECTION_COUNT; s++) {
        const struct registry *registry = spec_sections[s].registry;
        const char *selector = spec_sections[s].selector;
        bool has = selector && strcmp(selector, key) == 0;
        for (size_t i = 0; i < registry->count; i++)
            has = has || descriptor_param(registry->entries[i], key);
        if (has)
            append_text(text, size, "%s%s.%s", found++ ? " or " : "; it may be meant as ",
                        spec_sections[s].key, key);
    }
}

static enum status unknown_top_key(struct loader *loader, const struct entry *entry)
{
    const char *known[3 + SECTION_COUNT] = {"name", "seed"};
    char shown[MAX_SHOWN], suggestion[PHRASE], meant[PHRASE];
    for (int s = 0; s < SECTION_COUNT; s++)
        known[2 + s] = spec_sections[s].key;
    known[2 + SECTION_COUNT] = "sweep";
    const size_t count = 2 + SECTION_COUNT + entry->place.text->located;
    excerpt(shown, sizeof shown, entry->key);
    suggest_word(suggestion, sizeof suggestion, entry->key, known, count, "the keys are");
    suggest_sections(meant, sizeof meant, entry->key);
    return error_at(loader->err, &entry->place, shown, "unknown key '%s'%s; %s", shown, meant,
                    suggestion);
}

static enum status add_sweep(struct loader *loader, const struct entry *entry)
{
    const struct node *value = entry->value;
    if (!entry->place.text->located)
        return error_at(loader->err, &entry->place, "sweep",
                        "sweep is a section of the file; write KEY=VALUE,VALUE to sweep a key");
    enum status status = add_entry(loader, entry);
    if (!status && value->kind != NODE_MAPPING && !node_is_null(value))
        status = error_at(loader->err, &value->place, "sweep",
                          "sweep is no mapping; it must be one such as {seed: 1:10:1}");
    loader->spec->sweep = value;
    return status;
}

static enum status check_cases(struct loader *loader, const struct node *cases)
{
    enum status status = STATUS_OK;
    if (cases->kind != NODE_LIST || cases->count == 0)
        return error_at(loader->err, &cases->place, "sweep.cases",
                        "cases is no list of sets; write one such as [{case: name, KEY: VALUE}]");
    for (const struct node *one = cases->first; one && !status; one = one->next) {
        if (one->kind != NODE_MAPPING)
            return error_at(loader->err, &one->place, "sweep.cases",
                            "an entry of cases is no mapping; it must be one such as {case: name, "
                            "KEY: VALUE}");
        for (const struct node *key = one->first; key && !status; key = key->next->next)
            status = check_key(loader, key);
    }
    return status;
}

enum status loader_check_sweep(struct loader *loader)
{
    const struct node *sweep = loader->spec->sweep;
    enum status status = STATUS_OK;
    for (const struct node *key = sweep ? sweep->first : NULL; key && !status;
         key = key->next->next) {
        status = check_key(loader, key);
        if (!status && strcmp(key->value, "cases") == 0)
            status = check_cases(loader, key->next);
    }
    return status;
}

/* A key of the document, or of an override; `inner` is the rest of the latter behind its first
 * dot, or NULL. */
static enum status add_top(struct loader *loader, struct entry entry, const char *inner)
{
    for (const struct param *param = top_params; param->name; param++)
        if (strcmp(param->name, entry.key) == 0) {
            entry.section = SECTION_COUNT;
            return inner ? error_at(loader->err, &entry.place, param->name,
                                    "%s has no keys of its own; write %s=VALUE", param->name,
                                    param->name)
                         : add_entry(loader, &entry);
        }
    entry.section = find_section(entry.key);
    if (entry.section < SECTION_COUNT) {
        entry.key = inner;
        return inner ? add_key(loader, &entry) : add_section(loader, &entry);
    }
    return strcmp(entry.key, "sweep") == 0 ? add_sweep(loader, &entry)
                                           : unknown_top_key(loader, &entry);
}

enum status loader_add_document(struct loader *loader, const struct node *root)
{
    if (!root || node_is_null(root))
        return STATUS_OK;
    if (root->kind != NODE_MAPPING) {
        char given[MAX_SHOWN + 8];
        node_describe(given, sizeof given, root);
        return error_at(loader->err, &root->place, "",
                        "the document is %s; a spec is a mapping of keys such as `seed: 1`", given);
    }
    enum status status = STATUS_OK;
    for (const struct node *key = root->first; !status && key; key = key->next->next) {
        status = check_key(loader, key);
        if (!status)
            status = add_top(
                loader, (struct entry){SECTION_COUNT, key->value, key->place, key->next, NULL, 0},
                NULL);
    }
    return status;
}

const char *spec_without_place(const char *override)
{
    const char *end = *override == SPEC_PLACE_MARK ? strchr(override + 1, SPEC_PLACE_MARK) : NULL;
    return end ? end + 1 : override;
}

enum status loader_add_override(struct loader *loader, const char *override)
{
    struct pool *pool = &loader->spec->origin->pool;
    char shown[2 * MAX_SHOWN], name[3 * MAX_SHOWN];
    const char *const from = override;
    override = spec_without_place(from);
    excerpt(shown, sizeof shown, override);
    snprintf(name, sizeof name, "command line: %s", shown);
    struct text *text = pool_take(pool, 1, sizeof *text);
    if (text)
        text->name = override > from ? pool_text(pool, from + 1, (size_t)(override - from - 2))
                                     : pool_text(pool, name, strlen(name));
    if (!text || !text->name)
        return error_memory(loader->err, "a spec");
    struct entry entry = {.place.text = text};
    const char *equals = strchr(override, '=');
    if (!equals || equals == override)
        return error_at(loader->err, &entry.place, "",
                        "no %s; write KEY=VALUE, such as data.depth=7", equals ? "key" : "'='");
    char *key = pool_text(pool, override, (size_t)(equals - override));
    if (!key)
        return error_memory(loader->err, "a spec");
    enum status status =
        yaml_parse(pool, text, equals + 1, strlen(equals + 1), &entry.value, loader->err);
    if (status)
        return status;
    if (!entry.value || node_is_null(entry.value))
        return error_at(loader->err, &entry.place, key,
                        "no value; write KEY=VALUE, or leave the override out for the default");
    char *dot = strchr(key, '.');
    if (dot)
        *dot = '\0';
    entry.key = key;
    return add_top(loader, entry, dot ? dot + 1 : NULL);
}
