/* Links between sessions and resources; see registration.h. */
#include "accel/resources/registration.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "accel/state/list.h"
#include "util/lock.h"
#include "vaccel/error.h"

/* The caller holds the session's lock. */
static struct registration *find_registration(struct vaccel_session *session,
					      const struct vaccel_resource *resource)
{
	list_for_each(entry, &session->resources[resource->type])
	{
		struct registration *link = list_container(entry, struct registration, of_session);
		if (link->resource == resource)
			return link;
	}
	return NULL;
}

int registration_add(struct vaccel_session *session, struct vaccel_resource *resource,
		     vaccel_id_t remote_id, struct vaccel_plugin *plugin)
{
	struct registration *link = malloc(sizeof(*link));
	if (!link)
		return VACCEL_ENOMEM;
	link->session = session;
	link->resource = resource;
	link->remote_id = remote_id;
	link->plugin = plugin;

	lock_scoped(&session->resources_lock);
	if (find_registration(session, resource)) {
		free(link);
		return VACCEL_EEXIST;
	}
	lock_scoped(&resource->sessions_lock);
	list_append(&session->resources[resource->type], &link->of_session);
	session->resource_counts[resource->type]++;
	list_append(&resource->sessions, &link->of_resource);
	atomic_fetch_add(&resource->refcount, 1);
	return VACCEL_OK;
}

struct registration *registration_remove(struct vaccel_session *session,
					 struct vaccel_resource *resource)
{
	lock_scoped(&session->resources_lock);
	struct registration *link = find_registration(session, resource);
	if (!link)
		return NULL;
	lock_scoped(&resource->sessions_lock);
	list_remove(&link->of_session);
	session->resource_counts[resource->type]--;
	list_remove(&link->of_resource);
	atomic_fetch_sub(&resource->refcount, 1);
	return link;
}

bool registration_exists(struct vaccel_session *session, struct vaccel_resource *resource)
{
	lock_scoped(&session->resources_lock);
	return find_registration(session, resource);
}

vaccel_id_t registration_id(struct vaccel_session *session, struct vaccel_resource *resource)
{
	lock_scoped(&session->resources_lock);
	const struct registration *link = find_registration(session, resource);
	if (!link)
		return 0;
	return link->remote_id ? link->remote_id : resource->id;
}

struct vaccel_plugin *registration_plugin(struct vaccel_session *session, vaccel_id_t id)
{
	lock_scoped(&session->resources_lock);
	for (size_t type = 0; type < VACCEL_RESOURCE_MAX; type++)
		list_for_each(entry, &session->resources[type])
		{
			const struct registration *link =
			    list_container(entry, struct registration, of_session);
			if (link->resource->id == id)
				return link->plugin;
		}
	return NULL;
}

struct vaccel_resource *registration_first_resource(struct vaccel_session *session)
{
	lock_scoped(&session->resources_lock);
	for (size_t type = 0; type < VACCEL_RESOURCE_MAX; type++)
		if (!list_is_empty(&session->resources[type]))
			return list_container(session->resources[type].next, struct registration,
					      of_session)
			    ->resource;
	return NULL;
}

struct vaccel_session *registration_first_session(struct vaccel_resource *resource)
{
	lock_scoped(&resource->sessions_lock);
	if (list_is_empty(&resource->sessions))
		return NULL;
	return list_container(resource->sessions.next, struct registration, of_resource)->session;
}
