/* A Solo5 spt guest that does what its command line, or its request, says; see commands[]. Built
 * without devices, with a disk and a network (WITH_DEVICES), or with its request as a block device
 * (WITH_REQUEST). */
#include <asm/prctl.h>
#include <linux/time_types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "monitor/formats/solo5_abi.h"
#include "monitor/guests/solo5/spt_abi.h"

#define BLOCK_MAX 4096

/* ── notes ───────────────────────────────────────────────────────────────────────────────────── */

#if defined(WITH_DEVICES)
#define ENTRIES 3
#define DEVICES {.name = "disk", .type = SOLO5_BLOCK}, {.name = "wire", .type = SOLO5_NET},
#elif defined(WITH_REQUEST)
#define ENTRIES 2
#define DEVICES {.name = "request", .type = SOLO5_BLOCK},
#else
#define ENTRIES 1
#define DEVICES
#endif

struct manifest {
	uint32_t version, count;
	struct solo5_entry entries[ENTRIES];
};

static const struct {
	struct solo5_note note;
	struct solo5_abi abi;
} abi_note __attribute__((section(".note.abi"), used, aligned(4))) = {
    {6, sizeof(struct solo5_abi), SOLO5_NOTE_ABI, SOLO5_NOTE_NAME},
    {SOLO5_SPT, SOLO5_ABI_VERSION, {0, 0}},
};

static const struct {
	struct solo5_note note;
	uint32_t padding;
	struct manifest manifest;
} manifest_note __attribute__((section(".note.manifest"), used, aligned(8))) = {
    {6, SOLO5_MANIFEST_PADDING + sizeof(struct manifest), SOLO5_NOTE_MANIFEST, SOLO5_NOTE_NAME},
    0,
    {SOLO5_MANIFEST_VERSION, ENTRIES, {{.type = SOLO5_RESERVED}, DEVICES}},
};

/* ── the ground ──────────────────────────────────────────────────────────────────────────────── */

extern long system_call(long number, long first, long second, long third, long fourth, long fifth,
			long sixth);
extern uint64_t registers[14], first_stack;
extern char guest_end[];

static const struct spt_boot_info *boot;
static uint8_t block[BLOCK_MAX];
static char text_of_request[BLOCK_MAX + 1];

#define call4(number, a, b, c, d)                                                                  \
	system_call((number), (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define call3(number, a, b, c) call4(number, a, b, c, 0)

_Noreturn static void leave(long status)
{
	for (;;)
		call3(SYS_exit_group, status, 0, 0);
}

static size_t length_of(const char *text)
{
	size_t length = 0;
	while (text[length])
		length++;
	return length;
}

static void say(const char *text)
{
	call3(SYS_write, 1, text, length_of(text));
}

static void say_number(uint64_t number)
{
	char digits[24], *at = digits + sizeof(digits);
	*--at = 0;
	do {
		*--at = (char)('0' + number % 10);
	} while (number /= 10);
	say(at);
}

static bool is_equal(const char *text, const char *other)
{
	while (*text && *text == *other) {
		text++;
		other++;
	}
	return *text == *other;
}

/* Cuts the next word off. */
static char *next_word(char **rest)
{
	char *word = *rest;
	while (*word == ' ')
		word++;
	char *end = word;
	while (*end && *end != ' ')
		end++;
	*rest = *end ? end + 1 : end;
	*end = 0;
	return word;
}

static long next_number(char **rest)
{
	const char *word = next_word(rest);
	const bool negative = *word == '-';
	unsigned long number = 0;
	for (word += negative; *word >= '0' && *word <= '9'; word++)
		number = number * 10 + (unsigned long)(*word - '0');
	return (long)(negative ? -number : number);
}

static const struct solo5_entry *find_device(const char *name)
{
	const struct manifest *manifest = (const struct manifest *)boot->manifest;
	for (uint32_t i = 1; i < manifest->count; i++)
		if (is_equal(manifest->entries[i].name, name) && manifest->entries[i].attached)
			return &manifest->entries[i];
	say("no such device\n");
	leave(9);
}

/* ── what it can do ──────────────────────────────────────────────────────────────────────────── */

static void do_hello(char *rest)
{
	say("Hello, ");
	say(rest);
	say("\n");
}

static void do_exit(char *rest)
{
	leave(next_number(&rest));
}

/* What the guest finds when it begins. */
static void do_begin(char *rest)
{
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		if (registers[i])
			say("a register is not zero\n");
	if (first_stack != boot->memory_size - 8)
		say("the stack is elsewhere\n");
	if (boot->image_end < (uint64_t)guest_end || boot->image_end % 4096)
		say("the image ends elsewhere\n");
	for (uint64_t at = boot->image_end; at < boot->image_end + 65536; at += 8)
		if (*(volatile uint64_t *)at)
			leave(1);
	/* The next one must not find this. */
	*(volatile uint64_t *)(boot->image_end + 64) = 1;
	*(volatile uint64_t *)(boot->memory_size / 2) = 1;
	say_number(boot->memory_size >> 20);
	say(" MiB\n");
}

static void do_time(char *rest)
{
	struct __kernel_timespec wall, first, second;
	if (call3(SYS_clock_gettime, 0, &wall, 0) || call3(SYS_clock_gettime, 1, &first, 0) ||
	    call3(SYS_clock_gettime, 1, &second, 0))
		leave(1);
	const bool later = second.tv_sec > first.tv_sec ||
			   (second.tv_sec == first.tv_sec && second.tv_nsec >= first.tv_nsec);
	say(later ? "on " : "back ");
	say_number((uint64_t)wall.tv_sec);
	say("\n");
}

static void do_poll(char *rest)
{
	struct epoll_event event = {0};
	struct __kernel_timespec now;
	struct __kernel_itimerspec when = {0};
	call3(SYS_clock_gettime, 1, &now, 0);
	when.it_value = now;
	when.it_value.tv_nsec += 20000000;
	if (when.it_value.tv_nsec >= 1000000000) {
		when.it_value.tv_nsec -= 1000000000;
		when.it_value.tv_sec++;
	}
	if (call4(SYS_timerfd_settime, boot->timer, TFD_TIMER_ABSTIME, &when, 0))
		leave(1);
	const long got = system_call(SYS_epoll_pwait, boot->epoll, (long)&event, 1, -1, 0, 0);
	if (got != 1 || event.data.u64 != SPT_TIMER_DATA)
		leave(2);
	struct __kernel_timespec then;
	call3(SYS_clock_gettime, 1, &then, 0);
	const int64_t ns = (then.tv_sec - now.tv_sec) * 1000000000 + then.tv_nsec - now.tv_nsec;
	say(ns >= 20000000 ? "20 ms\n" : "early\n");
}

/* Waits without an end. */
static void do_hang(char *rest)
{
	struct epoll_event event;
	system_call(SYS_epoll_pwait, boot->epoll, (long)&event, 1, -1, 0, 0);
}

static void do_spin(char *rest)
{
	say("spinning\n");
	for (volatile bool on = true; on;)
		;
}

static void do_tls(char *rest)
{
	static uint64_t storage[2] = {0x5eed, 0};
	if (call3(SYS_arch_prctl, ARCH_SET_FS, storage, 0))
		leave(1);
	uint64_t value;
	__asm__ volatile("mov %%fs:0, %0" : "=r"(value));
	say(value == 0x5eed ? "local\n" : "elsewhere\n");
}

/* A system call with any number and arguments. */
static void do_call(char *rest)
{
	long words[7];
	for (int i = 0; i < 7; i++)
		words[i] = next_number(&rest);
	system_call(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
	say("passed\n");
}

/* The same by the way in for programs of 32 bits, whose numbers are others. */
static void do_call32(char *rest)
{
	long result = next_number(&rest);
	__asm__ volatile("int $0x80" : "+a"(result) : "b"(1L), "c"(0L), "d"(0L) : "memory");
	say("passed\n");
}

/* Where old programs called for the time; the kernel serves that page. */
static void do_vsyscall(char *rest)
{
	long result = 0;
	__asm__ volatile("call *%1"
			 : "=a"(result)
			 : "r"(0xffffffffff600000UL), "D"(block), "S"(0L)
			 : "rcx", "r11", "memory");
	say("passed\n");
}

static void do_zero(char *rest)
{
	say("reading\n");
	const volatile uint8_t *nowhere = (const uint8_t *)(registers[0] & 0);
	say_number(*nowhere);
}

static void do_write_text(char *rest)
{
	*(volatile uint8_t *)(uintptr_t)do_write_text = 0xc3;
	say("text is writable\n");
}

static void do_write_constant(char *rest)
{
	*(volatile uint8_t *)(uintptr_t)&abi_note = 0;
	say("constants are writable\n");
}

static void run_at(uint8_t *code)
{
	*code = 0xc3; /* ret */
	__asm__ volatile("call *%0" : : "r"(code) : "memory");
	say("executed\n");
}

static void do_run_data(char *rest)
{
	run_at(block);
}

static void do_run_heap(char *rest)
{
	run_at((uint8_t *)boot->image_end + 4096);
}

static void do_illegal(char *rest)
{
	__asm__ volatile("ud2");
}

static void do_divide(char *rest)
{
	__asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; xor %%ecx, %%ecx; div %%ecx" ::
			     : "eax", "ecx", "edx");
}

/* Writes so many times 1024 bytes. */
static void do_flood(char *rest)
{
	for (size_t i = 0; i < 1024; i++)
		block[i] = (uint8_t)('a' + i % 26);
	for (long left = next_number(&rest); left > 0; left--)
		call3(SYS_write, 1, block, 1024);
}

static bool move_block(long number, const char *name, uint64_t offset, uint64_t length)
{
	return call4(number, (int)find_device(name)->backing, block, length, offset) ==
	       (long)length;
}

static void do_disk(char *rest)
{
	const struct solo5_entry *disk = find_device("disk");
	const uint64_t size = disk->block.block_size;
	const uint64_t capacity = disk->block.capacity;
	say_number(capacity / size);
	say(" blocks of ");
	say_number(size);
	say(": ");
	if (!move_block(SYS_pread64, "disk", 0, size))
		leave(1);
	block[8] = 0;
	say((const char *)block);
	for (size_t i = 0; i < size; i++)
		block[i] = (uint8_t)(i * 7);
	if (!move_block(SYS_pwrite64, "disk", capacity - size, size))
		leave(2);
	for (size_t i = 0; i < size; i++)
		block[i] = 0;
	if (!move_block(SYS_pread64, "disk", capacity - size, size))
		leave(3);
	for (size_t i = 0; i < size; i++)
		if (block[i] != (uint8_t)(i * 7))
			leave(4);
	say(" ok\n");
}

/* "access OFFSET-IN-BLOCKS LENGTH": what the filter stops. */
static void do_access(char *rest)
{
	const struct solo5_entry *disk = find_device("disk");
	const long first = next_number(&rest), length = next_number(&rest);
	move_block(SYS_pread64, "disk", (uint64_t)first * disk->block.block_size, (uint64_t)length);
	say("passed\n");
}

/* Echoes frames until one begins with a zero. */
static void do_echo(char *rest)
{
	const struct solo5_entry *wire = find_device("wire");
	say_number(wire->net.mtu);
	say("\n");
	for (;;) {
		struct epoll_event event;
		system_call(SYS_epoll_pwait, boot->epoll, (long)&event, 1, -1, 0, 0);
		const long got = call3(SYS_read, (int)wire->backing, block, sizeof(block));
		if (got <= 0)
			continue;
		if (!block[0])
			leave(0);
		if (event.data.u64 != 2)
			leave(5);
		call3(SYS_write, (int)wire->backing, block, got);
	}
}

static const struct command {
	const char *name;
	void (*run)(char *rest);
} commands[] = {
    {"hello", do_hello},
    {"exit", do_exit},
    {"begin", do_begin},
    {"time", do_time},
    {"poll", do_poll},
    {"hang", do_hang},
    {"spin", do_spin},
    {"tls", do_tls},
    {"call", do_call},
    {"call32", do_call32},
    {"vsyscall", do_vsyscall},
    {"zero", do_zero},
    {"write-text", do_write_text},
    {"write-constant", do_write_constant},
    {"run-data", do_run_data},
    {"run-heap", do_run_heap},
    {"illegal", do_illegal},
    {"divide", do_divide},
    {"flood", do_flood},
    {"disk", do_disk},
    {"access", do_access},
    {"echo", do_echo},
};

/* The first block begins with the length of the request, which follows from the second block on. */
static char *read_request(void)
{
	const uint64_t size = find_device("request")->block.block_size;
	if (!move_block(SYS_pread64, "request", 0, size))
		leave(8);
	const uint64_t length = *(uint64_t *)block;
	if (length > size || !move_block(SYS_pread64, "request", size, size))
		leave(7);
	for (uint64_t i = 0; i < length; i++)
		text_of_request[i] = (char)block[i];
	return text_of_request;
}

void guest_main(const struct spt_boot_info *info)
{
	boot = info;
	char *rest = ENTRIES == 2 ? read_request() : (char *)boot->command_line;
	const char *word = next_word(&rest);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (is_equal(commands[i].name, word)) {
			commands[i].run(rest);
			leave(0);
		}
	say("no such command: ");
	say(word);
	say("\n");
	leave(6);
}
