#include "core/extreme.h"
#include "sim/data/sources/sources.h"
#include "sim/net/views.h"
#include "theorems/draw.h"
#include "theorems/fd/fd.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>

/* Views that the source draws, [view][input][sample], and the x that they are of. */
struct drawn {
    size_t inputs;
    double *view[2], *x;
};

enum { SAMPLES = 64 * BLOCK, NEURONS = 6, MOST_FEATURES = 6, MOST_INPUTS = MOST_FEATURES + 8 };

struct sizes {
    int64_t features, dimension;
    uint64_t seed;
};

/* Both views, or both times x, of the same samples */
static enum status draw_world(const struct trial *trial, struct sizes sizes, const char *mask,
                              double *one, double *two)
{
    void *world;
    enum status status =
        fd_open_source(sizes.features, sizes.dimension, 0.3, mask, sizes.seed, &world, trial->err);
    if (status)
        return status;
    struct views views = {
        .source = &source_sparse_coding, .world = world, .positives = 1, .count = 2};
    const struct draw draw = {.seed = sizes.seed, .purpose = PURPOSE_CLAIM};
    const struct rows rows[] = {{.view = 0, .value = one, .stride = SAMPLES},
                                {.view = 1, .value = two, .stride = SAMPLES}};
    status = views_open(&views, trial->err);
    if (!status)
        views_fill(&views, draw, 0, SAMPLES, rows, 2);
    views_close(&views);
    source_sparse_coding.close(world);
    return status;
}

/* ... and x, by views without masks, of which the second is overwritten. */
static enum status draw_samples(struct drawn *d, const struct trial *trial, struct sizes sizes,
                                const char *mask)
{
    d->inputs = (size_t)sizes.dimension;
    d->x = calloc(3 * d->inputs * SAMPLES, sizeof *d->x);
    if (!d->x) {
        error_memory(trial->err, "%d samples", SAMPLES);
        return STATUS_SYSTEM;
    }
    for (size_t v = 0; v < 2; v++)
        d->view[v] = d->x + (v + 1) * d->inputs * SAMPLES;
    enum status status = draw_world(trial, sizes, "none", d->x, d->view[1]);
    return status ? status : draw_world(trial, sizes, mask, d->view[0], d->view[1]);
}

static struct sizes draw_sizes(const struct trial *trial)
{
    const int64_t features = draw_between(trial->rng, 3, MOST_FEATURES);
    return (struct sizes){features,
                          features + draw_between(trial->rng, 0, MOST_INPUTS - MOST_FEATURES),
                          gsl_rng_get(trial->rng)};
}

/* What each of the controls draws. */
static const char *mask_of(const struct trial *trial, int control)
{
    static const char *const other[] = {"independent", "none"};
    return trial->restored ? "complementary" : other[control];
}

/* x_1 + x_+ against 2 x, and x_1 (2 x - x_1), entry by entry, against 0: so an entry of x_1 is 2 x
 * or 0, and the entry of x_+ the other one */
static enum status views_error(const struct trial *trial, struct sizes sizes, const char *mask,
                               double *error)
{
    struct drawn d;
    enum status status = draw_samples(&d, trial, sizes, mask);
    const size_t size = d.inputs * SAMPLES;
    for (size_t i = 0; i < size && !status; i++) {
        const double one = d.view[0][i], two = d.view[1][i];
        d.view[0][i] = one + two;
        d.view[1][i] = one * (2 * d.x[i] - one);
        d.x[i] *= 2;
    }
    if (!status) {
        plant(trial, d.view[0], 2 * size);
        *error = relative_error(d.view[0], d.x, size);
        for (size_t i = 0; i < size; i++)
            *error = larger(*error, fabs(d.view[1][i]));
    }
    free(d.x);
    return status;
}

enum status fd_measure_views(const struct trial *trial, struct reading *reading)
{
    const struct sizes sizes = draw_sizes(trial);
    enum status status = views_error(trial, sizes, "complementary", &reading->error);
    for (int c = 0; c < 2 && !status; c++)
        status = views_error(trial, sizes, mask_of(trial, c), &reading->control[c]);
    return status;
}

/* The larger distance from 0, in standard errors, of the means over samples of <w, x_1><w, x_+> - m
 * and of this times m */
static double distance_of(const struct trial *trial, const struct drawn *d, const double *w)
{
    double mean[2] = {0}, square[2] = {0}, worst = 0;
    for (size_t s = 0; s < SAMPLES; s++) {
        double one = 0, two = 0, all = 0, lost = 0;
        for (size_t i = 0; i < d->inputs; i++) {
            const double here = w[i] * d->x[i * SAMPLES + s];
            one += w[i] * d->view[0][i * SAMPLES + s];
            two += w[i] * d->view[1][i * SAMPLES + s];
            all += here;
            lost += here * here;
        }
        double found = one * two;
        plant(trial, &found, 1);
        const double expected = all * all - lost, apart = found - expected;
        const double weighed[] = {apart, apart * expected};
        for (int k = 0; k < 2; k++) {
            mean[k] += weighed[k] / SAMPLES;
            square[k] += weighed[k] * weighed[k] / SAMPLES;
        }
    }
    for (int k = 0; k < 2; k++)
        worst = larger(worst, fabs(mean[k]) / sqrt((square[k] - mean[k] * mean[k]) / SAMPLES));
    return worst;
}

/* p-value of the largest of these distances, for NEURONS of w: m = <w, x>^2 - sum_i w_i^2 x_i^2 is
 * the mean of the product, given x */
static enum status drawn_p(const struct trial *trial, struct sizes sizes, const char *mask,
                           double *p)
{
    struct drawn d;
    enum status status = draw_samples(&d, trial, sizes, mask);
    double worst = 0;
    for (int n = 0; n < NEURONS && !status; n++) {
        double w[MOST_INPUTS];
        draw_normal(trial->rng, 1, d.inputs, w);
        worst = larger(worst, distance_of(trial, &d, w));
    }
    free(d.x);
    *p = smaller(1, 4 * NEURONS * gsl_cdf_ugaussian_Q(worst));
    return status;
}

enum status fd_measure_drawn(const struct trial *trial, struct reading *reading)
{
    const struct sizes sizes = draw_sizes(trial);
    enum status status = drawn_p(trial, sizes, "complementary", &reading->error);
    for (int c = 0; c < 2 && !status; c++)
        status = drawn_p(trial, sizes, mask_of(trial, c), &reading->control[c]);
    return status;
}
