#include "store/checksum.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static void print_end(unsigned long crc, char end[CHECKSUM_BYTES + 1])
{
    snprintf(end, CHECKSUM_BYTES + 1, "\ncrc32 %08lx\n", crc);
}

void checksum_end(const void *bytes, size_t size, char end[CHECKSUM_BYTES + 1])
{
    print_end(crc32_z(0, bytes, size), end);
}

/* The file at `path` if it ends with a checksum, else -1; `size` without it. */
static int open_summed(const char *path, off_t *size, char end[CHECKSUM_BYTES + 1])
{
    struct stat about;
    const int file = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        return -1;
    end[CHECKSUM_BYTES] = '\0';
    if (fstat(file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size >= CHECKSUM_BYTES) {
        *size = about.st_size - CHECKSUM_BYTES;
        if (pread(file, end, CHECKSUM_BYTES, *size) == CHECKSUM_BYTES &&
            memcmp(end, "\ncrc32 ", 7) == 0 && end[CHECKSUM_BYTES - 1] == '\n')
            return file;
    }
    close(file);
    return -1;
}

bool checksum_is_there(const char *path)
{
    off_t size;
    char end[CHECKSUM_BYTES + 1];
    const int file = open_summed(path, &size, end);
    if (file >= 0)
        close(file);
    return file >= 0;
}

enum checksum checksum_of_file(const char *path)
{
    off_t left;
    unsigned long crc = 0;
    unsigned char block[1 << 16];
    char end[CHECKSUM_BYTES + 1], right[CHECKSUM_BYTES + 1];
    const int file = open_summed(path, &left, end);
    if (file < 0)
        return CHECKSUM_NONE;
    for (ssize_t length = 1; left > 0 && length > 0; left -= length) {
        length = read(file, block, left < (off_t)sizeof block ? (size_t)left : sizeof block);
        if (length > 0)
            crc = crc32_z(crc, block, (size_t)length);
    }
    close(file);
    print_end(crc, right);
    return left == 0 && strcmp(end, right) == 0 ? CHECKSUM_RIGHT : CHECKSUM_WRONG;
}
