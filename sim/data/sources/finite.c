/* A finite data distribution with finite sets of views, [NCP]. */
#include "sim/data/population.h"
#include "sim/data/sources/covariance.h"
#include "sim/data/sources/sources.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_POINTS = 4096, MAX_NUMBERS = 1 << 26 };

struct settings {
    int64_t points, views, dimension;
    double spread;
    struct reals values;
};

struct finite {
    struct population *population;
    double *mean; /* [points][inputs] mean views */
};

static enum status check_settings(const struct settings *s, struct error *err)
{
    const struct reals *v = &s->values;
    if (s->points * s->views * s->dimension > MAX_NUMBERS)
        return error_key(err, "data.points",
                         "%lld points of %lld views in %lld dimensions are more than %d numbers; "
                         "fewer of any make it fit",
                         (long long)s->points, (long long)s->views, (long long)s->dimension,
                         MAX_NUMBERS);
    if (v->rank < 2 && !(v->rank == 0 && v->value[0] == 0))
        return error_key(err, "data.values",
                         "data.values is %s; give a list of lists, one row a view, or 0 to draw "
                         "them",
                         v->rank ? "one list" : "a number other than 0");
    if (v->rank == 2 && v->rows != (size_t)(s->points * s->views))
        return error_key(err, "data.values",
                         "data.values has %zu rows for %lld points of %lld views; give %lld, the "
                         "views of the first point first",
                         v->rows, (long long)s->points, (long long)s->views,
                         (long long)(s->points * s->views));
    for (size_t row = 0; v->rank == 2 && row < v->rows; row++)
        if (v->length[row] != (size_t)s->dimension)
            return error_key(err, "data.values",
                             "row %zu of data.values has %zu numbers in %lld dimensions; give %lld",
                             row, v->length[row], (long long)s->dimension, (long long)s->dimension);
    return STATUS_OK;
}

/* Views around centres; `mean` is used. */
static void draw_views(struct finite *f, double spread, uint64_t seed)
{
    const struct population *d = f->population;
    const size_t inputs = (size_t)d->inputs, size = (size_t)d->views * inputs;
    normal_once(seed, ONCE_CENTRES, (size_t)d->points * inputs, f->mean);
    normal_once(seed, ONCE_DEVIATIONS, (size_t)d->points * size, d->x);
    for (size_t i = 0; i < (size_t)d->points * size; i++)
        d->x[i] = f->mean[i / size * inputs + i % inputs] + spread * d->x[i];
}

static void close_world(void *world)
{
    struct finite *f = world;
    if (!f)
        return;
    population_free(f->population);
    free(f->mean);
    free(f);
}

static enum status fill_world(struct finite *f, const struct settings *s, uint64_t seed,
                              struct error *err)
{
    const size_t points = (size_t)s->points, columns = points * (size_t)s->views;
    const size_t inputs = (size_t)s->dimension;
    enum status status =
        population_create(&f->population, (int)s->points, (int)s->views, (int)s->dimension, err);
    if (status)
        return status;
    f->mean = calloc(points * inputs, sizeof *f->mean);
    if (!f->mean)
        return error_memory(err, "%zu points", points);
    for (size_t i = 0; i < points; i++)
        f->population->p[i] = 1 / (double)s->points;
    for (size_t i = 0; i < columns; i++)
        f->population->q[i] = 1 / (double)s->views;
    if (s->values.rank == 2)
        memcpy(f->population->x, s->values.value, columns * inputs * sizeof(double));
    else
        draw_views(f, s->spread, seed);
    population_mean_view(f->population, f->mean);
    return STATUS_OK;
}

static enum status open_world(const void *settings, uint64_t seed, void **world, struct error *err)
{
    *world = NULL;
    enum status status = check_settings(settings, err);
    if (status)
        return status;
    struct finite *f = calloc(1, sizeof *f);
    if (!f)
        return error_memory(err, "a data source");
    status = fill_world(f, settings, seed, err);
    if (status)
        close_world(f);
    else
        *world = f;
    return status;
}

static struct observed observed(const void *world)
{
    const struct finite *f = world;
    return (struct observed){.leaves = (size_t)f->population->inputs};
}

static size_t scratch_size(const void *world)
{
    (void)world;
    return 2 * BLOCK * sizeof(uint64_t);
}

/* x_1 and its positives are of one point; the rest are of points of their own. */
static void draw_block(const void *world, struct draw draw, int positives, int views, void *scratch,
                       struct samples block)
{
    const struct population *d = ((const struct finite *)world)->population;
    const size_t inputs = (size_t)d->inputs;
    uint64_t *point = scratch, *which = point + BLOCK;
    for (int view = 0; view < views; view++) {
        double *out = block.value + (size_t)view * inputs * BLOCK;
        draw.view = (uint64_t)view;
        if (view_is_new(view, positives))
            word_row(draw, 0, point);
        word_row(draw, 1, which);
        for (size_t s = 0; s < BLOCK; s++) {
            size_t column = pick(point[s], (size_t)d->points) * (size_t)d->views +
                            pick(which[s], (size_t)d->views);
            for (size_t i = 0; i < inputs; i++)
                out[i * BLOCK + s] = d->x[column * inputs + i];
        }
    }
}

/* out += weight (a - b)(a - b)^T; b may be NULL, for 0 */
static void add_square(size_t n, double weight, const double *a, const double *b, double *out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            out[i * n + j] += weight * (a[i] - (b ? b[i] : 0)) * (a[j] - (b ? b[j] : 0));
}

static void moments(const void *world, double *x, double *x_prime)
{
    const struct finite *f = world;
    const struct population *d = f->population;
    const size_t n = (size_t)d->inputs, views = (size_t)d->views;
    memset(x, 0, n * n * sizeof *x);
    memset(x_prime, 0, n * n * sizeof *x_prime);
    for (size_t point = 0; point < (size_t)d->points; point++) {
        const double *mean = f->mean + point * n;
        add_square(n, d->p[point], mean, NULL, x);
        for (size_t column = point * views; column < (point + 1) * views; column++)
            add_square(n, d->p[point] * d->q[column], d->x + column * n, mean, x_prime);
    }
}

static const struct param params[] = {
    INTEGER_PARAM(struct settings, points, "16", 1, MAX_POINTS, "data points, all as likely"),
    INTEGER_PARAM(struct settings, views, "4", 1, MAX_POINTS, "views of a point, all as likely"),
    INTEGER_PARAM(struct settings, dimension, "32", 1, SOURCE_MAX_INPUTS, "n: inputs"),
    REAL_PARAM(struct settings, spread, "0.5", 0, UNBOUNDED,
               "standard deviation of views that are drawn around their point, whose own is 1"),
    NUMBER_PARAM(
        "values", PARAM_REALS, struct settings, values, "0", -UNBOUNDED, UNBOUNDED,
        "0: points and views are drawn with the seed; or a list of points * views rows of n "
        "numbers, the views of the first point first"),
    {0}};

const struct source source_finite = {
    .about = {.name = "finite",
              .doc = "A finite distribution. Every point has its own finite set of views, so that "
                     "X and X' are finite sums.",
              .source = "[NCP]",
              .params = params,
              .settings_size = sizeof(struct settings),
              .example = "data: {source: finite, points: 5, views: 3, dimension: 4}"},
    .open = open_world,
    .close = close_world,
    .observed = observed,
    .scratch_size = scratch_size,
    .draw = draw_block,
    .moments = moments,
};
