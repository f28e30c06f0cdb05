/* A request whose body is the function's input stream, and whose response goes to its output
 * stream; it may be served many times. */
#ifndef MAYFLY_MONITOR_REPEAT_H
#define MAYFLY_MONITOR_REPEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel/channel.h"
#include "monitor/monitor.h"
#include "monitor/server/streams.h"
#include "util/error.h"

struct repeat {
	/* Serves it once. */
	int (*serve)(void *context, const struct request *request, struct request_result *result,
		     struct error *error);
	void *context;
	struct trace_out *trace;
	const struct channel_message *wanted;

	/* What came of it. */
	uint64_t count;	      /* how often it was served */
	uint64_t machines;    /* how often in a machine that had served nothing */
	int32_t first_status; /* that is not 0 */
	uint64_t responded;   /* bytes of the response that was printed */
	bool reader_gone;     /* nobody reads the output any more */
	int figures;	      /* a memory file of struct channel_figures; -1: none */

	/* While it runs. */
	size_t setup_delivered;
	uint8_t *input; /* the whole request, where it is served more than once */
	size_t input_length;
	bool print; /* the response of the request that runs now */
	/* The response of the request before the last, while it may turn out to be the last. */
	uint8_t *response;
	size_t response_length, response_room;
	struct channel_figures *list;
	size_t room;
};

/* Serves it as often as is wanted, or until one does not simply exit; *result is the last one's. An
 * error is the host's, or the response could not be delivered. Release by repeat_release() in any
 * case. */
int repeat_run(struct repeat *repeat, struct request_result *result, struct error *error);
void repeat_release(struct repeat *repeat);

#endif
