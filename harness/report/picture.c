#include "harness/report/picture.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

const char *const picture_formats[PICTURE_FORMATS] = {"pdf", "png", "svg"};

const struct output_kind *picture_kind(const char *format)
{
    static const struct output_kind *const kinds[PICTURE_FORMATS] = {&output_pdf, &output_png,
                                                                     &output_svg};
    for (int i = 0; i < PICTURE_FORMATS; i++)
        if (strcmp(picture_formats[i], format) == 0)
            return kinds[i];
    return NULL;
}

/* ---- names ---- */

/* The ending behind the last dot of the name; "" if it has none. */
static const char *ending_of(const char *path)
{
    enum { MOST = 5 };
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name || !isalpha((unsigned char)dot[1]) || strlen(dot + 1) > MOST)
        return "";
    for (const char *c = dot + 1; *c; c++)
        if (!isalnum((unsigned char)*c))
            return "";
    return dot + 1;
}

enum status picture_format_of(const char *path, const char **format, struct error *err)
{
    const char *ending = ending_of(path);
    *format = NULL;
    for (int i = 0; i < PICTURE_FORMATS; i++)
        if (strcasecmp(ending, picture_formats[i]) == 0)
            *format = picture_formats[i];
    if (*format || !*ending)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "%s: no picture ends in .%s; give .pdf, .png or .svg, or a name without "
                     "ending for NAME.pdf and NAME.png",
                     path, ending);
}

/* ---- contents ---- */

/* The last chunk of a PNG: no data, its name, and the CRC-32 of that. */
static const unsigned char png_end[12] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};

static bool ends_with(const char *bytes, size_t size, const void *end, size_t length)
{
    return size >= length && memcmp(bytes + size - length, end, length) == 0;
}

static bool is_whole(const char *format, const char *bytes, size_t size)
{
    const char *start = picture_kind(format)->start;
    if (size < strlen(start) || memcmp(bytes, start, strlen(start)) != 0)
        return false;
    if (strcmp(format, "png") == 0)
        return ends_with(bytes, size, png_end, sizeof png_end);
    const char *end = strcmp(format, "pdf") == 0 ? "%%EOF" : "</svg>";
    while (size > 0 && isspace((unsigned char)bytes[size - 1]))
        size--;
    return ends_with(bytes, size, end, strlen(end));
}

static void put_number(unsigned char *out, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)(number >> (24 - 8 * i));
}

/* A chunk "tEXt" with a comment, in place of the end, and the end behind it; returns the bytes that
 * were added. */
static size_t comment_png(char *end)
{
    static const char text[] = "tEXtComment\0" OUTPUT_DRAWN;
    const size_t length = sizeof text - 1;
    unsigned char *out = (unsigned char *)end - sizeof png_end;
    put_number(out, (uint32_t)(length - 4));
    memcpy(out + 4, text, length);
    put_number(out + 4 + length, (uint32_t)crc32(0, (const unsigned char *)text, (uInt)length));
    memcpy(out + 8 + length, png_end, sizeof png_end);
    return length + 8;
}

enum status picture_finish(const char *format, const char *path, char **bytes, size_t *size,
                           struct error *err)
{
    /* A reader of PDF looks for its end in the last 1024 bytes; comments may follow an SVG. */
    static const char pdf[] = "% " OUTPUT_DRAWN "\n%%EOF\n", svg[] = "<!-- " OUTPUT_DRAWN " -->\n";
    enum { ROOM = 64 };
    if (!is_whole(format, *bytes, *size))
        return error_set(err, STATUS_SYSTEM,
                         "%s: gnuplot's picture has no end after %zu bytes and was not written",
                         path, *size);
    char *more = realloc(*bytes, *size + ROOM);
    if (!more)
        return error_memory(err, "%s", path);
    *bytes = more;
    const char *comment = strcmp(format, "pdf") == 0 ? pdf : svg;
    if (strcmp(format, "png") == 0)
        *size += comment_png(more + *size);
    else
        *size = (size_t)(stpcpy(more + *size, comment) - more);
    return STATUS_OK;
}
