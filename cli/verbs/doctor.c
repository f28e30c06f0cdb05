/* mayfly doctor: what this machine offers, and what to do about what is missing. */
#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command/verb.h"
#include "cli/doctor/doctor.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/json_text.h"

struct doctor_values {
	bool json;
};

static const char *const state_names[] = {
    [FINDING_GOOD] = "ok", [FINDING_NOTE] = "note", [FINDING_MISSING] = "missing"};

struct finding *doctor_add(struct doctor_report *report, const char *area, const char *name,
			   enum finding_state state, const char *value, ...)
{
	/* There is room for all that the probes can find. One more would replace the last one. */
	if (report->count == DOCTOR_FINDINGS_MAX)
		report->count--;
	struct finding *finding = &report->findings[report->count++];
	memset(finding, 0, sizeof(*finding));
	finding->area = area;
	finding->name = name;
	finding->state = state;
	va_list arguments;
	va_start(arguments, value);
	vsnprintf(finding->value, sizeof(finding->value), value, arguments);
	va_end(arguments);
	return finding;
}

void doctor_advise(struct finding *finding, const char *advice, ...)
{
	va_list arguments;
	va_start(arguments, advice);
	vsnprintf(finding->advice, sizeof(finding->advice), advice, arguments);
	va_end(arguments);
}

static size_t count_missing(const struct doctor_report *report)
{
	size_t missing = 0;
	for (size_t i = 0; i < report->count; i++)
		missing += report->findings[i].state == FINDING_MISSING;
	return missing;
}

static void print_text(const struct doctor_report *report)
{
	const char *area = "";
	for (size_t i = 0; i < report->count; i++) {
		const struct finding *finding = &report->findings[i];
		if (strcmp(area, finding->area) != 0)
			printf("%s%s\n", i ? "\n" : "", finding->area);
		area = finding->area;
		printf("  %-8s %-22s %s\n", state_names[finding->state], finding->name,
		       finding->value);
		if (finding->advice[0])
			printf("  %-8s %-22s -> %s\n", "", "", finding->advice);
	}
}

static int print_json(const struct doctor_report *report, struct error *error)
{
	json_t *findings = json_array();
	bool whole = true;
	for (size_t i = 0; i < report->count; i++) {
		const struct finding *finding = &report->findings[i];
		whole &= !json_array_append_new(
		    findings,
		    json_pack("{s:s, s:o, s:s, s:o, s:o}", "area", finding->area, "name",
			      json_text(finding->name), "state", state_names[finding->state],
			      "value", json_text(finding->value), "advice",
			      json_text(finding->advice)));
	}
	json_t *object = json_pack("{s:s, s:s?, s:I, s:o}", "version", MAYFLY_VERSION, "isolation",
				   report->isolation, "missing", (json_int_t)count_missing(report),
				   "findings", findings);
	int result = object && whole ? json_dumpf(object, stdout, JSON_INDENT(2)) : -1;
	json_decref(object);
	if (result)
		return error_set_errno(error, object ? errno : ENOMEM,
				       "cannot write the report as JSON");
	putchar('\n');
	return 0;
}

static int doctor_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct doctor_values *chosen = values;
	cleanup_free struct doctor_report *report = calloc(1, sizeof(*report));
	if (!report)
		return error_set_errno(error, ENOMEM, "no memory for the report");
	struct surroundings here;
	surroundings_read(&here);
	doctor_probe_isolation(report, &here);
	doctor_probe_rights(report, &here);
	doctor_probe_machine(report, &here);
	doctor_probe_acceleration(report, &here);
	doctor_probe_directories(report);
	int result = 0;
	if (chosen->json)
		result = print_json(report, error);
	else
		print_text(report);
	if (result)
		return result;
	return count_missing(report) ? 1 : 0;
}

static const struct doctor_values doctor_defaults = {0};

static const struct option_spec doctor_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct doctor_values, json), NULL, "report as JSON"},
};

const struct verb verb_doctor = {
    .name = "doctor",
    .summary = "Tell what this machine offers and what is missing",
    .usage = "",
    .description =
	"Looks at KVM and which kind of it this is, the rights that monitors can give up, the "
	"processor, the kernel, accelerators, plugins, models and directories. For each "
	"thing that is missing it says what to do.\n"
	"\"note\" marks a thing that Mayfly can do without, \"missing\" one that it needs. The "
	"exit status is 1 if anything is missing.",
    .options = doctor_options,
    .option_count = ARRAY_SIZE(doctor_options),
    .defaults = &doctor_defaults,
    .values_size = sizeof(doctor_defaults),
    .run = doctor_run,
};
