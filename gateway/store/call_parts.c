/* The parts of calls: their heads and bodies. */
#include <errno.h>
#include <stdio.h>

#include "store/calls.h"

enum part {
	PART_HEAD = 1,
	PART_BODY,
	PART_RESPONSE_HEAD,
	PART_RESPONSE,
};

/* An empty part is none. */
static int add_part(struct database *database, uint64_t number, enum part part, const void *data,
		    size_t length, const char *file, struct error *error)
{
	static const char sql[] =
	    "INSERT INTO call_parts (call, part, data, file) VALUES (?, ?, ?, ?)";
	if (!length)
		return 0;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 1, number);
	bind_number(statement, 2, part);
	if (*file)
		bind_text(statement, 4, file);
	else
		bind_bytes(statement, 3, data, length);
	return statement_step(statement, error);
}

int call_add_request(struct database *database, uint64_t number, const struct store_call *call,
		     const char *file, struct error *error)
{
	int result =
	    add_part(database, number, PART_HEAD, call->head.data, call->head.length, "", error);
	return result ? result
		      : add_part(database, number, PART_BODY, call->body, call->body_length, file,
				 error);
}

/* 1: it has one. */
static int has_response(struct database *database, uint64_t number, struct error *error)
{
	static const char sql[] = "SELECT 1 FROM call_parts WHERE call = ? AND part IN (3, 4)";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 1, number);
	return statement_step(statement, error);
}

int call_add_response(struct database *database, uint64_t number, const struct store_call *call,
		      const char *file, bool *added, struct error *error)
{
	const int there = has_response(database, number, error);
	*added = !there;
	if (there)
		return there < 0 ? there : 0;
	int result = add_part(database, number, PART_RESPONSE_HEAD, call->response_head.data,
			      call->response_head.length, "", error);
	return result ? result
		      : add_part(database, number, PART_RESPONSE, call->response,
				 call->response_length, file, error);
}

int call_drop_request(struct database *database, uint64_t number, struct call_file_list **list,
		      struct error *error)
{
	static const char sql[] =
	    "DELETE FROM call_parts WHERE call = ? AND part = 2 RETURNING file";
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 1, number);
	int result;
	while ((result = statement_step(statement, error)) == 1) {
		const char *file = (const char *)sqlite3_column_text(statement, 0);
		if (file && call_file_list_add(list, file))
			return error_set(error, ENOMEM, "no memory for the name of a file");
	}
	return result;
}

/* ── reading ─────────────────────────────────────────────────────────────────────────────────── */

/* A body: bytes, or the name of a file. */
static int read_body(sqlite3_stmt *statement, uint8_t **data, size_t *length,
		     char file[CALL_FILE_NAME], struct error *error)
{
	const char *name = (const char *)sqlite3_column_text(statement, 2);
	if (name)
		snprintf(file, CALL_FILE_NAME, "%s", name);
	return column_bytes(statement, 1, data, length, error);
}

static int read_part(sqlite3_stmt *statement, struct call_files *files, struct store_call *call,
		     struct error *error)
{
	switch (column_number(statement, 0)) {
	case PART_HEAD:
		return column_record(statement, 1, &call->head, error);
	case PART_BODY:
		return read_body(statement, &call->body, &call->body_length, files->body, error);
	case PART_RESPONSE_HEAD:
		return column_record(statement, 1, &call->response_head, error);
	case PART_RESPONSE:
		return read_body(statement, &call->response, &call->response_length,
				 files->response, error);
	default:
		return 0;
	}
}

int call_read_parts(struct database *database, uint64_t number, struct call_files *files,
		    struct store_call *call, struct error *error)
{
	static const char all[] = "SELECT part, data, file FROM call_parts WHERE call = ?";
	static const char heads[] =
	    "SELECT part, data, file FROM call_parts WHERE call = ? AND part IN (1, 3)";
	cleanup_statement sqlite3_stmt *statement =
	    database_prepare(database, files ? all : heads, error);
	if (!statement)
		return -EIO;
	bind_number(statement, 1, number);
	int result;
	while ((result = statement_step(statement, error)) == 1) {
		result = read_part(statement, files, call, error);
		if (result)
			break;
	}
	return result;
}

int call_read_files(struct store *store, const struct call_files *files, struct store_call *call,
		    struct error *error)
{
	int result = 0;
	if (*files->body)
		result = call_file_read(store, files->body, &call->body, &call->body_length, error);
	if (!result && *files->response)
		result = call_file_read(store, files->response, &call->response,
					&call->response_length, error);
	return result;
}
