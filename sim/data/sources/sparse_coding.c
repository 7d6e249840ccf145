/* Sparse coding data and RandomMask, [FD]. */
#include "core/linalg.h"
#include "core/normal.h"
#include "sim/data/sources/sources.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DIMENSION = 1 << 16, MAX_NUMBERS = 1 << 26 };
enum { ROWS = 4 }; /* of a group of inputs, which share what is looked up */

/* Lanes of a draw. */
#define NOISE_LANE ((uint64_t)0)
#define MASK_LANE ((uint64_t)1 << 30)
#define FEATURE_LANE ((uint64_t)2 << 30)
#define SIGN_LANE ((uint64_t)3 << 30)

enum mask { MASK_COMPLEMENTARY, MASK_INDEPENDENT, MASK_NONE };

struct settings {
    int64_t features, dimension;
    double sparsity, noise, keep;
    int mask;
};

struct sparse_coding {
    struct dictionary dictionary;
    double *row; /* [input][feature], the dictionary's columns turned round; ROWS more of 0 */
    enum mask mask;
    double keep, sd; /* sd: of the noise */
};

/* A feature that a sample of a block has. */
struct spike {
    uint32_t feature, sample;
    double sign;
};

/* ---- what the spec says ---- */

static enum status check_mask(const struct settings *s, struct error *err)
{
    if (s->mask == MASK_NONE || (s->keep > 0 && s->keep < 1) ||
        (s->keep == 1 && s->mask == MASK_INDEPENDENT))
        return STATUS_OK;
    if (s->keep == 0)
        return error_key(err, "data.keep",
                         "data.keep is 0: the mask of x_1 drops every input; give a probability "
                         "above 0, such as 0.5");
    return error_key(err, "data.keep",
                     "data.keep is 1 and data.mask complementary: the mask of x_+ drops every "
                     "input; give a probability below 1, such as 0.5");
}

static enum status check_settings(const struct settings *s, struct error *err)
{
    if (s->features > s->dimension)
        return error_key(err, "data.features",
                         "data.features is %lld, but no more than data.dimension = %lld columns "
                         "can be orthonormal; give more dimensions or fewer features",
                         (long long)s->features, (long long)s->dimension);
    if (s->features * s->dimension > MAX_NUMBERS)
        return error_key(err, "data.features",
                         "a dictionary of %lld columns of %lld inputs has more than %d entries; "
                         "fewer of either make it fit",
                         (long long)s->features, (long long)s->dimension, MAX_NUMBERS);
    if (s->sparsity == 0 && s->features < 3)
        return error_key(err, "data.sparsity",
                         "data.sparsity is 0, for log log d / d, which is not above 0 for "
                         "data.features = %lld; give the probability that a sample has a feature",
                         (long long)s->features);
    if (s->noise < 0 && s->noise != -1)
        return error_key(err, "data.noise",
                         "data.noise is %g; give a variance of at least 0, or -1 for "
                         "sqrt(log d) / d",
                         s->noise);
    return check_mask(s, err);
}

/* ---- the dictionary ---- */

/* Take the part along the columns before out of column j, and make it a unit vector. */
static bool orthonormalise(struct dictionary *d, size_t j)
{
    const int n = (int)d->inputs;
    double *column = d->column + j * d->inputs;
    const double before = cblas_dnrm2(n, column, 1);
    for (int turn = 0; turn < 2; turn++) /* twice is enough for orthogonality to rounding */
        for (size_t i = 0; i < j; i++) {
            const double *other = d->column + i * d->inputs;
            cblas_daxpy(n, -cblas_ddot(n, column, 1, other, 1), other, 1, column, 1);
        }
    const double norm = cblas_dnrm2(n, column, 1);
    if (!(norm > 1e-12 * before))
        return false;
    cblas_dscal(n, 1 / norm, column, 1);
    return true;
}

static enum status draw_dictionary(struct sparse_coding *c, uint64_t seed, struct error *err)
{
    struct dictionary *d = &c->dictionary;
    normal_once(seed, ONCE_DICTIONARY, d->features * d->inputs, d->column);
    for (size_t j = 0; j < d->features; j++)
        if (!orthonormalise(d, j))
            return error_set(err, STATUS_SYSTEM,
                             "the columns that were drawn for a dictionary depend on one another; "
                             "another seed draws others");
    for (size_t j = 0; j < d->features; j++)
        for (size_t i = 0; i < d->inputs; i++)
            c->row[i * d->features + j] = d->column[j * d->inputs + i];
    return STATUS_OK;
}

static void close_world(void *world)
{
    struct sparse_coding *c = world;
    if (!c)
        return;
    free(c->dictionary.column);
    free(c->row);
    free(c);
}

static enum status fill_world(struct sparse_coding *c, const struct settings *s, uint64_t seed,
                              struct error *err)
{
    const double d = (double)s->features;
    const size_t entries = (size_t)(s->features * s->dimension);
    *c = (struct sparse_coding){
        .dictionary = {.features = (size_t)s->features,
                       .inputs = (size_t)s->dimension,
                       .column = malloc(entries * sizeof(double)),
                       .sparsity = s->sparsity > 0 ? s->sparsity : log(log(d)) / d,
                       .noise = s->noise >= 0 ? s->noise : sqrt(log(d)) / d},
        .row = calloc(entries + ROWS * (size_t)s->features, sizeof(double)),
        .mask = (enum mask)s->mask,
        .keep = s->keep};
    c->sd = sqrt(c->dictionary.noise);
    if (!c->dictionary.column || !c->row)
        return error_memory(err, "a dictionary of %lld columns", (long long)s->features);
    return draw_dictionary(c, seed, err);
}

static enum status open_world(const void *settings, uint64_t seed, void **world, struct error *err)
{
    *world = NULL;
    enum status status = check_settings(settings, err);
    if (status)
        return status;
    struct sparse_coding *c = malloc(sizeof *c);
    if (!c)
        return error_memory(err, "a data source");
    status = fill_world(c, settings, seed, err);
    if (status)
        close_world(c);
    else
        *world = c;
    return status;
}

/* ---- samples ---- */

static struct observed observed(const void *world)
{
    const struct dictionary *d = &((const struct sparse_coding *)world)->dictionary;
    return (struct observed){.leaves = d->inputs};
}

static size_t scratch_size(const void *world)
{
    const struct sparse_coding *c = world;
    return c->dictionary.features * BLOCK * sizeof(struct spike);
}

/* The features of a block's samples into `spike`; returns how many there are. */
static size_t draw_spikes(const struct sparse_coding *c, struct draw draw, struct spike *spike)
{
    size_t count = 0;
    for (size_t j = 0; j < c->dictionary.features; j++) {
        uint64_t present = sample_bernoulli(draw, FEATURE_LANE + j, c->dictionary.sparsity);
        const uint64_t sign = random_words(draw.seed, draw.purpose, draw.epoch, draw.block,
                                           draw.view << 32 | SIGN_LANE, j / 4)
                                  .word[j % 4];
        for (; present; present &= present - 1) {
            const int s = __builtin_ctzll(present);
            spike[count++] = (struct spike){
                .feature = (uint32_t)j, .sample = (uint32_t)s, .sign = sign >> s & 1 ? 1 : -1};
        }
    }
    return count;
}

/* The parts that a block of samples is made of. */
struct parts {
    const struct sparse_coding *world;
    struct draw draw;
    struct random_words noise; /* address of its rows */
    const struct spike *spike;
    size_t spikes;
};

static struct parts draw_parts(const struct sparse_coding *c, struct draw draw, void *scratch)
{
    return (struct parts){.world = c,
                          .draw = draw,
                          .noise = random_words(draw.seed, draw.purpose, draw.epoch, draw.block,
                                                draw.view << 32 | NOISE_LANE, 0),
                          .spike = scratch,
                          .spikes = draw_spikes(c, draw, scratch)};
}

/* out += rows i ... of M z, [ROWS][BLOCK]; the last group may have fewer */
static inline void add_signal(const struct parts *p, size_t i, double *out)
{
    const size_t features = p->world->dictionary.features;
    const double *row = p->world->row + i * features;
    for (size_t k = 0; k < p->spikes; k++) {
        const struct spike s = p->spike[k];
        for (size_t r = 0; r < ROWS; r++)
            out[r * BLOCK + s.sample] += s.sign * row[r * features + s.feature];
    }
}

static inline void draw_noise(const struct parts *p, size_t i, double *out)
{
    for (size_t r = 0; r < ROWS; r++) {
        float normal[BLOCK];
        normal_row_single(&p->noise, (uint32_t)(i + r), normal);
        for (size_t s = 0; s < BLOCK; s++)
            out[r * BLOCK + s] = p->world->sd * (double)normal[s];
    }
}

/* Rows i ... of x before it is augmented. */
static inline void draw_inputs(const struct parts *p, size_t i, double *out)
{
    draw_noise(p, i, out);
    add_signal(p, i, out);
}

static size_t rows_left(const struct parts *p, size_t i)
{
    const size_t left = p->world->dictionary.inputs - i;
    return left < ROWS ? left : ROWS;
}

/* Which samples keep inputs i ... i + ROWS - 1, i a multiple of ROWS. */
static void draw_masks(const struct sparse_coding *c, struct draw draw, size_t i,
                       uint64_t mask[ROWS])
{
    if (c->mask == MASK_NONE)
        memset(mask, 0xff, ROWS * sizeof *mask);
    else if (c->keep == 0.5)
        memcpy(mask,
               random_words(draw.seed, draw.purpose, draw.epoch, draw.block,
                            draw.view << 32 | MASK_LANE, i / ROWS)
                   .word,
               ROWS * sizeof *mask);
    else
        for (size_t k = 0; k < ROWS; k++)
            mask[k] = sample_bernoulli(draw, MASK_LANE + 1 + i + k, c->keep);
}

/* out = x / share where the mask keeps it, or else 0; bits, so that the loop is made of vectors */
static inline void apply_mask(uint64_t mask, double share, const double x[BLOCK], double *out)
{
    const double factor = 1 / share;
    uint64_t bits[BLOCK];
    for (size_t s = 0; s < BLOCK; s++)
        out[s] = factor * x[s];
    memcpy(bits, out, sizeof bits);
    for (uint64_t s = 0; s < BLOCK; s++)
        bits[s] &= 0 - (mask >> s & 1);
    memcpy(out, bits, sizeof bits);
}

/* The shares that the two masks keep. */
static void shares_of(const struct sparse_coding *c, double share[2])
{
    share[0] = c->mask == MASK_NONE ? 1 : c->keep;
    share[1] = c->mask == MASK_COMPLEMENTARY ? 1 - c->keep : share[0];
}

/* The mask of a view, from that of x_1.  Only the first positive can be the complement; others have
 * masks of their own. */
static void mask_of_view(const struct parts *p, size_t i, size_t view, const uint64_t first[ROWS],
                         uint64_t mask[ROWS])
{
    const struct sparse_coding *c = p->world;
    struct draw draw = p->draw;
    draw.view = view;
    if (c->mask == MASK_INDEPENDENT || view > 1)
        draw_masks(c, draw, i, mask);
    for (size_t r = 0; r < ROWS && c->mask != MASK_INDEPENDENT && view == 1; r++)
        mask[r] = c->mask == MASK_COMPLEMENTARY ? ~first[r] : first[r];
}

/* The first `count` views, of one x. */
static void draw_same(const struct parts *p, size_t count, double *x)
{
    const size_t inputs = p->world->dictionary.inputs;
    double share[2], row[ROWS * BLOCK];
    uint64_t first[ROWS], mask[ROWS];
    shares_of(p->world, share);
    for (size_t i = 0; i < inputs; i += ROWS) {
        const size_t rows = rows_left(p, i);
        draw_masks(p->world, p->draw, i, first);
        draw_inputs(p, i, row);
        for (size_t view = 0; view < count; view++) {
            if (view > 0)
                mask_of_view(p, i, view, first, mask);
            for (size_t r = 0; r < rows; r++)
                apply_mask(view ? mask[r] : first[r], share[view == 1], row + r * BLOCK,
                           x + (view * inputs + i + r) * BLOCK);
        }
    }
}

/* x as it is. */
static void draw_plain(const struct parts *p, double *x)
{
    const size_t inputs = p->world->dictionary.inputs;
    for (size_t i = 0; i < inputs; i += ROWS) {
        double row[ROWS * BLOCK];
        const size_t rows = rows_left(p, i);
        double *out = rows == ROWS ? x + i * BLOCK : row;
        draw_inputs(p, i, out);
        if (out == row)
            memcpy(x + i * BLOCK, row, rows * BLOCK * sizeof *x);
    }
}

/* x_1 and its positives are of one x; the rest are x of their own, un-augmented. */
static void draw_views(const void *world, struct draw draw, int positives, int views, void *scratch,
                       struct samples block)
{
    const struct sparse_coding *c = world;
    const int same = positives + 1 < views ? positives + 1 : views;
    for (int view = 0; view < views; view++) {
        double *out = block.value + (size_t)view * c->dictionary.inputs * BLOCK;
        draw.view = (uint64_t)view;
        if (!view_is_new(view, positives))
            continue;
        const struct parts parts = draw_parts(c, draw, scratch);
        if (view == 0)
            draw_same(&parts, (size_t)same, out);
        else
            draw_plain(&parts, out);
    }
}

static const struct dictionary *dictionary(const void *world)
{
    return &((const struct sparse_coding *)world)->dictionary;
}

static void draw_hidden(const void *world, struct draw draw, void *scratch, double *z,
                        double *signal, double *noise)
{
    const struct sparse_coding *c = world;
    const size_t features = c->dictionary.features, inputs = c->dictionary.inputs;
    const struct parts parts = draw_parts(c, draw, scratch);
    memset(z, 0, features * BLOCK * sizeof *z);
    for (size_t k = 0; k < parts.spikes; k++)
        z[parts.spike[k].feature * BLOCK + parts.spike[k].sample] = parts.spike[k].sign;
    for (size_t i = 0; i < inputs; i += ROWS) {
        const size_t bytes = rows_left(&parts, i) * BLOCK * sizeof(double);
        double row[ROWS * BLOCK] = {0};
        add_signal(&parts, i, row);
        memcpy(signal + i * BLOCK, row, bytes);
        draw_noise(&parts, i, row);
        memcpy(noise + i * BLOCK, row, bytes);
    }
}

/* E[x x^T] = P(z != 0) M M^T + sigma^2 I; a mask scales x_i^2 by 1 / keep on average, and two that
 * leave no input to both make E[x_1i x_+i] = 0. */
static void moments(const void *world, double *x, double *x_prime)
{
    const struct sparse_coding *c = world;
    const struct dictionary *d = &c->dictionary;
    memset(x_prime, 0, d->inputs * d->inputs * sizeof *x_prime);
    matrix_product(TRANSPOSED, PLAIN, d->inputs, d->inputs, d->features, d->sparsity, d->column,
                   d->column, 0, x);
    for (size_t i = 0; i < d->inputs; i++) {
        double *same = x + i * d->inputs + i, *spread = x_prime + i * d->inputs + i;
        *same += d->noise;
        if (c->mask != MASK_NONE)
            *spread = *same * (1 / c->keep - 1);
        if (c->mask == MASK_COMPLEMENTARY) {
            *spread += *same;
            *same = 0;
        }
    }
}

static const struct param params[] = {
    INTEGER_PARAM(struct settings, features, "20", 1, MAX_DIMENSION,
                  "d: features, columns of the dictionary M"),
    INTEGER_PARAM(struct settings, dimension, "400", 1, MAX_DIMENSION,
                  "d_1: inputs; at least as many as features"),
    REAL_PARAM(struct settings, sparsity, "0", 0, 1,
               "P(z_j != 0), the probability that a sample has feature j; 0: log log d / d"),
    REAL_PARAM(struct settings, noise, "-1", -1, UNBOUNDED,
               "sigma_xi^2, variance of the dense noise of each input; -1: sqrt(log d) / d"),
    CHOICE_PARAM(
        struct settings, mask, "complementary", "complementary independent none",
        "the views: complementary: D x / keep and (I - D) x / (1 - keep), D a diagonal of 0 "
        "and 1; independent: each has a D of its own and is D x / keep; none: both are x. A view "
        "of which no input is kept is 0. Further positives have masks of their own"),
    REAL_PARAM(struct settings, keep, "0.5", 0, 1, "probability that D keeps an input"),
    {0}};

const struct source source_sparse_coding = {
    .about =
        {.name = "sparse_coding",
         .doc = "Sparse features in dense noise. x = M z + xi, M with orthonormal columns "
                "whose entries are spread out (a normal matrix made orthonormal, drawn with "
                "the seed), z_j = -1, 0 or 1, few of them not 0, xi normal. Views are masked "
                "(RandomMask); negatives are other x as they are.",
         .source = "[FD]",
         .params = params,
         .settings_size = sizeof(struct settings),
         .example =
             "data: {source: sparse_coding, features: 3, dimension: 5, sparsity: 0.4, noise: 0.2}"},
    .open = open_world,
    .close = close_world,
    .observed = observed,
    .scratch_size = scratch_size,
    .draw = draw_views,
    .moments = moments,
    .features = &(const struct source_features){.dictionary = dictionary, .draw = draw_hidden},
};
