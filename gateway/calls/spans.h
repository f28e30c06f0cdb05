/* Spans of requests for OpenTelemetry: gathered, and posted as OTLP over HTTP with JSON by the courier. */
#ifndef MAYFLY_GATEWAY_SPANS_H
#define MAYFLY_GATEWAY_SPANS_H

#include <stdint.h>

#include "courier/courier.h"
#include "supervisor/peer.h"

struct spans;

/* `endpoint`: the URL that spans are posted to, as it is ("http://…/v1/traces"). Stays the caller's. */
int spans_open(struct spans **spans, const char *endpoint, struct error *error);
void spans_close(struct spans *spans);

/* A request has been answered. The span belongs to the trace that its header traceparent names, or begins one.
 * More than so many between two posts are dropped and counted. NULL: nobody wants spans. */
void spans_add(struct spans *spans, const struct call *call, unsigned code, uint64_t total_ns);

/* Posts what there is, unless the last post is still under way. Once a second. */
void spans_post(struct spans *spans, struct courier *courier);

#endif
