/* What system calls moved to and from files. */
#ifndef MAYFLY_GUEST_TRANSFER_H
#define MAYFLY_GUEST_TRANSFER_H

#include <stdint.h>

struct process;

/* Calls that read or wrote, and the bytes that they moved. */
struct transfer_counts {
	uint64_t reads, writes, read, written;
};

extern struct transfer_counts transfers_of_first;

/* A process that begins has moved nothing. 0 or -ENOMEM. */
int transfers_create(struct process *process);
void transfers_release(struct process *process);

#endif
