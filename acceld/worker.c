/* A worker of the accelerator host; see worker.h. */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "launch.h"
#include "ledger.h"
#include "memory_limit.h"
#include "plugins.h"
#include "rights.h"
#include "server.h"
#include "supervisor.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* How long ops that are under way may go on after SIGTERM. */
#define PATIENCE_NS (5 * NANOSECONDS_PER_SECOND)

/* They are blocked already; every later thread inherits that. */
static int open_signals(struct error *error)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	int fd = signalfd(-1, &signals, SFD_CLOEXEC);
	return fd >= 0 ? fd : error_set_errno(error, errno, "cannot make a signalfd");
}

/* With plugins in it, and no right that clients' work does not need. */
static int start(const struct worker_options *options, struct plugins *plugins, struct error *error)
{
	struct confine_report rights = {0};
	uint64_t memory = options->memory ? options->memory : memory_limit_default();
	int result = memory_limit_set(memory, error);
	if (!result)
		result = plugins_start(plugins, error);
	if (result)
		return result;
	result = acceld_give_up_rights(ACCELD_WORKER, options->socket_path, &rights, error);
	if (result)
		plugins_stop(plugins);
	return result;
}

int worker_run(const struct worker_options *options, const struct worker_seat *seat,
	       struct error *error)
{
	struct plugins plugins;
	const struct server_options server_options = {
	    .listener = seat->listener,
	    .connections_max = options->connections_max,
	    .log = options->log,
	    .idle_ns = options->idle_ns,
	    .op_limit_ns = options->op_limit_ns,
	    .memory = options->resource_memory,
	    .plugins = &plugins,
	    .ledger = seat->ledger,
	};
	struct server server;
	cleanup_close int signals = open_signals(error);
	int result = signals < 0 ? signals : server_open(&server, &server_options, error);
	if (!result && (result = start(options, &plugins, error)))
		server_close(&server, 0);
	launch_report(seat->report, result ? error : NULL);
	if (result)
		return EXIT_FAILURE;
	log_info("serving at %s", options->socket_path);
	result = server_run(&server, signals, error);
	if (!server_close(&server, PATIENCE_NS)) {
		log_warn("ending in the middle of an op");
		/* Destructors would take plugins away from under the thread that is in one. */
		_exit(result ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	plugins_stop(&plugins);
	ledger_delete(seat->ledger);
	return result;
}
