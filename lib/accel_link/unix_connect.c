/* Connecting by a Unix socket; see unix_connect.h. */
#include "accel_link/unix_connect.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "util/cleanup.h"
#include "util/clock.h"

int unix_connect(const struct sockaddr_un *address, socklen_t length, int type,
		 uint64_t deadline_ns, int *socket_fd)
{
	/* The listener's queue is full for a moment when many clients connect at once, and for good
	 * when it hangs. So the socket must not block, or connect(2) might wait for ever. */
	cleanup_close int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (const struct sockaddr *)address, length)) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		if (clock_now_ns() >= deadline_ns)
			return -ETIMEDOUT;
		nanosleep(&(struct timespec){.tv_nsec = UNIX_RETRY_PAUSE_NS}, NULL);
	}
	if (fcntl(fd, F_SETFL, 0))
		return -errno;
	*socket_fd = take_fd(&fd);
	return 0;
}
