/* Finding what calls name; see dispatch.h. */
#include "acceld/relay/rpc/dispatch.h"

#include "acceld/relay/rpc/call.h"
#include "acceld/relay/rpc/client.h"
#include "acceld/relay/rpc/methods.h"
#include "acceld/relay/rpc/session.h"

static struct rpc_session *find_session(const struct rpc_client *client, int64_t id)
{
	struct rpc_session *session = client->sessions;
	while (session && session->id != id)
		session = session->next;
	return session;
}

static void serve_here(struct rpc_call *call)
{
	call->method->serve(call);
	rpc_call_end(call);
}

static void refuse_id(struct rpc_call *call, int64_t id)
{
	rpc_fail_early(&call->reply, RPC_ERROR_ARGUMENT, "Invalid ID: %lld", (long long)id);
	rpc_call_end(call);
}

static void refuse_unknown(struct rpc_call *call, const char *noun, int64_t id)
{
	rpc_refuse(&call->reply, RPC_NOT_FOUND, "Unknown %s %lld", noun, (long long)id);
	rpc_call_end(call);
}

void rpc_dispatch(struct rpc_call *call)
{
	struct rpc_client *client = call->client;
	const struct rpc_method *method = call->method;
	int64_t session_id = rpc_method_session_id(method, call->request);
	int64_t resource_id = rpc_method_resource_id(method, call->request);
	if (method == rpc_method_create_session) {
		rpc_session_start(call);
		return;
	}
	if (!method->session) {
		serve_here(call);
		return;
	}
	/* In the order in which vAccel's agent looks. */
	if (method->resource) {
		if (resource_id <= 0) {
			refuse_id(call, resource_id);
			return;
		}
		call->resource = rpc_client_find_resource(client, resource_id);
		if (!call->resource) {
			refuse_unknown(call, method->noun, resource_id);
			return;
		}
	}
	if (session_id <= 0) {
		refuse_id(call, session_id);
		return;
	}
	pthread_mutex_lock(&client->lock);
	struct rpc_session *session = find_session(client, session_id);
	if (session)
		rpc_session_add(session, call);
	pthread_mutex_unlock(&client->lock);
	if (!session)
		refuse_unknown(call, "session", session_id);
}
