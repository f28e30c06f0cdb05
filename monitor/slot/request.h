/* One request, and what became of it. */
#ifndef MAYFLY_MONITOR_REQUEST_H
#define MAYFLY_MONITOR_REQUEST_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long beyond its deadline a request's response may take to reach a slow reader, so that what
 * the program wrote before is not lost. */
#define MONITOR_DELIVERY_NS 500000000ULL

/* One request. The first `length` bytes are at `data`; what can be read from `fd`, where that is not
 * negative, or what `refill` gives, where there is one, follows them. */
struct request {
	/* NULL: they stand in the request area of the slot's window already. Not for
	 * monitor_prepare(). */
	const void *data;
	size_t length;
	/* So many variables stand in the variables area. Those for which the guest has no room are
	 * not seen. */
	uint32_t variable_count;
	bool unbuffered; /* the response is handed on at each write of the guest */
	int fd;
	/* Puts the next part of the request into the request area, waiting until that time
	 * (CLOCK_MONOTONIC) at most. 0, with the part's length and whether it is the last one;
	 * -EAGAIN where none came; or another negative errno, which fails the request. NULL: there
	 * is no more. */
	int (*refill)(void *context, uint64_t until_ns, uint64_t *length, bool *complete);
	/* Told when no more is read, before the request area is cleared: nobody may write to it when
	 * the call has returned. A negative errno fails the slot. NULL: nobody does. */
	int (*settle)(void *context);
	uint64_t timeout_ns; /* from when it is served */
	bool lasts; /* it begins anew with each part of the response, and then of the request */
	/* Bytes; 0: no limit. A response that is longer ends the request as a crash with SIGXFSZ;
	 * of a longer log the rest is dropped. */
	uint64_t response_limit, log_limit;
	/* So many bytes of the set-up's output this request has already: they are handed on while the
	 * set-up runs, if monitor_prepare() is given this request, and not again when it is served.
	 * NULL: all of it is handed on when it is served. */
	size_t *setup_delivered;
	/* Takes a part of the response. 0 or a negative errno, which fails the request; -ETIMEDOUT
	 * ends it as its deadline does. `deadline_ns` (CLOCK_MONOTONIC) is until when it may take:
	 * MONITOR_DELIVERY_NS longer than the program may. */
	int (*respond)(void *context, const void *data, size_t length, uint64_t deadline_ns);
	/* Takes a part of the program's standard error. Where it takes longer than until
	 * `deadline_ns`, the program is stopped. */
	void (*log)(void *context, const void *data, size_t length, uint64_t deadline_ns);
	/* Told when the request is over and *result is known but for `reset_ns`, while the slot is
	 * or may not yet be reset. The response area then stays as the last part of the response
	 * left it until the next request begins. `free`: the rest of the window is clean, and its
	 * request area may be filled for that request; else it may be only when slot_serve()
	 * returns. NULL: nobody wants to know, and nothing is left in the window. */
	void (*answered)(void *context, bool free);
	/* Becomes true where nobody wants an answer any more: the request then ends as its deadline
	 * does, at most MACHINE_LOOK_NS later; an op that is under way is waited for. NULL: it is
	 * always wanted. */
	const atomic_bool *unwanted;
	/* Signals for the program are added here, and taken at most MACHINE_LOOK_NS later; NULL: none
	 * may come. Programs beside the library OS get them, and no others. */
	_Atomic uint64_t *signals;
	/* Takes lines about the program's system calls; NULL where no trace is wanted. */
	void (*trace)(void *context, const char *line, size_t length, uint64_t deadline_ns);
	void *context;
};

enum outcome {
	OUTCOME_EXITED,	  /* status: the program's */
	OUTCOME_SIGNALED, /* status: the signal by which it ended itself */
	OUTCOME_CRASHED,  /* status: the signal that Linux would have sent; report tells */
	OUTCOME_DEADLINE,
	OUTCOME_LOST, /* the machine was killed from outside */
};

#define REPORT_MAX 4096

struct request_result {
	enum outcome outcome;
	int status;
	/* Lines about a crash, a missing library, what a deadline cut short; else empty. */
	char report[REPORT_MAX];
	uint64_t clone_ns, run_ns, reset_ns;
	uint64_t pages; /* written by the request; 0 where not known */
	uint64_t ops, op_ns;
	uint64_t served_before; /* requests that its machine had served; 0: it was a new one */
};

#endif
