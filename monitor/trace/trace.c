/* The trace of a guest's system calls; see trace.h. */
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "line.h"
#include "util/cleanup.h"
#include "util/log.h"

void trace_begin(struct slot *slot)
{
	volatile struct guest_control *control = window_control(&slot->window);
	control->trace = slot->request->trace != NULL;
	slot->traced_call = NULL;
	slot->trace_origin_ns = control->clock.monotonic_ns;
}

static void trace_say(const struct slot *slot, const char *line)
{
	slot->request->trace(slot->request->context, line, strlen(line),
			     slot->deadline_ns + MONITOR_DELIVERY_NS);
}

void trace_take(struct slot *slot)
{
	volatile struct guest_control *control = window_control(&slot->window);
	uint64_t length = control->trace_length;
	if (!slot->request->trace || !length)
		return;
	control->trace_length = 0;
	control->trace_taken++;
	if (length > WINDOW_TRACE_SIZE)
		length = WINDOW_TRACE_SIZE;
	/* Copied before it is looked at: the accelerator host shares the window. */
	cleanup_free uint8_t *records = malloc(length);
	if (!records) {
		log_warn("no memory for a trace: some of it is lost");
		return;
	}
	memcpy(records, slot->window.memory + WINDOW_TRACE_OFFSET, length);
	char line[TRACE_LINE_MAX];
	for (uint64_t at = 0; at < length;) {
		size_t size = trace_line(records + at, length - at, slot->trace_origin_ns, line,
					 sizeof(line));
		if (!size) {
			trace_say(slot, "-- what follows cannot be read --\n");
			return;
		}
		trace_say(slot, line);
		slot->traced_call = trace_record_call(records + at);
		at += size;
	}
}

static void describe_end(const struct request_result *result, char *line, size_t size)
{
	switch (result->outcome) {
	case OUTCOME_EXITED:
		snprintf(line, size, "-- exited with %d --\n", result->status);
		break;
	case OUTCOME_SIGNALED:
	case OUTCOME_CRASHED:
		snprintf(line, size, "-- killed by SIG%s --\n", sigabbrev_np(result->status));
		break;
	case OUTCOME_DEADLINE:
		snprintf(line, size, "-- stopped at its deadline --\n");
		break;
	case OUTCOME_LOST:
		snprintf(line, size, "-- killed from outside --\n");
		break;
	}
}

void trace_finish(struct slot *slot, enum slot_end end)
{
	char line[64] = "";
	if (!slot->request->trace)
		return;
	trace_take(slot);
	if (end == SLOT_FINISHED)
		describe_end(slot->result, line, sizeof(line));
	else if (slot->setup && slot->traced_call)
		snprintf(line, sizeof(line), "-- snapshot: %s asks for the request --\n",
			 slot->traced_call);
	else if (slot->setup)
		snprintf(line, sizeof(line), "-- snapshot --\n");
	trace_say(slot, line);
}
