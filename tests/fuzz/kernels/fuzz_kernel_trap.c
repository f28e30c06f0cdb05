/* Traps of a hostile kernel that runs deprivileged: the input is its registers, what faulted, the code
 * there, and changes of its memory. There is no machine behind the virtual processor. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "monitor/kvm/deprivileged/address_space.h"
#include "monitor/kvm/deprivileged/deprivileged.h"
#include "monitor/kvm/deprivileged/port_io.h"
#include "monitor/kvm/kernel/flags.h"
#include "monitor/kvm/kernel/flags_area.h"
#include "sizes/sizes.h"

#define MEMORY	    (256UL << 10)
#define IMAGE_SIZE  (MEMORY + (8UL << 12))
#define ROOT	    0x1000UL
#define GDT	    0x6000UL
#define IDT	    0x7000UL
#define CODE	    0x8000UL
#define CODE_SIZE   48
#define FLAGS	    0x20000UL
#define CALLS	    0x31000UL
#define CALLS_FIRST 0x501
#define TRAPS	    8
#define SITES	    6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	uint8_t vector;
	uint8_t has_code;
	uint16_t code;
	uint32_t within; /* which registers are made to lie in memory */
	uint64_t cr2;
	uint64_t registers[16];
	uint64_t rflags, flags, cr0, efer, fs_base;
	uint8_t instructions[CODE_SIZE];
};

/* A change of memory, where it lies in units of 8 bytes. */
struct change {
	uint16_t place;
	uint8_t bytes[8];
};

static void check(bool promise)
{
	if (!promise)
		abort();
}

/* Once, for all inputs: between pages that nobody may touch. */
static uint8_t *map_memory(void)
{
	static uint8_t *memory;
	if (!memory) {
		uint8_t *room =
		    mmap(NULL, IMAGE_SIZE + 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		check(room != MAP_FAILED);
		memory = room + 4096;
		check(!mprotect(memory, IMAGE_SIZE, PROT_READ | PROT_WRITE));
	}
	return memory;
}

static void fill_memory(uint8_t *memory, const struct input *input)
{
	uint64_t *tables = (uint64_t *)(memory + ROOT), *gdt = (uint64_t *)(memory + GDT);
	uint64_t *idt = (uint64_t *)(memory + IDT);
	memset(memory, 0, IMAGE_SIZE);
	tables[0] = (ROOT + 0x1000) | 3;
	tables[512] = (ROOT + 0x2000) | 3;
	tables[513] = 0x83; /* 1 GiB */
	tables[1024] = (ROOT + 0x3000) | 3;
	for (uint64_t i = 0; i < IMAGE_SIZE >> 12; i++)
		tables[1536 + i] = i << 12 | (i & 7 ? 3 : 1);
	gdt[1] = 0x00af9b000000ffff;
	gdt[2] = 0x00cf93000000ffff;
	gdt[3] = 0x0000890090000067; /* a task at 0x9000 */
	for (uint64_t i = 0; i < 32; i++)
		idt[2 * i] = (CODE & 0xffff) | 8UL << 16 | (i == 8) << 2 | 0x8eUL << 40;
	memcpy(memory + CODE, input->instructions, CODE_SIZE);
}

/* Where code is rewritten, an INT3 behind which RIP is may stand for another instruction. */
static void write_sites(uint8_t *memory, const struct input *input)
{
	struct flags_area *area = (struct flags_area *)(memory + FLAGS);
	for (uint32_t i = 0; i < SITES; i++) {
		const uint8_t kind = (input->registers[1] + i) % 3;
		area->sites[area->site_count++] =
		    (struct flags_site){.address = CODE - 1 + i,
					.instruction = KERNEL_FLAGS_PUSH + kind,
					.length = 2,
					.size = kind < 2 ? 8 : 0};
	}
}

static void change_memory(uint8_t *memory, const uint8_t *data, size_t size)
{
	for (; size >= sizeof(struct change); data += sizeof(struct change)) {
		struct change change;
		memcpy(&change, data, sizeof(change));
		if (range_within(change.place * 8UL, 8, IMAGE_SIZE))
			memcpy(memory + change.place * 8UL, change.bytes, 8);
		size -= sizeof(change);
	}
}

static void set_registers(struct kernel *kernel, const struct input *input)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	struct kvm_vcpu_events *events = &kernel->vcpu->run->s.regs.events;
	memcpy(regs, input->registers, sizeof(input->registers));
	for (size_t i = 0; i < 16; i++)
		if (input->within >> i & 1)
			((__u64 *)regs)[i] %= MEMORY + 16;
	regs->rip = CODE;
	regs->rflags = input->rflags | 2;
	kernel_cpu(kernel)->flags = input->flags & FLAGS_VIRTUAL;
	kernel_cpu(kernel)->cr0 = (input->cr0 & 0x10000) | 0x80000031;
	kernel_cpu(kernel)->efer = 0x500 | (input->efer & 0x801);
	kernel_sregs(kernel)->fs.base = input->fs_base % (1UL << 46);
	kernel_sregs(kernel)->cr2 = input->within >> 16 & 1 ? input->cr2 % MEMORY : input->cr2;
	events->exception.nr = input->vector % 32;
	events->exception.has_error_code = input->has_code & 1;
	events->exception.error_code = input->code;
}

/* Whatever the guest does, the real processor stays one of ring 3 without handlers or ports. */
static void check_machine(const struct kernel *kernel, const struct machine_exit *exit)
{
	const struct kvm_sregs *sregs = kernel_sregs(kernel);
	check(sregs->cs.dpl == 3 && sregs->ss.dpl == 3 && !sregs->idt.limit);
	check(sregs->tr.limit < 0x67 && !sregs->tr.base);
	check(!(sregs->efer & ~0xd01UL) && !(sregs->cr4 & ~0x50628UL) && !(sregs->cr3 & 0xfff));
	check(sregs->cr0 == 0x80010033);
	check(address_is_canonical(sregs->gdt.base) && address_is_canonical(sregs->fs.base));
	check(kernel_cpu(kernel)->own_used <= IMAGE_SIZE - MEMORY);
	check(kernel->deprivileged->lent_count <= LENT_MAX);
	if (exit->stop == MACHINE_PORT)
		check((uint64_t)exit->access.size * exit->access.count <= PORT_STRING_MAX &&
		      exit->access.data == kernel->deprivileged->data);
}

static void play(struct kernel *kernel, const struct input *input)
{
	virtual_cpu_start(kernel);
	space_load(kernel);
	set_registers(kernel, input);
	for (int i = 0; i < TRAPS; i++) {
		struct machine_exit exit = {.stop = MACHINE_LOST};
		struct exception exception;
		const bool goes_on = deprivileged_serve_trap(kernel, &exit);
		check_machine(kernel, &exit);
		if (!goes_on && exit.stop != MACHINE_PORT)
			break;
		port_finish(kernel, &exception);
		kernel->halted = false;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input;
	if (size < sizeof(input))
		return 0;
	memcpy(&input, data, sizeof(input));
	uint8_t *memory = map_memory();
	struct kvm_run *run = calloc(1, sizeof(*run));
	struct deprivileged *deprivileged = calloc(1, sizeof(*deprivileged));
	check(run && deprivileged);
	fill_memory(memory, &input);
	write_sites(memory, &input);
	change_memory(memory, data + sizeof(input), size - sizeof(input));
	static struct processor processor = {
	    .xcr0 = 7, .cpuid = {.header.nent = 1, .entries = {{.function = 1, .ecx = ~0U}}}};
	const struct image image = {.size = IMAGE_SIZE};
	const struct kernel_start start = {
	    .cr0 = 0x80010031,
	    .cr3 = ROOT,
	    .cr4 = 0x620,
	    .efer = 0x500,
	    .gdt = GDT,
	    .gdt_limit = 39,
	    .memory = MEMORY,
	    .flags_page = input.registers[0] & 1 ? FLAGS : 0,
	    .calls_page = input.registers[0] & 2 ? CALLS : 0,
	    .calls_first = CALLS_FIRST,
	    .calls_end = CALLS_FIRST + 7,
	};
	struct machine machine = {0};
	struct vcpu vcpu = {.fd = -1, .run = run};
	struct kernel kernel = {.way = KERNEL_WAY_DEPRIVILEGED,
				.machine = &machine,
				.processor = &processor,
				.start = &start,
				.image = &image,
				.vcpu = &vcpu,
				.memory = memory,
				.shown = &processor,
				.deprivileged = deprivileged};
	play(&kernel, &input);
	free(deprivileged);
	free(run);
	return 0;
}
