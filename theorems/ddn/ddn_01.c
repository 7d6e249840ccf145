/* DDN-1: homogeneity */
#include "theorems/claims.h"
#include "theorems/ddn/dual.h"

#include <math.h>
#include <stdlib.h>

/* K_l^T vec(W_l) against f_L: the largest relative error over views and layers. */
static enum status homogeneity_error(const struct dual *d, const struct trial *trial, double *error)
{
    size_t outputs = (size_t)d->view->outputs, first, end;
    size_t rows = (size_t)d->view->samples * (size_t)d->network.levels, count = rows * outputs;
    double *sum = calloc(2 * count, sizeof *sum), *f = sum + count, *at = sum, *f_at = f;
    if (!sum)
        return error_memory(trial->err, "outputs");
    for (int s = 0; s < d->view->samples; s++)
        for (int l = 0; l < d->network.levels; l++, at += outputs, f_at += outputs) {
            const double *k = view_k(d, s);
            layer_weights(&d->network, l, &first, &end);
            for (size_t o = 0; o < outputs; o++) {
                for (size_t p = first; p < end; p++)
                    at[o] += k[p * outputs + o] * d->parameters[p];
                f_at[o] = d->view->f[(size_t)s * outputs + o];
            }
        }
    plant(trial, sum, count);
    *error = relative_error(sum, f, count);
    free(sum);
    return STATUS_OK;
}

static enum status measure_with(const struct trial *trial, bool bias, double *error)
{
    struct dual d;
    enum status status = dual_draw(&d, trial, (struct dual_wish){.bias = bias, .least_depth = 2});
    if (!status && trial->fault == FAULT_GATE)
        status = dual_refresh(&d, false, trial->err);
    if (!status)
        status = homogeneity_error(&d, trial, error);
    dual_free(&d);
    return status;
}

static enum status measure(const struct trial *trial, struct reading *reading)
{
    enum status status = measure_with(trial, false, &reading->error);
    return status ? status : measure_with(trial, !trial->restored, &reading->control[0]);
}

static const struct part parts[] = {
    {.statement = "homogeneity: f_L(x) = K_l(x)^T vec(W_l) for every layer l",
     .measured = "K_l from the engine's backward pass, one output at a time; f_L from its forward "
                 "pass; every view of a drawn distribution, every layer.",
     .controls = {"biases added"},
     .kind = PART_IDENTITY,
     .plan = {.instances = 60, .quick = 10, .cost = 0.003},
     .measure = measure},
};

const struct claim claim_ddn_1 = {
    .about = {.name = "DDN-1",
              .doc = "A network without biases is linear in the weights of any one layer while its "
                     "gates are fixed: the connection of a layer, applied to its weights, gives "
                     "the output.",
              .source = "[DDN], homogeneity of layers",
              DUAL_SETTINGS},
    .title = "Homogeneity",
    .formula = "f_L(x) = K_l(x)^T vec(W_l), K_l = f_{l-1} (x) J_l^T",
    .hypotheses = "No biases; ReLU or linear; fully connected or tree; no activation on top.",
    ALL_PARTS(parts),
};
