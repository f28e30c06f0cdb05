/* A relay: the process that stands before a worker for one tenant whose clients come over streams.
 *
 * It accepts them, and has for each a connection to the worker of its own (host.h), on which it is a
 * client like any other; or hands the client's own socket over, where it brings a window. What the
 * clients say is looked at here only: whoever takes a relay over has what its tenant has. */
#ifndef MAYFLY_ACCELD_RELAY_H
#define MAYFLY_ACCELD_RELAY_H

#include "acceld/common/worker_handoff.h"
#include "util/error.h"

/* Gives up the rights that it does not need and serves, until SIGTERM has come and the last client has
 * gone. To be called once, while there is one thread, with that signal blocked. The exit status, or a
 * negative errno. */
int relay_run(const struct relay_handoff *handoff, struct error *error);

#endif
