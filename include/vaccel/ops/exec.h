/* Functions of shared objects, run where the session's plugin is.
 *
 *     int function(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
 *                  size_t nr_write);
 *
 * A function that does not return 0 gives VACCEL_EBACKEND. What the caller has in `write` reaches the
 * function, too. Every argument has bytes at `buf` or a size of 0. */
#ifndef VACCEL_OPS_EXEC_H
#define VACCEL_OPS_EXEC_H

#include <stddef.h>

#include "../arg.h"
#include "../export.h"
#include "../resource.h"
#include "../session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `library` is a path or name for dlopen(3), at the plugin's side. VACCEL_EINVAL where there is none,
 * VACCEL_ENOSYS where it has no such function. */
VACCEL_API int vaccel_exec(struct vaccel_session *sess, const char *library, const char *fn_symbol,
			   struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
			   size_t nr_write);

/* The library is the last file of a LIB resource (VACCEL_EINVAL) that is registered (VACCEL_EPERM);
 * the files before it are libraries that it needs. */
VACCEL_API int vaccel_exec_with_resource(struct vaccel_session *sess,
					 struct vaccel_resource *resource, const char *fn_symbol,
					 struct vaccel_arg *read, size_t nr_read,
					 struct vaccel_arg *write, size_t nr_write);

#ifdef __cplusplus
}
#endif

#endif
