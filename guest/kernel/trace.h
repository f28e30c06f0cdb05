/* The trace of system calls: binary records in the window, which the monitor turns into text. They
 * leave the guest when their area is full and with the hypercalls that are made anyhow. */
#ifndef MAYFLY_GUEST_TRACE_H
#define MAYFLY_GUEST_TRACE_H

#include <stdint.h>

/* A call between its beginning and its end. */
struct trace_call {
	uint64_t begin_ns;
	uint64_t offset, end; /* its record in the trace area */
	uint64_t taken;	      /* how often the monitor had taken the records before it */
	uint32_t programs;    /* program_count of the process */
};

/* Both take the letters of the arguments as calls.def has them. */
void trace_begin(struct trace_call *call, uint64_t number, const uint64_t arguments[6],
		 const char *letters);
void trace_end(const struct trace_call *call, uint64_t number, const uint64_t arguments[6],
	       const char *letters, int64_t result);

#endif
