/* Metrics for Prometheus; see metrics.h. */
#include "acceld/metrics/metrics.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accel_link/address.h"
#include "accel_statistics/host_statistics.h"
#include "acceld/common/rights.h"
#include "acceld/metrics/exposition.h"
#include "util/cleanup.h"
#include "util/log.h"

#define CONNECTIONS_MAX	     32
#define CONNECTION_TIMEOUT_S 30

#define RESTART_MS 1000

/* Each request may cause one. */
#define LOG_LINES_PER_S 1
#define LOG_BURST	20

struct metrics {
	const char *socket_path;
	int key;
};

/* ── listening ───────────────────────────────────────────────────────────────────────────────── */

/* A socket that nobody listens at was left by a host before. */
static int bind_unix(int fd, const struct sockaddr_un *address)
{
	const struct sockaddr *where = (const struct sockaddr *)address;
	struct stat status;
	if (!bind(fd, where, sizeof(*address)))
		return 0;
	cleanup_close int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (errno != EADDRINUSE || lstat(address->sun_path, &status) || !S_ISSOCK(status.st_mode) ||
	    !connect(probe, where, sizeof(*address)) || errno != ECONNREFUSED ||
	    unlink(address->sun_path))
		return EADDRINUSE;
	return bind(fd, where, sizeof(*address)) ? errno : 0;
}

static int listen_unix(const char *path, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, ENAMETOOLONG, "--metrics: path too long: %s", path);
	memcpy(address.sun_path, path, strlen(path));
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result = fd < 0 ? errno : bind_unix(fd, &address);
	if (!result && (chmod(path, 0600) || listen(fd, SOMAXCONN)))
		result = errno;
	if (result)
		return error_set_errno(error, result, "--metrics: cannot listen at %s", path);
	return take_fd(&fd);
}

static int listen_tcp(const struct address *where, struct error *error)
{
	static const int yes = 1;
	char port[16];
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found;
	snprintf(port, sizeof(port), "%u", where->port);
	int failure = getaddrinfo(*where->host ? where->host : NULL, port, &hints, &found);
	if (failure)
		return error_set(error, EINVAL, "--metrics: %s: %s", where->host,
				 gai_strerror(failure));
	cleanup_close int fd =
	    socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	int result = fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, SOMAXCONN)
			 ? errno
			 : 0;
	freeaddrinfo(found);
	if (result)
		return error_set_errno(error, result, "--metrics: cannot listen at %s port %s",
				       where->host, port);
	return take_fd(&fd);
}

int metrics_listen(const char *text, struct error *error)
{
	struct address address;
	int result = address_parse(text, &address, error);
	if (result)
		return error_wrap(error, "--metrics");
	if (address.kind == ADDRESS_UNIX && *address.host == '/')
		return listen_unix(address.host, error);
	if (address.kind == ADDRESS_TCP)
		return listen_tcp(&address, error);
	return error_set(error, EINVAL, "--metrics: unix:///path or tcp://host:port, not %s", text);
}

/* ── answering ───────────────────────────────────────────────────────────────────────────────── */

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
				   const char *type, char *text, size_t length,
				   enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(length, text, mode);
	if (!response)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	enum MHD_Result result = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned status, char *text)
{
	return answer_text(connection, status, "text/plain; charset=utf-8", text, strlen(text),
			   MHD_RESPMEM_PERSISTENT);
}

static char *write_metrics(const struct metrics *metrics, size_t *length)
{
	struct error error = {0};
	struct host_statistics statistics;
	char *text = NULL;
	FILE *out = open_memstream(&text, length);
	if (!out)
		return NULL;
	int result = host_statistics_read(metrics->socket_path, metrics->key, &statistics, &error);
	if (result)
		log_warn("metrics: %s", error.text);
	exposition_write(out, result ? NULL : &statistics);
	host_statistics_release(&statistics);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_size, void **state)
{
	(void)version;
	(void)upload;
	static char begun;
	if (!*state) { /* the head is read: the body, if there is one, comes first */
		*state = &begun;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET\n");
	if (strcmp(url, "/metrics") != 0)
		return refuse(connection, MHD_HTTP_NOT_FOUND, "/metrics is here\n");
	size_t length;
	char *text = write_metrics(context, &length);
	if (!text)
		return refuse(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
	return answer_text(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
			   text, length, MHD_RESPMEM_MUST_FREE);
}

/* ── the process ─────────────────────────────────────────────────────────────────────────────── */

/* Whoever started the host waits until nobody has its descriptor any more. */
static void close_others(int first, int second)
{
	unsigned low = (unsigned)(first < second ? first : second);
	unsigned high = (unsigned)(first < second ? second : first);
	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
}

static int open_process(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Serves until the parent ends, for which a signal could be asked, too; but that is forgotten when
 * rights are given up. */
static int serve(int listener, struct metrics *metrics, pid_t parent)
{
	struct error error = {0};
	struct confine_report rights = {0};
	prctl(PR_SET_NAME, "acceld-metrics");
	cleanup_close int alive = open_process(parent);
	if (alive < 0 || getppid() != parent)
		return EXIT_FAILURE;
	if (acceld_give_up_rights(ACCELD_METRICS, NULL, &rights, &error)) {
		log_error("metrics: %s", error.text);
		return EXIT_FAILURE;
	}
	struct MHD_Daemon *daemon = MHD_start_daemon(
	    MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL, answer, metrics, MHD_OPTION_LISTEN_SOCKET,
	    listener, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
	    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_TIMEOUT_S, MHD_OPTION_END);
	if (!daemon) {
		log_error("metrics: the HTTP server cannot be started");
		return EXIT_FAILURE;
	}
	struct pollfd event = {.fd = alive, .events = POLLIN};
	while (poll(&event, 1, -1) < 1)
		;
	MHD_stop_daemon(daemon);
	return EXIT_SUCCESS;
}

/* Waits for the server's end. False where the parent's comes first, or cannot be noticed. */
static bool await_end(pid_t server, int parent)
{
	int status;
	cleanup_close int child = open_process(server);
	struct pollfd events[] = {{.fd = child, .events = POLLIN},
				  {.fd = parent, .events = POLLIN}};
	while (child >= 0 && poll(events, 2, -1) < 1)
		;
	if (!events[0].revents || waitpid(server, &status, 0) != server)
		return false;
	log_error("metrics: the server ended with status %#x; another one starts", status);
	return true;
}

/* A server that strangers have brought down is started again: they talk to a child of this process, which
 * does nothing else, and whose end is the child's. */
static int keep(int listener, struct metrics *metrics, pid_t parent)
{
	const pid_t self = getpid();
	prctl(PR_SET_NAME, "acceld-keeper");
	log_set_rate(LOG_LINES_PER_S, LOG_BURST);
	close_others(listener, metrics->key);
	cleanup_close int alive = open_process(parent);
	if (alive < 0 || getppid() != parent)
		return EXIT_FAILURE;
	for (;;) {
		struct pollfd event = {.fd = alive, .events = POLLIN};
		pid_t pid = fork();
		if (!pid)
			_exit(serve(listener, metrics, self));
		if ((pid > 0 && !await_end(pid, alive)) || poll(&event, 1, RESTART_MS))
			return EXIT_SUCCESS;
	}
}

int metrics_start(int listener, const char *socket_path, struct error *error)
{
	struct metrics metrics = {.socket_path = socket_path};
	metrics.key = host_statistics_open_key(socket_path, true, error);
	if (metrics.key < 0)
		return metrics.key;
	pid_t parent = getpid(), pid = fork();
	if (!pid) {
		/* The default ends it, also by what a supervisor waits for. */
		signal(SIGTERM, SIG_DFL);
		signal(SIGCHLD, SIG_DFL);
		_exit(keep(listener, &metrics, parent));
	}
	int result = pid < 0 ? error_set_errno(error, errno, "cannot fork for metrics") : 0;
	close(metrics.key);
	close(listener);
	return result;
}
