#include "paper_figs/ncp_runs.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum status ncp_runs_open(struct ncp_runs *runs, size_t count, struct error *err)
{
    runs->count = count;
    runs->run = calloc(count + 1, sizeof *runs->run);
    runs->text = calloc(count + 1, sizeof *runs->text);
    return runs->run && runs->text ? STATUS_OK : error_set(err, STATUS_SYSTEM, "out of memory");
}

void ncp_runs_free(struct ncp_runs *runs)
{
    free(runs->run);
    free(runs->text);
}

void ncp_runs_set(struct ncp_runs *runs, size_t i, const char *format, ...)
{
    size_t k = 0;
    while (runs->run[i].overrides[k])
        k++;
    va_list args;
    va_start(args, format);
    vsnprintf(runs->text[i][k], sizeof runs->text[i][k], format, args);
    va_end(args);
    runs->run[i].overrides[k] = runs->text[i][k];
}

void ncp_runs_put(struct ncp_runs *runs, size_t i, const struct ncp_setting *s)
{
    ncp_runs_set(runs, i, "network.layers=%s", s->relu ? "[64, 32]" : "[32]");
    ncp_runs_set(runs, i, "network.activation=%s", s->relu ? "relu" : "linear");
    ncp_runs_set(runs, i, "network.bias=%s", s->relu ? "true" : "false");
    ncp_runs_set(runs, i, "predictor.symmetric=%s", s->symmetric ? "true" : "false");
    ncp_runs_set(runs, i, "objective.ema=%.17g", s->ema);
    ncp_runs_set(runs, i, "predictor_optimiser.lr_ratio=%.17g", s->alpha_p);
    ncp_runs_set(runs, i, "predictor_optimiser.weight_decay=%.12g", s->eta_p);
    ncp_runs_set(runs, i, "optimiser.weight_decay=%.12g", s->eta);
    ncp_runs_set(runs, i, "optimiser.lr=%.12g", NCP_RATE);
    ncp_runs_set(runs, i, "train.batch=%d", NCP_BATCH);
    ncp_runs_set(runs, i, "train.epochs=%lld", (long long)s->epochs);
    ncp_runs_set(runs, i, "train.samples=%lld", (long long)s->samples);
    ncp_runs_set(runs, i, "seed=%zu", s->seed);
}

enum status ncp_series(const struct store_file *file, const char *path, size_t points, size_t width,
                       double *values, struct error *err)
{
    struct store_array array;
    enum status status = store_get(file, path, &array, err);
    if (status)
        return status;
    if (array.rank < 1 || array.shape[0] > points || array.count != array.shape[0] * width)
        status =
            error_set(err, STATUS_INVALID, "%s of a run has not the shape of the others", path);
    for (size_t i = 0; i < points * width && !status; i++)
        values[i] = i < array.count ? array.values[i] : NAN;
    store_array_free(&array);
    return status;
}
