/* Many result files, each read in a child process.
 *
 * HDF5 can crash or loop for ever over a damaged file.  store_open tries each file in a child of
 * its own, which takes longer than reading a small file.  Here a child goes through many files and
 * sends what it read; where it dies, only the file at which it was is lost, and another child goes
 * on behind it. */
#ifndef DUET_HARNESS_STORE_EACH_H
#define DUET_HARNESS_STORE_EACH_H

#include "store/store.h"

#include <stdio.h>

struct store_each {
    size_t count;
    void *context;
    /* Path of file i, 0 <= i < count, written to `path`. */
    void (*name)(void *context, size_t i, char *path, size_t size);
    /* In a child: write what is wanted of the file to `out`.  What it changes in memory stays in
     * the child. */
    enum status (*read)(void *context, size_t i, const struct store_file *file, FILE *out,
                        struct error *err);
    /* Here, in the order of the files: what the child wrote, or with `problem` why the file cannot
     * be read.  Anything but STATUS_OK ends the reading. */
    enum status (*take)(void *context, size_t i, const char *bytes, size_t size,
                        const struct error *problem, struct error *err);
};

/* Read all files, on as many processors as there are.  Checksums are checked; of a file that has
 * none, the headers of all objects are. */
enum status store_each(const struct store_each *each, struct error *err);

#endif
