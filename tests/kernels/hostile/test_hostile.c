/* Kernels that attack: each attack of attacks.def ends as it must, within its deadline, and the machine
 * that it had then runs a kernel that does nothing bad. Afterwards the monitor has no more descriptors,
 * threads or memory than before.
 *
 * usage: test_hostile KERNEL [ATTACK] */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "kernels/kernel_rig.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "util/file.h"

#define LIMIT_NS      (NANOSECONDS_PER_SECOND / 10)
#define CALM_NS	      (20 * NANOSECONDS_PER_SECOND) /* for kernels that are to come to their end */
#define SLOWNESS_NS   (5 * NANOSECONDS_PER_SECOND)  /* on a busy machine, beyond a deadline */
#define MEMORY_GROWTH (16UL << 20)

enum expectation { ENDED = RIG_ENDED, FELL = RIG_FELL, HALTED = RIG_HALTED, LATE = RIG_LATE, ANY };

static const struct {
	const char *name;
	enum expectation end;
} attacks[] = {
#define ATTACK(name, end, lesson) {#name, end},
#include "attacks.def"
#undef ATTACK
};

static const char *const end_names[] = {"ended", "fell", "halted", "late", "failed"};

static unsigned count_entries(const char *path)
{
	unsigned count = 0;
	DIR *directory = opendir(path);
	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

static uint64_t resident_bytes(void)
{
	char *text = NULL;
	unsigned long pages = 0;
	if (!file_read_generated("/proc/self/statm", &text, NULL))
		sscanf(text, "%*u %lu", &pages);
	free(text);
	return pages * 4096;
}

/* The words about rights in /proc/self/status: identities, capabilities, filters. */
static char *rights(void)
{
	char *text = NULL;
	if (file_read_generated("/proc/self/status", &text, NULL))
		return NULL;
	static const char *const names[] = {
	    "Uid:", "Gid:", "CapInh:", "CapPrm:", "CapEff:", "NoNewPrivs:", "Seccomp:"};
	char *out = calloc(1, strlen(text) + 1);
	for (size_t i = 0; i < ARRAY_SIZE(names) && out; i++) {
		const char *line = strstr(text, names[i]);
		if (line)
			strncat(out, line, strcspn(line, "\n"));
	}
	free(text);
	return out;
}

static void report(struct kernel_rig *rig, const char *name, const char *end)
{
	struct guest_fault fault = rig->exit.fault;
	if (rig->exit.stop != MACHINE_FAULT)
		isolation_kvm.inspect(rig->machine, &fault, &rig->error);
	fprintf(stderr, "  %s %s; vector %lu, code %#lx at %#lx, address %#lx: %s\n", name, end,
		(unsigned long)fault.vector, (unsigned long)fault.error_code, fault.rip,
		fault.address, rig->error.text);
}

static void attack(struct kernel_rig *rig, size_t number)
{
	const enum expectation wanted = attacks[number].end;
	const uint64_t limit_ns = wanted == LATE || wanted == ANY ? LIMIT_NS : CALM_NS;
	const uint64_t begin_ns = clock_now_ns();
	const enum rig_end end = rig_run(rig, number + 1, limit_ns);
	const uint64_t took_ns = clock_now_ns() - begin_ns;
	bool good = CHECK(end != RIG_FAILED);
	good = CHECK(wanted == ANY || (int)end == (int)wanted) && good;
	good = CHECK(took_ns < limit_ns + SLOWNESS_NS) && good;
	good = CHECK(!strstr(rig->output, "written")) && good;
	if (!good)
		report(rig, attacks[number].name, end_names[end]);
	if (!CHECK_NUMBER(rig_run(rig, 0, CALM_NS), RIG_ENDED) ||
	    !CHECK_TEXT(rig->output, "ended\n"))
		fprintf(stderr, "  after %s: stop %d, vector %lu at %#lx: %s\n",
			attacks[number].name, rig->exit.stop, (unsigned long)rig->exit.fault.vector,
			rig->exit.fault.rip, rig->error.text);
}

/* What devices may transfer to and from is the kernel's memory, and nothing else. */
static void test_memory(struct kernel_rig *rig)
{
	const struct {
		uint64_t address, length;
		bool good;
	} ranges[] = {
	    {0, 1, true},
	    {0, RIG_MEMORY, true},
	    {RIG_MEMORY - 1, 1, true},
	    {RIG_MEMORY - 1, 2, false},
	    {RIG_MEMORY, 1, false},
	    {RIG_MEMORY, KERNEL_OWN_SIZE, false},
	    {0, RIG_MEMORY + 1, false},
	    {4096, UINT64_MAX, false},
	    {UINT64_MAX, 1, false},
	    {UINT64_MAX - 4095, 8192, false},
	    {1UL << 63, 1, false},
	};
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++)
		CHECK(ranges[i].good == (isolation_kvm.memory(rig->machine, ranges[i].address,
							      ranges[i].length) != NULL));
}

static void test_attacks(struct kernel_rig *rig, const char *only)
{
	char *before = rights();
	const unsigned descriptors = count_entries("/proc/self/fd"),
		       threads = count_entries("/proc/self/task");
	uint64_t resident = 0;
	for (size_t i = 0; i < ARRAY_SIZE(attacks); i++) {
		if (only && strcmp(only, attacks[i].name) != 0)
			continue;
		attack(rig, i);
		if (i == ARRAY_SIZE(attacks) / 2)
			resident = resident_bytes();
	}
	char *after = rights();
	CHECK_TEXT(after, before);
	CHECK_NUMBER(count_entries("/proc/self/fd"), descriptors);
	CHECK_NUMBER(count_entries("/proc/self/task"), threads);
	CHECK(only || resident_bytes() < resident + MEMORY_GROWTH);
	free(before);
	free(after);
}

int main(int count, char **words)
{
	static struct kernel_rig rig;
	if (count < 2) {
		fprintf(stderr, "usage: test_hostile KERNEL [ATTACK]\n");
		return 2;
	}
	int result = rig_open(&rig, words[1], true);
	if (result) {
		fprintf(stderr, "%s\n", rig.error.text);
		rig_close(&rig);
		return result == -ENODEV ? CHECK_SKIPPED : 1;
	}
	CHECK_NUMBER(rig_run(&rig, 0, CALM_NS), RIG_ENDED);
	test_memory(&rig);
	test_attacks(&rig, words[2]);
	rig_close(&rig);
	return check_status();
}
