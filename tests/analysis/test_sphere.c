/* Protects the numbers of the probe sphere: alignment and uniformity by their definitions, sample
 * by sample and pair by pair, and where they are known without any sum. */
#include "harness/run/experiment.h"
#include "sim/net/batch.h"
#include "tests/kit/testing.h"

#define SPEC                                                                                       \
    "data: {source: gaussian, dimension: 5, noise: 0.3}\n"                                         \
    "network: {kind: mlp, layers: [7, 3], normalize: false}\n"                                     \
    "objective: {name: ntxent}\ntrain: {epochs: 1, samples: 64, batch: 32}\n"                      \
    "measure: {probes: [sphere], "

struct opened {
    struct spec spec;
    struct experiment e;
    struct snapshot snapshot;
};

static struct opened *open_measured(const char *yaml)
{
    struct opened *o = allocate(1, sizeof *o);
    struct error err = {0};
    check_ok(spec_parse(&o->spec, "sphere", yaml, strlen(yaml), NULL, 0, &err), &err);
    check_ok(experiment_open(&o->e, &o->spec, 2, &err), &err);
    o->snapshot = o->e.kind->weights(o->e.training);
    o->snapshot.epoch = 3;
    o->snapshot.threads = o->e.subject.threads;
    return o;
}

static void close_measured(struct opened *o)
{
    experiment_free(&o->e);
    spec_free(&o->spec);
    free(o);
}

/* Alignment and uniformity of the weights as they are. */
static enum status measure(struct opened *o, double *alignment, double *uniformity)
{
    struct error err = {0};
    enum status status = probe_set_measure(&o->e.probes, &o->snapshot, &err);
    struct quantity quantity[64];
    struct quantity_list list = {.entry = quantity};
    probe_set_quantities(&o->e.probes, &list);
    *alignment = *uniformity = NAN;
    for (size_t i = 0; i < list.count; i++) {
        if (!strcmp(quantity[i].path, "/series/embedding/alignment"))
            *alignment = *quantity[i].value;
        if (!strcmp(quantity[i].path, "/series/embedding/uniformity"))
            *uniformity = *quantity[i].value;
    }
    return status;
}

/* u[view][sample][3] for the samples of the measurement. */
static void unit_outputs(struct opened *o, size_t samples, double *u)
{
    const struct subject *s = &o->e.subject;
    struct batch batch = {0};
    struct arena count = {0}, arena;
    struct views views = {.source = s->source, .world = s->world, .positives = 1, .count = 2};
    const struct draw draw = {.seed = s->seed, .purpose = PURPOSE_MEASURE, .epoch = 3};
    struct error err = {0};
    batch_layout_views(&batch, s->network, 2, samples, 0, &count);
    check_ok(arena_create(&arena, &count, &err), &err);
    batch_layout_views(&batch, s->network, 2, samples, 0, &arena);
    check_ok(views_open(&views, &err), &err);
    const struct rows rows[] = {batch_rows(&batch, 0), batch_rows(&batch, 1)};
    views_fill(&views, draw, 0, samples, rows, 2);
    batch_forward(&batch, o->snapshot.parameters);
    for (int v = 0; v < 2; v++)
        for (size_t i = 0; i < samples; i++) {
            double norm = 0;
            for (int k = 0; k < 3; k++)
                norm = hypot(norm, batch.outputs.f[output_index(&batch.outputs, v, k, i)]);
            for (int k = 0; k < 3; k++)
                u[((size_t)v * samples + i) * 3 + (size_t)k] =
                    batch.outputs.f[output_index(&batch.outputs, v, k, i)] / norm;
        }
    views_close(&views);
    arena_free(&arena);
}

static double distance(const double *a, const double *b)
{
    return hypot(hypot(a[0] - b[0], a[1] - b[1]), a[2] - b[2]);
}

/* More samples than pairs, and the reverse; neither fills a batch or a tile. */
static void numbers_are_as_defined(void **state)
{
    static const struct {
        const char *yaml;
        size_t samples, paired;
        double alpha, t;
    } cases[] = {
        {SPEC "samples: 700, probe_samples: 333}\n", 700, 333, 2, 2},
        {SPEC "samples: 70, probe_samples: 517, sphere: {alpha: 1.5, t: 0.7}}\n", 70, 517, 1.5,
         0.7},
        {SPEC "samples: 1, probe_samples: 4, sphere: {alpha: 1}}\n", 1, 4, 1, 2},
    };
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const size_t n = cases[c].samples, m = cases[c].paired, most = n > m ? n : m;
        struct opened *o = open_measured(cases[c].yaml);
        double *u = allocate(2 * most * 3, sizeof *u), apart = 0, near = 0;
        double alignment, uniformity;
        assert_int_equal(measure(o, &alignment, &uniformity), STATUS_OK);
        unit_outputs(o, most, u);
        for (size_t i = 0; i < n; i++)
            apart += pow(distance(u + i * 3, u + (most + i) * 3), cases[c].alpha);
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < m; j++)
                near += i == j ? 0 : exp(-cases[c].t * pow(distance(u + i * 3, u + j * 3), 2));
        assert_near(alignment, apart / (double)n, 1e-13);
        assert_near(uniformity, log(near / (double)(m * (m - 1))), 1e-13);
        assert_true(alignment > 1e-3 && uniformity < -1e-3);
        free(u);
        close_measured(o);
    }
}

/* A network whose outputs are all the same, or all 0, is aligned and not uniform at all. */
static void collapsed_outputs_give_0(void **state)
{
    (void)state;
    for (int c = 0; c < 2; c++) {
        struct opened *o = open_measured(SPEC "samples: 100, probe_samples: 100}\n");
        const struct network *network = o->e.subject.network;
        double alignment, uniformity;
        memset(o->snapshot.parameters, 0, network->parameters * sizeof(double));
        for (int k = 0; c == 1 && k < network->level[0].width; k++)
            o->snapshot.parameters[network->level[0].biases + (size_t)k] = 1.0 + k;
        assert_int_equal(measure(o, &alignment, &uniformity), STATUS_OK);
        assert_near(alignment, 0, 1e-15);
        assert_near(uniformity, 0, 1e-14);
        close_measured(o);
    }
}

/* Weights that are not numbers end the run as diverged. */
static void outputs_that_are_no_numbers_are_told(void **state)
{
    (void)state;
    struct opened *o = open_measured(SPEC "samples: 100, probe_samples: 100}\n");
    double alignment, uniformity;
    o->snapshot.parameters[0] = NAN;
    assert_int_equal(measure(o, &alignment, &uniformity), STATUS_DIVERGED);
    close_measured(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_as_defined),
        cmocka_unit_test(collapsed_outputs_give_0),
        cmocka_unit_test(outputs_that_are_no_numbers_are_told),
    };
    return cmocka_run_group_tests_name("sphere", tests, NULL, NULL);
}
