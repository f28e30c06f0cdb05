/* Models and code that a client sends run in a worker of this client's own, and this is its other side: the
 * connection's thread in the worker that all clients share (tenant_channel.h).
 *
 * The worker of a tenant that may run code can load libraries, which that of others cannot.
 *
 * A tenant's worker is made when the first of them comes, and ended whenever that is the simplest way
 * to be sure of something: with the connection, when a model is taken away, when a deadline has
 * passed, when somebody else needs its place. Nothing is lost by that but time, since the
 * bytes are kept here (sent_model.h): `generation` tells which worker has been given which.
 *
 * Functions return 0 or a positive VACCEL_ code, and then have set the op's reason.
 */
#ifndef MAYFLY_ACCELD_TENANT_H
#define MAYFLY_ACCELD_TENANT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct account;
struct sent_files;
struct tenant;
struct wire_message;

/* Those of all connections. */
struct tenants {
	int zygote;	      /* takes orders; -1: nothing that is sent can run */
	unsigned limit;	      /* workers at once */
	pthread_mutex_t lock; /* protects what follows, and what struct tenant says */
	pthread_cond_t rested;
	unsigned count;	     /* workers */
	struct tenant *list; /* that have one */
	uint64_t uses;
};

/* Models that clients have sent, at most, in the host; fewer where it may not open many files. */
#define TENANT_MODELS_MAX 4096

/* `zygote` stays the caller's. */
void tenants_init(struct tenants *tenants, int zygote, unsigned limit);

/* No tenant may be left. */
void tenants_release(struct tenants *tenants);

/* One connection's; only its own thread calls these functions. */
struct tenant {
	struct tenants *tenants;
	struct account *account; /* memory of large messages, and workers at work */
	int client_socket;	 /* the connection's socket; when it is hung up, no op goes on */
	uint64_t generation;	 /* of the worker; grows */
	uint64_t serial;	 /* of the last request */
	/* Under the lock while it is not busy, as others may end its worker then. */
	uint8_t *memory; /* for messages, shared with the worker; NULL: none */
	size_t size;
	uint64_t taken;	    /* of it out of the budget */
	int channel, leash; /* -1: there is no worker */
	const char *runs;   /* what it has last been asked to run, in words */
	bool busy;
	bool stopped; /* its op has been, while it waited */
	uint64_t last_used;
	struct tenant *next, *previous;
};

void tenant_init(struct tenant *tenant, struct tenants *tenants, struct account *account,
		 int client_socket);

/* Ends the worker, if there is one: kills it, in the middle of whatever it does. */
void tenant_end(struct tenant *tenant);

/* Makes sure that there is a worker, a new one (of a new generation) where need be, and that it
 * stays until tenant_rest(). Waits for a place, and for its tenant's share of them, until the op's
 * deadline: VACCEL_EUSERS. */
int tenant_begin(struct tenant *tenant);
void tenant_rest(struct tenant *tenant);

/* In between: gives the worker the model or the libraries in the memory files, under the name `key`, in
 * a session of this number. */
int tenant_register(struct tenant *tenant, int64_t session, uint32_t flags, uint64_t key,
		    const struct sent_files *files);

/* In between: has the worker serve a message that wire_decode() has read, and copies its answer
 * there. `key` is the model that the message names; 0: none. 0: answered, whatever the op's own
 * status; a VACCEL_ code: it is for the caller to answer. */
int tenant_call(struct tenant *tenant, int64_t session, uint32_t flags, uint64_t key,
		struct wire_message *message);

#endif
