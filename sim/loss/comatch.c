#include "sim/loss/comatch.h"

#include "core/linalg.h"
#include "sim/loss/comatch_graph.h"
#include "sim/loss/pairs.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- plan ---- */

static struct needs needs(const void *of, const void *settings)
{
    (void)of;
    const struct comatch_settings *s = settings;
    struct needs needs = {.positives = COMATCH_VIEWS - 1,
                          .views = COMATCH_VIEWS,
                          .gradient_views = COMATCH_VIEWS,
                          .whole_batch = true,
                          .labelled = {.count = 1, .batch = 1}};
    if (s) {
        needs.labelled.count = (size_t)s->labels;
        needs.labelled.batch = (size_t)(s->labelled_batch > 0 ? s->labelled_batch : s->labels);
    }
    return needs;
}

static enum status check(const void *settings, int64_t samples, struct error *err)
{
    const struct comatch_settings *s = settings;
    if (s->labels > samples)
        return error_key(err, "objective.labels",
                         "objective.labels %" PRId64 " is larger than train.samples %" PRId64
                         "; the labelled samples are the first of an epoch's",
                         s->labels, samples);
    if (s->labelled_batch > s->labels)
        return error_key(err, "objective.labelled_batch",
                         "objective.labelled_batch %" PRId64
                         " is larger than objective.labels %" PRId64
                         "; a batch has a labelled sample once at most (0: it has all of them)",
                         s->labelled_batch, s->labels);
    return STATUS_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void take_memory(struct comatch *c, const struct loss_plan *plan, struct arena *arena)
{
    const size_t width = (size_t)plan->width, classes = (size_t)plan->classes;
    const size_t stride = plan->stride, either = larger(stride, plan->labelled->stride);
    *c = (struct comatch){
        .plan = *plan, .settings = plan->settings, .head = {plan->classes, plan->width}};
    c->parameter_stride = padded(class_head_parameters(&c->head));
    c->parameters = ARENA_TAKE(arena, double, c->parameter_stride);
    c->gradient = ARENA_TAKE(arena, double, c->parameter_stride);
    c->state = ARENA_TAKE(arena, double, (size_t)plan->optimiser->slots * c->parameter_stride);
    c->bank_stride = padded((size_t)c->settings->bank);
    c->bank_embedding = ARENA_TAKE(arena, double, width * c->bank_stride);
    c->bank_probability = ARENA_TAKE(arena, double, classes * c->bank_stride);
    c->similarity = ARENA_TAKE(arena, double, c->bank_stride);
    c->mean = ARENA_TAKE(arena, double, classes);
    c->next_mean = ARENA_TAKE(arena, double, classes);
    c->embedding = ARENA_TAKE(arena, double, COMATCH_VIEWS *width *stride);
    c->inverse = ARENA_TAKE(arena, double, (COMATCH_VIEWS - COMATCH_STRONG) * stride);
    c->labelled_embedding = ARENA_TAKE(arena, double, width * plan->labelled->stride);
    c->probability = ARENA_TAKE(arena, double, classes *stride);
    c->pseudo = ARENA_TAKE(arena, double, classes *stride);
    c->log_p = ARENA_TAKE(arena, double, classes *either);
    c->d_logit = ARENA_TAKE(arena, double, classes *either);
    c->row_sum = ARENA_TAKE(arena, double, stride);
    c->log_sum = ARENA_TAKE(arena, double, stride);
    c->edge = ARENA_TAKE(arena, double, stride);
    c->row = ARENA_TAKE(arena, double, either);
    c->force = ARENA_TAKE(arena, double, 2 * width);
}

static void *layout(const struct loss *l, struct arena *arena)
{
    struct comatch *state = ARENA_TAKE(arena, struct comatch, 1), planned;
    take_memory(&planned, &l->plan, arena);
    if (state)
        *state = planned;
    return state;
}

/* ---- pseudo-labels ---- */

/* p_b of the weak views, aligned with the mean over this and earlier steps. */
static void align(struct comatch *c, const struct outputs *o)
{
    const size_t samples = o->samples, stride = o->stride, classes = (size_t)c->plan.classes;
    const double keep = c->learned > 0 ? c->settings->mean_decay : 0;
    class_head_forward(&c->head, c->parameters, samples, stride,
                       o->f + output_index(o, COMATCH_WEAK, 0, 0), c->log_p);
    memset(c->row, 0, samples * sizeof *c->row);
    for (size_t y = 0; y < classes; y++) {
        double *p = c->probability + y * stride, sum = 0;
        for (size_t s = 0; s < samples; s++)
            sum += p[s] = exp(c->log_p[y * stride + s]);
        c->next_mean[y] = keep * c->mean[y] + (1 - keep) * sum / (double)samples;
        for (size_t s = 0; s < samples; s++) /* a class that never was likely is 0 everywhere */
            c->row[s] += p[s] = p[s] > 0 ? p[s] / c->next_mean[y] : p[s];
    }
    for (size_t y = 0; y < classes; y++)
        for (size_t s = 0; s < samples; s++)
            c->probability[y * stride + s] /= c->row[s];
}

/* q_b of one sample: alpha p_b and what the bank has of its neighbours. */
static void smooth(struct comatch *c, size_t b)
{
    const struct comatch_settings *set = c->settings;
    const size_t stride = c->plan.stride, used = c->bank_used;
    double *a = c->similarity, sum = 0;
    comatch_similarities(c, comatch_embedding(c, COMATCH_WEAK), b, c->bank_embedding,
                         c->bank_stride, used, a);
    const double top = comatch_largest(a, used);
    for (size_t k = 0; k < used; k++)
        sum += a[k] = exp(a[k] - top);
    for (size_t y = 0; y < (size_t)c->plan.classes; y++) {
        const double *theirs = c->bank_probability + y * c->bank_stride;
        const double mine = c->probability[y * stride + b];
        double near = 0;
        for (size_t k = 0; k < used; k++)
            near += a[k] * theirs[k];
        c->pseudo[y * stride + b] =
            used > 0 ? set->alpha * mine + (1 - set->alpha) * near / sum : mine;
    }
}

void comatch_pseudo_labels(struct comatch *c, const struct outputs *unlabelled)
{
    const struct outputs *labelled = c->plan.labelled;
    unit_vectors(labelled, 0, 0, labelled->samples, c->labelled_embedding, labelled->stride,
                 c->row);
    unit_vectors(unlabelled, COMATCH_WEAK, 0, unlabelled->samples,
                 comatch_embedding(c, COMATCH_WEAK), unlabelled->stride, c->row);
    align(c, unlabelled);
    for (size_t b = 0; b < unlabelled->samples; b++)
        smooth(c, b);
}

/* ---- what is learned from classes ---- */

/* Mean cross entropy of the labels. */
static void labelled_loss(struct comatch *c, const struct outputs *o)
{
    const size_t stride = o->stride;
    const double share = 1 / (double)o->samples;
    double loss = 0;
    class_head_forward(&c->head, c->parameters, o->samples, stride, o->f, c->log_p);
    for (size_t s = 0; s < o->samples; s++) {
        loss -= share * c->log_p[o->label[s] * stride + s];
        for (size_t y = 0; y < (size_t)c->plan.classes; y++)
            c->d_logit[y * stride + s] =
                share * (exp(c->log_p[y * stride + s]) - (y == o->label[s]));
    }
    memset(o->df, 0, (size_t)o->width * stride * sizeof *o->df);
    class_head_backward(&c->head, c->parameters, o->samples, stride, o->f, c->d_logit, c->gradient,
                        o->df);
    c->term[COMATCH_LABELLED] = loss;
}

/* Whether max q_b is large enough; so it is where it is not a number, which the loss then shows. */
static bool is_confident(const struct comatch *c, size_t b)
{
    double top = 0;
    for (size_t y = 0; y < (size_t)c->plan.classes; y++) {
        const double q = c->pseudo[y * c->plan.stride + b];
        top = q > top || isnan(q) ? q : top;
    }
    return !(top < c->settings->confidence);
}

/* Cross entropy between confident pseudo-labels and the first strong view; adds to df. */
static void pseudo_label_loss(struct comatch *c, const struct outputs *o)
{
    const struct comatch_settings *set = c->settings;
    const size_t stride = o->stride, view = output_index(o, COMATCH_STRONG, 0, 0);
    const double share = 1 / (double)o->samples;
    double loss = 0, confident = 0;
    class_head_forward(&c->head, c->parameters, o->samples, stride, o->f + view, c->log_p);
    for (size_t s = 0; s < o->samples; s++) {
        const bool counts = is_confident(c, s);
        const double weight = counts ? share : 0;
        confident += weight;
        for (size_t y = 0; y < (size_t)c->plan.classes; y++) {
            const double q = c->pseudo[y * stride + s], log_p = c->log_p[y * stride + s];
            loss -= counts && q != 0 ? share * q * log_p : 0;
            c->d_logit[y * stride + s] = set->lambda_cls * weight * (exp(log_p) - q);
        }
    }
    class_head_backward(&c->head, c->parameters, o->samples, stride, o->f + view, c->d_logit,
                        c->gradient, o->df + view);
    c->term[COMATCH_PSEUDO] = loss;
    c->term[COMATCH_CONFIDENT] = confident;
}

void comatch_loss(struct comatch *c, const struct outputs *unlabelled)
{
    const struct comatch_settings *set = c->settings;
    memset(c->gradient, 0, c->parameter_stride * sizeof *c->gradient);
    memset(unlabelled->df, 0, output_index(unlabelled, COMATCH_VIEWS, 0, 0) * sizeof(double));
    for (int view = COMATCH_STRONG; view < COMATCH_VIEWS; view++)
        unit_vectors(unlabelled, view, 0, unlabelled->samples, comatch_embedding(c, view),
                     unlabelled->stride, comatch_inverse(c, view));
    labelled_loss(c, c->plan.labelled);
    pseudo_label_loss(c, unlabelled);
    comatch_graph_loss(c, unlabelled);
    c->loss = c->term[COMATCH_LABELLED] + set->lambda_cls * c->term[COMATCH_PSEUDO] +
              set->lambda_ctr * c->term[COMATCH_GRAPH];
}

/* ---- the memory ---- */

/* Column s of z, [width][stride], is the bank's next entry; it replaces the oldest of a full bank.
 * Returns which entry. */
static size_t remember(struct comatch *c, const double *z, size_t stride, size_t s)
{
    const size_t size = (size_t)c->settings->bank, at = c->bank_next;
    for (size_t k = 0; k < (size_t)c->plan.width; k++)
        c->bank_embedding[k * c->bank_stride + at] = z[k * stride + s];
    c->bank_next = (at + 1) % size;
    c->bank_used += c->bank_used < size;
    return at;
}

static void remember_batch(struct comatch *c)
{
    const struct loss_plan *p = &c->plan;
    const struct outputs *labelled = p->labelled;
    for (size_t s = 0; s < p->samples; s++) {
        const size_t at = remember(c, comatch_embedding(c, COMATCH_WEAK), p->stride, s);
        for (size_t y = 0; y < (size_t)p->classes; y++)
            c->bank_probability[y * c->bank_stride + at] = c->probability[y * p->stride + s];
    }
    for (size_t s = 0; s < labelled->samples; s++) {
        const size_t at = remember(c, c->labelled_embedding, labelled->stride, s);
        for (size_t y = 0; y < (size_t)p->classes; y++)
            c->bank_probability[y * c->bank_stride + at] = y == labelled->label[s];
    }
}

static bool learn(const struct loss *l, uint64_t step)
{
    struct comatch *c = l->state;
    const size_t count = class_head_parameters(&c->head);
    c->plan.optimiser->update(c->plan.optimiser_settings, step, count, c->parameters, c->gradient,
                              c->state, c->parameter_stride);
    memcpy(c->mean, c->next_mean, (size_t)c->plan.classes * sizeof *c->mean);
    c->learned++;
    if (c->settings->bank > 0)
        remember_batch(c);
    return are_finite(count, c->parameters);
}

static void state(const struct loss *l, struct state_list *list)
{
    struct comatch *c = l->state;
    const uint64_t bank = (uint64_t)c->settings->bank;
    state_natural(list, &c->bank_used, bank, "comatch/bank_used");
    state_natural(list, &c->bank_next, bank > 0 ? bank - 1 : 0, "comatch/bank_next");
    state_natural(list, &c->learned, UINT64_MAX, "comatch/learned");
    state_reals(list, c->parameter_stride, c->parameters, "comatch/parameters");
    state_reals(list, (size_t)c->plan.optimiser->slots * c->parameter_stride, c->state,
                "comatch/optimiser");
    state_reals(list, (size_t)c->plan.width * c->bank_stride, c->bank_embedding,
                "comatch/bank_embedding");
    state_reals(list, (size_t)c->plan.classes * c->bank_stride, c->bank_probability,
                "comatch/bank_probability");
    state_reals(list, (size_t)c->plan.classes, c->mean, "comatch/mean");
    state_reals(list, COMATCH_TERMS, c->epoch_term, "comatch/epoch_term");
}

/* ---- the form ---- */

static void whole(const struct loss *l, const struct outputs *outputs, size_t step)
{
    struct comatch *c = l->state;
    comatch_pseudo_labels(c, outputs);
    comatch_loss(c, outputs);
    if (step == 0)
        memset(c->epoch_term, 0, sizeof c->epoch_term);
    for (int i = 0; i < COMATCH_TERMS; i++) /* means so far */
        c->epoch_term[i] += (c->term[i] - c->epoch_term[i]) / (double)(step + 1);
}

static double finish(const struct loss *l, const struct outputs *outputs,
                     const double totals[LOSS_PARTIALS], double *scale)
{
    (void)outputs, (void)totals, (void)scale;
    return ((const struct comatch *)l->state)->loss;
}

static void quantities(const struct loss *l, struct quantity_list *list)
{
    static const char *const term[COMATCH_TERMS][2] = {
        [COMATCH_LABELLED] = {"labelled_loss", "cross entropy of the labelled samples"},
        [COMATCH_PSEUDO] = {"pseudo_label_loss",
                            "cross entropy with confident pseudo-labels, before lambda_cls"},
        [COMATCH_GRAPH] = {"graph_loss",
                           "cross entropy of the graphs of pseudo-labels and of embeddings, before "
                           "lambda_ctr"},
        [COMATCH_CONFIDENT] = {"confident",
                               "share of unlabelled samples whose pseudo-label is confident"},
    };
    const struct comatch *c = l->state;
    for (int i = 0; i < COMATCH_TERMS; i++)
        quantity_add(list, term[i][1], "/series/comatch/%s", term[i][0])->value =
            c ? &c->epoch_term[i] : NULL;
}

static const double *class_head(const struct loss *l, size_t *count)
{
    const struct comatch *c = l->state;
    *count = class_head_parameters(
        &(struct class_head){.classes = l->plan.classes, .width = l->plan.width});
    return c ? c->parameters : NULL;
}

const struct form form_comatch = {.needs = needs,
                                  .check = check,
                                  .layout = layout,
                                  .whole = whole,
                                  .finish = finish,
                                  .learn = learn,
                                  .state = state,
                                  .quantities = quantities,
                                  .class_head = class_head};
