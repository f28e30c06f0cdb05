/* Running guests with direct calls; see direct.h. */
#include "direct.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "ring.h"
#include "util/clock.h"

/* The guest has no way to close its output: at its end the process is, too. */
static int take_output(struct machine_process *self, struct machine_exit *exit, struct error *error)
{
	/* A guest that sees the window may change what it has written there; it is its own. */
	uint8_t *room = self->window->memory + WINDOW_RESPONSE_OFFSET;
	ssize_t got;
	do {
		got = read(self->events, room, WINDOW_RESPONSE_SIZE);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return error_set_errno(error, errno, "cannot read what the guest writes");
	if (got > 0) {
		exit->stop = MACHINE_OUTPUT;
		exit->output.data = room;
		exit->output.length = (size_t)got;
		return 0;
	}
	bool known;
	int result = process_machine_end(self, &exit->status, &known, error);
	exit->stop = known ? MACHINE_ENDED : MACHINE_LOST;
	return result;
}

/* What there is to do for a guest that has become ready to be looked at. */
enum event { EVENT_NONE, EVENT_OUTPUT, EVENT_RUNG };

/* The listener comes by the socket, once. */
static int look(struct machine_process *self, const struct pollfd ready[2], enum event *event)
{
	int result = 0;
	*event = ready[0].revents ? EVENT_OUTPUT : EVENT_NONE;
	if (*event || !ready[1].revents)
		return 0;
	if (self->listener < 0)
		return process_ring_receive(self);
	/* Where the guest is gone, that alone is told. */
	if (ready[1].revents & POLLIN)
		result = process_ring_take(self);
	if (self->rung)
		*event = EVENT_RUNG;
	return result;
}

/* Waits until there is something to do. -ETIMEDOUT past the deadline. */
static int wait_for_event(struct machine_process *self, uint64_t deadline_ns, enum event *event)
{
	struct pollfd watched[2] = {{.fd = self->events, .events = POLLIN}};
	const bool rings = self->direct_setup->ring_length;
	for (*event = EVENT_NONE; !*event;) {
		watched[1] = (struct pollfd){.events = POLLIN, .fd = -1};
		if (rings)
			watched[1].fd = self->listener < 0 ? self->socket : self->listener;
		const uint64_t until_ns = machine_look_ns(&self->machine, deadline_ns);
		const struct timespec timeout = clock_left_until(until_ns);
		const int ready = ppoll(watched, 2, &timeout, NULL);
		if (!ready && (until_ns == deadline_ns || machine_is_unwanted(&self->machine)))
			return -ETIMEDOUT;
		if (ready < 0 && errno != EINTR)
			return -errno;
		int result = ready > 0 ? look(self, watched, event) : 0;
		if (result)
			return result;
	}
	return 0;
}

static int begin_or_go_on(struct machine_process *self, enum machine_entry entry)
{
	const struct process_command command = {.kind = PROCESS_START};
	if (entry == MACHINE_START)
		return process_machine_send(self, &command, 1);
	return self->rung ? process_ring_answer(self, self->machine.answer) : 0;
}

int process_direct_run(struct machine_process *self, enum machine_entry entry, uint64_t deadline_ns,
		       struct machine_exit *exit, struct error *error)
{
	enum event event = EVENT_NONE;
	int result = begin_or_go_on(self, entry);
	if (!result)
		result = wait_for_event(self, deadline_ns, &event);
	if (result == -ETIMEDOUT) {
		kill(self->pid, SIGKILL); /* stopped while what it wrote is delivered */
		exit->stop = MACHINE_DEADLINE;
		return 0;
	}
	if (result)
		return error_set_errno(error, -result, "cannot talk to the guest's process");
	if (event == EVENT_OUTPUT)
		return take_output(self, exit, error);
	exit->stop = MACHINE_RUNG;
	return 0;
}
