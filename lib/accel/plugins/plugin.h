/* The plugins that are loaded, as other parts of the library see them. */
#ifndef MAYFLY_ACCEL_PLUGINS_PLUGIN_H
#define MAYFLY_ACCEL_PLUGINS_PLUGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "mayfly/plugin.h"
#include "vaccel/export.h"
#include "vaccel/plugin.h"

#define PLUGINS_MAX 64

/* The plugin for a session with these flags: the first that is virtio where flags ask for a remote
 * one; else the first local one with one of the types, else the first local one, else the only
 * plugin there is. The first is the one of the highest priority, and of equals the one that was
 * loaded first. NULL: none. */
struct vaccel_plugin *plugin_find(uint32_t flags);

/* Calls `trial` for the session's plugin and, where plugins share ops, for the others by priority,
 * until one answers something else than VACCEL_ENOTSUP, which is returned. Plugins for debugging
 * are tried only for sessions that ask for them: their answers must not pass for results.
 * Thread-safe. */
typedef int plugin_trial(struct vaccel_plugin *plugin, void *context);
int plugin_try(const struct vaccel_session *session, plugin_trial *trial, void *context);
bool plugins_share_ops(void);

/* Its ops take a processor for a while: the plugin says so, or its description. */
bool plugin_computes(const struct vaccel_plugin *plugin);

/* Its ops that can run code of their callers do; the plugin's description, or a kind that is only for
 * debugging, says otherwise. */
bool plugin_runs_code(const struct vaccel_plugin *plugin);

/* The kinds of devices and of work that it is for, as VACCEL_PLUGIN_ bits. */
uint32_t plugin_kinds(const struct vaccel_plugin *plugin);

/* What the plugin offers beyond the vAccel ABI; NULL where it does not. */
const struct mayfly_plugin *plugin_results(const struct vaccel_plugin *plugin);

/* Ends and unloads all plugins. No session may be open. */
void plugins_unload(void);

/* Loads the plugins whose descriptions say `default yes` (description.h), as far as they are not
 * loaded. VACCEL_ENOENT: there is no plugin. VACCEL_ENODEV: one that is awaited is missing, or there are only plugins for debugging; it is worth
 * trying again. Thread-safe. */
VACCEL_API int mayfly_plugins_load_listed(void);

/* From now on, and until plugins are unloaded, a session whose plugin lacks an op, or does not take
 * a resource (its hook answers VACCEL_ENOTSUP), is served by the next plugin that does. For hosts,
 * whose clients cannot know which plugins there are; vAccel programs expect VACCEL_ENOTSUP. */
VACCEL_API void mayfly_plugins_share_ops(bool share);

/* Makes all loaded plugins ready for ops in a process that can open no file any more; see
 * struct mayfly_plugin. Returns 0, or the code of the first one that is not. */
VACCEL_API int mayfly_plugins_prepare(void);

/* In a fork made after that: the same for threads. */
VACCEL_API int mayfly_plugins_start_threads(void);

/* Has all plugins load what is to be there before it is asked for. */
VACCEL_API int mayfly_plugins_warm_up(void);

/* Has all plugins write what others may use of the installed models. */
VACCEL_API int mayfly_plugins_keep_models(void);

/* The most that a plugin says of ops that it runs together; at least 1. */
VACCEL_API unsigned mayfly_plugins_ops_together(void);

/* The models that all plugins have loaded: writes the first `room`, returns how many those are. */
VACCEL_API size_t mayfly_plugins_list_models(struct mayfly_loaded_model *models, size_t room);

#endif
