/* Ops that run while the program goes on: asynchronous submission, polling, waiting and cancelling.
 *
 *     static int work(struct vaccel_session *session, void *context)
 *     {
 *             struct job *job = context;
 *             return vaccel_image_classification(session, job->image, …);
 *     }
 *
 *     struct mayfly_task *task;
 *     mayfly_task_submit(session, work, &job, &task);
 *     …
 *     int answer;
 *     int result = mayfly_task_wait(task, 0, &answer);
 *     mayfly_task_delete(task);
 *
 * A task makes any calls of the API in its session, in a thread of the library. Tasks of one session run
 * in the order of their submission; those of several sessions run beside each other, and so do the
 * calls that the program makes itself. Functions return 0 or a VACCEL_E… code and are thread-safe.
 */
#ifndef MAYFLY_TASKS_H
#define MAYFLY_TASKS_H

#include <stdint.h>

#include "vaccel/export.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mayfly_task;

/* What a task does; its result, a VACCEL_E… code or 0, is the task's answer. */
typedef int mayfly_work(struct vaccel_session *session, void *context);

/* Has `work` run soon, with the deadline that this thread has now (mayfly_op_set_deadline()). The session
 * must stay open until the task has been deleted, and so must what `context` points to. VACCEL_EINVAL;
 * VACCEL_ENOMEM where there is no memory, descriptor or thread for it. */
VACCEL_API int mayfly_task_submit(struct vaccel_session *session, mayfly_work *work, void *context,
				  struct mayfly_task **task);

/* VACCEL_OK with the task's answer where it is over, else VACCEL_EINPROGRESS. */
VACCEL_API int mayfly_task_poll(struct mayfly_task *task, int *answer);

/* The same after waiting for it until `deadline_ns` (CLOCK_MONOTONIC; 0: for ever). */
VACCEL_API int mayfly_task_wait(struct mayfly_task *task, uint64_t deadline_ns, int *answer);

/* Can be read from, as poll(2) and its kind tell, once the task is over. The task's. */
VACCEL_API int mayfly_task_descriptor(const struct mayfly_task *task);

/* Nobody wants the answer any more. A task that has not begun never does; the op that runs is ended as
 * soon as its plugin, or the host, can: such tasks answer VACCEL_EAGAIN. One that is over stays as it
 * is. Does not wait. */
VACCEL_API void mayfly_task_cancel(struct mayfly_task *task);

/* Why the last op of a task that is over has failed (mayfly_op_reason()); "" where it has not. Valid
 * until the task is deleted. */
VACCEL_API const char *mayfly_task_reason(const struct mayfly_task *task);

/* Cancels it, waits until it is over, and frees it. NULL is fine. */
VACCEL_API void mayfly_task_delete(struct mayfly_task *task);

#ifdef __cplusplus
}
#endif

#endif
