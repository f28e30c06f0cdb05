/* What the packets of a client mean; see protocol.h. */
#include "acceld/worker/protocol.h"

#include <errno.h>

#include "acceld/worker/client.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "util/log.h"

struct wire_packet protocol_answer(const struct wire_packet *packet, int status, bool unchanged)
{
	return (struct wire_packet){
	    .magic = WIRE_MAGIC,
	    .version = WIRE_VERSION,
	    .kind = packet->kind,
	    .tag = packet->tag,
	    .status = status,
	    .unchanged = unchanged,
	};
}

/* Returns the packet's status, 0 or a positive errno. */
static int serve_call(struct client *client, const struct client_window *window,
		      uint64_t op_limit_ns, const struct wire_packet *packet)
{
	struct error error = {0};
	int result;
	client_name_call(client, packet->tag);
	if (range_within(packet->offset, packet->length, window->size))
		result = client_serve(client, window->memory + packet->offset, packet->length,
				      clock_earlier(packet->limit_ns, op_limit_ns), &error);
	else
		result = error_set(
		    &error, EBADMSG, "a message at %llu of %llu bytes is not within the window",
		    (unsigned long long)packet->offset, (unsigned long long)packet->length);
	if (result)
		log_debug("a message is refused: %s", error.text);
	return -result;
}

enum protocol_course protocol_serve(struct client *client, const struct client_window *window,
				    uint64_t op_limit_ns, const struct wire_packet *packet,
				    struct wire_packet *answer)
{
	struct error error = {0};
	switch (packet->kind) {
	case WIRE_PACKET_CALL: {
		int status = serve_call(client, window, op_limit_ns, packet);
		*answer = protocol_answer(packet, status, client_is_unchanged(client));
		return PROTOCOL_ANSWERS;
	}
	case WIRE_PACKET_MARK:
		client_mark(client);
		*answer = protocol_answer(packet, 0, true);
		return PROTOCOL_ANSWERS;
	case WIRE_PACKET_CANCEL: /* of a call that has been answered already */
		return PROTOCOL_GOES_ON;
	case WIRE_PACKET_RESET:
		if (!client_reset(client, &error))
			return PROTOCOL_GOES_ON;
		log_warn("a connection is ended, its base cannot be restored: %s", error.text);
		return PROTOCOL_ENDS;
	default:
		log_warn("a connection is ended: unknown packet %u", packet->kind);
		return PROTOCOL_ENDS;
	}
}
