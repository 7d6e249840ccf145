#include "core/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio_ext.h>
#include <string.h>

void print_plain(FILE *out, const char *text)
{
    for (const char *c = text; *c; c++)
        putc((unsigned char)*c < ' ' || *c == 127 ? '?' : *c, out);
}

int print_shape(FILE *out, int rank, const size_t *shape)
{
    int width = rank == 0 ? fprintf(out, "scalar") : 0;
    for (int i = 0; i < rank; i++)
        width += fprintf(out, "%s%zu", i ? " x " : "", shape[i]);
    return width;
}

enum status close_text(FILE *out, const char *what, struct error *err)
{
    const bool failed = !out || ferror(out);
    return (out && fclose(out) != 0) || failed ? error_memory(err, "%s", what) : STATUS_OK;
}

int print_finish(int failure)
{
    if (!failure && fflush(stdout) != 0)
        failure = errno;
    if (!failure)
        return error_exit_code(STATUS_OK);
    struct error err;
    __fpurge(stdout); /* what cannot be written is not tried again at the end of the program */
    error_set(&err, STATUS_SYSTEM, "cannot write to standard output: %s", strerror(failure));
    return failure == EPIPE ? error_exit_code(STATUS_SYSTEM) : command_fail(&err);
}

void print_problem(const struct error *err)
{
    fflush(stdout);
    fputs("duet: ", stderr);
    print_plain(stderr, err->message);
    fputc('\n', stderr);
}

int command_fail(const struct error *err)
{
    print_problem(err);
    return error_exit_code(err->status);
}
