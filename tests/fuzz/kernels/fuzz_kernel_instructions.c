/* Traps of a deprivileged kernel: the input is registers, changes of its tables, and instructions. Each
 * is done as at a trap. It goes on behind the instruction, or where that leads; or an exception is
 * delivered; or the machine stops. Nothing outside of the guest's memory is touched, and the real
 * processor gets no flag that is virtual. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "monitor/kvm/deprivileged/address_space.h"
#include "monitor/kvm/deprivileged/exception.h"
#include "monitor/kvm/deprivileged/port_io.h"
#include "monitor/kvm/deprivileged/privileged.h"
#include "sizes/sizes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMORY	  (64UL << 12)
#define OWN	  (16UL << 12)
#define TABLES	  0x1000UL /* the root, and one of each level */
#define GDT	  0x6000UL
#define IDT	  0x7000UL
#define STACK	  0xb000UL
#define CODE	  0x20000UL /* the last page before one that is not there */
#define MISSING	  (CODE + GUEST_PAGE_SIZE)
#define HANDLERS  0x30000UL
#define STEPS_MAX 16
#define CHANGES	  4

/* What the input begins with. */
struct input {
	uint64_t registers[16];
	uint64_t cr3, flags, efer, cr4;
	struct {
		uint16_t offset; /* in the tables, in words */
		uint16_t unused[3];
		uint64_t value;
	} changes[CHANGES];
	uint16_t idt_limit, gdt_limit;
	uint8_t code_offset; /* from the end of the page */
	uint8_t changed;
	uint16_t fault_code;
	uint64_t fault_address;
};

static uint8_t *memory;

static void check(int condition)
{
	if (!condition)
		abort();
}

/* With a page on each side that nobody may touch. */
static void map_memory(void)
{
	const size_t guard = GUEST_PAGE_SIZE, size = MEMORY + OWN;
	uint8_t *all = mmap(NULL, size + 2 * guard, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(all != MAP_FAILED && !mprotect(all + guard, size, PROT_READ | PROT_WRITE));
	memory = all + guard;
}

static void put(uint64_t address, uint64_t value)
{
	memcpy(memory + address, &value, sizeof(value));
}

/* Memory at its own addresses, but for one page; one page cannot be written. */
static void write_tables(void)
{
	memset(memory, 0, MEMORY + OWN);
	for (uint64_t level = 0; level < 3; level++)
		put(TABLES + level * GUEST_PAGE_SIZE, (TABLES + (level + 1) * GUEST_PAGE_SIZE) | 3);
	for (uint64_t at = 0; at < MEMORY; at += GUEST_PAGE_SIZE)
		put(TABLES + 3 * GUEST_PAGE_SIZE + at / GUEST_PAGE_SIZE * 8,
		    at == MISSING ? 0 : at | (at == CODE ? 1 : 3));
	put(TABLES + GUEST_PAGE_SIZE + 8, 0x83); /* 1 GiB */
	put(GDT + 8, 0x00af9b000000ffff);
	put(GDT + 16, 0x00cf93000000ffff);
	put(GDT + 24, 0x0000890000000067 | GDT << 16);
	for (uint64_t vector = 0; vector < 64; vector++)
		put(IDT + 16 * vector, HANDLERS | 8 << 16 | 0x8eUL << 40 | (HANDLERS >> 16) << 48);
}

static void write_input(struct kernel *kernel, const struct input *input, const uint8_t *code,
			size_t length)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	const uint64_t place = CODE + GUEST_PAGE_SIZE - input->code_offset - 1;
	for (size_t i = 0; i < CHANGES && i < input->changed; i++)
		put(TABLES + input->changes[i].offset % (0x7000 / 8) * 8UL,
		    input->changes[i].value);
	memcpy(regs, input->registers, sizeof(input->registers));
	regs->rip = place;
	cpu->idt = (struct descriptor_table){IDT, input->idt_limit};
	cpu->gdt = (struct descriptor_table){GDT, input->gdt_limit};
	if (input->changed & 0x80)
		cpu->cr3 = input->cr3;
	cpu->cr4 |= input->cr4 & 0x50000;
	cpu->efer |= input->efer & 0x801;
	virtual_cpu_set_flags(kernel, input->flags);
	/* Where there is more it goes on in handlers. */
	const size_t here = length < input->code_offset + 1UL ? length : input->code_offset + 1UL;
	memcpy(memory + place, code, here);
	memcpy(memory + HANDLERS, code + here, length - here < 64 ? length - here : 64);
}

static bool jumps(ZydisMnemonic mnemonic)
{
	return mnemonic == ZYDIS_MNEMONIC_RET || mnemonic == ZYDIS_MNEMONIC_JMP ||
	       mnemonic == ZYDIS_MNEMONIC_CALL || mnemonic == ZYDIS_MNEMONIC_IRETQ ||
	       mnemonic == ZYDIS_MNEMONIC_IRETD || mnemonic == ZYDIS_MNEMONIC_INT;
}

static void check_state(const struct kernel *kernel)
{
	const struct deprivileged *self = kernel->deprivileged;
	check(!(self->cpu.flags & ~FLAGS_VIRTUAL));
	check(!(kernel_regs(kernel)->rflags & FLAGS_VIRTUAL));
	check(self->lent_count <= LENT_MAX);
	check(self->cpu.own_used <= OWN);
}

static void check_stop(struct kernel *kernel, const struct machine_exit *exit)
{
	struct exception exception;
	const struct machine_access *access = &exit->access;
	check(exit->stop == MACHINE_PORT && access->address <= UINT16_MAX);
	check(access->data == kernel->deprivileged->data && access->count > 0);
	check((uint64_t)access->size * access->count <= PORT_STRING_MAX);
	check(access->size == 1 || access->size == 2 || access->size == 4);
	if (!access->is_write)
		memset(access->data, 0xff, (size_t)access->size * access->count);
	if (!port_finish(kernel, &exception))
		exception_deliver(kernel, exception);
}

/* One trap. False: the machine would stop for good. */
static bool step(struct kernel *kernel)
{
	struct machine_exit exit = {0};
	struct emulation emulation = {.exit = &exit};
	const uint64_t rip = kernel_regs(kernel)->rip;
	const enum emulation_result result = privileged_emulate(kernel, &emulation);
	const ZydisDecodedInstruction *decoded = &emulation.instruction.decoded;
	check_state(kernel);
	switch (result) {
	case EMULATION_DONE:
	case EMULATION_STOPS: {
		const uint64_t next = kernel_regs(kernel)->rip;
		check(next == emulation.next);
		check(jumps(decoded->mnemonic) || next == rip + decoded->length ||
		      (decoded->mnemonic == ZYDIS_MNEMONIC_STI && kernel->halted) ||
		      (result == EMULATION_STOPS && next == rip));
		if (result == EMULATION_STOPS)
			check_stop(kernel, &exit);
		return true;
	}
	case EMULATION_FAULTS:
		check(emulation.exception.vector < 32 && kernel_regs(kernel)->rip == rip);
		return exception_deliver(kernel, emulation.exception);
	case EMULATION_REFUSED:
		check(emulation.reason && *emulation.reason);
		return false;
	case EMULATION_TRIPLE:
		return false;
	case EMULATION_UNKNOWN:
		return exception_deliver(kernel, exception_with_code(VECTOR_PROTECTION, 0));
	}
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct kvm_run run;
	static struct deprivileged deprivileged;
	static struct processor processor = {.xcr0 = 7};
	static const struct kernel_start start = {.mode = KERNEL_LONG,
						  .rsp = STACK,
						  .cr0 = 0x80000011,
						  .cr3 = TABLES,
						  .cr4 = 0x620,
						  .efer = 0x500,
						  .gdt = GDT,
						  .gdt_limit = 63,
						  .memory = MEMORY};
	struct input input;
	struct machine machine = {0};
	struct vcpu vcpu = {.fd = -1, .run = &run};
	const struct image image = {.memfd = -1, .root = -1, .size = MEMORY + OWN};
	if (size < sizeof(input))
		return 0;
	if (!memory)
		map_memory();
	memcpy(&input, data, sizeof(input));
	memset(&run, 0, sizeof(run));
	memset(&deprivileged, 0, sizeof(deprivileged));
	struct kernel kernel = {.way = KERNEL_WAY_DEPRIVILEGED,
				.machine = &machine,
				.processor = &processor,
				.start = &start,
				.image = &image,
				.vcpu = &vcpu,
				.memory = memory,
				.shown = &processor,
				.deprivileged = &deprivileged};
	write_tables();
	virtual_cpu_start(&kernel);
	write_input(&kernel, &input, data + sizeof(input), size - sizeof(input));
	space_load(&kernel);
	space_mend(&kernel, input.fault_address, input.fault_code);
	for (int i = 0; i < STEPS_MAX && space_has_root(&kernel) && step(&kernel); i++)
		check_state(&kernel);
	return 0;
}
