/* The one freeze: when the program first waits for its request (or says that it is ready), the
 * monitor takes the snapshot from which every request is then cloned. */
#include "libos.h"
#include "signals.h"

#define AT_RANDOM_SIZE 16

static bool snapshot_taken;

void snapshot_take(void)
{
	if (snapshot_taken)
		return;
	/* Set before the freeze, so that it is part of the snapshot. */
	snapshot_taken = true;
	machine_freeze();
	time_start();
	signals_resume();
	random_reseed();
	/* The program may have taken its first stack page away. */
	if (user_writable(libos_start_info.at_random, AT_RANDOM_SIZE))
		random_bytes((void *)libos_start_info.at_random, AT_RANDOM_SIZE);
}
