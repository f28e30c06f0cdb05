#include "oci/cgroup/hierarchies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "confine/cgroup_files.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

static unsigned controllers_of(const char *options)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {
	    {"cpu", OCI_CONTROLLER_CPU},       {"cpuacct", OCI_CONTROLLER_CPUACCT},
	    {"cpuset", OCI_CONTROLLER_CPUSET}, {"memory", OCI_CONTROLLER_MEMORY},
	    {"pids", OCI_CONTROLLER_PIDS},     {"freezer", OCI_CONTROLLER_FREEZER},
	    {"blkio", OCI_CONTROLLER_IO},      {"hugetlb", OCI_CONTROLLER_HUGETLB},
	};
	unsigned bits = 0;
	while (*options) {
		const size_t length = strcspn(options, ",");
		for (size_t i = 0; i < ARRAY_SIZE(known); i++)
			if (strlen(known[i].name) == length &&
			    !strncmp(options, known[i].name, length))
				bits |= known[i].bit;
		options += length + (options[length] == ',');
	}
	return bits;
}

static int keep(struct oci_cgroup *group, const struct cgroup_mount *mount, struct error *error)
{
	struct oci_cgroup_hierarchy *hierarchy = &group->hierarchies[group->hierarchy_count];
	if (group->hierarchy_count == OCI_CGROUP_HIERARCHIES_MAX)
		return error_set(error, E2BIG, "more than %d hierarchies of control groups",
				 OCI_CGROUP_HIERARCHIES_MAX);
	if ((size_t)snprintf(hierarchy->mount, sizeof(hierarchy->mount), "%s", mount->point) >=
	    sizeof(hierarchy->mount))
		return error_set(error, ENAMETOOLONG, "the path of a control group is too long");
	hierarchy->unified = !strcmp(mount->type, "cgroup2");
	hierarchy->controllers = hierarchy->unified ? 0 : controllers_of(mount->options);
	group->hierarchy_count++;
	return 0;
}

int oci_hierarchies_read(const char *mounts, struct oci_cgroup *group, struct error *error)
{
	const char *devices[OCI_CGROUP_HIERARCHIES_MAX];
	cleanup_free char *text = strdup(mounts);
	group->hierarchy_count = 0;
	group->hierarchies = calloc(OCI_CGROUP_HIERARCHIES_MAX, sizeof(*group->hierarchies));
	if (!group->hierarchies || !text)
		return error_set(error, ENOMEM, "no memory for the list of mounts");
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\n"));) {
		struct cgroup_mount mount;
		bool known = false;
		if (!cgroup_mount_parse(line, &mount) ||
		    (strcmp(mount.type, "cgroup") != 0 && strcmp(mount.type, "cgroup2") != 0))
			continue;
		for (size_t i = 0; i < group->hierarchy_count; i++)
			known |= !strcmp(devices[i], mount.device);
		if (known)
			continue;
		int result = keep(group, &mount, error);
		if (result)
			return result;
		devices[group->hierarchy_count - 1] = mount.device;
	}
	return group->hierarchy_count
		   ? 0
		   : error_set(error, ENOTSUP, "no control groups are mounted here");
}

const struct oci_cgroup_hierarchy *oci_hierarchy_unified(const struct oci_cgroup *group)
{
	for (size_t i = 0; i < group->hierarchy_count; i++)
		if (group->hierarchies[i].unified)
			return &group->hierarchies[i];
	return NULL;
}

const struct oci_cgroup_hierarchy *oci_hierarchy_of(const struct oci_cgroup *group,
						    enum oci_controller controller)
{
	for (size_t i = 0; i < group->hierarchy_count; i++)
		if (group->hierarchies[i].controllers & controller)
			return &group->hierarchies[i];
	return oci_hierarchy_unified(group);
}

int oci_hierarchy_open(const struct oci_cgroup_hierarchy *hierarchy, const char *path)
{
	char directory[2 * PATH_MAX];
	snprintf(directory, sizeof(directory), "%s%s", hierarchy->mount, path);
	const int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
