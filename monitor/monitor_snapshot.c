/* Monitors of snapshot files: opening one where another monitor left off; see monitor.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/snapshot/file.h"
#include "monitor_internal.h"
#include "util/text.h"

static int describe_guest(const struct monitor *monitor, struct snapshot *draft,
			  struct error *error)
{
	const struct guest *guest = monitor->guest;
	snprintf(draft->kind, sizeof(draft->kind), "%s", guest->kind->name);
	snprintf(draft->isolation, sizeof(draft->isolation), "%s", monitor->isolation->name);
	snprintf(draft->name, sizeof(draft->name), "%s", guest->name);
	text_make_line(draft->name, strlen(draft->name));
	cpu_features_read(&draft->features);
	int result = guest->kind->describe(guest, draft, error);
	return result ? result
		      : hash_bytes(draft->program.data, draft->program.size, draft->program_digest,
				   error);
}

int monitor_plan_save(struct monitor *monitor, struct error *error)
{
	if (monitor->prepared)
		return error_set(error, EINVAL, "%s is a snapshot already", monitor->guest->name);
	/* monitor_prepare() finds that there is nothing to save, and says why. */
	if (monitor->guest->kind->starts_afresh)
		return 0;
	if (monitor->guest->files)
		return error_set(error, ENOTSUP,
				 "%s has a directory as its root, which a snapshot cannot hold: "
				 "pack the directory (mayfly root build DIRECTORY -o ROOT.img) and "
				 "give the image as its root",
				 monitor->guest->name);
	monitor->draft = calloc(1, sizeof(*monitor->draft));
	if (!monitor->draft)
		return error_set(error, ENOMEM, "no memory for a snapshot");
	return describe_guest(monitor, monitor->draft, error);
}

int monitor_save(struct monitor *monitor, int fd, struct error *error)
{
	struct snapshot *draft = monitor->draft;
	if (!monitor->frozen || !draft)
		return error_set(error, EINVAL, "%s has no snapshot of its own to save",
				 monitor->guest->name);
	draft->image = monitor->image;
	draft->entries = monitor->guest->entries;
	draft->state = monitor->setup.state;
	draft->setup_output = monitor->setup.output;
	draft->journal = monitor->setup.journal;
	return snapshot_file_write(fd, draft, error);
}

static int choose_isolation(struct monitor *monitor, const struct snapshot *snapshot,
			    const char *wanted, struct error *error)
{
	/* Isolations differ a little in what a program sees of the processor. */
	if (strcmp(wanted, "auto") != 0 && strcmp(wanted, snapshot->isolation) != 0)
		return error_set(error, EINVAL, "taken under isolation %s: it cannot run under %s",
				 snapshot->isolation, wanted);
	int result = monitor_choose_isolation(monitor, snapshot->isolation, error);
	if (!result)
		result = monitor_check_kind(monitor, error);
	const struct machine_state *state = &monitor->setup.state.machine;
	if (!result && state->length &&
	    !(monitor->isolation->state_is_sound &&
	      monitor->isolation->state_is_sound(monitor->host, state)))
		result = error_set(error, EBADMSG, "damaged: its processor's state is not sound");
	return result;
}

static int restore_guest(struct monitor *monitor, struct snapshot *snapshot,
			 const struct monitor_options *options, struct error *error)
{
	const struct guest_kind *kind = guest_kind_find(snapshot->kind);
	if (!kind)
		return error_set(error, EPROTONOSUPPORT,
				 "its guest is of the kind %s, which this Mayfly does not know",
				 snapshot->kind);
	if (image_is_flat(&snapshot->image) != kind->needs_kernels)
		return error_set(error, EBADMSG,
				 "damaged: its memory is not that of a guest of the kind %s",
				 kind->name);
	int result = monitor_check_devices(kind, &options->guest, error);
	if (!result)
		result = kind->restore(&monitor->guest, snapshot, &options->guest, error);
	if (result)
		return result;
	monitor->guest->debug = options->debug;
	if (!kind->has_environment)
		monitor->guest->variables_room = GUEST_VARIABLES_MAX;
	monitor->guest->name = strdup(snapshot->name);
	return monitor->guest->name ? 0 : error_set(error, ENOMEM, "no memory for a monitor");
}

/* Moves what the snapshot holds into the monitor; the rest its guest has. */
static void take_snapshot(struct monitor *monitor, const struct snapshot *snapshot)
{
	monitor->image = snapshot->image;
	monitor->image.working_set = &monitor->working_set;
	monitor->setup.state = snapshot->state;
	monitor->setup.output = snapshot->setup_output;
	monitor->setup.journal = snapshot->journal;
	monitor->prepared = monitor->frozen = true;
}

int monitor_open_snapshot(struct monitor **monitor, const struct monitor_options *options,
			  struct error *error)
{
	struct snapshot snapshot;
	if (options->fresh)
		return error_set(error, EINVAL, "%s is a snapshot: it has no start any more",
				 options->guest.program);
	int result = snapshot_file_open(&snapshot, options->guest.program, error);
	if (result)
		return result;
	struct monitor *self = monitor_make(error);
	result = self ? restore_guest(self, &snapshot, options, error) : -ENOMEM;
	if (result)
		snapshot_release(&snapshot);
	else
		take_snapshot(self, &snapshot);
	if (self) {
		self->dialer = *options->dialer;
		self->reuse = options->reuse;
	}
	if (!result)
		result = choose_isolation(self, &snapshot, options->isolation, error);
	if (result) {
		monitor_close(self);
		return error_wrap(error, "snapshot %s", options->guest.program);
	}
	*monitor = self;
	return 0;
}
