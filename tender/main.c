/* solo5-hvt and solo5-spt: run an image of Solo5 as that project's own tenders of these names do, for
 * programs that call them: the same command line, the guest's status, and everything in one process. It is the monitor itself, without front, channel and
 * snapshot: it opens what the command line names, gives up its rights, and runs the guest from its
 * start to its end.
 */
#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel_client/accel_client.h"
#include "monitor/formats/solo5_abi.h"
#include "monitor/guests/recognise.h"
#include "monitor/monitor_internal.h"
#include "monitor/sandbox/rights.h"
#include "tender/command_line.h"
#include "tender/tender.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"

#define STATUS_FAILED 1

/* Longer than anybody waits; a time that far away can still be counted in nanoseconds. */
#define FOR_EVER_NS (UINT64_MAX / 4)

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	(void)context;
	return file_write_until(STDOUT_FILENO, data, length, deadline_ns);
}

static void take_log(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	(void)context;
	file_write_until(STDERR_FILENO, data, length, deadline_ns);
}

static void end_by_signal(int number)
{
	static const char said[] = "solo5-hvt: ended by a signal\n";
	(void)number;
	(void)!write(STDERR_FILENO, said, sizeof(said) - 1);
	_exit(STATUS_FAILED);
}

/* Whoever calls a tender tells by its status whether the guest has ended or something else has. */
static void handle_signals(void)
{
	const struct sigaction action = {.sa_handler = end_by_signal};
	if (!tender.dies_as_guest) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static void close_monitor(struct monitor **monitor)
{
	monitor_close(*monitor);
}

/* Nobody makes connections for this process, and it may make none. */
static int refuse_to_dial(void *context, uint64_t deadline_ns, int *socket, struct error *error)
{
	(void)context;
	(void)deadline_ns;
	*socket = -1;
	return error_set(error, ENODEV,
			 "a tender reaches no accelerator host: run the image by mayfly run");
}

static const struct accel_dialer no_dialer = {.dial = refuse_to_dial};

/* Devices that the manifest does not name, images for other tenders: all is found out before any
 * right is given up. */
static int open_monitor(struct monitor **monitor, const struct command_line *line,
			struct error *error)
{
	const struct guest_format *format = guest_format_of(line->arguments[0]);
	const struct monitor_options options = {
	    .guest.program = line->arguments[0],
	    .guest.arguments = line->arguments,
	    .guest.memory = line->memory,
	    .guest.devices = line->devices,
	    .guest.executable_heap = line->executable_heap,
	    .isolation = isolations[0]->name,
	    .dialer = &no_dialer,
	    .fresh = true,
	    .once = true,
	};
	const bool is_ours = format && format->kind && !strcmp(format->kind, guest_kinds[0]->name);
	if (!is_ours && !access(line->arguments[0], R_OK))
		return error_set(error, ENOEXEC,
				 "%s is no image of Solo5 for the target %s: it has no such note",
				 line->arguments[0], tender.target);
	return monitor_open(monitor, &options, error);
}

/* Whoever waits for this process sees what happened to the guest. */
static void die_by(int number)
{
	signal(number, SIG_DFL);
	kill(getpid(), number);
}

/* The request is over, and the machine need not be made ready for another one: what is left ends with
 * this process, and sooner so. */
static void end_as_guest(void *context, bool free)
{
	const struct request_result *result = context;
	(void)free;
	if (result->outcome == OUTCOME_EXITED) {
		if (*result->report)
			log_tell("%s", result->report);
		_exit(result->status);
	}
	if (result->outcome != OUTCOME_CRASHED || !tender.dies_as_guest)
		return;
	log_tell("%s", result->report);
	die_by(result->status);
}

/* Ends the process as the guest has ended; comes back only with an error. */
static int run(const struct command_line *line, struct error *error)
{
	cleanup(close_monitor) struct monitor *monitor = NULL;
	struct confine_report report;
	struct request_result end;
	const struct request request = {
	    .data = "",
	    .fd = -1,
	    .unbuffered = true,
	    .timeout_ns = FOR_EVER_NS,
	    .respond = respond,
	    .log = take_log,
	    .answered = end_as_guest,
	    .context = &end,
	};
	int result = open_monitor(&monitor, line, error);
	if (result)
		return result;
	assert(monitor);
	result =
	    rights_give_up(monitor->isolation, monitor->host, monitor->guest->kind, &report, error);
	if (result)
		return result;
	result = monitor_serve(monitor, &request, &end, error);
	if (result)
		return result;
	return error_set(error, ECANCELED, "%s", end.report);
}

int main(int argc, char **argv)
{
	cleanup(command_line_release) struct command_line line = {0};
	struct error error = {0};
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const char *name = slash ? slash + 1 : argc ? argv[0] : tender.name;
	log_setup_from_environment(name, LOG_WARN);
	mallopt(M_ARENA_MAX, 1);
	setenv("OPENSSL_CONF", "", 1); /* libcrypto makes digests only here: no configuration */
	int result = command_line_read(&line, tender.is_spt, argc ? argc - 1 : 0, argv + 1, &error);
	if (!result && line.wants_help) {
		command_line_print_help(stderr, name, tender.is_spt);
		return STATUS_FAILED;
	}
	if (!result && line.wants_version) {
		fprintf(stderr, "%s of Mayfly %s\nABI version %d\n", name, MAYFLY_VERSION,
			SOLO5_ABI_VERSION);
		return 0;
	}
	handle_signals();
	if (!result)
		run(&line, &error);
	log_tell("%s", error.text);
	return STATUS_FAILED;
}
