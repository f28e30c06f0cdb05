/* The system call that makes a file without a place in the tree: memory with a descriptor. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/fs/regular.h"
#include "guest/lib/system_call.h"
#include "guest/mm/user_memory.h"

#define NAME_SIZE 250 /* with its NUL */

/* Of newer headers. */
#define NOEXEC_SEAL 0x8U
#define EXEC	    0x10U

SYSTEM_CALL(memfd_create)
{
	const uint64_t flags = arguments[1];
	char name[NAME_SIZE];
	/* There are no huge pages. */
	if (flags & ~(uint64_t)(MFD_CLOEXEC | MFD_ALLOW_SEALING | NOEXEC_SEAL | EXEC) ||
	    (flags & NOEXEC_SEAL && flags & EXEC))
		return -EINVAL;
	int error = user_string(arguments[0], name, sizeof(name));
	if (error)
		return error == -ENAMETOOLONG ? -EINVAL : error;
	uint32_t seals = flags & (MFD_ALLOW_SEALING | NOEXEC_SEAL) ? 0 : F_SEAL_SEAL;
	if (flags & NOEXEC_SEAL)
		seals |= REGULAR_SEAL_EXEC;
	struct inode *inode = regular_create_named(flags & NOEXEC_SEAL ? 0666 : 0777, name, seals);
	struct file *file = inode ? file_open(inode, O_RDWR) : NULL;
	if (inode)
		inode_drop(inode);
	return file ? descriptor_install(file, 0, flags & MFD_CLOEXEC) : -ENOMEM;
}
