/* Sandboxes of virtual machine monitors with hybrid vsocks (Firecracker, Cloud Hypervisor): a guest
 * that connects to port P of its host reaches whoever listens at the Unix socket `<uds>_P` beside the
 * monitor's own `<uds>`.
 *
 * A directory of the configuration is watched. Whenever DIR/ID/NAME or DIR/ID/root/NAME is a socket
 * and NAME one of the configured names, sandbox ID is a tenant until that socket is gone. */
#ifndef MAYFLY_ACCELD_SANDBOXES_H
#define MAYFLY_ACCELD_SANDBOXES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "acceld/supervisor/listener_set.h"

/* One that has begun lately. */
struct sandbox_begun {
	char id[NAME_MAX + 1];
	uint64_t begun_ns; /* CLOCK_MONOTONIC; 0: this place is free */
};

#define SANDBOXES_BEGUN_MAX 64

/* Of directories, as inotify numbers them. */
struct sandbox_watches {
	int *list;
	size_t count, room;
};

struct sandboxes {
	struct listener_set *set;
	const struct config *config;
	int inotify;	  /* to be polled; -1: there is nothing to watch */
	uint64_t scan_ns; /* when to look again (CLOCK_MONOTONIC); 0: when something happens */
	uint64_t rest_ns; /* no look before that, so that looking is not all that is done */
	bool full;	  /* it has been said that there are too many */
	struct sandbox_begun begun[SANDBOXES_BEGUN_MAX];
	struct sandbox_watches watches, before; /* of the last scan, and of the one before */
};

void sandboxes_init(struct sandboxes *sandboxes, struct listener_set *set);

/* Watches the directories of `config` from now on, which is to stay until the next one comes.
 * Sandboxes whose directory is in it, too, stay tenants. 0 or a negative errno. */
int sandboxes_configure(struct sandboxes *sandboxes, const struct config *config,
			struct error *error);

/* Something has happened: takes the events, and plans a look. */
void sandboxes_hear(struct sandboxes *sandboxes);

/* Looks which sandboxes there are. */
void sandboxes_scan(struct sandboxes *sandboxes);

/* Closes, in a child; the other one also removes the sockets' names. */
void sandboxes_forget(struct sandboxes *sandboxes);
void sandboxes_release(struct sandboxes *sandboxes);

#endif
