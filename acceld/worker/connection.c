/* One connection of the accelerator host; see connection.h.
 *
 * The client is not trusted: a packet that is not of the protocol ends the connection, a message
 * that is not sound is refused, and whatever the client does, all that it held is released at the
 * end.
 */
#include "acceld/worker/connection.h"

#include <errno.h>
#include <stdlib.h>

#include "acceld/tenants/account.h"
#include "acceld/tenants/tenant.h"
#include "acceld/worker/admission.h"
#include "acceld/worker/protocol.h"
#include "util/cleanup.h"
#include "util/log.h"

/* How long a client may take to say hello. */
#define HELLO_LIMIT_S 10

/* A connection counts as so many messages: it costs a thread, and a window that is mapped and
 * unmapped. */
#define CONNECTION_MESSAGES 10

/* What a connection has once its client has come, whichever thread serves it. */
struct serving {
	struct link link;
	struct tenant tenant;
	struct client *client;
	struct wire_packet packet;
	bool has_packet; /* which the thread before has received */
};

static int refuse(const struct account *account, struct error *error)
{
	char text[256];
	account_describe(account, ACCOUNT_connections, text, sizeof(text));
	return error_set(error, EUSERS, "too many connections: %s", text);
}

static int admit(struct connection *connection, const struct wire_packet *hello,
		 struct error *error)
{
	struct link *link = &connection->serving->link;
	int result = link->transport->authorize(link, error);
	if (result)
		return result;
	connection->admitted = admission_enter(connection->options->admission, connection->account);
	if (!connection->admitted)
		return refuse(connection->account, error);
	return link->transport->open_window(link, hello, error);
}

/* True where the client said hello properly and was let in. */
static bool greet(struct connection *connection)
{
	struct link *link = &connection->serving->link;
	struct wire_packet hello;
	ssize_t length = link->transport->receive_first(link, &hello, HELLO_LIMIT_S);
	if (!protocol_is_packet(&hello, length) || hello.kind != WIRE_PACKET_HELLO) {
		log_debug("a peer said no proper hello");
		return false;
	}
	struct error error = {0};
	int result = admit(connection, &hello, &error);
	if (result)
		log_warn("a connection is refused: %s", error.text);
	const struct wire_packet answer = protocol_answer(&hello, -result, false);
	return link->transport->answer(link, &hello, &answer) && !result;
}

void connection_end(struct connection *connection)
{
	struct serving *serving = connection->serving;
	if (!serving)
		return;
	client_delete(serving->client);
	tenant_end(&serving->tenant);
	serving->link.transport->close(&serving->link);
	free(take_pointer(connection->serving));
}

static bool start_serving(struct connection *connection)
{
	const struct connection_options *options = connection->options;
	struct serving *serving = calloc(1, sizeof(*serving));
	if (!serving)
		return false;
	connection->serving = serving;
	serving->link = (struct link){
	    .transport = connection->transport, .socket = connection->socket, .window_fd = -1};
	account_pace(connection->account, CONNECTION_MESSAGES);
	tenant_init(&serving->tenant, options->tenants, connection->account, connection->socket);
	if (!greet(connection))
		return false;
	serving->client =
	    client_new(&options->client, connection->account, &serving->tenant, connection->socket);
	if (serving->client)
		client_use_window(serving->client, serving->link.window.memory,
				  serving->link.window.size);
	return serving->client;
}

/* False where the client has gone, or what it said is not of the protocol. */
static bool receive_packet(struct serving *serving)
{
	if (serving->has_packet) {
		serving->has_packet = false;
		return true;
	}
	ssize_t length = serving->link.transport->receive(&serving->link, &serving->packet);
	if (length > 0 && !protocol_is_packet(&serving->packet, length)) {
		log_warn("a connection is ended: a packet of %zd bytes is not of this protocol",
			 length);
		return false;
	}
	return length > 0;
}

/* True where the connection goes on. */
static bool serve_packet(struct serving *serving, uint64_t op_limit_ns)
{
	struct wire_packet answer;
	struct link *link = &serving->link;
	switch (protocol_serve(serving->client, &link->window, op_limit_ns, &serving->packet,
			       &answer)) {
	case PROTOCOL_ANSWERS:
		return link->transport->answer(link, &serving->packet, &answer);
	case PROTOCOL_GOES_ON:
		return true;
	default:
		return false;
	}
}

bool connection_serve(struct connection *connection)
{
	bool goes_on = true;
	if (!connection->serving)
		goes_on = start_serving(connection);
	else
		client_change_thread(connection->serving->client);
	while (goes_on && receive_packet(connection->serving)) {
		struct serving *serving = connection->serving;
		account_begin(connection->account);
		bool stays = client_take_place(serving->client);
		if (stays)
			goes_on = serve_packet(serving, connection->options->op_limit_ns);
		account_end(connection->account);
		if (!stays) {
			serving->has_packet = true;
			return false;
		}
	}
	connection_end(connection);
	return true;
}
