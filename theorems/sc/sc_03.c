/* SC-3: SuNCEt is the supervised contrastive loss with the mean inside, up to a constant */
#include "core/extreme.h"
#include "sim/loss/objectives/objectives.h"
#include "theorems/claims.h"
#include "theorems/sc/sc.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Mean over anchors of log |P(i)|, and log of their mean |P(i)|. */
static void constants(const struct sc_batch *b, double *mean_log, double *log_mean)
{
    double logs = 0, total = 0, rows = (double)sc_rows(b);
    for (size_t i = 0; i < sc_rows(b); i++) {
        logs += log(sc_positives(b, i)) / rows;
        total += sc_positives(b, i) / rows;
    }
    *mean_log = logs;
    *log_mean = log(total);
}

/* Compare the losses, and the gradients, of both. */
static enum status compare(const struct trial *trial, struct sc_batch *b, struct reading *reading)
{
    const size_t size = 2 * (size_t)b->outputs.width * b->outputs.stride;
    double *inside = calloc(2 * size, sizeof *inside), *summed = inside + size;
    if (!inside)
        return error_memory(trial->err, "gradients");
    double in = sc_loss(b, &objective_supcon_in), mean_log, log_mean;
    memcpy(inside, b->df, size * sizeof *inside);
    double suncet = sc_loss(b, &objective_suncet);
    memcpy(summed, b->df, size * sizeof *summed);
    constants(b, &mean_log, &log_mean);
    plant(trial, &suncet, 1);
    plant(trial, summed, size);
    const double right = in - mean_log;
    const double predicted[] = {trial->restored ? right : in,
                                trial->restored ? right : in - log_mean};
    reading->error = larger(fabs(suncet - right) / in, sc_gradient_error(b, summed, inside, size));
    for (int c = 0; c < 2 && b->edge == SC_PLAIN; c++)
        reading->control[c] = fabs(suncet - predicted[c]) / in;
    free(inside);
    return STATUS_OK;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    struct sc_batch b;
    enum status status = sc_draw(&b, trial);
    if (!status)
        status = compare(trial, &b, reading);
    sc_free(&b);
    return status;
}

static const struct part parts[] = {
    {.statement = "constant: L_SuNCEt = L_in - mean_i log |P(i)|, and their gradients are the same",
     .measured = "Both objectives on drawn batches whose classes differ in size; the larger of the "
                 "errors of the losses, relative to L_in, and of the gradients.",
     .controls = {"the constant left out", "one |P| for all anchors, their mean"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 100, .quick = 20},
     .measure = measure},
};

const struct claim claim_sc_3 = {
    .about = {.name = "SC-3",
              .doc = "SuNCEt sums the positives inside the logarithm where L_in averages them. An "
                     "anchor's losses differ by log |P(i)|, which depends on the batch's labels "
                     "and not on the embeddings: the gradients are the same.",
              .source = "[SC] Assran et al., Khosla et al., Eqn. 3",
              SC_SETTINGS},
    .title = "SuNCEt is L_in up to a constant",
    .formula = "L_SuNCEt = L_in - mean_i log |P(i)|",
    .hypotheses = "Both sums are over all other 2 B - 1 embeddings of the batch.",
    ALL_PARTS(parts),
};
