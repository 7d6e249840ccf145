/* Memory in tests: what a layout function takes, in one line.  Use it wherever a test lays
 * something out in an arena of its own; both passes run, and they must take the same bytes. */
#pragma once

#include "core/arena.h"
#include "tests/kit/testing.h"

/* The last argument is a call that takes from the arena `pass`, or several:
 *     KIT_LAY_OUT(&t->arena, pass, trainer_layout(&t->trainer, &plan, pass));
 * The caller frees the arena. */
#define KIT_LAY_OUT(memory, pass, ...)                                                             \
    do {                                                                                           \
        struct arena lay_out_counted = {0}, *pass = &lay_out_counted;                              \
        struct error lay_out_err;                                                                  \
        __VA_ARGS__;                                                                               \
        check_ok(arena_create((memory), &lay_out_counted, &lay_out_err), &lay_out_err);            \
        pass = (memory);                                                                           \
        __VA_ARGS__;                                                                               \
        assert_int_equal(pass->used, lay_out_counted.used);                                        \
    } while (0)
