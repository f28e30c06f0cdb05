/* Calls beside each other: those of other sessions overtake one that takes its time, a client that goes
 * leaves nothing behind, also in the middle of an op, and many clients with many sessions do not get in
 * each other's way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../host.h"
#include "check.h"
#include "peer.h"
#include "util/budget.h"

#define MEMORY (64UL << 20)

static struct budget memory;
static const struct rpc_limits limits = {
    .frame_max = 1 << 20, .requests_max = 8, .memory = &memory};

/* IMAGE_DETECT of a word: the probe plugin obeys some. */
static uint32_t ask_detect(struct rpc_peer *peer, int64_t session, const char *word)
{
	uint8_t op = 4, text[256] = {0};
	Rpc__Argument number = RPC__ARGUMENT__INIT, picture = number, out = number;
	Rpc__Argument *inputs[] = {&number, &picture}, *outputs[] = {&out};
	Rpc__Genop request = RPC__GENOP__INIT;
	number.data = (ProtobufCBinaryData){.data = &op, .len = 1};
	number.size = 1;
	number.type = 9;
	picture.data = (ProtobufCBinaryData){.data = (uint8_t *)word, .len = strlen(word) + 1};
	picture.size = (uint32_t)picture.data.len;
	picture.type = 28;
	out.data = (ProtobufCBinaryData){.data = text, .len = sizeof(text)};
	out.size = sizeof(text);
	out.type = 26;
	for (size_t i = 0; i < 2; i++)
		inputs[i]->has_data = inputs[i]->has_size = inputs[i]->has_type = true;
	out.has_data = out.has_size = out.has_type = true;
	request.has_session_id = true;
	request.session_id = session;
	request.inputs = inputs;
	request.n_inputs = 2;
	request.outputs = outputs;
	request.n_outputs = 1;
	return rpc_peer_ask(peer, "Genop", &request.base);
}

static uint32_t ask_classify(struct rpc_peer *peer, int64_t session)
{
	Rpc__Classify request = RPC__CLASSIFY__INIT;
	request.has_session_id = request.has_image = true;
	request.session_id = session;
	request.image = (ProtobufCBinaryData){.data = (uint8_t *)"picture", .len = 7};
	return rpc_peer_ask(peer, "ImageClassification", &request.base);
}

/* The id of the next answer, which has to be one of success. */
static uint32_t next_answer(struct rpc_peer *peer)
{
	struct rpc_said said;
	if (!CHECK(rpc_peer_listen(peer, &said, RPC_PEER_PATIENCE_MS)))
		return 0;
	CHECK(said.status && !said.status->code);
	uint32_t id = said.id;
	rpc_said_release(&said);
	return id;
}

/* Three at once; the one that came first is answered last. */
static void test_overtaking(const char *socket)
{
	struct rpc_peer peer;
	if (!CHECK(!rpc_peer_open(&peer, socket, &limits)))
		return;
	int64_t first = rpc_peer_session(&peer), second = rpc_peer_session(&peer),
		third = rpc_peer_session(&peer);
	CHECK_NUMBER(first, 1);
	CHECK_NUMBER(second, 2);
	CHECK_NUMBER(third, 3);
	uint32_t slow = ask_detect(&peer, first, "hang");
	uint32_t quick = ask_classify(&peer, second), other = ask_classify(&peer, third);
	uint32_t answers[] = {next_answer(&peer), next_answer(&peer), next_answer(&peer)};
	CHECK((answers[0] == quick && answers[1] == other) ||
	      (answers[0] == other && answers[1] == quick));
	CHECK_NUMBER(answers[2], slow);
	/* Those of one session come one after the other. */
	uint32_t order[4];
	for (size_t i = 0; i < 4; i++)
		order[i] = ask_classify(&peer, second);
	for (size_t i = 0; i < 4; i++)
		CHECK_NUMBER(next_answer(&peer), order[i]);
	rpc_peer_close(&peer);
}

/* The client goes while an op that takes three seconds has just begun. The next client is served,
 * and what the first one had is given back. */
static void test_hanging_up(const char *socket)
{
	struct rpc_peer peer;
	if (!CHECK(!rpc_peer_open(&peer, socket, &limits)))
		return;
	int64_t session = rpc_peer_session(&peer);
	CHECK(rpc_peer_resource(&peer, session, 1, "data", "0123456789", 10) == 1);
	CHECK(ask_detect(&peer, session, "hang"));
	/* More than are served at once: so many wait in the socket. */
	for (int i = 0; i < 20; i++)
		CHECK(ask_classify(&peer, session));
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	rpc_peer_close(&peer);
	if (!CHECK(!rpc_peer_open(&peer, socket, &limits)))
		return;
	session = rpc_peer_session(&peer);
	CHECK_NUMBER(session, 1);
	const uint32_t asked = ask_classify(&peer, session);
	CHECK_NUMBER(next_answer(&peer), asked);
	rpc_peer_close(&peer);
}

/* The host's worker dies in an op: its sessions are lost, and say so; new ones find its successor. */
static void test_crash(const char *socket)
{
	struct rpc_peer peer;
	struct rpc_said said;
	if (!CHECK(!rpc_peer_open(&peer, socket, &limits)))
		return;
	int64_t session = rpc_peer_session(&peer);
	uint32_t asked[] = {ask_detect(&peer, session, "crash"), ask_classify(&peer, session)};
	for (size_t i = 0; i < 2; i++) {
		if (!CHECK(rpc_peer_listen(&peer, &said, RPC_PEER_PATIENCE_MS)))
			break;
		CHECK_NUMBER(said.id, asked[i]);
		CHECK_TEXT(said.status ? said.status->message : NULL, "FFI error: 121");
		rpc_said_release(&said);
	}
	Rpc__DestroySession request = RPC__DESTROY_SESSION__INIT;
	request.has_session_id = true;
	request.session_id = session;
	CHECK_NUMBER(rpc_peer_try(&peer, "DestroySession", &request.base), 0);
	session = rpc_peer_session(&peer);
	CHECK_NUMBER(session, 2);
	uint32_t next = ask_classify(&peer, session);
	CHECK_NUMBER(next_answer(&peer), next);
	rpc_peer_close(&peer);
}

#define CLIENTS	 4
#define SESSIONS 3
#define ROUNDS	 30

static const char *host_socket;

/* As many calls under way as are served at once. */
static void *use(void *unused)
{
	struct rpc_peer peer;
	int64_t sessions[SESSIONS];
	(void)unused;
	if (!CHECK(!rpc_peer_open(&peer, host_socket, &limits)))
		return NULL;
	for (int i = 0; i < SESSIONS; i++)
		CHECK((sessions[i] = rpc_peer_session(&peer)) == i + 1);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t asked = 0, answered = 0;
		for (int i = 0; i < SESSIONS; i++) {
			asked += ask_classify(&peer, sessions[i]);
			asked += ask_classify(&peer, sessions[(i + 1) % SESSIONS]);
		}
		for (int i = 0; i < 2 * SESSIONS; i++)
			answered += next_answer(&peer);
		CHECK_NUMBER(answered, asked);
		CHECK(rpc_peer_resource(&peer, sessions[0], 1, "data", &round, sizeof(round)) ==
		      round + 1);
	}
	rpc_peer_close(&peer);
	return NULL;
}

static void test_many_clients(void)
{
	pthread_t threads[CLIENTS];
	for (int i = 0; i < CLIENTS; i++)
		CHECK(!pthread_create(&threads[i], NULL, use, NULL));
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	struct host host;
	budget_init(&memory, MEMORY);
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return check_status();
	host_socket = host.socket;
	test_overtaking(host.socket);
	test_hanging_up(host.socket);
	test_many_clients();
	test_crash(host.socket);
	CHECK_NUMBER(atomic_load(&memory.left), MEMORY);
	host_stop(&host, 15);
	return check_status();
}
