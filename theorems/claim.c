#include "theorems/claim.h"

#include "core/extreme.h"
#include "core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- for measurements ---- */

static double largest_entry(const double *value, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = larger(largest, fabs(value[i]));
    return largest;
}

static double largest_difference(const double *measured, const double *predicted, size_t count)
{
    double largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = larger(largest, fabs(measured[i] - predicted[i]));
    return largest;
}

/* `difference` relative to `scale`, or as it is where that is 0; NaN of either stays. */
static double relative(double difference, double scale)
{
    return scale == 0 ? difference : difference / scale;
}

double relative_error(const double *measured, const double *predicted, size_t count)
{
    return relative(largest_difference(measured, predicted, count),
                    largest_entry(predicted, count));
}

double relative_error_blocks(const double *measured, const double *predicted, size_t blocks,
                             size_t size)
{
    const double whole = largest_entry(predicted, blocks * size);
    double worst = 0;
    for (size_t b = 0; b < blocks; b++) {
        const double *p = predicted + b * size, own = largest_entry(p, size);
        const double difference = largest_difference(measured + b * size, p, size);
        worst = larger(worst, relative(difference, own == 0 ? whole : own));
    }
    return worst;
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
        reading->control[c] = NOT_MEASURED;
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
