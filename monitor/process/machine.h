/* One guest process: how it is made, and the talk with it (machine.c); its memory
 * (memory.c). isolation.c runs it. Belongs to one thread at a time. */
#ifndef MAYFLY_MONITOR_PROCESS_MACHINE_H
#define MAYFLY_MONITOR_PROCESS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest.h"
#include "host.h"
#include "monitor/isolation/isolation.h"
#include "monitor/memory/page_area.h"

struct machine_process {
	struct machine machine;
	const struct process_host *host;
	const struct image *image;
	const struct window *window;
	struct machine_entries entries;
	bool private; /* a clone */
	/* Page tables that say what is mapped where in the process: the image's own for the set-up,
	 * a copy-on-write view of them for a clone. */
	struct page_area area;
	struct process_setup *setup;
	size_t setup_size;
	/* Of a guest with direct calls (direct.h); else NULL. It has neither page tables nor what is
	 * above. */
	const struct direct_start *direct;
	struct process_direct_setup *direct_setup;

	pid_t pid;  /* 0: there is no process */
	int socket; /* its end kills the process */
	/* Both ends of the commands' pipe: so a write to a dead process is no SIGPIPE. */
	int commands[2];
	/* The file of pages that are at several addresses, the process's alone; -1: none. */
	int shared;
	off_t shared_from, shared_to; /* there is data in it; the last that was looked for */
	int events;		      /* of a guest with direct calls: what it writes */
	int listener;	 /* tells of the call that rings; -1: it has not come, or there is none */
	uint64_t rung;	 /* the number of the call that waits; 0: none does */
	bool unanswered; /* the answer to the last one has not reached it */
	uint64_t deadline_ns; /* of the request that runs */
	int failed;	      /* negative errno: it did not answer to a command */
};

static inline struct machine_process *machine_process(struct machine *machine)
{
	return (struct machine_process *)machine;
}

/* Makes the machine that `host`, `image`, `window` and `private` tell of; its descriptors are -1.
 * After an error it is to be dismantled. */
int process_machine_build(struct machine_process *self, struct error *error);
void process_machine_dismantle(struct machine_process *self);

/* Fills self->setup, which is all zeros: the same for all processes of a machine (setup.c). Where pages
 * are, and what may be done with them, comes from the page tables, which know what the set-up changed. */
int process_setup_build(struct machine_process *self, struct error *error);

/* Puts a new process in the place of the one that there is,
 * with the memory that the image holds. */
int process_machine_replace(struct machine_process *self, struct error *error);

/* The process is at its end. *known: `status` has it, as waitpid(2) tells it, and nobody outside
 * killed it. An error where it could not become a guest. */
int process_machine_end(struct machine_process *self, int *status, bool *known,
			struct error *error);

/* Sends PROCESS_BATCH_MAX commands at most. Never blocks: -EAGAIN where the guest takes none. 0 or a
 * negative errno. */
int process_machine_send(const struct machine_process *self, const struct process_command *commands,
			 size_t count);

/* Waits until there is something to read from the process, and interrupts the guest when its alarm
 * is due. 0, -ETIMEDOUT past the deadline, or another negative errno. */
int process_machine_wait(struct machine_process *self, uint64_t deadline_ns);

/* Waits for the event byte in the same way. 0, -ETIMEDOUT, -EPIPE: the process is at its end. */
int process_machine_await(struct machine_process *self, uint64_t deadline_ns, uint8_t *event);

/* PROT_READ | … of GUEST_READ | …. */
uint32_t process_memory_bits(uint32_t protection);

/* True if the pages of a shared run lie in the file of such pages already. */
bool process_memory_is_in_file(struct machine_process *self, const struct page_run *run);

/* These are isolation_process's protect, map, unmap and private_bytes. */
int process_memory_protect(struct machine *machine, uint64_t address, uint64_t length,
			   uint32_t protection);
int process_memory_map(struct machine *machine, const struct page_run *run);
int process_memory_unmap(struct machine *machine, uint64_t address, uint64_t length);
uint64_t process_memory_private_bytes(struct machine *machine);

#endif
