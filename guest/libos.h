/* The library OS's internal interfaces.
 *
 * The library OS is the small kernel that shares one address space with the program and serves its
 * Linux system calls inside the guest. One vCPU, no interrupts: nothing here runs concurrently.
 * It is freestanding and compiled without vector instructions (the program's vector registers stay
 * untouched). Pointers from the program go through user_readable() and user_writable() first: a bad
 * one is the program's EFAULT, not our fault.
 */
#ifndef MAYFLY_GUEST_LIBOS_H
#define MAYFLY_GUEST_LIBOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mayfly/guest_abi.h"

/* For tables of more than a few hundred bytes, which requests seldom write: libos.lds keeps them
 * apart from what each request does. */
#define LARGE_DATA __attribute__((section(".bss.large")))

/* ── entry.S, machine.c: the machine ─────────────────────────────────────────────────────────── */

extern struct guest_start libos_start_info;

/* The program's registers while it is in the library OS, in the order in which entry.S pushes them;
 * the last five as IRETQ takes them. */
struct system_call_frame {
	uint64_t number;       /* rax */
	uint64_t arguments[6]; /* rdi rsi rdx r10 r8 r9 */
	uint64_t rbx, rbp, r12, r13, r14, r15;
	uint64_t rcx, r11;
	uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct system_call_frame) == 160, "entry.S makes room for it");

/* Bytes for the processor's vector state: x87 to AVX-512 and PKRU take 2,696 so far. */
#define MACHINE_VECTOR_STATE_MAX 4096

struct thread;
extern char libos_stack_top[];

/* See entry.S. */
void machine_switch(struct thread *from, struct thread *to);
void machine_save_vectors(void *state);
void machine_load_vectors(const void *state);

/* The thread's first turn begins in the program, with the registers in the frame at its stack's
 * top. */
void machine_prepare_switch(struct thread *thread, struct system_call_frame *frame);

uint64_t machine_fs_base(void);
uint64_t machine_gs_base(void);

/* Bytes that machine_save_vectors() writes, and which components (XSTATE_BV bits) they hold. */
uint32_t machine_vector_state_size(void);
uint64_t machine_vector_components(void);

static inline volatile struct guest_control *machine_control(void)
{
	return (volatile struct guest_control *)GUEST_WINDOW_BASE;
}

/* Finds out which vector state there is; once, before the program starts. */
void machine_init(void);

/* Asks the monitor to freeze this machine here. Returns in every clone. */
void machine_freeze(void);

/* Makes a hypercall and returns its result. */
int64_t machine_hypercall(enum guest_hypercall call, uint64_t first, uint64_t second,
			  uint64_t third);

/* HYPERCALL_MAP: puts `length` bytes of pages at `address` of the mapping area. */
int64_t machine_map(uint64_t address, uint64_t source, uint64_t length, uint32_t protection);

/* Ends the request; `status` is the program's exit status. */
__attribute__((noreturn)) void machine_exit(int status);

/* Ends the request as a signal would. */
__attribute__((noreturn)) void machine_abort(int signal);

/* A line for whoever runs the program, in its log: what it cannot do here, or why it ends. */
void machine_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line for the monitor's debug log; costs one branch where nobody listens. Knows %s %d %u %x %p.
 */
void machine_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ── snapshot.c: the one freeze, and where requests begin and end ───────────────────────────── */

/* The program is about to see a request: takes the snapshot if none was taken yet, or fetches the
 * request to warm up with. Afterwards one is in the window. */
void snapshot_begin_request(void);

/* The program is done with its request and asks for the next: ends this one. After a warm-up the
 * snapshot is taken here, and the call returns in each clone with a request in the window. */
void snapshot_end_request(void);

/* The program was warmed up: it serves one request after another. */
bool snapshot_is_warmed(void);

/* ── streams.c: the request ──────────────────────────────────────────────────────────────────── */

/* What mayfly_ready() says: the first time that the program is about to see its request, afterwards
 * that it is done with one and ready for the next. */
void request_ready_for_next(void);

/* Looks for more of the request, waiting until that monotonic time at most. True: a read of it need
 * not wait. */
bool request_look(uint64_t until_ns);

/* ── dispatch.c: the table of system calls ──────────────────────────────────────────────────── */

/* Returns the call's result or a negative errno. */
typedef int64_t system_call_function(const uint64_t arguments[6]);

struct system_call {
	system_call_function *function;
	char arguments[8]; /* a letter for each, see calls.def */
};

/* True where all registers must come from the frame: the program does not go on behind its call. */
bool libos_dispatch(struct system_call_frame *frame);

/* ── user.c: pointers from the program ──────────────────────────────────────────────────────── */

/* Where Linux ends a program's memory: no pointer from here on is one. */
#define GUEST_USER_END ((1UL << 47) - GUEST_PAGE_SIZE)

bool user_readable(uint64_t address, uint64_t length);
bool user_writable(uint64_t address, uint64_t length);

/* The program has all of that mapped, whatever it may do with it. */
bool user_mapped(uint64_t address, uint64_t length);

/* Copies an object from or to the program. 0 or -EFAULT. */
int user_copy_in(void *out, uint64_t address, size_t length);
int user_copy_out(uint64_t address, const void *in, size_t length);

/* Copies a NUL-terminated string into a buffer. 0, -EFAULT or -ENAMETOOLONG. */
int user_string(uint64_t address, char *out, size_t size);

/* ── pool.c, heap.c: memory for the library OS itself ───────────────────────────────────────── */

void memory_init(void);

/* Whole zeroed pages (file contents, pipes); NULL where the pool is used up. */
void *memory_allocate_pages(size_t count);
void memory_free_pages(void *pages, size_t count);

/* Small objects on top of that, zeroed; NULL where memory is used up. The caller keeps the size. */
void *heap_allocate(size_t size);

/* The object (NULL: none yet) may move; what it grew by is zero. Where the result is NULL, the old
 * object is as it was. */
void *heap_resize(void *object, size_t old_size, size_t new_size);
void heap_free(void *object, size_t size);

/* ── random.c ───────────────────────────────────────────────────────────────────────────────── */

/* Takes the 32 fresh bytes out of the control page (and erases them there). */
void random_reseed(void);
void random_bytes(void *out, size_t length);

/* ── time.c ─────────────────────────────────────────────────────────────────────────────────── */

#define NANOSECONDS 1000000000UL

uint64_t time_now_ns(bool realtime);

/* A clone begins: processor time counts from here. */
void time_start(void);
uint64_t time_started_ns(void);
uint64_t time_process_ns(void);

/* The monotonic time in that many nanoseconds. */
uint64_t time_deadline_ns(uint64_t nanoseconds);

/* Stops the whole machine for that many nanoseconds. */
void time_sleep(uint64_t nanoseconds);

struct timespec;

/* Reads a struct timespec of the program. 0, -EFAULT, or -EINVAL for what is no time. */
int time_read_timespec(uint64_t address, uint64_t *nanoseconds);

/* ── identity.c ─────────────────────────────────────────────────────────────────────────────── */

struct utsname;

/* What uname(2) tells. */
const struct utsname *identity_names(void);

/* ── signals.c ──────────────────────────────────────────────────────────────────────────────── */

/* Sends the current thread a signal of the library OS's own (SIGPIPE). */
void signal_raise(int signal);

/* A signal wants the current thread's attention. */
bool signal_is_due(void);

/* On the way back to the program: lets handlers run. `call_number`: the system call that is over,
 * or SIGNAL_NO_CALL. True where the frame was changed. */
#define SIGNAL_NO_CALL UINT64_MAX
bool signal_deliver(struct system_call_frame *frame, uint64_t call_number);

/* ── process.c ──────────────────────────────────────────────────────────────────────────────── */

#define PROCESS_ID 2 /* of the one process and its first thread; 1 is its parent */

/* The program's only thread waits for something that only the program itself could bring about. On
 * Linux it would sleep until it is killed; here the call fails, and says why. */
int64_t process_deadlock(const char *waiting_for);

/* A page is wanted and there is none: says so in the log and ends the program by SIGKILL. */
__attribute__((noreturn)) void process_out_of_memory(void);

/* Another process cannot be had: -ENOSYS, and a line in the debug log. */
int64_t process_refuse(const char *call);

/* The name that PR_SET_NAME set; until then the program's file name, cut off. */
char *process_name(void);

/* ── tree.c: the file tree ──────────────────────────────────────────────────────────────────── */

void files_init(void);

#endif
