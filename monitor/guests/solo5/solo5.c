/* The kind `solo5`: unikernels for Solo5's tender hvt, in version 2 of its ABI. A guest makes
 * hypercalls by writing to ports; it has no interrupts, and its devices are files and networks.
 */
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "confine/filter.h"
#include "monitor/guests/fault_report.h"
#include "monitor/guests/solo5/solo5.h"
#include "sizes/sizes.h"

static const struct confine_call solo5_calls[] = {
    CONFINE_CALL(pwrite64, "blocks of a device's file; pread64 is in the isolation's list"),
};

static const struct machine_rights solo5_rights = {
    .role = "monitor of Solo5 guests",
    .calls = solo5_calls,
    .call_count = ARRAY_SIZE(solo5_calls),
};

static int serve_port(struct slot *slot, const struct machine_access *access, enum guest_next *next,
		      struct error *error)
{
	struct solo5_aside *aside = solo5_slot_of(slot)->aside;
	uint32_t address;
	if (!access->is_write || access->size != sizeof(address) || access->count != 1 ||
	    access->address <= SOLO5_PORT || access->address >= SOLO5_PORT + SOLO5_HYPERCALLS) {
		guest_report_stop(slot, SIGSYS,
				  "it accesses port %#lx, which is none of Solo5's hypercalls",
				  access->address);
		*next = GUEST_FINISHED;
		return 0;
	}
	memcpy(&address, access->data, sizeof(address));
	const uint32_t call = (uint32_t)access->address - SOLO5_PORT;
	int result = 0;
	if (!solo5_aside_settle(aside, call, address, &result, next, error))
		result = solo5_hypercall(slot, call, address, next, error);
	if (!result && *next == GUEST_CONTINUES)
		solo5_aside_consider(aside);
	return result;
}

static int solo5_serve_exit(struct slot *slot, const struct machine_exit *exit,
			    enum guest_next *next, struct error *error)
{
	struct guest_fault fault = exit->fault;
	int result = 0;
	if (exit->stop != MACHINE_PORT &&
	    solo5_aside_settle(solo5_slot_of(slot)->aside, 0, 0, &result, next, error))
		return result;
	switch (exit->stop) {
	case MACHINE_PORT:
		result = serve_port(slot, &exit->access, next, error);
		return result || *next != GUEST_CONTINUES ? result
							  : solo5_flush_late(slot, next, error);
	case MACHINE_TICK:
		*next = GUEST_CONTINUES;
		return solo5_flush_late(slot, next, error);
	case MACHINE_HALT:
		guest_report_stop(slot, SIGABRT, "it halts its processor, which nothing wakes");
		break;
	case MACHINE_MEMORY:
		result = slot->machine->isolation->inspect(slot->machine, &fault, error);
		guest_report_fault(slot, &fault);
		break;
	default:
		guest_report_fault(slot, &fault);
		break;
	}
	*next = GUEST_FINISHED;
	return result;
}

/* A clone's guest gets the answer that it was frozen in. */
static int solo5_wake(struct slot *slot, enum guest_next *next, struct error *error)
{
	struct solo5_slot *own = solo5_slot_of(slot);
	const struct solo5_waiting waiting = own->waiting;
	own->waiting = (struct solo5_waiting){0};
	return solo5_hypercall(slot, waiting.call, waiting.address, next, error);
}

/* A request may have been answered while its guest waited. */
static int solo5_go_on(struct slot *slot, enum guest_next *next, struct error *error)
{
	struct solo5_slot *own = solo5_slot_of(slot);
	request_disk_forget(&own->request);
	for (size_t i = 0; i < SOLO5_ENTRIES_MAX; i++) {
		if (!own->links[i])
			continue;
		network_link_go_on(own->links[i]);
		if (network_link_brings_requests(own->links[i]))
			slot_make_console_log(slot);
	}
	return own->waiting.call ? solo5_wake(slot, next, error) : 0;
}

static int solo5_finish(struct slot *slot, enum slot_end end, struct error *error)
{
	enum guest_next next;
	solo5_aside_retire(solo5_slot_of(slot)->aside);
	if (end == SLOT_FROZEN)
		return 0;
	/* What it wrote before is its response, however it ended. */
	const struct request_result before = *slot->result;
	const bool fell = before.outcome != OUTCOME_EXITED && before.outcome != OUTCOME_SIGNALED;
	int result = solo5_flush(slot, &next, error);
	if (fell)
		*slot->result = before;
	return slot_judge_delivery(slot->result, result, error);
}

static void solo5_end(struct slot *slot)
{
	request_disk_forget(&solo5_slot_of(slot)->request);
}

const struct guest_kind guest_solo5 = {
    .name = "solo5",
    .needs_ports = true,
    .needs_kernels = true,
    .keeps_machine = true,
    .takes_devices = true,
    .rights = &solo5_rights,
    .load = solo5_load,
    .describe = solo5_describe,
    .restore = solo5_restore,
    .keep = solo5_keep,
    .unload = solo5_unload,
    .open = solo5_open,
    .close = solo5_close,
    .begin = solo5_begin,
    .serve_exit = solo5_serve_exit,
    .wake = solo5_wake,
    .go_on = solo5_go_on,
    .finish = solo5_finish,
    .end = solo5_end,
    .save = solo5_save,
};
