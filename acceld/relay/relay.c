/* A relay; see relay.h. */
#include "acceld/relay/relay.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "acceld/common/handover.h"
#include "acceld/common/memory_limit.h"
#include "acceld/common/rights.h"
#include "acceld/common/signals.h"
#include "acceld/config/config.h"
#include "acceld/relay/host.h"
#include "acceld/relay/native.h"
#include "acceld/relay/rpc/rpc.h"
#include "acceld/relay/stream.h"
#include "acceld/relay/tls.h"
#include "mayfly/wire.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors.h"
#include "util/descriptors_pass.h"
#include "util/file.h"
#include "util/lock.h"
#include "util/log.h"

#define REQUESTS_MAX	  64 /* of one client that speaks vAccel's protocol, at once */
#define THREAD_STACK_SIZE (512UL << 10)
#define ACCEPT_PAUSE_NS	  (50 * 1000000L)
#define HANDOVER_LIMIT_NS (30 * NANOSECONDS_PER_SECOND)
#define PEEK_PAUSE_NS	  (2 * 1000000L)

/* Clients cause its lines, each as many as it likes. */
#define LOG_LINES_PER_S 10
#define LOG_BURST	100

/* Beside messages: stacks, and what libraries take for each client. */
#define MEMORY_OF_CLIENT (THREAD_STACK_SIZE + (256UL << 10))
#define MEMORY_OF_RELAY	 (64UL << 20)

struct relay {
	const struct tenant_config *config;
	int listener;
	struct relay_host host;
	struct tls *tls; /* NULL: none */
	struct native_limits native;
	struct rpc_limits rpc;

	struct budget memory;
	int signals, left;    /* left: eventfd, a client has gone */
	pthread_mutex_t lock; /* of what follows */
	struct client *clients;
	unsigned client_count;
};

struct client {
	struct relay *relay;
	int socket;	   /* its stream closes it; -1 once that may be */
	uint64_t since_ns; /* CLOCK_MONOTONIC: when it came */
	bool stranger;	   /* it has not said yet, or not shown, who it is */
	struct client *next;
};

/* Strangers that take all places have to leave after so long, where others wait. */
#define STRANGER_NS (500 * 1000000ULL)
#define FULL_MS	    100 /* how often that is looked at */

/* ── one client ──────────────────────────────────────────────────────────────────────────────── */

/* Looks at the beginning of what a client of a Unix socket sends, without taking it: true where it is
 * a hello that brings a window. */
static bool brings_window(int socket, uint64_t limit_ns)
{
	const uint64_t deadline_ns = clock_now_ns() + limit_ns;
	struct wire_packet packet;
	for (;;) {
		int window = -1;
		if (file_wait_ready(socket, POLLIN, deadline_ns))
			return false;
		ssize_t length =
		    descriptors_receive(socket, &packet, sizeof(packet), &window, 1, MSG_PEEK);
		if (window >= 0)
			close(window);
		uint32_t magic = WIRE_MAGIC;
		size_t begun = length < (ssize_t)sizeof(magic) ? (size_t)(length > 0 ? length : 0)
							       : sizeof(magic);
		if (length <= 0 || memcmp(&packet, &magic, begun) != 0)
			return false;
		/* The window comes with the first byte, or not at all. */
		if (window >= 0 || length >= (ssize_t)sizeof(packet))
			return window >= 0;
		if (clock_now_ns() >= deadline_ns)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = PEEK_PAUSE_NS}, NULL);
	}
}

static void know(struct client *client)
{
	lock_scoped(&client->relay->lock);
	client->stranger = false;
}

static void serve_stream(struct client *client, struct stream *stream)
{
	struct relay *relay = client->relay;
	struct error error = {0};
	uint8_t first[4];
	static const uint8_t magic[4] = {'M', 'Y', 'F', 'Y'};
	const uint64_t limit_ns = relay->config->limits.hello_ns;
	if (relay->tls && tls_accept(relay->tls, stream, limit_ns, &error)) {
		log_warn("a client is refused: %s", error.text);
		return;
	}
	if (stream_peek(stream, first, sizeof(first), limit_ns) <= 0)
		return;
	know(client);
	if (!memcmp(first, magic, sizeof(magic)))
		native_serve(stream, &relay->host, &relay->native);
	else if (rpc_is_greeting(first))
		rpc_serve(stream, &relay->host, &relay->rpc);
	else
		log_info("a client speaks a protocol that is not known here");
}

/* From here on its socket belongs to whoever serves it, and may be closed at any time. */
static void release_socket(struct client *client)
{
	lock_scoped(&client->relay->lock);
	client->socket = -1;
}

static void serve_client(struct client *client)
{
	struct relay *relay = client->relay;
	int socket = client->socket;
	if (relay->config->address.kind == ADDRESS_UNIX &&
	    brings_window(socket, relay->config->limits.hello_ns)) {
		struct error error = {0};
		if (handover_send(relay->host.handover, socket, HANDOVER_LIMIT_NS, &error))
			log_warn("a client is lost: %s", error.text);
		release_socket(client);
		close(socket);
		return;
	}
	struct stream *stream = stream_new(socket);
	if (stream)
		serve_stream(client, stream);
	release_socket(client);
	if (stream)
		stream_delete(stream);
	else
		close(socket);
}

static void enlist(struct client *client)
{
	struct relay *relay = client->relay;
	lock_scoped(&relay->lock);
	client->next = relay->clients;
	relay->clients = client;
	relay->client_count++;
}

/* Frees it. The process may end as soon as the last one is not counted any more. */
static void delist(struct client *client)
{
	struct relay *relay = client->relay;
	lock_scoped(&relay->lock);
	struct client **place = &relay->clients;
	while (*place != client)
		place = &(*place)->next;
	*place = client->next;
	free(client);
	relay->client_count--;
	eventfd_write(relay->left, 1);
}

/* True where there is room for one more. Where there is none and somebody waits, the stranger that came
 * first is sent away. */
static bool has_room(struct relay *relay)
{
	struct client *oldest = NULL;
	lock_scoped(&relay->lock);
	if (relay->client_count < relay->config->limits.connections)
		return true;
	for (struct client *each = relay->clients; each; each = each->next)
		if (each->stranger && each->socket >= 0)
			oldest = each; /* they came in this order, from the last on */
	struct pollfd waiting = {.fd = relay->listener, .events = POLLIN};
	if (oldest && clock_now_ns() - oldest->since_ns >= STRANGER_NS && poll(&waiting, 1, 0) == 1)
		shutdown(oldest->socket, SHUT_RDWR);
	return false;
}

static unsigned count_clients(struct relay *relay)
{
	lock_scoped(&relay->lock);
	return relay->client_count;
}

static void *client_thread(void *context)
{
	struct client *client = context;
	serve_client(client);
	delist(client);
	return NULL;
}

/* ── all of them ─────────────────────────────────────────────────────────────────────────────── */

/* A socket of the kernel's own kind knows who its peer is. */
static bool may_come(const struct relay *relay, int socket)
{
	const struct policy_names *clients = &relay->config->clients;
	struct sockaddr_vm peer = {0};
	socklen_t length = sizeof(peer);
	char text[16];
	if (relay->config->address.kind != ADDRESS_VSOCK || clients->any)
		return true;
	if (getpeername(socket, (struct sockaddr *)&peer, &length))
		return false;
	snprintf(text, sizeof(text), "%u", peer.svm_cid);
	if (policy_allows_name(clients, text))
		return true;
	log_warn("a client is refused: context id %s may not come", text);
	return false;
}

/* A peer that has vanished without a word is noticed within minutes, and small messages go at once. */
static void tune(const struct relay *relay, int socket)
{
	static const int yes = 1, idle_s = 60;
	if (relay->config->address.kind != ADDRESS_TCP &&
	    relay->config->address.kind != ADDRESS_TLS)
		return;
	setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
	setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &idle_s, sizeof(idle_s));
}

static int start_thread(struct client *client)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int result = pthread_attr_init(&attributes);
	if (result)
		return result;
	if (!(result = pthread_attr_setstacksize(&attributes, THREAD_STACK_SIZE)) &&
	    !(result = pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED)))
		result = pthread_create(&thread, &attributes, client_thread, client);
	pthread_attr_destroy(&attributes);
	return result;
}

static void take_client(struct relay *relay)
{
	cleanup_close int socket = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
	if (socket < 0) {
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
			log_warn("cannot accept a client: %s", strerror(errno));
			nanosleep(&(struct timespec){.tv_nsec = ACCEPT_PAUSE_NS}, NULL);
		}
		return;
	}
	if (!may_come(relay, socket))
		return;
	tune(relay, socket);
	struct client *client = malloc(sizeof(*client));
	if (!client)
		return;
	*client = (struct client){.relay = relay,
				  .socket = take_fd(&socket),
				  .since_ns = clock_now_ns(),
				  .stranger = true};
	enlist(client);
	int result = start_thread(client);
	if (result) {
		log_warn("cannot start a thread for a client: %s", strerror(result));
		close(client->socket);
		delist(client);
	}
}

/* Until it is told to end, and the last client has gone. */
static int serve(struct relay *relay, struct error *error)
{
	bool ends = false;
	while (!ends || count_clients(relay)) {
		bool full = !has_room(relay);
		struct pollfd events[] = {
		    {.fd = full || ends ? -1 : relay->listener, .events = POLLIN},
		    {.fd = relay->signals, .events = POLLIN},
		    {.fd = relay->left, .events = POLLIN},
		};
		if (poll(events, ARRAY_SIZE(events), full && !ends ? FULL_MS : -1) < 0 &&
		    errno != EINTR)
			return error_set_errno(error, errno, "cannot wait for clients");
		if (events[2].revents) {
			eventfd_t count;
			eventfd_read(relay->left, &count);
		}
		if (events[1].revents && !ends) {
			ends = true;
			close(take_fd(&relay->listener));
		}
		if (events[0].revents)
			take_client(relay);
	}
	return EXIT_SUCCESS;
}

/* What has to be opened, and then no right but to serve. */
static int prepare(struct relay *relay, struct error *error)
{
	static const int ending[] = {SIGTERM};
	struct confine_report rights = {0};
	const struct relay_limits *limits = &relay->config->limits;
	relay->signals = signals_open(ending, ARRAY_SIZE(ending), SFD_NONBLOCK, error);
	if (relay->signals < 0)
		return relay->signals;
	relay->left = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (relay->left < 0)
		return error_set_errno(error, errno, "cannot make an eventfd");
	if (relay->config->address.kind == ADDRESS_TLS) {
		relay->tls = tls_new(&relay->config->tls, &relay->config->clients, error);
		if (!relay->tls)
			return -EPROTO;
	}
	descriptors_raise_limit();
	/* Messages in windows do not count there; those of vAccel's protocol do. */
	int result = memory_limit_set(
	    MEMORY_OF_RELAY + limits->memory + limits->connections * MEMORY_OF_CLIENT, error);
	return result ? result : acceld_give_up_rights(ACCELD_RELAY, NULL, &rights, error);
}

int relay_run(const struct relay_handoff *handoff, struct error *error)
{
	const struct relay_limits *limits = &handoff->config->limits;
	struct relay relay = {
	    .config = handoff->config,
	    .listener = handoff->listener,
	    .host = {.handover = handoff->handover},
	    .signals = -1,
	    .left = -1,
	};
	log_set_rate(LOG_LINES_PER_S, LOG_BURST);
	pthread_mutex_init(&relay.lock, NULL);
	budget_init(&relay.memory, limits->memory);
	relay.native = (struct native_limits){
	    .message = limits->message, .hello_ns = limits->hello_ns, .memory = &relay.memory};
	relay.rpc = (struct rpc_limits){.frame_max = (uint32_t)limits->message,
					.requests_max = REQUESTS_MAX,
					.memory = &relay.memory};
	int result = prepare(&relay, error);
	if (result)
		return error_wrap(error, "the relay of tenant %s", relay.config->policy.name);
	log_info("serving clients of tenant %s", relay.config->policy.name);
	result = serve(&relay, error);
	tls_delete(relay.tls);
	close(relay.signals);
	/* After an error there may be clients who look at it. */
	if (!result)
		free(handoff->config);
	return result;
}
