/* Finding methods; see methods.h. */
#include "acceld/relay/rpc/methods.h"

#include <string.h>

#include "messages.pb-c.h"
#include "sizes/sizes.h"

enum {
#define METHOD(name, ...)	   PLACE_##name,
#define SESSION_METHOD(name, ...)  PLACE_##name,
#define RESOURCE_METHOD(name, ...) PLACE_##name,
#include "acceld/relay/rpc/methods.def"
};

static const struct rpc_method methods[] = {
#define METHOD(method, function, Request, lower)                                                   \
	[PLACE_##method] = {.name = #method,                                                       \
			    .request = &rpc__##lower##__descriptor,                                \
			    .serve = rpc_serve_##function},
#define SESSION_METHOD(method, function, Request, lower)                                           \
	[PLACE_##method] = {.name = #method,                                                       \
			    .request = &rpc__##lower##__descriptor,                                \
			    .serve = rpc_serve_##function,                                         \
			    .session = offsetof(Rpc__##Request, session_id)},
#define RESOURCE_METHOD(method, function, Request, lower, what)                                    \
	[PLACE_##method] = {.name = #method,                                                       \
			    .request = &rpc__##lower##__descriptor,                                \
			    .serve = rpc_serve_##function,                                         \
			    .session = offsetof(Rpc__##Request, session_id),                       \
			    .resource = offsetof(Rpc__##Request, resource_id),                     \
			    .noun = (what)},
#include "acceld/relay/rpc/methods.def"
};

const struct rpc_method *const rpc_method_genop = &methods[PLACE_Genop];
const struct rpc_method *const rpc_method_create_session = &methods[PLACE_CreateSession];

/* vAccel's agent has one of them, as it was built; its clients know only that one, too. */
static const char *const services[] = {
    "vaccel.sync.agent.AgentService",
    "vaccel.asynchronous.agent.AgentService",
};

static bool is_text(const struct rpc_bytes *bytes, const char *text)
{
	size_t length = strlen(text);
	return bytes->length == length && !memcmp(bytes->bytes, text, length);
}

static bool is_served(const struct rpc_request *request)
{
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (is_text(&request->service, services[i]))
			return true;
	return false;
}

const struct rpc_method *rpc_method_find(const struct rpc_request *request)
{
	if (!is_served(request))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (is_text(&request->method, methods[i].name))
			return &methods[i];
	return NULL;
}

bool rpc_method_is_stream(const struct rpc_request *request)
{
	return is_served(request) && is_text(&request->method, "GenopStream");
}

static int64_t id_at(const ProtobufCMessage *request, size_t offset)
{
	int64_t id = 0;
	if (offset)
		memcpy(&id, (const uint8_t *)request + offset, sizeof(id));
	return id;
}

int64_t rpc_method_session_id(const struct rpc_method *method, const ProtobufCMessage *request)
{
	return id_at(request, method->session);
}

int64_t rpc_method_resource_id(const struct rpc_method *method, const ProtobufCMessage *request)
{
	return id_at(request, method->resource);
}
