/* Hypercalls of Solo5 guests. Arguments are copied before they are looked at; what the guest does
 * wrong ends its request with a report.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "monitor/devices/bus.h"
#include "monitor/guests/fault_report.h"
#include "monitor/guests/solo5/solo5.h"
#include "monitor/guests/solo5/tables.h"
#include "sizes/sizes.h"
#include "util/clock.h"

/* Bits of a page fault's error code (Intel SDM, volume 3, 4.7). */
#define PAGE_FAULT_PRESENT 1UL
#define PAGE_FAULT_BITS	   0x1fUL

/* Of a guest that broke its memory's protection, as Solo5's tender ends then. */
#define STATUS_FAULT 1

/* ── the guest's memory ──────────────────────────────────────────────────────────────────────── */

uint8_t *solo5_memory(struct slot *slot, uint64_t address, uint64_t size, enum guest_next *next)
{
	uint8_t *memory = NULL;
	/* Who serves the box looks at it at any time. */
	const bool in_box = address < SOLO5_CALLS_ADDRESS + KERNEL_CALLS_SIZE &&
			    address + size > SOLO5_CALLS_ADDRESS;
	if (range_within(address, size, solo5_of(slot)->start.memory) && !in_box)
		memory = slot->machine->isolation->memory(slot->machine, address, size);
	if (memory)
		return memory;
	guest_report_stop(slot, SIGSEGV,
			  "a hypercall has %lu bytes at %#lx, which are not within its memory",
			  size, address);
	*next = GUEST_FINISHED;
	return NULL;
}

bool solo5_copy_in(struct slot *slot, uint64_t address, void *out, size_t size,
		   enum guest_next *next)
{
	const uint8_t *memory = solo5_memory(slot, address, size, next);
	if (memory)
		memcpy(out, memory, size);
	return memory;
}

bool solo5_copy_out(struct slot *slot, uint64_t address, const void *in, size_t size,
		    enum guest_next *next)
{
	uint8_t *memory = solo5_memory(slot, address, size, next);
	if (memory)
		memcpy(memory, in, size);
	return memory;
}

/* ── the console ─────────────────────────────────────────────────────────────────────────────── */

static int deliver(struct slot *slot, const uint8_t *data, size_t length, enum guest_next *next,
		   struct error *error)
{
	bool beyond = false;
	int result = length ? slot_take_console(slot, data, length, &beyond, error) : 0;
	if (result == -ETIMEDOUT)
		slot->result->outcome = OUTCOME_DEADLINE;
	else if (beyond)
		slot_end_beyond_limit(slot);
	if (result == -ETIMEDOUT || beyond)
		*next = GUEST_FINISHED;
	return result == -ETIMEDOUT ? 0 : result;
}

int solo5_flush(struct slot *slot, enum guest_next *next, struct error *error)
{
	struct solo5_slot *own = solo5_slot_of(slot);
	const size_t length = own->console_length;
	own->console_length = 0;
	slot->machine->interrupts.wake_ns = 0;
	return deliver(slot, own->console, length, next, error);
}

int solo5_flush_late(struct slot *slot, enum guest_next *next, struct error *error)
{
	const uint64_t wake_ns = slot->machine->interrupts.wake_ns;
	return wake_ns && wake_ns <= clock_now_ns() ? solo5_flush(slot, next, error) : 0;
}

static int serve_puts(struct slot *slot, uint32_t address, enum guest_next *next,
		      struct error *error)
{
	struct solo5_slot *own = solo5_slot_of(slot);
	struct solo5_puts puts;
	if (!solo5_copy_in(slot, address, &puts, sizeof(puts), next))
		return 0;
	/* What hands something on, now or by a clock that the guest's run must know of. */
	const bool is_gathered = own->console_length && !slot->request->unbuffered &&
				 puts.length <= sizeof(own->console) - own->console_length;
	if (!is_gathered && solo5_aside_declines(own->aside))
		return 0;
	const uint8_t *data = solo5_memory(slot, puts.data, puts.length, next);
	if (!data)
		return 0;
	if (puts.length > sizeof(own->console) - own->console_length) {
		int result = solo5_flush(slot, next, error);
		if (result || *next == GUEST_FINISHED)
			return result;
		if (puts.length > sizeof(own->console))
			return deliver(slot, data, puts.length, next, error);
	}
	/* A guest that computes then does not have it wait for long. */
	if (!own->console_length)
		slot->machine->interrupts.wake_ns = clock_now_ns() + BUS_GATHER_NS;
	memcpy(own->console + own->console_length, data, puts.length);
	own->console_length += puts.length;
	return slot->request->unbuffered ? solo5_flush(slot, next, error) : 0;
}

/* ── time, and the end ───────────────────────────────────────────────────────────────────────── */

static int serve_walltime(struct slot *slot, uint32_t address, enum guest_next *next)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	const struct solo5_walltime walltime = {
	    .ns = (uint64_t)now.tv_sec * NANOSECONDS_PER_SECOND + (uint64_t)now.tv_nsec,
	};
	solo5_copy_out(slot, address, &walltime, sizeof(walltime), next);
	return 0;
}

/* A guest whose own handler tells that it broke its memory's protection: whoever starts tenders knows
 * that by their words for it, and by their status. */
static void judge_abort(struct slot *slot, const struct solo5_halt *halt)
{
	const struct guest_solo5 *self = solo5_of(slot);
	struct request_result *result = slot->result;
	struct solo5_trap trap;
	const uint8_t *frame =
	    range_within(halt->cookie, sizeof(trap), self->start.memory)
		? slot->machine->isolation->memory(slot->machine, halt->cookie, sizeof(trap))
		: NULL;
	if (halt->status != SOLO5_ABORT || !halt->cookie || !frame)
		return;
	memcpy(&trap, frame, sizeof(trap));
	if (!(trap.error_code & PAGE_FAULT_PRESENT) || trap.error_code & ~PAGE_FAULT_BITS ||
	    trap.cr2 < SOLO5_GUEST_BASE || trap.cr2 >= self->start.memory)
		return;
	result->status = STATUS_FAULT;
	snprintf(
	    result->report, sizeof(result->report),
	    "%s broke its memory's protection: host/guest translation fault: rip=%#lx, at %#lx",
	    slot->name, trap.rip, trap.cr2);
}

static int serve_halt(struct slot *slot, uint32_t address, enum guest_next *next,
		      struct error *error)
{
	struct solo5_halt halt;
	if (solo5_aside_declines(solo5_slot_of(slot)->aside) ||
	    !solo5_copy_in(slot, address, &halt, sizeof(halt), next))
		return 0;
	int result = solo5_flush(slot, next, error);
	if (result || *next == GUEST_FINISHED)
		return result;
	slot->result->outcome = OUTCOME_EXITED;
	slot->result->status = halt.status & 0xff;
	judge_abort(slot, &halt);
	*next = GUEST_FINISHED;
	return 0;
}

/* ── all ─────────────────────────────────────────────────────────────────────────────────────── */

int solo5_freeze(struct slot *slot, uint32_t call, uint32_t address, enum guest_next *next,
		 struct error *error)
{
	int result = solo5_flush(slot, next, error);
	if (result || *next == GUEST_FINISHED || !slot->setup)
		return result;
	if (slot->setup->warm_up && !slot->setup->warming_up) {
		slot_begin_warm_up(slot);
		return 0;
	}
	solo5_slot_of(slot)->waiting = (struct solo5_waiting){.call = call, .address = address};
	*next = GUEST_FROZEN;
	return 0;
}

int solo5_hypercall(struct slot *slot, uint32_t call, uint32_t address, enum guest_next *next,
		    struct error *error)
{
	*next = GUEST_CONTINUES;
	switch (call) {
	case SOLO5_WALLTIME:
		return serve_walltime(slot, address, next);
	case SOLO5_PUTS:
		return serve_puts(slot, address, next, error);
	case SOLO5_POLL:
		return solo5_poll(slot, address, next, error);
	case SOLO5_BLOCK_WRITE:
	case SOLO5_BLOCK_READ:
		return solo5_block_call(slot, call, address, next, error);
	case SOLO5_NET_WRITE:
	case SOLO5_NET_READ:
		return solo5_net_call(slot, call, address, next, error);
	case SOLO5_HALT:
		return serve_halt(slot, address, next, error);
	default:
		guest_report_stop(slot, SIGSYS, "it makes hypercall %u, which there is not", call);
		*next = GUEST_FINISHED;
		return 0;
	}
}
