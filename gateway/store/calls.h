/* Asynchronous calls, as rows and their parts. */
#ifndef MAYFLY_GATEWAY_STORE_CALLS_H
#define MAYFLY_GATEWAY_STORE_CALLS_H

#include "store/call_files.h"
#include "store/inside.h"

/* What call_read_row() reads, in this order. */
#define CALL_COLUMNS                                                                               \
	"number, id, name_space, name, state, running, attempts, due_ns, status, run_ns, reason"

/* Reads the row that the statement is at; *number is the call's. */
int call_read_row(sqlite3_stmt *statement, struct store_call *call, uint64_t *number,
		  struct error *error);

/* The files with the bodies of a call; "": there is none. */
struct call_files {
	char body[CALL_FILE_NAME], response[CALL_FILE_NAME];
};

/* Adds the parts of a call: its heads, and where `files` is not NULL its bodies, of which those in files are
 * only named: they are read by call_read_files(), later, so that nobody else waits for that. */
int call_read_parts(struct database *database, uint64_t number, struct call_files *files,
		    struct store_call *call, struct error *error);
/* ENOENT where a file is not there. */
int call_read_files(struct store *store, const struct call_files *files, struct store_call *call,
		    struct error *error);

/* With a body in `file` where that is not "". */
int call_add_request(struct database *database, uint64_t number, const struct store_call *call,
		     const char *file, struct error *error);
/* Not `added` where there is a response already. */
int call_add_response(struct database *database, uint64_t number, const struct store_call *call,
		      const char *file, bool *added, struct error *error);
/* The body of the request, once nobody needs it. */
int call_drop_request(struct database *database, uint64_t number, struct call_file_list **list,
		      struct error *error);

#endif
