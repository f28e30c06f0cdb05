/* 9P: what is asked of one file or directory; see nine_p_server.c. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "nine_p_call.h"
#include "util/clock.h"

#define NAMES_MAX    (1UL << 20) /* of a directory, that are listed */
#define STATUS_VALID 0x7ffULL	 /* all that Linux' stat(2) has */
#define V9FS_MAGIC   0x01021997U

int nine_p_open(struct nine_p_call *call)
{
	struct nine_p_fid *fid = nine_p_take_fid(call);
	const uint64_t flags = nine_p_get(&call->in, 4);
	if (call->in.ended || !fid || fid->is_open)
		return EINVAL;
	if ((flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC))
		return EROFS;
	int result = nine_p_look(call, fid->path);
	if (!result && S_ISLNK(call->answer.status.mode))
		result = ELOOP;
	fid->is_open = !result;
	nine_p_put_status_qid(call);
	nine_p_put(&call->out, 0, 4);
	return result;
}

int nine_p_read(struct nine_p_call *call)
{
	const struct nine_p_fid *fid = nine_p_take_fid(call);
	const uint64_t offset = nine_p_get(&call->in, 8);
	uint64_t count = nine_p_get(&call->in, 4);
	const uint64_t left = call->out.room - NINE_P_READ_HEADER;
	if (call->in.ended || !fid || !fid->is_open || call->out.room < NINE_P_READ_HEADER)
		return EINVAL;
	count = count < left ? count : left;
	count = count < ROOT_WIRE_CONTENTS_MAX ? count : ROOT_WIRE_CONTENTS_MAX;
	int result = offset > INT64_MAX || !count
			 ? 0
			 : nine_p_ask(call, ROOT_READ, fid->path, offset, count,
				      call->out.bytes + NINE_P_READ_HEADER);
	const uint32_t got = offset > INT64_MAX || !count ? 0 : call->answer.length;
	nine_p_put(&call->out, got, 4);
	nine_p_take(&call->out, got);
	return result == ESTALE ? EISDIR : result;
}

int nine_p_readlink(struct nine_p_call *call)
{
	const struct nine_p_fid *fid = nine_p_take_fid(call);
	if (!fid)
		return EBADF;
	int result = nine_p_look(call, fid->path);
	if (!result && !S_ISLNK(call->answer.status.mode))
		result = EINVAL;
	if (!result)
		nine_p_put_text(&call->out, (const char *)call->extra, call->answer.length);
	return result;
}

static void put_time(struct nine_p_writer *out, uint64_t time_ns)
{
	nine_p_put(out, time_ns / NANOSECONDS_PER_SECOND, 8);
	nine_p_put(out, time_ns % NANOSECONDS_PER_SECOND, 8);
}

int nine_p_getattr(struct nine_p_call *call)
{
	const struct nine_p_fid *fid = nine_p_take_fid(call);
	const struct root_status *status = &call->answer.status;
	struct nine_p_writer *out = &call->out;
	if (!fid)
		return EBADF;
	int result = nine_p_look(call, fid->path);
	nine_p_put(out, STATUS_VALID, 8);
	nine_p_put_status_qid(call);
	nine_p_put(out, status->mode, 4);
	nine_p_put(out, status->owner, 4);
	nine_p_put(out, status->group, 4);
	nine_p_put(out, status->links, 8);
	nine_p_put(out, 0, 8); /* it is no device */
	nine_p_put(out, status->size, 8);
	nine_p_put(out, 4096, 8);
	nine_p_put(out, status->blocks, 8);
	put_time(out, status->accessed_ns);
	put_time(out, status->modified_ns);
	put_time(out, status->changed_ns);
	put_time(out, 0); /* when it was made, generation and version are not known */
	put_time(out, 0);
	return result;
}

int nine_p_statfs(struct nine_p_call *call)
{
	struct nine_p_writer *out = &call->out;
	if (!nine_p_take_fid(call))
		return EBADF;
	nine_p_put(out, V9FS_MAGIC, 4);
	nine_p_put(out, 4096, 4);
	for (int i = 0; i < 6; i++) /* nothing is known of blocks and files, and nothing is free */
		nine_p_put(out, 0, 8);
	nine_p_put(out, ROOT_WIRE_NAME_MAX, 4);
	return 0;
}

int nine_p_fsync(struct nine_p_call *call)
{
	return nine_p_take_fid(call) ? 0 : EBADF;
}

/* ── directories ─────────────────────────────────────────────────────────────────────────────── */

/* Puts the names of one answer of the server, leaving out those before `from`; *number counts them
 * all. false: `room` bytes are full. */
static bool put_names(struct nine_p_call *call, uint64_t from, uint64_t *number, size_t room)
{
	struct nine_p_writer *out = &call->out;
	for (uint64_t at = 0; at + sizeof(struct root_listed) <= call->answer.length;) {
		struct root_listed listed;
		memcpy(&listed, call->extra + at, sizeof(listed));
		const char *name = (const char *)call->extra + at + sizeof(listed);
		at += root_listed_size(listed.length);
		if ((*number)++ < from)
			continue;
		if (out->at + 13 + 8 + 1 + 2 + listed.length > room)
			return false;
		nine_p_put_qid(out, (uint32_t)DTTOIF(listed.type), listed.status.device,
			       listed.status.inode);
		nine_p_put(out, *number, 8);
		nine_p_put(out, listed.type, 1);
		nine_p_put_text(out, name, listed.length);
	}
	return true;
}

/* Where a listing goes on is told by how many names there were before: a directory is listed from
 * its beginning each time, as nothing is remembered of it. */
int nine_p_readdir(struct nine_p_call *call)
{
	const struct nine_p_fid *fid = nine_p_take_fid(call);
	const uint64_t from = nine_p_get(&call->in, 8);
	const uint64_t count = nine_p_get(&call->in, 4);
	if (call->in.ended || !fid || !fid->is_open || call->out.room < NINE_P_READ_HEADER)
		return EINVAL;
	const size_t left = call->out.room - NINE_P_READ_HEADER;
	const size_t room = NINE_P_READ_HEADER + (count < left ? count : left);
	const size_t place = call->out.at;
	uint64_t number = 0;
	int result;
	nine_p_put(&call->out, 0, 4);
	call->answer.next = 0;
	do {
		result = nine_p_ask(call, ROOT_LIST, fid->path, call->answer.next, 0, call->extra);
	} while (!result && put_names(call, from, &number, room) && call->answer.next &&
		 number < NAMES_MAX);
	memcpy(call->out.bytes + place, &(uint32_t){(uint32_t)(call->out.at - NINE_P_READ_HEADER)},
	       4);
	return result;
}
