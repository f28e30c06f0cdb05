#include "oci/cgroup/scope.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "confine/systemd_scope.h"
#include "oci/cgroup/convert.h"
#include "oci/cgroup/hierarchies.h"
#include "sizes/sizes.h"

#define PROPERTIES_MAX 8

#define PERIOD_USUAL_US		100000 /* the kernel's */
#define MICROSECONDS_PER_SECOND 1000000

struct properties {
	struct systemd_property list[PROPERTIES_MAX];
	size_t count;
};

static void add(struct properties *properties, const char *name, int64_t value)
{
	properties->list[properties->count++] =
	    (struct systemd_property){name, value < 0 ? UINT64_MAX : (uint64_t)value};
}

static bool is_unified(const struct oci_cgroup *group, enum oci_controller controller)
{
	const struct oci_cgroup_hierarchy *hierarchy = oci_hierarchy_of(group, controller);
	return hierarchy && hierarchy->unified;
}

/* org.freedesktop.systemd1(5), "Scope Unit Objects"; systemd.resource-control(5). */
static void translate(const struct oci_cgroup *group, const struct oci_resources *resources,
		      struct properties *properties)
{
	const struct oci_limit_value *limits = resources->limits;
	const bool memory2 = is_unified(group, OCI_CONTROLLER_MEMORY);
	const bool cpu2 = is_unified(group, OCI_CONTROLLER_CPU);
	if (limits[OCI_MEMORY_LIMIT].given)
		add(properties, memory2 ? "MemoryMax" : "MemoryLimit",
		    limits[OCI_MEMORY_LIMIT].value);
	if (limits[OCI_MEMORY_RESERVATION].given && memory2)
		add(properties, "MemoryLow", limits[OCI_MEMORY_RESERVATION].value);
	if (limits[OCI_PIDS_LIMIT].given)
		add(properties, "TasksMax", limits[OCI_PIDS_LIMIT].value);
	if (limits[OCI_CPU_SHARES].given)
		add(properties, cpu2 ? "CPUWeight" : "CPUShares",
		    cpu2 ? convert_shares(limits[OCI_CPU_SHARES].value)
			 : limits[OCI_CPU_SHARES].value);
	if (limits[OCI_CPU_PERIOD].given)
		add(properties, "CPUQuotaPeriodUSec", limits[OCI_CPU_PERIOD].value);
	if (limits[OCI_CPU_QUOTA].given) {
		const int64_t period =
		    limits[OCI_CPU_PERIOD].given ? limits[OCI_CPU_PERIOD].value : PERIOD_USUAL_US;
		int64_t quota = limits[OCI_CPU_QUOTA].value;
		if (quota >= 0 && mul_overflows(quota, MICROSECONDS_PER_SECOND, &quota))
			quota = -1;
		add(properties, "CPUQuotaPerSecUSec", quota < 0 ? -1 : quota / period);
	}
}

int oci_scope_start(const struct oci_cgroup *group, pid_t pid,
		    const struct oci_resources *resources, struct error *error)
{
	struct properties properties = {.count = 0};
	char path[PATH_MAX], description[PATH_MAX];
	if (!systemd_rules())
		return 0;
	snprintf(path, sizeof(path), "%s", group->path);
	char *name = strrchr(path, '/');
	*name++ = 0;
	const char *slice = strrchr(path, '/');
	snprintf(description, sizeof(description), "container %s", name);
	translate(group, resources, &properties);
	const struct systemd_scope scope = {
	    .name = name,
	    .slice = slice ? slice + 1 : "-.slice",
	    .description = description,
	    .pids = &pid,
	    .pid_count = 1,
	    .properties = properties.list,
	    .property_count = properties.count,
	};
	return systemd_scope_start(&scope, error);
}

int oci_scope_update(const struct oci_cgroup *group, const struct oci_resources *resources,
		     struct error *error)
{
	static const char ending[] = ".scope";
	struct properties properties = {.count = 0};
	struct error reason = {0};
	const char *name = strrchr(group->path, '/') + 1;
	const size_t length = strlen(name);
	translate(group, resources, &properties);
	if (!properties.count || !systemd_rules() || length < sizeof(ending) ||
	    strcmp(name + length - (sizeof(ending) - 1), ending) != 0)
		return 0;
	int result = systemd_scope_set(name, properties.list, properties.count, &reason);
	/* It was made without systemd. */
	if (!result || result == -ENOENT)
		return 0;
	return error_set(error, reason.code, "%s", reason.text);
}
