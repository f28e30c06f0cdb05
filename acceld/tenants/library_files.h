/* In a tenant's worker that may run code: the libraries that its client has sent are files to the
 * dynamic linker, while the worker has no call that opens any.
 *
 * They came as descriptors of memory files, and are called /proc/self/fd/NUMBER. The calls by which
 * the dynamic linker opens and looks at files raise SIGSYS (acceld_code_calls), and are answered by
 * the handler: for such a name with a copy of the descriptor, for any other with ENOENT. Code that
 * replaces the handler gains nothing, as the calls themselves never happen.
 */
#ifndef MAYFLY_ACCELD_LIBRARY_FILES_H
#define MAYFLY_ACCELD_LIBRARY_FILES_H

#include <stddef.h>

#define LIBRARY_FILE_NAME_SIZE 32

void library_file_name(char name[LIBRARY_FILE_NAME_SIZE], int fd);

/* Before the worker gives up its rights. 0 or a negative errno. */
int library_files_install(void);

#endif
