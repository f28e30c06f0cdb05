/* One connection to the store's database, with the statements that it has prepared.
 *
 * Not thread-safe: a connection is one caller's at a time.
 */
#ifndef MAYFLY_GATEWAY_STORE_DATABASE_H
#define MAYFLY_GATEWAY_STORE_DATABASE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"
#include "util/cleanup.h"
#include "util/error.h"

#define DATABASE_STATEMENTS 64 /* that are kept */

struct database {
	sqlite3 *handle;
	struct database_statement {
		const char *sql;
		sqlite3_stmt *statement;
	} kept[DATABASE_STATEMENTS];
	size_t kept_count;
};

int database_open(struct database *database, const char *path, bool writable, struct error *error);
void database_close(struct database *database);

/* Statements that give nothing back, one or many. */
int database_execute(struct database *database, const char *sql, struct error *error);

/* Fills in `error` with what SQLite says has just failed. */
int database_error(const struct database *database, struct error *error);

/* The statement of that text, ready to be bound; prepared once. `sql` must stay where it is: what is kept
 * is found by its address. NULL: it cannot be prepared. Give it back by cleanup_statement, so that it holds no
 * snapshot of the database and no secret. */
sqlite3_stmt *database_prepare(struct database *database, const char *sql, struct error *error);

static inline void statement_release_function(sqlite3_stmt **statement)
{
	if (*statement) {
		sqlite3_reset(*statement);
		sqlite3_clear_bindings(*statement);
	}
}

#define cleanup_statement cleanup(statement_release_function)

/* 1: there is a row; 0: it has ended; or a negative errno. */
int statement_step(sqlite3_stmt *statement, struct error *error);

/* How many rows the last statement changed. */
static inline int database_changes(const struct database *database)
{
	return sqlite3_changes(database->handle);
}

/* What is bound must stay until the statement is given back. */
static inline void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

/* An empty one is no NULL. */
static inline void bind_bytes(sqlite3_stmt *statement, int at, const void *data, size_t length)
{
	sqlite3_bind_blob64(statement, at, length ? data : "", length, SQLITE_STATIC);
}

/* SQLite's integers are signed: UINT64_MAX is kept as -1. */
static inline void bind_number(sqlite3_stmt *statement, int at, uint64_t number)
{
	sqlite3_bind_int64(statement, at, (sqlite3_int64)number);
}

/* A moment: one that never comes is later than all others. */
static inline void bind_moment(sqlite3_stmt *statement, int at, uint64_t moment)
{
	bind_number(statement, at, moment > INT64_MAX ? INT64_MAX : moment);
}

static inline uint64_t column_number(sqlite3_stmt *statement, int at)
{
	return (uint64_t)sqlite3_column_int64(statement, at);
}

static inline uint64_t column_moment(sqlite3_stmt *statement, int at)
{
	const uint64_t moment = column_number(statement, at);
	return moment >= INT64_MAX ? UINT64_MAX : moment;
}

/* A copy; *text is NULL where the column is. */
int column_text(sqlite3_stmt *statement, int at, char **text, struct error *error);
/* A copy with a NUL behind it; NULL where the column is. */
int column_bytes(sqlite3_stmt *statement, int at, uint8_t **data, size_t *length,
		 struct error *error);
/* A copy; EBADMSG where it is no record. */
int column_record(sqlite3_stmt *statement, int at, struct record *record, struct error *error);

#endif
