/* The machine that the figures are of; see machine.h. */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor/cpu_flags.h"

static const char *kvm_flavour(const struct cpu_flags *flags)
{
	if (!access("/sys/module/kvm_pvm", F_OK))
		return "PVM";
	if (!access("/sys/module/kvm_intel", F_OK) && cpu_flags_have(flags, "vmx"))
		return "VMX";
	if (!access("/sys/module/kvm_amd", F_OK) && cpu_flags_have(flags, "svm"))
		return "SVM";
	return "unknown";
}

void machine_describe(struct machine_facts *facts, int have_kvm)
{
	struct cpu_flags flags;
	struct utsname name;
	time_t now = time(NULL);
	struct tm calendar;
	*facts = (struct machine_facts){.processors = sysconf(_SC_NPROCESSORS_ONLN)};
	cpu_flags_read(&flags);
	snprintf(facts->processor, sizeof(facts->processor), "%s", flags.model);
	facts->kvm_flavour = have_kvm ? kvm_flavour(&flags) : "none";
	if (!uname(&name))
		snprintf(facts->kernel, sizeof(facts->kernel), "%s %s", name.sysname, name.release);
	if (gmtime_r(&now, &calendar))
		strftime(facts->date, sizeof(facts->date), "%Y-%m-%d %H:%M UTC", &calendar);
	if (getloadavg(&facts->load, 1) != 1)
		facts->load = -1;
}
