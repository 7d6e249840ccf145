/* Protects analysis/features.c: the columns of a dictionary that neurons carry, whether outputs
 * follow features or noise, and the readouts of features. */
#include "tests/kit/testing.h"

#include "analysis/features.h"
#include "analysis/probes/probes.h"
#include "analysis/readout.h"
#include "core/linalg.h"
#include "core/normal.h"
#include "sim/data/sources/sources.h"
#include "sim/net/batch.h"
#include "sim/net/kinds/kinds.h"
#include "tests/kit/arena.h"
#include "tests/kit/spec.h"

#include <gsl/gsl_cdf.h>

enum { D = 4, INPUTS = 30 };

struct opened {
    struct spec spec;
    void *world;
    const struct dictionary *dictionary;
    struct network network;
    struct features features;
    struct arena arena;
    double *w, *b; /* [neuron][INPUTS], [neuron] */
};

static struct opened *open_features(const char *noise, int neurons, size_t samples, int threads)
{
    struct opened *o = allocate(1, sizeof *o);
    struct error err = {0};
    char keys[96];
    snprintf(keys, sizeof keys, "data.noise=%s network.neurons=%d", noise, neurons);
    check_ok(kit_spec(&o->spec,
                      "data.source=sparse_coding data.features=4 data.dimension=30 "
                      "data.sparsity=0.3 network.kind=symmetric_relu network.bias_start=0.5",
                      keys, &err),
             &err);
    check_ok(source_sparse_coding.open(o->spec.settings[SECTION_DATA], 1, &o->world, &err), &err);
    check_ok(network_build(&o->network, &network_symmetric_relu, o->spec.settings[SECTION_NETWORK],
                           &source_sparse_coding, o->world, &err),
             &err);
    o->dictionary = source_dictionary(&source_sparse_coding, o->world);
    const struct features_plan plan = {.network = &o->network,
                                       .source = &source_sparse_coding,
                                       .world = o->world,
                                       .seed = 5,
                                       .samples = samples,
                                       .ridge = 1e-6,
                                       .threads = threads};
    KIT_LAY_OUT(&o->arena, pass, features_layout(&o->features, &plan, pass);
                o->w = ARENA_TAKE(pass, double, o->network.parameters));
    o->b = o->w + o->network.level[0].biases;
    return o;
}

static void shut(struct opened *o)
{
    source_sparse_coding.close(o->world);
    spec_free(&o->spec);
    arena_free(&o->arena);
    free(o);
}

static void measure(struct opened *o)
{
    struct error err;
    check_ok(features_measure(&o->features, o->w, 3, &err), &err);
}

/* w_i += factor M_j */
static void add_column(struct opened *o, size_t i, double factor, size_t j)
{
    for (size_t k = 0; k < INPUTS; k++)
        o->w[i * INPUTS + k] += factor * o->dictionary->column[j * INPUTS + k];
}

/* w_i = a unit vector outside the span of the dictionary */
static void set_outside(struct opened *o, size_t i)
{
    double *w = o->w + i * INPUTS, square = 0;
    for (size_t k = 0; k < INPUTS; k++)
        w[k] = sin(3.0 * (double)(k + 1) * (double)(i + 1));
    for (size_t j = 0; j < D; j++) {
        double dot = 0;
        for (size_t k = 0; k < INPUTS; k++)
            dot += w[k] * o->dictionary->column[j * INPUTS + k];
        add_column(o, i, -dot, j);
    }
    for (size_t k = 0; k < INPUTS; k++)
        square += w[k] * w[k];
    for (size_t k = 0; k < INPUTS; k++)
        w[k] /= sqrt(square);
}

static void weights_are_compared_with_columns(void **state)
{
    (void)state;
    struct opened *o = open_features("0.1", 6, 64, 1);
    const struct features *f = &o->features;
    add_column(o, 0, -2, 3); /* one column */
    add_column(o, 1, 3, 1);  /* two: 9/10 and 1/10 */
    add_column(o, 1, 1, 2);
    add_column(o, 2, 3, 1); /* the larger one carries less than 90% */
    add_column(o, 2, 1.01, 2);
    set_outside(o, 3);
    set_outside(o, 4); /* half outside */
    add_column(o, 4, 1, 3);
    /* neuron 5 vanishes */
    measure(o);
    const double cosine[6][D] = {{0, 0, 0, 1},
                                 {0, sqrt(0.9), sqrt(0.1), 0},
                                 {0, 3 / sqrt(9 + 1.01 * 1.01), 1.01 / sqrt(9 + 1.01 * 1.01), 0},
                                 {0},
                                 {0, 0, 0, sqrt(0.5)},
                                 {0}};
    const double outside[6] = {0, 0, 0, 1, 0.5, 0};
    for (size_t i = 0; i < 6; i++) {
        assert_near(f->outside[i], outside[i], 1e-14);
        for (size_t j = 0; j < D; j++)
            assert_near(f->cosine[i * D + j], cosine[i][j], 1e-14);
    }
    assert_true(f->columns[0] == 1 && f->columns[2] == 2 && f->columns[4] == 1);
    assert_true(f->columns[5] == 0);
    assert_true(f->learners[0] == 0 && f->learners[1] == 2 && f->learners[2] == 0);
    assert_true(f->learners[3] == 1 || f->learners[3] == 2); /* neuron 4 is at the bound */
    shut(o);
}

/* A feature is learned by a neuron that carries it more than all else: cosine^2 > 1/2. */
static void a_feature_is_learned_from_half_of_a_neuron_on(void **state)
{
    (void)state;
    struct opened *o = open_features("0.1", 4, 64, 1);
    const double cosine[4] = {0.6, 0.7, 0.72, 0.75};
    for (size_t i = 0; i < 4; i++) {
        set_outside(o, i);
        for (size_t k = 0; k < INPUTS; k++)
            o->w[i * INPUTS + k] *= sqrt(1 - cosine[i] * cosine[i]);
        add_column(o, i, cosine[i], i < 2 ? i : 2);
    }
    measure(o);
    for (size_t i = 0; i < 4; i++)
        assert_near(o->features.cosine[i * D + (i < 2 ? i : 2)], cosine[i], 1e-14);
    assert_true(o->features.learners[0] == 0 && o->features.learners[1] == 0);
    assert_true(o->features.learners[2] == 2 && o->features.learners[3] == 0);
    assert_near(o->features.learned, 0.25, 1e-15);
    assert_near(o->features.best_cosine, (0.6 + 0.7 + 0.75) / 4, 1e-14);
    shut(o);
}

/* How many of `samples` have a label: the direction's projection is not 0. */
static size_t count_labelled(const struct opened *o, size_t samples)
{
    double z[D * BLOCK], part[2][INPUTS * BLOCK];
    void *scratch = allocate(source_sparse_coding.scratch_size(o->world), 1);
    size_t labelled = 0;
    for (size_t s = 0; s < samples; s++) {
        const struct draw draw = {
            .seed = 5, .purpose = PURPOSE_MEASURE, .epoch = 3, .block = s / BLOCK};
        double sum = 0;
        source_sparse_coding.features->draw(o->world, draw, scratch, z, part[0], part[1]);
        for (size_t j = 0; j < D; j++)
            sum += fabs(z[j * BLOCK + s % BLOCK]);
        labelled += sum > 0;
    }
    free(scratch);
    return labelled;
}

/* Readouts are fitted on the first half of the samples that have a label and tried on all others:
 * once more from the numbers that the measurement left. */
static void readouts_are_tried_on_the_second_half(void **state)
{
    (void)state;
    enum { SAMPLES = 3000 };
    struct opened *o = open_features("0.5", D, SAMPLES, 1);
    const struct features *f = &o->features;
    for (size_t j = 0; j < D; j++)
        add_column(o, j, 1, (j + 1) % D);
    o->b[0] = 0.3;
    measure(o);
    const size_t labelled = count_labelled(o, SAMPLES), half = labelled / 2;
    for (int part = 0; part < 2; part++) {
        double weights[2 * (D + 1)], *work = allocate(readout_work(D, 2), sizeof *work);
        const double *value = part ? f->posterior : f->output;
        struct readout readout = {.features = D, .states = 2, .ridge = 1e-6, .weights = weights};
        struct error err;
        double square = 0;
        for (size_t j = 0; j < D; j++)
            for (size_t s = 0; s < labelled; s++)
                square += value[j * f->stride + s] * value[j * f->stride + s];
        assert_near(square / (double)(D * labelled), 1, 1e-12);
        check_ok(readout_fit(&readout, half, value, f->stride, f->label, work, &err), &err);
        assert_near(
            part ? f->oracle : f->accuracy,
            readout_accuracy(&readout, labelled - half, value + half, f->stride, f->label + half),
            1e-15);
        free(work);
    }
    assert_near(f->readout_share, (f->accuracy - f->chance) / (f->oracle - f->chance), 1e-15);
    shut(o);
}

/* Neurons equal to the columns, without noise: the outputs have all information, but least squares
 * is not the best classifier. */
static void features_alone_are_read_out(void **state)
{
    (void)state;
    struct opened *o = open_features("0", D, 4000, 1);
    for (size_t j = 0; j < D; j++) {
        add_column(o, j, 2, j);
        o->b[j] = 1;
    }
    measure(o);
    assert_near(o->features.signal_cosine, 1, 1e-12);
    assert_true(o->features.noise_cosine == 0);
    assert_above(o->features.oracle, 0.9);
    assert_near(o->features.accuracy, o->features.oracle, 0.002);
    assert_at_most(o->features.chance, 0.56);
    shut(o);
}

/* Neurons outside the span see only the noise. */
static void noise_alone_is_told_from_features(void **state)
{
    (void)state;
    struct opened *o = open_features("0.1", D, 4000, 1);
    for (size_t i = 0; i < D; i++)
        set_outside(o, i);
    measure(o);
    assert_near(o->features.noise_cosine, 1, 1e-10);
    assert_near(o->features.signal_cosine, 0, 0.05); /* rounding has a direction too */
    /* 0.76 of 4,000 samples are labelled, half of them held out: 4 standard errors */
    assert_near(o->features.accuracy, 0.5, 0.06);
    assert_above(o->features.oracle, 0.9);
    shut(o);
}

/* One feature among d with z = +-1: <M_j, x> is z + noise, and its sign is right with probability
 * Phi(1 / sd); with more features and thresholds the oracle does no worse than the outputs. */
static void noise_bounds_what_can_be_read_out(void **state)
{
    (void)state;
    struct opened *o = open_features("0.25", D, 40000, 2);
    for (size_t j = 0; j < D; j++) {
        add_column(o, j, 1, j);
        o->b[j] = 0.4;
    }
    measure(o);
    const struct features *f = &o->features;
    assert_at_most(f->oracle, gsl_cdf_ugaussian_P(2));
    assert_above(f->oracle, f->chance + 0.25);
    assert_above(f->accuracy, f->oracle - 0.03);
    assert_at_most(f->accuracy, f->oracle + 0.005);
    assert_above(f->signal_cosine, f->noise_cosine + 0.2);
    shut(o);
}

/* The means over samples with a feature, from outputs computed one by one. */
static void cosines_are_means_over_samples_with_features(void **state)
{
    (void)state;
    enum { SAMPLES = 100, VIEW = INPUTS * BLOCK };
    struct opened *o = open_features("0.1", 3, SAMPLES, 1);
    double z[D * BLOCK], part[2][VIEW], mean[2] = {0}, counted = 0;
    void *scratch = allocate(source_sparse_coding.scratch_size(o->world), 1);
    for (size_t k = 0; k < 3 * INPUTS; k++)
        o->w[k] = sin((double)(k * k));
    o->b[0] = 1.2; /* |w| is about 4, the noise's part of a product 1.2 */
    for (size_t s = 0; s < SAMPLES; s++) {
        const struct draw draw = {
            .seed = 5, .purpose = PURPOSE_MEASURE, .epoch = 3, .block = s / BLOCK};
        source_sparse_coding.features->draw(o->world, draw, scratch, z, part[0], part[1]);
        double f[3][3], some = 0;
        for (size_t j = 0; j < D; j++)
            some += fabs(z[j * BLOCK + s % BLOCK]);
        for (size_t i = 0; i < 3; i++)
            for (int p = 0; p < 3; p++) {
                double sum = 0;
                for (size_t k = 0; k < INPUTS; k++) {
                    const size_t at = k * BLOCK + s % BLOCK;
                    sum += o->w[i * INPUTS + k] *
                           (p == 0 ? part[0][at] + part[1][at] : part[p - 1][at]);
                }
                f[p][i] = fmax(0, sum - o->b[i]) - fmax(0, -sum - o->b[i]);
            }
        for (int p = 0; p < 2 && some > 0; p++) {
            double dot = 0, a = 0, b = 0;
            for (int i = 0; i < 3; i++) {
                dot += f[0][i] * f[p + 1][i];
                a += f[0][i] * f[0][i];
                b += f[p + 1][i] * f[p + 1][i];
            }
            mean[p] += dot / sqrt(a * b);
        }
        counted += some > 0;
    }
    measure(o);
    assert_true(counted > 50 && counted < SAMPLES);
    assert_near(o->features.signal_cosine, mean[0] / counted, 1e-12);
    assert_near(o->features.noise_cosine, mean[1] / counted, 1e-12);
    free(scratch);
    shut(o);
}

static void labels_are_those_of_the_drawn_direction(void **state)
{
    (void)state;
    enum { SAMPLES = 128 };
    struct opened *o = open_features("0", D, SAMPLES, 1);
    double direction[D], z[D * BLOCK], part[2][INPUTS * BLOCK];
    void *scratch = allocate(source_sparse_coding.scratch_size(o->world), 1);
    size_t kept = 0;
    normal_once(5, ONCE_READOUT, D, direction);
    assert_memory_equal(direction, o->features.readout, sizeof direction);
    add_column(o, 0, 1, 0);
    measure(o);
    for (size_t s = 0; s < SAMPLES; s++) {
        const struct draw draw = {
            .seed = 5, .purpose = PURPOSE_MEASURE, .epoch = 3, .block = s / BLOCK};
        double sum = 0;
        source_sparse_coding.features->draw(o->world, draw, scratch, z, part[0], part[1]);
        for (size_t j = 0; j < D; j++)
            sum += direction[j] * z[j * BLOCK + s % BLOCK];
        if (sum != 0)
            assert_int_equal(o->features.label[kept++], sum > 0);
    }
    assert_true(kept > SAMPLES / 2 && kept < SAMPLES);
    free(scratch);
    shut(o);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    struct opened *one = open_features("0.2", 5, 1000, 1),
                  *three = open_features("0.2", 5, 1000, 3);
    struct quantity a[32], b[32];
    struct quantity_list of_one = {.entry = a}, of_three = {.entry = b};
    for (size_t k = 0; k < 5 * INPUTS; k++)
        one->w[k] = three->w[k] = sin((double)(k * k));
    measure(one);
    measure(three);
    probe_features.quantities(&one->features, &of_one);
    probe_features.quantities(&three->features, &of_three);
    assert_true(of_one.count > 0 && of_one.count == of_three.count);
    for (size_t i = 0; i < of_one.count; i++)
        assert_memory_equal(a[i].value, b[i].value, quantity_size(&a[i]) * sizeof(double));
    shut(one);
    shut(three);
}

/* Outputs whose squares overflow or vanish are measured as moderate ones. */
static void the_size_of_weights_does_not_matter(void **state)
{
    (void)state;
    for (int exponent = -700; exponent <= 700; exponent += 1400) {
        struct opened *one = open_features("0.2", 5, 1000, 1),
                      *other = open_features("0.2", 5, 1000, 1);
        for (size_t k = 0; k < 5 * INPUTS; k++) {
            one->w[k] = sin((double)(k * k));
            other->w[k] = ldexp(one->w[k], exponent);
        }
        measure(one);
        measure(other);
        const struct features *a = &one->features, *b = &other->features;
        assert_near(b->signal_cosine, a->signal_cosine, 1e-13);
        assert_near(b->noise_cosine, a->noise_cosine, 1e-13);
        assert_near(b->accuracy, a->accuracy, 1e-13);
        assert_above(a->accuracy, a->chance);
        shut(one);
        shut(other);
    }
}

static void outputs_that_are_not_finite_are_reported(void **state)
{
    (void)state;
    struct opened *o = open_features("0.2", 2, 500, 1);
    struct error err = {0};
    o->w[3] = NAN;
    assert_int_equal(features_measure(&o->features, o->w, 1, &err), STATUS_DIVERGED);
    shut(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_compared_with_columns),
        cmocka_unit_test(a_feature_is_learned_from_half_of_a_neuron_on),
        cmocka_unit_test(readouts_are_tried_on_the_second_half),
        cmocka_unit_test(features_alone_are_read_out),
        cmocka_unit_test(noise_alone_is_told_from_features),
        cmocka_unit_test(noise_bounds_what_can_be_read_out),
        cmocka_unit_test(cosines_are_means_over_samples_with_features),
        cmocka_unit_test(labels_are_those_of_the_drawn_direction),
        cmocka_unit_test(threads_do_not_matter),
        cmocka_unit_test(the_size_of_weights_does_not_matter),
        cmocka_unit_test(outputs_that_are_not_finite_are_reported),
    };
    linalg_threads_are_safe();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
