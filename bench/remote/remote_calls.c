/* remote_calls: what a call to an accelerator host takes beside the least that it can take.
 *
 * In turns, in one run: a message of 48 bytes there and back between two processes over a bare socket
 * (Unix SOCK_SEQPACKET and SOCK_STREAM, and TCP over loopback); a noop op in the process, and to the host at each
 * address; C = A·B + C with a C of 10 MB that goes in and comes out, in the same ways, from ordinary
 * memory and from buffers (mayfly/buffers.h). Each is measured in a process of its own, which does
 * nothing until it is its turn. Prints the median of each, and the sample below which a tenth lies, which
 * other work on the machine changes less; with their ratios to the first of their kind.
 *
 * usage: VACCEL_PLUGINS=noop:blas remote_calls [ROUNDS] ADDRESS...
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "mayfly/buffers.h"
#include "util/clock.h"
#include "vaccel.h"

#define ADDRESSES_MAX 8
#define ROUNDS_MAX    100000
#define IN_A_TURN     20 /* messages, or noops; products: one */
#define PACKET_SIZE   48
#define SIDE	      1581 /* of C: 9,998,244 bytes */
#define DEPTH	      16   /* columns of A, rows of B */

/* What a process measures. */
struct subject {
	enum kind { ECHO_UNIX, ECHO_STREAM, ECHO_TCP, NOOP, PRODUCT, PRODUCT_IN_BUFFERS } kind;
	const char *address; /* NULL: in the process itself */
};

/* A process that measures when it is asked to, and its samples in ns. */
struct row {
	struct subject subject;
	int orders, answers;
	double *samples;
	size_t count;
};

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The sample below which so many percent lie. */
static double percentile(struct row *row, size_t percent)
{
	qsort(row->samples, row->count, sizeof(*row->samples), compare);
	return row->samples[row->count * percent / 100];
}

/* ---- bare sockets ---- */

static void echo_for_ever(int socket)
{
	char packet[PACKET_SIZE];
	while (recv(socket, packet, sizeof(packet), MSG_WAITALL) == sizeof(packet))
		if (send(socket, packet, sizeof(packet), MSG_NOSIGNAL) != sizeof(packet))
			break;
	_exit(0);
}

/* A pair of connected sockets over loopback. */
static int tcp_pair(int ends[2])
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t length = sizeof(address);
	const int on = 1;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) ||
	    connect(ends[0], (struct sockaddr *)&address, length))
		return -errno;
	ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	for (int i = 0; i < 2; i++)
		setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return 0;
}

/* Its other end is a child that echoes. */
static int open_echo(enum kind kind)
{
	int ends[2] = {-1, -1};
	int failed =
	    kind == ECHO_TCP
		? tcp_pair(ends)
		: socketpair(AF_UNIX,
			     (kind == ECHO_UNIX ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_CLOEXEC, 0,
			     ends);
	if (failed)
		return -1;
	pid_t child = fork();
	if (!child) {
		close(ends[0]);
		echo_for_ever(ends[1]);
	}
	close(ends[1]);
	return child < 0 ? -1 : ends[0];
}

static int send_message(int socket)
{
	char packet[PACKET_SIZE] = "";
	return send(socket, packet, sizeof(packet), MSG_NOSIGNAL) == sizeof(packet) &&
		       recv(socket, packet, sizeof(packet), MSG_WAITALL) == sizeof(packet)
		   ? 0
		   : VACCEL_EIO;
}

/* ---- sessions ---- */

struct place {
	struct vaccel_session *session; /* NULL: a bare socket instead */
	float *a, *b, *c;		/* NULL: noops */
	int echo;
};

static int make_matrix(const struct place *place, bool in_buffer, size_t elements, float **matrix)
{
	void *memory = NULL;
	int result = 0;
	if (in_buffer)
		result = mayfly_buffer_new(place->session, elements * sizeof(float), &memory);
	else
		memory = malloc(elements * sizeof(float));
	*matrix = memory;
	if (!memory)
		return VACCEL_ENOMEM;
	for (size_t i = 0; i < elements; i++)
		(*matrix)[i] = (float)(i % 3);
	return result;
}

static int open_place(struct place *place, const struct subject *subject)
{
	*place = (struct place){.echo = -1};
	if (subject->kind <= ECHO_TCP) {
		place->echo = open_echo(subject->kind);
		return place->echo < 0 ? VACCEL_EIO : 0;
	}
	if (subject->address)
		setenv("VACCEL_RPC_ADDRESS", subject->address, 1);
	const uint32_t flags = subject->kind == NOOP ? VACCEL_PLUGIN_DEBUG : VACCEL_PLUGIN_CPU;
	const bool in_buffer = subject->kind == PRODUCT_IN_BUFFERS;
	int result = vaccel_session_new(
	    &place->session, flags | (subject->address ? (uint32_t)VACCEL_PLUGIN_REMOTE : 0));
	if (result || subject->kind == NOOP)
		return result;
	result = make_matrix(place, in_buffer, (size_t)SIDE * DEPTH, &place->a);
	if (!result)
		result = make_matrix(place, in_buffer, (size_t)DEPTH * SIDE, &place->b);
	return result ? result : make_matrix(place, in_buffer, (size_t)SIDE * SIDE, &place->c);
}

/* One element is looked at: an op that did nothing would be fast. */
static int multiply(const struct place *place)
{
	float wanted = place->c[1];
	for (size_t i = 0; i < DEPTH; i++)
		wanted += place->a[i] * place->b[i * SIDE + 1];
	int result = vaccel_sgemm(place->session, SIDE, SIDE, DEPTH, 1, place->a, DEPTH, place->b,
				  SIDE, 1, place->c, SIDE);
	return result || place->c[1] == wanted ? result : VACCEL_EBACKEND;
}

static int measure(const struct place *place, double *ns)
{
	const uint64_t begin_ns = clock_now_ns();
	int result = place->c	      ? multiply(place)
		     : place->session ? vaccel_noop(place->session)
				      : send_message(place->echo);
	*ns = (double)(clock_now_ns() - begin_ns);
	return result;
}

static size_t in_a_turn(enum kind kind)
{
	return kind >= PRODUCT ? 1 : IN_A_TURN;
}

/* Serves orders until there are no more. The first one only makes ready. */
static void serve(const struct subject *subject, int orders, int answers)
{
	struct place place;
	char order;
	int result = open_place(&place, subject);
	while (!result && read(orders, &order, 1) == 1) {
		double ns[IN_A_TURN];
		const size_t count = in_a_turn(subject->kind);
		for (size_t i = 0; !result && i < count; i++)
			result = measure(&place, &ns[i]);
		if (!result &&
		    write(answers, ns, count * sizeof(*ns)) != (ssize_t)(count * sizeof(*ns)))
			break;
	}
	if (result)
		fprintf(stderr, "remote_calls: %s: %s\n",
			subject->address ? subject->address : "here", strerror(result));
	_exit(result ? 1 : 0);
}

static int start(struct row *row, struct subject subject, size_t rounds)
{
	int orders[2], answers[2];
	*row = (struct row){.subject = subject};
	row->samples = calloc((rounds + 1) * IN_A_TURN, sizeof(double));
	if (!row->samples || pipe(orders) || pipe(answers))
		return -1;
	pid_t child = fork();
	if (!child) {
		close(orders[1]);
		close(answers[0]);
		serve(&subject, orders[0], answers[1]);
	}
	close(orders[0]);
	close(answers[1]);
	row->orders = orders[1];
	row->answers = answers[0];
	return child < 0 ? -1 : 0;
}

static int take_turn(struct row *row, bool counts)
{
	const size_t bytes = in_a_turn(row->subject.kind) * sizeof(double);
	if (write(row->orders, "", 1) != 1 ||
	    read(row->answers, row->samples + row->count, bytes) != (ssize_t)bytes)
		return -1;
	if (counts)
		row->count += bytes / sizeof(double);
	return 0;
}

static void print(struct row *row, struct row *first)
{
	static const char *const names[] = {"a message, Unix packets",
					    "a message, Unix stream",
					    "a message, TCP",
					    "noop",
					    "product",
					    "product, in buffers"};
	const double ns = percentile(row, 50), tenth_ns = percentile(row, 10);
	printf("%-24s %-32s %10.1f us %8.2f %10.1f us %8.2f\n", names[row->subject.kind],
	       row->subject.address ? row->subject.address : "", ns / 1000,
	       ns / percentile(first, 50), tenth_ns / 1000, tenth_ns / percentile(first, 10));
}

/* A row for each kind and place. */
static int start_all(struct row *rows, size_t *count, char *addresses[], size_t places,
		     size_t rounds)
{
	static const enum kind kinds[] = {NOOP, PRODUCT, PRODUCT_IN_BUFFERS};
	int failed = start(&rows[0], (struct subject){ECHO_UNIX, NULL}, rounds) ||
		     start(&rows[1], (struct subject){ECHO_STREAM, NULL}, rounds) ||
		     start(&rows[2], (struct subject){ECHO_TCP, NULL}, rounds);
	*count = 3;
	for (size_t kind = 0; kind < sizeof(kinds) / sizeof(kinds[0]); kind++)
		for (size_t i = 0; !failed && i <= places; i++) {
			const struct subject subject = {kinds[kind], i ? addresses[i - 1] : NULL};
			failed = start(&rows[(*count)++], subject, rounds);
		}
	return failed;
}

/* What it is compared with: the product in the process itself; else a bare message. */
static struct row *first_of(struct row *rows, size_t index)
{
	size_t first = 0;
	while (rows[index].subject.kind >= PRODUCT && rows[first].subject.kind != PRODUCT)
		first++;
	return &rows[first];
}

int main(int count, char *words[])
{
	size_t rounds = 200;
	int first = 1;
	if (count > 1 && strspn(words[1], "0123456789") == strlen(words[1])) {
		rounds = strtoul(words[1], NULL, 10);
		first = 2;
	}
	if (!rounds || rounds > ROUNDS_MAX || count <= first || count - first > ADDRESSES_MAX) {
		fprintf(stderr,
			"usage: VACCEL_PLUGINS=noop:blas remote_calls [ROUNDS] ADDRESS...\n");
		return 2;
	}
	struct row rows[3 + 3 * (1 + ADDRESSES_MAX)];
	size_t row_count;
	int failed = start_all(rows, &row_count, words + first, (size_t)(count - first), rounds);
	for (size_t round = 0; !failed && round <= rounds; round++)
		for (size_t i = 0; !failed && i < row_count; i++)
			failed = take_turn(&rows[i], round > 0);
	for (size_t i = 0; i < row_count; i++)
		close(rows[i].orders);
	if (failed)
		return 1;
	printf("%-24s %-32s %13s %8s %13s %8s\n", "", "", "median", "ratio", "tenth", "ratio");
	for (size_t i = 0; i < row_count; i++)
		print(&rows[i], first_of(rows, i));
	return 0;
}
