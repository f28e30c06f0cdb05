/* The system calls by which another program takes the place of the one that calls.
 *
 * Up to begin_program() an error is the caller's, which goes on as it was. From there on nothing of it
 * is left, and an error ends the process, as on Linux. set-user-ID bits change nothing: everybody who
 * runs in a machine may do the same. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "guest/fs/descriptors.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/machine/machine.h"
#include "guest/mm/address_space.h"
#include "guest/mm/heap.h"
#include "guest/sched/futex.h"
#include "guest/sched/futex_lock.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "guest/signal/signals.h"
#include "guest/time/timers.h"
#include "image.h"

/* All other threads end, as by exit(2), but for what is written to memory that goes. */
static void end_threads(void)
{
	struct thread *self = thread_current(), *thread = NULL;
	while ((thread = thread_next_of(self->process, thread))) {
		if (thread == self)
			continue;
		futex_release_robust(thread);
		signal_leave_thread(thread);
	}
	futex_release_robust(self);
	self->robust_list = 0;
	self->clear_id = 0;
	thread_end_others();
}

static void close_descriptors(void)
{
	const uint64_t end = descriptors_end(process_current());
	for (uint64_t i = 0; i < end; i++)
		if (descriptor_file(i) && descriptor_close_on_exec(i))
			descriptor_close(i);
}

static const char *base_name(const char *path)
{
	const char *base = path;
	for (; *path; path++)
		if (*path == '/')
			base = path + 1;
	return base;
}

static uint64_t entry_of(const struct exec_image *image)
{
	const struct exec_file *file =
	    image->interpreter.file ? &image->interpreter : &image->program;
	return file->base + file->program.entry;
}

/* The point of no return: the program's memory goes, and what belongs to it. */
static int begin_program(struct exec_image *image)
{
	end_threads();
	timers_delete_all();
	signals_start_program();
	close_descriptors();
	int error = address_space_renew(&process_current()->memory);
	process_start_program(image->path, base_name(image->arguments.path));
	if (!error)
		error = exec_load(image);
	return error ? error : exec_build_stack(image);
}

static int64_t execute(const struct exec_request *request)
{
	struct exec_image *image = heap_allocate(sizeof(*image));
	if (!image)
		return -ENOMEM;
	int error = exec_open(image, request);
	if (!error)
		error = signal_actions_unshare();
	if (!error)
		error = descriptors_unshare();
	if (error) {
		exec_image_release(image);
		heap_free(image, sizeof(*image));
		return error;
	}
	error = begin_program(image);
	if (error) {
		machine_tell("execve: %s cannot be started (error %d), and the program that "
			     "called is gone: it is ended",
			     image->path, -error);
		process_end_by_signal(SIGKILL);
	}
	const uint64_t entry = entry_of(image);
	exec_image_release(image);
	heap_free(image, sizeof(*image));
	thread_start_program(entry, process_current()->start.stack);
	return 0;
}

SYSTEM_CALL(execve)
{
	const struct exec_request request = {
	    .directory = (uint64_t)AT_FDCWD,
	    .path = arguments[0],
	    .arguments = arguments[1],
	    .variables = arguments[2],
	};
	return execute(&request);
}

SYSTEM_CALL(execveat)
{
	const struct exec_request request = {
	    .directory = arguments[0],
	    .path = arguments[1],
	    .arguments = arguments[2],
	    .variables = arguments[3],
	    .flags = (uint32_t)arguments[4],
	};
	if (request.flags & ~(uint64_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return execute(&request);
}
