/* The accelerator hosts of this user; see host_list.h.
 *
 * The kernel tells whoever connects to a socket which process began to listen there: that is the
 * host's supervisor. The lock file beside the socket is only read for what is shown, because a
 * worker that was taken over could have changed it. */
#include "accel_client/host_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/host_settings.h"
#include "util/paths.h"
#include "util/spawn.h"
#include "util/text.h"

#define SOCKET_SUFFIX ".sock"
#define SETTINGS_MAX  (64UL << 10)

/* Who listens at `path`: 0 where nobody does. A connection that says nothing and goes away is
 * nothing to the host. */
static int find_listener(const char *path, pid_t *process, struct error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct ucred peer;
	socklen_t length = sizeof(peer);
	*process = 0;
	if (strlen(path) >= sizeof(address.sun_path))
		return error_set(error, ENAMETOOLONG, "socket path too long: %s", path);
	memcpy(address.sun_path, path, strlen(path));
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot make a socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		if (errno == ENOENT || errno == ENOTDIR || errno == ECONNREFUSED)
			return 0;
		return error_set_errno(error, errno, "cannot connect to %s", path);
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		return error_set_errno(error, errno, "cannot find out which process listens at %s",
				       path);
	if (peer.uid != getuid() && peer.uid != geteuid())
		return error_set(error, EPERM, "%s belongs to another user", path);
	if (peer.pid <= 0)
		return error_set(error, ESRCH,
				 "the process that listens at %s is in another container, and "
				 "cannot be seen from here",
				 path);
	*process = peer.pid;
	return 0;
}

/* Any program may listen at a socket. Only an accelerator host is to be ended. */
static bool is_supervisor(pid_t process)
{
	char path[64];
	char name[32] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", process);
	cleanup_fclose FILE *file = fopen(path, "re");
	return file && fgets(name, sizeof(name), file) && !strcmp(name, "mayfly-acceld\n");
}

/* What the host wrote into its lock file, without control characters, since people get to see
 * it. */
static int read_settings(const char *path, char **settings, struct error *error)
{
	char lock[PATH_MAX + 8];
	uint8_t *text = NULL;
	size_t length = 0;
	snprintf(lock, sizeof(lock), "%s.lock", path);
	if (file_read(lock, SETTINGS_MAX, &text, &length, NULL)) {
		*settings = strdup("");
		return *settings ? 0 : error_set(error, ENOMEM, "no memory for settings");
	}
	text_make_printable((char *)text, length);
	*settings = (char *)text;
	return 0;
}

int host_entry_read(struct host_entry *entry, const char *path, struct error *error)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t length = strlen(base), suffix = strlen(SOCKET_SUFFIX);
	*entry = (struct host_entry){0};
	if (length > suffix && !strcmp(base + length - suffix, SOCKET_SUFFIX))
		length -= suffix;
	if (strlen(path) >= sizeof(entry->path) || length >= sizeof(entry->name))
		return error_set(error, ENAMETOOLONG, "path too long: %s", path);
	snprintf(entry->path, sizeof(entry->path), "%s", path);
	snprintf(entry->name, sizeof(entry->name), "%.*s", (int)length, base);
	int result = find_listener(path, &entry->process, error);
	return result ? result : read_settings(path, &entry->settings, error);
}

void host_entry_release(struct host_entry *entry)
{
	free(entry->settings);
	entry->settings = NULL;
}

static struct host_entry *add_entry(struct host_list *list, struct error *error)
{
	void *grown = reallocarray(list->entries, list->count + 1, sizeof(*list->entries));
	if (!grown) {
		error_set(error, ENOMEM, "no memory for the list of accelerator hosts");
		return NULL;
	}
	list->entries = grown;
	struct host_entry *entry = &list->entries[list->count++];
	*entry = (struct host_entry){0};
	return entry;
}

static bool is_socket_name(const char *name)
{
	size_t length = strlen(name), suffix = strlen(SOCKET_SUFFIX);
	return !strncmp(name, "acceld", strlen("acceld")) && length > suffix &&
	       !strcmp(name + length - suffix, SOCKET_SUFFIX);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_socket(const struct dirent *entry)
{
	return is_socket_name(entry->d_name);
}

/* Those beside `own`, the path of the first one. */
static int add_others(struct host_list *list, const char *own, struct error *error)
{
	char directory[PATH_MAX];
	struct dirent **names = NULL;
	int result = paths_runtime(directory, sizeof(directory), "", error);
	if (result)
		return result;
	int count = scandir(directory, &names, is_socket, by_name);
	if (count < 0)
		return error_set_errno(error, errno, "cannot list %s", directory);
	for (int i = 0; i < count; i++) {
		char path[PATH_MAX + NAME_MAX + 2];
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]->d_name);
		struct host_entry *entry;
		if (!result && strcmp(path, own) != 0 && (entry = add_entry(list, error))) {
			/* A host that cannot be looked at must not hide the others. */
			if (host_entry_read(entry, path, NULL) || !entry->process) {
				host_entry_release(entry);
				list->count--;
			}
		}
		free(names[i]);
	}
	free(names);
	return result;
}

int host_list_read(struct host_list *list, struct error *error)
{
	char own[PATH_MAX];
	*list = (struct host_list){0};
	int result = host_settings_path(own, sizeof(own), SOCKET_SUFFIX, error);
	if (result)
		return result;
	struct host_entry *first = add_entry(list, error);
	if (!first)
		return -ENOMEM;
	result = host_entry_read(first, own, error);
	first->own = true;
	return result ? result : add_others(list, own, error);
}

void host_list_release(struct host_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		host_entry_release(&list->entries[i]);
	free(list->entries);
	*list = (struct host_list){0};
}

int host_entry_stop(const struct host_entry *entry, uint64_t deadline_ns, struct error *error)
{
	pid_t again = 0;
	if (!entry->process)
		return error_set(error, ESRCH, "%s does not run", entry->name);
	cleanup_close int process = (int)syscall(SYS_pidfd_open, entry->process, 0);
	if (process < 0 && errno != ESRCH)
		return error_set_errno(error, errno, "cannot reach process %d", entry->process);
	/* The process id may have been given to another process meanwhile, unless the host still
	 * listens. */
	int result = find_listener(entry->path, &again, error);
	if (result)
		return result;
	if (process < 0 || again != entry->process)
		return error_set(error, ESRCH, "%s has ended by itself meanwhile", entry->name);
	if (!is_supervisor(entry->process))
		return error_set(error, EPERM,
				 "process %d, which listens at %s, is no mayfly-acceld",
				 entry->process, entry->path);
	if (syscall(SYS_pidfd_send_signal, process, SIGTERM, NULL, 0))
		return error_set_errno(error, errno, "cannot end process %d", entry->process);
	result = spawn_wait_end(process, deadline_ns);
	if (result)
		return error_set_errno(error, -result,
				       "%s (process %d) did not end when it was told to",
				       entry->name, entry->process);
	return 0;
}
