/* The kind `native`: what a request finds, and what its machine's stops mean; see guest.h. */
#include "guest.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "crash.h"
#include "hypercall.h"
#include "monitor/trace/trace.h"
#include "monitor/x86_64/exceptions.h"
#include "root_calls.h"

/* Everything that is new for each clone goes into the control page. */
static int native_begin(struct slot *slot, struct error *error)
{
	volatile struct guest_control *control = window_control(&slot->window);
	if (getrandom((void *)control->entropy, GUEST_ENTROPY_SIZE, 0) != GUEST_ENTROPY_SIZE)
		return error_set_errno(error, errno, "cannot draw random bytes");
	guest_time_fill(slot->time, slot->machine->same_counter, &control->clock);
	control->debug = slot->guest->debug;
	control->warm_up = slot->setup && slot->setup->warm_up;
	trace_begin(slot);
	root_call_begin(slot);
	/* A set-up must not see the request: what it saw would be in every clone. */
	if (slot->setup)
		return 0;
	const uint32_t room = slot->guest->variables_room;
	const uint32_t count = slot->request->variable_count;
	control->serving = 1;
	control->unbuffered = slot->request->unbuffered;
	control->signals_may_come = slot->request->signals != NULL;
	control->variable_count = count < room ? count : room;
	hypercall_fill_request(slot);
	return 0;
}

/* The guest's word for which program it runs, if not the first one: then the symbols that are known are
 * another's. */
static void read_program(struct slot *slot, char name[GUEST_PROGRAM_NAME_SIZE])
{
	const volatile char *told = window_control(&slot->window)->program;
	for (size_t i = 0; i < GUEST_PROGRAM_NAME_SIZE; i++)
		name[i] = told[i];
	name[GUEST_PROGRAM_NAME_SIZE - 1] = 0;
}

static void report_crash(struct slot *slot, const struct guest_fault *fault)
{
	const struct guest_native *guest = guest_native_of(slot->guest);
	struct crash_program program = {
	    .name = slot->name, .file = &guest->program.file, .base = guest->program_base};
	char replacement[GUEST_PROGRAM_NAME_SIZE];
	read_program(slot, replacement);
	if (replacement[0])
		program = (struct crash_program){.name = replacement};
	slot->result->outcome = OUTCOME_CRASHED;
	slot->result->status = exception_signal(fault->vector);
	crash_report(slot->result->report, sizeof(slot->result->report), fault, &program,
		     &guest->library_os, slot_last_log(slot));
}

/* The library OS has a handler for such a fault. Under process isolation it was called already: a
 * fault that comes here has none, whatever the guest writes into the control page. */
static bool takes_fault(const struct slot *slot, const struct guest_fault *fault)
{
	return slot->machine->isolation->makes_upcalls && fault->vector < GUEST_VECTOR_TICK &&
	       window_control(&slot->window)->upcalls >> fault->vector & 1;
}

/* Tells the library OS what interrupted the program. False where it is not the program that was
 * interrupted, nor the library OS on its behalf. */
static bool make_upcall(struct slot *slot, const struct guest_fault *fault)
{
	if (!guest_takes_upcall(fault->vector, fault->rip, fault->address))
		return false;
	window_control(&slot->window)->fault = *fault;
	return true;
}

static enum guest_next serve_fault(struct slot *slot, const struct guest_fault *fault)
{
	if (takes_fault(slot, fault) && make_upcall(slot, fault))
		return GUEST_UPCALLED;
	report_crash(slot, fault);
	return GUEST_FINISHED;
}

static enum guest_next serve_tick(struct slot *slot, const struct guest_fault *fault)
{
	if (make_upcall(slot, fault))
		return GUEST_UPCALLED;
	window_control(&slot->window)->tick_missed = 1;
	alarm_retry(&slot->machine->alarm);
	return GUEST_CONTINUES;
}

static int native_serve_exit(struct slot *slot, const struct machine_exit *exit,
			     enum guest_next *next, struct error *error)
{
	struct guest_fault fault;
	int result;
	switch (exit->stop) {
	case MACHINE_HYPERCALL:
		return hypercall_serve(slot, next, error);
	case MACHINE_TICK:
		*next = serve_tick(slot, &exit->fault);
		return 0;
	case MACHINE_PORT:
	case MACHINE_MEMORY:
		/* The only port that it has is its hypercall page's. */
		result = slot->machine->isolation->inspect(slot->machine, &fault, error);
		if (!result)
			*next = serve_fault(slot, &fault);
		return result;
	default:
		*next = serve_fault(slot, &exit->fault);
		return 0;
	}
}

static int native_finish(struct slot *slot, enum slot_end end, struct error *error)
{
	int result = end == SLOT_FINISHED ? hypercall_take_rest(slot, error) : 0;
	if (!result)
		trace_finish(slot, end);
	return result;
}

const struct guest_kind guest_native = {
    .name = "native",
    .has_environment = true,
    .load = native_load,
    .describe = native_describe,
    .restore = native_restore,
    .unload = native_unload,
    .begin = native_begin,
    .serve_exit = native_serve_exit,
    .finish = native_finish,
};
