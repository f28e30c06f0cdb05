/* Plugins that are loaded: registering, choosing, unloading. */
#include "accel/plugins/plugin.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "accel/plugins/description.h"
#include "accel/plugins/load.h"
#include "accel/state/state.h"
#include "util/cleanup.h"
#include "util/lock.h"
#include "util/log.h"
#include "vaccel.h"

struct entry {
	struct vaccel_plugin *plugin;
	const struct mayfly_plugin *results;
	int priority;	/* among those that were loaded because they are listed, else 0 */
	uint32_t kinds; /* VACCEL_PLUGIN_ bits */
	bool computes;
	bool harmless; /* runs no code of callers */
};

/* Part of the library's process-wide state. The array only grows until all is unloaded: readers
 * need no lock, as a plugin is complete before `count` says that it is there. */
static struct {
	pthread_mutex_t load_lock;
	atomic_size_t count;
	struct entry entries[PLUGINS_MAX];
	atomic_bool share_ops;
	/* The plugin whose init() runs: ops that it registers belong to it. Under load_lock. */
	struct vaccel_plugin *starting;
} plugins = {.load_lock = PTHREAD_MUTEX_INITIALIZER};

static const struct entry *find_entry(const struct vaccel_plugin *plugin)
{
	size_t count = atomic_load(&plugins.count);
	for (size_t i = 0; plugin && i < count; i++)
		if (plugins.entries[i].plugin == plugin)
			return &plugins.entries[i];
	return NULL;
}

static bool plugin_is_loaded(const struct vaccel_plugin *plugin)
{
	return find_entry(plugin);
}

/* Of equals the one that came first. */
static bool comes_before(const struct entry *entry, const struct entry *other)
{
	return !other || entry->priority > other->priority;
}

struct vaccel_plugin *plugin_find(uint32_t flags)
{
	size_t count = atomic_load(&plugins.count);
	bool remote = flags & VACCEL_PLUGIN_REMOTE;
	const struct entry *wanted = NULL, *other = NULL;
	for (size_t i = 0; i < count; i++) {
		const struct entry *entry = &plugins.entries[i];
		if (entry->plugin->info->is_virtio != remote)
			continue;
		if ((remote || (entry->kinds & flags)) && comes_before(entry, wanted))
			wanted = entry;
		if (!remote && comes_before(entry, other))
			other = entry;
	}
	if (!wanted)
		wanted = other;
	if (!wanted && !remote && count == 1)
		wanted = &plugins.entries[0];
	return wanted ? wanted->plugin : NULL;
}

const struct mayfly_plugin *plugin_results(const struct vaccel_plugin *plugin)
{
	const struct entry *entry = find_entry(plugin);
	return entry ? entry->results : NULL;
}

bool plugin_computes(const struct vaccel_plugin *plugin)
{
	const struct entry *entry = find_entry(plugin);
	return entry && (entry->computes || (entry->results && entry->results->computes));
}

bool plugin_runs_code(const struct vaccel_plugin *plugin)
{
	const struct entry *entry = find_entry(plugin);
	return !entry || !(entry->harmless || (entry->kinds & VACCEL_PLUGIN_DEBUG));
}

uint32_t plugin_kinds(const struct vaccel_plugin *plugin)
{
	const struct entry *entry = find_entry(plugin);
	return entry ? entry->kinds : 0;
}

void mayfly_plugins_share_ops(bool share)
{
	atomic_store(&plugins.share_ops, share);
}

bool plugins_share_ops(void)
{
	return atomic_load(&plugins.share_ops);
}

/* The next one that shares its ops with the session; NULL: all have been tried. */
static struct entry *find_untried(const struct vaccel_session *session, size_t count,
				  const bool tried[PLUGINS_MAX])
{
	struct entry *best = NULL;
	for (size_t i = 0; i < count; i++) {
		struct entry *entry = &plugins.entries[i];
		if (!tried[i] && entry->plugin != session->plugin &&
		    !entry->plugin->info->is_virtio &&
		    !(entry->kinds & VACCEL_PLUGIN_DEBUG & ~session->hint) &&
		    comes_before(entry, best))
			best = entry;
	}
	return best;
}

static int try_others(const struct vaccel_session *session, plugin_trial *trial, void *context)
{
	bool tried[PLUGINS_MAX] = {0};
	int result = VACCEL_ENOTSUP;
	size_t count = atomic_load(&plugins.count);
	struct entry *entry;
	while (result == VACCEL_ENOTSUP && (entry = find_untried(session, count, tried))) {
		tried[entry - plugins.entries] = true;
		result = trial(entry->plugin, context);
	}
	return result;
}

int plugin_try(const struct vaccel_session *session, plugin_trial *trial, void *context)
{
	int result = trial(session->plugin, context);
	return result == VACCEL_ENOTSUP && plugins_share_ops() ? try_others(session, trial, context)
							       : result;
}

/* Calls the function at that place in each plugin that has it. */
static int call_all(size_t place)
{
	size_t count = atomic_load(&plugins.count);
	int result = VACCEL_OK;
	for (size_t i = 0; i < count; i++) {
		const struct mayfly_plugin *results = plugins.entries[i].results;
		int (*function)(void) = NULL;
		if (results)
			memcpy(&function, (const char *)results + place, sizeof(function));
		int one = function ? function() : VACCEL_OK;
		if (!result)
			result = one;
	}
	return result;
}

int mayfly_plugins_prepare(void)
{
	return call_all(offsetof(struct mayfly_plugin, prepare));
}

int mayfly_plugins_start_threads(void)
{
	return call_all(offsetof(struct mayfly_plugin, start_threads));
}

int mayfly_plugins_warm_up(void)
{
	return call_all(offsetof(struct mayfly_plugin, warm_up));
}

int mayfly_plugins_keep_models(void)
{
	return call_all(offsetof(struct mayfly_plugin, keep_models));
}

unsigned mayfly_plugins_ops_together(void)
{
	size_t count = atomic_load(&plugins.count);
	unsigned most = 1;
	for (size_t i = 0; i < count; i++) {
		const struct mayfly_plugin *results = plugins.entries[i].results;
		unsigned together = results && results->ops_together ? results->ops_together() : 1;
		if (together > most)
			most = together;
	}
	return most;
}

size_t mayfly_plugins_list_models(struct mayfly_loaded_model *models, size_t room)
{
	size_t count = atomic_load(&plugins.count), written = 0;
	for (size_t i = 0; i < count; i++) {
		const struct mayfly_plugin *results = plugins.entries[i].results;
		if (!results || !results->list_models)
			continue;
		size_t more = results->list_models(models + written, room - written);
		written += more < room - written ? more : room - written;
	}
	return written;
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

/* Adds the plugin of a shared object that is open, and starts it. */
static int plugin_start(struct plugin_object *object)
{
	struct vaccel_plugin *plugin = object->plugin;
	if (plugin_is_loaded(plugin))
		return VACCEL_EEXIST;
	const char *fault = description_fault(plugin);
	if (fault) {
		log_error("plugin %s: %s", object->path, fault);
		return VACCEL_EINVAL;
	}
	size_t index = atomic_load(&plugins.count);
	if (index == PLUGINS_MAX)
		return VACCEL_EUSERS;
	plugins.starting = plugin;
	int result = plugin->info->init();
	plugins.starting = NULL;
	if (result) {
		log_error("plugin %s does not start: %s", plugin->info->name, strerror(result));
		memset(plugin->ops, 0, sizeof(plugin->ops));
		return result;
	}
	plugin->dl_handle = object->handle;
	plugins.entries[index] = (struct entry){
	    .plugin = plugin,
	    .results = object->results,
	    .priority = object->priority,
	    .kinds = object->kinds ? object->kinds : (uint32_t)plugin->info->type,
	    .computes = object->computes,
	    .harmless = object->harmless,
	};
	atomic_store(&plugins.count, index + 1);
	log_info("plugin %s %s from %s", plugin->info->name, plugin->info->version, object->path);
	return VACCEL_OK;
}

/* The plugin "rpc" of vAccel passes sessions on to another side. This library does so by itself
 * (transports/remote_host.c); a path still loads the file. */
static bool names_remote(const char *lib)
{
	return !strcmp(lib, "rpc") || !strcmp(lib, "libvaccel-rpc.so");
}

int vaccel_plugin_load(const char *lib)
{
	if (!lib)
		return VACCEL_EINVAL;
	if (!accel_state.initialized)
		return VACCEL_EBACKEND;
	if (!*lib) /* the dynamic linker would take the program itself for it */
		return VACCEL_ELIBBAD;
	lock_scoped(&plugins.load_lock);
	if (names_remote(lib)) {
		if (accel_state.remote_is_named)
			return VACCEL_EEXIST;
		accel_state.remote_is_named = true;
		return VACCEL_OK;
	}
	struct plugin_object object;
	int result = plugin_object_open(&object, lib);
	if (result)
		return result;
	result = plugin_start(&object);
	if (result)
		dlclose(object.handle);
	return result;
}

/* Loads the plugin of a description; VACCEL_EEXIST where it is loaded already. */
static int load_listed(const struct plugin_description *description)
{
	lock_scoped(&plugins.load_lock);
	struct plugin_object object;
	int result = plugin_object_load(&object, description);
	if (result)
		return result;
	object.priority = description->priority;
	result = plugin_start(&object);
	if (result)
		dlclose(object.handle);
	return result;
}

int mayfly_plugins_load_listed(void)
{
	cleanup(mayfly_plugin_catalog_release) struct plugin_catalog catalog;
	struct error error = {0};
	if (mayfly_plugin_catalog_read(&catalog, &error))
		return VACCEL_ENOMEM;
	bool missing = false;
	for (size_t i = 0; i < catalog.count; i++) {
		const struct plugin_description *each = &catalog.entries[i];
		int result = each->by_default ? load_listed(each) : VACCEL_EEXIST;
		if (!result || result == VACCEL_EEXIST)
			continue;
		missing |= each->awaited;
		if (*each->needs)
			log_info("plugin %s needs %s", each->name, each->needs);
	}
	size_t count = atomic_load(&plugins.count), serious = 0;
	for (size_t i = 0; i < count; i++)
		serious += !(plugins.entries[i].kinds & VACCEL_PLUGIN_DEBUG);
	return !count ? VACCEL_ENOENT : missing || !serious ? VACCEL_ENODEV : VACCEL_OK;
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
	if (!ops || !nr_ops || nr_ops > VACCEL_OP_MAX)
		return VACCEL_EINVAL;
	for (size_t i = 0; i < nr_ops; i++) {
		const struct vaccel_plugin *owner = ops[i].owner;
		if (!ops[i].func || !owner || ops[i].type >= VACCEL_OP_MAX)
			return VACCEL_EINVAL;
		if (owner != plugins.starting && !plugin_is_loaded(owner))
			return VACCEL_ENOENT;
	}
	/* A plugin may replace an op of its own. */
	for (size_t i = 0; i < nr_ops; i++) {
		ops[i].owner->ops[ops[i].type] = &ops[i];
		log_debug("plugin %s: op %s", ops[i].owner->info->name,
			  vaccel_op_type_to_base_str(ops[i].type));
	}
	return VACCEL_OK;
}

void plugins_unload(void)
{
	lock_scoped(&plugins.load_lock);
	accel_state.remote_is_named = false;
	atomic_store(&plugins.share_ops, false);
	size_t count = atomic_exchange(&plugins.count, 0);
	while (count--) {
		struct vaccel_plugin *plugin = plugins.entries[count].plugin;
		void *handle = plugin->dl_handle;
		int result = plugin->info->fini();
		if (result)
			log_warn("plugin %s does not end well: %s", plugin->info->name,
				 strerror(result));
		memset(plugin->ops, 0, sizeof(plugin->ops));
		plugin->dl_handle = NULL;
		dlclose(handle);
	}
}
