/* The host's root directory; see hostfs.h. Requests and answers lie in the root area of the
 * window, contents of files in an area of their own: what was fetched last is there, so that
 * small reads one after the other ask once. */
#include "hostfs.h"

#include <dirent.h>
#include <errno.h>

#include "directory.h"
#include "guest/lib/text.h"
#include "guest/machine/contents_area.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/mm/heap.h"
#include "guest/mm/pool.h"
#include "inode.h"
#include "layer.h"
#include "lower.h"
#include "mayfly/root_wire.h"
#include "sizes/sizes.h"
#include "status.h"

/* Cookies of names that come in a clone: the host's are numbered below, before they are counted. */
#define OWN_COOKIES (1UL << 32)

/* A directory with more names than this is not listed: EOVERFLOW. */
#define LISTED_MAX 4000000UL

/* How much is fetched of a file that is read here and there. Of one that is read in order, as much
 * as can be had at once. */
#define FETCH_SMALL (16 * GUEST_PAGE_SIZE)

/* Files larger than this part of the pool are not kept, and none once half of the pool is used. */
#define KEPT_PART 8

struct hostfs_chunk {
	struct hostfs_chunk *next;
	uint64_t size; /* with this */
	char entries[];
};

static const struct layer_operations hostfs_operations;

/* What the contents area holds. */
static struct {
	const struct hostfs_inode *file; /* NULL: nothing */
	uint64_t offset, length;
	bool goes_on; /* from what it held before */
} fetched;

bool hostfs_is_there(void)
{
	return libos_start_info.root_served;
}

void hostfs_resume(void)
{
	fetched.file = NULL; /* the clone's window is another one */
}

/* ── asking ──────────────────────────────────────────────────────────────────────────────────── */

static char *root_area(void)
{
	return (char *)(GUEST_WINDOW_BASE + WINDOW_ROOT_OFFSET);
}

const char *hostfs_extra(void)
{
	return root_area() + sizeof(struct root_answer);
}

/* How long its path is, from the root on. */
static size_t path_length(const struct hostfs_inode *host)
{
	size_t length = host->path_length;
	for (; host->parent; host = hostfs_of(host->parent)) {
		const size_t above = hostfs_of(host->parent)->path_length;
		length += above ? above + 1 : 0;
	}
	return length;
}

/* Puts it where it ends. */
static void put_path(const struct hostfs_inode *host, char *end)
{
	for (;; host = hostfs_of(host->parent)) {
		end -= host->path_length;
		memcpy(end, host->path, host->path_length);
		if (!host->parent || !hostfs_of(host->parent)->path_length)
			break;
		*--end = '/';
	}
}

int hostfs_ask_two(struct root_request request, const struct hostfs_inode *host,
		   const struct hostfs_inode *second, const char *text, size_t text_length,
		   struct root_answer *answer)
{
	const size_t length = path_length(host);
	const size_t second_length = second ? path_length(second) : text_length;
	if (length > ROOT_WIRE_PATH_MAX || second_length > ROOT_WIRE_PATH_MAX)
		return -ENAMETOOLONG;
	request.path_length = (uint32_t)length;
	request.second_length = (uint32_t)second_length;
	char *paths = root_area() + sizeof(request);
	memcpy(root_area(), &request, sizeof(request));
	put_path(host, paths + length);
	if (second)
		put_path(second, paths + length + second_length);
	else
		memcpy(paths + length, text, text_length);
	int64_t result = machine_hypercall(HYPERCALL_ROOT, 0, 0, 0);
	if (result)
		return (int)result;
	memcpy(answer, root_area(), sizeof(*answer));
	return answer->error;
}

int hostfs_ask(struct root_request request, const struct hostfs_inode *host,
	       struct root_answer *answer)
{
	return hostfs_ask_two(request, host, NULL, "", 0, answer);
}

/* ── inodes ────────────────────────────────────────────────────────────────────────────────── */

static size_t hostfs_size(uint32_t path_length)
{
	return sizeof(struct hostfs_inode) + path_length;
}

void hostfs_forget_names(struct hostfs_inode *host)
{
	for (struct hostfs_chunk *chunk = host->chunks; chunk;) {
		struct hostfs_chunk *next = chunk->next;
		heap_free(chunk, chunk->size);
		chunk = next;
	}
	heap_free(host->names, host->room * sizeof(void *));
	heap_free(host->places, host->place_count * sizeof(*host->places));
	host->chunks = NULL;
	host->names = NULL;
	host->places = NULL;
	host->place_count = 0;
	host->listed = host->room = 0;
	host->is_listed = false;
}

void hostfs_free(struct hostfs_inode *host)
{
	/* A directory that only this held goes as well, and so on up: one after the other, as a tree
	 * may be deeper than the stack. */
	static struct inode *above;
	static bool goes_up;
	struct inode *parent = host->parent;
	hostfs_forget_names(host);
	if (fetched.file == host)
		fetched.file = NULL;
	heap_free(host, hostfs_size(host->path_length));
	if (goes_up) {
		above = parent;
		return;
	}
	goes_up = true;
	while (parent) {
		above = NULL;
		inode_drop(parent);
		parent = above;
	}
	goes_up = false;
}

void hostfs_rename(struct hostfs_inode *host, struct hostfs_inode *name)
{
	memcpy(name, host, offsetof(struct hostfs_inode, parent));
	/* What it had is the other's. */
	host->chunks = NULL;
	host->names = NULL;
	host->places = NULL;
	host->room = host->place_count = 0;
	hostfs_free(host);
}

void hostfs_describe(struct inode *inode, const struct root_status *status)
{
	struct hostfs_inode *host = hostfs_of(inode);
	host->device = status->device;
	host->blocks = status->blocks;
	host->size = status->size;
	host->links = status->links;
	host->unreadable = status->flags & ROOT_STATUS_UNREADABLE;
	inode->mode = status->mode;
	inode->owner = status->owner;
	inode->group = status->group;
	inode->size = status->size;
	inode->accessed_ns = status->accessed_ns;
	inode->modified_ns = status->modified_ns;
	inode->changed_ns = status->changed_ns;
	if (S_ISDIR(inode->mode))
		inode->directory.subdirectories = status->links > 2 ? status->links - 2 : 0;
}

/* Of a link's target, the answer has as many bytes as the size says. */
static struct inode *create_inode(struct hostfs_inode *host, const struct root_status *status)
{
	struct inode *inode = status->flags & ROOT_STATUS_LIVE
				  ? hostfs_create_live(host, status, hostfs_extra())
				  : lower_create(status->mode, status->size, hostfs_extra(),
						 &hostfs_operations, host);
	if (!inode)
		return NULL;
	hostfs_describe(inode, status);
	inode->number = status->inode;
	inode->read_only = status->flags & ROOT_STATUS_READ_ONLY;
	if (S_ISDIR(inode->mode))
		inode->directory.next_cookie = OWN_COOKIES;
	return inode;
}

/* What the listing of `directory`, if it is of this clone, said of a name; or NULL. */
static const struct root_status *find_listed(const struct hostfs_inode *directory, const char *name,
					     size_t length)
{
	if (!directory->places || directory->placed_in != directory_epoch())
		return NULL;
	uint64_t mask = directory->place_count - 1;
	for (uint64_t place = text_hash(name, length) & mask; directory->places[place];
	     place = (place + 1) & mask) {
		const struct root_listed *listed = directory->names[directory->places[place] - 1];
		if (listed->length == length && !memcmp(listed->name, name, length))
			return listed->status.mode ? &listed->status : NULL;
	}
	return NULL;
}

/* Makes an inode; it takes `host` over, also where it fails. */
static int make_found(struct hostfs_inode *host, const struct root_status *status,
		      struct inode **found)
{
	*found = create_inode(host, status);
	if (*found)
		return 0;
	hostfs_free(host);
	return -ENOMEM;
}

int hostfs_look(struct hostfs_inode *host, struct inode **found)
{
	struct root_answer answer;
	int error = hostfs_ask((struct root_request){.operation = ROOT_LOOK}, host, &answer);
	if (!error && S_ISLNK(answer.status.mode) && answer.status.size >= PATH_MAX)
		error = -EIO;
	if (error) {
		hostfs_free(host);
		return error;
	}
	return make_found(host, &answer.status, found);
}

struct hostfs_inode *hostfs_allocate(struct inode *parent, const char *name, size_t length,
				     int *error)
{
	const size_t above = parent ? path_length(hostfs_of(parent)) : 0;
	*error = above + 1 + length > ROOT_WIRE_PATH_MAX ? -ENAMETOOLONG : -ENOMEM;
	struct hostfs_inode *host =
	    *error == -ENOMEM ? heap_allocate(hostfs_size((uint32_t)length)) : NULL;
	if (!host)
		return NULL;
	*error = 0;
	host->path_length = (uint32_t)length;
	memcpy(host->path, name, length);
	host->parent = parent;
	if (parent)
		inode_hold(parent);
	return host;
}

static int lookup(const struct inode *directory, const char *name, size_t length,
		  struct inode **found)
{
	int error;
	struct hostfs_inode *host =
	    hostfs_allocate((struct inode *)(uintptr_t)directory, name, length, &error);
	if (!host)
		return error;
	const struct root_status *listed = find_listed(hostfs_of(directory), name, length);
	return listed ? make_found(host, listed, found) : hostfs_look(host, found);
}

struct inode *hostfs_root(void)
{
	int error;
	struct inode *found;
	struct hostfs_inode *host = hostfs_allocate(NULL, "", 0, &error);
	return host && !hostfs_look(host, &found) ? found : NULL;
}

/* ── listings ────────────────────────────────────────────────────────────────────────────────── */

static int add_name(struct hostfs_inode *host, const struct root_listed *name)
{
	if (host->listed == LISTED_MAX)
		return -EOVERFLOW;
	if (host->listed == host->room) {
		uint64_t room = host->room ? 2 * host->room : 64;
		const struct root_listed **grown =
		    heap_resize(host->names, host->room * sizeof(void *), room * sizeof(void *));
		if (!grown)
			return -ENOMEM;
		host->names = grown;
		host->room = room;
	}
	host->names[host->listed++] = name;
	return 0;
}

/* Keeps the names of an answer. */
static int add_names(struct hostfs_inode *host, uint32_t length)
{
	uint64_t size = sizeof(struct hostfs_chunk) + length;
	struct hostfs_chunk *chunk = heap_allocate(size);
	if (!chunk)
		return -ENOMEM;
	chunk->size = size;
	chunk->next = host->chunks;
	host->chunks = chunk;
	memcpy(chunk->entries, hostfs_extra(), length);
	int error = 0;
	for (uint32_t at = 0; at < length && !error;) {
		const struct root_listed *name = (const struct root_listed *)(chunk->entries + at);
		error = add_name(host, name);
		at += (uint32_t)root_listed_size(name->length);
	}
	return error;
}

/* A program that lists a directory often asks for the status of what is in it (ls -l), which came
 * with the names. Without memory for the table, each is asked for. */
static void place_names(struct hostfs_inode *host)
{
	uint64_t count = 16;
	while (count < 2 * host->listed)
		count *= 2;
	host->places = heap_allocate(count * sizeof(*host->places));
	if (!host->places)
		return;
	host->place_count = count;
	host->placed_in = directory_epoch();
	for (uint64_t i = 0; i < host->listed; i++) {
		const struct root_listed *name = host->names[i];
		uint64_t place = text_hash(name->name, name->length) & (count - 1);
		while (host->places[place])
			place = (place + 1) & (count - 1);
		host->places[place] = (uint32_t)i + 1;
	}
}

int hostfs_load(struct inode *directory)
{
	struct hostfs_inode *host = hostfs_of(directory);
	struct root_request request = {.operation = ROOT_LIST};
	if (host->is_listed)
		return 0;
	do {
		struct root_answer answer;
		int error = hostfs_ask(request, host, &answer);
		if (!error && answer.status.inode != directory->number)
			error = -ESTALE;
		if (!error)
			error = add_names(host, answer.length);
		if (error) {
			hostfs_forget_names(host);
			return error;
		}
		request.offset = answer.next;
	} while (request.offset);
	host->is_listed = true;
	place_names(host);
	return 0;
}

static int load(struct inode *directory, bool begins)
{
	return hostfs_load(directory);
}

/* ── contents ────────────────────────────────────────────────────────────────────────────────── */

static bool may_cache(const struct inode *file, uint64_t length)
{
	uint64_t total = pool_total_pages();
	return length < FETCH_SMALL &&
	       file->regular.lower_size / GUEST_PAGE_SIZE <= total / KEPT_PART &&
	       pool_free_pages() > total / 2;
}

/* What was fetched of the file last is still in the contents area. */
static bool holds(const struct hostfs_inode *host)
{
	return fetched.file == host && contents_area_is_of(&fetched);
}

static bool is_fetched(const struct hostfs_inode *host, uint64_t offset)
{
	return holds(host) && offset >= fetched.offset && offset - fetched.offset < fetched.length;
}

/* The offset continues what was fetched last. */
static bool is_next(const struct hostfs_inode *host, uint64_t offset)
{
	return holds(host) && offset == fetched.offset + fetched.length;
}

static bool is_streamed(const struct inode *file, uint64_t offset)
{
	return is_next(hostfs_of(file), offset) ||
	       (fetched.goes_on && is_fetched(hostfs_of(file), offset));
}

/* The host's file ends here now. */
static void shorten(struct inode *file, uint64_t size)
{
	if (file->size == file->regular.lower_size)
		file->size = size;
	file->regular.lower_size = size;
}

/* Fetches what lies around `offset`, which is below the file's end, for somebody who wants `length`
 * bytes from there. */
static int fetch(struct inode *file, uint64_t offset, uint64_t length)
{
	const struct hostfs_inode *host = hostfs_of(file);
	uint64_t start = round_down(offset, GUEST_PAGE_SIZE);
	const bool goes_on = is_next(host, start);
	uint64_t wanted =
	    !start || goes_on || length > FETCH_SMALL ? ROOT_WIRE_CONTENTS_MAX : FETCH_SMALL;
	if (wanted > file->regular.lower_size - start)
		wanted = file->regular.lower_size - start;
	const struct root_request request = {
	    .operation = ROOT_READ,
	    .offset = start,
	    .length = wanted,
	};
	struct root_answer answer;
	fetched.file = NULL; /* the area is overwritten, also where this fails */
	(void)contents_area_take(&fetched);
	int error = hostfs_ask(request, host, &answer);
	/* On Linux an open file stays readable when its name is gone, but the name is all that the
	 * server can be asked by. */
	if (error)
		return error == -ENOENT || error == -ENOTDIR ? -ESTALE : error;
	if (answer.status.inode != file->number || answer.status.device != host->device)
		return -ESTALE;
	fetched.file = host;
	fetched.offset = start;
	fetched.length = answer.length;
	fetched.goes_on = goes_on;
	if (answer.length < wanted)
		shorten(file, start + answer.length);
	return 0;
}

/* Pages of the program that are not there yet may have to be fetched themselves, and take the
 * contents area. They stay while they are written to. */
void hostfs_touch(const volatile char *bytes, uint64_t length)
{
	for (uint64_t at = 0; at < length; at += GUEST_PAGE_SIZE)
		(void)bytes[at];
	(void)bytes[length - 1];
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* `fetched` may have changed */
}

static int read_contents(struct inode *file, char *out, uint64_t length, uint64_t offset)
{
	const char *area = (const char *)(GUEST_WINDOW_BASE + WINDOW_CONTENTS_OFFSET);
	while (length && offset < file->regular.lower_size) {
		hostfs_touch(out,
			     length < ROOT_WIRE_CONTENTS_MAX ? length : ROOT_WIRE_CONTENTS_MAX);
		if (!is_fetched(hostfs_of(file), offset)) {
			int error = fetch(file, offset, length);
			if (error)
				return error;
			continue;
		}
		uint64_t within = offset - fetched.offset, part = fetched.length - within;
		/* The program may have cut the file off here. */
		if (part > file->regular.lower_size - offset)
			part = file->regular.lower_size - offset;
		if (part > length)
			part = length;
		memcpy(out, area + within, part);
		out += part;
		offset += part;
		length -= part;
	}
	memset(out, 0, length);
	return 0;
}

/* ── the layer ───────────────────────────────────────────────────────────────────────────────── */

/* Nobody knows before it is asked. */
static bool may_have(const struct inode *directory, const char *name, size_t length)
{
	return true;
}

uint64_t hostfs_count(const struct inode *directory)
{
	return hostfs_of(directory)->listed;
}

void hostfs_describe_name(const struct inode *directory, uint64_t index, struct dirent_info *info)
{
	const struct root_listed *listed = hostfs_of(directory)->names[index];
	*info = (struct dirent_info){
	    .name = listed->name,
	    .length = listed->length,
	    .number = listed->status.inode,
	    .mode = (uint32_t)DTTOIF((uint32_t)listed->type),
	};
}

int hostfs_permission(const struct inode *inode)
{
	return hostfs_of(inode)->unreadable ? -EACCES : 0;
}

void hostfs_status(const struct inode *inode, struct inode_status *status)
{
	const struct hostfs_inode *host = hostfs_of(inode);
	status->device = host->device;
	/* Links that others have on the host count, too. */
	if (!S_ISDIR(inode->mode))
		status->links = inode->links - 1UL + host->links;
	if (inode->size == host->size)
		status->blocks = host->blocks;
}

void hostfs_free_inode(struct inode *inode)
{
	hostfs_free(hostfs_of(inode));
}

static const struct layer_operations hostfs_operations = {
    .lookup = lookup,
    .may_have = may_have,
    .remembers_missing = true,
    .load = load,
    .count = hostfs_count,
    .describe = hostfs_describe_name,
    .read = read_contents,
    .may_cache = may_cache,
    .is_streamed = is_streamed,
    .permission = hostfs_permission,
    .status = hostfs_status,
    .free = hostfs_free_inode,
};
