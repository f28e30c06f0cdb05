/* Shared objects of plugins; see load.h. */
#include "accel/plugins/load.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accel/plugins/description.h"
#include "util/log.h"
#include "util/trust.h"
#include "vaccel.h"

static bool parse_version(const char *text, int *major, int *minor)
{
	int patch;
	if (*text == 'v')
		text++;
	return sscanf(text, "%d.%d.%d", major, minor, &patch) == 3;
}

bool plugin_version_fits(const char *version)
{
	int major, minor, our_major, our_minor;
	if (!parse_version(version, &major, &minor) ||
	    !parse_version(VACCEL_VERSION, &our_major, &our_minor) || major != our_major)
		return false;
	if (minor != our_minor)
		log_warn("a plugin is made for vAccel %s, this is %s", version, VACCEL_VERSION);
	return true;
}

/* Finds a plugin by its name: where descriptions are looked for (description.h). Else the name is left
 * to the dynamic linker, which looks in the system's directories. Returns as plugin_description_find()
 * does, but 0 for what is nowhere. */
static int find_plugin(struct plugin_description *description, const char *name,
		       struct error *error)
{
	static const char prefix[] = "libvaccel-", suffix[] = ".so";
	const char *dot = strstr(name, suffix);
	const char *word = strncmp(name, prefix, strlen(prefix)) ? name : name + strlen(prefix);
	char bare[NAME_MAX + 1];
	snprintf(bare, sizeof(bare), "%.*s", dot ? (int)(dot - word) : NAME_MAX, word);
	int result = plugin_description_find(description, bare, error);
	if (result != -ENOENT)
		return result;
	snprintf(description->library, sizeof(description->library), "%s%s%s", dot ? "" : prefix,
		 name, dot ? "" : suffix);
	return 0;
}

int plugin_object_open(struct plugin_object *object, const char *name)
{
	struct plugin_description description;
	struct error error = {0};
	int result;
	if (strchr(name, '/')) {
		description = (struct plugin_description){0};
		snprintf(description.library, sizeof(description.library), "%s", name);
		result = trust_path(name, &error);
	} else {
		result = find_plugin(&description, name, &error);
	}
	if (result == -EPERM || result == -EINVAL) {
		log_error("cannot load plugin %s: %s", name, error.text);
		return -result;
	}
	return plugin_object_load(object, &description);
}

int plugin_object_load(struct plugin_object *object, const struct plugin_description *description)
{
	snprintf(object->path, sizeof(object->path), "%s", description->library);
	object->priority = 0;
	object->kinds = description->kinds;
	object->computes = description->computes;
	object->harmless = description->harmless;
	object->handle = dlopen(object->path, RTLD_LAZY | RTLD_LOCAL);
	if (!object->handle) {
		log_error("cannot load plugin %s: %s",
			  *description->name ? description->name : object->path, dlerror());
		return VACCEL_ENOENT;
	}
	struct vaccel_plugin **plugin = dlsym(object->handle, "vaccel_plugin");
	if (!plugin || !*plugin) {
		log_error("%s is not a plugin: it lacks the symbol vaccel_plugin", object->path);
		dlclose(object->handle);
		return VACCEL_ELIBBAD;
	}
	object->plugin = *plugin;
	object->results = dlsym(object->handle, MAYFLY_PLUGIN_SYMBOL);
	if (object->results && object->results->version != MAYFLY_PLUGIN_VERSION) {
		log_warn("%s: structured results of version %u are not understood", object->path,
			 object->results->version);
		object->results = NULL;
	}
	return VACCEL_OK;
}
