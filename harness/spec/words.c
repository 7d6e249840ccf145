#include "harness/spec/words.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void excerpt(char *shown, size_t size, const char *value)
{
    size_t length = 0;
    size_t limit = size - 4;
    for (; value[length] && length < limit; length++)
        shown[length] = iscntrl((unsigned char)value[length]) ? ' ' : value[length];
    bool cut = value[length] != '\0';
    while (cut && length > 0 && ((unsigned char)value[length] & 0xc0) == 0x80)
        length--; /* not within a character */
    strcpy(shown + length, cut ? "..." : "");
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
