/* Kinds of guests: what a machine may hold, behind one table of functions.
 *
 * `native` is a Linux program beside the library OS. A kind says how its images become memory
 * (load), what a request finds (begin), and what is done when the machine stops (serve_exit). It
 * knows the slot (slot/slot.h) and nothing of other kinds, of how its machine is held in, or of the
 * monitor. How files are told apart is in recognise.h. docs/guest-kinds.md says how to add one.
 */
#ifndef MAYFLY_MONITOR_GUEST_KIND_H
#define MAYFLY_MONITOR_GUEST_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/guests/options.h"
#include "monitor/isolation/isolation.h"
#include "monitor/slot/slot.h"
#include "util/descriptors.h"
#include "util/error.h"

struct root_client;
struct snapshot;

/* A guest as it was loaded, the same for all slots; a kind's own data follow it. Only read while
 * slots run. */
struct guest {
	const struct guest_kind *kind;
	char *name; /* for messages */
	bool debug; /* the guest is to report what it does not know */
	struct machine_entries entries;
	const struct kernel_start *kernel; /* of a guest for the privileged ring; else NULL */
	const struct direct_start *direct; /* of a guest with direct calls; else NULL */
	uint32_t variables_room;	   /* how many variables a request may bring */
	struct root_client *files; /* the server of a root directory; NULL where there is none */
};

/* How a guest goes on. */
enum guest_next {
	GUEST_CONTINUES, /* behind what stopped it */
	GUEST_RESUMES,	 /* as a clone would: there is no set-up to end */
	GUEST_UPCALLED,	 /* at its upcall entry */
	GUEST_FINISHED,	 /* the request is over, and slot->result tells how */
	GUEST_FROZEN,	 /* the set-up is done: the guest waits for its request */
};

struct guest_kind {
	const char *name;
	bool needs_ports;   /* no isolation without them will do */
	bool needs_kernels; /* nor one that runs no guests for the privileged ring */
	bool needs_direct;  /* nor one without direct calls (isolation/direct.h) */
	bool starts_afresh; /* it has no set-up: each request runs the image from its start */
	bool keeps_machine; /* save() keeps a processor's state */
	bool takes_devices; /* guest_options.devices may name some */
	bool
	    has_environment; /* it sees variables of requests; else as many may come as there are */
	/* System calls that it takes beside those of each monitor and of the isolation; NULL:
	 * none. */
	const struct machine_rights *rights;

	/* Makes a guest and its memory of a file; `image` is empty before. What the error says is
	 * meant for who gave the file. */
	int (*load)(struct guest **guest, const struct guest_options *options, struct image *image,
		    struct error *error);
	/* Notes what a snapshot file is to say of the guest beside its memory, while files can
	 * still be read. What it notes is borrowed. */
	int (*describe)(const struct guest *guest, struct snapshot *snapshot, struct error *error);
	/* Makes a guest of a snapshot that was read from a file, of which nothing was checked that
	 * is the kind's own: page tables, entries, program. Takes what it needs out of it. Of the
	 * options only the devices count: a snapshot names no file of the host's. */
	int (*restore)(struct guest **guest, struct snapshot *snapshot,
		       const struct guest_options *options, struct error *error);
	/* Notes descriptors that the guest has open; NULL: none. */
	int (*keep)(const struct guest *guest, struct descriptors_kept *kept);
	/* Frees all that the guest has, but its name and files. */
	void (*unload)(struct guest *guest);

	/* A slot is opened and closed: its devices. NULL: there is nothing to do. */
	int (*open)(struct slot *slot, struct error *error);
	void (*close)(struct slot *slot);

	/* A request, or a set-up, begins: the window is zero. A request that no guest could take is
	 * over at once: with an outcome other than OUTCOME_EXITED it does not run. */
	int (*begin)(struct slot *slot, struct error *error);
	/* A clone is about to go on where its snapshot was taken: gives the guest the answer that it
	 * waits for. *next is GUEST_CONTINUES before; GUEST_FINISHED: the request is over without
	 * that. NULL: nothing is to be done. */
	int (*wake)(struct slot *slot, enum guest_next *next, struct error *error);
	/* A machine that has answered a request goes on with the next one, behind what it stopped for:
	 * tells its devices, and gives the guest an answer that it still waits for. *next as for wake().
	 * NULL: each request needs a machine of its own. */
	int (*go_on)(struct slot *slot, enum guest_next *next, struct error *error);
	/* The machine stopped, but not by its deadline or its loss. What the guest does wrong is
	 * its own affair; an error is the host's, or a response that nobody takes. */
	int (*serve_exit)(struct slot *slot, const struct machine_exit *exit, enum guest_next *next,
			  struct error *error);
	/* The run came to its end, whatever that was: takes what the guest has left. */
	int (*finish)(struct slot *slot, enum slot_end end, struct error *error);

	/* The request is over and its answer known: drops what was only for it, such as connections
	 * of devices, without waiting for the next one. NULL: there is nothing. */
	void (*end)(struct slot *slot);

	/* Keeps what a frozen machine has beside its memory, for slots of its snapshot; the caller
	 * frees state->devices. NULL: there is nothing, the guest's memory has it all. */
	int (*save)(struct slot *slot, struct guest_state *state, struct error *error);
};

extern const struct guest_kind guest_linux;
extern const struct guest_kind guest_native;
extern const struct guest_kind guest_raw;
extern const struct guest_kind guest_solo5;
extern const struct guest_kind guest_solo5_spt;
extern const struct guest_kind guest_unikraft;

/* What a program knows: all of them (kind_table.c), but for a program with a table of its own, which the
 * linker then gives nothing of the others. */
extern const struct guest_kind *const guest_kinds[];
extern const size_t guest_kind_count;

/* The kind of that name; NULL: there is none. */
const struct guest_kind *guest_kind_find(const char *name);

/* The kind that runs `program`; of a root, where it is NULL or a name there. A file that nobody
 * recognises is for the first kind to refuse, which is `native`. */
const struct guest_kind *guest_kind_of(const struct guest_options *options);

/* Frees a guest; NULL does nothing. */
void guest_release(struct guest *guest);

#endif
