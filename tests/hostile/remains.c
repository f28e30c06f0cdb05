/* A program whose request leaves a pattern wherever it can write, or looks for the pattern that an
 * earlier request has left; see remains.h. */
#include "remains.h"

#include <cpuid.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mayfly/guest_abi.h"

void fill_registers(uint64_t pattern, void (*end)(void), int has_avx512);
void read_registers(uint64_t *words, int has_avx512);
void end_by_exit(void), end_by_crash(void), end_by_deadline(void);

#define REGISTER_WORDS 336
#define MXCSR_WORD     (2176 / 8 + 3) /* FXSAVE: MXCSR at 24, in the low half */
#define CONTROL_WORD   (2176 / 8)
#define MXCSR_FRESH    0x1f80U
#define CONTROL_FRESH  0x37fU

static uint64_t registers[REGISTER_WORDS] __attribute__((aligned(64)));
static uint64_t room[8192];

static volatile struct guest_control *control(void)
{
	return (volatile struct guest_control *)GUEST_WINDOW_BASE;
}

static int has_avx512(void)
{
	unsigned eax, ebx, ecx, edx, low = 0, high;
	__cpuid(1, eax, ebx, ecx, edx);
	if (ecx & 1U << 27)
		__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	__cpuid_count(7, 0, eax, ebx, ecx, edx);
	return (low & 0xe0) == 0xe0 && ebx >> 16 & 1 && ebx >> 30 & 1; /* F and BW */
}

/* ── leaving ─────────────────────────────────────────────────────────────────────────────────── */

static void fill(volatile uint64_t *place, uint64_t size, uint64_t pattern)
{
	for (uint64_t i = 0; i < size / 8; i++)
		place[i] = pattern;
}

/* Deep in the stack, where nobody looks again. */
__attribute__((noinline)) static void fill_stack(uint64_t size, uint64_t pattern)
{
	volatile uint64_t place[1024];
	fill(place, sizeof(place), pattern);
	if (size > sizeof(place))
		fill_stack(size - sizeof(place), pattern);
	place[0] = pattern;
}

/* Memory for code that the request makes, and code that the program has. */
static void fill_code(uint64_t size, uint64_t pattern)
{
	extern uint64_t code_room[];
	const int all = PROT_READ | PROT_WRITE | PROT_EXEC;
	uint64_t *made = mmap(NULL, size, all, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (made != MAP_FAILED)
		fill(made, size, pattern);
	if (!mprotect(code_room, 4096, all))
		fill(code_room, 4096, pattern);
}

/* Pages of files at two addresses each. */
static void fill_shared(int file, uint64_t size, uint64_t pattern)
{
	const int both = PROT_READ | PROT_WRITE;
	if (ftruncate(file, (off_t)size))
		return;
	for (int i = 0; i < 2; i++) {
		uint64_t *pages = mmap(NULL, size, both, MAP_SHARED, file, 0);
		if (pages != MAP_FAILED)
			fill(pages, size, pattern);
	}
}

static void fill_files(uint64_t size, uint64_t pattern)
{
	int file = open("/tmp/remains", O_CREAT | O_WRONLY, 0600);
	fill(room, sizeof(room), pattern);
	for (uint64_t done = 0; done < size; done += sizeof(room))
		if (write(file, room, sizeof(room)) < 0)
			break;
	close(file);
}

static void leave(const char *text)
{
	char *rest;
	uint64_t size = strtoull(text, &rest, 0);
	char end = rest[1]; /* of "exit", "crash", "deadline" */
	uint64_t pattern = ~strtoull(strrchr(rest, ' '), NULL, 16);
	uint64_t *heap =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (heap != MAP_FAILED)
		fill(heap, size, pattern);
	fill_stack(size < 512 << 10 ? size : 512 << 10, pattern);
	fill_code(size / 16, pattern);
	fill_shared(memfd_create("remains", 0), size / 32, pattern);
	fill_shared(open("/dev/shm/remains", O_CREAT | O_RDWR, 0600), size / 32, pattern);
	fill_files(size / 4, pattern);
	static const uint64_t areas[] = {WINDOW_LOG_OFFSET,
					 WINDOW_TRACE_OFFSET,
					 WINDOW_VARIABLES_OFFSET,
					 WINDOW_REQUEST_OFFSET,
					 WINDOW_RESPONSE_OFFSET,
					 WINDOW_ARENA_OFFSET,
					 WINDOW_SIZE};
	for (int i = 0; i < 6; i++) {
		uint64_t part = areas[i + 1] - areas[i] < size ? areas[i + 1] - areas[i] : size;
		fill((volatile uint64_t *)(GUEST_WINDOW_BASE + areas[i]), part, pattern);
		fill((volatile uint64_t *)(GUEST_WINDOW_BASE + areas[i + 1] - 4096), 4096, pattern);
	}
	/* The control page behind what it is used for, and what it is used for: EXIT(0). */
	fill((volatile uint64_t *)(GUEST_WINDOW_BASE + 2048), 2048, pattern);
	control()->response_length = 0;
	control()->arguments[0] = 0;
	for (int i = 1; i < 4; i++)
		control()->arguments[i] = pattern;
	control()->hypercall = HYPERCALL_EXIT;
	fill_registers(pattern,
		       end == 'e'   ? end_by_exit
		       : end == 'c' ? end_by_crash
				    : end_by_deadline,
		       has_avx512());
}

/* ── looking ─────────────────────────────────────────────────────────────────────────────────── */

static uint64_t complement;
static sigjmp_buf unreadable;

static void skip_page(int signal)
{
	siglongjmp(unreadable, signal);
}

/* The pattern must not be anywhere because of the search. */
static int is_pattern(uint64_t word)
{
	__asm__("notq %0" : "+r"(word));
	return word == complement;
}

/* Returns an address that holds the pattern, or 0. Pages that cannot be read are passed over. */
static uint64_t search(uint64_t start, uint64_t end)
{
	for (volatile uint64_t page = start; page < end; page += 4096) {
		if (sigsetjmp(unreadable, 0))
			continue;
		const volatile uint64_t *words = (const volatile uint64_t *)page;
		for (int i = 0; i < 512; i++)
			if (is_pattern(words[i]))
				return page + 8 * (uint64_t)i;
	}
	return 0;
}

static int say(const char *what, uint64_t where)
{
	printf("%s at %#lx\n", what, where);
	return 1;
}

static int look_at_registers(void)
{
	for (uint64_t i = 0; i < REGISTER_WORDS; i++)
		if (is_pattern(registers[i]))
			return say("register word", i);
	if (((uint32_t)registers[MXCSR_WORD] & 0xffc0) != MXCSR_FRESH)
		return say("MXCSR", registers[MXCSR_WORD]);
	if ((uint16_t)registers[CONTROL_WORD] != CONTROL_FRESH)
		return say("x87 control word", registers[CONTROL_WORD]);
	return 0;
}

static int look(const char *text)
{
	uint64_t found;
	complement = strtoull(text, NULL, 16);
	if (look_at_registers())
		return 1;
	if (!access("/tmp/remains", F_OK) || !access("/dev/shm/remains", F_OK))
		return say("file", 0);
	const struct sigaction skip = {.sa_handler = skip_page, .sa_flags = SA_NODEFER};
	sigaction(SIGSEGV, &skip, NULL);
	const struct guest_start *start =
	    (const struct guest_start *)((const struct libos_header *)GUEST_LIBOS_BASE)->start_info;
	for (uint64_t i = 0; i < start->region_count && i < GUEST_REGIONS_MAX; i++)
		if ((found = search(start->regions[i].start, start->regions[i].end)))
			return say("region", found);
	if ((found = search(start->pool_base, start->pool_base + start->pool_size)))
		return say("pool", found);
	if ((found = search(start->stack_base, start->stack_base + start->stack_size)))
		return say("stack", found);
	if ((found = search(GUEST_LIBOS_BASE, GUEST_LIBOS_BASE + (4UL << 20))))
		return say("library OS", found);
	if ((found = search(GUEST_WINDOW_BASE, GUEST_WINDOW_BASE + WINDOW_SIZE)))
		return say("window", found);
	/* The monitor looks now, from outside. */
	fputs("look\n", stderr);
	return fputs(REMAINS_CLEAN, stdout) < 0;
}

static int claim(void)
{
	control()->response_length = WINDOW_RESPONSE_SIZE;
	control()->arguments[0] = 0;
	control()->hypercall = HYPERCALL_EXIT;
	uint64_t page = GUEST_HYPERCALL;
	__asm__ volatile("call *%0" : : "r"(page) : "memory");
	return 1;
}

int main(void)
{
	char request[64] = "";
	int avx512 = has_avx512();
	ssize_t length = read(STDIN_FILENO, request, sizeof(request) - 1);
	read_registers(registers, avx512);
	if (length < 0)
		return 2;
	if (!strncmp(request, "leave ", 6))
		leave(request + 6);
	if (!strncmp(request, "look ", 5))
		return look(request + 5);
	return strcmp(request, "claim") ? 2 : claim();
}
