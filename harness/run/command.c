#include "harness/run/command.h"

#include "harness/run/summary.h"

#include <stdio.h>

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
