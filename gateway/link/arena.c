/* Arenas: blocks of memory that two processes share, made by one of them.
 *
 * Blocks have sizes that are powers of two, from 64 KiB (a cell) up. Free blocks of a size are a list;
 * where that is empty, a larger block is cut in two, and two halves that are both free become one again
 * (a buddy system). What is known of blocks is not in the arena, where the other side could see it but in a
 * table beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "link/link.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/lock.h"

#define CELL_SHIFT 16
#define CELL	   (1UL << CELL_SHIFT)
#define ORDERS	   32

/* Memory of blocks from this size on goes back to the kernel when they are free. */
#define KEPT_MAX (1UL << 20)

#define NONE UINT32_MAX

/* Of a block, at its first cell. */
struct cell {
	uint32_t next, previous; /* in the list of its order, while it is free */
	uint8_t order;
	enum cell_state {
		CELL_WITHIN, /* of a block that begins before it */
		CELL_FREE,
		CELL_TAKEN,
	} state : 8;
};

struct arena {
	pthread_mutex_t lock;
	uint8_t *data;
	size_t size, used;
	unsigned orders;
	uint32_t free[ORDERS]; /* the first block of each list */
	struct cell cells[];
};

static void link_free(struct arena *arena, uint32_t at, unsigned order)
{
	const uint32_t next = arena->free[order];
	arena->cells[at] = (struct cell){
	    .next = next, .previous = NONE, .order = (uint8_t)order, .state = CELL_FREE};
	if (next != NONE)
		arena->cells[next].previous = at;
	arena->free[order] = at;
}

static void unlink_free(struct arena *arena, uint32_t at)
{
	const struct cell *cell = &arena->cells[at];
	if (cell->next != NONE)
		arena->cells[cell->next].previous = cell->previous;
	if (cell->previous != NONE)
		arena->cells[cell->previous].next = cell->next;
	else
		arena->free[cell->order] = cell->next;
}

int arena_open(struct arena **opened, int file, struct error *error)
{
	struct stat status;
	if (fstat(file, &status))
		return error_set_errno(error, errno, "cannot look at an arena");
	const size_t size = (size_t)status.st_size;
	unsigned orders = 1;
	while (orders < ORDERS && CELL << orders <= size)
		orders++;
	if (size != CELL << (orders - 1))
		return error_set(error, EINVAL, "an arena of %zu bytes", size);
	const size_t count = size >> CELL_SHIFT;
	cleanup_free struct arena *arena = calloc(1, sizeof(*arena) + count * sizeof(struct cell));
	if (!arena)
		return error_set(error, ENOMEM, "no memory for an arena");
	arena->data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (arena->data == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map an arena");
	pthread_mutex_init(&arena->lock, NULL);
	arena->size = size;
	arena->orders = orders;
	for (unsigned i = 0; i < ORDERS; i++)
		arena->free[i] = NONE;
	link_free(arena, 0, orders - 1);
	*opened = take_pointer(arena);
	return 0;
}

int arena_create(struct arena **arena, size_t size, int *file, struct error *error)
{
	size_t rounded = CELL;
	while (rounded < size)
		if (mul_overflows(rounded, 2, &rounded))
			return error_set(error, EINVAL, "an arena of %zu bytes", size);
	cleanup_close int fd = memfd_create("mayfly-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)rounded) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return error_set_errno(error, errno, "cannot make an arena");
	int result = arena_open(arena, fd, error);
	if (!result)
		*file = take_fd(&fd);
	return result;
}

void arena_close(struct arena *arena)
{
	if (!arena)
		return;
	munmap(arena->data, arena->size);
	pthread_mutex_destroy(&arena->lock);
	free(arena);
}

void *arena_take(struct arena *arena, size_t size, uint64_t *offset, size_t *length)
{
	unsigned wanted = 0;
	while (wanted < arena->orders && CELL << wanted < size)
		wanted++;
	lock_scoped(&arena->lock);
	unsigned order = wanted;
	while (order < arena->orders && arena->free[order] == NONE)
		order++;
	if (order >= arena->orders)
		return NULL;
	const uint32_t at = arena->free[order];
	unlink_free(arena, at);
	while (order > wanted) {
		order--;
		link_free(arena, at + (1U << order), order);
	}
	arena->cells[at] = (struct cell){.order = (uint8_t)order, .state = CELL_TAKEN};
	*length = CELL << order;
	*offset = (uint64_t)at << CELL_SHIFT;
	arena->used += *length;
	return arena->data + *offset;
}

int arena_give(struct arena *arena, uint64_t offset)
{
	const uint64_t number = offset >> CELL_SHIFT;
	lock_scoped(&arena->lock);
	if (offset & (CELL - 1) || offset >= arena->size ||
	    arena->cells[number].state != CELL_TAKEN)
		return -EPROTO;
	uint32_t at = (uint32_t)number;
	unsigned order = arena->cells[at].order;
	arena->used -= CELL << order;
	if (CELL << order > KEPT_MAX)
		/* Not fallocate(2), which a confined process could use on files that it may only append to. */
		madvise(arena->data + offset, CELL << order, MADV_REMOVE);
	while (order + 1 < arena->orders) {
		const uint32_t other = at ^ 1U << order;
		const struct cell *cell = &arena->cells[other];
		if (cell->state != CELL_FREE || cell->order != order)
			break;
		unlink_free(arena, other);
		arena->cells[at > other ? at : other].state = CELL_WITHIN;
		at = at < other ? at : other;
		order++;
	}
	link_free(arena, at, order);
	return 0;
}

uint8_t *arena_at(struct arena *arena, uint64_t offset)
{
	return arena->data + offset;
}

size_t arena_used(struct arena *arena)
{
	lock_scoped(&arena->lock);
	return arena->used;
}

bool arena_is_scarce(struct arena *arena, size_t more)
{
	const size_t used = arena_used(arena), most = arena->size - arena->size / 4;
	return more > most || used > most - more;
}

/* ── the other side's ────────────────────────────────────────────────────────────────────────── */

int arena_view_open(struct arena_view *view, int file, struct error *error)
{
	struct stat status;
	const int seals = fcntl(file, F_GET_SEALS);
	if (fstat(file, &status) || seals < 0)
		return error_set_errno(error, errno, "cannot look at an arena");
	if (!(seals & F_SEAL_SHRINK))
		return error_set(error, EPROTO, "an arena that could shrink");
	void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
	if (data == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map an arena");
	*view = (struct arena_view){data, (size_t)status.st_size};
	return 0;
}

void arena_view_close(struct arena_view *view)
{
	if (view->data)
		munmap((void *)view->data, view->size);
	*view = (struct arena_view){0};
}

const uint8_t *link_block(const struct arena_view *view, const struct link_message *message)
{
	if (message->offset > view->size || message->length > view->size - message->offset)
		return NULL;
	return view->data + message->offset;
}
