#include <errno.h>
#include <string.h>

#include "store/inside.h"

struct secret {
	const struct store *store;
	const char *name_space, *name;
	bool is_new;
	/* Sealed, when it is put; open, when it is got. */
	uint8_t *value;
	size_t length;
};

static int need_found(int changes, const struct secret *secret, struct error *error)
{
	return changes ? 0
		       : error_set(error, ENOENT, "there is no secret \"%s\" in namespace \"%s\"",
				   secret->name, secret->name_space);
}

/* ── changes ─────────────────────────────────────────────────────────────────────────────────── */

static int put_secret(struct database *database, void *context, struct error *error)
{
	static const char add[] = "INSERT INTO secrets (name_space, name, sealed)"
				  " VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
	static const char set[] =
	    "UPDATE secrets SET sealed = ?3 WHERE name_space = ?1 AND name = ?2";
	const struct secret *secret = context;
	int result = store_need_namespace(database, secret->name_space, error);
	if (result)
		return result;
	cleanup_statement sqlite3_stmt *statement =
	    database_prepare(database, secret->is_new ? add : set, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, secret->name_space);
	bind_text(statement, 2, secret->name);
	bind_bytes(statement, 3, secret->value, secret->length);
	result = statement_step(statement, error);
	if (result)
		return result;
	if (secret->is_new && !database_changes(database))
		return error_set(error, EEXIST, "secret \"%s\" is there already", secret->name);
	return need_found(database_changes(database), secret, error);
}

int store_secret_put(struct store *store, const char *name_space, const char *name, bool is_new,
		     const void *value, size_t length, struct error *error)
{
	cleanup_free uint8_t *sealed = malloc(length + SEAL_MORE);
	if (!sealed)
		return error_set(error, ENOMEM, "no memory for a secret");
	struct secret secret = {store, name_space, name, is_new, sealed, length + SEAL_MORE};
	int result = seal_close(store->key, (struct seal_names){name_space, name}, value, length,
				sealed, error);
	return result ? result : store_commit(store, put_secret, &secret, error);
}

static int remove_secret(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "DELETE FROM secrets WHERE name_space = ? AND name = ?";
	const struct secret *secret = context;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, secret->name_space);
	bind_text(statement, 2, secret->name);
	const int result = statement_step(statement, error);
	return result ? result : need_found(database_changes(database), secret, error);
}

int store_secret_remove(struct store *store, const char *name_space, const char *name,
			struct error *error)
{
	struct secret secret = {.name_space = name_space, .name = name};
	return store_commit(store, remove_secret, &secret, error);
}

/* ── reading ─────────────────────────────────────────────────────────────────────────────────── */

static int unseal(struct secret *secret, const uint8_t *sealed, size_t length, struct error *error)
{
	const size_t inner = length >= SEAL_MORE ? length - SEAL_MORE : 0;
	secret->value = malloc(inner + 1);
	if (!secret->value)
		return error_set(error, ENOMEM, "no memory for a secret");
	int result =
	    seal_open(secret->store->key, (struct seal_names){secret->name_space, secret->name},
		      sealed, length, secret->value, error);
	if (result) {
		free(take_pointer(secret->value));
		return error_wrap(error, "cannot read secret \"%s\"", secret->name);
	}
	secret->value[inner] = 0;
	secret->length = inner;
	return 0;
}

static int get_secret(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "SELECT sealed FROM secrets WHERE name_space = ? AND name = ?";
	struct secret *secret = context;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, secret->name_space);
	bind_text(statement, 2, secret->name);
	const int result = statement_step(statement, error);
	if (result != 1)
		return result ? result : need_found(0, secret, error);
	return unseal(secret, sqlite3_column_blob(statement, 0),
		      (size_t)sqlite3_column_bytes(statement, 0), error);
}

int store_secret_get(struct store *store, const char *name_space, const char *name, uint8_t **value,
		     size_t *length, struct error *error)
{
	struct secret secret = {.store = store, .name_space = name_space, .name = name};
	int result = store_read(store, get_secret, &secret, error);
	if (result)
		return result;
	*value = secret.value;
	*length = secret.length;
	return 0;
}

struct step {
	const char *wanted;	 /* namespace; NULL: all */
	char *name_space, *name; /* the one before; then the next, or NULL */
};

static int next_secret(struct database *database, void *context, struct error *error)
{
	static const char sql[] =
	    "SELECT name_space, name FROM secrets WHERE (name_space, name) > (?1, ?2)"
	    " AND (?3 IS NULL OR name_space = ?3) ORDER BY name_space, name LIMIT 1";
	struct step *step = context;
	cleanup_free char *name_space = take_pointer(step->name_space);
	cleanup_free char *name = take_pointer(step->name);
	const char *first = step->wanted ? step->wanted : "";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, name_space ? name_space : first);
	bind_text(statement, 2, name ? name : "");
	bind_text(statement, 3, step->wanted);
	int result = statement_step(statement, error);
	if (result != 1)
		return result;
	result = column_text(statement, 0, &step->name_space, error);
	return result ? result : column_text(statement, 1, &step->name, error);
}

int store_each_secret(struct store *store, const char *name_space,
		      int (*found)(void *context, const char *name_space, const char *name),
		      void *context, struct error *error)
{
	struct step step = {.wanted = name_space};
	int result;
	while (!(result = store_read(store, next_secret, &step, error)) && step.name) {
		result = found(context, step.name_space, step.name);
		if (result)
			break;
	}
	free(step.name_space);
	free(step.name);
	return result;
}
