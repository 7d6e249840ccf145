/* Pictures: their formats, and whether one is whole. */
#pragma once

#include "core/error.h"
#include "store/output.h"

#include <stddef.h>

enum {
    PICTURE_FORMATS = 3,
    PICTURE_USUAL = 2
}; /* the first ones are drawn unless one is asked for */

/* "pdf", "png", "svg". */
extern const char *const picture_formats[PICTURE_FORMATS];

/* The format that the ending of `path` names; NULL if it has no ending, as "out/loss" or
 * "loss_0.1". An ending is a dot and up to five letters and digits, first a letter.  An ending that
 * no picture has is an error. */
enum status picture_format_of(const char *path, const char **format, struct error *err);

/* Check that a drawn picture is whole by its first and last bytes, and add the words "Drawn by
 * duet.", where its format has a place for a comment.  `*bytes`, from malloc, grows.  `path` is for
 * the message. */
enum status picture_finish(const char *format, const char *path, char **bytes, size_t *size,
                           struct error *err);

const struct output_kind *picture_kind(const char *format);
