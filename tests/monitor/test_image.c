/* Images: regions are checked, pointers stay within one region, copies are independent. */
#include <errno.h>

#include "check.h"
#include "monitor/memory/image.h"
#include "util/cleanup.h"

#define PAGE GUEST_PAGE_SIZE

static void test_map(void)
{
	struct error error = {0};
	cleanup(image_release) struct image image;
	CHECK_NUMBER(image_create(&image, 16 * PAGE, &error), 0);
	CHECK_NUMBER(image_map(&image, 0x400000, 4 * PAGE, GUEST_READ, &error), 0);
	/* Not made of pages. */
	CHECK_NUMBER(image_map(&image, 0x500001, PAGE, GUEST_READ, &error), -EINVAL);
	CHECK_NUMBER(image_map(&image, 0x500000, PAGE + 1, GUEST_READ, &error), -EINVAL);
	CHECK_NUMBER(image_map(&image, 0x500000, 0, GUEST_READ, &error), -EINVAL);
	CHECK_NUMBER(image_map(&image, 0UL - PAGE, 2 * PAGE, GUEST_READ, &error), -EINVAL);
	/* Overlaps, from every side. */
	CHECK_NUMBER(image_map(&image, 0x400000, PAGE, GUEST_READ, &error), -EEXIST);
	CHECK_NUMBER(image_map(&image, 0x403000, PAGE, GUEST_READ, &error), -EEXIST);
	CHECK_NUMBER(image_map(&image, 0x3ff000, 2 * PAGE, GUEST_READ, &error), -EEXIST);
	CHECK_NUMBER(image_map(&image, 0x3ff000, 8 * PAGE, GUEST_READ, &error), -EEXIST);
	CHECK(strstr(error.text, "overlap at 0x400000"));
	/* Neighbours are none. */
	CHECK_NUMBER(image_map(&image, 0x404000, PAGE, GUEST_READ, &error), 0);
	CHECK_NUMBER(image_map(&image, 0x3ff000, PAGE, GUEST_READ, &error), 0);
	/* Six pages are used, ten are left. */
	CHECK_NUMBER(image_map(&image, 0x600000, 11 * PAGE, GUEST_READ, &error), -ENOMEM);
	CHECK_NUMBER(image_map(&image, 0x600000, 10 * PAGE, GUEST_READ, &error), 0);
	CHECK_NUMBER(image_map(&image, 0x700000, PAGE, GUEST_READ, &error), -ENOMEM);
	CHECK_NUMBER(image.region_count, 4);
}

static void test_limits(void)
{
	struct error error = {0};
	struct image image;
	CHECK_NUMBER(image_create(&image, UINT64_MAX - 100, &error), -EINVAL);
	CHECK_NUMBER(image_create(&image, (IMAGE_REGIONS_MAX + 1) * PAGE, &error), 0);
	for (uint64_t i = 0; i < IMAGE_REGIONS_MAX; i++)
		CHECK_NUMBER(image_map(&image, i << 20, PAGE, GUEST_READ, &error), 0);
	CHECK_NUMBER(image_map(&image, 1UL << 40, PAGE, GUEST_READ, &error), -E2BIG);
	image_release(&image);
	CHECK_NUMBER(image.memfd, -1);
}

static void test_pointer(void)
{
	struct error error = {0};
	cleanup(image_release) struct image image;
	CHECK_NUMBER(image_create(&image, 4 * PAGE, &error), 0);
	CHECK_NUMBER(image_map(&image, 0x10000, PAGE, GUEST_READ, &error), 0);
	CHECK_NUMBER(image_map(&image, 0x11000, PAGE, GUEST_READ | GUEST_WRITE, &error), 0);
	const uint8_t *first = image_pointer(&image, 0x10000, PAGE);
	CHECK(first == image.memory + image.regions[0].offset);
	CHECK((uint8_t *)image_pointer(&image, 0x10fff, 1) == first + 0xfff);
	/* Not across regions, even where they are neighbours; not outside; not around the end. */
	CHECK(!image_pointer(&image, 0x10fff, 2));
	CHECK(!image_pointer(&image, 0xffff, 1));
	CHECK(!image_pointer(&image, 0x12000, 1));
	CHECK(!image_pointer(&image, 0x11000, UINT64_MAX));
	CHECK(image_region_at(&image, 0x11fff) == &image.regions[1]);
	CHECK(!image_region_at(&image, 0x12000));
}

static void test_copy(void)
{
	struct error error = {0};
	cleanup(image_release) struct image image;
	cleanup(image_release) struct image copy = {.memfd = -1};
	CHECK_NUMBER(image_create(&image, 1024 * PAGE, &error), 0);
	CHECK_NUMBER(image_map(&image, 0x10000, 1024 * PAGE, GUEST_READ, &error), 0);
	uint8_t *first = image_pointer(&image, 0x10000, PAGE);
	uint8_t *last = image_pointer(&image, 0x10000 + 1023 * PAGE, PAGE);
	first[0] = 17;
	last[PAGE - 1] = 23;
	CHECK_NUMBER(image_copy(&copy, &image, &error), 0);
	const uint8_t *its_first = image_pointer(&copy, 0x10000, PAGE);
	const uint8_t *its_last = image_pointer(&copy, 0x10000 + 1023 * PAGE, PAGE);
	CHECK(copy.memfd != image.memfd && its_first != first);
	CHECK_NUMBER(its_first[0], 17);
	CHECK_NUMBER(its_last[PAGE - 1], 23);
	first[0] = 18;
	CHECK_NUMBER(its_first[0], 17);
	/* Two pages of the thousand hold something: holes stay holes. */
	CHECK_NUMBER(image_resident_bytes(&copy), 2 * PAGE);
}

int main(void)
{
	test_map();
	test_limits();
	test_pointer();
	test_copy();
	return check_status();
}
