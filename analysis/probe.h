/* Probes: what can be measured of a run at points in time and kept as series.
 *
 * A probe is one file in analysis/probes/ that exports one `const struct probe`: its name and
 * parameters, the runs that it applies to, and its quantities with axes, long names and headlines.
 * The record of a run (harness/run/record.h) keeps, stores, summarises and lists them, and knows no
 * probe by name.
 *
 * The numbers come from a `struct measurement`.  Probes that take theirs from the same work on the
 * same samples name the same measurement, which is laid out and made once for all of them. */
#pragma once

#include "analysis/registry.h"
#include "core/arena.h"
#include "core/quantity.h"
#include "core/state.h"
#include "sim/data/source.h"
#include "sim/net/network.h"
#include "sim/net/predictor.h"
#include "sim/train/snapshot.h"

#include <string.h>

enum {
    PROBE_MOST = 32,   /* probes: bits of measure.probes */
    PROBE_THREADS = 8, /* that can measure at once, at most */
};

/* A run that is measured; everything is borrowed and stays as it is. */
struct subject {
    const struct source *source;
    const void *world;
    const struct tree *tree; /* latents of the data; NULL: there are none */
    const struct network *network;
    const struct predictor *predictor; /* NULL: there is none */
    bool class_head;                   /* one is learned (sim/net/class_head.h) */
    bool exact;                        /* snapshots have exact moments, and nothing is sampled */
    double alpha_p;                    /* learning rate of the predictor over the trunk's */
    double eta_p,
        eta_s; /* weight decay of predictor and trunk, as in a flow: dW/dt = ... - eta W */
    const struct measure_settings *settings;
    uint64_t seed;
    int threads; /* 1..PROBE_THREADS */
    /* The probes that measure it, in the order of the registry: see probes_choose. */
    const struct probe *probe[PROBE_MOST];
    const void *probe_settings[PROBE_MOST]; /* their measure.NAME.*; NULL where they have none */
    size_t probes;
};

/* Work that gives the numbers of one probe, or of several. */
struct measurement {
    size_t size; /* bytes of the state; the caller zeroes them, and they stay in their place */
    /* Lay out in `arena`, once counting, once real; only what the chosen probes ask for. */
    void (*layout)(void *state, const struct subject *subject, struct arena *arena);
    /* Measure one point in time.  STATUS_DIVERGED where what is measured is not finite. */
    enum status (*measure)(void *state, const struct snapshot *snapshot, struct error *err);
    /* Add what is measured with the first point alone, once that is whole, to the state of a run;
     * NULL: every point is measured anew. */
    void (*lasting)(void *state, struct state_list *list);
    /* Bytes taken beside the arena while it measures; NULL: none. */
    size_t (*memory)(const struct subject *subject);
};

struct probe {
    struct descriptor about; /* its parameters are measure.NAME.* */
    bool always;             /* measured wherever anything is, named or not */
    /* NULL where it applies, or else why not, in words such as "no predictor". */
    const char *(*applies)(const struct subject *subject);
    const struct measurement *measurement;
    /* Add its quantities, from the state of its measurement, after the real layout. */
    void (*quantities)(const void *state, struct quantity_list *list);
};

/* Place of the probe of that name among those that measure; `probes` where it is not chosen. */
static inline size_t probe_place(const struct subject *s, const char *name)
{
    size_t i = 0;
    while (i < s->probes && strcmp(s->probe[i]->about.name, name) != 0)
        i++;
    return i;
}

static inline bool probe_is_chosen(const struct subject *subject, const char *name)
{
    return probe_place(subject, name) < subject->probes;
}

/* Its parameters. */
static inline const void *probe_settings(const struct subject *subject, const char *name)
{
    return subject->probe_settings[probe_place(subject, name)];
}

/* ---- all probes of a run ---- */

/* Fill `subject->probe` with those of settings->probes that apply; an empty list leaves it empty.
 * `named`: the list is not the default, and one that does not apply is STATUS_INVALID.
 * `settings`: those of measure.NAME, by the order of the registry, or NULL. */
enum status probes_choose(struct subject *subject, const void *const *settings, bool named,
                          struct error *err);

/* "alignment (no predictor), ...": the probes of settings->probes that do not apply. */
void probes_left_out(const struct subject *subject, char *text, size_t size);

/* The measurements of the chosen probes.  Owns their states. */
struct probe_set {
    const struct subject *subject; /* borrowed */
    const struct measurement *measurement[PROBE_MOST];
    void *state[PROBE_MOST];
    size_t count;
};

/* Free with probe_set_free, also after an error. */
enum status probe_set_open(struct probe_set *set, const struct subject *subject, struct error *err);
void probe_set_free(struct probe_set *set);

/* Lay out in `arena`: call once counting, once real. */
void probe_set_layout(struct probe_set *set, struct arena *arena);

enum status probe_set_measure(struct probe_set *set, const struct snapshot *snapshot,
                              struct error *err);

/* The quantities of all chosen probes: `set` is a struct probe_set, for a struct quantity_source.
 */
void probe_set_quantities(const void *set, struct quantity_list *list);

/* Add what lasts of all of them. */
void probe_set_lasting(const struct probe_set *set, struct state_list *list);

/* Bytes beside the arena, of the measurement that takes most. */
size_t probe_set_memory(const struct probe_set *set);

/* The state of a measurement; NULL: no chosen probe has it. */
void *probe_set_state(const struct probe_set *set, const struct measurement *measurement);
