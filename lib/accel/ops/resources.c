/* Resources that ops name; see resources.h. */
#include "accel/ops/resources.h"

#include <inttypes.h>

#include "accel/resources/registration.h"
#include "accel/state/op_context.h"
#include "vaccel/error.h"

int op_resource_id(struct vaccel_session *session, struct vaccel_resource *resource,
		   vaccel_resource_type_t type, vaccel_id_t *id)
{
	if (!session || !resource)
		return VACCEL_EINVAL;
	if (resource->type != type)
		return op_refuse(VACCEL_EINVAL, "the op wants a resource of type %s, not %s",
				 vaccel_resource_type_to_base_str(type),
				 vaccel_resource_type_to_base_str(resource->type));
	*id = registration_id(session, resource);
	if (!*id)
		return op_refuse(VACCEL_EPERM,
				 "resource %" PRId64 " is not registered with session %" PRId64,
				 resource->id, session->id);
	return VACCEL_OK;
}
