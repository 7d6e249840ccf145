#include "tests/fuzz/kit/hdf5.h"

#include "store/checksum.h"

#include <string.h>

/* Of libFuzzer, and of libhdf5, in no header of theirs. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
uint32_t H5_checksum_metadata(const void *data, size_t length, uint32_t start);

/* ---- checksums ---- */

static uint64_t little(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    while (bytes-- > 0)
        value = value << 8 | at[bytes];
    return value;
}

/* Put the checksum behind `length` bytes at `start`, if both lie in the file. */
static void mend(uint8_t *data, size_t size, size_t start, uint64_t length)
{
    if (start > size || length > size - start || size - start - length < 4)
        return;
    uint32_t sum = H5_checksum_metadata(data + start, length, 0);
    for (unsigned int i = 0; i < 4; i++)
        data[start + length + i] = (uint8_t)(sum >> 8 * i);
}

/* Object header of version 2: flags tell which fields precede the size of its messages. */
static void mend_header(uint8_t *data, size_t size, size_t at)
{
    if (size - at < 40)
        return;
    uint8_t flags = data[at + 5];
    size_t bytes = (size_t)1 << (flags & 3);
    size_t before = 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0);
    uint64_t messages = little(data + at + before, bytes);
    if (messages <= size)
        mend(data, size, at, before + bytes + messages);
}

/* A continuation of an object header: somewhere before it, its address is followed by its length.
 */
static void mend_continuation(uint8_t *data, size_t size, size_t at)
{
    for (size_t i = 0; i + 16 <= size; i++)
        if (little(data + i, 8) == at && little(data + i + 8, 8) > 8)
            mend(data, size, at, little(data + i + 8, 8) - 4);
}

/* The checksum of all bytes behind the part of HDF5, if there is one. */
static void mend_end(uint8_t *data, size_t size)
{
    static const char start[] = "\ncrc32 ";
    char end[CHECKSUM_BYTES + 1];
    if (size < CHECKSUM_BYTES || memcmp(data + size - CHECKSUM_BYTES, start, sizeof start - 1) != 0)
        return;
    checksum_end(data, size - CHECKSUM_BYTES, end);
    memcpy(data + size - CHECKSUM_BYTES, end, CHECKSUM_BYTES);
}

static void mend_all(uint8_t *data, size_t size)
{
    static const char signature[] = "\x89HDF\r\n\x1a\n";
    if (size < 48 || memcmp(data, signature, sizeof signature - 1) != 0)
        return; /* a text, say, has no checksums */
    if (data[8] >= 2)
        mend(data, size, 0, 44); /* superblock of version 2 or 3 */
    for (size_t i = 0; i + 8 <= size; i++)
        if (memcmp(data + i, "OCHK", 4) == 0)
            mend_continuation(data, size, i);
    for (size_t i = 0; i + 8 <= size; i++)
        if (memcmp(data + i, "OHDR", 4) == 0)
            mend_header(data, size, i);
    mend_end(data, size);
}

/* Most of a file is zeros: half of the mutations change a part that is in use. */
static size_t mutate_stretch(uint8_t *data, size_t size, unsigned int seed)
{
    enum { STRETCH = 256 };
    static const char *const mark[] = {"OHDR", "OCHK", "TREE", "SNOD", "HEAP", "GCOL"};
    const char *wanted = mark[seed % 6];
    size_t found = 0, at = 0;
    for (size_t i = 0; i + 4 <= size; i++)
        if (memcmp(data + i, wanted, 4) == 0 && (seed / 6) % ++found == 0)
            at = i;
    size_t length = size - at < STRETCH ? size - at : STRETCH;
    LLVMFuzzerMutate(data + at, length, length);
    return size;
}

size_t hdf5_mutate(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    if (size > 64 && seed & 1)
        size = mutate_stretch(data, size, seed >> 4);
    else
        size = LLVMFuzzerMutate(data, size, max_size);
    if (seed & 14) /* one in eight keeps its wrong checksums */
        mend_all(data, size);
    return size;
}

size_t hdf5_mutate_behind(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    if (size < 2 || seed % 31 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    return 1 + hdf5_mutate(data + 1, size - 1, max_size - 1, seed / 31);
}
