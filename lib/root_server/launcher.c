/* Starting servers of a root directory; see launcher.h. */
#include "root_server/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mayfly/root_wire.h"
#include "root_server/setup.h"
#include "root_server/wire.h"
#include "util/cleanup.h"
#include "util/descriptors_pass.h"
#include "util/log.h"
#include "util/paths.h"

static int open_directory(struct root_launcher *launcher, const char *directory,
			  struct error *error)
{
	launcher->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (launcher->directory < 0)
		return error_set_errno(error, errno, "cannot open the root %s", directory);
	if (faccessat(launcher->directory, "", R_OK | X_OK, AT_EACCESS | AT_EMPTY_PATH))
		return error_set_errno(error, errno, "cannot read the root %s", directory);
	return 0;
}

int root_launcher_open(struct root_launcher *launcher, const char *directory,
		       const struct root_parts *parts, struct error *error)
{
	*launcher = (struct root_launcher)ROOT_LAUNCHER_NONE;
	int result = open_directory(launcher, directory, error);
	if (parts)
		launcher->user = parts->user;
	if (!result)
		result = root_shares_open(&launcher->shares, launcher->directory, parts, error);
	if (result)
		return result;
	launcher->memory = memfd_create("mayfly-root", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	/* Sealed in size: nobody can make us fault. */
	if (launcher->memory < 0 || ftruncate(launcher->memory, ROOT_WIRE_EXTRA_MAX) ||
	    fcntl(launcher->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return error_set_errno(error, errno, "cannot make memory for a file server");
	return 0;
}

void root_launcher_close(struct root_launcher *launcher)
{
	spawn_kill(&launcher->process);
	if (launcher->directory >= 0)
		close(launcher->directory);
	if (launcher->memory >= 0)
		close(launcher->memory);
	root_shares_close(&launcher->shares);
	*launcher = (struct root_launcher)ROOT_LAUNCHER_NONE;
}

/* What the terminal's signals mean, the monitor decides. */
static int spawn_server(const char *path, int socket, int log, struct spawn_process *process)
{
	const char *const arguments[] = {"mayfly-rootd", NULL};
	const int descriptors[] = {[ROOT_SERVER_SOCKET] = socket, SPAWN_NULL, log};
	return spawn_start(&(struct spawn){.program = path,
					   .arguments = arguments,
					   .descriptors = descriptors,
					   .descriptor_count = 3,
					   .kind = SPAWN_SERVER_GROUP},
			   process);
}

static int send_setup(const struct root_launcher *launcher, int socket, int life,
		      struct error *error)
{
	int descriptors[ROOT_SETUP_DESCRIPTORS_MAX] = {
	    [ROOT_DESCRIPTOR_DIRECTORY] = launcher->directory,
	    [ROOT_DESCRIPTOR_MEMORY] = launcher->memory,
	    [ROOT_DESCRIPTOR_LIFE] = life,
	};
	uint8_t message[ROOT_SETUP_MAX];
	struct root_setup setup = {.version = ROOT_WIRE_VERSION,
				   .share_count = (uint32_t)launcher->shares.count,
				   .user = launcher->user};
	size_t count;
	size_t length =
	    root_shares_encode(&launcher->shares, message + sizeof(setup), ROOT_SHARES_BYTES_MAX,
			       descriptors + ROOT_DESCRIPTORS, &count);
	if (!length && launcher->shares.count)
		return error_set(error, E2BIG, "the paths of the root's parts are too long");
	setup.writable_count = (uint32_t)count;
	memcpy(message, &setup, sizeof(setup));
	int result = descriptors_send(socket, message, sizeof(setup) + length, descriptors,
				      ROOT_DESCRIPTORS + count, MSG_DONTWAIT);
	if (result)
		return error_set_errno(error, -result, "cannot tell the file server its directory");
	return 0;
}

int root_launcher_start(struct root_launcher *launcher, int log, struct root_connection *connection,
			struct error *error)
{
	char path[PATH_MAX];
	int channel[2], life[2];
	spawn_kill(&launcher->process);
	int result = paths_part(path, sizeof(path), ROOT_SERVER_PART, error);
	if (result)
		return result;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel))
		return error_set_errno(error, errno, "cannot make a socket for the file server");
	cleanup_close int socket = channel[0], its_socket = channel[1];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, life))
		return error_set_errno(error, errno, "cannot make a socket for the file server");
	cleanup_close int our_life = life[0], its_life = life[1];
	result = send_setup(launcher, socket, its_life, error);
	if (result)
		return result;
	result = spawn_server(path, its_socket, log, &launcher->process);
	if (result)
		return error_set_errno(error, -result, "cannot start %s", path);
	log_debug("a root directory is served by process %d", launcher->process.pid);
	*connection =
	    (struct root_connection){take_fd(&socket), take_fd(&our_life), launcher->memory};
	return 0;
}
