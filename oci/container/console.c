/* Terminals of containers; see console.h. */
#include "oci/container/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/descriptors_pass.h"

/* How long whoever is to take the terminal may leave us waiting. */
#define LIMIT_S 10

int console_connect(const char *path, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, ENAMETOOLONG,
				 "the path of the console's socket is too long: %s", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	const struct timeval limit = {.tv_sec = LIMIT_S};
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return error_set_errno(error, errno, "cannot connect to the console's socket %s",
				       path);
	return take_fd(&fd);
}

static int set_size(int terminal, const struct oci_process *process)
{
	const struct winsize size = {.ws_row = process->rows, .ws_col = process->columns};
	if (!process->rows && !process->columns)
		return 0;
	return ioctl(terminal, TIOCSWINSZ, &size) ? -errno : 0;
}

static int become_terminal(int terminal, struct error *error)
{
	if (ioctl(terminal, TIOCSCTTY, 0))
		return error_set_errno(error, errno, "cannot take the terminal");
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(terminal, fd) < 0)
			return error_set_errno(error, errno, "cannot take the terminal");
	return 0;
}

int console_take(int socket, const struct oci_process *process, struct error *error)
{
	static const char name[] = "/dev/ptmx";
	cleanup_close int master = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || unlockpt(master))
		return error_set_errno(error, errno, "cannot make a terminal");
	/* Not by its name: that may be of another instance of devpts. */
	cleanup_close int terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal < 0)
		return error_set_errno(error, errno, "cannot open the terminal");
	/* It stays root's: it has a name in the host's /dev/pts, where the user of an image is another one,
	 * who could read what is typed; and the program has streams, and not the terminal. */
	int result = set_size(master, process);
	if (!result)
		result = descriptors_send(socket, name, sizeof(name) - 1, &master, 1, 0);
	if (result)
		return error_set_errno(error, -result, "cannot hand the terminal over");
	return become_terminal(terminal, error);
}
