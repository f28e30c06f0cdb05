/* What Mayfly runs in; see surroundings.h. */
#include "cli/doctor/surroundings.h"

#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "util/cleanup.h"

static bool is_on_path(const char *program)
{
	const char *path = getenv("PATH");
	while (path && *path) {
		char file[PATH_MAX];
		size_t length = strcspn(path, ":");
		if (length &&
		    (size_t)snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, program) <
			sizeof(file) &&
		    !access(file, X_OK))
			return true;
		path += length + (path[length] == ':');
	}
	return false;
}

/* Docker and Podman leave the first two files in a container, systemd-nspawn and others the last
 * one. */
static bool is_container(void)
{
	return !access("/.dockerenv", F_OK) || !access("/run/.containerenv", F_OK) ||
	       !access("/run/systemd/container", F_OK);
}

void surroundings_read(struct surroundings *surroundings)
{
	struct utsname name;
	struct statfs control_groups;
	*surroundings = (struct surroundings){
	    .container = is_container(),
	    .root = !geteuid(),
	    .sudo = is_on_path("sudo"),
	    /* As sd_booted(3) looks. */
	    .systemd = !access("/run/systemd/system", F_OK) && is_on_path("systemd-run"),
	    .apt = is_on_path("apt-get"),
	    .python = is_on_path("python3"),
	    .cgroup2 = !statfs("/sys/fs/cgroup", &control_groups) &&
		       control_groups.f_type == CGROUP2_SUPER_MAGIC,
	};
	if (uname(&name))
		return;
	snprintf(surroundings->release, sizeof(surroundings->release), "%s", name.release);
	char *end;
	surroundings->kernel_major = (unsigned)strtoul(name.release, &end, 10);
	if (*end == '.')
		surroundings->kernel_minor = (unsigned)strtoul(end + 1, NULL, 10);
}

bool surroundings_kernel(const struct surroundings *surroundings, unsigned major, unsigned minor)
{
	return surroundings->kernel_major > major ||
	       (surroundings->kernel_major == major && surroundings->kernel_minor >= minor);
}

const char *surroundings_sudo(const struct surroundings *surroundings)
{
	return surroundings->sudo && !surroundings->root ? "sudo " : "";
}

bool surroundings_can_load(const struct surroundings *surroundings, const char *module)
{
	char list[PATH_MAX], file[64];
	if (surroundings->container || (!surroundings->root && !surroundings->sudo))
		return false;
	/* A line of modules.dep begins with the file: kernel/arch/x86/kvm/kvm-intel.ko.xz: … */
	snprintf(file, sizeof(file), "/%s.ko", module);
	for (char *letter = file; *letter; letter++)
		*letter = *letter == '_' ? '-' : *letter;
	snprintf(list, sizeof(list), "/lib/modules/%s/modules.dep", surroundings->release);
	cleanup_fclose FILE *modules = fopen(list, "re");
	cleanup_free char *line = NULL;
	size_t room = 0;
	while (modules && getline(&line, &room, modules) >= 0) {
		line[strcspn(line, ":")] = 0;
		if (strstr(line, file))
			return true;
	}
	return false;
}
