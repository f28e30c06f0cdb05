/* The devices that are no more than memory: null, zero, full. */
#include "mem.h"

#include <errno.h>
#include <sys/sysmacros.h>

#include "guest/fs/file.h"
#include "guest/fs/tree.h"
#include "guest/lib/text.h"
#include "guest/mm/backing.h"
#include "sizes/sizes.h"

static int64_t read_nothing(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	return 0;
}

static int64_t read_zeros(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	memset(out, 0, length);
	return (int64_t)length;
}

static int64_t write_nowhere(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	return (int64_t)length;
}

static int64_t write_full(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	return -ENOSPC;
}

/* A private mapping of /dev/zero is an anonymous one. */
static int map_zeros(struct file *file, struct backing **backing)
{
	*backing = NULL;
	return 0;
}

static const struct file_operations null_operations = {
    .read = read_nothing,
    .write = write_nowhere,
    .ignores_out = true,
    .ignores_in = true,
    .positioned = true,
};

static const struct file_operations zero_operations = {
    .read = read_zeros,
    .write = write_nowhere,
    .map = map_zeros,
    .ignores_in = true,
    .positioned = true,
    .endless = true,
};

static const struct file_operations full_operations = {
    .read = read_zeros,
    .write = write_full,
    .ignores_in = true,
    .positioned = true,
    .endless = true,
    .refuses_splice = true,
};

void mem_init(void)
{
	static const struct {
		const char *name;
		unsigned minor;
		const struct file_operations *operations;
	} devices[] = {
	    {"null", 3, &null_operations},
	    {"zero", 5, &zero_operations},
	    {"full", 7, &full_operations},
	};
	for (size_t i = 0; i < ARRAY_SIZE(devices); i++)
		tree_add_device(tree_devices(), devices[i].name, S_IFCHR | 0666,
				makedev(1, devices[i].minor), devices[i].operations);
}
