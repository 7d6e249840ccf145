#include "theorems/claim.h"

#include "core/random.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- for measurements ---- */

double relative_error(const double *measured, const double *predicted, size_t count)
{
    double worst = 0, scale = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = fabs(measured[i] - predicted[i]);
        worst = difference > worst || isnan(difference) ? difference : worst;
        scale = fmax(scale, fabs(predicted[i]));
    }
    return scale > 0 ? worst / scale : worst;
}

double frobenius(const double *value, size_t count)
{
    double square = 0;
    for (size_t i = 0; i < count; i++)
        square += value[i] * value[i];
    return sqrt(square);
}

void plant(const struct trial *trial, double *measured, size_t count)
{
    size_t at = 0;
    for (size_t i = 1; i < count; i++)
        if (fabs(measured[i]) > fabs(measured[at]))
            at = i;
    if (trial->fault == FAULT_SIGN && count > 0)
        measured[at] = -measured[at]; /* the largest, so that it is not 0 */
    for (size_t i = 0; trial->fault == FAULT_FACTOR && i < count; i++)
        measured[i] *= 2;
    if (trial->fault == FAULT_NAN && count > 0)
        measured[count - 1] = NAN;
}

enum status claim_redraw(const struct trial *trial, int *made, const char *draw)
{
    if (trial->keep_going && !trial->keep_going())
        return error_set(trial->err, STATUS_INTERRUPTED, "interrupted");
    if (++*made < CLAIM_DRAWS)
        return STATUS_OK;
    return error_set(trial->err, STATUS_INVALID, "no %s in %d draws", draw, CLAIM_DRAWS);
}

void reading_clear(struct reading *reading)
{
    *reading = (struct reading){0};
    for (int c = 0; c < CLAIM_CONTROLS; c++)
        reading->control[c] = NAN;
}

void reading_slopes(struct reading *reading, struct slope slope, struct slope control)
{
    reading->error = slope.slope;
    reading->uncertainty = slope.error;
    reading->control[0] = control.slope;
}

enum status curves_add(struct curves *curves, const double *row, struct error *err)
{
    size_t columns = (size_t)curves->columns;
    if (curves->rows == curves->room) {
        size_t room = curves->room ? 2 * curves->room : 64;
        double *value = realloc(curves->value, room * columns * sizeof *value);
        if (!value)
            return error_memory(err, "a curve of %zu points", room);
        curves->value = value;
        curves->room = room;
    }
    memcpy(curves->value + curves->rows++ * columns, row, columns * sizeof *row);
    return STATUS_OK;
}

void curves_free(struct curves *curves)
{
    free(curves->value);
    curves->value = NULL;
    curves->rows = curves->room = 0;
}

/* ---- running ---- */

gsl_rng *claim_rng(const struct claim *claim, uint64_t seed, int part, int instance)
{
    uint64_t name = 14695981039346656037u; /* FNV-1a */
    for (const char *c = claim->about.name; *c; c++)
        name = (name ^ (unsigned char)*c) * 1099511628211u;
    return stream_rng_alloc(seed, PURPOSE_CLAIM, name, ((uint64_t)part << 32) | (uint32_t)instance);
}

enum status claim_measure(const struct claim *claim, int part, int instance,
                          const struct trial *common, struct reading *reading, struct error *err)
{
    struct trial trial = *common;
    trial.instance = instance;
    trial.argument = claim->parts[part].argument;
    trial.err = err;
    trial.rng = claim_rng(claim, common->seed, part, instance);
    reading_clear(reading);
    if (!trial.rng)
        return error_memory(err, "a random stream");
    enum status status = claim->parts[part].measure(&trial, reading);
    gsl_rng_free(trial.rng);
    return status;
}

/* ---- judging ---- */

static const double control_factor = 100; /* a control's error over the tolerance, at least */

const char *part_kind_name(enum part_kind kind)
{
    static const char *const names[] = {"Identity", "Flow",        "Bound",
                                        "Rate",     "Statistical", "Statistical"};
    return names[kind];
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {"holds", "differs", "fails", "control did not fail",
                                        "not checked"};
    return names[verdict];
}

double part_tolerance(const struct part *part)
{
    static const double of_kind[] = {
        [PART_IDENTITY] = 1e-10, [PART_FLOW] = 1e-8, [PART_BOUND] = 1e-10, [PART_TEST] = 4};
    return part->tolerance > 0 ? part->tolerance : of_kind[part->kind];
}

static int control_count(const struct part *part)
{
    int count = 0;
    while (count < CLAIM_CONTROLS && part->controls[count])
        count++;
    return count;
}

enum extreme { SMALLEST, LARGEST };

/* The smallest or largest value that is not NAN; NAN if there is none. */
static double extreme(const double *value, int count, enum extreme which)
{
    double result = NAN;
    for (int i = 0; i < count; i++)
        if (!isnan(value[i]) && (isnan(result) || (which == SMALLEST) == (value[i] < result)))
            result = value[i];
    return result;
}

/* One column of the readings: control c, or the errors themselves for c < 0. */
static void column(const struct reading *readings, int count, int c, double *out)
{
    for (int i = 0; i < count; i++)
        out[i] = c < 0 ? readings[i].error : readings[i].control[c];
}

static bool any_nan(const double *value, int count)
{
    for (int i = 0; i < count; i++)
        if (isnan(value[i]))
            return true;
    return false;
}

/* -log10 of the smallest p-value, Bonferroni-corrected */
static double surprise(const double *p, int count)
{
    double smallest = extreme(p, count, SMALLEST);
    return 0 - log10(fmin(1, fmax(1e-300, smallest) * count)); /* 0 for p = 1, not -0 */
}

/* The number that a kind is judged by.  For the statement the worst instance counts, for a control
 * the least failure (for a bound: whether it was broken at all). */
static double figure_of(const struct part *part, const double *value, int count, bool control)
{
    switch (part->kind) {
    case PART_IDENTITY:
    case PART_FLOW:
        return extreme(value, count, control ? SMALLEST : LARGEST);
    case PART_BOUND:
        return extreme(value, count, LARGEST);
    case PART_RATE: /* by how much the slope falls short */
        return part->least - extreme(value, count, control ? LARGEST : SMALLEST);
    case PART_TEST:
        if (!control)
            return surprise(value, count);
        return -log10(fmax(1e-300, extreme(value, count, LARGEST)));
    case PART_EFFECT:
        break;
    }
    return NAN;
}

static bool control_failed(const struct part *part, double figure)
{
    switch (part->kind) {
    case PART_IDENTITY:
    case PART_FLOW:
    case PART_BOUND:
        return figure >= control_factor * part_tolerance(part);
    default:
        return figure > part_tolerance(part);
    }
}

static void judge_effect(const struct part *part, double *value, const struct reading *readings,
                         int count, gsl_rng *rng, struct judgement *j)
{
    j->interval = mean_interval(value, (size_t)count, 0.95, rng);
    j->error = part->least - j->interval.low;
    j->tolerance = 0;
    const bool lost = isnan(j->interval.mean);
    if (j->interval.high < part->least)
        j->verdict = VERDICT_DIFFERS;
    else if (!(j->interval.low > part->least))
        j->verdict = part->reported && !lost ? VERDICT_DIFFERS : VERDICT_FAILS;
    for (int c = 0; c < control_count(part); c++) {
        column(readings, count, c, value);
        j->control_interval = mean_interval(value, (size_t)count, 0.95, rng);
        double figure = part->least - j->control_interval.low;
        j->control = isnan(j->control) ? figure : fmin(j->control, figure);
        if (!(figure > 0) && j->verdict == VERDICT_HOLDS)
            j->verdict = VERDICT_NO_CONTROL;
    }
}

/* Median and least slope, the latter with its standard error; `value` is sorted. */
static void judge_slopes(double *value, const struct reading *readings, int count,
                         struct judgement *j)
{
    j->error = isnan(j->error) ? NAN : fmax(0, j->error);
    gsl_sort(value, 1, (size_t)count);
    j->median = gsl_stats_median_from_sorted_data(value, 1, (size_t)count);
    j->least = value[0];
    for (int i = 0; i < count; i++)
        if (readings[i].error == j->least)
            j->uncertainty = readings[i].uncertainty;
}

static void judge_figures(const struct part *part, double *value, const struct reading *readings,
                          int count, struct judgement *j)
{
    j->error = any_nan(value, count) ? NAN : figure_of(part, value, count, false);
    if (!(j->error <= part_tolerance(part)))
        j->verdict = VERDICT_FAILS;
    if (part->kind == PART_BOUND) {
        gsl_sort(value, 1, (size_t)count);
        j->median = -gsl_stats_median_from_sorted_data(value, 1, (size_t)count);
        j->least = -value[count - 1];
        j->error = isnan(j->error) ? NAN : fmax(0, j->error);
    }
    if (part->kind == PART_RATE)
        judge_slopes(value, readings, count, j);
    for (int c = 0; c < control_count(part); c++) {
        column(readings, count, c, value);
        double figure = figure_of(part, value, count, true);
        if (isnan(j->control) || !(figure >= j->control))
            j->control = figure;
        if (!control_failed(part, figure) && j->verdict == VERDICT_HOLDS)
            j->verdict = VERDICT_NO_CONTROL;
    }
}

void part_judge(const struct part *part, const struct reading *readings, int count, gsl_rng *rng,
                struct judgement *j)
{
    double seconds = j->seconds;
    *j = (struct judgement){.verdict = VERDICT_HOLDS,
                            .instances = count,
                            .tolerance = part_tolerance(part),
                            .control = NAN,
                            .seconds = seconds};
    double *value = malloc((size_t)count * sizeof *value);
    if (!value || count == 0) {
        free(value);
        j->verdict = VERDICT_NOT_CHECKED;
        j->error = NAN;
        return;
    }
    column(readings, count, -1, value);
    if (part->kind == PART_EFFECT)
        judge_effect(part, value, readings, count, rng, j);
    else
        judge_figures(part, value, readings, count, j);
    j->ratio = j->tolerance > 0 ? j->error / j->tolerance : j->error;
    free(value);
}

/* Rank of a verdict, the worst highest. */
static int badness(enum verdict verdict)
{
    static const int order[] = {[VERDICT_HOLDS] = 0,
                                [VERDICT_DIFFERS] = 1,
                                [VERDICT_NOT_CHECKED] = 2,
                                [VERDICT_NO_CONTROL] = 3,
                                [VERDICT_FAILS] = 4};
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
