/* The trace of system calls; see trace.h.
 *
 * The record of a call is written before the call is served, so that one that never returns (exit,
 * a fault, the deadline) is seen, too. When the call returns its record is completed where it lies;
 * only if it was taken meanwhile, or another thread's record follows it, a second one is made. */
#include "trace.h"

#include <time.h>

#include "guest/lib/text.h"
#include "guest/machine/clock.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"

#define ARGUMENTS 6

/* No record is larger: each argument with a path behind it. */
#define RECORD_MAX                                                                                 \
	(sizeof(struct guest_trace_record) +                                                       \
	 ARGUMENTS * (sizeof(struct guest_trace_data) + GUEST_TRACE_STRING_MAX))

static char *trace_area(void)
{
	return (char *)GUEST_WINDOW_BASE + WINDOW_TRACE_OFFSET;
}

/* The program's string from `address`, as far as it can be read, at most `room` bytes. */
static uint64_t copy_string(char *out, uint64_t address, uint64_t room, bool *more)
{
	for (uint64_t i = 0; i < room; i++) {
		uint64_t next = address + i;
		if ((i == 0 || next % GUEST_PAGE_SIZE == 0) && !user_readable(next, 1))
			return i;
		out[i] = *(const char *)next;
		if (!out[i])
			return i;
	}
	*more = true;
	return room;
}

/* How many bytes there are behind an argument that is no string, once the call has come to
 * `result`; 0: nothing to show. */
static uint64_t data_length(char letter, uint64_t following, bool returned, int64_t result)
{
	switch (letter) {
	case 'w':
		return following;
	case 'r':
		return returned && result > 0 ? (uint64_t)result : 0;
	case 't':
		return sizeof(struct timespec);
	case 'T':
		return returned && !result ? sizeof(struct timespec) : 0;
	case 'D':
		return returned && !result ? 2 * sizeof(int32_t) : 0;
	default:
		return 0;
	}
}

/* Puts what the arguments point to behind a record. */
static void copy_data(struct guest_trace_record *record, const char *letters, bool returned)
{
	for (uint32_t i = 0; i < ARGUMENTS && letters[i]; i++) {
		struct guest_trace_data *data = (void *)((char *)record + record->size);
		char *bytes = (char *)(data + 1);
		uint64_t address = record->arguments[i], length;
		bool more = false;
		if (letters[i] == 's') {
			if (!user_readable(address, 1))
				continue;
			length = copy_string(bytes, address, GUEST_TRACE_STRING_MAX, &more);
		} else {
			uint64_t following = i + 1 < ARGUMENTS ? record->arguments[i + 1] : 0;
			length = data_length(letters[i], following, returned, record->result);
			more = length > GUEST_TRACE_BYTES_MAX;
			length = more ? GUEST_TRACE_BYTES_MAX : length;
			if (!length || !address || !user_readable(address, length))
				continue;
			memcpy(bytes, (const void *)address, length);
		}
		*data = (struct guest_trace_data){
		    .argument = i,
		    .length = (uint16_t)length,
		    .more = more,
		};
		record->size += (uint32_t)(sizeof(*data) + ((length + 7) & ~7UL));
	}
}

/* A new record at the end of the area, for which there is room. */
static struct guest_trace_record *add_record(enum guest_trace_kind kind, uint64_t begin_ns,
					     uint64_t number, const uint64_t arguments[6])
{
	volatile struct guest_control *control = machine_control();
	if (control->trace_length > WINDOW_TRACE_SIZE - RECORD_MAX)
		machine_hypercall(HYPERCALL_TRACE, 0, 0, 0);
	struct guest_trace_record *record = (void *)(trace_area() + control->trace_length);
	*record = (struct guest_trace_record){
	    .size = sizeof(*record),
	    .kind = kind,
	    .begin_ns = begin_ns,
	    .thread = (uint64_t)thread_current()->id,
	    .number = number,
	};
	memcpy(record->arguments, arguments, sizeof(record->arguments));
	return record;
}

static uint64_t record_end(const struct guest_trace_record *record)
{
	return (uint64_t)((const char *)record - trace_area()) + record->size;
}

void trace_begin(struct trace_call *call, uint64_t number, const uint64_t arguments[6],
		 const char *letters)
{
	volatile struct guest_control *control = machine_control();
	call->begin_ns = clock_read_ns(false);
	struct guest_trace_record *record =
	    add_record(GUEST_TRACE_CALLED, call->begin_ns, number, arguments);
	copy_data(record, letters, false);
	call->offset = (uint64_t)((char *)record - trace_area());
	call->end = record_end(record);
	call->taken = control->trace_taken;
	call->programs = process_current()->program_count;
	control->trace_length = call->end;
}

void trace_end(const struct trace_call *call, uint64_t number, const uint64_t arguments[6],
	       const char *letters, int64_t result)
{
	volatile struct guest_control *control = machine_control();
	struct guest_trace_record *record;
	/* There was room for the record with everything that may follow it. */
	if (control->trace_taken == call->taken && control->trace_length == call->end) {
		record = (void *)(trace_area() + call->offset);
		record->kind = GUEST_TRACE_RETURNED;
	} else {
		record = add_record(GUEST_TRACE_RESUMED, call->begin_ns, number, arguments);
	}
	record->end_ns = clock_read_ns(false);
	record->result = result;
	/* Of a call that began another program there is no more to be had than was seen before. */
	if (call->programs == process_current()->program_count) {
		record->size = sizeof(*record);
		copy_data(record, letters, true);
	}
	control->trace_length = record_end(record);
}
