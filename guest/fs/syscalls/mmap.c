/* The system call that maps files, and memory without one. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/directory.h"
#include "guest/fs/file.h"
#include "guest/fs/regular.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/mm/backing.h"
#include "guest/mm/fault.h"
#include "guest/mm/mapping.h"
#include "guest/mm/ranges.h"
#include "guest/mm/space.h"
#include "guest/sched/process.h"
#include "sizes/sizes.h"

/* Memory that processes share is a file without a name, as on Linux. */
static int open_shared(uint64_t length, struct file **file)
{
	struct inode *inode = regular_create(S_IRUSR | S_IWUSR);
	int error = inode ? regular_resize(inode, length) : -ENOMEM;
	if (!error && !(*file = file_open(inode, O_RDWR)))
		error = -ENOMEM;
	if (inode)
		inode_drop(inode);
	return error ? -ENOMEM : 0;
}

/* The file that a mapping is of, held; NULL with 0 for none. */
static int find_file(const uint64_t arguments[6], struct file **file)
{
	const uint64_t type = arguments[3] & MAP_TYPE;
	uint64_t pages;
	*file = NULL;
	if (arguments[3] & MAP_ANONYMOUS)
		return type == MAP_SHARED && !check_range(0, arguments[1], &pages)
			   ? open_shared(pages * GUEST_PAGE_SIZE, file)
			   : 0;
	*file = descriptor_opened(arguments[4]);
	if (*file)
		file_hold(*file);
	return *file ? 0 : -EBADF;
}

static bool is_sealed(const struct file *file)
{
	return regular_seals(file->inode) & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
}

/* May it be mapped in this way? *backing: what the mapping is of. */
static int find_backing(const uint64_t arguments[6], struct file *file, struct backing **backing)
{
	bool is_shared = (arguments[3] & MAP_TYPE) != MAP_PRIVATE;
	*backing = NULL;
	if (!file)
		return 0;
	if (is_shared && arguments[2] & PROT_WRITE && !file_writable(file))
		return -EACCES;
	if (!file_readable(file))
		return -EACCES;
	int error = file->operations->map ? file->operations->map(file, backing) : -ENODEV;
	if (error || !*backing || !is_shared)
		return error;
	if (!(*backing)->operations->frames)
		return arguments[2] & PROT_WRITE ? -ENODEV : 0;
	return is_sealed(file) && arguments[2] & PROT_WRITE ? -EPERM : 0;
}

/* What the root has of a file that is opened to be read is mapped as it is, or copied: nobody is
 * expected to write it meanwhile. */
static bool is_coherent(const struct file *file)
{
	return file_writable(file) || !file->inode->layer;
}

/* Code that takes another process' id (getpid) for a fork, and a clone for one, where it would lose what
 * a clone has. Python up to 3.11 finds no event loop that runs: the module that asks for that, and for
 * nothing else, is _asyncio. Ruby up to 3.2 thinks that its timer is gone, and ends when it makes
 * another; it draws no random numbers by its id. Other libraries of these programs get the new one. */
static void note_keepers(const struct file *file, uint64_t start, uint64_t length)
{
	static const char *const names[] = {"_asyncio.", "libruby"};
	const struct dentry *dentry =
	    file->directory ? directory_dentry_of(file->directory, file->inode) : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(names) && dentry; i++)
		if (!strncmp(dentry->name, names[i], strlen(names[i])))
			process_keep_id_for(start, start + length);
}

/* What a linker maps where it wants it, and small memory, is used at once: a touch would cost two exits
 * more. In the first space that is done before any request. */
static void fault_ahead(const struct map_request *request, uint64_t start)
{
	const uint64_t small = 16 * GUEST_PAGE_SIZE;
	if (address_space_has_regions() || request->shared || !request->protection)
		return;
	if (request->backing ? request->flags & MAP_FIXED
			     : request->protection & GUEST_WRITE && request->length <= small)
		vma_fault(start, request->protection);
}

static int64_t map_file(const uint64_t arguments[6], struct file *file)
{
	const uint64_t type = arguments[3] & MAP_TYPE;
	uint64_t protection = arguments[2] & (PROT_READ | PROT_WRITE | PROT_EXEC);
	uint64_t pages, end;
	struct map_request request = {
	    .address = arguments[0],
	    .flags = arguments[3],
	    .offset = arguments[3] & MAP_ANONYMOUS ? 0 : arguments[5],
	};
	int error = check_range(0, arguments[1], &pages);
	if (error)
		return error;
	if (add_overflows(arguments[5], pages * GUEST_PAGE_SIZE, &end))
		return -EOVERFLOW;
	if (type != MAP_PRIVATE && type != MAP_SHARED &&
	    (type != MAP_SHARED_VALIDATE || arguments[3] & MAP_ANONYMOUS))
		return -EINVAL;
	error = find_backing(arguments, file, &request.backing);
	if (!error)
		error = mapping_check_protection(protection);
	if (error)
		return error;
	request.shared = request.backing && type != MAP_PRIVATE &&
			 request.backing->operations->frames && is_coherent(file);
	request.read_only = request.shared && (!file_writable(file) || is_sealed(file));
	request.length = pages * GUEST_PAGE_SIZE;
	request.protection = mapping_protection(protection);
	const int64_t start = mapping_create(&request);
	if (start > 0)
		fault_ahead(&request, (uint64_t)start);
	if (file && protection & PROT_EXEC && start > 0)
		note_keepers(file, (uint64_t)start, request.length);
	return start;
}

SYSTEM_CALL(mmap)
{
	struct file *file;
	if (!is_aligned(arguments[5]))
		return -EINVAL;
	int error = find_file(arguments, &file);
	if (error)
		return error;
	const int64_t start = map_file(arguments, file);
	if (file)
		file_drop(file);
	return start;
}
