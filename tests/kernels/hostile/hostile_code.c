/* Attacks by instructions and by the virtual interrupt flag; see attacks.def. */
#include "hostile.h"

static uint8_t code[64] __attribute__((aligned(64)));

/* Executes these bytes, and a return. */
static void attempt_bytes(const uint8_t *bytes, size_t count)
{
	__builtin_memcpy(code, bytes, count);
	code[count] = 0xc3;
	attempt_code(code);
}

void attack_prefixes(void)
{
	static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66,
					   0x67, 0xf0, 0xf2, 0xf3, 0x40, 0x4f};
	static const uint8_t instructions[][3] = {
	    {0xfa},
	    {0xfb},
	    {0x0f, 0x20, 0xc0},
	    {0x0f, 0x06},
	    {0x0f, 0x01, 0xf8},
	    {0x8e, 0xd8},
	    {0x0f, 0x01, 0x38},
	    {0xec},
	    {0x6e},
	    {0x0f, 0x01, 0xcb},
	    {0x9c, 0x58},
	    {0x0f, 0x32},
	};
	for (size_t i = 0; i < sizeof(instructions) / 3; i++)
		for (size_t a = 0; a < sizeof(prefixes); a++)
			for (size_t b = 0; b < sizeof(prefixes); b += 3) {
				uint8_t bytes[8] = {prefixes[a], prefixes[b]};
				const size_t skipped = b == 0;
				__builtin_memcpy(bytes + 2, instructions[i], 3);
				const size_t length = instructions[i][2]   ? 5
						      : instructions[i][1] ? 4
									   : 3;
				attempt_bytes(bytes + skipped, length - skipped);
			}
}

void attack_fifteen_bytes(void)
{
	static const uint8_t last[] = {0xfa, 0xfb, 0x90, 0xec, 0x6e};
	for (size_t i = 0; i < sizeof(last); i++)
		for (size_t length = 13; length < 18; length++) {
			uint8_t bytes[20];
			for (size_t at = 0; at < length; at++)
				bytes[at] = 0x3e;
			bytes[length - 1] = last[i];
			attempt_bytes(bytes, length);
		}
}

void attack_instruction_at_the_border(void)
{
	static const uint8_t instructions[][8] = {
	    {0x0f, 0x20, 0xc0}, {0x0f, 0x01, 0x14, 0x25, 0, 0, 0, 0}, {0xe4, 0x60}, {0x3e, 0xfa}};
	spare_table[0] = (uint64_t)spare_pages[0] | PRESENT | WRITABLE;
	for (size_t i = 0; i < 4; i++)
		for (size_t cut = 1; cut < 8; cut++) {
			for (size_t at = 0; at < cut; at++)
				spare_pages[0][PAGE_SIZE - cut + at] = instructions[i][at];
			attempt_code((void *)(WINDOW + PAGE_SIZE - cut));
		}
}

void attack_instruction_at_the_end(void)
{
	*(volatile uint8_t *)(MEMORY_END - 1) = 0x0f;
	attempt_code((void *)(MEMORY_END - 1));
	attempt_code((void *)MEMORY_END);
	attempt_code((void *)DEVICE);
}

/* HLT would end it, and so would a shutdown of the tables that all stands on. */
static bool is_spared(const uint8_t *bytes)
{
	return bytes[0] == 0xf4;
}

static void attempt_random(const uint8_t *start, size_t count)
{
	uint8_t bytes[24];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i < count ? start[i] : (uint8_t)next_random();
	if (!is_spared(bytes))
		attempt_bytes(bytes, sizeof(bytes));
}

void attack_every_opcode(void)
{
	for (unsigned opcode = 0; opcode < 256; opcode++) {
		const uint8_t bytes[] = {0x0f, (uint8_t)opcode};
		attempt_random(bytes + 1, 1);
		attempt_random(bytes, 2);
		const uint8_t third[] = {0x0f, 0x38, (uint8_t)opcode};
		attempt_random(third, 3);
	}
}

void attack_random_code(void)
{
	for (unsigned round = 0; round < 500; round++)
		attempt_random(NULL, 0);
}

void attack_change_while_trapping(void)
{
	static const uint8_t first[] = {0x0f, 0x20, 0xc0, 0xc3};
	static const uint8_t second[] = {0xfa, 0x90, 0x90, 0xc3};
	for (unsigned round = 0; round < 200; round++) {
		__builtin_memcpy(code, round % 2 ? first : second, 4);
		attempt_code(code);
		/* A page under two names. */
		spare_table[0] = (uint64_t)spare_pages[round % 3] | PRESENT | WRITABLE;
		forget(WINDOW);
		__builtin_memcpy(spare_pages[round % 3], round % 3 ? first : second, 4);
		attempt_code((void *)WINDOW);
	}
}

void attack_virtual_machines(void)
{
	ATTEMPT("vmcall", NOTHING);
	ATTEMPT("vmmcall", NOTHING);
	ATTEMPT("mov $1, %%eax; vmrun", NOTHING);
	ATTEMPT("vmload", NOTHING);
	ATTEMPT("stgi; clgi", NOTHING);
	ATTEMPT("vmxoff", NOTHING);
	ATTEMPT("rsm", NOTHING);
	ATTEMPT("getsec", NOTHING);
	ATTEMPT("monitor; mwait", NOTHING);
	ATTEMPT("encls", NOTHING);
	for (uint64_t number = 0; number < 64; number++)
		ATTEMPT("mov %3, %%rax; xor %%ecx, %%ecx; vmcall", "r"(number));
}

void attack_every_control_register(void)
{
	for (unsigned round = 0; round < 200; round++) {
		const uint64_t value = next_random() >> next_random() % 64;
		const uint64_t cr0 = READ_CONTROL(0), cr4 = READ_CONTROL(4);
		/* What it stands on stays: protection, paging, and its format. */
		ATTEMPT("mov %3, %%cr0", "r"(value | 0x80000011));
		ATTEMPT("mov %3, %%cr0", "r"(cr0));
		ATTEMPT("mov %3, %%cr4", "r"((value & ~0x1020UL) | 0x620));
		ATTEMPT("mov %3, %%cr4", "r"(cr4));
		ATTEMPT("mov %3, %%cr8", "r"(value));
		ATTEMPT("mov %3, %%cr2; mov %%cr2, %%rax", "r"(value));
		ATTEMPT("mov %3, %%dr0; mov %3, %%dr3", "r"(value));
		ATTEMPT("mov %3, %%dr6", "r"(value));
		ATTEMPT("mov %3, %%dr7; mov %%dr7, %%rax", "r"(value & ~0xffUL));
		ATTEMPT("mov %3, %%dr5", "r"(value));
	}
	ATTEMPT("xor %%eax, %%eax; mov %%rax, %%dr7", NOTHING);
}

void attack_every_model_register(void)
{
	static const uint32_t bases[] = {0,	     0x10,	 0x170,	     0x200,
					 0x250,	     0x3f0,	 0x480,	     0x800,
					 0x4b564d00, 0x40000000, 0xc0000080, 0xc0000100,
					 0xc0010000, 0xc0010110, 0xffffffff};
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
		for (uint32_t number = bases[i]; number - bases[i] < 24; number++) {
			const uint32_t value = (uint32_t)next_random();
			ATTEMPT("mov %3, %%ecx; rdmsr", "r"(number));
			/* Not EFER: it stands on that. */
			if (number == 0xc0000080)
				continue;
			ATTEMPT("mov %3, %%ecx; mov %4, %%eax; mov %4, %%edx; wrmsr", "r"(number),
				"r"(value));
		}
}

void attack_extended_state(void)
{
	WRITE_CONTROL(4, READ_CONTROL(4) | 0x40000);
	for (unsigned bit = 0; bit < 64; bit++)
		ATTEMPT("mov %3, %%rax; mov %%rax, %%rdx; shr $32, %%rdx; xor %%ecx, %%ecx; xsetbv",
			"r"(1UL << bit | 1));
	for (unsigned number = 1; number < 8; number++)
		ATTEMPT("mov %3, %%ecx; mov $1, %%eax; xor %%edx, %%edx; xsetbv", "r"(number));
}

void attack_far_jumps(void)
{
	static const uint64_t places[] = {NO_ADDRESS, 0, DEVICE, WINDOW, ~0UL, 0x800000000000};
	for (unsigned i = 0; i < 6; i++)
		for (uint64_t selector = 0; selector < 0x40; selector += 4) {
			volatile struct __attribute__((packed)) {
				uint64_t offset;
				uint16_t selector;
			} far = {places[i], (uint16_t)selector};
			ATTEMPT("rex.w ljmp *(%3)", "r"(&far));
			ATTEMPT("rex.w lcall *(%3)", "r"(&far));
			ATTEMPT("ljmp *(%3)", "r"(&far));
			ATTEMPT("push %3; push %4; lretq", "r"(selector), "r"(places[i]));
			ATTEMPT("push $0x10; push %%rsp; push $2; push %3; push %4; iretq",
				"r"(selector), "r"(places[i]));
		}
}

void attack_user_mode(void)
{
	kernel_gdt[5] = 0x00cff3000000ffff;
	kernel_gdt[7] = 0x00affb000000ffff;
	__asm__ volatile("pushq $0x2b; push %%rsp; pushq $0x202; pushq $0x3b; push %0; iretq"
			 :
			 : "r"(handler_of(0))
			 : "memory");
	__asm__ volatile("ud2; ud2");
	load_idt(0, 0);
	__asm__ volatile("ud2");
}

void attack_system_return(void)
{
	__asm__ volatile("mov %0, %%rcx; mov $2, %%r11; sysretq"
			 :
			 : "r"(handler_of(0))
			 : "rcx", "r11");
}

void attack_system_call_nowhere(void)
{
	write_model(0xc0000080, read_model(0xc0000080) | 1);
	write_model(0xc0000081, next_random());
	ATTEMPT("mov $0xc0000082, %%ecx; mov $0x80000000, %%edx; wrmsr", NOTHING);
	ATTEMPT("syscall", NOTHING);
	ATTEMPT("mov $0xc0000082, %%ecx; mov $0x20000000, %%eax; xor %%edx, %%edx; wrmsr; syscall",
		NOTHING);
	ATTEMPT("sysenter", NOTHING);
}

void attack_compatibility_mode(void)
{
	kernel_gdt[6] = 0x00cf9b000000ffff;
	ATTEMPT("push $0x30; lea 1f(%%rip), %%rax; push %%rax; lretq\n1: .code32\n ud2\n .code64",
		NOTHING);
	ATTEMPT("push $0x10; push %%rsp; push $2; push $0x30; lea 1f(%%rip), %%rax; push %%rax; "
		"iretq\n1: ud2",
		NOTHING);
}

/* ── the interrupt flag ── */

/* Instructions on the flag in all shapes. */
static void use_flags(void)
{
	ATTEMPT(
	    "sti; nop; nop; nop; nop; pushfq; pop %%rax; nop; nop; nop; cli; nop; nop; nop; nop",
	    NOTHING);
	ATTEMPT("pushq $0x3202; popfq; nop; nop; nop; pushfq; jmp 1f\n1: popfq; jmp 1f\n1: cli",
		NOTHING);
}

static void scribble(uint64_t from, uint64_t to, uint64_t value)
{
	for (uint64_t at = from; at < to; at += 8)
		*(volatile uint64_t *)at = value;
}

void attack_flags_scribbled(void)
{
	for (unsigned round = 0; round < 20; round++) {
		scribble(FLAGS_AREA, FLAGS_AREA + 16, round ? next_random() : ~0UL);
		use_flags();
	}
}

void attack_flag_sites_scribbled(void)
{
	static const uint64_t values[] = {~0UL, 0, 0x0000080102ffffff, 0x7fffffff7fffffff};
	code[0] = 0xcc;
	code[1] = 0xc3;
	for (unsigned i = 0; i < 4; i++) {
		scribble(FLAGS_AREA + 12, FLAGS_AREA + PAGE_SIZE, values[i]);
		*(volatile uint32_t *)(FLAGS_AREA + 12) = 0xffffffff;
		attempt_code(code);
	}
	/* Its breakpoint is a POPF of 255 bytes, then one of 8, then a PUSHF. */
	for (uint64_t kind = 0; kind < 6; kind++) {
		scribble(FLAGS_AREA + 64, FLAGS_AREA + PAGE_SIZE,
			 (uint64_t)code | kind << 32 | 1UL << 40 | (kind ? 8UL : 255UL) << 48);
		attempt_code(code);
	}
}

void attack_stubs_scribbled(void)
{
	scribble(FLAGS_AREA + PAGE_SIZE, FLAGS_AREA + FLAGS_SIZE, 0xcccccccccccccccc);
	use_flags();
}

void attack_stubs_executed(void)
{
	for (uint64_t at = FLAGS_AREA + PAGE_SIZE; at < FLAGS_AREA + PAGE_SIZE + 512; at += 7)
		attempt_code((void *)at);
}

void attack_flags_unmapped(void)
{
	page_table *pages = (page_table *)spare_pages[0];
	for (uint64_t i = 0; i < 512; i++)
		(*pages)[i] = i * PAGE_SIZE | PRESENT | WRITABLE;
	for (uint64_t i = FLAGS_AREA / PAGE_SIZE; i < (FLAGS_AREA + FLAGS_SIZE) / PAGE_SIZE; i++)
		(*pages)[i] = 0;
	large_table[0] = (uint64_t)*pages | PRESENT | WRITABLE;
	WRITE_CONTROL(3, (uint64_t)top_table);
	use_flags();
}

__asm__(
    "hostile_site:\n\tcli\n\tnop\n\tnop\n\tnop\n\tnop\n\tpushfq\n\tjmp 1f\n1:\tpop %rax\n\tret");
extern uint8_t hostile_site[];

void attack_patched_site_changed(void)
{
	static const uint8_t bytes[] = {0xe9, 0xcc, 0x9c, 0x9d, 0xfa, 0xfb, 0x90, 0xcf};
	for (unsigned round = 0; round < 200; round++) {
		attempt_code(hostile_site);
		hostile_site[next_random() % 7] = bytes[next_random() % 8];
	}
}

void attack_patched_site_entered(void)
{
	for (unsigned at = 0; at < 9; at++)
		attempt_code(hostile_site + at);
}
