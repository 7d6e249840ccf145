/* ncp_alignment: how the predictor comes to share its eigenvectors with the outputs' correlation.
 */
#include "core/extreme.h"
#include "paper_figs/figures.h"
#include "paper_figs/ncp/ncp_runs.h"
#include "store/reader.h"

#include <math.h>

struct settings {
    int64_t seeds, epochs, samples;
    double eta;
};

static const struct param params[] = {
    INTEGER_SETTING(seeds, "3", 1, 1000,
                    "runs of each kind, with seeds 1, 2, ...; eigenvalues are from the first"),
    INTEGER_SETTING(epochs, "40", 1, 1e4, "epochs of a run, measured after each"),
    INTEGER_SETTING(samples, "64000", 128, 1e9, "samples per epoch"),
    REAL_SETTING(eta, "0.006", 0, 1, "weight decay of trunk and predictor"),
    {0},
};

static const struct variant {
    const char *name;
    bool relu, symmetric;
} variants[] = {
    {"linear_regular", false, false},
    {"linear_symmetric", false, true},
    {"relu_regular", true, false},
    {"relu_symmetric", true, true},
};

enum { VARIANTS = sizeof variants / sizeof *variants, MODES = NCP_MODES };

/* An eigenvalue of F below this share of the largest counts as collapsed. */
#define ALIVE 1e-3

/* ---- computing ---- */

/* The stored series of a kind of run: for all seeds [points][seeds], and from MODAL on for the
 * first seed [points][MODES]. */
enum { ASYMMETRY, NEGATIVE, COMMUTATOR, TAU, PROBE, F_VALUE, P_VALUE, COSINE, SERIES };
enum { MODAL = F_VALUE };

static const struct {
    const char *name, *series, *long_name; /* series: of a run; NULL: derived */
} kept[SERIES] = {
    [ASYMMETRY] = {"asymmetry", "/series/predictor/asymmetry", "|W_p - W_p^T| / |W_p|"},
    [NEGATIVE] = {"negative", NULL,
                  "least eigenvalue of the symmetric part of W_p, if negative, over the largest"},
    [COMMUTATOR] = {"commutator", "/series/predictor/commutator",
                    "|[F, W_p]| / |F| |W_p|, F = E[f f^T]"},
    [TAU] = {"tau", "/series/predictor/tau", "tr E[f_a f^T] / tr E[f f_+^T]"},
    [PROBE] = {"probe", "/series/probe/mean",
               "accuracy of linear probes, mean over the latents that views share"},
    [F_VALUE] = {"f_eigenvalues", "/series/predictor/f_eigenvalues",
                 "eigenvalues s_j of F = E[f f^T], first seed"},
    [P_VALUE] = {"eigenvalues", "/series/predictor/eigenvalues",
                 "eigenvalues of the symmetric part of W_p, first seed"},
    [COSINE] = {"alignment", "/series/alignment",
                "|cos(u_j, W_p u_j)| of the eigenvectors u_j of F, first seed"},
};

static double norm(const double *values)
{
    double sum = 0;
    for (size_t j = 0; j < MODES; j++)
        sum += values[j] * values[j];
    return sqrt(sum);
}

/* For one seed, from the eigenvalues s of F and p of the symmetric part of W_p: the negative part
 * of W_p, and the commutator relative to both norms.  |W_p|^2 is |symmetric part|^2 plus
 * asymmetry^2 |W_p|^2 / 4. */
static void derive(double *const value[SERIES], size_t points, size_t seeds, size_t seed)
{
    const double *s = value[F_VALUE], *p = value[P_VALUE];
    for (size_t t = 0; t < points; t++, s += MODES, p += MODES) {
        const size_t i = t * seeds + seed;
        const double a = value[ASYMMETRY][i];
        value[NEGATIVE][i] = larger(0, -p[MODES - 1]) / p[0];
        value[COMMUTATOR][i] *= sqrt(1 - a * a / 4) / (norm(s) * norm(p));
    }
}

/* Read the runs of all seeds; the modes of the first seed are read last, and stay. */
static void read_runs(struct sheet *sheet, const struct figure_run *run, size_t points,
                      size_t seeds, double *const value[SERIES])
{
    for (size_t seed = seeds; seed-- > 0 && !sheet->status;) {
        for (size_t q = 0; q < MODAL; q++)
            if (kept[q].series)
                run_series(sheet, run[seed].path, kept[q].series, points, 1, seeds,
                           value[q] + seed);
        for (size_t q = MODAL; q < SERIES; q++)
            run_series(sheet, run[seed].path, kept[q].series, points, MODES, MODES, value[q]);
        if (!sheet->status)
            derive(value, points, seeds, seed);
    }
}

static void put_variant(struct sheet *sheet, const char *name, const struct figure_run *run,
                        size_t points, size_t seeds)
{
    double *value[SERIES], *turned = sheet_numbers(sheet, MODES * points);
    for (size_t q = 0; q < SERIES; q++)
        value[q] = sheet_numbers(sheet, points * (q < MODAL ? seeds : (size_t)MODES));
    read_runs(sheet, run, points, seeds, value);
    sheet_group(sheet, name);
    for (size_t q = 0; q < MODAL; q++)
        sheet_put(sheet, kept[q].name, "epoch seed", value[q], kept[q].long_name, "1");
    for (size_t q = MODAL; q < SERIES && !sheet->status; q++) {
        for (size_t at = 0; at < points * MODES; at++)
            turned[at % MODES * points + at / MODES] = value[q][at];
        sheet_put(sheet, kept[q].name, "mode epoch", turned, kept[q].long_name, "1");
    }
}

static void put_axes(struct sheet *sheet, const struct settings *s, size_t points, size_t seeds)
{
    const double steps = ceil((double)s->samples / NCP_BATCH);
    double *decay = sheet_numbers(sheet, points);
    for (size_t t = 0; t < points && decay; t++)
        decay[t] = exp(-s->eta * NCP_RATE * steps * (double)t);
    sheet_axis(sheet, "epoch", points, NULL, "epochs of training", "1");
    sheet_put(sheet, "decay", "epoch", decay, "exp(-eta t): W_p under weight decay alone", "1");
    sheet_seeds(sheet, seeds, "seed");
    sheet_axis(sheet, "mode", MODES, NULL,
               "eigenvalue, largest first; eigenvector u_j of F in the order of its eigenvalues",
               "1");
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    const struct settings *s = job->settings;
    const size_t seeds = (size_t)s->seeds, points = (size_t)s->epochs + 1;
    struct run_list runs;
    struct sheet sheet = {.store = store, .err = err};
    sheet.status = run_list_open(&runs, VARIANTS * seeds, err);
    for (size_t i = 0; i < runs.count && !sheet.status; i++)
        ncp_runs_put(&runs, i,
                     &(struct ncp_setting){.relu = variants[i / seeds].relu,
                                           .symmetric = variants[i / seeds].symmetric,
                                           .ema = 0.996,
                                           .alpha_p = 1,
                                           .eta = s->eta,
                                           .eta_p = s->eta,
                                           .seed = i % seeds + 1,
                                           .epochs = s->epochs,
                                           .samples = s->samples});
    if (!sheet.status)
        sheet.status = figure_runs(job, runs.run, runs.count, err);
    put_axes(&sheet, s, points, seeds);
    for (size_t v = 0; v < VARIANTS; v++)
        put_variant(&sheet, variants[v].name, runs.run + v * seeds, points, seeds);
    run_list_free(&runs);
    return sheet_close(&sheet);
}

/* ---- checks ---- */

/* For the first seed: the number of modes that are alive at the end, and the mean cosine of as many
 * leading modes at the end and at the start. */
struct leading {
    size_t modes;
    double before, after;
};

static struct leading find_leading(struct reader *r, const char *group)
{
    const struct store_array s = reader_get(r, 0, 0, "/%s/f_eigenvalues", group);
    const size_t points = s.values ? s.count / s.shape[0] : 1, last = points - 1;
    const struct store_array cosine = reader_get(r, s.shape[0], points, "/%s/alignment", group);
    struct leading found = {.modes = 0};
    if (!s.values || !cosine.values)
        return found;
    while (found.modes < s.shape[0] &&
           s.values[found.modes * points + last] > ALIVE * s.values[last])
        found.modes++;
    for (size_t j = 0; j < found.modes; j++) {
        found.before += cosine.values[j * points] / (double)found.modes;
        found.after += cosine.values[j * points + last] / (double)found.modes;
    }
    return found;
}

/* Largest over the seeds, at the start and at the end. */
static void find_ends(struct reader *r, const char *group, const char *name, double ends[2])
{
    const struct store_array a = reader_get(r, 0, 0, "/%s/%s", group, name);
    const size_t seeds = a.values ? a.count / a.shape[0] : 0, last = a.count - seeds;
    ends[0] = ends[1] = 0;
    for (size_t i = 0; i < seeds; i++) {
        ends[0] = larger(ends[0], a.values[i]);
        ends[1] = larger(ends[1], a.values[last + i]);
    }
}

static void check_variant(struct reader *r, const struct variant *v, struct sights *sights)
{
    double asymmetry[2], negative[2];
    const struct leading leading = find_leading(r, v->name);
    find_ends(r, v->name, "asymmetry", asymmetry);
    find_ends(r, v->name, "negative", negative);
    if (r->status)
        return;
    if (!v->relu)
        sight(sights, leading.modes == NCP_SHARED,
              "%s: %zu eigenvalues of F stay, as many as the views share latents of level 3",
              v->name, leading.modes);
    else
        sight(sights, leading.modes >= 1 && leading.modes < NCP_SHARED,
              "%s: only %zu eigenvalues of F stay", v->name, leading.modes);
    sight(sights, leading.after > 0.95 && leading.before < 0.5,
          "%s: |cos(u_j, W_p u_j)| of these modes rises from %.2f to %.3f", v->name, leading.before,
          leading.after);
    if (v->symmetric)
        sight(sights, asymmetry[1] < 1e-12, "%s: W_p stays symmetric", v->name);
    else
        sight(sights, asymmetry[1] < asymmetry[0] / 3, "%s: the asymmetry falls from %.2f to %.2f",
              v->name, asymmetry[0], asymmetry[1]);
    sight(sights, negative[1] < negative[0] / 3,
          "%s: negative eigenvalues of W_p shrink from %.2f to %.3f of the largest", v->name,
          negative[0], negative[1]);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    for (size_t v = 0; v < VARIANTS; v++)
        check_variant(&r, &variants[v], sights);
    return reader_close(&r);
}

const struct figure figure_ncp_alignment = {
    .about =
        {.name = "ncp_alignment",
         .doc =
             "Alignment of the predictor's eigenvectors with F = E[f f^T], the correlation of the "
             "outputs. Views of a latent tree of depth 6 share its latents down to level 3, "
             "and the target follows by EMA. A linear network keeps as many eigenvalues of F and "
             "W_p as there are shared latents of level 3, a ReLU network keeps three, and weight "
             "decay removes the others. The eigenvectors of the remaining modes, and few others, "
             "become eigenvectors of W_p. Negative eigenvalues and asymmetry of W_p fade about as "
             "exp(-eta t); in the linear network an asymmetry of 0.1 remains, as in the exact "
             "flow, since the data are not isotropic (lines: first seed, means in the last "
             "column; bands: range of the seeds).",
         .source = "[NCP] Fig. 2",
         .params = params,
         .settings_size = sizeof(struct settings)},
    .quick = (const char *const[]){"seeds=1", "epochs=12", "eta=0.01", NULL},
    .spec = "paper_figs/ncp/ncp_alignment.yaml",
    .compute = compute,
    .script = "paper_figs/ncp/ncp_alignment.gp",
    .check = check,
};
