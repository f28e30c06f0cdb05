/* Sandboxes with hybrid vsocks; see sandboxes.h.
 *
 * Each look is at everything: so nothing depends on the order of events, or on having got them all.
 * What is in a sandbox's directory may be its monitor's work, which may have been taken over: names
 * are not followed, and nothing but sockets of our own name is made or removed there. */
#include "acceld/supervisor/sandboxes.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "acceld/supervisor/sockets.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#define EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR)

/* A directory that is not there yet is looked for so often. */
#define ABSENT_NS (1 * NANOSECONDS_PER_SECOND)

/* Looking takes at most a fifth of a processor, whatever happens there. */
#define REST 4

/* A sandbox that ends and begins again is a new tenant, that owes nothing. So that its monitor gains
 * nothing by doing that all the time, and nobody is kept busy by it, it begins at most so often. */
#define BEGIN_NS (1 * NANOSECONDS_PER_SECOND)

#define LISTENER_NAME_MAX (POLICY_NAME_MAX + 16)

void sandboxes_init(struct sandboxes *sandboxes, struct listener_set *set)
{
	*sandboxes = (struct sandboxes){.set = set, .inotify = -1};
}

/* ── watching ────────────────────────────────────────────────────────────────────────────────── */

static bool add_watch(struct sandbox_watches *watches, int watch)
{
	if (watches->count == watches->room) {
		size_t room = 2 * watches->room + 16;
		int *more = reallocarray(watches->list, room, sizeof(*more));
		if (!more)
			return false;
		watches->list = more;
		watches->room = room;
	}
	watches->list[watches->count++] = watch;
	return true;
}

static void watch(struct sandboxes *sandboxes, int directory)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", directory);
	int added = inotify_add_watch(sandboxes->inotify, path, EVENTS);
	if (added < 0)
		log_warn("a directory of sandboxes cannot be watched: %s", strerror(errno));
	else if (!add_watch(&sandboxes->watches, added))
		log_warn("no memory for a directory of sandboxes");
}

static int compare(const void *a, const void *b)
{
	const int *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

/* A directory that has gone elsewhere would be watched for ever: there may be only so many of them for
 * all programs of a user. */
static void forget_others(struct sandboxes *sandboxes)
{
	struct sandbox_watches *now = &sandboxes->watches, before = sandboxes->before;
	if (now->count)
		qsort(now->list, now->count, sizeof(*now->list), compare);
	for (size_t i = 0; i < before.count; i++)
		if (!now->count ||
		    !bsearch(&before.list[i], now->list, now->count, sizeof(*now->list), compare))
			inotify_rm_watch(sandboxes->inotify, before.list[i]);
	sandboxes->before = *now;
	before.count = 0;
	sandboxes->watches = before;
}

/* Looks again then, if not before. */
static void plan(struct sandboxes *sandboxes, uint64_t at_ns)
{
	if (!sandboxes->scan_ns || at_ns < sandboxes->scan_ns)
		sandboxes->scan_ns = at_ns;
}

static int open_below(int directory, const char *name)
{
	return openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The directory that a sandbox's socket is in, or -1. */
static int open_place(const struct sandbox_place *place)
{
	cleanup_close int top = open(place->config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int own = top < 0 ? -1 : open_below(top, place->id);
	return own < 0 || !place->in_root ? take_fd(&own) : open_below(own, "root");
}

static void name_listener(const struct sandbox_place *place, char name[LISTENER_NAME_MAX])
{
	snprintf(name, LISTENER_NAME_MAX, "%s_%u", place->uds, (unsigned)place->config->port);
}

static void remove_name(const struct sandbox_place *place)
{
	char name[LISTENER_NAME_MAX];
	struct stat status;
	cleanup_close int directory = open_place(place);
	name_listener(place, name);
	if (directory >= 0 && !fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) &&
	    S_ISSOCK(status.st_mode))
		unlinkat(directory, name, 0);
}

static bool is_sandbox(const struct served_listener *listener)
{
	return listener->sandbox.config && listener->tell != TELL_END;
}

static void end_sandbox(struct served_listener *listener)
{
	remove_name(&listener->sandbox);
	listener_set_remove(listener);
}

/* ── finding ─────────────────────────────────────────────────────────────────────────────────── */

/* An id becomes a tenant's name, and part of lines in the log. */
static bool is_id(const char *name)
{
	for (const char *each = name; *each; each++)
		if (!isalnum((unsigned char)*each) && !strchr("-_.", *each))
			return false;
	return *name != '.';
}

static void fill_config(const struct sandbox_place *place, struct tenant_config *config)
{
	const struct sandboxes_config *from = place->config;
	*config = (struct tenant_config){
	    .address.kind = ADDRESS_UNIX, .policy = from->policy, .limits = from->limits};
	config->clients.any = true;
	memset(config->policy.name, 0, sizeof(config->policy.name));
	/* The beginning of a long one is enough to know it. */
	snprintf(config->policy.name, sizeof(config->policy.name), "%.63s", place->id);
	snprintf(config->address.host, sizeof(config->address.host), "%.100s_%u", place->uds,
		 (unsigned)from->port);
}

static struct served_listener *find(const struct sandboxes *sandboxes,
				    const struct sandbox_place *place)
{
	for (struct served_listener *each = sandboxes->set->list; each; each = each->next)
		if (is_sandbox(each) && each->sandbox.config == place->config &&
		    !strcmp(each->sandbox.id, place->id))
			return each;
	return NULL;
}

static bool is_same(const struct sandbox_place *a, const struct sandbox_place *b)
{
	return a->device == b->device && a->file == b->file && a->born_ns == b->born_ns &&
	       a->in_root == b->in_root && !strcmp(a->uds, b->uds);
}

static size_t count(const struct sandboxes *sandboxes)
{
	size_t found = 0;
	for (const struct served_listener *each = sandboxes->set->list; each; each = each->next)
		found += is_sandbox(each);
	return found;
}

/* True where one of this name has not begun just now. */
static bool may_begin(struct sandboxes *sandboxes, const char *id)
{
	const uint64_t now_ns = clock_now_ns();
	struct sandbox_begun *oldest = sandboxes->begun;
	for (size_t i = 0; i < SANDBOXES_BEGUN_MAX; i++) {
		struct sandbox_begun *each = &sandboxes->begun[i];
		if (!each->begun_ns || strcmp(each->id, id) != 0) {
			if (each->begun_ns < oldest->begun_ns)
				oldest = each;
			continue;
		}
		if (now_ns < each->begun_ns + BEGIN_NS) {
			plan(sandboxes, each->begun_ns + BEGIN_NS);
			return false;
		}
		oldest = each;
		break;
	}
	snprintf(oldest->id, sizeof(oldest->id), "%s", id);
	oldest->begun_ns = now_ns;
	return true;
}

static void begin(struct sandboxes *sandboxes, const struct sandbox_place *place, int directory)
{
	char name[LISTENER_NAME_MAX];
	struct error error = {0};
	cleanup_free struct tenant_config *config = malloc(sizeof(*config));
	if (count(sandboxes) >= CONFIG_TENANTS_MAX) {
		if (!sandboxes->full)
			log_error("there are more than %d sandboxes: the others are not served",
				  CONFIG_TENANTS_MAX);
		sandboxes->full = true;
		return;
	}
	if (!may_begin(sandboxes, place->id))
		return;
	name_listener(place, name);
	int socket = config ? sockets_listen_in(directory, name, &error) : -ENOMEM;
	if (socket < 0) {
		log_error("sandbox %s is not served: %s", place->id, error.text);
		return;
	}
	fill_config(place, config);
	struct served_listener *listener = listener_set_add(sandboxes->set, config, socket);
	if (!listener) {
		log_error("no memory for sandbox %s", place->id);
		return;
	}
	listener->sandbox = *place;
	listener->sandbox.seen = true;
	log_info("sandbox %s is a tenant", config->policy.name);
}

static void meet(struct sandboxes *sandboxes, const struct sandbox_place *place, int directory)
{
	struct served_listener *known = find(sandboxes, place);
	if (known && is_same(&known->sandbox, place)) {
		known->sandbox.seen = true;
		return;
	}
	/* Another one of the same name. */
	if (known)
		end_sandbox(known);
	begin(sandboxes, place, directory);
}

/* True where the sandbox's socket is in this directory. */
static bool look_at(struct sandboxes *sandboxes, struct sandbox_place *place, int directory)
{
	const struct policy_names *names = &place->config->sockets;
	watch(sandboxes, directory);
	for (uint32_t i = 0; i < names->count; i++) {
		struct statx status;
		if (statx(directory, names->names[i], AT_SYMLINK_NOFOLLOW,
			  STATX_TYPE | STATX_INO | STATX_BTIME, &status) ||
		    !S_ISSOCK(status.stx_mode))
			continue;
		memcpy(place->uds, names->names[i], sizeof(place->uds));
		place->device = makedev(status.stx_dev_major, status.stx_dev_minor);
		place->file = status.stx_ino;
		place->born_ns =
		    status.stx_mask & STATX_BTIME
			? status.stx_btime.tv_sec * 1000000000 + status.stx_btime.tv_nsec
			: 0;
		meet(sandboxes, place, directory);
		return true;
	}
	return false;
}

static void look_into(struct sandboxes *sandboxes, const struct sandboxes_config *config, int top,
		      const char *id)
{
	struct sandbox_place place = {.config = config};
	cleanup_close int own = is_id(id) ? open_below(top, id) : -1;
	if (own < 0)
		return;
	snprintf(place.id, sizeof(place.id), "%s", id);
	if (look_at(sandboxes, &place, own))
		return;
	cleanup_close int root = open_below(own, "root");
	place.in_root = true;
	if (root >= 0)
		look_at(sandboxes, &place, root);
}

/* False where the directory is not there. */
static bool look_through(struct sandboxes *sandboxes, const struct sandboxes_config *config)
{
	cleanup_close int top = open(config->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0)
		return false;
	watch(sandboxes, top);
	int listed = fcntl(top, F_DUPFD_CLOEXEC, 0);
	cleanup_closedir DIR *list = listed < 0 ? NULL : fdopendir(listed);
	if (!list && listed >= 0)
		close(listed);
	for (const struct dirent *entry; list && (entry = readdir(list));)
		if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN)
			look_into(sandboxes, config, top, entry->d_name);
	return true;
}

void sandboxes_scan(struct sandboxes *sandboxes)
{
	uint64_t begin_ns = clock_now_ns();
	bool all = true;
	sandboxes->scan_ns = 0;
	for (struct served_listener *each = sandboxes->set->list; each; each = each->next)
		each->sandbox.seen = false;
	for (size_t i = 0; i < sandboxes->config->sandboxes_count; i++)
		all &= look_through(sandboxes, sandboxes->config->sandboxes[i]);
	for (struct served_listener *each = sandboxes->set->list; each; each = each->next)
		if (is_sandbox(each) && !each->sandbox.seen)
			end_sandbox(each);
	forget_others(sandboxes);
	uint64_t end_ns = clock_now_ns();
	sandboxes->rest_ns = end_ns + REST * (end_ns - begin_ns);
	if (!all)
		plan(sandboxes, end_ns + ABSENT_NS);
}

void sandboxes_hear(struct sandboxes *sandboxes)
{
	_Alignas(struct inotify_event) char events[4096];
	while (read(sandboxes->inotify, events, sizeof(events)) > 0)
		;
	if (clock_now_ns() >= sandboxes->rest_ns)
		sandboxes_scan(sandboxes);
	else if (!sandboxes->scan_ns || sandboxes->scan_ns > sandboxes->rest_ns)
		sandboxes->scan_ns = sandboxes->rest_ns;
}

/* ── the configuration ───────────────────────────────────────────────────────────────────────── */

static const struct sandboxes_config *find_config(const struct config *config,
						  const struct sandboxes_config *old)
{
	for (size_t i = 0; i < config->sandboxes_count; i++)
		if (!strcmp(config->sandboxes[i]->directory, old->directory) &&
		    config->sandboxes[i]->port == old->port)
			return config->sandboxes[i];
	return NULL;
}

static void keep_or_end(const struct config *config, struct served_listener *listener)
{
	const struct sandboxes_config *next = find_config(config, listener->sandbox.config);
	cleanup_free struct tenant_config *tenant = malloc(sizeof(*tenant));
	if (!next || !tenant) {
		end_sandbox(listener);
		listener->sandbox.config = NULL;
		return;
	}
	listener->sandbox.config = next;
	fill_config(&listener->sandbox, tenant);
	listener_set_change(listener, tenant);
}

int sandboxes_configure(struct sandboxes *sandboxes, const struct config *config,
			struct error *error)
{
	if (config->sandboxes_count && sandboxes->inotify < 0) {
		sandboxes->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
		if (sandboxes->inotify < 0)
			return error_set_errno(error, errno, "cannot watch directories");
	}
	for (struct served_listener *each = sandboxes->set->list; each; each = each->next)
		if (is_sandbox(each))
			keep_or_end(config, each);
	sandboxes->config = config;
	sandboxes->full = false;
	if (sandboxes->inotify >= 0)
		sandboxes_scan(sandboxes);
	return 0;
}

void sandboxes_forget(struct sandboxes *sandboxes)
{
	if (sandboxes->inotify >= 0)
		close(take_fd(&sandboxes->inotify));
	free(take_pointer(sandboxes->watches.list));
	free(take_pointer(sandboxes->before.list));
}

void sandboxes_release(struct sandboxes *sandboxes)
{
	for (struct served_listener *each = sandboxes->set->list; each; each = each->next)
		if (is_sandbox(each))
			remove_name(&each->sandbox);
	sandboxes_forget(sandboxes);
}
