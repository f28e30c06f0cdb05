/* The machine below the library OS: hypercalls, vector state, debug lines. */
#include <cpuid.h>
#include <stdarg.h>

#include "libos.h"
#include "text.h"
#include "thread.h"

LARGE_DATA struct guest_start libos_start_info;

/* The state components that freeze and resume save: x87, SSE, AVX, MPX, AVX-512, PKRU. AMX tiles
 * are left out: PVM loses them at exits, so the guest is given none. */
#define XSAVE_COMPONENTS 0x2ffu
uint32_t machine_xsave_mask;

static inline uint32_t read_xcr0(void)
{
	uint32_t low, high;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

void machine_init(void)
{
	machine_xsave_mask = read_xcr0() & XSAVE_COMPONENTS;
}

/* Where the state components in `machine_xsave_mask` end; the processor tells (SDM 1, 13.5). */
uint32_t machine_vector_state_size(void)
{
	static uint32_t size;
	if (size)
		return size;
	size = 576; /* x87, SSE and the header */
	for (uint32_t component = 2; component < 32; component++) {
		uint32_t length, offset, flags, reserved;
		if (!(machine_xsave_mask & 1U << component))
			continue;
		__cpuid_count(0xd, component, length, offset, flags, reserved);
		if (offset + length > size)
			size = offset + length;
	}
	return size;
}

uint64_t machine_vector_components(void)
{
	return machine_xsave_mask;
}

uint64_t machine_fs_base(void)
{
	uint64_t base;
	__asm__ volatile("rdfsbase %0" : "=r"(base));
	return base;
}

uint64_t machine_gs_base(void)
{
	uint64_t base;
	__asm__ volatile("rdgsbase %0" : "=r"(base));
	return base;
}

void machine_prepare_switch(struct thread *thread, struct system_call_frame *frame)
{
	extern char libos_return[];
	enum { CALLEE_SAVED = 6 };
	uint64_t *stack = (uint64_t *)frame;
	*--stack = (uint64_t)libos_return;
	for (int i = 0; i < CALLEE_SAVED; i++)
		*--stack = 0;
	thread->stack_pointer = (uint64_t)stack;
}

int64_t machine_hypercall(enum guest_hypercall call, uint64_t first, uint64_t second,
			  uint64_t third)
{
	volatile struct guest_control *control = machine_control();
	control->arguments[0] = first;
	control->arguments[1] = second;
	control->arguments[2] = third;
	control->hypercall = call;
	/* The page keeps all registers but rax, rcx and r11. */
	uint64_t page = GUEST_HYPERCALL;
	__asm__ volatile("call *%0" : "+a"(page) : : "rcx", "r11", "memory", "cc");
	return control->result;
}

int64_t machine_map(uint64_t address, uint64_t source, uint64_t length, uint32_t protection)
{
	machine_control()->arguments[3] = protection;
	return machine_hypercall(HYPERCALL_MAP, address, source, length);
}

void machine_exit(int status)
{
	for (;;)
		machine_hypercall(HYPERCALL_EXIT, (uint64_t)(uint8_t)status, 0, 0);
}

void machine_abort(int signal)
{
	for (;;)
		machine_hypercall(HYPERCALL_ABORT, (uint64_t)signal, 0, 0);
}

void machine_tell(const char *format, ...)
{
	static const char prefix[] = "mayfly: ";
	const size_t begin = sizeof(prefix) - 1;
	char *area = (char *)GUEST_WINDOW_BASE + WINDOW_LOG_OFFSET;
	va_list arguments;
	va_start(arguments, format);
	memcpy(area, prefix, begin);
	size_t length =
	    begin + text_format(area + begin, WINDOW_LOG_SIZE - begin - 1, format, arguments);
	va_end(arguments);
	area[length++] = '\n';
	machine_hypercall(HYPERCALL_LOG, length, 0, 0);
}

void machine_debug(const char *format, ...)
{
	if (__builtin_expect(!machine_control()->debug, 1))
		return;
	va_list arguments;
	va_start(arguments, format);
	size_t length = text_format((char *)GUEST_WINDOW_BASE + WINDOW_LOG_OFFSET, WINDOW_LOG_SIZE,
				    format, arguments);
	va_end(arguments);
	machine_hypercall(HYPERCALL_DEBUG, length, 0, 0);
}
