/* mayfly-acceld: the process that owns plugins, models and devices, and runs ops for others. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "launch.h"
#include "memory_limit.h"
#include "plugins.h"
#include "server.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/paths.h"

#define CONNECTIONS_DEFAULT	    2048
#define CONNECTIONS_MAX		    65536
#define IDLE_DEFAULT_S		    60
#define OP_LIMIT_DEFAULT_S	    60
#define RESOURCE_MEMORY_DEFAULT_MIB 2048
#define MEMORY_MAX_MIB		    (1UL << 24)
#define SECONDS_MAX		    (365UL * 24 * 3600)

/* How long ops that are under way may go on after SIGTERM. */
#define PATIENCE_NS (5 * NANOSECONDS_PER_SECOND)

struct acceld_options {
	bool foreground, help;
	const char *socket_path; /* NULL: in the run-time directory */
	unsigned long connections, idle_s, op_limit_s, resource_memory_mib;
	unsigned long memory_mib; /* 0: the default */
	unsigned long ready_fd;	  /* 0: nobody waits */
};

static const char help_text[] =
    "usage: mayfly-acceld [OPTION]…\n"
    "\n"
    "The accelerator host: runs accelerated work for this user's functions. It is started on\n"
    "demand; without --foreground it starts in the background and returns when it serves.\n"
    "\n"
    "  --foreground       serve in this process\n"
    "  --socket=PATH      listen there instead of acceld.sock in the run-time directory\n"
    "  --connections=N    serve at most N windows at once (default 2048)\n"
    "  --idle=SECONDS     end after so long without a connection (default 60; 0: never)\n"
    "  --op-limit=SECONDS no op may take longer (default 60)\n"
    "  --memory=MIB       this process may take so much memory (default: three quarters of the\n"
    "                     machine's); ops that want more fail\n"
    "  --resource-memory=MIB\n"
    "                     models and other data that clients send may take so much memory, all\n"
    "                     connections together (default 2048)\n"
    "  --ready-fd=FD      write a newline to FD when serving, or why not\n"
    "  --help             this text\n"
    "\n"
    "VACCEL_PLUGINS names the plugins (default: onnx, then noop). MAYFLY_LOG is the level of\n"
    "the log: error, warn, info or debug. In the background the log is acceld.log in the\n"
    "run-time directory ($XDG_RUNTIME_DIR/mayfly).\n";

static int parse_number(const char *option, const char *text, unsigned long minimum,
			unsigned long maximum, unsigned long *number, struct error *error)
{
	char *end;
	errno = 0;
	*number = strtoul(text, &end, 10);
	if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || *number < minimum ||
	    *number > maximum)
		return error_set(error, EINVAL, "--%s=%s: give a number from %lu to %lu", option,
				 text, minimum, maximum);
	return 0;
}

static int parse_options(int count, char *words[], struct acceld_options *options,
			 struct error *error)
{
	enum {
		FOREGROUND,
		SOCKET,
		CONNECTIONS,
		IDLE,
		OP_LIMIT,
		MEMORY,
		RESOURCE_MEMORY,
		READY_FD,
		HELP
	};
	static const struct option known[] = {
	    {"foreground", no_argument, NULL, FOREGROUND},
	    {"socket", required_argument, NULL, SOCKET},
	    {"connections", required_argument, NULL, CONNECTIONS},
	    {"idle", required_argument, NULL, IDLE},
	    {"op-limit", required_argument, NULL, OP_LIMIT},
	    {"memory", required_argument, NULL, MEMORY},
	    {"resource-memory", required_argument, NULL, RESOURCE_MEMORY},
	    {"ready-fd", required_argument, NULL, READY_FD},
	    {"help", no_argument, NULL, HELP},
	    {0},
	};
	*options = (struct acceld_options){
	    .connections = CONNECTIONS_DEFAULT,
	    .idle_s = IDLE_DEFAULT_S,
	    .op_limit_s = OP_LIMIT_DEFAULT_S,
	    .resource_memory_mib = RESOURCE_MEMORY_DEFAULT_MIB,
	};
	int option, result = 0;
	opterr = 0;
	while (!result && (option = getopt_long(count, words, "", known, NULL)) != -1) {
		switch (option) {
		case FOREGROUND:
			options->foreground = true;
			break;
		case SOCKET:
			options->socket_path = optarg;
			break;
		case CONNECTIONS:
			result = parse_number("connections", optarg, 1, CONNECTIONS_MAX,
					      &options->connections, error);
			break;
		case IDLE:
			result =
			    parse_number("idle", optarg, 0, SECONDS_MAX, &options->idle_s, error);
			break;
		case OP_LIMIT:
			result = parse_number("op-limit", optarg, 1, SECONDS_MAX,
					      &options->op_limit_s, error);
			break;
		case RESOURCE_MEMORY:
			result = parse_number("resource-memory", optarg, 1, MEMORY_MAX_MIB,
					      &options->resource_memory_mib, error);
			break;
		case MEMORY:
			result = parse_number("memory", optarg, 64, MEMORY_MAX_MIB,
					      &options->memory_mib, error);
			break;
		case READY_FD:
			result =
			    parse_number("ready-fd", optarg, 3, INT_MAX, &options->ready_fd, error);
			break;
		case HELP:
			options->help = true;
			break;
		default:
			result = error_set(error, EINVAL,
					   "%s: unknown option, or its value is missing; "
					   "see --help",
					   words[optind - 1]);
		}
	}
	if (!result && optind < count)
		result = error_set(error, EINVAL, "%s: no arguments are taken; see --help",
				   words[optind]);
	return result;
}

/* Signals are read from a descriptor; every later thread inherits the mask. */
static int open_signals(struct error *error)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	if (pthread_sigmask(SIG_BLOCK, &signals, NULL))
		return error_set(error, EINVAL, "cannot block signals");
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &signals, SFD_CLOEXEC);
	return fd >= 0 ? fd : error_set_errno(error, errno, "cannot make a signalfd");
}

/* Tells the launcher how the start went. That another host serves already is as good. */
static void report_start(const struct acceld_options *options, int result,
			 const struct error *error)
{
	launch_report(options->ready_fd ? (int)options->ready_fd : -1,
		      result && result != -EADDRINUSE ? error : NULL);
}

/* Returns the exit status, or a negative errno. */
static int serve(const struct acceld_options *options, const char *socket_path, struct error *error)
{
	struct plugins plugins;
	struct server_options server_options = {
	    .socket_path = socket_path,
	    .connections_max = (unsigned)options->connections,
	    .idle_ns = options->idle_s * NANOSECONDS_PER_SECOND,
	    .op_limit_ns = options->op_limit_s * NANOSECONDS_PER_SECOND,
	    .memory = (uint64_t)options->resource_memory_mib << 20,
	    .plugins = &plugins,
	};
	struct server server;
	uint64_t memory =
	    options->memory_mib ? (uint64_t)options->memory_mib << 20 : memory_limit_default();
	cleanup_close int signals = open_signals(error);
	int result = signals < 0 ? signals : memory_limit_set(memory, error);
	if (!result)
		result = server_open(&server, &server_options, error);
	if (result) {
		report_start(options, result, error);
		/* Not worth a line in the log of the one that was faster. */
		return result == -EADDRINUSE && options->ready_fd ? 0 : result;
	}
	result = plugins_start(&plugins, error);
	report_start(options, result, error);
	if (result) {
		server_close(&server, 0);
		return result;
	}
	log_info("serving at %s", socket_path);
	result = server_run(&server, signals, error);
	if (!server_close(&server, PATIENCE_NS)) {
		log_warn("ending in the middle of an op");
		/* Destructors would take plugins away from under the thread that is in one. */
		_exit(result ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	plugins_stop(&plugins);
	return result;
}

static int launch(char *const words[], struct error *error)
{
	char log_path[PATH_MAX];
	int result = paths_runtime(log_path, sizeof(log_path), "acceld.log", error);
	/* The host starts libvaccel itself, once it has the socket. */
	if (!result && setenv("VACCEL_BOOTSTRAP_ENABLED", "0", 1))
		result = error_set_errno(error, errno, "cannot set the environment");
	return result ? result : launch_detached(words + 1, log_path, error);
}

static int run(int count, char *words[], struct error *error)
{
	struct acceld_options options;
	char socket_path[PATH_MAX];
	int result = parse_options(count, words, &options, error);
	if (result)
		return result;
	if (options.help)
		return fputs(help_text, stdout) < 0 ? error_set(error, EIO, "cannot write") : 0;
	if (!options.foreground)
		return launch(words, error);
	if (options.socket_path)
		return serve(&options, options.socket_path, error);
	result = paths_runtime(socket_path, sizeof(socket_path), "acceld.sock", error);
	return result ? result : serve(&options, socket_path, error);
}

int main(int count, char *words[])
{
	struct error error = {0};
	log_setup("mayfly-acceld", log_level_from_environment(LOG_WARN));
	if (!run(count, words, &error))
		return EXIT_SUCCESS;
	log_error("%s", error.text);
	return EXIT_FAILURE;
}
