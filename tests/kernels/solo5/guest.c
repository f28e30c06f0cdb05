/* Guests of the kind `solo5` that do one thing each, as the first word of their command line says.
 * Built a few times with other manifests: WITH_BLOCK, WITH_REQUEST, WITH_NET.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/formats/solo5_abi.h"

#define WAIT_NS	  2000000ULL
#define BLOCK_MAX 4096

struct abi_note {
	struct solo5_note note;
	struct solo5_abi abi;
};

__attribute__((section(".note.abi"), used, aligned(4))) static const struct abi_note abi_note = {
    .note = {6, sizeof(struct solo5_abi), SOLO5_NOTE_ABI, SOLO5_NOTE_NAME},
    .abi = {.target = SOLO5_HVT, .version = SOLO5_ABI_VERSION},
};

#if defined(WITH_BLOCK) || defined(WITH_NET) || defined(WITH_REQUEST)
#define ENTRIES 2
#else
#define ENTRIES 1
#endif

struct manifest_note {
	struct solo5_note note;
	uint32_t padding;
	uint32_t version, count;
	struct solo5_entry entries[ENTRIES];
};

__attribute__((section(".note.manifest"), used,
	       aligned(8))) static const struct manifest_note manifest_note = {
    .note = {6, sizeof(struct manifest_note) - sizeof(struct solo5_note), SOLO5_NOTE_MANIFEST,
	     SOLO5_NOTE_NAME},
    .version = SOLO5_MANIFEST_VERSION,
    .count = ENTRIES,
    .entries =
	{
	    {.type = SOLO5_RESERVED},
#if defined(WITH_BLOCK)
	    {.name = "disk", .type = SOLO5_BLOCK},
#elif defined(WITH_REQUEST)
	    {.name = "request", .type = SOLO5_BLOCK},
#elif defined(WITH_NET)
	    {.name = "net", .type = SOLO5_NET},
#endif
	},
};

static const struct solo5_boot *boot;
static uint8_t buffer[BLOCK_MAX];
static uint64_t data_word = 0xc3; /* RET, where it may not be executed */
static const uint64_t constant_word = 0xc3;

/* ── hypercalls ──────────────────────────────────────────────────────────────────────────────── */

static void call(enum solo5_hypercall number, volatile void *arguments)
{
	const uint32_t address = (uint32_t)(uintptr_t)arguments;
	const uint16_t port = (uint16_t)(SOLO5_PORT + number);
	__asm__ volatile("outl %0, %1" : : "a"(address), "d"(port) : "memory");
}

static size_t length_of(const char *text)
{
	size_t length = 0;
	while (text[length])
		length++;
	return length;
}

static void put_bytes(const void *data, size_t length)
{
	volatile struct solo5_puts puts = {.data = (uintptr_t)data, .length = length};
	call(SOLO5_PUTS, &puts);
}

static void put(const char *text)
{
	put_bytes(text, length_of(text));
}

static void put_number(uint64_t number)
{
	char digits[24];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put_bytes(digits + at, sizeof(digits) - at);
	put("\n");
}

static _Noreturn void halt(int status)
{
	volatile struct solo5_halt arguments = {.status = status};
	for (;;)
		call(SOLO5_HALT, &arguments);
}

static uint64_t wall_time(void)
{
	volatile struct solo5_walltime time = {0};
	call(SOLO5_WALLTIME, &time);
	return time.ns;
}

static uint64_t poll(uint64_t timeout_ns)
{
	volatile struct solo5_poll arguments = {.timeout_ns = timeout_ns};
	call(SOLO5_POLL, &arguments);
	return arguments.ready;
}

static int32_t block(enum solo5_hypercall number, uint64_t offset, void *data, uint64_t length)
{
	volatile struct solo5_block_call arguments = {
	    .handle = 1,
	    .offset = offset,
	    .data = (uintptr_t)data,
	    .length = length,
	};
	call(number, &arguments);
	return arguments.result;
}

static int32_t frame(enum solo5_hypercall number, void *data, uint64_t *length)
{
	volatile struct solo5_net_call arguments = {
	    .handle = 1,
	    .data = (uintptr_t)data,
	    .length = *length,
	};
	call(number, &arguments);
	*length = arguments.length;
	return arguments.result;
}

/* The only one; where there is none, the reserved entry. */
static const struct solo5_entry *device(void)
{
	const struct solo5_manifest *manifest = (const void *)(uintptr_t)boot->manifest;
	return &manifest->entries[ENTRIES - 1];
}

/* ── exceptions ──────────────────────────────────────────────────────────────────────────────── */

struct gate {
	uint16_t low, selector;
	uint8_t stack, type;
	uint16_t middle;
	uint32_t high, reserved;
};
static struct gate gates[32];
static uint64_t descriptors[3] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff};

struct __attribute__((packed)) table_pointer {
	uint16_t limit;
	uint64_t base;
};

/* Tells the address of a page fault, and ends. */
__attribute__((used)) static void handle_page_fault(uint64_t error_code, uint64_t address)
{
	put("page fault ");
	put_number(error_code & ~4UL); /* a guest that runs in ring 3 does not know */
	put("at ");
	put_number(address);
	halt(14);
}

__attribute__((used)) static void handle_breakpoint(void)
{
	put("breakpoint\n");
}

__asm__(".text\n"
	"page_fault:\n"
	"	mov (%rsp), %rdi\n"
	"	mov %cr2, %rsi\n"
	"	and $-16, %rsp\n"
	"	call handle_page_fault\n"
	"breakpoint:\n"
	"	push %rax; push %rcx; push %rdx; push %rsi; push %rdi\n"
	"	push %r8; push %r9; push %r10; push %r11\n"
	"	call handle_breakpoint\n"
	"	pop %r11; pop %r10; pop %r9; pop %r8\n"
	"	pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax\n"
	"	iretq\n");
extern const char page_fault[], breakpoint[];

static void set_gate(unsigned vector, const char *entry)
{
	const uintptr_t address = (uintptr_t)entry;
	gates[vector] = (struct gate){
	    .low = (uint16_t)address,
	    .selector = 8,
	    .type = 0x8e,
	    .middle = (uint16_t)(address >> 16),
	    .high = (uint32_t)(address >> 32),
	};
}

/* As a library OS does at its start: its own descriptors, all segments anew, and then gates. */
static void take_exceptions(void)
{
	const struct table_pointer gdt = {sizeof(descriptors) - 1, (uintptr_t)descriptors};
	const struct table_pointer idt = {sizeof(gates) - 1, (uintptr_t)gates};
	set_gate(3, breakpoint);
	set_gate(14, page_fault);
	__asm__ volatile("lgdt %0\n"
			 "pushq $8\n"
			 "leaq 1f(%%rip), %%rax\n"
			 "pushq %%rax\n"
			 "lretq\n"
			 "1: mov $16, %%eax\n"
			 "mov %%eax, %%ds\n"
			 "mov %%eax, %%es\n"
			 "mov %%eax, %%ss\n"
			 "lidt %1\n"
			 :
			 : "m"(gdt), "m"(idt)
			 : "rax", "memory");
}

/* ── what they do ────────────────────────────────────────────────────────────────────────────── */

static void tell_time(void)
{
	const uint64_t before = wall_time(), counter = __builtin_ia32_rdtsc();
	poll(WAIT_NS);
	const uint64_t ticks = __builtin_ia32_rdtsc() - counter;
	const uint64_t slept = wall_time() - before;
	/* In microseconds, so that the product fits. */
	const uint64_t counted = ticks / (boot->counter_hz / 1000000) * 1000;
	put(slept >= WAIT_NS && counted >= WAIT_NS - WAIT_NS / 100 ? "slept\n"
								   : "woke too early\n");
	put_number(before);
}

static void use_disk(void)
{
	const uint64_t size = device()->block.block_size, capacity = device()->block.capacity;
	put_number(capacity);
	for (uint64_t offset = 0; offset < capacity; offset += size) {
		for (size_t i = 0; i < size; i++)
			buffer[i] = (uint8_t)(offset / size + i);
		if (block(SOLO5_BLOCK_WRITE, offset, buffer, size))
			halt(1);
		for (size_t i = 0; i < size; i++)
			buffer[i] = 0;
		if (block(SOLO5_BLOCK_READ, offset, buffer, size))
			halt(2);
		for (size_t i = 0; i < size; i++)
			if (buffer[i] != (uint8_t)(offset / size + i))
				halt(3);
	}
	if (block(SOLO5_BLOCK_READ, capacity, buffer, size) != SOLO5_INVALID ||
	    block(SOLO5_BLOCK_WRITE, capacity - 1, buffer, size) != SOLO5_INVALID ||
	    block(SOLO5_BLOCK_READ, UINT64_MAX, buffer, size) != SOLO5_INVALID ||
	    block(SOLO5_BLOCK_READ, 0, buffer, 0) != SOLO5_INVALID)
		halt(4);
	put("disk is good\n");
}

/* Answers with the request, and with a number that counts in memory of its own. */
static void echo_request(void)
{
	static uint64_t served;
	uint64_t length;
	const uint64_t size = device()->block.block_size;
	put("ready\n");
	if (block(SOLO5_BLOCK_READ, 0, buffer, size))
		halt(1);
	__builtin_memcpy(&length, buffer, sizeof(length));
	put_number(++served);
	for (uint64_t offset = size; length; offset += size) {
		const uint64_t part = length < size ? length : size;
		if (block(SOLO5_BLOCK_READ, offset, buffer, size))
			halt(2);
		put_bytes(buffer, part);
		length -= part;
	}
	if (block(SOLO5_BLOCK_WRITE, 0, buffer, size) != SOLO5_UNSPECIFIED)
		halt(3);
}

/* The least that a function does: reads its request, and answers with it. */
static void answer(void)
{
	const uint64_t size = device()->block.block_size;
	if (block(SOLO5_BLOCK_READ, size, buffer, size))
		halt(1);
	put_bytes(buffer, length_of((const char *)buffer));
}

/* Answers frames by the same ones with addresses exchanged, until one begins with 'q'. */
static void echo_frames(void)
{
	put_number(device()->net.mtu);
	for (;;) {
		uint64_t length = sizeof(buffer);
		if (!(poll(10000000000ULL) & 2) || frame(SOLO5_NET_READ, buffer, &length))
			continue;
		if (length > 14 && buffer[14] == 'q')
			return;
		for (int i = 0; i < 6; i++) {
			const uint8_t byte = buffer[i];
			buffer[i] = buffer[6 + i];
			buffer[6 + i] = byte;
		}
		if (frame(SOLO5_NET_WRITE, buffer, &length))
			halt(1);
	}
}

static void put_mac(void)
{
	poll(WAIT_NS); /* a snapshot is taken here */
	const uint8_t *mac = device()->net.mac;
	for (int i = 0; i < 6; i++)
		put_number(mac[i]);
}

static void put_random(void)
{
	uint64_t random;
	poll(WAIT_NS);
	__asm__ volatile("rdrand %0" : "=r"(random));
	put_number(random);
	put_number(wall_time());
}

/* ── many calls ──────────────────────────────────────────────────────────────────────────────── */

#define MANY	  1000
#define REGISTERS 15

/* Makes one call by the instructions that Solo5's library has for it, or by the second of them alone, with
 * `before` in all registers but RAX, RDX and RSP, and with these flags; says what is there behind it, and
 * whether the bytes below the stack pointer are as before. */
struct many {
	uint64_t before[REGISTERS], after[REGISTERS], flags_before, flags_after, below;
};
static struct many many;
extern void many_call(uint32_t address, bool by_the_second);
__asm__(
    ".text\n"
    "many_call:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %edi, %eax\n"
    "	mov %esi, %edx\n"
    "	lea many(%rip), %rbp\n"
    "	movq $0x5afe, -8(%rsp)\n"
    "	push 240(%rbp)\n"
    "	mov 0(%rbp), %rbx; mov 8(%rbp), %rcx; mov 16(%rbp), %rsi; mov 24(%rbp), %rdi\n"
    "	mov 32(%rbp), %r8; mov 40(%rbp), %r9; mov 48(%rbp), %r10; mov 56(%rbp), %r11\n"
    "	mov 64(%rbp), %r12; mov 72(%rbp), %r13; mov 80(%rbp), %r14; mov 88(%rbp), %r15\n"
    "	movabs $0x1234567800000000, %rbp\n"
    "	or %rbp, %rax\n"
    "	test %edx, %edx\n"
    "	mov $0x501, %edx\n"
    "	jnz 2f\n"
    "	popf\n"
    "	movq $0x5afe, -8(%rsp)\n"
    "	mov $0x501, %edx\n"
    "1:	out %eax, %dx\n"
    "	jmp 3f\n"
    "2:	popf\n"
    "	movq $0x5afe, -8(%rsp)\n"
    "	jmp 1b\n"
    "3:	mov %rbp, many+224(%rip)\n"
    "	lea many(%rip), %rbp\n"
    "	mov %rbx, 120(%rbp); mov %rcx, 128(%rbp); mov %rsi, 136(%rbp); mov %rdi, 144(%rbp)\n"
    "	mov %r8, 152(%rbp); mov %r9, 160(%rbp); mov %r10, 168(%rbp); mov %r11, 176(%rbp)\n"
    "	mov %r12, 184(%rbp); mov %r13, 192(%rbp); mov %r14, 200(%rbp); mov %r15, 208(%rbp)\n"
    "	mov %rax, 216(%rbp); mov %rdx, 232(%rbp)\n"
    "	mov -8(%rsp), %rax\n"
    "	mov %rax, 256(%rbp)\n"
    "	pushf\n"
    "	pop 248(%rbp)\n"
    "	cld\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "	ret\n");

/* Far more than it takes until they are made without an exit. */
static void call_often(void)
{
	volatile struct solo5_walltime time = {0};
	const uint32_t address = (uint32_t)(uintptr_t)&time;
	uint64_t last = 0;
	for (uint64_t i = 0; i < MANY; i++) {
		for (size_t j = 0; j < REGISTERS; j++) {
			many.before[j] = i * 0x9e3779b97f4a7c15 + j;
			many.after[j] = 0;
		}
		/* CF, PF, AF, ZF, SF and OF, and DF: no system flags. */
		many.flags_before = (i * 0x9e37 & 0xcd5) | 2;
		time.ns = 0;
		many_call(address, i % 16 == 9);
		for (size_t j = 0; j < 12; j++)
			if (many.after[j] != many.before[j])
				halt(1);
		if (many.after[12] != (0x1234567800000000 | address) ||
		    many.after[13] != 0x1234567800000000 || many.after[14] != SOLO5_PORT + 1)
			halt(2);
		if ((many.flags_after & 0xcd5) != (many.flags_before & 0xcd5) ||
		    many.below != 0x5afe)
			halt(3);
		/* The host's clock may be set meanwhile, but not to the first hour of all. */
		if (time.ns == last || time.ns < 3600000000000)
			halt(4);
		last = time.ns;
	}
	put("many\n");
}

/* Where calls are put: the guest may write there whatever it likes. */
static volatile uint32_t *const box = (volatile uint32_t *)(SOLO5_GUEST_BASE - 0x2000);

static void put_nonsense(uint64_t seed)
{
	for (size_t i = 0; i < 64; i++) {
		seed = seed * 6364136223846793005 + 1442695040888963407;
		box[i] = (uint32_t)(seed >> 33) % 8 ? (uint32_t)(seed >> 40) % 5
						    : (uint32_t)(seed >> 32);
	}
	box[17] = 1000; /* or it would wait for a second each time, which is its own affair */
}

/* With nonsense in the box, calls may be lost, and it goes on. */
static void disturb(bool for_ever)
{
	volatile struct solo5_walltime time = {0};
	for (uint64_t i = 0; i < MANY || for_ever; i++) {
		put_nonsense(i);
		many_call((uint32_t)(uintptr_t)&time, false);
		/* Posted without coming out: whoever serves may find it. */
		box[1] = SOLO5_PORT + 1 + (uint32_t)(i % 9);
		box[2] = i % 5 ? (uint32_t)(uintptr_t)buffer : 0xfffffff0U;
		box[0] = 1;
	}
	put("calm\n");
}

static bool is(const char *command, const char *word)
{
	while (*word && *command == *word) {
		command++;
		word++;
	}
	return !*word && (!*command || *command == ' ');
}

static void attack_memory(const char *command)
{
	if (is(command, "zero"))
		*(volatile uint8_t *)(uintptr_t)8 = 1;
	else if (is(command, "tables"))
		*(volatile uint8_t *)(uintptr_t)0x2000 = 1;
	else if (is(command, "boot"))
		*(volatile uint8_t *)(uintptr_t)boot = 1;
	else if (is(command, "text"))
		*(volatile uint8_t *)(uintptr_t)&poll = 1;
	else if (is(command, "constant"))
		*(volatile uint64_t *)(uintptr_t)&constant_word = 1;
	else if (is(command, "data"))
		((void (*)(void))(uintptr_t)&data_word)();
	else if (is(command, "rodata"))
		((void (*)(void))(uintptr_t)&constant_word)();
	else if (is(command, "heap"))
		((void (*)(void))(uintptr_t)(boot->memory / 2))();
	else if (is(command, "beyond"))
		*(volatile uint8_t *)(uintptr_t)boot->memory = 1;
}

static void attack_monitor(const char *command)
{
	const uintptr_t end = boot->memory;
	if (is(command, "outside"))
		call(SOLO5_WALLTIME, (void *)(uintptr_t)0xfffffff0);
	else if (is(command, "edge"))
		call(SOLO5_WALLTIME, (void *)(end - 4));
	else if (is(command, "long"))
		put_bytes((const void *)(end - 16), 17);
	else if (is(command, "wraps"))
		put_bytes((const void *)(uintptr_t)UINT64_MAX, 2);
	else if (is(command, "number"))
		call(9, buffer);
	else if (is(command, "port"))
		__asm__ volatile("outb %0, %1" : : "a"((uint8_t)1), "d"((uint16_t)SOLO5_PORT + 2));
	else if (is(command, "in"))
		__asm__ volatile("inl %1, %0" : "=a"((int){0}) : "d"((uint16_t)(SOLO5_PORT + 1)));
	else if (is(command, "hlt"))
		__asm__ volatile("hlt");
	else if (is(command, "box"))
		call(SOLO5_WALLTIME, (void *)(uintptr_t)box);
	else if (is(command, "box-end"))
		call(SOLO5_WALLTIME, (void *)(SOLO5_GUEST_BASE - 4));
	else if (is(command, "box-begin"))
		put_bytes((const void *)((uintptr_t)box - 4), 5);
	else if (is(command, "fault"))
		__asm__ volatile("lidt %0\n ud2" : : "m"((struct table_pointer){0, 0}));
}

static void serve(const char *command)
{
	if (is(command, "hello"))
		put("Hello from ring 0\n");
	else if (is(command, "arguments"))
		put(command);
	else if (is(command, "status"))
		halt(77);
	else if (is(command, "time"))
		tell_time();
	else if (is(command, "random"))
		put_random();
	else if (is(command, "mac"))
		put_mac();
	else if (is(command, "disk"))
		use_disk();
	else if (is(command, "read-only"))
		put_number((uint64_t)block(SOLO5_BLOCK_WRITE, 0, buffer, 512));
	else if (is(command, "echo"))
		echo_request();
	else if (is(command, "answer") || (!*command && device()->type == SOLO5_BLOCK))
		answer(); /* as a gateway starts it, without arguments */
	else if (is(command, "frames"))
		echo_frames();
	else if (is(command, "breakpoint"))
		__asm__ volatile("int3");
	else if (is(command, "many"))
		call_often();
	else if (is(command, "disturb"))
		disturb(false);
	else if (is(command, "disturb-for-ever"))
		disturb(true);
	else if (is(command, "float"))
		put_number((uint64_t)((double)boot->memory * 0.5));
	else if (is(command, "spin"))
		for (;;)
			;
	else if (is(command, "says")) {
		put("before\n");
		for (;;)
			;
	} else if (is(command, "sleep"))
		poll(UINT64_MAX);
	else if (is(command, "sleeps")) {
		poll(WAIT_NS);
		put("awake\n");
	}
	attack_memory(command);
	attack_monitor(command);
}

__attribute__((used)) void start(const struct solo5_boot *given)
{
	boot = given;
	take_exceptions();
	serve((const char *)(uintptr_t)boot->command_line);
	halt(0);
}

/* The stack is aligned as behind a call. */
__asm__(".globl _start\n"
	"_start:\n"
	"	jmp start\n");
