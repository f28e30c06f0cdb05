/* process_guest: a process that becomes a guest of process isolation (see isolation.c).
 *
 * Freestanding: no C library, no thread-local storage, general registers only. It unmaps whatever
 * the kernel mapped, maps the image and the window where the guest expects them, and gives up its
 * rights; from then on it is in the guest's hands, and nothing in its memory is to be believed or
 * worth reading: what holds the guest in is in the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "guest.h"
#include "helper.h"
#include "x86_64/context.h"

#define KERNEL_SA_RESTORER 0x04000000UL /* asm/signal.h */

/* The end of user addresses with four-level page tables. */
#define USER_LIMIT 0x7ffffffff000UL

/* The kernel's frame with AVX-512 and AMX state takes 12 KiB; a fault in the handler of SIGSYS
 * stacks a second one. Pages that are never touched cost nothing. */
#define SIGNAL_STACK_SIZE (64UL << 10)

struct kernel_sigaction {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

/* All of them are in this program: hidden, so that no table of addresses is needed. */
#pragma GCC visibility push(hidden)
extern _Noreturn void process_enter(uint64_t address);
extern _Noreturn void process_return(const ucontext_t *context, uint64_t address);
extern void process_caught_system_call(int signal, siginfo_t *info, void *context);
extern char process_end[];

void process_caught_fault(int signal, siginfo_t *info, void *context);
void process_hypercall(void);
_Noreturn void process_main(void);

static union {
	uint64_t kind;
	struct process_setup setup;
	struct process_direct_setup direct;
} received;
static char signal_stack[SIGNAL_STACK_SIZE] __attribute__((aligned(64)));
static struct {
	size_t next, count;
	struct process_command commands[PROCESS_BATCH_MAX];
} pending;

/* Where process_caught_system_call() goes. */
uint64_t process_syscall_entry;
static uint64_t upcall_entry, resume_entry;
#pragma GCC visibility pop

_Noreturn void process_leave(int status)
{
	for (;;)
		call2(SYS_exit_group, status, 0);
}

void process_check(long result, const char *step)
{
	struct process_failure failure;
	if (result >= 0)
		return;
	failure.error = (int32_t)-result;
	size_t length = 0;
	for (; step[length] && length < sizeof(failure.step) - 1; length++)
		failure.step[length] = step[length];
	for (; length < sizeof(failure.step); length++)
		failure.step[length] = 0;
	call3(SYS_write, PROCESS_SOCKET, &failure, sizeof(failure));
	process_leave(1);
}

/* ── hypercalls ──────────────────────────────────────────────────────────────────────────────── */

static void send_event(uint8_t event)
{
	if (call3(SYS_write, PROCESS_EVENTS, &event, 1) != 1)
		process_leave(1);
}

/* Before Linux 6.17 what is moved at once must be one mapping of the kernel's:
 * where it consists of several it goes in smaller parts. */
static long move_pages(uint64_t from, uint64_t to, uint64_t length)
{
	while (length) {
		uint64_t part = length < PROCESS_MOVE_MAX ? length : PROCESS_MOVE_MAX;
		long result;
		for (;;) {
			result = call6(SYS_mremap, from, part, part, MREMAP_MAYMOVE | MREMAP_FIXED,
				       to, 0);
			if (result != -EFAULT || part == GUEST_PAGE_SIZE)
				break;
			part = part / 2 & ~(GUEST_PAGE_SIZE - 1);
		}
		if (result < 0)
			return result;
		from += part;
		to += part;
		length -= part;
	}
	return 0;
}

static uint64_t shared_offset(uint64_t place)
{
	return place - (place < GUEST_POOL_BASE ? PROCESS_PARKED_POOL : GUEST_POOL_BASE);
}

/* Shows pages of the pool at `address` as well. Memory that is mapped privately cannot be at two
 * addresses: the pages go to a file, which both places are mapped from. Where they are there
 * already, they are copied onto themselves. */
static long share_pages(uint64_t address, uint64_t home, uint64_t length, long protection)
{
	const long flags = MAP_SHARED | MAP_FIXED, both = PROT_READ | PROT_WRITE;
	const uint64_t offset = shared_offset(home);
	long result = call6(SYS_mmap, address, length, both, flags, PROCESS_SHARED, offset);
	if (result < 0)
		return result;
	const volatile uint64_t *from = (const volatile uint64_t *)home;
	volatile uint64_t *to = (volatile uint64_t *)address;
	for (uint64_t i = 0; i < length / sizeof(*to); i++)
		to[i] = from[i];
	result = call6(SYS_mmap, home, length, both, flags, PROCESS_SHARED, offset);
	if (result >= 0 && protection != both)
		result = call3(SYS_mprotect, address, length, protection);
	if (result < 0)
		call2(SYS_munmap, address, length);
	return result;
}

/* Only puts them into the file. */
static long pass_pages(uint64_t home, uint64_t length)
{
	long result = share_pages(PROCESS_PASSAGE, home, length, PROT_READ | PROT_WRITE);
	return result < 0 ? result : call2(SYS_munmap, PROCESS_PASSAGE, length);
}

static long serve_command(const struct process_command *command)
{
	switch (command->kind) {
	case PROCESS_PROTECT:
		return call3(SYS_mprotect, command->address, command->length, command->protection);
	case PROCESS_MOVE:
		return move_pages(command->source, command->address, command->length);
	case PROCESS_SHOW:
		return call6(SYS_mmap, command->address, command->length, command->protection,
			     MAP_SHARED | MAP_FIXED, PROCESS_ROOT, command->source);
	case PROCESS_SHARE:
		return share_pages(command->address, command->source, command->length,
				   (long)command->protection);
	case PROCESS_PASS:
		return pass_pages(command->source, command->length);
	case PROCESS_REPEAT:
		return call6(SYS_mmap, command->address, command->length, command->protection,
			     MAP_SHARED | MAP_FIXED, PROCESS_SHARED,
			     shared_offset(command->source));
	case PROCESS_HIDE:
		return call2(SYS_munmap, command->address, command->length);
	default:
		return -EINVAL;
	}
}

/* The next command; others may have come with it. */
static const struct process_command *next_command(void)
{
	if (pending.next == pending.count) {
		long got =
		    call3(SYS_read, PROCESS_COMMANDS, pending.commands, sizeof(pending.commands));
		if (got < (long)sizeof(pending.commands[0]))
			process_leave(1); /* the monitor is gone */
		pending.next = 0;
		pending.count = (size_t)got / sizeof(pending.commands[0]);
	}
	return &pending.commands[pending.next++];
}

/* Waits for a command that lets the guest go on, and returns it; serves others on the way. The
 * monitor has checked what a command asks for. */
static uint32_t await_command(void)
{
	for (;;) {
		const struct process_command *command = next_command();
		if (command->kind < PROCESS_PROTECT)
			return command->kind;
		long result = serve_command(command);
		if (!command->unanswered)
			send_event(result < 0 ? (uint8_t)-result : 0);
		else if (result < 0)
			process_leave(1);
	}
}

void process_hypercall(void)
{
	send_event(0);
	/* Where it would freeze, but no snapshot is wanted any more. */
	if (await_command() == PROCESS_RESUME)
		process_enter(resume_entry);
}

static volatile struct guest_control *guest_control(void)
{
	return (void *)(GUEST_WINDOW_BASE + WINDOW_CONTROL_OFFSET);
}

/* A fault of the guest: the library OS takes it, or the monitor reports it. Runs on the signal
 * stack; what faulted is over. */
void process_caught_fault(int signal, siginfo_t *info, void *context)
{
	uint64_t error_code;
	const uint64_t vector = context_exception(signal, context, &error_code);
	context_describe(&guest_control()->fault, vector, error_code, context);
	if (guest_takes_upcall(vector, context_instruction(context), context_address(context)) &&
	    vector < GUEST_VECTOR_TICK && guest_control()->upcalls >> vector & 1)
		process_return(context, upcall_entry);
	for (;;) {
		guest_control()->hypercall = HYPERCALL_FAULT;
		process_hypercall();
	}
}

/* A tick. If it interrupted the program, the library OS is entered. Anything else goes on as if
 * nothing had happened, and the library OS looks for the tick later. */
static void caught_tick(int signal, siginfo_t *info, void *context)
{
	const uint64_t interrupted = context_instruction(context);
	if (interrupted < GUEST_UPCALL_LIMIT) {
		context_describe(&guest_control()->fault, GUEST_VECTOR_TICK, 0, context);
		process_return(context, upcall_entry);
	}
	guest_control()->tick_missed = 1;
	process_return(context, interrupted);
}

/* ── becoming a guest ────────────────────────────────────────────────────────────────────────── */

/* Behind the last descriptor that comes with the setup. */
static int descriptors_end(void)
{
	if (received.kind == PROCESS_WITH_DIRECT_CALLS)
		return DIRECT_FIRST + received.direct.descriptor_count;
	return received.setup.root_size ? PROCESS_DESCRIPTORS : PROCESS_ROOT;
}

static void receive_setup(void)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE((DIRECT_FIRST + DIRECT_DESCRIPTORS_MAX) * sizeof(int))];
	} control;
	struct iovec part = {&received, sizeof(received)};
	struct msghdr message;
	message.msg_name = NULL;
	message.msg_namelen = 0;
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = &control;
	message.msg_controllen = sizeof(control);
	message.msg_flags = 0;
	long length = call3(SYS_recvmsg, PROCESS_SOCKET, &message, 0);
	process_check(length, "receive the setup");
	const int end = descriptors_end();
	if (message.msg_controllen < CMSG_LEN((unsigned)(end - PROCESS_IMAGE) * sizeof(int)) ||
	    (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		process_check(-EBADMSG, "receive the setup");
	/* Descriptors arrive at the lowest free numbers: nothing but the socket was open. */
	const int *descriptors = (const int *)CMSG_DATA(&control.header);
	for (int i = PROCESS_IMAGE; i < end; i++)
		if (descriptors[i - PROCESS_IMAGE] != i)
			process_check(-EBADF, "receive the setup");
}

static void unmap(uint64_t start, uint64_t end)
{
	process_check(call2(SYS_munmap, start, end - start), "unmap the kernel's pages");
}

/* Unmaps all that the kernel gave: stack, arguments, vdso, vvar. */
static void clear_address_space(void)
{
	unmap(0, GUEST_HYPERCALL);
	unmap((uint64_t)process_end, USER_LIMIT);
}

long process_protection_bits(uint32_t protection)
{
	return (protection & GUEST_READ ? PROT_READ : 0) |
	       (protection & GUEST_WRITE ? PROT_WRITE : 0) |
	       (protection & GUEST_EXECUTE ? PROT_EXEC : 0);
}

static long map_part(const struct process_mapping *mapping)
{
	const long flags = MAP_FIXED_NOREPLACE | MAP_NORESERVE;
	const long bits = process_protection_bits(mapping->protection);
	const bool of_root = mapping->source == PROCESS_OF_ROOT;
	if (mapping->address >= GUEST_WINDOW_BASE && (bits & PROT_WRITE) && (bits & PROT_EXEC))
		return -EACCES;
	/* The pool is mapped before. */
	if (mapping->source == PROCESS_OF_POOL)
		return share_pages(mapping->address, mapping->offset, mapping->length, bits);
	if (mapping->source == PROCESS_FOR_OTHERS)
		return pass_pages(mapping->offset, mapping->length);
	return call6(SYS_mmap, mapping->address, mapping->length, bits,
		     flags | (of_root || !received.setup.private ? MAP_SHARED : MAP_PRIVATE),
		     of_root ? PROCESS_ROOT : PROCESS_IMAGE, mapping->offset);
}

static void map_guest(void)
{
	const long flags = MAP_FIXED_NOREPLACE | MAP_NORESERVE;
	for (size_t i = 0; i < received.setup.mapping_count; i++)
		process_check(map_part(&received.setup.mappings[i]), "map the image");
	process_check(call6(SYS_mmap, GUEST_WINDOW_BASE, WINDOW_SIZE, PROT_READ | PROT_WRITE,
			    flags | MAP_SHARED, PROCESS_WINDOW, 0),
		      "map the window");
	if (received.setup.root_size) {
		process_check(call6(SYS_mmap, GUEST_ROOT_BASE, received.setup.root_size, PROT_READ,
				    flags | MAP_SHARED, PROCESS_ROOT, 0),
			      "map the root image");
		/* As in kvm/machine.c; a kernel without large pages refuses. */
		call3(SYS_madvise, GUEST_ROOT_BASE, received.setup.root_size, MADV_HUGEPAGE);
	}
	process_check(call2(SYS_close, PROCESS_IMAGE, 0), "close the image");
	process_check(call2(SYS_close, PROCESS_WINDOW, 0), "close the window");
}

static void catch_signal(int signal, void (*handler)(int, siginfo_t *, void *), unsigned long flags)
{
	/* The kernel insists on a restorer; no handler here returns. */
	struct kernel_sigaction action;
	action.handler = handler;
	action.flags = flags | SA_SIGINFO | SA_ONSTACK | KERNEL_SA_RESTORER;
	action.restorer = NULL;
	action.mask = 0;
	process_check(call4(SYS_rt_sigaction, signal, &action, NULL, sizeof(action.mask)),
		      "handle signals");
}

static void install_handlers(void)
{
	stack_t stack;
	stack.ss_sp = signal_stack;
	stack.ss_size = sizeof(signal_stack);
	stack.ss_flags = 0;
	process_check(call2(SYS_sigaltstack, &stack, NULL), "give signals a stack");
	process_syscall_entry = received.setup.syscall_entry;
	upcall_entry = received.setup.upcall;
	resume_entry = received.setup.resume;
	catch_signal(SIGSYS, process_caught_system_call, SA_NODEFER);
	catch_signal(SIGSEGV, process_caught_fault, SA_NODEFER);
	catch_signal(SIGBUS, process_caught_fault, SA_NODEFER);
	catch_signal(SIGILL, process_caught_fault, SA_NODEFER);
	catch_signal(SIGFPE, process_caught_fault, SA_NODEFER);
	catch_signal(SIGTRAP, process_caught_fault, SA_NODEFER);
	catch_signal(PROCESS_TICK_SIGNAL, caught_tick, SA_NODEFER | SA_RESTART);
}

/* The end of the socket's other side kills this process. PR_SET_PDEATHSIG would do so when the
 * monitor's *thread* ends that happened to start it. */
void process_follow_monitor(void)
{
	long pid = call2(SYS_getpid, 0, 0);
	process_check(call3(SYS_fcntl, PROCESS_SOCKET, F_SETSIG, SIGKILL), "follow the monitor");
	process_check(call3(SYS_fcntl, PROCESS_SOCKET, F_SETOWN, pid), "follow the monitor");
	process_check(call3(SYS_fcntl, PROCESS_SOCKET, F_SETFL, O_ASYNC), "follow the monitor");
}

void process_limit_resources(void)
{
	/* A core limit of one byte and not of none: that would still feed a core_pattern that is a
	 * program, and requests are not to end up on a disk (core(5)). Where none was allowed from the
	 * start it cannot be raised to one. */
	struct rlimit limit;
	limit.rlim_cur = limit.rlim_max = 1;
	const long result = call2(SYS_setrlimit, RLIMIT_CORE, &limit);
	if (result != -EPERM)
		process_check(result, "limit resources");
	limit.rlim_cur = limit.rlim_max = 0;
	process_check(call2(SYS_setrlimit, RLIMIT_NOFILE, &limit), "limit resources");
	process_check(call6(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0), "give up privileges");
}

void process_filter_calls(uint16_t length, struct sock_filter *filter)
{
	struct {
		unsigned short length;
		struct sock_filter *filter;
	} program;
	program.length = length;
	program.filter = filter;
	process_check(call3(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program),
		      "filter system calls");
}

static void give_up_rights(void)
{
	process_limit_resources();
	process_check(call6(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON,
			    GUEST_HYPERCALL, GUEST_PAGE_SIZE, 0, 0),
		      "catch system calls");
	process_filter_calls(received.setup.filter_length, received.setup.filter);
}

_Noreturn void process_main(void)
{
	receive_setup();
	clear_address_space();
	if (received.kind == PROCESS_WITH_DIRECT_CALLS)
		process_become_direct(&received.direct);
	map_guest();
	install_handlers();
	process_follow_monitor();
	give_up_rights();
	process_enter(await_command() == PROCESS_START ? received.setup.start
						       : received.setup.resume);
}
