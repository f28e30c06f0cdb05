/* Bad input: each has its answer, the connection goes on unless its framing is broken, and nothing of
 * it stays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../host.h"
#include "check.h"
#include "peer.h"
#include "util/budget.h"
#include "vaccel/error.h"
#include "vaccel/op.h"

#define MEMORY	  (8UL << 20)
#define FRAME_MAX (4UL << 20)

/* ttrpc's codes, as rpc_peer_call() gives them; vAccel's agent's own kinds of errors. */
#define INVALID	  (-3)
#define NOT_FOUND (-5)
#define EXHAUSTED (-8)
#define BAD_ID	  (-102)
#define BAD_SIZE  (-106)

#define SERVICE "vaccel.sync.agent.AgentService"

static struct budget memory;
static const struct rpc_limits limits = {
    .frame_max = FRAME_MAX, .requests_max = 8, .memory = &memory};

/* The code of the next answer; its message goes into `text`. */
static int next_code(struct rpc_peer *peer, char *text, size_t size)
{
	struct rpc_said said;
	if (!CHECK(rpc_peer_listen(peer, &said, RPC_PEER_PATIENCE_MS)))
		return -1;
	int code = said.status ? (int)said.status->code : -1;
	snprintf(text, size, "%s", said.status && said.status->message ? said.status->message : "");
	rpc_said_release(&said);
	return code;
}

static bool is_alive(struct rpc_peer *peer)
{
	Rpc__GetProfiler request = RPC__GET_PROFILER__INIT;
	request.has_session_id = true;
	request.session_id = 1;
	return !rpc_peer_try(peer, "GetProfiler", &request.base);
}

static void test_envelopes(struct rpc_peer *peer)
{
	static const struct {
		const char *data;
		size_t length;
		const char *message;
	} bad[] = {
	    {"\xff", 1, "The request cannot be decoded"},
	    {"\x0a\x05x", 3, "The request cannot be decoded"},
	    {"\x0f", 1, "The request cannot be decoded"},
	    {"\x07\x01", 2, "The request cannot be decoded"},
	    {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11, "The request cannot be decoded"},
	    {"", 0, "// does not exist"},
	    {"\x0a\x01s\x12\x01m", 6, "/s/m does not exist"},
	    {"\x12\x01m\x0a\x02\x1b[\x21\x31\x32\x33\x34\x35\x36\x37\x38\x15\x31\x32\x33\x34", 21,
	     "/?[/m does not exist"},
	    {"\x0a\x1evaccel.sync.agent.AgentService\x12\x04None", 38,
	     "/vaccel.sync.agent.AgentService/None does not exist"},
	    {"\x0a\x1evaccel.sync.agent.AgentService\x12\x05Genop\x1a\x02\xff\xff", 43,
	     "The payload of Genop cannot be decoded, or takes too much memory"},
	    {"\x0a\x1evaccel.sync.agent.AgentService\x12\x05Genop\x1a\x02\x12\x7f", 43,
	     "The payload of Genop cannot be decoded, or takes too much memory"},
	};
	char text[512];
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK(rpc_peer_send_frame(peer, 2 + (uint32_t)i, 1, 0, bad[i].data, bad[i].length));
		CHECK_NUMBER(next_code(peer, text, sizeof(text)), 3);
		CHECK_TEXT(text, bad[i].message);
	}
	CHECK(is_alive(peer));
}

/* Lengths that are only announced take nothing; what is too long is thrown away. */
static void test_lengths(const char *socket)
{
	struct rpc_peer peer;
	char text[512];
	uint8_t *large = calloc(1, FRAME_MAX + 1);
	static const uint8_t gigabyte[] = {0x40, 0, 0, 0, 0, 0, 0, 1, 1, 0, 'x'};
	static const uint8_t below[] = {0x00, 0x40, 0, 0, 0, 0, 0, 1, 1, 0, 'x'};
	if (!CHECK(large && !rpc_peer_open(&peer, socket, &limits)))
		return;
	CHECK(rpc_peer_send_frame(&peer, 1, 1, 0, large, FRAME_MAX + 1));
	CHECK_NUMBER(next_code(&peer, text, sizeof(text)), 3);
	CHECK_TEXT(text, "A message of 4194305 bytes is longer than the 4194304 that are taken");
	CHECK(is_alive(&peer));
	/* A frame as long as is taken, of which one byte comes. */
	CHECK(rpc_peer_send(&peer, below, sizeof(below)));
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	CHECK(atomic_load(&memory.left) > MEMORY - (128 << 10));
	rpc_peer_close(&peer);
	if (CHECK(!rpc_peer_open(&peer, socket, &limits))) {
		CHECK(rpc_peer_send(&peer, gigabyte, sizeof(gigabyte)));
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
		CHECK_NUMBER(atomic_load(&memory.left), MEMORY);
		rpc_peer_close(&peer);
	}
	free(large);
}

/* Two million arguments of two bytes each would take hundreds of megabytes. */
static void test_bloat(struct rpc_peer *peer)
{
	static const char head[] = "\x0a\x1evaccel.sync.agent.AgentService\x12\x05Genop\x1a";
	size_t payload = (FRAME_MAX - 64) & ~(size_t)1, at = sizeof(head) - 1;
	uint8_t *data = malloc(FRAME_MAX);
	char text[512];
	if (!CHECK(data))
		return;
	memcpy(data, head, at);
	for (size_t rest = payload; rest; rest >>= 7)
		data[at++] = (uint8_t)((rest & 0x7f) | (rest >= 0x80 ? 0x80 : 0));
	for (size_t i = 0; i < payload; i += 2) {
		data[at + i] = 0x12;
		data[at + i + 1] = 0;
	}
	CHECK(rpc_peer_send_frame(peer, 1, 1, 0, data, at + payload));
	CHECK_NUMBER(next_code(peer, text, sizeof(text)), 3);
	CHECK(is_alive(peer));
	free(data);
}

/* Frames of other kinds end the connection. */
static void test_framing(const char *socket)
{
	static const uint8_t types[] = {0, 2, 4, 255};
	for (size_t i = 0; i < sizeof(types); i++) {
		struct rpc_peer peer;
		struct rpc_said said;
		if (!CHECK(!rpc_peer_open(&peer, socket, &limits)))
			return;
		/* It may be gone before all of it is sent. */
		rpc_peer_send_frame(&peer, 1, types[i], 0, "x", 1);
		CHECK(!rpc_peer_listen(&peer, &said, RPC_PEER_PATIENCE_MS));
		rpc_peer_close(&peer);
	}
}

static int try_session(struct rpc_peer *peer, const char *method, int64_t session)
{
	Rpc__DestroySession request = RPC__DESTROY_SESSION__INIT;
	request.has_session_id = true;
	request.session_id = session;
	return rpc_peer_try(peer, method, &request.base);
}

static int try_model(struct rpc_peer *peer, const char *method, int64_t session, int64_t model)
{
	Rpc__UseModel request = RPC__USE_MODEL__INIT;
	request.has_session_id = request.has_resource_id = true;
	request.session_id = session;
	request.resource_id = model;
	return rpc_peer_try(peer, method, &request.base);
}

static void test_ids(struct rpc_peer *peer, const char *socket)
{
	struct rpc_peer other;
	static const char *const of_sessions[] = {"UpdateSession", "DestroySession",
						  "ImageClassification", "Genop"};
	static const char *const of_models[] = {"TensorflowModelLoad",
						"TensorflowModelUnload",
						"TensorflowModelRun",
						"TensorflowLiteModelLoad",
						"TensorflowLiteModelUnload",
						"TensorflowLiteModelRun",
						"TorchModelLoad",
						"TorchModelRun"};
	for (size_t i = 0; i < sizeof(of_sessions) / sizeof(*of_sessions); i++) {
		CHECK_NUMBER(try_session(peer, of_sessions[i], 77), NOT_FOUND);
		CHECK_NUMBER(try_session(peer, of_sessions[i], 0), BAD_ID);
		CHECK_NUMBER(try_session(peer, of_sessions[i], -1), BAD_ID);
		CHECK_NUMBER(try_session(peer, of_sessions[i], INT64_MIN), BAD_ID);
	}
	int64_t session = rpc_peer_session(peer);
	int64_t resource = rpc_peer_resource(peer, session, 2, "model", "model", 5);
	CHECK(session > 0 && resource > 0);
	for (size_t i = 0; i < sizeof(of_models) / sizeof(*of_models); i++) {
		CHECK_NUMBER(try_model(peer, of_models[i], session, 77), NOT_FOUND);
		CHECK_NUMBER(try_model(peer, of_models[i], session, 0), BAD_ID);
		CHECK_NUMBER(try_model(peer, of_models[i], 77, resource), NOT_FOUND);
		CHECK_NUMBER(try_model(peer, of_models[i], -1, resource), BAD_ID);
	}
	CHECK_NUMBER(try_session(peer, "GetProfiler", 0), BAD_ID);
	CHECK_NUMBER(try_session(peer, "SyncResource", 77), NOT_FOUND);
	CHECK_NUMBER(try_session(peer, "SyncResource", 0), BAD_ID);
	/* Ids are a client's own. */
	if (CHECK(!rpc_peer_open(&other, socket, &limits))) {
		CHECK_NUMBER(try_session(&other, "UpdateSession", session), NOT_FOUND);
		CHECK_NUMBER(try_session(&other, "SyncResource", resource), NOT_FOUND);
		CHECK_NUMBER(rpc_peer_session(&other), 1);
		rpc_peer_close(&other);
	}
	/* One that this session does not have. */
	int64_t second = rpc_peer_session(peer);
	for (size_t i = 0; i < sizeof(of_models) / sizeof(*of_models); i++)
		if (!strstr(of_models[i], "Run"))
			CHECK_NUMBER(try_model(peer, of_models[i], second, resource), VACCEL_EPERM);
	CHECK_NUMBER(try_session(peer, "DestroySession", second), 0);
	CHECK_NUMBER(try_session(peer, "DestroySession", second), NOT_FOUND);
	CHECK_NUMBER(try_session(peer, "DestroySession", session), 0);
}

/* A blob, or a path where `path` is not NULL. */
static int try_register(struct rpc_peer *peer, int64_t session, const char *path, const char *name,
			uint32_t type, const char *content)
{
	Rpc__Blob blob = RPC__BLOB__INIT;
	Rpc__Blob *blobs[] = {&blob};
	char *paths[] = {(char *)path};
	Rpc__RegisterResource request = RPC__REGISTER_RESOURCE__INIT;
	blob.has_type = blob.has_data = true;
	blob.type = type;
	blob.name = (char *)name;
	blob.data =
	    (ProtobufCBinaryData){.data = (uint8_t *)content, .len = content ? strlen(content) : 0};
	request.blobs = blobs;
	request.n_blobs = name ? 1 : 0;
	request.paths = paths;
	request.n_paths = path ? 1 : 0;
	request.has_resource_type = request.has_session_id = true;
	request.resource_type = 1;
	request.session_id = session;
	return rpc_peer_try(peer, "RegisterResource", &request.base);
}

static void test_resources(struct rpc_peer *peer)
{
	static const struct {
		const char *path, *name;
		uint32_t type;
		const char *content;
		int code;
	} bad[] = {
	    {NULL, NULL, 0, NULL, INVALID},
	    {"/etc/passwd", NULL, 0, NULL, VACCEL_EINVAL},
	    {"file:///etc/passwd", NULL, 0, NULL, VACCEL_EINVAL},
	    {"http://127.0.0.1/x", NULL, 0, NULL, VACCEL_EINVAL},
	    {"model:../../etc/passwd", NULL, 0, NULL, VACCEL_EINVAL},
	    {"", NULL, 0, NULL, VACCEL_EINVAL},
	    {NULL, "../up", 1, "x", VACCEL_EINVAL},
	    {NULL, "a/b", 1, "x", VACCEL_EINVAL},
	    {NULL, "/etc/passwd", 2, "x", VACCEL_EINVAL},
	    {NULL, "..", 1, "x", VACCEL_EINVAL},
	    {NULL, ".", 2, "x", VACCEL_EINVAL},
	    {NULL, "name", 0, "x", VACCEL_EINVAL},
	    {NULL, "name", 0, NULL, VACCEL_EINVAL},
	    {NULL, "name", 3, "x", VACCEL_EINVAL},
	    {NULL, "name", UINT32_MAX, "x", VACCEL_EINVAL},
	    {NULL, "name", 1, NULL, VACCEL_EINVAL},
	    {NULL, "name", 1, "", VACCEL_EINVAL},
	};
	int64_t session = rpc_peer_session(peer);
	char *long_name = malloc(300);
	memset(long_name, 'n', 299);
	long_name[299] = 0;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!CHECK_NUMBER(try_register(peer, session, bad[i].path, bad[i].name, bad[i].type,
					       bad[i].content),
				  bad[i].code))
			fprintf(stderr, "  row %zu\n", i);
	CHECK_NUMBER(try_register(peer, session, NULL, long_name, 1, "x"), VACCEL_EINVAL);
	free(long_name);
	/* Of a type that there is not. */
	CHECK_NUMBER(rpc_peer_resource(peer, session, 3, "name", "x", 1), 0);
	/* More than all clients may have together, in pieces and at once. */
	size_t size = 3 << 20;
	uint8_t *content = calloc(1, size);
	int64_t first = rpc_peer_resource(peer, session, 1, "name", content, size);
	CHECK(first > 0);
	CHECK_NUMBER(rpc_peer_resource(peer, session, 1, "name", content, size), 0);
	CHECK(is_alive(peer));
	CHECK_NUMBER(try_session(peer, "DestroySession", session), 0);
	free(content);
}

static void set_argument(Rpc__Argument *argument, uint32_t type, const void *data, size_t length)
{
	rpc__argument__init(argument);
	argument->has_data = argument->has_size = argument->has_type = true;
	argument->data = (ProtobufCBinaryData){.data = (uint8_t *)data, .len = length};
	argument->size = (uint32_t)length;
	argument->type = type;
}

static int try_genop(struct rpc_peer *peer, int64_t session, Rpc__Argument *inputs,
		     size_t input_count, Rpc__Argument *outputs, size_t output_count)
{
	Rpc__Genop request = RPC__GENOP__INIT;
	Rpc__Argument **ins = calloc(input_count + 1, sizeof(void *)),
		      **outs = calloc(output_count + 1, sizeof(void *));
	for (size_t i = 0; i < input_count; i++)
		ins[i] = &inputs[i];
	for (size_t i = 0; i < output_count; i++)
		outs[i] = &outputs[i];
	request.has_session_id = true;
	request.session_id = session;
	request.inputs = ins;
	request.n_inputs = input_count;
	request.outputs = outs;
	request.n_outputs = output_count;
	int code = rpc_peer_try(peer, "Genop", &request.base);
	free(ins);
	free(outs);
	return code;
}

static void test_genop(struct rpc_peer *peer)
{
	int64_t session = rpc_peer_session(peer);
	Rpc__Argument in[4], out[2];
	uint8_t op;
	/* Ops without such a form, or that there are not. */
	for (unsigned number = 0; number < 256; number++) {
		op = (uint8_t)number;
		bool has_form = (number >= VACCEL_OP_EXEC && number <= VACCEL_OP_IMAGE_DEPTH) ||
				(number >= VACCEL_OP_BLAS_SGEMM && number < VACCEL_OP_MAX);
		set_argument(&in[0], 9, &op, 1);
		if (!has_form)
			CHECK_NUMBER(try_genop(peer, session, in, 1, NULL, 0),
				     number && number < VACCEL_OP_MAX ? VACCEL_ENOTSUP
								      : VACCEL_EINVAL);
		else
			CHECK(try_genop(peer, session, in, 1, NULL, 0) > 0);
	}
	CHECK_NUMBER(try_genop(peer, session, NULL, 0, NULL, 0), VACCEL_EINVAL);
	set_argument(&in[0], 13, "\4\0\0\0", 4);
	CHECK_NUMBER(try_genop(peer, session, in, 1, NULL, 0), VACCEL_EINVAL);
	set_argument(&in[0], 9, "", 0);
	CHECK_NUMBER(try_genop(peer, session, in, 1, NULL, 0), VACCEL_EINVAL);
	/* Sizes that say something else than there is. */
	op = VACCEL_OP_IMAGE_DETECT;
	set_argument(&in[0], 9, &op, 1);
	set_argument(&in[1], 28, "no end", 7); /* which the plugin knows */
	set_argument(&out[0], 26, "........", 8);
	in[1].size = 8;
	CHECK_NUMBER(try_genop(peer, session, in, 2, out, 1), BAD_SIZE);
	in[1].size = 7;
	out[0].size = UINT32_MAX;
	CHECK_NUMBER(try_genop(peer, session, in, 2, out, 1), BAD_SIZE);
	out[0].size = 8;
	CHECK_NUMBER(try_genop(peer, session, in, 2, out, 1), 0);
	/* Types. */
	static const uint32_t types[] = {0, 1, 2, 17, 27, 29, 30, 31, 255, UINT32_MAX};
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		in[1].type = types[i];
		CHECK_NUMBER(try_genop(peer, session, in, 2, out, 1), VACCEL_EINVAL);
	}
	/* As many as there may be, and one more. */
	Rpc__Argument *many = calloc(1026, sizeof(*many));
	for (size_t i = 0; i < 1026; i++)
		set_argument(&many[i], 9, &op, 1);
	CHECK_NUMBER(try_genop(peer, session, many, 1026, NULL, 0), VACCEL_EINVAL);
	CHECK_NUMBER(try_genop(peer, session, many, 1025, NULL, 0), VACCEL_EINVAL);
	free(many);
	/* A resource by an id that there is not. */
	int64_t id = 99;
	op = VACCEL_OP_EXEC_WITH_RESOURCE;
	set_argument(&in[1], 7, &id, sizeof(id));
	set_argument(&in[2], 27, "symbol", 7);
	CHECK_NUMBER(try_genop(peer, session, in, 3, NULL, 0), VACCEL_ENOENT);
	set_argument(&in[1], 7, &id, 4);
	CHECK_NUMBER(try_genop(peer, session, in, 3, NULL, 0), VACCEL_EINVAL);
	CHECK_NUMBER(try_session(peer, "DestroySession", session), 0);
}

static bool open_stream(struct rpc_peer *peer, uint32_t id)
{
	static const char data[] = "\x0a\x1e" SERVICE "\x12\x0bGenopStream";
	return rpc_peer_send_frame(peer, id, 1, 6, data, sizeof(data) - 1);
}

/* A piece with one input of one byte. */
static bool send_part(struct rpc_peer *peer, uint32_t id, uint32_t parts, uint32_t part,
		      uint32_t size, uint8_t flags)
{
	Rpc__Genop request = RPC__GENOP__INIT;
	Rpc__Argument argument;
	Rpc__Argument *inputs[] = {&argument};
	uint8_t packed[256];
	set_argument(&argument, 9, "\4", 1);
	argument.has_parts = argument.has_part = true;
	argument.parts = parts;
	argument.part = part;
	argument.size = size;
	request.has_session_id = true;
	request.session_id = 1;
	request.inputs = inputs;
	request.n_inputs = 1;
	return rpc_peer_send_frame(peer, id, 3, flags, packed, rpc__genop__pack(&request, packed));
}

/* A piece with one argument, or a part of one. */
static bool send_piece(struct rpc_peer *peer, uint32_t id, Rpc__Argument *input, bool is_output,
		       uint8_t flags)
{
	Rpc__Genop request = RPC__GENOP__INIT;
	uint8_t packed[256];
	request.has_session_id = true;
	request.session_id = 1;
	request.inputs = &input;
	request.n_inputs = is_output ? 0 : 1;
	request.outputs = &input;
	request.n_outputs = is_output ? 1 : 0;
	return rpc_peer_send_frame(peer, id, 3, flags, packed, rpc__genop__pack(&request, packed));
}

/* An argument cut into three parts, with an empty piece before it as vAccel's client sends one, and an
 * output cut into two. */
static void test_whole_stream(struct rpc_peer *peer, uint32_t id)
{
	static const char *const words[] = {"no", " ", "end"};
	uint8_t op = VACCEL_OP_IMAGE_DETECT;
	Rpc__Argument argument;
	Rpc__Genop empty = RPC__GENOP__INIT;
	uint8_t packed[64];
	struct rpc_said said;
	CHECK(open_stream(peer, id));
	set_argument(&argument, 9, &op, 1);
	CHECK(send_piece(peer, id, &argument, false, 0));
	CHECK(rpc_peer_send_frame(peer, id, 3, 0, packed, rpc__genop__pack(&empty, packed)));
	for (uint32_t i = 0; i < 3; i++) {
		set_argument(&argument, 28, words[i], strlen(words[i]));
		argument.size = 6;
		argument.has_parts = argument.has_part = true;
		argument.parts = 3;
		argument.part = i + 1;
		CHECK(send_piece(peer, id, &argument, false, 0));
	}
	for (uint32_t i = 0; i < 2; i++) {
		set_argument(&argument, 26, "....", 4);
		argument.size = 8;
		argument.has_parts = argument.has_part = true;
		argument.parts = 2;
		argument.part = i + 1;
		CHECK(send_piece(peer, id, &argument, true, 0));
	}
	CHECK(rpc_peer_send_frame(peer, id, 3, 5, NULL, 0));
	if (!CHECK(rpc_peer_listen(peer, &said, RPC_PEER_PATIENCE_MS)))
		return;
	CHECK_NUMBER(said.id, id);
	CHECK(said.status && !said.status->code);
	Rpc__GenopDone *done = rpc__genop_done__unpack(NULL, said.payload_length, said.payload);
	if (CHECK(done && done->n_outputs == 1)) {
		const Rpc__Argument *output = done->outputs[0];
		CHECK(output->size == 8 && output->data.len == 8 && output->type == 26);
		CHECK(!output->parts && !output->part);
		CHECK(!memcmp(output->data.data, "xxxxxxx", 8));
	}
	rpc__genop_done__free_unpacked(done, NULL);
	rpc_said_release(&said);
}

static void test_streams(const char *socket)
{
	struct rpc_peer peer;
	char text[512];
	if (!CHECK(!rpc_peer_open(&peer, socket, &limits)))
		return;
	CHECK_NUMBER(rpc_peer_session(&peer), 1);
	peer.id = 1001;
	test_whole_stream(&peer, 7);
	/* Parts out of order, from the middle, of another argument; the end in the middle. */
	static const uint32_t parts[][6] = {
	    {2, 2, 1, 0, 0, 0}, {3, 1, 3, 3, 3, 3}, {3, 1, 3, 2, 2, 3}, {3, 1, 3, 3, 2, 4}};
	for (uint32_t i = 0; i < 4; i++) {
		uint32_t id = 11 + 2 * i;
		CHECK(open_stream(&peer, id));
		CHECK(send_part(&peer, id, parts[i][0], parts[i][1], parts[i][2], 0));
		if (i)
			CHECK(send_part(&peer, id, parts[i][3], parts[i][4], parts[i][5], 0));
		CHECK_NUMBER(next_code(&peer, text, sizeof(text)), 13);
		CHECK_TEXT(text, "FFI error: 22");
		/* What still comes for it is thrown away. */
		CHECK(send_part(&peer, id, 3, 3, 3, 1));
		CHECK(is_alive(&peer));
	}
	CHECK(open_stream(&peer, 21));
	CHECK(send_part(&peer, 21, 2, 1, 2, 1));
	CHECK_NUMBER(next_code(&peer, text, sizeof(text)), 13);
	/* A whole one whose size is another. */
	CHECK(open_stream(&peer, 23));
	CHECK(send_part(&peer, 23, 2, 1, 7, 0));
	CHECK(send_part(&peer, 23, 2, 2, 7, 1));
	CHECK_NUMBER(next_code(&peer, text, sizeof(text)), 13);
	CHECK_TEXT(text,
		   "Conversion failed: Could not convert proto `Arg` to `Arg`: Incorrect size; "
		   "expected 2 got 7");
	/* No request at all, and data without a stream. */
	CHECK(open_stream(&peer, 25));
	CHECK(rpc_peer_send_frame(&peer, 25, 3, 5, NULL, 0));
	CHECK_NUMBER(next_code(&peer, text, sizeof(text)), 13);
	CHECK(send_part(&peer, 27, 0, 0, 1, 1));
	/* Not a message. */
	CHECK(open_stream(&peer, 29));
	CHECK(rpc_peer_send_frame(&peer, 29, 3, 0, "\xff", 1));
	CHECK_NUMBER(next_code(&peer, text, sizeof(text)), 13);
	/* As many as may be open, the same twice, and one more. */
	for (uint32_t i = 0; i < 16; i++)
		CHECK(open_stream(&peer, 101 + 2 * i));
	CHECK(open_stream(&peer, 101));
	CHECK_NUMBER(next_code(&peer, text, sizeof(text)), -EXHAUSTED);
	CHECK(open_stream(&peer, 201));
	CHECK_NUMBER(next_code(&peer, text, sizeof(text)), -EXHAUSTED);
	CHECK(is_alive(&peer));
	rpc_peer_close(&peer);
}

/* More sessions than a client may have. */
static void test_sessions(const char *socket)
{
	struct rpc_peer peer;
	if (!CHECK(!rpc_peer_open(&peer, socket, &limits)))
		return;
	int64_t last = 0, count = 0;
	while (count < 100 && (last = rpc_peer_session(&peer)) == count + 1)
		count++;
	CHECK(count >= 3 && count <= 64);
	CHECK_NUMBER(last, 0);
	CHECK_NUMBER(try_session(&peer, "DestroySession", 1), 0);
	/* What it had comes back when its last call has ended. */
	for (int i = 0; i < 200 && (last = rpc_peer_session(&peer)) == 0; i++)
		usleep(10000);
	CHECK_NUMBER(last, count + 1);
	rpc_peer_close(&peer);
}

/* What a session's window has counts as the client's, also where its call has failed, until it is idle. */
static void test_windows(const char *socket)
{
	struct rpc_peer peer;
	const size_t size = 2 << 20;
	uint8_t *content = calloc(1, size);
	if (!CHECK(!rpc_peer_open(&peer, socket, &limits)))
		return;
	int64_t session = rpc_peer_session(&peer);
	uint64_t before = atomic_load(&memory.left);
	/* Of a type that there is not. It is idle after a second, which this test may take to look where
	 * something else has stopped it: so there are some attempts. */
	bool counts = false;
	for (int i = 0; i < 10 && !counts; i++) {
		CHECK_NUMBER(rpc_peer_resource(&peer, session, 3, "name", content, size), 0);
		counts = atomic_load(&memory.left) < before - size / 2;
		CHECK(is_alive(&peer));
	}
	CHECK(counts);
	for (int waited = 0; waited < 400 && atomic_load(&memory.left) < before; waited++)
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	/* More where the request for the session was still counted then. */
	CHECK(atomic_load(&memory.left) >= before);
	rpc_peer_close(&peer);
	free(content);
}

int main(void)
{
	struct host host;
	struct rpc_peer peer;
	budget_init(&memory, MEMORY);
	if (!CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), NULL)))
		return check_status();
	if (CHECK(!rpc_peer_open(&peer, host.socket, &limits))) {
		test_envelopes(&peer);
		test_bloat(&peer);
		test_ids(&peer, host.socket);
		test_resources(&peer);
		test_genop(&peer);
		rpc_peer_close(&peer);
	}
	test_lengths(host.socket);
	test_framing(host.socket);
	test_streams(host.socket);
	test_sessions(host.socket);
	test_windows(host.socket);
	CHECK_NUMBER(atomic_load(&memory.left), MEMORY);
	host_stop(&host, 15);
	return check_status();
}
