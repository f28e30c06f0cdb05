/* Memory for large arrays that ops of a session read and write, without a copy of them.
 *
 *     float *weights;
 *     mayfly_buffer_new(session, bytes, (void **)&weights);
 *     … vaccel_sgemm(session, m, n, k, alpha, weights, …)
 *     mayfly_buffer_delete(session, weights);
 *
 * Where an accelerator host serves the session and can see the memory (over a Unix socket) arrays of
 * floating-point numbers of more than 4 KiB that lie in a buffer are used there, by the host too: those
 * that go in, and those that the program has made room for. Everywhere else a buffer is ordinary memory,
 * so a program need not know where its sessions are served.
 */
#ifndef MAYFLY_BUFFERS_H
#define MAYFLY_BUFFERS_H

#include <stddef.h>

#include "vaccel/export.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `size` bytes of zeros, at the begin of a page. They are there until they are deleted, or until the
 * session is released. A session has 512 MiB for them in a host's sight; what is beyond is ordinary
 * memory. VACCEL_EINVAL for 0 bytes; VACCEL_ENOMEM. Thread-safe. */
VACCEL_API int mayfly_buffer_new(struct vaccel_session *session, size_t size, void **buffer);

/* No op may use it, and it must be of this session. NULL is fine. Thread-safe. */
VACCEL_API int mayfly_buffer_delete(struct vaccel_session *session, void *buffer);

#ifdef __cplusplus
}
#endif

#endif
