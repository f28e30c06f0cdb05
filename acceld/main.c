/* mayfly-acceld, the accelerator host: its options, and what it is to be: the one that starts a
 * host in the background, a supervisor, a worker, or a zygote. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accel/library/bootstrap.h"
#include "accel/plugins/plugin.h"
#include "acceld/common/background.h"
#include "acceld/common/log_json.h"
#include "acceld/common/memory_limit.h"
#include "acceld/common/plugins.h"
#include "acceld/config/config.h"
#include "acceld/metrics/metrics.h"
#include "acceld/relay/relay.h"
#include "acceld/supervisor/supervisor.h"
#include "acceld/tenants/zygote.h"
#include "acceld/worker/worker.h"
#include "options/option_help.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors.h"
#include "util/hash.h"
#include "util/host_settings.h"
#include "util/log.h"
#include "util/paths.h"

/* A worker and a zygote start libvaccel when they have their handoffs; no other process here has
 * plugins in it. */
const char mayfly_bootstraps_itself = 1;

#define CONNECTIONS_MAX	   65536
#define TENANT_WORKERS_MAX 1024
#define MEMORY_MIN	   (64UL << 20)
#define MEMORY_MAX	   (1UL << 44)
#define TIME_MAX	   (365UL * 24 * 3600 * NANOSECONDS_PER_SECOND)

struct acceld_options {
	bool foreground, help;
	const char *socket_path; /* NULL: in the run-time directory */
	const char *config;	 /* NULL: none */
	int log_format;		 /* of log_formats */
	const char *metrics;	 /* NULL: none */
	bool check;
	struct option_list sandboxes;
	uint64_t connections, idle_ns, op_limit_ns, resource_memory;
	uint64_t memory;			/* 0: the default */
	uint64_t tenant_workers, tenant_memory; /* memory 0: the default */
	uint64_t ready_fd;			/* 0: nobody waits */
};

static const char *const log_formats[] = {"text", "json", NULL};

static const struct acceld_options acceld_defaults = {
    .connections = 4096,
    .idle_ns = 60 * NANOSECONDS_PER_SECOND,
    .op_limit_ns = 60 * NANOSECONDS_PER_SECOND,
    .resource_memory = 2UL << 30,
    .tenant_workers = 8,
};

static const struct option_spec acceld_options[] = {
    {"foreground", 0, OPTION_FLAG, offsetof(struct acceld_options, foreground), NULL,
     "serve in this process"},
    {"socket", 0, OPTION_STRING, offsetof(struct acceld_options, socket_path), "PATH",
     "listen there, and not at the socket in the run-time directory that clients look for",
     .takes_file = true},
    {"config", 0, OPTION_STRING, offsetof(struct acceld_options, config), "FILE",
     "serve the tenants of this file, too, and stay; SIGHUP reads it again", .takes_file = true},
    {"vsock-dir", 0, OPTION_LIST, offsetof(struct acceld_options, sandboxes), "DIRECTORY",
     "serve every sandbox whose hybrid vsock is in a directory below this one, as a tenant",
     .takes_file = true},
    {"log-format", 0, OPTION_CHOICE, offsetof(struct acceld_options, log_format), "FORMAT",
     "lines of the log as text, or as JSON with the tenant, op and session that they are about",
     .choices = log_formats},
    {"metrics", 0, OPTION_STRING, offsetof(struct acceld_options, metrics), "ADDRESS",
     "answer GET /metrics there, for Prometheus: unix:///path or tcp://127.0.0.1:9090"},
    {"check", 0, OPTION_FLAG, offsetof(struct acceld_options, check), NULL,
     "only say whether the file of --config is good"},
    {"connections", 0, OPTION_COUNT, offsetof(struct acceld_options, connections), "COUNT",
     "serve at most so many windows at once", .minimum = 1, .maximum = CONNECTIONS_MAX},
    {"idle", 0, OPTION_DURATION, offsetof(struct acceld_options, idle_ns), "TIME",
     "end after so long without a connection; 0: never", .maximum = TIME_MAX},
    {"op-limit", 0, OPTION_DURATION, offsetof(struct acceld_options, op_limit_ns), "TIME",
     "no op may take longer", .minimum = 1000000, .maximum = TIME_MAX},
    {"memory", 0, OPTION_SIZE, offsetof(struct acceld_options, memory), "SIZE",
     "what this process may take, without windows; ops that want more fail; three quarters of "
     "the machine's where it is not given",
     .minimum = MEMORY_MIN, .maximum = MEMORY_MAX},
    {"resource-memory", 0, OPTION_SIZE, offsetof(struct acceld_options, resource_memory), "SIZE",
     "what models and other data that clients send may take, all connections together",
     .minimum = 1UL << 20, .maximum = MEMORY_MAX},
    {"tenant-workers", 0, OPTION_COUNT, offsetof(struct acceld_options, tenant_workers), "COUNT",
     "run models that clients send in at most so many processes at once, one for each client",
     .minimum = 1, .maximum = TENANT_WORKERS_MAX},
    {"tenant-memory", 0, OPTION_SIZE, offsetof(struct acceld_options, tenant_memory), "SIZE",
     "what each of them may take; a quarter of --memory where it is not given",
     .minimum = MEMORY_MIN, .maximum = MEMORY_MAX},
    {"ready-fd", 0, OPTION_COUNT, offsetof(struct acceld_options, ready_fd), "FD",
     "write a newline to this descriptor when serving, or why not", .minimum = 3,
     .maximum = INT_MAX},
    {"help", 'h', OPTION_FLAG, offsetof(struct acceld_options, help), NULL,
     "show this help and do nothing else"},
};

#define OPTION_TABLE_SIZE ARRAY_SIZE(acceld_options)

static int print_help(struct error *error)
{
	puts("Usage: mayfly-acceld [OPTION...]\n");
	help_print_wrapped(
	    stdout,
	    "The accelerator host: runs accelerated work for this user's functions. It "
	    "is started on demand; without --foreground it starts in the background and "
	    "returns when it serves.",
	    0, 0);
	puts("");
	help_print_options(stdout, acceld_options, OPTION_TABLE_SIZE, &acceld_defaults);
	puts("");
	help_print_wrapped(
	    stdout,
	    "VACCEL_PLUGINS names the plugins (default: onnx, then noop). MAYFLY_LOG is "
	    "the level of the log: error, warn, info or debug. Without such settings the socket is "
	    "acceld.sock in the run-time directory ($XDG_RUNTIME_DIR/mayfly), and in the "
	    "background the log is acceld.log; with them both have another name, which commands "
	    "with the same settings find. mayfly acceld status lists the hosts that run.",
	    0, 0);
	return fflush(stdout) ? error_set_errno(error, errno, "cannot write") : 0;
}

static int parse_options(int count, char *words[], struct acceld_options *options,
			 struct error *error)
{
	*options = acceld_defaults;
	const struct option_set set = {acceld_options, OPTION_TABLE_SIZE, options};
	return options_parse_alone(&set, count - 1, words + 1, error);
}

/* The settings and options that are not the defaults, a line for each. The caller frees *text. */
static int describe(const struct acceld_options *options, char **text, struct error *error)
{
	cleanup_free char *settings = NULL;
	size_t length = 0;
	int result = host_settings_describe(&settings, error);
	if (result)
		return result;
	FILE *out = open_memstream(text, &length);
	if (!out)
		return error_set(error, ENOMEM, "no memory for the list of settings");
	fputs(settings, out);
	for (size_t i = 0; i < OPTION_TABLE_SIZE; i++) {
		const struct option_spec *spec = &acceld_options[i];
		char value[PATH_MAX], usual[PATH_MAX];
		options_format_value(spec, options, value, sizeof(value));
		options_format_value(spec, &acceld_defaults, usual, sizeof(usual));
		if (spec->offset != offsetof(struct acceld_options, ready_fd) &&
		    strcmp(value, usual) != 0)
			fprintf(out, "--%s=%s\n", spec->name, value);
	}
	return fclose(out) ? error_set(error, ENOMEM, "no memory for the list of settings") : 0;
}

/* In a process of its own. Returns the exit status, or a negative errno. */
static int keep_models(struct error *error)
{
	struct plugins plugins;
	int result = plugins_start(&plugins, error);
	if (result)
		return result;
	result = mayfly_plugins_keep_models();
	plugins_stop(&plugins);
	return result ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int start_metrics(const struct acceld_options *options, const char *socket_path,
			 struct error *error)
{
	int listener = metrics_listen(options->metrics, error);
	return listener < 0 ? listener : metrics_start(listener, socket_path, error);
}

/* Returns the exit status, or a negative errno. */
static int serve(const struct acceld_options *options, const char *socket_path, struct error *error)
{
	cleanup_free char *description = NULL;
	char config[PATH_MAX];
	int result = describe(options, &description, error);
	if (result)
		return result;
	/* It is read again, maybe long after whoever started this has gone elsewhere. */
	if (options->config && !realpath(options->config, config))
		return error_set_errno(error, errno, "cannot read %s", options->config);
	const struct tenancy_options tenancy = {
	    .config = options->config ? config : NULL,
	    .sandboxes = options->sandboxes.values,
	    .sandboxes_count = options->sandboxes.count,
	};
	const struct supervisor_options supervisor = {
	    .socket_path = socket_path,
	    .tenancy = tenancy,
	    .description = description,
	    .ready_fd = options->ready_fd ? (int)options->ready_fd : -1,
	};
	if (options->metrics && (result = start_metrics(options, socket_path, error)))
		return result;
	struct worker_handoff handoff = {0};
	uint64_t memory = options->memory ? options->memory : memory_limit_default();
	result = supervisor_run(&supervisor, &handoff, error);
	if (result == SUPERVISOR_FORKED_ZYGOTE) {
		const struct zygote_options zygote = {
		    .workers_max = (unsigned)options->tenant_workers,
		    .memory = options->tenant_memory ? options->tenant_memory : memory / 4,
		};
		return zygote_run(&zygote, handoff.zygote, error);
	}
	if (result == SUPERVISOR_FORKED_OPTIMIZER)
		return keep_models(error);
	if (result == SUPERVISOR_FORKED_RELAY)
		return relay_run(&handoff.relay, error);
	if (result == SUPERVISOR_FORKED_WORKER) {
		const struct worker_options worker = {
		    .socket_path = socket_path,
		    .connections_max = (unsigned)options->connections,
		    .log = options->ready_fd ? STDERR_FILENO : -1,
		    .idle_ns = tenancy_is_wanted(&tenancy) ? 0 : options->idle_ns,
		    .op_limit_ns = options->op_limit_ns,
		    .memory = memory,
		    .tenants_max = (unsigned)options->tenant_workers,
		    .resource_memory = options->resource_memory,
		};
		return worker_run(&worker, &handoff, error);
	}
	/* Another host was faster: that is not worth a line in its log. */
	return result == -EADDRINUSE && options->ready_fd ? EXIT_SUCCESS : result;
}

/* A host with a socket of its own choice is not found by settings; its log has the usual name. */
static int launch(const struct acceld_options *options, char *const words[], struct error *error)
{
	char log_path[PATH_MAX];
	int result = options->socket_path
			 ? paths_runtime(log_path, sizeof(log_path), "acceld.log", error)
			 : host_settings_path(log_path, sizeof(log_path), ".log", error);
	return result ? result : background_start(words + 1, log_path, error);
}

/* Returns the exit status, or a negative errno. */
static int check_config(const struct acceld_options *options, struct error *error)
{
	struct config config;
	if (!options->config)
		return error_set(error, EINVAL, "--check needs --config");
	int result = config_read(options->config, &config, error);
	if (result)
		return result;
	printf("%s is good: %zu tenants, %zu directories of sandboxes\n", options->config,
	       config.tenant_count, config.sandboxes_count);
	config_release(&config);
	return EXIT_SUCCESS;
}

/* Returns the exit status, or a negative errno. */
static int run(int count, char *words[], struct error *error)
{
	struct acceld_options options;
	char socket_path[PATH_MAX];
	int result = parse_options(count, words, &options, error);
	if (result)
		return result;
	if (options.help)
		return print_help(error);
	if (options.check)
		return check_config(&options, error);
	if (!options.foreground)
		return launch(&options, words, error);
	/* Not in the launcher, of which clients read one line. */
	log_setup_from_environment("mayfly-acceld", LOG_WARN);
	if (options.log_format)
		log_json_start("mayfly-acceld");
	/* A log that nobody reads must not block the host. Engines write there, too. */
	log_set_patience(0);
	descriptors_unblock(STDERR_FILENO);
	if (options.socket_path)
		return serve(&options, options.socket_path, error);
	result = host_settings_path(socket_path, sizeof(socket_path), ".sock", error);
	return result ? result : serve(&options, socket_path, error);
}

int main(int count, char *words[])
{
	struct error error = {0};
	log_setup("mayfly-acceld", LOG_WARN);
	host_settings_forget_addresses();
	/* Models are hashed by processes that have no right to load anything. */
	int result = hash_prepare(&error);
	if (!result)
		result = run(count, words, &error);
	if (result >= 0)
		return result;
	log_error("%s", error.text);
	return EXIT_FAILURE;
}
