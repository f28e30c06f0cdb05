/* The device that has the request behind it (slot/request_disk.h). */
#include <errno.h>
#include <signal.h>

#include "monitor/guests/fault_report.h"
#include "monitor/guests/solo5/solo5.h"

int solo5_request_gather(struct slot *slot, enum guest_next *next, struct error *error)
{
	struct request_disk *request = &solo5_slot_of(slot)->request;
	int result = request_disk_gather(request, slot, slot->deadline_ns, error);
	if (result && result != -EAGAIN)
		return result;
	if (result)
		slot_miss_deadline(slot, "the request did not come");
	else if (request->too_long)
		guest_report_stop(slot, SIGXFSZ,
				  "its request is longer than the %lu MiB of its device",
				  REQUEST_DISK_MAX >> 20);
	else
		return 0;
	*next = GUEST_FINISHED;
	return 0;
}
