/* SC-2: the gradient of the supervised contrastive losses */
#include "core/extreme.h"
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/draw.h"
#include "theorems/sc/sc.h"

#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the closed form ---- */

/* X_ip: 1 / |P(i)| of L_out, the share in the sum over positives of L_in. */
enum pull { EVEN, SHARE };

struct pair_matrices {
    size_t rows;
    double *cosine; /* [i][k] over tau */
    double *push;   /* [i][k] P_ik */
    double *pull;   /* [i][k] X_ik, 0 except on positives */
    double *gradient;
};

static void fill_row(const struct sc_batch *b, struct pair_matrices *t, size_t i, enum pull kind)
{
    const size_t rows = t->rows;
    const double *cosine = t->cosine + i * rows;
    double all = 0, positive = 0;
    for (size_t k = 0; k < rows; k++) {
        all += exp(cosine[k]);
        positive += sc_positive(b, i, k) ? exp(cosine[k]) : 0;
    }
    for (size_t k = 0; k < rows; k++) {
        const double even = 1 / sc_positives(b, i), share = exp(cosine[k]) / positive;
        t->push[i * rows + k] = exp(cosine[k]) / all;
        t->pull[i * rows + k] = !sc_positive(b, i, k) ? 0 : kind == EVEN ? even : share;
    }
}

/* Weight of row k in d L / d z_i, times tau rows: the term with anchor i plus the term with anchor
 * k. */
static double weight_of(const struct pair_matrices *t, size_t i, size_t k)
{
    const size_t rows = t->rows;
    return t->push[i * rows + k] - t->pull[i * rows + k] + t->push[k * rows + i] -
           t->pull[k * rows + i];
}

static double norm(const struct sc_batch *b, size_t i)
{
    double square = 0;
    for (int j = 0; j < b->outputs.width; j++)
        square += b->f[sc_index(b, i, j)] * b->f[sc_index(b, i, j)];
    return sqrt(square);
}

/* d L / d w_i = sum_k (z_k - (z_i . z_k) z_i) weight / (tau rows |w_i|); without `project` the
 * second term of the bracket is left out. */
static void fill_gradient(const struct sc_batch *b, struct pair_matrices *t, bool project)
{
    const size_t width = (size_t)b->outputs.width;
    memset(t->gradient, 0, t->rows * width * sizeof *t->gradient);
    for (size_t i = 0; i < t->rows; i++)
        for (size_t k = 0; k < t->rows; k++) {
            if (k == i)
                continue;
            double c = project ? t->cosine[i * t->rows + k] * b->tau : 0, own = norm(b, i);
            double weight = weight_of(t, i, k) / (b->tau * (double)t->rows * own);
            for (size_t j = 0; j < width; j++)
                t->gradient[i * width + j] += weight * (b->f[sc_index(b, k, (int)j)] / norm(b, k) -
                                                        c * b->f[sc_index(b, i, (int)j)] / own);
        }
}

static void closed_form(const struct sc_batch *b, struct pair_matrices *t, enum pull kind,
                        bool project)
{
    for (size_t i = 0; i < t->rows; i++) {
        sc_cosines(b, i, t->cosine + i * t->rows);
        fill_row(b, t, i, kind);
    }
    fill_gradient(b, t, project);
}

/* The engine's gradient against the closed form. */
static double error_of(const struct trial *trial, struct sc_batch *b, struct pair_matrices *t,
                       const struct objective *objective, double *measured)
{
    const size_t width = (size_t)b->outputs.width;
    sc_loss(b, objective);
    for (size_t i = 0; i < t->rows * width; i++)
        measured[i] = b->df[sc_index(b, i / width, (int)(i % width))];
    plant(trial, measured, t->rows * width);
    return sc_gradient_error(b, measured, t->gradient, t->rows * width);
}

static enum status compare(const struct trial *trial, struct sc_batch *b, struct reading *reading)
{
    static const struct objective *const objective[] = {
        [EVEN] = &objective_supcon_out, [SHARE] = &objective_supcon_in};
    const bool keep = trial->restored;
    const size_t rows = sc_rows(b), size = rows * (size_t)b->outputs.width;
    double *memory = calloc(3 * rows * rows + 2 * size, sizeof *memory);
    if (!memory)
        return error_memory(trial->err, "%zu rows", rows);
    struct pair_matrices t = {.rows = rows, .cosine = memory, .push = memory + rows * rows};
    t.pull = t.push + rows * rows;
    t.gradient = t.pull + rows * rows;
    double *measured = t.gradient + size;
    double control[2] = {INFINITY, INFINITY};
    for (int kind = EVEN; kind <= SHARE; kind++) {
        closed_form(b, &t, (enum pull)kind, true);
        double error = error_of(trial, b, &t, objective[kind], measured);
        double other = error_of(trial, b, &t, objective[keep ? kind : 1 - kind], measured);
        closed_form(b, &t, (enum pull)kind, keep);
        double straight = error_of(trial, b, &t, objective[kind], measured);
        reading->error = larger(reading->error, error);
        control[0] = smaller(control[0], other);
        control[1] = smaller(control[1], straight);
    }
    for (int c = 0; c < 2 && b->edge == SC_PLAIN; c++)
        reading->control[c] = control[c];
    free(memory);
    return STATUS_OK;
}

static enum status measure_gradient(const struct trial *trial, struct reading *reading)
{
    struct sc_batch b;
    enum status status = sc_draw(&b, trial);
    if (!status)
        status = compare(trial, &b, reading);
    sc_free(&b);
    return status;
}

/* ---- easy pairs ---- */

enum { SCALES = 8, WIDTH = 6, TURNED = 1 };

/* Row 0 is e_0 and the row `other` lies at `angle` from it in the plane of e_0 and e_1; nothing
 * else has a component along e_1.  So this component of the gradient at row 0 comes from the two
 * rows alone. */
static double contribution(struct sc_batch *b, size_t other, double angle)
{
    for (int k = 0; k < WIDTH; k++) {
        b->f[sc_index(b, 0, k)] = k == 0;
        b->f[sc_index(b, other, k)] = k == 0 ? cos(angle) : k == TURNED ? sin(angle) : 0;
    }
    sc_loss(b, &objective_supcon_out);
    return fabs(b->df[sc_index(b, 0, TURNED)]);
}

/* Slope of the contribution of a positive or a negative against the sine of its angle: as the angle
 * goes to its easy limit, 0 or pi, or to a right angle. */
static struct slope easy_slope(const struct trial *trial, struct sc_batch *b, bool positive,
                               bool easy)
{
    const size_t other = positive ? b->outputs.samples : 1; /* the partner, or another sample */
    double distance[SCALES], size[SCALES];
    for (int i = 0; i < SCALES; i++) {
        distance[i] = pow(2, -5 - i);
        double from = !easy ? M_PI_2 : positive ? 0 : M_PI;
        size[i] = contribution(b, other, from + distance[i]);
    }
    plant(trial, size, SCALES);
    return log_log_slope(distance, size, SCALES);
}

static void draw_others(struct sc_batch *b, gsl_rng *rng)
{
    for (size_t i = 0; i < sc_rows(b); i++)
        for (int k = 0; k < WIDTH; k++)
            b->f[sc_index(b, i, k)] = k == TURNED ? 0 : gsl_ran_gaussian(rng, 1);
    for (size_t s = 0; s < b->outputs.samples; s++)
        b->label[s] = s == 0 ? 0 : (uint8_t)draw_between(rng, 1, 3);
}

/* The argument: whether the pair is a positive. */
static enum status measure_rate(const struct trial *trial, struct reading *reading)
{
    const bool positive = *(const bool *)trial->argument;
    struct sc_batch b;
    enum status status = sc_create(&b, (size_t)draw_between(trial->rng, 4, 12), WIDTH, trial->err);
    if (!status) {
        b.tau = gsl_ran_flat(trial->rng, 0.3, 2);
        draw_others(&b, trial->rng);
        reading_slopes(reading, easy_slope(trial, &b, positive, true),
                       easy_slope(trial, &b, positive, trial->restored));
    }
    sc_free(&b);
    return status;
}

static const struct part parts[] = {
    {.statement =
         "gradient: dL/dw_i = (1 / (2 B tau |w_i|)) sum_k (z_k - (z_i . z_k) z_i) [(P_ik - "
         "X_ik) + (P_ki - X_ki)], z = w / |w|",
     .measured = "Left: the engine's gradient of L_out and of L_in. Right: the published form of "
                 "one anchor's loss, with w_i as the anchor and as one of the rows that another "
                 "anchor is compared with. P_ik: softmax over all others; X_ik = 1 / |P(i)| on "
                 "positives in L_out, the share of k in the sum over positives in L_in; 0 on "
                 "negatives.",
     .controls = {"X of the other loss", "without the projection, z_k alone"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 60, .quick = 10},
     .measure = measure_gradient},
    {.statement =
         "easy positives: |dL_out/dw_i| from a positive at angle delta is of the order delta",
     .measured = "The anchor's partner at angle delta from it, all other rows orthogonal to the "
                 "plane of both except along the anchor: component of the engine's gradient that "
                 "only this pair has. Slope against delta, 8 scales.",
     .controls = {"a hard positive, at a right angle"},
     .kind = PART_RATE,
     .tolerance = 0.01,
     .least = 1,
     .plan = {.instances = 20, .quick = 5},
     .measure = measure_rate,
     .argument = &(const bool){true}},
    {.statement =
         "easy negatives: |dL_out/dw_i| from a negative at angle pi - delta is of the order "
         "delta",
     .measured = "The same for a negative that turns to the anchor's opposite.",
     .controls = {"a hard negative, at a right angle"},
     .kind = PART_RATE,
     .tolerance = 0.01,
     .least = 1,
     .plan = {.instances = 20, .quick = 5},
     .measure = measure_rate,
     .argument = &(const bool){false}},
};

const struct claim claim_sc_2 = {
    .about = {.name = "SC-2",
              .doc = "The gradient of the supervised contrastive losses with respect to an "
                     "embedding before its normalisation is a sum over pairs of the other's "
                     "direction, without its component along the embedding, weighted by how far a "
                     "softmax is from its target: so pairs that are as near, or as far, as they "
                     "can be contribute nothing, and hard pairs do.",
              .source = "[SC] Khosla et al., section 3.2.2 and supplement",
              SC_SETTINGS},
    .title = "Gradient of the supervised contrastive losses",
    .formula =
        "dL/dw_i = (1 / (2 B tau |w_i|)) sum_k (z_k - (z_i . z_k) z_i) [(P_ik - X_ik) + (P_ki "
        "- X_ki)]",
    .hypotheses = "Similarities are of normalised embeddings z = w / |w|.",
    ALL_PARTS(parts),
};
