/* A kernel that unmaps thousands of pages, in orders that are meant to find what is still there: all of its
 * accesses do as they must, in the first machine and in one that was used before.
 *
 * usage: test_unmapping KERNEL */
#include <errno.h>

#include "check.h"
#include "kernels/kernel_rig.h"
#include "util/clock.h"

#define LIMIT_NS (150 * NANOSECONDS_PER_SECOND)

/* Counts are hexadecimal: 800 are all pages, 12c some of them. */
static const char wanted[] = "in order\n  shown = 800\n  gone = 800\n"
			     "at random\n  shown = 800\n  gone = 800\n"
			     "at once\n  shown = 12c\n  gone at once = 12b\n"
			     "  neighbours kept = 12b\n"
			     "mapped again\n  shown = 12c\n  other frames = 12c\n"
			     "changed\n  changed = 12c\n  changed together = 12c\n"
			     "others\n  gone = 12c\n"
			     "aliases\n  shown = 12c\n  shown by both = 12c\n"
			     "  gone in the other = 12c\n  gone = 12c\n"
			     "tables\n  shown = 800\n  gone = 800\n  gone = 12c\n"
			     "  shown again = 800\n"
			     "protected\n  protected = 12c\n  writable = 12c\n"
			     "reloaded\n  gone = 800\n  shown = 800\n  as loaded = a0\n"
			     "roots\n  in roots = 80\n";

int main(int count, char **words)
{
	static struct kernel_rig rig;
	if (count != 2) {
		fprintf(stderr, "usage: test_unmapping KERNEL\n");
		return 2;
	}
	int result = rig_open(&rig, words[1], true);
	if (result) {
		fprintf(stderr, "%s\n", rig.error.text);
		rig_close(&rig);
		return result == -ENODEV ? CHECK_SKIPPED : 1;
	}
	for (int round = 0; round < 2; round++) {
		if (!CHECK_NUMBER(rig_run(&rig, 0, LIMIT_NS), RIG_ENDED))
			fprintf(stderr, "  stop %d, vector %lu at %#lx: %s\n", rig.exit.stop,
				(unsigned long)rig.exit.fault.vector, rig.exit.fault.rip,
				rig.error.text);
		CHECK_TEXT(rig.output, wanted);
	}
	rig_close(&rig);
	return check_status();
}
