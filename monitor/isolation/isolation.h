/* Isolation: what holds a guest in, behind one table of functions.
 *
 * `kvm` is a virtual machine (hardware or PVM), `process` a Linux process without system calls.
 * Both run the same image through the same window; what differs stays behind this table.
 *
 * A machine belongs to one thread at a time.
 */
#ifndef MAYFLY_MONITOR_ISOLATION_H
#define MAYFLY_MONITOR_ISOLATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "alarm.h"
#include "direct.h"
#include "kernel.h"
#include "mayfly/guest_abi.h"
#include "monitor/memory/image.h"
#include "monitor/memory/window.h"
#include "util/clock.h"
#include "util/descriptors.h"
#include "util/error.h"

enum machine_entry {
	MACHINE_START,	  /* the library OS's first instruction */
	MACHINE_RESUME,	  /* a clone of a frozen machine wakes up */
	MACHINE_CONTINUE, /* after the hypercall that stopped it, or where a tick stopped it */
	MACHINE_UPCALL,	  /* the library OS's upcall entry, after a tick or a fault */
};

enum machine_stop {
	MACHINE_HYPERCALL, /* the hypercall page was called; what for is in the window */
	MACHINE_PORT,	   /* the guest accesses a port; `access` tells */
	MACHINE_MEMORY,	   /* or physical memory that is not there; `access` tells */
	MACHINE_FAULT,	   /* `fault` tells */
	MACHINE_TICK,	   /* interrupted; `fault` has the registers, but not a kernel's */
	MACHINE_HALT,	   /* a kernel's processor waits for an interrupt, and none is pending */
	MACHINE_OUTPUT,	   /* a guest with direct calls has written `output` */
	MACHINE_RUNG,  /* and waits in a call that rings: machine->answer tells what it comes to */
	MACHINE_ENDED, /* and is at its end: `status` tells */
	MACHINE_DEADLINE,
	MACHINE_LOST, /* the machine is gone: killed from outside */
};

/* What a guest wants of a port or of a device's memory. */
struct machine_access {
	uint64_t address; /* the port's number, or the guest-physical address */
	uint32_t size;	  /* bytes of one access: 1, 2, 4 or 8 */
	uint32_t count;	  /* so many one after the other: a string instruction */
	bool is_write;
	/* size * count bytes that are written; or where to put what is read, for MACHINE_CONTINUE.
	 * They stay until the machine runs again. */
	uint8_t *data;
};

/* Why a machine stopped, with all that belongs to it. Which kind of guest it has decides what is
 * done (guests/kind.h). */
struct machine_exit {
	enum machine_stop stop;
	struct machine_access access;
	struct guest_fault fault;
	bool is_final; /* of MACHINE_HALT: it takes no interrupts either, and never goes on */
	/* Of a kernel's MACHINE_FAULT: what it does that cannot be done here, as "it …"; NULL: the
	 * fault says it all. */
	const char *reason;
	struct {
		const uint8_t *data; /* stays until the machine runs again */
		size_t length;
	} output;
	int status; /* as waitpid(2) tells it */
};

/* Where a guest is entered. */
struct machine_entries {
	uint64_t start, resume; /* for MACHINE_START and MACHINE_RESUME */
	uint64_t system_call;	/* where the processor's instruction for system calls goes */
	uint64_t upcall;	/* for MACHINE_UPCALL */
};

/* What a machine's processor holds when it is frozen, for kinds of guests that keep that.
 * What stands in it is the isolation's; it fits no other. A length of 0: nothing. */
#define MACHINE_STATE_MAX 8192
struct machine_state {
	size_t length;
	uint8_t bytes[MACHINE_STATE_MAX];
};

/* What a machine is to be. */
struct machine_description {
	const struct image *image; /* both must outlive it */
	const struct window *window;
	struct machine_entries entries;
	/* From where MACHINE_RESUME goes on, in the place of entries.resume; NULL: from there. It
	 * must outlive the machine, too. */
	const struct machine_state *state;
	/* How a guest begins that was built for the privileged ring; NULL: it is one of ring 3, with
	 * system pages and page tables as page_tables_build() makes them. Must outlive it. */
	const struct kernel_start *kernel;
	/* How a guest begins that makes system calls of the host's; NULL: it makes none. Must outlive
	 * it. */
	const struct direct_start *direct;
	/* It writes to pages of its own (a clone); otherwise it writes into the image itself (the
	 * machine that does the set-up). */
	bool private;
};

/* Whoever serves a kernel's calls from its box (call_box.h) while it runs. The machine and all that
 * belongs to it are theirs from begin() to end(), which the thread calls that runs the machine, around
 * each time that the guest is in it. */
struct machine_aside {
	void (*begin)(void *context); /* NULL: nobody does */
	void (*end)(void *context);
	void *context;
	bool wanted; /* set before the first begin(): the guest is to put its calls there */
};

struct machine {
	const struct isolation *isolation;
	bool same_counter;		     /* the guest's time stamp counter is the host's */
	struct alarm alarm;		     /* when to interrupt the program */
	struct kernel_interrupts interrupts; /* of a kernel; set by its kind of guest */
	struct machine_aside aside;	     /* likewise */
	/* The file with the request of a guest with direct calls, empty before each; -1: none. */
	int request;
	/* Of such a guest's call that rings, set before MACHINE_CONTINUE: 0, it is made; or the negative
	 * errno that it fails with. */
	int answer;
	/* What runs in it is to end where this becomes true; NULL: it never does. */
	const atomic_bool *unwanted;
	/* Signals for the program, as in the control page, which get there when the machine is looked
	 * at; NULL: none come. */
	_Atomic uint64_t *signals;
};

/* How often a machine that runs looks whether it is still wanted. */
#define MACHINE_LOOK_NS 50000000ULL

static inline bool machine_is_unwanted(const struct machine *machine)
{
	return machine->unwanted && atomic_load(machine->unwanted);
}

/* Puts signals that came into the control page. True: the library OS is to take some. */
static inline bool machine_pass_signals(const struct machine *machine,
					volatile struct guest_control *control)
{
	const uint64_t came = machine->signals && atomic_load(machine->signals)
				  ? atomic_exchange(machine->signals, 0)
				  : 0;
	if (came)
		__atomic_fetch_or(&control->signals, came, __ATOMIC_SEQ_CST);
	return machine->signals && control->signals;
}

/* When to look next where there is nothing to do before `until_ns`. */
static inline uint64_t machine_look_ns(const struct machine *machine, uint64_t until_ns)
{
	if (!machine->unwanted)
		return until_ns;
	const uint64_t look_ns = clock_now_ns() + MACHINE_LOOK_NS;
	return look_ns < until_ns ? look_ns : until_ns;
}

struct confine_call;
struct isolation_host; /* each isolation has its own kind */
struct page_run;

/* What a monitor must be allowed to have such machines, beside what each monitor must
 * (sandbox/rights.h). */
struct machine_rights {
	const char *role; /* what the monitor is then, for messages */
	const struct confine_call *calls;
	size_t call_count;
};

struct isolation {
	const char *name;
	bool makes_upcalls; /* run() knows MACHINE_UPCALL */
	bool has_ports;	    /* and stops for ports and memory */
	bool has_kernels;   /* and runs guests that were built for the privileged ring */
	bool has_direct;    /* and guests that make system calls of the host's kernel */

	const struct machine_rights *rights;
	const struct machine_rights *state_rights;  /* and for save() and what comes of it */
	const struct machine_rights *kernel_rights; /* and for guests of the privileged ring */
	const struct machine_rights *direct_rights; /* and for guests with direct calls */

	/* 0 where this machine and user can have it; else the error says what is missing. */
	int (*probe)(struct error *error);

	/* How guests for the privileged ring run here, for people: "in ring 0" and the like; NULL,
	 * with the reason, where they cannot. Where has_kernels is set. */
	const char *(*kernel_way)(struct error *error);
	/* Whether these of this host run in ring 0; else they are deprivileged. Where has_kernels is
	 * set, and there is one. */
	bool (*has_ring_0)(const struct isolation_host *host);

	/* What the machines of one monitor share; it must outlive them. With it, a monitor can make
	 * machines when it has given up the right to open anything. */
	int (*open)(struct isolation_host **host, struct error *error);
	/* After a fork, before the child uses what its parent has opened. */
	int (*adopt)(struct isolation_host *host, struct error *error);
	void (*close)(struct isolation_host *host);
	/* Notes the descriptors that it has open. */
	int (*keep)(const struct isolation_host *host, struct descriptors_kept *kept);
	/* The program that it must be able to start, as a descriptor; NULL: it starts none. */
	int (*helper)(const struct isolation_host *host);

	/* Once for an image that was just loaded and has a kernel: rewrites in its memory what
	 * kernels of this isolation cannot do by themselves. Where has_kernels is set. */
	int (*adapt_kernel)(const struct isolation_host *host, uint8_t *memory,
			    const struct kernel_start *kernel, struct error *error);

	int (*create)(struct machine **machine, const struct isolation_host *host,
		      const struct machine_description *description, struct error *error);

	/* Lets the guest run until it stops. `deadline_ns` is CLOCK_MONOTONIC. An error is the
	 * host's; whatever the guest does is a stop. Process isolation makes upcalls by itself and
	 * knows neither MACHINE_TICK nor MACHINE_UPCALL. */
	int (*run)(struct machine *machine, enum machine_entry entry, uint64_t deadline_ns,
		   struct machine_exit *exit, struct error *error);

	/* The registers of a machine that stopped for a port or for memory, as if that were a
	 * fault. NULL, as are the next two, if the isolation has no ports. */
	int (*inspect)(struct machine *machine, struct guest_fault *fault, struct error *error);

	/* Saves the processor of a machine that stopped for a write to a port, or for memory. */
	int (*save)(struct machine *machine, struct machine_state *state, struct error *error);
	/* The state may be anybody's: false where no machine could have it. */
	bool (*state_is_sound)(const struct isolation_host *host,
			       const struct machine_state *state);

	/* Changes page permissions for the stopped guest. Returns 0 or a negative errno for it. */
	int (*protect)(struct machine *machine, uint64_t address, uint64_t length,
		       uint32_t protection);

	/* Puts pages into the mapping area of the stopped guest (page_area_map()), or takes away
	 * what there is in [address, address + length). Returns 0 or a negative errno for it. */
	int (*map)(struct machine *machine, const struct page_run *run);
	int (*unmap)(struct machine *machine, uint64_t address, uint64_t length);

	/* Address spaces of the stopped guest: page_space_make(), page_space_switch() and
	 * page_space_drop(). Return 0 or a negative errno for it. NULL: it has but one. */
	int (*make_space)(struct machine *machine, uint64_t number, const struct page_run *runs,
			  size_t own, size_t count);
	int (*switch_space)(struct machine *machine, uint64_t number);
	int (*drop_space)(struct machine *machine, uint64_t number);

	/* Guest-physical [physical, physical + length) of a stopped kernel, for devices and
	 * hypercalls: NULL beyond its memory. What stands there may change while it is looked at
	 * only where the guest has another processor, but it is a guest's: copy, then check. NULL
	 * where it has no kernels. */
	uint8_t *(*memory)(struct machine *machine, uint64_t physical, uint64_t length);

	/* How often the time stamp counter of a kernel ticks in a second; 0 where that is not known.
	 * NULL where it has no kernels. */
	uint64_t (*counter_hz)(struct machine *machine);

	/* True when neither the guest nor reset() writes into the window any more, so that another
	 * request may be put there while the machine is reset. */
	bool (*leaves_window)(const struct machine *machine);

	/* Takes the machine's memory and registers back to what the image holds. Not the window.
	 * *pages: how many pages the request had written, 0 where that is not known. */
	int (*reset)(struct machine *machine, uint64_t *pages, struct error *error);

	/* Host memory that this machine alone holds, in bytes; without its window. 0 where that
	 * cannot be known. */
	uint64_t (*private_bytes)(struct machine *machine);

	/* Makes the machine of a set-up a clone of the image that the set-up left, as if it had been created
	 * as one: that takes a fifth of the time of another machine. Its window must be clean. After an error it
	 * is to be destroyed: -ENOTSUP, where this machine cannot. NULL: none can. */
	int (*become_clone)(struct machine *machine, const struct image *image,
			    struct error *error);

	void (*destroy)(struct machine *machine);
};

extern const struct isolation isolation_kvm;
extern const struct isolation isolation_process;

/* What a program knows: both (isolation_table.c), but for a program with a table of its own. */
extern const struct isolation *const isolations[];
extern const size_t isolation_count;

/* The isolation called `name`. "auto" is kvm where it can be had, else process, and then the log
 * says why not kvm. NULL, with the reason, for an unknown name or an isolation that cannot be
 * had. */
const struct isolation *isolation_choose(const char *name, struct error *error);

/* What "auto" takes, without a line in the log; NULL if nothing can be had. `first`, which must be
 * empty, says why the preferred isolation cannot be had, and stays empty if it can. */
const struct isolation *isolation_automatic(struct error *first);

#endif
