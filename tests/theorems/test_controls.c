/* Protects the controls of theorems/: with its hypothesis restored each goes the statement's own
 * way and holds as the statement does, so that it is the missing hypothesis that makes it fail.
 *
 * Parts that take long are left out unless the environment has CONTROLS=all. */
#include "harness/spec/params.h"
#include "tests/kit/testing.h"
#include "theorems/claims.h"
#include "theorems/memo.h"

#include <gsl/gsl_errno.h>

enum { SEED = 1 };

/* Whether a control says what its part states. */
static bool holds(const struct part *part, double control, double error)
{
    const double tolerance = part_tolerance(part);
    switch (part->kind) {
    case PART_IDENTITY:
    case PART_FLOW:
        return fabs(control) <= tolerance;
    case PART_BOUND:
        return control <= tolerance;
    case PART_RATE:
        return control >= part->least - tolerance;
    case PART_EFFECT:
        return control == error;
    case PART_TEST:
        return -log10(control) <= tolerance;
    }
    return false;
}

/* Restored controls of one instance that do not hold; counts those that were measured. */
static int check_instance(const struct claim *claim, int p, const struct reading *reading,
                          int measured[CLAIM_CONTROLS])
{
    const struct part *part = &claim->parts[p];
    int wrong = 0;
    for (int c = 0; c < part_controls(part); c++) {
        const double control = reading->control[c];
        measured[c] += control != NOT_MEASURED;
        if (part->apart[c] || control == NOT_MEASURED || holds(part, control, reading->error))
            continue;
        print_error("%s, part %d %.*s, restored control %d (%s): %g, statement %g\n",
                    claim->about.name, p + 1, (int)strcspn(part->statement, ":"), part->statement,
                    c + 1, part->controls[c], control, reading->error);
        wrong++;
    }
    return wrong;
}

/* Instances of a part until each control was measured. */
static int check_part(const struct claim *claim, int p, const void *settings, struct memo *memo)
{
    const struct part *part = &claim->parts[p];
    const struct trial restored = {
        .seed = SEED, .settings = settings, .memo = memo, .restored = true};
    int measured[CLAIM_CONTROLS] = {0}, wrong = 0;
    bool all = false;
    for (int i = 0; i < part->plan.quick && !all && !wrong; i++) {
        struct reading reading;
        struct error err = {0};
        check_ok(claim_measure(claim, p, i, &restored, &reading, &err), &err);
        wrong += check_instance(claim, p, &reading, measured);
        all = true;
        for (int c = 0; c < part_controls(part); c++)
            all = all && measured[c] > 0;
    }
    for (int c = 0; c < part_controls(part) && !wrong; c++)
        if (!part->apart[c] && measured[c] == 0) {
            print_error("%s, part %d: control %d was never measured\n", claim->about.name, p + 1,
                        c + 1);
            wrong++;
        }
    return wrong;
}

static bool is_chosen(const struct part *part)
{
    const double seconds = 0.4;
    const char *which = getenv("CONTROLS");
    return part_controls(part) > 0 && part->plan.quick > 0 &&
           (part->plan.cost <= seconds || (which && strcmp(which, "all") == 0));
}

static void controls_hold_with_their_hypothesis_restored(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < claim_registry.count; i++) {
        const struct claim *claim = (const struct claim *)claim_registry.entries[i];
        struct error err = {0};
        struct memo *memo;
        void *settings = allocate(1, claim->about.settings_size + 1);
        check_ok(params_fill(claim->about.params, NULL, 0, settings, &err), &err);
        check_ok(memo_create(&memo, &err), &err);
        for (int p = 0; p < claim->part_count; p++)
            if (is_chosen(&claim->parts[p]))
                wrong += check_part(claim, p, settings, memo);
        memo_free(memo);
        free(settings);
    }
    if (wrong > 0)
        fail_msg("%d controls do not hold with their hypothesis restored, and give no reason in "
                 "`apart`",
                 wrong);
}

/* A reason is one of a control, and says something. */
static void reasons_belong_to_controls(void **state)
{
    (void)state;
    for (size_t i = 0; i < claim_registry.count; i++) {
        const struct claim *claim = (const struct claim *)claim_registry.entries[i];
        for (int p = 0; p < claim->part_count; p++)
            for (int c = 0; c < CLAIM_CONTROLS; c++) {
                const char *reason = claim->parts[p].apart[c];
                if (reason && (c >= part_controls(&claim->parts[p]) || strlen(reason) < 20))
                    fail_msg("%s, part %d: '%s'", claim->about.name, p + 1, reason);
            }
    }
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(controls_hold_with_their_hypothesis_restored),
        cmocka_unit_test(reasons_belong_to_controls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
