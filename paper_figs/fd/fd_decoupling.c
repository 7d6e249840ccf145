/* fd_decoupling: differences over training between neurons trained with and without masks. */
#include "paper_figs/fd/fd_runs.h"
#include "paper_figs/figures.h"

static const char *const masks[] = {"complementary", "none"};

enum { MASKS = sizeof masks / sizeof *masks };

static const struct fd_number numbers[] = {
    {"features/share_of_columns",
     "share of the columns of M that carry 90% of a neuron within their span, mean over neurons"},
    {"features/best_cosine", "best |cos(w_i, M_j)| over neurons, mean over features"},
    {"features/inside", "share of |w_i|^2 in span(M), mean over neurons"},
    {"features/noise_cosine", "mean cosine of f(x) and f(xi)"},
    {"features/readout", "accuracy of a readout, scaled from chance (0) to the oracle (1)"},
    {"features/signal_cosine", "mean cosine of f(x) and f(M z)"},
    {"features/learned", "share of the features that have a neuron"},
    {"loss", "contrastive loss; before training: of the first weights"},
    {0},
};

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    return fd_compute(job, store, masks, MASKS, numbers, err);
}

/* ---- checks ---- */

static void compare(struct reader *r, struct sights *sights, const char *name, bool more,
                    const char *what)
{
    const double with = fd_end(r, masks[0], name), without = fd_end(r, masks[1], name);
    if (!r->status)
        sight(sights, more ? with > without : with < without,
              "masks: %s ends at %.2f, without masks at %.2f", what, with, without);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    compare(&r, sights, "share_of_columns", false, "the share of columns that carry a neuron");
    compare(&r, sights, "best_cosine", true, "the best cosine with a feature");
    compare(&r, sights, "inside", true, "the share of weights in span(M)");
    compare(&r, sights, "noise_cosine", false, "the cosine of f(x) and f(xi)");
    compare(&r, sights, "readout", true, "the readout");
    compare(&r, sights, "loss", true, "the contrastive loss");
    return reader_close(&r);
}

const struct figure figure_fd_decoupling = {
    .about = {.name = "fd_decoupling",
              .doc = "Neurons trained on sparse features in dense noise, with complementary masks "
                     "and without masks (x_+ = x_1): share of the dictionary's columns that carry "
                     "a neuron, best cosine of a neuron with a feature, share of the weights in "
                     "the span of the dictionary, cosine of the outputs with the outputs for the "
                     "noise alone, accuracy of a linear readout relative to the oracle, and the "
                     "contrastive loss, which is smaller without masks. Lines: means; bands: range "
                     "of the seeds. Thresholds are 0 in the first 500 steps.",
              .source = "[FD], FD-2 and FD-3",
              .params = fd_figure_params,
              .settings_size = sizeof(struct fd_settings_of_figure)},
    .quick = (const char *const[]){"seeds=2", FD_QUICK, NULL},
    .spec = FD_SPEC,
    .compute = compute,
    .script = "paper_figs/fd/fd_decoupling.gp",
    .check = check,
};
