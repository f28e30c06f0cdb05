/* Doctor: features of the processor and of the kernel, each tried where it can be. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cli/doctor/advice.h"
#include "cli/doctor/cpu_flags.h"
#include "cli/doctor/doctor.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

static const struct cpu_feature {
	const char *name;
	enum finding_state without;
	const char *meaning, *advice;
} cpu_features[] = {
    {"fsgsbase", FINDING_MISSING, "guests set their thread pointer by themselves",
     "the kernel must be 5.9 or newer and started without nofsgsbase"},
    {"xsave", FINDING_MISSING, "vector state is saved and restored with a clone",
     "the kernel must be started without noxsave"},
    {"avx2", FINDING_NOTE, "models run at full speed", "models run, but slower"},
    {"avx512f", FINDING_NOTE, "models use 512-bit vectors", ""},
    {"rdrand", FINDING_NOTE, "guests can draw randomness from the processor", ""},
    {"constant_tsc", FINDING_NOTE, "the counter that guests read time from has a constant speed",
     "a guest's clock may run wrong"},
    {"nonstop_tsc", FINDING_NOTE,
     "the counter that guests read time from goes on while the processor sleeps",
     "a guest's clock may fall behind"},
};

static void probe_cpu(struct doctor_report *report, const struct surroundings *here)
{
	static const char area[] = "processor";
	struct cpu_flags flags;
	cpu_flags_read(&flags);
	doctor_add(report, area, "model", FINDING_GOOD, "%s",
		   flags.model[0] ? flags.model : "unknown");
	for (size_t i = 0; i < ARRAY_SIZE(cpu_features); i++) {
		const struct cpu_feature *feature = &cpu_features[i];
		if (cpu_flags_have(&flags, feature->name)) {
			doctor_add(report, area, feature->name, FINDING_GOOD, "%s",
				   feature->meaning);
			continue;
		}
		struct finding *finding =
		    doctor_add(report, area, feature->name, feature->without, "not there");
		/* A container cannot decide how its kernel is started. */
		if (*feature->advice)
			doctor_advise(finding, "%s%s", here->container ? "on its host: " : "",
				      feature->advice);
	}
}

/* Numbers of kernel interfaces that are newer than Debian 12's headers. */
#define PAGEMAP_SCAN_ARGUMENT_SIZE   96
#define PAGEMAP_SCAN_REQUEST	     _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, PAGEMAP_SCAN_ARGUMENT_SIZE)
#define SYSCALL_USER_DISPATCH_OPTION 59
#define SYSCALL_USER_DISPATCH_OFF    0

/* A kernel that knows the request refuses an argument of zeros with EINVAL; one that does not know
 * it answers ENOTTY. */
static bool kernel_scans_pagemap(void)
{
	cleanup_close int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t argument[PAGEMAP_SCAN_ARGUMENT_SIZE / sizeof(uint64_t)] = {0};
	return pagemap >= 0 &&
	       (ioctl(pagemap, PAGEMAP_SCAN_REQUEST, argument) >= 0 || errno == EINVAL);
}

static void probe_kernel(struct doctor_report *report, const struct surroundings *here)
{
	static const char area[] = "kernel";
	struct utsname name;
	if (!uname(&name))
		doctor_add(report, area, "release", FINDING_GOOD, "%s %s", name.sysname,
			   name.release);

	struct finding *finding;
	if (kernel_scans_pagemap()) {
		doctor_add(report, area, "pagemap_scan", FINDING_GOOD,
			   "written pages of a slot are found by one call");
	} else {
		finding = doctor_add(report, area, "pagemap_scan", FINDING_NOTE, "not there");
		advice_pagemap_scan(here, finding->advice);
	}

	if (!prctl(SYSCALL_USER_DISPATCH_OPTION, SYSCALL_USER_DISPATCH_OFF, 0, 0, 0)) {
		doctor_add(report, area, "syscall_user_dispatch", FINDING_GOOD,
			   "process isolation catches system calls with it");
	} else {
		finding =
		    doctor_add(report, area, "syscall_user_dispatch", FINDING_NOTE, "not there");
		advice_syscall_dispatch(here, finding->advice);
	}

	if (prctl(PR_GET_SECCOMP) >= 0) {
		doctor_add(report, area, "seccomp", FINDING_GOOD,
			   "process isolation holds programs in with it");
	} else {
		finding = doctor_add(report, area, "seccomp", FINDING_NOTE, "not there");
		doctor_advise(finding, "process isolation needs a kernel with CONFIG_SECCOMP");
	}
}

void doctor_probe_machine(struct doctor_report *report, const struct surroundings *here)
{
	probe_cpu(report, here);
	probe_kernel(report, here);
}
