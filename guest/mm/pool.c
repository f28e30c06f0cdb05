/* The pool; see pool.h. What is known of each page is one byte in a table at the pool's top: 64 MiB
 * of pool have a table of four pages, and a request that maps little writes one of them. */
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
	PAGE_WIPE_ON_FORK = 64, /* zero in clones; while it is mapped */
};
#define PAGE_IN_USE	 (PAGE_MAPPED | PAGE_RESERVED)
#define PAGE_PERMISSIONS (PAGE_NO_READ | PAGE_NO_WRITE | PAGE_EXECUTE)

static struct {
	uint8_t *states;
	uint64_t base;
	uint64_t count;	       /* pages */
	uint64_t free;	       /* pages */
	uint64_t search_from;  /* no page with this index or a higher one is free */
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

void pool_init(void)
{
	pool.base = libos_start_info.pool_base;
	pool.count = libos_start_info.pool_size / GUEST_PAGE_SIZE;
	uint64_t table = divide_up(pool.count, GUEST_PAGE_SIZE);
	pool.free = pool.search_from = pool.count - table;
	pool.states = (uint8_t *)page_address(pool.free);
	memset(pool.states + pool.free, PAGE_RESERVED, table);
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

uint64_t pool_find(uint64_t pages)
{
	uint64_t run = 0;
	if (!pages || pages > pool.free)
		return 0;
	while (pool.search_from && pool.states[pool.search_from - 1] & PAGE_IN_USE)
		pool.search_from--;
	for (uint64_t i = pool.search_from; i-- > 0;) {
		run = pool.states[i] & PAGE_IN_USE ? 0 : run + 1;
		if (run == pages)
			return page_address(i);
	}
	return 0;
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

static int take(uint64_t address, uint64_t pages, uint8_t owner)
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
		if (pool.states[index + done] & PAGE_STALE)
			memset((void *)page_address(index + done), 0, run * GUEST_PAGE_SIZE);
		memset(pool.states + index + done, owner | PAGE_STALE, run);
		done += run;
	}
	pool.free -= pages;
	return 0;
}

static void give_back(uint64_t address, uint64_t pages, uint8_t owner)
{
	uint64_t index = page_index(address);
	for (uint64_t i = index; i < index + pages; i++) {
		if (!(pool.states[i] & owner))
			continue;
		pool.states[i] &= (uint8_t) ~(owner | PAGE_WIPE_ON_FORK);
		pool.free++;
		if (i >= pool.search_from)
			pool.search_from = i + 1;
	}
}

int pool_map(uint64_t address, uint64_t pages)
{
	return take(address, pages, PAGE_MAPPED);
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

void pool_set_wipe_on_fork(uint64_t address, uint64_t pages, bool wipe_on_fork)
{
	uint8_t *state = pool.states + page_index(address);
	for (uint64_t i = 0; i < pages; i++)
		state[i] = (uint8_t)(wipe_on_fork ? state[i] | PAGE_WIPE_ON_FORK
						  : state[i] & ~PAGE_WIPE_ON_FORK);
	pool.has_wipe_on_fork |= wipe_on_fork;
}

bool pool_is_wiped_on_fork(uint64_t address)
{
	return pool.states[page_index(address)] & PAGE_WIPE_ON_FORK;
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

void *pool_allocate(size_t count)
{
	uint64_t address = pool_find(count);
	if (!address || take(address, count, PAGE_RESERVED))
		return NULL;
	return (void *)address;
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
	machine_abort(SIGKILL);
}
