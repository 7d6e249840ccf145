#include "analysis/output_measure.h"
#include "analysis/probes/probes.h"
#include "sim/net/axes.h"

static const char *applies(const struct subject *s)
{
    return s->predictor ? NULL : "no predictor";
}

struct entry {
    const char *path, *long_name;
    int rank; /* 0: a number; 1: one per mode; 2: a matrix */
    const double *value;
};

static struct quantity *add(struct quantity_list *list, const struct network *n,
                            const struct entry *entry)
{
    struct quantity *q = quantity_add(list, entry->long_name, "/series/%s", entry->path);
    if (entry->rank == 1)
        quantity_axis(q, (size_t)n->level[0].width,
                      "eigenvector of E[f f^T], in the order of its eigenvalues", "/mode");
    for (int i = 0; entry->rank == 2 && i < 2; i++)
        add_neurons(q, n, 0);
    q->value = entry->value;
    return q;
}

static void quantities(const void *state, struct quantity_list *list)
{
    const struct output_measure *m = state;
    const struct alignment *a = &m->alignment;
    const struct entry all[] = {
        {"predictor/f_eigenvalues", "eigenvalues s_j of E[f f^T], largest first", 1, a->f_value},
        {"predictor/sigma2", "tr E[f f^T] / tr E[f f_+^T] - 1", 0, &m->sigma2},
        {"predictor/tau", "tr E[f_a f^T] / tr E[f f_+^T]", 0, &m->tau},
        {"predictor/target_cosine", "cosine of the target's weights with the online network's", 0,
         &m->target_cosine},
    };
    const struct entry of_matrix[] = {
        {"alignment",
         "|cos(u_j, W_p u_j)| of every eigenvector u_j of E[f f^T]; noise where s_j is rounding", 1,
         a->cosine},
        {"predictor/p", "u_j^T W_p u_j", 1, a->p_value},
        {"predictor/eigenvalues", "eigenvalues of the symmetric part of W_p, largest first", 1,
         a->predictor},
        {"predictor/asymmetry", "|W_p - W_p^T| / |W_p|", 0, &a->asymmetry},
        {"predictor/commutator", "|[E[f f^T], W_p]|", 0, &a->commutator},
        {"predictor/k_least", "least eigenvalue of K, for isotropic data", 0, &m->k_least},
        {"predictor/balance", "W W^T - W_p^T W_p / alpha_p", 2, m->balance},
    };
    const struct entry rank = {"predictor/effective_rank", "effective rank of E[f f^T]", 0,
                               &a->effective_rank};
    const struct network *n = m->plan.network;
    struct quantity *effective = add(list, n, &rank);
    effective->headline = "effective rank of the outputs";
    effective->brief = "effective rank";
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        add(list, n, &all[i]);
    for (size_t i = 0; outputs_has_matrix(m) && i < sizeof of_matrix / sizeof *of_matrix; i++)
        add(list, n, &of_matrix[i]);
}

const struct probe probe_alignment = {
    .about = {.name = "alignment",
              .doc = "Second moments of the outputs over views, and how the predictor stands to "
                     "them: alignment with their eigenvectors, eigenvalues, asymmetry, commutator, "
                     "balance; effective rank of the outputs. Of a predictor with one matrix "
                     "everything, of others what needs no matrix.",
              .source = "[NCP]"},
    .applies = applies,
    .measurement = &measurement_of_outputs,
    .quantities = quantities,
};
