/* A control group of one's own from systemd; see systemd_scope.h.
 *
 * libsystemd is loaded when somebody wants this, since few do: with what it needs itself it would
 * add 0.5 ms or more to the start of every command, which takes 0.6 ms without it (measured).
 * References: org.freedesktop.systemd1(5), sd-bus(3).
 */
#include "confine/systemd_scope.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define LIBRARY	 "libsystemd.so.0"
#define LIMIT_NS (10 * NANOSECONDS_PER_SECOND)

#define SERVICE "org.freedesktop.systemd1"
#define PATH	"/org/freedesktop/systemd1"
#define MANAGER SERVICE ".Manager"

/* What is used of the library. */
#define SD_BUS_FUNCTIONS(X)                                                                        \
	X(sd_bus_open_system)                                                                      \
	X(sd_bus_open_user)                                                                        \
	X(sd_bus_match_signal)                                                                     \
	X(sd_bus_call_method)                                                                      \
	X(sd_bus_message_read)                                                                     \
	X(sd_bus_message_unref)                                                                    \
	X(sd_bus_error_free)                                                                       \
	X(sd_bus_process)                                                                          \
	X(sd_bus_wait)                                                                             \
	X(sd_bus_flush_close_unref)

#define SD_BUS_POINTER(name) __typeof__(name) *name;
struct sd_bus_library {
	SD_BUS_FUNCTIONS(SD_BUS_POINTER)
};

/* What it lacks is NULL. It stays loaded: it does not support anything else. */
static void load_library(struct sd_bus_library *library)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	*library = (struct sd_bus_library){.sd_bus_wait = NULL};
	if (!handle)
		return;
#define SD_BUS_LOOK_UP(name) *(void **)&library->name = dlsym(handle, #name);
	SD_BUS_FUNCTIONS(SD_BUS_LOOK_UP)
}

static bool is_whole(const struct sd_bus_library *library)
{
#define SD_BUS_IS_THERE(name) library->name &&
	return SD_BUS_FUNCTIONS(SD_BUS_IS_THERE) true;
}

struct scope {
	struct sd_bus_library library;
	sd_bus *bus;
	char job[256];	 /* the path of what systemd does for us; "" before it has begun */
	char result[64]; /* what came of the job; "" before */
};

static void release_scope(struct scope *scope)
{
	if (scope->bus)
		scope->library.sd_bus_flush_close_unref(scope->bus);
}

/* A signal JobRemoved, of whichever job. */
static int job_removed(sd_bus_message *message, void *context, sd_bus_error *error)
{
	struct scope *scope = context;
	const char *job, *unit, *result;
	uint32_t number;
	(void)error;
	if (scope->library.sd_bus_message_read(message, "uoss", &number, &job, &unit, &result) >=
		0 &&
	    *scope->job && !strcmp(job, scope->job))
		snprintf(scope->result, sizeof(scope->result), "%s", result);
	return 0;
}

static int start_unit(struct scope *scope, const char *name, const pid_t *companions,
		      struct error *error)
{
	/* This process, and up to two others; systemd does not mind to be told of one twice. */
	uint32_t pids[3];
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		pids[i] = i && *companions ? (uint32_t)*companions : (uint32_t)getpid();
		companions += i && *companions;
	}
	const struct sd_bus_library *library = &scope->library;
	sd_bus_error failure = SD_BUS_ERROR_NULL;
	sd_bus_message *reply = NULL;
	const char *job = "";
	int result = library->sd_bus_call_method(
	    scope->bus, SERVICE, PATH, MANAGER, "StartTransientUnit", &failure, &reply,
	    "ssa(sv)a(sa(sv))", name, "fail", 4, "Description", "s", "Mayfly", "PIDs", "au", 3,
	    pids[0], pids[1], pids[2], "Delegate", "b", 1, "CollectMode", "s", "inactive-or-failed",
	    0);
	if (result >= 0)
		result = library->sd_bus_message_read(reply, "o", &job);
	if (result < 0)
		result = error_set(error, -result, "systemd makes no scope %s: %s", name,
				   failure.message ? failure.message : strerrordesc_np(-result));
	else
		snprintf(scope->job, sizeof(scope->job), "%s", job);
	library->sd_bus_message_unref(reply);
	library->sd_bus_error_free(&failure);
	return result < 0 ? result : 0;
}

static int await_job(struct scope *scope, const char *name, struct error *error)
{
	const uint64_t limit_ns = clock_now_ns() + LIMIT_NS;
	while (!*scope->result) {
		const uint64_t now_ns = clock_now_ns();
		int result = scope->library.sd_bus_process(scope->bus, NULL);
		if (!result && now_ns >= limit_ns)
			result = -ETIMEDOUT;
		if (!result)
			result = scope->library.sd_bus_wait(scope->bus, (limit_ns - now_ns) / 1000);
		if (result < 0 && result != -EINTR)
			return error_set_errno(error, -result,
					       "systemd does not say what became of %s", name);
	}
	return strcmp(scope->result, "done") != 0
		   ? error_set(error, EIO, "systemd could not start %s: %s", name, scope->result)
		   : 0;
}

int systemd_scope_enter(const pid_t *companions, struct error *error)
{
	cleanup(release_scope) struct scope scope = {.bus = NULL};
	char name[64];
	const bool is_root = !geteuid();
	load_library(&scope.library);
	if (!is_whole(&scope.library))
		return error_set(error, ENOTSUP,
				 "%s is needed for a control group from systemd: install it",
				 LIBRARY);
	snprintf(name, sizeof(name), "mayfly-%d.scope", getpid());
	int result = (is_root ? scope.library.sd_bus_open_system
			      : scope.library.sd_bus_open_user)(&scope.bus);
	if (result >= 0)
		result = scope.library.sd_bus_match_signal(scope.bus, NULL, SERVICE, PATH, MANAGER,
							   "JobRemoved", job_removed, &scope);
	if (result < 0)
		return error_set_errno(error, -result, "cannot reach the systemd of %s by D-Bus",
				       is_root ? "this machine" : "this user");
	result = start_unit(&scope, name, companions, error);
	return result ? result : await_job(&scope, name, error);
}
