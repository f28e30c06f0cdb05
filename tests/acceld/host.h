/* For tests: a real mayfly-acceld in a run-time directory of its own, and peers that use it as a
 * monitor does: a sealed memfd as window, messages made by the guest's side of the codec.
 *
 * All functions return 0 or a negative errno and print what went wrong.
 */
#ifndef MAYFLY_TESTS_HOST_H
#define MAYFLY_TESTS_HOST_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "accel/wire/call.h"
#include "accel_client/accel_client.h"

struct host {
	pid_t pid;
	char directory[64]; /* XDG_RUNTIME_DIR of this process while the host lives */
	char socket[128];   /* for the settings that this process had when it was made or started */
};

/* Makes the directory only. */
int host_directory_make(struct host *host);
void host_directory_remove(struct host *host);

/* Starts $MAYFLY_ACCELD --foreground with up to 4 further arguments (NULL ends them) and waits
 * until it serves. `plugins` is its VACCEL_PLUGINS. */
int host_start(struct host *host, const char *plugins, const char *const arguments[]);

/* Ends it by `signal`, waits and removes the directory. Returns the wait status. */
int host_stop(struct host *host, int signal);

/* The supervisor of a host in the background, with whichever settings: who listens at its socket,
 * as the kernel tells who connects. -1 where there is none. */
pid_t host_pid(const struct host *host);

/* The worker of this supervisor; -1 while there is none. */
pid_t host_worker(pid_t supervisor);

/* Its log, where it is in the background. */
void host_log_path(const struct host *host, char *path, size_t size);

/* The children of this process that are called so, at most `room`. Returns how many. */
size_t host_children(pid_t parent, const char *name, pid_t *children, size_t room);

/* Where tenants' workers come from; -1 while there is none. */
pid_t host_zygote(pid_t supervisor);

/* Tenants' workers that there are now, at most `room`. Returns how many. */
size_t host_tenants(pid_t supervisor, pid_t *workers, size_t room);

/* A host in the background is nobody's child: it is gone when its lock is free. */
bool host_is_gone(const struct host *host, int patience_ms);

/* Waits until a noop of the probe plugin is under way at `socket` (NULL: of the host on demand), which
 * takes seconds. False where none comes. */
bool host_has_noop(const char *socket);

/* Of a running process. */
int host_count_descriptors(pid_t pid);
int host_count_threads(pid_t pid);

#define PEER_WINDOW_SIZE (1UL << 20)

struct peer {
	int window_fd;
	uint8_t *window;
	uint64_t request;
	struct accel_client *client;
	uint64_t deadline_ns; /* for calls: how long is waited; 0: for ever */
	uint64_t limit_ns;    /* for calls: how long the op may take; 0: no limit of its own */
	uint64_t extent;      /* of the last call's message */
};

/* A window that the host accepts, mapped. */
int peer_window_make(struct peer *peer);
void peer_window_release(struct peer *peer);

/* At `socket`, or on demand where that is NULL. */
int peer_open(struct peer *peer, const char *socket);
void peer_close(struct peer *peer);

/* The op's status (0 or a positive VACCEL_ code), or a negative errno of the client. */
int peer_call(struct peer *peer, const struct accel_call *call);

/* Why the last call failed, as its answer says it; "" where it does not. Returns `text`. */
const char *peer_reason(const struct peer *peer, char *text, size_t size);

/* The calls that a guest makes. Ids are positive; a failure is returned as -status. */
int64_t peer_session_init(struct peer *peer, uint32_t flags);
int peer_session_release(struct peer *peer, int64_t session);
int64_t peer_register_model(struct peer *peer, int64_t session, const char *name);
int64_t peer_register_blob(struct peer *peer, int64_t session, uint32_t type, const char *name,
			   const void *content, size_t length);
/* With the arguments of WIRE_OP_RESOURCE_REGISTER as they are. */
int64_t peer_register(struct peer *peer, int64_t session, const struct vaccel_arg *inputs,
		      size_t input_count);
int peer_unregister(struct peer *peer, int64_t session, int64_t resource);
int peer_noop(struct peer *peer, int64_t session);

/* IMAGE_CLASSIFY of some bytes: the text is cut to `size`. */
int peer_classify(struct peer *peer, int64_t session, char *text, size_t size);

/* IMAGE_DETECT of a picture. */
int peer_detect(struct peer *peer, int64_t session, const void *picture, size_t length, char *text,
		size_t size);

#endif
