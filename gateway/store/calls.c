/* Asynchronous calls: what becomes of them; see calls_take.c for who runs them. */
#include "store/calls.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "util/clock.h"

void store_call_release(struct store_call *call)
{
	free(call->id);
	free(call->name_space);
	free(call->name);
	free(call->body);
	free(call->reason);
	free(call->response);
	record_release(&call->head);
	record_release(&call->response_head);
	*call = (struct store_call){0};
}

int call_read_row(sqlite3_stmt *statement, struct store_call *call, uint64_t *number,
		  struct error *error)
{
	*number = column_number(statement, 0);
	call->state = column_number(statement, 5)
			  ? STORE_CALL_RUNNING
			  : (enum store_call_state)column_number(statement, 4);
	call->attempts = (unsigned)column_number(statement, 6);
	call->due_ns = column_moment(statement, 7);
	call->status = (unsigned)column_number(statement, 8);
	call->run_ns = column_number(statement, 9);
	call->response_kept = column_number(statement, 4) >= STORE_CALL_ANSWERED;
	int result = column_text(statement, 1, &call->id, error);
	if (!result)
		result = column_text(statement, 2, &call->name_space, error);
	if (!result)
		result = column_text(statement, 3, &call->name, error);
	if (!result)
		result = column_text(statement, 10, &call->reason, error);
	return result;
}

static int no_call(const char *id, struct error *error)
{
	return error_set(error, ENOENT, "there is no call %s", id);
}

static bool is_over(enum store_call_state state)
{
	return state == STORE_CALL_DONE || state == STORE_CALL_DEAD;
}

/* ── changes ─────────────────────────────────────────────────────────────────────────────────── */

/* A call that is written, and the file of its body or response. */
struct change {
	const struct store_call *call;
	char file[CALL_FILE_NAME];
	bool used;		     /* the file */
	struct call_file_list *list; /* what is not needed any more */
};

/* Before the transaction: what is too large for it. */
static int prepare_change(struct store *store, struct change *change, const void *data,
			  size_t length, struct error *error)
{
	return length < CALL_FILE_MIN ? 0
				      : call_file_write(store, data, length, change->file, error);
}

/* And after it. */
static int end_change(struct store *store, struct change *change, int result)
{
	if (result || !change->used)
		call_file_remove(store, change->file);
	call_file_list_end(store, change->list, !result);
	return result;
}

static int add_call(struct database *database, void *context, struct error *error)
{
	static const char sql[] =
	    "INSERT INTO calls (id, name_space, name, state, running, attempts, due_ns, ended_ns,"
	    " status, run_ns, reason) VALUES (?, ?, ?, ?, 0, ?, ?, 0, 0, 0, ?)"
	    " ON CONFLICT DO NOTHING";
	struct change *change = context;
	const struct store_call *call = change->call;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, call->id);
	bind_text(statement, 2, call->name_space);
	bind_text(statement, 3, call->name);
	bind_number(statement, 4, STORE_CALL_WAITING);
	bind_number(statement, 5, call->attempts);
	bind_moment(statement, 6, call->due_ns);
	bind_text(statement, 7, call->reason);
	const int result = statement_step(statement, error);
	if (result)
		return result;
	if (!database_changes(database))
		return error_set(error, EEXIST, "call %s is there already", call->id);
	change->used = true;
	return call_add_request(database, (uint64_t)sqlite3_last_insert_rowid(database->handle),
				call, change->file, error);
}

#define KEPT_SHARE 20U /* one part of so many */
#define KEPT_MAX   (1UL << 30)

static int check_disk(const struct store *store, size_t length, struct error *error)
{
	struct statvfs disk;
	if (fstatvfs(store->directory_file, &disk))
		return 0;
	const uint64_t share = disk.f_blocks / KEPT_SHARE * disk.f_frsize;
	const uint64_t kept = store->keep_free	 ? store->keep_free
			      : share < KEPT_MAX ? share
						 : KEPT_MAX;
	const uint64_t there = disk.f_bavail * disk.f_frsize;
	if (there >= kept && there - kept >= length)
		return 0;
	return error_set(error, ENOSPC, "the disk is nearly full: there is no room for more calls");
}

int store_call_add(struct store *store, const struct store_call *call, struct error *error)
{
	struct change change = {.call = call};
	int result = check_disk(store, call->body_length, error);
	if (!result)
		result = prepare_change(store, &change, call->body, call->body_length, error);
	if (!result)
		result = store_commit(store, add_call, &change, error);
	return end_change(store, &change, result);
}

static int find_number(struct database *database, const char *id, uint64_t *number,
		       struct error *error)
{
	static const char sql[] = "SELECT number FROM calls WHERE id = ?";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, id);
	const int result = statement_step(statement, error);
	if (result == 1)
		*number = column_number(statement, 0);
	return result > 0 ? 0 : result < 0 ? result : no_call(id, error);
}

/* A running one keeps the state that it was taken in, which may be either. */
static int set_row(struct database *database, uint64_t number, const struct store_call *call,
		   struct error *error)
{
	static const char sql[] =
	    "UPDATE calls SET state = coalesce(?2, state), running = ?3, attempts = ?4, due_ns = "
	    "?5,"
	    " ended_ns = ?6, status = ?7, run_ns = ?8, reason = ?9 WHERE number = ?1";
	const bool running = call->state == STORE_CALL_RUNNING;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 1, number);
	if (!running)
		bind_number(statement, 2, call->state);
	bind_number(statement, 3, running);
	bind_number(statement, 4, call->attempts);
	bind_moment(statement, 5, call->due_ns);
	bind_number(statement, 6, is_over(call->state) ? clock_real_ns() : 0);
	bind_number(statement, 7, call->status);
	bind_number(statement, 8, call->run_ns);
	bind_text(statement, 9, call->reason);
	return statement_step(statement, error);
}

/* Of a call in such a state there may be a response. */
static bool has_response(enum store_call_state state)
{
	return state == STORE_CALL_ANSWERED || is_over(state);
}

static int set_call(struct database *database, void *context, struct error *error)
{
	struct change *change = context;
	const struct store_call *call = change->call;
	uint64_t number = 0;
	int result = find_number(database, call->id, &number, error);
	if (!result)
		result = set_row(database, number, call, error);
	if (!result && has_response(call->state))
		result =
		    call_add_response(database, number, call, change->file, &change->used, error);
	if (!result && (call->state == STORE_CALL_ANSWERED || call->state == STORE_CALL_DONE))
		result = call_drop_request(database, number, &change->list, error);
	return result;
}

int store_call_set(struct store *store, const struct store_call *call, struct error *error)
{
	struct change change = {.call = call};
	int result = 0;
	/* One that was answered before has its response on disk. */
	if (has_response(call->state) && !call->response_kept)
		result =
		    prepare_change(store, &change, call->response, call->response_length, error);
	if (!result)
		result = store_commit(store, set_call, &change, error);
	return end_change(store, &change, result);
}

struct trim {
	uint64_t before_ns;
	struct call_file_list *list;
};

static int list_files(struct database *database, struct trim *trim, struct error *error)
{
	static const char sql[] = "SELECT file FROM calls JOIN call_parts ON call = number"
				  " WHERE ended_ns > 0 AND ended_ns < ? AND file IS NOT NULL";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_moment(statement, 1, trim->before_ns);
	int result;
	while ((result = statement_step(statement, error)) == 1)
		if (call_file_list_add(&trim->list,
				       (const char *)sqlite3_column_text(statement, 0)))
			return error_set(error, ENOMEM, "no memory for the name of a file");
	return result;
}

static int trim_calls(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "DELETE FROM calls WHERE ended_ns > 0 AND ended_ns < ?";
	struct trim *trim = context;
	int result = list_files(database, trim, error);
	if (result)
		return result;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_moment(statement, 1, trim->before_ns);
	return statement_step(statement, error);
}

int store_calls_trim(struct store *store, uint64_t before_ns, struct error *error)
{
	struct trim trim = {before_ns, NULL};
	const int result = store_commit(store, trim_calls, &trim, error);
	call_file_list_end(store, trim.list, !result);
	return result;
}

static int wake_calls(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "UPDATE calls SET running = 0, due_ns = 0 WHERE running";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	return statement ? statement_step(statement, error) : -EIO;
}

int store_calls_open(struct store *store, struct error *error)
{
	int result = store_commit(store, wake_calls, NULL, error);
	return result ? result : call_files_open(store, error);
}

/* ── reading ─────────────────────────────────────────────────────────────────────────────────── */

struct got {
	const char *id;
	struct store_call *call;
	struct call_files files;
};

static int get_call(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "SELECT " CALL_COLUMNS " FROM calls WHERE id = ?";
	struct got *got = context;
	uint64_t number;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, got->id);
	int result = statement_step(statement, error);
	if (result != 1)
		return result ? result : no_call(got->id, error);
	result = call_read_row(statement, got->call, &number, error);
	return result ? result : call_read_parts(database, number, &got->files, got->call, error);
}

int store_call_get(struct store *store, const char *id, struct store_call *call,
		   struct error *error)
{
	*call = (struct store_call){0};
	struct got got = {.id = id, .call = call};
	int result = store_read(store, get_call, &got, error);
	if (!result)
		result = call_read_files(store, &got.files, call, error);
	if (result)
		store_call_release(call);
	return result;
}

struct step {
	enum store_call_state state;
	uint64_t number; /* of the one before */
	struct store_call next;
};

static int next_call(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "SELECT " CALL_COLUMNS " FROM calls WHERE number > ?1"
				  " AND +state = ?2 AND NOT running ORDER BY number LIMIT 1";
	static const char running[] =
	    "SELECT " CALL_COLUMNS " FROM calls WHERE number > ?1 AND running"
	    " ORDER BY number LIMIT 1";
	struct step *step = context;
	cleanup_statement sqlite3_stmt *statement =
	    database_prepare(database, step->state == STORE_CALL_RUNNING ? running : sql, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 1, step->number);
	if (step->state != STORE_CALL_RUNNING)
		bind_number(statement, 2, step->state);
	int result = statement_step(statement, error);
	if (result != 1)
		return result;
	result = call_read_row(statement, &step->next, &step->number, error);
	return result ? result : call_read_parts(database, step->number, NULL, &step->next, error);
}

int store_each_call(struct store *store, enum store_call_state state,
		    int (*found)(void *context, const struct store_call *call), void *context,
		    struct error *error)
{
	struct step step = {.state = state};
	int result = 0;
	while (!result) {
		result = store_read(store, next_call, &step, error);
		const bool more = !result && step.next.id;
		if (more)
			result = found(context, &step.next);
		store_call_release(&step.next);
		if (!more)
			break;
	}
	return result;
}
