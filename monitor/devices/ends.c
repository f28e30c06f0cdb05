/* How devices end a request, and what those have in common that have no state; see devices.h. */
#include <signal.h>
#include <stdio.h>

#include "devices.h"
#include "monitor/slot/slot.h"

enum device_next device_end_request(struct slot *slot, uint8_t status)
{
	slot->result->outcome = OUTCOME_EXITED;
	slot->result->status = status;
	return DEVICE_FINISHED;
}

enum device_next device_end_by_crash(struct slot *slot)
{
	struct request_result *result = slot->result;
	result->outcome = OUTCOME_CRASHED;
	result->status = SIGABRT;
	snprintf(result->report, sizeof(result->report),
		 "%s crashed: it says so itself; what it wrote last may tell why", slot->name);
	return DEVICE_FINISHED;
}

size_t device_save_nothing(const struct device *device, uint8_t *out)
{
	(void)device;
	(void)out;
	return 0;
}

bool device_load_nothing(struct device *device, const uint8_t *data, size_t length)
{
	(void)device;
	(void)data;
	return !length;
}
