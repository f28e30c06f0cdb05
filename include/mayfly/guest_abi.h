/* The guest ABI: what a native guest and its monitor agree on.
 *
 * Shared by the monitor, the library OS (guest/) and the guest build of libvaccel; plain C, no
 * library needed. docs/guest-abi.md tells the same as a story.
 *
 * A native guest runs in ring 3 only. Program and library OS share one address space; the monitor
 * builds the page tables. Guest virtual addresses (all below 0x7e…, so that the same layout can be
 * mapped into an ordinary Linux process under process isolation):
 *
 *     0x0000_0000_0000   null page and everything not named here: not mapped
 *     GUEST_AREA_BASE    the mapping area up to GUEST_AREA_END: nothing, until the library OS asks
 *                        for pages there; the program's segments lie within
 *     program            where its ELF segments say (static), or GUEST_PIE_BASE (static-pie)
 *     GUEST_STACK_TOP    the program's stack grows down from here, a guard gap below it
 *     GUEST_POOL_BASE    memory that the library OS hands out (brk, mmap): read, write, no execute
 *     GUEST_FILES_BASE   files for the program, where there are any: the library OS takes and erases
 *                        them before the program starts
 *     GUEST_WINDOW_BASE  the window: control page, log, request, response, arena
 *     GUEST_LIBOS_BASE   the library OS: code, data, its stack
 *     GUEST_HYPERCALL    the hypercall page, filled by the isolation in force; under process
 *                        isolation the rest of its helper program follows
 *     GUEST_SYSTEM_BASE  descriptor tables and exception stubs (kvm only, supervisor)
 *     GUEST_ROOT_BASE    the root image (root_format.h), where there is one: read only
 */
#ifndef MAYFLY_GUEST_ABI_H
#define MAYFLY_GUEST_ABI_H

#define GUEST_ABI_VERSION 9

#define GUEST_PAGE_SIZE	    4096UL
#define GUEST_AREA_BASE	    0x10000UL
#define GUEST_PIE_BASE	    0x555555554000UL
#define GUEST_AREA_END	    0x6a0000000000UL
#define GUEST_STACK_TOP	    0x6b0000000000UL
#define GUEST_POOL_BASE	    0x6c0000000000UL
#define GUEST_FILES_BASE    0x6c8000000000UL
#define GUEST_WINDOW_BASE   0x6d0000000000UL
#define GUEST_LIBOS_BASE    0x6e0000000000UL
#define GUEST_VDSO_BASE	    0x6e0000001000UL /* within it */
#define GUEST_HYPERCALL	    0x6e8000000000UL
#define GUEST_SYSTEM_BASE   0x6f0000000000UL
#define GUEST_ROOT_BASE	    0x700000000000UL
#define GUEST_INTERPRETER   0x5f0000000000UL /* where the ELF interpreter goes */
#define GUEST_PROGRAM_LIMIT 0x600000000000UL /* a program's segments lie below */
#define GUEST_MAP_MAX	    0x40000000UL     /* bytes that one HYPERCALL_MAP takes */

/* The window: memory that guest, monitor and accelerator host share for one slot. Offsets. */
#define WINDOW_CONTROL_OFFSET  0x0UL
#define WINDOW_LOG_OFFSET      0x1000UL
#define WINDOW_LOG_SIZE	       0xf000UL
#define WINDOW_TRACE_OFFSET    0x10000UL
#define WINDOW_TRACE_SIZE      0x40000UL
#define WINDOW_ROOT_OFFSET     0x50000UL /* messages of HYPERCALL_ROOT (root_wire.h) */
#define WINDOW_ROOT_SIZE       0x10000UL
#define WINDOW_CONTENTS_OFFSET 0x60000UL /* contents of files of the root directory */
#define WINDOW_CONTENTS_SIZE   0x80000UL
/* Variables of the request: places of one size, and then those that are too long for a place, one
 * behind the other. All end in a NUL. */
#define WINDOW_VARIABLES_OFFSET 0xe0000UL
#define WINDOW_VARIABLES_SIZE	0x20000UL
#define WINDOW_REQUEST_OFFSET	0x100000UL
#define WINDOW_REQUEST_SIZE	0x100000UL
#define WINDOW_RESPONSE_OFFSET	0x200000UL
#define WINDOW_RESPONSE_SIZE	0x100000UL
#define WINDOW_ARENA_OFFSET	0x300000UL
#define WINDOW_SIZE		0x4000000UL
#define WINDOW_ARENA_SIZE	(WINDOW_SIZE - WINDOW_ARENA_OFFSET)

/* The variables area. Variable n of a request lies in place n; where nothing does, in the rest of
 * the area, in the order of those that lie there. */
#define GUEST_VARIABLES_MAX	 128UL
#define GUEST_VARIABLE_PLACE	 256UL
#define GUEST_VARIABLES_REST	 (GUEST_VARIABLES_MAX * GUEST_VARIABLE_PLACE) /* offset in it */
#define GUEST_VARIABLES_REST_MAX (WINDOW_VARIABLES_SIZE - GUEST_VARIABLES_REST)

/* The library OS adds these to Linux' system calls, for programs that know Mayfly: ordinary SYSCALL
 * instructions, which a Linux kernel answers with ENOSYS. */
#define MAYFLY_SYS_READY 0x6d660000UL /* (): set-up is done, take the snapshot here; 0 */
#define MAYFLY_SYS_ARENA 0x6d660001UL /* (uint64_t out[2]): address and size of the arena; 0 */
#define MAYFLY_SYS_CALL                                                                            \
	0x6d660002UL /* (offset in the arena, length): a wire.h message; 0, -errno */

/* Code below is the program's; see guest_takes_upcall(). */
#define GUEST_UPCALL_LIMIT GUEST_WINDOW_BASE

/* What the vDSO may take, in pages that have nothing else. */
#define GUEST_VDSO_SIZE 0x2000

/* Where the library OS's header has the address that SYSCALL enters at. */
#define GUEST_SYSCALL_ENTRY 0x6e0000000028

/* What the library OS has for the processor's extended state (SDM volume 1, 13.4): XRSTOR may look at
 * all of the area that XCR0 speaks of, also where XSTATE_BV says that nothing is there. With AMX that
 * is 11,008 bytes. The monitor starts no guest where it is more than this. */
#define GUEST_STATE_SIZE 16384

/* Offset of fault.rip in the control page. */
#define GUEST_CONTROL_FAULT_RIP 192

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

/* Hypercalls: number and arguments go into the control page, then the hypercall page is called.
 * Results come back in the control page. */
enum guest_hypercall {
	/* (how): set-up is done: freeze here. `how`: 1 where requests come over connections, 0 where
	 * they are read from standard input. Returns 0 in every clone, where the library OS continues at
	 * its resume entry instead of behind this call. */
	HYPERCALL_FREEZE = 1,
	/* (status): the request is over. Does not return. */
	HYPERCALL_EXIT,
	/* (signal): the program killed itself by this signal. Does not return. */
	HYPERCALL_ABORT,
	/* (until): refill the request area, which was used up, waiting until that monotonic time at
	 * most (0: not at all). Returns its new length, 0 at the end of the request; -EAGAIN where
	 * nothing came. */
	HYPERCALL_READ,
	/* (length): the response area holds this much; take it, so that it can be filled again. */
	HYPERCALL_WRITE,
	/* (length): the log area holds this much of the program's standard error. */
	HYPERCALL_LOG,
	/* (length): the log area holds a line of the library OS itself, for debugging. */
	HYPERCALL_DEBUG,
	/* The trace area is full: take its records. */
	HYPERCALL_TRACE,
	/* (offset, length): serve the wire.h message there in the arena. Returns 0 or -errno; the
	 * op's own status is in the message. */
	HYPERCALL_ACCELERATE,
	/* (nanoseconds): return after that long. */
	HYPERCALL_SLEEP,
	/* Refresh clock_* in the control page (used where the time stamp counter cannot serve). */
	HYPERCALL_CLOCK,
	/* (address, length, protection): change page permissions, as mprotect(2). 0 or -errno. */
	HYPERCALL_PROTECT,
	/* Process isolation only: the host-side stub reports a fault; `fault` is filled in. */
	HYPERCALL_FAULT,
	/* `alarm_ns` in the control page is earlier than the monitor would look at it. */
	HYPERCALL_TICK,
	/* Set-up is done up to the program's first look at its request, and `warm_up` is set: puts
	 * the request to warm up with into the request area. What is written from here to the
	 * freeze is thrown away. 0 or -errno. */
	HYPERCALL_WARM_UP,
	/* (address, source, length, protection): puts pages of the pool, which must be at their
	 * place, readable and writable, or pages of the root image, which cannot be written, at an
	 * address of the mapping area where nothing is. With GUEST_SHARED, pages of the pool are
	 * shown there and stay where they are, too; any number of times. 0 or -errno. */
	HYPERCALL_MAP,
	/* (address, length): takes away whatever HYPERCALL_MAP put there; pages of the pool that
	 * were moved are back at their place, readable and writable. 0 or -errno. */
	HYPERCALL_UNMAP,
	/* Asks for what the root directory holds: the root area has a struct root_request and its
	 * paths, and then the struct root_answer with what came besides behind it; contents of files
	 * go to the contents area, and those to be written come from there. 0 or -errno: nothing was answered. */
	HYPERCALL_ROOT,
	/* (operation, space, count): address spaces, enum guest_space_operation. 0 or -errno. */
	HYPERCALL_SPACE,
};
#define GUEST_HYPERCALL_LAST HYPERCALL_SPACE

/* Address spaces. Each has the program's addresses, up to GUEST_STACK_TOP, for itself; the library
 * OS, window, root image and the pool are the same in all, but for parts of the pool that a space
 * has as its own. Space 0 is the one that the machine begins with; only there are the regions of
 * struct guest_start. Calls that map act in the space that is current. */
enum guest_space_operation {
	/* Makes that space, which is not there (1 to GUEST_SPACES_MAX - 1). The contents area has
	 * `count` of struct guest_space_run: first the own parts of the pool, then what is mapped
	 * from the start, as HYPERCALL_MAP does it. -EEXIST, -EINVAL, -ENOMEM (no page is left for
	 * tables), and what HYPERCALL_MAP refuses: then there is no such space. */
	GUEST_SPACE_MAKE = 1,
	/* That space is the current one from now on. -ENOENT. */
	GUEST_SPACE_SWITCH,
	/* Takes the space away, with all that is mapped there, as HYPERCALL_UNMAP does it. Neither
	 * space 0 nor the current one: -EBUSY; -ENOENT. */
	GUEST_SPACE_DROP,
	/* MAKE, but where the count is GUEST_SPACE_MADE; SWITCH; and DROP of the space that the fourth
	 * argument names, where that is not 0. The result is that of the first step that fails: those
	 * before it are done, those behind it are not. */
	GUEST_SPACE_ENTER,
};
#define GUEST_SPACES_MAX 64
/* Page tables that are set aside for each: program, its mapping area, stack and own parts of the pool lie
 * at five places or so, each with up to three levels. One that needs more may not be had. */
#define GUEST_SPACE_TABLES 24UL
#define GUEST_SPACE_MADE   UINT64_MAX

/* Pages that a space begins with: as the arguments of HYPERCALL_MAP. With GUEST_SPACE_OWN, [address,
 * address + length) of the pool is the space's own: both are multiples of GUEST_SPACE_OWN_SIZE, and
 * nothing is there until it is mapped; `source` is 0. */
struct guest_space_run {
	uint64_t address, source, length;
	uint32_t protection; /* GUEST_READ | …, GUEST_SHARED, or GUEST_SPACE_OWN alone */
	uint32_t reserved;   /* 0 */
};
#define GUEST_SPACE_OWN	     16u
#define GUEST_SPACE_OWN_SIZE (2UL << 20)
#define GUEST_SPACE_RUNS_MAX (WINDOW_CONTENTS_SIZE / sizeof(struct guest_space_run))

/* Registers and cause of a fault, as the crash report shows them. */
struct guest_fault {
	uint64_t vector;     /* x86 exception number */
	uint64_t error_code; /* as the processor pushed it */
	uint64_t address;    /* CR2 for a page fault */
	uint64_t rip, rsp, rflags;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
};

#define GUEST_VECTOR_PAGE_FAULT 14

/* A "vector" beyond the processor's: the time in `alarm_ns` has come. */
#define GUEST_VECTOR_TICK 64

/* How long one thread may compute while others want to. After a tick the monitor looks for another
 * one by itself this long, so that the next alarm needs no hypercall. */
#define GUEST_SLICE_NS 10000000UL

/* Code below GUEST_UPCALL_LIMIT is the program's: it may be interrupted at any instruction and made
 * to enter the library OS at its upcall entry, with what interrupted it and its registers in the
 * control page (`fault`). So may the vDSO by its faults, but not by ticks. The rest is interrupted
 * only where it touches an address of the program, which may lie in the mapping area or, in a space
 * other than the first, where that has its stack and its pool: the library OS then gives that a
 * page, and goes on where it was. */
static inline int guest_takes_upcall(uint64_t vector, uint64_t rip, uint64_t address)
{
	const int in_vdso = rip - GUEST_VDSO_BASE < GUEST_VDSO_SIZE;
	return rip < GUEST_UPCALL_LIMIT || (in_vdso && vector < GUEST_VECTOR_TICK) ||
	       (vector == GUEST_VECTOR_PAGE_FAULT && address >= GUEST_AREA_BASE &&
		address < GUEST_FILES_BASE);
}

/* rdtsc to nanoseconds: ns = base_ns + ((rdtsc - tsc) * multiplier >> 32), 128-bit product.
 * multiplier 0: the counter is not usable, ask by HYPERCALL_CLOCK each time. */
struct guest_clock {
	uint64_t tsc;
	uint64_t multiplier;
	uint64_t monotonic_ns, realtime_ns;
};

/* The library OS's own, for its vDSO: the monotonic time less these is the processor time that the
 * process used, and the thread that runs. */
struct guest_processor_clock {
	uint64_t process_base_ns, thread_base_ns;
};

enum guest_trace_kind {
	GUEST_TRACE_CALLED,   /* has not returned yet */
	GUEST_TRACE_RETURNED, /* call and return */
	GUEST_TRACE_RESUMED,  /* the return of a call whose record was taken before */
};

/* A system call in the trace area. What its pointers name follows, then the next record. */
struct guest_trace_record {
	uint32_t size;		   /* with what follows; a multiple of 8 */
	uint32_t kind;		   /* enum guest_trace_kind */
	uint64_t begin_ns, end_ns; /* monotonic */
	uint64_t thread;
	uint64_t number;
	int64_t result;
	uint64_t arguments[6];
};

/* What an argument of the record before points to: `length` bytes behind this, then padding to a
 * multiple of 8. */
struct guest_trace_data {
	uint32_t argument;
	uint16_t length;
	uint16_t more; /* there is more than that */
};
#define GUEST_TRACE_STRING_MAX 256UL /* of a path */
#define GUEST_TRACE_BYTES_MAX  32UL  /* of what is read or written */

#define GUEST_ENTROPY_SIZE	32
#define GUEST_SIGNALS_MAX	64 /* the highest signal from outside */
#define GUEST_PROGRAM_NAME_SIZE 256

/* The control page, at the start of the window.
 * The monitor writes it while the guest is stopped. */
struct guest_control {
	/* hypercall */
	uint64_t hypercall;
	uint64_t arguments[4];
	int64_t result;
	/* request: bytes in the request area, and whether more will follow them */
	uint64_t request_length;
	uint64_t request_complete;
	/* response: bytes in the response area when HYPERCALL_EXIT or _FREEZE is made */
	uint64_t response_length;
	/* trace: whether the monitor wants one, bytes of records in the trace area, and how often
	 * the monitor took them. It takes them at any hypercall that it likes. */
	uint64_t trace;
	uint64_t trace_length;
	uint64_t trace_taken;
	struct guest_clock clock;
	uint8_t entropy[GUEST_ENTROPY_SIZE]; /* fresh for each clone; the guest erases it */
	uint64_t debug;			     /* the monitor wants HYPERCALL_DEBUG lines */
	struct guest_fault fault;
	/* Exceptions that the library OS takes by upcalls, one bit for each vector; a fault of the
	 * library OS itself is never one. */
	uint64_t upcalls;
	/* A tick came, maybe while the library OS was at work: it looks before it returns to the
	 * program and erases this; until then the monitor makes the tick again.
	 */
	uint64_t tick_missed;
	/* Monotonic times; 0: none. alarm_ns: when the library OS wants the program to be
	 * interrupted by an upcall with GUEST_VECTOR_TICK; the monitor takes it away with the tick.
	 * armed_ns: when the monitor looks there next. Under process isolation both sides run at
	 * the same time: each writes its own and then reads the other's. */
	uint64_t alarm_ns;
	uint64_t armed_ns;
	uint64_t warm_up; /* set-up: there is a request to warm up with */
	struct guest_processor_clock processor;
	/* This is a request, and not a set-up; and how many variables it brings, no more than there
	 * is room for. */
	uint64_t serving;
	uint64_t variable_count;
	uint64_t unbuffered; /* the response is wanted at each write */
	/* The library OS's: what is in the response area is to be handed on before the machine waits. */
	uint64_t hand_on;
	/* Signals from outside, one bit for each (1 << number - 1): the monitor adds them, and the
	 * library OS takes them, both in one step. And whether any may come: a program then is not
	 * ended when it waits for ever. */
	uint64_t signals;
	uint64_t signals_may_come;
	/* The library OS's, for crash reports: the file of the program that took the place of the
	 * first one, cut off; empty: none did. */
	char program[GUEST_PROGRAM_NAME_SIZE];
};
_Static_assert(sizeof(struct guest_control) <= GUEST_PAGE_SIZE, "control page");
_Static_assert(offsetof(struct guest_control, fault.rip) == GUEST_CONTROL_FAULT_RIP,
	       "for assembly");

#define GUEST_READ    1u
#define GUEST_WRITE   2u
#define GUEST_EXECUTE 4u
#define GUEST_SHARED  8u /* of HYPERCALL_MAP: the pages stay at their place as well */

/* In lines of the log that say why a program fails; whoever deploys it looks for them. */
#define GUEST_HAS_NO_NETWORK "a guest has no network"

/* Memory that is mapped for the program: [start, end), page-aligned. */
struct guest_region {
	uint64_t start, end;
	uint32_t protection; /* GUEST_READ | … */
	uint32_t unmapped;   /* set by the library OS: the program gave it away */
};
#define GUEST_REGIONS_MAX   32
#define GUEST_DIRECTORY_MAX 4096 /* PATH_MAX */
#define GUEST_HOST_NAME_MAX 64	 /* as Linux has it */

/* What the monitor tells the library OS at the start of a program; at the bottom of the library
 * OS's data, found through libos_header. */
struct guest_start {
	uint64_t entry, stack;	       /* the program's first instruction and stack pointer */
	uint64_t pool_base, pool_size; /* memory to hand out */
	uint64_t stack_base, stack_size;
	uint64_t at_random;		 /* address of the 16 bytes of AT_RANDOM */
	uint64_t root_base, root_size;	 /* the root image; a size of 0: there is none */
	uint64_t root_served;		 /* there is a root directory, for HYPERCALL_ROOT */
	uint64_t files_base, files_size; /* struct guest_given_file; a size of 0: there are none */
	/* On the stack: the auxiliary vector, and entries of the environment for variables of a
	 * request, the last ones of it. They point at places of the variables area. */
	uint64_t auxiliary;
	uint64_t variables, variables_room;
	uint64_t region_count;
	struct guest_region regions[GUEST_REGIONS_MAX];
	char program[256]; /* for /proc/self/exe and messages */
	/* Where the program starts, from a slash on; "" is the root. */
	char directory[GUEST_DIRECTORY_MAX];
	uint32_t user, group;
	char host_name[GUEST_HOST_NAME_MAX + 1]; /* "": the usual one */
	/* A program that waits for a connection gets its request over one: at that port, or (0) at
	 * that where it listened first. */
	uint32_t connects, port;
};

/* A file that is there before the program starts. Its path follows, absolute and without links, of
 * path_size bytes with its NUL; then its contents, and then, at the next multiple of 8, the next
 * file. */
struct guest_given_file {
	uint32_t mode; /* permissions */
	uint32_t path_size;
	uint64_t length; /* of the contents */
};
#define GUEST_FILES_MAX	      64
#define GUEST_FILES_BYTES_MAX (1UL << 20) /* of contents, together */

/* The file at *offset of `size` bytes, and moves *offset behind it. NULL: there is no more, or none
 * that could be. */
static inline struct guest_given_file *guest_given_file_next(void *files, uint64_t size,
							     uint64_t *offset)
{
	if (*offset > size || size - *offset < sizeof(struct guest_given_file))
		return NULL;
	struct guest_given_file *file = (struct guest_given_file *)((char *)files + *offset);
	const char *path = (const char *)(file + 1);
	uint64_t left = size - *offset - sizeof(*file);
	if (!file->path_size || file->path_size > left || path[file->path_size - 1])
		return NULL;
	left -= file->path_size;
	if (file->length > left)
		return NULL;
	*offset += (sizeof(*file) + file->path_size + file->length + 7) & ~7UL;
	return file;
}

/* The first bytes of the library OS image. Addresses are absolute. */
#define LIBOS_MAGIC 0x534f42494c594dULL /* "MYLIBOS" */
struct libos_header {
	uint64_t magic;
	uint64_t version;
	uint64_t vdso;		/* an ELF shared object for AT_SYSINFO_EHDR */
	uint64_t start;		/* entry of a fresh machine */
	uint64_t resume;	/* entry of a clone */
	uint64_t syscall_entry; /* LSTAR: works from ring 0 (hardware) and ring 3 (PVM, process) */
	uint64_t start_info;	/* struct guest_start, to be filled by the monitor */
	uint64_t upcall;	/* where an interrupted program enters, in ring 3 */
};
_Static_assert(GUEST_LIBOS_BASE + offsetof(struct libos_header, syscall_entry) ==
		   GUEST_SYSCALL_ENTRY,
	       "for the vDSO");

#endif /* __ASSEMBLER__ */
#endif
