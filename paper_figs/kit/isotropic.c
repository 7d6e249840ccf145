#include "paper_figs/kit/isotropic.h"

#include "core/random.h"
#include "theorems/draw.h"
#include "theorems/ncp/ncp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status isotropic_open(struct isotropic *isotropic, size_t n, double sigma2, struct error *err)
{
    *isotropic = (struct isotropic){.flow = {.inputs = n, .outputs = n, .alpha_p = 1}};
    struct matrix_flow *f = &isotropic->flow;
    isotropic->x = ncp_array(2 * n * n + matrix_flow_size(f), err);
    if (!isotropic->x)
        return STATUS_SYSTEM;
    isotropic->state = isotropic->x + 2 * n * n;
    ncp_identity(n, 1, isotropic->x);
    ncp_identity(n, sigma2, isotropic->x + n * n);
    f->x = isotropic->x;
    f->x_prime = isotropic->x + n * n;
    return matrix_flow_open(f, &isotropic->dynamics, err);
}

void isotropic_close(struct isotropic *isotropic)
{
    matrix_flow_close(&isotropic->flow);
    free(isotropic->x);
    isotropic->x = isotropic->state = NULL;
}

enum status isotropic_draw(struct isotropic *isotropic, uint64_t seed, uint64_t run,
                           struct error *err)
{
    const struct matrix_flow *f = &isotropic->flow;
    gsl_rng *rng = stream_rng_alloc(seed, PURPOSE_WEIGHTS, 0, run);
    if (!rng)
        return error_memory(err, "random numbers");
    memset(isotropic->state, 0, matrix_flow_size(f) * sizeof *isotropic->state);
    draw_normal(rng, 1 / sqrt((double)f->inputs), matrix_flow_target(f), isotropic->state);
    gsl_rng_free(rng);
    return STATUS_OK;
}
