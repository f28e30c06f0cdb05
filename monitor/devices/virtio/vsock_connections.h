/* The host's side of a vsock: sockets, and what has to be said to the guest about them. For
 * vsock_device.c only, which has the guest's side. */
#ifndef MAYFLY_MONITOR_VIRTIO_VSOCK_CONNECTIONS_H
#define MAYFLY_MONITOR_VIRTIO_VSOCK_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vsock.h"

#define VSOCK_CONNECTIONS_MAX 64
#define VSOCK_REFUSALS_MAX    64	 /* that wait for the guest to take them */
#define VSOCK_FIRST_PORT      (1U << 30) /* of the host's callers, as Firecracker counts them */
#define VSOCK_ROOM	      65536U /* bytes that are kept for a socket that does not take them */

/* Operations of packets (section 5.10.6), and flags of VSOCK_SHUTDOWN. */
enum vsock_operation {
	VSOCK_REQUEST = 1,
	VSOCK_RESPONSE,
	VSOCK_RESET,
	VSOCK_SHUTDOWN,
	VSOCK_DATA,
	VSOCK_CREDIT_UPDATE,
	VSOCK_CREDIT_REQUEST,
};
#define VSOCK_NO_MORE_RECEIVED 1U
#define VSOCK_NO_MORE_SENT     2U

enum vsock_phase {
	VSOCK_FREE,
	VSOCK_CALLED,	 /* of the host, which has not said its port yet */
	VSOCK_REQUESTED, /* the guest was asked, and has not answered */
	VSOCK_ESTABLISHED,
};

/* Between a socket and a port of the guest. Counters of bytes wrap. */
struct vsock_connection {
	enum vsock_phase phase;
	int socket;
	uint32_t host_port, guest_port;
	char line[24]; /* "CONNECT PORT", while it is being read */
	size_t line_length;
	uint8_t *waiting; /* a ring of VSOCK_ROOM bytes from the guest; NULL: none yet */
	uint32_t received, forwarded; /* bytes of the guest: in all, and gone on to the socket */
	uint32_t told;		      /* so many the guest knows to have gone on */
	uint32_t sent;		      /* bytes to the guest */
	uint32_t guest_room, guest_forwarded;
	uint8_t to_say;		 /* 1 << operation, for packets without data */
	bool asked;		 /* the guest for credit, and it has not given any since */
	bool readable, writable; /* the socket may be */
	bool host_ended, guest_ended, guest_reads_no_more;
	bool shut; /* the socket was told that the guest sends no more */
};

struct vsock_reset {
	uint32_t host_port, guest_port;
};

struct vsock {
	const struct vsock_host *host;
	int watch; /* an epoll descriptor with all sockets */
	uint32_t next_port, next_turn;
	bool is_called; /* somebody waits at the listener */
	struct vsock_connection connections[VSOCK_CONNECTIONS_MAX];
	/* What the guest must be told of ports without a connection: refusals, and beyond them what
	 * each connection may come to. */
	struct vsock_reset resets[VSOCK_REFUSALS_MAX + VSOCK_CONNECTIONS_MAX];
	size_t reset_count;
};

struct vsock_connection *vsock_find(struct vsock *vsock, uint32_t host_port, uint32_t guest_port);

/* The guest connects; NULL: it is refused. */
struct vsock_connection *vsock_dial(struct vsock *vsock, uint32_t host_port, uint32_t guest_port,
				    uint64_t deadline_ns);

/* Ends a connection, without a word to the guest. */
void vsock_drop(struct vsock *vsock, struct vsock_connection *connection);

/* The same, and the guest is told. */
void vsock_reset(struct vsock *vsock, struct vsock_connection *connection);

/* Ends all connections, and forgets all else that the guest has brought about. */
void vsock_drop_all(struct vsock *vsock);

/* There is nothing at these ports. No packet of the guest is taken where it could not be refused. */
void vsock_refuse(struct vsock *vsock, uint32_t host_port, uint32_t guest_port);
bool vsock_can_refuse(const struct vsock *vsock);

/* The guest has answered a call of the host: says so to the caller. */
void vsock_answer(struct vsock *vsock, struct vsock_connection *connection);

/* How much more the guest may send, and how much may be sent to it. */
uint32_t vsock_room(const struct vsock_connection *connection);
uint32_t vsock_credit(const struct vsock_connection *connection);

/* Keeps what the guest sends, of which there is not more than vsock_room(): the next `length` bytes
 * have two places in the ring. False: no memory. */
bool vsock_keep(struct vsock_connection *connection, uint32_t length, struct iovec places[2]);

/* Reads from the socket; how many bytes, 0 where nothing is there now or it is over. */
size_t vsock_read(struct vsock *vsock, struct vsock_connection *connection, struct iovec *places,
		  size_t count);

/* Sees what has become of sockets; then does all that needs no queue of the guest: new callers, data
 * for sockets. */
void vsock_watch(struct vsock *vsock);
void vsock_work(struct vsock *vsock);

#endif
