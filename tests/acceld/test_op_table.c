/* Every line of mayfly/ops.def is in all the tables that come from it: numbers, names, flags, what
 * runs an op in this process, and what serves it at an accelerator host. */
#include <stdlib.h>
#include <string.h>

#include "accel/ops/dispatch.h"
#include "accel/wire/ops.h"
#include "accel/wire/wire.h"
#include "acceld/common/in_flight.h"
#include "acceld/common/plugins.h"
#include "acceld/tenants/account.h"
#include "acceld/worker/client.h"
#include "check.h"
#include "library.h"
#include "mayfly/results.h"
#include "sizes/sizes.h"
#include "vaccel.h"

#define SPACE	   4096
#define UNKNOWN_OP 0x7fff

enum kind { HOST, API, RESULT };

/* The file itself, line by line. */
struct line {
	enum kind kind;
	uint16_t number;
	const char *name, *inputs;
	unsigned flags;
};

static const struct line lines[] = {
#define HOST_OP(name, number, function, flags)	   {HOST, number, #name, "", flags},
#define API_OP(name, shim, inputs, outputs, flags) {API, VACCEL_OP_##name, #name, inputs, flags},
#define RESULT_OP(name, number, shim, function, inputs, outputs, flags)                            \
	{RESULT, number, #name, inputs, flags},
#include "mayfly/ops.def"
};

#define LINES ARRAY_SIZE(lines)

static void test_facts(const struct line *line)
{
	enum wire_op_place place = wire_op_place(line->number);
	if (!CHECK(place < WIRE_OP_PLACES))
		return;
	CHECK_NUMBER(wire_op_facts[place].number, line->number);
	CHECK_TEXT(wire_op_name(line->number), line->name);
	CHECK_NUMBER(wire_op_leaves_state(line->number), !!(line->flags & OP_LEAVES_STATE));
	CHECK_NUMBER(wire_op_names_resource(line->number), line->inputs[0] == 'm');
	if (line->kind == API)
		CHECK_TEXT(vaccel_op_type_to_base_str((vaccel_op_type_t)line->number), line->name);
	else
		CHECK(line->number >= (line->kind == HOST ? 0x100 : 0x200));
}

static void test_in_flight(const struct line *line, struct in_flight *in_flight)
{
	char text[64];
	in_flight_begin(in_flight, line->number);
	in_flight_describe(in_flight, text, sizeof(text));
	CHECK_TEXT(text, line->name);
	in_flight_end(in_flight, line->number);
	in_flight_describe(in_flight, text, sizeof(text));
	CHECK_TEXT(text, "");
}

/* What next to no op takes: a table that has the op says so, and one that does not cannot. */
static struct vaccel_arg wrong_argument(char text[static 2])
{
	return (struct vaccel_arg){.buf = text, .size = 2, .type = VACCEL_ARG_STRING};
}

static void test_dispatch(const struct line *line, struct vaccel_session *session)
{
	/* Bytes that are nowhere fit none. */
	struct vaccel_arg input = {.size = 2, .type = VACCEL_ARG_STRING};
	CHECK_NUMBER(mayfly_op_dispatch(session, line->number, &input, 1, NULL, 0, NULL),
		     line->kind == HOST ? VACCEL_ENOTSUP : VACCEL_EINVAL);
}

static int serve(struct client *client, void *space, const struct accel_call *call)
{
	uint64_t extent;
	int status = -1;
	CHECK_NUMBER(wire_encode(space, SPACE, call, 1, &extent), 0);
	CHECK_NUMBER(client_serve(client, space, extent, 0, NULL), 0);
	CHECK_NUMBER(wire_read_answer(space, extent, call, 1, &status), 0);
	return status;
}

static int serve_wrong(struct client *client, void *space, uint16_t op, int64_t session)
{
	char text[] = "?";
	struct vaccel_arg input = wrong_argument(text);
	const struct accel_call call = {
	    .op = op, .session = session, .inputs = &input, .input_count = 1};
	return serve(client, space, &call);
}

static int64_t open_session(struct client *client, void *space)
{
	uint32_t flags = VACCEL_PLUGIN_DEBUG;
	int64_t id = 0;
	struct vaccel_arg input = {.buf = &flags, .size = sizeof(flags), .type = VACCEL_ARG_UINT32};
	struct vaccel_arg output = {.buf = &id, .size = sizeof(id), .type = VACCEL_ARG_INT64};
	const struct accel_call call = {.op = WIRE_OP_SESSION_INIT,
					.inputs = &input,
					.input_count = 1,
					.outputs = &output,
					.output_count = 1};
	CHECK_NUMBER(serve(client, space, &call), 0);
	return id;
}

/* Each in a session of its own, since one of the ops ends it. */
static void test_host(void *space, struct client *client)
{
	CHECK_NUMBER(serve_wrong(client, space, UNKNOWN_OP, open_session(client, space)),
		     VACCEL_ENOTSUP);
	for (size_t i = 0; i < LINES; i++)
		CHECK(serve_wrong(client, space, lines[i].number, open_session(client, space)) !=
		      VACCEL_ENOTSUP);
}

static void test_lines(void *space)
{
	struct plugins plugins = {.lock = PTHREAD_MUTEX_INITIALIZER};
	const struct account_limits limits = {.memory = 2 << 20, .sessions = 256};
	struct accounts accounts;
	accounts_init(&accounts, &limits);
	struct account *account =
	    account_open(&accounts, (struct account_tenant){.number = 1}, &policy_default);
	struct in_flight *in_flight = in_flight_new(NULL);
	struct client *client =
	    client_new(&(struct client_options){.plugins = &plugins, .in_flight = in_flight},
		       account, NULL, -1);
	struct vaccel_session session;
	CHECK_NUMBER(vaccel_session_init(&session, VACCEL_PLUGIN_DEBUG), 0);
	if (CHECK(client && in_flight)) {
		for (size_t i = 0; i < LINES; i++) {
			test_facts(&lines[i]);
			test_in_flight(&lines[i], in_flight);
			test_dispatch(&lines[i], &session);
		}
		test_host(space, client);
	}
	vaccel_session_release(&session);
	client_delete(client);
	in_flight_delete(in_flight);
	account_close(&accounts, account);
	accounts_release(&accounts);
}

int main(void)
{
	void *space = aligned_alloc(WIRE_ALIGNMENT, SPACE);
	CHECK_NUMBER(LINES, WIRE_OP_PLACES);
	CHECK_NUMBER(wire_op_place(UNKNOWN_OP), WIRE_OP_PLACES);
	CHECK_TEXT(wire_op_name(UNKNOWN_OP), "an unknown op");
	CHECK_NUMBER(wire_op_leaves_state(UNKNOWN_OP) || wire_op_names_resource(UNKNOWN_OP), 0);
	library_start();
	test_lines(space);
	vaccel_cleanup();
	free(space);
	return check_status();
}
