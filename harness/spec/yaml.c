/* All that is said to libfyaml. */
#include "harness/spec/node.h"
#include "harness/spec/words.h"

#include <ctype.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 8 }; /* of lists and mappings in one another */

/* ---- nodes in messages ---- */

enum status error_at(struct error *err, const struct place *place, const char *key,
                     const char *format, ...)
{
    char message[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    if (place->text->located)
        return error_key(err, key, "%s:%d:%d: %s", place->text->name, place->line, place->column,
                         message);
    return error_key(err, key, "%s: %s", place->text->name, message);
}

bool node_is_null(const struct node *node)
{
    if (node->kind != NODE_SCALAR || node->quoted)
        return false;
    const char *value = node->value;
    return *value == '\0' || strcmp(value, "~") == 0 || strcmp(value, "null") == 0 ||
           strcmp(value, "Null") == 0 || strcmp(value, "NULL") == 0;
}

void node_describe(char *text, size_t size, const struct node *node)
{
    char shown[MAX_SHOWN];
    if (node->kind != NODE_SCALAR) {
        const char *kind = node->kind == NODE_LIST ? "list" : "mapping";
        snprintf(text, size, node->count ? "a %s" : "an empty %s", kind);
    } else if (node_is_null(node)) {
        snprintf(text, size, "empty");
    } else {
        excerpt(shown, sizeof shown, node->value);
        snprintf(text, size, "'%s'", shown);
    }
}

/* ---- texts that libfyaml cannot take ---- */

/* For messages: what the YAML of a spec does without. */
static const char plain_yaml[] =
    "a spec has no anchors, aliases, tags, block text, directives and `?` keys, so write values "
    "out and put text with any of & * ! | > ? % @ ` into quotes";

/* A walk over the characters of a text that tells quoted text and comments from the rest.  Neither
 * goes on in the next line. */
struct walk {
    unsigned char inside;       /* the quote that is open, '#' in a comment, 0 outside both */
    unsigned char last;         /* the last character; a line starts behind '\n' */
    unsigned char before;       /* the last one that is no space and no leading hyphen */
    unsigned char before_colon; /* the one in front of the last colon */
    bool escaped;               /* the next one is part of an escape */
};

static bool opens_quote(const struct walk *walk, unsigned char c)
{
    if ((c != '"' && c != '\'') || !strchr("\n[{,:", walk->before))
        return false;
    bool json = walk->last == ':' && (walk->before_colon == '"' || walk->before_colon == '\'');
    return json || strchr("\n \t[{,", walk->last);
}

static void walk_over(struct walk *walk, unsigned char c, unsigned char next)
{
    bool space = c == ' ' || c == '\t';
    if (c == '\n' || c == '\r') {
        *walk = (struct walk){.last = '\n', .before = '\n'};
        return;
    }
    if (walk->escaped) {
        walk->escaped = false;
    } else if (walk->inside == '"') {
        walk->escaped = c == '\\';
        walk->inside = c == '"' ? 0 : '"';
    } else if (walk->inside == '\'') {
        walk->escaped = c == '\'' && next == '\'';
        walk->inside = c == '\'' && !walk->escaped ? 0 : '\'';
    } else if (walk->inside == 0) {
        bool comment = c == '#' && strchr("\n \t", walk->last);
        bool hyphen = c == '-' && walk->before == '\n' && (next == ' ' || next == '\t');
        walk->inside = comment ? '#' : opens_quote(walk, c) ? c : 0;
        if (c == ':')
            walk->before_colon = walk->before;
        if (!space && !hyphen)
            walk->before = c;
    }
    walk->last = c;
}

/* libfyaml 0.7.12 stops without a word at bytes that are no text, crashes or reads memory that
 * nobody wrote in malformed block text and `?` keys, and takes hours over a line of percent signs:
 * all of them are errors, with their place. */
static enum status guard(const struct text *text, const char *yaml, size_t length,
                         struct error *err)
{
    const unsigned char *c = (const unsigned char *)yaml, *end = c + length;
    struct walk walk = {.last = '\n', .before = '\n'};
    struct place place = {text, 1, 1};
    if (length >= 3 && memcmp(c, "\xef\xbb\xbf", 3) == 0)
        c += 3; /* byte order mark */
    for (size_t step; c < end; c += step) {
        uint32_t code = 0;
        step = utf8_read((const char *)c, (size_t)(end - c), &code);
        if (step == 0 || *c == 0x7f || (*c < ' ' && *c != '\t' && *c != '\n' && *c != '\r'))
            return error_at(err, &place, "", "byte 0x%02x is no text; save the spec as UTF-8 text",
                            *c);
        unsigned char next = c + 1 < end ? c[1] : '\n';
        walk_over(&walk, *c, next);
        if (walk.inside == 0 && invisible_name(code))
            return error_at(err, &place, "",
                            "an invisible character, U+%04X (%s), outside quotes; write a plain "
                            "space in its place, or remove it",
                            (unsigned)code, invisible_name(code));
        if (walk.inside == 0 && strchr("&*!|>?%@`", *c))
            return error_at(err, &place, "", "'%c' outside quotes; %s", *c, plain_yaml);
        place.column++;
        if (*c == '\n' || (*c == '\r' && next != '\n')) {
            place.line++;
            place.column = 1;
        }
    }
    return STATUS_OK;
}

/* ---- the tree ---- */

/* The tree is built from libfyaml's events, which carry the place of every value; nodes of its
 * document tree know the places of scalars only. */
struct builder {
    struct pool *pool;
    struct error *err;
    struct node *root, *open; /* `open`: innermost list or mapping */
    int depth, documents;
    struct place place; /* of the last event that has one */
};

__attribute__((format(printf, 2, 3))) static enum status refuse(const struct builder *builder,
                                                                const char *format, ...)
{
    char message[PHRASE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return error_at(builder->err, &builder->place, "", "%s", message);
}

static enum status attach(struct builder *builder, struct node *node)
{
    struct node *parent = builder->open;
    node->place = builder->place;
    node->parent = parent;
    if (!parent) {
        builder->root = node;
    } else {
        *(parent->last ? &parent->last->next : &parent->first) = node;
        parent->last = node;
        parent->count++;
    }
    if (node->kind == NODE_SCALAR)
        return STATUS_OK;
    builder->open = node;
    if (++builder->depth > MAX_DEPTH)
        return refuse(builder,
                      "lists or mappings nested more than %d deep; a spec has sections, "
                      "lists and lists of lists",
                      (int)MAX_DEPTH);
    return STATUS_OK;
}

/* Copy at most `size` bytes of a scalar's text to `to` and return its whole length; SIZE_MAX for
 * lack of memory.  fy_token_get_text would leak for five '' in a row. */
static size_t copy_token(struct fy_token *token, char *to, size_t size)
{
    struct fy_token_iter *chunks = fy_token_iter_create(token);
    const struct fy_iter_chunk *chunk = NULL;
    size_t length = 0;
    int failure = 0;
    if (!chunks)
        return SIZE_MAX;
    while ((chunk = fy_token_iter_chunk_next(chunks, chunk, &failure))) {
        if (to && length + chunk->len <= size)
            memcpy(to + length, chunk->str, chunk->len);
        length += chunk->len;
    }
    fy_token_iter_destroy(chunks);
    return failure ? SIZE_MAX : length;
}

static enum status add_scalar(struct builder *builder, struct fy_event *event)
{
    struct fy_token *token = fy_event_get_token(event);
    enum fy_scalar_style style = token ? fy_scalar_token_get_style(token) : FYSS_PLAIN;
    size_t length = token ? copy_token(token, NULL, 0) : 0;
    struct node *node = pool_take(builder->pool, 1, sizeof *node);
    char *value = length < SIZE_MAX ? pool_room(builder->pool, length + 1) : NULL;
    if (!node || !value || (token && copy_token(token, value, length) != length))
        return error_memory(builder->err, "a spec");
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED)
        builder->place.column--; /* libfyaml points behind the quote */
    if (strlen(value) != length)
        return refuse(builder, "text with a NUL character in it; remove the \\0");
    node->value = value;
    node->quoted = style != FYSS_PLAIN && style != FYSS_ANY;
    return attach(builder, node);
}

static enum status add_event(struct builder *builder, struct fy_event *event)
{
    bool opens = event->type == FYET_MAPPING_START || event->type == FYET_SEQUENCE_START;
    const struct fy_mark *mark = fy_event_start_mark(event);
    if (mark) {
        builder->place.line = mark->line + 1;
        builder->place.column = mark->column + 1;
    }
    if (event->type == FYET_ALIAS ||
        ((opens || event->type == FYET_SCALAR) &&
         (fy_event_get_anchor_token(event) || fy_event_get_tag_token(event))))
        return refuse(builder, "an anchor, alias or tag; %s", plain_yaml);
    if (event->type == FYET_DOCUMENT_START && builder->documents++ > 0)
        return refuse(builder, "a second YAML document; one spec is one document, so put the rest "
                               "into a file of its own");
    if (event->type == FYET_SCALAR)
        return add_scalar(builder, event);
    if (opens) {
        struct node *node = pool_take(builder->pool, 1, sizeof *node);
        if (!node)
            return error_memory(builder->err, "a spec");
        node->kind = event->type == FYET_MAPPING_START ? NODE_MAPPING : NODE_LIST;
        return attach(builder, node);
    }
    const bool closes = event->type == FYET_MAPPING_END || event->type == FYET_SEQUENCE_END;
    if (closes && builder->open) {
        builder->open = builder->open->parent;
        builder->depth--;
    }
    return STATUS_OK;
}

static void discard(struct fy_diag *diag, void *user, const char *message, size_t length)
{
    (void)diag, (void)user, (void)message, (void)length;
}

/* A diagnostics object that collects instead of printing. */
static struct fy_diag *create_diagnostics(void)
{
    struct fy_diag_cfg config;
    fy_diag_cfg_default(&config);
    config.fp = NULL;
    config.output_fn = discard;
    config.level = FYET_ERROR;
    struct fy_diag *diag = fy_diag_create(&config);
    if (diag)
        fy_diag_set_collect_errors(diag, true);
    return diag;
}

static enum status add_events(struct builder *builder, struct fy_parser *parser,
                              struct fy_diag *diag)
{
    struct fy_event *event;
    while ((event = fy_parser_parse(parser))) {
        enum status status = add_event(builder, event);
        fy_parser_event_free(parser, event);
        if (status)
            return status;
    }
    void *position = NULL;
    const struct fy_diag_error *first = fy_diag_errors_iterate(diag, &position);
    if (!first && !fy_parser_get_stream_error(parser))
        return STATUS_OK;
    char shown[PHRASE / 2];
    excerpt(shown, sizeof shown, first ? first->msg : "it cannot be read from here on");
    if (first) {
        builder->place.line = first->line;
        builder->place.column = first->column;
    }
    return refuse(builder,
                  "invalid YAML, %s; close brackets and quotes, indent with spaces, and put text "
                  "with any of : # [ ] { } , in it into quotes",
                  shown);
}

/* One word or number, which is most values of a spec: YAML without need of a parser. */
static bool is_plain_word(const char *yaml, size_t length)
{
    size_t letters = 0;
    for (; letters < length; letters++)
        if (!isalnum((unsigned char)yaml[letters]) && !strchr("_.+-", yaml[letters]))
            return false;
    return length > 0 && isalnum((unsigned char)yaml[0]);
}

static enum status keep_word(struct builder *builder, const char *yaml, size_t length)
{
    struct node *node = pool_take(builder->pool, 1, sizeof *node);
    if (!node || !(node->value = pool_text(builder->pool, yaml, length)))
        return error_memory(builder->err, "a spec");
    builder->place.line = builder->place.column = 1;
    return attach(builder, node);
}

enum status yaml_parse(struct pool *pool, const struct text *text, const char *yaml, size_t length,
                       const struct node **root, struct error *err)
{
    struct builder builder = {.pool = pool, .err = err, .place = {.text = text}};
    *root = NULL;
    enum status status;
    if (is_plain_word(yaml, length)) {
        status = keep_word(&builder, yaml, length);
        *root = builder.root;
        return status;
    }
    status = guard(text, yaml, length, err);
    if (status != STATUS_OK || length == 0)
        return status;
    struct fy_diag *diag = create_diagnostics();
    struct fy_parse_cfg config = {.flags = FYPCF_QUIET, .diag = diag};
    struct fy_parser *parser = diag ? fy_parser_create(&config) : NULL;
    if (parser && fy_parser_set_string(parser, yaml, length) == 0)
        status = add_events(&builder, parser, diag);
    else
        status = error_memory(err, "a spec");
    if (parser)
        fy_parser_destroy(parser);
    fy_diag_destroy(diag);
    *root = builder.root;
    return status;
}
