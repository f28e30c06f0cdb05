/* Sessions, resources and ops through a real mayfly-acceld. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "check.h"
#include "host.h"
#include "mayfly/wire.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "vaccel.h"

/* The plugin `noop` through every kind of call. */
static void test_noop_plugin(void)
{
	struct host host;
	struct peer peer;
	if (!CHECK(!host_start(&host, getenv("NOOP_PLUGIN"), NULL)))
		return;
	if (CHECK(!peer_open(&peer, host.socket))) {
		int64_t session = peer_session_init(&peer, 0);
		CHECK_NUMBER(session, 1);
		CHECK_NUMBER(peer_noop(&peer, session), 0);
		char text[64] = "";
		CHECK_NUMBER(peer_classify(&peer, session, text, sizeof(text)), 0);
		CHECK(*text);
		CHECK_NUMBER(peer_noop(&peer, 2), VACCEL_EINVAL);
		CHECK_NUMBER(peer_noop(&peer, 0), VACCEL_EINVAL);
		struct accel_call unknown = {.op = 0x7777, .session = session};
		CHECK_NUMBER(peer_call(&peer, &unknown), VACCEL_ENOTSUP);
		CHECK_NUMBER(peer_session_release(&peer, session), 0);
		CHECK_NUMBER(peer_session_release(&peer, session), VACCEL_EINVAL);
		CHECK_NUMBER(peer_noop(&peer, session), VACCEL_EINVAL);
		peer_close(&peer);
	}
	int status = host_stop(&host, SIGTERM);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* The guest's lists are checked like everything else from it. */
static void test_bad_lists(const struct host *host)
{
	struct peer peer;
	if (!CHECK(!peer_open(&peer, host->socket)))
		return;
	int64_t session = peer_session_init(&peer, 0), id = 0;
	uint32_t flags = 0;
	char text[16];
	struct vaccel_arg flags_arg = {.buf = &flags, .size = 4, .type = VACCEL_ARG_UINT32};
	struct vaccel_arg id_arg = {.buf = &id, .size = 8, .type = VACCEL_ARG_INT64};
	struct vaccel_arg text_arg = {.buf = text, .size = 16, .type = VACCEL_ARG_UCHAR_ARRAY};
	struct vaccel_arg grown_arg = {.type = VACCEL_ARG_INT64};
	uint32_t grows = WIRE_ARGUMENT_GROWS;
	const struct accel_call calls[] = {
	    {.op = WIRE_OP_SESSION_INIT},
	    {.op = WIRE_OP_SESSION_INIT, .inputs = &flags_arg, .input_count = 1},
	    {.op = WIRE_OP_SESSION_INIT,
	     .inputs = &id_arg,
	     .input_count = 1,
	     .outputs = &id_arg,
	     .output_count = 1},
	    {.op = WIRE_OP_SESSION_INIT,
	     .inputs = &flags_arg,
	     .input_count = 1,
	     .outputs = &text_arg,
	     .output_count = 1},
	    {.op = WIRE_OP_SESSION_INIT,
	     .inputs = &flags_arg,
	     .input_count = 1,
	     .outputs = &grown_arg,
	     .output_count = 1,
	     .output_flags = &grows},
	    {.op = WIRE_OP_RESOURCE_REGISTER, .session = session},
	    {.op = WIRE_OP_RESOURCE_REGISTER,
	     .session = session,
	     .inputs = &flags_arg,
	     .input_count = 1,
	     .outputs = &id_arg,
	     .output_count = 1},
	    {.op = WIRE_OP_RESOURCE_UNREGISTER, .session = session},
	    {.op = WIRE_OP_RESOURCE_UNREGISTER,
	     .session = session,
	     .inputs = &flags_arg,
	     .input_count = 1},
	    {.op = VACCEL_OP_IMAGE_CLASSIFY, .session = session},
	    {.op = VACCEL_OP_IMAGE_CLASSIFY,
	     .session = session,
	     .inputs = &id_arg,
	     .input_count = 1,
	     .outputs = &text_arg,
	     .output_count = 1},
	    {.op = VACCEL_OP_TORCH_MODEL_LOAD, .session = session},
	    {.op = VACCEL_OP_TORCH_MODEL_RUN,
	     .session = session,
	     .inputs = &flags_arg,
	     .input_count = 1},
	};
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		CHECK_NUMBER(peer_call(&peer, &calls[i]), VACCEL_EINVAL);
	CHECK_NUMBER(peer_register_model(&peer, session, "../../etc/passwd"), -VACCEL_EINVAL);
	CHECK_NUMBER(peer_register_model(&peer, session, "/etc/passwd"), -VACCEL_EINVAL);
	CHECK_NUMBER(peer_register_model(&peer, session, ".."), -VACCEL_EINVAL);
	CHECK_NUMBER(peer_register_model(&peer, session, ""), -VACCEL_EINVAL);
	CHECK_NUMBER(peer_register_blob(&peer, session, 77, "m", "abc", 3), -VACCEL_EINVAL);
	CHECK_NUMBER(peer_register_blob(&peer, session, VACCEL_RESOURCE_MODEL, "../m", "abc", 3),
		     -VACCEL_EINVAL);
	CHECK_NUMBER(peer_register_blob(&peer, session, VACCEL_RESOURCE_MODEL, "m", "", 0),
		     -VACCEL_EINVAL);
	peer_close(&peer);
}

static void check_models(struct peer *peer, int64_t session, const char *wanted)
{
	char text[64] = "";
	CHECK_NUMBER(peer_classify(peer, session, text, sizeof(text)), 0);
	CHECK_TEXT(text, wanted);
}

static void test_resources(const struct host *host)
{
	struct peer peer, other;
	if (!CHECK(!peer_open(&peer, host->socket)))
		return;
	if (!CHECK(!peer_open(&other, host->socket))) {
		peer_close(&peer);
		return;
	}
	int64_t session = peer_session_init(&peer, 0);
	int64_t model = peer_register_blob(&peer, session, VACCEL_RESOURCE_MODEL, "m", "abc", 3);
	CHECK_NUMBER(model, 1);
	check_models(&peer, session, "1 models, 3 bytes");
	CHECK_NUMBER(peer_register_model(&peer, session, "mobilenet-v2.1"), 2);
	/* The first one decides where an op runs; its worker has no installed one. */
	check_models(&peer, session, "1 models, 3 bytes");

	/* What one connection holds means nothing to another one. */
	CHECK_NUMBER(peer_noop(&other, session), VACCEL_EINVAL);
	CHECK_NUMBER(peer_session_release(&other, session), VACCEL_EINVAL);
	int64_t others_session = peer_session_init(&other, 0);
	CHECK_NUMBER(others_session, 1);
	CHECK_NUMBER(peer_unregister(&other, others_session, model), VACCEL_EINVAL);
	check_models(&other, others_session, "0 models, 0 bytes");
	int64_t wrong_session = peer_session_init(&peer, 0);
	CHECK_NUMBER(peer_unregister(&peer, wrong_session, model), VACCEL_EINVAL);

	CHECK_NUMBER(peer_unregister(&peer, session, model), 0);
	CHECK_NUMBER(peer_unregister(&peer, session, model), VACCEL_EINVAL);
	check_models(&peer, session, "1 models, 0 bytes");
	/* A session takes its resources with it. */
	CHECK_NUMBER(peer_session_release(&peer, session), 0);
	CHECK_NUMBER(peer_unregister(&peer, session, 2), VACCEL_EINVAL);
	peer_close(&other);
	peer_close(&peer);
}

/* What was registered stays what it was, whatever other messages bring. */
static void test_content_is_kept(const struct host *host)
{
	struct peer peer;
	if (!CHECK(!peer_open(&peer, host->socket)))
		return;
	int64_t session = peer_session_init(&peer, 0), model = 0;
	uint32_t type = VACCEL_RESOURCE_MODEL;
	struct vaccel_arg inputs[] = {
	    {.buf = &type, .size = sizeof(type), .type = VACCEL_ARG_UINT32},
	    {.buf = "", .size = 1, .type = VACCEL_ARG_STRING},
	    {.buf = "a", .size = 2, .type = VACCEL_ARG_STRING},
	    {.buf = "first", .size = 5, .type = VACCEL_ARG_BUFFER},
	    {.buf = "b", .size = 2, .type = VACCEL_ARG_STRING},
	    {.buf = " second", .size = 7, .type = VACCEL_ARG_BUFFER},
	};
	struct vaccel_arg output = {.buf = &model, .size = 8, .type = VACCEL_ARG_INT64};
	struct accel_call call = {
	    .op = WIRE_OP_RESOURCE_REGISTER,
	    .session = session,
	    .inputs = inputs,
	    .input_count = 6,
	    .outputs = &output,
	    .output_count = 1,
	};
	CHECK_NUMBER(peer_call(&peer, &call), 0);
	CHECK_NUMBER(model, 1);
	static uint8_t picture[300000];
	memset(picture, '!', sizeof(picture));
	for (size_t length = 100; length <= sizeof(picture); length += 299900) {
		char text[64] = "";
		CHECK_NUMBER(peer_detect(&peer, session, picture, length, text, sizeof(text)), 0);
		CHECK_TEXT(text, "first second");
	}
	peer_close(&peer);
}

/* --resource-memory=2M: a MiB for the connections of one tenant. */
static void test_memory_of_all(const struct host *host)
{
	static uint8_t content[300000];
	enum { FIFTH = 200 << 10 };
	struct peer peer, other;
	char text[16];
	if (!CHECK(!peer_open(&peer, host->socket)))
		return;
	if (!CHECK(!peer_open(&other, host->socket))) {
		peer_close(&peer);
		return;
	}
	int64_t session = peer_session_init(&peer, 0), others = peer_session_init(&other, 0);
	for (int i = 1; i <= 5; i++)
		CHECK_NUMBER(
		    peer_register_blob(&peer, session, VACCEL_RESOURCE_DATA, "d", content, FIFTH),
		    i);
	CHECK_NUMBER(peer_register_blob(&peer, session, VACCEL_RESOURCE_DATA, "d", content, FIFTH),
		     -VACCEL_ENOMEM);
	CHECK_NUMBER(peer_register_blob(&other, others, VACCEL_RESOURCE_DATA, "d", content, FIFTH),
		     -VACCEL_ENOMEM);
	/* Large messages count while they are served; small ones are always taken. */
	CHECK_NUMBER(peer_detect(&other, others, content, sizeof(content), text, sizeof(text)),
		     VACCEL_ENOMEM);
	CHECK_NUMBER(peer_detect(&other, others, content, 100, text, sizeof(text)), VACCEL_ENOENT);
	CHECK_NUMBER(peer_unregister(&peer, session, 3), 0);
	CHECK_NUMBER(peer_register_blob(&other, others, VACCEL_RESOURCE_DATA, "d", content, 40000),
		     1);
	CHECK_NUMBER(peer_register_blob(&other, others, VACCEL_RESOURCE_DATA, "d", content, FIFTH),
		     -VACCEL_ENOMEM);
	/* A failure takes nothing for good. */
	for (int i = 0; i < 10; i++)
		CHECK_NUMBER(
		    peer_register_blob(&other, others, VACCEL_RESOURCE_DATA, "../d", content, 1000),
		    -VACCEL_EINVAL);
	CHECK_NUMBER(
	    peer_register_blob(&other, others, VACCEL_RESOURCE_DATA, "d", content, FIFTH - 40000),
	    2);
	CHECK_NUMBER(peer_session_release(&peer, session), 0);
	CHECK_NUMBER(peer_detect(&other, others, content, sizeof(content), text, sizeof(text)),
		     VACCEL_ENOENT);
	peer_close(&other);
	peer_close(&peer);
}

static void test_limits(const struct host *host)
{
	struct peer peer;
	if (!CHECK(!peer_open(&peer, host->socket)))
		return;
	for (int i = 1; i <= 64; i++)
		CHECK_NUMBER(peer_session_init(&peer, 0), i);
	CHECK_NUMBER(peer_session_init(&peer, 0), -VACCEL_EUSERS);
	CHECK_NUMBER(peer_session_release(&peer, 7), 0);
	CHECK_NUMBER(peer_session_init(&peer, 0), 65);
	for (int i = 1; i <= 256; i++)
		CHECK_NUMBER(peer_register_blob(&peer, 1, VACCEL_RESOURCE_MODEL, "m", "abc", 3), i);
	CHECK_NUMBER(peer_register_blob(&peer, 1, VACCEL_RESOURCE_MODEL, "m", "abc", 3),
		     -VACCEL_EUSERS);
	peer_close(&peer);
}

/* A clone always finds what its snapshot left behind, under the same numbers. */
static void test_mark_and_reset(const struct host *host)
{
	struct peer peer;
	if (!CHECK(!peer_open(&peer, host->socket)))
		return;
	int64_t session = peer_session_init(&peer, 0);
	int64_t second = peer_session_init(&peer, 0);
	int64_t model = peer_register_blob(&peer, session, VACCEL_RESOURCE_MODEL, "m", "abc", 3);
	peer_register_blob(&peer, second, VACCEL_RESOURCE_MODEL, "m", "abcd", 4);
	CHECK_NUMBER(accel_client_mark(peer.client, 0, NULL), 0);
	for (int round = 0; round < 3; round++) {
		check_models(&peer, session, "1 models, 3 bytes");
		/* New things, one of them in a base session. */
		CHECK_NUMBER(peer_session_init(&peer, 0), 3);
		CHECK_NUMBER(
		    peer_register_blob(&peer, session, VACCEL_RESOURCE_MODEL, "n", "12345", 5), 3);
		check_models(&peer, session, "2 models, 5 bytes");
		/* Base things go out of sight, as a guest's library expects. */
		CHECK_NUMBER(peer_unregister(&peer, session, model), 0);
		CHECK_NUMBER(peer_unregister(&peer, session, model), VACCEL_EINVAL);
		check_models(&peer, session, "1 models, 5 bytes");
		CHECK_NUMBER(peer_session_release(&peer, second), 0);
		CHECK_NUMBER(peer_classify(&peer, second, (char[8]){0}, 8), VACCEL_EINVAL);
		CHECK_NUMBER(accel_client_reset(peer.client, NULL), 0);
		check_models(&peer, second, "1 models, 4 bytes");
		CHECK_NUMBER(peer_classify(&peer, 3, (char[8]){0}, 8), VACCEL_EINVAL);
	}
	/* Released for good before a second mark. */
	CHECK_NUMBER(peer_session_release(&peer, second), 0);
	CHECK_NUMBER(accel_client_mark(peer.client, 0, NULL), 0);
	CHECK_NUMBER(accel_client_reset(peer.client, NULL), 0);
	CHECK_NUMBER(peer_session_release(&peer, second), VACCEL_EINVAL);
	check_models(&peer, session, "1 models, 3 bytes");
	peer_close(&peer);
}

/* A base that cannot be brought back is worse than none: the connection ends. */
static void test_failing_reset(const struct host *host)
{
	struct peer peer;
	if (!CHECK(!peer_open(&peer, host->socket)))
		return;
	int64_t session = peer_session_init(&peer, 0);
	int64_t data = peer_register_blob(&peer, session, VACCEL_RESOURCE_DATA, "once", "abc", 3);
	CHECK_NUMBER(accel_client_mark(peer.client, 0, NULL), 0);
	CHECK_NUMBER(accel_client_reset(peer.client, NULL), 0);
	check_models(&peer, session, "0 models, 0 bytes");
	CHECK_NUMBER(peer_unregister(&peer, session, data), 0);
	accel_client_reset(peer.client, NULL);
	CHECK_NUMBER(peer_session_init(&peer, 0), -ECONNRESET);
	peer_close(&peer);
}

/* Requests of one slot, again and again, beside those of others. */
static void *slot_thread(void *argument)
{
	const struct host *host = argument;
	struct peer peer;
	if (!CHECK(!peer_open(&peer, host->socket)))
		return NULL;
	int64_t base = peer_session_init(&peer, 0);
	peer_register_blob(&peer, base, VACCEL_RESOURCE_MODEL, "m", "abc", 3);
	bool good = base == 1 && !accel_client_mark(peer.client, 0, NULL);
	for (int request = 0; request < 200 && good; request++) {
		char text[64] = "";
		good = peer_session_init(&peer, 0) == 2 &&
		       peer_register_model(&peer, 2, "some-model") == 2 &&
		       !peer_classify(&peer, 2, text, sizeof(text)) &&
		       !strcmp(text, "1 models, 0 bytes") &&
		       !peer_classify(&peer, base, text, sizeof(text)) &&
		       !strcmp(text, "1 models, 3 bytes") &&
		       !peer_session_release(&peer, request % 2 ? 2 : base) &&
		       !accel_client_reset(peer.client, NULL);
	}
	CHECK(good);
	peer_close(&peer);
	return NULL;
}

static void test_many_slots(struct host *host)
{
	pthread_t threads[16];
	for (int i = 0; i < 16; i++)
		CHECK(!pthread_create(&threads[i], NULL, slot_thread, host));
	for (int i = 0; i < 16; i++)
		pthread_join(threads[i], NULL);
}

/* The shortest of the limits holds, and the plugin is told, which works for twenty seconds otherwise. */
static void test_deadlines(const struct host *host)
{
	struct peer peer;
	if (!CHECK(!peer_open(&peer, host->socket)))
		return;
	int64_t session = peer_session_init(&peer, 0);
	struct accel_call call = {
	    .op = VACCEL_OP_NOOP, .session = session, .deadline_ns = 20000000};
	uint64_t start_ns = clock_now_ns();
	CHECK_NUMBER(peer_call(&peer, &call), VACCEL_EAGAIN);
	CHECK(clock_now_ns() - start_ns >= 20000000);
	call.deadline_ns = 0;
	/* The caller's own: the host has been told of it too. */
	start_ns = clock_now_ns();
	peer.deadline_ns = start_ns + 50000000;
	int result = peer_call(&peer, &call);
	CHECK(result == -ETIMEDOUT || result == VACCEL_EAGAIN);
	CHECK(clock_now_ns() - start_ns >= 49000000);
	CHECK(clock_now_ns() - start_ns < 10 * NANOSECONDS_PER_SECOND);
	peer.deadline_ns = 1;
	CHECK_NUMBER(peer_call(&peer, &call), result == -ETIMEDOUT ? -ENOTCONN : -ETIMEDOUT);
	CHECK_NUMBER(peer_call(&peer, &call), -ENOTCONN);
	peer_close(&peer);
}

/* That of the host. */
static void test_op_limit(void)
{
	static const char *const limits[] = {"--op-limit=1", NULL};
	struct host host;
	struct peer peer;
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), limits)))
		return;
	if (CHECK(!peer_open(&peer, host.socket))) {
		int64_t session = peer_session_init(&peer, 0);
		CHECK_NUMBER(peer_noop(&peer, session), VACCEL_EAGAIN);
		peer_close(&peer);
	}
	host_stop(&host, SIGTERM);
}

int main(void)
{
	static const char *const limits[] = {"--resource-memory=2M", "--tenant-workers=64", NULL};
	struct host host;
	test_noop_plugin();
	if (CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), limits))) {
		test_bad_lists(&host);
		test_resources(&host);
		test_content_is_kept(&host);
		test_memory_of_all(&host);
		test_limits(&host);
		test_mark_and_reset(&host);
		test_failing_reset(&host);
		test_many_slots(&host);
		test_deadlines(&host);
		int status = host_stop(&host, SIGTERM);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	test_op_limit();
	return check_status();
}
