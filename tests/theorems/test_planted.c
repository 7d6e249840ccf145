/* Protects what the claims measure: a part that can be measured quickly fails where its measured
 * numbers have another sign, are twice as large, or are lost.  Effects of training are measured
 * with the smallest sizes, their controls with their hypothesis restored, too. */
#include "harness/spec/params.h"
#include "tests/kit/testing.h"
#include "theorems/claims.h"

#include <gsl/gsl_errno.h>

enum { SEED = 11 };

/* ---- faults that cannot show ---- */

static const char norm[] = "a norm has no sign", ratio[] = "an order, or a share, keeps a factor",
                  slope[] = "a slope keeps a factor", above[] = "twice a number is above the bound",
                  below[] = "a number of the other sign is below the bound",
                  nothing[] = "what vanishes has neither sign nor size";

/* Part `part` (its statement's first words) of a claim holds under `fault`. */
static const struct exemption {
    const char *claim, *part;
    enum fault fault;
    const char *reason;
} exemptions[] = {
    {"DDN-8", "definiteness", FAULT_FACTOR, ratio},
    {"DDN-10", "linear", FAULT_SIGN, nothing},
    {"DDN-10", "linear", FAULT_FACTOR, nothing},
    {"DDN-11", "gradient", FAULT_FACTOR, ratio},
    {"HLTM-2", "ceiling", FAULT_SIGN, norm},
    {"HLTM-5", "bound", FAULT_SIGN, norm},
    {"NCP-3", "bound", FAULT_SIGN, norm},
    {"NCP-6", "bound", FAULT_SIGN, norm},
    {"NCP-10", "order", FAULT_FACTOR, ratio},
    {"NCP-10", "no decay", FAULT_FACTOR, above},
    {"NCP-13", "commutator", FAULT_FACTOR, ratio},
    {"FD-1", "lost part", FAULT_SIGN, below},
    {"SC-1", "order", FAULT_SIGN, below},
    {"SC-1", "gap", FAULT_SIGN, below},
    {"SC-2", "easy positives", FAULT_FACTOR, slope},
    {"SC-2", "easy negatives", FAULT_FACTOR, slope},
    {"SC-4", "weights", FAULT_FACTOR, ratio},
};

static const struct exemption *exemption_of(const struct claim *claim, const struct part *part,
                                            enum fault fault)
{
    for (size_t i = 0; i < sizeof exemptions / sizeof *exemptions; i++) {
        const struct exemption *e = &exemptions[i];
        const size_t length = strlen(e->part);
        if (e->fault == fault && strcmp(e->claim, claim->about.name) == 0 &&
            strncmp(part->statement, e->part, length) == 0 && part->statement[length] == ':')
            return e;
    }
    return NULL;
}

/* ---- measuring ---- */

/* A part, and settings of its claim. */
struct bench {
    const struct claim *claim;
    int part;
    void *settings;
};

static struct reading measure(const struct bench *b, int instance, enum fault fault, bool restored)
{
    struct error err = {0};
    struct reading reading;
    const struct trial common = {
        .seed = SEED, .settings = b->settings, .fault = fault, .restored = restored};
    check_ok(claim_measure(b->claim, b->part, instance, &common, &reading, &err), &err);
    return reading;
}

static enum verdict judge(const struct bench *b, enum fault fault)
{
    const struct part *part = &b->claim->parts[b->part];
    struct reading *reading = allocate((size_t)part->plan.quick, sizeof *reading);
    struct judgement judgement = {.verdict = VERDICT_NOT_CHECKED};
    for (int i = 0; i < part->plan.quick; i++)
        reading[i] = measure(b, i, fault, false);
    gsl_rng *rng = claim_rng(b->claim, SEED, b->part, -1);
    part_judge(part, reading, part->plan.quick, 1, rng, &judgement);
    gsl_rng_free(rng);
    free(reading);
    return judgement.verdict;
}

/* ---- the tests ---- */

static const char *const names[] = {
    [FAULT_SIGN] = "another sign", [FAULT_FACTOR] = "a factor", [FAULT_NAN] = "a lost number"};

static void check_faults(const struct bench *b)
{
    const struct part *part = &b->claim->parts[b->part];
    if (judge(b, FAULT_NONE) != VERDICT_HOLDS)
        fail_msg("%s, %s: does not hold", b->claim->about.name, part->statement);
    for (enum fault fault = FAULT_SIGN; fault <= FAULT_NAN; fault++) {
        const bool fails = judge(b, fault) == VERDICT_FAILS;
        const struct exemption *e = exemption_of(b->claim, part, fault);
        if (!fails && !e)
            fail_msg("%s, %s: %s does not show", b->claim->about.name, part->statement,
                     names[fault]);
        if (fails && e)
            fail_msg("%s, %s: %s shows, although %s", b->claim->about.name, part->statement,
                     names[fault], e->reason);
    }
}

/* An effect may be of any size, but it is not kept where its sign is turned, or lost without a
 * trace; a control with its hypothesis is the effect itself. */
static void check_effect(const struct bench *b)
{
    const struct part *part = &b->claim->parts[b->part];
    const double plain = measure(b, 0, FAULT_NONE, false).error;
    const double turned = measure(b, 0, FAULT_SIGN, false).error;
    if (isnan(plain) || (plain != 0 && turned == plain) ||
        !isnan(measure(b, 0, FAULT_NAN, false).error))
        fail_msg("%s, %s: a fault does not show", b->claim->about.name, part->statement);
    const struct reading restored = measure(b, 0, FAULT_NONE, true);
    for (int c = 0; c < part_controls(part); c++)
        if (restored.control[c] != plain)
            fail_msg("%s, %s: control %d is %g with its hypothesis, the effect %g",
                     b->claim->about.name, part->statement, c + 1, restored.control[c], plain);
}

/* Trainings of a few steps are enough to see a fault: the smallest sizes. */
static void make_small(const struct claim *claim, void *settings)
{
    for (const struct param *p = claim->about.params; p && p->name; p++)
        if (p->type == PARAM_INTEGER) {
            const int64_t low = (int64_t)p->low;
            memcpy((char *)settings + p->offset, &low, sizeof low);
        }
}

static void check_parts(const struct claim *claim, bool effects)
{
    struct error err = {0};
    struct bench b = {.claim = claim, .settings = allocate(1, claim->about.settings_size)};
    check_ok(params_fill(claim->about.params, NULL, 0, b.settings, &err), &err);
    if (effects)
        make_small(claim, b.settings);
    for (; b.part < claim->part_count; b.part++) {
        const struct part *part = &claim->parts[b.part];
        if (part->plan.quick == 0 || (part->kind == PART_EFFECT) != effects)
            continue;
        (effects ? check_effect : check_faults)(&b);
    }
    free(b.settings);
}

static void check_all(bool effects)
{
    for (size_t i = 0; i < claim_registry.count; i++)
        check_parts((const struct claim *)claim_registry.entries[i], effects);
}

static void a_sign_a_factor_and_a_lost_number_are_found(void **state)
{
    (void)state;
    check_all(false);
}

static void effects_show_faults_and_their_controls_hold_if_restored(void **state)
{
    (void)state;
    check_all(true);
}

static void exemptions_are_of_parts_that_there_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exemptions / sizeof *exemptions; i++) {
        const struct exemption *e = &exemptions[i];
        const struct claim *claim = (const struct claim *)registry_find(&claim_registry, e->claim);
        bool found = false;
        for (int p = 0; claim && p < claim->part_count; p++)
            found = found || exemption_of(claim, &claim->parts[p], e->fault) == e;
        if (!found)
            fail_msg("%s has no part '%s'", e->claim, e->part);
    }
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sign_a_factor_and_a_lost_number_are_found),
        cmocka_unit_test(effects_show_faults_and_their_controls_hold_if_restored),
        cmocka_unit_test(exemptions_are_of_parts_that_there_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
