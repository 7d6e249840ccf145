/* The checksum behind a result file.
 *
 * HDF5 has checksums for its metadata, not for plain arrays, so a file that duet writes ends with
 * 16 bytes more, "\ncrc32 1a2b3c4d\n": CRC-32 (as in zlib, gzip and PNG) of all bytes before them.
 * HDF5 knows where its part of the file ends and ignores the rest. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum { CHECKSUM_BYTES = 16 };

/* Write to `end` the 16 bytes that follow `bytes`, and a zero behind them. */
void checksum_end(const void *bytes, size_t size, char end[CHECKSUM_BYTES + 1]);

enum checksum {
    CHECKSUM_NONE, /* the file does not end with one, or cannot be read */
    CHECKSUM_RIGHT,
    CHECKSUM_WRONG,
};

/* Reads all of the file at `path`. */
enum checksum checksum_of_file(const char *path);

/* Whether the file ends with a checksum, right or wrong. */
bool checksum_is_there(const char *path);
