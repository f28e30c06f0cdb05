/* Sockets to listen at; see sockets.h. */
#include "acceld/supervisor/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/cleanup.h"

#define FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)

static int fill_unix(const char *path, struct sockaddr_un *name, socklen_t *length)
{
	*name = (struct sockaddr_un){.sun_family = AF_UNIX};
	size_t bytes = strlen(path);
	if (bytes >= sizeof(name->sun_path))
		return -ENAMETOOLONG;
	memcpy(name->sun_path, path, bytes);
	*length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes);
	if (path[0] == '@')
		name->sun_path[0] = 0; /* an abstract name, which ends with its length */
	else
		++*length;
	return 0;
}

/* True for a socket that was left behind: nobody listens. */
static bool is_stale(const char *path, const struct sockaddr_un *name, socklen_t length, int type)
{
	struct stat status;
	if (path[0] == '@' || lstat(path, &status) || !S_ISSOCK(status.st_mode))
		return false;
	cleanup_close int probe = socket(AF_UNIX, type | FLAGS, 0);
	return probe >= 0 && connect(probe, (const struct sockaddr *)name, length) &&
	       errno == ECONNREFUSED;
}

static int listen_unix(const char *path, int type, mode_t mode, struct error *error)
{
	struct sockaddr_un name;
	socklen_t length;
	int result = fill_unix(path, &name, &length);
	if (result)
		return error_set(error, -result, "socket path too long: %s", path);
	cleanup_close int fd = socket(AF_UNIX, type | FLAGS, 0);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot make a socket");
	if (is_stale(path, &name, length, type))
		unlink(path);
	mode_t mask = umask(~mode & 0777);
	result = bind(fd, (struct sockaddr *)&name, length) ? errno : 0;
	umask(mask);
	if (result)
		return error_set_errno(error, result, "cannot listen at %s", path);
	if (listen(fd, SOMAXCONN))
		return error_set_errno(error, errno, "cannot listen at %s", path);
	return take_fd(&fd);
}

int sockets_listen_in(int directory, const char *name, struct error *error)
{
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct stat status;
	int length = snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", directory, name);
	if (length < 0 || (size_t)length >= sizeof(path))
		return error_set(error, ENAMETOOLONG, "the name of a socket is too long: %s", name);
	/* The names are this host's: whoever else listened there has ended. */
	if (!fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) && S_ISSOCK(status.st_mode))
		unlinkat(directory, name, 0);
	return listen_unix(path, SOCK_STREAM, 0666, error);
}

/* Numbers only: names would have to be resolved with rights that nobody else needs here. */
static int resolve(const struct address *address, struct addrinfo **found, struct error *error)
{
	const struct addrinfo hints = {
	    .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
	    .ai_socktype = SOCK_STREAM,
	};
	char port[16];
	bool local = !strcmp(address->host, "localhost");
	const char *host = local ? "127.0.0.1" : *address->host ? address->host : "::";
	snprintf(port, sizeof(port), "%u", address->port);
	int result = getaddrinfo(host, port, &hints, found);
	return result ? error_set(error, EINVAL, "'%s' is no address in numbers: %s", host,
				  gai_strerror(result))
		      : 0;
}

static int listen_tcp(const struct address *address, struct error *error)
{
	static const int yes = 1;
	struct addrinfo *found;
	char text[ADDRESS_HOST_MAX + 32];
	int result = resolve(address, &found, error);
	if (result)
		return result;
	address_format(address, text, sizeof(text));
	cleanup_close int fd = socket(found->ai_family, SOCK_STREAM | FLAGS, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, SOMAXCONN))
		result = error_set_errno(error, errno, "cannot listen at %s", text);
	freeaddrinfo(found);
	return result ? result : take_fd(&fd);
}

static int listen_vsock(const struct address *address, struct error *error)
{
	const struct sockaddr_vm name = {
	    .svm_family = AF_VSOCK, .svm_cid = address->cid, .svm_port = address->port};
	cleanup_close int fd = socket(AF_VSOCK, SOCK_STREAM | FLAGS, 0);
	if (fd < 0)
		return error_set_errno(error, errno, "this kernel has no vsock");
	if (bind(fd, (const struct sockaddr *)&name, sizeof(name)) || listen(fd, SOMAXCONN))
		return error_set_errno(error, errno, "cannot listen at vsock port %u",
				       address->port);
	return take_fd(&fd);
}

int sockets_listen(const struct address *address, mode_t mode, struct error *error)
{
	switch (address->kind) {
	case ADDRESS_UNIX:
		return listen_unix(address->host, SOCK_STREAM, mode, error);
	case ADDRESS_SEQPACKET:
		return listen_unix(address->host, SOCK_SEQPACKET, mode, error);
	case ADDRESS_VSOCK:
		return listen_vsock(address, error);
	default:
		return listen_tcp(address, error);
	}
}

void sockets_remove(const struct address *address)
{
	struct stat status;
	if (address->kind != ADDRESS_UNIX && address->kind != ADDRESS_SEQPACKET)
		return;
	if (address->host[0] == '/' && !lstat(address->host, &status) && S_ISSOCK(status.st_mode))
		unlink(address->host);
}
