/* The system call that lists a directory. */
#include <dirent.h>
#include <errno.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/directory.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/mm/user_memory.h"

/* What getdents64 writes for each entry; the name and padding to 8 bytes follow. */
struct dirent_record {
	uint64_t number;
	uint64_t next; /* where the listing goes on behind this entry */
	uint16_t length;
	uint8_t type;
	char name[];
} __attribute__((packed));

#define DIRENT_HEADER offsetof(struct dirent_record, name)

/* Writes one entry to the program's buffer; returns how long it is. -EINVAL where it does not fit,
 * -EFAULT where the buffer is not there. */
static int64_t write_dirent(uint64_t address, int64_t room, const struct dirent_info *info)
{
	int64_t size = (int64_t)((DIRENT_HEADER + info->length + 1 + 7) & ~7UL);
	if (size > room)
		return -EINVAL;
	if (!user_writable(address, (uint64_t)size))
		return -EFAULT;
	struct dirent_record header = {
	    .number = info->number,
	    .next = info->cookie + 1,
	    .length = (uint16_t)size,
	    .type = (uint8_t)IFTODT(info->mode),
	};
	char *out = (char *)address;
	memset(out, 0, (size_t)size);
	memcpy(out, &header, DIRENT_HEADER);
	memcpy(out + DIRENT_HEADER, info->name, info->length);
	return size;
}

/* The entry at `cookie` of a directory's listing: the directory itself, its parent, then its
 * entries. */
static bool list_at(const struct inode *directory, uint64_t cookie, struct dirent_info *info)
{
	if (cookie >= DIRECTORY_FIRST_COOKIE)
		return directory->operations->list(directory, cookie, info);
	*info = (struct dirent_info){
	    .name = "..",
	    .length = cookie + 1,
	    .number = cookie ? directory->directory.parent->number : directory->number,
	    .cookie = cookie,
	    .mode = S_IFDIR,
	};
	return true;
}

SYSTEM_CALL(getdents64)
{
	struct file *file = descriptor_opened(arguments[0]);
	const uint64_t address = arguments[1];
	int64_t room = (int32_t)arguments[2], done = 0;
	if (!file)
		return -EBADF;
	struct inode *directory = file->inode;
	if (!S_ISDIR(directory->mode))
		return -ENOTDIR;
	if (!directory->links)
		return -ENOENT;
	int error = directory_load(directory, !file->offset);
	if (error)
		return error;
	struct dirent_info info;
	while (list_at(directory, file->offset, &info)) {
		int64_t size = write_dirent(address + (uint64_t)done, room - done, &info);
		if (size < 0)
			return done ? done : size;
		file->offset = info.cookie + 1;
		done += size;
	}
	return done;
}
