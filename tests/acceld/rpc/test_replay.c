/* Sessions of vAccel's own client and agent, as they were recorded (recorded/): what the client sent
 * is sent again, and the answers are those of the agent, byte for byte. The agent had the noop plugin,
 * and so has the host here. Not compared are only profiles: the agent's are times. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../host.h"
#include "check.h"
#include "peer.h"

#define FRAME_HEAD     10
#define LINE_MAX_BYTES 8192

/* Bytes of hexadecimal digits; returns how many. */
static size_t read_hex(const char *text, uint8_t *bytes, size_t room)
{
	size_t count = 0;
	unsigned int byte;
	for (; count < room && sscanf(text, "%2x", &byte) == 1; text += 2)
		bytes[count++] = (uint8_t)byte;
	return count;
}

static void check_answer(struct rpc_peer *peer, const uint8_t *wanted, size_t length,
			 bool is_profile, const char *where)
{
	struct rpc_said said;
	if (!CHECK(length >= FRAME_HEAD) ||
	    !CHECK(rpc_peer_listen(peer, &said, RPC_PEER_PATIENCE_MS))) {
		fprintf(stderr, "  %s\n", where);
		return;
	}
	static const uint8_t empty_status[] = {0x0a, 0x00};
	const uint8_t *data = wanted + FRAME_HEAD;
	size_t data_length = length - FRAME_HEAD;
	if (is_profile) {
		data = empty_status;
		data_length = sizeof(empty_status);
	}
	bool good = CHECK_NUMBER(said.id, (uint32_t)wanted[4] << 24 | (uint32_t)wanted[5] << 16 |
					      (uint32_t)wanted[6] << 8 | wanted[7]);
	good &= CHECK_NUMBER(said.type, wanted[8]);
	good &= CHECK_NUMBER(said.flags, wanted[9]);
	good &= CHECK_NUMBER(said.length, data_length);
	if (good)
		good = CHECK(!memcmp(said.data, data, data_length));
	if (!good) {
		fprintf(stderr, "  %s\n  got:    ", where);
		for (size_t i = 0; i < said.length && i < 200; i++)
			fprintf(stderr, "%02x", said.data[i]);
		fprintf(stderr, "\n  wanted: ");
		for (size_t i = 0; i < data_length && i < 200; i++)
			fprintf(stderr, "%02x", data[i]);
		fprintf(stderr, "\n");
	}
	rpc_said_release(&said);
}

/* Returns how many answers were compared. */
static unsigned replay(const char *path, const char *socket)
{
	FILE *file = fopen(path, "r");
	char line[LINE_MAX_BYTES];
	struct rpc_peer peer;
	unsigned answers = 0, row = 0;
	bool is_profile = false;
	if (!CHECK(file) || !CHECK(!rpc_peer_connect(&peer, socket)))
		return 0;
	while (fgets(line, sizeof(line), file)) {
		uint8_t bytes[LINE_MAX_BYTES];
		int connection;
		const char *direction, *head, *data;
		char where[512];
		row++;
		json_t *frame = json_loads(line, 0, NULL);
		if (!CHECK(frame &&
			   !json_unpack(frame, "[isss]", &connection, &direction, &head, &data)))
			break;
		size_t length = read_hex(head, bytes, sizeof(bytes));
		length += read_hex(data, bytes + length, sizeof(bytes) - length);
		snprintf(where, sizeof(where), "%s:%u", path, row);
		if (*direction == '>') {
			is_profile = strstr(data, "47657450726f66696c6572"); /* GetProfiler */
			CHECK(rpc_peer_send(&peer, bytes, length));
		} else {
			check_answer(&peer, bytes, length, is_profile, where);
			answers++;
		}
		json_decref(frame);
	}
	fclose(file);
	rpc_peer_close(&peer);
	return answers;
}

static void replay_all(const char *recorded, const char *socket)
{
	static const struct {
		const char *name;
		unsigned answers;
	} sessions[] = {{"sync", 26}, {"async", 9}, {"fileblob", 4}};
	char path[512];
	for (size_t i = 0; i < sizeof(sessions) / sizeof(*sessions); i++) {
		snprintf(path, sizeof(path), "%s/%s.jsonl", recorded, sessions[i].name);
		CHECK_NUMBER(replay(path, socket), sessions[i].answers);
	}
}

/* A tenant's socket, and the file that says so. The recorded clients call EXEC. */
static bool write_tenants(char *directory, char *file, char *socket, size_t size)
{
	if (!mkdtemp(directory))
		return false;
	snprintf(file, size, "%s/tenants.yaml", directory);
	snprintf(socket, size, "%s/shop.sock", directory);
	FILE *out = fopen(file, "w");
	return out &&
	       fprintf(out,
		       "tenants:\n  - name: shop\n    listen: unix://%s\n    host-libraries: "
		       "/usr/lib\n",
		       socket) > 0 &&
	       !fclose(out);
}

int main(void)
{
	struct host host;
	char directory[] = "/tmp/mayfly-rpc-XXXXXX", file[64], socket[64];
	const char *recorded = getenv("RPC_RECORDED");
	if (!CHECK(recorded) || !CHECK(write_tenants(directory, file, socket, sizeof(file))))
		return check_status();
	const char *const arguments[] = {"--config", file, NULL};
	if (CHECK(!host_start(&host, getenv("NOOP_PLUGIN"), arguments))) {
		replay_all(recorded, socket);
		host_stop(&host, SIGTERM);
	}
	unlink(file);
	unlink(socket);
	CHECK(!rmdir(directory));
	return check_status();
}
