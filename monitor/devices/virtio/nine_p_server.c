/* 9P2000.L for a tree that is only read; see nine_p.h.
 *
 * A walk goes component by component, and never follows a symbolic link: the guest reads links and
 * walks on itself, which ends at the root at the latest. What would change something is refused with
 * EROFS.
 */
#include <errno.h>
#include <sys/stat.h>

#include "nine_p_call.h"
#include "sizes/sizes.h"

#define VERSION	 "9P2000.L"
#define WALK_MAX 16U

enum {
	ANSWER_ERROR = 7,
	MESSAGE_STATFS = 8,
	MESSAGE_OPEN = 12,
	MESSAGE_CREATE = 14,
	MESSAGE_SYMLINK = 16,
	MESSAGE_MKNOD = 18,
	MESSAGE_RENAME = 20,
	MESSAGE_READLINK = 22,
	MESSAGE_GETATTR = 24,
	MESSAGE_SETATTR = 26,
	MESSAGE_READDIR = 40,
	MESSAGE_FSYNC = 50,
	MESSAGE_LINK = 70,
	MESSAGE_MKDIR = 72,
	MESSAGE_RENAMEAT = 74,
	MESSAGE_UNLINKAT = 76,
	MESSAGE_VERSION = 100,
	MESSAGE_ATTACH = 104,
	MESSAGE_FLUSH = 108,
	MESSAGE_WALK = 110,
	MESSAGE_READ = 116,
	MESSAGE_WRITE = 118,
	MESSAGE_CLUNK = 120,
	MESSAGE_REMOVE = 122,
};

/* ── the tree ────────────────────────────────────────────────────────────────────────────────── */

int nine_p_ask(struct nine_p_call *call, enum root_operation operation, const char *path,
	       uint64_t offset, uint64_t length, void *extra)
{
	struct error error = {0};
	struct root_request request = {.operation = operation, .offset = offset, .length = length};
	int result = root_client_ask(call->files, &request, path, call->deadline_ns, &call->answer,
				     extra, &error);
	if (result)
		return result == -ENAMETOOLONG ? ENAMETOOLONG : EIO;
	return -call->answer.error;
}

int nine_p_look(struct nine_p_call *call, const char *path)
{
	return nine_p_ask(call, ROOT_LOOK, path, 0, 0, call->extra);
}

void nine_p_put_qid(struct nine_p_writer *out, uint32_t mode, uint64_t device, uint64_t inode)
{
	nine_p_put(out, S_ISDIR(mode) ? 0x80 : S_ISLNK(mode) ? 2 : 0, 1);
	nine_p_put(out, 0, 4);
	nine_p_put(out, inode ^ device << 48, 8);
}

void nine_p_put_status_qid(struct nine_p_call *call)
{
	const struct root_status *status = &call->answer.status;
	nine_p_put_qid(&call->out, status->mode, status->device, status->inode);
}

/* ── fids ────────────────────────────────────────────────────────────────────────────────────── */

static struct nine_p_fid *find_fid(struct nine_p *session, uint32_t number)
{
	for (unsigned i = 0; i < NINE_P_FIDS_MAX; i++)
		if (session->fids[i].is_used && session->fids[i].number == number)
			return &session->fids[i];
	return NULL;
}

struct nine_p_fid *nine_p_take_fid(struct nine_p_call *call)
{
	return find_fid(call->session, (uint32_t)nine_p_get(&call->in, 4));
}

static struct nine_p_fid *new_fid(struct nine_p *session, uint32_t number)
{
	for (unsigned i = 0; i < NINE_P_FIDS_MAX; i++)
		if (!session->fids[i].is_used) {
			session->fids[i] = (struct nine_p_fid){.number = number, .is_used = true};
			return &session->fids[i];
		}
	return NULL;
}

/* Goes to a name in a directory, or to what the directory is in. */
static int step(struct nine_p_fid *fid, const char *name, size_t length)
{
	if (length == 2 && !memcmp(name, "..", 2)) {
		const char *slash = memrchr(fid->path, '/', fid->length);
		fid->length = (uint16_t)(slash ? slash - fid->path : 0);
		fid->path[fid->length] = 0;
		return 0;
	}
	if (!length || memchr(name, '/', length) || memchr(name, 0, length) ||
	    (length == 1 && *name == '.'))
		return ENOENT;
	const size_t slash = fid->length != 0;
	if (fid->length + slash + length > NINE_P_PATH_MAX)
		return ENAMETOOLONG;
	if (slash)
		fid->path[fid->length++] = '/';
	memcpy(fid->path + fid->length, name, length);
	fid->length = (uint16_t)(fid->length + length);
	fid->path[fid->length] = 0;
	return 0;
}

/* ── messages ────────────────────────────────────────────────────────────────────────────────── */

/* Each has the rest of its message in call->in, writes the rest of its answer to call->out, and
 * returns 0 or a positive errno. */

static int do_version(struct nine_p_call *call)
{
	size_t length;
	const uint32_t wanted = (uint32_t)nine_p_get(&call->in, 4);
	const char *version = nine_p_get_text(&call->in, &length);
	const bool known = length == strlen(VERSION) && !memcmp(version, VERSION, length);
	struct nine_p *session = call->session;
	if (call->in.ended || wanted < NINE_P_MESSAGE_LOWEST)
		return EINVAL;
	memset(session, 0, sizeof(*session));
	session->message_max = wanted < NINE_P_MESSAGE_MAX ? wanted : NINE_P_MESSAGE_MAX;
	nine_p_put(&call->out, session->message_max, 4);
	nine_p_put_text(&call->out, known ? VERSION : "unknown", known ? length : 7);
	return 0;
}

static int do_attach(struct nine_p_call *call)
{
	const uint32_t number = (uint32_t)nine_p_get(&call->in, 4);
	if (call->in.ended || find_fid(call->session, number))
		return EINVAL;
	int result = nine_p_look(call, "");
	if (!result && !new_fid(call->session, number))
		result = EMFILE;
	nine_p_put_status_qid(call);
	return result;
}

static int do_flush(struct nine_p_call *call)
{
	(void)call; /* all that came before has been answered */
	return 0;
}

/* Walks as far as it goes; *count: how many names that were. */
static int walk(struct nine_p_call *call, struct nine_p_fid *at, unsigned names, unsigned *count)
{
	int result = 0;
	for (*count = 0; *count < names; (*count)++) {
		size_t length;
		const char *name = nine_p_get_text(&call->in, &length);
		if (call->in.ended)
			return EINVAL;
		result = step(at, name, length);
		if (!result)
			result = nine_p_look(call, at->path);
		if (result)
			break;
		nine_p_put_status_qid(call);
	}
	return result;
}

static int do_walk(struct nine_p_call *call)
{
	const struct nine_p_fid *from = nine_p_take_fid(call);
	const uint32_t number = (uint32_t)nine_p_get(&call->in, 4);
	const unsigned names = (unsigned)nine_p_get(&call->in, 2);
	struct nine_p_fid *to = find_fid(call->session, number);
	if (call->in.ended || !from || from->is_open || names > WALK_MAX || (to && to != from))
		return EINVAL;
	struct nine_p_fid at = *from;
	unsigned count;
	const size_t place = call->out.at;
	nine_p_put(&call->out, 0, 2);
	int result = walk(call, &at, names, &count);
	if (result == EINVAL || (result && !count))
		return result;
	if (!result && !to)
		to = new_fid(call->session, number);
	if (!result && !to)
		return EMFILE;
	if (!result) {
		at.number = number;
		*to = at;
	}
	if (!call->out.full)
		memcpy(call->out.bytes + place, &(uint16_t){(uint16_t)count}, 2);
	return 0;
}

static int do_clunk(struct nine_p_call *call)
{
	struct nine_p_fid *fid = nine_p_take_fid(call);
	if (!fid)
		return EBADF;
	fid->is_used = false;
	return 0;
}

static int do_remove(struct nine_p_call *call)
{
	const int result = do_clunk(call); /* even where it is refused */
	return result ? result : EROFS;
}

/* ── which message is what ───────────────────────────────────────────────────────────────────── */

static const struct {
	uint8_t type;
	int (*serve)(struct nine_p_call *call);
} messages[] = {
    {MESSAGE_VERSION, do_version},	 {MESSAGE_ATTACH, do_attach},
    {MESSAGE_FLUSH, do_flush},		 {MESSAGE_WALK, do_walk},
    {MESSAGE_OPEN, nine_p_open},	 {MESSAGE_READ, nine_p_read},
    {MESSAGE_CLUNK, do_clunk},		 {MESSAGE_REMOVE, do_remove},
    {MESSAGE_READLINK, nine_p_readlink}, {MESSAGE_GETATTR, nine_p_getattr},
    {MESSAGE_STATFS, nine_p_statfs},	 {MESSAGE_FSYNC, nine_p_fsync},
    {MESSAGE_READDIR, nine_p_readdir},
};

static const uint8_t changes[] = {
    MESSAGE_CREATE, MESSAGE_SYMLINK, MESSAGE_MKNOD,    MESSAGE_RENAME,	 MESSAGE_SETATTR,
    MESSAGE_LINK,   MESSAGE_MKDIR,   MESSAGE_RENAMEAT, MESSAGE_UNLINKAT, MESSAGE_WRITE,
};

static int serve(struct nine_p_call *call, uint8_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		if (messages[i].type == type &&
		    (type == MESSAGE_VERSION || call->session->message_max))
			return messages[i].serve(call);
	return memchr(changes, type, sizeof(changes)) ? EROFS : EOPNOTSUPP;
}

size_t nine_p_answer(struct nine_p *session, struct root_client *files, uint64_t deadline_ns,
		     const uint8_t *message, size_t length, uint8_t *reply, size_t room)
{
	const size_t agreed = session->message_max;
	uint8_t extra[ROOT_WIRE_ENTRIES_MAX];
	struct nine_p_call call = {
	    .session = session, .files = files, .deadline_ns = deadline_ns, .extra = extra};
	call.in = (struct nine_p_reader){.bytes = message, .length = length};
	call.out = (struct nine_p_writer){.bytes = reply,
					  .room = agreed && agreed < room ? agreed : room,
					  .at = NINE_P_HEADER_SIZE};
	const uint64_t told = nine_p_get(&call.in, 4);
	uint8_t type = (uint8_t)nine_p_get(&call.in, 1);
	const uint64_t tag = nine_p_get(&call.in, 2);
	if (call.in.ended || told < NINE_P_HEADER_SIZE)
		return 0;
	if (told < length)
		call.in.length = told;
	int result = serve(&call, type);
	if (!result && call.out.full)
		result = EMSGSIZE;
	type = result ? ANSWER_ERROR : (uint8_t)(type + 1);
	if (result) {
		call.out.at = NINE_P_HEADER_SIZE;
		call.out.full = false;
		nine_p_put(&call.out, (uint64_t)result, 4);
	}
	struct nine_p_writer header = {.bytes = reply, .room = NINE_P_HEADER_SIZE};
	nine_p_put(&header, call.out.at, 4);
	nine_p_put(&header, type, 1);
	nine_p_put(&header, tag, 2);
	return call.out.at;
}
