/* The part of a container image's configuration that a root image keeps; see configuration.h. */
#include "root/configuration.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "root/pack.h"
#include "util/cleanup.h"

/* How the program speaks with the gateway (docs/gateway.md). */
#define CONTRACT_LABEL "mayfly.dev/contract"

/* Adds a key of the image's configuration to the description, if it says anything. */
static void copy_setting(json_t *description, const char *key, const json_t *settings,
			 const char *name)
{
	json_t *value = json_object_get(settings, name);
	if (json_array_size(value) || *(json_string_value(value) ?: ""))
		json_object_set(description, key, value);
}

/* The names of an object's members, as a list: {"8080/tcp": {}}. */
static void copy_names(json_t *description, const char *key, const json_t *settings,
		       const char *name)
{
	const char *member;
	json_t *value, *object = json_object_get(settings, name);
	if (!json_object_size(object))
		return;
	json_t *list = json_array();
	json_object_foreach(object, member, value) json_array_append_new(list, json_string(member));
	json_object_set_new(description, key, list);
}

static int check_machine(const json_t *configuration, struct error *error)
{
	const char *system = json_string_value(json_object_get(configuration, "os"));
	const char *processor = json_string_value(json_object_get(configuration, "architecture"));
	if ((!system || !*system || !strcmp(system, "linux")) &&
	    (!processor || !*processor || !strcmp(processor, "amd64")))
		return 0;
	return error_set(error, EINVAL,
			 "the image is for %s on %s, and this machine is Linux on amd64",
			 system ?: "linux", processor ?: "amd64");
}

int root_pack_configuration(struct root_builder *builder, const json_t *configuration,
			    struct error *error)
{
	const json_t *settings = json_object_get(configuration, "config");
	const struct root_attributes attributes = {.mode = S_IFREG | 0644};
	int result = check_machine(configuration, error);
	if (result)
		return result;
	/* A layer that has this file itself was made for Mayfly, and is right. */
	if (!json_is_object(settings) || root_builder_has(builder, ROOT_DESCRIPTION))
		return 0;
	cleanup(json_decrefp) json_t *description = json_object();
	copy_setting(description, "command", settings, "Entrypoint");
	copy_setting(description, "arguments", settings, "Cmd");
	copy_setting(description, "environment", settings, "Env");
	copy_setting(description, "directory", settings, "WorkingDir");
	copy_setting(description, "user", settings, "User");
	copy_setting(description, "contract", json_object_get(settings, "Labels"), CONTRACT_LABEL);
	copy_names(description, "ports", settings, "ExposedPorts");
	cleanup_free char *text = json_dumps(description, JSON_INDENT(1));
	if (!text)
		return error_set(error, ENOMEM, "no memory for the image's configuration");
	result = root_builder_add(builder, ROOT_DESCRIPTION, &attributes, error);
	return result ? result : root_builder_write(builder, text, strlen(text), error);
}
