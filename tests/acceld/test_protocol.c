/* The protocol without a socket: a transport of this test's own brings packets out of a list and
 * keeps the answers. So a further transport needs nothing but its table. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "accel/wire/wire.h"
#include "acceld/common/in_flight.h"
#include "acceld/common/plugins.h"
#include "acceld/tenants/account.h"
#include "acceld/tenants/tenant.h"
#include "acceld/worker/admission.h"
#include "acceld/worker/connection.h"
#include "check.h"
#include "library.h"
#include "sizes/sizes.h"
#include "vaccel.h"

#define WINDOW	    4096
#define PACKETS_MAX 16

/* What the next connection brings, and what came back. */
static struct script {
	struct wire_packet packets[PACKETS_MAX], answers[PACKETS_MAX];
	size_t packet_count, next, answer_count, short_one; /* 1 + the packet that is cut off */
	int refusal;					    /* of authorize() */
	unsigned closed;
} script;

static _Alignas(WIRE_ALIGNMENT) uint8_t memory[WINDOW];

static int fake_authorize(const struct link *link, struct error *error)
{
	(void)link;
	return script.refusal ? error_set(error, script.refusal, "not this one") : 0;
}

static ssize_t fake_receive(struct link *link, struct wire_packet *packet)
{
	(void)link;
	if (script.next == script.packet_count)
		return 0;
	*packet = script.packets[script.next++];
	return script.next == script.short_one ? (ssize_t)sizeof(*packet) - 1
					       : (ssize_t)sizeof(*packet);
}

static ssize_t fake_receive_first(struct link *link, struct wire_packet *packet, unsigned limit_s)
{
	CHECK(limit_s > 0);
	return fake_receive(link, packet);
}

static int fake_open_window(struct link *link, const struct wire_packet *hello, struct error *error)
{
	if (hello->length > WINDOW)
		return error_set(error, EINVAL, "too large");
	link->window = (struct client_window){.memory = memory, .size = hello->length};
	return 0;
}

static bool fake_answer(struct link *link, const struct wire_packet *packet,
			const struct wire_packet *answer)
{
	(void)link;
	CHECK_NUMBER(answer->kind, packet->kind);
	CHECK_NUMBER(answer->tag, packet->tag);
	script.answers[script.answer_count++] = *answer;
	return true;
}

static void fake_close(struct link *link)
{
	link->window = (struct client_window){0};
	script.closed++;
}

static const struct transport fake = {
    .authorize = fake_authorize,
    .receive_first = fake_receive_first,
    .receive = fake_receive,
    .open_window = fake_open_window,
    .answer = fake_answer,
    .close = fake_close,
};

static struct wire_packet packet_of(uint16_t kind, uint64_t offset, uint64_t length)
{
	return (struct wire_packet){.magic = WIRE_MAGIC,
				    .version = WIRE_VERSION,
				    .kind = kind,
				    .offset = offset,
				    .length = length,
				    .tag = 0x1000u + kind};
}

static void add(struct wire_packet packet)
{
	script.packets[script.packet_count++] = packet;
}

static void begin(void)
{
	memset(&script, 0, sizeof(script));
	add(packet_of(WIRE_PACKET_HELLO, 0, WINDOW));
}

/* What all connections of this test share. */
struct host {
	struct plugins plugins;
	struct accounts accounts;
	struct tenants tenants;
	struct admission admission;
	struct connection_options options;
};

/* One connection, from its hello to its end. */
static void serve(struct host *host)
{
	struct account *account =
	    account_open(&host->accounts, (struct account_tenant){.number = 1}, &policy_default);
	struct connection connection = {
	    .options = &host->options, .socket = -1, .transport = &fake, .account = account};
	CHECK(connection_serve(&connection));
	CHECK(!connection.serving);
	CHECK_NUMBER(script.closed, 1);
	if (connection.admitted)
		admission_leave(&host->admission, account);
	account_close(&host->accounts, account);
}

/* A SESSION_INIT in the window. */
static uint64_t put_message(struct accel_call *call, struct vaccel_arg *input,
			    struct vaccel_arg *output, uint32_t *flags, int64_t *id)
{
	uint64_t extent = 0;
	*input =
	    (struct vaccel_arg){.buf = flags, .size = sizeof(*flags), .type = VACCEL_ARG_UINT32};
	*output = (struct vaccel_arg){.buf = id, .size = sizeof(*id), .type = VACCEL_ARG_INT64};
	*call = (struct accel_call){.op = WIRE_OP_SESSION_INIT,
				    .inputs = input,
				    .input_count = 1,
				    .outputs = output,
				    .output_count = 1};
	CHECK_NUMBER(wire_encode(memory, WINDOW, call, 1, &extent), 0);
	return extent;
}

static void test_call(struct host *host)
{
	struct accel_call call;
	struct vaccel_arg input, output;
	uint32_t flags = VACCEL_PLUGIN_DEBUG;
	int64_t id = 0;
	int status = -1;
	begin();
	uint64_t extent = put_message(&call, &input, &output, &flags, &id);
	add(packet_of(WIRE_PACKET_MARK, 0, 0));
	add(packet_of(WIRE_PACKET_CALL, 0, extent));
	add(packet_of(WIRE_PACKET_RESET, 0, 0));
	add(packet_of(WIRE_PACKET_MARK, 0, 0));
	serve(host);
	/* Hello, mark, call, mark: a reset has no answer. */
	CHECK_NUMBER(script.answer_count, 4);
	CHECK_NUMBER(script.answers[0].status, 0);
	CHECK(script.answers[1].unchanged);
	CHECK_NUMBER(script.answers[2].status, 0);
	CHECK(!script.answers[2].unchanged); /* a session more than at the mark */
	CHECK(script.answers[3].unchanged);
	CHECK_NUMBER(wire_read_answer(memory, extent, &call, 1, &status), 0);
	CHECK_NUMBER(status, 0);
	CHECK(id > 0);
}

/* A message that is not within the window is refused, and the connection goes on. */
static void test_ranges(struct host *host)
{
	static const struct {
		uint64_t offset, length;
	} wrong[] = {{0, WINDOW + 1}, {WINDOW, 1}, {UINT64_MAX, 2}, {64, UINT64_MAX}};
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		add(packet_of(WIRE_PACKET_CALL, wrong[i].offset, wrong[i].length));
	add(packet_of(WIRE_PACKET_MARK, 0, 0));
	serve(host);
	CHECK_NUMBER(script.answer_count, 6);
	for (size_t i = 1; i < 5; i++)
		CHECK_NUMBER(script.answers[i].status, EBADMSG);
}

/* What is not of the protocol ends the connection without an answer. */
static void test_nonsense(struct host *host)
{
	struct wire_packet wrong[4];
	for (size_t i = 0; i < 4; i++)
		wrong[i] = packet_of(WIRE_PACKET_MARK, 0, 0);
	wrong[0].magic++;
	wrong[1].version++;
	wrong[2].kind = WIRE_PACKET_HELLO;
	wrong[3].kind = 0x7fff;
	for (size_t i = 0; i < 4; i++) {
		begin();
		add(wrong[i]);
		add(packet_of(WIRE_PACKET_MARK, 0, 0));
		serve(host);
		CHECK_NUMBER(script.answer_count, 1);
		CHECK_NUMBER(script.next, 2);
	}
	begin();
	add(packet_of(WIRE_PACKET_MARK, 0, 0));
	script.short_one = 2;
	serve(host);
	CHECK_NUMBER(script.answer_count, 1);
}

static void test_refusals(struct host *host)
{
	begin();
	script.refusal = EPERM;
	serve(host);
	CHECK_NUMBER(script.answer_count, 1);
	CHECK_NUMBER(script.answers[0].status, EPERM);

	begin();
	script.packets[0].length = WINDOW + 1;
	serve(host);
	CHECK_NUMBER(script.answers[0].status, EINVAL);

	begin();
	script.packets[0].kind = WIRE_PACKET_CALL; /* no hello */
	serve(host);
	CHECK_NUMBER(script.answer_count, 0);

	/* All places are taken. */
	struct account *other =
	    account_open(&host->accounts, (struct account_tenant){.number = 2}, &policy_default);
	CHECK(admission_enter(&host->admission, other));
	begin();
	serve(host);
	CHECK_NUMBER(script.answers[0].status, EUSERS);
	admission_leave(&host->admission, other);
	account_close(&host->accounts, other);
}

int main(void)
{
	struct host host = {.plugins = {.lock = PTHREAD_MUTEX_INITIALIZER}};
	const struct account_limits limits = {.memory = 2 << 20, .connections = 1, .sessions = 8};
	library_start();
	accounts_init(&host.accounts, &limits);
	tenants_init(&host.tenants, -1, 1);
	admission_init(&host.admission);
	host.options = (struct connection_options){
	    .client = {.plugins = &host.plugins, .in_flight = in_flight_new(NULL)},
	    .tenants = &host.tenants,
	    .admission = &host.admission,
	};
	test_call(&host);
	test_ranges(&host);
	test_nonsense(&host);
	test_refusals(&host);
	in_flight_delete(host.options.client.in_flight);
	admission_release(&host.admission);
	tenants_release(&host.tenants);
	accounts_release(&host.accounts);
	vaccel_cleanup();
	return check_status();
}
