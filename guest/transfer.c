/* System calls that move bytes and positions of open files. */
#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "calls.h"
#include "files.h"
#include "libos.h"

#define TRANSFER_MAX 0x7ffff000UL /* bytes in one call; as Linux */
#define VECTORS_MAX  1024

/* Where a transfer happens: at the file's own position, which it moves, or at a given one. */
struct position {
	bool own;
	uint64_t offset;
};

static const struct position own_position = {.own = true};

/* The file of a transfer, checked for what the call wants to do with it. */
static int find_file(struct file **found, uint64_t descriptor, bool writes,
		     struct position position)
{
	struct file *file = descriptor_file((uint32_t)descriptor);
	if (!file || !(writes ? file_writable(file) : file_readable(file)))
		return -EBADF;
	if (!position.own && !file->node->operations->seekable)
		return -ESPIPE;
	if (!position.own && (int64_t)position.offset < 0)
		return -EINVAL;
	*found = file;
	return 0;
}

/* Is what lies `length` bytes behind the position still a position? */
static bool fits_behind(const struct file *file, const struct position *position, uint64_t length)
{
	int64_t end;
	uint64_t offset = position->own ? file->offset : position->offset;
	return !__builtin_add_overflow((int64_t)offset, length, &end);
}

/* Moves the position on. What has none is left alone: a page that a request does not write is a
 * page that its reset need not copy. */
static void advance(struct file *file, struct position *position, uint64_t offset, int64_t count)
{
	if (count <= 0 || !file->node->operations->seekable)
		return;
	*(position->own ? &file->offset : &position->offset) = offset + (uint64_t)count;
}

/* Both take memory that may be touched. */
static int64_t read_file(struct file *file, void *out, uint64_t length, struct position *position)
{
	uint64_t offset = position->own ? file->offset : position->offset;
	int64_t count = file->node->operations->read(file, out, length, offset);
	advance(file, position, offset, count);
	return count;
}

static int64_t write_file(struct file *file, const void *in, uint64_t length,
			  struct position *position)
{
	uint64_t offset = position->own ? file->offset : position->offset;
	if (file->flags & O_APPEND && S_ISREG(file->node->mode))
		offset = file->node->size;
	int64_t count = file->node->operations->write(file, in, length, offset);
	advance(file, position, offset, count);
	return count;
}

static int64_t transfer(uint64_t descriptor, uint64_t address, uint64_t length, bool writes,
			struct position position)
{
	struct file *file;
	int error = find_file(&file, descriptor, writes, position);
	if (error)
		return error;
	if (length > TRANSFER_MAX)
		length = TRANSFER_MAX;
	if (!fits_behind(file, &position, length))
		return -EINVAL;
	if (writes)
		return user_readable(address, length)
			   ? write_file(file, (const void *)address, length, &position)
			   : -EFAULT;
	return user_writable(address, length) ? read_file(file, (void *)address, length, &position)
					      : -EFAULT;
}

int64_t call_read(const uint64_t arguments[6])
{
	return transfer(arguments[0], arguments[1], arguments[2], false, own_position);
}

int64_t call_write(const uint64_t arguments[6])
{
	return transfer(arguments[0], arguments[1], arguments[2], true, own_position);
}

int64_t call_pread64(const uint64_t arguments[6])
{
	struct position position = {.offset = arguments[3]};
	return transfer(arguments[0], arguments[1], arguments[2], false, position);
}

int64_t call_pwrite64(const uint64_t arguments[6])
{
	struct position position = {.offset = arguments[3]};
	return transfer(arguments[0], arguments[1], arguments[2], true, position);
}

/* One buffer of a vector; returns as a transfer does. */
static int64_t transfer_part(struct file *file, uint64_t vector, bool writes,
			     struct position *position, uint64_t *wanted)
{
	struct iovec part;
	int error = user_copy_in(&part, vector, sizeof(part));
	if (error)
		return error;
	uint64_t address = (uint64_t)part.iov_base;
	*wanted = part.iov_len;
	if (part.iov_len > INT64_MAX)
		return -EINVAL;
	if (!part.iov_len)
		return 0;
	if (writes)
		return user_readable(address, part.iov_len)
			   ? write_file(file, part.iov_base, part.iov_len, position)
			   : -EFAULT;
	return user_writable(address, part.iov_len)
		   ? read_file(file, part.iov_base, part.iov_len, position)
		   : -EFAULT;
}

static int64_t transfer_vector(const uint64_t arguments[6], bool writes, struct position position)
{
	uint64_t vector = arguments[1], count = arguments[2];
	struct file *file;
	int error = find_file(&file, arguments[0], writes, position);
	if (error)
		return error;
	if (count > VECTORS_MAX)
		return -EINVAL;
	if (!user_readable(vector, count * sizeof(struct iovec)))
		return -EFAULT;
	int64_t total = 0;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t wanted = 0;
		int64_t moved = transfer_part(file, vector + i * sizeof(struct iovec), writes,
					      &position, &wanted);
		if (moved < 0)
			return total ? total : moved;
		total += moved;
		/* Less than was wanted: the end, or no room. After a read that brought something,
		 * the next part could wait for what is not there yet. */
		if ((uint64_t)moved < wanted)
			break;
		if (!writes && total && !file->node->operations->seekable &&
		    file->node->operations->available && !file->node->operations->available(file))
			break;
	}
	return total;
}

int64_t call_readv(const uint64_t arguments[6])
{
	return transfer_vector(arguments, false, own_position);
}

int64_t call_writev(const uint64_t arguments[6])
{
	return transfer_vector(arguments, true, own_position);
}

int64_t call_preadv(const uint64_t arguments[6])
{
	return transfer_vector(arguments, false, (struct position){.offset = arguments[3]});
}

int64_t call_pwritev(const uint64_t arguments[6])
{
	return transfer_vector(arguments, true, (struct position){.offset = arguments[3]});
}

int64_t call_lseek(const uint64_t arguments[6])
{
	struct file *file = descriptor_file((uint32_t)arguments[0]);
	int64_t offset = (int64_t)arguments[1], start, result;
	if (!file || file->flags & O_PATH)
		return -EBADF;
	if (!file->node->operations->seekable)
		return -ESPIPE;
	if (S_ISCHR(file->node->mode)) /* devices are at 0, wherever one wants to go */
		return arguments[2] <= SEEK_HOLE ? 0 : -EINVAL;
	int64_t size = (int64_t)file->node->size;
	switch (arguments[2]) {
	case SEEK_SET:
		start = 0;
		break;
	case SEEK_CUR:
		start = (int64_t)file->offset;
		break;
	case SEEK_END:
		start = size;
		break;
	case SEEK_DATA: /* all of a file is data, with a hole behind it */
	case SEEK_HOLE:
		if (offset < 0 || offset >= size)
			return -ENXIO;
		start = 0;
		if (arguments[2] == SEEK_HOLE)
			offset = size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(start, offset, &result) || result < 0)
		return -EINVAL;
	file->offset = (uint64_t)result;
	return result;
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
		int64_t got = from->node->operations->read(from, buffer, part, offset);
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

int64_t call_sendfile(const uint64_t arguments[6])
{
	struct position source;
	struct file *from, *to;
	int error = position_in(&source, arguments[2]);
	if (!error)
		error = find_file(&from, arguments[1], false, source);
	if (!error)
		error = find_file(&to, arguments[0], true, own_position);
	if (error)
		return error;
	if (!S_ISREG(from->node->mode) || to->flags & O_APPEND)
		return -EINVAL;
	uint64_t length = arguments[3] < TRANSFER_MAX ? arguments[3] : TRANSFER_MAX;
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
	if (S_ISDIR(from->node->mode) || S_ISDIR(to->node->mode))
		return -EISDIR;
	if (!S_ISREG(from->node->mode) || !S_ISREG(to->node->mode))
		return -EINVAL;
	bool allowed = file_readable(from) && file_writable(to) && !(to->flags & O_APPEND);
	return allowed ? 0 : -EBADF;
}

int64_t call_copy_file_range(const uint64_t arguments[6])
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
	if (__builtin_add_overflow(source_offset, length, &source_end) ||
	    __builtin_add_overflow(target_offset, length, &target_end))
		return -EOVERFLOW;
	if (from->node == to->node && source_offset < target_end && target_offset < source_end)
		return -EINVAL;
	if ((int64_t)source_offset < 0 || (int64_t)target_offset < 0)
		return -EINVAL;
	int64_t result = copy_bytes(from, &source, to, &target, length);
	result = position_out(&source, arguments[1], result);
	return position_out(&target, arguments[3], result);
}
