/* Protects core/build.h: the facts of a build are all there, and a difference is named. */
#include "core/build.h"
#include "tests/kit/testing.h"

static void every_fact_has_a_value_and_its_own_name(void **state)
{
    struct build_fact fact[BUILD_FACTS];
    (void)state;
    build_facts(fact);
    for (size_t i = 0; i < BUILD_FACTS; i++) {
        assert_string_equal(fact[i].name, build_fact_name(i));
        assert_true(fact[i].value[0] > ' ');
        assert_null(strchr(fact[i].value, '\n'));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(fact[i].name, fact[k].name);
    }
}

static void a_build_is_the_same_as_itself(void **state)
{
    struct build_fact fact[BUILD_FACTS];
    char text[BUILD_TEXT], again[BUILD_TEXT], difference[200];
    (void)state;
    build_facts(fact);
    build_text(fact, text);
    build_facts(fact);
    build_text(fact, again);
    assert_string_equal(text, again);
    assert_true(build_compare(text, again, difference, sizeof difference));
    assert_string_equal(difference, "");
}

static void each_fact_that_differs_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < BUILD_FACTS; i++) {
        struct build_fact fact[BUILD_FACTS];
        char here[BUILD_TEXT], there[BUILD_TEXT], difference[400], expected[400];
        build_facts(fact);
        build_text(fact, here);
        snprintf(expected, sizeof expected, "%s is %s here and of another time there", fact[i].name,
                 fact[i].value);
        snprintf(fact[i].value, BUILD_VALUE, "of another time");
        build_text(fact, there);
        assert_false(build_compare(here, there, difference, sizeof difference));
        assert_string_equal(difference, expected);
    }
}

static void a_fact_that_is_missing_differs(void **state)
{
    char difference[200];
    (void)state;
    assert_false(
        build_compare("commit a\ngsl 2.7\n", "commit ab\n", difference, sizeof difference));
    assert_string_equal(difference,
                        "commit is a here and ab there, gsl is 2.7 here and nothing there");
}

static void a_difference_is_cut_to_its_room(void **state)
{
    char difference[8] = "1234567";
    (void)state;
    assert_false(build_compare("commit a\ngsl 1\n", "commit b\n", difference, 5));
    assert_string_equal(difference, "comm");
    assert_int_equal(difference[5], '6');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fact_has_a_value_and_its_own_name),
        cmocka_unit_test(a_build_is_the_same_as_itself),
        cmocka_unit_test(each_fact_that_differs_is_named),
        cmocka_unit_test(a_fact_that_is_missing_differs),
        cmocka_unit_test(a_difference_is_cut_to_its_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
