/* Seeding Unikraft's generators anew; see generator.h. */
#include "generator.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "monitor/slot/slot.h"
#include "sizes/sizes.h"

#define WORDS	   16U
#define STATE_SIZE (sizeof(uint32_t) * (1 + 2 * WORDS)) /* k, input, output */
#define KEY_SIZE   32U
#define SEARCH_MAX (64UL << 20) /* bytes; kernels have less that is not their heap */

static const char sigma[] = "expand 32-byte k";
#define SIGMA_SIZE (sizeof(sigma) - 1)

static uint32_t get32(const uint8_t *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* The constant stood there when the image was loaded: it is what states are made of, and none. */
static bool was_in_file(const struct unikraft_segment *segment, const uint8_t *file,
			uint64_t offset)
{
	return range_within(offset, SIGMA_SIZE, segment->file_size) &&
	       !memcmp(file + segment->offset + offset, sigma, SIGMA_SIZE);
}

/* `offset`: of the constant, within the segment. */
static bool is_state(const struct unikraft_segment *segment, const uint8_t *file,
		     const uint8_t *memory, uint64_t offset)
{
	const uint64_t k = sizeof(uint32_t);
	return offset >= k && (segment->address + offset) % sizeof(uint32_t) == 0 &&
	       range_within(offset - k, STATE_SIZE, segment->memory_size) &&
	       get32(memory + segment->address + offset - k) <= WORDS &&
	       !was_in_file(segment, file, offset);
}

static void search_segment(struct unikraft_generators *generators,
			   const struct unikraft_segment *segment, uint64_t size,
			   const uint8_t *file, const uint8_t *memory)
{
	const uint8_t *begin = memory + segment->address, *end = begin + size, *found = begin;
	while ((found = memmem(found, (size_t)(end - found), sigma, SIGMA_SIZE))) {
		const uint64_t offset = (uint64_t)(found - begin);
		if (generators->count < UNIKRAFT_GENERATORS_MAX &&
		    is_state(segment, file, memory, offset))
			generators->places[generators->count++] = segment->address + offset;
		found += SIGMA_SIZE;
	}
}

void unikraft_generators_find(struct unikraft_generators *generators,
			      const struct unikraft_image *image, const uint8_t *file,
			      const uint8_t *memory)
{
	uint64_t left = SEARCH_MAX;
	generators->count = 0;
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct unikraft_segment *segment = &image->segments[i];
		const uint64_t size = segment->memory_size < left ? segment->memory_size : left;
		if (!segment->writable)
			continue;
		search_segment(generators, segment, size, file, memory);
		left -= size;
	}
}

/* Mixes it in, so that the host's randomness can only add to the guest's. */
static void seed(uint8_t *state, const uint8_t fresh[KEY_SIZE])
{
	const uint32_t used_up = WORDS;
	uint8_t *input = state + sizeof(used_up);
	/* Where nothing of `output` is left. */
	memcpy(state, &used_up, sizeof(used_up));
	for (size_t i = 0; i < KEY_SIZE; i++)
		input[SIGMA_SIZE + i] ^= fresh[i];
}

int unikraft_generators_seed(const struct unikraft_generators *generators, struct slot *slot,
			     struct error *error)
{
	const struct isolation *isolation = slot->machine->isolation;
	for (size_t i = 0; i < generators->count; i++) {
		uint8_t fresh[KEY_SIZE];
		uint8_t *state = isolation->memory(
		    slot->machine, generators->places[i] - sizeof(uint32_t), STATE_SIZE);
		if (!state)
			continue;
		if (getrandom(fresh, sizeof(fresh), 0) != sizeof(fresh))
			return error_set_errno(error, errno, "cannot draw random bytes");
		seed(state, fresh);
	}
	return 0;
}
