#include "harness/spec/yaml_guard.h"

#include <string.h>

const char plain_yaml[] =
    "a spec has no anchors, aliases, tags, block text, directives and `?` keys, so write values "
    "out and put text with any of & * ! | > ? % @ ` into quotes";

/* Length of the UTF-8 character at `c`, of which `left` bytes remain; 0 if it is none. */
static size_t utf8_length(const unsigned char *c, size_t left)
{
    size_t length = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    if (length == 0 || c[0] > 0xf4 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xf0 && c[1] < 0x90);
    bool outside = (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf4 && c[1] > 0x8f);
    return overlong || outside ? 0 : length;
}

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

enum status yaml_guard(const struct text *text, const char *yaml, size_t length, struct error *err)
{
    const unsigned char *c = (const unsigned char *)yaml, *end = c + length;
    struct walk walk = {.last = '\n', .before = '\n'};
    int line = 1, column = 1;
    if (length >= 3 && memcmp(c, "\xef\xbb\xbf", 3) == 0)
        c += 3; /* byte order mark */
    for (size_t step; c < end; c += step) {
        step = utf8_length(c, (size_t)(end - c));
        if (step == 0 || *c == 0x7f || (*c < ' ' && *c != '\t' && *c != '\n' && *c != '\r'))
            return error_at(err, text, line, column, "",
                            "byte 0x%02x is no text; save the spec as UTF-8 text", *c);
        unsigned char next = c + 1 < end ? c[1] : '\n';
        walk_over(&walk, *c, next);
        if (walk.inside == 0 && strchr("&*!|>?%@`", *c))
            return error_at(err, text, line, column, "", "'%c' outside quotes; %s", *c, plain_yaml);
        column++;
        if (*c == '\n' || (*c == '\r' && next != '\n')) {
            line++;
            column = 1;
        }
    }
    return STATUS_OK;
}
