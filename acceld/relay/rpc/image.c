/* Classification, the one op on pictures that has a method of its own. */
#include "acceld/relay/rpc/call.h"
#include "acceld/relay/rpc/methods.h"
#include "acceld/relay/rpc/session.h"
#include "messages.pb-c.h"
#include "vaccel/op.h"

/* Of an answer, always, as of vAccel's agent: its client takes as many as its caller has room for, and
 * ends the program where there are fewer. */
#define TAGS_SIZE 1024

void rpc_serve_classify(struct rpc_call *call)
{
	const Rpc__Classify *request = (const Rpc__Classify *)call->request;
	uint8_t name[TAGS_SIZE] = {0}, tags[TAGS_SIZE] = {0};
	struct vaccel_arg image = {
	    .buf = request->image.data, .size = request->image.len, .type = VACCEL_ARG_BUFFER};
	struct vaccel_arg outputs[] = {
	    {.buf = name, .size = sizeof(name), .type = VACCEL_ARG_UCHAR_ARRAY},
	    {.buf = tags, .size = sizeof(tags), .type = VACCEL_ARG_UCHAR_ARRAY},
	};
	int result = rpc_session_op(call, VACCEL_OP_IMAGE_CLASSIFY, &image, 1, outputs, 2, NULL);
	if (result) {
		rpc_fail(&call->reply, result);
		return;
	}
	Rpc__Classified answer = RPC__CLASSIFIED__INIT;
	rpc_set_bytes(&answer, tags, tags, sizeof(tags));
	rpc_answer(&call->reply, &answer.base);
}
