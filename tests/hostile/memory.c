/* Attacks on memory: what is not the guest's, and what is but must not be used like this. */
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attacker.h"

static int read_at(uint64_t address)
{
	(void)*(volatile uint8_t *)address;
	return 1;
}

static int write_at(uint64_t address)
{
	*(volatile uint8_t *)address = 0xc3;
	return 1;
}

/* Addresses where nothing is: gaps between the parts of the layout, and beyond what a process
 * has. */
static const uint64_t outside[] = {
    0,
    GUEST_STACK_TOP + GUEST_PAGE_SIZE,
    GUEST_POOL_BASE - GUEST_PAGE_SIZE,
    GUEST_WINDOW_BASE - GUEST_PAGE_SIZE,
    GUEST_WINDOW_BASE + WINDOW_SIZE,
    GUEST_LIBOS_BASE - GUEST_PAGE_SIZE,
    GUEST_ROOT_BASE,
    0x7ffffffff000UL,
    0x800000000000UL, /* not canonical */
    0xffff800000000000UL,
    0xffffffffff600000UL, /* where Linux has its vsyscall page */
    0xfffffffffffffff0UL,
};

int attack_read_outside(uint64_t number)
{
	return read_at(outside[number]);
}

int attack_write_outside(uint64_t number)
{
	return write_at(outside[number]);
}

int attack_jump_outside(uint64_t number)
{
	call_anywhere(outside[number], 0, 0, 0);
	return 1;
}

/* What the monitor made for the machine: descriptor tables, stubs, task state. */
int attack_read_system_pages(uint64_t number)
{
	return read_at(GUEST_SYSTEM_BASE + number * GUEST_PAGE_SIZE);
}

int attack_write_system_pages(uint64_t number)
{
	return write_at(GUEST_SYSTEM_BASE + number * GUEST_PAGE_SIZE);
}

int attack_write_hypercall_page(uint64_t number)
{
	return write_at(GUEST_HYPERCALL + number);
}

int attack_write_library_os(uint64_t number)
{
	return write_at(GUEST_LIBOS_BASE + number);
}

int attack_write_own_code(uint64_t number)
{
	return write_at((uint64_t)(uintptr_t)attack_write_own_code);
}

/* ── executing data ──────────────────────────────────────────────────────────────────────────── */

static int execute(volatile uint8_t *place)
{
	*place = 0xc3;
	call_anywhere((uint64_t)(uintptr_t)place, 0, 0, 0);
	return 1;
}

int attack_execute_data(uint64_t number)
{
	static uint8_t data[64];
	return execute(data);
}

int attack_execute_stack(uint64_t number)
{
	volatile uint8_t data[64];
	return execute(data);
}

int attack_execute_heap(uint64_t number)
{
	uint8_t *data =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return data == MAP_FAILED || execute(data);
}

int attack_execute_window(uint64_t number)
{
	static const uint64_t parts[] = {0x800, WINDOW_LOG_OFFSET, WINDOW_REQUEST_OFFSET,
					 WINDOW_ARENA_OFFSET};
	return execute(window_at(parts[number]));
}

/* Of the library OS, what the monitor wrote for it is data. */
static uint64_t library_os_data(void)
{
	return ((const struct libos_header *)GUEST_LIBOS_BASE)->start_info;
}

int attack_execute_library_os_data(uint64_t number)
{
	return execute((volatile uint8_t *)(uintptr_t)library_os_data());
}

/* ── permissions ─────────────────────────────────────────────────────────────────────────────── */

static uint8_t page[GUEST_PAGE_SIZE] __attribute__((aligned(GUEST_PAGE_SIZE)));

#define ALL (PROT_READ | PROT_WRITE | PROT_EXEC)

/* A program may write code of its own, but no other: not what it shares with the monitor, not the
 * library OS's, not the door's. */
int attack_ask_write_and_execute(uint64_t number)
{
	static const uint64_t others[] = {
	    GUEST_WINDOW_BASE, GUEST_WINDOW_BASE + WINDOW_ARENA_OFFSET,
	    GUEST_LIBOS_BASE,  GUEST_LIBOS_BASE + GUEST_PAGE_SIZE,
	    GUEST_HYPERCALL,   GUEST_SYSTEM_BASE,
	    GUEST_ROOT_BASE};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (!mprotect((void *)others[i], GUEST_PAGE_SIZE, ALL) ||
		    !hypercall(HYPERCALL_PROTECT, others[i], GUEST_PAGE_SIZE, ALL))
			return (int)i + 1;
	return 0;
}

/* Code that the program wrote can do what the program can do. */
int attack_write_code(uint64_t number)
{
	static const uint8_t codes[][8] = {
	    {0xf4},		      /* hlt */
	    {0x0f, 0x20, 0xd8, 0xc3}, /* mov %cr3, %rax */
	    {0x0f, 0x32, 0xc3},	      /* rdmsr */
	    {0xfa, 0xc3},	      /* cli */
	    {0xec, 0xc3},	      /* in %dx, %al */
	    {0x0f, 0x01, 0x10, 0xc3}, /* lgdt (%rax) */
	    {0x48, 0x0f, 0x07},	      /* sysretq */
	};
	uint8_t *code = mmap(NULL, GUEST_PAGE_SIZE, ALL, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED)
		return 0;
	memcpy(code, codes[number], sizeof(codes[number]));
	call_anywhere((uint64_t)(uintptr_t)code, 0, 0, 0);
	return 1;
}

int attack_rewrite_code_without_end(uint64_t number)
{
	uint8_t *code = mmap(NULL, GUEST_PAGE_SIZE, ALL, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED)
		return 1;
	for (uint8_t i = 0;; i++) {
		const uint8_t made[] = {0xb8, i, 0, 0, 0, 0xc3}; /* mov $i, %eax; ret */
		memcpy(code, made, sizeof(made));
		if (call_anywhere((uint64_t)(uintptr_t)code, 0, 0, 0) != i)
			return 1;
	}
}

/* By the hypercall, and not only for the guest's own memory. */
int attack_protect_what_is_not_its_own(uint64_t number)
{
	static const struct {
		uint64_t address, length, protection;
	} wishes[] = {
	    {GUEST_LIBOS_BASE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_WRITE},
	    {GUEST_HYPERCALL, GUEST_PAGE_SIZE, GUEST_READ | GUEST_WRITE},
	    {GUEST_SYSTEM_BASE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_WRITE},
	    {GUEST_WINDOW_BASE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE},
	    {GUEST_ROOT_BASE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_WRITE},
	    {0, GUEST_PAGE_SIZE, GUEST_READ | GUEST_WRITE},
	    {0, UINT64_MAX, GUEST_READ | GUEST_WRITE},
	    {GUEST_POOL_BASE, UINT64_MAX - GUEST_POOL_BASE, GUEST_READ | GUEST_WRITE},
	    {GUEST_POOL_BASE, 1UL << 63, GUEST_READ | GUEST_WRITE},
	    {GUEST_POOL_BASE + 1, GUEST_PAGE_SIZE, GUEST_READ},
	    {GUEST_WINDOW_BASE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_WRITE | GUEST_EXECUTE},
	    {GUEST_POOL_BASE, GUEST_PAGE_SIZE, 8},
	    {GUEST_POOL_BASE, GUEST_PAGE_SIZE, UINT64_MAX},
	    {1UL << 63, GUEST_PAGE_SIZE, GUEST_READ | GUEST_WRITE},
	};
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		if (!hypercall(HYPERCALL_PROTECT, wishes[i].address, wishes[i].length,
			       wishes[i].protection))
			return (int)i + 1;
	return 0;
}

/* A page of the pool that nobody uses, and a place for it. */
#define POOL_PAGE (GUEST_POOL_BASE + (20UL << 20))
#define PLACE	  0x100000000UL

static int64_t map(uint64_t address, uint64_t source, uint64_t length, uint64_t protection)
{
	control()->arguments[3] = protection;
	return hypercall(HYPERCALL_MAP, address, source, length);
}

int attack_map_what_is_not_its_own(uint64_t number)
{
	static const struct {
		uint64_t address, source, length, protection;
	} wishes[] = {
	    {PLACE, GUEST_WINDOW_BASE, GUEST_PAGE_SIZE, GUEST_READ},
	    {PLACE, GUEST_LIBOS_BASE, GUEST_PAGE_SIZE, GUEST_READ},
	    {PLACE, GUEST_HYPERCALL, GUEST_PAGE_SIZE, GUEST_READ},
	    {PLACE, GUEST_SYSTEM_BASE, GUEST_PAGE_SIZE, GUEST_READ},
	    {PLACE, GUEST_ROOT_BASE, GUEST_PAGE_SIZE, GUEST_READ},
	    {PLACE, UINT64_MAX - GUEST_PAGE_SIZE + 1, GUEST_PAGE_SIZE, GUEST_READ},
	    {PLACE, GUEST_POOL_BASE - GUEST_PAGE_SIZE, GUEST_PAGE_SIZE, GUEST_READ},
	    {PLACE, GUEST_POOL_BASE + (1UL << 40), GUEST_PAGE_SIZE, GUEST_READ},
	    {PLACE, POOL_PAGE, GUEST_MAP_MAX, GUEST_READ},
	    {PLACE, POOL_PAGE, UINT64_MAX - GUEST_PAGE_SIZE + 1, GUEST_READ},
	    {PLACE, POOL_PAGE, 0, GUEST_READ},
	    {PLACE, POOL_PAGE, 1, GUEST_READ},
	    {PLACE + 1, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ},
	    {PLACE, POOL_PAGE + 8, GUEST_PAGE_SIZE, GUEST_READ},
	    {PLACE, GUEST_WINDOW_BASE, GUEST_PAGE_SIZE, GUEST_WRITE | GUEST_EXECUTE},
	    {PLACE, GUEST_WINDOW_BASE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_SHARED},
	    {PLACE, GUEST_LIBOS_BASE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_SHARED},
	    {PLACE, GUEST_HYPERCALL, GUEST_PAGE_SIZE, GUEST_READ | GUEST_SHARED},
	    {PLACE, GUEST_SYSTEM_BASE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_SHARED},
	    {PLACE, GUEST_ROOT_BASE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_SHARED},
	    {PLACE, POOL_PAGE, GUEST_MAP_MAX, GUEST_READ | GUEST_SHARED},
	    {GUEST_WINDOW_BASE, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_SHARED},
	    {GUEST_LIBOS_BASE, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_SHARED},
	    {PLACE, POOL_PAGE, GUEST_PAGE_SIZE, 16},
	    {PLACE, POOL_PAGE, GUEST_PAGE_SIZE, UINT64_MAX},
	    {0, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ},
	    {0x400000, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ},
	    {GUEST_WINDOW_BASE, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ},
	    {GUEST_LIBOS_BASE, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE},
	    {GUEST_HYPERCALL, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE},
	    {GUEST_SYSTEM_BASE + 0x3000, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE},
	    {GUEST_AREA_END - GUEST_PAGE_SIZE, POOL_PAGE, 2 * GUEST_PAGE_SIZE, GUEST_READ},
	    {1UL << 63, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ},
	    {UINT64_MAX - GUEST_PAGE_SIZE + 1, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ},
	};
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		if (!map(wishes[i].address, wishes[i].source, wishes[i].length,
			 wishes[i].protection))
			return (int)i + 1;
	return 0;
}

/* One page at two places: writable here, executable there. */
int attack_map_a_page_twice(uint64_t number)
{
	return map(PLACE, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE) ||
	       !map(PLACE + GUEST_PAGE_SIZE, POOL_PAGE, GUEST_PAGE_SIZE,
		    GUEST_READ | GUEST_WRITE) ||
	       !map(PLACE, POOL_PAGE + GUEST_PAGE_SIZE, GUEST_PAGE_SIZE, GUEST_READ);
}

/* Pages may be seen at several addresses; whatever is done to one of these is the guest's affair. */
int attack_share_and_move(uint64_t number)
{
	const uint64_t all = GUEST_READ | GUEST_WRITE | GUEST_EXECUTE;
	if (map(PLACE, POOL_PAGE, 4 * GUEST_PAGE_SIZE, all | GUEST_SHARED) ||
	    map(2 * PLACE, POOL_PAGE, 4 * GUEST_PAGE_SIZE, GUEST_READ | GUEST_SHARED) ||
	    map(3 * PLACE, POOL_PAGE + GUEST_PAGE_SIZE, GUEST_PAGE_SIZE, all))
		return 0;
	/* It has left its own place, and cannot be shared once more. */
	if (!map(4 * PLACE, POOL_PAGE + GUEST_PAGE_SIZE, GUEST_PAGE_SIZE, all | GUEST_SHARED))
		return 1;
	switch (number) {
	case 0:
		hypercall(HYPERCALL_UNMAP, PLACE, 3 * PLACE, 0);
		return execute((volatile uint8_t *)PLACE);
	case 1:
		hypercall(HYPERCALL_UNMAP, PLACE, 4 * GUEST_PAGE_SIZE, 0);
		hypercall(HYPERCALL_PROTECT, POOL_PAGE, GUEST_PAGE_SIZE, 0);
		return write_at(2 * PLACE);
	default:
		hypercall(HYPERCALL_PROTECT, 2 * PLACE, 4 * GUEST_PAGE_SIZE, 0);
		hypercall(HYPERCALL_UNMAP, 3 * PLACE, GUEST_PAGE_SIZE, 0);
		hypercall(HYPERCALL_UNMAP, PLACE, 4 * GUEST_PAGE_SIZE, 0);
		return write_at(PLACE);
	}
}

/* The same pages at ever more addresses. */
int attack_share_far_and_wide(uint64_t number)
{
	for (uint64_t i = 0; i < 1UL << 16; i++)
		if (map(PLACE + (i << 21), POOL_PAGE, 16 * GUEST_PAGE_SIZE,
			GUEST_READ | GUEST_WRITE | GUEST_SHARED))
			return 0;
	return 1;
}

int attack_share_and_unmap_without_end(uint64_t number)
{
	for (uint64_t i = 0;; i++) {
		map(PLACE + (i % 64 << 21), POOL_PAGE + i % 16 * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE,
		    GUEST_READ | GUEST_WRITE | GUEST_SHARED);
		hypercall(HYPERCALL_UNMAP, PLACE + (i % 64 << 21), GUEST_PAGE_SIZE, 0);
	}
}

int attack_write_where_a_page_was(uint64_t number)
{
	*(volatile uint8_t *)POOL_PAGE = 1;
	if (map(PLACE, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE))
		return 1;
	return write_at(POOL_PAGE);
}

int attack_use_what_was_unmapped(uint64_t number)
{
	if (map(PLACE, POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_WRITE))
		return 1;
	*(volatile uint8_t *)PLACE = 1;
	if (hypercall(HYPERCALL_UNMAP, PLACE, GUEST_PAGE_SIZE, 0))
		return 1;
	return write_at(PLACE);
}

/* A page each in parts of the address space far from each other: tables for each. */
int attack_map_far_and_wide(uint64_t number)
{
	for (uint64_t i = 0; i < 4096; i++)
		if (map(PLACE + (i << 31), POOL_PAGE + i * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE,
			GUEST_READ | GUEST_WRITE))
			return 0;
	return 1;
}

/* Takes away everything that can be taken away, the program itself, too. */
int attack_unmap_everything(uint64_t number)
{
	hypercall(HYPERCALL_UNMAP, 0, UINT64_MAX - GUEST_PAGE_SIZE + 1, 0);
	hypercall(HYPERCALL_UNMAP, GUEST_AREA_BASE, GUEST_AREA_END - GUEST_AREA_BASE, 0);
	hypercall(HYPERCALL_UNMAP, GUEST_POOL_BASE, GUEST_PAGE_SIZE, 0);
	munmap((void *)GUEST_AREA_BASE, GUEST_AREA_END - GUEST_AREA_BASE);
	return 0;
}

int attack_map_and_unmap_without_end(uint64_t number)
{
	for (uint64_t i = 0;; i++) {
		map(PLACE + (i % 64 << 21), POOL_PAGE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE);
		hypercall(HYPERCALL_UNMAP, PLACE + (i % 64 << 21), GUEST_PAGE_SIZE, 0);
	}
}

/* What was taken away is gone at once: the processor must not remember it. */
int attack_use_remembered_permission(uint64_t number)
{
	page[0] = 1;
	if (mprotect(page, sizeof(page), PROT_READ))
		return 0;
	return write_at((uint64_t)(uintptr_t)page);
}

int attack_flip_permissions(uint64_t number)
{
	for (;;)
		if (mprotect(page, sizeof(page), PROT_NONE) ||
		    mprotect(page, sizeof(page), PROT_READ | PROT_WRITE))
			return 1;
}

/* ── the window and the library OS ───────────────────────────────────────────────────────────── */

/* Everything that guest and host share, the page that the hypercalls go through included. */
int attack_fill_window(uint64_t number)
{
	static const uint8_t patterns[] = {0, 0xff, 0x80, 0x5a};
	memset((void *)(uintptr_t)GUEST_WINDOW_BASE, patterns[number],
	       WINDOW_ARENA_OFFSET + (1UL << 20));
	control()->response_length = 0;
	return 0;
}

/* A program may break its library OS: it breaks its own clone. */
int attack_overwrite_library_os(uint64_t number)
{
	static const uint8_t patterns[] = {0, 0xff, 0x80, 0x5a};
	memset((void *)(uintptr_t)library_os_data(), patterns[number], 64UL << 10);
	for (int i = 0; i < 100; i++)
		syscall(SYS_write, STDOUT_FILENO, page, sizeof(page));
	return 0;
}
