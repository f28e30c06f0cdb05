/* What `mayfly doctor` looks at: each probe adds findings to one report. */
#ifndef MAYFLY_CLI_DOCTOR_H
#define MAYFLY_CLI_DOCTOR_H

#include <stddef.h>

#include "cli/doctor/surroundings.h"
#include "util/error.h"

#define DOCTOR_FINDINGS_MAX 64
#define DOCTOR_TEXT_MAX	    512

enum finding_state {
	FINDING_GOOD,
	FINDING_NOTE,	 /* missing, but Mayfly works without it: slower, or with less to offer */
	FINDING_MISSING, /* something that Mayfly needs */
};

struct finding {
	const char *area; /* heading in the report; the findings of one area come together */
	const char *name; /* key in the JSON report */
	enum finding_state state;
	char value[DOCTOR_TEXT_MAX];  /* what was found */
	char advice[DOCTOR_TEXT_MAX]; /* what to do about it; "" where there is nothing to do */
};

struct doctor_report {
	const char *isolation; /* what `auto` takes; NULL: nothing can be had */
	struct finding findings[DOCTOR_FINDINGS_MAX];
	size_t count;
};

/* Adds a finding with the value in printf() form; the advice is empty. The texts of `area` and
 * `name` must outlive the report. Returns the finding. */
struct finding *doctor_add(struct doctor_report *report, const char *area, const char *name,
			   enum finding_state state, const char *value, ...)
    __attribute__((format(printf, 5, 6)));

void doctor_advise(struct finding *finding, const char *advice, ...)
    __attribute__((format(printf, 2, 3)));

/* /dev/kvm, its flavour, and which isolation `auto` takes. */
void doctor_probe_isolation(struct doctor_report *report, const struct surroundings *here);

/* What monitors under the isolation that was found can do without.
 * After doctor_probe_isolation(). */
void doctor_probe_rights(struct doctor_report *report, const struct surroundings *here);

/* Features of the processor and of the kernel. */
void doctor_probe_machine(struct doctor_report *report, const struct surroundings *here);

/* Accelerators, the engine, plugins, models and the accelerator host. */
void doctor_probe_acceleration(struct doctor_report *report, const struct surroundings *here);

/* Cache and run-time directory. */
void doctor_probe_directories(struct doctor_report *report);

#endif
