/* The first steps of the program, before the libraries take theirs: OpenBLAS starts threads when it
 * is loaded, and without memory for them hangs or crashes; libxsmm opens a file, which must not
 * become the standard output. */
#include "core/memory_limit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(SANITIZED)
#define FIRST "init_array" /* the sanitizer comes before */
#else
#define FIRST "preinit_array"
#endif

/* Descriptors 0 to 2 that are closed lead nowhere: reading or writing them is still an error. */
static void open_standard_streams(void)
{
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0) {
            const int way = descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY;
            if (open("/dev/null", way) < 0) /* the least that is free */
                return;
        }
}

static void start(int argc, char **argv, char **environment)
{
    (void)argc, (void)argv;
    struct error err;
    open_standard_streams();
    const int threads = memory_blas_threads(environment);
    if (!memory_check((size_t)threads * (MEMORY_BUFFER + MEMORY_STACK), threads, &err))
        return;
    dprintf(STDERR_FILENO, "duet: %s\n", err.message);
    _exit(error_exit_code(err.status));
}

__attribute__((section("." FIRST), used)) static void (*const first)(int, char **, char **) = start;
