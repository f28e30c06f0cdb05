/* A program of a container in a machine of its own: the front of libmayfly. */
#ifndef MAYFLY_OCI_CONTAINER_GUEST_H
#define MAYFLY_OCI_CONTAINER_GUEST_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "mayfly/function.h"
#include "oci/config/config.h"
#include "oci/root/parts.h"
#include "util/error.h"

/* Exit statuses that are not a program's. */
#define GUEST_FAILED 1
#define GUEST_SIGNAL 128 /* plus the signal, as a shell says */

struct guest_run {
	const struct oci_process *process;
	const struct oci_settings *settings;
	uint64_t memory_limit;	       /* of the container, in bytes; 0: none */
	const char *root;	       /* a directory */
	const struct oci_parts *parts; /* of it */
	const char *host_name;	       /* NULL: the usual one */
	/* Told once, when the program is about to run, or why it cannot; what it returns does not
	 * matter: whoever wanted to know may have gone. */
	int (*started)(void *context, const struct error *error);
	void *context;
};

/* Runs the program with this process' standard streams, until it has ended. Signals that end a
 * process by default are given to the program if it handles them, and else end it. 0, and the exit
 * status: the program's, or 128 and a signal; an error where it could not be run. */
int guest_run(const struct guest_run *run, int *exit_status, struct error *error);

/* The description of the program, without what a job and a server differ in. It is valid as long as
 * *run. */
void guest_describe(const struct guest_run *run, struct mayfly_description *description);

/* The signals that are handed on to programs. */
void guest_list_signals(sigset_t *set);

/* From now on this process hears of the signals that engines send by the descriptor (signalfd(2)) that
 * is returned, or a negative errno. */
int guest_catch_signals(struct error *error);

/* Whether a process that does not handle that signal goes on. */
bool guest_signal_is_harmless(int signal);

#endif
