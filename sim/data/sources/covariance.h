/* Covariance matrices that a spec gives, and normal numbers that have them.
 *
 * A key such as data.signal takes
 *     one number           the same variance in all directions,
 *     a list               of eigenvalues, one an input: the inputs are the eigenvectors,
 *     a list of lists      the whole matrix, symmetric and positive semi-definite.
 * A basis turns what a key says: its rows then take the place of the inputs. */
#pragma once

#include "core/arena.h"
#include "core/descriptor.h"
#include "core/normal.h"
#include "core/product.h"

enum { SOURCE_MAX_INPUTS = 1024 };

/* Owns its memory; fill with covariance_create. */
struct covariance {
    size_t n;
    double *matrix; /* [n][n] */
    double *sd;     /* [n], of independent inputs */
    double *factor; /* [n][n], matrix = factor^T factor; NULL where inputs are independent */
    struct product product;
    struct arena arena;
};

/* `basis`: orthonormal rows [n][n], or NULL for the inputs as they are.  Errors blame `key`: a
 * wrong length, an asymmetric matrix, one with an eigenvalue below -1e-12 of the largest. */
enum status covariance_create(struct covariance *c, const char *key, const struct reals *given,
                              size_t n, const double *basis, struct error *err);
void covariance_free(struct covariance *c);

/* Normal numbers [n][BLOCK] with this covariance and mean 0, from lanes `lane` ... `lane + n - 1`
 * of the draw.  `out` and `work` ([n][BLOCK], overwritten) start on 64 bytes. */
void covariance_draw(const struct covariance *c, struct draw draw, uint64_t lane, double *work,
                     double *out);

/* ---- what sources of normal data share ---- */

/* The first member of their settings. */
struct signal_settings {
    int64_t dimension;
    struct reals signal;
    bool rotated;
};

/* The basis of their covariances, to be freed by the caller; NULL where they are not rotated. */
enum status signal_basis(const struct signal_settings *settings, uint64_t seed, double **basis,
                         struct error *err);

/* Their lines of a parameter table. */
#define SIGNAL_PARAMS                                                                              \
    INTEGER_PARAM(struct signal_settings, dimension, "32", 1, SOURCE_MAX_INPUTS, "n: inputs"),     \
        NUMBER_PARAM(                                                                              \
            "signal", PARAM_REALS, struct signal_settings, signal, "1", -UNBOUNDED, UNBOUNDED,     \
            "Sigma^x, the covariance of the data: one number for all directions; a list of n "     \
            "eigenvalues; or a list of n lists, the whole symmetric matrix"),                      \
        BOOLEAN_PARAM(                                                                             \
            struct signal_settings, rotated, "false",                                              \
            "true: one rotation, drawn with the seed, turns every covariance; false: the "         \
            "eigenvalues of a list belong to the inputs in their order")
