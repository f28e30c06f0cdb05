/* What is kept of containers between commands; see state.h. */
#include "oci/container/state.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "oci/cgroup/cgroup.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/json_text.h"
#include "util/log.h"

#define STATE_SIZE_MAX (OCI_CONFIG_SIZE_MAX + (1UL << 20)) /* annotations are the configuration's */

#define STAT_BEGAN 22 /* of the fields of /proc/PID/stat, counted from 1 */

const char *const container_status_names[] = {
    [CONTAINER_CREATING] = "creating", [CONTAINER_CREATED] = "created",
    [CONTAINER_RUNNING] = "running",   [CONTAINER_PAUSED] = "paused",
    [CONTAINER_STOPPED] = "stopped",
};

int container_check_id(const char *id, struct error *error)
{
	size_t length = 0;
	for (; id[length]; length++)
		if (!isalnum((unsigned char)id[length]) && !strchr("_+-.", id[length]))
			break;
	if (!length || id[length] || length > CONTAINER_ID_MAX || *id == '.' || *id == '-')
		return error_set(error, EINVAL,
				 "'%.64s' is no name of a container: up to %d letters, digits and "
				 "any of \"_+-.\", and neither '.' nor '-' first",
				 id, CONTAINER_ID_MAX);
	return 0;
}

static int set_path(char path[PATH_MAX], const char *folder, const char *name, struct error *error)
{
	if ((size_t)snprintf(path, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "the path %.64s…/%s is too long", folder,
				 name);
	return 0;
}

static int name(struct container *container, const char *root, const char *id, struct error *error)
{
	*container = (struct container)CONTAINER_NONE;
	int result = container_check_id(id, error);
	if (result)
		return result;
	snprintf(container->id, sizeof(container->id), "%s", id);
	return set_path(container->path, root, id, error);
}

static int open_directory(struct container *container)
{
	container->directory =
	    open(container->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return container->directory < 0 ? -errno : 0;
}

/* ── the lock ────────────────────────────────────────────────────────────────────────────────── */

static int take_lock(struct container *container, struct error *error)
{
	cleanup_close int lock =
	    openat(container->directory, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int result = lock < 0 ? -errno : 0;
	while (!result && flock(lock, LOCK_EX))
		if (errno != EINTR)
			result = -errno;
	if (result)
		return error_set_errno(error, -result, "cannot lock container %s", container->id);
	container->lock = take_fd(&lock);
	return 0;
}

static bool is_removed(const struct container *container)
{
	struct stat open, named;
	return fstat(container->directory, &open) || lstat(container->path, &named) ||
	       open.st_ino != named.st_ino || open.st_dev != named.st_dev;
}

/* ── state.json ──────────────────────────────────────────────────────────────────────────────── */

static void take_text(const json_t *tree, const char *key, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(tree, key));
	snprintf(text, size, "%s", value ? value : "");
}

static uint64_t take_number(const json_t *tree, const char *key)
{
	const json_int_t value = json_integer_value(json_object_get(tree, key));
	return value > 0 ? (uint64_t)value : 0;
}

static int read_state(struct container *container, struct error *error)
{
	char path[PATH_MAX];
	cleanup_free uint8_t *text = NULL;
	size_t length;
	int result = set_path(path, container->path, "state.json", error);
	if (!result)
		result = file_read(path, STATE_SIZE_MAX, &text, &length, error);
	if (result)
		return result == -ENOENT ? 0 : result;
	json_t *tree = json_loadb((const char *)text, length, 0, NULL);
	if (!tree)
		return error_set(error, EINVAL, "%s is no JSON any more", path);
	const uint64_t pid = take_number(tree, "pid");
	container->pid = pid <= INT_MAX ? (pid_t)pid : 0;
	container->began = take_number(tree, "began");
	container->created_s = take_number(tree, "created");
	container->ready = json_is_true(json_object_get(tree, "ready"));
	take_text(tree, "bundle", container->bundle, sizeof(container->bundle));
	take_text(tree, "cgroup", container->cgroup, sizeof(container->cgroup));
	take_text(tree, "rootfs", container->rootfs, sizeof(container->rootfs));
	take_text(tree, "runtime", container->runtime, sizeof(container->runtime));
	json_decref(container->annotations);
	container->annotations = json_incref(json_object_get(tree, "annotations"));
	json_decref(tree);
	return 0;
}

int container_save(const struct container *container, struct error *error)
{
	char path[PATH_MAX];
	int result = set_path(path, container->path, "state.json", error);
	if (result)
		return result;
	json_t *tree = json_pack(
	    "{s:I, s:I, s:I, s:b, s:o, s:o, s:o, s:s, s:O*}", "pid", (json_int_t)container->pid,
	    "began", (json_int_t)container->began, "created", (json_int_t)container->created_s,
	    "ready", container->ready, "bundle", json_text(container->bundle), "cgroup",
	    json_text(container->cgroup), "rootfs", json_text(container->rootfs), "runtime",
	    container->runtime, "annotations", container->annotations);
	cleanup_free char *text = tree ? json_dumps(tree, JSON_COMPACT) : NULL;
	json_decref(tree);
	if (!text)
		return error_set(error, ENOMEM, "no memory for the state of container %s",
				 container->id);
	return file_replace(path, text, strlen(text), error);
}

/* ── directories ─────────────────────────────────────────────────────────────────────────────── */

int container_make(struct container *container, const char *root, const char *id,
		   struct error *error)
{
	int result = name(container, root, id, error);
	if (!result)
		result = file_make_directories(root, error);
	if (result)
		return result;
	if (mkdir(container->path, 0700))
		return errno == EEXIST
			   ? error_set(error, EEXIST, "container %s exists already", id)
			   : error_set_errno(error, errno, "cannot make %s", container->path);
	container->created_s = clock_real_ns() / NANOSECONDS_PER_SECOND;
	result = open_directory(container);
	if (result)
		error_set_errno(error, -result, "cannot open %s", container->path);
	else
		result = take_lock(container, error);
	/* Somebody may have deleted it before it was locked, and another one may have its name. */
	if (!result && is_removed(container))
		result = error_set(error, ENOENT, "container %s was deleted meanwhile", id);
	if (result && container_remove(container, NULL))
		log_warn("cannot remove %s", container->path);
	return result;
}

int container_open(struct container *container, const char *root, const char *id,
		   struct error *error)
{
	int result = name(container, root, id, error);
	if (result)
		return result;
	result = open_directory(container);
	if (result == -ENOENT)
		return error_set(error, ENOENT, "container %s does not exist", id);
	if (result)
		return error_set_errno(error, -result, "cannot open %s", container->path);
	return read_state(container, error);
}

void container_close(struct container *container)
{
	container_unlock(container);
	if (container->directory >= 0)
		close(take_fd(&container->directory));
	json_decref(take_pointer(container->annotations));
}

int container_lock(struct container *container, struct error *error)
{
	int result = take_lock(container, error);
	if (result && !is_removed(container))
		return result;
	if (is_removed(container))
		return error_set(error, ENOENT, "container %s does not exist", container->id);
	return read_state(container, error);
}

void container_unlock(struct container *container)
{
	if (container->lock >= 0)
		close(take_fd(&container->lock));
}

/* All that is no directory: a command that was killed may have left a file under a name for the
 * meantime. */
static void remove_files(int directory)
{
	cleanup_close int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_closedir DIR *entries = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	if (!entries)
		return;
	take_fd(&copy);
	while ((entry = readdir(entries)))
		if (entry->d_type != DT_DIR)
			unlinkat(directory, entry->d_name, 0);
}

int container_remove(struct container *container, struct error *error)
{
	remove_files(container->directory);
	/* Another runtime has removed what it kept there. */
	unlinkat(container->directory, "runtime", AT_REMOVEDIR);
	if (rmdir(container->path) && errno != ENOENT)
		return error_set_errno(error, errno, "cannot remove %s", container->path);
	return 0;
}

/* ── the configuration ───────────────────────────────────────────────────────────────────────── */

int container_keep_config(const struct container *container, struct oci_config *config,
			  struct error *error)
{
	char from[PATH_MAX], to[PATH_MAX];
	cleanup_free uint8_t *text = NULL;
	size_t length;
	int result = set_path(from, container->bundle, "config.json", error);
	if (!result)
		result = set_path(to, container->path, "config.json", error);
	if (!result)
		result = file_read(from, OCI_CONFIG_SIZE_MAX, &text, &length, error);
	if (!result)
		result = oci_config_parse((const char *)text, length, config, error);
	if (!result)
		result = file_replace(to, text, length, error);
	return result;
}

int container_read_config(const struct container *container, struct oci_config *config,
			  struct error *error)
{
	return oci_config_read(container->path, config, error);
}

int container_note_annotations(struct container *container, const struct oci_config *config,
			       struct error *error)
{
	json_t *object = json_object();
	for (size_t i = 0; object && i < config->annotation_count; i++) {
		const struct oci_pair *annotation = &config->annotations[i];
		if (json_object_set_new(object, annotation->name, json_text(annotation->value))) {
			json_decref(object);
			object = NULL;
		}
	}
	if (!object)
		return error_set(error, ENOMEM, "no memory for annotations");
	container->annotations = object;
	return 0;
}

/* ── its process ─────────────────────────────────────────────────────────────────────────────── */

uint64_t container_process_began(pid_t pid)
{
	char path[64], text[4096];
	if (pid <= 0)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t length = fd < 0 ? -1 : file_read_full(fd, text, sizeof(text) - 1);
	if (length <= 0)
		return 0;
	text[length] = 0;
	/* The second field is the program's name in parentheses, with anything in it. */
	const char *field = strrchr(text, ')');
	if (!field || field[1] != ' ' || field[2] == 'Z' || field[2] == 'X')
		return 0;
	for (int i = 2; field && i < STAT_BEGAN; i++)
		field = strchr(field + 1, ' ');
	return field ? strtoull(field, NULL, 10) : 0;
}

bool container_is_alive(const struct container *container)
{
	return container->pid && container->began &&
	       container_process_began(container->pid) == container->began;
}

int container_signal(const struct container *container, int signal)
{
	if (container->pid <= 0)
		return -ESRCH;
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, container->pid, 0);
	if (pidfd < 0)
		return -errno;
	/* The number is of whoever the descriptor is of; so it is looked at now. */
	if (!container_is_alive(container))
		return -ESRCH;
	return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) ? -errno : 0;
}

static bool is_frozen(const struct container *container)
{
	struct oci_cgroup group = {0};
	if (oci_cgroup_open(container->cgroup, &group, NULL))
		return false;
	const bool frozen = oci_cgroup_is_frozen(&group);
	oci_cgroup_close(&group);
	return frozen;
}

enum container_status container_find_status(const struct container *container)
{
	if (!container_is_alive(container))
		return CONTAINER_STOPPED;
	if (!container->ready)
		return CONTAINER_CREATING;
	if (!faccessat(container->directory, "control", F_OK, AT_SYMLINK_NOFOLLOW))
		return CONTAINER_CREATED;
	return is_frozen(container) ? CONTAINER_PAUSED : CONTAINER_RUNNING;
}

/* RFC 3339, as other runtimes write it. */
static void format_time(uint64_t seconds, char *text, size_t size)
{
	const time_t moment = (time_t)seconds;
	struct tm parts;
	if (!gmtime_r(&moment, &parts) || !strftime(text, size, "%Y-%m-%dT%H:%M:%SZ", &parts))
		*text = 0;
}

json_t *container_describe(const struct container *container, enum container_status status,
			   bool more)
{
	char created[64];
	/* A member "pid" must be there where there is a process. */
	const pid_t pid = status == CONTAINER_STOPPED ? 0 : container->pid;
	json_t *tree = json_pack("{s:s, s:s, s:s, s:i, s:o}", "ociVersion", OCI_VERSION, "id",
				 container->id, "status", container_status_names[status], "pid",
				 pid, "bundle", json_text(container->bundle));
	if (!tree)
		return NULL;
	format_time(container->created_s, created, sizeof(created));
	int failed = 0;
	if (more)
		failed = json_object_set_new(tree, "rootfs", json_text(container->rootfs)) ||
			 json_object_set_new(tree, "created", json_string(created)) ||
			 json_object_set_new(tree, "owner", json_string("root"));
	if (!failed && container->annotations)
		failed = json_object_set(tree, "annotations", container->annotations);
	if (failed) {
		json_decref(tree);
		return NULL;
	}
	return tree;
}
