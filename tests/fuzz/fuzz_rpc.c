/* Any bytes as the life of one client of vAccel's RPC protocol: requests of its methods with payloads
 * of any bytes, pieces of streams, and bytes that are no frames. The accelerator host behind it is in
 * this process, with the noop plugin. At the end nothing may be left of the client.
 *
 * Each step is a byte of kind (and whether to wait for the answer), and what is sent:
 *     0  length (2 bytes), bytes as they are
 *     1  stream, flags, method, length (2 bytes), payload
 *     2  stream, flags, length (2 bytes), data of a stream */
#include <endian.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acceld/common/in_flight.h"
#include "acceld/common/plugins.h"
#include "acceld/common/policy.h"
#include "acceld/relay/host.h"
#include "acceld/relay/rpc/rpc.h"
#include "acceld/relay/stream.h"
#include "acceld/tenants/account.h"
#include "acceld/tenants/tenant.h"
#include "acceld/worker/admission.h"
#include "acceld/worker/connection.h"
#include "sizes/sizes.h"
#include "util/budget.h"
#include "util/log.h"
#include "vaccel.h"

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOST_MEMORY	(16UL << 20)
#define RELAY_MEMORY	(1UL << 20)
#define FRAME_MAX	(64U << 10)
#define CONNECTIONS_MAX 128 /* in one life */
#define ANSWER_MS	50

static struct plugins plugins;
static struct accounts accounts;
static struct account *account;
static struct tenants tenants;
static struct admission admission;
static struct connection_options connection_options;
static struct budget memory;

static struct {
	pthread_t thread;
	struct connection connection;
} served[CONNECTIONS_MAX];
static size_t served_count;
static pthread_mutex_t served_lock = PTHREAD_MUTEX_INITIALIZER;

static void *serve_connection(void *argument)
{
	struct connection *connection = argument;
	while (!connection_serve(connection))
		;
	if (connection->admitted)
		admission_leave(&admission, account);
	close(connection->socket);
	return NULL;
}

int relay_host_connect(const struct relay_host *host, int *connection, struct error *error)
{
	int pair[2];
	(void)host;
	pthread_mutex_lock(&served_lock);
	size_t place = served_count;
	if (place < CONNECTIONS_MAX &&
	    !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		served[place].connection = (struct connection){.options = &connection_options,
							       .socket = pair[0],
							       .transport = &transport_unix,
							       .account = account};
		if (pthread_create(&served[place].thread, NULL, serve_connection,
				   &served[place].connection))
			abort();
		*connection = pair[1];
		served_count++;
	}
	pthread_mutex_unlock(&served_lock);
	return place < CONNECTIONS_MAX ? 0 : error_set(error, EUSERS, "enough");
}

int LLVMFuzzerInitialize(int *count, char ***words)
{
	struct error error = {0};
	(void)count;
	(void)words;
	setenv("VACCEL_PLUGINS", "noop", 1);
	accounts_init(&accounts, &(struct account_limits){.memory = HOST_MEMORY,
							  .threads = 1000,
							  .connections = 1000,
							  .sessions = 256,
							  .resources = 256,
							  .models = 16,
							  .workers = 1});
	account = account_open(&accounts, (struct account_tenant){.number = 1}, &policy_default);
	tenants_init(&tenants, -1, 1); /* models that are sent find no worker */
	admission_init(&admission);
	budget_init(&memory, RELAY_MEMORY);
	connection_options = (struct connection_options){
	    .client = {.plugins = &plugins, .in_flight = in_flight_new(&error)},
	    .tenants = &tenants,
	    .admission = &admission,
	};
	if (!connection_options.client.in_flight || !account || plugins_start(&plugins, &error))
		abort();
	/* Every refusal has a line, here and in libvaccel. */
	log_set_level((enum log_level)0);
	slog_config_set(&(SLogConfig){0});
	return 0;
}

struct bytes {
	const uint8_t *next, *end;
};

static uint8_t take(struct bytes *bytes)
{
	return bytes->next < bytes->end ? *bytes->next++ : 0;
}

static struct bytes take_many(struct bytes *bytes)
{
	size_t left, length = (size_t)take(bytes) << 8;
	length |= take(bytes);
	left = (size_t)(bytes->end - bytes->next);
	if (length > left)
		length = left;
	struct bytes taken = {bytes->next, bytes->next + length};
	bytes->next += length;
	return taken;
}

static size_t put_field(uint8_t *place, uint8_t field, const void *bytes, size_t length)
{
	size_t at = 0;
	place[at++] = (uint8_t)(field << 3 | 2);
	for (size_t rest = length; rest || at == 1; rest >>= 7)
		place[at++] = (uint8_t)((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0));
	if (length)
		memcpy(place + at, bytes, length);
	return at + length;
}

static size_t put_request(uint8_t *place, uint8_t method, struct bytes payload)
{
	static const char *const services[] = {"vaccel.sync.agent.AgentService",
					       "vaccel.asynchronous.agent.AgentService"};
	static const char *const methods[] = {
#define METHOD(name, ...)	   #name,
#define SESSION_METHOD(name, ...)  #name,
#define RESOURCE_METHOD(name, ...) #name,
#include "acceld/relay/rpc/methods.def"
	    "GenopStream", "Other"};
	const char *service = services[method >> 7];
	const char *name = methods[(method & 0x7f) % ARRAY_SIZE(methods)];
	size_t at = put_field(place, 1, service, strlen(service));
	at += put_field(place + at, 2, name, strlen(name));
	return at + put_field(place + at, 3, payload.next, (size_t)(payload.end - payload.next));
}

static void send_all(int socket, const void *bytes, size_t length)
{
	const uint8_t *next = bytes;
	while (length) {
		ssize_t sent = send(socket, next, length, MSG_NOSIGNAL);
		if (sent <= 0)
			return;
		next += sent;
		length -= (size_t)sent;
	}
}

static void send_frame(int socket, uint8_t id, uint8_t type, uint8_t flags, const void *data,
		       size_t length)
{
	uint8_t head[10] = {0};
	uint32_t wire_length = htobe32((uint32_t)length);
	memcpy(head, &wire_length, sizeof(wire_length));
	head[7] = id;
	head[8] = type;
	head[9] = flags;
	send_all(socket, head, sizeof(head));
	send_all(socket, data, length);
}

/* Reads what there is, or comes soon. */
static void listen_for(int socket, int patience_ms)
{
	uint8_t away[4096];
	struct pollfd wait = {.fd = socket, .events = POLLIN};
	while (poll(&wait, 1, patience_ms) == 1 && recv(socket, away, sizeof(away), 0) > 0)
		patience_ms = 0;
}

static void take_step(int socket, struct bytes *bytes)
{
	static uint8_t data[UINT16_MAX + 256];
	uint8_t kind = take(bytes), id = 0, flags = 0, method = 0;
	if (kind & 3) {
		id = take(bytes);
		flags = take(bytes);
	}
	if ((kind & 3) == 1)
		method = take(bytes);
	struct bytes content = take_many(bytes);
	size_t length = (size_t)(content.end - content.next);
	if (!(kind & 3))
		send_all(socket, content.next, length);
	else if ((kind & 3) == 1)
		send_frame(socket, id, 1, flags, data, put_request(data, method, content));
	else
		send_frame(socket, id, 3, flags, content.next, length);
	listen_for(socket, (kind & 4) ? ANSWER_MS : 0);
}

static void *serve_client(void *stream)
{
	static const struct relay_host host = {.handover = -1};
	static const struct rpc_limits limits = {
	    .frame_max = FRAME_MAX, .requests_max = 8, .memory = &memory};
	rpc_serve(stream, &host, &limits);
	return NULL;
}

static void check_given_back(void)
{
	for (size_t i = 0; i < served_count; i++)
		pthread_join(served[i].thread, NULL);
	served_count = 0;
#define CHECK_GIVEN_BACK(name, words)                                                              \
	if (account->parts.name.held)                                                              \
		abort();
	ACCOUNT_BUDGETS(CHECK_GIVEN_BACK)
#undef CHECK_GIVEN_BACK
	if (memory.left != RELAY_MEMORY)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = {data, data + size};
	int pair[2];
	pthread_t thread;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		abort();
	struct stream *stream = stream_new(pair[1]);
	if (!stream || pthread_create(&thread, NULL, serve_client, stream))
		abort();
	while (bytes.next < bytes.end)
		take_step(pair[0], &bytes);
	close(pair[0]);
	pthread_join(thread, NULL);
	stream_delete(stream);
	check_given_back();
	return 0;
}
