/* The root directory; see served.h. Requests and answers lie in the root area of the window,
 * contents of files in an area of their own: what was fetched last is there, so that small reads
 * one after the other ask once. */
#include "served.h"

#include <dirent.h>
#include <errno.h>

#include "files.h"
#include "libos.h"
#include "pool.h"
#include "text.h"

/* A directory with more names than this is not listed: EOVERFLOW. */
#define LISTED_MAX 4000000UL

/* What is fetched of a file that is read here and there; else as much as goes at once. */
#define FETCH_SMALL (16 * GUEST_PAGE_SIZE)

/* Files of more than this part of the pool are not kept, and none once more than half of it is
 * used.
 */
#define KEPT_PART 8

struct served_chunk {
	struct served_chunk *next;
	uint64_t size; /* with this */
	char entries[];
};

/* What the contents area holds. */
static struct {
	const struct served *file; /* NULL: nothing */
	uint64_t offset, length;
	bool goes_on; /* from what it held before */
} fetched;

static uint32_t epoch = 1;

bool served_is_there(void)
{
	return libos_start_info.root_served;
}

uint32_t served_epoch(void)
{
	return epoch;
}

void served_resume(void)
{
	epoch++;
	fetched.file = NULL; /* the clone's window is another one */
}

/* ── asking ──────────────────────────────────────────────────────────────────────────────────── */

static char *root_area(void)
{
	return (char *)(GUEST_WINDOW_BASE + WINDOW_ROOT_OFFSET);
}

/* What came besides the answer, but for contents. */
static const char *answer_extra(void)
{
	return root_area() + sizeof(struct root_answer);
}

static int ask(struct root_request request, const char *path, struct root_answer *answer)
{
	memcpy(root_area(), &request, sizeof(request));
	memcpy(root_area() + sizeof(request), path, request.path_length);
	int64_t result = machine_hypercall(HYPERCALL_ROOT, 0, 0, 0);
	if (result)
		return (int)result;
	memcpy(answer, root_area(), sizeof(*answer));
	return answer->error;
}

/* ── nodes ───────────────────────────────────────────────────────────────────────────────────── */

static size_t served_size(uint32_t path_length)
{
	return sizeof(struct served) + path_length;
}

static void free_names(struct served *served)
{
	for (struct served_chunk *chunk = served->chunks; chunk;) {
		struct served_chunk *next = chunk->next;
		heap_free(chunk, chunk->size);
		chunk = next;
	}
	heap_free(served->names, served->room * sizeof(void *));
	heap_free(served->places, served->place_count * sizeof(*served->places));
	served->chunks = NULL;
	served->names = NULL;
	served->places = NULL;
	served->place_count = 0;
	served->listed = served->room = 0;
}

void served_free(struct served *served)
{
	if (!served)
		return;
	free_names(served);
	if (fetched.file == served)
		fetched.file = NULL;
	heap_free(served, served_size(served->path_length));
}

static struct node *create_node(const struct root_status *status)
{
	/* Of the target, the answer has as many bytes as the size says. */
	char target[PATH_MAX];
	if (!S_ISLNK(status->mode))
		return node_create(status->mode, S_ISDIR(status->mode) ? &directory_operations
								       : &regular_operations);
	memcpy(target, answer_extra(), status->size);
	target[status->size] = 0;
	return node_create_symlink(target);
}

static void describe_node(struct node *node, struct served *served,
			  const struct root_status *status)
{
	served->device = status->device;
	served->blocks = status->blocks;
	served->size = status->size;
	served->links = status->links;
	served->unreadable = status->flags & ROOT_STATUS_UNREADABLE;
	node->served = served;
	node->number = status->inode;
	node->owner = status->owner;
	node->group = status->group;
	node->size = status->size;
	node->accessed_ns = status->accessed_ns;
	node->modified_ns = status->modified_ns;
	node->changed_ns = status->changed_ns;
	if (S_ISREG(node->mode))
		node->contents.lower_size = status->size;
	if (S_ISDIR(node->mode)) {
		node->directory.next_cookie = DIRECTORY_OWN_COOKIES;
		node->directory.subdirectories = status->links > 2 ? status->links - 2 : 0;
	}
}

/* What the listing of `directory`, if it is of this clone, said of a name; or NULL. */
static const struct root_status *find_listed(const struct served *directory, const char *name,
					     size_t length)
{
	if (!directory->places || directory->placed_in != epoch)
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

/* Makes a node; it takes `served` over, also where it fails. */
static int make_found(struct served *served, const struct root_status *status, struct node **found)
{
	struct node *node = create_node(status);
	if (!node) {
		served_free(served);
		return -ENOMEM;
	}
	describe_node(node, served, status);
	*found = node;
	return 0;
}

/* Asks for the path that is in `served`, and makes a node of the answer; it takes `served` over,
 * also where it fails. */
static int look(struct served *served, struct node **found)
{
	struct root_answer answer;
	const struct root_request request = {
	    .operation = ROOT_LOOK,
	    .path_length = served->path_length,
	};
	int error = ask(request, served->path, &answer);
	if (!error && S_ISLNK(answer.status.mode) && answer.status.size >= PATH_MAX)
		error = -EIO;
	if (error) {
		served_free(served);
		return error;
	}
	return make_found(served, &answer.status, found);
}

int served_find(const struct node *directory, const char *name, size_t length, struct node **found)
{
	const struct served *parent = directory->served;
	size_t before = parent->path_length ? parent->path_length + 1 : 0;
	if (before + length > ROOT_WIRE_PATH_MAX)
		return -ENAMETOOLONG;
	uint32_t path_length = (uint32_t)(before + length);
	struct served *served = heap_allocate(served_size(path_length));
	if (!served)
		return -ENOMEM;
	served->path_length = path_length;
	if (before) {
		memcpy(served->path, parent->path, parent->path_length);
		served->path[parent->path_length] = '/';
	}
	memcpy(served->path + before, name, length);
	const struct root_status *listed = find_listed(parent, name, length);
	return listed ? make_found(served, listed, found) : look(served, found);
}

struct node *served_root(void)
{
	struct node *found;
	struct served *served = heap_allocate(served_size(0));
	return served && !look(served, &found) ? found : NULL;
}

/* ── listings ────────────────────────────────────────────────────────────────────────────────── */

static int add_name(struct served *served, const struct root_listed *name)
{
	if (served->listed == LISTED_MAX)
		return -EOVERFLOW;
	if (served->listed == served->room) {
		uint64_t room = served->room ? 2 * served->room : 64;
		const struct root_listed **grown = heap_resize(
		    served->names, served->room * sizeof(void *), room * sizeof(void *));
		if (!grown)
			return -ENOMEM;
		served->names = grown;
		served->room = room;
	}
	served->names[served->listed++] = name;
	return 0;
}

/* Keeps the names of an answer. */
static int add_names(struct served *served, uint32_t length)
{
	uint64_t size = sizeof(struct served_chunk) + length;
	struct served_chunk *chunk = heap_allocate(size);
	if (!chunk)
		return -ENOMEM;
	chunk->size = size;
	chunk->next = served->chunks;
	served->chunks = chunk;
	memcpy(chunk->entries, answer_extra(), length);
	int error = 0;
	for (uint32_t at = 0; at < length && !error;) {
		const struct root_listed *name = (const struct root_listed *)(chunk->entries + at);
		error = add_name(served, name);
		at += (uint32_t)root_listed_size(name->length);
	}
	return error;
}

/* Who lists a directory often wants to know what is in it (ls -l): that came with the names.
 * Without memory for a table each is asked for. */
static void place_names(struct served *served)
{
	uint64_t count = 16;
	while (count < 2 * served->listed)
		count *= 2;
	served->places = heap_allocate(count * sizeof(*served->places));
	if (!served->places)
		return;
	served->place_count = count;
	served->placed_in = epoch;
	for (uint64_t i = 0; i < served->listed; i++) {
		const struct root_listed *name = served->names[i];
		uint64_t place = text_hash(name->name, name->length) & (count - 1);
		while (served->places[place])
			place = (place + 1) & (count - 1);
		served->places[place] = (uint32_t)i + 1;
	}
}

int served_list(struct node *directory)
{
	struct served *served = directory->served;
	struct root_request request = {
	    .operation = ROOT_LIST,
	    .path_length = served->path_length,
	};
	if (served->is_listed)
		return 0;
	do {
		struct root_answer answer;
		int error = ask(request, served->path, &answer);
		if (!error && answer.status.inode != directory->number)
			error = -ESTALE;
		if (!error)
			error = add_names(served, answer.length);
		if (error) {
			free_names(served);
			return error;
		}
		request.offset = answer.next;
	} while (request.offset);
	served->is_listed = true;
	place_names(served);
	return 0;
}

/* ── contents ────────────────────────────────────────────────────────────────────────────────── */

bool served_may_keep(const struct node *file, uint64_t length)
{
	uint64_t total = pool_total_pages();
	return length < FETCH_SMALL &&
	       file->contents.lower_size / GUEST_PAGE_SIZE <= total / KEPT_PART &&
	       pool_free_pages() > total / 2;
}

static bool is_fetched(const struct served *served, uint64_t offset)
{
	return fetched.file == served && offset >= fetched.offset &&
	       offset - fetched.offset < fetched.length;
}

/* Just behind what was fetched last. */
static bool is_next(const struct served *served, uint64_t offset)
{
	return fetched.file == served && offset == fetched.offset + fetched.length;
}

bool served_is_streamed(const struct node *file, uint64_t offset)
{
	return is_next(file->served, offset) ||
	       (fetched.goes_on && is_fetched(file->served, offset));
}

/* The host's file ends here now. */
static void shorten(struct node *file, uint64_t size)
{
	if (file->size == file->contents.lower_size)
		file->size = size;
	file->contents.lower_size = size;
}

/* Fetches what lies around `offset`, which is below the file's end, for somebody who wants `length`
 * bytes from there. */
static int fetch(struct node *file, uint64_t offset, uint64_t length)
{
	const struct served *served = file->served;
	uint64_t start = offset & ~(GUEST_PAGE_SIZE - 1);
	const bool goes_on = is_next(served, start);
	uint64_t wanted =
	    !start || goes_on || length > FETCH_SMALL ? ROOT_WIRE_CONTENTS_MAX : FETCH_SMALL;
	if (wanted > file->contents.lower_size - start)
		wanted = file->contents.lower_size - start;
	const struct root_request request = {
	    .operation = ROOT_READ,
	    .path_length = served->path_length,
	    .offset = start,
	    .length = wanted,
	};
	struct root_answer answer;
	fetched.file = NULL; /* the area is overwritten, also where this fails */
	int error = ask(request, served->path, &answer);
	/* Who has a file open need not care for its name, but here that was all we had. */
	if (error)
		return error == -ENOENT || error == -ENOTDIR ? -ESTALE : error;
	if (answer.status.inode != file->number || answer.status.device != served->device)
		return -ESTALE;
	fetched.file = served;
	fetched.offset = start;
	fetched.length = answer.length;
	fetched.goes_on = goes_on;
	if (answer.length < wanted)
		shorten(file, start + answer.length);
	return 0;
}

int served_read(struct node *file, char *out, uint64_t length, uint64_t offset)
{
	const char *area = (const char *)(GUEST_WINDOW_BASE + WINDOW_CONTENTS_OFFSET);
	while (length && offset < file->contents.lower_size) {
		if (!is_fetched(file->served, offset)) {
			int error = fetch(file, offset, length);
			if (error)
				return error;
			continue;
		}
		uint64_t within = offset - fetched.offset, part = fetched.length - within;
		/* The program may have cut the file off here. */
		if (part > file->contents.lower_size - offset)
			part = file->contents.lower_size - offset;
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
