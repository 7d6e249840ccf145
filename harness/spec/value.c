#include "harness/spec/value.h"

#include "harness/spec/number.h"
#include "harness/spec/words.h"

#include <stdio.h>
#include <string.h>

/* Words for a value of each type: a cell of a table, and a part of a sentence. */
static const struct {
    const char *name, *noun;
} words[] = {
    [PARAM_INTEGER] = {"integer", "an integer"},
    [PARAM_REAL] = {"number", "a number"},
    [PARAM_BOOLEAN] = {"boolean", "one of"},
    [PARAM_TEXT] = {"text", "text"},
    [PARAM_CHOICE] = {"word", "one of"},
    [PARAM_CHOICES] = {"words", "a list of words out of"},
    [PARAM_INTEGERS] = {"integer(s)", "an integer or a list of integers"},
    [PARAM_REALS] = {"number(s)", "a number, a list of numbers or a list of lists"},
};

const char *param_type_name(enum param_type type)
{
    return words[type].name;
}

void param_choices(const struct param *param, struct choices *choices)
{
    enum { LIMIT = sizeof choices->word / sizeof *choices->word };
    const struct registry *registry = param->registry;
    choices->count = 0;
    for (size_t i = 0; registry && i < registry->count && i < LIMIT; i++)
        choices->word[choices->count++] = registry->entries[i]->name;
    snprintf(choices->buffer, sizeof choices->buffer, "%s", registry ? "" : param->choices);
    char *rest = choices->buffer;
    for (char *word; choices->count < LIMIT && (word = strtok_r(rest, " ", &rest));)
        choices->word[choices->count++] = word;
}

void param_range(const struct param *param, char *text, size_t size)
{
    text[0] = '\0';
    if (param->type == PARAM_CHOICE || param->type == PARAM_CHOICES) {
        struct choices choices;
        param_choices(param, &choices);
        for (size_t i = 0; i < choices.count; i++)
            append_text(text, size, "%s%s", i ? ", " : "", choices.word[i]);
        return;
    }
    if (param->type == PARAM_BOOLEAN)
        append_text(text, size, "true, false");
    if (param->type == PARAM_BOOLEAN || param->type == PARAM_TEXT)
        return;
    char low[64], high[64];
    format_real(low, sizeof low, param->low);
    format_real(high, sizeof high, param->high);
    bool bounded = param->high < UNBOUNDED;
    if (param->low == POSITIVE)
        append_text(text, size, bounded ? "above 0, at most %s" : "above 0", high);
    else if (param->low > -UNBOUNDED)
        append_text(text, size, bounded ? "%s..%s" : "at least %s", low, high);
    else if (bounded)
        append_text(text, size, "at most %s", high);
}

void value_expected(char *text, size_t size, const struct param *param, const struct node *node)
{
    const char *noun = words[param->type].noun;
    const struct node *list = node ? node->parent : NULL;
    if (list && param->type == PARAM_INTEGERS)
        noun = words[PARAM_INTEGER].noun;
    if (list && param->type == PARAM_REALS)
        noun = list->first->kind == NODE_SCALAR ? words[PARAM_REAL].noun : "a list of numbers";
    if (list && param->type == PARAM_CHOICES)
        noun = words[PARAM_CHOICE].noun;
    char range[PHRASE / 2];
    param_range(param, range, sizeof range);
    bool chosen =
        param->type == PARAM_BOOLEAN || param->type == PARAM_CHOICE || param->type == PARAM_CHOICES;
    const char *link = chosen ? " " : strstr(range, "..") ? " in " : ", ";
    snprintf(text, size, "%s%s%s", noun, range[0] ? link : "", range);
}

static bool in_range(const struct param *param, double value)
{
    bool above = param->low == POSITIVE ? value > 0 : value >= param->low;
    return above && value <= param->high;
}

/* How lists and ranges are written, where `node` looks like a try of one; else "". */
static const char *hint_of(const struct slot *slot, const struct node *node)
{
    const enum param_type type = slot->param->type;
    const bool list = type == PARAM_CHOICES || type == PARAM_INTEGERS || type == PARAM_REALS;
    const bool number = type == PARAM_INTEGER || type == PARAM_REAL || type == PARAM_INTEGERS ||
                        type == PARAM_REALS;
    if (node->kind != NODE_SCALAR || node->quoted)
        return "";
    const bool entry = node->parent && node->parent->kind == NODE_LIST;
    if (list && !entry && strchr(node->value, ','))
        return "; a list has brackets, [A, B]";
    if (number && range_is_tried(node->value))
        return "; `duet sweep` takes ranges, a:b:step such as 1:5:1, or log:a:b:n with n values";
    return "";
}

/* "KEY is VALUE, REASON; it must be EXPECTED" */
static enum status reject(const struct slot *slot, const struct node *node, const char *reason)
{
    char given[MAX_SHOWN + 8], expected[PHRASE];
    node_describe(given, sizeof given, node);
    bool entry = node->parent && node->parent->kind == NODE_LIST;
    value_expected(expected, sizeof expected, slot->param, entry ? node : NULL);
    return error_at(slot->err, &node->place, slot->path, "%s%s is %s%s%s; it must be %s%s",
                    entry ? "an entry of " : "", slot->path, given, *reason ? ", " : "", reason,
                    expected, hint_of(slot, node));
}

static bool has_word(const struct node *node)
{
    return node->kind == NODE_SCALAR && !node_is_null(node);
}

/* `wrong`: why the text of the node is no such number, or NULL. */
static enum status check_number(const struct slot *slot, const struct node *node, const char *wrong,
                                double value)
{
    if (node->quoted)
        wrong = wrong ? "" : "text in quotes";
    else if (!wrong && !in_range(slot->param, value))
        wrong = "out of range";
    return wrong ? reject(slot, node, wrong) : STATUS_OK;
}

static enum status read_integer(const struct slot *slot, const struct node *node, int64_t *value)
{
    const char *wrong = has_word(node) ? parse_integer(node->value, value) : "";
    return check_number(slot, node, wrong, wrong ? 0 : (double)*value);
}

static enum status read_real(const struct slot *slot, const struct node *node, double *value)
{
    const char *wrong = has_word(node) ? parse_real(node->value, value) : "";
    return check_number(slot, node, wrong, wrong ? 0 : *value);
}

static enum status read_boolean(const struct slot *slot, const struct node *node)
{
    bool *value = slot->field;
    if (node->kind != NODE_SCALAR || node->quoted)
        return reject(slot, node, node->quoted ? "text in quotes" : "");
    *value = strcmp(node->value, "true") == 0;
    return *value || strcmp(node->value, "false") == 0 ? STATUS_OK : reject(slot, node, "");
}

static enum status read_text(const struct slot *slot, const struct node *node)
{
    if (!has_word(node))
        return reject(slot, node, "");
    const char *value = pool_text(slot->pool, node->value, strlen(node->value));
    *(const char **)slot->field = value;
    return value ? STATUS_OK : error_memory(slot->err, "a spec");
}

/* Index of the word among the choices. */
static enum status read_word(const struct slot *slot, const struct node *node, int *index)
{
    char reason[PHRASE];
    struct choices choices;
    if (!has_word(node))
        return reject(slot, node, "");
    param_choices(slot->param, &choices);
    for (size_t i = 0; i < choices.count; i++)
        if (strcmp(choices.word[i], node->value) == 0) {
            *index = (int)i;
            return STATUS_OK;
        }
    const char *nearest = nearest_word(node->value, choices.word, choices.count);
    snprintf(reason, sizeof reason, nearest ? "an unknown word near %s" : "an unknown word",
             nearest);
    return reject(slot, node, reason);
}

/* A list of words, which may be empty; one word alone stands for a list of one. */
static enum status read_words(const struct slot *slot, const struct node *node)
{
    unsigned *bits = slot->field;
    bool list = node->kind == NODE_LIST;
    *bits = 0;
    for (const struct node *word = list ? node->first : node; word;
         word = list ? word->next : NULL) {
        int index = 0;
        enum status status = read_word(slot, word, &index);
        if (status)
            return status;
        if (*bits & 1u << index)
            return reject(slot, word, "listed twice");
        *bits |= 1u << index;
    }
    return STATUS_OK;
}

static enum status read_integers(const struct slot *slot, const struct node *node)
{
    struct integers *list = slot->field;
    list->scalar = node->kind == NODE_SCALAR;
    list->count = list->scalar ? 1 : node->count;
    if (node->kind == NODE_MAPPING || list->count == 0)
        return reject(slot, node, "");
    int64_t *value = pool_take(slot->pool, list->count, sizeof *value);
    if (!value)
        return error_memory(slot->err, "a spec");
    list->value = value;
    enum status status = STATUS_OK;
    const struct node *entry = list->scalar ? node : node->first;
    for (size_t i = 0; i < list->count && !status; i++, entry = entry->next)
        status = read_integer(slot, entry, value++);
    return status;
}

/* The numbers of one row, from `*value` on. */
static enum status read_row(const struct slot *slot, const struct node *row, double **value)
{
    if (row->kind == NODE_SCALAR)
        return read_real(slot, row, (*value)++);
    enum status status = row->count && row->kind == NODE_LIST ? STATUS_OK : reject(slot, row, "");
    for (const struct node *entry = row->first; entry && !status; entry = entry->next)
        status = read_real(slot, entry, (*value)++);
    return status;
}

static enum status read_reals(const struct slot *slot, const struct node *node)
{
    struct reals *table = slot->field;
    if (node->kind == NODE_MAPPING || (node->kind == NODE_LIST && node->count == 0))
        return reject(slot, node, "");
    bool nested = node->kind == NODE_LIST && node->first->kind != NODE_SCALAR;
    table->rank = node->kind == NODE_SCALAR ? 0 : nested ? 2 : 1;
    table->rows = nested ? node->count : 1;
    size_t *length = pool_take(slot->pool, table->rows, sizeof *length);
    size_t total = 0, r = 0;
    const struct node *first = nested ? node->first : node;
    for (const struct node *row = first; length && row; row = nested ? row->next : NULL) {
        if (nested && row->kind == NODE_SCALAR)
            return reject(slot, row, "a number among lists");
        length[r] = row->kind == NODE_SCALAR ? 1 : row->count;
        total += length[r++];
    }
    double *value = pool_take(slot->pool, total, sizeof *value);
    if (!length || !value)
        return error_memory(slot->err, "a spec");
    table->length = length;
    table->value = value;
    enum status status = STATUS_OK;
    for (const struct node *row = first; row && !status; row = nested ? row->next : NULL)
        status = read_row(slot, row, &value);
    return status;
}

enum status value_read(const struct slot *slot, const struct node *node)
{
    switch (slot->param->type) {
    case PARAM_INTEGER:
        return read_integer(slot, node, slot->field);
    case PARAM_REAL:
        return read_real(slot, node, slot->field);
    case PARAM_BOOLEAN:
        return read_boolean(slot, node);
    case PARAM_TEXT:
        return read_text(slot, node);
    case PARAM_CHOICE:
        return read_word(slot, node, slot->field);
    case PARAM_CHOICES:
        return read_words(slot, node);
    case PARAM_INTEGERS:
        return read_integers(slot, node);
    case PARAM_REALS:
        return read_reals(slot, node);
    }
    return reject(slot, node, "of an unknown type");
}
