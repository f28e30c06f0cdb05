/* The monitor: load, prepare, serve; see monitor.h. */
#include "monitor.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "loader_linux.h"
#include "monitor_internal.h"
#include "slot.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors.h"
#include "util/log.h"
#include "util/paths.h"
#include "virtual_cpu.h"

/* Opens a root image, and finds out where it lies: that of an archive is in the cache. */
static int open_root_image(struct monitor *monitor, const char *source, struct error *error)
{
	char link[32], path[PATH_MAX];
	int result = root_open(&monitor->root, source, error);
	if (result)
		return result;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", monitor->root.fd);
	ssize_t length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return error_set_errno(error, errno, "cannot read %s", link);
	monitor->root_path = strndup(path, (size_t)length);
	return monitor->root_path ? 0 : error_set(error, ENOMEM, "no memory for a path");
}

/* *tree: where the program is found; NULL without a root. */
static int open_root(struct monitor *monitor, const char *source, const struct root_tree **tree,
		     struct error *error)
{
	int result = 0;
	*tree = NULL;
	if (!source)
		return 0;
	if (root_is_directory(source)) {
		result = root_client_open(&monitor->files, source, error);
		if (!result)
			*tree = root_client_tree(monitor->files);
	} else {
		result = open_root_image(monitor, source, error);
		*tree = &monitor->root.tree;
	}
	return result;
}

/* Where the program's interpreter is told to look for libraries. */
static int note_library_path(struct monitor *monitor, const char *const *environment,
			     struct error *error)
{
	const char name[] = "LD_LIBRARY_PATH=";
	for (; *environment; environment++)
		if (!strncmp(*environment, name, sizeof(name) - 1))
			break;
	if (!*environment)
		return 0;
	monitor->library_path = strdup(*environment + sizeof(name) - 1);
	return monitor->library_path ? 0 : error_set(error, ENOMEM, "no memory for a path");
}

static int monitor_load(struct monitor *monitor, const struct monitor_options *options,
			struct error *error)
{
	char path[PATH_MAX];
	const struct root_tree *root;
	int result = open_root(monitor, options->root, &root, error);
	if (!result)
		result = program_open(&monitor->program, options->program, root,
				      options->environment, error);
	if (!result)
		result = note_library_path(monitor, options->environment, error);
	if (!result)
		result = paths_part(path, sizeof(path), MONITOR_LIBRARY_OS, error);
	if (!result)
		result = elf_file_open(&monitor->library_os, path, error);
	if (result)
		return result;
	if (options->memory < LOADER_MEMORY_MIN || options->memory > LOADER_MEMORY_MAX)
		return error_set(error, EINVAL, "%lu KiB of memory: give %lu KiB to %lu GiB",
				 options->memory >> 10, LOADER_MEMORY_MIN >> 10,
				 LOADER_MEMORY_MAX >> 30);
	monitor->program_base = monitor->program.file.is_pie ? GUEST_PIE_BASE : 0;
	cleanup_free const char **arguments =
	    program_arguments(&monitor->program, options->arguments);
	if (!arguments)
		return error_set(error, ENOMEM, "no memory for arguments");
	struct loader_program program = {
	    .file = &monitor->program.file,
	    .interpreter = &monitor->program.interpreter,
	    .root = monitor->root.fd >= 0 ? &monitor->root : NULL,
	    .root_served = monitor->files,
	    .path = root ? monitor->program.path : options->program,
	    .absolute_path = monitor->program.path,
	    .arguments = arguments,
	    .environment = options->environment,
	    .memory = options->memory,
	};
	result = loader_linux_build(&monitor->image, &program, &monitor->library_os, error);
	if (!result)
		result = virtual_cpu_prepare(&monitor->image, error);
	return result;
}

int monitor_choose_isolation(struct monitor *monitor, const char *wanted, struct error *error)
{
	monitor->isolation = isolation_choose(wanted, error);
	if (!monitor->isolation)
		return -error->code;
	/* Where it cannot be raised, some slot cannot be opened and says why. */
	descriptors_raise_limit();
	return monitor->isolation->open(&monitor->host, error);
}

int monitor_open(struct monitor **monitor, const struct monitor_options *options,
		 struct error *error)
{
	struct monitor *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a monitor");
	self->image.memfd = self->root.fd = -1;
	self->dialer = accel_dialer_own;
	self->debug = options->debug;
	guest_time_init(&self->time);
	const char *slash = strrchr(options->program, '/');
	self->name = strdup(slash ? slash + 1 : options->program);
	int result = monitor_choose_isolation(self, options->isolation, error);
	if (!result && !self->name)
		result = error_set(error, ENOMEM, "no memory for a monitor");
	if (!result && options->warm_up) {
		self->warm_up = malloc(options->warm_up_length);
		if (!self->warm_up)
			result = error_set(error, ENOMEM, "no memory for the warm-up request");
		else
			memcpy(self->warm_up, options->warm_up, options->warm_up_length);
		self->warm_up_length = options->warm_up_length;
	}
	if (!result)
		result = monitor_load(self, options, error);
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
	image_release(&monitor->image);
	program_release(&monitor->program);
	root_image_release(&monitor->root);
	root_client_close(monitor->files);
	elf_file_release(&monitor->library_os);
	accelerator_journal_release(&monitor->journal);
	prefix_release(&monitor->prefix);
	if (monitor->isolation)
		monitor->isolation->close(monitor->host);
	free(monitor->draft);
	free(monitor->warm_up);
	free(monitor->root_path);
	free(monitor->library_path);
	free(monitor->name);
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

/* Runs the set-up in a machine that writes into `image`, a copy of the image as loaded. */
static int run_setup(struct monitor *monitor, struct image *image, const struct request *request,
		     enum slot_end *end, struct request_result *result, struct error *error)
{
	struct slot slot;
	uint64_t begin = clock_now_ns();
	int code = slot_build(&slot, monitor, image, false, error);
	if (code)
		return code;
	code = slot_begin(&slot, request, result, error);
	result->clone_ns = clock_now_ns() - begin;
	if (!code)
		code = slot_run(&slot, MACHINE_START, end, error);
	result->run_ns = clock_now_ns() - begin - result->clone_ns;
	slot_dismantle(&slot);
	return code;
}

int monitor_prepare(struct monitor *monitor, const struct request *request, bool *finished,
		    struct request_result *result, struct error *error)
{
	struct image copy;
	enum slot_end end = SLOT_FINISHED;
	if (monitor->prepared)
		return error_set(error, EINVAL, "%s is prepared already", monitor->name);
	int code = image_copy(&copy, &monitor->image, error);
	if (code)
		return code;
	monitor->preparing = true;
	code = run_setup(monitor, &copy, request, &end, result, error);
	monitor->preparing = monitor->warming_up = false;
	if (!code && monitor->warm_up && end == SLOT_FINISHED && result->outcome == OUTCOME_EXITED)
		code = error_set(error, ENOTSUP,
				 "it ended with status %d instead of waiting for the request after "
				 "the warm-up; only a program that serves one request after "
				 "another can be warmed up",
				 result->status);
	if (code) {
		image_release(&copy);
		return error_wrap(error, "cannot start %s", monitor->name);
	}
	monitor->prepared = true;
	*finished = end == SLOT_FINISHED;
	if (*finished) {
		/* There is no set-up to keep: every request is the whole program. */
		image_release(&copy);
		accelerator_journal_release(&monitor->journal);
		code = prefix_answer(&monitor->prefix, request,
				     clock_now_ns() + request->timeout_ns, error);
		prefix_release(&monitor->prefix);
		if (code == -ETIMEDOUT)
			result->outcome = OUTCOME_DEADLINE;
		return code == -ETIMEDOUT ? 0 : code;
	}
	image_release(&monitor->image);
	monitor->image = copy;
	monitor->image.footprint = &monitor->footprint;
	monitor->frozen = true;
	/* From here on the snapshot is only read. */
	if (mprotect(copy.memory, copy.size, PROT_READ))
		return error_set_errno(error, errno, "cannot protect the snapshot");
	return 0;
}

int monitor_serve(struct monitor *monitor, const struct request *request,
		  struct request_result *result, struct error *error)
{
	if (!monitor->prepared) {
		bool finished = false;
		int code = monitor_prepare(monitor, request, &finished, result, error);
		if (code || finished)
			return code;
	}
	if (!monitor->first_slot) {
		int code = slot_open(&monitor->first_slot, monitor, error);
		if (code)
			return code;
	}
	int code = slot_serve(monitor->first_slot, request, result, error);
	if (code) {
		slot_close(monitor->first_slot);
		monitor->first_slot = NULL;
	}
	return code;
}
