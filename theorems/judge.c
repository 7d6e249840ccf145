/* What the readings of a part, and the parts of a claim, say. */
#include "core/extreme.h"
#include "theorems/claim.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <stdlib.h>

static const double control_factor = 100; /* a control's error over the tolerance, at least */
static const double effect_level = 0.95;  /* of the intervals of all effects of a claim together */

const char *part_kind_name(enum part_kind kind)
{
    static const char *const names[] = {"Identity", "Flow",        "Bound",
                                        "Rate",     "Statistical", "Statistical"};
    return names[kind];
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[VERDICTS] = {"holds", "not refuted",          "differs",
                                                "fails", "control did not fail", "not checked"};
    return names[verdict];
}

double part_tolerance(const struct part *part)
{
    static const double of_kind[] = {
        [PART_IDENTITY] = 1e-10, [PART_FLOW] = 1e-8, [PART_BOUND] = 1e-10, [PART_TEST] = 4};
    return part->tolerance > 0 ? part->tolerance : of_kind[part->kind];
}

int part_controls(const struct part *part)
{
    int count = 0;
    while (count < CLAIM_CONTROLS && part->controls[count])
        count++;
    return count;
}

/* ---- numbers of all instances ---- */

/* The values that a part is judged by, one per instance. */
struct values {
    double *value;
    int count;
};

/* The errors of the readings, or for c >= 0 control c where it was measured; `room` takes them.  An
 * error of an identity or flow has no sign. */
static struct values values_of(const struct part *part, const struct reading *readings, int count,
                               int c, double *room)
{
    const bool size = part->kind == PART_IDENTITY || part->kind == PART_FLOW;
    struct values v = {.value = room};
    for (int i = 0; i < count; i++) {
        const double value = c < 0 ? readings[i].error : readings[i].control[c];
        if (c < 0 || value != NOT_MEASURED)
            room[v.count++] = size ? fabs(value) : value;
    }
    return v;
}

static double largest(struct values v)
{
    double result = v.count > 0 ? v.value[0] : NAN;
    for (int i = 1; i < v.count; i++)
        result = larger(result, v.value[i]);
    return result;
}

static double smallest(struct values v)
{
    double result = v.count > 0 ? v.value[0] : NAN;
    for (int i = 1; i < v.count; i++)
        result = smaller(result, v.value[i]);
    return result;
}

/* NaN where one value is NaN; sorts the values. */
static double median(struct values v)
{
    if (isnan(largest(v)))
        return NAN;
    gsl_sort(v.value, 1, (size_t)v.count);
    return gsl_stats_median_from_sorted_data(v.value, 1, (size_t)v.count);
}

/* -log10 of a p-value */
static double surprise(double p)
{
    return 0 - log10(smaller(1, larger(1e-300, p))); /* 0 for p = 1, not -0 */
}

/* ---- identities, flows, bounds, rates, tests ---- */

/* The number of the worst instance, by which a kind is judged. */
static double figure_of(const struct part *part, struct values v)
{
    switch (part->kind) {
    case PART_RATE: /* by how much the slope falls short */
        return part->least - smallest(v);
    case PART_TEST:
        return surprise(smallest(v) * v.count);
    default:
        return largest(v);
    }
}

/* The same of a control, for which the instance counts where it failed least. */
static double control_figure(const struct part *part, struct values v)
{
    switch (part->kind) {
    case PART_BOUND:
        return median(v);
    case PART_RATE:
        return part->least - largest(v);
    case PART_TEST:
        return surprise(largest(v));
    default:
        return smallest(v);
    }
}

static bool control_failed(const struct part *part, double figure)
{
    const double tolerance = part_tolerance(part);
    if (part->kind == PART_RATE || part->kind == PART_TEST)
        return figure > tolerance;
    return figure >= control_factor * tolerance;
}

/* Median and least slack of a bound, or slope of a rate, the latter with its standard error. */
static void describe(const struct part *part, struct values v, const struct reading *readings,
                     struct judgement *j)
{
    const bool bound = part->kind == PART_BOUND;
    if (!bound && part->kind != PART_RATE)
        return;
    j->error = larger(0, j->error);
    j->least = bound ? -largest(v) : smallest(v);
    for (int i = 0; i < v.count && !bound; i++)
        if (readings[i].error == j->least)
            j->uncertainty = readings[i].uncertainty;
    j->median = bound ? -median(v) : median(v);
}

static void judge_figures(const struct part *part, double *room, const struct reading *readings,
                          int count, struct judgement *j)
{
    struct values v = values_of(part, readings, count, -1, room);
    j->error = figure_of(part, v);
    if (!(j->error <= part_tolerance(part)))
        j->verdict = VERDICT_FAILS;
    describe(part, v, readings, j);
    for (int c = 0; c < part_controls(part); c++) {
        v = values_of(part, readings, count, c, room);
        const double figure = control_figure(part, v);
        j->control = c > 0 ? smaller(j->control, figure) : figure;
        if (!control_failed(part, figure) && j->verdict == VERDICT_HOLDS)
            j->verdict = VERDICT_NO_CONTROL;
    }
}

/* ---- effects ---- */

/* Whatever is not shown is held against a claim: an interval that lies wholly below it no less than
 * one that reaches across. */
static void judge_effect(const struct part *part, double *room, const struct reading *readings,
                         int count, gsl_rng *rng, struct judgement *j)
{
    struct values v = values_of(part, readings, count, -1, room);
    j->interval = mean_interval(v.value, (size_t)v.count, j->level, rng);
    j->error = part->least - j->interval.low;
    j->tolerance = 0;
    if (!(j->interval.low > part->least))
        j->verdict = part->reported && !isnan(j->error) ? VERDICT_DIFFERS : VERDICT_FAILS;
    for (int c = 0; c < part_controls(part); c++) {
        v = values_of(part, readings, count, c, room);
        const struct interval its = mean_interval(v.value, (size_t)v.count, j->level, rng);
        const double figure = part->least - its.low;
        if (c == 0 || !(figure >= j->control))
            j->control_interval = its;
        j->control = c > 0 ? smaller(j->control, figure) : figure;
        if (!(figure > 0) && j->verdict == VERDICT_HOLDS)
            j->verdict = VERDICT_NO_CONTROL;
    }
}

/* ---- a part ---- */

void part_judge(const struct part *part, const struct reading *readings, int count, int effects,
                gsl_rng *rng, struct judgement *j)
{
    double seconds = j->seconds;
    *j = (struct judgement){.verdict = VERDICT_HOLDS,
                            .instances = count,
                            .tolerance = part_tolerance(part),
                            .control = NAN,
                            .level = 1 - (1 - effect_level) / effects,
                            .seconds = seconds};
    double *room = malloc((size_t)count * sizeof *room);
    if (!room || count == 0) {
        free(room);
        j->verdict = VERDICT_NOT_CHECKED;
        j->error = j->ratio = NAN;
        return;
    }
    if (part->kind == PART_EFFECT)
        judge_effect(part, room, readings, count, rng, j);
    else
        judge_figures(part, room, readings, count, j);
    j->ratio = j->tolerance > 0 ? j->error / j->tolerance : j->error;
    free(room);
}

/* ---- a claim ---- */

/* Rank of a verdict, the worst highest; below all others what was not measured. */
static int badness(enum verdict verdict)
{
    static const int order[VERDICTS] = {
        [VERDICT_NOT_CHECKED] = 0, [VERDICT_HOLDS] = 1,      [VERDICT_NOT_REFUTED] = 2,
        [VERDICT_DIFFERS] = 3,     [VERDICT_NO_CONTROL] = 4, [VERDICT_FAILS] = 5};
    return order[verdict];
}

/* Whether `a` stands for the claim rather than `b`: it has the worse verdict; with equal verdicts,
 * it alone has a control; else it is nearer to its tolerance. */
static bool outranks(const struct judgement *a, const struct judgement *b)
{
    if (badness(a->verdict) != badness(b->verdict))
        return badness(a->verdict) > badness(b->verdict);
    if (isnan(a->control) != isnan(b->control))
        return isnan(b->control);
    return a->ratio > b->ratio;
}

const struct judgement *claim_worst(const struct claim *claim, const struct judgement *parts)
{
    const struct judgement *worst = &parts[0];
    for (int p = 1; p < claim->part_count; p++)
        if (outranks(&parts[p], worst))
            worst = &parts[p];
    return worst;
}

int claim_parts_measured(const struct claim *claim, const struct judgement *parts)
{
    int count = 0;
    for (int p = 0; p < claim->part_count; p++)
        count += parts[p].verdict != VERDICT_NOT_CHECKED;
    return count;
}

enum verdict claim_verdict(const struct claim *claim, const struct judgement *parts)
{
    const enum verdict worst = claim_worst(claim, parts)->verdict;
    const bool whole = claim_parts_measured(claim, parts) == claim->part_count;
    return worst == VERDICT_HOLDS && !whole ? VERDICT_NOT_REFUTED : worst;
}
