#include "harness/spec/params.h"

#include "core/text.h"
#include "harness/spec/number.h"
#include "harness/spec/value.h"
#include "harness/spec/words.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static void emit_real(FILE *out, double value)
{
    char text[64];
    format_real(text, sizeof text, value);
    fputs(text, out);
}

static void emit_quoted(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *c = text; *c; c++)
        if (iscntrl((unsigned char)*c))
            fprintf(out, "\\x%02x", (unsigned char)*c);
        else
            fprintf(out, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
    fputc('"', out);
}

void emit_text(FILE *out, const char *text)
{
    static const char *const reserved[] = {"true", "false", "null", "nan", "inf", "yes",
                                           "no",   "on",    "off",  "y",   "n"};
    bool plain = isalpha((unsigned char)text[0]);
    for (const char *c = text; *c; c++)
        plain = plain && (isalnum((unsigned char)*c) || strchr("._-", *c));
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        plain = plain && strcasecmp(text, reserved[i]) != 0;
    if (plain)
        fputs(text, out);
    else
        emit_quoted(out, text);
}

/* The words that are set in `bits`, with `separator` between them. */
static void emit_words(FILE *out, const struct param *param, unsigned bits)
{
    struct choices choices;
    param_choices(param, &choices);
    const char *separator = "";
    for (size_t i = 0; i < choices.count; i++)
        if (bits & 1u << i) {
            fprintf(out, "%s%s", separator, choices.word[i]);
            separator = ", ";
        }
}

static void emit_integers(FILE *out, const struct integers *list)
{
    fputs(list->scalar ? "" : "[", out);
    for (size_t i = 0; i < list->count; i++)
        fprintf(out, "%s%" PRId64, i ? ", " : "", list->value[i]);
    fputs(list->scalar ? "" : "]", out);
}

static void emit_reals(FILE *out, const struct reals *table)
{
    const double *value = table->value;
    fputs(table->rank == 2 ? "[" : "", out);
    for (size_t r = 0; r < table->rows; r++) {
        fputs(r ? ", " : "", out);
        fputs(table->rank > 0 ? "[" : "", out);
        for (size_t i = 0; i < table->length[r]; i++) {
            fputs(i ? ", " : "", out);
            emit_real(out, *value++);
        }
        fputs(table->rank > 0 ? "]" : "", out);
    }
    fputs(table->rank == 2 ? "]" : "", out);
}

static void emit_value(FILE *out, const struct param *param, const void *field)
{
    switch (param->type) {
    case PARAM_INTEGER:
        fprintf(out, "%" PRId64, *(const int64_t *)field);
        return;
    case PARAM_REAL:
        emit_real(out, *(const double *)field);
        return;
    case PARAM_BOOLEAN:
        fputs(*(const bool *)field ? "true" : "false", out);
        return;
    case PARAM_TEXT:
        emit_text(out, *(const char *const *)field);
        return;
    case PARAM_CHOICE:
        emit_words(out, param, 1u << *(const int *)field);
        return;
    case PARAM_CHOICES:
        fputc('[', out);
        emit_words(out, param, *(const unsigned *)field);
        fputc(']', out);
        return;
    case PARAM_INTEGERS:
        emit_integers(out, field);
        return;
    case PARAM_REALS:
        emit_reals(out, field);
        return;
    }
}

void emit_params(FILE *out, const struct param *params, const void *settings, enum emitted which,
                 const char *separator)
{
    for (const struct param *p = params; p && p->name; p++) {
        if (which == EMIT_COMPUTED && p->aside)
            continue;
        fprintf(out, "%s%s: ", separator, p->name);
        emit_value(out, p, (const char *)settings + p->offset);
        separator = ", ";
    }
}

/* A quoted scalar stays quoted; so does one that could end a word of a list. */
static void emit_scalar(FILE *out, const struct node *node)
{
    bool plain = !node->quoted && *node->value;
    for (const char *c = node->value; *c; c++)
        plain = plain && (isalnum((unsigned char)*c) || strchr("_.+-:/", *c));
    if (plain || node_is_null(node))
        fputs(*node->value ? node->value : "~", out);
    else
        emit_quoted(out, node->value);
}

void emit_node(FILE *out, const struct node *node)
{
    if (node->kind == NODE_SCALAR) {
        emit_scalar(out, node);
        return;
    }
    const bool mapping = node->kind == NODE_MAPPING;
    bool key = true;
    fputc(mapping ? '{' : '[', out);
    for (const struct node *child = node->first; child; child = child->next, key = !key) {
        if (child != node->first)
            fputs(mapping && !key ? ": " : ", ", out);
        emit_node(out, child);
    }
    fputc(mapping ? '}' : ']', out);
}

/* ---- a table by itself ---- */

/* The last of `overrides` that sets `key`, or NULL. */
static const char *find_override(const char *key, const char *const *overrides, size_t count)
{
    size_t length = strlen(key);
    while (count-- > 0)
        if (strncmp(overrides[count], key, length) == 0 && overrides[count][length] == '=')
            return overrides[count];
    return NULL;
}

static enum status fill_param(const struct param *param, const char *override, struct pool *scratch,
                              void *settings, struct error *err)
{
    char shown[2 * MAX_SHOWN], name[3 * MAX_SHOWN], expected[PHRASE];
    excerpt(shown, sizeof shown, override ? override : param->name);
    snprintf(name, sizeof name, override ? "command line: %s" : "default of %s", shown);
    const struct text text = {.name = name};
    const struct slot slot = {.param = param,
                              .path = param->name,
                              .pool = scratch,
                              .err = err,
                              .field = (char *)settings + param->offset};
    const char *value = override ? strchr(override, '=') + 1 : param->fallback;
    const struct node *root = NULL;
    enum status status = STATUS_OK;
    if (value)
        status = yaml_parse(scratch, &text, value, strlen(value), &root, err);
    if (status)
        return status;
    if (root)
        return value_read(&slot, root);
    value_expected(expected, sizeof expected, param, NULL);
    return error_at(err, &(struct place){.text = &text}, param->name,
                    "%s has no value; it must be %s", param->name, expected);
}

enum status params_fill(const struct param *params, const char *const *overrides, size_t count,
                        void *settings, struct error *err)
{
    struct pool scratch = {0};
    enum status status = STATUS_OK;
    for (const struct param *p = params; !status && p && p->name; p++) {
        if (p->type == PARAM_TEXT || p->type == PARAM_INTEGERS || p->type == PARAM_REALS)
            status =
                error_key(err, p->name, "%s is text or a list, which cannot be kept here", p->name);
        else
            status =
                fill_param(p, find_override(p->name, overrides, count), &scratch, settings, err);
    }
    pool_free(&scratch);
    return status;
}

enum status params_text(const struct param *params, const void *settings, char **text,
                        struct error *err)
{
    size_t length;
    FILE *out = open_memstream(text, &length);
    if (out)
        emit_params(out, params, settings, EMIT_ALL, "");
    return close_text(out, "settings", err);
}
