/* What all guest processes of a monitor share: the program that becomes a guest, by descriptor, so
 * that a monitor can start it when it has no files any more.
 *
 * Only read once it is open: one object serves many threads. */
#ifndef MAYFLY_MONITOR_PROCESS_HOST_H
#define MAYFLY_MONITOR_PROCESS_HOST_H

#include <sys/types.h>

#include "monitor/isolation/isolation.h"
#include "util/error.h"

struct process_host {
	int helper;    /* process_guest */
	int processes; /* /proc; -1: this process may not look into it */
};

/* 0 where this machine and user can have guest processes; else the error says what is missing. */
int process_host_probe(struct error *error);

/* These are isolation_process's open, close, adopt, helper and keep. */
int process_host_open(struct isolation_host **host, struct error *error);
void process_host_close(struct isolation_host *host);
int process_host_adopt(struct isolation_host *host, struct error *error);
int process_host_helper(const struct isolation_host *host);
int process_host_keep(const struct isolation_host *host, struct descriptors_kept *kept);

/* Starts a helper with the socket as its only descriptor. 0 or a positive errno. */
int process_host_spawn(const struct process_host *host, int socket, pid_t *pid);

static inline const struct process_host *process_host(const struct isolation_host *host)
{
	return (const struct process_host *)host;
}

#endif
