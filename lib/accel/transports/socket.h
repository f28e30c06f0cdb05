/* Calls over a socket to an accelerator host: this library's own protocol (mayfly/wire.h), with a
 * window of shared memory where the socket can pass one, else with messages in the stream.
 */
#ifndef MAYFLY_ACCEL_TRANSPORTS_SOCKET_H
#define MAYFLY_ACCEL_TRANSPORTS_SOCKET_H

#include <stddef.h>
#include <stdint.h>

#include "accel/transports/transport.h"

struct accel_link_cover;

/* Says hello over the connected `socket` (Unix SOCK_SEQPACKET or SOCK_STREAM: with a window) and makes
 * a transport of this one connection: its sessions end with it, and one call is served at a time
 * (others wait). Messages may take up to `room` bytes, and a window has as many more for arrays of the
 * program (1 GiB at most, both): memory is only used as it is needed.
 * The socket belongs to the transport, also where this fails. 0 or a VACCEL_E… code. After the other
 * side has gone each call gives VACCEL_EREMOTEIO. */
int transport_socket_open(int socket, size_t room, struct accel_transport **out);

/* The same through what lies around the socket's bytes (accel_link/accel_link.h; NULL: nothing), which
 * belongs to the transport, too. */
int transport_socket_open_covered(int socket, struct accel_link_cover *cover, size_t room,
				  struct accel_transport **out);

/* Gives the memory of messages back, but for the first `kept` bytes. After large messages (32 MiB) that is
 * done in any case. */
void transport_socket_trim(struct accel_transport *transport, uint64_t kept);

/* The accelerator host that VACCEL_RPC_ADDRESS (or VACCEL_RPC_ADDR, or VACCEL_VSOCK) names:
 * unix:///path, unix://@name, vsock://cid:port, tcp://host:port, tls://host:port (tls.h). A connection for each
 * session, so that sessions run beside each other; a session whose connection is lost gives
 * VACCEL_EREMOTEIO from then on, and new ones connect again. Only in the host's build. */
extern const struct transport_kind transport_socket;

#endif
