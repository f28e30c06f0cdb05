/* A plugin in five editions, chosen when it is compiled: one that works, and four with a fault. */
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

VACCEL_PLUGIN(.name = NAME, .version = "1", .vaccel_version = VERSION, .type = VACCEL_PLUGIN_FPGA,
	      .init = init, .fini = fini)
#endif
