/* What reads files in a child process (harness/store_each.c) needs of harness/store.c. */
#ifndef DUET_HARNESS_STORE_PRIVATE_H
#define DUET_HARNESS_STORE_PRIVATE_H

#include "harness/store.h"

/* Open without a try in another process: only where a crash costs nothing. */
enum status store_open_here(struct store_file **file, const char *path, struct error *err);

/* Limits of a process that may crash, and, before each file that it reads, of time and memory for
 * a file of this size.  store_open_here does the latter itself. */
void store_limit_child(void);
void store_limit_file(uint64_t size);

#endif
