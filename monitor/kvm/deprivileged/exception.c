/* Exceptions and interrupts of a deprivileged kernel: what a processor does from ring 0 to ring 0.
 * References: SDM 3A, 6.14 (in 64-bit mode) and 6.15 (double faults). */
#include "exception.h"

#include "address_space.h"
#include "descriptors.h"

#define GATE_SIZE      16UL
#define GATE_PRESENT   (1UL << 47)
#define GATE_INTERRUPT 14
#define GATE_TRAP      15

/* An error code that names an entry of the IDT, and that it came from outside. */
#define CODE_IDT      2U
#define CODE_EXTERNAL 1U

struct gate {
	uint64_t handler;
	uint16_t selector;
	unsigned stack; /* of the TSS; 0: the one in use */
	bool masks;	/* it takes the interrupt flag away */
};

static bool read_gate(struct kernel *kernel, unsigned vector, struct gate *gate,
		      struct exception *fault)
{
	uint64_t words[2];
	const struct descriptor_table *idt = &kernel_cpu(kernel)->idt;
	*fault = exception_with_code(VECTOR_PROTECTION, vector * 8 + CODE_IDT);
	if (vector * GATE_SIZE + GATE_SIZE - 1 > idt->limit)
		return false;
	if (!space_read(kernel, idt->base + vector * GATE_SIZE, words, sizeof(words), fault))
		return false;
	const unsigned type = words[0] >> 40 & 31;
	if (type != GATE_INTERRUPT && type != GATE_TRAP)
		return false;
	if (!(words[0] & GATE_PRESENT)) {
		fault->vector = VECTOR_NOT_PRESENT;
		return false;
	}
	*gate = (struct gate){
	    .handler = (words[0] & 0xffff) | (words[0] >> 32 & 0xffff0000) | words[1] << 32,
	    .selector = (uint16_t)(words[0] >> 16),
	    .stack = words[0] >> 32 & 7,
	    .masks = type == GATE_INTERRUPT,
	};
	return descriptors_find_code(kernel, gate->selector & ~3U, fault) == CODE_LONG;
}

/* Where the frame goes: the stack in use, or one that the TSS names. */
static bool find_stack(struct kernel *kernel, unsigned number, uint64_t *stack,
		       struct exception *fault)
{
	const struct descriptor_table *tss = &kernel_cpu(kernel)->tss;
	const uint64_t offset = 0x1c + 8UL * number;
	*stack = kernel_regs(kernel)->rsp;
	if (!number)
		return true;
	*fault = exception_with_code(10, kernel_cpu(kernel)->tr & 0xfff8); /* invalid TSS */
	return offset + 7 <= tss->limit && space_read(kernel, tss->base + offset, stack, 8, fault);
}

/* True: the handler was entered. Else nothing has changed, and *fault is what happened. */
static bool enter_handler(struct kernel *kernel, const struct exception *exception,
			  struct exception *fault)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	struct kvm_regs *regs = kernel_regs(kernel);
	struct gate gate;
	uint64_t stack;
	if (!read_gate(kernel, exception->vector, &gate, fault) ||
	    !find_stack(kernel, gate.stack, &stack, fault))
		return false;
	const uint64_t frame[] = {exception->code,	     regs->rip, cpu->cs,
				  virtual_cpu_flags(kernel), regs->rsp, cpu->ss};
	const uint64_t size = sizeof(frame) - (exception->has_code ? 0 : 8);
	stack = (stack & ~15UL) - size;
	if (!space_write(kernel, stack, frame + !exception->has_code, size, fault))
		return false;
	if (!address_is_canonical(gate.handler)) {
		*fault = exception_with_code(VECTOR_PROTECTION, 0);
		return false;
	}
	if (gate.masks)
		cpu->flags &= ~FLAG_INTERRUPT;
	cpu->cs = gate.selector & ~3U;
	regs->rsp = stack;
	regs->rip = gate.handler;
	regs->rflags &= ~(FLAG_RESUME | FLAG_TRAP | FLAG_NESTED);
	if (exception->vector == VECTOR_PAGE_FAULT && exception->has_code)
		cpu->cr2 = exception->address;
	kernel_regs_changed(kernel);
	return true;
}

enum severity {
	BENIGN,
	CONTRIBUTORY,
	PAGE,
	DOUBLE,
};

static enum severity severity_of(unsigned vector)
{
	switch (vector) {
	case 0:
	case 10:
	case 11:
	case 12:
	case 13:
		return CONTRIBUTORY;
	case VECTOR_PAGE_FAULT:
		return PAGE;
	case VECTOR_DOUBLE_FAULT:
		return DOUBLE;
	default:
		return BENIGN;
	}
}

/* What becomes of a fault while an exception is delivered (SDM 3A, table 6-5). */
static struct exception combine(enum severity first, struct exception fault)
{
	const enum severity second = severity_of(fault.vector);
	if ((first == CONTRIBUTORY && second == CONTRIBUTORY) ||
	    (first == PAGE && second != BENIGN))
		return exception_with_code(VECTOR_DOUBLE_FAULT, 0);
	return fault;
}

static bool deliver(struct kernel *kernel, struct exception exception, enum severity severity,
		    bool external)
{
	/* Each round is more severe than the one before, or the last. */
	for (int round = 0; round < 4; round++) {
		struct exception fault = {0};
		if (enter_handler(kernel, &exception, &fault))
			return true;
		if (severity == DOUBLE)
			return false;
		if (fault.has_code && fault.vector != VECTOR_PAGE_FAULT && external)
			fault.code |= CODE_EXTERNAL;
		exception = combine(severity, fault);
		severity = severity_of(exception.vector);
		external = true;
	}
	return false;
}

bool exception_deliver(struct kernel *kernel, struct exception exception)
{
	struct virtual_cpu *cpu = kernel_cpu(kernel);
	struct kvm_regs *regs = kernel_regs(kernel);
	/* A fault's frame has RF set, so that its instruction may go on. */
	if (exception.vector != VECTOR_DEBUG && exception.vector != VECTOR_BREAKPOINT)
		regs->rflags |= FLAG_RESUME;
	if (exception.vector == VECTOR_DEBUG)
		cpu->debug[6] |= DR6_SINGLE_STEP;
	/* The error code of a double fault, which is 0, and others' are known; CR2 is set even where
	 * no handler can be entered. */
	if (exception.vector == VECTOR_PAGE_FAULT)
		cpu->cr2 = exception.address;
	return deliver(kernel, exception, severity_of(exception.vector), true);
}

bool exception_interrupt(struct kernel *kernel, unsigned vector)
{
	return deliver(kernel, exception_of(vector), BENIGN, true);
}

bool exception_software_interrupt(struct kernel *kernel, unsigned vector, uint64_t next)
{
	struct kvm_regs *regs = kernel_regs(kernel);
	struct exception fault = {0}, interrupt = exception_of(vector);
	const uint64_t instruction = regs->rip;
	regs->rip = next;
	if (enter_handler(kernel, &interrupt, &fault))
		return true;
	regs->rip = instruction;
	return deliver(kernel, fault, severity_of(fault.vector), false);
}
