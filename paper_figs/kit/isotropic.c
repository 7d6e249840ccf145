#include "paper_figs/kit/isotropic.h"

#include "core/random.h"
#include "theorems/draw.h"
#include "theorems/ncp/ncp.h"

#include <math.h>
#include <string.h>

void isotropic_open(struct sheet *sheet, struct isotropic *isotropic, size_t n, double sigma2)
{
    *isotropic = (struct isotropic){.flow = {.inputs = n, .outputs = n, .alpha_p = 1}};
    struct matrix_flow *f = &isotropic->flow;
    double *x = sheet_numbers(sheet, 2 * n * n), *x_prime = x ? x + n * n : NULL;
    isotropic->state = sheet_numbers(sheet, matrix_flow_size(f));
    f->x = x;
    f->x_prime = x_prime;
    if (sheet->status)
        return;
    ncp_identity(n, 1, x);
    ncp_identity(n, sigma2, x_prime);
    sheet->status = matrix_flow_open(f, &isotropic->dynamics, sheet->err);
}

void isotropic_close(struct isotropic *isotropic)
{
    matrix_flow_close(&isotropic->flow);
}

void isotropic_draw(struct sheet *sheet, struct isotropic *isotropic, uint64_t seed, uint64_t run)
{
    const struct matrix_flow *f = &isotropic->flow;
    gsl_rng *rng = sheet->status ? NULL : stream_rng_alloc(seed, PURPOSE_WEIGHTS, 0, run);
    if (!rng && !sheet->status)
        sheet->status = error_memory(sheet->err, "random numbers");
    if (!rng)
        return;
    memset(isotropic->state, 0, matrix_flow_size(f) * sizeof *isotropic->state);
    draw_normal(rng, 1 / sqrt((double)f->inputs), matrix_flow_target(f), isotropic->state);
    gsl_rng_free(rng);
}
