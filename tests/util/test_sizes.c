/* Rounding and counting, at the ends of what fits. */
#include "sizes/sizes.h"

#include "check.h"

#define PAGE 4096UL

static void test_rounding(void)
{
	static const struct {
		uint64_t value, down, up;
	} cases[] = {
	    {0, 0, 0},
	    {1, 0, PAGE},
	    {PAGE - 1, 0, PAGE},
	    {PAGE, PAGE, PAGE},
	    {PAGE + 1, PAGE, 2 * PAGE},
	    {UINT64_MAX - PAGE + 1, UINT64_MAX - PAGE + 1, UINT64_MAX - PAGE + 1},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t up = 1;
		CHECK(round_down(cases[i].value, PAGE) == cases[i].down);
		CHECK(round_up(cases[i].value, PAGE) == cases[i].up);
		CHECK(!round_up_overflows(cases[i].value, PAGE, &up) && up == cases[i].up);
	}
	uint64_t up;
	CHECK(round_up_overflows(UINT64_MAX - PAGE + 2, PAGE, &up));
	CHECK(round_up_overflows(UINT64_MAX, PAGE, &up));
	CHECK(!round_up_overflows(UINT64_MAX, 1, &up) && up == UINT64_MAX);
}

static void test_dividing(void)
{
	CHECK(divide_up(0, 7) == 0 && divide_up(1, 7) == 1 && divide_up(7, 7) == 1);
	CHECK(divide_up(8, 7) == 2);
	CHECK(divide_up(UINT64_MAX, PAGE) == 1UL << 52);
	CHECK(divide_up(UINT64_MAX, UINT64_MAX) == 1);
}

static void test_ranges(void)
{
	CHECK(range_within(0, 0, 0) && range_within(3, 4, 7) && range_within(7, 0, 7));
	CHECK(!range_within(3, 5, 7) && !range_within(8, 0, 7));
	CHECK(!range_within(1, UINT64_MAX, 7) && !range_within(UINT64_MAX, UINT64_MAX, UINT64_MAX));
	CHECK(range_within(UINT64_MAX, 0, UINT64_MAX));
}

int main(void)
{
	test_rounding();
	test_dividing();
	test_ranges();
	return check_status();
}
