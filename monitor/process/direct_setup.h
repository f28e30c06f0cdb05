/* What a process is told that becomes a guest with direct calls (monitor/isolation/direct.h). */
#ifndef MAYFLY_MONITOR_PROCESS_DIRECT_SETUP_H
#define MAYFLY_MONITOR_PROCESS_DIRECT_SETUP_H

#include "guest.h"
#include "monitor/isolation/direct.h"
#include "util/error.h"

/* In fresh memory: the same for all processes of a machine. */
int process_direct_setup_make(struct process_direct_setup **setup, const struct direct_start *start,
			      struct error *error);

/* Descriptors of one process; all stay the caller's. */
struct process_direct_files {
	int output; /* the pipe's end that the guest writes to */
	int image;
	int commands; /* the pipe's end that the process reads */
	int request;  /* -1: there is none */
	int window;
};

/* Sends it all by `socket`. */
int process_direct_setup_send(const struct process_direct_setup *setup,
			      const struct direct_start *start,
			      const struct process_direct_files *files, int socket,
			      struct error *error);

/* Puts a new file for the request, all zeros, in the place of *fd, which may be -1. Without a size
 * there is none. */
int process_direct_renew_request(int *fd, uint64_t size, struct error *error);

#endif
