/* How many of its process's mappings a machine may take, of which all machines of a monitor together have
 * 65,530 (vm.max_map_count): a guest can have translations forgotten wherever it likes.
 * Usage: test_space_mappings ISOLATION */
#include <stdio.h>

#include "monitor/machine_rig.h"

#define PAGE	  GUEST_PAGE_SIZE
#define POOL_SIZE (1UL << 30)
#define PART	  GUEST_SPACE_OWN_SIZE
#define MACHINES  52
/* Of a machine, and of all. */
#define MAPPINGS_MAX 520
#define ALL_MAX	     30000

static int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int count = 0, byte;
	if (!CHECK(maps != NULL))
		return 0;
	while ((byte = fgetc(maps)) != EOF)
		count += byte == '\n';
	fclose(maps);
	return count;
}

/* Takes rights from a page of each part of the pool, and gives them back. */
static void narrow(const struct rig *rig)
{
	for (uint64_t at = 16 * PAGE; at < POOL_SIZE; at += PART) {
		const uint64_t page = GUEST_POOL_BASE + at;
		CHECK_NUMBER(rig->isolation->protect(rig->machine, page, PAGE, GUEST_READ), 0);
		CHECK_NUMBER(
		    rig->isolation->protect(rig->machine, page, PAGE, GUEST_READ | GUEST_WRITE), 0);
	}
}

static bool open_beside(struct rig *rig, const struct rig *first)
{
	if (!rig_open_with(rig, first->isolation, guest_use, -1, 0, POOL_SIZE))
		return false;
	if (rig != first) {
		rig->isolation->close(rig->host);
		rig->host = first->host;
	}
	return rig_create(rig, true) && CHECK_NUMBER(rig_run(rig, MACHINE_START, 0).argument, 0);
}

static void test(const struct isolation *isolation)
{
	static struct rig rigs[MACHINES];
	size_t count = 0;
	rigs[0].isolation = isolation;
	const int first = count_mappings();
	for (; count < MACHINES && open_beside(&rigs[count], &rigs[0]); count++) {
		const struct rig *rig = &rigs[count];
		const int before = count_mappings();
		narrow(rig);
		const int after = count_mappings();
		if (!CHECK(after - before <= MAPPINGS_MAX))
			fprintf(stderr, "  machine %zu: %d mappings, then %d\n", count, before,
				after);
	}
	CHECK_NUMBER(count, MACHINES);
	const int all = count_mappings();
	if (!CHECK(all <= ALL_MAX))
		fprintf(stderr, "  %d mappings in all\n", all);
	/* Each goes on, and what it had goes with it. */
	for (size_t i = count; i--;) {
		CHECK_NUMBER(rig_run(&rigs[i], MACHINE_CONTINUE, GUEST_POOL_BASE).why,
			     MACHINE_HYPERCALL);
		CHECK(rig_reset(&rigs[i]));
		if (i) {
			rig_destroy(&rigs[i]);
			rigs[i].host = NULL;
		}
		rig_close(&rigs[i]);
	}
	CHECK(count_mappings() - first < 1000); /* sanitizers have some of their own */
}

int main(int argc, char **argv)
{
	return rig_main(argc, argv, test);
}
