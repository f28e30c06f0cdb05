/* baseline: what the gateway is compared with, behind the same HTTP layer.
 *
 * Without a program it answers by itself, as `hello` would. With one, each request is a process of its own:
 * started, read to its end, waited for. A word "%" of its arguments becomes a number that no other has.
 * Prints its port; ends when its standard input does.
 *
 * usage: baseline [PROGRAM [ARGUMENT]...]
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/child.h"
#include "http/http_server.h"
#include "loopback.h"
#include "util/clock.h"
#include "util/lock.h"

#define THREADS	    16
#define WORDS_MAX   32
#define ANSWER_SIZE 4096

static const char greeting[] = "Hello, world!\n";

struct baseline {
	const char *const *program; /* NULL: none */
	int nothing;		    /* its standard input */
	atomic_ulong number;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job *first, **last;
	bool over;
};

struct job {
	struct baseline *baseline;
	struct job *next;
	struct http_exchange *exchange; /* NULL: the client has gone */
	pthread_mutex_t lock;		/* on it */
	atomic_uint users;
};

static void put_job(struct job *job)
{
	if (atomic_fetch_sub(&job->users, 1) == 1) {
		pthread_mutex_destroy(&job->lock);
		free(job);
	}
}

static void answer(struct job *job, unsigned status, const char *text)
{
	lock_scoped(&job->lock);
	if (job->exchange)
		http_answer(job->exchange, status, "text/plain", text, strlen(text));
}

static void run_program(struct baseline *baseline, struct job *job)
{
	char text[ANSWER_SIZE], number[24];
	const char *words[WORDS_MAX + 1] = {NULL};
	struct error error;
	snprintf(number, sizeof(number), "mayfly-baseline-%lu", baseline->number++);
	for (size_t i = 0; i < WORDS_MAX && baseline->program[i]; i++)
		words[i] = strcmp(baseline->program[i], "%") ? baseline->program[i] : number;
	if (child_run(words, baseline->nothing, text, sizeof(text), &error))
		answer(job, 500, error.text);
	else
		answer(job, 200, text);
}

static void *work(void *context)
{
	struct baseline *baseline = context;
	pthread_mutex_lock(&baseline->lock);
	while (baseline->first || !baseline->over) {
		struct job *job = baseline->first;
		if (!job) {
			pthread_cond_wait(&baseline->changed, &baseline->lock);
			continue;
		}
		baseline->first = job->next;
		if (!baseline->first)
			baseline->last = &baseline->first;
		pthread_mutex_unlock(&baseline->lock);
		run_program(baseline, job);
		put_job(job);
		pthread_mutex_lock(&baseline->lock);
	}
	pthread_mutex_unlock(&baseline->lock);
	return NULL;
}

static unsigned begin(void *context, struct http_exchange *exchange, const struct http_head *head,
		      void **state)
{
	struct job *job = calloc(1, sizeof(*job));
	if (!job)
		return 503;
	*job = (struct job){.baseline = context, .exchange = exchange, .users = 1};
	pthread_mutex_init(&job->lock, NULL);
	*state = job;
	return 0;
}

static unsigned body(void *state, const void *data, size_t length)
{
	return 0;
}

static void complete(void *state)
{
	struct job *job = state;
	struct baseline *baseline = job->baseline;
	if (!baseline->program) {
		answer(job, 200, greeting);
		return;
	}
	job->users++;
	lock_scoped(&baseline->lock);
	*baseline->last = job;
	baseline->last = &job->next;
	pthread_cond_signal(&baseline->changed);
}

static void gone(void *state, bool sent)
{
	struct job *job = state;
	pthread_mutex_lock(&job->lock);
	job->exchange = NULL;
	pthread_mutex_unlock(&job->lock);
	put_job(job);
}

static int serve(struct baseline *baseline)
{
	static const struct http_handler handler = {
	    .begin = begin, .body = body, .complete = complete, .gone = gone};
	struct http_settings settings = {.header_limit = 16 << 10,
					 .body_limit = 1 << 30,
					 .connections = 1000,
					 .head_timeout_ns = 10 * NANOSECONDS_PER_SECOND,
					 .idle_timeout_ns = 600 * NANOSECONDS_PER_SECOND,
					 .body_rate = 1000,
					 .handler = &handler,
					 .context = baseline};
	struct http_server *server;
	struct error error;
	unsigned port = 0;
	settings.listen = loopback_listen(0, &port);
	if (settings.listen < 0) {
		perror("baseline: cannot listen");
		return 1;
	}
	if (http_server_start(&server, &settings, &error)) {
		fprintf(stderr, "baseline: %s\n", error.text);
		return 1;
	}
	printf("%u\n", port);
	fflush(stdout);
	while (getchar() != EOF)
		;
	http_server_stop(server);
	return 0;
}

int main(int count, char *words[])
{
	struct baseline baseline = {.program = count > 1 ? (const char *const *)words + 1 : NULL,
				    .nothing = open("/dev/null", O_RDONLY | O_CLOEXEC),
				    .lock = PTHREAD_MUTEX_INITIALIZER,
				    .changed = PTHREAD_COND_INITIALIZER};
	pthread_t threads[THREADS];
	baseline.last = &baseline.first;
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, &baseline))
			return 1;
	const int status = serve(&baseline);
	pthread_mutex_lock(&baseline.lock);
	baseline.over = true;
	pthread_cond_broadcast(&baseline.changed);
	pthread_mutex_unlock(&baseline.lock);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return status;
}
