/* What is kept of a container between commands: a directory for each, ROOT/ID, which only its owner
 * may enter. In it are
 *
 *     state.json    this structure; replaced as a whole
 *     config.json   the configuration as it was at `create`: later commands do not look at the bundle
 *     control       the socket on which its process waits for `start`; gone when it has started
 *     lock          held (flock(2)) by a command that changes the container
 *
 * Whether it runs is not written down: it is asked of the kernel, by the process' number and the time
 * at which it began, because numbers are used again. Not thread-safe.
 */
#ifndef MAYFLY_OCI_CONTAINER_STATE_H
#define MAYFLY_OCI_CONTAINER_STATE_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oci/config/config.h"
#include "util/error.h"

#define CONTAINER_ID_MAX 255
#define CONTAINER_ROOT	 "/run/mayfly-oci" /* where nobody names another one */

enum container_status {
	CONTAINER_CREATING,
	CONTAINER_CREATED, /* its process waits for `start` */
	CONTAINER_RUNNING,
	CONTAINER_PAUSED, /* running, and its control group is frozen */
	CONTAINER_STOPPED,
};

extern const char *const container_status_names[];

struct container {
	char id[CONTAINER_ID_MAX + 1];
	char path[PATH_MAX]; /* of its directory */
	int directory;	     /* it; -1: not open */
	int lock;	     /* -1: not taken */
	/* What state.json has: */
	pid_t pid;		/* 0: none yet */
	uint64_t began;		/* of the process: clock ticks since the machine's start */
	uint64_t created_s;	/* since 1970 */
	bool ready;		/* `create` is through with it */
	char bundle[PATH_MAX];	/* absolute */
	char cgroup[PATH_MAX];	/* path in each hierarchy */
	char rootfs[PATH_MAX];	/* absolute, in the container's mount namespace */
	char runtime[NAME_MAX]; /* another runtime that has it in its care; "": none */
	json_t *annotations;	/* an object of texts, or NULL */
};

#define CONTAINER_NONE                                                                             \
	{                                                                                          \
		.directory = -1, .lock = -1                                                        \
	}

/* 0, or -EINVAL for what is no name of a container: letters, digits and "_+-.", and no dot first. */
int container_check_id(const char *id, struct error *error);

/* Makes the directory of a new container, and takes its lock. -EEXIST. After an error nothing is
 * left. */
int container_make(struct container *container, const char *root, const char *id,
		   struct error *error);

/* Reads what is kept of one: -ENOENT where there is none. Without a state.json (its `create` was
 * killed) it has no process, and is stopped. */
int container_open(struct container *container, const char *root, const char *id,
		   struct error *error);

/* Closes it; what is kept stays. Nothing for CONTAINER_NONE. */
void container_close(struct container *container);

/* Waits until no other command changes it, and keeps others waiting until it is closed; then reads
 * again what is kept. -ENOENT where it has been removed meanwhile. */
int container_lock(struct container *container, struct error *error);

void container_unlock(struct container *container);

/* Keeps the structure in state.json. */
int container_save(const struct container *container, struct error *error);

/* Keeps a copy of the configuration's file (at most OCI_CONFIG_SIZE_MAX bytes) and parses that. */
int container_keep_config(const struct container *container, struct oci_config *config,
			  struct error *error);

int container_read_config(const struct container *container, struct oci_config *config,
			  struct error *error);

/* Notes annotations of the configuration. -ENOMEM. */
int container_note_annotations(struct container *container, const struct oci_config *config,
			       struct error *error);

/* Removes the directory and what is in it, as far as this program put it there. */
int container_remove(struct container *container, struct error *error);

/* When a process began; 0 where there is none, or it has ended and was not waited for. */
uint64_t container_process_began(pid_t pid);

/* Whether its process is there, and is the one that was noted. */
bool container_is_alive(const struct container *container);

/* Sends a signal to that process, and to no other that has its number now. -ESRCH where it is gone. */
int container_signal(const struct container *container, int signal);

enum container_status container_find_status(const struct container *container);

/* The state as hooks and `state` get it, with `more` members of `state` alone; for json_decref().
 * NULL without memory. */
json_t *container_describe(const struct container *container, enum container_status status,
			   bool more);

#endif
