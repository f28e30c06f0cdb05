/* Resources that ops name. */
#ifndef MAYFLY_ACCEL_OPS_RESOURCES_H
#define MAYFLY_ACCEL_OPS_RESOURCES_H

#include "vaccel/resource.h"
#include "vaccel/session.h"

/* The id by which the side that runs the session's ops knows the resource, which must be of the type
 * (VACCEL_EINVAL) and registered with the session (VACCEL_EPERM). 0 or a VACCEL_E… code, whose reason
 * is said. */
int op_resource_id(struct vaccel_session *session, struct vaccel_resource *resource,
		   vaccel_resource_type_t type, vaccel_id_t *id);

#endif
