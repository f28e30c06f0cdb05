/* All sockets of an accelerator host; see listener_set.h. */
#include "acceld/supervisor/listener_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "acceld/supervisor/sockets.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/descriptors.h"
#include "util/log.h"

void listener_set_init(struct listener_set *set)
{
	*set = (struct listener_set){.next_number = 1, .control = -1};
}

static void close_if_open(int *fd)
{
	if (*fd >= 0)
		close(take_fd(fd));
}

static bool is_configured(const struct served_listener *listener)
{
	return listener->config && !listener->sandbox.config && listener->tell != TELL_END;
}

/* Whatever it has is gone, but for names and relays. */
static void free_listener(struct served_listener *listener)
{
	if (listener->kind != LISTENER_OWN)
		close_if_open(&listener->socket);
	close_if_open(&listener->handover[0]);
	close_if_open(&listener->handover[1]);
	free(listener->config);
	free(listener);
}

static struct served_listener *new_listener(struct listener_set *set, enum listener_kind kind,
					    int socket)
{
	struct served_listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		return NULL;
	*listener = (struct served_listener){.kind = kind,
					     .number = set->next_number++,
					     .tell = TELL_ALL,
					     .socket = socket,
					     .handover = {-1, -1},
					     .next = set->list};
	set->list = listener;
	return listener;
}

int listener_set_add_own(struct listener_set *set, int socket)
{
	return new_listener(set, LISTENER_OWN, socket) ? 0 : -ENOMEM;
}

void listener_set_remove_own(struct listener_set *set)
{
	for (struct served_listener **place = &set->list; *place; place = &(*place)->next) {
		struct served_listener *each = *place;
		if (each->kind != LISTENER_OWN)
			continue;
		*place = each->next;
		free_listener(each);
		return;
	}
}

/* What a fresh listener of a tenant has beside its socket. */
static int equip(struct served_listener *listener, const struct tenant_config *config)
{
	listener->config = malloc(sizeof(*config));
	if (!listener->config)
		return -ENOMEM;
	*listener->config = *config;
	if (listener->kind != LISTENER_HANDOVER)
		return 0;
	listener->relay.start_ns = clock_now_ns();
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			  listener->handover)
		   ? -errno
		   : 0;
}

struct served_listener *listener_set_add(struct listener_set *set,
					 const struct tenant_config *config, int socket)
{
	bool direct = config->address.kind == ADDRESS_SEQPACKET;
	struct served_listener *listener =
	    new_listener(set, direct ? LISTENER_ACCEPT : LISTENER_HANDOVER, socket);
	if (!listener) {
		close(socket);
		return NULL;
	}
	if (!equip(listener, config))
		return listener;
	set->list = listener->next;
	free_listener(listener);
	return NULL;
}

/* The entry stays until the worker knows. */
void listener_set_remove(struct served_listener *listener)
{
	log_info("tenant %s is gone", listener->config->policy.name);
	relays_kill(listener);
	close_if_open(&listener->socket);
	listener->tell = TELL_END;
}

void listener_set_release(struct listener_set *set)
{
	while (set->list) {
		struct served_listener *first = set->list;
		set->list = first->next;
		if (is_configured(first))
			sockets_remove(&first->config->address);
		relays_kill(first);
		free_listener(first);
	}
	close_if_open(&set->control);
}

void listener_set_forget(struct listener_set *set)
{
	while (set->list) {
		struct served_listener *first = set->list;
		set->list = first->next;
		free_listener(first);
	}
	close_if_open(&set->control);
}

/* ── the configuration ───────────────────────────────────────────────────────────────────────── */

static struct served_listener *find_named(const struct listener_set *set, const char *name)
{
	struct served_listener *each = set->list;
	while (each && (!is_configured(each) || strcmp(each->config->policy.name, name) != 0))
		each = each->next;
	return each;
}

static struct served_listener *find_address(const struct listener_set *set,
					    const struct address *address)
{
	struct served_listener *each = set->list;
	while (each && (!is_configured(each) || !address_equals(&each->config->address, address)))
		each = each->next;
	return each;
}

/* One who has name and address already. */
static struct served_listener *find_same(const struct listener_set *set,
					 const struct tenant_config *config)
{
	struct served_listener *found = find_named(set, config->policy.name);
	return found && address_equals(&found->config->address, &config->address) ? found : NULL;
}

/* Where another tenant has had the address, its socket serves: whoever waits there stays. */
static int open_socket(const struct listener_set *set, const struct tenant_config *config,
		       struct error *error)
{
	const struct served_listener *before = find_address(set, &config->address);
	if (!before)
		return sockets_listen(&config->address, (mode_t)config->mode, error);
	int fd = fcntl(before->socket, F_DUPFD_CLOEXEC, 0);
	return fd >= 0 ? fd : error_set_errno(error, errno, "cannot take a socket over");
}

/* A relay that cannot read them would only say so again and again. */
static int check_files(const struct tenant_config *config, struct error *error)
{
	const char *const files[] = {config->tls.certificate, config->tls.key,
				     config->tls.authority};
	for (size_t i = 0; i < ARRAY_SIZE(files) && config->address.kind == ADDRESS_TLS; i++)
		if (access(files[i], R_OK))
			return error_set_errno(error, errno, "cannot read %s", files[i]);
	return 0;
}

static bool relay_has_changed(const struct tenant_config *old, const struct tenant_config *new)
{
	/* Certificates may have been renewed in their files. */
	return new->address.kind == ADDRESS_TLS ||
	       memcmp(&old->limits, &new->limits, sizeof(old->limits)) != 0 ||
	       !policy_names_equal(&old->clients, &new->clients);
}

void listener_set_change(struct served_listener *listener, const struct tenant_config *config)
{
	bool relay = relay_has_changed(listener->config, config);
	if (!policy_equals(&listener->config->policy, &config->policy) &&
	    listener->tell == TELL_NOTHING)
		listener->tell = TELL_CHANGES;
	if (listener->config->mode != config->mode && is_configured(listener) &&
	    config->address.host[0] == '/' && chmod(config->address.host, (mode_t)config->mode))
		log_warn("%s keeps its permissions: %s", config->address.host, strerror(errno));
	*listener->config = *config;
	if (relay)
		relays_replace(listener);
}

static bool is_wanted(const struct served_listener *listener, const struct config *config)
{
	for (size_t i = 0; i < config->tenant_count; i++)
		if (!strcmp(config->tenants[i]->policy.name, listener->config->policy.name) &&
		    address_equals(&config->tenants[i]->address, &listener->config->address))
			return true;
	return false;
}

static bool is_address_wanted(const struct address *address, const struct config *config)
{
	for (size_t i = 0; i < config->tenant_count; i++)
		if (address_equals(&config->tenants[i]->address, address))
			return true;
	return false;
}

static void remove_unwanted(struct listener_set *set, const struct config *config)
{
	for (struct served_listener *each = set->list; each; each = each->next) {
		if (!is_configured(each) || is_wanted(each, config))
			continue;
		if (!is_address_wanted(&each->config->address, config))
			sockets_remove(&each->config->address);
		listener_set_remove(each);
	}
}

/* From here on nothing fails but for want of memory. */
static void commit(struct listener_set *set, const struct config *config, int *sockets)
{
	remove_unwanted(set, config);
	for (size_t i = 0; i < config->tenant_count; i++) {
		const struct tenant_config *tenant = config->tenants[i];
		struct served_listener *same = find_same(set, tenant);
		if (same)
			listener_set_change(same, tenant);
		else if (!listener_set_add(set, tenant, take_fd(&sockets[i])))
			log_error("no memory for tenant %s", tenant->policy.name);
	}
}

int listener_set_apply(struct listener_set *set, const struct config *config, struct error *error)
{
	int result = 0;
	cleanup_free int *sockets = calloc(config->tenant_count + 1, sizeof(*sockets));
	if (!sockets)
		return error_set(error, ENOMEM, "no memory for the tenants' sockets");
	for (size_t i = 0; i < config->tenant_count; i++)
		sockets[i] = -1;
	for (size_t i = 0; i < config->tenant_count && result >= 0; i++) {
		result = check_files(config->tenants[i], error);
		if (!result && !find_same(set, config->tenants[i]))
			result = sockets[i] = open_socket(set, config->tenants[i], error);
		if (result < 0)
			error_wrap(error, "tenant %s", config->tenants[i]->policy.name);
	}
	if (result >= 0)
		commit(set, config, sockets);
	for (size_t i = 0; i < config->tenant_count; i++) {
		if (sockets[i] < 0)
			continue;
		/* A name that was made for nothing. */
		if (result < 0 && !find_address(set, &config->tenants[i]->address))
			sockets_remove(&config->tenants[i]->address);
		close(sockets[i]);
	}
	return result < 0 ? result : 0;
}

/* ── the worker ──────────────────────────────────────────────────────────────────────────────── */

int listener_set_begin_worker(struct listener_set *set, struct error *error)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return error_set_errno(error, errno, "cannot make a socket to a worker");
	close_if_open(&set->control);
	set->control = ends[0];
	for (struct served_listener *each = set->list; each; each = each->next)
		if (each->tell != TELL_END)
			each->tell = TELL_ALL;
	listener_set_tell(set);
	return ends[1];
}

/* 0, -EAGAIN or another negative errno. */
static int tell_one(struct listener_set *set, struct served_listener *listener)
{
	struct listener_message message = {.action = listener->tell == TELL_ALL ? LISTENER_ADD
						     : listener->tell == TELL_CHANGES
							 ? LISTENER_CHANGE
							 : LISTENER_REMOVE,
					   .kind = listener->kind,
					   .number = listener->number};
	if (listener->config)
		message.policy = listener->config->policy;
	int result = listener_message_send(
	    set->control, &message,
	    listener->kind == LISTENER_HANDOVER ? listener->handover[1] : listener->socket);
	if (!result && listener->tell != TELL_END)
		listener->tell = TELL_NOTHING;
	return result;
}

void listener_set_tell(struct listener_set *set)
{
	struct served_listener **place = &set->list;
	while (set->control >= 0 && *place) {
		struct served_listener *each = *place;
		int result = each->tell == TELL_NOTHING ? 0 : tell_one(set, each);
		if (result == -EAGAIN || result == -EINTR)
			return;
		if (result) {
			/* It has died; the next one is told everything. */
			close_if_open(&set->control);
			break;
		}
		if (each->tell == TELL_END) {
			*place = each->next;
			free_listener(each);
		} else {
			place = &each->next;
		}
	}
}

bool listener_set_has_to_tell(const struct listener_set *set)
{
	for (const struct served_listener *each = set->list; each && set->control >= 0;
	     each = each->next)
		if (each->tell != TELL_NOTHING)
			return true;
	return false;
}
