/* Which plugins there are: by descriptions that lie beside them, not by a list in code.
 *
 * A plugin NAME has a file NAME.plugin, which says in lines of "key value" how it is to be used;
 * docs/plugins.md has the keys. Such files are looked for in the directories of MAYFLY_PLUGIN_PATH
 * (where it is not set: plugins/ in Mayfly's configuration), in plugins/ below MAYFLY_LIBDIR, beside
 * libvaccel, and in the plugins/ of the installation or build tree that libvaccel belongs to; and in
 * each of them also in a folder NAME. The first of a name is the one that counts.
 */
#ifndef MAYFLY_ACCEL_PLUGINS_DESCRIPTION_H
#define MAYFLY_ACCEL_PLUGINS_DESCRIPTION_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "vaccel/export.h"

#define PLUGIN_NAME_SIZE  64
#define PLUGIN_NEEDS_SIZE 256

struct plugin_description {
	char name[PLUGIN_NAME_SIZE];
	char file[PATH_MAX];	       /* the description itself; "": there is none */
	char library[PATH_MAX];	       /* its shared object */
	char needs[PLUGIN_NEEDS_SIZE]; /* for people: what it looks for at run time; may be "" */
	int priority;	 /* who comes first; 0 to PLUGIN_PRIORITY_MAX, 10 if not said */
	uint32_t kinds;	 /* VACCEL_PLUGIN_ bits in place of its own; 0: its own */
	bool by_default; /* a host that is told nothing else loads it */
	bool awaited;	 /* while it cannot be loaded, no session passes it by */
	bool computes;	 /* like struct mayfly_plugin's; either says so */
	bool harmless;	 /* its exec ops run no code of callers */
	bool beside;	 /* found where libvaccel is, and as trustworthy as that */
};

#define PLUGIN_PRIORITY_MAX 1000

/* Parses `text` of `length` bytes with a NUL behind them, which it changes. `description` has name
 * and file already. -EINVAL names file and line. */
int plugin_description_parse(struct plugin_description *description, char *text, size_t length,
			     struct error *error);

/* Looks for the plugin of this name. A shared object libvaccel-NAME.so in one of the directories
 * needs no description. -ENOENT where there is neither; -EPERM: others than those that util/trust.h
 * names could change what was found; -EINVAL as above. */
int plugin_description_find(struct plugin_description *description, const char *name,
			    struct error *error);

struct plugin_catalog {
	struct plugin_description *entries;
	size_t count;
};

/* All that have descriptions, by priority and then by name. What is not sound is left out, and the
 * log says why. -ENOMEM. */
VACCEL_API int mayfly_plugin_catalog_read(struct plugin_catalog *catalog, struct error *error);
VACCEL_API void mayfly_plugin_catalog_release(struct plugin_catalog *catalog);

/* Calls `visit` for each directory that is looked through, whether there is one or not. */
VACCEL_API void mayfly_plugin_directories(void (*visit)(const char *path, void *context),
					  void *context);

#endif
