/* Unix sockets of a vsock; see hybrid_vsock.h. */
#include "vsock/hybrid_vsock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/cleanup.h"

#define QUEUE_LENGTH 16

_Static_assert(HYBRID_VSOCK_PATH_MAX + sizeof("_4294967295") <=
		   sizeof(((struct sockaddr_un *)0)->sun_path),
	       "a path with a port fits");

int hybrid_vsock_check(const char *path, struct error *error)
{
	if (*path && strlen(path) <= HYBRID_VSOCK_PATH_MAX)
		return 0;
	return error_set(error, EINVAL,
			 "the path of a vsock has 1 to %d characters, for a port to fit behind it: "
			 "'%.128s'",
			 HYBRID_VSOCK_PATH_MAX, path);
}

static int open_socket(void)
{
	const int opened = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return opened < 0 ? -errno : opened;
}

static int connect_to(const struct sockaddr_un *address, int *connected)
{
	cleanup_close int opened = open_socket();
	if (opened < 0)
		return opened;
	if (connect(opened, (const struct sockaddr *)address, sizeof(*address)))
		return -errno;
	*connected = take_fd(&opened);
	return 0;
}

/* Removes what was left there by somebody who listens no more. */
static void remove_stale(const struct sockaddr_un *address)
{
	struct stat status;
	cleanup_close int connected = -1;
	if (!lstat(address->sun_path, &status) && S_ISSOCK(status.st_mode) &&
	    connect_to(address, &connected) == -ECONNREFUSED)
		unlink(address->sun_path);
}

int hybrid_vsock_listen(const char *path, int *listener, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int result = hybrid_vsock_check(path, error);
	if (result)
		return result;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	cleanup_close int opened = open_socket();
	if (opened < 0)
		return error_set_errno(error, -opened, "cannot open a socket");
	remove_stale(&address);
	if (bind(opened, (const struct sockaddr *)&address, sizeof(address)) ||
	    listen(opened, QUEUE_LENGTH))
		return error_set_errno(error, errno, "cannot listen at %s for a vsock", path);
	*listener = take_fd(&opened);
	return 0;
}

int hybrid_vsock_connect(const char *path, uint32_t port, int *connected)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int length =
	    snprintf(address.sun_path, sizeof(address.sun_path), "%s_%u", path, port);
	if (length < 0 || (size_t)length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	return connect_to(&address, connected);
}
