/* Messages between a front and its monitor; see channel.h. */
#include "channel/channel.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/descriptors_pass.h"

struct packet {
	struct channel_message message;
	char text[CHANNEL_TEXT_MAX];
};
_Static_assert(sizeof(struct packet) == sizeof(struct channel_message) + CHANNEL_TEXT_MAX,
	       "nothing between message and text");

int channel_send(int socket, struct channel_message *message, const char *text,
		 const int *descriptors, size_t count, int flags)
{
	struct packet packet;
	message->magic = CHANNEL_MAGIC;
	message->version = CHANNEL_VERSION;
	if (!text)
		return descriptors_send(socket, message, sizeof(*message), descriptors, count,
					flags);
	message->flags |= CHANNEL_TEXT;
	packet.message = *message;
	size_t length = strnlen(text, CHANNEL_TEXT_MAX - 1);
	memcpy(packet.text, text, length);
	memset(packet.text + length, 0, CHANNEL_TEXT_MAX - length);
	return descriptors_send(socket, &packet, sizeof(packet), descriptors, count, flags);
}

void channel_close_descriptors(const int *descriptors)
{
	for (size_t i = 0; i < CHANNEL_PASSED_MAX; i++)
		if (descriptors[i] >= 0)
			close(descriptors[i]);
}

static int check(const struct packet *packet, ssize_t length)
{
	const struct channel_message *message = &packet->message;
	const bool with_text = length == (ssize_t)sizeof(*packet);
	if (length <= 0)
		return -EPIPE;
	if (!with_text && length != (ssize_t)sizeof(*message))
		return -EPROTO;
	if (message->magic != CHANNEL_MAGIC || message->version != CHANNEL_VERSION ||
	    with_text != !!(message->flags & CHANNEL_TEXT))
		return -EPROTO;
	return 0;
}

int channel_receive(int socket, struct channel_message *message, int *descriptors, char *text,
		    int flags)
{
	struct packet packet;
	ssize_t length = descriptors_receive(socket, &packet, sizeof(packet), descriptors,
					     CHANNEL_PASSED_MAX, flags);
	if (length == -EAGAIN)
		return -EAGAIN;
	int result = check(&packet, length);
	if (result) {
		channel_close_descriptors(descriptors);
		return result;
	}
	*message = packet.message;
	if (!text)
		return 0;
	*text = 0;
	if (message->flags & CHANNEL_TEXT) {
		packet.text[CHANNEL_TEXT_MAX - 1] = 0;
		memcpy(text, packet.text, CHANNEL_TEXT_MAX);
	}
	return 0;
}
