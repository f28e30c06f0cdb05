/* System calls for locks on files; guest/locks knows who has which. */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/lib/system_call.h"
#include "guest/locks/locks.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "sizes/sizes.h"

static bool is_of_opened(uint32_t command)
{
	return command == F_OFD_GETLK || command == F_OFD_SETLK || command == F_OFD_SETLKW;
}

/* The range that a call names, which has to begin and end where a file can. */
static int find_range(const struct file *file, const struct flock *asked, struct lock *lock)
{
	int64_t start = 0, other;
	if (asked->l_whence == SEEK_CUR)
		start = (int64_t)file->offset;
	else if (asked->l_whence == SEEK_END)
		start = (int64_t)file->inode->size;
	else if (asked->l_whence != SEEK_SET)
		return -EINVAL;
	if (add_overflows(start, asked->l_start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	if (add_overflows(start, asked->l_len - (asked->l_len > 0), &other))
		return -EOVERFLOW;
	if (other < 0)
		return -EINVAL;
	lock->start = asked->l_len < 0 ? other : start;
	lock->end = asked->l_len < 0 ? start - 1 : asked->l_len ? other : LOCK_END;
	return 0;
}

static int describe(const struct file *file, uint32_t command, const struct flock *asked,
		    struct lock *lock)
{
	const bool opened = is_of_opened(command);
	*lock = (struct lock){
	    .kind = opened ? LOCK_OF_OPENED : LOCK_OF_PROCESS,
	    .owner = opened ? (const void *)file : process_current()->descriptors,
	    .inode = file->inode,
	    .process = process_id(),
	    .type = asked->l_type,
	};
	const bool asks = command == F_GETLK || command == F_OFD_GETLK;
	if (lock->type != F_RDLCK && lock->type != F_WRLCK && (lock->type != F_UNLCK || asks))
		return -EINVAL;
	int error = find_range(file, asked, lock);
	if (error)
		return error;
	if (!asks && ((lock->type == F_RDLCK && !file_readable(file)) ||
		      (lock->type == F_WRLCK && !file_writable(file))))
		return -EBADF;
	return opened && asked->l_pid ? -EINVAL : 0;
}

static int64_t report_conflict(const struct lock *lock, struct flock *asked, uint64_t address)
{
	const struct lock *found = lock_find_conflict(lock);
	asked->l_type = F_UNLCK;
	if (found) {
		asked->l_type = (short)found->type;
		asked->l_whence = SEEK_SET;
		asked->l_start = found->start;
		asked->l_len = found->end == LOCK_END ? 0 : found->end - found->start + 1;
		asked->l_pid = found->kind == LOCK_OF_OPENED ? -1 : (pid_t)found->process;
	}
	return user_copy_out(address, asked, sizeof(*asked));
}

/* Waits for the lock. The file may be closed meanwhile, and then has none. */
static int64_t set_waiting(struct file *file, uint32_t descriptor, const struct lock *lock)
{
	file_hold(file);
	int64_t result = lock_set_waiting(lock);
	if (!result && descriptor_file(descriptor) != file) {
		locks_release(lock->owner, lock->inode);
		result = -EBADF;
	}
	file_drop(file);
	return result;
}

int64_t lock_record(uint32_t descriptor, uint32_t command, uint64_t address)
{
	struct file *file = descriptor_file(descriptor);
	struct flock asked;
	struct lock lock;
	int error = user_copy_in(&asked, address, sizeof(asked));
	if (!error)
		error = describe(file, command, &asked, &lock);
	if (error)
		return error;
	switch (command) {
	case F_GETLK:
	case F_OFD_GETLK:
		return report_conflict(&lock, &asked, address);
	case F_SETLKW:
	case F_OFD_SETLKW:
		return set_waiting(file, descriptor, &lock);
	default:
		return lock_set(&lock);
	}
}

SYSTEM_CALL(flock)
{
	static const int types[] = {[LOCK_SH] = F_RDLCK, [LOCK_EX] = F_WRLCK, [LOCK_UN] = F_UNLCK};
	const uint32_t operation = (uint32_t)arguments[1] & ~(uint32_t)LOCK_NB;
	if (operation != LOCK_SH && operation != LOCK_EX && operation != LOCK_UN)
		return -EINVAL;
	struct file *file = descriptor_opened(arguments[0]);
	if (!file)
		return -EBADF;
	const struct lock lock = {
	    .kind = LOCK_OF_WHOLE,
	    .owner = file,
	    .inode = file->inode,
	    .type = types[operation],
	    .end = LOCK_END,
	};
	return arguments[1] & LOCK_NB ? lock_set(&lock)
				      : set_waiting(file, (uint32_t)arguments[0], &lock);
}
