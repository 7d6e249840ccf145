/* Protects core/names.c: lists of names, sorted and not. */
#include "core/names.h"
#include "tests/kit/testing.h"

static void every_name_is_found_and_no_other(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    struct names names = {0};
    char text[8];
    for (int i = 0; i < COUNT; i++) { /* 99, 98, ... */
        snprintf(text, sizeof text, "n%02d", COUNT - 1 - i);
        assert_true(names_add(&names, text));
        assert_true(names_have(&names, text));
    }
    assert_int_equal(names.count, COUNT);
    assert_false(names_have(&names, "n"));
    assert_false(names_have(&names, "n100"));
    names_sort(&names);
    for (int i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "n%02d", i);
        assert_string_equal(names.name[i], text);
        assert_true(names_have_sorted(&names, text));
    }
    assert_false(names_have_sorted(&names, "n"));
    assert_false(names_have_sorted(&names, "n999"));
    names_free(&names);
    assert_false(names_have(&names, "n00") || names_have_sorted(&names, "n00"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_is_found_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
