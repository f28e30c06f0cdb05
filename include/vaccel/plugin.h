/* Plugins: shared objects that do the ops. */
#ifndef VACCEL_PLUGIN_H
#define VACCEL_PLUGIN_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "list.h"
#include "op.h"
#include "resource.h"
#include "session.h"
#include "utils/enum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Bits: what a plugin runs on, and what a session asks for. */
/* clang-format off */
#define VACCEL_PLUGIN_TYPE_ENUM_LIST(ITEM) \
	ITEM(CPU, 0x1, VACCEL_PLUGIN) \
	ITEM(GPU, 0x2, VACCEL_PLUGIN) \
	ITEM(FPGA, 0x4, VACCEL_PLUGIN) \
	ITEM(SOFTWARE, 0x8, VACCEL_PLUGIN) \
	ITEM(TENSORFLOW, 0x10, VACCEL_PLUGIN) \
	ITEM(TORCH, 0x20, VACCEL_PLUGIN) \
	ITEM(JETSON, 0x40, VACCEL_PLUGIN) \
	ITEM(GENERIC, 0x80, VACCEL_PLUGIN) \
	ITEM(DEBUG, 0x100, VACCEL_PLUGIN) \
	ITEM(REMOTE, 0x4000, VACCEL_PLUGIN) \
	ITEM(ALL, 0xffff, VACCEL_PLUGIN)
/* clang-format on */
VACCEL_ENUM_DEF_WITH_STR_FUNCS(vaccel_plugin_type, VACCEL_PLUGIN, VACCEL_PLUGIN_TYPE_ENUM_LIST)

/* All functions return 0 or a VACCEL_E… code. The hooks may be NULL, except init and fini. */
struct vaccel_plugin_info {
	const char *name;
	const char *version;
	const char *vaccel_version; /* the VACCEL_VERSION that it was built with */
	int (*init)(void);	    /* registers the ops */
	int (*fini)(void);
	bool is_virtio; /* passes sessions, resources and ops on to another side */
	vaccel_plugin_type_t type;
	int (*session_init)(struct vaccel_session *sess, uint32_t flags);
	int (*session_release)(struct vaccel_session *sess);
	int (*session_update)(struct vaccel_session *sess, uint32_t flags);
	int (*resource_register)(struct vaccel_resource *res, struct vaccel_session *sess);
	int (*resource_unregister)(struct vaccel_resource *res, struct vaccel_session *sess);
	int (*resource_sync)(struct vaccel_resource *res, struct vaccel_session *sess);
};

struct vaccel_plugin {
	void *dl_handle;
	struct vaccel_list_entry entry;
	struct vaccel_op *ops[VACCEL_OP_MAX];
	struct vaccel_plugin_info *info;
};

/* Defines the plugin of a shared object: VACCEL_PLUGIN(.name = "…", .version = "…", …). C only. */
#define VACCEL_PLUGIN(...)                                                                         \
	static struct vaccel_plugin_info vaccel_this_plugin_info = {__VA_ARGS__};                  \
	__attribute__((visibility("hidden"))) struct vaccel_plugin vaccel_this_plugin = {          \
	    .entry = LIST_ENTRY_INIT(vaccel_this_plugin.entry),                                    \
	    .info = &vaccel_this_plugin_info,                                                      \
	};                                                                                         \
	__attribute__((visibility("default"))) const struct vaccel_plugin *vaccel_plugin =         \
	    &vaccel_this_plugin;

/* Registers 1 to VACCEL_OP_MAX ops with their owner, which must be loading or loaded
 * (VACCEL_ENOENT). The array must outlive the plugin. A plugin calls this in its init(); an op that
 * it has already is replaced. */
VACCEL_API int vaccel_plugin_register_ops(struct vaccel_op *ops, size_t nr_ops);

static inline int vaccel_plugin_register_op(struct vaccel_op *op)
{
	return vaccel_plugin_register_ops(op, 1);
}

/* Loads a plugin: a path, or a name ("noop", "libvaccel-noop.so") that is looked for beside this
 * library, in the plugins folder of a build tree, in lib/mayfly, and by the dynamic linker.
 * VACCEL_ENOENT, VACCEL_ELIBBAD (no plugin), VACCEL_EEXIST (loaded already), VACCEL_EINVAL
 * (incomplete, or made for another version), VACCEL_EBACKEND before bootstrap. */
VACCEL_API int vaccel_plugin_load(const char *lib);

/* Loads all plugins of a list "a:b"; stops at the first that fails. */
VACCEL_API int vaccel_plugin_parse_and_load(const char *lib_str);

#define VACCEL_MODULE(...) VACCEL_PLUGIN(__VA_ARGS__)

VACCEL_DEPRECATED("use vaccel_plugin_register_op()")
static inline int register_plugin_function(struct vaccel_op *plugin_op)
{
	return vaccel_plugin_register_op(plugin_op);
}

VACCEL_DEPRECATED("use vaccel_plugin_register_ops()")
static inline int register_plugin_functions(struct vaccel_op *plugin_ops, size_t nr_ops)
{
	return vaccel_plugin_register_ops(plugin_ops, nr_ops);
}

#ifdef __cplusplus
}
#endif

#endif
