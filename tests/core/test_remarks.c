/* Protects core/remarks.c: whole lines, each once, and a sign where some did not fit. */
#include "core/remarks.h"
#include "tests/kit/testing.h"

static void a_line_is_kept_once(void **state)
{
    struct remarks r = {0}, more = {0};
    (void)state;
    remark(&r, "left out: %d", 31);
    remark(&r, "left out: %d", 3);
    remark(&r, "left out: %d", 31);
    assert_string_equal(r.text, "left out: 31\nleft out: 3\n");
    remark(&more, "left out: %d", 3);
    remark(&more, "another");
    remarks_join(&r, &more);
    assert_string_equal(r.text, "left out: 31\nleft out: 3\nanother\n");
}

static void too_many_lines_end_with_a_sign(void **state)
{
    struct remarks r = {0};
    char text[600];
    (void)state;
    for (int i = 0; i < 1000; i++)
        remark(&r, "line %d of many", i);
    const size_t length = strlen(r.text);
    assert_true(length < sizeof r.text && length > sizeof r.text - 30);
    assert_string_equal(r.text + length - 5, "\n...\n");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    r = (struct remarks){0};
    remark(&r, "%s", text);
    remark(&r, "short");
    assert_true(strlen(r.text) < 600); /* a line that is too long is cut, and ends */
    assert_string_equal(strchr(r.text, '\n') + 1, "short\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_kept_once),
        cmocka_unit_test(too_many_lines_end_with_a_sign),
    };
    return cmocka_run_group_tests_name("remarks", tests, NULL, NULL);
}
