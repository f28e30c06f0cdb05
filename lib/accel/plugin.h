/* The plugins that are loaded, as other parts of the library see them. */
#ifndef MAYFLY_ACCEL_PLUGIN_H
#define MAYFLY_ACCEL_PLUGIN_H

#include "mayfly/plugin.h"
#include "vaccel/plugin.h"

#define PLUGINS_MAX 64

#ifdef VACCEL_GUEST
/* A guest has no plugins. */
static inline struct vaccel_plugin *plugin_find(uint32_t flags)
{
	(void)flags;
	return NULL;
}

static inline void plugins_unload(void)
{
}
#else
/* The plugin for a session with these flags: the first that is virtio where flags ask for a remote
 * one; else the first local one with one of the types, else the first local one, else the only
 * plugin there is. NULL: none. */
struct vaccel_plugin *plugin_find(uint32_t flags);

/* What the plugin offers beyond the vAccel ABI; NULL where it does not. */
const struct mayfly_plugin *plugin_results(const struct vaccel_plugin *plugin);

/* Ends and unloads all plugins. No session may be open. */
void plugins_unload(void);
#endif

#endif
