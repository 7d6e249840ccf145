/* ddn_spectrum: the eigenvalues of the covariance operator over training. */
#include "core/extreme.h"
#include "paper_figs/ddn/ddn_runs.h"
#include "paper_figs/figures.h"

#include <math.h>

static const struct ddn_case published = {5, 10, 0.7};

enum { WIDTH = 10, ROOT = 0, MIDDLE = 2, BOTTOM = 4 };

/* The number of eigenvalues that are stored, largest first.  Below the root smaller eigenvalues are
 * 0 in some runs, where neurons are never open. */
static const struct {
    int level;
    size_t kept;
} levels[] = {{ROOT, WIDTH}, {MIDDLE, 4}, {BOTTOM, 4}};

enum { LEVELS = sizeof levels / sizeof *levels };

static void put_level(struct ddn_runs *runs, int level, size_t kept)
{
    char dataset[64], name[32];
    snprintf(dataset, sizeof dataset, "/series/covop/level_%d/eigenvalues", level);
    for (size_t i = 0; i < kept; i++) {
        const struct ddn_quantity eigenvalue = {
            .dataset = dataset,
            .size = WIDTH,
            .column = i,
            .name = name,
            .long_name = "eigenvalue of the covariance operator, mean over nodes"};
        snprintf(name, sizeof name, "eigenvalue_%zu", i);
        ddn_put(runs, 0, &eigenvalue, level);
    }
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    struct ddn_runs runs;
    ddn_runs_make(&runs, job, &published, 1, store, err);
    for (size_t i = 0; i < LEVELS; i++)
        put_level(&runs, levels[i].level, levels[i].kept);
    return ddn_runs_close(&runs);
}

/* ---- checks ---- */

static double eigenvalue(struct reader *r, int level, int i, int epoch)
{
    char name[32];
    snprintf(name, sizeof name, "eigenvalue_%d", i);
    return ddn_value(r, &published, name, level, DDN_MEDIAN, epoch);
}

static void check_root(struct reader *r, struct sights *sights)
{
    const int last = ddn_last_epoch(r);
    double apart = 0;
    for (int t = 0; t <= last; t++)
        apart = larger(apart, 1 - eigenvalue(r, ROOT, WIDTH - 1, t) / eigenvalue(r, ROOT, 0, t));
    sight(sights, apart < 1e-9, "the eigenvalues of the root are equal at all epochs (to %.0e)",
          apart);
}

static void check_growth(struct reader *r, struct sights *sights)
{
    double growth[LEVELS];
    for (size_t i = 0; i < LEVELS; i++)
        growth[i] = eigenvalue(r, levels[i].level, 0, -1) / eigenvalue(r, levels[i].level, 0, 0);
    sight(sights,
          growth[0] > 20 && growth[0] > 3 * growth[1] && growth[0] > 3 * growth[2] &&
              growth[1] > 1.5 && growth[2] > 2,
          "the largest eigenvalue grows at all three, most at the root: %.0f-, %.1f-, %.1f-fold",
          growth[0], growth[1], growth[2]);
}

/* Ratio of the two largest eigenvalues, before and after. */
static void check_gap(struct reader *r, int level, const char *where, struct sights *sights)
{
    const double before = eigenvalue(r, level, 0, 0) / eigenvalue(r, level, 1, 0),
                 after = eigenvalue(r, level, 0, -1) / eigenvalue(r, level, 1, -1);
    sight(sights, after > 1.7 * before,
          "in the %s it outgrows the second: %.1f times as large before, %.1f after", where, before,
          after);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    check_root(&r, sights);
    check_growth(&r, sights);
    check_gap(&r, MIDDLE, "middle", sights);
    check_gap(&r, BOTTOM, "bottom", sights);
    return reader_close(&r);
}

const struct figure figure_ddn_spectrum = {
    .about = {.name = "ddn_spectrum",
              .doc = "Largest eigenvalues of the covariance operator at the root, in the middle "
                     "and at the bottom of the tree over training in the published setting: "
                     "mean over the nodes of a level, median and quartiles over the seeds. At the "
                     "root all eigenvalues are equal, because the outputs are its own neurons, and "
                     "grow together. Below the root the largest eigenvalue outgrows the others, so "
                     "that the operator approaches rank one.",
              .source = "[DDN] Sec. 6",
              .params = ddn_params_10,
              .settings_size = sizeof(struct ddn_settings)},
    .quick = (const char *const[]){"seeds=4", "epochs=6", "samples=16000", NULL},
    .spec = DDN_SPEC,
    .compute = compute,
    .script = "paper_figs/ddn/ddn_spectrum.gp",
    .write_data = ddn_write_statistics,
    .check = check,
};
