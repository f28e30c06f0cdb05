/* Which call is next: the one that has been due for the longest. Mostly it is among the first few of all. A
 * function that has no room (`busy`) holds up nobody else: where the first calls are all of such ones,
 * functions are looked at one by one, by the index.
 *
 * Whoever takes a call says so in a commit, as of the attempts that it counts the next process must know.
 * Threads that take calls at the same time share that commit. So that they do not choose the same one, a
 * choice is noted in a list until it is on disk.
 */
#include "store/calls.h"

#include <errno.h>
#include <string.h>

#define FIRST_CALLS 64 /* that are looked at whatever their function */

struct store_claim {
	uint64_t number;
	struct store_claim *next;
};

/* What is looked for, and what was found. */
struct search {
	struct store *store;
	enum store_call_state state;
	uint64_t now_ns, lease_ns;
	bool (*busy)(void *context, const char *name_space, const char *name);
	void *context;

	char *name_space, *name; /* the function that is looked at */
	uint64_t number;	 /* the best call up to now; 0: none */
	uint64_t due_ns;	 /* when it was due */
	uint64_t next_ns;	 /* when the first of those that are not due will be */
	struct store_call *call;
	struct call_files files;
};

static bool is_claimed(const struct store *store, uint64_t number)
{
	for (const struct store_claim *claim = store->claims; claim; claim = claim->next)
		if (claim->number == number)
			return true;
	return false;
}

static void unclaim(struct store *store, const struct store_claim *claim)
{
	lock_scoped(&store->take_lock);
	for (struct store_claim **at = &store->claims; *at; at = &(*at)->next)
		if (*at == claim) {
			*at = claim->next;
			return;
		}
}

/* Notes a call that is not due yet. */
static void note_later(struct search *search, uint64_t due_ns)
{
	if (due_ns < search->next_ns)
		search->next_ns = due_ns;
}

static bool is_busy(const struct search *search, const char *name_space, const char *name)
{
	return search->busy && search->busy(search->context, name_space, name);
}

static void choose(struct search *search, uint64_t number, uint64_t due_ns)
{
	search->number = number;
	search->due_ns = due_ns;
}

/* Looks at the first calls of all functions: 1 where that decides, 0 where those behind them count, too. */
static int look_at_first(struct database *database, struct search *search, struct error *error)
{
	static const char sql[] =
	    "SELECT number, due_ns, name_space, name FROM calls WHERE state = ?1"
	    " ORDER BY due_ns, number LIMIT ?2";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 1, search->state);
	bind_number(statement, 2, FIRST_CALLS);
	int row;
	unsigned count = 0;
	while ((row = statement_step(statement, error)) == 1) {
		const uint64_t number = column_number(statement, 0);
		const uint64_t due_ns = column_moment(statement, 1);
		count++;
		if (due_ns > search->now_ns) {
			note_later(search, due_ns);
			return 1;
		}
		if (is_claimed(search->store, number) ||
		    is_busy(search, (const char *)sqlite3_column_text(statement, 2),
			    (const char *)sqlite3_column_text(statement, 3)))
			continue;
		choose(search, number, due_ns);
		return 1;
	}
	return row < 0 ? row : count < FIRST_CALLS;
}

/* Goes on to the next function that has calls in that state: 1; 0: there is none. */
static int next_function(struct database *database, struct search *search, struct error *error)
{
	/* (name_space, name) > (?2, ?3) would go through all calls of that function. */
	static const char sql[] =
	    "SELECT * FROM (SELECT name_space, name FROM calls WHERE state = ?1"
	    " AND name_space = ?2 AND name > ?3 ORDER BY name LIMIT 1)"
	    " UNION ALL SELECT * FROM (SELECT name_space, name FROM calls WHERE state = ?1"
	    " AND name_space > ?2 ORDER BY name_space, name LIMIT 1) LIMIT 1";
	cleanup_free char *name_space = take_pointer(search->name_space);
	cleanup_free char *name = take_pointer(search->name);
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 1, search->state);
	bind_text(statement, 2, name_space ? name_space : "");
	bind_text(statement, 3, name ? name : "");
	const int found = statement_step(statement, error);
	if (found != 1)
		return found;
	int result = column_text(statement, 0, &search->name_space, error);
	if (!result)
		result = column_text(statement, 1, &search->name, error);
	return result ? result : 1;
}

/* Looks at the calls of that function until one may be taken, or is not due yet. */
static int look_at_function(struct database *database, struct search *search, struct error *error)
{
	static const char sql[] =
	    "SELECT number, due_ns FROM calls WHERE state = ?1 AND name_space = ?2 AND name = ?3"
	    " ORDER BY due_ns, number";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 1, search->state);
	bind_text(statement, 2, search->name_space);
	bind_text(statement, 3, search->name);
	int row;
	while ((row = statement_step(statement, error)) == 1) {
		const uint64_t number = column_number(statement, 0);
		const uint64_t due_ns = column_moment(statement, 1);
		if (due_ns > search->now_ns) {
			note_later(search, due_ns);
			return 0;
		}
		if (is_claimed(search->store, number))
			continue;
		if (search->number && search->due_ns <= due_ns)
			return 0;
		if (!is_busy(search, search->name_space, search->name))
			choose(search, number, due_ns);
		return 0;
	}
	return row;
}

static int search_call(struct database *database, void *context, struct error *error)
{
	struct search *search = context;
	int found = look_at_first(database, search, error);
	if (found)
		return found < 0 ? found : 0;
	while ((found = next_function(database, search, error)) == 1) {
		const int result = look_at_function(database, search, error);
		if (result)
			return result;
	}
	return found;
}

/* Attempts are those of the function; telling a callback is none. */
static int take_call(struct database *database, void *context, struct error *error)
{
	static const char sql[] =
	    "UPDATE calls SET running = 1, due_ns = ?2, attempts = attempts + (state = 0)"
	    " WHERE number = ?1 AND state = ?3 AND due_ns = ?4 RETURNING " CALL_COLUMNS;
	struct search *search = context;
	uint64_t number;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 1, search->number);
	bind_moment(statement, 2, search->lease_ns);
	bind_number(statement, 3, search->state);
	bind_moment(statement, 4, search->due_ns);
	int result = statement_step(statement, error);
	if (result == 1) {
		result = call_read_row(statement, search->call, &number, error);
		if (!result)
			result = statement_step(statement, error);
		return result
			   ? result
			   : call_read_parts(database, number, &search->files, search->call, error);
	}
	return result; /* it was changed meanwhile */
}

/* Somebody has removed a file of its: it can never be run. */
static int give_up(struct search *search, const char *reason, struct error *error)
{
	struct store_call *call = search->call;
	free(call->reason);
	call->reason = strdup(reason);
	call->state = STORE_CALL_DEAD;
	call->response_kept = true;
	int result = store_call_set(search->store, call, error);
	store_call_release(call);
	return result;
}

/* Chooses one, claims it and takes it. 0 with call->id NULL: it was not to be had, or there is none. */
static int take_one(struct search *search, struct error *error)
{
	struct store *store = search->store;
	struct store_claim claim;
	{
		lock_scoped(&store->take_lock);
		int result = store_read(store, search_call, search, error);
		if (result || !search->number)
			return result;
		claim = (struct store_claim){search->number, store->claims};
		store->claims = &claim;
	}
	int result = store_commit(store, take_call, search, error);
	unclaim(store, &claim);
	if (result || !search->call->id)
		return result;
	struct error failure = {0};
	result = call_read_files(store, &search->files, search->call, &failure);
	if (result == -ENOENT)
		return give_up(search, failure.text, error);
	return result ? error_set(error, -result, "%s", failure.text) : 0;
}

int store_call_take(struct store *store, enum store_call_state state, uint64_t now_ns,
		    uint64_t lease_ns,
		    bool (*busy)(void *context, const char *name_space, const char *name),
		    void *context, struct store_call *call, uint64_t *next_ns, struct error *error)
{
	int result;
	*call = (struct store_call){0};
	do {
		struct search search = {.store = store,
					.state = state,
					.now_ns = now_ns,
					.lease_ns = lease_ns,
					.busy = busy,
					.context = context,
					.next_ns = UINT64_MAX,
					.call = call};
		result = take_one(&search, error);
		free(search.name_space);
		free(search.name);
		*next_ns = search.next_ns;
		if (!search.number)
			break;
	} while (!result && !call->id);
	if (result)
		store_call_release(call);
	return result;
}
