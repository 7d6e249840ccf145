#include "paper_figs/ncp/ncp_runs.h"

void ncp_runs_put(struct run_list *runs, size_t i, const struct ncp_setting *s)
{
    run_list_set(runs, i, "network.layers=%s", s->relu ? "[64, 32]" : "[32]");
    run_list_set(runs, i, "network.activation=%s", s->relu ? "relu" : "linear");
    run_list_set(runs, i, "network.bias=%s", s->relu ? "true" : "false");
    run_list_set(runs, i, "predictor.symmetric=%s", s->symmetric ? "true" : "false");
    run_list_set(runs, i, "objective.ema=%.17g", s->ema);
    run_list_set(runs, i, "predictor_optimiser.lr_ratio=%.17g", s->alpha_p);
    run_list_set(runs, i, "predictor_optimiser.weight_decay=%.12g", s->eta_p);
    run_list_set(runs, i, "optimiser.weight_decay=%.12g", s->eta);
    run_list_set(runs, i, "optimiser.lr=%.12g", NCP_RATE);
    run_list_set(runs, i, "train.batch=%d", NCP_BATCH);
    run_list_set(runs, i, "train.epochs=%lld", (long long)s->epochs);
    run_list_set(runs, i, "train.samples=%lld", (long long)s->samples);
    run_list_set(runs, i, "seed=%zu", s->seed);
}
