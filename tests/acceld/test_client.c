/* Serving messages without a socket: what a host without an engine refuses. */
#include <stdlib.h>

#include "accel/wire/wire.h"
#include "acceld/common/in_flight.h"
#include "acceld/common/plugins.h"
#include "acceld/tenants/account.h"
#include "acceld/worker/client.h"
#include "check.h"
#include "library.h"
#include "util/clock.h"
#include "vaccel.h"

#define SPACE 4096

/* The status of a SESSION_INIT with these flags. */
static int init_session(struct client *client, void *space, uint32_t flags)
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
	CHECK_NUMBER(client_serve(client, space, extent, 0, NULL), 0);
	CHECK_NUMBER(wire_read_answer(space, extent, &call, 1, &status), 0);
	CHECK(status || id > 0);
	return status;
}

static struct account *open_account(struct accounts *accounts)
{
	const struct account_limits limits = {.memory = 2 << 20, .sessions = 8};
	accounts_init(accounts, &limits);
	return account_open(accounts, (struct account_tenant){.number = 1}, &policy_default);
}

static void test_missing_engine(void *space, struct in_flight *in_flight)
{
	struct plugins plugins = {
	    .lock = PTHREAD_MUTEX_INITIALIZER,
	    .awaited = true,
	    .tried_ns = clock_now_ns(), /* not again so soon */
	};
	struct accounts accounts;
	struct account *account = open_account(&accounts);
	struct client *client =
	    client_new(&(struct client_options){.plugins = &plugins, .in_flight = in_flight},
		       account, NULL, -1);
	if (!CHECK(client))
		return;
	CHECK_NUMBER(init_session(client, space, 0), VACCEL_ENODEV);
	CHECK_NUMBER(init_session(client, space, VACCEL_PLUGIN_CPU), VACCEL_ENODEV);
	CHECK_NUMBER(init_session(client, space, VACCEL_PLUGIN_DEBUG), 0);
	client_delete(client);
	account_close(&accounts, account);
	accounts_release(&accounts);
}

/* Work is not sent on to a third party, whatever the flags say. */
static void test_flags(void *space, struct in_flight *in_flight)
{
	struct plugins plugins = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct accounts accounts;
	struct account *account = open_account(&accounts);
	struct client *client =
	    client_new(&(struct client_options){.plugins = &plugins, .in_flight = in_flight},
		       account, NULL, -1);
	if (!CHECK(client))
		return;
	CHECK_NUMBER(init_session(client, space, VACCEL_PLUGIN_REMOTE), 0);
	CHECK_NUMBER(init_session(client, space, UINT32_MAX), 0);
	client_delete(client);
	account_close(&accounts, account);
	accounts_release(&accounts);
}

int main(void)
{
	void *space = aligned_alloc(WIRE_ALIGNMENT, SPACE);
	library_start();
	struct in_flight *in_flight = in_flight_new(NULL);
	CHECK(in_flight && !in_flight_has_served(in_flight));
	test_missing_engine(space, in_flight);
	CHECK(in_flight_has_served(in_flight));
	test_flags(space, in_flight);
	in_flight_delete(in_flight);
	vaccel_cleanup();
	free(space);
	return check_status();
}
