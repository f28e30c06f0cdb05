/* System calls on descriptors and open files: duplicates, flags. */
#include <errno.h>
#include <fcntl.h>

#include "arch/linux.h"
#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/regular.h"
#include "guest/lib/system_call.h"
#include "lock.h"

static int64_t duplicate(uint64_t descriptor, uint64_t lowest, bool close_on_exec)
{
	struct file *file = descriptor_file((uint32_t)descriptor);
	if (!file)
		return -EBADF;
	file_hold(file);
	return descriptor_install(file, lowest, close_on_exec);
}

static int64_t duplicate_to(uint64_t from, uint64_t to, bool close_on_exec)
{
	struct file *file = descriptor_file((uint32_t)from);
	if (!file || (uint32_t)to >= DESCRIPTOR_COUNT)
		return -EBADF;
	file_hold(file);
	int error = descriptor_replace((uint32_t)to, file, close_on_exec);
	return error ? error : (int64_t)(uint32_t)to;
}

SYSTEM_CALL(dup)
{
	return duplicate(arguments[0], 0, false);
}

SYSTEM_CALL(dup2)
{
	if ((uint32_t)arguments[0] == (uint32_t)arguments[1])
		return descriptor_file((uint32_t)arguments[0]) ? (int64_t)(uint32_t)arguments[0]
							       : -EBADF;
	return duplicate_to(arguments[0], arguments[1], false);
}

SYSTEM_CALL(dup3)
{
	if ((uint32_t)arguments[0] == (uint32_t)arguments[1] || arguments[2] & ~(uint64_t)O_CLOEXEC)
		return -EINVAL;
	return duplicate_to(arguments[0], arguments[1], arguments[2] & O_CLOEXEC);
}

static bool can_be_sealed(const struct file *file)
{
	return S_ISREG(file->inode->mode) && file->operations->stored;
}

SYSTEM_CALL(fcntl)
{
	uint32_t descriptor = (uint32_t)arguments[0], command = (uint32_t)arguments[1];
	uint64_t value = arguments[2];
	const int settable = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;
	struct file *file = descriptor_file(descriptor);
	if (!file)
		return -EBADF;
	/* A file that was opened with O_PATH can be duplicated and asked for its flags. */
	if (file->flags & O_PATH && command != F_DUPFD && command != F_DUPFD_CLOEXEC &&
	    command != F_GETFD && command != F_SETFD && command != F_GETFL)
		return -EBADF;
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (value >= DESCRIPTOR_COUNT)
			return -EINVAL;
		return duplicate(descriptor, value, command == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return descriptor_close_on_exec(descriptor) ? FD_CLOEXEC : 0;
	case F_SETFD:
		descriptor_set_close_on_exec(descriptor, value & FD_CLOEXEC);
		return 0;
	case F_GETFL:
		return file->flags | (S_ISREG(file->inode->mode) ? LINUX_LARGE_FILE : 0);
	case F_SETFL:
		file->flags = (file->flags & ~settable) | ((int)value & settable);
		return 0;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return lock_record(descriptor, command, value);
	case F_GETOWN: /* no signal is sent to anybody */
	case F_GETSIG:
		return 0;
	case F_GET_SEALS:
		return can_be_sealed(file) ? (int64_t)regular_seals(file->inode) : -EINVAL;
	case F_ADD_SEALS:
		if (value > UINT32_MAX)
			return -EINVAL;
		if (!file_writable(file))
			return -EPERM;
		return can_be_sealed(file) ? regular_add_seals(file->inode, (uint32_t)value)
					   : -EINVAL;
	default:
		return -EINVAL;
	}
}
