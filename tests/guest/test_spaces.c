/* Address spaces: what a copy has, and that neither sees what the other does; what another program
 * begins with; and that all goes back, also where memory ends in the middle. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/kernel/calls.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/address_space.h"
#include "guest/mm/pool.h"
#include "guest/mm/shared.h"
#include "guest/mm/user_memory.h"
#include "guest/mm/vma.h"
#include "host_machine.h"
#include "mayfly/guest_abi.h"
#include "tests/check.h"

#define POOL_PAGES 6144UL
#define PAGE	   GUEST_PAGE_SIZE
#define MEBIBYTE   (1UL << 20)
#define CHUNK	   GUEST_SPACE_OWN_SIZE
#define FAR	   0x500000000000UL
#define READ_WRITE (PROT_READ | PROT_WRITE)
#define ANONYMOUS  (MAP_PRIVATE | MAP_ANONYMOUS)
#define NO_FILE	   ((uint64_t)-1)

#define FIRST (&address_space_of_first)

static uint64_t map(uint64_t address, uint64_t length, uint64_t flags)
{
	return (uint64_t)SYSTEM(mmap, address, length, READ_WRITE, flags, NO_FILE, 0);
}

static volatile char *byte_at(uint64_t address)
{
	return (volatile char *)address;
}

static bool touch(uint64_t address)
{
	if (sigsetjmp(host.at_fault, 1))
		return false;
	*byte_at(address) = 1;
	return true;
}

static bool holds(uint64_t address, uint64_t length, char value)
{
	for (uint64_t i = 0; i < length; i += 64)
		if (*byte_at(address + i) != value)
			return false;
	return true;
}

/* What a program may have. */
static struct {
	uint64_t heap, heap_end, small, read_only, large, secret, left, wiped, pool_left,
	    pool_wiped, shared;
	char *segment;
} have;

static void make_memory(void)
{
	have.segment = host_memory(64);
	memset(have.segment, 1, 64);
	have.heap = (uint64_t)SYSTEM(brk, 0);
	have.heap_end = have.heap + 40 * PAGE;
	CHECK_NUMBER(SYSTEM(brk, have.heap_end), have.heap_end);
	memset((void *)have.heap, 2, 40 * PAGE);
	have.small = map(0, 8 * PAGE, ANONYMOUS);
	memset((void *)have.small, 3, 8 * PAGE);
	have.read_only = map(0, PAGE, ANONYMOUS);
	memset((void *)have.read_only, 4, PAGE);
	CHECK_NUMBER(SYSTEM(mprotect, have.read_only, PAGE, PROT_READ), 0);
	have.pool_left = map(0, 2 * PAGE, ANONYMOUS);
	memset((void *)have.pool_left, 5, 2 * PAGE);
	CHECK_NUMBER(SYSTEM(madvise, have.pool_left, 2 * PAGE, MADV_DONTFORK), 0);
	have.pool_wiped = map(0, 2 * PAGE, ANONYMOUS);
	memset((void *)have.pool_wiped, 6, 2 * PAGE);
	CHECK_NUMBER(SYSTEM(madvise, have.pool_wiped, 2 * PAGE, MADV_WIPEONFORK), 0);
	have.large = map(FAR, 8 * MEBIBYTE, ANONYMOUS);
	memset((void *)have.large, 7, MEBIBYTE);
	*byte_at(have.large + 4 * MEBIBYTE) = 7;
	have.secret = map(FAR + 16 * MEBIBYTE, 4 * PAGE, ANONYMOUS | MAP_FIXED);
	memset((void *)have.secret, 8, 4 * PAGE);
	CHECK_NUMBER(SYSTEM(mprotect, have.secret, 4 * PAGE, PROT_NONE), 0);
	have.left = map(FAR + 32 * MEBIBYTE, 4 * PAGE, ANONYMOUS | MAP_FIXED);
	memset((void *)have.left, 9, 4 * PAGE);
	CHECK_NUMBER(SYSTEM(madvise, have.left, 4 * PAGE, MADV_DONTFORK), 0);
	have.wiped = map(FAR + 48 * MEBIBYTE, 4 * PAGE, ANONYMOUS | MAP_FIXED);
	memset((void *)have.wiped, 10, 4 * PAGE);
	CHECK_NUMBER(SYSTEM(madvise, have.wiped, 4 * PAGE, MADV_WIPEONFORK), 0);
	have.shared = map(0, 4 * PAGE, MAP_SHARED | MAP_ANONYMOUS);
	memset((void *)have.shared, 11, 2 * PAGE);
}

static void check_memory(bool in_copy)
{
	CHECK(holds((uint64_t)have.segment, 64, 1));
	CHECK(holds(have.heap, 40 * PAGE, 2) && holds(have.small, 8 * PAGE, 3));
	CHECK(user_writable(have.heap, 40 * PAGE) && !user_readable(have.heap_end, 1));
	CHECK(holds(have.read_only, PAGE, 4) && !user_writable(have.read_only, 1));
	CHECK(holds(have.large, MEBIBYTE, 7) && *byte_at(have.large + 4 * MEBIBYTE) == 7);
	CHECK(*byte_at(have.large + 2 * MEBIBYTE) == 0);
	CHECK(user_mapped(have.secret, 4 * PAGE) && !user_readable(have.secret, 1));
	CHECK(user_mapped(have.left, 1) == !in_copy);
	CHECK(user_mapped(have.pool_left, 1) == !in_copy);
	CHECK(holds(have.wiped, 4 * PAGE, in_copy ? 0 : 10));
	CHECK(holds(have.pool_wiped, 2 * PAGE, in_copy ? 0 : 6));
	CHECK(holds(have.shared, 2 * PAGE, 11));
}

static void fill(char value)
{
	memset(have.segment, value, 64);
	memset((void *)have.heap, value, 40 * PAGE);
	memset((void *)have.small, value, 8 * PAGE);
	memset((void *)have.large, value, MEBIBYTE);
}

static struct address_space *copy(void)
{
	struct address_space *made = NULL;
	CHECK_NUMBER(address_space_copy(&made), 0);
	return made;
}

/* Each has what was there, and what it does there for itself. */
static void test_copy(void)
{
	host.runs = 0;
	struct address_space *child = copy();
	check_memory(false);
	address_space_enter(child);
	CHECK(host.runs && host.runs < 24);
	CHECK(address_space_current() == child);
	check_memory(true);
	CHECK(!touch(have.left) && !touch(have.read_only) && !touch(have.secret));
	CHECK_NUMBER(SYSTEM(mprotect, have.secret, 4 * PAGE, PROT_READ), 0);
	CHECK(holds(have.secret, 4 * PAGE, 8));
	fill(77);
	*byte_at(have.shared + 3 * PAGE) = 5;
	address_space_enter(FIRST);
	check_memory(false);
	CHECK(*byte_at(have.shared + 3 * PAGE) == 5);
	memset((void *)have.shared, 11, PAGE);
	address_space_enter(child);
	CHECK(holds(have.heap, 40 * PAGE, 77) && holds(have.large, MEBIBYTE, 77));
	CHECK(holds(have.shared, PAGE, 11));
	/* The one that is current may go. */
	address_space_drop(child);
	CHECK(address_space_current() == FIRST);
	check_memory(false);
}

/* Calls in a copy, on what it was given and on what it asks for. */
static void test_calls(void)
{
	struct address_space *child = copy();
	address_space_enter(child);
	const uint64_t end = have.heap + CHUNK;
	CHECK_NUMBER(SYSTEM(brk, 0), have.heap_end);
	CHECK_NUMBER(SYSTEM(brk, end), end);
	CHECK(holds(have.heap_end, end - have.heap_end, 0) && touch(end - 1));
	CHECK_NUMBER(SYSTEM(brk, end + 1), end); /* the pool is everybody's there */
	CHECK_NUMBER(SYSTEM(brk, have.heap + PAGE), have.heap + PAGE);
	CHECK(!user_readable(have.heap + PAGE, 1) && !touch(have.heap + PAGE));
	CHECK_NUMBER(SYSTEM(munmap, have.small + PAGE, PAGE), 0);
	CHECK(!touch(have.small + PAGE) && holds(have.small + 2 * PAGE, 6 * PAGE, 3));
	CHECK_NUMBER(map(have.small + PAGE, PAGE, ANONYMOUS | MAP_FIXED), have.small + PAGE);
	CHECK(holds(have.small + PAGE, PAGE, 0) && touch(have.small + PAGE));
	CHECK_NUMBER(SYSTEM(madvise, have.small, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK(holds(have.small, 2 * PAGE, 0));
	const uint64_t fresh = map(0, PAGE, ANONYMOUS);
	CHECK(fresh < GUEST_AREA_END && touch(fresh));
	CHECK_NUMBER(SYSTEM(mremap, have.heap, PAGE, 4 * PAGE, 0), have.heap);
	const uint64_t target = FAR + MEBIBYTE * MEBIBYTE;
	CHECK_NUMBER(
	    SYSTEM(mremap, have.heap, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target),
	    target);
	CHECK(holds(target, PAGE, 2) && holds(target + PAGE, 7 * PAGE, 0));
	CHECK(!user_mapped(have.heap, 1) && touch(target + 7 * PAGE));
	CHECK_NUMBER(SYSTEM(munmap, 0x1000, GUEST_POOL_BASE + CHUNK), 0);
	CHECK(!user_mapped(have.large, 1) && !user_mapped(have.heap, 1));
	address_space_drop(child);
	check_memory(false);
}

/* A child of a child, when its parent is gone. */
static void test_generations(void)
{
	struct address_space *child = copy();
	address_space_enter(child);
	fill(30);
	struct address_space *grandchild = copy();
	address_space_enter(grandchild);
	address_space_drop(child);
	CHECK(holds(have.heap, 40 * PAGE, 30) && holds(have.large, MEBIBYTE, 30));
	fill(31);
	address_space_drop(grandchild);
	check_memory(false);
	/* Who frees its memory keeps nothing of it from others. */
	child = copy();
	CHECK_NUMBER(SYSTEM(munmap, have.small, 8 * PAGE), 0);
	have.small = map(0, 8 * PAGE, ANONYMOUS);
	memset((void *)have.small, 3, 8 * PAGE);
	address_space_drop(child);
}

/* Another program, alone or with somebody else in its memory. */
static void test_renew(void)
{
	struct address_space *child = copy(), *own = child;
	address_space_enter(child);
	const int spaces = host.spaces;
	CHECK_NUMBER(address_space_renew(&own, 1), 0);
	CHECK(own != child && address_space_current() == own && host.spaces == spaces);
	CHECK(!user_mapped(have.heap, 1));
	/* What is mapped and filled before the monitor makes it is there afterwards. */
	uint64_t length = 2 * PAGE;
	const uint64_t early = map(0, 2 * PAGE, ANONYMOUS);
	memset(space_window(early, &length), 12, PAGE);
	CHECK_NUMBER(length, 2 * PAGE);
	const int unmaps = host.unmaps, protections = host.protections;
	CHECK_NUMBER(SYSTEM(mprotect, early + PAGE, PAGE, PROT_READ), 0);
	const uint64_t gone = map(0, PAGE, ANONYMOUS);
	CHECK_NUMBER(SYSTEM(munmap, gone, PAGE), 0);
	CHECK(host.unmaps == unmaps && host.protections == protections);
	/* The one before goes when the new one comes. */
	CHECK_NUMBER(address_space_settle(), 0);
	CHECK_NUMBER(host.spaces, spaces);
	CHECK(holds(early, PAGE, 12) && holds(early + PAGE, PAGE, 0) && touch(early));
	CHECK(!touch(early + PAGE) && !touch(gone) && !touch(have.large));
	child = own;
	const uint64_t heap = (uint64_t)SYSTEM(brk, 0);
	CHECK(heap < GUEST_AREA_END);
	CHECK_NUMBER(SYSTEM(brk, heap + MEBIBYTE), heap + MEBIBYTE);
	CHECK(holds(heap, MEBIBYTE, 0) && touch(heap) && !touch(heap + MEBIBYTE));
	CHECK_NUMBER(SYSTEM(brk, heap + PAGE), heap + PAGE);
	CHECK(!touch(heap + PAGE));
	address_space_hold(own); /* vfork */
	CHECK_NUMBER(address_space_renew(&own, 2), 0);
	CHECK_NUMBER(address_space_settle(), 0);
	CHECK(own != child && address_space_current() == own && !touch(heap));
	CHECK(touch(map(0, PAGE, ANONYMOUS)));
	address_space_drop(own);
	address_space_enter(child);
	CHECK(*byte_at(heap) == 1);
	address_space_drop(child);
	check_memory(false);
}

/* Futexes of different memory at one address are different, and those of shared memory the same. */
static void test_homes(void)
{
	const uint64_t private = shared_home(have.heap), shared = shared_home(have.shared);
	struct address_space *child = copy();
	address_space_enter(child);
	CHECK(shared_home(have.heap) != private && shared_home(have.shared) == shared);
	CHECK(shared_home(have.shared + 3 * PAGE) != shared);
	address_space_drop(child);
}

static void test_wiped(void)
{
	struct address_space *child = copy();
	address_space_enter(child);
	memset((void *)have.wiped, 1, 4 * PAGE);
	memset((void *)have.pool_wiped, 1, 2 * PAGE);
	CHECK_NUMBER(address_spaces_wipe_on_fork(), 0);
	CHECK(address_space_current() == child);
	CHECK(holds(have.wiped, 4 * PAGE, 0) && holds(have.pool_wiped, 2 * PAGE, 0));
	address_space_drop(child);
	CHECK(holds(have.wiped, 4 * PAGE, 0) && holds(have.pool_wiped, 2 * PAGE, 0));
	memset((void *)have.wiped, 10, 4 * PAGE);
	memset((void *)have.pool_wiped, 6, 2 * PAGE);
}

/* The monitor has no tables: who needs many is told when the copy is made, others are lost when they are
 * to go on there. */
static void test_refusal(void)
{
	struct address_space *child = NULL;
	const int spaces = host.spaces;
	for (uint64_t i = 0; i < 16; i++)
		*byte_at(map(FAR + (1 + i) * (MEBIBYTE << 20), PAGE, ANONYMOUS | MAP_FIXED)) = 1;
	child = copy();
	CHECK_NUMBER(host.spaces, spaces + 1);
	address_space_drop(child);
	host.refuses_spaces = true;
	CHECK_NUMBER(address_space_copy(&child), -ENOMEM);
	for (uint64_t i = 0; i < 16; i++)
		SYSTEM(munmap, FAR + (1 + i) * (MEBIBYTE << 20), PAGE);
	child = copy();
	CHECK_NUMBER(address_space_try_enter(child), -ENOMEM);
	CHECK(address_space_current() == child && address_space_settle() == -ENOMEM);
	address_space_enter(FIRST);
	address_space_enter(child);
	host.refuses_spaces = false;
	address_space_drop(child);
	CHECK(address_space_current() == FIRST && host.spaces == spaces);
	check_memory(false);
}

/* As many as the monitor has room for. */
static void test_many(void)
{
	struct address_space *made[GUEST_SPACES_MAX], *more;
	CHECK_NUMBER(SYSTEM(munmap, have.large, MEBIBYTE), 0);
	for (int i = 1; i < GUEST_SPACES_MAX; i++)
		made[i] = copy();
	CHECK_NUMBER(address_space_copy(&more), -EAGAIN);
	for (int i = 1; i < GUEST_SPACES_MAX; i++)
		address_space_drop(made[i]);
	CHECK_NUMBER(map(FAR, MEBIBYTE, ANONYMOUS | MAP_FIXED), have.large);
	memset((void *)have.large, 7, MEBIBYTE);
}

/* With too little memory there is no copy, and nothing is missing afterwards. */
static void test_no_memory(void)
{
	static void *pages[POOL_PAGES];
	struct address_space *made;
	uint64_t count = 0, copies = 0;
	while ((pages[count] = pool_allocate(1)))
		count++;
	while (count) {
		const uint64_t free_pages = pool_free_pages();
		const int error = address_space_copy(&made);
		CHECK(error == -ENOMEM || !error);
		if (!error)
			address_space_drop(made);
		CHECK_NUMBER(pool_free_pages(), free_pages);
		copies += !error;
		for (int i = 0; i < 37 && count; i++)
			pool_release(pages[--count], 1);
	}
	CHECK(copies > 1);
	check_memory(false);
}

/* Pages of the two kinds lie apart. */
static void test_chunks(void)
{
	bool is_mixed;
	uint64_t chunk = GUEST_POOL_BASE;
	void *pages = pool_allocate(3 * CHUNK / PAGE);
	for (; (chunk = pool_next_chunk(chunk, &is_mixed)); chunk += CHUNK)
		CHECK(!is_mixed);
	CHECK(pages);
	pool_release(pages, 3 * CHUNK / PAGE);
	/* What small mappings take is not in the heap's way. */
	const uint64_t end = have.heap + 4 * CHUNK;
	CHECK_NUMBER(SYSTEM(brk, end), end);
	CHECK_NUMBER(SYSTEM(brk, have.heap_end), have.heap_end);
}

static void test_all(void)
{
	test_copy();
	test_calls();
	test_generations();
	test_renew();
	test_homes();
	test_wiped();
	test_refusal();
}

int main(void)
{
	host_start(POOL_PAGES);
	libos_start_info.regions[0].end = libos_start_info.regions[0].start + MEBIBYTE;
	make_memory();
	test_all(); /* the library OS's own objects come from pages that it keeps */
	const uint64_t free_pages = pool_free_pages();
	test_all();
	CHECK_NUMBER(pool_free_pages(), free_pages);
	CHECK_NUMBER(host.spaces, 0);
	test_chunks();
	test_many();
	test_no_memory();
	return check_status();
}
