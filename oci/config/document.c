/* config.json as a whole; see config.h. */
#include "oci/config/config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>

#include "oci/config/parts.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

/* ── the version ─────────────────────────────────────────────────────────────────────────────── */

/* Skips "1.0.2"; NULL: it does not begin so. */
static const char *skip_numbers(const char *text)
{
	for (unsigned i = 0; i < 3; i++) {
		if (i && *text++ != '.')
			return NULL;
		const size_t digits = strspn(text, "0123456789");
		if (!digits || (digits > 1 && *text == '0'))
			return NULL;
		text += digits;
	}
	return text;
}

/* Semantic versioning 2.0: "1.0.2-dev+5". What has the same first number is compatible. */
static int check_version(const char *version, struct error *error)
{
	static const char *const letters =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.+";
	const char *rest = skip_numbers(version);
	if (!rest || (*rest && *rest != '-' && *rest != '+') || rest[strspn(rest, letters)])
		return member_error(error, "", "ociVersion", "'%.100s' is no version as '1.0.2'",
				    version);
	if (strncmp(version, "1.", 2) != 0)
		return member_error(error, "", "ociVersion",
				    "'%.100s' is not supported: Mayfly knows 1.x", version);
	return 0;
}

/* ── its parts ───────────────────────────────────────────────────────────────────────────────── */

static const struct member config_members[] = {
    MEMBER(struct oci_config, version, "ociVersion", TEXT, MEMBER_REQUIRED),
    MEMBER(struct oci_config, hostname, "hostname", TEXT, 0),
    MEMBER(struct oci_config, domainname, "domainname", TEXT, 0),
};

static const struct member root_members[] = {
    MEMBER(struct oci_config, root, "path", TEXT, MEMBER_REQUIRED | MEMBER_FILLED),
    MEMBER(struct oci_config, root_read_only, "readonly", FLAG, 0),
};

/* An object that has to be there. */
static int require_object(const json_t *object, const char *name, const json_t **out,
			  struct error *error)
{
	int result = member_object(object, "", name, out, error);
	return result || *out ? result : member_error(error, "", name, "missing");
}

static int read_names(struct oci_config *config, struct error *error)
{
	struct {
		const char *member, **text;
	} names[] = {{"hostname", &config->hostname}, {"domainname", &config->domainname}};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!*names[i].text || !**names[i].text) {
			*names[i].text = NULL;
			continue;
		}
		if (strlen(*names[i].text) > HOST_NAME_MAX)
			return member_error(error, "", names[i].member, "longer than %d bytes",
					    HOST_NAME_MAX);
		if (!config->namespaces[OCI_NAMESPACE_UTS].given)
			return member_error(error, "", names[i].member,
					    "the container has no uts namespace of its own");
	}
	return 0;
}

static int read_all(struct oci_config *config, struct error *error)
{
	struct oci_tree *tree = config->tree;
	const json_t *object = tree->object, *part = NULL;
	int result = members_read(tree, config_members, ARRAY_SIZE(config_members), object, "",
				  config, error);
	if (!result)
		result = check_version(config->version, error);
	if (!result)
		result = require_object(object, "root", &part, error);
	if (!result)
		result = members_read(tree, root_members, ARRAY_SIZE(root_members), part, "root",
				      config, error);
	if (!result)
		result = require_object(object, "process", &part, error);
	if (!result)
		result = oci_process_of(tree, part, "process", &config->process, error);
	if (!result)
		result =
		    member_list(tree, object, "", "mounts", oci_mount_of, sizeof(*config->mounts),
				&config->mounts, &config->mount_count, error);
	if (!result)
		result = member_object(object, "", "hooks", &part, error);
	if (!result && part)
		result = oci_hooks_of(tree, part, config->hooks, error);
	if (!result)
		result = member_object(object, "", "linux", &part, error);
	if (!result && part)
		result = oci_linux_of(tree, part, config, error);
	if (!result)
		result = read_names(config, error);
	if (!result)
		result = member_pairs(tree, object, "", "annotations", &config->annotations,
				      &config->annotation_count, error);
	return result ? result : oci_settings_of(config, &config->settings, error);
}

int oci_config_parse(const char *text, size_t length, struct oci_config *config,
		     struct error *error)
{
	static const char *const nothing[] = {NULL};
	*config = (struct oci_config){
	    .tree = oci_tree_parse(text, length, error),
	    .cgroups_path = "",
	    .root_propagation = MS_PRIVATE,
	    .masked_paths = (const char **)nothing,
	    .read_only_paths = (const char **)nothing,
	};
	int result = config->tree ? read_all(config, error) : -EINVAL;
	if (result)
		oci_config_release(config);
	return result;
}

void oci_config_release(struct oci_config *config)
{
	oci_tree_release(config->tree);
	*config = (struct oci_config){.tree = NULL};
}

const char *oci_config_annotation(const struct oci_config *config, const char *name)
{
	for (size_t i = 0; i < config->annotation_count; i++)
		if (!strcmp(config->annotations[i].name, name))
			return config->annotations[i].value;
	return NULL;
}

/* ── files ───────────────────────────────────────────────────────────────────────────────────── */

int oci_config_read(const char *bundle, struct oci_config *config, struct error *error)
{
	cleanup_free uint8_t *text = NULL;
	size_t length = 0;
	char path[PATH_MAX];
	*config = (struct oci_config){.tree = NULL};
	if ((size_t)snprintf(path, sizeof(path), "%s/config.json", bundle) >= sizeof(path))
		return error_set(error, ENAMETOOLONG, "the path of the bundle is too long");
	int result = file_read(path, OCI_CONFIG_SIZE_MAX, &text, &length, error);
	if (result)
		return result;
	result = oci_config_parse((const char *)text, length, config, error);
	return result ? error_wrap(error, "%s", path) : 0;
}

int oci_process_read(const char *path, struct oci_process *process, struct error *error)
{
	cleanup_free uint8_t *text = NULL;
	size_t length = 0;
	*process = (struct oci_process){.tree = NULL};
	int result = file_read(path, OCI_CONFIG_SIZE_MAX, &text, &length, error);
	if (result)
		return result;
	result = oci_process_parse((const char *)text, length, process, error);
	return result ? error_wrap(error, "%s", path) : 0;
}
