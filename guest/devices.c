/* The devices that programs expect everywhere: null, zero, full, random. */
#include <errno.h>

#include "files.h"
#include "libos.h"
#include "text.h"

static int64_t read_nothing(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	return 0;
}

static int64_t read_zeros(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	memset(out, 0, length);
	return (int64_t)length;
}

static int64_t read_random(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	random_bytes(out, length);
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

const struct file_operations null_operations = {
    .read = read_nothing,
    .write = write_nowhere,
    .seekable = true,
};

const struct file_operations zero_operations = {
    .read = read_zeros,
    .write = write_nowhere,
    .seekable = true,
};

const struct file_operations full_operations = {
    .read = read_zeros,
    .write = write_full,
    .seekable = true,
};

const struct file_operations random_operations = {
    .read = read_random,
    .write = write_nowhere,
    .seekable = true,
};
