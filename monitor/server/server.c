/* The control socket of a monitor at work; see server.h. */
#include "monitor/server/server.h"

#include <unistd.h>

#include "monitor/learned.h"
#include "util/lock.h"
#include "util/log.h"

static void open_slot(struct server *server, const struct channel_message *message,
		      const int descriptors[CHANNEL_PASSED_MAX])
{
	/* If the slot cannot be served, the front sees its socket end. */
	if (descriptors[0] < 0 || slot_server_start(server, message->slot, descriptors[0],
						    !(message->flags & CHANNEL_FREE))) {
		log_debug("a slot cannot be opened");
		channel_close_descriptors(descriptors);
	}
}

static void cancel(struct server *server, const struct channel_message *message)
{
	if (message->slot >= CHANNEL_SLOTS_MAX)
		return;
	lock_scoped(&server->lock);
	struct cancelling *slot = &server->cancelling[message->slot];
	slot->cancelled = message->serial;
	if (slot->serial == message->serial)
		atomic_store(&slot->unwanted, true);
}

static void note_signal(struct server *server, const struct channel_message *message)
{
	if (message->slot >= CHANNEL_SLOTS_MAX || !message->length ||
	    message->length > GUEST_SIGNALS_MAX)
		return;
	lock_scoped(&server->lock);
	struct cancelling *slot = &server->cancelling[message->slot];
	const uint64_t signal = 1UL << (message->length - 1);
	if (slot->serial == message->serial) {
		atomic_fetch_or(&slot->signals, signal);
		return;
	}
	if (slot->early_serial != message->serial)
		slot->early_signals = 0;
	slot->early_serial = message->serial;
	slot->early_signals |= signal;
}

void server_note_request(struct server *server, uint32_t number, uint64_t serial)
{
	lock_scoped(&server->lock);
	struct cancelling *slot = &server->cancelling[number];
	slot->serial = serial;
	atomic_store(&slot->signals, slot->early_serial == serial ? slot->early_signals : 0);
	atomic_store(&slot->unwanted, slot->cancelled == serial);
}

void server_note_unwanted(struct server *server, uint32_t number)
{
	lock_scoped(&server->lock);
	atomic_store(&server->cancelling[number].unwanted, true);
}

int server_take_learned(struct server *server)
{
	lock_scoped(&server->lock);
	const int fd = server->has_learned ? -1 : learned_write(server->monitor);
	server->has_learned |= fd >= 0;
	return fd;
}

void server_note_prepared(struct server *server)
{
	lock_scoped(&server->lock);
	server->prepared = true;
}

bool server_is_prepared(struct server *server)
{
	lock_scoped(&server->lock);
	return server->prepared;
}

void server_run(struct server *server)
{
	struct channel_message message;
	int descriptors[CHANNEL_PASSED_MAX];
	while (!channel_receive(CHANNEL_CONTROL, &message, descriptors, NULL, 0)) {
		if (message.kind == CHANNEL_OPEN_SLOT && message.slot < CHANNEL_SLOTS_MAX) {
			open_slot(server, &message, descriptors);
			continue;
		}
		channel_close_descriptors(descriptors);
		if (message.kind == CHANNEL_CANCEL)
			cancel(server, &message);
		if (message.kind == CHANNEL_SIGNAL)
			note_signal(server, &message);
	}
}
