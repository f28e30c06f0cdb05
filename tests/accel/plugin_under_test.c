/* A plugin in six editions, chosen when it is compiled: one that works, one that says that it passes
 * sessions on, and four with a fault. */
#include "vaccel.h"

#ifdef PLUGIN_FOREIGN
/* A shared object, but no plugin. */
VACCEL_API int foreign_function(void);
int foreign_function(void)
{
	return 1;
}
#else

#ifdef PLUGIN_UNNAMED
#define NAME NULL
#else
#define NAME "under-test"
#endif
#ifdef PLUGIN_FUTURE
#define VERSION "1.0.0"
#else
#define VERSION VACCEL_VERSION
#endif

static int noop(struct vaccel_session *session)
{
	return session->hint == VACCEL_PLUGIN_FPGA ? VACCEL_OK : VACCEL_EBUSY;
}

static struct vaccel_op ops[] = {VACCEL_OP_INIT(noop, VACCEL_OP_NOOP, noop)};

static int init(void)
{
	int result = vaccel_plugin_register_op(ops);
#ifdef PLUGIN_FAILING
	result = result ? result : VACCEL_ENODEV;
#endif
	return result;
}

static int fini(void)
{
	return VACCEL_OK;
}

#ifdef PLUGIN_PASSING
static int session_init(struct vaccel_session *session, uint32_t flags)
{
	session->remote_id = 40 + (vaccel_id_t)flags;
	return VACCEL_OK;
}

static int session_update(struct vaccel_session *session, uint32_t flags)
{
	session->remote_id = 50 + (vaccel_id_t)flags;
	return VACCEL_OK;
}

static int session_release(struct vaccel_session *session)
{
	session->remote_id = 0;
	return VACCEL_OK;
}

static int resource_register(struct vaccel_resource *resource, struct vaccel_session *session)
{
	resource->remote_id = 60 + (vaccel_id_t)resource->nr_blobs;
	return session->remote_id ? VACCEL_OK : VACCEL_EPERM;
}

static int resource_unregister(struct vaccel_resource *resource, struct vaccel_session *session)
{
	(void)session;
	resource->remote_id = 0;
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "passing", .version = "1", .vaccel_version = VERSION, .init = init,
	      .type = VACCEL_PLUGIN_REMOTE, .fini = fini, .is_virtio = true,
	      .session_init = session_init, .session_update = session_update,
	      .session_release = session_release, .resource_register = resource_register,
	      .resource_unregister = resource_unregister)
#else
VACCEL_PLUGIN(.name = NAME, .version = "1", .vaccel_version = VERSION, .type = VACCEL_PLUGIN_FPGA,
	      .init = init, .fini = fini)
#endif
#endif
