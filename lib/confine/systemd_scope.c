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

#define SYSTEMD_PIDS_MAX 3 /* who asks, and two companions */

/* What is used of the library. */
#define SD_BUS_FUNCTIONS(X)                                                                        \
	X(sd_bus_open_system)                                                                      \
	X(sd_bus_open_user)                                                                        \
	X(sd_bus_match_signal)                                                                     \
	X(sd_bus_call)                                                                             \
	X(sd_bus_message_new_method_call)                                                          \
	X(sd_bus_message_append)                                                                   \
	X(sd_bus_message_append_array)                                                             \
	X(sd_bus_message_open_container)                                                           \
	X(sd_bus_message_close_container)                                                          \
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

/* A connection to systemd, and what becomes of a job of ours. */
struct manager {
	struct sd_bus_library library;
	sd_bus *bus;
	char job[256];	 /* the path of what systemd does for us; "" before it has begun */
	char result[64]; /* what came of the job; "" before */
};

static void release_manager(struct manager *manager)
{
	if (manager->bus)
		manager->library.sd_bus_flush_close_unref(manager->bus);
}

/* A signal JobRemoved, of whichever job. */
static int job_removed(sd_bus_message *message, void *context, sd_bus_error *error)
{
	struct manager *manager = context;
	const char *job, *unit, *result;
	uint32_t number;
	(void)error;
	if (manager->library.sd_bus_message_read(message, "uoss", &number, &job, &unit, &result) >=
		0 &&
	    *manager->job && !strcmp(job, manager->job))
		snprintf(manager->result, sizeof(manager->result), "%s", result);
	return 0;
}

/* ── messages ────────────────────────────────────────────────────────────────────────────────── */

static int append_property(const struct sd_bus_library *library, sd_bus_message *message,
			   const struct systemd_property *property)
{
	return library->sd_bus_message_append(message, "(sv)", property->name, "t",
					      property->value);
}

static int append_pids(const struct sd_bus_library *library, sd_bus_message *message,
		       const struct systemd_scope *scope)
{
	uint32_t pids[SYSTEMD_PIDS_MAX];
	if (scope->pid_count > SYSTEMD_PIDS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < scope->pid_count; i++)
		pids[i] = (uint32_t)scope->pids[i];
	int result = library->sd_bus_message_open_container(message, 'r', "sv");
	if (result >= 0)
		result = library->sd_bus_message_append(message, "s", "PIDs");
	if (result >= 0)
		result = library->sd_bus_message_open_container(message, 'v', "au");
	if (result >= 0)
		result = library->sd_bus_message_append_array(message, 'u', pids,
							      scope->pid_count * sizeof(*pids));
	if (result >= 0)
		result = library->sd_bus_message_close_container(message);
	return result < 0 ? result : library->sd_bus_message_close_container(message);
}

/* The arguments of StartTransientUnit. */
static int append_scope(const struct sd_bus_library *library, sd_bus_message *message,
			const struct systemd_scope *scope)
{
	int result = library->sd_bus_message_append(message, "ss", scope->name, "fail");
	if (result >= 0)
		result = library->sd_bus_message_open_container(message, 'a', "(sv)");
	if (result >= 0)
		result = library->sd_bus_message_append(message, "(sv)(sv)(sv)", "Description", "s",
							scope->description, "Delegate", "b", 1,
							"CollectMode", "s", "inactive-or-failed");
	if (result >= 0 && scope->slice)
		result =
		    library->sd_bus_message_append(message, "(sv)", "Slice", "s", scope->slice);
	if (result >= 0)
		result = append_pids(library, message, scope);
	for (size_t i = 0; i < scope->property_count && result >= 0; i++)
		result = append_property(library, message, &scope->properties[i]);
	if (result >= 0)
		result = library->sd_bus_message_close_container(message);
	return result < 0 ? result : library->sd_bus_message_append(message, "a(sa(sv))", 0);
}

static int start_unit(struct manager *manager, const struct systemd_scope *scope,
		      struct error *error)
{
	const struct sd_bus_library *library = &manager->library;
	sd_bus_error failure = SD_BUS_ERROR_NULL;
	sd_bus_message *message = NULL, *reply = NULL;
	const char *job = "";
	int result = library->sd_bus_message_new_method_call(manager->bus, &message, SERVICE, PATH,
							     MANAGER, "StartTransientUnit");
	if (result >= 0)
		result = append_scope(library, message, scope);
	if (result >= 0)
		result = library->sd_bus_call(manager->bus, message, 0, &failure, &reply);
	if (result >= 0)
		result = library->sd_bus_message_read(reply, "o", &job);
	if (result < 0)
		result = error_set(error, -result, "systemd makes no scope %s: %s", scope->name,
				   failure.message ? failure.message : strerrordesc_np(-result));
	else
		snprintf(manager->job, sizeof(manager->job), "%s", job);
	library->sd_bus_message_unref(message);
	library->sd_bus_message_unref(reply);
	library->sd_bus_error_free(&failure);
	return result < 0 ? result : 0;
}

static int await_job(struct manager *manager, const char *name, struct error *error)
{
	const uint64_t limit_ns = clock_now_ns() + LIMIT_NS;
	while (!*manager->result) {
		const uint64_t now_ns = clock_now_ns();
		int result = manager->library.sd_bus_process(manager->bus, NULL);
		if (!result && now_ns >= limit_ns)
			result = -ETIMEDOUT;
		if (!result)
			result =
			    manager->library.sd_bus_wait(manager->bus, (limit_ns - now_ns) / 1000);
		if (result < 0 && result != -EINTR)
			return error_set_errno(error, -result,
					       "systemd does not say what became of %s", name);
	}
	return strcmp(manager->result, "done") != 0
		   ? error_set(error, EIO, "systemd could not start %s: %s", name, manager->result)
		   : 0;
}

/* ── the calls ───────────────────────────────────────────────────────────────────────────────── */

bool systemd_rules(void)
{
	return !access("/run/systemd/system", F_OK);
}

static int connect_manager(struct manager *manager, struct error *error)
{
	const bool is_root = !geteuid();
	load_library(&manager->library);
	if (!is_whole(&manager->library)) {
		error_set(error, ENOTSUP,
			  "%s is needed for a control group from systemd: install it", LIBRARY);
		return -ENOTSUP;
	}
	int result = (is_root ? manager->library.sd_bus_open_system
			      : manager->library.sd_bus_open_user)(&manager->bus);
	if (result >= 0)
		result = manager->library.sd_bus_match_signal(
		    manager->bus, NULL, SERVICE, PATH, MANAGER, "JobRemoved", job_removed, manager);
	return result < 0
		   ? error_set_errno(error, -result, "cannot reach the systemd of %s by D-Bus",
				     is_root ? "this machine" : "this user")
		   : 0;
}

int systemd_scope_start(const struct systemd_scope *scope, struct error *error)
{
	cleanup(release_manager) struct manager manager = {.bus = NULL};
	int result = connect_manager(&manager, error);
	if (!result)
		result = start_unit(&manager, scope, error);
	return result ? result : await_job(&manager, scope->name, error);
}

int systemd_scope_enter(const pid_t *companions, struct error *error)
{
	char name[64];
	pid_t pids[SYSTEMD_PIDS_MAX] = {getpid()};
	struct systemd_scope scope = {
	    .name = name, .description = "Mayfly", .pids = pids, .pid_count = 1};
	for (; *companions && scope.pid_count < SYSTEMD_PIDS_MAX; companions++)
		pids[scope.pid_count++] = *companions;
	snprintf(name, sizeof(name), "mayfly-%d.scope", getpid());
	return systemd_scope_start(&scope, error);
}

int systemd_scope_set(const char *name, const struct systemd_property *properties, size_t count,
		      struct error *error)
{
	cleanup(release_manager) struct manager manager = {.bus = NULL};
	const struct sd_bus_library *library = &manager.library;
	sd_bus_error failure = SD_BUS_ERROR_NULL;
	sd_bus_message *message = NULL;
	int result = connect_manager(&manager, error);
	if (result)
		return result;
	result = library->sd_bus_message_new_method_call(manager.bus, &message, SERVICE, PATH,
							 MANAGER, "SetUnitProperties");
	if (result >= 0)
		result = library->sd_bus_message_append(message, "sb", name, 1);
	if (result >= 0)
		result = library->sd_bus_message_open_container(message, 'a', "(sv)");
	for (size_t i = 0; i < count && result >= 0; i++)
		result = append_property(library, message, &properties[i]);
	if (result >= 0)
		result = library->sd_bus_message_close_container(message);
	if (result >= 0)
		result = library->sd_bus_call(manager.bus, message, 0, &failure, NULL);
	if (result < 0)
		result = error_set(error, -result, "systemd does not change %s: %s", name,
				   failure.message ? failure.message : strerrordesc_np(-result));
	library->sd_bus_message_unref(message);
	library->sd_bus_error_free(&failure);
	return result < 0 ? result : 0;
}
