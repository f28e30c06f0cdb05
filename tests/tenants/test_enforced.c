/* What a tenant's policy does not allow: each is refused by an error and a line that names the
 * limit. */
#include <stdlib.h>
#include <string.h>

#include "accel/wire/wire.h"
#include "acceld/common/in_flight.h"
#include "acceld/common/plugins.h"
#include "acceld/library.h"
#include "acceld/tenants/account.h"
#include "acceld/worker/admission.h"
#include "acceld/worker/client.h"
#include "acceld/worker/statistics.h"
#include "check.h"
#include "mayfly/statistics.h"
#include "util/clock.h"

#define SPACE	       (1UL << 20)
#define MILLISECOND_NS 1000000UL

/* A client with a policy of its own, without a socket. */
struct tried {
	struct plugins plugins;
	struct accounts accounts;
	struct account *account;
	struct in_flight *in_flight;
	struct statistics *statistics;
	struct client *client;
	void *space;
	uint64_t extent; /* of the last message */
};

static void begin(struct tried *tried, const struct policy *policy, bool is_process)
{
	const struct account_limits limits = {
	    .memory = 2 << 20, .connections = 8, .sessions = 64, .resources = 64, .models = 8};
	*tried = (struct tried){.plugins = {.lock = PTHREAD_MUTEX_INITIALIZER},
				.in_flight = in_flight_new(NULL),
				.statistics = statistics_new(),
				.space = aligned_alloc(WIRE_ALIGNMENT, SPACE)};
	accounts_init(&tried->accounts, &limits);
	tried->account =
	    account_open(&tried->accounts,
			 (struct account_tenant){.number = 1, .is_process = is_process}, policy);
	const struct client_options options = {.plugins = &tried->plugins,
					       .in_flight = tried->in_flight,
					       .statistics = tried->statistics};
	tried->client = client_new(&options, tried->account, NULL, -1);
	CHECK(tried->account && tried->client && tried->space);
}

static void end(struct tried *tried)
{
	client_delete(tried->client);
	account_close(&tried->accounts, tried->account);
	accounts_release(&tried->accounts);
	statistics_delete(tried->statistics);
	in_flight_delete(tried->in_flight);
	free(tried->space);
}

static int serve(struct tried *tried, const struct accel_call *call)
{
	int status = -1;
	CHECK_NUMBER(wire_encode(tried->space, SPACE, call, 1, &tried->extent), 0);
	CHECK_NUMBER(client_serve(tried->client, tried->space, tried->extent, 0, NULL), 0);
	CHECK_NUMBER(wire_read_answer(tried->space, tried->extent, call, 1, &status), 0);
	return status;
}

/* The last answer says why, with these words in it. */
static void check_reason(const struct tried *tried, const char *wanted)
{
	char reason[MAYFLY_REASON_SIZE];
	wire_read_reason(tried->space, tried->extent, reason, sizeof(reason));
	if (!CHECK(strstr(reason, wanted)))
		fprintf(stderr, "  got:    %s\n  wanted: %s\n", reason, wanted);
}

static int open_session(struct tried *tried, int64_t *id)
{
	uint32_t flags = VACCEL_PLUGIN_DEBUG;
	*id = 0;
	struct vaccel_arg input = {.buf = &flags, .size = sizeof(flags), .type = VACCEL_ARG_UINT32};
	struct vaccel_arg output = {.buf = id, .size = sizeof(*id), .type = VACCEL_ARG_INT64};
	return serve(tried, &(struct accel_call){.op = WIRE_OP_SESSION_INIT,
						 .inputs = &input,
						 .input_count = 1,
						 .outputs = &output,
						 .output_count = 1});
}

static int register_resource(struct tried *tried, int64_t session, uint32_t type, const char *model,
			     size_t size)
{
	static char content[512 << 10];
	int64_t id = 0;
	struct vaccel_arg inputs[] = {
	    {.buf = &type, .size = sizeof(type), .type = VACCEL_ARG_UINT32},
	    {.buf = (void *)model, .size = strlen(model) + 1, .type = VACCEL_ARG_STRING},
	    {.buf = "blob", .size = sizeof("blob"), .type = VACCEL_ARG_STRING},
	    {.buf = content, .size = size, .type = VACCEL_ARG_BUFFER},
	};
	struct vaccel_arg output = {.buf = &id, .size = sizeof(id), .type = VACCEL_ARG_INT64};
	return serve(tried, &(struct accel_call){.op = WIRE_OP_RESOURCE_REGISTER,
						 .session = session,
						 .inputs = inputs,
						 .input_count = *model ? 2 : 4,
						 .outputs = &output,
						 .output_count = 1});
}

static int call_noop(struct tried *tried, int64_t session)
{
	return serve(tried, &(struct accel_call){.op = VACCEL_OP_NOOP, .session = session});
}

static struct policy named_policy(void)
{
	struct policy policy = policy_default;
	strcpy(policy.name, "shop");
	return policy;
}

/* ── counts and sizes ────────────────────────────────────────────────────────────────────────── */

static void test_counts(void)
{
	struct tried tried;
	struct policy policy = named_policy();
	int64_t session, other;
	policy.sessions = 2;
	policy.resources = 1;
	policy.resource_memory = 100 << 10;
	begin(&tried, &policy, false);
	CHECK_NUMBER(open_session(&tried, &session), 0);
	CHECK_NUMBER(open_session(&tried, &other), 0);
	CHECK_NUMBER(open_session(&tried, &other), VACCEL_EUSERS);
	check_reason(&tried, "tenant shop has 2 sessions, and may have 2");
	CHECK_NUMBER(register_resource(&tried, session, VACCEL_RESOURCE_DATA, "", 101 << 10),
		     VACCEL_ENOMEM);
	check_reason(&tried, "tenant shop has 0 bytes of resources and large messages, and may "
			     "have 102400");
	CHECK_NUMBER(register_resource(&tried, session, VACCEL_RESOURCE_DATA, "", 64 << 10), 0);
	CHECK_NUMBER(register_resource(&tried, session, VACCEL_RESOURCE_DATA, "", 64),
		     VACCEL_EUSERS);
	check_reason(&tried, "tenant shop has 1 resources, and may have 1");
	/* What was granted since counts at once; what is held stays. */
	policy.sessions = 3;
	CHECK_NUMBER(account_set_policy(tried.account, &policy), 0);
	CHECK_NUMBER(open_session(&tried, &other), 0);
	policy.sessions = 1;
	CHECK_NUMBER(account_set_policy(tried.account, &policy), 0);
	CHECK_NUMBER(open_session(&tried, &other), VACCEL_EUSERS);
	check_reason(&tried, "has 3 sessions, and may have 1");
	CHECK_NUMBER(call_noop(&tried, session), 0);
	end(&tried);
}

static void test_connections(void)
{
	struct tried tried;
	struct admission admission;
	struct policy policy = named_policy();
	char text[256];
	policy.connections = 2;
	begin(&tried, &policy, false);
	admission_init(&admission);
	CHECK(admission_enter(&admission, tried.account));
	CHECK(admission_enter(&admission, tried.account));
	CHECK(!admission_enter(&admission, tried.account));
	account_describe(tried.account, ACCOUNT_connections, text, sizeof(text));
	CHECK_TEXT(text, "tenant shop has 2 connections, and may have 2");
	admission_leave(&admission, tried.account);
	admission_leave(&admission, tried.account);
	admission_release(&admission);
	end(&tried);
}

/* ── what is named ───────────────────────────────────────────────────────────────────────────── */

static void test_names(void)
{
	struct tried tried;
	struct policy policy = named_policy();
	int64_t session;
	policy.ops[WIRE_OP_PLACE_NOOP] = false;
	policy.models = (struct policy_names){.count = 1, .names = {"pose"}};
	policy.send_models = false;
	begin(&tried, &policy, false);
	CHECK_NUMBER(open_session(&tried, &session), 0);
	CHECK_NUMBER(call_noop(&tried, session), VACCEL_EPERM);
	check_reason(&tried, "tenant shop may not call NOOP");
	CHECK_NUMBER(register_resource(&tried, session, VACCEL_RESOURCE_MODEL, "ssd", 0),
		     VACCEL_EPERM);
	check_reason(&tried, "tenant shop may not use model ssd");
	CHECK_NUMBER(register_resource(&tried, session, VACCEL_RESOURCE_MODEL, "", 100),
		     VACCEL_EPERM);
	check_reason(&tried, "tenant shop may not send models of its own");
	CHECK_NUMBER(register_resource(&tried, session, VACCEL_RESOURCE_DATA, "", 100), 0);
	policy.ops[WIRE_OP_PLACE_NOOP] = true;
	policy.plugins = (struct policy_names){.count = 1, .names = {"onnx"}};
	CHECK_NUMBER(account_set_policy(tried.account, &policy), 0);
	CHECK_NUMBER(call_noop(&tried, session), VACCEL_EPERM);
	check_reason(&tried, "tenant shop may not use plugin noop");
	CHECK_NUMBER(open_session(&tried, &session), VACCEL_EPERM);
	check_reason(&tried, "tenant shop may not use plugin noop");
	CHECK_NUMBER(tried.account->parts.sessions.held, 1);
	end(&tried);
}

/* ── waiting ─────────────────────────────────────────────────────────────────────────────────── */

static void test_in_flight(void)
{
	struct tried tried;
	struct policy policy = named_policy();
	int64_t session;
	policy.ops_in_flight = 1;
	begin(&tried, &policy, false);
	CHECK_NUMBER(open_session(&tried, &session), 0);
	CHECK_NUMBER(call_noop(&tried, session), 0);
	CHECK_NUMBER(op_gate_enter(&tried.account->gate, 1, 0), 0);
	uint64_t start_ns = clock_now_ns();
	CHECK_NUMBER(serve(&tried, &(struct accel_call){.op = VACCEL_OP_NOOP,
							.session = session,
							.deadline_ns = 20 * MILLISECOND_NS}),
		     VACCEL_EAGAIN);
	CHECK(clock_now_ns() - start_ns >= 20 * MILLISECOND_NS);
	check_reason(&tried, "tenant shop had 1 ops in flight, as many as it may");
	op_gate_leave(&tried.account->gate);
	CHECK_NUMBER(call_noop(&tried, session), 0);
	end(&tried);
}

/* ── statistics ──────────────────────────────────────────────────────────────────────────────── */

static int ask(struct tried *tried, const void *key, struct vaccel_arg *told)
{
	static const uint32_t grows = WIRE_ARGUMENT_GROWS;
	struct vaccel_arg input = {
	    .buf = (void *)key, .size = MAYFLY_STATISTICS_KEY, .type = VACCEL_ARG_BUFFER};
	*told = (struct vaccel_arg){.type = VACCEL_ARG_BUFFER};
	return serve(tried, &(struct accel_call){.op = WIRE_OP_STATISTICS,
						 .inputs = &input,
						 .input_count = 1,
						 .outputs = told,
						 .output_count = 1,
						 .output_flags = &grows});
}

static void check_told(const struct vaccel_arg *told)
{
	const struct mayfly_statistics *head = told->buf;
	const struct mayfly_tenant_statistics *tenant = (const void *)(head + 1);
	if (!CHECK(told->size >= sizeof(*head) + sizeof(*tenant)) ||
	    !CHECK_NUMBER(head->version, MAYFLY_STATISTICS_VERSION))
		return;
	CHECK_NUMBER(told->size, sizeof(*head) + head->tenants * sizeof(*tenant) +
				     head->models * sizeof(struct mayfly_loaded_model) +
				     head->series * sizeof(struct mayfly_op_statistics));
	CHECK_NUMBER(head->tenants, 1);
	CHECK_TEXT(tenant->name, "shop");
	CHECK_NUMBER(tenant->sessions, 1);
	CHECK_NUMBER(tenant->process, 1);
	const struct mayfly_op_statistics *series =
	    (const void *)((const struct mayfly_loaded_model *)(tenant + head->tenants) +
			   head->models);
	bool seen = false;
	for (uint32_t i = 0; i < head->series; i++) {
		uint64_t sum = 0;
		if (strcmp(series[i].op, "NOOP") != 0)
			continue;
		seen = true;
		CHECK_TEXT(series[i].tenant, "shop");
		CHECK_NUMBER(series[i].count, 4);
		CHECK_NUMBER(series[i].errors, 1);
		for (int bucket = 0; bucket < MAYFLY_BUCKETS; bucket++)
			sum += series[i].buckets[MAYFLY_PHASE_COMPUTE][bucket];
		CHECK_NUMBER(sum, 4);
		CHECK(series[i].sum_ns[MAYFLY_PHASE_COMPUTE]);
	}
	CHECK(seen);
}

static void test_statistics(void)
{
	struct tried tried;
	struct policy policy = named_policy();
	struct vaccel_arg told;
	char path[] = "/tmp/mayfly-statistics-XXXXXX", key_path[sizeof(path) + 8];
	uint8_t key[MAYFLY_STATISTICS_KEY] = {0};
	int64_t session;
	int fd = mkstemp(path);
	CHECK(fd >= 0);
	begin(&tried, &policy, true);
	CHECK_NUMBER(ask(&tried, key, &told), VACCEL_EPERM);
	statistics_make_key(tried.statistics, path);
	CHECK_NUMBER(ask(&tried, key, &told), VACCEL_EPERM);
	check_reason(&tried, "the host's key");
	snprintf(key_path, sizeof(key_path), "%s.key", path);
	FILE *file = fopen(key_path, "re");
	if (CHECK(file)) {
		CHECK_NUMBER(fread(key, 1, sizeof(key), file), sizeof(key));
		fclose(file);
	}
	CHECK_NUMBER(open_session(&tried, &session), 0);
	for (int i = 0; i < 3; i++)
		CHECK_NUMBER(call_noop(&tried, session), 0);
	CHECK(call_noop(&tried, session + 1) > 0);
	if (CHECK_NUMBER(ask(&tried, key, &told), 0)) {
		check_told(&told);
		free(told.buf);
	}
	/* A tenant of the configuration does not get it, also with the key. */
	struct account *account = tried.account;
	account->tenant.is_process = false;
	CHECK_NUMBER(ask(&tried, key, &told), VACCEL_EPERM);
	account->tenant.is_process = true;
	end(&tried);
	remove(key_path);
	remove(path);
}

int main(void)
{
	library_start();
	test_counts();
	test_connections();
	test_names();
	test_in_flight();
	test_statistics();
	vaccel_cleanup();
	return check_status();
}
