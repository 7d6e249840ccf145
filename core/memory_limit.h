/* Limits on memory: the address space (ulimit -v) and the data (ulimit -d) of the process.
 *
 * OpenBLAS maps a buffer of 128 MiB of address space for each thread that works with it, of which
 * it touches little.  Where that fails it tries for ever or crashes, so it is tried before. */
#pragma once

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

/* Bytes of address space and of data that this process has; 0: unknown. */
void memory_in_use(uint64_t *space, uint64_t *data);

/* Bytes of address space of a thread that uses OpenBLAS. */
enum { MEMORY_BUFFER = 128 << 20, MEMORY_STACK = 8 << 20 };

/* STATUS_SYSTEM, with the limit and what is needed for so many threads, unless `bytes` more can be
 * mapped now, and some for what is allocated beside. */
enum status memory_check(size_t bytes, int threads, struct error *err);

/* The threads that OpenBLAS has when it is loaded: one per processor, or as the environment says.
 * All except the first are its workers, which map a buffer each as soon as they run. */
int memory_blas_threads(char *const *environment);

/* Wait until these buffers are mapped, where memory is limited. */
void memory_await_workers(void);
