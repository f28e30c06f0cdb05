/* Where a deprivileged kernel puts a call, in the place of writing it to a port, so that another
 * thread serves it while the machine runs on: a page of the guest's memory.
 *
 * The guest can write all of it at any time, from what it looks like here to nonsense. Who serves
 * copies a call out of it once; a word that the guest changes meanwhile costs nobody but the guest.
 */
#ifndef MAYFLY_MONITOR_CALL_BOX_H
#define MAYFLY_MONITOR_CALL_BOX_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum call_box_state {
	CALL_BOX_EMPTY,
	CALL_BOX_POSTED,   /* the guest waits for whoever serves */
	CALL_BOX_ANSWERED, /* it goes on behind the write to the port */
	CALL_BOX_REFUSED,  /* it makes the write */
};

/* The stubs' code knows this layout. Each line of the processor's caches has one writer, but the first. */
struct call_box {
	_Alignas(64) _Atomic uint32_t state;
	_Atomic uint32_t port, value;
	/* Of whoever serves. */
	_Alignas(64) _Atomic uint32_t awake; /* not 0: somebody looks at `state` */
	_Atomic uint32_t patience;	     /* for so many ticks of the counter the guest waits */
	/* The stubs' own: a stub has no stack. */
	_Alignas(64) uint64_t kept_rax;
	uint64_t kept_rcx;
	uint32_t kept_flags;
	uint32_t stub_count; /* so many stubs were made, as far as the guest left it so */
};
_Static_assert(sizeof(struct call_box) <= 4096, "stubs follow on a page of their own");

/* From the box. */
#define CALL_BOX_STUBS_OFFSET 4096UL

/* A call as it was posted: a copy. */
struct call_box_call {
	uint32_t port, value;
};

static inline struct call_box_call call_box_look(struct call_box *box)
{
	return (struct call_box_call){
	    .port = atomic_load_explicit(&box->port, memory_order_relaxed),
	    .value = atomic_load_explicit(&box->value, memory_order_relaxed),
	};
}

#endif
