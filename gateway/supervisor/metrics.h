/* What is counted, for Prometheus. */
#ifndef MAYFLY_GATEWAY_METRICS_H
#define MAYFLY_GATEWAY_METRICS_H

#include "supervisor/supervisor.h"

/* Prometheus text; the caller frees it. NULL: no memory. */
char *metrics_print(struct supervisor *self, size_t *length);

#endif
