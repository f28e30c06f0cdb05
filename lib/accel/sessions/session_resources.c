/* What is registered with a session. */
#include <stdlib.h>

#include "accel/resources/registration.h"
#include "accel/state/list.h"
#include "util/lock.h"
#include "vaccel/error.h"
#include "vaccel/session.h"

bool vaccel_session_has_resource(struct vaccel_session *sess, struct vaccel_resource *res)
{
	return sess && res && sess->id > 0 && res->type < VACCEL_RESOURCE_MAX &&
	       registration_exists(sess, res);
}

int vaccel_session_resource_by_id(struct vaccel_session *sess, struct vaccel_resource **res,
				  vaccel_id_t id)
{
	if (!sess || !res || id < 1)
		return VACCEL_EINVAL;
	lock_scoped(&sess->resources_lock);
	for (size_t type = 0; type < VACCEL_RESOURCE_MAX; type++)
		list_for_each(entry, &sess->resources[type])
		{
			struct registration *link =
			    list_container(entry, struct registration, of_session);
			if (link->resource->id == id) {
				*res = link->resource;
				return VACCEL_OK;
			}
		}
	return VACCEL_ENOENT;
}

int vaccel_session_resource_by_type(struct vaccel_session *sess, struct vaccel_resource **res,
				    vaccel_resource_type_t type)
{
	if (!sess || !res || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	lock_scoped(&sess->resources_lock);
	const struct vaccel_list_entry *list = &sess->resources[type];
	if (list_is_empty(list))
		return VACCEL_ENOENT;
	*res = list_container(list->next, struct registration, of_session)->resource;
	return VACCEL_OK;
}

int vaccel_session_resources_by_type(struct vaccel_session *sess,
				     struct vaccel_resource ***resources, size_t *nr_found,
				     vaccel_resource_type_t type)
{
	if (!sess || !resources || !nr_found || type >= VACCEL_RESOURCE_MAX)
		return VACCEL_EINVAL;
	*resources = NULL;
	*nr_found = 0;
	lock_scoped(&sess->resources_lock);
	size_t count = sess->resource_counts[type];
	if (!count)
		return VACCEL_ENOENT;
	struct vaccel_resource **found = calloc(count, sizeof(struct vaccel_resource *));
	if (!found)
		return VACCEL_ENOMEM;
	size_t filled = 0;
	list_for_each(entry, &sess->resources[type]) found[filled++] =
	    list_container(entry, struct registration, of_session)->resource;
	*resources = found;
	*nr_found = filled;
	return VACCEL_OK;
}
