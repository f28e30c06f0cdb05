/* config.json and process.json of an OCI bundle, as structures.
 *
 * What an engine writes here is in part an image's or a user's: arguments, environment, directory,
 * annotations. Everything is checked: types, ranges, what must be there, what may not be twice. What
 * Mayfly cannot do as it is written (namespaces for users, devices) is refused with a sentence;
 * members that the specification does not know are passed over, as it wants. No text has a NUL.
 *
 * All texts belong to the structure. Not thread-safe. References: OCI runtime specification 1.1,
 * config.md and config-linux.md.
 */
#ifndef MAYFLY_OCI_CONFIG_H
#define MAYFLY_OCI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "oci/config/resources.h"
#include "oci/config/settings.h"
#include "util/error.h"

#define OCI_CONFIG_SIZE_MAX (4UL << 20) /* of a file */
#define OCI_VERSION	    "1.1.0"	/* that is implemented, and of state.json */

struct oci_user {
	uid_t uid;
	gid_t gid;
	bool umask_given;
	mode_t umask;
	gid_t *groups; /* additionalGids */
	size_t group_count;
};

struct oci_rlimit {
	int resource; /* RLIMIT_… */
	struct rlimit limit;
};

/* "process" of config.json, or the file that `exec --process` names. */
struct oci_process {
	bool terminal;
	unsigned short rows, columns; /* consoleSize; 0: not given */
	struct oci_user user;
	const char **arguments;	  /* NULL-terminated, one at least */
	const char **environment; /* NAME=VALUE, NULL-terminated, not NULL; "" has no name here */
	const char *directory;	  /* cwd, absolute */
	struct oci_rlimit *rlimits;
	size_t rlimit_count;
	bool no_new_privileges;
	bool oom_score_given;
	int oom_score_adjustment; /* -1000 to 1000 */
	struct oci_tree *tree;	  /* whose texts these are; NULL where it is the configuration's */
};

/* What is to be done for a mount. */
enum oci_mount_kind {
	OCI_MOUNT_BIND,	   /* `source` of the host, with `recursive` also what is mounted below */
	OCI_MOUNT_TMPFS,   /* an empty one, with `data` */
	OCI_MOUNT_OVERLAY, /* with `data`: lowerdir and so on */
	OCI_MOUNT_COPY_UP, /* a tmpfs with "tmpcopyup", in which is what was at its place */
	OCI_MOUNT_NONE, /* proc, sysfs, devpts, mqueue, control groups: the library OS has its own */
};

struct oci_mount {
	enum oci_mount_kind kind;
	const char *destination; /* absolute */
	const char *source; /* as it was written: relative to the bundle, or absolute; or NULL */
	const char *type;   /* as it was written; "" where there is none */
	bool recursive;
	uint64_t flags;		  /* MOUNT_ATTR_RDONLY, _NOSUID, _NODEV, _NOEXEC, _NOSYMFOLLOW */
	uint64_t recursive_flags; /* the same, also of those below: "rro" and so on */
	uint64_t propagation;	  /* MS_PRIVATE or MS_SLAVE */
	const char **data;	  /* "size=64k" and so on, NULL-terminated */
};

enum oci_namespace_kind {
	OCI_NAMESPACE_MOUNT,
	OCI_NAMESPACE_NETWORK,
	OCI_NAMESPACE_IPC,
	OCI_NAMESPACE_UTS,
	OCI_NAMESPACE_PID,
	OCI_NAMESPACE_CGROUP,
	/* Only without a path and mappings, and then there is nothing to do. So is it for PID and
	 * TIME: a guest's machine has its own processes, and boots when it starts. */
	OCI_NAMESPACE_USER,
	OCI_NAMESPACE_TIME,
	OCI_NAMESPACES,
};

struct oci_namespace {
	bool given;
	const char *path; /* absolute: to join; NULL: a new one */
};

/* The names of the kinds in config.json ("network"), and the bits for setns(2) (CLONE_NEWNET). */
extern const char *const oci_namespace_names[OCI_NAMESPACES];
extern const int oci_namespace_bits[OCI_NAMESPACES];

enum oci_hook_kind {
	OCI_HOOK_PRESTART, /* deprecated, and still used */
	OCI_HOOK_CREATE_RUNTIME,
	OCI_HOOK_CREATE_CONTAINER,
	OCI_HOOK_START_CONTAINER,
	OCI_HOOK_POSTSTART,
	OCI_HOOK_POSTSTOP,
	OCI_HOOKS,
};

struct oci_hook {
	const char *path;	  /* absolute */
	const char **arguments;	  /* with argv[0], NULL-terminated; {path, NULL}: none are given */
	const char **environment; /* NULL-terminated, perhaps empty */
	unsigned timeout_s;	  /* 0: none */
};

struct oci_hooks {
	struct oci_hook *hooks;
	size_t count;
};

struct oci_config {
	const char *version; /* ociVersion */
	const char *root;    /* root.path, as it was written: relative to the bundle, or absolute */
	bool root_read_only;
	const char *hostname, *domainname; /* NULL: not given. Only with a new UTS namespace */
	struct oci_process process;
	struct oci_mount *mounts; /* in their order */
	size_t mount_count;
	struct oci_hooks hooks[OCI_HOOKS];
	struct oci_pair *annotations;
	size_t annotation_count;
	struct oci_settings settings;
	struct oci_namespace namespaces[OCI_NAMESPACES];
	const char *cgroups_path;  /* "": not given */
	uint64_t root_propagation; /* of what is mounted in it, as above */
	const char **masked_paths; /* absolute, NULL-terminated, not NULL; so are the next ones */
	const char **read_only_paths;
	struct oci_pair *sysctls; /* only those of its own namespaces */
	size_t sysctl_count;
	struct oci_resources resources;
	struct oci_tree *tree; /* whose texts these are */
};

/* The options of mounts that are known, one after the other; NULL behind the last. */
const char *oci_mount_option(size_t index);

/* Reads BUNDLE/config.json. -ENOENT, -EFBIG above OCI_CONFIG_SIZE_MAX, -EINVAL for what is wrong in
 * it, each with a sentence that names file and member; *config is empty then. */
int oci_config_read(const char *bundle, struct oci_config *config, struct error *error);

/* The same for a text. */
int oci_config_parse(const char *text, size_t length, struct oci_config *config,
		     struct error *error);

/* Nothing where it is empty: all zero, or released already. */
void oci_config_release(struct oci_config *config);

/* The value of an annotation; NULL: there is none. */
const char *oci_config_annotation(const struct oci_config *config, const char *name);

/* Reads the file `path`, a "process" object, for `exec --process`. Errors as above. */
int oci_process_read(const char *path, struct oci_process *process, struct error *error);

int oci_process_parse(const char *text, size_t length, struct oci_process *process,
		      struct error *error);

void oci_process_release(struct oci_process *process);

#endif
