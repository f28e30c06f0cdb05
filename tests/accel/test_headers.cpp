/* The headers as a C++ program uses them. */
#include "mayfly/orientation.h"
#include "mayfly/results.h"
#include "mayfly/tensors.h"
#include "vaccel.h"

int main()
{
	struct vaccel_session session;
	if (vaccel_session_init(&session, VACCEL_PLUGIN_CPU) != VACCEL_OK)
		return 1;
	struct vaccel_resource resource;
	const char bytes[] = "bytes";
	int result = vaccel_resource_init_from_buf(&resource, bytes, sizeof(bytes),
						   VACCEL_RESOURCE_DATA, nullptr, true);
	if (result == VACCEL_OK && resource.refcount != 0)
		result = VACCEL_EINVAL;
	if (result == VACCEL_OK)
		result = vaccel_resource_release(&resource);
	if (result == VACCEL_OK)
		result = vaccel_noop(&session);
	vaccel_session_release(&session);
	return result;
}
