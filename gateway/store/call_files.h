/* Large bodies of calls, in files of their own.
 *
 * A transaction writes twice what is in it, and others wait until it has: from 64 KiB on a file is quicker,
 * and holds up nobody. It is on disk before the transaction that names it; whoever is killed in between
 * leaves a file that no row names, which the next one to open the store removes.
 */
#ifndef MAYFLY_GATEWAY_STORE_CALL_FILES_H
#define MAYFLY_GATEWAY_STORE_CALL_FILES_H

#include "store/inside.h"

#define CALL_FILE_MIN  65537 /* bytes: from here on it is a file */
#define CALL_FILE_NAME 33    /* hexadecimal digits and the NUL; "": none */

/* Writes a file of a fresh name. */
int call_file_write(struct store *store, const void *data, size_t length, char name[CALL_FILE_NAME],
		    struct error *error);
/* ENOENT where it is not there. */
int call_file_read(struct store *store, const char *name, uint8_t **data, size_t *length,
		   struct error *error);
/* Nothing for "" and NULL. */
void call_file_remove(struct store *store, const char *name);

/* Opens the directory, and removes what no row names. */
int call_files_open(struct store *store, struct error *error);

/* Files that rows do not name any more, to be removed when that is on disk. */
struct call_file_list {
	struct call_file_list *next;
	char name[CALL_FILE_NAME];
};
int call_file_list_add(struct call_file_list **list, const char *name);
/* `remove`: the files, too. */
void call_file_list_end(struct store *store, struct call_file_list *list, bool remove);

#endif
