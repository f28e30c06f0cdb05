/* What a worker is told about its listeners; see listener_message.h. */
#include "acceld/common/listener_message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "util/cleanup.h"
#include "util/descriptors_pass.h"

int listener_message_send(int control, const struct listener_message *message, int listener)
{
	return descriptors_send(control, message, sizeof(*message), &listener,
				message->action == LISTENER_ADD, MSG_DONTWAIT);
}

static bool is_sound(struct listener_message *message, int listener)
{
	if (message->action >= LISTENER_ACTIONS || message->kind >= LISTENER_KINDS)
		return false;
	if ((message->action == LISTENER_ADD) != (listener >= 0))
		return false;
	if (message->action == LISTENER_REMOVE || message->kind == LISTENER_OWN)
		return true;
	return policy_is_sound(&message->policy);
}

int listener_message_receive(int control, struct listener_message *message, int *listener)
{
	int received;
	ssize_t length =
	    descriptors_receive(control, message, sizeof(*message), &received, 1, MSG_DONTWAIT);
	if (length == -EINTR || length == -EAGAIN)
		return -EAGAIN;
	if (length <= 0)
		return -EPIPE;
	cleanup_close int fd = received;
	if (length != (ssize_t)sizeof(*message) || !is_sound(message, fd))
		return -EPROTO;
	*listener = take_fd(&fd);
	return 0;
}
