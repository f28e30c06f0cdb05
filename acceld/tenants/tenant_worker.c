/* A tenant's worker; see tenant_worker.h. */
#include "acceld/tenants/tenant_worker.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "accel/ops/dispatch.h"
#include "accel/wire/ops.h"
#include "accel/wire/wire.h"
#include "acceld/common/client_limits.h"
#include "acceld/common/op_answer.h"
#include "acceld/tenants/sent_model.h"
#include "acceld/tenants/tenant_channel.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors_pass.h"

struct known_session {
	int64_t number; /* 0: none */
	struct vaccel_session session;
};

struct known_model {
	uint64_t key;
	struct sent_model model;
};

struct tenant_worker {
	int channel;
	uint8_t *memory;
	size_t size;
	struct wire_message message;
	struct known_session *sessions[CLIENT_SESSIONS_MAX];
	struct known_model *models[CLIENT_RESOURCES_MAX];
};

static void change_memory(struct tenant_worker *self, int fd, size_t size)
{
	if (self->memory)
		munmap(self->memory, self->size);
	self->size = size;
	self->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (self->memory != MAP_FAILED)
		return;
	self->memory = NULL;
	self->size = 0;
}

/* The session of this number, opened where it is new. 0 or a VACCEL_ code. */
static int find_session(struct tenant_worker *self, int64_t number, uint32_t flags,
			struct vaccel_session **session)
{
	struct known_session **place = self->sessions, **end = place + CLIENT_SESSIONS_MAX;
	while (place < end && *place && (*place)->number != number)
		place++;
	if (place == end)
		return VACCEL_EUSERS;
	if (!*place) {
		cleanup_free struct known_session *fresh = calloc(1, sizeof(*fresh));
		if (!fresh)
			return VACCEL_ENOMEM;
		fresh->number = number;
		int result = vaccel_session_init(&fresh->session, flags);
		if (result)
			return result;
		*place = take_pointer(fresh);
	}
	*session = &(*place)->session;
	return VACCEL_OK;
}

static int register_model(struct tenant_worker *self, const struct tenant_request *request,
			  struct sent_files *files)
{
	struct vaccel_session *session;
	struct known_model **place = self->models, **end = place + CLIENT_RESOURCES_MAX;
	while (place < end && *place)
		place++;
	if (place == end)
		return VACCEL_EUSERS;
	int result = find_session(self, request->session, (uint32_t)request->flags, &session);
	if (result)
		return result;
	cleanup_free struct known_model *known = calloc(1, sizeof(*known));
	if (!known)
		return VACCEL_ENOMEM;
	known->key = request->key;
	result = sent_model_open(files, request->size, &known->model);
	if (result)
		return result;
	result = vaccel_resource_register(&known->model.resource, session);
	if (result)
		sent_model_close(&known->model);
	else
		*place = take_pointer(known);
	return result;
}

static vaccel_id_t find_model(const struct tenant_worker *self, uint64_t key)
{
	for (size_t i = 0; i < CLIENT_RESOURCES_MAX && self->models[i]; i++)
		if (self->models[i]->key == key)
			return self->models[i]->model.resource.id;
	return 0;
}

static int run_op(struct tenant_worker *self, const struct tenant_request *request)
{
	struct wire_message *message = &self->message;
	const struct wire_header *header = &message->header;
	struct vaccel_session *session;
	int result = find_session(self, request->session, (uint32_t)request->flags, &session);
	if (result)
		return result;
	if (wire_op_names_resource(header->op)) {
		vaccel_id_t id = find_model(self, request->key);
		if (!id || !header->inputs || message->arguments[0].type != VACCEL_ARG_INT64)
			return VACCEL_EINVAL;
		memcpy(message->arguments[0].buf, &id, sizeof(id));
	}
	return mayfly_op_dispatch(session, header->op, message->arguments, header->inputs,
				  message->arguments + header->inputs, header->outputs,
				  message->output_flags);
}

static int call(struct tenant_worker *self, const struct tenant_request *request)
{
	struct wire_message *message = &self->message;
	if (request->size > self->size)
		return VACCEL_ENOMEM; /* it could not be mapped */
	int result = wire_decode(message, self->memory, request->size, NULL);
	if (result == -ENOMEM) {
		wire_refuse(message, VACCEL_ENOMEM);
		return 0;
	}
	if (result)
		return result;
	uint64_t start_ns = clock_now_ns();
	int status = run_op(self, request);
	op_answer_write(message, status, clock_now_ns() - start_ns);
	return 0;
}

static int serve(struct tenant_worker *self, const struct tenant_request *request,
		 struct sent_files *files)
{
	switch (request->kind) {
	case TENANT_REGISTER:
		return register_model(self, request, files);
	case TENANT_CALL:
		return call(self, request);
	default:
		return VACCEL_EINVAL;
	}
}

static bool answer(struct tenant_worker *self, uint64_t serial, int status)
{
	struct tenant_answer answer = {.serial = serial, .status = status};
	if (status)
		op_answer_hide_paths(mayfly_op_reason(), answer.reason, sizeof(answer.reason));
	ssize_t sent;
	do
		sent = send(self->channel, &answer, sizeof(answer), MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent == (ssize_t)sizeof(answer);
}

int tenant_worker_run(int channel)
{
	struct tenant_worker *self = calloc(1, sizeof(*self));
	if (!self)
		return EXIT_FAILURE;
	self->channel = channel;
	wire_message_init(&self->message, NULL);
	for (;;) {
		struct tenant_request request;
		cleanup(sent_files_close) struct sent_files files = {0};
		ssize_t length = descriptors_receive(channel, &request, sizeof(request), files.fds,
						     SENT_FILES_MAX, 0);
		while (files.count < SENT_FILES_MAX && files.fds[files.count] >= 0)
			files.count++;
		if (length != (ssize_t)sizeof(request))
			return length ? EXIT_FAILURE : EXIT_SUCCESS;
		if (request.kind == TENANT_MEMORY) {
			change_memory(self, files.count ? files.fds[0] : -1, request.size);
			continue;
		}
		mayfly_op_set_deadline(clock_deadline_after(clock_now_ns(), request.limit_ns));
		mayfly_op_set_reason("");
		if (!answer(self, request.serial, serve(self, &request, &files)))
			return EXIT_FAILURE;
	}
}
