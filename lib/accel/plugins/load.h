/* Shared objects of plugins: finding, opening, checking. */
#ifndef MAYFLY_ACCEL_PLUGINS_LOAD_H
#define MAYFLY_ACCEL_PLUGINS_LOAD_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "mayfly/plugin.h"
#include "vaccel/plugin.h"

struct plugin_description;

struct plugin_object {
	void *handle; /* dlclose() it */
	struct vaccel_plugin *plugin;
	const struct mayfly_plugin *results; /* NULL where it exports none */
	/* Of its description; without one it has no kinds but its own, and the lowest priority. */
	int priority;
	uint32_t kinds;
	bool computes, harmless;
	char path[PATH_MAX];
};

/* Opens the plugin `name` (a path or a name; see vaccel_plugin_load()). VACCEL_ENOENT where it
 * cannot be opened, VACCEL_ELIBBAD where it is no plugin. */
int plugin_object_open(struct plugin_object *object, const char *name);

/* The same for a plugin whose description is known already. */
int plugin_object_load(struct plugin_object *object, const struct plugin_description *description);

/* True where a plugin made for this vAccel version runs with ours. */
bool plugin_version_fits(const char *version);

#endif
