/* One guest process: how it is made, and the talk with it (process_machine.c); its memory
 * (process_memory.c). isolation_process.c runs it. Belongs to one thread at a time. */
#ifndef MAYFLY_MONITOR_PROCESS_MACHINE_H
#define MAYFLY_MONITOR_PROCESS_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "isolation.h"
#include "page_area.h"
#include "process_guest.h"
#include "process_host.h"

struct machine_process {
	struct machine machine;
	const struct process_host *host;
	const struct image *image;
	const struct window *window;
	bool private; /* a clone */
	/* Page tables that say what is mapped where in the process: the image's own for the set-up,
	 * a copy-on-write view of them for a clone. */
	struct page_area area;
	struct process_setup *setup;
	size_t setup_size;

	pid_t pid;  /* 0: there is no process */
	int socket; /* its end kills the process */
	/* Both ends of the commands' pipe: so a write to a dead process is no SIGPIPE. */
	int commands[2];
	int events;
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

/* Puts a new process in the place of the one that there is, with the memory that the image holds.
 */
int process_machine_replace(struct machine_process *self, struct error *error);

/* Waits for the end of a process that is ending. False where somebody else took its status. */
bool process_machine_reap(pid_t pid, int *status);

/* Never blocks: -EAGAIN where the guest takes no commands. 0 or a negative errno. */
int process_machine_send(const struct machine_process *self, const struct process_command *command);

/* Waits for the event byte, and interrupts the guest when its alarm is due. 0, -ETIMEDOUT past the
 * deadline, -EPIPE: the process is at its end. */
int process_machine_await(struct machine_process *self, uint64_t deadline_ns, uint8_t *event);

/* These are isolation_process's protect, map, unmap and private_bytes. */
int process_memory_protect(struct machine *machine, uint64_t address, uint64_t length,
			   uint32_t protection);
int process_memory_map(struct machine *machine, const struct page_run *run);
int process_memory_unmap(struct machine *machine, uint64_t address, uint64_t length);
uint64_t process_memory_private_bytes(struct machine *machine);

#endif
