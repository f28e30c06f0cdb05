/* Plugins that are loaded: registering, choosing, unloading. */
#include "accel/plugin.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>

#include "accel/plugin_load.h"
#include "accel/state.h"
#include "util/lock.h"
#include "vaccel.h"

/* Part of the library's process-wide state. The array only grows until all is unloaded: readers
 * need no lock, as a plugin is complete before `count` says that it is there. */
static struct {
	pthread_mutex_t load_lock;
	atomic_size_t count;
	struct {
		struct vaccel_plugin *plugin;
		const struct mayfly_plugin *results;
	} entries[PLUGINS_MAX];
	/* The plugin whose init() runs, for its ops. Under load_lock. */
	struct vaccel_plugin *starting;
} plugins = {.load_lock = PTHREAD_MUTEX_INITIALIZER};

static bool plugin_is_loaded(const struct vaccel_plugin *plugin)
{
	size_t count = atomic_load(&plugins.count);
	for (size_t i = 0; i < count; i++)
		if (plugins.entries[i].plugin == plugin)
			return true;
	return false;
}

struct vaccel_plugin *plugin_find(uint32_t flags)
{
	size_t count = atomic_load(&plugins.count);
	bool remote = flags & VACCEL_PLUGIN_REMOTE;
	struct vaccel_plugin *fallback = NULL;
	for (size_t i = 0; i < count; i++) {
		struct vaccel_plugin *plugin = plugins.entries[i].plugin;
		if (plugin->info->is_virtio != remote)
			continue;
		if (remote || ((uint32_t)plugin->info->type & flags))
			return plugin;
		if (!fallback)
			fallback = plugin;
	}
	if (!fallback && !remote && count == 1)
		fallback = plugins.entries[0].plugin;
	return fallback;
}

const struct mayfly_plugin *plugin_results(const struct vaccel_plugin *plugin)
{
	size_t count = atomic_load(&plugins.count);
	for (size_t i = 0; i < count; i++)
		if (plugins.entries[i].plugin == plugin)
			return plugins.entries[i].results;
	return NULL;
}

/* What is wrong with the plugin's description; NULL: nothing. */
static const char *description_fault(const struct vaccel_plugin *plugin)
{
	const struct vaccel_plugin_info *info = plugin->info;
	if (!info)
		return "it describes nothing";
	if (!info->name || !info->version || !info->vaccel_version)
		return "its name or a version is missing";
	if (!info->init || !info->fini)
		return "its init() or fini() is missing";
	if (!accel_state.config.version_ignore && !plugin_version_fits(info->vaccel_version))
		return "it is made for another vAccel version";
	return NULL;
}

/* Takes in the plugin of a shared object that is open, and starts it. */
static int plugin_start(struct plugin_object *object)
{
	struct vaccel_plugin *plugin = object->plugin;
	if (plugin_is_loaded(plugin))
		return VACCEL_EEXIST;
	const char *fault = description_fault(plugin);
	if (fault) {
		vaccel_error("plugin %s: %s", object->path, fault);
		return VACCEL_EINVAL;
	}
	size_t index = atomic_load(&plugins.count);
	if (index == PLUGINS_MAX)
		return VACCEL_EUSERS;
	plugins.starting = plugin;
	int result = plugin->info->init();
	plugins.starting = NULL;
	if (result) {
		vaccel_error("plugin %s does not start: %s", plugin->info->name, strerror(result));
		memset(plugin->ops, 0, sizeof(plugin->ops));
		return result;
	}
	plugin->dl_handle = object->handle;
	plugins.entries[index].plugin = plugin;
	plugins.entries[index].results = object->results;
	atomic_store(&plugins.count, index + 1);
	vaccel_info("plugin %s %s from %s", plugin->info->name, plugin->info->version,
		    object->path);
	return VACCEL_OK;
}

int vaccel_plugin_load(const char *lib)
{
	if (!lib || !*lib)
		return VACCEL_EINVAL;
	lock_scoped(&plugins.load_lock);
	struct plugin_object object;
	int result = plugin_object_open(&object, lib);
	if (result)
		return result;
	result = plugin_start(&object);
	if (result)
		dlclose(object.handle);
	return result;
}

int vaccel_plugin_parse_and_load(const char *lib_str)
{
	if (!lib_str)
		return VACCEL_EINVAL;
	char *list = strdup(lib_str);
	if (!list)
		return VACCEL_ENOMEM;
	int result = VACCEL_OK;
	char *rest = list;
	char *name;
	while (!result && (name = strsep(&rest, ":")))
		if (*name)
			result = vaccel_plugin_load(name);
	free(list);
	return result;
}

int vaccel_plugin_register_ops(struct vaccel_op *ops, size_t nr_ops)
{
	if (!ops)
		return VACCEL_EINVAL;
	for (size_t i = 0; i < nr_ops; i++) {
		struct vaccel_plugin *owner = ops[i].owner;
		if (!ops[i].func || !owner || ops[i].type >= VACCEL_OP_MAX)
			return VACCEL_EINVAL;
		if (owner != plugins.starting && !plugin_is_loaded(owner))
			return VACCEL_ENOENT;
		if (owner->ops[ops[i].type])
			return VACCEL_EEXIST;
		owner->ops[ops[i].type] = &ops[i];
	}
	return VACCEL_OK;
}

void plugins_unload(void)
{
	lock_scoped(&plugins.load_lock);
	size_t count = atomic_exchange(&plugins.count, 0);
	while (count--) {
		struct vaccel_plugin *plugin = plugins.entries[count].plugin;
		void *handle = plugin->dl_handle;
		int result = plugin->info->fini();
		if (result)
			vaccel_warn("plugin %s does not end well: %s", plugin->info->name,
				    strerror(result));
		memset(plugin->ops, 0, sizeof(plugin->ops));
		plugin->dl_handle = NULL;
		dlclose(handle);
	}
}
