/* Doctor: which rights a monitor can give up here. It is tried, in a child. */
#include <stddef.h>

#include "cli/doctor/advice.h"
#include "cli/doctor/doctor.h"
#include "confine/confine.h"
#include "monitor/isolation/isolation.h"
#include "monitor/sandbox/rights.h"

static const char area[] = "rights that monitors give up";

static const struct measure {
	const char *name, *meaning;
	const char *advice; /* NULL: see advise() */
} measures[CONFINE_MEASURES] = {
    [CONFINE_USER_NAMESPACE] = {"user_namespace", "no right over anything of the host", NULL},
    [CONFINE_PID_NAMESPACE] = {"pid_namespace", "sees no other process",
			       "comes with the user namespace"},
    [CONFINE_NETWORK_NAMESPACE] = {"network_namespace", "has no network",
				   "comes with the user namespace"},
    [CONFINE_IPC_NAMESPACE] = {"ipc_namespace", "shares no System V objects",
			       "comes with the user namespace"},
    [CONFINE_EMPTY_ROOT] = {"empty_root", "its file system is empty",
			    "comes with the user namespace, outside of a chroot"},
    [CONFINE_NO_NEW_PRIVILEGES] = {"no_new_privileges", "gains nothing by running programs", ""},
    [CONFINE_CAPABILITIES] = {"no_capabilities", "has none of root's privileges", ""},
    [CONFINE_LIMITS] = {"resource_limits", "core files, descriptors and locked memory are limited",
			""},
    [CONFINE_CGROUP_LIMITS] =
	{"cgroup_limits", "with its guests, is limited in memory and processes by a control group",
	 NULL},
    [CONFINE_LANDLOCK] = {"landlock", "can open no file, connect by no TCP, signal nobody outside",
			  NULL},
    [CONFINE_SYSTEM_CALLS] = {"system_call_filter", "makes the system calls of its list only",
			      "a kernel with CONFIG_SECCOMP_FILTER"},
};

static void advise(struct finding *finding, enum confine_measure measure,
		   const struct surroundings *here)
{
	struct namespace_limits limits;
	if (measure == CONFINE_USER_NAMESPACE) {
		namespace_limits_read(&limits);
		advice_user_namespace(here, &limits, finding->advice);
	} else if (measure == CONFINE_CGROUP_LIMITS) {
		advice_control_group(here, finding->advice);
	} else if (measure == CONFINE_LANDLOCK) {
		advice_landlock(here, finding->advice);
	} else {
		doctor_advise(finding, "%s", measures[measure].advice);
	}
}

void doctor_probe_rights(struct doctor_report *report, const struct surroundings *here)
{
	struct error error = {0};
	struct confine_report rights = {0};
	const struct isolation *isolation =
	    report->isolation ? isolation_choose(report->isolation, &error) : NULL;
	if (!isolation)
		return; /* what isolation lacks has been reported */
	if (rights_try(isolation, &rights, &error)) {
		doctor_add(report, area, "trial", FINDING_MISSING, "%s", error.text);
		return;
	}
	for (size_t i = 0; i < CONFINE_MEASURES; i++) {
		const struct confine_answer *answer = &rights.answers[i];
		if (answer->state == CONFINE_IN_FORCE) {
			doctor_add(report, area, measures[i].name, FINDING_GOOD, "%s",
				   measures[i].meaning);
			continue;
		}
		struct finding *finding = doctor_add(report, area, measures[i].name, FINDING_NOTE,
						     "cannot be had: %s", answer->why);
		advise(finding, i, here);
	}
}
