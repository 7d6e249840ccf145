/* ncp_alignment: how the predictor comes to share its eigenvectors with the outputs' correlation.
 */
#include "paper_figs/figures.h"
#include "paper_figs/ncp/ncp_runs.h"
#include "store/reader.h"

#include <math.h>
#include <stdlib.h>

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

/* The stored series of a kind of run: for all seeds [points][seeds], for the first [points][MODES].
 */
struct kept {
    size_t points, seeds;
    double *asymmetry, *negative, *commutator, *tau, *probe;
    double *f_value, *p_value, *cosine;
    double *work; /* [2][points * MODES] eigenvalues of a run */
};

static enum status kept_open(struct kept *k, size_t points, size_t seeds, struct error *err)
{
    double **of_seeds[] = {&k->asymmetry, &k->negative, &k->commutator, &k->tau, &k->probe};
    double **of_modes[] = {&k->f_value, &k->p_value, &k->cosine};
    const size_t curve = points * seeds, modes = points * MODES;
    double *at = calloc(5 * curve + 5 * modes, sizeof *at);
    if (!at)
        return error_memory(err, "curves");
    *k = (struct kept){.points = points, .seeds = seeds};
    for (size_t i = 0; i < 5; i++, at += curve)
        *of_seeds[i] = at;
    for (size_t i = 0; i < 3; i++, at += modes)
        *of_modes[i] = at;
    k->work = at;
    return STATUS_OK;
}

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
static void derive(struct kept *k, size_t seed, const double *s, const double *p)
{
    for (size_t t = 0; t < k->points; t++, s += MODES, p += MODES) {
        const size_t i = t * k->seeds + seed;
        const double a = k->asymmetry[i];
        k->negative[i] = fmax(0, -p[MODES - 1]) / p[0];
        k->commutator[i] *= sqrt(1 - a * a / 4) / (norm(s) * norm(p));
    }
}

static enum status read_run(struct kept *k, size_t seed, const char *path, struct error *err)
{
    const struct {
        const char *path;
        double *of_seeds, *of_modes;
    } wanted[] = {
        {"/series/predictor/asymmetry", k->asymmetry, NULL},
        {"/series/predictor/commutator", k->commutator, NULL},
        {"/series/predictor/tau", k->tau, NULL},
        {"/series/probe/mean", k->probe, NULL},
        {"/series/alignment", NULL, seed == 0 ? k->cosine : k->work},
        {"/series/predictor/f_eigenvalues", NULL, seed == 0 ? k->f_value : k->work},
        {"/series/predictor/eigenvalues", NULL,
         seed == 0 ? k->p_value : k->work + k->points * MODES},
    };
    struct store_file *file;
    enum status status = store_open(&file, path, err);
    if (status)
        return status;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted && !status; i++) {
        double *column = wanted[i].of_seeds, *values = column ? k->work : wanted[i].of_modes;
        status =
            run_series(file, wanted[i].path, k->points, column ? 1 : (size_t)MODES, values, err);
        for (size_t t = 0; t < k->points && column && !status; t++)
            column[t * k->seeds + seed] = values[t];
    }
    if (!status)
        derive(k, seed, seed == 0 ? k->f_value : k->work,
               seed == 0 ? k->p_value : k->work + k->points * MODES);
    store_close(file);
    return status;
}

static enum status put_kept(struct store *store, const char *group, const struct kept *k,
                            struct error *err)
{
    const struct {
        const char *name, *long_name;
        const double *of_seeds, *of_modes;
    } all[] = {
        {"asymmetry", "|W_p - W_p^T| / |W_p|", k->asymmetry, NULL},
        {"negative", "least eigenvalue of the symmetric part of W_p, if negative, over the largest",
         k->negative, NULL},
        {"commutator", "|[F, W_p]| / |F| |W_p|, F = E[f f^T]", k->commutator, NULL},
        {"tau", "tr E[f_a f^T] / tr E[f f_+^T]", k->tau, NULL},
        {"probe", "accuracy of linear probes, mean over the latents that views share", k->probe,
         NULL},
        {"f_eigenvalues", "eigenvalues s_j of F = E[f f^T], first seed", NULL, k->f_value},
        {"eigenvalues", "eigenvalues of the symmetric part of W_p, first seed", NULL, k->p_value},
        {"alignment", "|cos(u_j, W_p u_j)| of the eigenvectors u_j of F, first seed", NULL,
         k->cosine},
    };
    enum status status = STATUS_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && !status; i++) {
        const double *modes = all[i].of_modes;
        const size_t shape[] = {modes ? (size_t)MODES : k->points, modes ? k->points : k->seeds};
        const char *const axes[] = {modes ? "/mode" : "/epoch", modes ? "/epoch" : "/seed"};
        for (size_t at = 0; modes && at < k->points * MODES; at++)
            k->work[at % MODES * k->points + at / MODES] = modes[at];
        char path[64];
        snprintf(path, sizeof path, "/%s/%s", group, all[i].name);
        status = store_put(store, path, 2, shape, axes, modes ? k->work : all[i].of_seeds,
                           all[i].long_name, "1", err);
    }
    return status;
}

static enum status put_axes(struct store *store, const struct settings *s, struct error *err)
{
    const size_t points = (size_t)s->epochs + 1, seeds = (size_t)s->seeds;
    const double steps = ceil((double)s->samples / NCP_BATCH);
    double *values = calloc(points + seeds, sizeof *values);
    if (!values)
        return error_memory(err, "curves");
    enum status status =
        store_put_axis(store, "/epoch", points, NULL, "epochs of training", "1", err);
    for (size_t t = 0; t < points; t++)
        values[t] = exp(-s->eta * NCP_RATE * steps * (double)t);
    if (!status)
        status = store_put(store, "/decay", 1, &points, (const char *const[]){"/epoch"}, values,
                           "exp(-eta t): W_p under weight decay alone", "1", err);
    for (size_t i = 0; i < seeds; i++)
        values[i] = (double)(i + 1);
    if (!status)
        status = store_put_axis(store, "/seed", seeds, values, "seed", "1", err);
    if (!status)
        status = store_put_axis(store, "/mode", MODES, NULL,
                                "eigenvalue, largest first; eigenvector u_j of F in the order of "
                                "its eigenvalues",
                                "1", err);
    free(values);
    return status;
}

static enum status collect(struct store *store, const struct settings *s,
                           const struct run_list *runs, struct error *err)
{
    const size_t seeds = (size_t)s->seeds;
    struct kept kept = {.points = 0};
    enum status status = put_axes(store, s, err);
    for (size_t v = 0; v < VARIANTS && !status; v++) {
        status = kept_open(&kept, (size_t)s->epochs + 1, seeds, err);
        for (size_t i = 0; i < seeds && !status; i++)
            status = read_run(&kept, i, runs->run[v * seeds + i].path, err);
        if (!status)
            status = put_kept(store, variants[v].name, &kept, err);
        free(kept.asymmetry);
        kept.asymmetry = NULL;
    }
    return status;
}

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    const struct settings *s = job->settings;
    const size_t seeds = (size_t)s->seeds;
    struct run_list runs;
    enum status status = run_list_open(&runs, VARIANTS * seeds, err);
    for (size_t i = 0; i < runs.count && !status; i++)
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
    if (!status)
        status = figure_runs(job, runs.run, runs.count, err);
    if (!status)
        status = collect(store, s, &runs, err);
    run_list_free(&runs);
    return status;
}

/* ---- checks ---- */

/* For the first seed: the number of modes that are alive at the end, and the mean cosine of as many
 * leading modes at the end and at the start. */
struct leading {
    size_t modes;
    double before, after;
};

static enum status find_leading(const struct store_file *file, const char *group,
                                struct leading *found, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    const struct store_array s = reader_get(&r, 0, 0, "/%s/f_eigenvalues", group);
    const size_t points = s.values ? s.count / s.shape[0] : 1, last = points - 1;
    const struct store_array cosine = reader_get(&r, s.shape[0], points, "/%s/alignment", group);
    *found = (struct leading){.modes = 0};
    while (!r.status && found->modes < s.shape[0] &&
           s.values[found->modes * points + last] > ALIVE * s.values[last])
        found->modes++;
    for (size_t j = 0; j < found->modes; j++) {
        found->before += cosine.values[j * points] / (double)found->modes;
        found->after += cosine.values[j * points + last] / (double)found->modes;
    }
    return reader_close(&r);
}

/* Largest over the seeds, at the start and at the end. */
static enum status find_ends(const struct store_file *file, const char *group, const char *name,
                             double ends[2], struct error *err)
{
    struct reader r = {.file = file, .err = err};
    const struct store_array a = reader_get(&r, 0, 0, "/%s/%s", group, name);
    const size_t seeds = a.values ? a.count / a.shape[0] : 0, last = a.count - seeds;
    ends[0] = ends[1] = 0;
    for (size_t i = 0; i < seeds; i++) {
        ends[0] = fmax(ends[0], a.values[i]);
        ends[1] = fmax(ends[1], a.values[last + i]);
    }
    return reader_close(&r);
}

static enum status check_variant(const struct store_file *file, const struct variant *v,
                                 struct sights *sights, struct error *err)
{
    struct leading leading;
    double asymmetry[2], negative[2];
    enum status status = find_leading(file, v->name, &leading, err);
    if (!status)
        status = find_ends(file, v->name, "asymmetry", asymmetry, err);
    if (!status)
        status = find_ends(file, v->name, "negative", negative, err);
    if (status)
        return status;
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
    return STATUS_OK;
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    enum status status = STATUS_OK;
    for (size_t v = 0; v < VARIANTS && !status; v++)
        status = check_variant(file, &variants[v], sights, err);
    return status;
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
