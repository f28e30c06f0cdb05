/* A program that finds out what of the processor's state ring 3 can change on this machine, leaves
 * it changed when its request ends, or tells the state that its request began with.
 *
 * Requests: "tell"; "change"; "leave END". With the argument "restarts" there is no snapshot: each
 * request runs the program from its start. */
#include "state.h"

#include <cpuid.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "mayfly/guest_abi.h"

#define HEADER 512
#define MXCSR  24

/* For state.S. */
struct filling {
	void *extended;
	uint64_t components;
	double *operand;
	uint64_t selectors[5]; /* ds, es, fs, gs, ss */
	uint64_t base;
	uint64_t flags;
};

void read_state(struct processor_state *state);
int try_selector(int segment, uint64_t selector);
int try_components(void *area, uint64_t components);
void fill_state(const struct filling *filling, void (*end)(void));
extern char try_begin[], try_end[], try_failed[];

void end_by_page(void), end_by_own_out(void), end_by_string(void), end_by_shadow(void),
    end_by_trap(void), end_by_invalid(void), end_by_privileged(void), end_by_spinning(void),
    end_by_exception(void), end_by_page_fault(void), end_by_call(void);

struct processor_state state_at_entry;
static struct processor_state before, after;
static uint8_t image[STATE_EXTENDED_MAX] __attribute__((aligned(64)));
static double operands[32] = {1.25, 3.5};

/* The thread pointer may be gone: this uses nothing of the C library's. */
__attribute__((optimize("no-stack-protector"))) static void go_on(int signal, siginfo_t *info,
								  void *context)
{
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	char *at = (char *)registers[REG_RIP];
	if (at >= try_begin && at < try_end)
		registers[REG_RIP] = (greg_t)try_failed;
	else
		_exit(81);
}

/* ── what can be changed here ────────────────────────────────────────────────────────────────── */

static int has_component(uint64_t components, unsigned number)
{
	return components >> number & 1;
}

/* Where a component lies in the area of XSAVE (SDM 1, 13.5). */
static void find_component(unsigned number, uint32_t *offset, uint32_t *size)
{
	uint32_t ecx, edx;
	*offset = 0;
	*size = 160;
	if (number == 1) {
		*offset = 160;
		*size = 256;
	} else if (number > 1) {
		__cpuid_count(0xd, number, *size, *offset, ecx, edx);
	}
}

static void fill_component(unsigned number)
{
	uint32_t offset, size;
	find_component(number, &offset, &size);
	memset(image + offset, 0xa5, size);
	/* A control word, a tag and the rest of the header must be what they are. */
	if (number == 0) {
		memset(image, 0, 32);
		image[0] = 0x7f;
		image[1] = 2;
		image[4] = 0xff;
		for (int i = 0; i < 8; i++) /* of each register's 16 bytes ten */
			memset(image + 32 + 16 * i + 10, 0, 6);
	} else if (number == 9) { /* key 0 is that of all memory here */
		const uint32_t rights = 0x5555aaa8;
		memset(image + offset, 0, size);
		memcpy(image + offset, &rights, sizeof(rights));
	} else if (number == 17) { /* a palette and eight tiles of 16 rows with 64 bytes */
		memset(image + offset, 0, size);
		image[offset] = 1;
		for (int i = 0; i < 8; i++) {
			image[offset + 16 + 2 * i] = 64;
			image[offset + 48 + i] = 16;
		}
	}
	const uint32_t control = 0x9fc0;
	memcpy(image + MXCSR, &control, sizeof(control));
}

/* Loads one after the other; those that are a fault, or stay as they were, are left out. */
static uint64_t change_components(uint64_t available)
{
	uint64_t taken = 0;
	for (unsigned number = 0; number < 63; number++) {
		uint32_t offset, size;
		uint64_t one = 1UL << number;
		if (!has_component(available, number))
			continue;
		find_component(number, &offset, &size);
		if (offset + size > sizeof(image))
			continue;
		fill_component(number);
		memcpy(image + HEADER, &one, sizeof(one));
		if (!try_components(image, one))
			continue;
		read_state(&after);
		/* Of x87 the registers: pointers are told otherwise, and MXCSR is another's. */
		const uint32_t passed = number ? 0 : 32;
		if (!memcmp(after.extended + offset + passed, image + offset + passed,
			    size - passed))
			taken |= one;
	}
	memcpy(image + HEADER, &taken, sizeof(taken));
	return taken;
}

static uint64_t change_selectors(uint64_t selectors[5])
{
	const uint64_t known[5] = {before.ds, before.es, before.fs, before.gs, before.ss};
	uint64_t changed = 0;
	for (int segment = 0; segment < 5; segment++) {
		selectors[segment] = known[segment];
		for (uint64_t selector = 3; selector < 0x100; selector += 4)
			if (selector != known[segment] && try_selector(segment, selector)) {
				selectors[segment] = selector;
				changed |= 1UL << segment;
			}
		try_selector(segment, known[segment]);
	}
	return changed;
}

static uint64_t change_flags(void)
{
	/* AC, DF, ID, NT, and those of arithmetic; TF has an end of its own. */
	const uint64_t wanted = 1UL << 18 | 1UL << 10 | 1UL << 21 | 1UL << 14 | 0x8d5;
	uint64_t got;
	__asm__ volatile("pushfq; pushfq; orq %1, (%%rsp); popfq; pushfq; popq %0; popfq"
			 : "=&r"(got)
			 : "r"(wanted)
			 : "cc", "memory");
	return got & wanted;
}

static void prepare(struct filling *filling, struct state_changes *changes)
{
	const struct sigaction action = {.sa_sigaction = go_on,
					 .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	read_state(&before);
	*filling = (struct filling){.extended = image, .operand = operands, .base = 0x2345678000};
	filling->components = change_components(before.components);
	const uint64_t changed = change_selectors(filling->selectors);
	filling->flags = change_flags();
	const uint16_t control = 0x27f;
	memcpy((uint8_t *)operands + 128, &control, sizeof(control));
	__asm__ volatile("fninit; fldl (%0); fstpl 64(%0)" : : "r"(operands) : "memory");
	read_state(&after);
	*changes = (struct state_changes){
	    .available = before.components,
	    .components = filling->components,
	    .flags = filling->flags,
	    .selectors = changed,
	};
	for (size_t i = 12; i < 28; i++)
		changes->x87_pointers |= after.x87_environment[i];
}

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

static const struct {
	const char *name;
	void (*end)(void);
} ends[] = {
    {"page", end_by_page},
    {"own-out", end_by_own_out},
    {"string", end_by_string},
    {"shadow", end_by_shadow},
    {"trap", end_by_trap},
    {"invalid", end_by_invalid},
    {"privileged", end_by_privileged},
    {"spinning", end_by_spinning},
    {"exception", end_by_exception},
    {"page-fault", end_by_page_fault},
    {"call", end_by_call},
};

static int leave(const char *how)
{
	volatile struct guest_control *control = (volatile struct guest_control *)GUEST_WINDOW_BASE;
	struct filling filling;
	struct state_changes changes;
	prepare(&filling, &changes);
	control->response_length = 0;
	control->arguments[0] = 0;
	control->hypercall = HYPERCALL_EXIT;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (!strcmp(ends[i].name, how))
			fill_state(&filling, ends[i].end);
	return 82;
}

static int change(void)
{
	struct filling filling;
	struct state_changes changes;
	prepare(&filling, &changes);
	/* The library OS would not like what is left. */
	__asm__ volatile("fninit");
	return write(STDOUT_FILENO, &changes, sizeof(changes)) != sizeof(changes);
}

int main(int argc, char **argv)
{
	static struct processor_state now;
	const volatile struct guest_control *control =
	    (const volatile struct guest_control *)GUEST_WINDOW_BASE;
	static char request[64];
	if (argc > 1) {
		/* The set-up sees no request, and ends; there is no snapshot then. */
		size_t length = control->request_length;
		if (!length)
			return 0;
		memcpy(request, (const char *)GUEST_WINDOW_BASE + WINDOW_REQUEST_OFFSET,
		       length < sizeof(request) ? length : sizeof(request) - 1);
		now = state_at_entry;
	} else {
		ssize_t length = read(STDIN_FILENO, request, sizeof(request) - 1);
		read_state(&now);
		if (length < 0)
			return 83;
	}
	if (!strcmp(request, "tell"))
		return write(STDOUT_FILENO, &now, sizeof(now)) != sizeof(now);
	if (!strcmp(request, "change"))
		return change();
	return strncmp(request, "leave ", 6) ? 84 : leave(request + 6);
}
