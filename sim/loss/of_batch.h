/* The form of losses of the batch: a function of P - N, where P and N are the means over samples
 * and outputs of the squared differences of x_1 to x_+ and to x_1- (the published code, erratum
 * E5). */
#ifndef DUET_SIM_OF_BATCH_H
#define DUET_SIM_OF_BATCH_H

#include "sim/loss/objective.h"

struct of_batch {
    /* Of P - N, and its derivative. */
    double (*loss)(const void *settings, double difference, double *slope);
};

extern const struct form form_of_batch;

#endif
