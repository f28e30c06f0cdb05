/* One TCP connection into the guest (RFC 9293), which this end always opens.
 *
 * The link loses nothing, but a guest may: what is not acknowledged is sent again after a while. What
 * comes out of order is not kept, as the guest sends it again. There are no options but the segment
 * size, so that windows stay below 64 KiB, which is what there is room for.
 *
 * Nothing here waits or sends: a segment that comes changes the state, and the next one to be sent is
 * made of the state when the guest can take it. Segments begin at the TCP header; addresses are of no
 * concern here.
 */
#ifndef MAYFLY_MONITOR_NETWORK_TCP_H
#define MAYFLY_MONITOR_NETWORK_TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring.h"

#define TCP_HEAD_SIZE 20

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
};

enum tcp_state {
	TCP_CLOSED,	 /* there is none */
	TCP_CONNECTING,	 /* SYN was sent, or is to be */
	TCP_ESTABLISHED, /* also where one of the ends has closed its direction */
	TCP_REFUSED,	 /* the guest answered SYN by RST: nobody listens */
	TCP_BROKEN,	 /* the guest reset the connection, or does not answer */
};

/* A segment that came, or is to be sent. */
struct tcp_segment {
	uint16_t own_port, peer_port;
	uint32_t sequence, acknowledgement;
	uint8_t flags;
	uint16_t window;
	uint16_t size_limit; /* the option of a SYN; 0: none */
	const uint8_t *data; /* of one that came */
	size_t length;
};

struct tcp {
	enum tcp_state state;
	uint16_t own_port, peer_port;
	uint16_t size_limit; /* bytes of data in a segment: what both ends take */

	uint32_t sent_first; /* the first that is not acknowledged: SND.UNA */
	uint32_t sent_next;  /* SND.NXT; goes back to sent_first to send again */
	uint32_t sent_most;  /* the highest that it has been */
	uint32_t window;     /* how much from sent_first on the guest takes */
	bool close_wanted;   /* FIN follows the data */
	bool closed;	     /* and was acknowledged */
	unsigned repeated_acks;

	uint32_t received_next; /* RCV.NXT */
	uint16_t told_window;	/* how much room was told last */
	bool peer_closed;
	unsigned acks_wanted; /* more than one tell the guest that something is missing */
	bool reset_wanted;

	uint64_t again_ns;   /* when to send again; 0: nothing is under way */
	uint64_t timeout_ns; /* how long to wait the next time */
	unsigned tries;

	struct ring out; /* from sent_first on: what is not acknowledged or not sent */
	struct ring in;	 /* what the guest sent and nobody has taken */
};

/* Opens a connection; any that there was is forgotten. `own_limit`: what fits into a segment. */
void tcp_connect(struct tcp *tcp, uint16_t own_port, uint16_t peer_port, uint32_t sequence,
		 uint16_t own_limit);

/* Resets it, where there is one. */
void tcp_abort(struct tcp *tcp);

/* A connection of which the guest has not heard more than our SYN: its own is answered, and not
 * acknowledged. Its server learns nothing of it, until the first acknowledgement. */
struct tcp_held {
	uint16_t own_port, peer_port;
	uint16_t size_limit, window;
	uint32_t sent, received; /* the next sequence numbers */
};

/* Bounds of size_limit; a guest is not to make us send its request byte by byte. */
#define TCP_LIMIT_MIN 64
#define TCP_LIMIT_MAX 1460

/* Leaves what came unacknowledged. */
void tcp_hold(struct tcp *tcp);

/* What is to be kept of it; false where there is no such connection. */
bool tcp_describe_held(const struct tcp *tcp, struct tcp_held *held);

/* Goes on with it, as if it had just been held. */
void tcp_take_held(struct tcp *tcp, const struct tcp_held *held);

/* Whether nothing has come that goes beyond what was held. */
bool tcp_is_unheard(const struct tcp *tcp, const struct tcp_held *held);

/* No more data follow. */
void tcp_close(struct tcp *tcp);

/* Adds data, as much as there is room for; takes what came. Both return how much. */
size_t tcp_send(struct tcp *tcp, const uint8_t *data, size_t length);
size_t tcp_receive(struct tcp *tcp, uint8_t *data, size_t room);

/* Whether the guest has closed its direction, and all that came was taken. */
bool tcp_is_at_end(const struct tcp *tcp);

/* A segment for this connection came. */
void tcp_input(struct tcp *tcp, const struct tcp_segment *segment, uint64_t now_ns);

/* Whether a segment came for this connection. */
bool tcp_owns(const struct tcp *tcp, const struct tcp_segment *segment);

/* The next segment to be sent; its data are written to `data`, which has room for the segment size.
 * False: there is none now. */
bool tcp_output(struct tcp *tcp, struct tcp_segment *segment, uint8_t *data, uint64_t now_ns);

/* Whether there is one; and from when on there will be one (0: never). */
bool tcp_has_output(const struct tcp *tcp);
uint64_t tcp_due(const struct tcp *tcp);

/* Reads and writes headers. False where it is none: its lengths, not its checksum, are looked at. */
bool tcp_read(struct tcp_segment *segment, const uint8_t *data, size_t length);
size_t tcp_write(const struct tcp_segment *segment, uint8_t *out);

/* The answer to a segment that nobody wants (RFC 9293, section 3.10.7.1). False: to a reset, none. */
bool tcp_refuse(const struct tcp_segment *segment, struct tcp_segment *reset);

#endif
