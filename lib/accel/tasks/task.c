/* Ops that run while the program goes on; see mayfly/tasks.h.
 *
 * Each session with tasks has a runner: a thread that serves its queue, and ends when nothing has come
 * for a while. One lock protects all queues: it is held for a few instructions each time.
 */
#include "accel/tasks/task.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "accel/state/op_host.h"
#include "accel/state/state.h"
#include "mayfly/results.h"
#include "mayfly/tasks.h"
#include "util/clock.h"
#include "util/lock.h"
#include "vaccel/error.h"

/* How long a runner waits for another task. */
#define LINGER_NS NANOSECONDS_PER_SECOND

enum task_state { TASK_WAITS, TASK_RUNS, TASK_IS_OVER };

struct mayfly_task {
	struct mayfly_task *next; /* in its runner's queue */
	struct task_runner *runner;
	struct vaccel_session *session;
	mayfly_work *work;
	void *context;
	uint64_t deadline_ns;
	struct mayfly_op_stop stop;
	int descriptor;	     /* eventfd */
	pthread_cond_t over; /* for threads that wait */
	enum task_state state;
	int answer;
	char reason[MAYFLY_REASON_SIZE];
};

struct task_runner {
	struct task_runner *next;
	struct vaccel_session *session;
	struct mayfly_task *first, **last; /* that wait */
	struct mayfly_task *current;
	pthread_cond_t changed; /* the queue */
};

/* All under accel_state.tasks_lock. */

static void finish(struct mayfly_task *task, int answer, const char *reason)
{
	task->state = TASK_IS_OVER;
	task->answer = answer;
	snprintf(task->reason, sizeof(task->reason), "%s", reason);
	eventfd_write(task->descriptor, 1);
	pthread_cond_broadcast(&task->over);
}

static void make_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void run(struct task_runner *runner)
{
	struct mayfly_task *task = runner->first;
	runner->first = task->next;
	if (!runner->first)
		runner->last = &runner->first;
	runner->current = task;
	task->state = TASK_RUNS;
	pthread_mutex_unlock(&accel_state.tasks_lock);
	mayfly_op_set_deadline(task->deadline_ns);
	mayfly_op_set_reason("");
	mayfly_op_set_stop(&task->stop);
	int answer = task->work(task->session, task->context);
	mayfly_op_set_stop(NULL);
	pthread_mutex_lock(&accel_state.tasks_lock);
	runner->current = NULL;
	finish(task, answer, answer ? mayfly_op_reason() : "");
}

/* False where nothing has come. */
static bool await_task(struct task_runner *runner)
{
	const struct timespec moment = clock_timespec(clock_now_ns() + LINGER_NS);
	int result = 0;
	while (!runner->first && !accel_state.tasks_end && !result)
		result = pthread_cond_timedwait(&runner->changed, &accel_state.tasks_lock, &moment);
	return runner->first;
}

static void remove_runner(struct task_runner *runner)
{
	struct task_runner **place = &accel_state.task_runners;
	while (*place != runner)
		place = &(*place)->next;
	*place = runner->next;
	pthread_cond_destroy(&runner->changed);
	free(runner);
	pthread_cond_broadcast(&accel_state.tasks_ended);
}

static void *serve_tasks(void *argument)
{
	struct task_runner *runner = argument;
	pthread_mutex_lock(&accel_state.tasks_lock);
	while (await_task(runner))
		run(runner);
	remove_runner(runner);
	pthread_mutex_unlock(&accel_state.tasks_lock);
	return NULL;
}

static int start_thread(struct task_runner *runner)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int result = pthread_attr_init(&attributes);
	if (result)
		return result;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	result = pthread_create(&thread, &attributes, serve_tasks, runner);
	pthread_attr_destroy(&attributes);
	return result;
}

static struct task_runner *make_runner(struct vaccel_session *session)
{
	struct task_runner *runner = calloc(1, sizeof(*runner));
	if (!runner)
		return NULL;
	make_condition(&runner->changed);
	runner->session = session;
	runner->last = &runner->first;
	runner->next = accel_state.task_runners;
	accel_state.task_runners = runner;
	if (!start_thread(runner))
		return runner;
	remove_runner(runner);
	return NULL;
}

static struct task_runner *find_runner(struct vaccel_session *session)
{
	struct task_runner *runner = accel_state.task_runners;
	while (runner && runner->session != session)
		runner = runner->next;
	return runner ? runner : make_runner(session);
}

int mayfly_task_submit(struct vaccel_session *session, mayfly_work *work, void *context,
		       struct mayfly_task **out)
{
	if (!session || session->id < 1 || !work || !out)
		return VACCEL_EINVAL;
	struct mayfly_task *task = malloc(sizeof(*task));
	if (!task)
		return VACCEL_ENOMEM;
	*task = (struct mayfly_task){
	    .session = session,
	    .work = work,
	    .context = context,
	    .deadline_ns = mayfly_op_deadline_ns(),
	    .stop = MAYFLY_OP_STOP_INITIALIZER,
	    .descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	make_condition(&task->over);
	lock_scoped(&accel_state.tasks_lock);
	task->runner = task->descriptor < 0 ? NULL : find_runner(session);
	if (!task->runner) {
		if (task->descriptor >= 0)
			close(task->descriptor);
		pthread_cond_destroy(&task->over);
		free(task);
		return VACCEL_ENOMEM;
	}
	*task->runner->last = task;
	task->runner->last = &task->next;
	pthread_cond_signal(&task->runner->changed);
	*out = task;
	return VACCEL_OK;
}

int mayfly_task_poll(struct mayfly_task *task, int *answer)
{
	if (!task || !answer)
		return VACCEL_EINVAL;
	lock_scoped(&accel_state.tasks_lock);
	if (task->state != TASK_IS_OVER)
		return VACCEL_EINPROGRESS;
	*answer = task->answer;
	return VACCEL_OK;
}

int mayfly_task_wait(struct mayfly_task *task, uint64_t deadline_ns, int *answer)
{
	if (!task || !answer)
		return VACCEL_EINVAL;
	const struct timespec moment = clock_timespec(deadline_ns);
	int result = 0;
	lock_scoped(&accel_state.tasks_lock);
	while (task->state != TASK_IS_OVER && !result)
		result = deadline_ns
			     ? pthread_cond_timedwait(&task->over, &accel_state.tasks_lock, &moment)
			     : pthread_cond_wait(&task->over, &accel_state.tasks_lock);
	if (task->state != TASK_IS_OVER)
		return VACCEL_EINPROGRESS;
	*answer = task->answer;
	return VACCEL_OK;
}

int mayfly_task_descriptor(const struct mayfly_task *task)
{
	return task ? task->descriptor : -1;
}

static void unlink_task(struct mayfly_task *task)
{
	struct task_runner *runner = task->runner;
	struct mayfly_task **place = &runner->first;
	while (*place != task)
		place = &(*place)->next;
	*place = task->next;
	if (!task->next)
		runner->last = place;
}

void mayfly_task_cancel(struct mayfly_task *task)
{
	if (!task)
		return;
	pthread_mutex_lock(&accel_state.tasks_lock);
	if (task->state == TASK_WAITS) {
		unlink_task(task);
		finish(task, VACCEL_EAGAIN, "it was cancelled before it began");
	}
	const bool runs = task->state == TASK_RUNS;
	pthread_mutex_unlock(&accel_state.tasks_lock);
	if (runs)
		mayfly_op_stop(&task->stop);
}

const char *mayfly_task_reason(const struct mayfly_task *task)
{
	return task ? task->reason : "";
}

void mayfly_task_delete(struct mayfly_task *task)
{
	int answer;
	if (!task)
		return;
	mayfly_task_cancel(task);
	mayfly_task_wait(task, 0, &answer);
	close(task->descriptor);
	pthread_cond_destroy(&task->over);
	pthread_mutex_destroy(&task->stop.lock);
	free(task);
}

/* What waits is the program's to delete: it is over now. */
static void cancel_all(void)
{
	for (struct task_runner *each = accel_state.task_runners; each; each = each->next) {
		while (each->first) {
			struct mayfly_task *task = each->first;
			unlink_task(task);
			finish(task, VACCEL_EAGAIN, "the library is being shut down");
		}
		if (each->current)
			mayfly_op_stop(&each->current->stop);
		pthread_cond_broadcast(&each->changed);
	}
}

void tasks_shut_down(void)
{
	lock_scoped(&accel_state.tasks_lock);
	accel_state.tasks_end = true;
	cancel_all();
	while (accel_state.task_runners)
		pthread_cond_wait(&accel_state.tasks_ended, &accel_state.tasks_lock);
	accel_state.tasks_end = false;
}
