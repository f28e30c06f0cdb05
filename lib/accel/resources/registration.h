/* Which resources are registered with which sessions: one link for each pair, in the lists of both.
 *
 * The session's list is under its resources_lock, the resource's under its sessions_lock; who needs
 * both takes the session's first.
 */
#ifndef MAYFLY_ACCEL_RESOURCES_REGISTRATION_H
#define MAYFLY_ACCEL_RESOURCES_REGISTRATION_H

#include "vaccel/resource.h"
#include "vaccel/session.h"

struct registration {
	struct vaccel_list_entry of_session;
	struct vaccel_list_entry of_resource;
	struct vaccel_session *session;
	struct vaccel_resource *resource;
	vaccel_id_t remote_id;	      /* of the resource on the session's other side; 0: local */
	struct vaccel_plugin *plugin; /* that took it; NULL: the other side */
};

/* Links the two. VACCEL_EEXIST where they are linked already, VACCEL_ENOMEM. */
int registration_add(struct vaccel_session *session, struct vaccel_resource *resource,
		     vaccel_id_t remote_id, struct vaccel_plugin *plugin);

/* Unlinks the two and returns the link for the caller to free; NULL where there is none. */
struct registration *registration_remove(struct vaccel_session *session,
					 struct vaccel_resource *resource);

bool registration_exists(struct vaccel_session *session, struct vaccel_resource *resource);

/* The id by which the side that runs the session's ops knows the resource; 0: it is not
 * registered. */
vaccel_id_t registration_id(struct vaccel_session *session, struct vaccel_resource *resource);

/* The plugin that took the resource of this id; NULL: none did, or it is not registered. */
struct vaccel_plugin *registration_plugin(struct vaccel_session *session, vaccel_id_t id);

/* The first resource of a session, the first session of a resource; NULL: none. */
struct vaccel_resource *registration_first_resource(struct vaccel_session *session);
struct vaccel_session *registration_first_session(struct vaccel_resource *resource);

#endif
