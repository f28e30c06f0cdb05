/* A model that a client has sent, or libraries with code of its own: the worker that the clients
 * share only keeps the bytes, in memory files that nobody can change any more; a tenant's worker
 * (tenant.h) maps them and lets plugins look at them.
 */
#ifndef MAYFLY_ACCELD_SENT_MODEL_H
#define MAYFLY_ACCELD_SENT_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "util/descriptors_pass.h"
#include "util/error.h"
#include "vaccel.h"

#define SENT_FILES_MAX 16
_Static_assert(SENT_FILES_MAX <= DESCRIPTORS_PASS_MAX, "one message brings them");

/* All that was sent for one resource, in one memory file. Of a LIB resource, that file has only
 * names, and each blob has a file of its own behind it: the dynamic linker wants files. */
struct sent_files {
	size_t count; /* 0: nothing was sent */
	int fds[SENT_FILES_MAX];
};

/* Makes the memory files of a resource with these blobs, each two arguments: STRING name, BUFFER
 * content. 0 or a VACCEL_ code; VACCEL_ENOSPC for too many libraries. */
int sent_files_make(struct sent_files *files, vaccel_resource_type_t type,
		    const struct vaccel_arg *blobs, size_t blob_count);
void sent_files_close(struct sent_files *files);

struct sent_model {
	struct vaccel_resource resource; /* its blobs lie in the memory, or in the files */
	void *memory;
	size_t size;
	struct sent_files files;
};

/* Maps the memory, `size` bytes of the first file, and takes the files over where it succeeds. Release
 * by sent_model_close(). Returns 0 or a VACCEL_ code. */
int sent_model_open(struct sent_files *files, size_t size, struct sent_model *model);
void sent_model_close(struct sent_model *model);

#endif
