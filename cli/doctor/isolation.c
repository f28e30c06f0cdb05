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

#include "cli/doctor/advice.h"
#include "cli/doctor/cpu_flags.h"
#include "cli/doctor/doctor.h"
#include "monitor/isolation/isolation.h"
#include "util/cleanup.h"

#define KVM_DEVICE "/dev/kvm"

static const char area[] = "isolation";

static bool module_loaded(const char *path)
{
	return !access(path, F_OK);
}

static void explain_absence(struct finding *finding, const struct surroundings *here,
			    const struct cpu_flags *flags)
{
	const char *module = cpu_flags_have(flags, "vmx")   ? "kvm_intel"
			     : cpu_flags_have(flags, "svm") ? "kvm_amd"
							    : NULL;
	advice_kvm_absent(here, module, module && surroundings_can_load(here, module),
			  cpu_flags_have(flags, "hypervisor"), finding->advice);
}

static void explain_refusal(struct finding *finding, const struct surroundings *here)
{
	struct stat status;
	const struct group *group = NULL;
	if (!stat(KVM_DEVICE, &status) && status.st_gid && (status.st_mode & 060) == 060)
		group = getgrgid(status.st_gid);
	advice_kvm_refused(here, group ? group->gr_name : NULL, group ? group->gr_gid : 0,
			   finding->advice);
}

/* Which kind of KVM it is decides what a guest costs. */
static void add_flavour(struct doctor_report *report, const struct cpu_flags *flags)
{
	if (module_loaded("/sys/module/kvm_pvm"))
		doctor_add(report, area, "kvm_flavour", FINDING_GOOD,
			   "PVM: no virtualisation hardware; guests in ring 3 run at full speed; "
			   "an exit to the monitor costs tens of microseconds; ring 0 is emulated");
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

static void probe_kvm(struct doctor_report *report, const struct surroundings *here,
		      const struct cpu_flags *flags)
{
	cleanup_close int kvm = open(KVM_DEVICE, O_RDWR | O_CLOEXEC);
	if (kvm < 0) {
		int reason = errno;
		struct finding *finding = doctor_add(report, area, "kvm", FINDING_NOTE, "%s: %s",
						     KVM_DEVICE, strerrordesc_np(reason));
		if (reason == EACCES || reason == EPERM)
			explain_refusal(finding, here);
		else
			explain_absence(finding, here, flags);
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

/* How unikernels and kernels of others run (docs/unikernels.md). */
static void probe_kernels(struct doctor_report *report)
{
	struct error error = {0};
	if (isolation_kvm.probe(&error))
		return;
	const char *way = isolation_kvm.kernel_way(&error);
	if (way)
		doctor_add(report, area, "kernels", FINDING_GOOD, "unikernels of others run %s",
			   way);
	else
		doctor_add(report, area, "kernels", FINDING_NOTE,
			   "unikernels of others cannot run here: %s", error.text);
}

void doctor_probe_isolation(struct doctor_report *report, const struct surroundings *here)
{
	struct cpu_flags flags;
	cpu_flags_read(&flags);
	probe_kvm(report, here, &flags);
	probe_kernels(report);
	struct error error = {0};
	const struct isolation *isolation = isolation_automatic(&error);
	if (isolation) {
		report->isolation = isolation->name;
		doctor_add(report, area, "auto", FINDING_GOOD,
			   "takes %s, and process for unikernels that make their system calls "
			   "themselves (Solo5's spt)",
			   isolation->name);
	} else {
		struct finding *finding =
		    doctor_add(report, area, "auto", FINDING_MISSING,
			       "no isolation can be had here; kvm: %s", error.text);
		doctor_advise(finding, "make KVM usable as said above: functions cannot run "
				       "without an isolation");
	}
}
