#include "store/checksum.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- CRC-32, eight bytes at a time ---- */

enum { SLICES = 8 };

/* table[s][b]: the effect of byte b on the remainder when s bytes follow it. */
struct crc {
    uint32_t table[SLICES][256];
    uint32_t remainder;
};

static void crc_start(struct crc *crc)
{
    const uint32_t polynomial = 0xedb88320; /* bits reversed */
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t remainder = byte;
        for (int bit = 0; bit < 8; bit++)
            remainder = remainder & 1 ? remainder >> 1 ^ polynomial : remainder >> 1;
        crc->table[0][byte] = remainder;
    }
    for (int s = 1; s < SLICES; s++)
        for (int byte = 0; byte < 256; byte++) {
            const uint32_t before = crc->table[s - 1][byte];
            crc->table[s][byte] = before >> 8 ^ crc->table[0][before & 255];
        }
    crc->remainder = UINT32_MAX;
}

static void crc_add(struct crc *crc, const unsigned char *byte, size_t size)
{
    uint32_t r = crc->remainder;
    for (; size >= SLICES; size -= SLICES, byte += SLICES) {
        uint32_t next = 0;
        for (int i = 0; i < SLICES; i++) {
            const uint32_t folded = i < 4 ? r >> 8 * i & 255 : 0;
            next ^= crc->table[SLICES - 1 - i][byte[i] ^ folded];
        }
        r = next;
    }
    for (; size > 0; size--, byte++)
        r = r >> 8 ^ crc->table[0][(r ^ *byte) & 255];
    crc->remainder = r;
}

static void crc_print(const struct crc *crc, char end[CHECKSUM_BYTES + 1])
{
    snprintf(end, CHECKSUM_BYTES + 1, "\ncrc32 %08x\n", (unsigned)~crc->remainder);
}

void checksum_end(const void *bytes, size_t size, char end[CHECKSUM_BYTES + 1])
{
    struct crc crc;
    crc_start(&crc);
    crc_add(&crc, bytes, size);
    crc_print(&crc, end);
}

/* ---- of a file ---- */

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
    struct crc crc;
    unsigned char block[1 << 16];
    char end[CHECKSUM_BYTES + 1], right[CHECKSUM_BYTES + 1];
    const int file = open_summed(path, &left, end);
    if (file < 0)
        return CHECKSUM_NONE;
    crc_start(&crc);
    for (ssize_t length = 1; left > 0 && length > 0; left -= length) {
        length = read(file, block, left < (off_t)sizeof block ? (size_t)left : sizeof block);
        if (length > 0)
            crc_add(&crc, block, (size_t)length);
    }
    close(file);
    crc_print(&crc, right);
    return left == 0 && strcmp(end, right) == 0 ? CHECKSUM_RIGHT : CHECKSUM_WRONG;
}
