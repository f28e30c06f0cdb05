/* Shared objects of plugins: finding, opening, checking. */
#ifndef MAYFLY_ACCEL_PLUGIN_LOAD_H
#define MAYFLY_ACCEL_PLUGIN_LOAD_H

#include <limits.h>
#include <stdbool.h>

#include "mayfly/plugin.h"
#include "vaccel/plugin.h"

struct plugin_object {
	void *handle; /* dlclose() it */
	struct vaccel_plugin *plugin;
	const struct mayfly_plugin *results; /* NULL where it exports none */
	char path[PATH_MAX];
};

/* Opens the plugin `name` (a path or a name; see vaccel_plugin_load()). VACCEL_ENOENT where it
 * cannot be opened, VACCEL_ELIBBAD where it is no plugin. */
int plugin_object_open(struct plugin_object *object, const char *name);

/* True where a plugin made for this vAccel version runs with ours. */
bool plugin_version_fits(const char *version);

#endif
