#include "oci/cgroup/limit_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "confine/cgroup_files.h"
#include "oci/cgroup/convert.h"
#include "oci/cgroup/hierarchies.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define TEXT_MAX 128

/* What a limit is called in messages, where it is, and how it is written there. */
struct limit_row {
	const char *name;
	enum oci_controller controller;
	const char *file1, *file2; /* in version 1 and 2; NULL: version 2 has no such limit */
	/* For version 2, where it is not the number itself. */
	int (*format)(const struct oci_cgroup *group, int directory,
		      const struct oci_resources *resources, int64_t value, char text[TEXT_MAX]);
};

/* ── numbers of version 2 ────────────────────────────────────────────────────────────────────── */

static void format_limit(int64_t value, char text[TEXT_MAX])
{
	if (value < 0)
		snprintf(text, TEXT_MAX, "max");
	else
		snprintf(text, TEXT_MAX, "%" PRId64, value);
}

static int format_number(const struct oci_cgroup *group, int directory,
			 const struct oci_resources *resources, int64_t value, char text[TEXT_MAX])
{
	format_limit(value, text);
	return 0;
}

/* The specification counts memory and swap together, version 2 only swap. */
static int format_swap(const struct oci_cgroup *group, int directory,
		       const struct oci_resources *resources, int64_t value, char text[TEXT_MAX])
{
	char limit[64];
	const struct oci_limit_value *memory = &resources->limits[OCI_MEMORY_LIMIT];
	int64_t bytes = memory->value;
	format_limit(value, text);
	if (value < 0)
		return 0;
	if (!memory->given) {
		int result = cgroup_file_read(directory, "memory.max", limit, sizeof(limit));
		if (result)
			return result;
		if (sscanf(limit, "%" SCNd64, &bytes) != 1)
			bytes = -1; /* "max" */
	}
	if (bytes < 0 || bytes > value)
		return -EINVAL;
	format_limit(value - bytes, text);
	return 0;
}

static int format_shares(const struct oci_cgroup *group, int directory,
			 const struct oci_resources *resources, int64_t value, char text[TEXT_MAX])
{
	snprintf(text, TEXT_MAX, "%" PRId64, convert_shares(value));
	return 0;
}

static int format_weight(const struct oci_cgroup *group, int directory,
			 const struct oci_resources *resources, int64_t value, char text[TEXT_MAX])
{
	snprintf(text, TEXT_MAX, "default %" PRId64, convert_io_weight(value));
	return 0;
}

static const struct limit_row limit_rows[OCI_LIMITS] = {
    [OCI_MEMORY_LIMIT] = {"memory.limit", OCI_CONTROLLER_MEMORY, "memory.limit_in_bytes",
			  "memory.max", format_number},
    [OCI_MEMORY_RESERVATION] = {"memory.reservation", OCI_CONTROLLER_MEMORY,
				"memory.soft_limit_in_bytes", "memory.low", format_number},
    [OCI_MEMORY_SWAP] = {"memory.swap", OCI_CONTROLLER_MEMORY, "memory.memsw.limit_in_bytes",
			 "memory.swap.max", format_swap},
    [OCI_MEMORY_SWAPPINESS] = {"memory.swappiness", OCI_CONTROLLER_MEMORY, "memory.swappiness",
			       NULL, NULL},
    [OCI_MEMORY_DISABLE_OOM_KILLER] = {"memory.disableOOMKiller", OCI_CONTROLLER_MEMORY,
				       "memory.oom_control", NULL, NULL},
    [OCI_CPU_SHARES] = {"cpu.shares", OCI_CONTROLLER_CPU, "cpu.shares", "cpu.weight",
			format_shares},
    /* In version 2 these two are one file: write_quota(). */
    [OCI_CPU_QUOTA] = {"cpu.quota", OCI_CONTROLLER_CPU, "cpu.cfs_quota_us", "cpu.max", NULL},
    [OCI_CPU_PERIOD] = {"cpu.period", OCI_CONTROLLER_CPU, "cpu.cfs_period_us", "cpu.max", NULL},
    [OCI_CPU_BURST] = {"cpu.burst", OCI_CONTROLLER_CPU, "cpu.cfs_burst_us", "cpu.max.burst",
		       format_number},
    [OCI_CPU_REALTIME_RUNTIME] = {"cpu.realtimeRuntime", OCI_CONTROLLER_CPU, "cpu.rt_runtime_us",
				  NULL, NULL},
    [OCI_CPU_REALTIME_PERIOD] = {"cpu.realtimePeriod", OCI_CONTROLLER_CPU, "cpu.rt_period_us", NULL,
				 NULL},
    [OCI_CPU_IDLE] = {"cpu.idle", OCI_CONTROLLER_CPU, "cpu.idle", "cpu.idle", format_number},
    [OCI_PIDS_LIMIT] = {"pids.limit", OCI_CONTROLLER_PIDS, "pids.max", "pids.max", format_number},
    [OCI_IO_WEIGHT] = {"blockIO.weight", OCI_CONTROLLER_IO, "blkio.weight", "io.weight",
		       format_weight},
};

/* ── writing ─────────────────────────────────────────────────────────────────────────────────── */

static int report(int result, const char *name, const char *text, struct error *error)
{
	if (result == -ENOENT)
		return error_set(error, ENOTSUP,
				 "linux.resources.%s: control groups here have no such limit",
				 name);
	return error_set_errno(error, -result, "linux.resources.%s: cannot set it to '%s'", name,
			       text);
}

/* Opens the group in the hierarchy that has the controller. */
static int open_for(const struct oci_cgroup *group, enum oci_controller controller, bool *unified)
{
	const struct oci_cgroup_hierarchy *hierarchy = oci_hierarchy_of(group, controller);
	if (!hierarchy)
		return -ENOENT;
	*unified = hierarchy->unified;
	return oci_hierarchy_open(hierarchy, group->path);
}

/* Version 2 without a file for it: fine for what is 0 there anyhow. */
static bool is_default(enum oci_limit limit, int64_t value)
{
	return limit == OCI_MEMORY_DISABLE_OOM_KILLER && !value;
}

/* A kernel that does not count swap has no such file; engines set this limit whether it does or not. */
static bool is_passed_over(enum oci_limit limit, int result)
{
	return limit == OCI_MEMORY_SWAP && result == -ENOENT;
}

static int write_limit(const struct oci_cgroup *group, const struct oci_resources *resources,
		       enum oci_limit limit, char text[TEXT_MAX])
{
	const struct limit_row *row = &limit_rows[limit];
	const int64_t value = resources->limits[limit].value;
	bool unified = false;
	*text = 0;
	cleanup_close int directory = open_for(group, row->controller, &unified);
	if (directory < 0)
		return directory;
	if (!unified) {
		if (limit == OCI_PIDS_LIMIT)
			format_limit(value, text);
		else
			snprintf(text, TEXT_MAX, "%" PRId64, value);
		int result = cgroup_file_write(directory, row->file1, text);
		/* Where the scheduler for block devices is BFQ. */
		if (result == -ENOENT && limit == OCI_IO_WEIGHT)
			result = cgroup_file_write(directory, "blkio.bfq.weight", text);
		return is_passed_over(limit, result) ? 0 : result;
	}
	if (!row->file2)
		return is_default(limit, value) ? 0 : -ENOENT;
	int result = row->format(group, directory, resources, value, text);
	if (!result)
		result = cgroup_file_write(directory, row->file2, text);
	if (result == -ENOENT && limit == OCI_IO_WEIGHT) {
		snprintf(text, TEXT_MAX, "%" PRId64, value);
		result = cgroup_file_write(directory, "io.bfq.weight", text);
	}
	return is_passed_over(limit, result) ? 0 : result;
}

/* Two limits of version 1 of which each bounds the other: which may go first depends on what there
 * was. */
static int write_pair(const struct oci_cgroup *group, const struct oci_resources *resources,
		      enum oci_limit first, enum oci_limit second, struct error *error)
{
	char text[TEXT_MAX];
	const struct oci_limit_value *limits = resources->limits;
	int result = limits[first].given ? write_limit(group, resources, first, text) : 0;
	if (result == -EINVAL && limits[second].given) {
		result = write_limit(group, resources, second, text);
		if (result)
			return report(result, limit_rows[second].name, text, error);
		result = write_limit(group, resources, first, text);
	} else if (!result && limits[second].given) {
		result = write_limit(group, resources, second, text);
		return result ? report(result, limit_rows[second].name, text, error) : 0;
	}
	return result ? report(result, limit_rows[first].name, text, error) : 0;
}

static int write_single(const struct oci_cgroup *group, const struct oci_resources *resources,
			enum oci_limit limit, struct error *error)
{
	char text[TEXT_MAX];
	if (!resources->limits[limit].given)
		return 0;
	int result = write_limit(group, resources, limit, text);
	return result ? report(result, limit_rows[limit].name, text, error) : 0;
}

/* Quota and period: a pair in version 1, "QUOTA PERIOD" in version 2. */
static int write_quota(const struct oci_cgroup *group, const struct oci_resources *resources,
		       struct error *error)
{
	const struct oci_limit_value *quota = &resources->limits[OCI_CPU_QUOTA];
	const struct oci_limit_value *period = &resources->limits[OCI_CPU_PERIOD];
	char text[2 * TEXT_MAX], amount[TEXT_MAX], present[TEXT_MAX];
	bool unified = false;
	if (!quota->given && !period->given)
		return 0;
	cleanup_close int directory = open_for(group, OCI_CONTROLLER_CPU, &unified);
	if (directory >= 0 && !unified)
		return write_pair(group, resources, OCI_CPU_PERIOD, OCI_CPU_QUOTA, error);
	int result = directory < 0
			 ? directory
			 : cgroup_file_read(directory, "cpu.max", present, sizeof(present));
	if (quota->given)
		format_limit(quota->value, amount);
	else if (result || sscanf(present, "%127s", amount) != 1)
		snprintf(amount, sizeof(amount), "max");
	if (period->given)
		snprintf(text, sizeof(text), "%s %" PRId64, amount, period->value);
	else
		snprintf(text, sizeof(text), "%s", amount);
	if (!result)
		result = cgroup_file_write(directory, "cpu.max", text);
	return result ? report(result, quota->given ? "cpu.quota" : "cpu.period", text, error) : 0;
}

static int write_text(const struct oci_cgroup *group, enum oci_controller controller,
		      const char *file1, const char *file2, const char *text)
{
	bool unified = false;
	cleanup_close int directory = open_for(group, controller, &unified);
	return directory < 0 ? directory
			     : cgroup_file_write(directory, unified ? file2 : file1, text);
}

/* ── limits that are not one number ──────────────────────────────────────────────────────────── */

static int write_sets(const struct oci_cgroup *group, const struct oci_resources *resources,
		      struct error *error)
{
	const struct {
		const char *name, *file, *text;
	} sets[] = {
	    {"cpu.cpus", "cpuset.cpus", resources->cpus},
	    {"cpu.mems", "cpuset.mems", resources->memory_nodes},
	};
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		if (!sets[i].text)
			continue;
		int result = write_text(group, OCI_CONTROLLER_CPUSET, sets[i].file, sets[i].file,
					sets[i].text);
		if (result)
			return report(result, sets[i].name, sets[i].text, error);
	}
	return 0;
}

static int write_io_rule(const struct oci_cgroup *group, const struct oci_io_rule *rule,
			 struct error *error)
{
	static const struct {
		const char *name, *file, *key;
	} kinds[] = {
	    [OCI_IO_READ_BYTES] = {"throttleReadBpsDevice", "blkio.throttle.read_bps_device",
				   "rbps"},
	    [OCI_IO_WRITE_BYTES] = {"throttleWriteBpsDevice", "blkio.throttle.write_bps_device",
				    "wbps"},
	    [OCI_IO_READ_OPERATIONS] = {"throttleReadIOPSDevice", "blkio.throttle.read_iops_device",
					"riops"},
	    [OCI_IO_WRITE_OPERATIONS] = {"throttleWriteIOPSDevice",
					 "blkio.throttle.write_iops_device", "wiops"},
	    [OCI_IO_DEVICE_WEIGHT] = {"weightDevice", "blkio.weight_device", NULL},
	};
	char text[TEXT_MAX], name[TEXT_MAX];
	bool unified = false;
	int result;
	cleanup_close int directory = open_for(group, OCI_CONTROLLER_IO, &unified);
	int used = snprintf(text, sizeof(text), "%u:%u ", rule->major, rule->minor);
	char *rest = text + used;
	const size_t left = sizeof(text) - (size_t)used;
	if (rule->kind == OCI_IO_DEVICE_WEIGHT)
		snprintf(rest, left, "%" PRId64,
			 unified ? convert_io_weight((int64_t)rule->rate) : (int64_t)rule->rate);
	else if (unified && !rule->rate)
		snprintf(rest, left, "%s=max", kinds[rule->kind].key);
	else
		snprintf(rest, left, "%s%s%" PRIu64, unified ? kinds[rule->kind].key : "",
			 unified ? "=" : "", rule->rate);
	if (directory < 0)
		result = directory;
	else if (!unified)
		result = cgroup_file_write(directory, kinds[rule->kind].file, text);
	else
		result = cgroup_file_write(
		    directory, rule->kind == OCI_IO_DEVICE_WEIGHT ? "io.weight" : "io.max", text);
	if (result == -ENOENT && !unified && rule->kind == OCI_IO_DEVICE_WEIGHT)
		result = cgroup_file_write(directory, "blkio.bfq.weight_device", text);
	snprintf(name, sizeof(name), "blockIO.%s", kinds[rule->kind].name);
	return result ? report(result, name, text, error) : 0;
}

/* Where there is no such controller, nothing is lost: no process of a container maps huge pages of the
 * kind that it counts. Engines set the limit to 0 for each size that there is. */
static int write_huge_page(const struct oci_cgroup *group, const struct oci_huge_page_limit *limit,
			   struct error *error)
{
	char file1[TEXT_MAX], file2[TEXT_MAX], text[TEXT_MAX];
	snprintf(file1, sizeof(file1), "hugetlb.%s.limit_in_bytes", limit->page_size);
	snprintf(file2, sizeof(file2), "hugetlb.%s.max", limit->page_size);
	snprintf(text, sizeof(text), "%" PRIu64, limit->limit);
	int result = write_text(group, OCI_CONTROLLER_HUGETLB, file1, file2, text);
	if (!result || result == -ENOENT)
		return 0;
	return report(result, "hugepageLimits", text, error);
}

static int write_unified(const struct oci_cgroup *group, const struct oci_pair *file,
			 struct error *error)
{
	char name[TEXT_MAX];
	const struct oci_cgroup_hierarchy *hierarchy = oci_hierarchy_unified(group);
	cleanup_close int directory =
	    hierarchy ? oci_hierarchy_open(hierarchy, group->path) : -ENOENT;
	int result =
	    directory < 0 ? directory : cgroup_file_write(directory, file->name, file->value);
	snprintf(name, sizeof(name), "unified.%.100s", file->name);
	return result ? report(result, name, file->value, error) : 0;
}

int oci_limits_write(const struct oci_cgroup *group, const struct oci_resources *resources,
		     struct error *error)
{
	static const enum oci_limit singles[] = {
	    OCI_MEMORY_RESERVATION,
	    OCI_MEMORY_SWAPPINESS,
	    OCI_MEMORY_DISABLE_OOM_KILLER,
	    OCI_CPU_IDLE,
	    OCI_CPU_SHARES,
	    OCI_CPU_BURST,
	    OCI_CPU_REALTIME_PERIOD,
	    OCI_CPU_REALTIME_RUNTIME,
	    OCI_PIDS_LIMIT,
	    OCI_IO_WEIGHT,
	};
	int result = write_pair(group, resources, OCI_MEMORY_LIMIT, OCI_MEMORY_SWAP, error);
	if (!result)
		result = write_quota(group, resources, error);
	for (size_t i = 0; i < ARRAY_SIZE(singles) && !result; i++)
		result = write_single(group, resources, singles[i], error);
	if (!result)
		result = write_sets(group, resources, error);
	for (size_t i = 0; i < resources->io_rule_count && !result; i++)
		result = write_io_rule(group, &resources->io_rules[i], error);
	for (size_t i = 0; i < resources->huge_page_count && !result; i++)
		result = write_huge_page(group, &resources->huge_pages[i], error);
	for (size_t i = 0; i < resources->unified_count && !result; i++)
		result = write_unified(group, &resources->unified[i], error);
	return result;
}
