/* What the store's files share. */
#ifndef MAYFLY_GATEWAY_STORE_INSIDE_H
#define MAYFLY_GATEWAY_STORE_INSIDE_H

#include <pthread.h>

#include "store/database.h"
#include "store/seal.h"
#include "store/store.h"
#include "util/lock.h"

struct store_job;

struct store {
	char *directory;
	int directory_file; /* for fsync(2), and paths below it */
	int lock_file;
	int calls_directory; /* of large bodies */
	uint64_t keep_free;  /* bytes of the disk; 0: a share of it */

	/* Reading: a connection of its own, so that nobody waits for a commit. */
	pthread_mutex_t read_lock;
	struct database reader;

	/* Writing (commit.c): whoever leads has the connection, the others wait until it has done their
	 * jobs. */
	pthread_mutex_t commit_lock;
	bool leading;
	struct store_job *first, **last; /* that wait for the next leader */
	struct database writer;

	/* Calls that are being taken at this moment, and by which nobody else is to be tempted (calls.c). */
	pthread_mutex_t take_lock;
	struct store_claim *claims;

	struct seal_key *key;
};

/* ── writing ─────────────────────────────────────────────────────────────────────────────────── */

/* Part of a transaction: 0, or a negative errno, and then nothing of it is kept. It may be called by
 * another thread, while the one that asked waits. */
typedef int store_work(struct database *database, void *context, struct error *error);

/* Has it done in a transaction, together with what other threads want at this moment, and returns when that
 * is on disk. */
int store_commit(struct store *store, store_work *work, void *context, struct error *error);

/* ── reading ─────────────────────────────────────────────────────────────────────────────────── */

/* Has it done on one state of the database. It must not call the store. */
int store_read(struct store *store, store_work *work, void *context, struct error *error);

/* ── names ───────────────────────────────────────────────────────────────────────────────────── */

/* EINVAL where there is no such namespace. */
int store_need_namespace(struct database *database, const char *name_space, struct error *error);
/* ENOENT where there is no such function. */
int store_need_function(struct database *database, const char *name_space, const char *name,
			struct error *error);

/* Seconds since 1970. */
uint64_t store_now_s(void);

/* ── opening ─────────────────────────────────────────────────────────────────────────────────── */

/* Makes the tables where there are none; EPROTO where they are of another version. */
int store_schema_open(struct database *database, const char *directory, struct error *error);
/* Finds or makes the key, and checks that the secrets were sealed by it. */
int store_key_open(struct store *store, struct error *error);
/* What was running when the process ended waits again. */
int store_calls_open(struct store *store, struct error *error);

#endif
