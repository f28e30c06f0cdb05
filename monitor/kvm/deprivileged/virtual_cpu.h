/* The processor that a kernel which runs deprivileged, in ring 3, believes to have, and how the real
 * one follows it. References: Intel SDM volume 3A. */
#ifndef MAYFLY_MONITOR_DEPRIVILEGED_VIRTUAL_CPU_H
#define MAYFLY_MONITOR_DEPRIVILEGED_VIRTUAL_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "monitor/kvm/kernel/kernel.h"

#define CR0_PE		0x1UL
#define CR0_TS		0x8UL
#define CR0_ET		0x10UL
#define CR0_NE		0x20UL
#define CR0_WP		0x10000UL
#define CR0_NW		0x20000000UL
#define CR0_CD		0x40000000UL
#define CR0_PG		0x80000000UL
#define CR4_DE		0x8UL
#define CR4_PAE		0x20UL
#define CR4_FSGSBASE	0x10000UL
#define CR4_OSXSAVE	0x40000UL
#define EFER_SCE	0x1UL
#define EFER_LME	0x100UL
#define EFER_LMA	0x400UL
#define EFER_NXE	0x800UL
#define FLAG_FIXED	0x2UL
#define FLAG_TRAP	0x100UL
#define FLAG_INTERRUPT	0x200UL
#define FLAG_DIRECTION	0x400UL
#define FLAG_NESTED	0x4000UL
#define FLAG_RESUME	0x10000UL
#define FLAG_ALIGNMENT	0x40000UL
#define DR6_USUAL	0xffff0ff0UL
#define DR6_SINGLE_STEP 0x4000UL
#define DR7_USUAL	0x400UL
#define DR7_ENABLED	0x0ffUL /* some breakpoint */

/* IF, IOPL, and AC, which would fault in ring 3: the guest's own; the real ones stay as they are. */
#define FLAGS_VIRTUAL 0x43200UL
/* What else POPF and IRET set: the arithmetic flags, TF, DF, NT, ID. */
#define FLAGS_REAL 0x204dd5UL

#define MSR_STAR	 0xc0000081
#define MSR_LSTAR	 0xc0000082
#define MSR_CSTAR	 0xc0000083
#define MSR_SYSCALL_MASK 0xc0000084
#define MSR_KERNEL_GS	 0xc0000102

#define VECTOR_DEBUG		   1
#define VECTOR_BREAKPOINT	   3
#define VECTOR_INVALID_INSTRUCTION 6
#define VECTOR_DOUBLE_FAULT	   8
#define VECTOR_NOT_PRESENT	   11
#define VECTOR_PROTECTION	   13
#define VECTOR_PAGE_FAULT	   14
#define VECTOR_ALIGNMENT	   17
#define VECTOR_NONE		   31 /* reserved: no exception has it */

/* Error code of a page fault (SDM 3A, 4.7). */
#define FAULT_PRESENT  0x1U
#define FAULT_WRITE    0x2U
#define FAULT_USER     0x4U
#define FAULT_RESERVED 0x8U
#define FAULT_FETCH    0x10U

struct descriptor_table {
	uint64_t base;
	uint64_t limit;
};

/* The processor as the guest believes it to be. General registers, vector registers, the arithmetic
 * flags and the bases of FS and GS are the real ones. Goes into snapshots as it is. */
struct virtual_cpu {
	uint64_t cr0, cr2, cr3, cr4, cr8;
	uint64_t debug[8];
	uint64_t efer, pat, xcr0, kernel_gs_base, counter_aux;
	uint64_t star, lstar, cstar, syscall_mask;
	uint64_t flags; /* of FLAGS_VIRTUAL */
	struct descriptor_table gdt, idt, tss;
	uint64_t cs, ss, ds, es, fs, gs, tr, ldtr; /* selectors */
	uint64_t own_used; /* bytes behind the guest's memory that page tables of ours take */
};

/* A page-table entry with a right to write that the guest has not given: CR0.WP is clear. */
struct lent_entry {
	uint64_t physical; /* of the entry */
	uint64_t value;	   /* what it was made then, without what the processor changes in it */
	uint64_t address;  /* of the memory behind it, and how much that is; 0: a table */
	uint64_t length;
};
#define LENT_MAX 64

/* Most bytes that a string instruction moves at once. */
#define PORT_STRING_MAX 1024

/* A read of a port that the machine stopped for. */
struct port_read {
	bool pending, is_string;
	uint32_t width, count;
	uint64_t address; /* of a string's destination */
};

/* An instruction that writes a call to a port, and how often it has. */
struct call_site {
	uint64_t address;
	uint32_t count;
};
#define CALL_SITES 16

/* So many roots of page tables are remembered as opened to ring 3. */
#define OPENED_MAX 8

struct deprivileged {
	struct virtual_cpu cpu;
	struct lent_entry lent[LENT_MAX];
	size_t lent_count;
	struct port_read read;
	uint8_t data[PORT_STRING_MAX]; /* of an access to a port, or to a device's memory */
	bool at_port;	/* a device was accessed, and may be again soon: port_loop.h */
	bool shadow;	/* the instruction behind STI comes before any interrupt */
	bool stepping;	/* and for that the real TF is set */
	bool emulated;	/* ring 0, by KVM: protected.h */
	bool debug_due; /* an instruction was done here, with TF set */
	struct call_site call_sites[CALL_SITES];
	uint64_t opened[OPENED_MAX]; /* roots, with bit 0 set: address_space.c */
	unsigned opened_next;
	uint64_t real_star, real_lstar, real_cstar, real_syscall_mask;
};

struct exception {
	unsigned vector;
	bool has_code;
	uint32_t code;
	uint64_t address; /* of a page fault */
};

static inline struct kvm_regs *kernel_regs(const struct kernel *kernel)
{
	return &kernel->vcpu->run->s.regs.regs;
}

static inline struct kvm_sregs *kernel_sregs(const struct kernel *kernel)
{
	return &kernel->vcpu->run->s.regs.sregs;
}

static inline struct virtual_cpu *kernel_cpu(const struct kernel *kernel)
{
	return &kernel->deprivileged->cpu;
}

/* The real registers follow what the monitor or the guest changed. */
static inline void kernel_regs_changed(const struct kernel *kernel)
{
	kernel->vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
}

static inline void kernel_sregs_changed(const struct kernel *kernel)
{
	kernel->vcpu->run->kvm_dirty_regs |= KVM_SYNC_X86_SREGS;
}

static inline bool address_is_canonical(uint64_t address)
{
	return address + (1UL << 47) < 1UL << 48;
}

/* A new real virtual CPU has nothing yet of the virtual processor. */
void virtual_cpu_prepare(struct kernel *kernel);

/* The virtual processor becomes one that kernel->start tells of, with the real registers. */
void virtual_cpu_start(struct kernel *kernel);

/* An exception that KVM told of is served: from now on its last one is VECTOR_NONE. */
void virtual_cpu_forget_exception(struct kernel *kernel);

/* Another request, or the first: the real system registers become what they have to be for the
 * virtual ones, and all translations are looked at anew. */
void virtual_cpu_enter(struct kernel *kernel, uint64_t fs_base, uint64_t gs_base);

/* The same for control and table registers alone. */
void virtual_cpu_follow(struct kernel *kernel);

/* SYSCALL runs natively: the real processor must know where it goes. */
int virtual_cpu_set_system_call(struct kernel *kernel, struct error *error);

/* RFLAGS as the guest sees them, and the other way round. */
uint64_t virtual_cpu_flags(const struct kernel *kernel);
void virtual_cpu_set_flags(struct kernel *kernel, uint64_t flags);

static inline struct exception exception_of(unsigned vector)
{
	return (struct exception){.vector = vector};
}

static inline struct exception exception_with_code(unsigned vector, uint32_t code)
{
	return (struct exception){.vector = vector, .has_code = true, .code = code};
}

#endif
