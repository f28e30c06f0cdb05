#include <errno.h>
#include <string.h>

#include "store/inside.h"

static int namespace_exists(struct database *database, const char *name, struct error *error)
{
	static const char sql[] = "SELECT 1 FROM namespaces WHERE name = ?";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, name);
	return statement_step(statement, error);
}

int store_need_namespace(struct database *database, const char *name_space, struct error *error)
{
	const int there = namespace_exists(database, name_space, error);
	if (there)
		return there < 0 ? there : 0;
	return error_set(error, EINVAL, "there is no namespace \"%s\"", name_space);
}

/* ── changes ─────────────────────────────────────────────────────────────────────────────────── */

struct put {
	const char *name;
	bool is_new;
	struct record_view record;
};

static int put_namespace(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "INSERT INTO namespaces (name, record) VALUES (?1, ?2)";
	static const char update[] = "UPDATE namespaces SET record = ?2 WHERE name = ?1";
	const struct put *put = context;
	const int there = namespace_exists(database, put->name, error);
	if (there < 0)
		return there;
	if (there && put->is_new)
		return error_set(error, EEXIST, "namespace \"%s\" is there already", put->name);
	if (!there && !put->is_new)
		return error_set(error, ENOENT, "there is no namespace \"%s\"", put->name);
	cleanup_statement sqlite3_stmt *statement =
	    database_prepare(database, there ? update : sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, put->name);
	bind_bytes(statement, 2, put->record.data, put->record.length);
	return statement_step(statement, error);
}

int store_namespace_put(struct store *store, const char *name, bool is_new,
			struct record_view record, struct error *error)
{
	struct put put = {name, is_new, record};
	return store_commit(store, put_namespace, &put, error);
}

/* Whether something is in it. */
static int namespace_used(struct database *database, const char *name, struct error *error)
{
	static const char sql[] = "SELECT 1 FROM functions WHERE name_space = ?1"
				  " UNION ALL SELECT 1 FROM secrets WHERE name_space = ?1 LIMIT 1";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, name);
	return statement_step(statement, error);
}

static int remove_namespace(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "DELETE FROM namespaces WHERE name = ?";
	const char *name = context;
	const int used = namespace_used(database, name, error);
	if (used < 0)
		return used;
	if (used)
		return error_set(error, EBUSY, "functions or secrets are in namespace \"%s\"",
				 name);
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, name);
	const int result = statement_step(statement, error);
	if (!result && !database_changes(database))
		return error_set(error, ENOENT, "there is no namespace \"%s\"", name);
	return result;
}

int store_namespace_remove(struct store *store, const char *name, struct error *error)
{
	if (!strcmp(name, STORE_NAMESPACE_USUAL))
		return error_set(error, EBUSY, "namespace \"%s\" is always there", name);
	return store_commit(store, remove_namespace, (void *)name, error);
}

/* ── the list ────────────────────────────────────────────────────────────────────────────────── */

struct step {
	char *name; /* the one before; then the next, or NULL */
	struct record record;
};

static int next_namespace(struct database *database, void *context, struct error *error)
{
	static const char sql[] =
	    "SELECT name, record FROM namespaces WHERE name > ? ORDER BY name LIMIT 1";
	struct step *step = context;
	cleanup_free char *before = take_pointer(step->name);
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, before ? before : "");
	int result = statement_step(statement, error);
	if (result != 1)
		return result;
	result = column_text(statement, 0, &step->name, error);
	return result ? result : column_record(statement, 1, &step->record, error);
}

int store_each_namespace(struct store *store,
			 int (*found)(void *context, const char *name, struct record_view record),
			 void *context, struct error *error)
{
	struct step step = {0};
	int result;
	while (!(result = store_read(store, next_namespace, &step, error)) && step.name) {
		result = found(context, step.name, record_of(&step.record));
		record_release(&step.record);
		if (result)
			break;
	}
	record_release(&step.record);
	free(step.name);
	return result;
}
