/* Opening and closing a monitor; see monitor.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/network/network.h"
#include "monitor_internal.h"
#include "util/descriptors.h"
#include "util/log.h"

struct monitor *monitor_make(struct error *error)
{
	struct monitor *self = calloc(1, sizeof(*self));
	if (!self) {
		error_set(error, ENOMEM, "no memory for a monitor");
		return NULL;
	}
	self->image.memfd = self->image.root = -1;
	guest_time_init(&self->time);
	return self;
}

int monitor_choose_isolation(struct monitor *monitor, const char *wanted, struct error *error)
{
	monitor->isolation = isolation_choose(wanted, error);
	if (!monitor->isolation)
		return -error->code;
	/* If the limit cannot be raised, a slot that cannot be opened says so. */
	descriptors_raise_limit();
	return monitor->isolation->open(&monitor->host, error);
}

static int keep_warm_up(struct setup *setup, const struct monitor_options *options,
			struct error *error)
{
	if (!options->warm_up)
		return 0;
	uint8_t *copy = malloc(options->warm_up_length);
	if (!copy)
		return error_set(error, ENOMEM, "no memory for the warm-up request");
	memcpy(copy, options->warm_up, options->warm_up_length);
	setup->warm_up = copy;
	setup->warm_up_length = options->warm_up_length;
	return 0;
}

/* What is said of any networks that there are needs none. */
static bool wants_devices(const char *const *devices)
{
	static const char any[] = "net:" NETWORK_ANY "=";
	for (; devices && *devices; devices++)
		if (strncmp(*devices, any, strlen(any)) != 0)
			return true;
	return false;
}

int monitor_check_devices(const struct guest_kind *kind, const struct guest_options *options,
			  struct error *error)
{
	if (kind->takes_devices || !wants_devices(options->devices))
		return 0;
	return error_set(
	    error, EINVAL,
	    "%s is a guest of the kind %s, which has no devices: --block and --net are "
	    "for unikernels",
	    options->program, kind->name);
}

int monitor_check_kind(const struct monitor *monitor, struct error *error)
{
	const struct guest_kind *kind = monitor->guest->kind;
	const struct isolation *isolation = monitor->isolation;
	const char *need = NULL;
	if (kind->needs_kernels && !isolation->has_kernels)
		need = "was built for the processor's privileged ring";
	else if (kind->needs_ports && !isolation->has_ports)
		need = "talks to devices by ports";
	else if (kind->needs_direct && !isolation->has_direct)
		need = "makes its system calls itself";
	if (!need)
		return 0;
	return error_set(
	    error, ENOTSUP,
	    "%s is a guest of the kind %s, which %s: isolation %s cannot run it, %s can",
	    monitor->guest->name, kind->name, need, isolation->name,
	    kind->needs_direct ? "process" : "kvm");
}

/* What is in force where the user leaves it to us. */
static const char *wanted_isolation(const struct monitor_options *options)
{
	if (strcmp(options->isolation, "auto") != 0 ||
	    !guest_kind_of(&options->guest)->needs_direct)
		return options->isolation;
	log_info("%s makes its system calls itself: it has no virtual machine, and is held in by "
		 "process isolation",
		 options->guest.program);
	return "process";
}

/* A kind may leave no choice of how requests start. */
static int check_start(struct monitor *monitor, const struct monitor_options *options,
		       struct error *error)
{
	const struct guest_kind *kind = monitor->guest->kind;
	if (!kind->starts_afresh)
		return 0;
	monitor->fresh = true;
	if (!options->warm_up)
		return 0;
	return error_set(
	    error, EINVAL,
	    "%s is a guest of the kind %s, which starts afresh for each request: there "
	    "is nothing to warm up",
	    monitor->guest->name, kind->name);
}

static int load_guest(struct monitor *monitor, const struct monitor_options *options,
		      struct error *error)
{
	const struct guest_options *what = &options->guest;
	const struct guest_kind *kind = guest_kind_of(what);
	int result = monitor_check_devices(kind, what, error);
	if (!result)
		result = kind->load(&monitor->guest, what, &monitor->image, error);
	if (result)
		return result;
	const char *slash = strrchr(what->program, '/');
	monitor->guest->debug = options->debug;
	if (!kind->has_environment)
		monitor->guest->variables_room = GUEST_VARIABLES_MAX;
	monitor->guest->name = strdup(slash ? slash + 1 : what->program);
	if (!monitor->guest->name)
		return error_set(error, ENOMEM, "no memory for a monitor");
	result = monitor_check_kind(monitor, error);
	if (!result)
		result = check_start(monitor, options, error);
	if (!result && monitor->guest->kernel)
		result = monitor->isolation->adapt_kernel(monitor->host, monitor->image.memory,
							  monitor->guest->kernel, error);
	return result;
}

int monitor_open(struct monitor **monitor, const struct monitor_options *options,
		 struct error *error)
{
	struct monitor *self = monitor_make(error);
	if (!self)
		return -ENOMEM;
	self->dialer = *options->dialer;
	self->fresh = options->fresh;
	self->reuse = options->reuse;
	self->once = options->once;
	int result = monitor_choose_isolation(self, wanted_isolation(options), error);
	if (!result)
		result = keep_warm_up(&self->setup, options, error);
	if (!result)
		result = load_guest(self, options, error);
	if (result) {
		monitor_close(self);
		return result;
	}
	*monitor = self;
	return 0;
}

void monitor_close(struct monitor *monitor)
{
	if (!monitor)
		return;
	slot_close(monitor->first_slot);
	slot_close(monitor->spare);
	image_release(&monitor->image);
	guest_release(monitor->guest);
	accelerator_journal_release(&monitor->setup.journal);
	setup_output_release(&monitor->setup.output);
	free(monitor->setup.state.devices);
	free((void *)monitor->setup.warm_up);
	if (monitor->isolation)
		monitor->isolation->close(monitor->host);
	free(monitor->draft);
	free(monitor);
}

const char *monitor_isolation(const struct monitor *monitor)
{
	return monitor->isolation->name;
}

uint64_t monitor_shared_bytes(const struct monitor *monitor)
{
	return image_resident_bytes(&monitor->image);
}

struct slot *monitor_first_slot(const struct monitor *monitor)
{
	return monitor->first_slot;
}
