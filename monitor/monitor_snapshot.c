/* Monitors of snapshot files: opening one where another monitor left off; see monitor.h. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor_internal.h"
#include "util/paths.h"

bool monitor_is_snapshot(const char *path)
{
	return snapshot_file_recognise(path);
}

static int describe_program(const struct monitor *monitor, struct snapshot *draft,
			    struct error *error)
{
	const struct elf_file *file = &monitor->program.file;
	snprintf(draft->isolation, sizeof(draft->isolation), "%s", monitor->isolation->name);
	snprintf(draft->name, sizeof(draft->name), "%s", monitor->name);
	for (char *next = draft->name; *next; next++)
		if (*next < ' ' || *next > '~')
			*next = '?';
	cpu_features_read(&draft->features);
	int result = hash_bytes(file->data, file->size, draft->program_digest, error);
	if (result || !monitor->root_path)
		return result;
	snprintf(draft->root.path, sizeof(draft->root.path), "%s", monitor->root_path);
	return snapshot_root_describe(&draft->root, monitor->image.root, error);
}

int monitor_plan_save(struct monitor *monitor, struct error *error)
{
	if (monitor->prepared)
		return error_set(error, EINVAL, "%s is a snapshot already", monitor->name);
	if (monitor->files)
		return error_set(
		    error, ENOTSUP,
		    "%s has a directory as its root, which is read while it runs: pack "
		    "it (mayfly root build DIRECTORY -o ROOT.img) and run it from there",
		    monitor->name);
	monitor->draft = calloc(1, sizeof(*monitor->draft));
	if (!monitor->draft)
		return error_set(error, ENOMEM, "no memory for a snapshot");
	return describe_program(monitor, monitor->draft, error);
}

int monitor_save(struct monitor *monitor, int fd, struct error *error)
{
	struct snapshot *draft = monitor->draft;
	if (!monitor->frozen || !draft)
		return error_set(error, EINVAL, "%s has no snapshot of its own to save",
				 monitor->name);
	draft->image = monitor->image;
	draft->program = monitor->program.file;
	draft->program_base = monitor->program_base;
	draft->prefix = monitor->prefix;
	draft->journal = monitor->journal;
	return snapshot_file_write(fd, draft, error);
}

/* The library OS in the snapshot must be the one that this monitor knows. What it never writes to
 * says so. */
static int check_library_os(const struct monitor *monitor, struct error *error)
{
	const struct elf_file *file = &monitor->library_os;
	for (size_t i = 0; i < file->segment_count; i++) {
		const struct elf_segment *segment = &file->segments[i];
		if (segment->protection & GUEST_WRITE)
			continue;
		const void *there =
		    image_pointer(&monitor->image, segment->address, segment->file_size);
		if (!there || memcmp(there, file->data + segment->offset, segment->file_size) != 0)
			return error_set(error, EPROTONOSUPPORT,
					 "taken with another library OS than this Mayfly's: make "
					 "the snapshot again");
	}
	return 0;
}

static int choose_isolation(struct monitor *monitor, const struct snapshot *snapshot,
			    const char *wanted, struct error *error)
{
	/* What a program may see of the processor is not quite the same in each. */
	if (strcmp(wanted, "auto") != 0 && strcmp(wanted, snapshot->isolation) != 0)
		return error_set(error, EINVAL, "taken under isolation %s: it cannot run under %s",
				 snapshot->isolation, wanted);
	return monitor_choose_isolation(monitor, snapshot->isolation, error);
}

/* Moves what the snapshot holds into the monitor. */
static int take_snapshot(struct monitor *monitor, struct snapshot *snapshot, struct error *error)
{
	monitor->name = strdup(snapshot->name);
	monitor->program.file = snapshot->program;
	/* Of the root image nothing but the descriptor is needed: the library OS knows the rest. */
	monitor->root.fd = snapshot->image.root;
	monitor->program_base = snapshot->program_base;
	monitor->image = snapshot->image;
	monitor->image.footprint = &monitor->footprint;
	monitor->prefix = snapshot->prefix;
	monitor->journal = snapshot->journal;
	monitor->prepared = monitor->frozen = true;
	return monitor->name ? 0 : error_set(error, ENOMEM, "no memory for a monitor");
}

int monitor_open_snapshot(struct monitor **monitor, const struct monitor_options *options,
			  struct error *error)
{
	char path[PATH_MAX];
	struct snapshot snapshot;
	int result = snapshot_file_open(&snapshot, options->program, error);
	if (result)
		return result;
	struct monitor *self = calloc(1, sizeof(*self));
	if (!self) {
		snapshot_release(&snapshot);
		return error_set(error, ENOMEM, "no memory for a monitor");
	}
	self->dialer = accel_dialer_own;
	self->debug = options->debug;
	guest_time_init(&self->time);
	result = take_snapshot(self, &snapshot, error);
	if (!result)
		result = paths_part(path, sizeof(path), MONITOR_LIBRARY_OS, error);
	if (!result)
		result = elf_file_open(&self->library_os, path, error);
	if (!result)
		result = check_library_os(self, error);
	if (!result)
		result = choose_isolation(self, &snapshot, options->isolation, error);
	if (result) {
		monitor_close(self);
		return error_wrap(error, "snapshot %s", options->program);
	}
	*monitor = self;
	return 0;
}
