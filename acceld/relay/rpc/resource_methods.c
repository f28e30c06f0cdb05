/* Registering resources, giving them back, and asking for their content. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "acceld/relay/rpc/call.h"
#include "acceld/relay/rpc/client.h"
#include "acceld/relay/rpc/methods.h"
#include "acceld/relay/rpc/resource.h"
#include "acceld/relay/rpc/rpc.h"
#include "acceld/relay/rpc/session.h"
#include "mayfly/wire.h"
#include "messages.pb-c.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel/error.h"
#include "vaccel/resource.h"

/* The one path that is not of the client's or of this host's file system. */
#define MODEL_PREFIX "model:"

/* The name of a file: the worker may make one of it. */
static bool name_is_plain(const char *name)
{
	return strlen(name) <= NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static int check_blob(const Rpc__Blob *blob)
{
	const char *name = blob->name ? blob->name : "";
	if (blob->type != VACCEL_BLOB_BUFFER && blob->type != VACCEL_BLOB_MAPPED) {
		log_info("a resource is refused: its blob is of type %u, without content",
			 blob->type);
		return VACCEL_EINVAL;
	}
	if (!name_is_plain(name)) {
		log_warn("a resource is refused: the name of its blob is no plain file name");
		return VACCEL_EINVAL;
	}
	if (!blob->data.len) {
		log_info("a resource is refused: its blob is empty");
		return VACCEL_EINVAL;
	}
	return 0;
}

/* Takes the content out of the request, so that it is there once. */
static int take_blobs(struct rpc_resource *resource, struct rpc_call *call,
		      Rpc__RegisterResource *request)
{
	if (request->n_blobs > WIRE_BLOBS_MAX) {
		log_info("a resource of %zu blobs is refused: %d at most", request->n_blobs,
			 WIRE_BLOBS_MAX);
		return VACCEL_ERANGE;
	}
	for (size_t i = 0; i < request->n_blobs; i++) {
		int result = check_blob(request->blobs[i]);
		if (result)
			return result;
	}
	resource->blobs =
	    rpc_memory_allocate(&resource->memory, request->n_blobs * sizeof(*resource->blobs));
	if (!resource->blobs)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < request->n_blobs; i++) {
		Rpc__Blob *blob = request->blobs[i];
		bool is_named = blob->name && blob->name != protobuf_c_empty_string;
		resource->blobs[i] = (struct rpc_blob){
		    .name = is_named ? blob->name : NULL,
		    .data = blob->data.data,
		    .size = blob->data.len,
		};
		rpc_memory_move(&call->memory, &resource->memory, resource->blobs[i].name);
		rpc_memory_move(&call->memory, &resource->memory, blob->data.data);
		blob->name = NULL;
		blob->data = (ProtobufCBinaryData){.len = 0};
		resource->blob_count++;
	}
	return 0;
}

/* Paths are of a file system that the client does not have, and URLs would be fetched from within this
 * host's network: only models that are installed here have names that mean something. */
static int take_path(struct rpc_resource *resource, const Rpc__RegisterResource *request)
{
	const char *path = request->paths[0];
	size_t prefix = strlen(MODEL_PREFIX);
	if (request->n_paths != 1 || strncmp(path, MODEL_PREFIX, prefix) != 0) {
		log_warn("a resource is refused: clients send content, or \"" MODEL_PREFIX
			 "NAME\" of an installed model, but no paths of this host and no URLs");
		return VACCEL_EINVAL;
	}
	size_t size = strlen(path + prefix) + 1;
	resource->model = rpc_memory_allocate(&resource->memory, size);
	if (!resource->model)
		return VACCEL_ENOMEM;
	memcpy(resource->model, path + prefix, size);
	return 0;
}

static struct vaccel_arg text_argument(const char *text)
{
	return (struct vaccel_arg){
	    .buf = (void *)text, .size = strlen(text) + 1, .type = VACCEL_ARG_STRING};
}

/* Sends it to the worker for the call's session. */
static int send_resource(struct rpc_call *call, struct rpc_resource *resource)
{
	struct vaccel_arg inputs[2 + 2 * WIRE_BLOBS_MAX];
	size_t count = 0;
	inputs[count++] = (struct vaccel_arg){
	    .buf = &resource->type, .size = sizeof(resource->type), .type = VACCEL_ARG_UINT32};
	inputs[count++] = text_argument(resource->model ? resource->model : "");
	for (size_t i = 0; i < resource->blob_count; i++) {
		const struct rpc_blob *blob = &resource->blobs[i];
		inputs[count++] = text_argument(blob->name ? blob->name : "");
		inputs[count++] = (struct vaccel_arg){
		    .buf = blob->data, .size = blob->size, .type = VACCEL_ARG_BUFFER};
	}
	int64_t remote = 0;
	struct vaccel_arg output = {
	    .buf = &remote, .size = sizeof(remote), .type = VACCEL_ARG_INT64};
	int result =
	    rpc_session_op(call, WIRE_OP_RESOURCE_REGISTER, inputs, count, &output, 1, NULL);
	if (!result && remote < 1)
		result = VACCEL_EREMOTEIO;
	return result ? result : rpc_session_add_resource(call->session, resource, remote);
}

/* A new one, with a reference that is the caller's. 0 or a VACCEL_E… code. */
static int make_resource(struct rpc_call *call, Rpc__RegisterResource *request,
			 struct rpc_resource **out)
{
	struct rpc_resource *resource = calloc(1, sizeof(*resource));
	if (!resource)
		return VACCEL_ENOMEM;
	rpc_memory_init(&resource->memory, call->client->limits->memory, UINT64_MAX);
	resource->type = request->resource_type;
	resource->references = 1;
	int result =
	    request->n_blobs ? take_blobs(resource, call, request) : take_path(resource, request);
	if (result) {
		rpc_resource_drop(resource);
		return result;
	}
	*out = resource;
	return 0;
}

/* Gives it an id, with which the client can name it. */
static int publish(struct rpc_client *client, struct rpc_resource *resource, int64_t *id)
{
	lock_scoped(&client->lock);
	if (client->resource_count >= RPC_RESOURCES_MAX)
		return VACCEL_EUSERS;
	*id = resource->id = ++client->last_resource;
	resource->next = client->resources;
	client->resources = resource;
	client->resource_count++;
	rpc_resource_hold(resource);
	return 0;
}

static void drop(struct rpc_client *client, struct rpc_resource *resource)
{
	lock_scoped(&client->lock);
	rpc_resource_drop(resource);
}

/* Without the id, nobody finds it any more. With the lock held. */
static void withdraw(struct rpc_client *client, struct rpc_resource *resource)
{
	struct rpc_resource **place = &client->resources;
	while (*place != resource)
		place = &(*place)->next;
	*place = resource->next;
	resource->id = 0;
	client->resource_count--;
	rpc_resource_drop(resource);
}

static int unregister(struct rpc_call *call, struct rpc_resource *resource)
{
	int64_t remote = rpc_session_resource(call->session, resource);
	struct vaccel_arg input = {
	    .buf = &remote, .size = sizeof(remote), .type = VACCEL_ARG_INT64};
	if (!remote)
		return VACCEL_EINVAL;
	int result = rpc_session_op(call, WIRE_OP_RESOURCE_UNREGISTER, &input, 1, NULL, 0, NULL);
	if (!result)
		rpc_session_remove_resource(call->session, resource);
	return result;
}

static void answer_id(struct rpc_call *call, int64_t id)
{
	Rpc__RegisteredResource answer = RPC__REGISTERED_RESOURCE__INIT;
	rpc_set(&answer, resource_id, id);
	rpc_answer(&call->reply, &answer.base);
}

static void register_new(struct rpc_call *call, Rpc__RegisterResource *request)
{
	struct rpc_client *client = call->client;
	if (!request->n_blobs && !request->n_paths) {
		rpc_refuse(&call->reply, RPC_INVALID_ARGUMENT, "No paths or blobs provided");
		return;
	}
	struct rpc_resource *resource;
	int result = make_resource(call, request, &resource);
	if (result) {
		rpc_fail(&call->reply, result);
		return;
	}
	int64_t id;
	result = send_resource(call, resource);
	if (!result) {
		result = publish(client, resource, &id);
		if (result)
			unregister(call, resource);
	}
	if (result)
		rpc_fail(&call->reply, result);
	else
		answer_id(call, id);
	drop(client, resource);
}

static void register_known(struct rpc_call *call, struct rpc_resource *resource, int64_t id)
{
	/* Counted at once, so that it does not go while another session gives it back. */
	pthread_mutex_lock(&call->client->lock);
	resource->registrations++;
	pthread_mutex_unlock(&call->client->lock);
	int result =
	    rpc_session_resource(call->session, resource) ? 0 : send_resource(call, resource);
	pthread_mutex_lock(&call->client->lock);
	resource->registrations--;
	pthread_mutex_unlock(&call->client->lock);
	if (result)
		rpc_fail(&call->reply, result);
	else
		answer_id(call, id);
}

void rpc_serve_register_resource(struct rpc_call *call)
{
	Rpc__RegisterResource *request = (Rpc__RegisterResource *)call->request;
	int64_t id = request->resource_id;
	if (!id) {
		register_new(call, request);
		return;
	}
	if (id < 0) {
		rpc_fail_early(&call->reply, RPC_ERROR_ARGUMENT, "Invalid ID: %lld", (long long)id);
		return;
	}
	call->resource = rpc_client_find_resource(call->client, id);
	if (!call->resource)
		rpc_refuse(&call->reply, RPC_NOT_FOUND, "Unknown resource %lld", (long long)id);
	else
		register_known(call, call->resource, id);
}

void rpc_serve_unregister_resource(struct rpc_call *call)
{
	struct rpc_client *client = call->client;
	struct rpc_resource *resource = call->resource;
	int result = unregister(call, resource);
	if (result) {
		rpc_fail(&call->reply, result);
		return;
	}
	pthread_mutex_lock(&client->lock);
	if (!resource->registrations && resource->id)
		withdraw(client, resource);
	pthread_mutex_unlock(&client->lock);
	rpc_answer(&call->reply, NULL);
}

static void answer_content(struct rpc_call *call, const struct rpc_resource *resource)
{
	Rpc__Blob blobs[WIRE_BLOBS_MAX], *list[WIRE_BLOBS_MAX];
	Rpc__SyncedResource answer = RPC__SYNCED_RESOURCE__INIT;
	for (size_t i = 0; i < resource->blob_count; i++) {
		rpc__blob__init(&blobs[i]);
		rpc_set_bytes(&blobs[i], data, resource->blobs[i].data, resource->blobs[i].size);
		rpc_set(&blobs[i], size, (uint32_t)resource->blobs[i].size);
		list[i] = &blobs[i];
	}
	answer.blobs = list;
	answer.n_blobs = resource->blob_count;
	rpc_answer(&call->reply, &answer.base);
}

void rpc_serve_sync_resource(struct rpc_call *call)
{
	int64_t id = ((const Rpc__SyncResource *)call->request)->resource_id;
	if (id <= 0) {
		rpc_fail_early(&call->reply, RPC_ERROR_ARGUMENT, "Invalid ID: %lld", (long long)id);
		return;
	}
	/* Referenced until the call's end. */
	call->resource = rpc_client_find_resource(call->client, id);
	if (!call->resource)
		rpc_refuse(&call->reply, RPC_NOT_FOUND, "Unknown resource %lld", (long long)id);
	else if (call->resource->model)
		rpc_refuse(&call->reply, RPC_INTERNAL, "Blob has no data");
	else
		answer_content(call, call->resource);
}
