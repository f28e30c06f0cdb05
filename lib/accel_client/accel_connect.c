/* Connecting to this user's accelerator host without anybody's help; see accel_client.h. */
#include <errno.h>

#include "accel_client/accel_client.h"
#include "accel_client/accel_dial.h"
#include "accel_client/accel_start.h"
#include "util/clock.h"

int accel_client_connect(void *context, uint64_t deadline_ns, int *socket, struct error *error)
{
	struct accel_dial dial;
	int result = accel_dial_begin(&dial, NULL, deadline_ns, error);
	if (!result)
		result = accel_dial_look(&dial, socket, error);
	while (result == -EINPROGRESS) {
		const int host = accel_dial_descriptor(&dial);
		if (host >= 0)
			spawn_wait_end(host, accel_dial_moment(&dial));
		else
			accel_start_pause();
		result = accel_dial_look(&dial, socket, error);
	}
	accel_dial_end(&dial);
	return result;
}

const struct accel_dialer accel_dialer_own = {.dial = accel_client_connect};
