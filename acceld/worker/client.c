/* Serving the messages of one connection through libvaccel; see client.h. */
#include "acceld/worker/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel/ops/dispatch.h"
#include "accel/ops/table.h"
#include "accel/plugins/plugin.h"
#include "accel/state/op_host.h"
#include "accel/wire/ops.h"
#include "accel/wire/wire.h"
#include "acceld/common/in_flight.h"
#include "acceld/common/log_json.h"
#include "acceld/common/op_answer.h"
#include "acceld/common/plugins.h"
#include "acceld/tenants/account.h"
#include "acceld/tenants/tenant.h"
#include "acceld/worker/cancel_watch.h"
#include "acceld/worker/client_objects.h"
#include "acceld/worker/statistics.h"
#include "mayfly/results.h"
#include "util/clock.h"
#include "util/log.h"

/* A message beyond this many bytes takes a while to copy. */
#define LARGE_MESSAGE (4UL << 20)

struct client {
	struct client_options options;
	struct account *account;
	struct client_objects objects;
	struct tenant *tenant;
	struct wire_message message;
	int socket;
	uint64_t tag; /* of the CALL that is served */
	struct statistics_series *series;
	bool answered; /* by the tenant's worker */
	bool behind;   /* the thread yields to those of other tenants */
};

struct client *client_new(const struct client_options *options, struct account *account,
			  struct tenant *tenant, int socket)
{
	struct client *client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	if (client_objects_init(&client->objects, account, tenant)) {
		free(client);
		return NULL;
	}
	client->options = *options;
	client->tenant = tenant;
	client->account = account;
	client->socket = socket;
	wire_message_init(&client->message, &account->parts.memory);
	return client;
}

void client_use_window(struct client *client, uint8_t *window, uint64_t size)
{
	wire_message_use_window(&client->message, window, size);
}

void client_delete(struct client *client)
{
	if (!client)
		return;
	client_objects_release(&client->objects);
	wire_message_release(&client->message);
	free(client);
}

/* True where the message has as many arguments as are named, and they begin with those types. */
static bool has_shape(const struct wire_message *message, size_t inputs, size_t outputs,
		      const vaccel_arg_type_t *types, size_t type_count)
{
	if (message->header.inputs != inputs || message->header.outputs != outputs)
		return false;
	for (size_t i = 0; i < type_count; i++)
		if (message->arguments[i].type != types[i])
			return false;
	return true;
}

/* Scalars are of their type's size: wire_decode() has seen to that. */
static int64_t read_int64(const struct vaccel_arg *argument)
{
	int64_t value;
	memcpy(&value, argument->buf, sizeof(value));
	return value;
}

static uint32_t read_uint32(const struct vaccel_arg *argument)
{
	uint32_t value;
	memcpy(&value, argument->buf, sizeof(value));
	return value;
}

/* Only an output of fixed size has a place that an id can be written to. */
static bool output_is_fixed(const struct wire_message *message)
{
	return !(message->output_flags[0] & WIRE_ARGUMENT_GROWS);
}

static int serve_session_init(struct client *client)
{
	static const vaccel_arg_type_t types[] = {VACCEL_ARG_UINT32, VACCEL_ARG_INT64};
	struct wire_message *message = &client->message;
	if (!has_shape(message, 1, 1, types, 2) || !output_is_fixed(message))
		return VACCEL_EINVAL;
	uint32_t flags = read_uint32(&message->arguments[0]);
	int64_t id = 0;
	int result = plugins_admit(client->options.plugins, flags);
	if (!result)
		result = client_objects_open_session(&client->objects, flags, &id);
	memcpy(message->arguments[1].buf, &id, sizeof(id));
	return result;
}

static int serve_session_release(struct client *client)
{
	return client_objects_close_session(&client->objects, client->message.header.session);
}

static int serve_resource_register(struct client *client)
{
	static const vaccel_arg_type_t types[] = {VACCEL_ARG_UINT32, VACCEL_ARG_STRING};
	struct wire_message *message = &client->message;
	size_t inputs = message->header.inputs;
	if (inputs < 2 || inputs % 2 || !has_shape(message, inputs, 1, types, 2) ||
	    message->arguments[inputs].type != VACCEL_ARG_INT64 || !output_is_fixed(message))
		return VACCEL_EINVAL;
	int64_t id = 0;
	int result = client_objects_register(
	    &client->objects, message->header.session,
	    (vaccel_resource_type_t)read_uint32(&message->arguments[0]), message->arguments[1].buf,
	    &message->arguments[2], inputs / 2 - 1, &id);
	memcpy(message->arguments[inputs].buf, &id, sizeof(id));
	return result;
}

static int serve_resource_unregister(struct client *client)
{
	static const vaccel_arg_type_t types[] = {VACCEL_ARG_INT64};
	struct wire_message *message = &client->message;
	if (!has_shape(message, 1, 0, types, 1))
		return VACCEL_EINVAL;
	return client_objects_unregister(&client->objects, message->header.session,
					 read_int64(&message->arguments[0]));
}

/* What the host has done, for those who can read the key. */
static int serve_statistics(struct client *client)
{
	static const vaccel_arg_type_t types[] = {VACCEL_ARG_BUFFER, VACCEL_ARG_BUFFER};
	struct wire_message *message = &client->message;
	struct statistics *statistics = client->options.statistics;
	if (!has_shape(message, 1, 1, types, 2) || output_is_fixed(message))
		return VACCEL_EINVAL;
	const struct vaccel_arg *key = &message->arguments[0];
	struct vaccel_arg *told = &message->arguments[1];
	if (!statistics || !client->account->tenant.is_process ||
	    !statistics_know_key(statistics, key->buf, key->size)) {
		mayfly_op_set_reason("statistics are for those who can read the host's key");
		return VACCEL_EPERM;
	}
	size_t size;
	told->buf = statistics_tell(statistics, client->account->accounts, &size);
	if (!told->buf)
		return VACCEL_ENOMEM;
	told->size = size;
	told->owned = true;
	return VACCEL_OK;
}

/* ── ops ─────────────────────────────────────────────────────────────────────────────────────── */

/* Why an op that had to wait does not run. */
static int explain_wait(const struct client *client, int result, const char *what)
{
	char reason[256];
	if (result == -ECANCELED)
		snprintf(reason, sizeof(reason), "the op was cancelled while it waited");
	else
		snprintf(reason, sizeof(reason), "the deadline passed while %s",
			 what ? what : "other ops ran");
	log_debug("tenant %s: %s: %s", client->account->policy->name,
		  wire_op_name(client->message.header.op), reason);
	mayfly_op_set_reason(reason);
	return VACCEL_EAGAIN;
}

/* An op with a model that the peer has sent; `key` is 0 where it names none. */
static int serve_apart(struct client *client, const struct vaccel_session *session, uint64_t key)
{
	int64_t number = client->message.header.session;
	mayfly_op_enter_phase(MAYFLY_PHASE_QUEUE);
	int result = client_objects_begin_apart(&client->objects, number);
	if (result)
		return result;
	/* The guard is for installed models: this only names it, for the statistics. */
	mayfly_op_name_model("(sent)");
	mayfly_op_enter_phase(MAYFLY_PHASE_COMPUTE);
	result = tenant_call(client->tenant, number, session->hint, key, &client->message);
	mayfly_op_enter_phase(MAYFLY_PHASE_OUTPUT);
	client->answered = !result;
	tenant_rest(client->tenant);
	return result;
}

bool client_take_place(struct client *client)
{
	bool behind = account_is_behind(client->account);
	if (behind && !client->behind) {
		account_step_back(client->account);
		client->behind = true;
	}
	return behind || !client->behind;
}

void client_change_thread(struct client *client)
{
	client->behind = false;
}

/* Waits for its turn on the device. */
static int enter_queue(struct client *client, struct fair_queue_op *queued,
		       enum mayfly_device device)
{
	char text[256];
	struct fair_queue_flow *flow = &client->account->flows[device];
	mayfly_op_enter_phase(MAYFLY_PHASE_QUEUE);
	fair_queue_widen(flow->queue, mayfly_plugins_ops_together());
	int result = fair_queue_enter(queued, flow, mayfly_op_deadline_ns());
	mayfly_op_enter_phase(MAYFLY_PHASE_INPUT);
	if (!result)
		return VACCEL_OK;
	if (!fair_queue_must_pay(flow))
		return explain_wait(client, result, NULL);
	const struct policy *policy = client->account->policy;
	snprintf(text, sizeof(text),
		 "tenant %s had had its device time, %ju ms of each second: it had to wait",
		 policy->name, (uintmax_t)policy->device_time_per_s / 1000000);
	return explain_wait(client, result, text);
}

static int dispatch(struct client *client, struct vaccel_session *session)
{
	struct wire_message *message = &client->message;
	const struct wire_header *header = &message->header;
	return mayfly_op_dispatch(session, header->op, message->arguments, header->inputs,
				  message->arguments + header->inputs, header->outputs,
				  message->output_flags);
}

static int run_op(struct client *client, struct vaccel_session *session, bool computes,
		  enum mayfly_device device)
{
	struct fair_queue_op queued;
	if (!computes)
		return dispatch(client, session);
	int result = enter_queue(client, &queued, device);
	if (result)
		return result;
	/* Other tenants may have come while it waited. */
	client_take_place(client);
	result = dispatch(client, session);
	fair_queue_leave(&queued);
	return result;
}

/* Puts the library's id of the model that the message names into it. */
static int find_model(struct client *client, struct vaccel_arg *model, int64_t number)
{
	struct wire_message *message = &client->message;
	int64_t session = message->header.session;
	vaccel_id_t id = client_objects_resource(&client->objects, session, number);
	if (!id)
		return VACCEL_EPERM;
	/* A model of the peer's own may do anything with its inputs, including what goes wrong if
	 * they change meanwhile. */
	if (!client_objects_resource_is_installed(&client->objects, session, number) &&
	    wire_copy_tensors(message, NULL))
		return VACCEL_ENOMEM;
	memcpy(model->buf, &id, sizeof(id));
	return VACCEL_OK;
}

/* How an op is served. */
struct op_way {
	struct vaccel_session *session;
	bool apart; /* in the tenant's worker, with the model `key`, 0: none */
	uint64_t key;
	bool computes; /* on `device` */
	enum mayfly_device device;
};

/* What the tenant's worker is asked for: there, too, nothing that the policy forbids. */
static int check_apart(const struct client *client, const struct vaccel_session *session)
{
	uint16_t op = client->message.header.op;
	const char *plugin = mayfly_op_plugin_name(session, op, 0);
	if (wire_op_runs_code(op) && !account_allows_code(client->account))
		return VACCEL_EPERM;
	return plugin && !account_allows_plugin(client->account, plugin) ? VACCEL_EPERM : VACCEL_OK;
}

/* Which plugin serves it, and on which device. */
static int find_plugin(struct client *client, struct op_way *way, vaccel_id_t resource)
{
	uint16_t op = client->message.header.op;
	const char *plugin = mayfly_op_plugin_name(way->session, op, resource);
	if (plugin && !account_allows_plugin(client->account, plugin))
		return VACCEL_EPERM;
	/* Never in this process, which all clients share. */
	if (mayfly_op_runs_code(way->session, op, resource)) {
		if (account_allows_code(client->account))
			mayfly_op_set_reason("code is run only out of libraries that are sent as "
					     "resources, with permission to do so");
		return VACCEL_EPERM;
	}
	way->computes = mayfly_op_computes(way->session, op, resource, &way->device);
	return VACCEL_OK;
}

static int find_way(struct client *client, struct op_way *way)
{
	struct wire_message *message = &client->message;
	const struct wire_header *header = &message->header;
	*way =
	    (struct op_way){.session = client_objects_session(&client->objects, header->session)};
	vaccel_id_t resource = 0;
	if (!way->session)
		return VACCEL_EINVAL;
	if (wire_op_place(header->op) < WIRE_OP_PLACES &&
	    !account_allows_op(client->account, header->op))
		return VACCEL_EPERM;
	if (wire_op_names_resource(header->op)) {
		struct vaccel_arg *model = &message->arguments[0];
		if (!header->inputs || model->type != VACCEL_ARG_INT64)
			return VACCEL_EINVAL;
		int64_t number = read_int64(model);
		way->key = client_objects_key_of(&client->objects, header->session, number);
		way->apart = way->key;
		int result = way->apart ? VACCEL_OK : find_model(client, model, number);
		if (result)
			return result;
		resource = read_int64(model);
	} else {
		way->apart = client_objects_runs_apart(&client->objects, header->session);
	}
	return way->apart ? check_apart(client, way->session) : find_plugin(client, way, resource);
}

static int serve_in_gate(struct client *client, const struct op_way *way)
{
	struct op_gate *gate = &client->account->gate;
	unsigned limit = client->account->policy->ops_in_flight;
	if (limit) {
		char text[256];
		mayfly_op_enter_phase(MAYFLY_PHASE_QUEUE);
		int result = op_gate_enter(gate, limit, mayfly_op_deadline_ns());
		mayfly_op_enter_phase(MAYFLY_PHASE_INPUT);
		if (result) {
			snprintf(text, sizeof(text),
				 "tenant %s had %u ops in flight, as many as it may",
				 client->account->policy->name, limit);
			return explain_wait(client, result, text);
		}
	}
	int result = way->apart ? serve_apart(client, way->session, way->key)
				: run_op(client, way->session, way->computes, way->device);
	if (limit)
		op_gate_leave(gate);
	return result;
}

/* An op that may take a while is watched: its caller may give it up. For one that takes no longer
 * than this it would be a waste. */
static int serve_op(struct client *client)
{
	struct op_way way;
	int result = find_way(client, &way);
	if (result)
		return result;
	struct cancel_watch *watch = client->options.watch;
	if (!watch || !(way.apart || way.computes || client->account->policy->ops_in_flight))
		return serve_in_gate(client, &way);
	struct mayfly_op_stop stop = MAYFLY_OP_STOP_INITIALIZER;
	struct cancel_entry entry = {.socket = client->socket, .tag = client->tag, .stop = &stop};
	mayfly_op_set_stop(&stop);
	cancel_watch_begin(watch, &entry);
	result = serve_in_gate(client, &way);
	cancel_watch_end(watch, &entry);
	mayfly_op_set_stop(NULL);
	return result;
}

static int serve_message(struct client *client)
{
	switch (client->message.header.op) {
#define HOST_OP(name, number, function, flags)                                                     \
	case WIRE_OP_##name:                                                                       \
		account_pace(client->account, 1);                                                  \
		return serve_##function(client);
#include "mayfly/ops.def"
	default:
		return serve_op(client);
	}
}

/* Copying a large message is work, too. If the wait is too long, the op reports that. */
static int decode(struct client *client, void *message, uint64_t length, uint64_t limit_ns,
		  struct error *error)
{
	if (length <= LARGE_MESSAGE)
		return wire_decode(&client->message, message, length, error);
	struct fair_queue_op queued;
	mayfly_op_enter_phase(MAYFLY_PHASE_QUEUE);
	bool entered = !fair_queue_enter(&queued, &client->account->flows[MAYFLY_DEVICE_CPU],
					 clock_deadline_after(clock_now_ns(), limit_ns));
	mayfly_op_enter_phase(MAYFLY_PHASE_INPUT);
	int result = wire_decode(&client->message, message, length, error);
	if (entered)
		fair_queue_leave(&queued);
	return result;
}

void client_name_call(struct client *client, uint64_t tag)
{
	client->tag = tag;
}

/* Asked for the models that plugins use: those that are installed. */
static int guard_model(void *context, const char *model, uint64_t bytes)
{
	struct client *client = context;
	struct account *account = client->account;
	const struct policy *policy = account->policy;
	if (!account_allows_model(account, model))
		return VACCEL_EPERM;
	if (!model_share_use(&account->models, model, bytes, policy->model_memory))
		return VACCEL_OK;
	char reason[256];
	snprintf(reason, sizeof(reason),
		 "tenant %s may have models of %ju bytes loaded, and has %ju: model %s takes %ju",
		 policy->name, (uintmax_t)policy->model_memory,
		 (uintmax_t)model_share_bytes(&account->models), model, (uintmax_t)bytes);
	mayfly_op_set_reason(reason);
	return VACCEL_ENOMEM;
}

/* The message has been read: has its op served, and answers it. */
static int serve_decoded(struct client *client, uint64_t limit_ns)
{
	limit_ns = clock_earlier(limit_ns, client->message.header.deadline_ns);
	limit_ns = clock_earlier(limit_ns, client->account->policy->op_limit_ns);
	uint64_t start_ns = clock_now_ns();
	mayfly_op_set_deadline(clock_deadline_after(start_ns, limit_ns));
	mayfly_op_set_reason("");
	client->answered = false;
	in_flight_begin(client->options.in_flight, client->message.header.op);
	log_json_set_op(client->account->policy->name, wire_op_name(client->message.header.op),
			client->message.header.session);
	int status = serve_message(client);
	if (status)
		log_info("tenant %s: %s fails with %d: %s", client->account->policy->name,
			 wire_op_name(client->message.header.op), status, mayfly_op_reason());
	log_json_set_op("", "", 0);
	in_flight_end(client->options.in_flight, client->message.header.op);
	mayfly_op_set_deadline(0);
	if (client->answered)
		wire_forget(&client->message);
	else
		op_answer_write(&client->message, status, clock_now_ns() - start_ns);
	return status;
}

int client_serve(struct client *client, void *message, uint64_t length, uint64_t limit_ns,
		 struct error *error)
{
	struct mayfly_op_times times;
	mayfly_op_begin(MAYFLY_PHASE_INPUT, guard_model, client);
	int result = decode(client, message, length, limit_ns, error), status = VACCEL_ENOMEM;
	if (!result)
		status = serve_decoded(client, limit_ns);
	mayfly_op_end(&times);
	if (result == -ENOMEM) {
		log_warn("a message is refused: %s", error ? error->text : "no memory");
		wire_refuse(&client->message, VACCEL_ENOMEM);
		result = 0;
	}
	if (!result && client->options.statistics)
		statistics_count(client->options.statistics, client->account->policy->name,
				 client->message.header.op, status, &times, &client->series);
	return result;
}

bool client_is_unchanged(const struct client *client)
{
	return client_objects_are_base(&client->objects);
}

void client_mark(struct client *client)
{
	client_objects_mark(&client->objects);
}

int client_reset(struct client *client, struct error *error)
{
	int result = client_objects_reset(&client->objects);
	return result ? error_set_errno(error, result, "cannot register a resource again") : 0;
}
