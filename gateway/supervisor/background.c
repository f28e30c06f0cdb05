#include "supervisor/background.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "util/lock.h"

/* Calls that are kept at the same time share a commit, so more of them wait for the disk together. */
static const unsigned thread_counts[BACKGROUND_KINDS] = {
    [BACKGROUND_QUICK] = 8,
    [BACKGROUND_SLOW] = 3,
};

#define THREADS_MAX 8

struct queue {
	struct background *background;
	struct background_job *first, **end;
	pthread_cond_t more;
	pthread_t threads[THREADS_MAX];
	unsigned thread_count;
};

struct background {
	struct event_loop *loop;
	pthread_mutex_t lock;
	bool closing;
	struct queue queues[BACKGROUND_KINDS];
};

static void finish(struct event_loop_post *post)
{
	struct background_job *job = (struct background_job *)post;
	job->finished(job);
}
_Static_assert(offsetof(struct background_job, post) == 0, "a post is the job's beginning");

static struct background_job *take(struct queue *queue)
{
	struct background *self = queue->background;
	lock_scoped(&self->lock);
	while (!queue->first && !self->closing)
		pthread_cond_wait(&queue->more, &self->lock);
	struct background_job *job = queue->first;
	if (!job)
		return NULL;
	queue->first = job->next;
	if (!queue->first)
		queue->end = &queue->first;
	return job;
}

static void *serve(void *context)
{
	struct queue *queue = context;
	struct background *self = queue->background;
	struct background_job *job;
	while ((job = take(queue))) {
		job->work(job);
		job->post.call = finish;
		event_loop_post(self->loop, &job->post);
	}
	return NULL;
}

/* Signals are the event loop's. A positive errno. */
static int start_threads(struct queue *queue, unsigned count)
{
	sigset_t all, old;
	int code = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (!code && queue->thread_count < count) {
		code = pthread_create(&queue->threads[queue->thread_count], NULL, serve, queue);
		if (!code)
			queue->thread_count++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return code;
}

int background_open(struct background **background, struct event_loop *loop, struct error *error)
{
	struct background *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for background work");
	self->loop = loop;
	pthread_mutex_init(&self->lock, NULL);
	for (size_t i = 0; i < BACKGROUND_KINDS; i++) {
		struct queue *queue = &self->queues[i];
		queue->background = self;
		queue->end = &queue->first;
		pthread_cond_init(&queue->more, NULL);
	}
	int code = 0;
	for (size_t i = 0; i < BACKGROUND_KINDS && !code; i++)
		code = start_threads(&self->queues[i], thread_counts[i]);
	if (code) {
		background_close(self);
		return error_set_errno(error, code, "cannot start a thread");
	}
	*background = self;
	return 0;
}

void background_close(struct background *self)
{
	if (!self)
		return;
	pthread_mutex_lock(&self->lock);
	self->closing = true;
	for (size_t i = 0; i < BACKGROUND_KINDS; i++)
		pthread_cond_broadcast(&self->queues[i].more);
	pthread_mutex_unlock(&self->lock);
	for (size_t i = 0; i < BACKGROUND_KINDS; i++) {
		for (unsigned k = 0; k < self->queues[i].thread_count; k++)
			pthread_join(self->queues[i].threads[k], NULL);
		pthread_cond_destroy(&self->queues[i].more);
	}
	pthread_mutex_destroy(&self->lock);
	free(self);
}

void background_add(struct background *self, enum background_kind kind, struct background_job *job)
{
	struct queue *queue = &self->queues[kind];
	lock_scoped(&self->lock);
	job->next = NULL;
	*queue->end = job;
	queue->end = &job->next;
	pthread_cond_signal(&queue->more);
}
