/* Names of images in registries; see registry_hint.h. */
#include "monitor/target/registry_hint.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "sizes/sizes.h"

/* Schemes of skopeo(1) and others. */
static const char *skip_scheme(const char *name)
{
	static const char *const schemes[] = {"docker://", "oci://", "docker-daemon:", "podman://",
					      "containers-storage:"};
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (!strncmp(name, schemes[i], strlen(schemes[i])))
			return name + strlen(schemes[i]);
	return name;
}

/* "registry.example/…" or "localhost:5000/…": the first component is a host's name. */
static bool begins_with_registry(const char *name)
{
	size_t length = strcspn(name, "/");
	if (!name[length] || name[0] == '.' || !length)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr(".-:", name[i]))
			return false;
	return memchr(name, '.', length) || memchr(name, ':', length);
}

/* "debian:12", "library/debian:12", "name@sha256:…". */
static bool has_tag(const char *name)
{
	const char *colon = strrchr(name, ':');
	if (!colon || colon == name || !colon[1] || strchr(colon, '/') || name[0] == '.' ||
	    name[0] == '/')
		return false;
	for (const char *next = name; *next; next++)
		if (!isalnum((unsigned char)*next) && !strchr("._-/:@", *next))
			return false;
	return true;
}

int registry_hint(const char *name, struct error *error)
{
	const char *image = skip_scheme(name);
	if (!access(name, F_OK) || (image == name && !begins_with_registry(name) && !has_tag(name)))
		return 0;
	return error_set(
	    error, ENOENT,
	    "%s looks like an image of a registry, and Mayfly takes files: get it by "
	    "'skopeo copy docker://%s oci:image' or 'docker save %s -o image.tar', then "
	    "give the folder or the file",
	    name, image, image);
}
