/* The one freeze, and where requests begin and end; docs/guest-abi.md has the rules.
 *
 * When the program first waits for its request (or says that it is ready), the monitor takes the
 * snapshot from which every request is then cloned. Where there is a request to warm up with, the
 * program gets that first, and the snapshot is taken where it waits for the next.
 */
#include "area.h"
#include "libos.h"
#include "served.h"
#include "signals.h"

#define AT_RANDOM_SIZE 16

static enum {
	SETTING_UP,
	WARMING_UP, /* the request in the window is the one to warm up with */
	SERVING,
} phase;

static bool warmed; /* the program showed that it serves one request after another */

static void freeze(void)
{
	/* Set before, so that it is part of the snapshot. */
	phase = SERVING;
	area_fill_ahead();
	machine_freeze();
	served_resume();
	time_start();
	signals_resume();
	threads_resume();
	random_reseed();
	/* The program may have taken its first stack page away. */
	if (user_writable(libos_start_info.at_random, AT_RANDOM_SIZE))
		random_bytes((void *)libos_start_info.at_random, AT_RANDOM_SIZE);
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
