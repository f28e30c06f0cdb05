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
#include "guest/mm/user_memory.h"
#include "guest/sched/futex.h"
#include "guest/sched/futex_lock.h"
#include "guest/sched/identity.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "guest/signal/signals.h"
#include "guest/time/timers.h"
#include "image.h"

/* All other threads end, as by exit(2). */
static void end_threads(void)
{
	struct thread *self = thread_current();
	thread_end_others();
	futex_release_robust(self);
	self->robust_list = 0;
	self->clear_id = 0;
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

/* The same program has the same pages at the same places, mostly. */
static uint64_t kind_of(const struct exec_image *image)
{
	return (uint64_t)text_hash(image->path, strlen(image->path)) << 8;
}

/* Where others go on in the caller's memory it leaves that, which can be refused. What it has to say
 * there is said before. */
static int leave_memory(struct process *process, const struct exec_image *image)
{
	struct thread *self = thread_current();
	const int32_t none = 0;
	futex_release_robust(self);
	if (self->clear_id && !user_copy_out(self->clear_id, &none, sizeof(none)))
		futex_wake(self->clear_id, 1, UINT32_MAX);
	self->robust_list = self->clear_id = 0;
	return address_space_renew(&process->memory, kind_of(image));
}

/* The point of no return: the program's memory goes, and what belongs to it. */
static int begin_program(struct exec_image *image, bool left_memory)
{
	struct process *process = process_current();
	end_threads();
	timers_delete_all();
	signals_start_program();
	close_descriptors();
	int error = left_memory ? 0 : address_space_renew(&process->memory, kind_of(image));
	process_start_program(image->path, base_name(image->arguments.path));
	identity_start_program();
	if (!error)
		error = exec_load(image);
	return error ? error : exec_build_stack(image);
}

/* Finds all that is needed, while the caller can still go on as it was. */
static int prepare(struct exec_image *image, const struct exec_request *request, bool *left_memory)
{
	struct process *process = process_current();
	int error = exec_open(image, request);
	if (!error)
		error = signal_actions_unshare();
	if (!error)
		error = descriptors_unshare();
	/* Its other threads would be left in the memory of others. */
	*left_memory = process->memory->references > 1 && process->thread_count == 1;
	return error || !*left_memory ? error : leave_memory(process, image);
}

static void release(struct exec_image *image)
{
	exec_image_release(image);
	heap_free(image, sizeof(*image));
}

static int64_t execute(const struct exec_request *request)
{
	struct exec_image *image = heap_allocate(sizeof(*image));
	bool left_memory;
	if (!image)
		return -ENOMEM;
	int error = prepare(image, request, &left_memory);
	if (error) {
		release(image);
		return error;
	}
	error = begin_program(image, left_memory);
	if (error) {
		machine_tell("execve: %s cannot be started (error %d), and the program that "
			     "called is gone: it is ended",
			     image->path, -error);
		release(image);
		process_end_by_signal(SIGKILL);
	}
	const uint64_t entry = entry_of(image);
	release(image);
	/* It may have been ended or stopped while other threads ended. */
	thread_heed_process();
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
