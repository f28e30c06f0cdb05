/* Shared objects of plugins; see plugin_load.h. */
#include "accel/plugin_load.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/paths.h"
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
		vaccel_warn("a plugin is made for vAccel %s, this is %s", version, VACCEL_VERSION);
	return true;
}

/* Writes the path of `file` in `directory`; false where no such file can be read. */
__attribute__((format(printf, 2, 3))) static bool look_at(char *out, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(out, PATH_MAX, format, arguments);
	va_end(arguments);
	return length > 0 && length < PATH_MAX && !access(out, R_OK);
}

/* Finds a plugin by its name: beside this library, in the build tree or installation that it
 * belongs to, or in those of the running program. Else the name is left to the dynamic linker. */
static void find_plugin(char *out, const char *name)
{
	static const char prefix[] = "libvaccel-";
	const char *dot = strstr(name, ".so");
	char file[NAME_MAX + 1];
	char folder[NAME_MAX + 1];
	int length = dot ? snprintf(file, sizeof(file), "%s", name)
			 : snprintf(file, sizeof(file), "%s%s.so", prefix, name);
	if (length < 0 || (size_t)length >= sizeof(file)) {
		out[0] = 0;
		return;
	}
	const char *base = strncmp(file, prefix, strlen(prefix)) ? file : file + strlen(prefix);
	snprintf(folder, sizeof(folder), "%.*s", (int)strcspn(base, "."), base);

	Dl_info self;
	if (dladdr((void *)vaccel_plugin_load, &self) && strchr(self.dli_fname, '/')) {
		const char *here = self.dli_fname;
		int parent = (int)(strrchr(here, '/') - here);
		if (look_at(out, "%.*s/%s", parent, here, file) ||
		    look_at(out, "%.*s/../../plugins/%s/%s", parent, here, folder, file) ||
		    look_at(out, "%.*s/mayfly/%s", parent, here, file))
			return;
	}
	char part[2 * NAME_MAX + 16];
	snprintf(part, sizeof(part), "plugins/%s/%s", folder, file);
	if (!paths_part(out, PATH_MAX, part, NULL))
		return;
	snprintf(out, PATH_MAX, "%s", file);
}

int plugin_object_open(struct plugin_object *object, const char *name)
{
	if (strchr(name, '/'))
		snprintf(object->path, sizeof(object->path), "%s", name);
	else
		find_plugin(object->path, name);
	object->handle = dlopen(object->path, RTLD_LAZY | RTLD_LOCAL);
	if (!object->handle) {
		vaccel_error("cannot load plugin %s: %s", name, dlerror());
		return VACCEL_ENOENT;
	}
	struct vaccel_plugin **plugin = dlsym(object->handle, "vaccel_plugin");
	if (!plugin || !*plugin) {
		vaccel_error("%s is not a plugin: it lacks the symbol vaccel_plugin", object->path);
		dlclose(object->handle);
		return VACCEL_ELIBBAD;
	}
	object->plugin = *plugin;
	object->results = dlsym(object->handle, MAYFLY_PLUGIN_SYMBOL);
	if (object->results && object->results->version != MAYFLY_PLUGIN_VERSION) {
		vaccel_warn("%s: structured results of version %u are not understood", object->path,
			    object->results->version);
		object->results = NULL;
	}
	return VACCEL_OK;
}
