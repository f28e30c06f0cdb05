/* Functions from descriptions, and what anybody may ask of one; see mayfly/function.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel/description.h"
#include "function/function.h"
#include "mayfly/guest_abi.h"
#include "root/pack.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/log.h"

#define MOUNT_PREFIX "9p:" /* of a device that is a directory */

#define MEMORY_MAX	(1UL << 40)
#define LOG_PATIENCE_NS 500000000UL
#define OURS_SIZE	4096

_Static_assert(sizeof(struct mayfly_error) == sizeof(struct error) &&
		   offsetof(struct mayfly_error, text) == offsetof(struct error, text),
	       "the public error is ours");
_Static_assert(sizeof(struct mayfly_figures) == sizeof(struct channel_figures),
	       "the public figures are the channel's");

void mayfly_set_log(int descriptor, int level)
{
	log_set_descriptor(descriptor);
	log_set_level((enum log_level)(level < 0 ? 0 : level));
}

void mayfly_description_init(struct mayfly_description *description, size_t size)
{
	const struct mayfly_description usual = {
	    .size = size,
	    .isolation = "auto",
	    .setup_timeout_ns = 30 * NANOSECONDS_PER_SECOND,
	    .open_timeout_ns = 600 * NANOSECONDS_PER_SECOND,
	    .setup_log_limit = 64UL << 20,
	    .warm_slots = 1,
	    .slots = 1,
	    .queue_limit = 1024,
	    .input = -1,
	    .output = -1,
	    .log = -1,
	    .trace = -1,
	    .save = -1,
	    .learned = -1,
	    .log_level = LOG_WARN,
	};
	if (!description)
		return;
	memset(description, 0, size);
	memcpy(description, &usual, size < sizeof(usual) ? size : sizeof(usual));
}

/* ── opening ─────────────────────────────────────────────────────────────────────────────────── */

static int check_environment(const char *const *environment, struct error *error)
{
	for (; environment && *environment; environment++)
		if (!strchr(*environment, '=') || **environment == '=')
			return error_set(error, EINVAL, "a variable is NAME=VALUE, not '%s'",
					 *environment);
	return 0;
}

static int check_slots(unsigned warm_slots, unsigned slots, unsigned limit, struct error *error)
{
	if (!slots || slots > limit || warm_slots > slots)
		return error_set(error, EINVAL,
				 "%u slots of which %u are kept warm: there may be 1 to %u, and "
				 "not more kept warm than there are",
				 slots, warm_slots, limit);
	return 0;
}

static int check(const struct mayfly_description *wanted, struct error *error)
{
	const unsigned known = MAYFLY_OWN_THREAD | MAYFLY_IN_JOB | MAYFLY_MOVE_CGROUP |
			       MAYFLY_NO_ACCELERATION | MAYFLY_FRESH | MAYFLY_STAY_IN_CGROUP |
			       MAYFLY_AS_USER | MAYFLY_SIGNALS;
	if (wanted->program ? !*wanted->program : !wanted->root)
		return error_set(error, EINVAL,
				 "which program? Give its path or the name of a function");
	if (!wanted->isolation)
		return error_set(error, EINVAL, "no isolation: it is auto, kvm or process");
	if (wanted->flags & ~known)
		return error_set(error, EINVAL, "a function with a flag that nobody knows");
	if (wanted->memory > MEMORY_MAX)
		return error_set(error, EINVAL, "%lu MiB of memory: more than may be",
				 wanted->memory >> 20);
	if (wanted->flags & MAYFLY_FRESH && (wanted->warm_up || wanted->save >= 0))
		return error_set(error, EINVAL,
				 "a program that each request runs from its start has no snapshot, "
				 "and is not warmed up");
	if (wanted->flags & MAYFLY_STAY_IN_CGROUP && (wanted->cgroup || wanted->cpus))
		return error_set(error, EINVAL,
				 "a function that stays in a control group is given no limits, and "
				 "no other group");
	if (wanted->host_name && strlen(wanted->host_name) > GUEST_HOST_NAME_MAX)
		return error_set(error, EINVAL, "the name of a machine has up to %d bytes",
				 GUEST_HOST_NAME_MAX);
	if (wanted->reuse > UINT32_MAX)
		return error_set(error, EINVAL, "machines that serve %lu requests: at most %u",
				 wanted->reuse, UINT32_MAX);
	if (wanted->warm_up_length && !wanted->warm_up)
		return error_set(error, EINVAL, "a request to warm up with, without data");
	if (wanted->request_variables > GUEST_VARIABLES_MAX)
		return error_set(error, EINVAL, "room for %u variables of a request: at most %lu",
				 wanted->request_variables, GUEST_VARIABLES_MAX);
	if (wanted->open_timeout_ns > TIMEOUT_MAX_NS)
		return error_set(error, EINVAL, "opening a function may take up to 7 days");
	if (!wanted->setup_timeout_ns || wanted->setup_timeout_ns > TIMEOUT_MAX_NS)
		return error_set(error, EINVAL, "a set-up may take from 1 ns to 7 days");
	int result = check_environment(wanted->environment, error);
	return result ? result
		      : check_slots(wanted->warm_slots, wanted->slots, CHANNEL_SLOTS_MAX, error);
}

static void release_devices(char ***devices)
{
	devices_release(*devices);
}

static int write_description(struct mayfly_function *self, const struct mayfly_description *wanted,
			     struct error *error)
{
	static const char *const nothing[] = {NULL};
	cleanup_free uint8_t *files = NULL;
	cleanup(release_devices) char **devices = NULL;
	uint64_t files_size;
	int result = files_pack(wanted, &files, &files_size, error);
	if (!result)
		result = devices_translate(self, wanted->devices, &devices, error);
	if (result)
		return result;
	const struct description description = {
	    .program = wanted->program,
	    .root = wanted->root,
	    .directory = wanted->directory,
	    .isolation = wanted->isolation,
	    .arguments = wanted->arguments ? wanted->arguments : nothing,
	    .environment = wanted->environment ? wanted->environment : nothing,
	    .devices = (const char *const *)devices,
	    .warm_up = wanted->warm_up,
	    .warm_up_length = wanted->warm_up_length,
	    .memory = wanted->memory,
	    .timeout_ns = wanted->setup_timeout_ns,
	    .log_limit = wanted->setup_log_limit,
	    .log_patience_ns = LOG_PATIENCE_NS,
	    .slots = wanted->slots,
	    .reuse = wanted->reuse,
	    .work_bytes = wanted->work_bytes,
	    .request_variables = wanted->request_variables,
	    .files = files,
	    .files_size = files_size,
	    .host_name = wanted->host_name,
	    .user = wanted->user,
	    .group = wanted->group,
	    .flags = (wanted->trace >= 0 ? DESCRIPTION_TRACE : 0U) |
		     (wanted->save >= 0 ? DESCRIPTION_SAVE : 0U) |
		     (wanted->log_level >= LOG_DEBUG ? DESCRIPTION_DEBUG : 0U) |
		     (wanted->flags & MAYFLY_FRESH ? DESCRIPTION_FRESH : 0U) |
		     (wanted->flags & MAYFLY_AS_USER ? DESCRIPTION_USER : 0U) |
		     (wanted->flags & MAYFLY_SIGNALS ? DESCRIPTION_SIGNALS : 0U),
	    .log_level = wanted->log_level < 0 ? 0U : (uint32_t)wanted->log_level,
	};
	result = description_write(&description, &self->description, error);
	/* They may be secrets. */
	if (files)
		explicit_bzero(files, files_size);
	return result;
}

static int copy_word(char **copy, const char *word, struct error *error)
{
	*copy = word ? strdup(word) : NULL;
	return word && !*copy ? error_set(error, ENOMEM, "no memory for a function") : 0;
}

static void release_list(const char *const *list)
{
	for (size_t i = 0; list && list[i]; i++)
		free((char *)(uintptr_t)list[i]);
	free((void *)(uintptr_t)list);
}

static int copy_list(const char *const **copy, const char *const *list, struct error *error)
{
	size_t count = 0;
	while (list && list[count])
		count++;
	if (!count)
		return 0;
	char **words = calloc(count + 1, sizeof(*words));
	if (!words)
		return error_set(error, ENOMEM, "no memory for a function");
	*copy = (const char *const *)words;
	int result = 0;
	for (size_t i = 0; i < count && !result; i++)
		result = copy_word(&words[i], list[i], error);
	return result;
}

static int copy_user(struct root_user *user, const struct mayfly_description *wanted,
		     struct error *error)
{
	if (!(wanted->flags & MAYFLY_AS_USER))
		return 0;
	if (wanted->group_count > ROOT_GROUPS_MAX)
		return error_set(error, E2BIG, "%zu groups are more than %d", wanted->group_count,
				 ROOT_GROUPS_MAX);
	*user = (struct root_user){.user = wanted->user,
				   .group = wanted->group,
				   .group_count = (uint32_t)wanted->group_count};
	for (size_t i = 0; i < wanted->group_count; i++)
		user->groups[i] = wanted->groups[i];
	return 0;
}

/* Whether the paths are there, the start of the server finds out. */
static int copy_parts(struct mayfly_function *self, const struct mayfly_description *wanted,
		      struct error *error)
{
	struct stat status;
	int result = copy_user(&self->parts.user, wanted, error);
	if (!result)
		result = copy_list(&self->parts.writable, wanted->writable, error);
	if (!result)
		result = copy_list(&self->parts.read_only, wanted->read_only, error);
	if (result || (!self->parts.writable && !self->parts.read_only))
		return result;
	if (!wanted->root || stat(wanted->root, &status) || !S_ISDIR(status.st_mode) ||
	    root_is_oci_layout(wanted->root))
		return error_set(error, EINVAL,
				 "only of a directory as root can parts be writable or read only");
	return 0;
}

static void *drive(void *context)
{
	struct mayfly_function *self = context;
	for (;;) {
		pthread_mutex_lock(&self->lock);
		const bool closing = self->closing;
		pthread_mutex_unlock(&self->lock);
		if (closing)
			return NULL;
		loop_run(self, -1);
	}
}

static void release(struct mayfly_function *self)
{
	if (self->description >= 0)
		close(self->description);
	loop_close(self);
	pthread_mutex_destroy(&self->lock);
	pthread_mutex_destroy(&self->driving);
	munmap(self->ours, OURS_SIZE);
	free(self->root);
	release_list(self->parts.writable);
	release_list(self->parts.read_only);
	free(self->accelerator);
	free(self->cgroup);
	free(self->vsock);
	free(self->slots);
	free(self);
}

/* It takes no signals: a front handles them in threads of its own, or waits for them. A positive
 * errno. */
static int start_thread(struct mayfly_function *self)
{
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &self->blocked);
	int code = pthread_create(&self->thread, NULL, drive, self);
	pthread_sigmask(SIG_SETMASK, &self->blocked, NULL);
	return code;
}

/* What a server of files is started for: the root, or what a kernel mounts. NULL: nothing. */
static const char *served_directory(const struct mayfly_description *wanted)
{
	const char *const *devices = wanted->devices;
	for (; !wanted->root && devices && *devices; devices++) {
		const char *equals = strchr(*devices, '=');
		if (equals && !strncmp(*devices, MOUNT_PREFIX, strlen(MOUNT_PREFIX)))
			return equals + 1;
	}
	return wanted->root;
}

static int fill(struct mayfly_function *self, const struct mayfly_description *wanted,
		struct error *error)
{
	/* Two lists of pointers. check_slots() has seen that there is one slot at least. */
	const size_t count = self->slots_described ? self->slots_described : 1;
	self->slots = calloc(count, 2 * sizeof(void *));
	if (!self->slots)
		return error_set(error, ENOMEM, "no memory for a function");
	self->idle = self->slots + self->slots_described;
	int result = copy_word(&self->root, served_directory(wanted), error);
	if (!result)
		result = copy_word(&self->cgroup, wanted->cgroup, error);
	if (!result)
		result = copy_word(&self->accelerator, wanted->accelerator, error);
	if (!result)
		result = copy_parts(self, wanted, error);
	if (!result)
		result = write_description(self, wanted, error);
	if (!result)
		result = loop_open(self, error);
	if (result || !self->own_thread)
		return result;
	int code = start_thread(self);
	return code ? error_set_errno(error, code, "cannot start a thread") : 0;
}

/* A page that reads as 0 in a child made by fork(2): what is the parent's is not to be ended, nor
 * driven, by a child that has a copy. NULL where there is no memory. */
static uint8_t *make_ours(void)
{
	uint8_t *page =
	    mmap(NULL, OURS_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return NULL;
	if (madvise(page, OURS_SIZE, MADV_WIPEONFORK)) {
		munmap(page, OURS_SIZE);
		return NULL;
	}
	*page = 1;
	return page;
}

static int open_described(struct mayfly_function **function,
			  const struct mayfly_description *wanted, struct error *error)
{
	int result = check(wanted, error);
	if (result)
		return result;
	struct mayfly_function *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a function");
	self->ours = make_ours();
	if (!self->ours) {
		free(self);
		return error_set(error, ENOMEM, "no memory for a function");
	}
	pthread_mutex_init(&self->lock, NULL);
	pthread_mutex_init(&self->driving, NULL);
	self->description = self->epoll = self->wake = self->timer = -1;
	self->control = self->broker = self->dialed = self->spare = -1;
	self->opener = self->monitor = SPAWN_PROCESS_NONE;
	self->group = (struct confine_cgroup)CONFINE_CGROUP_NONE;
	self->launcher = (struct root_launcher)ROOT_LAUNCHER_NONE;
	self->late_ns = UINT64_MAX;
	demand_init(&self->demand);
	self->queue_end = &self->queue;
	self->told_end = &self->told;
	self->events_end = &self->events;
	self->own_thread = wanted->flags & MAYFLY_OWN_THREAD;
	self->flags = wanted->flags;
	self->cpus = wanted->cpus;
	self->open_timeout_ns = wanted->open_timeout_ns;
	self->setup_timeout_ns = wanted->setup_timeout_ns;
	self->queue_limit = wanted->queue_limit;
	self->slots_described = self->slots_wanted = wanted->slots;
	self->slots_warm = wanted->warm_slots;
	self->variables_room = GUEST_VARIABLES_MAX;
	self->streams[0] = wanted->input;
	self->streams[1] = wanted->output;
	self->streams[2] = wanted->log;
	self->trace = wanted->trace;
	self->save = wanted->save;
	self->learned = wanted->learned;
	self->event = wanted->event;
	self->context = wanted->context;
	result = fill(self, wanted, error);
	if (result) {
		release(self);
		return result;
	}
	*function = self;
	return 0;
}

int mayfly_function_open(struct mayfly_function **function, const struct mayfly_description *wanted,
			 struct mayfly_error *told)
{
	struct error *error = (struct error *)told;
	struct mayfly_description known;
	if (!function || !wanted || wanted->size < DESCRIPTION_SIZE_FIRST)
		return error_set(
		    error, EINVAL,
		    "no description, or one that mayfly_description_init() did not make");
	if (wanted->size > sizeof(known))
		return error_set(error, EINVAL,
				 "a description for a newer libmayfly: this one would not do all "
				 "that it says");
	mayfly_description_init(&known, sizeof(known));
	memcpy(&known, wanted, wanted->size);
	return open_described(function, &known, error);
}

/* ── what anybody may ask ────────────────────────────────────────────────────────────────────── */

int mayfly_function_start(struct mayfly_function *function, struct mayfly_error *told)
{
	struct error *error = (struct error *)told;
	if (!function)
		return error_set(error, EINVAL, "no function");
	if (!function_is_ours(function))
		return error_set(error, EPERM, "the function is of another process");
	lock_scoped(&function->lock);
	const bool ending = function->state == FUNCTION_ENDING || function->stop_wanted;
	if (function->closing)
		return error_set(error, ESHUTDOWN, "the function is closed");
	if (function->start_wanted || (!ending && function->state != FUNCTION_CLOSED))
		return error_set(error, EALREADY, "the function is started already");
	function->start_wanted = ending;
	if (!ending)
		function->state = FUNCTION_WANTED;
	function->draining = function->drain_told = false;
	loop_wake(function);
	return 0;
}

int mayfly_function_fd(const struct mayfly_function *function)
{
	return function ? function->epoll : -EINVAL;
}

int mayfly_function_process(struct mayfly_function *function)
{
	int usable = function_check(function);
	if (usable)
		return usable;
	if (function->own_thread || pthread_mutex_trylock(&function->driving))
		return -EBUSY;
	loop_run(function, 0);
	pthread_mutex_unlock(&function->driving);
	return 0;
}

int mayfly_function_set_slots(struct mayfly_function *function, unsigned warm_slots, unsigned slots)
{
	int usable = function_check(function);
	if (usable)
		return usable;
	lock_scoped(&function->lock);
	int result = check_slots(warm_slots, slots, function->slots_described, NULL);
	if (result)
		return result;
	function->slots_warm = warm_slots;
	function->slots_wanted = slots;
	function->retry_ns = 0;
	loop_wake(function);
	return 0;
}

int mayfly_function_drain(struct mayfly_function *function)
{
	int usable = function_check(function);
	if (usable)
		return usable;
	lock_scoped(&function->lock);
	function->draining = true;
	loop_wake(function);
	return 0;
}

int mayfly_function_stop(struct mayfly_function *function)
{
	int usable = function_check(function);
	if (usable)
		return usable;
	lock_scoped(&function->lock);
	if ((function->stop_wanted || function->stopping) && !function->start_wanted)
		return -EALREADY;
	if (function->state == FUNCTION_CLOSED)
		return -EALREADY;
	/* It is not started again, when it has ended. */
	function->start_wanted = false;
	function->stop_wanted = true;
	loop_wake(function);
	return 0;
}

const char *mayfly_function_isolation(const struct mayfly_function *function)
{
	if (!function)
		return "";
	lock_scoped((pthread_mutex_t *)&function->lock);
	return function->isolation ? function->isolation : "";
}

const char *mayfly_function_way(const struct mayfly_function *function)
{
	if (!function)
		return "";
	lock_scoped((pthread_mutex_t *)&function->lock);
	return function->way ? function->way : "";
}

void mayfly_function_statistics(struct mayfly_function *function,
				struct mayfly_statistics *statistics)
{
	if (!function || !statistics)
		return;
	lock_scoped(&function->lock);
	const size_t size = statistics->size;
	struct mayfly_statistics all = function->statistics;
	all.size = size;
	all.waiting = function->queue_length;
	all.running = function->running;
	all.slots_open = function->slot_count - function->opening_count;
	all.slots_idle = function->idle_count;
	all.monitor = function->monitor.pid;
	memcpy(statistics, &all, size < sizeof(all) ? size : sizeof(all));
}

/* ── closing ─────────────────────────────────────────────────────────────────────────────────── */

/* In a child made by fork(2): its descriptors, and nothing of what is the parent's. Memory of
 * requests is left. */
static void forget(struct mayfly_function *self)
{
	const int own[] = {self->control, self->broker, self->spare};
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (own[i] >= 0)
			close(own[i]);
	for (unsigned i = 0; i < self->slots_described; i++)
		if (self->slots[i])
			close(self->slots[i]->socket);
	spawn_release(&self->opener);
	spawn_release(&self->monitor);
	spawn_release(&self->launcher.process);
	root_launcher_close(&self->launcher);
	confine_cgroup_forget(&self->group);
	release(self);
}

void mayfly_function_close(struct mayfly_function *function)
{
	struct error reason;
	if (!function)
		return;
	if (!function_is_ours(function)) {
		forget(function);
		return;
	}
	pthread_mutex_lock(&function->lock);
	function->closing = true;
	loop_wake(function);
	pthread_mutex_unlock(&function->lock);
	if (function->own_thread)
		pthread_join(function->thread, NULL);
	pthread_mutex_lock(&function->lock);
	error_set(&reason, ECANCELED, "the function was closed");
	function->start_wanted = false;
	if (function->state == FUNCTION_WANTED)
		function->state = FUNCTION_CLOSED;
	if (function->state != FUNCTION_ENDING && function->state != FUNCTION_CLOSED) {
		function->stopping = true;
		monitor_give_up(function, &reason);
	}
	requests_fail_all(function, &reason);
	pthread_mutex_unlock(&function->lock);
	monitor_await_end(function);
	while (function->told) {
		struct entry *next = function->told->next;
		requests_tell(function->told);
		function->told = next;
	}
	while (function->events) {
		struct told_event *next = function->events->next;
		free(function->events);
		function->events = next;
	}
	release(function);
}
