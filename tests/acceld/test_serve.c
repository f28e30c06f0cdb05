/* Serving messages without a socket: what a host without an engine refuses. */
#include <stdlib.h>

#include "accel/wire.h"
#include "check.h"
#include "ledger.h"
#include "plugins.h"
#include "serve.h"
#include "util/clock.h"
#include "vaccel.h"

#define SPACE 4096

/* The status of a SESSION_INIT with these flags. */
static int init_session(struct servant *servant, void *space, uint32_t flags)
{
	int64_t id = 0;
	struct vaccel_arg input = {.buf = &flags, .size = sizeof(flags), .type = VACCEL_ARG_UINT32};
	struct vaccel_arg output = {.buf = &id, .size = sizeof(id), .type = VACCEL_ARG_INT64};
	struct accel_call call = {
	    .op = WIRE_OP_SESSION_INIT,
	    .inputs = &input,
	    .input_count = 1,
	    .outputs = &output,
	    .output_count = 1,
	};
	uint64_t extent;
	int status = -1;
	CHECK_NUMBER(wire_encode(space, SPACE, &call, 1, &extent), 0);
	CHECK_NUMBER(servant_serve(servant, space, extent, 0, NULL), 0);
	CHECK_NUMBER(wire_read_answer(space, extent, &call, 1, &status), 0);
	CHECK(status || id > 0);
	return status;
}

static void test_missing_engine(void *space, struct ledger *ledger)
{
	struct plugins plugins = {
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .engine_missing = true,
	    .engine_is_late = true,
	    .tried_ns = clock_now_ns(), /* not again so soon */
	};
	struct budget memory = {1 << 20};
	struct servant *servant = servant_new(&plugins, ledger, &memory);
	if (!CHECK(servant))
		return;
	CHECK_NUMBER(init_session(servant, space, 0), VACCEL_ENODEV);
	CHECK_NUMBER(init_session(servant, space, VACCEL_PLUGIN_CPU), VACCEL_ENODEV);
	CHECK_NUMBER(init_session(servant, space, VACCEL_PLUGIN_DEBUG), 0);
	servant_delete(servant);
}

/* Work is not sent on to a third party, whatever the flags say. */
static void test_flags(void *space, struct ledger *ledger)
{
	struct plugins plugins = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct budget memory = {1 << 20};
	struct servant *servant = servant_new(&plugins, ledger, &memory);
	if (!CHECK(servant))
		return;
	CHECK_NUMBER(init_session(servant, space, VACCEL_PLUGIN_REMOTE), 0);
	CHECK_NUMBER(init_session(servant, space, UINT32_MAX), 0);
	servant_delete(servant);
}

int main(void)
{
	void *space = aligned_alloc(WIRE_ALIGNMENT, SPACE);
	struct vaccel_config config;
	CHECK_NUMBER(vaccel_config_init(&config, getenv("NOOP_PLUGIN"), VACCEL_LOG_ERROR, NULL,
					false, false),
		     0);
	CHECK_NUMBER(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	struct ledger *ledger = ledger_new(NULL);
	CHECK(ledger && !ledger_has_served(ledger));
	test_missing_engine(space, ledger);
	CHECK(ledger_has_served(ledger));
	test_flags(space, ledger);
	ledger_delete(ledger);
	vaccel_cleanup();
	free(space);
	return check_status();
}
