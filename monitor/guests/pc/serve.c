/* Kernels for a PC: what is done when the machine stops; see pc.h. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "devices.h"
#include "monitor/devices/bus.h"
#include "monitor/guests/device_next.h"
#include "monitor/guests/fault_report.h"
#include "sizes/sizes.h"
#include "util/clock.h"

/* Where the devices of a PC are that this one lacks. */
static const struct {
	uint64_t first, length;
	const char *what;
} missing[] = {
    {0xfee00000, 0x1000, "the local APIC"},
    {0xfec00000, 0x1000, "the I/O APIC"},
    {0xfed00000, 0x400, "the HPET"},
    {0xa0000, 0x20000, "the display"},
};

/* ── a slot ──────────────────────────────────────────────────────────────────────────────────── */

int pc_open(struct slot *slot, struct error *error)
{
	char parameters[VIRTIO_PARAMETERS_SIZE];
	struct pc_devices *devices;
	slot->bus = pc_devices_create(guest_pc_of(slot->guest), &devices, parameters, error);
	if (!slot->bus)
		return -error->code;
	slot->own = devices;
	slot->machine->interrupts = bus_interrupts(slot->bus);
	return 0;
}

void pc_close(struct slot *slot)
{
	if (slot->machine)
		slot->machine->interrupts = (struct kernel_interrupts){0};
	pc_devices_release(slot->bus, slot->own);
	slot->bus = NULL;
	slot->own = NULL;
}

int pc_check_state(const struct guest_pc *guest, const struct guest_state *state,
		   struct error *error)
{
	char parameters[VIRTIO_PARAMETERS_SIZE];
	struct pc_devices *devices;
	struct bus *bus = pc_devices_create(guest, &devices, parameters, error);
	int result =
	    bus ? bus_load(bus, state->devices, state->devices_length, error) : -error->code;
	pc_devices_release(bus, devices);
	if (!result && !state->machine.length)
		result = error_set(error, EBADMSG, "damaged: it has no virtual CPU");
	return result;
}

/* When the machine is to stop although its guest asks for nothing. */
static void plan_wake(struct slot *slot)
{
	uint64_t *wake_ns = &slot->machine->interrupts.wake_ns;
	const uint64_t now_ns = clock_now_ns();
	/* A time that is still to come stays, as setting one costs a system call. */
	if (!bus_may_interrupt(slot->bus))
		*wake_ns = 0;
	else if (*wake_ns <= now_ns || *wake_ns > now_ns + PC_LOOK_NS)
		*wake_ns = now_ns + PC_LOOK_NS;
	*wake_ns = clock_earlier(*wake_ns, bus_due(slot->bus));
	*wake_ns = clock_earlier(*wake_ns, bus_flush_due(slot->bus));
}

int pc_begin(struct slot *slot, struct error *error)
{
	const struct guest_state *state = slot->state;
	int result = state ? bus_load(slot->bus, state->devices, state->devices_length, error)
			   : bus_load(slot->bus, NULL, 0, error);
	/* Where requests come by a network, the response does, too. */
	if (pc_devices_bring_requests(slot->own))
		slot_make_console_log(slot);
	if (!result)
		plan_wake(slot);
	return result;
}

int pc_go_on(struct slot *slot, enum guest_next *next, struct error *error)
{
	(void)next;
	(void)error;
	pc_devices_go_on(slot->own, slot->bus);
	if (pc_devices_bring_requests(slot->own))
		slot_make_console_log(slot);
	plan_wake(slot);
	return 0;
}

/* ── why it stopped ──────────────────────────────────────────────────────────────────────────── */

static void report_missing(struct slot *slot, const struct machine_access *access)
{
	for (size_t i = 0; i < ARRAY_SIZE(missing); i++)
		if (access->address >= missing[i].first &&
		    access->address - missing[i].first < missing[i].length) {
			guest_report_stop(slot, SIGBUS,
					  "it wants %s (at %#lx) of a PC, and this machine has "
					  "none: build it for one processor, with the interrupt "
					  "controllers and the timer of the first PCs",
					  missing[i].what, access->address);
			return;
		}
	guest_report_stop(slot, SIGBUS, "it %s physical address %#lx, where nothing is",
			  access->is_write ? "writes to" : "reads", access->address);
}

static int serve_access(struct slot *slot, const struct machine_exit *exit, enum guest_next *next,
			struct error *error)
{
	const struct machine_access *access = &exit->access;
	enum device_next device;
	bool found;
	int result = bus_access(slot->bus, slot, exit, &found, &device, error);
	if (result || found)
		return result ? result : guest_follow_device(slot, device, next, error);
	if (exit->stop == MACHINE_MEMORY) {
		report_missing(slot, access);
		*next = GUEST_FINISHED;
	} else if (!access->is_write) {
		memset(access->data, 0xff, (size_t)access->size * access->count);
	}
	return 0;
}

static int serve_devices(struct slot *slot, enum guest_next *next, struct error *error)
{
	enum device_next device;
	const uint64_t flush_ns = bus_flush_due(slot->bus);
	int result = bus_serve(slot->bus, slot, &device, error);
	if (!result && device == DEVICE_CONTINUES && flush_ns && flush_ns <= clock_now_ns())
		result = bus_flush(slot->bus, slot, &device, error);
	return result ? result : guest_follow_device(slot, device, next, error);
}

/* The guest waits for an interrupt: nothing else can be done meanwhile. */
static int serve_wait(struct slot *slot, enum guest_next *next, struct error *error)
{
	enum device_next device;
	const uint64_t due_ns = bus_due(slot->bus);
	const bool idle = !due_ns || due_ns > clock_now_ns() + PC_IDLE_NS;
	int result = 0;
	if (idle && slot->setup && pc_devices_are_settled(slot->own))
		return guest_is_ready(slot, next, error);
	if (!bus_may_interrupt(slot->bus)) {
		guest_report_stop(slot, SIGABRT,
				  "it waits for an interrupt, and no device of its machine is "
				  "going to make one");
		*next = GUEST_FINISHED;
		return 0;
	}
	if (idle)
		result = bus_flush(slot->bus, slot, &device, error);
	if (!result && (!idle || device == DEVICE_CONTINUES))
		result = bus_wait(slot->bus, slot, slot->deadline_ns, &device, error);
	return result ? result : guest_follow_device(slot, device, next, error);
}

/* Nothing wakes it up any more. */
static int serve_end(struct slot *slot, enum guest_next *next, struct error *error)
{
	struct guest_fault registers;
	int result = slot->machine->isolation->inspect(slot->machine, &registers, error);
	if (!result)
		guest_report_stop(slot, SIGABRT, "it halted its processor for good, at %#lx",
				  registers.rip);
	*next = GUEST_FINISHED;
	return result;
}

/* A guest that does nothing but accesses gives its machine no time to stop for its devices. */
static bool is_due(const struct slot *slot)
{
	const uint64_t wake_ns = slot->machine->interrupts.wake_ns;
	return wake_ns && wake_ns <= clock_now_ns();
}

static void serve_fault(struct slot *slot, const struct machine_exit *exit)
{
	if (exit->reason)
		guest_report_stop(slot, SIGILL, "%s (at %#lx)", exit->reason, exit->fault.rip);
	else
		guest_report_fault(slot, &exit->fault);
}

int pc_serve_exit(struct slot *slot, const struct machine_exit *exit, enum guest_next *next,
		  struct error *error)
{
	int result = 0;
	*next = GUEST_CONTINUES;
	switch (exit->stop) {
	case MACHINE_PORT:
	case MACHINE_MEMORY:
		result = serve_access(slot, exit, next, error);
		if (!result && *next == GUEST_CONTINUES && is_due(slot))
			result = serve_devices(slot, next, error);
		break;
	case MACHINE_TICK:
		result = serve_devices(slot, next, error);
		break;
	case MACHINE_HALT:
		result =
		    exit->is_final ? serve_end(slot, next, error) : serve_wait(slot, next, error);
		break;
	default:
		serve_fault(slot, exit);
		*next = GUEST_FINISHED;
		break;
	}
	if (!result && *next == GUEST_CONTINUES)
		plan_wake(slot);
	return result;
}

/* ── the end ─────────────────────────────────────────────────────────────────────────────────── */

int pc_finish(struct slot *slot, enum slot_end end, struct error *error)
{
	enum device_next next;
	if (end == SLOT_FROZEN)
		return 0;
	/* What it wrote before is its response, however it ended. */
	const struct request_result before = *slot->result;
	const bool fell = before.outcome != OUTCOME_EXITED && before.outcome != OUTCOME_SIGNALED;
	int result = bus_flush(slot->bus, slot, &next, error);
	if (fell)
		*slot->result = before;
	return slot_judge_delivery(slot->result, result, error);
}

void pc_end(struct slot *slot)
{
	bus_drop(slot->bus);
}

int pc_save(struct slot *slot, struct guest_state *state, struct error *error)
{
	int result = slot->machine->isolation->save(slot->machine, &state->machine, error);
	return result ? result
		      : bus_save(slot->bus, &state->devices, &state->devices_length, error);
}
