#include <errno.h>
#include <string.h>

#include "store/inside.h"

#define REVISIONS_KEPT 10

void store_revision_release(struct store_revision *revision)
{
	free(revision->name_space);
	free(revision->name);
	record_release(&revision->deployment);
	record_release(&revision->prepared);
	*revision = (struct store_revision){0};
}

void store_function_release(struct store_function *function)
{
	free(function->name_space);
	free(function->name);
	*function = (struct store_function){0};
}

/* Which function, or revision. */
struct which {
	const char *name_space, *name;
	uint64_t number;
};

/* A statement of which the first parameters are these. */
static sqlite3_stmt *prepare_which(struct database *database, const char *sql,
				   const struct which *which, struct error *error)
{
	sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return NULL;
	bind_text(statement, 1, which->name_space);
	bind_text(statement, 2, which->name);
	if (which->number)
		bind_number(statement, 3, which->number);
	return statement;
}

static int no_function(const struct which *which, struct error *error)
{
	return error_set(error, ENOENT, "there is no function \"%s\" in namespace \"%s\"",
			 which->name, which->name_space);
}

/* 1: it is there. */
static int function_exists(struct database *database, const struct which *which,
			   struct error *error)
{
	static const char sql[] = "SELECT 1 FROM functions WHERE name_space = ? AND name = ?";
	cleanup_statement sqlite3_stmt *statement = prepare_which(database, sql, which, error);
	return statement ? statement_step(statement, error) : -EIO;
}

int store_need_function(struct database *database, const char *name_space, const char *name,
			struct error *error)
{
	const struct which which = {name_space, name, 0};
	const int there = function_exists(database, &which, error);
	if (there)
		return there < 0 ? there : 0;
	return no_function(&which, error);
}

/* ── deploying ───────────────────────────────────────────────────────────────────────────────── */

struct deployment {
	bool is_new;
	struct store_revision *revision;
};

/* The function goes first, as revisions refer to it. */
static int put_function(struct database *database, const struct store_revision *revision,
			struct error *error)
{
	static const char sql[] =
	    "INSERT INTO functions (name_space, name, current, other, percent, replicas, created_s)"
	    " VALUES (?1, ?2, ?3, 0, 0, -1, ?4)"
	    " ON CONFLICT DO UPDATE SET current = ?3, other = 0, percent = 0";
	const struct which which = {revision->name_space, revision->name, revision->number};
	cleanup_statement sqlite3_stmt *statement = prepare_which(database, sql, &which, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 4, revision->created_s);
	return statement_step(statement, error);
}

static int next_number(struct database *database, const struct which *which, uint64_t *number,
		       struct error *error)
{
	static const char sql[] = "SELECT coalesce(max(number), 0) + 1 FROM revisions"
				  " WHERE name_space = ? AND name = ?";
	cleanup_statement sqlite3_stmt *statement = prepare_which(database, sql, which, error);
	const int result = statement ? statement_step(statement, error) : -EIO;
	if (result == 1)
		*number = column_number(statement, 0);
	return result < 0 ? result : 0;
}

static int add_revision(struct database *database, const struct store_revision *revision,
			struct error *error)
{
	static const char sql[] =
	    "INSERT INTO revisions (name_space, name, number, created_s, deployment, prepared)"
	    " VALUES (?, ?, ?, ?, ?, ?)";
	const struct which which = {revision->name_space, revision->name, revision->number};
	cleanup_statement sqlite3_stmt *statement = prepare_which(database, sql, &which, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 4, revision->created_s);
	bind_bytes(statement, 5, revision->deployment.data, revision->deployment.length);
	bind_bytes(statement, 6, revision->prepared.data, revision->prepared.length);
	return statement_step(statement, error);
}

static int trim_revisions(struct database *database, const struct store_revision *revision,
			  struct error *error)
{
	static const char sql[] =
	    "DELETE FROM revisions WHERE name_space = ? AND name = ? AND number <= ?";
	if (revision->number <= REVISIONS_KEPT)
		return 0;
	const struct which which = {revision->name_space, revision->name,
				    revision->number - REVISIONS_KEPT};
	cleanup_statement sqlite3_stmt *statement = prepare_which(database, sql, &which, error);
	return statement ? statement_step(statement, error) : -EIO;
}

static int deploy(struct database *database, void *context, struct error *error)
{
	const struct deployment *deployment = context;
	struct store_revision *revision = deployment->revision;
	const struct which which = {revision->name_space, revision->name, 0};
	int result = store_need_namespace(database, which.name_space, error);
	if (result)
		return result;
	const int there = function_exists(database, &which, error);
	if (there < 0)
		return there;
	if (there && deployment->is_new)
		return error_set(error, EEXIST, "function \"%s\" is there already", which.name);
	if (!there && !deployment->is_new)
		return no_function(&which, error);
	revision->created_s = store_now_s();
	result = next_number(database, &which, &revision->number, error);
	if (!result)
		result = put_function(database, revision, error);
	if (!result)
		result = add_revision(database, revision, error);
	if (!result)
		result = trim_revisions(database, revision, error);
	return result;
}

int store_deploy(struct store *store, bool is_new, struct store_revision *revision,
		 struct error *error)
{
	struct deployment deployment = {is_new, revision};
	return store_commit(store, deploy, &deployment, error);
}

/* ── changes ─────────────────────────────────────────────────────────────────────────────────── */

static int remove_function(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "DELETE FROM functions WHERE name_space = ? AND name = ?";
	const struct which *which = context;
	cleanup_statement sqlite3_stmt *statement = prepare_which(database, sql, which, error);
	const int result = statement ? statement_step(statement, error) : -EIO;
	if (!result && !database_changes(database))
		return no_function(which, error);
	return result;
}

int store_remove(struct store *store, const char *name_space, const char *name, struct error *error)
{
	struct which which = {name_space, name, 0};
	return store_commit(store, remove_function, &which, error);
}

struct split {
	struct which which; /* number: the current revision */
	uint64_t other;
	unsigned percent;
};

static int need_revision(struct database *database, const struct which *which, struct error *error)
{
	static const char sql[] =
	    "SELECT 1 FROM revisions WHERE name_space = ? AND name = ? AND number = ?";
	cleanup_statement sqlite3_stmt *statement = prepare_which(database, sql, which, error);
	const int there = statement && which->number ? statement_step(statement, error) : 0;
	if (!statement || there < 0)
		return there < 0 ? there : -EIO;
	return there ? 0
		     : error_set(error, ENOENT, "function \"%s\" has no revision %llu", which->name,
				 (unsigned long long)which->number);
}

static int set_split(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "UPDATE functions SET current = ?3, other = ?4, percent = ?5"
				  " WHERE name_space = ?1 AND name = ?2";
	const struct split *split = context;
	const struct which other = {split->which.name_space, split->which.name, split->other};
	int result =
	    store_need_function(database, split->which.name_space, split->which.name, error);
	if (!result)
		result = need_revision(database, &split->which, error);
	if (!result && split->other)
		result = need_revision(database, &other, error);
	if (result)
		return result;
	cleanup_statement sqlite3_stmt *statement =
	    prepare_which(database, sql, &split->which, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 4, split->other);
	bind_number(statement, 5, split->percent);
	return statement_step(statement, error);
}

int store_split(struct store *store, const char *name_space, const char *name, uint64_t current,
		uint64_t other, unsigned percent, struct error *error)
{
	struct split split = {{name_space, name, current}, other, percent};
	return store_commit(store, set_split, &split, error);
}

struct scale {
	struct which which;
	uint64_t replicas;
};

static int set_scale(struct database *database, void *context, struct error *error)
{
	static const char sql[] =
	    "UPDATE functions SET replicas = ?3 WHERE name_space = ?1 AND name = ?2";
	const struct scale *scale = context;
	cleanup_statement sqlite3_stmt *statement =
	    prepare_which(database, sql, &scale->which, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 3, scale->replicas);
	const int result = statement_step(statement, error);
	if (!result && !database_changes(database))
		return no_function(&scale->which, error);
	return result;
}

int store_scale(struct store *store, const char *name_space, const char *name, uint64_t replicas,
		struct error *error)
{
	struct scale scale = {{name_space, name, 0}, replicas};
	return store_commit(store, set_scale, &scale, error);
}

/* ── lists: one at a time, so that what is found may call the store ──────────────────────────── */

struct function_step {
	char *name_space, *name; /* of the one before */
	struct store_function next;
};

static int next_function(struct database *database, void *context, struct error *error)
{
	static const char sql[] =
	    "SELECT name_space, name, current, other, percent, replicas, created_s FROM functions"
	    " WHERE (name_space, name) > (?, ?) ORDER BY name_space, name LIMIT 1";
	struct function_step *step = context;
	struct store_function *next = &step->next;
	const struct which which = {step->name_space, step->name, 0};
	cleanup_statement sqlite3_stmt *statement = prepare_which(database, sql, &which, error);
	int result = statement ? statement_step(statement, error) : -EIO;
	if (result != 1)
		return result;
	result = column_text(statement, 0, &next->name_space, error);
	if (!result)
		result = column_text(statement, 1, &next->name, error);
	next->current = column_number(statement, 2);
	next->other = column_number(statement, 3);
	next->percent = (unsigned)column_number(statement, 4);
	next->replicas = column_number(statement, 5);
	next->created_s = column_number(statement, 6);
	return result;
}

/* Remembers where it is, for the next one. */
static int pass_function(struct function_step *step, struct error *error)
{
	free(step->name_space);
	free(step->name);
	step->name_space = strdup(step->next.name_space);
	step->name = strdup(step->next.name);
	return step->name_space && step->name
		   ? 0
		   : error_set(error, ENOMEM, "no memory for the name of a function");
}

int store_each_function(struct store *store,
			int (*found)(void *context, struct store_function *function), void *context,
			struct error *error)
{
	struct function_step step = {.name_space = strdup(""), .name = strdup("")};
	int result = step.name_space && step.name
			 ? 0
			 : error_set(error, ENOMEM, "no memory for the list of functions");
	while (!result) {
		step.next = (struct store_function){0};
		result = store_read(store, next_function, &step, error);
		if (result || !step.next.name)
			break;
		result = pass_function(&step, error);
		if (!result)
			result = found(context, &step.next);
		else
			store_function_release(&step.next);
	}
	free(step.name_space);
	free(step.name);
	return result;
}

struct revision_step {
	struct which which; /* number: of the one before */
	struct store_revision next;
};

static int next_revision(struct database *database, void *context, struct error *error)
{
	static const char sql[] =
	    "SELECT name_space, name, number, created_s, deployment, prepared FROM revisions"
	    " WHERE name_space = ? AND name = ? AND number > coalesce(?, 0)"
	    " ORDER BY number LIMIT 1";
	struct revision_step *step = context;
	struct store_revision *next = &step->next;
	cleanup_statement sqlite3_stmt *statement =
	    prepare_which(database, sql, &step->which, error);
	int result = statement ? statement_step(statement, error) : -EIO;
	if (result != 1)
		return result;
	result = column_text(statement, 0, &next->name_space, error);
	if (!result)
		result = column_text(statement, 1, &next->name, error);
	if (!result)
		result = column_record(statement, 4, &next->deployment, error);
	if (!result)
		result = column_record(statement, 5, &next->prepared, error);
	next->number = column_number(statement, 2);
	next->created_s = column_number(statement, 3);
	if (result)
		store_revision_release(next);
	return result;
}

int store_each_revision(struct store *store, const char *name_space, const char *name,
			int (*found)(void *context, struct store_revision *revision), void *context,
			struct error *error)
{
	struct revision_step step = {.which = {name_space, name, 0}};
	int result = 0;
	while (!result) {
		step.next = (struct store_revision){0};
		result = store_read(store, next_revision, &step, error);
		if (result || !step.next.name)
			break;
		step.which.number = step.next.number;
		result = found(context, &step.next);
	}
	return result;
}
