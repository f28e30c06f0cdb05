/* The table of descriptors; see descriptors.h. */
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>

#include "file.h"
#include "guest/lib/large_data.h"
#include "guest/lib/text.h"
#include "guest/locks/locks.h"
#include "guest/mm/heap.h"
#include "guest/sched/process.h"

struct descriptor {
	struct file *file;
	bool close_on_exec;
};

/* Processes have few: a table of a child's grows with its numbers. */
#define ROOM_STEP 32

struct descriptor_table {
	struct descriptor *descriptors;
	uint32_t room;	 /* numbers that there is memory for */
	uint32_t others; /* processes that share it, but for one */
};

static LARGE_DATA struct descriptor first_descriptors[DESCRIPTOR_COUNT];

struct descriptor_table descriptors_of_first = {
    .descriptors = first_descriptors,
    .room = DESCRIPTOR_COUNT,
};

static struct descriptor_table *own_table(void)
{
	return process_current()->descriptors;
}

/* ── of processes ────────────────────────────────────────────────────────────────────────────── */

static uint32_t round_room(uint64_t count)
{
	const uint64_t room = (count + ROOM_STEP - 1) / ROOM_STEP * ROOM_STEP;
	return (uint32_t)(room < DESCRIPTOR_COUNT ? room : DESCRIPTOR_COUNT);
}

static int copy_table(const struct descriptor_table *own, struct descriptor_table *copy)
{
	uint64_t end = own->room;
	while (end && !own->descriptors[end - 1].file)
		end--;
	copy->room = round_room(end + 1);
	copy->descriptors = heap_allocate(copy->room * sizeof(*copy->descriptors));
	if (!copy->descriptors)
		return -ENOMEM;
	memcpy(copy->descriptors, own->descriptors, end * sizeof(*copy->descriptors));
	for (uint64_t i = 0; i < end; i++)
		if (copy->descriptors[i].file)
			file_hold(copy->descriptors[i].file);
	return 0;
}

int descriptors_copy(struct process *child, bool shared)
{
	struct descriptor_table *own = own_table();
	if (shared) {
		own->others++;
		child->descriptors = own;
		return 0;
	}
	struct descriptor_table *copy = heap_allocate(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	if (copy_table(own, copy)) {
		heap_free(copy, sizeof(*copy));
		return -ENOMEM;
	}
	child->descriptors = copy;
	return 0;
}

/* With any descriptor of a file a process loses its locks on it. */
static void close_file(struct descriptor_table *table, struct file *file)
{
	locks_release(table, file->inode);
	file_drop(file);
}

static void close_all(struct descriptor_table *table)
{
	for (uint64_t i = 0; i < table->room; i++) {
		struct file *file = table->descriptors[i].file;
		table->descriptors[i] = (struct descriptor){0};
		if (file)
			close_file(table, file);
	}
}

static void release(struct descriptor_table *table)
{
	if (table->others) {
		table->others--;
		return;
	}
	close_all(table);
	if (table == &descriptors_of_first)
		return;
	heap_free(table->descriptors, table->room * sizeof(*table->descriptors));
	heap_free(table, sizeof(*table));
}

void descriptors_release(struct process *process)
{
	struct descriptor_table *table = process->descriptors;
	process->descriptors = NULL;
	if (table)
		release(table);
}

int descriptors_unshare(void)
{
	struct descriptor_table *shared = own_table();
	if (!shared->others)
		return 0;
	int error = descriptors_copy(process_current(), false);
	if (!error)
		release(shared);
	return error;
}

uint64_t descriptors_end(const struct process *process)
{
	return process->descriptors ? process->descriptors->room : 0;
}

struct file *descriptor_file_of(const struct process *process, uint64_t descriptor)
{
	return descriptor < descriptors_end(process)
		   ? process->descriptors->descriptors[descriptor].file
		   : NULL;
}

/* ── of the current one ──────────────────────────────────────────────────────────────────────── */

struct file *descriptor_file(uint64_t descriptor)
{
	return descriptor_file_of(process_current(), descriptor);
}

struct file *descriptor_opened(uint64_t descriptor)
{
	struct file *file = descriptor_file((uint32_t)descriptor);
	return file && !(file->flags & O_PATH) ? file : NULL;
}

/* The place of a number below DESCRIPTOR_COUNT; NULL: no memory. */
static struct descriptor *place_of(struct descriptor_table *table, uint64_t descriptor)
{
	if (descriptor >= table->room) {
		const uint32_t room = round_room(descriptor + 1);
		void *grown =
		    heap_resize(table->descriptors, table->room * sizeof(*table->descriptors),
				room * sizeof(*table->descriptors));
		if (!grown)
			return NULL;
		table->descriptors = grown;
		table->room = room;
	}
	return &table->descriptors[descriptor];
}

int descriptor_install(struct file *file, uint64_t lowest, bool close_on_exec)
{
	struct descriptor_table *const table = own_table();
	uint64_t number = lowest;
	while (number < table->room && table->descriptors[number].file)
		number++;
	struct descriptor *place = number < DESCRIPTOR_COUNT ? place_of(table, number) : NULL;
	if (!place) {
		file_drop(file);
		return number < DESCRIPTOR_COUNT ? -ENOMEM : -EMFILE;
	}
	*place = (struct descriptor){.file = file, .close_on_exec = close_on_exec};
	return (int)number;
}

int descriptor_replace(uint64_t descriptor, struct file *file, bool close_on_exec)
{
	struct descriptor_table *const table = own_table();
	struct descriptor *const place = place_of(table, descriptor);
	if (!place) {
		file_drop(file);
		return -ENOMEM;
	}
	struct file *old = place->file;
	*place = (struct descriptor){.file = file, .close_on_exec = close_on_exec};
	if (old)
		close_file(table, old);
	return 0;
}

int descriptor_close(uint64_t descriptor)
{
	struct file *file = descriptor_file(descriptor);
	if (!file)
		return -EBADF;
	own_table()->descriptors[descriptor] = (struct descriptor){0};
	close_file(own_table(), file);
	return 0;
}

bool descriptor_close_on_exec(uint64_t descriptor)
{
	return own_table()->descriptors[descriptor].close_on_exec;
}

void descriptor_set_close_on_exec(uint64_t descriptor, bool value)
{
	own_table()->descriptors[descriptor].close_on_exec = value;
}
