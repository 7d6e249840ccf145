/* Protects theorems/judge.c and the errors of theorems/claim.c: each rule with a case on either
 * side, a number that is lost, and controls. */
#include "core/random.h"
#include "tests/kit/testing.h"
#include "theorems/claims.h"

enum { MOST = 16 };

/* ---- errors ---- */

static void errors_are_relative_to_the_largest_entry(void **state)
{
    (void)state;
    const double predicted[] = {4, -8, 2}, measured[] = {4, -8.5, 2.25}, none[] = {0, 0, 0};
    assert_near(relative_error(measured, predicted, 3), 0.5 / 8, 1e-15);
    assert_near(relative_error(predicted, predicted, 3), 0, 0);
    assert_near(relative_error(predicted, none, 3), 8, 0); /* measured, and 0 predicted */
    assert_near(relative_error(none, none, 3), 0, 0);
    assert_near(relative_error(none, predicted, 3), 1, 0);
}

/* 10 % off in all entries except the largest: small beside it, large in their own scale. */
static void errors_of_blocks_see_small_entries(void **state)
{
    (void)state;
    const double predicted[] = {1, 1e-11, 2e-12, 1e-13, 5, 3}, *p = predicted;
    const double measured[] = {1, 1.1e-11, 2.2e-12, 1.1e-13, 5, 3};
    assert_at_most(relative_error(measured, p, 6), 1e-10);
    assert_near(relative_error_blocks(measured, p, 6, 1), 0.1, 1e-12);
    assert_near(relative_error_blocks(measured, p, 3, 2), 0.1, 1e-12);
    assert_near(relative_error_blocks(measured, p, 1, 6), relative_error(measured, p, 6), 0);
    assert_near(relative_error_blocks(p, p, 6, 1), 0, 0);
    const double gap[] = {0, 0, 4, 8}, filled[] = {1e-15, 2, 4, 8};
    assert_near(relative_error_blocks(filled, gap, 2, 2), 0.25, 0); /* of the largest of all */
    assert_near(relative_error_blocks(filled, (double[4]){0}, 4, 1), 8, 0);
}

static void a_lost_entry_is_a_lost_error(void **state)
{
    (void)state;
    const double fine[] = {1, 2, 3};
    for (size_t i = 0; i < 3; i++) {
        double lost[] = {1, 2, 3};
        lost[i] = NAN;
        assert_true(isnan(relative_error(lost, fine, 3)));
        assert_true(isnan(relative_error(fine, lost, 3)));
        assert_true(isnan(relative_error_blocks(lost, fine, 3, 1)));
        assert_true(isnan(relative_error_blocks(fine, lost, 3, 1)));
        lost[i] = INFINITY;
        assert_false(relative_error(lost, fine, 3) < 1e300);
        assert_false(relative_error(fine, lost, 3) < 1e300);
    }
}

/* ---- the rules ---- */

static struct judgement judge_of(const struct part *part, const double *error,
                                 const double *control, int count, int effects)
{
    struct reading reading[MOST];
    struct judgement j = {.seconds = 3};
    for (int i = 0; i < count; i++) {
        reading_clear(&reading[i]);
        reading[i].error = error[i];
        reading[i].uncertainty = i == 1 ? 0.1 : 0.2;
        reading[i].control[0] = control ? control[i] : 1;
    }
    gsl_rng *rng = stream_rng_alloc(1, PURPOSE_TEST, 0, 0);
    part_judge(part, reading, count, effects, rng, &j);
    gsl_rng_free(rng);
    assert_near(j.seconds, 3, 0);
    return j;
}

static struct judgement judge(enum part_kind kind, double tolerance, double least,
                              const double *error, const double *control, int count)
{
    const struct part part = {.statement = "s",
                              .measured = "m",
                              .controls = {"c"},
                              .kind = kind,
                              .tolerance = tolerance,
                              .least = least};
    return judge_of(&part, error, control, count, 1);
}

static void identities_are_judged_by_their_worst_instance(void **state)
{
    (void)state;
    const double good[] = {1e-12, 5e-11, 0}, bad[] = {1e-12, 2e-10, 0}, below[] = {0, -0.5, 0};
    const double wild[] = {1, NOT_MEASURED, 2}, tame[] = {1, 5e-9, 2}, lost[] = {0, NAN, 0};
    struct judgement j = judge(PART_IDENTITY, 1e-10, 0, good, wild, 3);
    assert_int_equal(j.verdict, VERDICT_HOLDS);
    assert_near(j.error, 5e-11, 0);
    assert_near(j.control, 1, 0);
    assert_int_equal(judge(PART_IDENTITY, 1e-10, 0, bad, wild, 3).verdict, VERDICT_FAILS);
    assert_int_equal(judge(PART_IDENTITY, 1e-10, 0, below, wild, 3).verdict, VERDICT_FAILS);
    assert_int_equal(judge(PART_IDENTITY, 1e-10, 0, good, tame, 3).verdict, VERDICT_NO_CONTROL);
    assert_int_equal(judge(PART_IDENTITY, 1e-10, 0, good, lost, 0).verdict, VERDICT_NOT_CHECKED);
    const double enough[] = {1, 1e-8, 2}, none[] = {NOT_MEASURED, NOT_MEASURED, NOT_MEASURED};
    assert_int_equal(judge(PART_IDENTITY, 1e-10, 0, good, enough, 3).verdict, VERDICT_HOLDS);
    assert_int_equal(judge(PART_IDENTITY, 1e-10, 0, good, none, 3).verdict, VERDICT_NO_CONTROL);
}

static void bounds_report_their_slack(void **state)
{
    (void)state;
    const double slack[] = {-0.5, -0.1, -0.9, -0.2}, broken[] = {-0.5, 0.3, -0.9, -0.3};
    const double most[] = {-0.5, 0.3, 0.1, 0.2}, few[] = {-0.5, 0.3, -0.1, -0.2};
    struct judgement j = judge(PART_BOUND, 1e-10, 0, slack, most, 4);
    assert_int_equal(j.verdict, VERDICT_HOLDS);
    assert_near(j.error, 0, 0);
    assert_near(j.median, 0.35, 1e-15);
    assert_near(j.least, 0.1, 0);
    assert_near(j.control, 0.15, 1e-15); /* the median: it breaks on half of the instances */
    assert_int_equal(judge(PART_BOUND, 1e-10, 0, broken, most, 4).verdict, VERDICT_FAILS);
    assert_int_equal(judge(PART_BOUND, 1e-10, 0, slack, few, 4).verdict, VERDICT_NO_CONTROL);
    assert_int_equal(judge(PART_BOUND, 1e-10, 0, slack, slack, 4).verdict, VERDICT_NO_CONTROL);
}

static void rates_may_not_fall_short(void **state)
{
    (void)state;
    const double steep[] = {1.9, 0.97, 2}, flat[] = {0, 0.1, -0.2}, slow[] = {1.9, 0.9, 2};
    struct judgement j = judge(PART_RATE, 0.05, 1, steep, flat, 3);
    assert_int_equal(j.verdict, VERDICT_HOLDS);
    assert_near(j.median, 1.9, 0);
    assert_near(j.least, 0.97, 0);
    assert_near(j.uncertainty, 0.1, 0);
    assert_int_equal(judge(PART_RATE, 0.05, 1, slow, flat, 3).verdict, VERDICT_FAILS);
    const double one[] = {0, 0.96, -0.2};
    assert_int_equal(judge(PART_RATE, 0.05, 1, steep, steep, 3).verdict, VERDICT_NO_CONTROL);
    assert_int_equal(judge(PART_RATE, 0.05, 1, steep, one, 3).verdict, VERDICT_NO_CONTROL);
}

/* Effects of mean 1 and standard deviation 0.1 of four values: Student's interval is 1 +- 0.159. */
static void effects_are_judged_by_their_interval(void **state)
{
    (void)state;
    const double rise[] = {1.0866, 0.9134, 1.0866, 0.9134}, none[] = {1, -1.2, 0.1, -0.2};
    const double fall[] = {-1, -1.2, -0.9, -1.1};
    struct judgement j = judge(PART_EFFECT, 0, 0, rise, none, 4);
    assert_int_equal(j.verdict, VERDICT_HOLDS);
    assert_near(j.interval.low, 1 - 0.159, 1e-3);
    assert_int_equal(j.interval.count, 4);
    assert_near(j.error, -j.interval.low, 0);
    assert_int_equal(judge(PART_EFFECT, 0, 0.8, rise, none, 4).verdict, VERDICT_HOLDS);
    /* the mean lies above the claimed, the lower end does not */
    assert_int_equal(judge(PART_EFFECT, 0, 0.9, rise, none, 4).verdict, VERDICT_FAILS);
    assert_int_equal(judge(PART_EFFECT, 0, 0, none, none, 4).verdict, VERDICT_FAILS);
    /* wholly below the claimed: no milder */
    assert_int_equal(judge(PART_EFFECT, 0, 0, fall, none, 4).verdict, VERDICT_FAILS);
    assert_int_equal(judge(PART_EFFECT, 0, 2, rise, none, 4).verdict, VERDICT_FAILS);
    assert_int_equal(judge(PART_EFFECT, 0, 0, rise, rise, 4).verdict, VERDICT_NO_CONTROL);
    assert_int_equal(judge(PART_EFFECT, 0, 0, rise, none, 1).verdict, VERDICT_FAILS);
}

/* A result that a paper reports of other data differs if it does not appear, on whichever side. */
static void reported_effects_may_differ(void **state)
{
    (void)state;
    static const double none[] = {1, -1.2, 0.1, -0.2}, rise[] = {1, 1.2, 0.9, 1.1},
                        fall[] = {-1, -1.2, -0.9, -1.1}, lost[] = {1, NAN, 0.9, 1.1};
    const struct part part = {.kind = PART_EFFECT, .reported = true};
    assert_int_equal(judge_of(&part, rise, NULL, 4, 1).verdict, VERDICT_HOLDS);
    assert_int_equal(judge_of(&part, none, NULL, 4, 1).verdict, VERDICT_DIFFERS);
    assert_int_equal(judge_of(&part, fall, NULL, 4, 1).verdict, VERDICT_DIFFERS);
    assert_int_equal(judge_of(&part, lost, NULL, 4, 1).verdict, VERDICT_FAILS);
}

/* Ten effects of one claim: each needs the interval of level 0.995. */
static void effects_of_a_claim_cover_together(void **state)
{
    (void)state;
    const double rise[] = {1.0866, 0.9134, 1.0866, 0.9134};
    const struct part part = {.kind = PART_EFFECT, .least = 0.8};
    const struct judgement one = judge_of(&part, rise, NULL, 4, 1),
                           ten = judge_of(&part, rise, NULL, 4, 10);
    assert_near(one.level, 0.95, 1e-15);
    assert_near(ten.level, 0.995, 1e-15);
    assert_int_equal(one.verdict, VERDICT_HOLDS);
    assert_int_equal(ten.verdict, VERDICT_FAILS);
    assert_near(ten.interval.mean, one.interval.mean, 0);
    assert_near((ten.interval.high - 1) / (one.interval.high - 1), 7.4533 / 3.1824, 1e-4);
}

static void p_values_are_corrected_for_their_number(void **state)
{
    (void)state;
    const double fine[] = {0.5, 0.9, 2e-4}, rare[] = {0.5, 1e-5, 0.4}, never[] = {1e-9, 0, 1e-30};
    struct judgement j = judge(PART_TEST, 4, 0, fine, never, 3);
    assert_int_equal(j.verdict, VERDICT_HOLDS);
    assert_near(j.error, -log10(3 * 2e-4), 1e-12);
    assert_near(j.control, 9, 1e-12);
    assert_int_equal(judge(PART_TEST, 4, 0, rare, never, 3).verdict, VERDICT_FAILS);
    assert_int_equal(judge(PART_TEST, 4, 0, fine, rare, 3).verdict, VERDICT_NO_CONTROL);
}

/* ---- lost numbers ---- */

enum { INSTANCES = 8 };

/* Readings with which a part holds, and whose first control fails. */
static void good_readings(const struct part *part, double *error, double *control)
{
    const bool above = part->kind == PART_EFFECT || part->kind == PART_RATE;
    const bool p_value = part->kind == PART_TEST;
    for (int k = 0; k < INSTANCES; k++) {
        error[k] = above ? part->least + 1 + 1e-14 * k : p_value ? 0.5 : 1e-14 * k;
        control[k] = above ? -1e3 : p_value ? 1e-9 : 1;
    }
}

/* Verdict on a part where one number is lost. */
static struct judgement judge_lost(const struct part *part, int at, bool in_control)
{
    double error[INSTANCES], control[INSTANCES];
    struct part alone = *part;
    alone.controls[1] = NULL;
    good_readings(part, error, control);
    assert_int_equal(judge_of(&alone, error, control, INSTANCES, 1).verdict, VERDICT_HOLDS);
    (in_control ? control : error)[at] = NAN;
    return judge_of(&alone, error, control, INSTANCES, 1);
}

/* A number that is lost in one instance makes every part fail, and a control show nothing. */
static void one_lost_number_makes_any_part_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < claim_registry.count; i++) {
        const struct claim *claim = (const struct claim *)claim_registry.entries[i];
        for (int p = 0; p < claim->part_count; p++)
            for (int at = 0; at < INSTANCES; at += 3) {
                const struct part *part = &claim->parts[p];
                const struct judgement j = judge_lost(part, at, false);
                if (j.verdict != VERDICT_FAILS || !isnan(j.error))
                    fail_msg("%s, part %d: %s", claim->about.name, p, verdict_name(j.verdict));
                if (part->controls[0])
                    assert_int_equal(judge_lost(part, at, true).verdict, VERDICT_NO_CONTROL);
            }
    }
}

/* ---- claims ---- */

static enum verdict verdict_of(const enum verdict *parts, int count)
{
    static const struct part three[3];
    const struct claim claim = {.parts = three, .part_count = count};
    struct judgement part[3] = {{0}};
    for (int p = 0; p < count; p++)
        part[p] = (struct judgement){.verdict = parts[p], .control = NAN, .ratio = 0.1 * p};
    return claim_verdict(&claim, part);
}

static void a_claim_holds_only_where_all_of_it_was_measured(void **state)
{
    (void)state;
    const enum verdict h = VERDICT_HOLDS, d = VERDICT_DIFFERS, f = VERDICT_FAILS,
                       c = VERDICT_NO_CONTROL, n = VERDICT_NOT_CHECKED;
    const struct {
        enum verdict parts[3], claim;
    } cases[] = {
        {{h, h, h}, h},
        {{h, n, h}, VERDICT_NOT_REFUTED},
        {{n, n, h}, VERDICT_NOT_REFUTED},
        {{n, n, n}, n},
        {{h, d, n}, d},
        {{d, c, h}, c},
        {{c, f, n}, f},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(verdict_of(cases[i].parts, 3), cases[i].claim);
    assert_int_equal(verdict_of(cases[1].parts, 1), VERDICT_HOLDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_relative_to_the_largest_entry),
        cmocka_unit_test(errors_of_blocks_see_small_entries),
        cmocka_unit_test(a_lost_entry_is_a_lost_error),
        cmocka_unit_test(identities_are_judged_by_their_worst_instance),
        cmocka_unit_test(bounds_report_their_slack),
        cmocka_unit_test(rates_may_not_fall_short),
        cmocka_unit_test(effects_are_judged_by_their_interval),
        cmocka_unit_test(reported_effects_may_differ),
        cmocka_unit_test(effects_of_a_claim_cover_together),
        cmocka_unit_test(p_values_are_corrected_for_their_number),
        cmocka_unit_test(one_lost_number_makes_any_part_fail),
        cmocka_unit_test(a_claim_holds_only_where_all_of_it_was_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
