/* The table of descriptors; see descriptors.h. */
#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>

#include "file.h"
#include "guest/lib/large_data.h"
#include "guest/sched/process.h"

struct descriptor {
	struct file *file;
	bool close_on_exec;
};

struct descriptor_table {
	struct descriptor descriptors[DESCRIPTOR_COUNT];
};

LARGE_DATA struct descriptor_table descriptors_of_first;

static struct descriptor *own_descriptors(void)
{
	return process_current()->descriptors->descriptors;
}

struct file *descriptor_file(uint64_t descriptor)
{
	return descriptor < DESCRIPTOR_COUNT ? own_descriptors()[descriptor].file : NULL;
}

struct file *descriptor_opened(uint64_t descriptor)
{
	struct file *file = descriptor_file((uint32_t)descriptor);
	return file && !(file->flags & O_PATH) ? file : NULL;
}

int descriptor_install(struct file *file, uint64_t lowest, bool close_on_exec)
{
	struct descriptor *const descriptors = own_descriptors();
	for (uint64_t i = lowest; i < DESCRIPTOR_COUNT; i++) {
		if (descriptors[i].file)
			continue;
		descriptors[i].file = file;
		descriptors[i].close_on_exec = close_on_exec;
		return (int)i;
	}
	file_drop(file);
	return -EMFILE;
}

void descriptor_replace(uint64_t descriptor, struct file *file, bool close_on_exec)
{
	struct descriptor *const place = &own_descriptors()[descriptor];
	struct file *old = place->file;
	*place = (struct descriptor){.file = file, .close_on_exec = close_on_exec};
	if (old)
		file_drop(old);
}

int descriptor_close(uint64_t descriptor)
{
	if (!descriptor_file(descriptor))
		return -EBADF;
	descriptor_replace(descriptor, NULL, false);
	return 0;
}

bool descriptor_close_on_exec(uint64_t descriptor)
{
	return own_descriptors()[descriptor].close_on_exec;
}

void descriptor_set_close_on_exec(uint64_t descriptor, bool value)
{
	own_descriptors()[descriptor].close_on_exec = value;
}
