/* mayfly-oci features: what this runtime knows of the specification. */
#include "oci/commands/command.h"
#include "oci/container/hooks.h"

static json_t *list_names(const char *const *names, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; list && i < count; i++)
		json_array_append_new(list, json_string(names[i]));
	return list;
}

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	json_t *hooks = json_array();
	for (size_t i = 0; hooks && i < OCI_HOOKS; i++)
		if (i != OCI_HOOK_START_CONTAINER)
			json_array_append_new(hooks, json_string(hook_names[i]));
	json_t *options = json_array();
	for (size_t i = 0; options && oci_mount_option(i); i++)
		json_array_append_new(options, json_string(oci_mount_option(i)));
	return command_print(
	    json_pack(
		"{s:s, s:s, s:o, s:o, s:{s:o, s:{s:b, s:b, s:b, s:b, s:b}, s:{s:b}, s:{s:b}}}",
		"ociVersionMin", "1.0.0", "ociVersionMax", OCI_VERSION, "hooks", hooks,
		"mountOptions", options, "linux", "namespaces",
		list_names(oci_namespace_names, OCI_NAMESPACES), "cgroup", "v1", 1, "v2", 1,
		"systemd", 1, "systemdUser", 0, "rdma", 0, "seccomp", "enabled", 0, "apparmor",
		"enabled", 0),
	    error);
}

const struct command command_features = {
    .name = "features",
    .usage = "",
    .summary = "tell what this runtime knows of the OCI specification",
    .run = run,
};
