/* What a guest is made of, as whoever opens a monitor describes it. */
#ifndef MAYFLY_MONITOR_GUEST_OPTIONS_H
#define MAYFLY_MONITOR_GUEST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct root_reviver;
struct vsock_dialer;

/* What is to be loaded. All that it names must stay until that is done. */
struct guest_options {
	const char *program;	      /* path of the host's file, or a name in the root */
	const char *root;	      /* directory, archive or image with the program; NULL: none */
	const char *const *arguments; /* NULL-terminated, the program's name first */
	const char *const *environment; /* NULL-terminated */
	const char *directory;		/* where it starts, a path in the root; NULL: the root */
	bool directory_optional;	/* where that cannot be had it starts in the root */
	uint32_t user, group;		/* who it is inside */
	const char *host_name;		/* of its machine; NULL: the usual one */
	uint64_t memory;		/* bytes for the program */
	/* How many variables a request may bring, up to GUEST_VARIABLES_MAX. */
	uint32_t request_variables;
	/* Files for the program, as struct guest_given_file; a size of 0: none. */
	const void *files;
	uint64_t files_size;
	/* Devices for guests that have some, as KIND:NAME=WHAT (docs/unikernels.md):
	 * NULL-terminated; NULL: none. */
	const char *const *devices;
	/* Memory beside the image can be executed: for images of Solo5 for spt. */
	bool executable_heap;
	/* Who starts the server of a root directory, also later: it must outlive the guest. NULL:
	 * this process. */
	const struct root_reviver *reviver;
	/* Who makes the guest's connections by its vsock; it must outlive the guest. NULL: this
	 * process. */
	const struct vsock_dialer *vsock_dialer;
};

#endif
