/* Asking the front; see broker_client.h. */
#include "monitor/server/broker_client.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "channel/channel.h"
#include "util/clock.h"
#include "util/lock.h"

/* Asks, and waits for the answer; `count` descriptors come with it where its result is 0. */
static int ask(struct broker_client *client, struct channel_message *message, size_t count,
	       int descriptors[CHANNEL_PASSED_MAX], struct error *error)
{
	char text[CHANNEL_TEXT_MAX];
	const uint16_t kind = message->kind;
	int result = channel_send(client->socket, message, NULL, NULL, 0, 0);
	if (!result)
		result = channel_receive(client->socket, message, descriptors, text, 0);
	if (result)
		return error_set(error, EPIPE, "the front that started this monitor has gone");
	if (message->kind == kind && message->result < 0) {
		channel_close_descriptors(descriptors);
		return error_set(error, -message->result, "%s", text);
	}
	if (message->kind == kind && descriptors[count - 1] >= 0)
		return 0;
	channel_close_descriptors(descriptors);
	return error_set(error, EPROTO, "the front sent no connection");
}

/* One asks at a time: the others wait, until `until_ns` of CLOCK_MONOTONIC at most. */
static int begin_asking(struct broker_client *client, uint64_t until_ns)
{
	const struct timespec until = clock_timespec(until_ns);
	lock_scoped(&client->lock);
	while (client->asking)
		if (pthread_cond_timedwait(&client->answered, &client->lock, &until) == ETIMEDOUT)
			return -ETIMEDOUT;
	client->asking = true;
	return 0;
}

static void end_asking(struct broker_client *client)
{
	lock_scoped(&client->lock);
	client->asking = false;
	pthread_cond_signal(&client->answered);
}

static int ask_to_dial(void *context, uint64_t deadline_ns, int *socket, struct error *error)
{
	struct broker_client *client = context;
	struct channel_message message = {.kind = CHANNEL_DIAL, .until_ns = deadline_ns};
	int descriptors[CHANNEL_PASSED_MAX] = {-1, -1, -1};
	if (begin_asking(client, deadline_ns))
		return error_set(error, ETIMEDOUT, "no connection to the accelerator host in time");
	int result = ask(client, &message, 1, descriptors, error);
	end_asking(client);
	*socket = result ? -1 : descriptors[0];
	return result;
}

static int ask_to_revive(void *context, struct root_connection *connection, struct error *error)
{
	struct broker_client *client = context;
	struct channel_message message = {.kind = CHANNEL_REVIVE};
	int descriptors[CHANNEL_PASSED_MAX] = {-1, -1, -1};
	begin_asking(client, UINT64_MAX);
	int result = ask(client, &message, 3, descriptors, error);
	end_asking(client);
	if (!result)
		*connection =
		    (struct root_connection){descriptors[0], descriptors[1], descriptors[2]};
	return result;
}

static int ask_for_vsock(void *context, uint32_t port, uint64_t deadline_ns, int *socket)
{
	struct broker_client *client = context;
	struct channel_message message = {.kind = CHANNEL_DIAL_VSOCK, .length = port};
	int descriptors[CHANNEL_PASSED_MAX] = {-1, -1, -1};
	struct error error = {0};
	if (begin_asking(client, deadline_ns))
		return -ETIMEDOUT;
	int result = ask(client, &message, 1, descriptors, &error);
	end_asking(client);
	if (!result)
		*socket = descriptors[0];
	return result;
}

void broker_client_init(struct broker_client *client, int socket)
{
	client->socket = socket;
	pthread_condattr_t attributes;
	pthread_mutex_init(&client->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&client->answered, &attributes);
	pthread_condattr_destroy(&attributes);
	client->dialer = (struct accel_dialer){.dial = ask_to_dial, .context = client};
	client->vsock_dialer = (struct vsock_dialer){.dial = ask_for_vsock, .context = client};
	client->reviver = (struct root_reviver){.revive = ask_to_revive, .context = client};
}
