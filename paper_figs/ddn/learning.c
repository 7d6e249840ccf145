/* learning: correlations, operator norms and loss of a run over its epochs. */
#include "paper_figs/figures.h"

#include "sim/net/network.h"
#include "store/reader.h"

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

static void read_norms(struct reader *r, size_t points, struct columns_of_levels *columns)
{
    for (size_t l = 0; l < NETWORK_MAX_LEVELS; l++) {
        char path[64];
        snprintf(path, sizeof path, "/series/covop/level_%zu/norm", l);
        if (!store_has(r->file, path))
            return;
        columns->norm[columns->levels++] = reader_get(r, points, 0, "%s", path);
    }
}

static void write_table(FILE *out, const struct store_array *epoch, const struct store_array *loss,
                        const struct store_array *best, const struct columns_of_levels *columns)
{
    size_t points = epoch->count, levels = best->count / points;
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
    struct columns_of_levels columns = {.levels = 0};
    struct reader r = {.file = file, .err = err};
    const struct store_array epoch = reader_get(&r, 0, 1, "/series/epoch"),
                             loss = reader_get(&r, epoch.count, 1, "/series/loss"),
                             best = reader_get(&r, epoch.count, 0, "/series/best_correlation");
    read_norms(&r, epoch.count, &columns);
    if (!r.status)
        write_table(out, &epoch, &loss, &best, &columns);
    return reader_close(&r);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    const struct store_array best = reader_get(&r, 0, 0, "/series/best_correlation");
    if (!r.status) {
        const double before = best.values[0];
        const double after = best.values[best.count - best.count / best.shape[0]];
        sight(sights, after > before + 0.05,
              "the best correlation of the root rises from %.2f to %.2f", before, after);
    }
    return reader_close(&r);
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
