/* Words for messages: the nearest known one, lists of them, values cut to what a line can show. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    MAX_SHOWN = 60, /* characters of a value that a message repeats */
    PHRASE = 400,   /* bytes of a part of a message */
};

/* The candidate nearest to `word` by edit distance, or NULL if none is near. */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

/* "the nearest is X", or "INTRODUCTION A, B, C" where none is near. */
void suggest_word(char *text, size_t size, const char *word, const char *const *candidates,
                  size_t count, const char *introduction);

/* Append to `text`, which has room for `size` bytes, as far as it fits. */
void append_text(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Name of a character that shows as nothing or as a plain space and is neither, such as U+00A0,
 * "no-break space"; NULL: it is none of these. */
const char *invisible_name(uint32_t code);

/* Length in bytes and code of the UTF-8 character at `text`, of which `left` bytes remain; 0 if it
 * is none. */
size_t utf8_read(const char *text, size_t left, uint32_t *code);

/* The beginning of `value` in one line, ended by "..." if it is longer.  Invisible characters are
 * shown by their code, <U+00A0>. */
void excerpt(char *shown, size_t size, const char *value);
