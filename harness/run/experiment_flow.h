/* The part of an experiment whose trainer is a flow: from its spec to a network_flow, and its
 * series.  Called by harness/run/experiment.c alone. */
#ifndef DUET_HARNESS_EXPERIMENT_FLOW_H
#define DUET_HARNESS_EXPERIMENT_FLOW_H

#include "harness/run/experiment.h"

/* Points in time, the beginning included. */
size_t experiment_flow_points(const struct experiment *experiment);

/* Whether there is such a flow: STATUS_INVALID with the key to blame. */
enum status experiment_flow_check(const struct experiment *experiment, struct error *err);

/* Lay out, open in laid out memory, close. */
void experiment_flow_layout(struct experiment *experiment, struct arena *arena);
enum status experiment_flow_open(struct experiment *experiment, struct error *err);
void experiment_flow_close(struct experiment *experiment);

enum status experiment_flow_run(struct experiment *experiment, const struct observer *observer,
                                struct error *err);

#endif
