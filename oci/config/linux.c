/* "linux": namespaces, paths, what of the kernel's settings a container may have. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "oci/config/parts.h"
#include "sizes/sizes.h"

/* Not in every C library's headers. */
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

const char *const oci_namespace_names[OCI_NAMESPACES] = {
    [OCI_NAMESPACE_MOUNT] = "mount", [OCI_NAMESPACE_NETWORK] = "network",
    [OCI_NAMESPACE_IPC] = "ipc",     [OCI_NAMESPACE_UTS] = "uts",
    [OCI_NAMESPACE_PID] = "pid",     [OCI_NAMESPACE_CGROUP] = "cgroup",
    [OCI_NAMESPACE_USER] = "user",   [OCI_NAMESPACE_TIME] = "time",
};

const int oci_namespace_bits[OCI_NAMESPACES] = {
    [OCI_NAMESPACE_MOUNT] = CLONE_NEWNS,  [OCI_NAMESPACE_NETWORK] = CLONE_NEWNET,
    [OCI_NAMESPACE_IPC] = CLONE_NEWIPC,	  [OCI_NAMESPACE_UTS] = CLONE_NEWUTS,
    [OCI_NAMESPACE_PID] = CLONE_NEWPID,	  [OCI_NAMESPACE_CGROUP] = CLONE_NEWCGROUP,
    [OCI_NAMESPACE_USER] = CLONE_NEWUSER, [OCI_NAMESPACE_TIME] = CLONE_NEWTIME,
};

/* ── namespaces ──────────────────────────────────────────────────────────────────────────────── */

/* Namespaces and devices have these. */
struct entry {
	const char *type, *path;
};

static const struct member namespace_members[] = {
    MEMBER(struct entry, type, "type", TEXT, MEMBER_REQUIRED),
    MEMBER(struct entry, path, "path", TEXT, 0),
};

static int read_namespace(struct oci_tree *tree, const json_t *object, const char *place,
			  void *target, struct error *error)
{
	struct entry *entry = target;
	int result = members_read(tree, namespace_members, ARRAY_SIZE(namespace_members), object,
				  place, entry, error);
	if (result)
		return result;
	if (entry->path && !*entry->path)
		entry->path = NULL;
	if (entry->path && *entry->path != '/')
		return member_error(error, place, "path", "'%.100s' is no absolute path",
				    entry->path);
	return 0;
}

static int read_namespaces(struct oci_tree *tree, const json_t *object, struct oci_config *config,
			   struct error *error)
{
	struct entry *entries = NULL;
	size_t count = 0;
	int result = member_list(tree, object, "linux", "namespaces", read_namespace,
				 sizeof(*entries), &entries, &count, error);
	for (size_t i = 0; i < count && !result; i++) {
		char place[PLACE_MAX];
		snprintf(place, sizeof(place), "linux.namespaces[%zu]", i);
		const int kind = member_word(entries[i].type, oci_namespace_names, OCI_NAMESPACES,
					     place, "type", error);
		if (kind < 0)
			return kind;
		struct oci_namespace *space = &config->namespaces[kind];
		if (space->given)
			return member_error(error, place, "type", "'%s' is there twice",
					    entries[i].type);
		*space = (struct oci_namespace){true, entries[i].path};
		if (kind == OCI_NAMESPACE_USER && space->path)
			return member_error(error, place, "path",
					    "Mayfly joins no namespace of users");
	}
	return result;
}

static int check_mappings(const json_t *object, struct error *error)
{
	static const char *const names[] = {"uidMappings", "gidMappings"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const json_t *array;
		int result = member_array(object, "linux", names[i], &array, error);
		if (!result && json_array_size(array))
			result =
			    member_error(error, "linux", names[i],
					 "Mayfly maps no users: a guest's are its machine's own");
		if (result)
			return result;
	}
	return 0;
}

/* ── sysctls ─────────────────────────────────────────────────────────────────────────────────── */

/* Of which namespace a setting is; OCI_NAMESPACES: of the whole host. */
static enum oci_namespace_kind owner_of(const char *name)
{
	static const char *const ipc[] = {"kernel.msgmax", "kernel.msgmnb",	    "kernel.msgmni",
					  "kernel.sem",	   "kernel.shmall",	    "kernel.shmmax",
					  "kernel.shmmni", "kernel.shm_rmid_forced"};
	for (size_t i = 0; i < ARRAY_SIZE(ipc); i++)
		if (!strcmp(name, ipc[i]))
			return OCI_NAMESPACE_IPC;
	if (!strncmp(name, "fs.mqueue.", 10))
		return OCI_NAMESPACE_IPC;
	if (!strncmp(name, "net.", 4))
		return OCI_NAMESPACE_NETWORK;
	if (!strcmp(name, "kernel.domainname"))
		return OCI_NAMESPACE_UTS;
	return OCI_NAMESPACES;
}

static bool is_sysctl_name(const char *name)
{
	static const char *const letters =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
	return !name[strspn(name, letters)] && !strstr(name, "..") && *name != '.' &&
	       name[strlen(name) - 1] != '.';
}

static int read_sysctls(struct oci_tree *tree, const json_t *object, struct oci_config *config,
			struct error *error)
{
	int result = member_pairs(tree, object, "linux", "sysctl", &config->sysctls,
				  &config->sysctl_count, error);
	for (size_t i = 0; i < config->sysctl_count && !result; i++) {
		const char *name = config->sysctls[i].name;
		if (!is_sysctl_name(name))
			return member_error(error, "linux.sysctl", name, "no name of a setting");
		const enum oci_namespace_kind owner = owner_of(name);
		if (owner == OCI_NAMESPACES)
			return member_error(error, "linux.sysctl", name,
					    "it is of the whole host, and not of a container");
		if (!config->namespaces[owner].given)
			return member_error(error, "linux.sysctl", name,
					    "the container has no %s namespace of its own",
					    oci_namespace_names[owner]);
	}
	return result;
}

/* ── devices ─────────────────────────────────────────────────────────────────────────────────── */

static int check_device(struct oci_tree *tree, const json_t *object, const char *place,
			void *target, struct error *error)
{
	/* The library OS has these. */
	static const char *const usual[] = {"/dev/null",    "/dev/zero",    "/dev/full",
					    "/dev/random",  "/dev/urandom", "/dev/tty",
					    "/dev/console", "/dev/ptmx"};
	struct entry *device = target;
	const struct member members[] = {
	    MEMBER(struct entry, type, "type", TEXT, MEMBER_REQUIRED),
	    MEMBER(struct entry, path, "path", PATH, MEMBER_REQUIRED),
	};
	int result = members_read(tree, members, ARRAY_SIZE(members), object, place, device, error);
	if (result)
		return result;
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		if (!strcmp(device->path, usual[i])) {
			static const char *const types[] = {"c", "u"};
			result = member_word(device->type, types, ARRAY_SIZE(types), place, "type",
					     error);
			return result < 0 ? result : 0;
		}
	return member_error(error, place, "path",
			    "a guest has no '%.100s': it has null, zero, full, random, urandom, "
			    "tty, console and ptmx",
			    device->path);
}

/* ── the whole ───────────────────────────────────────────────────────────────────────────────── */

static int check_refused(const json_t *object, struct error *error)
{
	static const struct {
		const char *name, *why;
	} refused[] = {
	    {"intelRdt", "Mayfly sets no shares of caches and of memory's bandwidth"},
	    {"timeOffsets", "Mayfly has no clocks that differ from the host's"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const json_t *value;
		int result = member_object(object, "linux", refused[i].name, &value, error);
		if (!result && json_object_size(value))
			result =
			    member_error(error, "linux", refused[i].name, "%s", refused[i].why);
		if (result)
			return result;
	}
	return 0;
}

/* A guest's system calls are the library OS's, so there is nothing to filter; the form is checked. */
static int check_seccomp(struct oci_tree *tree, const json_t *object, struct error *error)
{
	const json_t *seccomp;
	const char *action;
	const struct member member = {.name = "defaultAction",
				      .kind = MEMBER_TEXT,
				      .flags = MEMBER_REQUIRED | MEMBER_FILLED,
				      .size = sizeof(action)};
	int result = member_object(object, "linux", "seccomp", &seccomp, error);
	if (!result && seccomp)
		result = members_read(tree, &member, 1, seccomp, "linux.seccomp", &action, error);
	return result;
}

static int check_personality(struct oci_tree *tree, const json_t *object, struct error *error)
{
	static const char *const known[] = {"LINUX"};
	const json_t *personality;
	const char *domain;
	const struct member member = {.name = "domain",
				      .kind = MEMBER_TEXT,
				      .flags = MEMBER_REQUIRED,
				      .size = sizeof(domain)};
	int result = member_object(object, "linux", "personality", &personality, error);
	if (result || !personality)
		return result;
	result = members_read(tree, &member, 1, personality, "linux.personality", &domain, error);
	if (!result)
		result = member_word(domain, known, ARRAY_SIZE(known), "linux.personality",
				     "domain", error);
	return result;
}

static const struct member linux_members[] = {
    MEMBER(struct oci_config, cgroups_path, "cgroupsPath", TEXT, 0),
    MEMBER(struct oci_config, masked_paths, "maskedPaths", PATHS, 0),
    MEMBER(struct oci_config, read_only_paths, "readonlyPaths", PATHS, 0),
};

struct others {
	const char *propagation, *label;
};

static const struct member other_members[] = {
    MEMBER(struct others, propagation, "rootfsPropagation", TEXT, 0),
    MEMBER(struct others, label, "mountLabel", TEXT, 0),
};

int oci_linux_of(struct oci_tree *tree, const json_t *object, struct oci_config *config,
		 struct error *error)
{
	struct others others = {.propagation = ""};
	const json_t *resources = NULL;
	void *devices = NULL;
	size_t device_count = 0;
	int result = members_read(tree, linux_members, ARRAY_SIZE(linux_members), object, "linux",
				  config, error);
	if (!result)
		result = members_read(tree, other_members, ARRAY_SIZE(other_members), object,
				      "linux", &others, error);
	if (!result && *others.propagation) {
		config->root_propagation = oci_propagation_of(others.propagation);
		if (!config->root_propagation)
			result = member_error(error, "linux", "rootfsPropagation",
					      "'%.100s' is none of: shared slave private "
					      "unbindable",
					      others.propagation);
	}
	if (!result)
		result = read_namespaces(tree, object, config, error);
	if (!result)
		result = check_mappings(object, error);
	if (!result)
		result = check_refused(object, error);
	if (!result)
		result = read_sysctls(tree, object, config, error);
	if (!result)
		result = member_list(tree, object, "linux", "devices", check_device,
				     sizeof(struct entry), &devices, &device_count, error);
	if (!result)
		result = check_seccomp(tree, object, error);
	if (!result)
		result = check_personality(tree, object, error);
	if (!result)
		result = member_object(object, "linux", "resources", &resources, error);
	if (!result && resources)
		result =
		    oci_resources_of(tree, resources, "linux.resources", &config->resources, error);
	return result;
}
