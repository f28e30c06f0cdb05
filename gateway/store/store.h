/* The gateway's store: what survives its process, in one SQLite database (WAL) below the state directory.
 *
 * What a call has returned 0 for is on disk, whatever ends the process afterwards. All of it may wait for
 * the disk, so it is for threads that may. Thread-safe. Records are those of gateway/link/fields.h.
 */
#ifndef MAYFLY_GATEWAY_STORE_H
#define MAYFLY_GATEWAY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"
#include "util/error.h"

#define STORE_NAMESPACE_USUAL "openfaas-fn"

struct store;

/* Opens or makes it; one process may have it open. EBUSY where another has; EPROTO where it is of another
 * version; EPERM where others may write in the directory, or read the key. The key for secrets is in
 * `directory`/key, mode 0600, made where there is none; EBADMSG where it is not the one of the secrets. */
int store_open(struct store **store, const char *directory, struct error *error);
void store_close(struct store *store);

/* Before the first call is added: so much of the disk new calls leave free (0: a twentieth, at most 1 GiB), or
 * they are refused (ENOSPC). Strangers add calls, and must not have all else fail that is to be written. */
void store_keep_free(struct store *store, uint64_t bytes);

/* ── functions and their revisions ───────────────────────────────────────────────────────────── */

/* A revision: as it was deployed, and what became of its image. Strings are the revision's. */
struct store_revision {
	char *name_space, *name;
	uint64_t number;	  /* counts from 1 for each function; given by the store */
	uint64_t created_s;	  /* since 1970; given by the store */
	struct record deployment; /* FIELD_IMAGE … FIELD_READ_ONLY, as they came */
	struct record prepared; /* what the images made of it: FIELD_DIGEST, FIELD_CONTRACT, … */
};
void store_revision_release(struct store_revision *revision);

/* A function: which revisions its requests go to. */
struct store_function {
	char *name_space, *name;
	uint64_t current;  /* revision */
	uint64_t other;	   /* 0: none */
	unsigned percent;  /* of the requests go to `other` */
	uint64_t replicas; /* as it was scaled; UINT64_MAX: never */
	uint64_t created_s;
};
void store_function_release(struct store_function *function);

/* Adds a revision, and makes it the current one, without another; the function too where there is none yet. The
 * last 10 are kept. EEXIST: `is_new` and the name is taken; ENOENT: not `is_new` and there is none;
 * EINVAL: there is no such namespace. */
int store_deploy(struct store *store, bool is_new, struct store_revision *revision,
		 struct error *error);
int store_remove(struct store *store, const char *name_space, const char *name,
		 struct error *error); /* ENOENT */
int store_split(struct store *store, const char *name_space, const char *name, uint64_t current,
		uint64_t other, unsigned percent, struct error *error); /* ENOENT */
int store_scale(struct store *store, const char *name_space, const char *name, uint64_t replicas,
		struct error *error); /* ENOENT */

/* Each function, or revision of a function; what is given to `found` is its own afterwards. Not 0 from it
 * ends the walk, which then returns that. `found`, here and below, may call the store. */
int store_each_function(struct store *store,
			int (*found)(void *context, struct store_function *function), void *context,
			struct error *error);
int store_each_revision(struct store *store, const char *name_space, const char *name,
			int (*found)(void *context, struct store_revision *revision), void *context,
			struct error *error);

/* ── namespaces ──────────────────────────────────────────────────────────────────────────────── */

/* The usual one is always there. `record`: FIELD_LABEL, FIELD_ANNOTATION. */
int store_namespace_put(struct store *store, const char *name, bool is_new,
			struct record_view record, struct error *error); /* EEXIST, ENOENT */
int store_namespace_remove(struct store *store, const char *name,
			   struct error *error); /* ENOENT; EBUSY: functions or secrets are in it */
int store_each_namespace(struct store *store,
			 int (*found)(void *context, const char *name, struct record_view record),
			 void *context, struct error *error);

/* ── secrets: encrypted with the key, AES-256-GCM ────────────────────────────────────────────── */

int store_secret_put(struct store *store, const char *name_space, const char *name, bool is_new,
		     const void *value, size_t length, struct error *error); /* EEXIST, ENOENT */
int store_secret_remove(struct store *store, const char *name_space, const char *name,
			struct error *error); /* ENOENT */
/* *value: fresh memory, a NUL behind it; to be wiped (explicit_bzero) and freed. ENOENT. EBADMSG: not by
 * this key. */
int store_secret_get(struct store *store, const char *name_space, const char *name, uint8_t **value,
		     size_t *length, struct error *error);
int store_each_secret(struct store *store, const char *name_space, /* NULL: of all */
		      int (*found)(void *context, const char *name_space, const char *name),
		      void *context, struct error *error);

/* ── asynchronous calls: at least once ───────────────────────────────────────────────────────── */

enum store_call_state {
	STORE_CALL_WAITING,  /* until `due_ns` */
	STORE_CALL_RUNNING,  /* taken; as before after a restart, or at its lease's end */
	STORE_CALL_ANSWERED, /* the result waits for its callback to be told */
	STORE_CALL_DONE,     /* kept for a while, for those who ask */
	STORE_CALL_DEAD,     /* given up */
};

struct store_call {
	char *id; /* a UUID */
	char *name_space, *name;
	struct record head; /* as in fields.h, with FIELD_CALLBACK */
	uint8_t *body;
	size_t body_length;
	unsigned attempts; /* of the function, that began */
	uint64_t due_ns;   /* CLOCK_REALTIME */
	enum store_call_state state;
	char *reason; /* of the last failure */
	/* STORE_CALL_ANSWERED and later. */
	unsigned status;
	struct record response_head; /* FIELD_HEADER */
	uint8_t *response;
	size_t response_length;
	bool response_kept; /* by the store already; the store says so */
	uint64_t run_ns;
};
void store_call_release(struct store_call *call);

/* As WAITING. EEXIST: there is one with that id. Threads that add calls at the same time share a commit. */
int store_call_add(struct store *store, const struct store_call *call, struct error *error);
/* Takes the one that has been due for the longest, in that state (WAITING or ANSWERED), as RUNNING until
 * `lease_ns`; *call->id is NULL where there is none, and *next_ns when there will be (UINT64_MAX). Not of
 * functions that `busy` says true for; it must neither call the store nor wait for who does. */
int store_call_take(struct store *store, enum store_call_state state, uint64_t now_ns,
		    uint64_t lease_ns,
		    bool (*busy)(void *context, const char *name_space, const char *name),
		    void *context, struct store_call *call, uint64_t *next_ns, struct error *error);
/* State, attempts, due_ns, reason, status and run_ns are set as `call` says. Of ANSWERED and later the
 * response is kept, too, unless there is one; then (not if it is DEAD) the request's body is no longer. As
 * RUNNING: its lease ends at due_ns. ENOENT. */
int store_call_set(struct store *store, const struct store_call *call, struct error *error);
int store_call_get(struct store *store, const char *id, struct store_call *call,
		   struct error *error); /* ENOENT */
int store_each_call(struct store *store, enum store_call_state state,
		    int (*found)(void *context, const struct store_call *call), void *context,
		    struct error *error); /* without bodies */
/* Forgets those that are done or dead since before that time. */
int store_calls_trim(struct store *store, uint64_t before_ns, struct error *error);

/* ── schedules ───────────────────────────────────────────────────────────────────────────────── */

/* When a function's schedule was last acted on, seconds since 1970; 0: never. */
int store_schedule_get(struct store *store, const char *name_space, const char *name,
		       uint64_t *last_s, struct error *error);
int store_schedule_set(struct store *store, const char *name_space, const char *name,
		       uint64_t last_s, struct error *error); /* ENOENT */

#endif
