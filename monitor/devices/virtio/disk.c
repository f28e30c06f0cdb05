/* Files behind virtio block devices; see block.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block.h"
#include "util/cleanup.h"

#define BLOCK_SIZE_MAX 4096UL

static int open_file(const char *file, bool *read_only)
{
	/* Not blocking: a pipe without a writer is refused, not waited for. */
	int fd = open(file, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	*read_only = fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM);
	return *read_only ? open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : fd;
}

static int begin(struct virtio_disk *disk, const char *name, uint64_t size, struct error *error)
{
	*disk = (struct virtio_disk){.fd = -1, .block_size = (uint32_t)size};
	memcpy(disk->identity, name, strnlen(name, sizeof(disk->identity)));
	if (size < VIRTIO_SECTOR_SIZE || size > BLOCK_SIZE_MAX || size & (size - 1))
		return error_set(error, EINVAL,
				 "a block device has blocks of 512, 1024, 2048 or 4096 bytes");
	return 0;
}

static int check_size(const struct virtio_disk *disk, const char *file, struct error *error)
{
	const uint32_t size = disk->block_size;
	if (!disk->size || disk->size % size)
		return error_set(error, EINVAL,
				 "%s has %lu bytes, which is no multiple of its blocks of %u bytes",
				 file, disk->size, size);
	return 0;
}

int virtio_disk_open(struct virtio_disk *disk, const char *name, const char *file,
		     uint64_t block_size, struct error *error)
{
	struct stat status;
	int result = begin(disk, name, block_size, error);
	if (result)
		return result;
	cleanup_close int fd = open_file(file, &disk->read_only);
	if (fd < 0 || fstat(fd, &status))
		return error_set_errno(error, errno, "cannot open %s for the block device %s", file,
				       name);
	if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
		return error_set(error, EINVAL,
				 "%s is no file or block device, which the block device %s needs",
				 file, name);
	const off_t end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return error_set_errno(error, errno, "cannot find out how long %s is", file);
	disk->size = (uint64_t)end;
	result = check_size(disk, file, error);
	if (!result)
		disk->fd = take_fd(&fd);
	return result;
}

int virtio_disk_of_request(struct virtio_disk *disk, const char *name, uint64_t block_size,
			   struct error *error)
{
	int result = begin(disk, name, block_size, error);
	disk->size = REQUEST_DISK_MAX + block_size;
	disk->read_only = true;
	return result;
}
