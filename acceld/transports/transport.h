/* How packets of the protocol (struct wire_packet) come from a client and go back, and where the
 * messages lie that they speak of. A kind of connection is one file with one struct transport; what
 * the packets mean is the same for all (worker/protocol.h).
 */
#ifndef MAYFLY_ACCELD_TRANSPORT_H
#define MAYFLY_ACCELD_TRANSPORT_H

#include <stdbool.h>
#include <sys/types.h>

#include "acceld/transports/client_window.h"
#include "mayfly/wire.h"
#include "util/error.h"

struct transport;

/* The host's end of one connection. */
struct link {
	const struct transport *transport;
	int socket;		     /* the caller's; where the client hangs up, poll(2) tells */
	int window_fd;		     /* came with the first packet; -1: none */
	struct client_window window; /* where messages lie, once open_window() has said yes */
};

/* Only the connection's own thread calls these. */
struct transport {
	/* Whether the client may be served at all: 0 or -EPERM. */
	int (*authorize)(const struct link *link, struct error *error);
	/* Receives the first packet, which has to come within `limit_s` seconds, and what comes
	 * with it; and the packets after that, without a limit. A CALL's message lies in the window
	 * then. The length of the packet, more than its size where it was longer; 0 where the
	 * client has hung up; or a negative errno. */
	ssize_t (*receive_first)(struct link *link, struct wire_packet *packet, unsigned limit_s);
	ssize_t (*receive)(struct link *link, struct wire_packet *packet);
	/* Makes link->window of what the first packet says and has brought. 0 or a negative errno. */
	int (*open_window)(struct link *link, const struct wire_packet *hello, struct error *error);
	/* Answers `packet`: a CALL's message, which lies in the window, goes along. False where the
	 * client has gone. */
	bool (*answer)(struct link *link, const struct wire_packet *packet,
		       const struct wire_packet *answer);
	/* Lets go of all but the socket. */
	void (*close)(struct link *link);
};

/* Unix sockets (SOCK_SEQPACKET) of this user's processes. The window is theirs, and comes as a
 * memory file with the first packet: messages never leave it. */
extern const struct transport transport_unix;

/* The same for whoever has come to the socket of a tenant; and over SOCK_STREAM. */
extern const struct transport transport_unix_tenant;
extern const struct transport transport_unix_stream;

/* The process at the other end of a Unix socket. 0 or a negative errno. */
int transport_unix_identify(int socket, pid_t *process);

#endif
