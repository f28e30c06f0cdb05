/* Where a worker's clients come from; see listeners.h. */
#include "acceld/worker/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acceld/common/handover.h"
#include "acceld/tenants/account.h"
#include "acceld/transports/transport.h"
#include "util/cleanup.h"
#include "util/log.h"

void listeners_init(struct listeners *listeners, struct accounts *accounts, int control)
{
	*listeners = (struct listeners){.accounts = accounts, .control = control};
}

static void close_listener(struct listeners *listeners, struct worker_listener *listener)
{
	if (listener->socket >= 0)
		close(listener->socket);
	if (listener->account)
		account_close(listeners->accounts, listener->account);
	free(listener);
	listeners->count--;
}

void listeners_close(struct listeners *listeners)
{
	while (listeners->list) {
		struct worker_listener *first = listeners->list;
		listeners->list = first->next;
		close_listener(listeners, first);
	}
	if (listeners->control >= 0)
		close(take_fd(&listeners->control));
}

static struct worker_listener **find(struct listeners *listeners, uint64_t number)
{
	struct worker_listener **place = &listeners->list;
	while (*place && (*place)->number != number)
		place = &(*place)->next;
	return place;
}

static int add(struct listeners *listeners, const struct listener_message *message, int socket)
{
	cleanup_close int owned = socket;
	cleanup_free struct worker_listener *listener = malloc(sizeof(*listener));
	if (!listener)
		return -ENOMEM;
	*listener = (struct worker_listener){.kind = (enum listener_kind)message->kind,
					     .number = message->number,
					     .next = listeners->list};
	if (message->kind != LISTENER_OWN) {
		const struct account_tenant tenant = {.number = message->number};
		listener->account = account_open(listeners->accounts, tenant, &message->policy);
		if (!listener->account)
			return -ENOMEM;
	}
	listener->socket = take_fd(&owned);
	listeners->list = take_pointer(listener);
	listeners->count++;
	return 0;
}

static int apply(struct listeners *listeners, const struct listener_message *message, int socket,
		 void (*leave)(void *context, struct account *account), void *context)
{
	if (message->action == LISTENER_ADD)
		return add(listeners, message, socket);
	struct worker_listener **place = find(listeners, message->number), *found = *place;
	if (!found)
		return 0;
	if (message->action == LISTENER_CHANGE)
		return found->account ? account_set_policy(found->account, &message->policy) : 0;
	*place = found->next;
	if (found->account)
		leave(context, found->account);
	close_listener(listeners, found);
	return 0;
}

bool listeners_hear(struct listeners *listeners,
		    void (*leave)(void *context, struct account *account), void *context)
{
	for (;;) {
		struct listener_message message;
		int socket = -1;
		int result = listener_message_receive(listeners->control, &message, &socket);
		if (result == -EAGAIN)
			return true;
		if (!result)
			result = apply(listeners, &message, socket, leave, context);
		if (result == -EPIPE) {
			close(take_fd(&listeners->control));
			return false;
		}
		if (result)
			log_error("a change of the tenants is lost: %s", strerror(-result));
	}
}

void listeners_fill_events(const struct listeners *listeners, struct pollfd *events)
{
	for (const struct worker_listener *each = listeners->list; each; each = each->next)
		*events++ = (struct pollfd){.fd = each->socket, .events = POLLIN};
}

/* Taken by the worker itself: from one of its sockets. */
static int take_client(struct listeners *listeners, struct worker_listener *listener,
		       struct arrival *arrival)
{
	cleanup_close int client = accept4(listener->socket, NULL, NULL, SOCK_CLOEXEC);
	if (client < 0)
		return -errno;
	struct account_tenant tenant = {.number = listener->number};
	if (listener->kind == LISTENER_OWN) {
		pid_t process;
		int result = transport_unix_identify(client, &process);
		if (result)
			return result;
		tenant = (struct account_tenant){.is_process = true, .number = (uint64_t)process};
	}
	arrival->transport =
	    listener->kind == LISTENER_OWN ? &transport_unix : &transport_unix_tenant;
	const struct policy *policy =
	    listener->account ? atomic_load(&listener->account->policy) : &policy_default;
	arrival->account = account_open(listeners->accounts, tenant, policy);
	if (!arrival->account)
		return -ENOMEM;
	arrival->socket = take_fd(&client);
	return 0;
}

static int take_handed_over(struct listeners *listeners, struct worker_listener *listener,
			    struct arrival *arrival)
{
	int type;
	cleanup_close int client = -1;
	int result = handover_receive(listener->socket, &client, &type);
	if (result)
		return result;
	arrival->transport = type == SOCK_STREAM ? &transport_unix_stream : &transport_unix_tenant;
	const struct account_tenant tenant = {.number = listener->number};
	arrival->account =
	    account_open(listeners->accounts, tenant, atomic_load(&listener->account->policy));
	if (!arrival->account)
		return -ENOMEM;
	arrival->socket = take_fd(&client);
	return 0;
}

int listeners_take(struct listeners *listeners, struct worker_listener *listener,
		   struct arrival *arrival)
{
	int result = listener->kind == LISTENER_HANDOVER
			 ? take_handed_over(listeners, listener, arrival)
			 : take_client(listeners, listener, arrival);
	/* Nothing will come any more, and the supervisor is about to say so. */
	if (result == -EPIPE)
		close(take_fd(&listener->socket));
	return result;
}
