/* Metrics for Prometheus: a process beside an accelerator host, which answers GET /metrics.
 *
 * It has no plugins, models or clients' bytes in it, and no right but to take connections and to ask
 * the host for its statistics. Strangers talk to it, so it is a process of its own, which another one
 * starts again where they have brought it down. Both end with the
 * parent. */
#ifndef MAYFLY_ACCELD_METRICS_H
#define MAYFLY_ACCELD_METRICS_H

#include "util/error.h"

/* Listens at `address` (unix:///path or tcp://host:port), in the calling process, so that a mistake is
 * told at the start. The socket, or a negative errno. */
int metrics_listen(const char *address, struct error *error);

/* Forks them, for the host at `socket_path`, which need not serve yet; the socket is its own
 * then. 0 or a negative errno. */
int metrics_start(int listener, const char *socket_path, struct error *error);

#endif
