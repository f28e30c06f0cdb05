/* The tables. Whoever changes them raises SCHEMA_VERSION. */
#include <errno.h>

#include "store/inside.h"

#define SCHEMA_VERSION	   1
#define SCHEMA_APPLICATION 0x4d59464c /* "MYFL", so that other databases are refused */

#define TEXT_OF_(number) #number
#define TEXT_OF(number)	 TEXT_OF_(number)

static const char schema[] =
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"

    "CREATE TABLE namespaces (name TEXT PRIMARY KEY, record BLOB NOT NULL) STRICT, WITHOUT ROWID;"

    "CREATE TABLE functions ("
    " name_space TEXT NOT NULL REFERENCES namespaces, name TEXT NOT NULL,"
    " current INTEGER NOT NULL, other INTEGER NOT NULL, percent INTEGER NOT NULL,"
    " replicas INTEGER NOT NULL, created_s INTEGER NOT NULL,"
    " PRIMARY KEY (name_space, name)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE revisions ("
    " name_space TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL,"
    " created_s INTEGER NOT NULL, deployment BLOB NOT NULL, prepared BLOB NOT NULL,"
    " PRIMARY KEY (name_space, name, number),"
    " FOREIGN KEY (name_space, name) REFERENCES functions ON DELETE CASCADE) STRICT, WITHOUT ROWID;"

    "CREATE TABLE schedules ("
    " name_space TEXT NOT NULL, name TEXT NOT NULL, last_s INTEGER NOT NULL,"
    " PRIMARY KEY (name_space, name),"
    " FOREIGN KEY (name_space, name) REFERENCES functions ON DELETE CASCADE) STRICT, WITHOUT ROWID;"

    "CREATE TABLE secrets ("
    " name_space TEXT NOT NULL REFERENCES namespaces, name TEXT NOT NULL, sealed BLOB NOT NULL,"
    " PRIMARY KEY (name_space, name)) STRICT, WITHOUT ROWID;"

    /* A call that was taken keeps its state, and is `running`; due_ns is then the end of its lease. Numbers are
     * the order in which calls came. */
    "CREATE TABLE calls ("
    " number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " name_space TEXT NOT NULL, name TEXT NOT NULL,"
    " state INTEGER NOT NULL, running INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " due_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL, status INTEGER NOT NULL,"
    " run_ns INTEGER NOT NULL, reason TEXT) STRICT;"
    "CREATE INDEX calls_by_due ON calls (state, due_ns);"
    "CREATE INDEX calls_by_function ON calls (state, name_space, name, due_ns);"
    "CREATE INDEX calls_by_end ON calls (ended_ns) WHERE ended_ns > 0;"

    /* What is large, so that a change of the state does not write it again; what is very large lies in a
     * file (call_files.h). */
    "CREATE TABLE call_parts ("
    " call INTEGER NOT NULL REFERENCES calls ON DELETE CASCADE, part INTEGER NOT NULL,"
    " data BLOB, file TEXT, PRIMARY KEY (call, part)) STRICT;"
    "CREATE INDEX call_parts_by_file ON call_parts (file) WHERE file IS NOT NULL;"

    "INSERT INTO namespaces VALUES ('" STORE_NAMESPACE_USUAL "', x'');"
    "PRAGMA application_id = " TEXT_OF(SCHEMA_APPLICATION) ";"
							   "PRAGMA user_version = " TEXT_OF(
							       SCHEMA_VERSION) ";";

/* A number that one row says. */
static int read_number(struct database *database, const char *sql, uint64_t *number,
		       struct error *error)
{
	sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL))
		return database_error(database, error);
	int result = statement_step(statement, error);
	if (result == 1) {
		*number = column_number(statement, 0);
		result = 0;
	}
	sqlite3_finalize(statement);
	return result;
}

static int make_tables(struct database *database, struct error *error)
{
	int result = database_execute(database, "BEGIN IMMEDIATE", error);
	if (!result)
		result = database_execute(database, schema, error);
	if (!result)
		result = database_execute(database, "COMMIT", error);
	return result;
}

int store_schema_open(struct database *database, const char *directory, struct error *error)
{
	uint64_t version = 0, application = 0, tables = 0;
	int result = read_number(database, "PRAGMA user_version", &version, error);
	if (!result)
		result = read_number(database, "PRAGMA application_id", &application, error);
	if (!result)
		result =
		    read_number(database, "SELECT count(*) FROM sqlite_schema", &tables, error);
	if (result)
		return error_wrap(error, "%s", directory);
	if (!version && !application && !tables)
		return make_tables(database, error);
	if (application != SCHEMA_APPLICATION)
		return error_set(error, EPROTO,
				 "the database in %s is not Mayfly's: name another directory",
				 directory);
	if (version != SCHEMA_VERSION)
		return error_set(
		    error, EPROTO,
		    "the state in %s is of version %llu, and this program keeps version "
		    "%d: use the program that made it, or name another directory",
		    directory, (unsigned long long)version, SCHEMA_VERSION);
	return 0;
}
