/* System calls that move bytes and positions of open files. */
#include "transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/file.h"
#include "guest/fs/layer.h"
#include "guest/lib/system_call.h"
#include "guest/mm/heap.h"
#include "guest/mm/ranges.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "sizes/sizes.h"

#define TRANSFER_MAX 0x7ffff000UL /* bytes in one call; as Linux */
#define VECTORS_MAX  1024

/* Where a transfer happens: at the file's own position, which it moves, or at a given one. */
struct position {
	bool own;
	uint64_t offset;
};

static const struct position own_position = {.own = true};

/* The file of a transfer, checked for what the call wants to do with it. Pseudo files cannot be
 * written at a given position. */
static int find_file(struct file **found, uint64_t descriptor, bool writes,
		     struct position position)
{
	if (!position.own && (int64_t)position.offset < 0)
		return -EINVAL;
	struct file *file = descriptor_opened(descriptor);
	if (!file)
		return -EBADF;
	if (!position.own &&
	    (!file->operations->positioned || (writes && file->operations->refuses_pwrite)))
		return -ESPIPE;
	if (!(writes ? file_writable(file) : file_readable(file)))
		return -EBADF;
	if (writes ? !file->operations->write : !file->operations->read)
		return -EINVAL;
	*found = file;
	return 0;
}

/* Is the position plus `length` still a position? */
static bool fits_behind(const struct file *file, const struct position *position, uint64_t length)
{
	int64_t end;
	uint64_t offset = position->own ? file->offset : position->offset;
	return !add_overflows((int64_t)offset, length, &end);
}

/* Advances the position. A file without positions is not written to: a page that a request does not
 * write need not be copied by its reset. */
static void advance(struct file *file, struct position *position, uint64_t offset, int64_t count)
{
	if (count <= 0 || !file->operations->positioned)
		return;
	*(position->own ? &file->offset : &position->offset) = offset + (uint64_t)count;
}

/* Both take memory that may be touched. */
static int64_t read_file(struct file *file, void *out, uint64_t length, struct position *position)
{
	uint64_t offset = position->own ? file->offset : position->offset;
	int64_t count = file->operations->read(file, out, length, offset);
	advance(file, position, offset, count);
	return count;
}

static int64_t write_file(struct file *file, const void *in, uint64_t length,
			  struct position *position)
{
	uint64_t offset = position->own ? file->offset : position->offset;
	const bool appends = file->flags & O_APPEND && S_ISREG(file->inode->mode);
	if (appends)
		offset = file->inode->size;
	int64_t count = file->operations->write(file, in, length, offset);
	/* On the host the end may have been elsewhere. */
	if (appends && count > 0 && file->inode->size >= (uint64_t)count)
		offset = file->inode->size - (uint64_t)count;
	advance(file, position, offset, count);
	return count;
}

/* How much of a buffer can be used, from its start on. A transfer goes that far, and fails only if
 * it can move nothing. */
static uint64_t buffer_length(uint64_t address, uint64_t length, bool writes)
{
	return writes ? user_readable_length(address, length)
		      : user_writable_length(address, length);
}

/* Moves bytes to or from a buffer, as far as it is there. */
static int64_t transfer_buffer(struct file *file, uint64_t address, uint64_t length, bool writes,
			       struct position *position)
{
	const struct file_operations *operations = file->operations;
	bool ignored = writes ? operations->ignores_in : operations->ignores_out;
	uint64_t there = ignored ? length : buffer_length(address, length, writes);
	/* A pipe takes pages. */
	if (there < length && writes && S_ISFIFO(file->inode->mode))
		there = round_down(there, GUEST_PAGE_SIZE);
	/* And a socket takes messages. */
	if (there < length && writes && S_ISSOCK(file->inode->mode))
		there = 0;
	if (!there && length)
		return -EFAULT;
	return writes ? write_file(file, (const void *)address, there, position)
		      : read_file(file, (void *)address, there, position);
}

struct transfer_counts transfers_of_first;

int transfers_create(struct process *process)
{
	process->transfers = heap_allocate(sizeof(*process->transfers));
	return process->transfers ? 0 : -ENOMEM;
}

void transfers_release(struct process *process)
{
	if (process->transfers != &transfers_of_first)
		heap_free(process->transfers, sizeof(*process->transfers));
	process->transfers = NULL;
}

/* What a call came to, for /proc/self/io. */
static int64_t count_transfer(int64_t result, bool writes)
{
	struct transfer_counts *counts = process_current()->transfers;
	uint64_t bytes = result > 0 ? (uint64_t)result : 0;
	if (writes) {
		counts->writes++;
		counts->written += bytes;
	} else {
		counts->reads++;
		counts->read += bytes;
	}
	return result;
}

static int64_t transfer(uint64_t descriptor, uint64_t address, uint64_t length, bool writes,
			struct position position)
{
	struct file *file;
	int error = find_file(&file, descriptor, writes, position);
	if (error)
		return error;
	if (length > GUEST_USER_END || address > GUEST_USER_END - length)
		return -EFAULT;
	if (!fits_behind(file, &position, length))
		return -EINVAL;
	return transfer_buffer(file, address, length < TRANSFER_MAX ? length : TRANSFER_MAX, writes,
			       &position);
}

SYSTEM_CALL(read)
{
	return count_transfer(
	    transfer(arguments[0], arguments[1], arguments[2], false, own_position), false);
}

SYSTEM_CALL(write)
{
	return count_transfer(
	    transfer(arguments[0], arguments[1], arguments[2], true, own_position), true);
}

SYSTEM_CALL(pread64)
{
	struct position position = {.offset = arguments[3]};
	return count_transfer(transfer(arguments[0], arguments[1], arguments[2], false, position),
			      false);
}

SYSTEM_CALL(pwrite64)
{
	struct position position = {.offset = arguments[3]};
	return count_transfer(transfer(arguments[0], arguments[1], arguments[2], true, position),
			      true);
}

/* Transfers one buffer of a vector; returns as a transfer does. Writing nothing is an error for
 * some files. */
static int64_t transfer_part(struct file *file, const struct iovec *part, bool writes,
			     struct position *position)
{
	if (!part->iov_len && !writes)
		return 0;
	return transfer_buffer(file, (uint64_t)part->iov_base, part->iov_len, writes, position);
}

/* Checks all buffers of a vector before any byte is moved, as Linux does it. *empty: there is
 * nothing to move. */
static int check_vector(uint64_t vector, uint64_t count, bool *empty)
{
	if (count > VECTORS_MAX)
		return -EINVAL;
	if (!user_readable(vector, count * sizeof(struct iovec)))
		return -EFAULT;
	bool outside = false;
	*empty = true;
	for (uint64_t i = 0; i < count; i++) {
		struct iovec part;
		user_copy_in(&part, vector + i * sizeof(part), sizeof(part));
		if (part.iov_len > INT64_MAX)
			return -EINVAL;
		*empty &= !part.iov_len;
		outside |= part.iov_len > GUEST_USER_END ||
			   (uint64_t)part.iov_base > GUEST_USER_END - part.iov_len;
	}
	return outside ? -EFAULT : 0;
}

static int64_t transfer_vector(const uint64_t arguments[6], bool writes, struct position position)
{
	uint64_t vector = arguments[1], count = arguments[2];
	struct file *file;
	bool empty;
	int error = find_file(&file, arguments[0], writes, position);
	if (!error)
		error = check_vector(vector, count, &empty);
	if (error)
		return error;
	int64_t (*whole)(struct file *, uint64_t, uint64_t) =
	    writes ? file->operations->write_vector : file->operations->read_vector;
	if (whole)
		return whole(file, vector, count);
	if (empty)
		return 0;
	int64_t total = 0;
	for (uint64_t i = 0; i < count; i++) {
		struct iovec part;
		/* While another part waited, another thread may have changed the vector. */
		error = user_copy_in(&part, vector + i * sizeof(part), sizeof(part));
		if (!error && part.iov_len > INT64_MAX)
			error = -EINVAL;
		int64_t moved = error ? error : transfer_part(file, &part, writes, &position);
		if (moved < 0)
			return total ? total : moved;
		total += moved;
		/* Less than was wanted came: the end, or no room. And after a read that brought
		 * something, reading the next part could block. */
		if ((uint64_t)moved < part.iov_len)
			break;
		if (!writes && total && !file->operations->positioned &&
		    file->operations->available && !file->operations->available(file))
			break;
	}
	return total;
}

SYSTEM_CALL(readv)
{
	return count_transfer(transfer_vector(arguments, false, own_position), false);
}

SYSTEM_CALL(writev)
{
	return count_transfer(transfer_vector(arguments, true, own_position), true);
}

SYSTEM_CALL(preadv)
{
	struct position position = {.offset = arguments[3]};
	return count_transfer(transfer_vector(arguments, false, position), false);
}

SYSTEM_CALL(pwritev)
{
	struct position position = {.offset = arguments[3]};
	return count_transfer(transfer_vector(arguments, true, position), true);
}

/* A file without positions answers 0 to every offset; pipes answer ESPIPE. */
static int64_t seek_nowhere(const struct file *file)
{
	return S_ISFIFO(file->inode->mode) || S_ISSOCK(file->inode->mode) ? -ESPIPE : 0;
}

SYSTEM_CALL(lseek)
{
	struct file *file = descriptor_opened(arguments[0]);
	uint32_t whence = (uint32_t)arguments[2];
	if (!file)
		return -EBADF;
	if (whence > SEEK_HOLE)
		return -EINVAL;
	return file->operations->seek ? file->operations->seek(file, (int64_t)arguments[1], whence)
				      : seek_nowhere(file);
}

/* Copies between files by way of a small buffer. */
static int64_t copy_bytes(struct file *from, struct position *source, struct file *to,
			  struct position *target, uint64_t length)
{
	char buffer[2048];
	uint64_t done = 0;
	while (done < length) {
		uint64_t part = length - done < sizeof(buffer) ? length - done : sizeof(buffer);
		uint64_t offset = source->own ? from->offset : source->offset;
		int64_t got = from->operations->read(from, buffer, part, offset);
		int64_t put = got > 0 ? write_file(to, buffer, (uint64_t)got, target) : got;
		if (put <= 0)
			return done ? (int64_t)done : put;
		/* The source moves on by what arrived, not by what was read. */
		*(source->own ? &from->offset : &source->offset) += (uint64_t)put;
		done += (uint64_t)put;
		if (put < got || (uint64_t)got < part)
			break;
	}
	return (int64_t)done;
}

/* Takes the position that a pointer of the program names; a null pointer means the file's own. */
static int position_in(struct position *position, uint64_t address)
{
	*position = (struct position){.own = !address};
	if (!address)
		return 0;
	if (!user_writable(address, sizeof(uint64_t)))
		return -EFAULT;
	return user_copy_in(&position->offset, address, sizeof(uint64_t));
}

static int64_t position_out(const struct position *position, uint64_t address, int64_t result)
{
	if (result < 0 || position->own)
		return result;
	int error = user_copy_out(address, &position->offset, sizeof(uint64_t));
	return error ? error : result;
}

/* Of files that the kernel makes, only devices that never end can be sent; a file that appends
 * cannot be a target. */
static bool may_send(const struct file *from, const struct file *to)
{
	return (from->operations->stored || from->operations->endless) && !(to->flags & O_APPEND);
}

SYSTEM_CALL(sendfile)
{
	struct position source;
	struct file *from, *to;
	int error = position_in(&source, arguments[2]);
	if (!error)
		error = find_file(&from, arguments[1], false, source);
	if (!error)
		error = find_file(&to, arguments[0], true, own_position);
	uint64_t length = arguments[3] < TRANSFER_MAX ? arguments[3] : TRANSFER_MAX;
	if (error == -EINVAL && !length)
		return 0;
	if (error)
		return error;
	if (!may_send(from, to))
		return -EINVAL;
	if (!length)
		return 0;
	if (to->operations->refuses_splice)
		return -EINVAL;
	struct position target = own_position;
	return position_out(&source, arguments[2], copy_bytes(from, &source, to, &target, length));
}

/* The two files of copy_file_range(). */
static int find_copied(struct file **from, struct file **to, const uint64_t arguments[6])
{
	*from = descriptor_opened(arguments[0]);
	*to = descriptor_opened(arguments[2]);
	return *from && *to ? 0 : -EBADF;
}

static int check_copied(const struct file *from, const struct file *to, uint64_t flags)
{
	if (flags)
		return -EINVAL;
	if (S_ISDIR(from->inode->mode) || S_ISDIR(to->inode->mode))
		return -EISDIR;
	if (!S_ISREG(from->inode->mode) || !S_ISREG(to->inode->mode))
		return -EINVAL;
	/* By way of a small buffer it would be slow; programs then use a large one of their own. */
	if (!from->operations->stored || inode_changes(from->inode) || inode_changes(to->inode))
		return -EXDEV;
	bool allowed = file_readable(from) && file_writable(to) && !(to->flags & O_APPEND);
	return allowed ? 0 : -EBADF;
}

SYSTEM_CALL(copy_file_range)
{
	struct position source, target;
	struct file *from, *to;
	int error = find_copied(&from, &to, arguments);
	if (!error)
		error = position_in(&source, arguments[1]);
	if (!error)
		error = position_in(&target, arguments[3]);
	if (!error)
		error = check_copied(from, to, arguments[5]);
	if (error)
		return error;
	uint64_t length = arguments[4] < TRANSFER_MAX ? arguments[4] : TRANSFER_MAX;
	uint64_t source_offset = source.own ? from->offset : source.offset;
	uint64_t target_offset = target.own ? to->offset : target.offset;
	uint64_t source_end, target_end;
	if (add_overflows(source_offset, length, &source_end) ||
	    add_overflows(target_offset, length, &target_end))
		return -EOVERFLOW;
	if (from->inode == to->inode && source_offset < target_end && target_offset < source_end)
		return -EINVAL;
	if ((int64_t)source_offset < 0 || (int64_t)target_offset < 0)
		return -EINVAL;
	int64_t result = copy_bytes(from, &source, to, &target, length);
	result = position_out(&source, arguments[1], result);
	return position_out(&target, arguments[3], result);
}
