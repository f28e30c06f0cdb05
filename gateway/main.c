/* mayflyd, the gateway: its options, and what must be there before it serves. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "beacon/beacon.h"
#include "courier/courier.h"
#include "gateway.h"
#include "link/url.h"
#include "listen.h"
#include "options/option_help.h"
#include "options/options.h"
#include "password.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"
#include "util/paths.h"

#define PEM_MAX		(1UL << 20)
#define CONNECTIONS_MAX 1000000
#define SIZE_MAX_GIVEN	(1UL << 40)
#define RESERVE_MAX	(1UL << 60)

struct options {
	bool help, no_auth;
	const char *state, *listen, *listen_metrics, *user, *password_file, *certificate, *key;
	const char *access_log, *credentials, *images_below, *server_name;
	const char *otlp;
	bool callbacks_loopback;
	uint64_t image_limit, setup_timeout_ns;
	uint64_t disk_reserve, body_limit, response_limit, memory, connections, connections_each;
	uint64_t ready_fd; /* 0: nobody waits */
};

static const struct options defaults = {
    .listen = "127.0.0.1:8080",
    .user = "admin",
    .server_name = "mayfly",
    .body_limit = 256UL << 20,
    .response_limit = 256UL << 20,
    .memory = 2UL << 30,
    .image_limit = 8UL << 30,
    .setup_timeout_ns = 30000000000,
    .connections = 16384,
    .connections_each = 16384,
};

#define OPTION(member) offsetof(struct options, member)

static const struct option_spec table[] = {
    {"state", 0, OPTION_STRING, OPTION(state), "DIR",
     "where functions, secrets and images are kept; $XDG_STATE_HOME/mayfly where it is not given",
     .takes_file = true},
    {"listen", 0, OPTION_STRING, OPTION(listen), "ADDRESS:PORT", "serve there; port 0: any"},
    {"metrics-listen", 0, OPTION_STRING, OPTION(listen_metrics), "ADDRESS:PORT",
     "serve /metrics there to everybody, too"},
    {"user", 0, OPTION_STRING, OPTION(user), "NAME", "who may deploy"},
    {"password-file", 0, OPTION_STRING, OPTION(password_file), "FILE",
     "by which password; made in the state directory where it is not given", .takes_file = true},
    {"no-auth", 0, OPTION_FLAG, OPTION(no_auth), NULL, "everybody who can connect may deploy"},
    {"tls-cert", 0, OPTION_STRING, OPTION(certificate), "FILE", "serve by TLS: the certificates",
     .takes_file = true},
    {"tls-key", 0, OPTION_STRING, OPTION(key), "FILE", "and their key", .takes_file = true},
    {"access-log", 0, OPTION_STRING, OPTION(access_log), "FILE",
     "append a line for each request; - is standard output", .takes_file = true},
    {"registry-auth", 0, OPTION_STRING, OPTION(credentials), "FILE",
     "credentials for registries (containers-auth.json)", .takes_file = true},
    {"images-below", 0, OPTION_STRING, OPTION(images_below), "DIR",
     "deploy files of this machine from below DIR only; everywhere where it is not given",
     .takes_file = true},
    {"image-limit", 0, OPTION_SIZE, OPTION(image_limit), "SIZE", "larger images are refused",
     .minimum = 1 << 20, .maximum = SIZE_MAX_GIVEN},
    {"setup-timeout", 0, OPTION_DURATION, OPTION(setup_timeout_ns), "TIME",
     "how long a program may take until it waits for a request", .minimum = 1000000,
     .maximum = 86400000000000},
    {"server-name", 0, OPTION_STRING, OPTION(server_name), "NAME", "what X-Served-By says"},
    {"body-limit", 0, OPTION_SIZE, OPTION(body_limit), "SIZE", "longer requests are refused",
     .minimum = 1, .maximum = SIZE_MAX_GIVEN},
    {"response-limit", 0, OPTION_SIZE, OPTION(response_limit), "SIZE",
     "longer responses are cut off", .minimum = 1, .maximum = SIZE_MAX_GIVEN},
    {"memory", 0, OPTION_SIZE, OPTION(memory), "SIZE",
     "what requests on their way may take together, and so their responses", .minimum = 64UL << 20,
     .maximum = SIZE_MAX_GIVEN},
    {"disk-reserve", 0, OPTION_SIZE, OPTION(disk_reserve), "SIZE",
     "refuse asynchronous calls that would leave less of the state's disk free; 0: a twentieth of "
     "it, "
     "at most 1G",
     .maximum = RESERVE_MAX},
    {"connections", 0, OPTION_COUNT, OPTION(connections), "COUNT", "serve so many at a time",
     .minimum = 1, .maximum = CONNECTIONS_MAX},
    {"connections-each", 0, OPTION_COUNT, OPTION(connections_each), "COUNT",
     "of one address so many", .minimum = 1, .maximum = CONNECTIONS_MAX},
    {"ready-fd", 0, OPTION_COUNT, OPTION(ready_fd), "FD",
     "write a line with the address to this descriptor when serving", .minimum = 3,
     .maximum = INT_MAX},
    {"otlp-endpoint", 0, OPTION_STRING, OPTION(otlp), "URL",
     "post spans there, as OTLP over HTTP; $OTEL_EXPORTER_OTLP_ENDPOINT/v1/traces where it is not "
     "given"},
    {"callbacks-loopback", 0, OPTION_FLAG, OPTION(callbacks_loopback), NULL,
     "callbacks may lead to this machine"},
    {"help", 'h', OPTION_FLAG, OPTION(help), NULL, "print this"},
};

/* ── what it serves with ─────────────────────────────────────────────────────────────────────── */

struct gateway {
	struct supervisor_settings settings;
	struct listening listening, metrics;
	char state[PATH_MAX], password_file[PATH_MAX], otlp[URL_MAX + 1];
	uint8_t *certificate, *key;
	bool access_log_is_own;
	struct beacon beacon;
	const struct options *options;
};

static int read_password(struct gateway *gateway, struct error *error)
{
	const struct options *options = gateway->options;
	if (options->no_auth)
		return 0;
	const bool given = options->password_file;
	int length =
	    given ? snprintf(gateway->password_file, PATH_MAX, "%s", options->password_file)
		  : snprintf(gateway->password_file, PATH_MAX, "%s/password", gateway->state);
	if (length >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "--password-file: the path is too long");
	return password_read(gateway->password_file, !given, &gateway->settings.password, error);
}

static int read_tls(struct gateway *gateway, struct error *error)
{
	const struct options *options = gateway->options;
	size_t length;
	if (!options->certificate && !options->key)
		return 0;
	if (!options->certificate || !options->key)
		return error_set(error, EINVAL, "--tls-cert and --tls-key belong together");
	int result =
	    file_read(options->certificate, PEM_MAX, &gateway->certificate, &length, error);
	if (!result)
		result = file_read(options->key, PEM_MAX, &gateway->key, &length, error);
	gateway->settings.certificate = (const char *)gateway->certificate;
	gateway->settings.key = (const char *)gateway->key;
	return result;
}

static int open_access_log(struct gateway *gateway, struct error *error)
{
	const char *path = gateway->options->access_log;
	gateway->settings.access_log = -1;
	if (!path)
		return 0;
	if (!strcmp(path, "-")) {
		gateway->settings.access_log = STDOUT_FILENO;
		return 0;
	}
	gateway->settings.access_log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (gateway->settings.access_log < 0)
		return error_set_errno(error, errno, "--access-log: cannot open %s", path);
	gateway->access_log_is_own = true;
	return 0;
}

static int open_listening(struct gateway *gateway, struct error *error)
{
	const struct options *options = gateway->options;
	int result = listen_open(&gateway->listening, options->listen, "listen", error);
	if (!result && options->listen_metrics)
		result = listen_open(&gateway->metrics, options->listen_metrics, "metrics-listen",
				     error);
	gateway->settings.listen = gateway->listening.socket;
	gateway->settings.listen_metrics = gateway->metrics.socket;
	return result;
}

/* OpenTelemetry's own variable names what the path of the signal is appended to. */
static int find_otlp(struct gateway *gateway, struct error *error)
{
	const char *base = getenv("OTEL_EXPORTER_OTLP_ENDPOINT");
	if (gateway->options->otlp)
		snprintf(gateway->otlp, sizeof(gateway->otlp), "%s", gateway->options->otlp);
	else if (base && *base)
		snprintf(gateway->otlp, sizeof(gateway->otlp), "%s%sv1/traces", base,
			 base[strlen(base) - 1] == '/' ? "" : "/");
	else
		return 0;
	gateway->settings.otlp = gateway->otlp;
	int result = url_check(gateway->otlp, error);
	return result ? error_wrap(error, "--otlp-endpoint") : 0;
}

static int prepare(struct gateway *gateway, struct error *error)
{
	const struct options *options = gateway->options;
	gateway->settings = (struct supervisor_settings){
	    .state = gateway->state,
	    .user = options->user,
	    .body_limit = options->body_limit,
	    .response_limit = options->response_limit,
	    .disk_reserve = options->disk_reserve,
	    .arena = options->memory,
	    .connections = options->connections,
	    .connections_each = options->connections_each,
	    .server_name = options->server_name,
	    .callbacks_reach = options->callbacks_loopback ? COURIER_REACH_LOOPBACK : 0U,
	    .images.credentials = options->credentials,
	    .images.paths_below = options->images_below,
	    .images.size_limit = options->image_limit,
	    .images.setup_timeout_ns = options->setup_timeout_ns,
	    .listen = -1,
	    .listen_metrics = -1,
	    .access_log = -1,
	};
	int result = paths_state(gateway->state, options->state, error);
	if (!result)
		result = read_password(gateway, error);
	if (!result)
		result = read_tls(gateway, error);
	if (!result)
		result = open_access_log(gateway, error);
	if (!result)
		result = find_otlp(gateway, error);
	if (!result)
		result = open_listening(gateway, error);
	return result;
}

static void release(struct gateway *gateway)
{
	beacon_put_out(&gateway->beacon);
	if (gateway->settings.password)
		explicit_bzero(gateway->settings.password, strlen(gateway->settings.password));
	free(gateway->settings.password);
	free(gateway->certificate);
	free(gateway->key);
	if (gateway->listening.socket >= 0)
		close(gateway->listening.socket);
	if (gateway->metrics.socket >= 0)
		close(gateway->metrics.socket);
	if (gateway->access_log_is_own)
		close(gateway->settings.access_log);
}

/* Tells whoever waits, and leaves word for commands. */
static void tell_ready(void *context)
{
	struct gateway *gateway = context;
	const struct options *options = gateway->options;
	const bool is_v6 = strchr(gateway->listening.address, ':');
	const struct beacon_text text = {
	    .address = gateway->listening.address,
	    .port = gateway->listening.port,
	    .secure = gateway->certificate,
	    .state = gateway->state,
	    .user = options->no_auth ? NULL : options->user,
	    .password_file = options->no_auth ? NULL : gateway->password_file,
	};
	struct error error;
	if (beacon_light(&gateway->beacon, &text, &error))
		log_warn("commands will not find this gateway by themselves: %s", error.text);
	const int out = options->ready_fd ? (int)options->ready_fd : STDOUT_FILENO;
	dprintf(out, "serving at %s://%s%s%s:%u\n", gateway->certificate ? "https" : "http",
		is_v6 ? "[" : "", gateway->listening.address, is_v6 ? "]" : "",
		gateway->listening.port);
	if (options->ready_fd)
		close(out);
}

static int print_help(struct error *error)
{
	puts("usage: mayflyd [OPTIONS]\n\nThe gateway: serves functions over HTTP.\n");
	help_print_options(stdout, table, sizeof(table) / sizeof(table[0]), &defaults);
	return fflush(stdout) ? error_set_errno(error, errno, "cannot write") : 0;
}

static int run(int argc, char **argv, struct error *error)
{
	struct options options = defaults;
	const struct option_set set = {table, sizeof(table) / sizeof(table[0]), &options};
	int result = options_parse_alone(&set, argc - 1, argv + 1, error);
	if (result)
		return result;
	if (options.help)
		return print_help(error);
	struct gateway *gateway = calloc(1, sizeof(*gateway));
	if (!gateway)
		return error_set(error, ENOMEM, "no memory");
	gateway->options = &options;
	gateway->beacon = BEACON_NONE;
	gateway->listening.socket = gateway->metrics.socket = -1;
	umask(077);
	result = prepare(gateway, error);
	if (!result)
		result = gateway_run(&gateway->settings, tell_ready, gateway, error);
	release(gateway);
	free(gateway);
	return result;
}

int main(int argc, char **argv)
{
	struct error error = {0};
	log_setup_from_environment("mayflyd", LOG_INFO);
	if (!run(argc, argv, &error))
		return EXIT_SUCCESS;
	log_error("%s", error.text);
	return EXIT_FAILURE;
}
