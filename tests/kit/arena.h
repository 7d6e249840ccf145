/* Memory in tests: what a layout function takes, in one line.  Use it wherever a test lays something
 * out in an arena of its own; both passes run, and they must take the same bytes. */
#ifndef DUET_TESTS_ARENA_H
#define DUET_TESTS_ARENA_H

#include "core/arena.h"
#include "tests/kit/testing.h"

/* `layout` is a call that takes from the arena `pass`: KIT_LAY_OUT(&t->arena, pass,
 * trainer_layout(&t->trainer, &plan, pass)).  The arena is the caller's to free. */
#define KIT_LAY_OUT(arena, pass, layout)                                                           \
    do {                                                                                           \
        struct arena lay_out_counted = {0}, *pass = &lay_out_counted;                              \
        struct error lay_out_err;                                                                  \
        layout;                                                                                    \
        check_ok(arena_create((arena), &lay_out_counted, &lay_out_err), &lay_out_err);             \
        pass = (arena);                                                                            \
        layout;                                                                                    \
        assert_int_equal(pass->used, lay_out_counted.used);                                        \
    } while (0)

#endif
