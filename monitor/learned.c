/* The file of what a monitor finds out; see learned.h. */
#include "learned.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "channel/channel.h"
#include "monitor_internal.h"
#include "util/cleanup.h"
#include "util/file.h"

#define LEARNED_MAGIC 0x314e524c464dUL /* "MFLRN1" */

struct learned {
	uint64_t magic;
	uint64_t count;
	struct working_range ranges[WORKING_SET_RANGES_MAX];
};
_Static_assert(sizeof(struct learned) <= CHANNEL_LEARNED_MAX, "a front takes it");

void learned_read(struct monitor *monitor, int fd)
{
	struct learned learned = {0};
	/* A copy: others may write to the file meanwhile. */
	const ssize_t length = pread(fd, &learned, sizeof(learned), 0);
	const size_t head = offsetof(struct learned, ranges);
	if (length < (ssize_t)head || learned.magic != LEARNED_MAGIC ||
	    learned.count > ((size_t)length - head) / sizeof(*learned.ranges))
		return;
	working_set_give(&monitor->working_set, learned.ranges, learned.count, monitor->image.size);
}

int learned_write(const struct monitor *monitor)
{
	size_t count;
	const struct working_range *ranges = working_set_written(&monitor->working_set, &count);
	/* Pages that were there in advance count as written: what began with them adds nothing. */
	if (!count || monitor->working_set.given_count)
		return -1;
	struct learned learned = {.magic = LEARNED_MAGIC, .count = count};
	memcpy(learned.ranges, ranges, count * sizeof(*ranges));
	cleanup_close int fd = memfd_create("mayfly-learned", MFD_CLOEXEC);
	const size_t length =
	    offsetof(struct learned, ranges) + learned.count * sizeof(*learned.ranges);
	if (fd < 0 || file_write_all(fd, &learned, length))
		return -1;
	return take_fd(&fd);
}
