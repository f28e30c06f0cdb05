/* What Mayfly runs in, as far as it decides which advice can be followed. */
#ifndef MAYFLY_CLI_SURROUNDINGS_H
#define MAYFLY_CLI_SURROUNDINGS_H

#include <stdbool.h>

struct surroundings {
	bool container; /* the kernel is somebody else's, modules and devices come with the start */
	bool root;
	/* Can be used: the program is on the path. systemd must be what runs this machine, too. */
	bool sudo, systemd, apt, python;
	bool cgroup2; /* alone at /sys/fs/cgroup */
	unsigned kernel_major, kernel_minor;
	char release[65]; /* of the kernel */
};

void surroundings_read(struct surroundings *surroundings);

/* The kernel is of this version or newer. */
bool surroundings_kernel(const struct surroundings *surroundings, unsigned major, unsigned minor);

/* "sudo " where commands need that to be run as root, and "" where they do not, or where it is not
 * there. */
const char *surroundings_sudo(const struct surroundings *surroundings);

/* The module ("kvm_intel") belongs to this kernel and can be loaded here. */
bool surroundings_can_load(const struct surroundings *surroundings, const char *module);

#endif
