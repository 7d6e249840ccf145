#include "harness/command.h"

#include "harness/summary.h"

#include <stdio.h>

int command_fail(const struct error *err)
{
    fflush(stdout);
    fputs("duet: ", stderr);
    print_plain(stderr, err->message);
    fputc('\n', stderr);
    return error_exit_code(err->status);
}
