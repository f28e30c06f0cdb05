/* The memory family: brk and mmap in a small pool, until it is used up, in pieces, with all that
 * mremap, mprotect and madvise promise. */
#include <errno.h>
#include <sys/mman.h>

#include "guest/kernel/calls.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/address_space.h"
#include "guest/mm/heap.h"
#include "guest/mm/pool.h"
#include "guest/mm/user_memory.h"
#include "host_machine.h"
#include "tests/check.h"

#define POOL_PAGES 256
#define PAGE	   GUEST_PAGE_SIZE
#define READ_WRITE (PROT_READ | PROT_WRITE)
#define ANONYMOUS  (MAP_PRIVATE | MAP_ANONYMOUS)
#define NO_FILE	   ((uint64_t)-1)

static int64_t map(uint64_t pages)
{
	return SYSTEM(mmap, 0, pages * PAGE, READ_WRITE, ANONYMOUS, NO_FILE, 0);
}

static int64_t unmap(int64_t address, uint64_t pages)
{
	return SYSTEM(munmap, (uint64_t)address, pages * PAGE);
}

static bool holds(int64_t address, uint64_t length, char value)
{
	for (uint64_t i = 0; i < length; i++)
		if (((const char *)address)[i] != value)
			return false;
	return true;
}

static void test_brk(void)
{
	int64_t base = SYSTEM(brk, 0);
	CHECK_NUMBER(base, GUEST_POOL_BASE);
	CHECK_NUMBER(SYSTEM(brk, (uint64_t)base + 5000), base + 5000);
	CHECK(holds(base, 5000, 0));
	memset((void *)base, 1, 8192);
	/* What is given back is zero when it comes again. */
	CHECK_NUMBER(SYSTEM(brk, (uint64_t)base), base);
	CHECK(!user_readable((uint64_t)base, 1));
	CHECK_NUMBER(SYSTEM(brk, (uint64_t)base + 8192), base + 8192);
	CHECK(holds(base, 8192, 0));
	/* Too much leaves it where it was. */
	CHECK_NUMBER(SYSTEM(brk, (uint64_t)base + POOL_PAGES * PAGE + 1), base + 8192);
	CHECK_NUMBER(SYSTEM(brk, (uint64_t)base + POOL_PAGES * PAGE), base + 8192);
	CHECK_NUMBER(SYSTEM(brk, 4096), base + 8192);
	CHECK_NUMBER(SYSTEM(brk, (uint64_t)base), base);
}

/* The library OS has pages beside the program's, so those cannot be had twice. */
static void test_no_copy(void)
{
	struct address_space *copy;
	const int64_t area = map(4);
	const uint64_t free_pages = pool_free_pages();
	CHECK_NUMBER(address_space_copy(&copy), -ENOMEM);
	CHECK_NUMBER(pool_free_pages(), free_pages);
	CHECK_NUMBER(unmap(area, 4), 0);
}

static void test_exhaustion(void)
{
	uint64_t free_pages = pool_free_pages();
	CHECK_NUMBER(map(free_pages + 1), -ENOMEM);
	CHECK_NUMBER(map(POOL_PAGES * 1000UL), -ENOMEM);
	CHECK_NUMBER(SYSTEM(mmap, 0, UINT64_MAX, READ_WRITE, ANONYMOUS, NO_FILE, 0), -ENOMEM);
	int64_t all = map(free_pages);
	CHECK(all > 0);
	CHECK(holds(all, free_pages * PAGE, 0));
	memset((void *)all, 7, free_pages * PAGE);
	CHECK_NUMBER(map(1), -ENOMEM);
	CHECK(!pool_allocate(1));
	CHECK_NUMBER(unmap(all, free_pages), 0);
	CHECK_NUMBER(pool_free_pages(), free_pages);
	CHECK_NUMBER(unmap(all, free_pages), 0); /* nothing there: no error */
	all = map(free_pages);
	CHECK(holds(all, free_pages * PAGE, 0));
	unmap(all, free_pages);
}

static void test_fragments(void)
{
	int64_t pages[64];
	uint64_t free_pages = pool_free_pages();
	for (int i = 0; i < 64; i++) {
		pages[i] = map(1);
		CHECK(pages[i] > 0);
		memset((void *)pages[i], i + 1, PAGE);
	}
	for (int i = 0; i < 64; i += 2)
		unmap(pages[i], 1);
	for (int i = 1; i < 64; i += 2)
		CHECK(holds(pages[i], PAGE, (char)(i + 1)));
	/* Two pages do not fit into the holes, single ones do: highest first. */
	CHECK(map(2) < pages[63]);
	CHECK_NUMBER(map(1), pages[0]);
	CHECK_NUMBER(map(1), pages[2]);
	/* All at once, holes and the library OS's own pages among them. */
	uint64_t lowest = (uint64_t)pages[63] - 2 * PAGE;
	CHECK_NUMBER(SYSTEM(munmap, lowest, GUEST_POOL_BASE + POOL_PAGES * PAGE - lowest), 0);
	CHECK_NUMBER(pool_free_pages(), free_pages);
}

static void test_fixed(void)
{
	int64_t area = map(4);
	uint64_t second = (uint64_t)area + PAGE;
	memset((void *)area, 9, 4 * PAGE);
	CHECK_NUMBER(
	    SYSTEM(mmap, second, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED_NOREPLACE, NO_FILE, 0),
	    -EEXIST);
	CHECK_NUMBER(SYSTEM(mmap, second, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED, NO_FILE, 0),
		     second);
	CHECK(holds(area, PAGE, 9));
	CHECK(holds((int64_t)second, PAGE, 0));
	CHECK(holds((int64_t)second + 4096, 2 * PAGE, 9));
	CHECK_NUMBER(SYSTEM(mmap, second + 1, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED, NO_FILE, 0),
		     -EINVAL);
	/* Outside of the pool, and over the library OS's own pages. */
	CHECK_NUMBER(SYSTEM(mmap, PAGE, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED, NO_FILE, 0),
		     -ENOMEM);
	uint64_t table = GUEST_POOL_BASE + (POOL_PAGES - 1) * PAGE;
	CHECK_NUMBER(SYSTEM(mmap, table, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED, NO_FILE, 0),
		     -ENOMEM);
	CHECK_NUMBER(SYSTEM(munmap, table, PAGE), 0);
	CHECK_NUMBER(SYSTEM(mprotect, table, PAGE, PROT_NONE), -ENOMEM);
	CHECK(!user_readable(table, 1));
	unmap(area, 4);
}

static void test_remap(void)
{
	int64_t area = map(2);
	memset((void *)area, 5, 2 * PAGE);
	/* Below lies free memory, above does not: it has to move. */
	CHECK_NUMBER(SYSTEM(mremap, (uint64_t)area, 2 * PAGE, 4 * PAGE, 0), -ENOMEM);
	int64_t moved = SYSTEM(mremap, (uint64_t)area, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	CHECK(moved > 0 && moved != area);
	CHECK(holds(moved, 2 * PAGE, 5));
	CHECK(holds(moved + 8192, 2 * PAGE, 0));
	CHECK(!user_readable((uint64_t)area, 1));
	CHECK_NUMBER(SYSTEM(mremap, (uint64_t)moved, 4 * PAGE, PAGE, 0), moved);
	CHECK(!user_readable((uint64_t)moved + PAGE, 1));
	/* Now there is room behind it. */
	CHECK_NUMBER(SYSTEM(mremap, (uint64_t)moved, PAGE, 3 * PAGE, 0), moved);
	CHECK(holds(moved, PAGE, 5));
	CHECK(holds(moved + 4096, 2 * PAGE, 0));
	uint64_t target = (uint64_t)moved - 16 * PAGE;
	CHECK_NUMBER(SYSTEM(mremap, (uint64_t)moved, 3 * PAGE, 3 * PAGE,
			    MREMAP_MAYMOVE | MREMAP_FIXED, target),
		     target);
	CHECK(holds((int64_t)target, PAGE, 5));
	CHECK_NUMBER(SYSTEM(mremap, (uint64_t)moved, PAGE, 2 * PAGE, MREMAP_MAYMOVE), -EFAULT);
	CHECK_NUMBER(SYSTEM(mremap, target, 3 * PAGE, 0, MREMAP_MAYMOVE), -EINVAL);
	CHECK_NUMBER(SYSTEM(mremap, target, 3 * PAGE, 1000UL * POOL_PAGES * PAGE, MREMAP_MAYMOVE),
		     -ENOMEM);
	CHECK(holds((int64_t)target, PAGE, 5));
	unmap((int64_t)target, 3);
}

static void test_protection(void)
{
	int64_t area = map(3);
	uint64_t middle = (uint64_t)area + PAGE;
	memset((void *)area, 3, 3 * PAGE);
	CHECK_NUMBER(SYSTEM(mprotect, middle, PAGE, PROT_READ), 0);
	CHECK(user_readable((uint64_t)area, 3 * PAGE));
	CHECK(!user_writable((uint64_t)area, 3 * PAGE));
	CHECK(user_writable((uint64_t)area, PAGE));
	CHECK_NUMBER(SYSTEM(mprotect, middle, PAGE, PROT_WRITE | PROT_EXEC), 0);
	CHECK(user_writable(middle, PAGE));
	CHECK_NUMBER(SYSTEM(mprotect, middle, PAGE, PROT_NONE), 0);
	CHECK(!user_readable(middle, 1));
	CHECK_NUMBER(SYSTEM(mprotect, middle + 1, PAGE, PROT_NONE), -EINVAL);
	CHECK_NUMBER(SYSTEM(mprotect, middle, 0, PROT_NONE), 0);
	CHECK_NUMBER(SYSTEM(mprotect, middle, PAGE, 64), -EINVAL);
	CHECK_NUMBER(SYSTEM(mprotect, (uint64_t)area - PAGE, 2 * PAGE, PROT_READ), -ENOMEM);
	/* Contents move along with their permissions, if those are the same for all of it. */
	CHECK_NUMBER(SYSTEM(mremap, (uint64_t)area, 3 * PAGE, 5 * PAGE, MREMAP_MAYMOVE), -EFAULT);
	CHECK_NUMBER(SYSTEM(mprotect, (uint64_t)area, 3 * PAGE, PROT_NONE), 0);
	int64_t moved = SYSTEM(mremap, (uint64_t)area, 3 * PAGE, 5 * PAGE, MREMAP_MAYMOVE);
	CHECK(moved > 0);
	CHECK(!user_readable((uint64_t)moved, 1));
	CHECK(!user_readable((uint64_t)moved + 4 * PAGE, 1));
	CHECK_NUMBER(SYSTEM(mprotect, (uint64_t)moved, 3 * PAGE, PROT_READ), 0);
	CHECK(holds(moved, 3 * PAGE, 3));
	/* A page that was read-only is writable when it is handed out again. */
	unmap(moved, 5);
	int64_t again = map(6);
	CHECK(holds(again, 6 * PAGE, 0));
	memset((void *)again, 1, 6 * PAGE);
	unmap(again, 6);
	/* Permissions that are there already cost no hypercall. */
	int before = host.protections;
	area = map(1);
	CHECK_NUMBER(SYSTEM(mprotect, (uint64_t)area, PAGE, READ_WRITE), 0);
	CHECK_NUMBER(host.protections, before);
	unmap(area, 1);
	/* Where code was, nothing can be executed. */
	const uint64_t all = PROT_READ | PROT_WRITE | PROT_EXEC;
	area = map(1);
	CHECK_NUMBER(SYSTEM(mprotect, (uint64_t)area, PAGE, all), 0);
	CHECK_NUMBER(pool_protection((uint64_t)area), all);
	unmap(area, 1);
	CHECK_NUMBER(map(1), area);
	CHECK_NUMBER(pool_protection((uint64_t)area), READ_WRITE);
	unmap(area, 1);
}

static void test_program_protection(void)
{
	uint64_t page = (ADDRESS(host_memory(3 * PAGE)) + PAGE - 1) & ~(PAGE - 1);
	uint64_t regions = libos_start_info.region_count;
	CHECK_NUMBER(SYSTEM(mprotect, page, PAGE, PROT_READ), 0);
	CHECK_NUMBER(libos_start_info.region_count, regions + 2);
	CHECK(!user_writable(page - 8, 16));
	CHECK(user_readable(page - 8, 16));
	CHECK(user_writable(page + PAGE, 8));
	CHECK_NUMBER(SYSTEM(mprotect, page, PAGE, READ_WRITE), 0);
	CHECK(user_writable(page - 8, PAGE + 16));
	CHECK_NUMBER(SYSTEM(mprotect, 0x1000, PAGE, PROT_READ), -ENOMEM);
	CHECK_NUMBER(SYSTEM(mprotect, GUEST_WINDOW_BASE, PAGE, PROT_READ), -ENOMEM);
}

static void test_advice(void)
{
	int64_t area = map(3);
	uint64_t middle = (uint64_t)area + PAGE;
	memset((void *)area, 3, 3 * PAGE);
	CHECK_NUMBER(SYSTEM(mprotect, middle, PAGE, PROT_READ), 0);
	CHECK_NUMBER(SYSTEM(madvise, middle, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK(holds(area, PAGE, 3));
	CHECK(holds(area + 4096, 2 * PAGE, 0));
	CHECK(!user_writable(middle, 1));
	CHECK_NUMBER(SYSTEM(madvise, (uint64_t)area, PAGE, MADV_WILLNEED), 0);
	CHECK_NUMBER(SYSTEM(madvise, (uint64_t)area, PAGE, 12345), -EINVAL);
	CHECK_NUMBER(SYSTEM(madvise, (uint64_t)area + 1, PAGE, MADV_DONTNEED), -EINVAL);
	unmap(area, 3);
	CHECK_NUMBER(SYSTEM(madvise, (uint64_t)area, PAGE, MADV_DONTNEED), -ENOMEM);
}

/* MADV_WIPEONFORK: zero in clones, as long as that very memory is mapped. */
static void test_marks(void)
{
	int64_t area = map(4), unmarked = map(1);
	uint64_t second = (uint64_t)area + PAGE, third = second + PAGE;
	memset((void *)area, 6, 4 * PAGE);
	memset((void *)unmarked, 6, PAGE);
	CHECK_NUMBER(SYSTEM(madvise, second, 3 * PAGE, MADV_WIPEONFORK), 0);
	CHECK_NUMBER(SYSTEM(madvise, third + PAGE, PAGE, MADV_KEEPONFORK), 0);
	CHECK_NUMBER(SYSTEM(mprotect, third, PAGE, PROT_READ), 0);
	CHECK_NUMBER(pool_wipe_on_fork(), 0);
	CHECK(holds(area, PAGE, 6) && holds((int64_t)second, 2 * PAGE, 0));
	CHECK(holds((int64_t)third + PAGE, PAGE, 6) && holds(unmarked, PAGE, 6));
	CHECK(!user_writable(third, 1));
	/* It moves and grows with the mark, and what comes in its place has none. */
	int64_t moved = SYSTEM(mremap, second, PAGE, 300 * PAGE, MREMAP_MAYMOVE);
	CHECK(moved < 0);
	moved = SYSTEM(mremap, second, PAGE, 2 * PAGE, MREMAP_MAYMOVE);
	CHECK(moved > 0 && moved != (int64_t)second);
	CHECK_NUMBER(SYSTEM(mmap, second, PAGE, READ_WRITE, ANONYMOUS | MAP_FIXED, NO_FILE, 0),
		     (int64_t)second);
	memset((void *)second, 7, PAGE);
	memset((void *)moved, 7, 2 * PAGE);
	CHECK_NUMBER(pool_wipe_on_fork(), 0);
	CHECK(holds((int64_t)second, PAGE, 7) && holds(moved, 2 * PAGE, 0));
	CHECK_NUMBER(unmap(area, 4), 0);
	CHECK_NUMBER(unmap(moved, 2), 0);
	int64_t again = map(4);
	memset((void *)again, 8, 4 * PAGE);
	CHECK_NUMBER(pool_wipe_on_fork(), 0);
	CHECK(holds(again, 4 * PAGE, 8));
	unmap(again, 4);
	unmap(unmarked, 1);
	/* What the program was loaded with is not taken, and who asks for that learns it. */
	CHECK_NUMBER(
	    SYSTEM(madvise, ADDRESS(host_memory(2 * PAGE)) & ~(PAGE - 1), PAGE, MADV_WIPEONFORK),
	    -EINVAL);
	CHECK_NUMBER(SYSTEM(madvise, (uint64_t)again, PAGE, MADV_WIPEONFORK), -ENOMEM);
	CHECK_NUMBER(SYSTEM(madvise, (uint64_t)again, 0, UINT64_MAX), -EINVAL);
}

static void test_arguments(void)
{
	CHECK_NUMBER(SYSTEM(mmap, 0, 0, READ_WRITE, ANONYMOUS, NO_FILE, 0), -EINVAL);
	CHECK_NUMBER(SYSTEM(mmap, 0, PAGE, READ_WRITE, MAP_ANONYMOUS, NO_FILE, 0), -EINVAL);
	CHECK_NUMBER(SYSTEM(mmap, 0, PAGE, READ_WRITE, MAP_PRIVATE, 99, 0), -EBADF);
	CHECK_NUMBER(SYSTEM(mmap, 0, PAGE, READ_WRITE, MAP_PRIVATE, 0, 0), -ENODEV);
	CHECK_NUMBER(SYSTEM(munmap, 1, PAGE), -EINVAL);
	CHECK_NUMBER(SYSTEM(munmap, PAGE, 0), -EINVAL);
	CHECK_NUMBER(SYSTEM(munmap, PAGE, UINT64_MAX - 10), -EINVAL);
}

static void test_heap(void)
{
	uint64_t before = pool_free_pages();
	char *objects[400];
	for (int i = 0; i < 400; i++) {
		objects[i] = heap_allocate((size_t)i * 6 + 1);
		CHECK(objects[i] && holds((int64_t)objects[i], (uint64_t)i * 6 + 1, 0));
		memset(objects[i], 0x55, (size_t)i * 6 + 1);
	}
	for (int i = 0; i < 400; i++)
		CHECK(holds((int64_t)objects[i], (uint64_t)i * 6 + 1, 0x55));
	objects[3] = heap_resize(objects[3], 19, 5000);
	CHECK(holds((int64_t)objects[3], 19, 0x55));
	CHECK(holds((int64_t)objects[3] + 19, 5000 - 19, 0));
	heap_free(objects[3], 5000);
	for (int i = 0; i < 400; i++)
		if (i != 3)
			heap_free(objects[i], (size_t)i * 6 + 1);
	/* Freed objects serve the next ones: the pool is not asked again. */
	uint64_t kept = pool_free_pages();
	CHECK(kept <= before);
	for (int i = 0; i < 200; i++)
		objects[i] = heap_allocate((size_t)i * 6 + 1);
	CHECK_NUMBER(pool_free_pages(), kept);
	CHECK(holds((int64_t)objects[100], 601, 0));
}

int main(void)
{
	host_start(POOL_PAGES);
	test_brk();
	test_no_copy();
	test_exhaustion();
	test_fragments();
	test_fixed();
	test_remap();
	test_protection();
	test_program_protection();
	test_advice();
	test_marks();
	test_arguments();
	test_heap();
	return check_status();
}
