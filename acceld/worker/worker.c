/* A worker of the accelerator host; see worker.h. */
#include "acceld/worker/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "accel/plugins/plugin.h"
#include "acceld/common/background.h"
#include "acceld/common/in_flight.h"
#include "acceld/common/memory_limit.h"
#include "acceld/common/plugins.h"
#include "acceld/common/rights.h"
#include "acceld/common/signals.h"
#include "acceld/common/worker_handoff.h"
#include "acceld/worker/server.h"
#include "acceld/worker/statistics.h"
#include "mayfly/results.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* How long ops that are under way may go on after SIGTERM. */
#define PATIENCE_NS (5 * NANOSECONDS_PER_SECOND)

static const int ending_signals[] = {SIGTERM, SIGINT, SIGHUP};

/* Serves with plugins loaded, and without the rights that clients' work does not need. */
static int start(const struct worker_options *options, struct plugins *plugins, struct error *error)
{
	struct confine_report rights = {0};
	int result = memory_limit_set(options->memory, error);
	if (!result)
		result = plugins_start(plugins, error);
	if (result)
		return result;
	/* Whatever might have to be opened is opened before any client sends anything. */
	bool ready = !mayfly_plugins_prepare() && !plugins->awaited;
	result = acceld_give_up_rights(ready ? ACCELD_WORKER : ACCELD_WORKER_WAITING,
				       options->socket_path, &rights, error);
	if (result) {
		plugins_stop(plugins);
		return result;
	}
	if (ready && mayfly_plugins_warm_up())
		log_warn("models are not loaded beforehand: %s", mayfly_op_reason());
	return 0;
}

static void delete_statistics(struct statistics **statistics)
{
	statistics_delete(*statistics);
}

/* Clients cause lines, each as many as it likes: so many are for all of them. */
#define LOG_LINES_PER_S 200
#define LOG_BURST	2000

int worker_run(const struct worker_options *options, const struct worker_handoff *handoff,
	       struct error *error)
{
	struct plugins plugins;
	log_set_rate(LOG_LINES_PER_S, LOG_BURST);
	cleanup(delete_statistics) struct statistics *statistics = statistics_new();
	const struct server_options server_options = {
	    .control = handoff->control,
	    .connections_max = options->connections_max,
	    .log = options->log,
	    .idle_ns = options->idle_ns,
	    .op_limit_ns = options->op_limit_ns,
	    .memory = options->resource_memory,
	    .zygote = handoff->zygote,
	    .tenants_max = options->tenants_max,
	    .plugins = &plugins,
	    .in_flight = handoff->in_flight,
	    .statistics = statistics,
	};
	if (!statistics)
		return error_set(error, ENOMEM, "no memory for statistics");
	struct server server;
	cleanup_close int signals =
	    signals_open(ending_signals, ARRAY_SIZE(ending_signals), 0, error);
	int result = signals < 0 ? signals : server_open(&server, &server_options, error);
	if (!result)
		statistics_make_key(statistics, options->socket_path);
	if (!result && (result = start(options, &plugins, error)))
		server_close(&server, 0);
	background_report(handoff->report, result ? error : NULL);
	if (result)
		return EXIT_FAILURE;
	log_info("serving at %s", options->socket_path);
	result = server_run(&server, signals, error);
	if (!server_close(&server, PATIENCE_NS)) {
		log_warn("ending in the middle of an op");
		/* Destructors would unload a plugin while a thread is in it. */
		_exit(result ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	plugins_stop(&plugins);
	in_flight_delete(handoff->in_flight);
	return result;
}
