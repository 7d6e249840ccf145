#include "sim/registry.h"
#include "sim/loss/objectives/objectives.h"

static const struct descriptor *const objectives[] = {
    &objective_simple.about,        &objective_simple_beta.about,
    &objective_triplet.about,       &objective_infonce.about,
    &objective_exact_cov.about,     &objective_ntxent.about,
    &objective_reference_nce.about, &objective_reference_subtract.about,
    &objective_byol.about,          &objective_simsiam.about,
    &objective_no_stopgrad.about,   &objective_byol_cosine.about,
    &objective_supcon_out.about,    &objective_supcon_in.about,
    &objective_suncet.about,        &objective_cacr.about,
    &objective_loco.about,          &objective_comatch.about,
};

const struct registry objective_registry = {"objective", objectives,
                                            sizeof objectives / sizeof *objectives};
