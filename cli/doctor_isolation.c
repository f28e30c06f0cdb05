/* Doctor: KVM and the isolation that `auto` takes. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cpu_flags.h"
#include "cli/doctor.h"
#include "isolation.h"
#include "util/cleanup.h"

#define KVM_DEVICE "/dev/kvm"

static const char area[] = "isolation";

static bool module_loaded(const char *path)
{
	return !access(path, F_OK);
}

static void explain_absence(struct finding *finding, const struct cpu_flags *flags)
{
	if (cpu_flags_have(flags, "vmx"))
		doctor_advise(finding, "load the module: sudo modprobe kvm_intel");
	else if (cpu_flags_have(flags, "svm"))
		doctor_advise(finding, "load the module: sudo modprobe kvm_amd");
	else if (cpu_flags_have(flags, "hypervisor"))
		doctor_advise(finding,
			      "this is a virtual machine without nested virtualisation: ask its "
			      "host for it, or use process isolation");
	else
		doctor_advise(
		    finding,
		    "switch virtualisation (VT-x, SVM) on in the machine's firmware, or use "
		    "process isolation");
}

static void explain_refusal(struct finding *finding)
{
	struct stat status;
	const struct group *group = NULL;
	if (!stat(KVM_DEVICE, &status) && status.st_gid && (status.st_mode & 060) == 060)
		group = getgrgid(status.st_gid);
	if (group)
		doctor_advise(finding,
			      "join its group and log in anew: sudo usermod -aG %s \"$USER\"",
			      group->gr_name);
	else
		doctor_advise(finding, "let a group in and join it: sudo chgrp kvm " KVM_DEVICE
				       " && sudo chmod g+rw " KVM_DEVICE
				       " && sudo usermod -aG kvm \"$USER\"; then log in anew");
}

/* Which kind of KVM it is decides what a guest costs. */
static void add_flavour(struct doctor_report *report, const struct cpu_flags *flags)
{
	if (module_loaded("/sys/module/kvm_pvm"))
		doctor_add(
		    report, area, "kvm_flavour", FINDING_GOOD,
		    "PVM: no virtualisation hardware; ring-3 guests run at full speed, an exit "
		    "to the monitor costs tens of microseconds, guests with a kernel of their "
		    "own are emulated");
	else if (module_loaded("/sys/module/kvm_intel") && cpu_flags_have(flags, "vmx"))
		doctor_add(report, area, "kvm_flavour", FINDING_GOOD,
			   "VMX: Intel's virtualisation hardware");
	else if (module_loaded("/sys/module/kvm_amd") && cpu_flags_have(flags, "svm"))
		doctor_add(report, area, "kvm_flavour", FINDING_GOOD,
			   "SVM: AMD's virtualisation hardware");
	else
		doctor_add(report, area, "kvm_flavour", FINDING_NOTE,
			   "unknown: none of kvm_pvm, kvm_intel and kvm_amd is in /sys/module");
}

static void probe_kvm(struct doctor_report *report, const struct cpu_flags *flags)
{
	cleanup_close int kvm = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (kvm < 0) {
		int reason = errno;
		struct finding *finding = doctor_add(report, area, "kvm", FINDING_NOTE, "%s: %s",
						     KVM_DEVICE, strerrordesc_np(reason));
		if (reason == EACCES || reason == EPERM)
			explain_refusal(finding);
		else
			explain_absence(finding, flags);
		return;
	}
	int version = ioctl(kvm, KVM_GET_API_VERSION, 0);
	cleanup_close int machine = ioctl(kvm, KVM_CREATE_VM, 0);
	if (machine < 0) {
		struct finding *finding = doctor_add(report, area, "kvm", FINDING_NOTE,
						     "%s opens but makes no virtual machine: %s",
						     KVM_DEVICE, strerrordesc_np(errno));
		doctor_advise(finding, "see the kernel's log (dmesg) for KVM's reason");
		return;
	}
	doctor_add(report, area, "kvm", FINDING_GOOD, "%s works, API version %d", KVM_DEVICE,
		   version);
	add_flavour(report, flags);
}

void doctor_probe_isolation(struct doctor_report *report)
{
	struct cpu_flags flags;
	cpu_flags_read(&flags);
	probe_kvm(report, &flags);
	struct error error = {0};
	const struct isolation *isolation = isolation_automatic(&error);
	if (isolation) {
		report->isolation = isolation->name;
		doctor_add(report, area, "auto", FINDING_GOOD, "takes %s", isolation->name);
	} else {
		struct finding *finding =
		    doctor_add(report, area, "auto", FINDING_MISSING,
			       "no isolation can be had here; kvm: %s", error.text);
		doctor_advise(finding, "make KVM usable as said above: functions cannot run "
				       "without an isolation");
	}
}
