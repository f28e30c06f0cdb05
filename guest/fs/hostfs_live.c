/* What lives on the host: parts of the root directory that others change, too, and where changes are
 * requests. Nothing of it is kept in memory but names and what describes them, and both are asked for
 * again before they are used. An inode that is open is found by its path, so it is lost (ESTALE) once
 * that names another file. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <unistd.h>

#include "directory.h"
#include "file.h"
#include "guest/lib/text.h"
#include "guest/machine/contents_area.h"
#include "guest/machine/machine.h"
#include "guest/mm/backing.h"
#include "guest/mm/pool.h"
#include "guest/sched/identity.h"
#include "hostfs.h"
#include "inode.h"
#include "layer.h"
#include "lower.h"
#include "regular.h"
#include "symlink.h"

static const struct layer_operations live_operations;

/* A request for what the inode was when it was looked up. */
static struct root_request request_for(const struct inode *inode, uint32_t operation)
{
	return (struct root_request){
	    .operation = operation,
	    .device = hostfs_of(inode)->device,
	    .inode = inode->number,
	};
}

/* The name of what is open may have gone: the host's file cannot be had by it any more. */
static int error_of_opened(int error)
{
	return error == -ENOENT || error == -ENOTDIR ? -ESTALE : error;
}

/* Asks, and takes over what the answer says of the inode. */
static int ask_of_opened(struct root_request request, struct inode *inode,
			 struct root_answer *answer)
{
	int error = hostfs_ask(request, hostfs_of(inode), answer);
	if (!error)
		hostfs_describe(inode, &answer->status);
	return error_of_opened(error);
}

/* ── what it is now ──────────────────────────────────────────────────────────────────────────── */

static bool is_same(const struct inode *inode, const struct root_status *status)
{
	return status->inode == inode->number && status->device == hostfs_of(inode)->device &&
	       !((status->mode ^ inode->mode) & S_IFMT) && status->flags & ROOT_STATUS_LIVE &&
	       (!S_ISLNK(inode->mode) ||
		(status->size == inode->size &&
		 !memcmp(hostfs_extra(), inode->link.target, inode->size)));
}

static int revalidate(struct inode *inode)
{
	struct root_answer answer;
	int error =
	    hostfs_ask((struct root_request){.operation = ROOT_LOOK}, hostfs_of(inode), &answer);
	if (error)
		return error_of_opened(error);
	if (!is_same(inode, &answer.status))
		return -ESTALE;
	hostfs_describe(inode, &answer.status);
	return 0;
}

/* ── contents ────────────────────────────────────────────────────────────────────────────────── */

static char *take_area(void)
{
	return contents_area_take(&live_operations);
}

/* Fetches up to ROOT_WIRE_CONTENTS_MAX bytes; how many there are. */
static int64_t read_part(struct inode *inode, char *out, uint64_t length, uint64_t offset)
{
	struct root_answer answer;
	const struct root_request request = {
	    .operation = ROOT_READ, .offset = offset, .length = length};
	hostfs_touch(out, length);
	const char *area = take_area();
	int error = error_of_opened(hostfs_ask(request, hostfs_of(inode), &answer));
	if (!error && !is_same(inode, &answer.status))
		error = -ESTALE;
	if (error)
		return error;
	memcpy(out, area, answer.length);
	hostfs_describe(inode, &answer.status);
	return answer.length;
}

static int64_t write_part(struct inode *inode, const char *in, uint64_t length, uint64_t offset,
			  bool appends)
{
	struct root_answer answer;
	struct root_request request = request_for(inode, ROOT_WRITE);
	request.offset = appends ? 0 : offset;
	request.length = length;
	request.flags = appends ? ROOT_APPEND : 0;
	hostfs_touch(in, length);
	memcpy(take_area(), in, length);
	int error = ask_of_opened(request, inode, &answer);
	return error ? error : (int64_t)answer.next;
}

static uint64_t part_of(uint64_t length)
{
	return length < ROOT_WIRE_CONTENTS_MAX ? length : ROOT_WIRE_CONTENTS_MAX;
}

static int64_t read_inode(struct inode *inode, char *out, uint64_t length, uint64_t offset)
{
	uint64_t done = 0;
	while (done < length) {
		const uint64_t part = part_of(length - done);
		int64_t got = read_part(inode, out + done, part, offset + done);
		if (got < 0)
			return done ? (int64_t)done : got;
		done += (uint64_t)got;
		if ((uint64_t)got < part)
			break;
	}
	return (int64_t)done;
}

/* What was removed while it was open is in memory from then on (keep()), and so are its operations. */
static const struct file_operations *operations_if_kept(struct file *file)
{
	if (file->inode->layer)
		return NULL;
	file->operations = file->inode->file_operations;
	return file->operations;
}

static int64_t read_opened(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	const struct file_operations *kept = operations_if_kept(file);
	if (kept)
		return kept->read(file, out, length, offset);
	return read_inode(file->inode, out, length, offset);
}

static int synchronise(struct inode *inode, bool data_only)
{
	struct root_answer answer;
	struct root_request request = request_for(inode, ROOT_SYNC);
	request.flags = data_only ? ROOT_DATA_ONLY : 0;
	return ask_of_opened(request, inode, &answer);
}

static int64_t write_opened(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	const struct file_operations *kept = operations_if_kept(file);
	const bool appends = file->flags & O_APPEND;
	uint64_t done = 0;
	if (kept)
		return kept->write(file, in, length, offset);
	while (done < length) {
		const uint64_t part = part_of(length - done);
		int64_t put =
		    write_part(file->inode, (const char *)in + done, part, offset + done, appends);
		if (put < 0 && !done)
			return put;
		if (put <= 0)
			break;
		done += (uint64_t)put;
	}
	if (done && file->flags & (O_SYNC | O_DSYNC)) {
		int error = synchronise(file->inode, !(file->flags & (O_SYNC & ~O_DSYNC)));
		if (error)
			return error;
	}
	return (int64_t)done;
}

static int resize(struct inode *inode, uint64_t size)
{
	struct root_answer answer;
	struct root_request request = request_for(inode, ROOT_RESIZE);
	request.offset = size;
	return ask_of_opened(request, inode, &answer);
}

static int allocate(struct inode *inode, uint32_t mode, uint64_t offset, uint64_t length)
{
	struct root_answer answer;
	struct root_request request = request_for(inode, ROOT_ALLOCATE);
	request.offset = offset;
	request.length = length;
	request.flags = (mode & FALLOC_FL_KEEP_SIZE ? ROOT_KEEP_SIZE : 0) |
			(mode & FALLOC_FL_PUNCH_HOLE ? ROOT_PUNCH : 0);
	return ask_of_opened(request, inode, &answer);
}

/* As far as that is known: what is gone ends where it ended. */
static uint64_t size_now(struct file *file)
{
	(void)revalidate(file->inode);
	return file->inode->size;
}

static uint64_t available(struct file *file)
{
	const struct file_operations *kept = operations_if_kept(file);
	if (kept)
		return kept->available(file);
	const uint64_t size = size_now(file);
	return file->offset < size ? size - file->offset : 0;
}

/* Where the host's file has holes is not asked for: all of it is data. */
static int64_t seek(struct file *file, int64_t offset, uint32_t whence)
{
	const struct file_operations *kept = operations_if_kept(file);
	if (kept)
		return kept->seek(file, offset, whence);
	if (whence <= SEEK_CUR)
		return file_seek_position(file, offset, whence);
	const int64_t size = (int64_t)size_now(file);
	if (whence == SEEK_END)
		return file_set_position(file, size, offset);
	if (offset < 0 || offset >= size)
		return -ENXIO;
	return file_set_position(file, 0, whence == SEEK_HOLE ? size : offset);
}

static int64_t read_for_mapping(struct backing *backing, void *out, uint64_t length,
				uint64_t offset)
{
	struct file *file = file_of_backing(backing);
	return file->inode->layer ? read_inode(file->inode, out, length, offset)
				  : regular_file_operations.read(file, out, length, offset);
}

/* Private mappings are copies. There are none that share what is written. */
static int map(struct file *file, struct backing **backing)
{
	static const struct backing_operations operations = {
	    .read = read_for_mapping, .hold = file_hold_backing, .drop = file_drop_backing};
	const struct file_operations *kept = operations_if_kept(file);
	if (kept)
		return kept->map(file, backing);
	file->backing.operations = &operations;
	*backing = &file->backing;
	return 0;
}

static uint64_t count_pages(const struct inode *inode)
{
	return (hostfs_of(inode)->blocks * 512 + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
}

static const struct inode_operations live_file_inode_operations = {
    .resize = resize,
    .pages = count_pages,
};

static const struct file_operations live_file_operations = {
    .read = read_opened,
    .write = write_opened,
    .seek = seek,
    .available = available,
    .map = map,
    .positioned = true,
    .stored = true,
};

/* ── names ───────────────────────────────────────────────────────────────────────────────────── */

static int lookup(const struct inode *directory, const char *name, size_t length,
		  struct inode **found)
{
	int error;
	struct hostfs_inode *host =
	    hostfs_allocate((struct inode *)(uintptr_t)directory, name, length, &error);
	return host ? hostfs_look(host, found) : error;
}

/* Asks for a name of the directory, which need not be there. */
static int ask_name(struct root_request request, struct inode *directory, const char *name,
		    size_t length, const char *text)
{
	int error;
	struct root_answer answer;
	struct hostfs_inode *host = hostfs_allocate(directory, name, length, &error);
	if (!host)
		return error;
	error = hostfs_ask_two(request, host, NULL, text, strlen(text), &answer);
	hostfs_free(host);
	return error;
}

static int make(struct inode *directory, const char *name, size_t length, uint32_t mode,
		const char *target)
{
	const struct root_request request = {
	    .operation = ROOT_MAKE,
	    .mode = mode & (S_IFMT | 0777),
	    .owner = identity_user(),
	    .group = identity_group(),
	};
	return ask_name(request, directory, name, length, target ? target : "");
}

/* ── what is removed while it is open ────────────────────────────────────────────────────────── */

/* Reads the whole file into `copy`. */
static int copy_contents(struct inode *inode, struct inode *copy)
{
	const uint64_t pages = 16;
	char *buffer = pool_allocate(pages);
	int64_t got = buffer ? 1 : -ENOMEM;
	for (uint64_t offset = 0; got > 0; offset += (uint64_t)got) {
		got = read_inode(inode, buffer, pages * GUEST_PAGE_SIZE, offset);
		if (got > 0 && regular_write(copy, buffer, (uint64_t)got, offset) != got)
			got = -ENOSPC;
	}
	if (buffer)
		pool_release(buffer, pages);
	return got < 0 ? (int)got : 0;
}

/* A program may use a file whose only name it removes: it becomes one in memory. Its copy, made before
 * the name goes; NULL: it is not open, has other names, in which it lives on, or is too large. */
static struct inode *copy_opened(struct inode *inode)
{
	if (!inode || !S_ISREG(inode->mode) || !inode->references || hostfs_of(inode)->links > 1 ||
	    inode->size / GUEST_PAGE_SIZE > pool_free_pages() / 4)
		return NULL;
	struct inode *copy = regular_create(inode->mode & 07777);
	if (copy && copy_contents(inode, copy)) {
		inode_drop(copy);
		return NULL;
	}
	return copy;
}

/* The name has gone, or has not (`error`): the file is what was copied, or the copy is of no use. */
static void keep(struct inode *inode, struct inode *copy, int error)
{
	if (!copy)
		return;
	if (!error && inode->references) {
		struct hostfs_inode *host = hostfs_of(inode);
		inode->layer = NULL;
		inode->lower = NULL;
		inode->operations = copy->operations;
		inode->file_operations = copy->file_operations;
		inode->regular = copy->regular;
		inode->size = copy->size;
		copy->regular.pages = NULL;
		copy->regular.capacity = 0;
		hostfs_free(host);
	}
	inode_drop(copy);
}

static int remove_name(const struct layer_name *from, bool is_directory)
{
	const struct root_request request = {
	    .operation = ROOT_REMOVE,
	    .flags = is_directory ? ROOT_DIRECTORY : 0,
	};
	struct inode *copy = copy_opened(from->inode);
	int error = ask_name(request, from->directory, from->name, from->length, "");
	keep(from->inode, copy, error);
	if (!error)
		directory_forget(from->directory, from->name, from->length);
	return error;
}

/* What is open has another name from now on. */
static void set_name(struct inode *inode, struct hostfs_inode *name)
{
	hostfs_rename(hostfs_of(inode), name);
	inode->lower = name;
}

static int rename_found(const struct layer_name *from, const struct layer_name *to, uint32_t flags,
			struct hostfs_inode *old_name, struct hostfs_inode *new_name)
{
	struct root_answer answer;
	const bool exchanges = flags & RENAME_EXCHANGE;
	const struct root_request request = {
	    .operation = ROOT_RENAME,
	    .flags =
		(flags & RENAME_NOREPLACE ? ROOT_NO_REPLACE : 0) | (exchanges ? ROOT_EXCHANGE : 0),
	};
	struct inode *copy = exchanges ? NULL : copy_opened(to->inode);
	int error = hostfs_ask_two(request, old_name, new_name, NULL, 0, &answer);
	keep(to->inode, copy, error);
	if (error) {
		hostfs_free(old_name);
		hostfs_free(new_name);
		return error;
	}
	inode_hold(from->inode);
	if (exchanges) {
		set_name(to->inode, old_name);
		directory_forget(from->directory, from->name, from->length);
		directory_forget(to->directory, to->name, to->length);
	} else {
		hostfs_free(old_name);
		directory_forget(to->directory, to->name, to->length);
		directory_move(from->directory, from->name, from->length, to->directory, to->name,
			       to->length);
	}
	set_name(from->inode, new_name);
	inode_drop(from->inode);
	return 0;
}

static int rename_name(const struct layer_name *from, const struct layer_name *to, uint32_t flags)
{
	int error;
	struct hostfs_inode *old_name =
	    hostfs_allocate(from->directory, from->name, from->length, &error);
	if (!old_name)
		return error;
	struct hostfs_inode *new_name =
	    hostfs_allocate(to->directory, to->name, to->length, &error);
	if (!new_name) {
		hostfs_free(old_name);
		return error;
	}
	return rename_found(from, to, flags, old_name, new_name);
}

static int link_name(struct inode *inode, struct inode *directory, const char *name, size_t length)
{
	int error;
	struct root_answer answer;
	const struct root_request request = {.operation = ROOT_LINK};
	struct hostfs_inode *new_name = hostfs_allocate(directory, name, length, &error);
	if (!new_name)
		return error;
	error = hostfs_ask_two(request, hostfs_of(inode), new_name, NULL, 0, &answer);
	hostfs_free(new_name);
	return error;
}

static int change(struct inode *inode, const struct layer_change *wanted)
{
	struct root_answer answer;
	struct root_request request = request_for(inode, ROOT_CHANGE);
	request.flags = wanted->flags;
	if (wanted->flags & ROOT_SET_MODE)
		request.mode = wanted->mode & 07777;
	if (wanted->flags & ROOT_SET_OWNER) {
		request.owner = wanted->owner;
		request.group = wanted->group;
	}
	request.accessed_ns = wanted->flags & ROOT_SET_ACCESSED ? wanted->accessed_ns : 0;
	request.modified_ns = wanted->flags & ROOT_SET_MODIFIED ? wanted->modified_ns : 0;
	int error = hostfs_ask(request, hostfs_of(inode), &answer);
	if (!error)
		hostfs_describe(inode, &answer.status);
	return error_of_opened(error);
}

/* A listing goes on with what it began with, whatever comes and goes meanwhile. */
static int load(struct inode *directory, bool begins)
{
	if (begins)
		hostfs_forget_names(hostfs_of(directory));
	return hostfs_load(directory);
}

/* What is in memory, as a socket, hides what others give the same name only as long as it is there. */
static bool may_have(const struct inode *directory, const char *name, size_t length)
{
	return false;
}

static const struct layer_changes live_changes = {
    .make = make,
    .remove = remove_name,
    .rename = rename_name,
    .link = link_name,
    .change = change,
    .synchronise = synchronise,
    .allocate = allocate,
};

static const struct layer_operations live_operations = {
    .lookup = lookup,
    .may_have = may_have,
    .load = load,
    .count = hostfs_count,
    .describe = hostfs_describe_name,
    .permission = hostfs_permission,
    .status = hostfs_status,
    .free = hostfs_free_inode,
    .revalidate = revalidate,
    .changes = &live_changes,
};

struct inode *hostfs_create_live(struct hostfs_inode *host, const struct root_status *status,
				 const char *target)
{
	if (!S_ISREG(status->mode))
		return lower_create(status->mode, status->size, target, &live_operations, host);
	return inode_create_lower(status->mode, &live_file_inode_operations, &live_file_operations,
				  &live_operations, host);
}
