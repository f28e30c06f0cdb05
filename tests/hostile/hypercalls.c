/* Attacks through the door to the monitor: every hypercall, with everything that may be wrong. */
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attacker.h"
#include "monitor/process/guest.h"

static const uint64_t odd_values[] = {
    0,
    1,
    UINT64_MAX,
    1UL << 31,
    1UL << 63,
    WINDOW_RESPONSE_SIZE + 1,
    GUEST_WINDOW_BASE + 1,
    GUEST_LIBOS_BASE,
};
#define ODD_VALUES (sizeof(odd_values) / sizeof(odd_values[0]))

/* Hypercall `number` with each odd value in each field. Some end the request; a number that does
 * not exist is one, too. */
int attack_odd_fields(uint64_t number)
{
	for (size_t first = 0; first < ODD_VALUES; first++)
		for (size_t second = 0; second < ODD_VALUES; second++)
			hypercall(number, odd_values[first], odd_values[second], odd_values[first]);
	return 0;
}

/* Every other field of the control page, too. */
int attack_odd_control_page(uint64_t number)
{
	for (size_t at = sizeof(uint64_t); at + 8 <= sizeof(struct guest_control); at += 8) {
		if (at == offsetof(struct guest_control, upcalls))
			continue;
		*(volatile uint64_t *)window_at(at) = odd_values[number];
		hypercall(HYPERCALL_CLOCK, 0, 0, 0);
	}
	return 0;
}

int attack_flood_hypercalls(uint64_t number)
{
	for (;;)
		hypercall(number, WINDOW_LOG_SIZE, 0, 0);
}

int attack_response_beyond_its_area(uint64_t number)
{
	control()->response_length = odd_values[number];
	hypercall(HYPERCALL_EXIT, 0, 0, 0);
	return 1;
}

int attack_warm_up_with_long_response(uint64_t number)
{
	control()->response_length = WINDOW_RESPONSE_SIZE + 1;
	hypercall(HYPERCALL_WARM_UP, 0, 0, 0);
	return 0;
}

/* What the monitor itself would tell: a fault, with words to its liking. */
int attack_forge_fault_report(uint64_t number)
{
	volatile struct guest_fault *fault = &control()->fault;
	volatile uint64_t *words = (volatile uint64_t *)fault;
	for (size_t i = 0; i < sizeof(*fault) / sizeof(*words); i++)
		words[i] = odd_values[number];
	hypercall(HYPERCALL_FAULT, 0, 0, 0);
	return 0;
}

/* A fault that never was, of which the library OS wants to be told. */
int attack_forge_upcall(uint64_t number)
{
	control()->upcalls = UINT64_MAX;
	control()->fault.vector = 14;
	control()->fault.rip = number ? GUEST_LIBOS_BASE : 0x400000;
	for (int i = 0; i < 1000; i++)
		hypercall(HYPERCALL_FAULT, 0, 0, 0);
	return 0;
}

/* Faults of the library OS itself, which wishes to be told of all. */
int attack_upcall_without_end(uint64_t number)
{
	control()->upcalls = UINT64_MAX;
	for (;;)
		call_anywhere(number ? 8 : GUEST_LIBOS_BASE - 8, 0, 0, 0);
}

/* Records of system calls that were never made. */
int attack_forge_trace(uint64_t number)
{
	static const uint8_t patterns[] = {0, 0xff, 0x80, 0x08, 0x01};
	memset((void *)(uintptr_t)(GUEST_WINDOW_BASE + WINDOW_TRACE_OFFSET), patterns[number],
	       WINDOW_TRACE_SIZE);
	/* A record of a sound size, and nonsense in it. */
	volatile uint32_t *record = (volatile uint32_t *)window_at(WINDOW_TRACE_OFFSET);
	record[0] = sizeof(struct guest_trace_record) + 64;
	control()->trace_length = odd_values[2 + number % 3];
	hypercall(HYPERCALL_TRACE, 0, 0, 0);
	control()->trace_length = 0;
	return 0;
}

/* ── while the host reads ────────────────────────────────────────────────────────────────────── */

/* Changes the fields of the control page while the monitor looks at them. Under process isolation a
 * guest can ring without waiting: it runs on beside the monitor, as a second thread would. Under
 * KVM it has one processor, which stands while the monitor works. */
int attack_flip_while_the_monitor_reads(uint64_t number)
{
	struct host_call ring = {SYS_write, PROCESS_EVENTS, (long)(uintptr_t) "", 1, 0};
	struct process_command commands[PROCESS_BATCH_MAX];
	struct host_call listen = {SYS_read, PROCESS_COMMANDS, (long)(uintptr_t)commands,
				   sizeof(commands), 0};
	const uint64_t calls[] = {HYPERCALL_WRITE,   HYPERCALL_LOG,   HYPERCALL_DEBUG,
				  HYPERCALL_PROTECT, HYPERCALL_TRACE, HYPERCALL_ACCELERATE,
				  HYPERCALL_FAULT,   HYPERCALL_READ};
	for (uint64_t turn = 0;; turn++) {
		control()->hypercall = calls[turn % 8];
		control()->arguments[0] = turn % 3 ? 0 : GUEST_POOL_BASE;
		control()->arguments[1] = 64;
		control()->arguments[2] = GUEST_READ | GUEST_WRITE;
		if (!host_call(&ring)) {
			hypercall(calls[turn % 8], 0, 64, 3);
			continue;
		}
		for (uint64_t flips = 0; flips < 2000; flips++) {
			control()->arguments[flips % 3] = odd_values[flips % ODD_VALUES];
			control()->hypercall = flips % 20;
			control()->response_length = control()->request_length =
			    UINT64_MAX >> flips % 64;
			control()->trace_length = UINT64_MAX >> flips % 60;
			control()->fault.vector = flips;
		}
		host_call(&listen);
	}
}
