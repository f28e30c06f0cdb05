/* "hooks": programs that are run when a container is made, started and removed. */
#include <errno.h>

#include "oci/config/parts.h"
#include "sizes/sizes.h"

static const char *const hook_names[OCI_HOOKS] = {
    [OCI_HOOK_PRESTART] = "prestart",
    [OCI_HOOK_CREATE_RUNTIME] = "createRuntime",
    [OCI_HOOK_CREATE_CONTAINER] = "createContainer",
    [OCI_HOOK_START_CONTAINER] = "startContainer",
    [OCI_HOOK_POSTSTART] = "poststart",
    [OCI_HOOK_POSTSTOP] = "poststop",
};

static const struct member hook_members[] = {
    MEMBER(struct oci_hook, path, "path", PATH, MEMBER_REQUIRED),
    MEMBER(struct oci_hook, arguments, "args", TEXTS, 0),
    MEMBER(struct oci_hook, environment, "env", VARIABLES, 0),
    MEMBER_COUNT(struct oci_hook, timeout_s, "timeout", 0, 1, INT32_MAX),
};

static int read_hook(struct oci_tree *tree, const json_t *object, const char *place, void *target,
		     struct error *error)
{
	static const char *const nothing[] = {NULL};
	struct oci_hook *hook = target;
	hook->environment = (const char **)nothing;
	int result =
	    members_read(tree, hook_members, ARRAY_SIZE(hook_members), object, place, hook, error);
	if (result || (hook->arguments && hook->arguments[0]))
		return result;
	hook->arguments = oci_tree_allocate(tree, 2, sizeof(*hook->arguments), error);
	if (!hook->arguments)
		return -ENOMEM;
	hook->arguments[0] = hook->path;
	return 0;
}

int oci_hooks_of(struct oci_tree *tree, const json_t *object, struct oci_hooks hooks[OCI_HOOKS],
		 struct error *error)
{
	int result = 0;
	for (size_t i = 0; i < OCI_HOOKS && !result; i++)
		result =
		    member_list(tree, object, "hooks", hook_names[i], read_hook,
				sizeof(*hooks[i].hooks), &hooks[i].hooks, &hooks[i].count, error);
	return result;
}
