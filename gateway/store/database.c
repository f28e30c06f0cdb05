#include "store/database.h"

#include <string.h>

/* SQLite waits so long for the lock of another process (somebody who looks at the state by the sqlite3
 * command); there is none between the connections of this one. */
#define BUSY_TIMEOUT_MS 5000

/* Where nothing else is known: what SQLite's results are as errnos. */
static int result_errno(int result)
{
	switch (result & 0xff) {
	case SQLITE_FULL:
		return ENOSPC;
	case SQLITE_NOMEM:
		return ENOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return EBUSY;
	case SQLITE_READONLY:
		return EROFS;
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
		return EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return EBADMSG;
	case SQLITE_TOOBIG:
		return E2BIG;
	case SQLITE_CONSTRAINT:
		return EINVAL;
	default:
		return EIO;
	}
}

static int handle_error(sqlite3 *handle, struct error *error)
{
	const int system = sqlite3_system_errno(handle);
	const int result = sqlite3_extended_errcode(handle);
	if (result_errno(result) == EIO && system)
		return error_set_errno(error, system, "the state cannot be read or written: %s",
				       sqlite3_errmsg(handle));
	return error_set(error, result_errno(result), "the state cannot be read or written: %s",
			 sqlite3_errmsg(handle));
}

int database_error(const struct database *database, struct error *error)
{
	return handle_error(database->handle, error);
}

int database_execute(struct database *database, const char *sql, struct error *error)
{
	return sqlite3_exec(database->handle, sql, NULL, NULL, NULL)
		   ? database_error(database, error)
		   : 0;
}

int database_open(struct database *database, const char *path, bool writable, struct error *error)
{
	*database = (struct database){0};
	/* The caller's lock serves in place of SQLite's. */
	const int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE;
	int result = sqlite3_open_v2(path, &database->handle, flags, NULL);
	if (!database->handle)
		return error_set(error, ENOMEM, "no memory for a database");
	sqlite3_extended_result_codes(database->handle, 1);
	if (result)
		return database_error(database, error);
	sqlite3_busy_timeout(database->handle, BUSY_TIMEOUT_MS);
	/* Nothing in the file is a program: no statement may be made of what was read. */
	sqlite3_db_config(database->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(database->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* FULL: a commit returns when the disk has it, so that it also survives a power cut. */
	return database_execute(database,
				writable ? "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
					   "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
					   "PRAGMA secure_delete = FAST;"
					   "PRAGMA journal_size_limit = 16777216;"
					 : "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;",
				error);
}

void database_close(struct database *database)
{
	for (size_t i = 0; i < database->kept_count; i++)
		sqlite3_finalize(database->kept[i].statement);
	sqlite3_close(database->handle);
	*database = (struct database){0};
}

sqlite3_stmt *database_prepare(struct database *database, const char *sql, struct error *error)
{
	for (size_t i = 0; i < database->kept_count; i++)
		if (database->kept[i].sql == sql)
			return database->kept[i].statement;
	if (database->kept_count == DATABASE_STATEMENTS) {
		error_set(error, ENOSPC, "the store has more statements than it keeps");
		return NULL;
	}
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v3(database->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
			       NULL)) {
		database_error(database, error);
		return NULL;
	}
	database->kept[database->kept_count++] = (struct database_statement){sql, statement};
	return statement;
}

int statement_step(sqlite3_stmt *statement, struct error *error)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return handle_error(sqlite3_db_handle(statement), error);
	}
}

int column_bytes(sqlite3_stmt *statement, int at, uint8_t **data, size_t *length,
		 struct error *error)
{
	*data = NULL;
	*length = 0;
	if (sqlite3_column_type(statement, at) == SQLITE_NULL)
		return 0;
	const void *there = sqlite3_column_blob(statement, at);
	const size_t count = (size_t)sqlite3_column_bytes(statement, at);
	uint8_t *copy = count && !there ? NULL : malloc(count + 1);
	if (!copy)
		return error_set(error, ENOMEM, "no memory for what the state has");
	if (count)
		memcpy(copy, there, count);
	copy[count] = 0;
	*data = copy;
	*length = count;
	return 0;
}

int column_text(sqlite3_stmt *statement, int at, char **text, struct error *error)
{
	uint8_t *data;
	size_t length;
	int result = column_bytes(statement, at, &data, &length, error);
	*text = (char *)data;
	return result;
}

int column_record(sqlite3_stmt *statement, int at, struct record *record, struct error *error)
{
	uint8_t *data;
	size_t length;
	*record = RECORD_EMPTY;
	int result = column_bytes(statement, at, &data, &length, error);
	if (result)
		return result;
	*record = (struct record){.data = data, .length = length, .room = length + (data != NULL)};
	return record_check(record_of(record))
		   ? error_set(error, EBADMSG, "the state is damaged: a record in it is none")
		   : 0;
}
