/* The memory of a guest process: the process changes it, and page tables that nobody walks say how
 * it is; see machine.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"
#include "monitor/memory/page_space.h"
#include "monitor/memory/page_tables.h"
#include "places.h"
#include "util/cleanup.h"

uint32_t process_memory_bits(uint32_t protection)
{
	return (protection & GUEST_READ ? PROT_READ : 0) |
	       (protection & GUEST_WRITE ? PROT_WRITE : 0) |
	       (protection & GUEST_EXECUTE ? PROT_EXEC : 0);
}

/* Has the process do something. Returns 0, its answer as a negative errno, or the reason why there
 * was no answer. */
static int command_process(struct machine_process *self, const struct process_command *command)
{
	uint8_t code = 0;
	int result = process_machine_send(self, command, 1);
	if (!result)
		result = process_machine_await(self, self->deadline_ns, &code);
	/* An answer that is still to come must not be taken for the next hypercall. */
	if (result)
		self->failed = result;
	return result ? result : -(int)code;
}

/* The page tables are told what the process did. What the set-up changes is the clones' too: they
 * are made from them. */
int process_memory_protect(struct machine *machine, uint64_t address, uint64_t length,
			   uint32_t protection)
{
	struct machine_process *self = machine_process(machine);
	const struct process_command command = {
	    .kind = PROCESS_PROTECT,
	    .address = address,
	    .length = length,
	    .protection = process_memory_bits(protection),
	};
	int result = command_process(self, &command);
	return result ? result
		      : page_tables_protect(self->area.memory, address, length, protection, NULL);
}

static int process_show(struct machine_process *self, const struct page_run *run)
{
	const struct process_command command = {
	    .kind = PROCESS_SHOW,
	    .address = run->address,
	    .length = run->length,
	    .protection = process_memory_bits(run->protection),
	    .source = run->source - GUEST_ROOT_BASE,
	};
	return command_process(self, &command);
}

/* Those that are there already have data in it, and keep it as long as the process lives. The kernel
 * looks at every page of it, so the last answer is kept. */
bool process_memory_is_in_file(struct machine_process *self, const struct page_run *run)
{
	const off_t start = (off_t)(run->source - GUEST_POOL_BASE);
	const off_t end = start + (off_t)run->length;
	if (start >= self->shared_from && end <= self->shared_to)
		return true;
	if (lseek(self->shared, start, SEEK_DATA) != start)
		return false;
	const off_t hole = lseek(self->shared, start, SEEK_HOLE);
	if (hole < end)
		return false;
	if (start < self->shared_from || start > self->shared_to)
		self->shared_from = start;
	self->shared_to = hole;
	return true;
}

/* Has the process do that to the pages of the pool of a run, and to where they are when they are not
 * there. */
static int process_change(struct machine_process *self, const struct page_run *run,
			  enum process_command_kind kind, bool back)
{
	const uint64_t current = page_space_current(self->area.memory);
	uint64_t part;
	int result = 0;
	for (uint64_t done = 0; done < run->length && !result; done += part) {
		part = run->length - done;
		const uint64_t away =
		    process_pool_place(&self->area, current, run->source + done, &part);
		const uint64_t here = run->address + done;
		const struct process_command command = {
		    .kind = kind,
		    .address = back ? away : here,
		    .length = part,
		    .protection = process_memory_bits(run->protection),
		    .source = back ? here : away,
		};
		result = command_process(self, &command);
	}
	return result;
}

int process_memory_map(struct machine *machine, const struct page_run *run)
{
	struct machine_process *self = machine_process(machine);
	int result = page_area_map(&self->area, run, NULL);
	if (result)
		return result;
	if (page_run_is_shown(run)) {
		result = process_show(self, run);
	} else if (run->shared) {
		result = process_change(
		    self, run,
		    process_memory_is_in_file(self, run) ? PROCESS_REPEAT : PROCESS_SHARE, false);
	} else {
		result = process_change(self, run, PROCESS_MOVE, false);
		if (!result && run->protection != (GUEST_READ | GUEST_WRITE))
			result = process_memory_protect(machine, run->address, run->length,
							run->protection);
	}
	if (result)
		page_area_unmap(&self->area, run, NULL);
	return result;
}

static int process_unmap_run(struct machine *machine, const struct page_run *run)
{
	struct machine_process *self = machine_process(machine);
	const struct process_command hide = {
	    .kind = PROCESS_HIDE, .address = run->address, .length = run->length};
	if (page_run_is_shown(run) || run->shared)
		return command_process(self, &hide);
	int result = 0;
	if (run->protection != (GUEST_READ | GUEST_WRITE))
		result = process_memory_protect(machine, run->address, run->length,
						GUEST_READ | GUEST_WRITE);
	return result ? result : process_change(self, run, PROCESS_MOVE, true);
}

int process_memory_unmap(struct machine *machine, uint64_t address, uint64_t length)
{
	struct machine_process *self = machine_process(machine);
	struct page_run run;
	for (uint64_t at = address; page_area_find(&self->area, at, address + length, &run);
	     at = run.address + run.length) {
		int result = process_unmap_run(machine, &run);
		if (result)
			return result;
		page_area_unmap(&self->area, &run, NULL);
	}
	return 0;
}

/* What the process wrote to: pages of its own, in memory or swapped out. */
uint64_t process_memory_private_bytes(struct machine *machine)
{
	struct machine_process *self = machine_process(machine);
	char path[64], line[128];
	struct stat shared;
	if (!self->pid || self->host->processes < 0)
		return 0;
	snprintf(path, sizeof(path), "%d/smaps_rollup", self->pid);
	cleanup_close int fd = openat(self->host->processes, path, O_RDONLY | O_CLOEXEC);
	cleanup_fclose FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	uint64_t total = fstat(self->shared, &shared) ? 0 : (uint64_t)shared.st_blocks * 512;
	if (file)
		take_fd(&fd);
	while (file && fgets(line, sizeof(line), file)) {
		unsigned long kilobytes;
		if (sscanf(line, "Anonymous: %lu kB", &kilobytes) == 1 ||
		    sscanf(line, "Swap: %lu kB", &kilobytes) == 1)
			total += (uint64_t)kilobytes << 10;
	}
	return total;
}
