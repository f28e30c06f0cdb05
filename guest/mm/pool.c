/* The pool; see pool.h. What is known of each page is one byte in a table at the pool's top: 64 MiB
 * of pool have a table of four pages, and a request that maps little writes one of them. What is known
 * of chunks lies behind it. */
#include "pool.h"

#include <errno.h>
#include <signal.h>

#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "sizes/sizes.h"

/* State 0 is a page that was never used: free, filled with zeros, read-write in the page tables. */
enum page_state {
	PAGE_MAPPED = 1,   /* the program's */
	PAGE_RESERVED = 2, /* the library OS's */
	PAGE_STALE = 4,	   /* was used before, so not filled with zeros */
	/* Permissions in the page tables, where they are not read-write. They stay when a page is
	 * given back and are set right when it is handed out again: most pages never change. */
	PAGE_NO_READ = 8,
	PAGE_NO_WRITE = 16,
	PAGE_EXECUTE = 32,
	PAGE_WIPE_ON_FORK = 64,	  /* zero in clones and children; while it is mapped */
	PAGE_LEAVE_ON_FORK = 128, /* not there in children; while it is mapped */
};
#define PAGE_IN_USE	 (PAGE_MAPPED | PAGE_RESERVED)
#define PAGE_PERMISSIONS (PAGE_NO_READ | PAGE_NO_WRITE | PAGE_EXECUTE)
#define PAGE_MARKS	 (PAGE_WIPE_ON_FORK | PAGE_LEAVE_ON_FORK)

/* Pages that an address space has for itself, or not, together; the pool begins with a whole chunk, and
 * may end within one. */
#define CHUNK_PAGES (GUEST_SPACE_OWN_SIZE / GUEST_PAGE_SIZE)

struct chunk {
	uint16_t mapped, reserved; /* pages */
	uint16_t full;		   /* pages at its end of which none is free */
	uint16_t owners;	   /* spaces that have its addresses for themselves */
};

static struct {
	uint8_t *states;
	struct chunk *chunks;
	uint64_t base;
	uint64_t count;	       /* pages */
	uint64_t free;	       /* pages */
	uint64_t search_from;  /* no chunk with this index or a higher one has a free page */
	uint64_t heap_chunks;  /* so many, from the first on, are kept for what grows from below */
	bool has_wipe_on_fork; /* a page may be marked */
} pool;

static uint64_t page_index(uint64_t address)
{
	return (address - pool.base) / GUEST_PAGE_SIZE;
}

static uint64_t page_address(uint64_t index)
{
	return pool.base + index * GUEST_PAGE_SIZE;
}

static uint64_t chunk_begin(uint64_t chunk)
{
	return chunk * CHUNK_PAGES;
}

static uint64_t chunk_end(uint64_t chunk)
{
	const uint64_t end = chunk_begin(chunk) + CHUNK_PAGES;
	return end < pool.count ? end : pool.count;
}

static uint64_t chunk_count(void)
{
	return divide_up(pool.count, CHUNK_PAGES);
}

/* `pages` from `index` on are from now on the owner's, or (sign -1) nobody's. */
static void count_pages(uint64_t index, uint64_t pages, uint8_t owner, int sign)
{
	while (pages) {
		struct chunk *chunk = &pool.chunks[index / CHUNK_PAGES];
		uint64_t part = CHUNK_PAGES - index % CHUNK_PAGES;
		if (part > pages)
			part = pages;
		uint16_t *count = owner == PAGE_MAPPED ? &chunk->mapped : &chunk->reserved;
		*count = (uint16_t)(*count + sign * (int)part);
		index += part;
		pages -= part;
	}
}

void pool_init(void)
{
	pool.base = libos_start_info.pool_base;
	pool.count = libos_start_info.pool_size / GUEST_PAGE_SIZE;
	const uint64_t states = round_up(pool.count, sizeof(struct chunk));
	const uint64_t table =
	    divide_up(states + chunk_count() * sizeof(struct chunk), GUEST_PAGE_SIZE);
	pool.free = pool.count - table;
	pool.search_from = chunk_count();
	pool.states = (uint8_t *)page_address(pool.free);
	pool.chunks = (struct chunk *)(pool.states + states);
	memset(pool.states + pool.free, PAGE_RESERVED, table);
	count_pages(pool.free, table, PAGE_RESERVED, 1);
}

uint64_t pool_total_pages(void)
{
	return pool.count;
}

uint64_t pool_free_pages(void)
{
	return pool.free;
}

bool pool_contains(uint64_t address, uint64_t length)
{
	uint64_t size = pool.count * GUEST_PAGE_SIZE;
	return address >= pool.base && length <= size && address - pool.base <= size - length;
}

static uint32_t state_protection(uint8_t state)
{
	uint32_t protection = 0;
	if (!(state & PAGE_NO_READ))
		protection |= GUEST_READ;
	if (!(state & PAGE_NO_WRITE))
		protection |= GUEST_WRITE;
	if (state & PAGE_EXECUTE)
		protection |= GUEST_EXECUTE;
	return protection;
}

static uint8_t protection_state(uint32_t protection)
{
	uint8_t state = 0;
	if (!(protection & (GUEST_READ | GUEST_WRITE | GUEST_EXECUTE)))
		state |= PAGE_NO_READ;
	if (!(protection & GUEST_WRITE))
		state |= PAGE_NO_WRITE;
	if (protection & GUEST_EXECUTE)
		state |= PAGE_EXECUTE;
	return state;
}

bool pool_accessible(uint64_t address, uint64_t length, uint32_t access)
{
	uint64_t last = page_index(address + length - 1);
	for (uint64_t i = page_index(address); i <= last; i++) {
		uint8_t state = pool.states[i];
		if (!(state & PAGE_MAPPED) || (state_protection(state) & access) != access)
			return false;
	}
	return true;
}

/* How far a search goes: to chunks that have pages of the same owner only, to those that have none, or
 * to all. The last is for machines that have no other memory left. */
enum reach { REACH_SAME, REACH_FREE, REACH_ALL };

/* The library OS's pages are seen in all spaces: never where a space has something of its own. */
static bool is_in_reach(uint64_t index, uint8_t owner, enum reach reach)
{
	const struct chunk *chunk = &pool.chunks[index];
	const bool is_mapped = chunk->mapped || chunk->owners;
	if (owner == PAGE_RESERVED && chunk->owners)
		return false;
	if (reach == REACH_ALL)
		return true;
	if (index < pool.heap_chunks || (owner == PAGE_MAPPED ? chunk->reserved : chunk->mapped))
		return false;
	return reach == REACH_FREE || (owner == PAGE_MAPPED ? is_mapped : chunk->reserved);
}

static bool is_full(uint64_t index)
{
	const struct chunk *chunk = &pool.chunks[index];
	return chunk->mapped + chunk->reserved == chunk_end(index) - chunk_begin(index);
}

/* Goes on downwards through a chunk with a run of free pages above it. The index where it has that many
 * pages; or pool.count: it has not, and *run is what it has at the chunk's begin. */
static uint64_t search_chunk(uint64_t index, uint64_t pages, uint64_t *run)
{
	struct chunk *chunk = &pool.chunks[index];
	const uint64_t begin = chunk_begin(index), end = chunk_end(index);
	if (!chunk->mapped && !chunk->reserved) {
		*run += end - begin;
		return *run >= pages ? begin + (*run - pages) : pool.count;
	}
	while (chunk->full < end - begin && pool.states[end - 1 - chunk->full] & PAGE_IN_USE)
		chunk->full++;
	if (chunk->full)
		*run = 0;
	for (uint64_t i = end - chunk->full; i-- > begin;) {
		*run = pool.states[i] & PAGE_IN_USE ? 0 : *run + 1;
		if (*run == pages)
			return i;
	}
	return pool.count;
}

static uint64_t search(uint64_t pages, uint8_t owner, enum reach reach)
{
	uint64_t run = 0;
	for (uint64_t i = pool.search_from; i-- > 0;) {
		if (is_full(i) || !is_in_reach(i, owner, reach)) {
			run = 0;
			continue;
		}
		const uint64_t found = search_chunk(i, pages, &run);
		if (found < pool.count)
			return page_address(found);
	}
	return 0;
}

static uint64_t find(uint64_t pages, uint8_t owner)
{
	uint64_t found = 0;
	if (!pages || pages > pool.free)
		return 0;
	while (pool.search_from && is_full(pool.search_from - 1))
		pool.search_from--;
	for (int reach = REACH_SAME; reach <= REACH_ALL && !found; reach++)
		found = search(pages, owner, (enum reach)reach);
	return found;
}

void pool_keep_heap(uint64_t end)
{
	pool.heap_chunks = divide_up(end - pool.base, GUEST_SPACE_OWN_SIZE);
}

uint64_t pool_find(uint64_t pages)
{
	return find(pages, PAGE_MAPPED);
}

bool pool_is_free(uint64_t address, uint64_t pages)
{
	const uint8_t *state = pool.states + page_index(address);
	for (uint64_t i = 0; i < pages; i++)
		if (state[i] & PAGE_IN_USE)
			return false;
	return true;
}

bool pool_is_mapped(uint64_t address, uint64_t pages)
{
	const uint8_t *state = pool.states + page_index(address);
	for (uint64_t i = 0; i < pages; i++)
		if (!(state[i] & PAGE_MAPPED))
			return false;
	return true;
}

bool pool_is_reserved(uint64_t address, uint64_t pages)
{
	const uint8_t *state = pool.states + page_index(address);
	for (uint64_t i = 0; i < pages; i++)
		if (state[i] & PAGE_RESERVED)
			return true;
	return false;
}

/* How many of the pages from there on have the same state. */
static uint64_t run_length(uint64_t index, uint64_t limit)
{
	uint64_t length = 1;
	while (length < limit && pool.states[index + length] == pool.states[index])
		length++;
	return length;
}

/* Sets the permissions of pages that have one state. */
static int run_protect(uint64_t index, uint64_t pages, uint8_t permissions)
{
	uint8_t state = pool.states[index];
	if ((state & PAGE_PERMISSIONS) == permissions)
		return 0;
	int64_t error = machine_hypercall(HYPERCALL_PROTECT, page_address(index),
					  pages * GUEST_PAGE_SIZE, state_protection(permissions));
	if (!error)
		memset(pool.states + index, (state & ~PAGE_PERMISSIONS) | permissions, pages);
	return (int)error;
}

/* Hands pages out, zeroed unless they are to be `overwritten`. */
static int take(uint64_t address, uint64_t pages, uint8_t owner, bool overwritten)
{
	uint64_t index = page_index(address);
	for (uint64_t done = 0; done < pages;) {
		uint64_t run = run_length(index + done, pages - done);
		int error = run_protect(index + done, run, 0);
		if (error)
			return error;
		done += run;
	}
	for (uint64_t done = 0; done < pages;) {
		uint64_t run = run_length(index + done, pages - done);
		if (pool.states[index + done] & PAGE_STALE && !overwritten)
			memset((void *)page_address(index + done), 0, run * GUEST_PAGE_SIZE);
		memset(pool.states + index + done, owner | PAGE_STALE, run);
		done += run;
	}
	pool.free -= pages;
	count_pages(index, pages, owner, 1);
	return 0;
}

static void note_free(uint64_t index)
{
	const uint64_t chunk = index / CHUNK_PAGES, above = chunk_end(chunk) - 1 - index;
	if (pool.chunks[chunk].full > above)
		pool.chunks[chunk].full = (uint16_t)above;
	if (chunk >= pool.search_from)
		pool.search_from = chunk + 1;
	pool.free++;
}

static void give_back(uint64_t address, uint64_t pages, uint8_t owner)
{
	uint64_t index = page_index(address);
	for (uint64_t i = index; i < index + pages; i++) {
		if (!(pool.states[i] & owner))
			continue;
		pool.states[i] &= (uint8_t) ~(owner | PAGE_MARKS);
		count_pages(i, 1, owner, -1);
		note_free(i);
	}
}

int pool_map(uint64_t address, uint64_t pages)
{
	return take(address, pages, PAGE_MAPPED, false);
}

void pool_unmap(uint64_t address, uint64_t pages)
{
	give_back(address, pages, PAGE_MAPPED);
}

int pool_protect(uint64_t address, uint64_t pages, uint32_t protection)
{
	uint64_t index = page_index(address);
	for (uint64_t done = 0; done < pages;) {
		uint64_t run = run_length(index + done, pages - done);
		int error = run_protect(index + done, run, protection_state(protection));
		if (error)
			return error;
		done += run;
	}
	return 0;
}

int pool_clear(uint64_t address, uint64_t pages)
{
	uint64_t index = page_index(address);
	for (uint64_t done = 0; done < pages;) {
		uint64_t run = run_length(index + done, pages - done);
		uint8_t permissions = pool.states[index + done] & PAGE_PERMISSIONS;
		/* The library OS lives under the same page tables as the program. */
		int error = run_protect(index + done, run, 0);
		if (error)
			return error;
		memset((void *)page_address(index + done), 0, run * GUEST_PAGE_SIZE);
		error = run_protect(index + done, run, permissions);
		if (error)
			return error;
		done += run;
	}
	return 0;
}

static uint8_t mark_state(enum fork_mark mark)
{
	return mark == FORK_WIPES ? PAGE_WIPE_ON_FORK : PAGE_LEAVE_ON_FORK;
}

void pool_set_mark(uint64_t address, uint64_t pages, enum fork_mark mark, bool set)
{
	uint8_t *state = pool.states + page_index(address);
	for (uint64_t i = 0; i < pages; i++)
		state[i] =
		    (uint8_t)(set ? state[i] | mark_state(mark) : state[i] & ~mark_state(mark));
	pool.has_wipe_on_fork |= set && mark == FORK_WIPES;
}

bool pool_has_mark(uint64_t address, enum fork_mark mark)
{
	return pool.states[page_index(address)] & mark_state(mark);
}

int pool_wipe_on_fork(void)
{
	int error = 0;
	for (uint64_t i = 0; pool.has_wipe_on_fork && i < pool.count && !error; i++)
		if (pool.states[i] & PAGE_WIPE_ON_FORK)
			error = pool_clear(page_address(i), 1);
	return error;
}

bool pool_is_uniform(uint64_t address, uint64_t pages)
{
	return run_length(page_index(address), pages) == pages;
}

uint32_t pool_protection(uint64_t address)
{
	return state_protection(pool.states[page_index(address)]);
}

int pool_copy(uint64_t to, uint64_t from, uint64_t pages)
{
	uint64_t index = page_index(from);
	uint8_t permissions = pool.states[index] & PAGE_PERMISSIONS;
	int error = permissions & PAGE_NO_READ ? run_protect(index, pages, 0) : 0;
	if (error)
		return error;
	memcpy((void *)to, (const void *)from, pages * GUEST_PAGE_SIZE);
	return run_protect(index, pages, permissions);
}

bool pool_next_run(uint64_t from, struct pool_run *run)
{
	uint64_t index = page_index(from);
	while (index < pool.count && !(pool.states[index] & PAGE_MAPPED))
		index += index % CHUNK_PAGES || pool.chunks[index / CHUNK_PAGES].mapped
			     ? 1
			     : CHUNK_PAGES;
	if (index >= pool.count)
		return false;
	const uint8_t state = pool.states[index];
	*run = (struct pool_run){
	    .start = page_address(index),
	    .end = page_address(index + run_length(index, pool.count - index)),
	    .protection = state_protection(state),
	    .wipe_on_fork = state & PAGE_WIPE_ON_FORK,
	    .leave_on_fork = state & PAGE_LEAVE_ON_FORK,
	};
	return true;
}

/* ── chunks ──────────────────────────────────────────────────────────────────────────────────── */

uint64_t pool_next_chunk(uint64_t from, bool *is_mixed)
{
	for (uint64_t i = page_index(from) / CHUNK_PAGES; i < chunk_count(); i++) {
		*is_mixed = pool.chunks[i].reserved;
		if (pool.chunks[i].mapped)
			return page_address(chunk_begin(i));
	}
	return 0;
}

void pool_hold_chunks(uint64_t start, uint64_t end)
{
	for (uint64_t i = page_index(start) / CHUNK_PAGES; page_address(chunk_begin(i)) < end; i++)
		pool.chunks[i].owners++;
}

void pool_drop_chunks(uint64_t start, uint64_t end)
{
	for (uint64_t i = page_index(start) / CHUNK_PAGES; page_address(chunk_begin(i)) < end; i++)
		pool.chunks[i].owners--;
}

/* ── pages of the library OS ─────────────────────────────────────────────────────────────────── */

static void *allocate(size_t count, bool overwritten)
{
	uint64_t address = find(count, PAGE_RESERVED);
	if (!address || take(address, count, PAGE_RESERVED, overwritten))
		return NULL;
	return (void *)address;
}

void *pool_allocate(size_t count)
{
	return allocate(count, false);
}

void *pool_allocate_stale(size_t count)
{
	return allocate(count, true);
}

void pool_release(void *pages, size_t count)
{
	give_back((uint64_t)pages, count, PAGE_RESERVED);
}

void pool_exhausted(void)
{
	machine_tell("out of memory: %lu of %lu KiB are in use, and one page more is wanted; give "
		     "more with --memory",
		     (pool.count - pool.free) * GUEST_PAGE_SIZE / 1024,
		     pool.count * GUEST_PAGE_SIZE / 1024);
	machine_forget_refusals();
	process_end_by_signal(SIGKILL);
}
