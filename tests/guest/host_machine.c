/* The machine below the library OS, played by an ordinary process; see host_machine.h. */
#include "host_machine.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/ucontext.h>

#include "arch/hypercall.h"
#include "arch/registers.h"
#include "arch/thread_state.h"
#include "guest/drivers/random.h"
#include "guest/kernel/boot.h"
#include "guest/machine/clock.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/mm/fault.h"
#include "guest/mm/pool.h"
#include "guest/mm/space.h"
#include "guest/mm/vma.h"
#include "guest/sched/process.h"
#include "guest/x86_64/vectors.h"
#include "host_spaces.h"
#include "mayfly/root_wire.h"
#include "root_server/wire.h"
#include "serve.h"

struct guest_start libos_start_info;
/* A test calls the functions on its own stack; what is looked at here is the frame of the system
 * call, just below the top. */
extern char libos_stack[4096];
char libos_stack[4096];
__asm__(".globl libos_stack_top\n.set libos_stack_top, libos_stack + 4096");
char libos_syscall_entry[1];
struct host_machine host;

static uint64_t user_next = HOST_USER_BASE;

static void map_at(uint64_t address, uint64_t size, int sharing)
{
	void *mapped = mmap((void *)address, size, PROT_READ | PROT_WRITE,
			    sharing | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1, 0);
	if (mapped != (void *)address) {
		fprintf(stderr, "cannot map %#lx\n", (unsigned long)address);
		exit(1);
	}
}

/* Read-only, as a guest has it. Returns the size of an image. */
static uint64_t map_root(int root)
{
	struct stat status;
	if (root < 0)
		return 0;
	if (!fstat(root, &status) && S_ISDIR(status.st_mode)) {
		host.root = root;
		return 0;
	}
	if (fstat(root, &status) ||
	    mmap((void *)GUEST_ROOT_BASE, (size_t)status.st_size, PROT_READ,
		 MAP_SHARED | MAP_FIXED_NOREPLACE, root, 0) != (void *)GUEST_ROOT_BASE) {
		fprintf(stderr, "cannot map the root image\n");
		exit(1);
	}
	return (uint64_t)status.st_size;
}

/* The library OS's, or the test's, first touch of a page in the mapping area. */
static void take_fault(int signal, siginfo_t *information, void *context)
{
	const greg_t code = ((const ucontext_t *)context)->uc_mcontext.gregs[REG_ERR];
	const uint64_t address = (uint64_t)information->si_addr;
	(void)signal;
	if (!address_space_has_area(address, 1) ||
	    !vma_fault(address, GUEST_READ | (code & 2 ? GUEST_WRITE : 0))) {
		host.faults++;
		siglongjmp(host.at_fault, 1);
	}
}

static void catch_faults(void)
{
	struct sigaction action = {.sa_sigaction = take_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGSEGV, &action, NULL);
}

void host_start(size_t pool_pages)
{
	host_start_with_root(pool_pages, -1);
}

void host_start_with_root(size_t pool_pages, int root)
{
	map_at(GUEST_WINDOW_BASE, WINDOW_SIZE, MAP_PRIVATE);
	/* Of what is shared there can be a second view. */
	map_at(GUEST_POOL_BASE, pool_pages * GUEST_PAGE_SIZE, MAP_SHARED);
	map_at(HOST_USER_BASE, HOST_USER_SIZE, MAP_PRIVATE);
	host.root = -1;
	uint64_t root_size = map_root(root);
	libos_start_info = (struct guest_start){
	    .pool_base = GUEST_POOL_BASE,
	    .pool_size = pool_pages * GUEST_PAGE_SIZE,
	    .stack_size = 1 << 20,
	    .root_base = GUEST_ROOT_BASE,
	    .root_size = root_size,
	    .root_served = host.root >= 0,
	    .region_count = 1,
	    .regions = {{HOST_USER_BASE, HOST_USER_BASE + HOST_USER_SIZE, GUEST_READ | GUEST_WRITE,
			 0}},
	    .program = "/bin/program",
	};
	process_first.start.at_random = HOST_USER_BASE;
	user_next += GUEST_PAGE_SIZE; /* the 16 random bytes lie there */
	machine_control()->clock = (struct guest_clock){
	    .multiplier = 1UL << 32,
	    .monotonic_ns = 5 * NANOSECONDS,
	    .realtime_ns = 1700000000 * NANOSECONDS,
	};
	catch_faults();
	pool_init();
	random_reseed();
	boot_files();
}

void *host_memory(size_t size)
{
	void *memory = (void *)user_next;
	user_next += (size + 15) & ~15UL;
	if (user_next > HOST_USER_BASE + HOST_USER_SIZE) {
		fprintf(stderr, "the test's memory is used up\n");
		exit(1);
	}
	return memory;
}

uint64_t host_text(const char *text)
{
	size_t size = strlen(text) + 1;
	return (uint64_t)memcpy(host_memory(size), text, size);
}

/* Puts the next part of the request into the window. */
static int64_t pass_request(void)
{
	size_t part =
	    host.request_length < host.request_part ? host.request_length : host.request_part;
	if (part)
		memcpy((char *)GUEST_WINDOW_BASE + WINDOW_REQUEST_OFFSET, host.request, part);
	host.request += part;
	host.request_length -= part;
	machine_control()->request_length = part;
	machine_control()->request_complete = part == 0;
	return (int64_t)part;
}

static int64_t keep(char *to, size_t size, size_t *used, uint64_t offset, uint64_t length)
{
	for (uint64_t i = 0; i < length && *used < size; i++)
		to[(*used)++] = ((const char *)GUEST_WINDOW_BASE + offset)[i];
	return 0;
}

/* What a monitor and the server of its root directory do, without the processes. */
static int64_t serve_root(void)
{
	char *area = (char *)GUEST_WINDOW_BASE + WINDOW_ROOT_OFFSET;
	static uint8_t extra[ROOT_WIRE_EXTRA_MAX];
	struct root_request request;
	struct root_answer answer;
	char paths[ROOT_WIRE_PATHS_MAX];
	const struct root_served served = {.directory = host.root};
	host.roots++;
	if (host.root < 0)
		return -EIO;
	int result = root_request_decode(area, ROOT_WIRE_REQUEST_MAX, &request, paths);
	if (result)
		return result;
	root_serve(&served, area, ROOT_WIRE_REQUEST_MAX, &answer, extra);
	bool is_contents = request.operation == ROOT_READ;
	if (!root_answer_is_sound(&request, &answer, extra)) {
		fprintf(stderr, "the server of the root directory answered what cannot be\n");
		exit(1);
	}
	memcpy(area, &answer, sizeof(answer));
	memcpy(is_contents ? (char *)GUEST_WINDOW_BASE + WINDOW_CONTENTS_OFFSET
			   : area + sizeof(answer),
	       extra, answer.length);
	return 0;
}

int64_t machine_map(uint64_t address, uint64_t source, uint64_t length, uint32_t protection)
{
	host.maps++;
	return host_map(address, source, length, protection);
}

static int64_t serve_space(uint64_t operation, uint64_t number, uint64_t count)
{
	if (host.refuses_spaces && operation == GUEST_SPACE_MAKE)
		return -ENOMEM;
	const int64_t result = host_space(operation, number, count);
	if (result)
		return result;
	host.spaces += operation == GUEST_SPACE_MAKE;
	host.spaces -= operation == GUEST_SPACE_DROP;
	host.runs += (int)count;
	return 0;
}

int64_t machine_enter_space(uint64_t number, uint64_t count, uint64_t dropped)
{
	if (host.refuses_spaces && count != GUEST_SPACE_MADE)
		return -ENOMEM;
	int64_t result =
	    count == GUEST_SPACE_MADE ? 0 : serve_space(GUEST_SPACE_MAKE, number, count);
	if (!result)
		result = serve_space(GUEST_SPACE_SWITCH, number, 0);
	return result || !dropped ? result : serve_space(GUEST_SPACE_DROP, dropped, 0);
}

int64_t machine_hypercall(enum guest_hypercall call, uint64_t first, uint64_t second,
			  uint64_t third)
{
	switch (call) {
	case HYPERCALL_READ:
		if (host.request_late) {
			host.request_late--;
			return -EAGAIN;
		}
		host.reads++;
		return pass_request();
	case HYPERCALL_WRITE:
		host.writes++;
		machine_control()->response_length = 0;
		return keep(host.response, sizeof(host.response), &host.response_length,
			    WINDOW_RESPONSE_OFFSET, first);
	case HYPERCALL_LOG:
		return keep(host.log, sizeof(host.log), &host.log_length, WINDOW_LOG_OFFSET, first);
	case HYPERCALL_TRACE:
		host.traces++;
		machine_control()->trace_length = 0;
		machine_control()->trace_taken++;
		return 0;
	case HYPERCALL_SLEEP:
		host.slept_ns += first;
		return 0;
	case HYPERCALL_ROOT:
		return serve_root();
	case HYPERCALL_PROTECT:
		host.protections++;
		return host_protect(first, second, third);
	case HYPERCALL_UNMAP:
		host.unmaps++;
		return host_unmap(first, second);
	case HYPERCALL_SPACE:
		return serve_space(first, second, third);
	case HYPERCALL_ACCELERATE:
	case HYPERCALL_TICK:
	case HYPERCALL_CLOCK:
		return 0;
	default:
		fprintf(stderr, "unexpected hypercall %d\n", (int)call);
		exit(1);
	}
}

int64_t hypercall_make(enum guest_hypercall call, uint64_t first, uint64_t second, uint64_t third)
{
	return machine_hypercall(call, first, second, third);
}

void machine_freeze(void)
{
	volatile struct guest_control *control = machine_control();
	host.freezes++;
	/* A clone has a window of its own. */
	control->trace_length = control->trace_taken = 0;
	pass_request();
	for (int i = 0; i < GUEST_ENTROPY_SIZE; i++)
		control->entropy[i] = (uint8_t)(i + 1);
}

/* Threads and handlers need the processor's state in hand: tests/threads runs them in guests. */
static __attribute__((noreturn)) void no_machine(const char *what)
{
	fprintf(stderr, "the tests' machine has no %s\n", what);
	exit(1);
}

void thread_state_init(void)
{
}

void thread_state_switch(struct thread_state *from, struct thread_state *to)
{
	(void)from;
	(void)to;
	no_machine("second thread");
}

void thread_state_copy(struct thread_state *state, const struct system_call_frame *registers,
		       uint64_t stack, const uint64_t *thread_pointer)
{
	(void)state;
	(void)registers;
	(void)stack;
	(void)thread_pointer;
	no_machine("second thread");
}

void thread_state_start(struct thread_state *state, uint64_t entry, uint64_t stack)
{
	(void)state;
	(void)entry;
	(void)stack;
	no_machine("program");
}

void thread_state_load(const struct thread_state *state)
{
	(void)state;
	no_machine("program");
}

void thread_state_begin_in_program(struct thread_state *state)
{
	(void)state;
	no_machine("program");
}

void vector_state_save(void *state)
{
	(void)state;
	no_machine("vector state");
}

void vector_state_load(const void *state)
{
	(void)state;
	no_machine("vector state");
}

uint32_t vector_state_size(void)
{
	return 576;
}

uint64_t vector_state_components(void)
{
	return 3;
}

void machine_exit(int status)
{
	host.ended = 1;
	host.status = status;
	longjmp(host.at_end, 1);
}

void machine_abort(int signal)
{
	host.ended = 2;
	host.status = signal;
	longjmp(host.at_end, 1);
}

void machine_note_refusal(const char *format, ...)
{
}

void machine_note_no_memory(uint64_t bytes)
{
}

void machine_forget_refusals(void)
{
}

void machine_tell(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(host.told, sizeof(host.told), format, arguments);
	va_end(arguments);
}

void machine_debug(const char *format, ...)
{
	(void)format;
}

void thread_state_divert(struct thread_state *state, void (*function)(void))
{
	(void)state;
	(void)function;
}

void thread_state_abandon(const struct thread_state *state, void (*function)(void))
{
	(void)state;
	(void)function;
	no_machine("second process");
	abort();
}
