/* Where Unikraft's random number generator is found in a guest's memory, and where it is not. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "monitor/guests/unikraft/generator.h"
#include "monitor/slot/slot.h"
#include "sizes/sizes.h"

#define DATA	    0x2000UL /* where the image's variables are: the first half is in its file */
#define DATA_SIZE   0x1000UL
#define FILE_SIZE   (DATA_SIZE / 2)
#define MEMORY_SIZE 0x4000UL
#define KEY	    16 /* behind the constant */

static uint8_t file[FILE_SIZE], memory[MEMORY_SIZE];

static struct unikraft_image image = {
    .segments =
	{{.address = 0, .memory_size = DATA, .executable = true},
	 {.address = DATA, .memory_size = DATA_SIZE, .file_size = FILE_SIZE, .writable = true}},
    .segment_count = 2,
};

/* Without the end of a text. */
static const char sigma[] = {'e', 'x', 'p', 'a', 'n', 'd', ' ', '3',
			     '2', '-', 'b', 'y', 't', 'e', ' ', 'k'};

/* The constant at `place`, with that in front of it. */
static void put(uint64_t place, uint32_t k)
{
	memcpy(memory + place - sizeof(k), &k, sizeof(k));
	memcpy(memory + place, sigma, sizeof(sigma));
}

static size_t find(struct unikraft_generators *generators)
{
	unikraft_generators_find(generators, &image, file, memory);
	return generators->count;
}

static void expect(uint64_t place, uint32_t k, size_t count)
{
	struct unikraft_generators generators;
	memset(memory, 0, sizeof(memory));
	put(place, k);
	if (CHECK_NUMBER(find(&generators), count) && count)
		CHECK_NUMBER(generators.places[0], place);
}

static void test_places(void)
{
	struct unikraft_generators generators;
	const uint64_t last = DATA + DATA_SIZE - 128;
	expect(DATA + 4, 0, 1);
	expect(DATA + 0x100, 16, 1);
	expect(last, 3, 1);
	/* No room for a state, not aligned, no such number in front, another segment. */
	expect(DATA, 0, 0);
	expect(last + 4, 0, 0);
	expect(DATA + DATA_SIZE - 8, 0, 0);
	expect(DATA + 0x102, 0, 0);
	expect(DATA + 0x100, 17, 0);
	expect(DATA - 0x100, 0, 0);
	expect(DATA + DATA_SIZE + 0x100, 0, 0);
	/* The constant itself. */
	memcpy(file + 0x100, sigma, sizeof(sigma));
	expect(DATA + 0x100, 0, 0);
	expect(DATA + 0x200, 0, 1);
	memset(file, 0, sizeof(file));
	memset(memory, 0, sizeof(memory));
	CHECK_NUMBER(find(&generators), 0);
	for (unsigned i = 0; i < 2 * UNIKRAFT_GENERATORS_MAX; i++)
		put(DATA + 0x80UL * (i + 1), 0);
	CHECK_NUMBER(find(&generators), UNIKRAFT_GENERATORS_MAX);
}

static uint8_t *find_memory(struct machine *machine, uint64_t physical, uint64_t length)
{
	(void)machine;
	return range_within(physical, length, MEMORY_SIZE) ? memory + physical : NULL;
}

/* The key is another one each time, and nothing else changes but what has been drawn ahead. */
static void test_seed(void)
{
	const struct isolation isolation = {.name = "test", .memory = find_memory};
	struct machine machine = {.isolation = &isolation};
	struct slot slot = {.machine = &machine};
	struct unikraft_generators generators;
	struct error error = {0};
	static uint8_t before[MEMORY_SIZE], once[MEMORY_SIZE];
	const uint64_t place = DATA + 0x100, key = place + KEY;
	memset(memory, 0, sizeof(memory));
	put(place, 5);
	CHECK_NUMBER(find(&generators), 1);
	memcpy(before, memory, sizeof(memory));
	CHECK_NUMBER(unikraft_generators_seed(&generators, &slot, &error), 0);
	memcpy(once, memory, sizeof(memory));
	CHECK(memcmp(before + key, once + key, 32) != 0);
	CHECK_NUMBER(memory[place - 4], 16);
	memcpy(memory, before, sizeof(memory));
	CHECK_NUMBER(unikraft_generators_seed(&generators, &slot, &error), 0);
	CHECK(memcmp(memory + key, once + key, 32) != 0);
	memcpy(memory + key, before + key, 32);
	memory[place - 4] = 5;
	CHECK(!memcmp(memory, before, sizeof(memory)));
}

int main(void)
{
	test_places();
	test_seed();
	return check_status();
}
