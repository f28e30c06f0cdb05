/* A root image as a guest sees it: its pages, large and small ones, with what the file has; to be
 * read and nothing else, and there to its end. Also beside pages of it that were shown in the
 * mapping area and are gone again, and in the next request. Usage: test_root_pages ISOLATION */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "machine_rig.h"
#include "monitor/memory/page_area.h"
#include "monitor/memory/working_set.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define PAGE	GUEST_PAGE_SIZE
#define SIZE	(2 * IMAGE_LARGE_PAGE + 3 * PAGE)
#define PLACE	0xc000000000UL
#define READING 0UL /* guest_use */
#define WRITING 1UL
#define STAMPS	251

static uint8_t stamp(uint64_t offset)
{
	return (uint8_t)(offset / PAGE % STAMPS);
}

/* A file of SIZE bytes, each page full of its stamp. In one piece, so that the page cache has it in
 * large pages where the file system is one that can. */
static int make_root(bool on_disk)
{
	const char *folder = getenv("TMPDIR");
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/mayfly-test-pages-XXXXXX", folder ? folder : "/tmp");
	int fd = on_disk ? mkostemp(path, O_CLOEXEC) : memfd_create("root", MFD_CLOEXEC);
	if (on_disk)
		unlink(path);
	cleanup_free uint8_t *contents = malloc(SIZE);
	for (uint64_t at = 0; contents && at < SIZE; at++)
		contents[at] = stamp(at);
	if (!CHECK(fd >= 0 && contents && pwrite(fd, contents, SIZE, 0) == SIZE))
		exit(check_status());
	return fd;
}

/* What the guest finds there, or -1 where it faults. */
static int use(struct rig *rig, uint64_t address, uint64_t how)
{
	struct stop stop = rig_run(rig, MACHINE_CONTINUE, (int64_t)(address | how));
	if (stop.why == MACHINE_HYPERCALL)
		return (int)stop.argument;
	CHECK(stop.why == MACHINE_FAULT);
	CHECK_NUMBER(stop.fault.address, address);
	return -1;
}

static void start_anew(struct rig *rig)
{
	rig_reset(rig);
	CHECK_NUMBER(rig_run(rig, MACHINE_START, 0).argument, 0);
}

static void check_contents(struct rig *rig)
{
	static const uint64_t offsets[] = {0,
					   PAGE,
					   IMAGE_LARGE_PAGE - PAGE,
					   IMAGE_LARGE_PAGE,
					   2 * IMAGE_LARGE_PAGE - PAGE,
					   2 * IMAGE_LARGE_PAGE,
					   SIZE - PAGE};
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		CHECK_NUMBER(use(rig, GUEST_ROOT_BASE + offsets[i], READING), stamp(offsets[i]));
}

static void test_reading(struct rig *rig)
{
	static const uint64_t places[] = {0, IMAGE_LARGE_PAGE, SIZE - PAGE};
	check_contents(rig);
	CHECK_NUMBER(use(rig, GUEST_ROOT_BASE + SIZE, READING), -1);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		start_anew(rig);
		CHECK_NUMBER(use(rig, GUEST_ROOT_BASE + places[i], WRITING), -1);
		start_anew(rig);
		check_contents(rig);
	}
}

/* Pages from the middle of a large one, at another place for a while. */
static void test_showing(struct rig *rig)
{
	const struct page_run run = {.address = PLACE,
				     .length = 2 * PAGE,
				     .source = GUEST_ROOT_BASE + IMAGE_LARGE_PAGE + 5 * PAGE,
				     .protection = GUEST_READ};
	for (int round = 0; round < 3; round++) {
		start_anew(rig);
		check_contents(rig);
		CHECK_NUMBER(rig->isolation->map(rig->machine, &run), 0);
		CHECK_NUMBER(use(rig, PLACE, READING), stamp(IMAGE_LARGE_PAGE + 5 * PAGE));
		CHECK_NUMBER(use(rig, PLACE + PAGE, READING), stamp(IMAGE_LARGE_PAGE + 6 * PAGE));
		check_contents(rig);
		CHECK_NUMBER(rig->isolation->unmap(rig->machine, PLACE, 2 * PAGE), 0);
		check_contents(rig);
		CHECK_NUMBER(use(rig, PLACE, READING), -1);
	}
	start_anew(rig);
	CHECK_NUMBER(rig->isolation->map(rig->machine, &run), 0);
	CHECK_NUMBER(use(rig, PLACE, READING), stamp(IMAGE_LARGE_PAGE + 5 * PAGE));
	start_anew(rig); /* which takes it away */
	check_contents(rig);
	CHECK_NUMBER(use(rig, PLACE, READING), -1);
}

static void open_clone(struct rig *rig, struct working_set *working_set)
{
	rig->image.working_set = working_set;
	if (!rig_create(rig, true))
		exit(check_status());
	CHECK_NUMBER(rig_run(rig, MACHINE_RESUME, 0).argument, 0);
}

/* The large pages that a request reads are known, and touched for those that come later. */
static void test_working_set(struct rig *rig)
{
	struct working_set working_set = {0};
	rig->entries.resume = rig->entries.start;
	for (int clone = 0; clone < 3; clone++) {
		open_clone(rig, &working_set);
		check_contents(rig);
		rig_reset(rig);
		rig_destroy(rig);
	}
	size_t count = 0;
	const uint64_t *touched = working_set_touched(&working_set, &count);
	size_t of_root = 0;
	for (size_t i = 0; i < count; i++) {
		of_root += touched[i] >= GUEST_ROOT_BASE;
		CHECK(touched[i] < GUEST_ROOT_BASE + SIZE);
	}
	CHECK_NUMBER(of_root, 4); /* two large pages, and two of the three at the end */
}

static void test_root(const struct isolation *isolation, bool on_disk)
{
	struct rig rig;
	cleanup_close int root = make_root(on_disk);
	if (rig_open_with_root(&rig, isolation, guest_use, root, SIZE) && rig_create(&rig, true)) {
		CHECK_NUMBER(rig_run(&rig, MACHINE_START, 0).argument, 0);
		test_reading(&rig);
		test_showing(&rig);
		rig_destroy(&rig);
		if (isolation == &isolation_kvm)
			test_working_set(&rig);
	}
	rig_close(&rig);
}

static void test_all(const struct isolation *isolation)
{
	test_root(isolation, false);
	test_root(isolation, true);
}

int main(int argc, char **argv)
{
	return rig_main(argc, argv, test_all);
}
