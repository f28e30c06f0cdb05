/* A client of vAccel's RPC protocol; see peer.h. */
#include "peer.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "accel_client/accel_start.h"
#include "acceld/relay/rpc/ttrpc/request.h"
#include "acceld/relay/stream.h"
#include "util/clock.h"

#define SERVICE "vaccel.sync.agent.AgentService"

/* In the place of the relay's, which hands one end of a socket to its worker: a connection to the
 * worker as any other client's. */
int relay_host_connect(const struct relay_host *host, int *connection, struct error *error)
{
	const struct rpc_peer *peer =
	    (const void *)((const char *)host - offsetof(struct rpc_peer, host));
	return accel_connect(peer->host_socket, clock_now_ns() + 10 * NANOSECONDS_PER_SECOND,
			     connection, error);
}

static void *serve(void *argument)
{
	struct rpc_peer *peer = argument;
	rpc_serve(peer->stream, &peer->host, &peer->limits);
	stream_break(peer->stream);
	return NULL;
}

int rpc_peer_open(struct rpc_peer *peer, const char *socket, const struct rpc_limits *limits)
{
	int pair[2];
	*peer = (struct rpc_peer){.limits = *limits, .host_socket = socket};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		perror("socketpair");
		return -1;
	}
	peer->socket = pair[0];
	peer->stream = stream_new(pair[1]);
	if (!peer->stream || pthread_create(&peer->thread, NULL, serve, peer)) {
		fprintf(stderr, "no memory for a peer\n");
		return -1;
	}
	return 0;
}

int rpc_peer_connect(struct rpc_peer *peer, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	*peer = (struct rpc_peer){.socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (int tries = 0; peer->socket >= 0 && tries < 500; tries++) {
		if (!connect(peer->socket, (const void *)&address, sizeof(address)))
			return 0;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	perror(path);
	if (peer->socket >= 0)
		close(peer->socket);
	return -1;
}

void rpc_peer_close(struct rpc_peer *peer)
{
	shutdown(peer->socket, SHUT_RDWR);
	if (peer->stream)
		pthread_join(peer->thread, NULL);
	close(peer->socket);
	stream_delete(peer->stream);
}

bool rpc_peer_send(struct rpc_peer *peer, const void *bytes, size_t length)
{
	const uint8_t *next = bytes;
	while (length) {
		ssize_t sent = send(peer->socket, next, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		next += sent;
		length -= (size_t)sent;
	}
	return true;
}

bool rpc_peer_send_frame(struct rpc_peer *peer, uint32_t id, uint8_t type, uint8_t flags,
			 const void *data, size_t length)
{
	uint8_t head[10];
	uint32_t wire_length = htobe32((uint32_t)length), wire_id = htobe32(id);
	memcpy(head, &wire_length, 4);
	memcpy(head + 4, &wire_id, 4);
	head[8] = type;
	head[9] = flags;
	return rpc_peer_send(peer, head, sizeof(head)) && rpc_peer_send(peer, data, length);
}

static size_t put_field(uint8_t *place, uint8_t field, const void *bytes, size_t length)
{
	size_t at = 0;
	place[at++] = (uint8_t)(field << 3 | 2);
	size_t rest = length;
	for (; rest >= 0x80; rest >>= 7)
		place[at++] = (uint8_t)(rest | 0x80);
	place[at++] = (uint8_t)rest;
	if (length)
		memcpy(place + at, bytes, length);
	return at + length;
}

uint32_t rpc_peer_ask(struct rpc_peer *peer, const char *method, const ProtobufCMessage *request)
{
	size_t length = protobuf_c_message_get_packed_size(request);
	uint8_t *payload = malloc(length + 1), *data = malloc(length + 256);
	size_t at = put_field(data, 1, SERVICE, strlen(SERVICE));
	protobuf_c_message_pack(request, payload);
	at += put_field(data + at, 2, method, strlen(method));
	at += put_field(data + at, 3, payload, length);
	peer->id = peer->id ? peer->id + 2 : 1;
	bool sent = rpc_peer_send_frame(peer, peer->id, 1, 0, data, at);
	free(payload);
	free(data);
	return sent ? peer->id : 0;
}

static bool receive(struct rpc_peer *peer, void *bytes, size_t length, int patience_ms)
{
	uint8_t *next = bytes;
	while (length) {
		struct pollfd wait = {.fd = peer->socket, .events = POLLIN};
		if (poll(&wait, 1, patience_ms) != 1)
			return false;
		ssize_t got = recv(peer->socket, next, length, 0);
		if (got <= 0)
			return false;
		next += got;
		length -= (size_t)got;
	}
	return true;
}

bool rpc_peer_listen(struct rpc_peer *peer, struct rpc_said *said, int patience_ms)
{
	uint8_t head[10];
	*said = (struct rpc_said){.id = 0};
	if (!receive(peer, head, sizeof(head), patience_ms))
		return false;
	uint32_t length, id;
	memcpy(&length, head, 4);
	memcpy(&id, head + 4, 4);
	said->length = be32toh(length);
	said->id = be32toh(id);
	said->type = head[8];
	said->flags = head[9];
	said->data = malloc(said->length + 1);
	struct rpc_request fields;
	if (!said->data || !receive(peer, said->data, said->length, RPC_PEER_PATIENCE_MS) ||
	    rpc_request_parse(said->data, said->length, &fields)) {
		free(said->data);
		return false;
	}
	/* The first two fields of both envelopes are bytes. */
	said->status =
	    rpc__answer_status__unpack(NULL, fields.service.length, fields.service.bytes);
	said->payload = fields.method.bytes;
	said->payload_length = fields.method.length;
	return true;
}

void rpc_said_release(struct rpc_said *said)
{
	if (said->status)
		rpc__answer_status__free_unpacked(said->status, NULL);
	free(said->data);
}

static int code_of(const Rpc__AnswerStatus *status)
{
	if (!status)
		return -1000;
	if (!status->n_details)
		return -(int)status->code;
	Rpc__Error *error =
	    rpc__error__unpack(NULL, status->details[0]->value.len, status->details[0]->value.data);
	int code = !error	      ? -1001
		   : error->ffi_error ? (int)error->ffi_error
				      : -100 - (int)error->type;
	if (error)
		rpc__error__free_unpacked(error, NULL);
	return code;
}

void *rpc_peer_call(struct rpc_peer *peer, const char *method, const ProtobufCMessage *request,
		    const ProtobufCMessageDescriptor *type, int *code)
{
	uint32_t id = rpc_peer_ask(peer, method, request);
	struct rpc_said said;
	*code = -1002;
	if (!id || !rpc_peer_listen(peer, &said, RPC_PEER_PATIENCE_MS)) {
		fprintf(stderr, "%s has no answer\n", method);
		return NULL;
	}
	*code = said.id == id ? code_of(said.status) : -1003;
	void *payload =
	    *code ? NULL : protobuf_c_message_unpack(type, NULL, said.payload_length, said.payload);
	rpc_said_release(&said);
	return payload;
}

int rpc_peer_try(struct rpc_peer *peer, const char *method, const ProtobufCMessage *request)
{
	int code;
	Rpc__Empty *answer = rpc_peer_call(peer, method, request, &rpc__empty__descriptor, &code);
	if (answer)
		rpc__empty__free_unpacked(answer, NULL);
	return code;
}

int64_t rpc_peer_session(struct rpc_peer *peer)
{
	Rpc__CreateSession request = RPC__CREATE_SESSION__INIT;
	int code;
	Rpc__CreatedSession *answer = rpc_peer_call(peer, "CreateSession", &request.base,
						    &rpc__created_session__descriptor, &code);
	int64_t id = answer ? answer->session_id : 0;
	if (answer)
		rpc__created_session__free_unpacked(answer, NULL);
	return id;
}

int64_t rpc_peer_resource(struct rpc_peer *peer, int64_t session, uint32_t type, const char *name,
			  const void *content, size_t length)
{
	Rpc__Blob blob = RPC__BLOB__INIT;
	Rpc__Blob *blobs[] = {&blob};
	Rpc__RegisterResource request = RPC__REGISTER_RESOURCE__INIT;
	int code;
	blob.has_type = blob.has_data = blob.has_size = true;
	blob.type = 1;
	blob.name = (char *)name;
	blob.data = (ProtobufCBinaryData){.data = (uint8_t *)content, .len = length};
	blob.size = (uint32_t)length;
	request.blobs = blobs;
	request.n_blobs = 1;
	request.has_resource_type = request.has_session_id = true;
	request.resource_type = type;
	request.session_id = session;
	Rpc__RegisteredResource *answer = rpc_peer_call(
	    peer, "RegisterResource", &request.base, &rpc__registered_resource__descriptor, &code);
	int64_t id = answer ? answer->resource_id : 0;
	if (answer)
		rpc__registered_resource__free_unpacked(answer, NULL);
	return id;
}
