#include "tests/kit/source.h"

#include "tests/kit/file.h"

#include <unistd.h>

enum status try_open(struct opened *o, const char *keys, uint64_t seed, struct error *err)
{
    *o = (struct opened){.seed = seed, .positives = 1};
    enum status status = strncmp(keys, "data: ", 6) == 0
                             ? spec_parse(&o->spec, "example", keys, strlen(keys), NULL, 0, err)
                             : kit_spec(&o->spec, "", keys, err);
    if (status)
        return status;
    o->source = (const void *)o->spec.chosen[SECTION_DATA];
    status = o->source->open(o->spec.settings[SECTION_DATA], seed, &o->world, err);
    if (status)
        return status;
    struct observed observed = o->source->observed(o->world);
    o->leaves = observed.leaves;
    o->width = observed.states > 2 ? (size_t)observed.states : 1;
    o->inputs = o->leaves * o->width;
    return STATUS_OK;
}

void shut(struct opened *o)
{
    if (o->world)
        o->source->close(o->world);
    spec_free(&o->spec);
}

struct opened open_source(const char *keys, uint64_t seed)
{
    struct opened o;
    struct error err = {0};
    enum status status = try_open(&o, keys, seed, &err);
    if (status)
        fail_msg("%s: %s", keys, err.message);
    return o;
}

void *aligned(size_t bytes)
{
    bytes = (bytes / 64 + 1) * 64;
    void *memory = aligned_alloc(64, bytes);
    assert_non_null(memory);
    return memset(memory, 0, bytes);
}

/* Leaf states as a network sees them. */
static void expand(const struct opened *o, const uint8_t *leaf, int views, double *x)
{
    for (size_t i = 0; i < (size_t)views * o->leaves; i++)
        for (size_t a = 0; a < o->width; a++)
            for (size_t s = 0; s < BLOCK; s++)
                x[(i * o->width + a) * BLOCK + s] =
                    o->width > 1 ? leaf[i * BLOCK + s] == a : leaf[i * BLOCK + s];
}

void draw_block(const struct opened *o, struct draw draw, int views, double *x)
{
    size_t bytes = o->source->scratch_size(o->world);
    void *scratch = memset(aligned(bytes), 0xab, bytes);
    uint8_t *leaf = aligned((size_t)views * o->leaves * BLOCK);
    o->source->draw(o->world, draw, o->positives, views, scratch,
                    (struct samples){.state = leaf, .value = x});
    if (o->source->observed(o->world).states > 0)
        expand(o, leaf, views, x);
    free(scratch);
    free(leaf);
}

struct draw draw_at(uint64_t block)
{
    return (struct draw){.seed = 7, .purpose = PURPOSE_TEST, .epoch = 2, .block = block};
}

/* E[x_a x_b^T] of a sample: sums of products and of their squares, [n][n]. */
struct sums {
    double *first, *second;
};

static void add_block(const struct opened *o, const double *x, int a, int b, struct sums *sums)
{
    const size_t n = o->inputs;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const double *left = x + ((size_t)a * n + i) * BLOCK;
            const double *right = x + ((size_t)b * n + j) * BLOCK;
            for (size_t s = 0; s < BLOCK; s++) {
                double product = left[s] * right[s];
                sums->first[i * n + j] += product;
                sums->second[i * n + j] += product * product;
            }
        }
}

void sample_moment(const struct opened *o, int a, int b, size_t blocks, double *mean,
                   double *standard_error)
{
    const size_t square = o->inputs * o->inputs;
    const double samples = (double)blocks * BLOCK;
    double *x = aligned(VIEWS * o->inputs * BLOCK * sizeof *x);
    struct sums sums = {.first = mean, .second = standard_error};
    memset(mean, 0, square * sizeof *mean);
    memset(standard_error, 0, square * sizeof *mean);
    for (size_t block = 0; block < blocks; block++) {
        draw_block(o, draw_at(block), VIEWS, x);
        add_block(o, x, a, b, &sums);
    }
    for (size_t i = 0; i < square; i++) {
        mean[i] /= samples;
        standard_error[i] = sqrt(fmax(0, sums.second[i] / samples - mean[i] * mean[i]) / samples);
    }
    free(x);
}

double deviation(const struct opened *o, int a, int b, size_t blocks, const double *claimed)
{
    const size_t square = o->inputs * o->inputs;
    double *mean = allocate(2 * square, sizeof *mean), worst = 0;
    sample_moment(o, a, b, blocks, mean, mean + square);
    for (size_t i = 0; i < square; i++)
        worst = fmax(worst, fabs(mean[i] - claimed[i]) / (mean[square + i] + 1e-12));
    free(mean);
    return worst;
}

struct pair_of_moments moments_of(const struct opened *o)
{
    const size_t square = o->inputs * o->inputs;
    struct pair_of_moments m = {.x = allocate(3 * square, sizeof(double))};
    m.x_prime = m.x + square;
    m.both = m.x_prime + square;
    for (size_t i = 0; i < 2 * square; i++)
        m.x[i] = NAN; /* all is to be written */
    o->source->moments(o->world, m.x, m.x_prime);
    for (size_t i = 0; i < square; i++)
        m.both[i] = m.x[i] + m.x_prime[i];
    return m;
}

void check_deviation(const char *keys, const char *what, double worst)
{
    if (!(worst <= BOUND))
        fail_msg("%s: %s is off by %.1f standard errors", keys, what, worst);
}

void mean_of(const struct opened *o, double *mean)
{
    double *x = aligned(o->inputs * BLOCK * sizeof *x);
    memset(mean, 0, o->inputs * sizeof *mean);
    for (uint64_t block = 0; block < BLOCKS; block++) {
        draw_block(o, (struct draw){.seed = 8, .block = block}, 1, x);
        for (size_t i = 0; i < o->inputs * BLOCK; i++)
            mean[i / BLOCK] += x[i] / BLOCK / BLOCKS;
    }
    free(x);
}

bool same_bits(const double *a, const double *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

void put_dataset(struct store *store, const char *path, int rank, const size_t *shape,
                 const double *values)
{
    char name[STORE_MAX_RANK][64];
    const char *axes[STORE_MAX_RANK];
    struct error err;
    for (int i = 0; i < rank; i++) {
        snprintf(name[i], sizeof name[i], "%s_axis_%d", path, i);
        axes[i] = name[i];
        check_ok(store_put_axis(store, name[i], shape[i], NULL, "number", "1", &err), &err);
    }
    check_ok(store_put(store, path, rank, shape, axes, values, "values", "1", &err), &err);
}

void put_rows(const char *path, size_t rows, size_t inputs, const double *x, const double *y)
{
    const size_t shape[] = {rows, inputs};
    struct store *store;
    struct error err;
    check_ok(store_create(&store, &err), &err);
    put_dataset(store, "/x", 2, shape, x);
    put_dataset(store, "/y", 1, shape, y);
    check_ok(store_commit(store, path, &err), &err);
    store_free(store);
}

void put_example(const char *path, const double *x, const double *y)
{
    put_rows(path, EXAMPLE_ROWS, EXAMPLE_INPUTS, x, y);
}

int enter_examples(void **state)
{
    struct kit_folder *folder = allocate(1, sizeof *folder);
    *folder = kit_folder_open("example.h5", "");
    *state = folder;
    put_example(folder->file, example_x[0], example_y);
    return chdir(folder->path);
}

int leave_examples(void **state)
{
    struct kit_folder *folder = *state;
    const bool left = unlink("example.h5") == 0 && chdir("/") == 0 && rmdir(folder->path) == 0;
    free(folder);
    return left ? 0 : -1;
}
