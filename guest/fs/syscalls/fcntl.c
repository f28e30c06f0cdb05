/* System calls on descriptors and open files: duplicates, flags, locks. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "arch/linux.h"
#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/regular.h"
#include "guest/lib/system_call.h"
#include "guest/mm/user_memory.h"
#include "sizes/sizes.h"

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

/* Does a lock's range begin at a byte that a file can have, and end at one? */
static int check_lock_range(const struct file *file, const struct flock *lock)
{
	int64_t start = 0, end;
	if (lock->l_whence == SEEK_CUR)
		start = (int64_t)file->offset;
	else if (lock->l_whence == SEEK_END)
		start = (int64_t)file->inode->size;
	else if (lock->l_whence != SEEK_SET)
		return -EINVAL;
	if (add_overflows(start, lock->l_start, &start) || add_overflows(start, lock->l_len, &end))
		return -EOVERFLOW;
	return start < 0 || end < 0 ? -EINVAL : 0;
}

/* Only one process has files here, and its own locks never conflict. */
static int64_t lock_record(const struct file *file, uint32_t command, uint64_t address)
{
	struct flock lock;
	int error = user_copy_in(&lock, address, sizeof(lock));
	if (error)
		return error;
	if (lock.l_type != F_RDLCK && lock.l_type != F_WRLCK &&
	    (lock.l_type != F_UNLCK || command == F_GETLK))
		return -EINVAL;
	error = check_lock_range(file, &lock);
	if (error)
		return error;
	if (command != F_GETLK) {
		bool allowed = lock.l_type == F_UNLCK ||
			       (lock.l_type == F_RDLCK ? file_readable(file) : file_writable(file));
		return allowed ? 0 : -EBADF;
	}
	lock.l_type = F_UNLCK;
	return user_copy_out(address, &lock, sizeof(lock));
}

/* Locks of an open file, which are no process's. */
static int64_t lock_opened(const struct file *file, uint32_t command, uint64_t address)
{
	struct flock lock;
	int error = user_copy_in(&lock, address, sizeof(lock));
	if (error)
		return error;
	if (lock.l_pid)
		return -EINVAL;
	return lock_record(file, command == F_OFD_GETLK ? F_GETLK : F_SETLK, address);
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
		return lock_record(file, command, value);
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return lock_opened(file, command, value);
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

SYSTEM_CALL(flock)
{
	uint32_t operation = (uint32_t)arguments[1] & ~(uint32_t)LOCK_NB;
	if (operation != LOCK_SH && operation != LOCK_EX && operation != LOCK_UN)
		return -EINVAL;
	return descriptor_opened(arguments[0]) ? 0 : -EBADF;
}
