/* For tests: what a program with vAccel's API does, wherever its sessions are served. One translation unit
 * each, as check.h. */
#ifndef MAYFLY_TESTS_PROGRAM_H
#define MAYFLY_TESTS_PROGRAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "check.h"
#include "mayfly/buffers.h"
#include "mayfly/results.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "vaccel.h"

/* From here on, as at the program's start. */
static inline void start_library(const char *plugins, const char *address)
{
	setenv("VACCEL_RPC_ADDRESS", address, 1);
	if (!plugins)
		unsetenv("VACCEL_PLUGINS");
	else
		setenv("VACCEL_PLUGINS", plugins, 1);
	CHECK_NUMBER(vaccel_bootstrap(), VACCEL_OK);
}

static inline void expect_no_session(uint32_t flags, int code, const char *reason)
{
	struct vaccel_session *session = NULL;
	uint64_t start_ns = clock_now_ns();
	CHECK_NUMBER(vaccel_session_new(&session, flags), code);
	if (!CHECK(strstr(mayfly_op_reason(), reason)))
		fprintf(stderr, "  reason: %s\n", mayfly_op_reason());
	CHECK(clock_now_ns() - start_ns < 5 * NANOSECONDS_PER_SECOND);
}

static inline void expect_text(struct vaccel_session *session, const char *wanted)
{
	char text[64] = "", name[64] = "";
	CHECK_NUMBER(vaccel_image_classification(session, "picture", (unsigned char *)text,
						 (unsigned char *)name, 7, sizeof(text),
						 sizeof(name)),
		     VACCEL_OK);
	CHECK_TEXT(text, wanted);
}

/* A model of the program's own goes along, and ops see it. */
static inline void test_session(uint32_t flags)
{
	struct vaccel_session *session = NULL;
	struct vaccel_resource *model = NULL;
	if (!CHECK_NUMBER(vaccel_session_new(&session, flags), VACCEL_OK))
		return;
	CHECK(session->is_virtio && session->remote_id == 1);
	expect_text(session, "0 models, 0 bytes");
	mayfly_op_set_deadline(clock_now_ns() + 20000000);
	CHECK_NUMBER(vaccel_noop(session), VACCEL_EAGAIN);
	mayfly_op_set_deadline(0);
	expect_text(session, "0 models, 0 bytes");
	CHECK_NUMBER(vaccel_resource_new(&model, "model:nosuchmodel", VACCEL_RESOURCE_MODEL),
		     VACCEL_OK);
	vaccel_resource_register(model, session);
	CHECK_NUMBER(vaccel_resource_delete(model), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_delete(session), VACCEL_OK);
}

struct parallel {
	pthread_t thread;
	unsigned int rounds;
	const atomic_bool *goes_on; /* more rounds, until this is false; NULL: no more */
	bool may_fail;
	unsigned int good, lost;
	atomic_uint tried; /* so far */
};

/* Sessions one after the other, each with some ops. */
static inline void *use_sessions(void *argument)
{
	struct parallel *parallel = argument;
	for (unsigned int i = 0;
	     i < parallel->rounds || (parallel->goes_on && atomic_load(parallel->goes_on)); i++) {
		struct vaccel_session *session = NULL;
		int result = vaccel_session_new(&session, 0);
		for (unsigned int op = 0; !result && op < 4; op++) {
			char text[64] = "", name[16] = "";
			result = vaccel_image_classification(
			    session, "picture", (unsigned char *)text, (unsigned char *)name, 7,
			    sizeof(text), sizeof(name));
			if (!result)
				CHECK_TEXT(text, "0 models, 0 bytes");
		}
		if (session)
			vaccel_session_delete(session);
		parallel->good += !result;
		parallel->lost += result == VACCEL_EREMOTEIO;
		atomic_fetch_add(&parallel->tried, 1);
		CHECK(!result || (parallel->may_fail && result == VACCEL_EREMOTEIO));
	}
	return NULL;
}

#define SIDE	 100UL /* of matrices, 40,000 bytes */
#define ELEMENTS (SIDE * SIDE)

/* C = A·B + C, with the matrices in `memory[0]` to `memory[2]`. */
static inline void multiply(struct vaccel_session *session, void *memory[3])
{
	float *a = memory[0], *b = memory[1], *c = memory[2];
	for (size_t i = 0; i < ELEMENTS; i++) {
		a[i] = (float)(i % 7);
		b[i] = (float)(i % 5);
		c[i] = (float)(i % 3);
	}
	CHECK_NUMBER(vaccel_sgemm(session, SIDE, SIDE, SIDE, 1, a, SIDE, b, SIDE, 1, c, SIDE),
		     VACCEL_OK);
	unsigned int wrong = 0;
	for (size_t i = 0; i < ELEMENTS; i++) {
		float wanted = (float)(i % 3);
		for (size_t k = 0; k < SIDE; k++)
			wanted += a[i / SIDE * SIDE + k] * b[k * SIDE + i % SIDE];
		wrong += c[i] != wanted;
	}
	CHECK_NUMBER(wrong, 0);
}

/* Results are the same whether matrices lie in buffers or not, and wherever the session is. */
static inline void test_buffers(uint32_t flags)
{
	static float ordinary[3][ELEMENTS];
	struct vaccel_session *session = NULL;
	void *in_buffers[3], *mixed[3], *small, *large;
	if (!CHECK_NUMBER(vaccel_session_new(&session, flags), VACCEL_OK))
		return;
	for (size_t i = 0; i < 3; i++) {
		CHECK_NUMBER(mayfly_buffer_new(session, sizeof(ordinary[i]), &in_buffers[i]),
			     VACCEL_OK);
		CHECK((uintptr_t)in_buffers[i] % 4096 == 0 && !*(float *)in_buffers[i]);
		mixed[i] = i == 1 ? in_buffers[i] : ordinary[i];
	}
	multiply(session, (void *[]){ordinary[0], ordinary[1], ordinary[2]});
	multiply(session, in_buffers);
	multiply(session, mixed);
	CHECK_NUMBER(mayfly_buffer_delete(session, in_buffers[1]), VACCEL_OK);
	/* Its place is free again, with nothing in it; and what does not fit is elsewhere. */
	CHECK_NUMBER(mayfly_buffer_new(session, 100, &small), VACCEL_OK);
	CHECK(!*(float *)small);
	CHECK_NUMBER(mayfly_buffer_new(session, 600UL << 20, &large), VACCEL_OK);
	CHECK_NUMBER(mayfly_buffer_new(session, 0, &large), VACCEL_EINVAL);
	CHECK_NUMBER(mayfly_buffer_delete(session, large), VACCEL_OK);
	CHECK_NUMBER(mayfly_buffer_delete(session, small), VACCEL_OK);
	CHECK_NUMBER(mayfly_buffer_delete(session, NULL), VACCEL_OK);
	CHECK_NUMBER(mayfly_buffer_delete(session, in_buffers[0]), VACCEL_OK);
	CHECK_NUMBER(mayfly_buffer_delete(session, in_buffers[2]), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_delete(session), VACCEL_OK);
}

#define THREADS 64

static inline void run_in_parallel(struct parallel *all, unsigned int rounds,
				   const atomic_bool *goes_on)
{
	for (size_t i = 0; i < THREADS; i++) {
		all[i] = (struct parallel){
		    .rounds = rounds, .goes_on = goes_on, .may_fail = goes_on != NULL};
		CHECK(!pthread_create(&all[i].thread, NULL, use_sessions, &all[i]));
	}
}

static inline void test_parallel(unsigned int rounds)
{
	struct parallel all[THREADS];
	run_in_parallel(all, rounds, NULL);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(all[i].thread, NULL);
		CHECK_NUMBER(all[i].good, rounds);
	}
}

/* Ops of one session from many threads: one after the other, and none is mixed up. */
static inline void *use_session(void *argument)
{
	for (int i = 0; i < 20; i++)
		expect_text(argument, "0 models, 0 bytes");
	return NULL;
}

static inline void test_shared_session(void)
{
	struct vaccel_session *session = NULL;
	pthread_t threads[8];
	if (!CHECK_NUMBER(vaccel_session_new(&session, 0), VACCEL_OK))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		CHECK(!pthread_create(&threads[i], NULL, use_session, session));
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	CHECK_NUMBER(vaccel_session_delete(session), VACCEL_OK);
}

#endif
