/* learning: correlations, operator norms and loss of a run over its epochs. */
#include "paper_figs/figures.h"

#include "sim/net/network.h"

#include <string.h>

/* Mean over the nodes at one time. */
static double mean(const double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum / (double)count;
}

struct columns_of_levels {
    struct store_array norm[NETWORK_MAX_LEVELS];
    size_t levels;
};

static enum status read_norms(const struct store_file *file, struct columns_of_levels *columns,
                              struct error *err)
{
    char path[64];
    while (columns->levels < NETWORK_MAX_LEVELS &&
           (snprintf(path, sizeof path, "/series/covop/level_%zu/norm", columns->levels),
            store_has(file, path))) {
        enum status status = store_get(file, path, &columns->norm[columns->levels], err);
        if (status)
            return status;
        columns->levels++;
    }
    return STATUS_OK;
}

static void write_table(FILE *out, const struct store_array *epoch, const struct store_array *loss,
                        const struct store_array *best, const struct columns_of_levels *columns)
{
    size_t points = epoch->count, levels = best->shape[1];
    fprintf(out, "epoch\tloss");
    for (size_t l = 0; l < levels; l++)
        fprintf(out, "\tbest_correlation.level_%zu", l);
    for (size_t l = 0; l < columns->levels; l++)
        fprintf(out, "\tcovop_norm.level_%zu", l);
    for (size_t t = 0; t < points; t++) {
        fprintf(out, "\n%.17g\t%.17g", epoch->values[t], loss->values[t]);
        for (size_t l = 0; l < levels; l++)
            fprintf(out, "\t%.17g", best->values[t * levels + l]);
        for (size_t l = 0; l < columns->levels; l++) {
            size_t nodes = columns->norm[l].count / points;
            fprintf(out, "\t%.17g", mean(columns->norm[l].values + t * nodes, nodes));
        }
    }
    fprintf(out, "\n");
}

static enum status write_data(const struct store_file *file, FILE *out, struct error *err)
{
    struct store_array epoch = {0}, loss = {0}, best = {0};
    struct columns_of_levels columns = {.levels = 0};
    enum status status = store_get(file, "/series/epoch", &epoch, err);
    if (!status)
        status = store_get(file, "/series/loss", &loss, err);
    if (!status)
        status = store_get(file, "/series/best_correlation", &best, err);
    if (!status)
        status = read_norms(file, &columns, err);
    bool fits = !status && best.rank == 2 && loss.count == epoch.count &&
                best.shape[0] == epoch.count && epoch.count > 0;
    for (size_t l = 0; fits && l < columns.levels; l++)
        fits = columns.norm[l].count % epoch.count == 0;
    if (!status && !fits)
        status = error_set(err, STATUS_INVALID, "the series of the file differ in length");
    if (!status)
        write_table(out, &epoch, &loss, &best, &columns);
    store_array_free(&epoch);
    store_array_free(&loss);
    store_array_free(&best);
    for (size_t l = 0; l < columns.levels; l++)
        store_array_free(&columns.norm[l]);
    return status;
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct store_array best;
    enum status status = store_get(file, "/series/best_correlation", &best, err);
    if (!status && (best.rank != 2 || best.count == 0))
        status =
            error_set(err, STATUS_INVALID,
                      "/series/best_correlation is not one row per epoch, one column per level");
    if (!status) {
        const double before = best.values[0];
        const double after = best.values[(best.shape[0] - 1) * best.shape[1]];
        sight(sights, after > before + 0.05,
              "the best correlation of the root rises from %.2f to %.2f", before, after);
    }
    store_array_free(&best);
    return status;
}

const struct figure figure_learning = {
    .about = {.name = "learning",
              .doc = "Learning of the latents over the epochs of a run. Best correlation of each "
                     "level with "
                     "its ceiling, norm of the covariance operator of each level, and the loss.",
              .source = "[DDN]"},
    .quick = (const char *const[]){"train.epochs=3", "train.samples=32000", "measure.samples=8000",
                                   NULL},
    .spec = "paper_figs/ddn/learning.yaml",
    .script = "paper_figs/ddn/learning.gp",
    .write_data = write_data,
    .check = check,
};
