/* The way from a relay to the worker; see host.h. */
#include "acceld/relay/host.h"

#include <errno.h>
#include <sys/socket.h>

#include "acceld/common/handover.h"
#include "util/cleanup.h"
#include "util/clock.h"

/* As long as a worker may take to start. */
#define HANDOVER_LIMIT_NS (30 * NANOSECONDS_PER_SECOND)

int relay_host_connect(const struct relay_host *host, int *connection, struct error *error)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return error_set_errno(error, errno, "cannot make a connection to the worker");
	cleanup_close int own = ends[0], other = ends[1];
	int result = handover_send(host->handover, other, HANDOVER_LIMIT_NS, error);
	if (!result)
		*connection = take_fd(&own);
	return result;
}
