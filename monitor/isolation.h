/* Isolation: what holds a guest in, behind one table of functions.
 *
 * `kvm` is a virtual machine (hardware or PVM), `process` a Linux process without system calls.
 * Both run the same image through the same window; what differs stays behind this table.
 *
 * A machine belongs to one thread at a time.
 */
#ifndef MAYFLY_MONITOR_ISOLATION_H
#define MAYFLY_MONITOR_ISOLATION_H

#include <stdbool.h>
#include <stdint.h>

#include "alarm.h"
#include "image.h"
#include "mayfly/guest_abi.h"
#include "util/error.h"
#include "window.h"

enum machine_entry {
	MACHINE_START,	  /* the library OS's first instruction */
	MACHINE_RESUME,	  /* a clone of a frozen machine wakes up */
	MACHINE_CONTINUE, /* behind the hypercall that stopped it, or where a tick stopped it */
	MACHINE_UPCALL,	  /* the library OS's upcall entry, after a tick or a fault */
};

enum machine_stop {
	MACHINE_HYPERCALL, /* number and arguments are in the control page */
	MACHINE_FAULT,	   /* *fault tells */
	MACHINE_TICK,	   /* interrupted; *fault has the registers */
	MACHINE_DEADLINE,
	MACHINE_LOST, /* the machine is gone: killed from outside */
};

/* Beyond the processor's exception numbers, process isolation only: the guest got around the
 * library OS. It made a system call that its process may not make; or it ended its process, or
 * takes no answers to its hypercalls. Of struct guest_fault nothing else is known. */
#define MACHINE_VECTOR_FORBIDDEN 32
#define MACHINE_VECTOR_ASTRAY	 33

struct machine {
	const struct isolation *isolation;
	bool same_counter;  /* the guest's time stamp counter is the host's */
	struct alarm alarm; /* when to interrupt the program */
};

struct isolation_host; /* each isolation has its own kind */
struct page_run;

struct isolation {
	const char *name;
	bool makes_upcalls; /* run() knows MACHINE_UPCALL */

	/* 0 where this machine and user can have it; else the error says what is missing. */
	int (*probe)(struct error *error);

	/* What the machines of one monitor share; it must outlive them. With it, a monitor can make
	 * machines when it has given up the right to open anything. */
	int (*open)(struct isolation_host **host, struct error *error);
	/* After a fork, before the child uses what its parent has opened. */
	int (*adopt)(struct isolation_host *host, struct error *error);
	void (*close)(struct isolation_host *host);

	/* A machine for `image` and `window`, which must outlive it. `private`: it writes to pages
	 * of its own (a clone); otherwise it writes into the image itself (the machine that does
	 * the set-up). */
	int (*create)(struct machine **machine, const struct isolation_host *host,
		      const struct image *image, const struct window *window, bool private,
		      struct error *error);

	/* Lets the guest run until it stops. `deadline_ns` is CLOCK_MONOTONIC. An error is the
	 * host's; whatever the guest does is a stop. Process isolation makes upcalls by itself and
	 * knows neither MACHINE_TICK nor MACHINE_UPCALL. */
	int (*run)(struct machine *machine, enum machine_entry entry, uint64_t deadline_ns,
		   enum machine_stop *stop, struct guest_fault *fault, struct error *error);

	/* Changes page permissions for the stopped guest. Returns 0 or a negative errno for it. */
	int (*protect)(struct machine *machine, uint64_t address, uint64_t length,
		       uint32_t protection);

	/* Puts pages into the mapping area of the stopped guest (page_area_map()), or takes away
	 * what there is in [address, address + length). Returns 0 or a negative errno for it. */
	int (*map)(struct machine *machine, const struct page_run *run);
	int (*unmap)(struct machine *machine, uint64_t address, uint64_t length);

	/* Takes the machine's memory and registers back to what the image holds. Not the window.
	 * *pages: how many pages the request had written, 0 where that is not known. */
	int (*reset)(struct machine *machine, uint64_t *pages, struct error *error);

	/* Host memory that this machine alone holds, in bytes; without its window. 0 where that
	 * cannot be known. */
	uint64_t (*private_bytes)(struct machine *machine);

	void (*destroy)(struct machine *machine);
};

extern const struct isolation isolation_kvm;
extern const struct isolation isolation_process;

/* The isolation called `name`; "auto" is kvm where it can be had, else process, and why not kvm is
 * logged. NULL for an unknown name or where it cannot be had, with the reason. */
const struct isolation *isolation_choose(const char *name, struct error *error);

/* What "auto" takes, without a word in the log. `first`, which is empty before, tells why the
 * isolation that is preferred cannot be had; it stays empty where it can. NULL where none can. */
const struct isolation *isolation_automatic(struct error *first);

#endif
