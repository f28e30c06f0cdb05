/* The namespaces of a container; see namespaces.h. */
#include "oci/container/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/cleanup.h"

/* Those that this process enters or makes; the others are the guest's machine's. */
#define OURS (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

static int join(const struct oci_config *config, enum oci_namespace_kind kind, struct error *error)
{
	const struct oci_namespace *namespace = &config->namespaces[kind];
	cleanup_close int fd = open(namespace->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot open the %s namespace %s",
				       oci_namespace_names[kind], namespace->path);
	if (setns(fd, oci_namespace_bits[kind]))
		return error_set_errno(error, errno, "cannot enter the %s namespace %s",
				       oci_namespace_names[kind], namespace->path);
	return 0;
}

static int set_names(const struct oci_config *config, struct error *error)
{
	if (config->hostname && sethostname(config->hostname, strlen(config->hostname)))
		return error_set_errno(error, errno, "cannot set the host's name '%.64s'",
				       config->hostname);
	if (config->domainname && setdomainname(config->domainname, strlen(config->domainname)))
		return error_set_errno(error, errno, "cannot set the domain's name '%.64s'",
				       config->domainname);
	return 0;
}

/* A new network has a loopback interface that is down. */
static int raise_loopback(struct error *error)
{
	struct ifreq request = {.ifr_name = "lo"};
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request))
		return error_set_errno(error, errno, "cannot look at the loopback interface");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		return error_set_errno(error, errno, "cannot raise the loopback interface");
	return 0;
}

/* What /proc/sys shows is of the namespaces of whoever looks. */
static int set_parameter(const struct oci_pair *wanted, struct error *error)
{
	char path[PATH_MAX];
	const int length = snprintf(path, sizeof(path), "/proc/sys/%s", wanted->name);
	if (length < 0 || (size_t)length >= sizeof(path))
		return error_set(error, ENAMETOOLONG, "sysctl %.64s… is too long", wanted->name);
	/* With slashes dots belong to a name, as in net/ipv4/conf/eth0.1. */
	if (!strchr(wanted->name, '/'))
		for (char *dot = path; (dot = strchr(dot, '.'));)
			*dot = '/';
	cleanup_close int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	const size_t size = strlen(wanted->value);
	if (fd < 0 || write(fd, wanted->value, size) != (ssize_t)size)
		return error_set_errno(error, errno, "cannot set sysctl %.256s", wanted->name);
	return 0;
}

int namespaces_enter(const struct oci_config *config, struct error *error)
{
	int made = CLONE_NEWNS, result = 0;
	/* Paths are of the mount namespace that this process comes from, so that is left last. */
	for (int kind = OCI_NAMESPACES - 1; kind >= 0 && !result; kind--) {
		const struct oci_namespace *namespace = &config->namespaces[kind];
		if (!namespace->given || !(oci_namespace_bits[kind] & OURS))
			continue;
		if (namespace->path)
			result = join(config, (enum oci_namespace_kind)kind, error);
		else
			made |= oci_namespace_bits[kind];
	}
	if (result)
		return result;
	if (unshare(made))
		return error_set_errno(error, errno, "cannot make namespaces");
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL))
		return error_set_errno(error, errno, "cannot keep mounts from spreading");
	if (made & CLONE_NEWNET)
		result = raise_loopback(error);
	if (!result && made & CLONE_NEWUTS)
		result = set_names(config, error);
	for (size_t i = 0; i < config->sysctl_count && !result; i++)
		result = set_parameter(&config->sysctls[i], error);
	return result;
}

int namespaces_join(int pidfd, struct error *error)
{
	if (setns(pidfd, OURS & ~CLONE_NEWCGROUP))
		return error_set_errno(error, errno, "cannot enter the container's namespaces");
	return 0;
}
