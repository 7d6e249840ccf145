/* Many result files, each read in a child process.
 *
 * HDF5 can crash or loop for ever over a damaged file.  store_open tries each file in a child of
 * its own, which takes longer than reading a small file.  Here one child reads many files and sends
 * the results; if it crashes, only the file being read is lost, and a new child continues with the
 * next one. */
#pragma once

#include "store/store.h"

#include <stdio.h>

struct store_each {
    size_t count;
    void *context;
    /* Path of file i, 0 <= i < count, written to `path`. */
    void (*name)(void *context, size_t i, char *path, size_t size);
    /* In a child: read the file, write the result to `out`.  Changes in memory stay there. */
    enum status (*read)(void *context, size_t i, const struct store_file *file, FILE *out,
                        struct error *err);
    /* In this process, in the order of the files: the bytes that the child wrote, or in `problem`
     * why the file cannot be read.  Any status except STATUS_OK ends the reading. */
    enum status (*take)(void *context, size_t i, const char *bytes, size_t size,
                        const struct error *problem, struct error *err);
};

/* Read all files, on as many processors as there are.  Checksums are checked; in a file without
 * one, the headers of all objects are checked. */
enum status store_each(const struct store_each *each, struct error *err);
