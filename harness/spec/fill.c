#include "harness/spec/loader.h"
#include "harness/spec/value.h"
#include "harness/spec/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAME = 200 }; /* characters: it is a folder */

/* The place of an error in something that was left out: where the section was chosen or written,
 * or the file as a whole. */
__attribute__((format(printf, 4, 5))) static enum status error_missing(struct loader *loader,
                                                                       enum spec_section section,
                                                                       const char *path,
                                                                       const char *format, ...)
{
    struct spec_source *origin = loader->spec->origin;
    const char *selector = section < SECTION_COUNT ? spec_sections[section].selector : NULL;
    const struct entry *entry = selector ? find_entry(origin, section, selector) : NULL;
    if (!entry)
        entry = find_entry(origin, section, NULL);
    char message[PHRASE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (entry)
        return error_at(loader->err, &entry->place, path, "%s", message);
    if (origin->file)
        return error_key(loader->err, path, "%s: %s", origin->file->name, message);
    return error_key(loader->err, path, "%s", message);
}

static enum status error_no_value(struct loader *loader, enum spec_section section,
                                  const struct param *param, const char *path, const char *what)
{
    char expected[PHRASE];
    value_expected(expected, sizeof expected, param, NULL);
    return error_missing(loader, section, path, "%s %s %s", path, what, expected);
}

/* Fill one field from the entry of that key or the default. */
static enum status fill_field(struct loader *loader, enum spec_section section, const char *key,
                              const struct param *param, void *settings)
{
    struct spec_source *origin = loader->spec->origin;
    const struct entry *entry = find_entry(origin, section, key);
    char path[2 * MAX_SHOWN], name[3 * MAX_SHOWN];
    write_path(path, sizeof path, section, key);
    snprintf(name, sizeof name, "default of %s", path);
    struct text fallback = {.name = name};
    struct slot slot = {.param = param,
                        .path = path,
                        .pool = &origin->pool,
                        .err = loader->err,
                        .field = (char *)settings + param->offset};
    if (entry)
        return value_read(&slot, entry->value);
    if (!param->fallback)
        return error_no_value(loader, section, param, path, "is missing; give it");
    const struct node *root;
    enum status status = yaml_parse(&origin->pool, &fallback, param->fallback,
                                    strlen(param->fallback), &root, loader->err);
    if (status)
        return status;
    if (!root)
        return error_no_value(loader, section, param, path, "has an empty default; it must be");
    return value_read(&slot, root);
}

/* The descriptor that the section's selector names. */
static enum status choose(struct loader *loader, enum spec_section s)
{
    const struct section *section = &spec_sections[s];
    const struct descriptor **chosen = &loader->spec->chosen[s];
    if (!section->selector) {
        *chosen = section->registry->entries[0];
        return STATUS_OK;
    }
    enum { MAX_NAMES = 64 };
    const char *names[MAX_NAMES] = {NULL};
    const struct registry *registry = section->registry;
    size_t count = registry->count < MAX_NAMES ? registry->count : MAX_NAMES;
    for (size_t i = 0; i < count; i++)
        names[i] = registry->entries[i]->name;
    const struct entry *entry = find_entry(loader->spec->origin, s, section->selector);
    const struct node *value = entry ? entry->value : NULL;
    bool scalar = !value || (value->kind == NODE_SCALAR && !node_is_null(value));
    const char *name = !scalar ? "" : value ? value->value : section->fallback;
    *chosen = registry_find(registry, name);
    if (*chosen)
        return STATUS_OK;
    char path[MAX_SHOWN], given[MAX_SHOWN + 8], right[PHRASE];
    write_path(path, sizeof path, s, section->selector);
    suggest_word(right, sizeof right, name, names, count, "the known ones are");
    if (!value)
        return error_missing(loader, s, path, "%s is not built in; %s", section->fallback, right);
    node_describe(given, sizeof given, value);
    return error_at(loader->err, &value->place, path, "%s is %s%s%s; %s (`duet list %s` shows all)",
                    path, given, scalar ? ", an unknown " : "", scalar ? registry->what : "", right,
                    section->list);
}

static enum status unknown_key(struct loader *loader, enum spec_section s,
                               const struct entry *entry)
{
    enum { MAX_NAMES = 1 + MAX_KEYS };
    const char *names[MAX_NAMES] = {NULL};
    size_t count = 0;
    const struct section *section = &spec_sections[s];
    const struct descriptor *chosen = loader->spec->chosen[s];
    if (section->selector)
        names[count++] = section->selector;
    for (const struct param *p = chosen->params; p && p->name && count < MAX_NAMES; p++)
        names[count++] = p->name;
    char path[2 * MAX_SHOWN], right[PHRASE], whose[PHRASE] = "", hint[PHRASE] = "";
    write_path(path, sizeof path, s, entry->key);
    suggest_word(right, sizeof right, entry->key, names, count, "the keys are");
    if (section->selector) {
        snprintf(whose, sizeof whose, " of %s %s", section->registry->what, chosen->name);
        const struct entry *by = find_entry(loader->spec->origin, s, section->selector);
        if (by && by->place.text != entry->place.text)
            snprintf(hint, sizeof hint, "; '%s={%s: %s}' replaces the whole section", section->key,
                     section->selector, chosen->name);
    }
    return error_at(loader->err, &entry->place, path, "unknown key %s%s; %s%s", path, whose, right,
                    hint);
}

/* The error of a key whose entry has no such parameter, or is not named by the list. */
static enum status refuse_nested(struct loader *loader, const struct entry *entry,
                                 const struct nested *nested)
{
    const char *what = nested->choice->registry->what, *name = nested->entry->name;
    const char *names[MAX_KEYS];
    char path[2 * MAX_SHOWN], right[PHRASE];
    size_t count = 0;
    write_path(path, sizeof path, entry->section, entry->key);
    if (nested->param)
        return error_at(loader->err, &entry->place, path,
                        "%s is of the %s %s, which %s.%s does not name; name it, or leave the key "
                        "out",
                        path, what, name, spec_sections[entry->section].key, nested->choice->name);
    for (const struct param *p = nested->entry->params; p && p->name && count < MAX_KEYS; p++)
        names[count++] = p->name;
    suggest_word(right, sizeof right, strchr(entry->key, '.') + 1, names, count, "the keys are");
    return error_at(loader->err, &entry->place, path, "unknown key %s of %s %s; %s", path, what,
                    name, count ? right : "it has no keys");
}

static bool is_key_of_any(const struct registry *registry, const char *key)
{
    struct nested nested;
    for (size_t i = 0; i < registry->count; i++)
        if (descriptor_param(registry->entries[i], key) ||
            (nested_split(registry->entries[i], key, &nested) && nested.param))
            return true;
    return false;
}

/* Whether a key that the chosen descriptor does not have belongs to others, the one that was named
 * when the key was written among them. */
static bool is_of_another(struct loader *loader, enum spec_section s, const struct entry *entry)
{
    const struct section *section = &spec_sections[s];
    if (!section->selector || !entry_is_older(loader->spec->origin, entry, section->selector))
        return false;
    const struct entry *by = find_entry(loader->spec->origin, s, section->selector);
    const char *before = by->before && by->before->value ? by->before->value : section->fallback;
    return strcmp(before, loader->spec->chosen[s]->name) != 0 &&
           is_key_of_any(section->registry, entry->key);
}

/* Forget entry `i`, a key that `whose` "does not have". */
static void drop(struct loader *loader, size_t i, const char *whose, const char *lacks)
{
    struct spec_source *origin = loader->spec->origin;
    char path[2 * MAX_SHOWN];
    write_path(path, sizeof path, origin->entries[i].section, origin->entries[i].key);
    remark(&loader->spec->remarks, "not used: %s, which %s %s", path, whose, lacks);
    origin->count--;
    memmove(&origin->entries[i], &origin->entries[i + 1],
            (origin->count - i) * sizeof *origin->entries);
}

/* Every key that was written is one of the descriptor's, or of a table within the section. */
static enum status check_keys(struct loader *loader, enum spec_section s)
{
    struct spec_source *origin = loader->spec->origin;
    const struct descriptor *chosen = loader->spec->chosen[s];
    const char *selector = spec_sections[s].selector;
    for (size_t i = 0; i < origin->count; i++) {
        const struct entry *entry = &origin->entries[i];
        struct nested nested;
        if (entry->section != s || !entry->key || (selector && strcmp(entry->key, selector) == 0) ||
            descriptor_param(chosen, entry->key))
            continue;
        if (!nested_split(chosen, entry->key, &nested) && is_of_another(loader, s, entry)) {
            drop(loader, i--, chosen->name, "does not have");
            continue;
        }
        if (!nested_split(chosen, entry->key, &nested))
            return unknown_key(loader, s, entry);
        if (!nested.param)
            return refuse_nested(loader, entry, &nested);
    }
    return STATUS_OK;
}

/* The settings of one table within the section, for an entry that the list names. */
static enum status fill_table(struct loader *loader, enum spec_section s,
                              const struct descriptor *table, void **settings)
{
    enum status status = STATUS_OK;
    *settings = pool_take(&loader->spec->origin->pool, 1, table->settings_size);
    if (!*settings)
        return error_memory(loader->err, "a spec");
    for (const struct param *p = table->params; !status && p && p->name; p++) {
        char key[2 * MAX_SHOWN];
        snprintf(key, sizeof key, "%s.%s", table->name, p->name);
        status = fill_field(loader, s, key, p, *settings);
    }
    return status;
}

static enum status fill_tables(struct loader *loader, enum spec_section s)
{
    struct spec *spec = loader->spec;
    struct spec_source *origin = spec->origin;
    const struct param *choice = nested_choice(spec->chosen[s]);
    if (!choice)
        return STATUS_OK;
    const size_t count = choice->registry->count;
    const unsigned named = *(unsigned *)((char *)spec->settings[s] + choice->offset);
    spec->tables[s] = pool_take(&origin->pool, count, sizeof *spec->tables[s]);
    if (!spec->tables[s])
        return error_memory(loader->err, "a spec");
    for (size_t i = 0; i < origin->count; i++) {
        struct nested nested;
        char list[2 * MAX_SHOWN];
        const struct entry *entry = &origin->entries[i];
        if (entry->section != s || !entry->key ||
            !nested_split(spec->chosen[s], entry->key, &nested) || named & 1u << nested.index)
            continue;
        if (!entry_is_older(origin, entry, choice->name))
            return refuse_nested(loader, entry, &nested);
        write_path(list, sizeof list, s, choice->name);
        drop(loader, i--, list, "does not name");
    }
    enum status status = STATUS_OK;
    for (size_t i = 0; !status && i < count; i++)
        if (named & 1u << i && choice->registry->entries[i]->settings_size > 0)
            status = fill_table(loader, s, choice->registry->entries[i], &spec->tables[s][i]);
    return status;
}

enum status loader_fill_section(struct loader *loader, enum spec_section s)
{
    struct spec *spec = loader->spec;
    enum status status = choose(loader, s);
    if (!status)
        status = check_keys(loader, s);
    if (status)
        return status;
    const struct descriptor *chosen = spec->chosen[s];
    if (chosen->settings_size == 0)
        return STATUS_OK;
    void *settings = spec->settings[s] = pool_take(&spec->origin->pool, 1, chosen->settings_size);
    if (!settings)
        return error_memory(loader->err, "a spec");
    for (const struct param *p = chosen->params; !status && p && p->name; p++)
        status = fill_field(loader, s, p->name, p, settings);
    return status ? status : fill_tables(loader, s);
}

/* The name becomes a folder. */
static enum status check_name(struct loader *loader, const char *name)
{
    const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);
    if (length > 0 && length <= MAX_NAME && name[0] != '.' && name[0] != '-' &&
        strspn(name, allowed) == length)
        return STATUS_OK;
    const struct entry *entry = find_entry(loader->spec->origin, SECTION_COUNT, "name");
    char shown[MAX_SHOWN];
    excerpt(shown, sizeof shown, name);
    return error_at(loader->err, &entry->value->place, "name",
                    "name is '%s'; it must be 1 to %d letters, digits, '.', '_' or '-', and not "
                    "start with '.' or '-'",
                    shown, (int)MAX_NAME);
}

enum status loader_fill_top(struct loader *loader)
{
    struct spec *spec = loader->spec;
    struct top head = {0};
    enum status status = STATUS_OK;
    for (const struct param *p = top_params; !status && p->name; p++)
        status = fill_field(loader, SECTION_COUNT, p->name, p, &head);
    if (!status)
        status = check_name(loader, head.name);
    if (status)
        return status;
    spec->seed = (uint64_t)head.seed;
    spec->name = pool_text(&spec->origin->pool, head.name, strlen(head.name));
    return spec->name ? STATUS_OK : error_memory(loader->err, "a spec");
}
