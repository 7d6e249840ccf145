/* The trial of store/store_try.c, which reads every file in a child process first, once for a file
 * instead of again for every command.  Included by the one file of a fuzz program, whose own copy
 * of store_try.c this is. */
#pragma once

#include <stdbool.h>
#include <unistd.h>

/* The file was tried and taken: without a child, store_open continues as if that had succeeded. */
static bool was_taken;

static pid_t fork_unless_taken(void)
{
    return was_taken ? -1 : fork();
}

#define fork fork_unless_taken
#include "store/store_try.c"
#undef fork
