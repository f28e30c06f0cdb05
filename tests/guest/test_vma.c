/* The mapping area, as the library OS keeps it: which memory is taken when, and given back when.
 * What programs see of it is compared with Linux by programs/mappings.c. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "guest/kernel/calls.h"
#include "guest/mm/fault.h"
#include "guest/mm/pool.h"
#include "guest/mm/user_memory.h"
#include "guest/mm/vma.h"
#include "host_machine.h"
#include "mayfly/guest_abi.h"
#include "tests/check.h"

#define POOL_PAGES 4096UL
#define PAGE	   GUEST_PAGE_SIZE
#define MEBIBYTE   (1UL << 20)
#define TEBIBYTE   (1UL << 40)
#define FAR	   0x500000000000UL /* where AddressSanitizer has no shadow */
#define READ_WRITE (PROT_READ | PROT_WRITE)
#define ANONYMOUS  (MAP_PRIVATE | MAP_ANONYMOUS)
#define NO_FILE	   ((uint64_t)-1)

static int64_t map(uint64_t address, uint64_t length, uint64_t protection, uint64_t flags)
{
	return SYSTEM(mmap, address, length, protection, ANONYMOUS | flags, NO_FILE, 0);
}

static volatile char *byte_at(uint64_t address)
{
	return (volatile char *)address;
}

/* The test touches the address; false: that was a mistake. */
static bool touch(uint64_t address)
{
	if (sigsetjmp(host.at_fault, 1))
		return false;
	*byte_at(address) = 1;
	return true;
}

/* Addresses cost nothing, and changing them neither. */
static void test_reservations(void)
{
	const uint64_t free_pages = pool_free_pages();
	int64_t address = map(0, TEBIBYTE, PROT_NONE, 0);
	CHECK(address > 0);
	CHECK(!touch((uint64_t)address));
	CHECK_NUMBER(map(FAR, TEBIBYTE, PROT_NONE, MAP_NORESERVE), FAR);
	CHECK_NUMBER(SYSTEM(mprotect, FAR + TEBIBYTE / 2, MEBIBYTE, READ_WRITE), 0);
	CHECK_NUMBER(map(FAR + MEBIBYTE, MEBIBYTE, READ_WRITE, MAP_FIXED), FAR + MEBIBYTE);
	CHECK_NUMBER(SYSTEM(munmap, FAR, TEBIBYTE), 0);
	CHECK_NUMBER(SYSTEM(munmap, (uint64_t)address, TEBIBYTE), 0);
	CHECK(free_pages - pool_free_pages() <= 2); /* the list's own */
	CHECK_NUMBER(host.maps + host.unmaps + host.protections, 0);
}

/* Pages come some at a time, more with each touch beside them, and all go back. */
static void test_pages(void)
{
	map(FAR, 8 * MEBIBYTE, READ_WRITE, 0);
	const uint64_t free_pages = pool_free_pages();
	CHECK(user_writable(FAR, 8 * MEBIBYTE)); /* before they are there */
	CHECK_NUMBER(pool_free_pages(), free_pages);
	CHECK(touch(FAR + 5 * MEBIBYTE));
	CHECK(free_pages - pool_free_pages() <= 16);
	host.maps = host.unmaps = 0;
	memset((void *)FAR, 1, 4 * MEBIBYTE);
	CHECK(host.maps < 24);
	CHECK(free_pages - pool_free_pages() >= 4 * MEBIBYTE / PAGE);
	CHECK_NUMBER(SYSTEM(madvise, FAR + MEBIBYTE, MEBIBYTE, MADV_DONTNEED), 0);
	CHECK_NUMBER(host.unmaps, 1);
	CHECK(*byte_at(FAR + 2 * MEBIBYTE) == 1 && *byte_at(FAR + MEBIBYTE - 1) == 1);
	CHECK(*byte_at(FAR + MEBIBYTE) == 0 && *byte_at(FAR + 2 * MEBIBYTE - 1) == 0);

	/* Moving takes no memory and no time that depends on what is there. */
	const uint64_t before_move = pool_free_pages();
	int64_t moved = SYSTEM(mremap, FAR, 8 * MEBIBYTE, 8 * MEBIBYTE,
			       MREMAP_MAYMOVE | MREMAP_FIXED, FAR + TEBIBYTE);
	CHECK_NUMBER(moved, FAR + TEBIBYTE);
	CHECK(before_move - pool_free_pages() <= 1);
	CHECK(*byte_at(FAR + TEBIBYTE + 3 * MEBIBYTE) == 1);
	CHECK(!touch(FAR));
	CHECK_NUMBER(SYSTEM(munmap, FAR + TEBIBYTE, 8 * MEBIBYTE), 0);
	CHECK(!touch(FAR + TEBIBYTE));
	CHECK(free_pages - pool_free_pages() <= 4); /* the list grew */
}

/* What is frozen has pages on either side of what was touched, where the program may go on; and a
 * part of what is free at the most, however many places there are. */
static void test_ahead(void)
{
	const uint64_t middle = FAR + MEBIBYTE, touched = 16 * PAGE;
	map(FAR, 2 * MEBIBYTE, READ_WRITE, 0);
	map(FAR + 4 * MEBIBYTE, MEBIBYTE, READ_WRITE, 0); /* apart from it, never touched */
	CHECK(touch(middle));
	vma_fault_ahead();
	const int maps = host.maps;
	CHECK(touch(middle - touched) && touch(middle + 2 * touched - 1));
	CHECK_NUMBER(host.maps, maps);
	CHECK(touch(middle - touched - 1) && touch(middle + 2 * touched));
	CHECK_NUMBER(host.maps, maps + 2);
	CHECK(touch(FAR + 4 * MEBIBYTE));
	CHECK_NUMBER(host.maps, maps + 3);
	CHECK_NUMBER(SYSTEM(munmap, FAR, 5 * MEBIBYTE), 0);

	for (uint64_t i = 0; i < 100; i++) {
		map(FAR + i * MEBIBYTE, 64 * PAGE, READ_WRITE, 0);
		CHECK(touch(FAR + i * MEBIBYTE));
	}
	const uint64_t free_pages = pool_free_pages();
	vma_fault_ahead();
	CHECK(free_pages > pool_free_pages());
	CHECK(free_pages - pool_free_pages() <= free_pages / 16);
	CHECK_NUMBER(SYSTEM(munmap, FAR, 100 * MEBIBYTE), 0);
}

/* Who goes through memory page by page, upwards or downwards, gets more pages each time. */
static void test_growth(void)
{
	for (int downwards = 0; downwards < 2; downwards++) {
		map(FAR, 8 * MEBIBYTE, READ_WRITE, 0);
		host.maps = 0;
		for (uint64_t done = 0; done < 8 * MEBIBYTE; done += PAGE)
			*byte_at(FAR + (downwards ? 8 * MEBIBYTE - PAGE - done : done)) = 1;
		CHECK(host.maps <= 24);
		CHECK_NUMBER(SYSTEM(munmap, FAR, 8 * MEBIBYTE), 0);
	}
	/* What lies here and there gets few. */
	map(FAR, 8 * MEBIBYTE, READ_WRITE, 0);
	const uint64_t free_pages = pool_free_pages();
	for (uint64_t at = 0; at < 8 * MEBIBYTE; at += MEBIBYTE)
		*byte_at(FAR + at) = 1;
	CHECK(free_pages - pool_free_pages() <= 8 * 16 + 1); /* and the list's own */
	CHECK_NUMBER(SYSTEM(munmap, FAR, 8 * MEBIBYTE), 0);
}

/* System calls copy to and from pages that are not there yet. */
static bool holds(uint64_t address, uint64_t length, char value)
{
	for (uint64_t i = 0; i < length; i++)
		if (*byte_at(address + i) != value)
			return false;
	return true;
}

/* MADV_WIPEONFORK: zero in clones, with its pages where it can be written. */
static void test_marks(void)
{
	const uint64_t target = FAR + TEBIBYTE;
	map(FAR, 4 * MEBIBYTE, READ_WRITE, MAP_FIXED);
	memset((void *)FAR, 1, 3 * MEBIBYTE);
	CHECK_NUMBER(SYSTEM(madvise, FAR + MEBIBYTE, 3 * MEBIBYTE, MADV_WIPEONFORK), 0);
	CHECK_NUMBER(SYSTEM(madvise, FAR + 2 * MEBIBYTE, MEBIBYTE / 2, MADV_KEEPONFORK), 0);
	CHECK_NUMBER(SYSTEM(mprotect, FAR + 2 * MEBIBYTE + MEBIBYTE / 2, PAGE, PROT_READ), 0);
	const uint64_t free_pages = pool_free_pages();
	CHECK_NUMBER(vma_wipe_on_fork(), 0);
	CHECK_NUMBER(pool_free_pages(), free_pages + 1);
	CHECK(holds(FAR, MEBIBYTE, 1) && holds(FAR + MEBIBYTE, MEBIBYTE, 0));
	CHECK(holds(FAR + 2 * MEBIBYTE, MEBIBYTE / 2, 1));
	CHECK(holds(FAR + 2 * MEBIBYTE + MEBIBYTE / 2, MEBIBYTE / 2, 0));
	/* It moves and grows with its mark, which goes with it. */
	CHECK_NUMBER(SYSTEM(mremap, FAR + MEBIBYTE, MEBIBYTE, 2 * MEBIBYTE,
			    MREMAP_MAYMOVE | MREMAP_FIXED, target),
		     target);
	CHECK_NUMBER(map(FAR + MEBIBYTE, MEBIBYTE, READ_WRITE, MAP_FIXED), FAR + MEBIBYTE);
	memset((void *)target, 2, 2 * MEBIBYTE);
	memset((void *)(FAR + MEBIBYTE), 2, MEBIBYTE);
	CHECK_NUMBER(vma_wipe_on_fork(), 0);
	CHECK(holds(target, 2 * MEBIBYTE, 0) && holds(FAR + MEBIBYTE, MEBIBYTE, 2));
	CHECK_NUMBER(SYSTEM(munmap, FAR, 4 * MEBIBYTE), 0);
	CHECK_NUMBER(SYSTEM(munmap, target, 2 * MEBIBYTE), 0);
}

static void test_calls(void)
{
	uint64_t value = 7, out = 0;
	int64_t address = map(0, 2 * MEBIBYTE, READ_WRITE, 0);
	const uint64_t at = (uint64_t)address + MEBIBYTE - 4; /* across two pages */
	CHECK_NUMBER(user_copy_out(at, &value, sizeof(value)), 0);
	CHECK_NUMBER(user_copy_in(&out, at, sizeof(out)), 0);
	CHECK_NUMBER(out, 7);
	CHECK_NUMBER(SYSTEM(mprotect, (uint64_t)address, 2 * MEBIBYTE, PROT_READ), 0);
	CHECK_NUMBER(user_copy_out(at, &value, sizeof(value)), -EFAULT);
	CHECK_NUMBER(SYSTEM(munmap, (uint64_t)address, 2 * MEBIBYTE), 0);
	CHECK_NUMBER(user_copy_in(&out, at, sizeof(out)), -EFAULT);
}

/* The program is ended where a page is wanted and there is none; nothing hangs. */
static void test_out_of_memory(void)
{
	const uint64_t length = 2 * POOL_PAGES * PAGE;
	CHECK_NUMBER(map(FAR, length, READ_WRITE, 0), -ENOMEM);
	CHECK_NUMBER(map(FAR, length, READ_WRITE, MAP_NORESERVE), FAR);
	volatile uint64_t touched = 0;
	if (!setjmp(host.at_end))
		for (; touched < length; touched += PAGE)
			*byte_at(FAR + touched) = 1;
	CHECK(touched > POOL_PAGES * PAGE * 9 / 10 && touched < POOL_PAGES * PAGE);
	CHECK_NUMBER(host.ended, 2);
	CHECK_NUMBER(host.status, SIGKILL);
	CHECK(strstr(host.told, "out of memory: ") && strstr(host.told, "--memory"));
	CHECK_NUMBER(SYSTEM(munmap, FAR, length), 0);
}

/* Many vmas, in no order, against a table of what each page should be. */
static void test_many(void)
{
	enum { PAGES = 400, ROUNDS = 4000 };
	static uint8_t expected[PAGES]; /* 0: not mapped, else 1 + protection */
	uint32_t random = 12345;
	for (int round = 0; round < ROUNDS; round++) {
		random = random * 1664525 + 1013904223;
		const uint64_t start = random >> 8 & 255, pages = 1 + (random >> 16 & 127);
		const uint8_t protection = (uint8_t)(random >> 24 & 1 ? READ_WRITE : PROT_READ);
		bool whole = true;
		for (uint64_t i = start; i < start + pages; i++)
			whole &= expected[i] != 0;
		switch (random >> 29) {
		case 0:
		case 1:
			SYSTEM(munmap, FAR + start * PAGE, pages * PAGE);
			memset(expected + start, 0, pages);
			break;
		case 2:
		case 3:
			CHECK_NUMBER(SYSTEM(mprotect, FAR + start * PAGE, pages * PAGE, protection),
				     whole ? 0 : -ENOMEM);
			for (uint64_t i = start; i < start + pages && expected[i]; i++)
				expected[i] = (uint8_t)(1 + protection);
			break;
		case 4:
			if (expected[start] == 1 + READ_WRITE)
				*byte_at(FAR + start * PAGE) = 1;
			break;
		default:
			CHECK_NUMBER(map(FAR + start * PAGE, pages * PAGE, protection, MAP_FIXED),
				     FAR + start * PAGE);
			memset(expected + start, 1 + protection, pages);
		}
		for (uint64_t i = 0; i < PAGES; i++) {
			const bool readable = user_readable(FAR + i * PAGE, 1);
			const bool writable = user_writable(FAR + i * PAGE, 1);
			if (readable != (expected[i] != 0) ||
			    writable != (expected[i] == 1 + READ_WRITE)) {
				CHECK(false);
				fprintf(stderr, "  round %d, page %lu\n", round, (unsigned long)i);
				return;
			}
		}
	}
	SYSTEM(munmap, FAR, PAGES * PAGE);
	CHECK(!vma_find(FAR) || vma_find(FAR)->start >= FAR + PAGES * PAGE);
}

int main(void)
{
	host_start(POOL_PAGES);
	test_reservations();
	test_pages();
	test_ahead();
	test_growth();
	test_marks();
	test_calls();
	test_many();
	test_out_of_memory();
	return check_status();
}
