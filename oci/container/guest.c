/* A program of a container in a machine of its own; see guest.h. */
#include "oci/container/guest.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "mayfly/function.h"
#include "oci/container/streams.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* The longest that libmayfly lets a request take. */
#define RUN_MAX_NS (7ULL * 86400 * NANOSECONDS_PER_SECOND)

struct guest {
	const struct guest_run *run;
	struct mayfly_function *function;
	uint64_t serial; /* of its one request */
	struct streams streams;
	int signals; /* a signalfd */
	int signal;  /* that ended it; 0: none */
	bool told, over;
	struct error error; /* why it could not be run */
	enum mayfly_outcome outcome;
	int status;
};

/* ── what libmayfly tells ────────────────────────────────────────────────────────────────────── */

static void tell(struct guest *guest, const struct error *error)
{
	if (!guest->told)
		guest->run->started(guest->run->context, error);
	guest->told = true;
}

static void note_event(void *context, const struct mayfly_event *event)
{
	struct guest *guest = context;
	if (event->kind == MAYFLY_PREPARED || event->kind == MAYFLY_FINISHED)
		tell(guest, NULL);
	if (event->kind != MAYFLY_DOWN)
		return;
	guest->over = true;
	if (!guest->error.code)
		error_set(&guest->error, -event->error, "%s", event->text);
}

static int respond(void *context, const void *data, size_t length)
{
	struct guest *guest = context;
	return streams_write(&guest->streams, data, length);
}

static void note_wanted(void *context, size_t room)
{
	struct guest *guest = context;
	guest->streams.room = room;
}

static void note_done(void *context, const struct mayfly_result *result)
{
	struct guest *guest = context;
	guest->over = true;
	guest->outcome = result->outcome;
	guest->status = result->status;
	if (result->outcome == MAYFLY_FAILED)
		error_set(&guest->error, -result->error, "%s", result->text);
	else if (result->outcome == MAYFLY_DEADLINE)
		log_error("the program was stopped: it has run for 7 days");
	else if (*result->text)
		log_error("%s", result->text);
}

/* ── its start ───────────────────────────────────────────────────────────────────────────────── */

static int start(struct guest *guest, struct error *error)
{
	const struct guest_run *run = guest->run;
	struct mayfly_error reason = {0};
	struct mayfly_description description;
	struct mayfly_request request;
	guest_describe(run, &description);
	description.flags |= MAYFLY_FRESH;
	description.event = note_event;
	description.context = guest;
	mayfly_request_init(&request, sizeof(request));
	request.timeout_ns = RUN_MAX_NS;
	request.response_limit = request.log_limit = 0;
	request.flags = MAYFLY_FED | MAYFLY_UNBUFFERED;
	request.respond = respond;
	request.wanted = note_wanted;
	request.done = note_done;
	request.context = guest;
	int result = mayfly_function_open(&guest->function, &description, &reason);
	if (!result)
		result = mayfly_function_submit(guest->function, &request, &guest->serial, &reason);
	if (!result)
		result = mayfly_function_start(guest->function, &reason);
	return result ? error_set(error, -result, "%s", reason.text) : 0;
}

/* ── while it runs ───────────────────────────────────────────────────────────────────────────── */

static void hear_signals(struct guest *guest)
{
	struct signalfd_siginfo info;
	while (read(guest->signals, &info, sizeof(info)) == sizeof(info)) {
		const int signal = (int)info.ssi_signo;
		const bool runs =
		    guest->told && !mayfly_function_signal(guest->function, guest->serial, signal);
		if (runs || guest_signal_is_harmless(signal))
			continue;
		/* The program does not run yet, or any more. */
		guest->signal = signal;
		guest->over = true;
	}
}

static void feed(struct guest *guest)
{
	const void *data;
	size_t length, taken = 0;
	bool last;
	streams_read(&guest->streams, &data, &length, &last);
	if (!length && !last)
		return;
	const int result =
	    mayfly_function_feed(guest->function, guest->serial, data, length, last, &taken);
	streams_note_fed(&guest->streams, result == -EAGAIN ? taken : length, result);
}

static void pass_streams(struct guest *guest, short input, short output)
{
	if (output && streams_flush(&guest->streams))
		mayfly_function_go_on(guest->function, guest->serial);
	if (input || streams_has_kept(&guest->streams))
		feed(guest);
}

static int drive(struct guest *guest, struct error *error)
{
	while (!guest->over || streams_is_held(&guest->streams)) {
		struct pollfd wanted[] = {
		    {.fd = mayfly_function_fd(guest->function), .events = POLLIN},
		    {.fd = guest->signals, .events = POLLIN},
		    {.fd = guest->over ? -1 : streams_wants(&guest->streams), .events = POLLIN},
		    {.fd = streams_is_held(&guest->streams) ? STDOUT_FILENO : -1,
		     .events = POLLOUT},
		};
		const int limit_ms = streams_has_kept(&guest->streams) ? 0 : -1;
		if (poll(wanted, sizeof(wanted) / sizeof(*wanted), limit_ms) < 0 && errno != EINTR)
			return error_set_errno(error, errno, "cannot wait for the program");
		if (wanted[1].revents)
			hear_signals(guest);
		/* Who ends it does not wait for a reader that does not read. */
		if (guest->signal && guest->over)
			return 0;
		pass_streams(guest, wanted[2].revents, wanted[3].revents);
		mayfly_function_process(guest->function);
	}
	return 0;
}

static int find_status(const struct guest *guest)
{
	if (guest->signal && guest->outcome != MAYFLY_EXITED)
		return GUEST_SIGNAL + guest->signal;
	switch (guest->outcome) {
	case MAYFLY_EXITED:
		return guest->status;
	case MAYFLY_SIGNALED:
	case MAYFLY_CRASHED:
		return GUEST_SIGNAL + guest->status;
	default:
		return GUEST_SIGNAL + SIGKILL;
	}
}

/* Whoever waits for the start is told; later, the caller. */
static int fail(struct guest *guest, const struct error *error, int *exit_status)
{
	*exit_status = GUEST_FAILED;
	if (guest->told)
		return -error->code;
	tell(guest, error);
	return 0;
}

static void release(struct guest *guest)
{
	mayfly_function_close(guest->function);
	streams_release(&guest->streams);
	if (guest->signals >= 0)
		close(guest->signals);
}

int guest_run(const struct guest_run *run, int *exit_status, struct error *error)
{
	cleanup(release) struct guest guest = {.run = run, .signals = -1, .outcome = MAYFLY_LOST};
	streams_init(&guest.streams, STDIN_FILENO, STDOUT_FILENO);
	guest.signals = guest_catch_signals(error);
	int result = guest.signals < 0 ? guest.signals : 0;
	if (!result)
		result = start(&guest, error);
	if (!result)
		result = drive(&guest, error);
	if (result)
		return fail(&guest, error, exit_status);
	if (guest.streams.reader_gone)
		guest.signal = guest.signal ? guest.signal : SIGPIPE;
	if (guest.error.code && !guest.signal) {
		error_set(error, guest.error.code, "%s", guest.error.text);
		return fail(&guest, error, exit_status);
	}
	*exit_status = find_status(&guest);
	return 0;
}
