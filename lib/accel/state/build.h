/* What differs between the host's build of the library and the guest's: library/host.c and
 * library/guest.c define it. All else is the same in both. */
#ifndef MAYFLY_ACCEL_STATE_BUILD_H
#define MAYFLY_ACCEL_STATE_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "vaccel/arg.h"
#include "vaccel/session.h"

struct transport_kind;

/* Sessions that plugins in this process serve. All return 0 or a VACCEL_E… code. */
struct accel_in_process {
	/* Loads the plugins of a list (vaccel_plugin_parse_and_load()), and unloads all there are. */
	int (*load)(const char *plugins);
	void (*unload)(void);
	/* Ends the tasks of the program (mayfly/tasks.h). */
	void (*end_tasks)(void);
	/* True where there is a plugin for such a session. */
	bool (*serves)(uint32_t flags);
	/* Finds a plugin for the session; chooses again; releases it. */
	int (*open)(struct vaccel_session *session, uint32_t flags);
	int (*update)(struct vaccel_session *session, uint32_t flags);
	int (*close)(struct vaccel_session *session);
	/* Gives the resource to the session's plugin, or another that takes it: *plugin. */
	int (*take)(struct vaccel_session *session, struct vaccel_resource *resource,
		    struct vaccel_plugin **plugin);
	/* As mayfly_op_dispatch(). */
	int (*call)(struct vaccel_session *session, uint16_t op, const struct vaccel_arg *inputs,
		    size_t input_count, struct vaccel_arg *outputs, size_t output_count,
		    const uint32_t *out_flags);
};

struct accel_build {
	/* NULL: there are no plugins here. Transports serve all sessions then, and the library
	 * starts with the first one: a program that opens none pays nothing. */
	const struct accel_in_process *in_process;
	/* The ways to another side, the first that opens is taken; NULL at the end. */
	const struct transport_kind *const *transports;
	/* How many there may be at once, and as many places. */
	_Atomic(void *) *sessions;
	_Atomic(void *) *resources;
	uint32_t sessions_max, resources_max;
	/* Where the log goes unless the configuration says it; as vaccel_config's log_file. */
	const char *log_file;
	/* Writes what is at a URL to a file; 0 or a negative errno. NULL: nothing can be fetched. */
	int (*fetch)(const char *url, int fd, struct error *error);
	/* Writes the directory in which libraries have theirs; 0 or a negative errno. */
	int (*find_rundir)(char *path, size_t size, struct error *error);
};

extern const struct accel_build accel_build;

#endif
