/* The one freeze, and where requests begin and end; see snapshot.h. docs/guest-abi.md has the
 * rules.
 *
 * When the program first waits for its request (or says that it is ready), the monitor takes the
 * snapshot from which every request is then cloned. Where there is a request to warm up with,
 * the program gets that first, and the snapshot is taken where it waits for the next. */
#include "snapshot.h"

#include "arch/code.h"
#include "arch/hypercall.h"
#include "guest/drivers/random.h"
#include "guest/fs/directory.h"
#include "guest/fs/hostfs.h"
#include "guest/machine/clock.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/mm/address_space.h"
#include "guest/mm/fault.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "guest/sched/processor_time.h"
#include "guest/sched/thread.h"
#include "guest/signal/signals.h"
#include "variables.h"

#define AT_RANDOM_SIZE 16
#define SETTLING_NS    500000000UL /* of processor time; compilers at run time need some 100 ms */

static enum {
	SETTING_UP,
	WARMING_UP, /* the request in the window is the one to warm up with */
	SERVING,
} phase;

static bool over_connections; /* that is how requests come */
static bool warmed;	      /* the program showed that it serves one request after another */

static void freeze(void)
{
	/* Set before the freeze, so that it is part of the snapshot. */
	phase = SERVING;
	/* A clone is to the program what a child is that it forked: what is marked MADV_WIPEONFORK is
	 * zero there. It is so in the snapshot already, and costs a clone nothing. */
	address_spaces_wipe_on_fork();
	vma_fault_ahead();
	code_leave_as_is();
	processor_time_stop();
	machine_control()->arguments[0] = over_connections;
	machine_freeze();
	directory_new_epoch();
	hostfs_resume();
	clock_start();
	processor_time_start();
	signals_resume();
	process_tell_executable();
	threads_resume();
	random_reseed();
	struct {
		uint8_t at_random[AT_RANDOM_SIZE];
		uint32_t id;
	} fresh;
	random_bytes(&fresh, sizeof(fresh));
	process_renew_id(fresh.id);
	/* The first process was told where its random bytes and its variables are. */
	struct address_space *const before = address_space_current();
	address_space_enter(process_first.memory);
	/* An error is ignored: the program may have unmapped the page. */
	(void)user_copy_out(process_first.start.at_random, fresh.at_random, AT_RANDOM_SIZE);
	variables_resume();
	address_space_enter(before);
}

bool snapshot_takes_connections(void)
{
	over_connections |= phase == SETTING_UP;
	return over_connections;
}

bool snapshot_is_early(uint32_t self)
{
	static uint64_t end_ns; /* of the others' time */
	if (phase != SETTING_UP || thread_count_runnable() <= self)
		return false;
	const uint64_t used_ns = processor_time_of_all();
	if (!end_ns)
		end_ns = used_ns + SETTLING_NS;
	return used_ns < end_ns;
}

void snapshot_begin_request(void)
{
	if (phase != SETTING_UP)
		return;
	if (machine_control()->warm_up && !machine_hypercall(HYPERCALL_WARM_UP, 0, 0, 0)) {
		phase = WARMING_UP;
		warmed = true;
		return;
	}
	freeze();
}

void snapshot_end_request(void)
{
	if (phase == WARMING_UP)
		freeze();
	else if (phase == SERVING)
		machine_exit(0);
}

bool snapshot_is_warmed(void)
{
	return warmed;
}

bool snapshot_is_warming_up(void)
{
	return phase == WARMING_UP;
}
