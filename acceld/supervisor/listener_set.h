/* All sockets of an accelerator host: its own and those of tenants, what their workers know of them,
 * and the relays that stand before them. */
#ifndef MAYFLY_ACCELD_LISTENER_SET_H
#define MAYFLY_ACCELD_LISTENER_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "acceld/common/listener_message.h"
#include "acceld/common/worker_handoff.h"
#include "acceld/config/config.h"
#include "util/error.h"

#define RETIRED_RELAYS_MAX 4

/* What the worker still has to be told of a listener. */
enum tell {
	TELL_NOTHING,
	TELL_ALL,     /* that it is there */
	TELL_CHANGES, /* its policy */
	TELL_END,     /* that it is gone; then it is forgotten here */
};

struct relay_state {
	pid_t pid;	   /* 0: none */
	uint64_t start_ns; /* of this one, or of the next one */
	unsigned failures; /* in a row that died young */
	/* Those before, which serve the clients that they have and take no new ones; 0: none. */
	pid_t retired[RETIRED_RELAYS_MAX];
};

/* Which sandbox a socket belongs to (sandboxes.c). */
struct sandbox_place {
	const struct sandboxes_config *config; /* NULL: this is no sandbox's */
	char id[NAME_MAX + 1];		       /* its directory, below that of `config` */
	bool in_root;			       /* in "root" there */
	char uds[POLICY_NAME_MAX];	       /* the virtual machine monitor's socket */
	dev_t device;
	ino_t file;
	int64_t born_ns; /* 0 where the file system does not say */
	bool seen;	 /* by the scan that goes on */
};

struct served_listener {
	enum listener_kind kind;
	uint64_t number;
	enum tell tell;
	struct tenant_config *config; /* NULL: the host's own */
	int socket;		      /* of the host's own: somebody else's */
	int handover[2];	      /* the relay's end and the worker's; -1: no relay */
	struct relay_state relay;
	struct sandbox_place sandbox;
	struct served_listener *next;
};

struct listener_set {
	struct served_listener *list;
	uint64_t next_number;
	int control; /* of the worker; -1: there is none */
};

void listener_set_init(struct listener_set *set);

/* Removes all sockets' names and ends all relays. */
void listener_set_release(struct listener_set *set);

/* In a forked child: forgets everything, and closes it. */
void listener_set_forget(struct listener_set *set);

/* The host's own socket, which stays the caller's. 0 or -ENOMEM. */
int listener_set_add_own(struct listener_set *set, int socket);

/* No more clients there: its worker gives it up by itself. */
void listener_set_remove_own(struct listener_set *set);

/* Makes the tenants that are there those of the configuration: who keeps a name and an address stays,
 * with connections. A negative errno, and nothing has changed. */
int listener_set_apply(struct listener_set *set, const struct config *config, struct error *error);

/* Adds one with a listening socket, which belongs to the set then, also where this fails. The new one,
 * or NULL where there is no memory. `config` is copied. */
struct served_listener *listener_set_add(struct listener_set *set,
					 const struct tenant_config *config, int socket);

/* Its relays are killed and the worker will be told; its socket's name is the caller's business. */
void listener_set_remove(struct served_listener *listener);

/* A tenant that stays gets another configuration. */
void listener_set_change(struct served_listener *listener, const struct tenant_config *config);

/* A control socket for the next worker, which is told everything. Returns its end, or a negative
 * errno. */
int listener_set_begin_worker(struct listener_set *set, struct error *error);

/* Tells the worker what it does not know, as far as it listens. */
void listener_set_tell(struct listener_set *set);
bool listener_set_has_to_tell(const struct listener_set *set);

/* ── relays (relays.c) ───────────────────────────────────────────────────────────────────────── */

/* When the next relay is to start (CLOCK_MONOTONIC); 0: none is. */
uint64_t relays_due_ns(const struct listener_set *set);

/* The one that is due first, which is to be forked now; NULL: none. */
struct served_listener *relays_next(struct listener_set *set, uint64_t now_ns);

void relays_started(struct served_listener *listener, pid_t pid);
void relays_not_started(struct served_listener *listener);

/* Takes away those that have ended. */
void relays_reap(struct listener_set *set);

/* The relay takes no more clients, and another one starts; nothing where there is none. */
void relays_replace(struct served_listener *listener);

/* Kills all of a listener, and waits for them. */
void relays_kill(struct served_listener *listener);

/* In a forked child: what its relay is given, which the listener does not have any more. */
void relays_hand_off(struct served_listener *listener, struct relay_handoff *handoff);

#endif
