/* The torture kernel's lines are those that it prints in ring 0.
 *
 * usage: test_torture KERNEL LINES    LINES: the file with them; "-" prints what they are here */
#include <errno.h>

#include "check.h"
#include "kernels/emulation.h"
#include "kernels/kernel_rig.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

#define LIMIT_NS (60 * NANOSECONDS_PER_SECOND)

/* Tells the first lines that differ. */
static void compare(const char *got, const char *wanted)
{
	unsigned told = 0;
	for (unsigned line = 1; (*got || *wanted) && told < 10; line++) {
		const size_t got_length = strcspn(got, "\n");
		const size_t wanted_length = strcspn(wanted, "\n");
		if (!CHECK(got_length == wanted_length && !memcmp(got, wanted, got_length))) {
			fprintf(stderr, "  line %u: %.*s\n  wanted: %.*s\n", line, (int)got_length,
				got, (int)wanted_length, wanted);
			told++;
		}
		got += got_length + (got[got_length] != 0);
		wanted += wanted_length + (wanted[wanted_length] != 0);
	}
	CHECK_NUMBER(told, 0);
}

/* Where it was when it did not come to its end. */
static void report(struct kernel_rig *rig)
{
	struct guest_fault fault = rig->exit.fault;
	if (rig->exit.stop != MACHINE_FAULT)
		isolation_kvm.inspect(rig->machine, &fault, &rig->error);
	fprintf(stderr, "  stop %d, vector %u, code %#lx at %#lx: %s\n", rig->exit.stop,
		(unsigned)fault.vector, (unsigned long)fault.error_code, fault.rip,
		rig->error.text);
}

int main(int count, char **words)
{
	static struct kernel_rig rig;
	cleanup_free uint8_t *wanted = NULL;
	size_t length;
	if (count != 3) {
		fprintf(stderr, "usage: test_torture KERNEL LINES\n");
		return 2;
	}
	int result = rig_open(&rig, words[1], true);
	if (result) {
		fprintf(stderr, "%s\n", rig.error.text);
		rig_close(&rig);
		return result == -ENODEV ? CHECK_SKIPPED : 1;
	}
	const bool prints = !strcmp(words[2], "-");
	if (!prints)
		CHECK_NUMBER(file_read(words[2], RIG_OUTPUT_MAX, &wanted, &length, &rig.error), 0);
	/* The second time shows that nothing of the first one stays. */
	for (int round = 0; round < 2; round++) {
		const enum rig_end end = rig_run(&rig, emulation_loses_shadows(), LIMIT_NS);
		if (!CHECK_NUMBER(end, RIG_ENDED))
			report(&rig);
		if (prints)
			fputs(rig.output, stdout);
		else if (wanted)
			compare(rig.output, (const char *)wanted);
	}
	rig_close(&rig);
	return check_status();
}
