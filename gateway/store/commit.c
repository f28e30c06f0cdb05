/* Transactions that threads share.
 *
 * A commit waits for the disk, some tenths of a millisecond or more. So whoever comes while another commits
 * leaves its job in a list; the first of them to wake up leads: it does all jobs in the list in one
 * transaction, each within a savepoint, so that one that fails takes nothing else with it.
 */
#include "store/inside.h"

struct store_job {
	store_work *work;
	void *context;
	struct error *error; /* the caller's; may be NULL */
	int result;
	bool done;
	pthread_cond_t turn; /* it is done, or is to lead */
	struct store_job *next;
};

/* The caller's error must not be filled in by what concerned another's job. */
static int fail_all(struct store_job *jobs, int result, const struct error *error)
{
	for (struct store_job *job = jobs; job; job = job->next) {
		job->result = result;
		if (job->error)
			*job->error = *error;
	}
	return result;
}

/* 0, or a negative errno where the whole transaction is lost. */
static int do_job(struct database *writer, struct store_job *job, struct error *error)
{
	int result = database_execute(writer, "SAVEPOINT job", error);
	if (result)
		return result;
	job->result = job->work(writer, job->context, job->error);
	if (job->result && sqlite3_get_autocommit(writer->handle)) {
		/* No room, no memory or no disk: SQLite has rolled back all of it. */
		if (job->error)
			*error = *job->error;
		return job->result;
	}
	return database_execute(
	    writer, job->result ? "ROLLBACK TO job; RELEASE job" : "RELEASE job", error);
}

static void do_jobs(struct database *writer, struct store_job *jobs)
{
	struct error error = {0};
	int result = database_execute(writer, "BEGIN IMMEDIATE", &error);
	for (struct store_job *job = jobs; job && !result; job = job->next)
		result = do_job(writer, job, &error);
	if (!result)
		result = database_execute(writer, "COMMIT", &error);
	if (!result)
		return;
	if (!sqlite3_get_autocommit(writer->handle))
		database_execute(writer, "ROLLBACK", NULL);
	fail_all(jobs, result, &error);
}

/* With the lock held, which it gives away meanwhile. */
static void lead(struct store *store)
{
	struct store_job *jobs = store->first;
	store->first = NULL;
	store->last = &store->first;
	store->leading = true;
	pthread_mutex_unlock(&store->commit_lock);
	do_jobs(&store->writer, jobs);
	pthread_mutex_lock(&store->commit_lock);
	store->leading = false;
	for (struct store_job *job = jobs, *next; job; job = next) {
		next = job->next; /* a job may be gone when it is done */
		job->done = true;
		pthread_cond_signal(&job->turn);
	}
	if (store->first)
		pthread_cond_signal(&store->first->turn);
}

int store_commit(struct store *store, store_work *work, void *context, struct error *error)
{
	struct store_job job = {
	    .work = work, .context = context, .error = error, .turn = PTHREAD_COND_INITIALIZER};
	lock_scoped(&store->commit_lock);
	*store->last = &job;
	store->last = &job.next;
	while (!job.done)
		if (store->leading)
			pthread_cond_wait(&job.turn, &store->commit_lock);
		else
			lead(store);
	return job.result;
}
