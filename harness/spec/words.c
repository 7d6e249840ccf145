#include "harness/spec/words.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

size_t utf8_read(const char *text, size_t left, uint32_t *code)
{
    const unsigned char *c = (const unsigned char *)text;
    static const unsigned char lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t length = left == 0     ? 0
                    : c[0] < 0x80 ? 1
                    : c[0] < 0xc2 ? 0
                    : c[0] < 0xe0 ? 2
                    : c[0] < 0xf0 ? 3
                                  : 4;
    if (length == 0 || c[0] > 0xf4 || length > left)
        return 0;
    *code = c[0] & lead[length];
    for (size_t i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (c[i] & 0x3f);
    }
    const bool overlong = (length == 3 && *code < 0x800) || (length == 4 && *code < 0x10000);
    const bool outside = (*code >= 0xd800 && *code <= 0xdfff) || *code > 0x10ffff;
    return overlong || outside ? 0 : length;
}

/* From the categories Zs, Cf and Zl of Unicode, and fillers and selectors that show nothing. */
static const struct {
    uint32_t first, last;
    const char *name;
} invisible[] = {
    {0x80, 0x84, "control character"},
    {0x85, 0x85, "next line"},
    {0x86, 0x9f, "control character"},
    {0xa0, 0xa0, "no-break space"},
    {0xad, 0xad, "soft hyphen"},
    {0x34f, 0x34f, "combining grapheme joiner"},
    {0x61c, 0x61c, "mark of direction"},
    {0x115f, 0x1160, "filler"},
    {0x1680, 0x1680, "ogham space"},
    {0x17b4, 0x17b5, "filler"},
    {0x180b, 0x180f, "filler"},
    {0x2000, 0x200a, "space of another width"},
    {0x200b, 0x200b, "zero-width space"},
    {0x200c, 0x200d, "zero-width joiner"},
    {0x200e, 0x200f, "mark of direction"},
    {0x2028, 0x2029, "separator of lines"},
    {0x202a, 0x202e, "mark of direction"},
    {0x202f, 0x202f, "narrow no-break space"},
    {0x205f, 0x205f, "mathematical space"},
    {0x2060, 0x2064, "zero-width joiner"},
    {0x2066, 0x206f, "mark of direction"},
    {0x3000, 0x3000, "ideographic space"},
    {0x3164, 0x3164, "filler"},
    {0xfe00, 0xfe0f, "variation selector"},
    {0xfeff, 0xfeff, "byte order mark"},
    {0xffa0, 0xffa0, "filler"},
    {0xfff9, 0xfffb, "annotation mark"},
    {0xe0000, 0xe0fff, "tag"},
};

const char *invisible_name(uint32_t code)
{
    for (size_t i = 0; i < sizeof invisible / sizeof *invisible; i++)
        if (code >= invisible[i].first && code <= invisible[i].last)
            return invisible[i].name;
    return NULL;
}

/* Write the character at `value` so that it can be seen; its length in `value`. */
static size_t show_character(const char *value, char shown[16])
{
    uint32_t code;
    const size_t length = utf8_read(value, strnlen(value, 4), &code);
    if (length > 0 && invisible_name(code))
        snprintf(shown, 16, "<U+%04X>", (unsigned)code);
    else if (length == 0 || iscntrl((unsigned char)*value))
        snprintf(shown, 16, "%c", iscntrl((unsigned char)*value) ? ' ' : *value);
    else
        snprintf(shown, 16, "%.*s", (int)length, value);
    return length > 0 ? length : 1;
}

void excerpt(char *shown, size_t size, const char *value)
{
    const size_t limit = size - 4;
    size_t used = 0;
    while (*value) {
        char character[16];
        const size_t length = show_character(value, character), width = strlen(character);
        if (used + width > limit)
            break;
        strcpy(shown + used, character);
        used += width;
        value += length;
    }
    strcpy(shown + used, *value ? "..." : "");
}

/* Edit distance in which a swap of neighbours counts once and case does not count. */
static size_t edit_distance(const char *a, size_t m, const char *b, size_t n)
{
    enum { MAX_WORD = 64 };
    if (m >= MAX_WORD || n >= MAX_WORD)
        return SIZE_MAX;
    size_t row[3][MAX_WORD + 1]; /* rows i - 2, i - 1, i */
    for (size_t j = 0; j <= n; j++)
        row[0][j] = row[1][j] = row[2][j] = j;
    for (size_t i = 1; i <= m; i++) {
        memcpy(row[0], row[1], sizeof row[0]);
        memcpy(row[1], row[2], sizeof row[1]);
        row[2][0] = i;
        for (size_t j = 1; j <= n; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            size_t best = row[1][j - 1] + (x != y);
            best = row[1][j] + 1 < best ? row[1][j] + 1 : best;
            best = row[2][j - 1] + 1 < best ? row[2][j - 1] + 1 : best;
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                tolower((unsigned char)a[i - 2]) == y && row[0][j - 2] + 1 < best)
                best = row[0][j - 2] + 1;
            row[2][j] = best;
        }
    }
    return row[2][n];
}

const char *nearest_word(const char *word, const char *const *candidates, size_t count)
{
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t m = strlen(word), n = strlen(candidates[i]);
        size_t longer = m > n ? m : n;
        size_t allowed = longer < 6 ? 1 : longer / 3;
        size_t distance = edit_distance(word, m, candidates[i], n);
        if (distance <= allowed && distance < longer && distance < least) {
            nearest = candidates[i];
            least = distance;
        }
    }
    return nearest;
}

void append_text(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

void suggest_word(char *text, size_t size, const char *word, const char *const *candidates,
                  size_t count, const char *introduction)
{
    const char *nearest = nearest_word(word, candidates, count);
    text[0] = '\0';
    if (nearest) {
        append_text(text, size, "the nearest is %s", nearest);
        return;
    }
    append_text(text, size, "%s", introduction);
    for (size_t i = 0; i < count; i++)
        append_text(text, size, "%s%s", i ? ", " : " ", candidates[i]);
}
