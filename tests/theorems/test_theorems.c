/* Protects theorems/: every claim is complete, holds, and fails if a fault is planted in its
 * measurement; the sums of its instances are right. */
#include "analysis/probes/probes.h"
#include "analysis/sample_connection.h"
#include "core/random.h"
#include "harness/run/experiment.h"
#include "harness/spec/params.h"
#include "harness/spec/spec.h"
#include "sim/loss/ensemble.h"
#include "sim/loss/objectives/objectives.h"
#include "sim/train/minibatch.h"
#include "tests/kit/file.h"
#include "tests/kit/testing.h"
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"
#include "theorems/ncp/ablation.h"

#include <gsl/gsl_errno.h>

enum { SEED = 11 };

static const struct claim *claim_at(size_t i)
{
    return (const struct claim *)claim_registry.entries[i];
}

static void *default_settings(const struct claim *claim)
{
    struct error err = {0};
    void *settings = allocate(1, claim->about.settings_size);
    check_ok(params_fill(claim->about.params, NULL, 0, settings, &err), &err);
    return settings;
}

static enum verdict judge_part(const struct claim *claim, int p, enum fault fault)
{
    const struct part *part = &claim->parts[p];
    struct reading *reading = allocate((size_t)part->plan.quick, sizeof *reading);
    void *settings = default_settings(claim);
    struct judgement judgement = {.verdict = VERDICT_NOT_CHECKED};
    const struct trial common = {.seed = SEED, .settings = settings, .fault = fault};
    for (int i = 0; i < part->plan.quick; i++) {
        struct error err = {0};
        check_ok(claim_measure(claim, p, i, &common, &reading[i], &err), &err);
    }
    gsl_rng *rng = claim_rng(claim, SEED, p, -1);
    part_judge(part, reading, part->plan.quick, 1, rng, &judgement);
    gsl_rng_free(rng);
    free(settings);
    free(reading);
    return judgement.verdict;
}

/* ---- the registry ---- */

static void every_claim_is_complete(void **state)
{
    (void)state;
    static const int least[] = {[PART_IDENTITY] = 20, [PART_FLOW] = 20,   [PART_BOUND] = 1000,
                                [PART_RATE] = 1,      [PART_EFFECT] = 10, [PART_TEST] = 1};
    for (size_t i = 0; i < claim_registry.count; i++) {
        const struct claim *c = claim_at(i);
        int controls = 0;
        if (!c->about.doc || !c->about.source || !c->title || !c->formula || !c->hypotheses)
            fail_msg("%s: something is not said", c->about.name);
        assert_in_range(c->part_count, 1, CLAIM_PARTS);
        for (int p = 0; p < c->part_count; p++) {
            const struct part *part = &c->parts[p];
            assert_non_null(part->statement);
            assert_non_null(part->measured);
            controls += part->controls[0] != NULL;
            if (part->plan.instances < least[part->kind])
                fail_msg("%s, %s: %d instances", c->about.name, part->statement,
                         part->plan.instances);
            if (part->kind == PART_IDENTITY || part->kind == PART_BOUND)
                assert_near(part_tolerance(part), 1e-10, 0);
            if (part->kind == PART_FLOW)
                assert_near(part_tolerance(part), 1e-8, 0);
        }
        if (controls == 0)
            fail_msg("%s has no control", c->about.name);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(c->about.name, claim_at(k)->about.name);
    }
}

static void every_identity_and_flow_fails_under_a_planted_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < claim_registry.count; i++)
        for (int p = 0; p < claim_at(i)->part_count; p++) {
            const struct part *part = &claim_at(i)->parts[p];
            if (part->kind != PART_IDENTITY && part->kind != PART_FLOW)
                continue;
            int failed = 0;
            assert_int_equal(judge_part(claim_at(i), p, FAULT_NONE), VERDICT_HOLDS);
            for (int fault = FAULT_SIGN; fault <= FAULT_CENTRING; fault++)
                failed += judge_part(claim_at(i), p, (enum fault)fault) == VERDICT_FAILS;
            if (failed == 0)
                fail_msg("%s, part %d holds under every fault", claim_at(i)->about.name, p);
        }
}

/* The faults that contradict a claim's own statement. */
static void faults_are_found_where_they_matter(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        int part;
        enum fault fault;
    } cases[] = {
        {"DDN-1", 0, FAULT_GATE},      {"DDN-2", 0, FAULT_GATE},    {"DDN-4", 0, FAULT_SIGN},
        {"DDN-4", 0, FAULT_FACTOR},    {"DDN-4", 0, FAULT_GATE},    {"DDN-5", 0, FAULT_FACTOR},
        {"DDN-6", 0, FAULT_FACTOR},    {"DDN-7", 0, FAULT_SIGN},    {"DDN-8", 0, FAULT_GATE},
        {"DDN-10", 0, FAULT_CENTRING}, {"DDN-10", 1, FAULT_GATE},   {"DDN-11", 0, FAULT_GATE},
        {"HLTM-3", 0, FAULT_CENTRING}, {"HLTM-3", 0, FAULT_SIGN},   {"HLTM-4", 0, FAULT_FACTOR},
        {"HLTM-4", 0, FAULT_CENTRING}, {"E6", 0, FAULT_CENTRING},   {"E5", 0, FAULT_SIGN},
        {"HLTM-6", 0, FAULT_FACTOR},   {"HLTM-1", 2, FAULT_SIGN},   {"NCP-13", 0, FAULT_CENTRING},
        {"NCP-13", 0, FAULT_SIGN},     {"NCP-13", 1, FAULT_SIGN},   {"NCP-13", 2, FAULT_GATE},
        {"NCP-13", 2, FAULT_SIGN},     {"NCP-13", 3, FAULT_FACTOR}, {"SC-1", 2, FAULT_FACTOR},
        {"SC-2", 0, FAULT_SIGN},       {"SC-2", 0, FAULT_FACTOR},   {"SC-3", 0, FAULT_SIGN},
        {"SC-3", 0, FAULT_FACTOR},     {"SC-4", 1, FAULT_SIGN},     {"SC-4", 2, FAULT_SIGN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct claim *c = (const struct claim *)registry_find(&claim_registry, cases[i].id);
        assert_non_null(c);
        if (judge_part(c, cases[i].part, cases[i].fault) != VERDICT_FAILS)
            fail_msg("%s, part %d does not fail under fault %d", cases[i].id, cases[i].part,
                     (int)cases[i].fault);
    }
}

static void the_seed_reaches_every_instance(void **state)
{
    (void)state;
    for (size_t i = 0; i < claim_registry.count; i++) {
        const struct claim *c = claim_at(i);
        if (c->parts[0].kind == PART_EFFECT)
            continue; /* seconds each; the same with any seed */
        struct reading one, again, other, next;
        struct error err = {0};
        void *settings = default_settings(c);
        const struct trial first = {.seed = SEED, .settings = settings};
        const struct trial second = {.seed = SEED + 1, .settings = settings};
        check_ok(claim_measure(c, 0, 0, &first, &one, &err), &err);
        check_ok(claim_measure(c, 0, 0, &first, &again, &err), &err);
        check_ok(claim_measure(c, 0, 0, &second, &other, &err), &err);
        check_ok(claim_measure(c, 0, 1, &first, &next, &err), &err);
        assert_memory_equal(&one, &again, sizeof one);
        assert_memory_not_equal(&one, &other, sizeof one);
        assert_memory_not_equal(&one, &next, sizeof one);
        free(settings);
    }
}

/* ---- parts of instances ---- */

static struct dual draw_dual(struct dual_wish wish, uint64_t sample)
{
    static const struct dual_settings settings = {4, 3, 4, 6};
    struct error err = {0};
    struct trial trial = {.seed = SEED,
                          .rng = stream_rng_alloc(SEED, PURPOSE_TEST, 7, sample),
                          .settings = &settings,
                          .err = &err};
    struct dual d;
    check_ok(dual_draw(&d, &trial, wish), &err);
    gsl_rng_free(trial.rng);
    return d;
}

static void ensembles_are_all_combinations_with_their_probabilities(void **state)
{
    (void)state;
    struct dual d = draw_dual((struct dual_wish){.points = 2, .views = 2}, 1);
    struct infonce_settings settings = {.tau = 0.5, .negatives = 2};
    struct ensemble *e;
    struct error err = {0};
    check_ok(ensemble_create(&e, &d.network, d.data, &objective_infonce, &settings,
                             (struct ensemble_options){0}, &err),
             &err);
    assert_int_equal(e->loss.batch.samples, 2 * 2 * 2 * 4 * 4);
    double sum = 0, first = 0;
    for (size_t s = 0; s < e->loss.batch.samples; s++) {
        const int *c = e->column + 4 * s;
        assert_int_equal(c[0] / 2, c[1] / 2); /* x_1 and x_+ of one point */
        sum += e->probability[s];
        first += c[2] == 3 ? e->probability[s] : 0;
    }
    assert_near(sum, 1, 1e-14);
    assert_near(first, d.data->p[1] * d.data->q[3], 1e-14);
    ensemble_free(e);
    settings.negatives = 12;
    assert_int_equal(ensemble_create(&e, &d.network, d.data, &objective_infonce, &settings,
                                     (struct ensemble_options){0}, &err),
                     STATUS_INVALID);
    dual_free(&d);
}

static void ensembles_run_through_all_positives(void **state)
{
    (void)state;
    struct dual d = draw_dual((struct dual_wish){.points = 2, .views = 2}, 1);
    struct cacr_settings settings = {.positives = 2, .negatives = 1};
    struct ensemble *e;
    struct error err = {0};
    check_ok(ensemble_create(&e, &d.network, d.data, &objective_cacr, &settings,
                             (struct ensemble_options){0}, &err),
             &err);
    assert_int_equal(e->loss.batch.samples, 2 * 2 * 2 * 2 * 4);
    double sum = 0, same = 0;
    for (size_t s = 0; s < e->loss.batch.samples; s++) {
        const int *c = e->column + 4 * s;
        assert_true(c[0] / 2 == c[1] / 2 && c[0] / 2 == c[2] / 2);
        sum += e->probability[s];
        same += c[1] == 3 && c[2] == 3 ? e->probability[s] : 0;
    }
    assert_near(sum, 1, 1e-14);
    assert_near(same, d.data->p[1] * pow(d.data->q[3], 2), 1e-14);
    /* without temperatures K views are equivalent to one: twice the simple loss */
    double loss = ensemble_loss(e, d.parameters, NULL);
    ensemble_free(e);
    check_ok(ensemble_create(&e, &d.network, d.data, &objective_simple, NULL,
                             (struct ensemble_options){0}, &err),
             &err);
    double simple = ensemble_loss(e, d.parameters, NULL);
    assert_near(loss, 2 * simple, 1e-13 * (1 + fabs(loss)));
    ensemble_free(e);
    dual_free(&d);
}

static void population_gradients_are_those_of_the_expected_loss(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 4; i++) {
        struct dual d = draw_dual((struct dual_wish){.points = 3, .views = 2, .bias = true}, i);
        const double xi[] = {1, 0.3, 0.2, 0.3, 2, 0.5, 0.2, 0.5, 0.7};
        struct triplet_settings settings = {0.5, 0.1};
        struct ensemble *e;
        struct error err = {0};
        check_ok(ensemble_create(&e, &d.network, d.data, &objective_triplet, &settings,
                                 (struct ensemble_options){.pair_weight = i % 2 ? xi : NULL}, &err),
                 &err);
        double *gradient = allocate(d.network.parameters, sizeof *gradient);
        ensemble_loss(e, d.parameters, gradient);
        for (size_t p = 0; p < d.network.parameters; p++) {
            double kept = d.parameters[p], h = 1e-6;
            d.parameters[p] = kept + h;
            double above = ensemble_loss(e, d.parameters, NULL);
            d.parameters[p] = kept - h;
            double below = ensemble_loss(e, d.parameters, NULL);
            d.parameters[p] = kept;
            assert_near(gradient[p], (above - below) / (2 * h), 1e-6);
        }
        free(gradient);
        ensemble_free(e);
        dual_free(&d);
    }
}

/* K's rows are d f / d W if no gate switches. */
static void connections_are_derivatives_of_the_output(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 4; i++) {
        struct dual d = draw_dual((struct dual_wish){.least_depth = 3, .bias = i % 2}, 10 + i);
        int samples = d.data->points * d.data->views;
        size_t outputs = (size_t)d.view->outputs;
        for (size_t p = 0; p < d.network.parameters; p += 3) {
            struct sample_connection *above, *below;
            struct error err = {0};
            double kept = d.parameters[p], h = 1e-6;
            d.parameters[p] = kept + h;
            check_ok(sample_connection_create(&above, &d.network, d.parameters, d.data->x, samples,
                                              true, &err),
                     &err);
            d.parameters[p] = kept - h;
            check_ok(sample_connection_create(&below, &d.network, d.parameters, d.data->x, samples,
                                              true, &err),
                     &err);
            d.parameters[p] = kept;
            bool weight = false;
            for (int l = 0; l < d.network.levels; l++) {
                size_t first, end;
                layer_weights(&d.network, l, &first, &end);
                weight = weight || (p >= first && p < end);
            }
            for (size_t s = 0; s < (size_t)samples; s++)
                for (size_t o = 0; o < outputs; o++) {
                    double slope =
                        (above->f[s * outputs + o] - below->f[s * outputs + o]) / (2 * h);
                    assert_near(d.view->k[(s * d.network.parameters + p) * outputs + o],
                                weight ? slope : 0, 1e-7);
                }
            sample_connection_free(above);
            sample_connection_free(below);
        }
        dual_free(&d);
    }
}

/* ---- NCP-13: its runs equal the runs of the specs ---- */

static const char sweep_spec[] = "specs/ncp-13-sweep.yaml";

/* The file up to `end`, or whole; allocated for the caller. */
static char *text_of(const char *path, const char *end)
{
    char *text = kit_read(path, NULL);
    assert_true(text[0] != '\0');
    if (end) {
        char *at = strstr(text, end);
        assert_non_null(at);
        at[1] = '\0';
    }
    return text;
}

/* Split "{case: NAME, key: value, ...}" into NAME and overrides "key=value"; returns their number.
 */
static size_t read_case(char *line, const char **name, const char *overrides[8])
{
    size_t count = 0;
    char *save;
    line[strcspn(line, "}")] = '\0';
    for (char *pair = strtok_r(line, ",", &save); pair; pair = strtok_r(NULL, ",", &save)) {
        char *key = pair + strspn(pair, " {"), *colon = strchr(key, ':');
        assert_non_null(colon);
        assert_in_range(count, 0, 7);
        if (strncmp(key, "case:", 5) == 0) {
            *name = colon + 2;
            continue;
        }
        *colon = '=';
        memmove(colon + 1, colon + 2, strlen(colon + 2) + 1);
        overrides[count++] = key;
    }
    return count;
}

static void check_parameters(const struct descriptor *d, const void *a, const void *b)
{
    static const size_t size[] = {[PARAM_INTEGER] = sizeof(int64_t),
                                  [PARAM_REAL] = sizeof(double),
                                  [PARAM_BOOLEAN] = sizeof(bool),
                                  [PARAM_CHOICE] = sizeof(int)};
    for (const struct param *p = d->params; p->name; p++) {
        assert_in_range(p->type, 0, sizeof size / sizeof *size - 1);
        assert_int_not_equal(size[p->type], 0);
        if (memcmp((const char *)a + p->offset, (const char *)b + p->offset, size[p->type]) != 0)
            fail_msg("%s: %s is another", d->name, p->name);
    }
}

static void check_trainers(const struct trainer *a, const struct trainer *b)
{
    const struct learner *p = &a->plan, *q = &b->plan;
    const size_t size = p->network->parameters * sizeof(double);
    assert_ptr_equal(p->source, q->source);
    assert_ptr_equal(p->objective, q->objective);
    assert_ptr_equal(p->optimiser, q->optimiser);
    assert_ptr_equal(p->predictor_optimiser, q->predictor_optimiser);
    check_parameters(&p->objective->about, p->objective_settings, q->objective_settings);
    check_parameters(&p->optimiser->about, p->optimiser_settings, q->optimiser_settings);
    check_parameters(&p->predictor_optimiser->about, p->predictor_settings, q->predictor_settings);
    assert_memory_equal(p->predictor, q->predictor, sizeof *p->predictor);
    assert_int_equal(p->seed, q->seed);
    assert_int_equal(p->samples, q->samples);
    assert_int_equal(p->batch, q->batch);
    assert_int_equal(p->network->relu, q->network->relu);
    assert_int_equal(p->network->normalize, q->network->normalize);
    assert_int_equal(p->network->parameters, q->network->parameters);
    assert_memory_equal(a->parameters, b->parameters, size);
    assert_memory_equal(a->target, b->target, size);
    assert_memory_equal(a->predictor.parameters, b->predictor.parameters,
                        p->predictor->parameters * sizeof(double));
}

static void check_run(const struct experiment *e, const struct ablation_run *run)
{
    const struct minibatch_settings *train = e->spec->settings[SECTION_TRAIN];
    const struct output_measure *measure = probe_set_state(&e->probes, &measurement_of_outputs);
    const struct output_plan *p = &measure->plan, *q = &run->outputs.plan;
    check_trainers(&((struct minibatch *)e->training)->trainer, &run->trainer);
    assert_int_equal(train->epochs, run->base->epochs);
    assert_int_equal(e->subject.tree->nodes, run->tree->nodes);
    assert_int_equal(e->subject.tree->keep_level, run->tree->keep_level);
    assert_memory_equal(e->subject.tree->polarity, run->tree->polarity,
                        run->tree->nodes * sizeof(double));
    assert_int_equal(p->samples, q->samples);
    assert_int_equal(p->probe_samples, q->probe_samples);
    assert_near(p->ridge, q->ridge, 0);
}

static void check_case(const struct ablation *ablation, const char *const *overrides, size_t count)
{
    struct spec spec;
    struct experiment e;
    struct ablation_run run;
    struct error err = {0};
    check_ok(spec_load(&spec, "specs/ncp-13.yaml", overrides, count, &err), &err);
    check_ok(experiment_open(&e, &spec, 1, &err), &err);
    check_ok(ablation_open(&run, &ablation_base, ablation, spec.seed, &err), &err);
    check_run(&e, &run);
    ablation_close(&run);
    experiment_free(&e);
    spec_free(&spec);
}

static void ablations_are_the_cases_of_the_sweep(void **state)
{
    (void)state;
    char *text = text_of(sweep_spec, NULL), *save;
    int cases = 0;
    for (char *line = strtok_r(strstr(text, "\nsweep:"), "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        const char *name = NULL, *overrides[8];
        char *brace = strstr(line, "- {case:");
        if (!brace)
            continue;
        size_t count = read_case(brace + 2, &name, overrides);
        assert_in_range(cases, 0, ABLATION_COUNT - 1);
        assert_string_equal(name, ablations[cases].name);
        check_case(&ablations[cases++], overrides, count);
    }
    assert_int_equal(cases, ABLATION_COUNT);
    free(text);
}

/* Without its sweep it equals the spec of the base. */
static void the_sweep_begins_with_the_base(void **state)
{
    (void)state;
    char *text = text_of(sweep_spec, "\nsweep:");
    struct spec base, sweep;
    struct error err = {0};
    check_ok(spec_load(&base, "specs/ncp-13.yaml", NULL, 0, &err), &err);
    check_ok(spec_parse(&sweep, sweep_spec, text, strlen(text), NULL, 0, &err), &err);
    assert_string_equal(base.yaml, sweep.yaml);
    spec_free(&base);
    spec_free(&sweep);
    free(text);
}

/* ---- SC-6: a class head on top of a network trained by ntxent ---- */

/* With twenty labels it is about as accurate as CoMatch's, and better than with wrong labels, which
 * leave half of the answers right. */
static void a_class_head_on_top_of_ntxent_tells_the_label(void **state)
{
    (void)state;
    const struct claim *claim = NULL;
    for (size_t i = 0; i < claim_registry.count; i++)
        if (strcmp(claim_at(i)->about.name, "SC-6") == 0)
            claim = claim_at(i);
    assert_non_null(claim);
    struct reading reading;
    struct error err = {0};
    void *settings = default_settings(claim);
    const struct trial common = {.seed = SEED, .settings = settings};
    for (int i = 0; i < 3; i++) {
        check_ok(claim_measure(claim, 0, i, &common, &reading, &err), &err);
        if (!(fabs(reading.error) < 0.25 && reading.control[0] < -0.1))
            fail_msg("instance %d: CoMatch %+g, with wrong labels %+g", i, reading.error,
                     reading.control[0]);
    }
    free(settings);
}

int main(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_claim_is_complete),
        cmocka_unit_test(every_identity_and_flow_fails_under_a_planted_fault),
        cmocka_unit_test(faults_are_found_where_they_matter),
        cmocka_unit_test(the_seed_reaches_every_instance),
        cmocka_unit_test(ensembles_are_all_combinations_with_their_probabilities),
        cmocka_unit_test(ensembles_run_through_all_positives),
        cmocka_unit_test(population_gradients_are_those_of_the_expected_loss),
        cmocka_unit_test(connections_are_derivatives_of_the_output),
        cmocka_unit_test(ablations_are_the_cases_of_the_sweep),
        cmocka_unit_test(the_sweep_begins_with_the_base),
        cmocka_unit_test(a_class_head_on_top_of_ntxent_tells_the_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
