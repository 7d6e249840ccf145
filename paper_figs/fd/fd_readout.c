/* fd_readout: accuracy of a linear readout of a feature label, by the kind of mask. */
#include "paper_figs/fd/fd_runs.h"
#include "paper_figs/figures.h"

static const char *const masks[] = {"none", "independent", "complementary"};

enum { MASKS = sizeof masks / sizeof *masks };

static const struct fd_number numbers[] = {
    {"features/accuracy", "accuracy of a linear readout of sign <w*, z> from f(x), held out"},
    {"features/oracle", "the same from E[z_j | <M_j, x>]"},
    {"features/chance", "share of the more frequent label"},
    {0},
};

static enum status compute(const struct figure_job *job, struct store *store, struct error *err)
{
    return fd_compute(job, store, masks, MASKS, numbers, err);
}

static enum status check(const struct store_file *file, struct sights *sights, struct error *err)
{
    struct reader r = {.file = file, .err = err};
    double accuracy[MASKS];
    for (size_t m = 0; m < MASKS; m++)
        accuracy[m] = fd_end(&r, masks[m], "accuracy");
    const double oracle = fd_end(&r, masks[MASKS - 1], "oracle");
    const double chance = fd_end(&r, masks[MASKS - 1], "chance");
    if (!r.status) {
        sight(sights, accuracy[2] > accuracy[0] + 0.03,
              "accuracy with complementary masks %.3f, without masks %.3f", accuracy[2],
              accuracy[0]);
        sight(sights, accuracy[2] < oracle + 0.01 && accuracy[0] > chance,
              "all accuracies are between chance, %.3f, and the oracle, %.3f (independent masks: "
              "%.3f)",
              chance, oracle, accuracy[1]);
    }
    return reader_close(&r);
}

const struct figure figure_fd_readout = {
    .about = {.name = "fd_readout",
              .doc = "Accuracy of a linear readout of a feature label from the outputs of neurons "
                     "trained without masks, with independent masks and with complementary masks, "
                     "over training and at its end (points: seeds; bars: their means). The oracle "
                     "knows the dictionary and the distribution of the data, and reads out the "
                     "posterior means of the features; chance is the share of the more frequent "
                     "label.",
              .source = "[FD], FD-2 and FD-3",
              .params = fd_figure_params,
              .settings_size = sizeof(struct fd_settings_of_figure)},
    .quick = (const char *const[]){"seeds=2", FD_QUICK, NULL},
    .spec = FD_SPEC,
    .compute = compute,
    .script = "paper_figs/fd/fd_readout.gp",
    .check = check,
};
