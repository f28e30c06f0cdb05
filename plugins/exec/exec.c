/* The exec plugin: functions of shared objects.
 *
 *     int function(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)
 *
 * gets the arguments as they are and returns 0; another result makes the op VACCEL_EBACKEND. The
 * code runs in the process that has this plugin, with all of its rights: an accelerator host has a
 * process for each client that may run any (docs/plugins.md).
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "library.h"
#include "mayfly/plugin.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/lock.h"
#include "vaccel.h"

typedef int user_function(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
			  size_t nr_write);

static int refuse(int result, const struct error *error)
{
	vaccel_error("exec: %s", error->text);
	mayfly_plugin_set_reason(error->text);
	return result;
}

/* ── settings, read when they are needed, as in vAccel ───────────────────────────────────────── */

static int find_mode(void)
{
	static const char name[] = "VACCEL_EXEC_DLOPEN_MODE";
	const char *value = getenv(name);
	if (value && !strcasecmp(value, "lazy"))
		return RTLD_LAZY;
	if (value && strcasecmp(value, "now") != 0)
		vaccel_warn("exec: %s=%s is neither lazy nor now; it is now", name, value);
	return RTLD_NOW;
}

static bool is_closing(bool usual)
{
	static const char name[] = "VACCEL_EXEC_DLCLOSE_ENABLED",
			  old_name[] = "VACCEL_EXEC_DLCLOSE";
	const char *value = getenv(name);
	if (!value && (value = getenv(old_name)))
		vaccel_warn("exec: %s is called %s now", old_name, name);
	if (!value)
		return usual;
	if (!strcmp(value, "0") || !strcasecmp(value, "false"))
		return false;
	if (!strcmp(value, "1") || !strcasecmp(value, "true"))
		return true;
	vaccel_warn("exec: %s=%s is neither 0 nor 1", name, value);
	return usual;
}

/* ── calling ─────────────────────────────────────────────────────────────────────────────────── */

static int call(const struct library *library, const char *symbol, struct vaccel_arg *read,
		size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	struct error error = {0};
	void *address = dlsym(library->handle, symbol);
	user_function *function;
	if (!address) {
		error_set(&error, VACCEL_ENOSYS, "dlsym: %s", dlerror());
		return refuse(VACCEL_ENOSYS, &error);
	}
	memcpy(&function, &address, sizeof(function));
	int result = function(read, nr_read, write, nr_write);
	if (!result)
		return VACCEL_OK;
	error_set(&error, VACCEL_EBACKEND, "%s() returned %d", symbol, result);
	return refuse(VACCEL_EBACKEND, &error);
}

static int exec(struct vaccel_session *session, const char *path, const char *symbol,
		struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)
{
	struct error error = {0};
	struct library library;
	if (!session || !path || !symbol)
		return VACCEL_EINVAL;
	if (library_open_path(&library, path, find_mode(), &error))
		return refuse(VACCEL_EINVAL, &error);
	int result = call(&library, symbol, read, nr_read, write, nr_write);
	/* Without this it stays, also for the next call. */
	if (is_closing(false) && !library_close(&library) && !result)
		result = VACCEL_EINVAL;
	return result;
}

/* ── resources ───────────────────────────────────────────────────────────────────────────────── */

/* What a resource's plugin_priv points to: its libraries, the last of which has the functions. */
struct libraries {
	size_t count;
	struct library libraries[];
};

/* Guards plugin_priv of all resources; opening runs constructors, which is work. */
static pthread_mutex_t resources_lock = PTHREAD_MUTEX_INITIALIZER;

static bool close_all(struct libraries *libraries)
{
	bool closed = true;
	for (size_t i = libraries->count; i-- > 0;)
		closed &= library_close(&libraries->libraries[i]);
	free(libraries);
	return closed;
}

/* Those before the last one are what it depends on. NULL: `error` says why. */
static struct libraries *open_all(const struct vaccel_resource *resource, struct error *error)
{
	const size_t count = resource->nr_blobs;
	const int mode = find_mode();
	struct libraries *libraries =
	    calloc(1, sizeof(*libraries) + count * sizeof(libraries->libraries[0]));
	if (!libraries) {
		error_set(error, ENOMEM, "no memory for libraries");
		return NULL;
	}
	for (; libraries->count < count; libraries->count++) {
		const bool is_last = libraries->count + 1 == count;
		if (library_open_blob(&libraries->libraries[libraries->count],
				      resource->blobs[libraries->count],
				      is_last ? mode : mode | RTLD_GLOBAL, count > 1, error)) {
			close_all(libraries);
			return NULL;
		}
	}
	return libraries;
}

static int find_library(struct vaccel_resource *resource, const struct library **library)
{
	struct error error = {0};
	lock_scoped(&resources_lock);
	struct libraries *libraries = resource->plugin_priv;
	if (!libraries)
		libraries = open_all(resource, &error);
	if (!libraries)
		return refuse(error.code, &error);
	resource->plugin_priv = libraries;
	*library = &libraries->libraries[libraries->count - 1];
	return VACCEL_OK;
}

static int exec_with_resource(struct vaccel_session *session, struct vaccel_resource *resource,
			      const char *symbol, struct vaccel_arg *read, size_t nr_read,
			      struct vaccel_arg *write, size_t nr_write)
{
	const struct library *library = NULL;
	if (!session || !resource || !symbol || !resource->nr_blobs)
		return VACCEL_EINVAL;
	int result = find_library(resource, &library);
	return library ? call(library, symbol, read, nr_read, write, nr_write) : result;
}

static bool is_shared_object(const struct vaccel_blob *blob)
{
	static const char magic[] = "\177ELF";
	return !blob->data || (blob->size >= 4 && !memcmp(blob->data, magic, 4));
}

/* Libraries are opened by the first op. What is none, by its first bytes, may be another plugin's:
 * source code of a kernel, say. */
static int exec_resource_register(struct vaccel_resource *resource, struct vaccel_session *session)
{
	(void)session;
	if (resource->type != VACCEL_RESOURCE_LIB || !resource->nr_blobs ||
	    is_shared_object(resource->blobs[resource->nr_blobs - 1]))
		return VACCEL_OK;
	return VACCEL_ENOTSUP;
}

/* Another session may still have it, and opens it again then. */
static int exec_resource_unregister(struct vaccel_resource *resource,
				    struct vaccel_session *session)
{
	(void)session;
	lock_scoped(&resources_lock);
	if (resource->type != VACCEL_RESOURCE_LIB || !resource->plugin_priv || !is_closing(true))
		return VACCEL_OK;
	bool closed = close_all(resource->plugin_priv);
	resource->plugin_priv = NULL;
	return closed ? VACCEL_OK : VACCEL_EINVAL;
}

static int exec_noop(struct vaccel_session *session)
{
	return session ? VACCEL_OK : VACCEL_EINVAL;
}

static struct vaccel_op ops[] = {
    VACCEL_OP_INIT(noop, VACCEL_OP_NOOP, exec_noop),
    VACCEL_OP_INIT(exec, VACCEL_OP_EXEC, exec),
    VACCEL_OP_INIT(exec_with_resource, VACCEL_OP_EXEC_WITH_RESOURCE, exec_with_resource),
};

static int exec_init(void)
{
	return vaccel_plugin_register_ops(ops, ARRAY_SIZE(ops));
}

static int exec_fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "exec", .version = "0.1.0", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_SOFTWARE | VACCEL_PLUGIN_GENERIC | VACCEL_PLUGIN_CPU,
	      .init = exec_init, .fini = exec_fini, .resource_register = exec_resource_register,
	      .resource_unregister = exec_resource_unregister)
