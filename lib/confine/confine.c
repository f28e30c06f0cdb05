/* Giving up rights; see confine.h. */
#include "confine/confine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "confine/sanitizers.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/log.h"

static const char *const measure_names[CONFINE_MEASURES] = {
    [CONFINE_USER_NAMESPACE] = "user namespace",
    [CONFINE_PID_NAMESPACE] = "pid namespace",
    [CONFINE_NETWORK_NAMESPACE] = "network namespace",
    [CONFINE_IPC_NAMESPACE] = "ipc namespace",
    [CONFINE_EMPTY_ROOT] = "empty root",
    [CONFINE_NO_NEW_PRIVILEGES] = "no new privileges",
    [CONFINE_CAPABILITIES] = "no capabilities",
    [CONFINE_LIMITS] = "resource limits",
    [CONFINE_CGROUP_LIMITS] = "cgroup limits",
    [CONFINE_LANDLOCK] = "landlock",
    [CONFINE_SYSTEM_CALLS] = "system call filter",
};

const char *confine_measure_name(enum confine_measure measure)
{
	return measure_names[measure];
}

void confine_note_in_force(struct confine_report *report, enum confine_measure measure)
{
	report->answers[measure] = (struct confine_answer){.state = CONFINE_IN_FORCE};
}

void confine_note_missing(struct confine_report *report, enum confine_measure measure,
			  const char *why, ...)
{
	struct confine_answer *answer = &report->answers[measure];
	va_list arguments;
	answer->state = CONFINE_MISSING;
	va_start(arguments, why);
	vsnprintf(answer->why, sizeof(answer->why), why, arguments);
	va_end(arguments);
}

void confine_log(const struct confine_report *report, const char *role)
{
	for (int i = 0; i < CONFINE_MEASURES; i++) {
		const struct confine_answer *answer = &report->answers[i];
		if (answer->state != CONFINE_UNWANTED)
			log_debug("%s: %s %s%s%s", role, measure_names[i],
				  answer->state == CONFINE_IN_FORCE ? "in force" : "missing",
				  *answer->why ? ": " : "", answer->why);
	}
}

static void limit_resources(const struct confine_policy *policy, struct confine_report *report)
{
	for (size_t i = 0; i < policy->limit_count; i++) {
		struct rlimit limit;
		const struct confine_limit *wanted = &policy->limits[i];
		if (!getrlimit(wanted->resource, &limit)) {
			if (wanted->value < limit.rlim_max)
				limit.rlim_max = wanted->value;
			limit.rlim_cur = limit.rlim_max;
			if (!setrlimit(wanted->resource, &limit))
				continue;
		}
		confine_note_missing(report, CONFINE_LIMITS, "limit %d: %s", wanted->resource,
				     strerrordesc_np(errno));
		return;
	}
	confine_note_in_force(report, CONFINE_LIMITS);
}

static void release_capabilities(cap_t *set)
{
	if (*set)
		cap_free(*set);
}

/* Removes from the sets what is not kept, and adds nothing. */
static int keep_capabilities(cap_t set, uint64_t kept)
{
	int result = 0;
	for (cap_value_t bit = 0; bit < cap_max_bits() && !result; bit++) {
		result = cap_set_flag(set, CAP_INHERITABLE, 1, &bit, CAP_CLEAR);
		if (result || (bit < 64 && kept >> bit & 1))
			continue;
		result = cap_set_flag(set, CAP_PERMITTED, 1, &bit, CAP_CLEAR);
		if (!result)
			result = cap_set_flag(set, CAP_EFFECTIVE, 1, &bit, CAP_CLEAR);
	}
	return result ? result : cap_set_proc(set);
}

static void drop_capabilities(uint64_t kept, struct confine_report *report)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); /* a kernel before 4.3 has none */
	cleanup(release_capabilities) cap_t set = cap_get_proc();
	if (set && !keep_capabilities(set, kept))
		confine_note_in_force(report, CONFINE_CAPABILITIES);
	else
		confine_note_missing(report, CONFINE_CAPABILITIES, "%s", strerrordesc_np(errno));
}

static void filter_calls(const struct confine_policy *policy, struct confine_report *report)
{
	struct error error = {0};
	struct sock_filter made[CONFINE_FILTER_MAX];
	const struct sock_filter *filter = policy->filter ? policy->filter : made;
	int length = policy->filter ? (int)policy->filter_length
				    : confine_filter_build(policy->calls, policy->call_count,
							   policy->refusal, made, &error);
	if (length < 0) {
		confine_note_missing(report, CONFINE_SYSTEM_CALLS, "%s", error.text);
		return;
	}
	/* Noted before the filter is in force: afterwards only the calls in the list work. */
	confine_note_in_force(report, CONFINE_SYSTEM_CALLS);
	int result = confine_filter_install(filter, (size_t)length);
	if (result)
		confine_note_missing(report, CONFINE_SYSTEM_CALLS, "%s", strerrordesc_np(-result));
}

void confine_self(const struct confine_policy *policy, struct confine_report *report)
{
	struct error error = {0};
	if (CONFINE_SANITIZED) {
		static const enum confine_measure left_out[] = {
		    CONFINE_NO_NEW_PRIVILEGES, CONFINE_CAPABILITIES, CONFINE_LIMITS,
		    CONFINE_LANDLOCK, CONFINE_SYSTEM_CALLS};
		for (size_t i = 0; i < ARRAY_SIZE(left_out); i++)
			confine_note_missing(report, left_out[i], CONFINE_SANITIZED_TEXT);
		return;
	}
	limit_resources(policy, report);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
		confine_note_missing(report, CONFINE_NO_NEW_PRIVILEGES, "%s",
				     strerrordesc_np(errno));
	} else {
		confine_note_in_force(report, CONFINE_NO_NEW_PRIVILEGES);
	}
	int version = confine_landlock(policy->paths, policy->path_count, policy->network, &error);
	if (version < 0)
		confine_note_missing(report, CONFINE_LANDLOCK, "%s", error.text);
	else
		confine_note_in_force(report, CONFINE_LANDLOCK);
	drop_capabilities(policy->capabilities, report);
	filter_calls(policy, report);
}
