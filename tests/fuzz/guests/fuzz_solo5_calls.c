/* Hypercalls of a hostile Solo5 guest: the input is what it has in memory, and which calls it makes.
 * There is no machine; the file of the block device is a memory file. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../solo5_slot.h"
#include "util/log.h"

#define CALLS_MAX 64UL
#define LATE_NS	  1000000UL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool promise)
{
	if (!promise)
		abort();
}

static const struct solo5_manifest manifest = {
    .version = SOLO5_MANIFEST_VERSION,
    .count = 4,
    .entries = {{.type = SOLO5_RESERVED},
		{.name = "disk", .type = SOLO5_BLOCK},
		{.name = "request", .type = SOLO5_BLOCK},
		{.name = "accel", .type = SOLO5_BLOCK}},
};

/* Once, for all inputs: a disk that stays as large as it is. */
static int open_disk(void)
{
	static int disk = -1;
	if (disk < 0) {
		disk = memfd_create("disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		check(disk >= 0 && !ftruncate(disk, 16384));
		check(!fcntl(disk, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK));
	}
	return disk;
}

/* A byte says where arguments begin, so that most of them lie within the input. */
static uint32_t choose_address(uint8_t byte)
{
	static const uint32_t odd[] = {0, UINT32_MAX, SOLO5_PLAYED_MEMORY - 1,
				       SOLO5_PLAYED_MEMORY - 16, SOLO5_PLAYED_MEMORY};
	return byte < ARRAY_SIZE(odd) ? odd[byte] : byte * 8U;
}

static void play(struct solo5_played *played, const uint8_t *data, size_t size)
{
	struct error error = {0};
	enum guest_next next = GUEST_CONTINUES;
	check(!solo5_begin(&played->slot, &error));
	for (size_t i = 0; i + 2 <= size && i < 2 * CALLS_MAX; i += 2) {
		/* Nobody waits longer than the request may take. */
		played->slot.deadline_ns = clock_now_ns() + LATE_NS;
		int result = solo5_hypercall(&played->slot, data[i] % 12,
					     choose_address(data[i + 1]), &next, &error);
		check(!result);
		if (next == GUEST_FROZEN) {
			check(played->slot.setup);
			check(!solo5_save(&played->slot, &played->setup.state, &error));
			check(!solo5_check_state(&played->guest, &played->setup.state, &error));
			return;
		}
		if (next == GUEST_FINISHED) {
			check(
			    played->result.outcome == OUTCOME_EXITED ||
			    (played->result.outcome == OUTCOME_CRASHED && *played->result.report));
			return;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct solo5_played played;
	char disk[64];
	struct error error = {0};
	if (size < 1)
		return 0;
	log_setup("fuzz", LOG_ERROR - 1); /* of calls that nobody serves */
	snprintf(disk, sizeof(disk), "block:disk=/proc/self/fd/%d", open_disk());
	const char *const devices[] = {disk, NULL};
	check(solo5_played_open(&played, &manifest, devices, &error));
	const size_t calls = size - 1 < 2 * CALLS_MAX ? size - 1 : 2 * CALLS_MAX;
	memcpy(played.memory, data + 1, size - 1 < SOLO5_PLAYED_MEMORY ? size - 1 : 0);
	played.request.response_limit = 1UL << 20;
	played.request.data = data;
	played.request.length = size;
	if (data[0] & 1)
		played.slot.setup = &played.setup;
	play(&played, data + size - calls, calls);
	solo5_played_close(&played);
	return 0;
}
