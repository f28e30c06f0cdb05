/* Where clients knock; see listener.h. */
#include "acceld/supervisor/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"
#include "util/trust.h"

/* The lock file stays: removing it would let two hosts hold locks on two files of one name. */
static int take_lock(const char *socket_path, int *lock, struct error *error)
{
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s.lock", socket_path);
	if (length < 0 || (size_t)length >= sizeof(path))
		return error_set(error, ENAMETOOLONG, "socket path too long: %s", socket_path);
	cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot open the lock file %s", path);
	/* The file may have existed before, with other permissions. */
	int result = trust_path(path, error);
	if (result)
		return error_wrap(error, "lock file");
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno == EWOULDBLOCK)
			return error_set(error, EADDRINUSE,
					 "another mayfly-acceld runs already at %s", socket_path);
		return error_set_errno(error, errno, "cannot lock %s", path);
	}
	*lock = take_fd(&fd);
	return 0;
}

static int listen_at(const char *path, int *listener, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, ENAMETOOLONG, "socket path of more than %zu bytes: %s",
				 sizeof(address.sun_path) - 1, path);
	memcpy(address.sun_path, path, strlen(path));
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot make a socket");
	/* A socket here was left by a host that has ended, since the lock was free. Remove nothing
	 * but a socket. */
	struct stat status;
	if (!lstat(path, &status) && S_ISSOCK(status.st_mode) && unlink(path))
		return error_set_errno(error, errno, "cannot remove the old socket %s", path);
	mode_t mask = umask(0177);
	int result = bind(fd, (struct sockaddr *)&address, sizeof(address)) ? errno : 0;
	umask(mask);
	if (result)
		return error_set_errno(error, result, "cannot bind to %s", path);
	if (listen(fd, SOMAXCONN))
		return error_set_errno(error, errno, "cannot listen at %s", path);
	*listener = take_fd(&fd);
	return 0;
}

int listener_open(struct listener *listener, const char *socket_path, struct error *error)
{
	*listener = (struct listener){.socket_path = socket_path, .lock = -1, .socket = -1};
	cleanup_close int lock = -1;
	int result = take_lock(socket_path, &lock, error);
	if (!result)
		result = listen_at(socket_path, &listener->socket, error);
	if (!result)
		listener->lock = take_fd(&lock);
	return result;
}

void listener_describe(const struct listener *listener, const char *text)
{
	if (ftruncate(listener->lock, 0) || file_write_all(listener->lock, text, strlen(text)))
		log_info("cannot write into the lock file: %s", strerrordesc_np(errno));
}

void listener_close(struct listener *listener)
{
	if (listener->lock < 0)
		return;
	/* The name goes first. A client that finds no socket starts a new host; one that waits in
	 * the queue is hung up on, and tries again. Without the name the lock is no longer needed,
	 * so the new host need not wait for the ops of this one. */
	unlink(listener->socket_path);
	close(take_fd(&listener->socket));
	close(take_fd(&listener->lock));
}
