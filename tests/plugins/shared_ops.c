/* Two plugins for tests of how plugins share their ops, chosen when they are compiled: FIRST detects
 * and takes no models, SECOND also knows poses and models. Both answer with their names. */
#include "sizes/sizes.h"
#include "vaccel.h"

#ifdef FIRST
#define NAME "first"
#else
#define NAME "second"
#endif

static int say_name(struct vaccel_session *session, const void *image, unsigned char *out,
		    size_t length, size_t room)
{
	(void)session, (void)image, (void)length;
	if (out)
		snprintf((char *)out, room, "%s", NAME);
	return VACCEL_OK;
}

static int take_resource(struct vaccel_resource *resource, struct vaccel_session *session)
{
	(void)session;
#ifdef FIRST
	if (resource->type == VACCEL_RESOURCE_MODEL)
		return VACCEL_ENOTSUP;
#endif
	resource->plugin_priv = NAME;
	return VACCEL_OK;
}

static int load(struct vaccel_session *session, struct vaccel_resource *model)
{
	(void)session;
	return model->plugin_priv && !strcmp(model->plugin_priv, NAME) ? VACCEL_OK
								       : VACCEL_EBACKEND;
}

static struct vaccel_op ops[] = {
    VACCEL_OP_INIT(detect, VACCEL_OP_IMAGE_DETECT, say_name),
    VACCEL_OP_INIT(load, VACCEL_OP_TORCH_MODEL_LOAD, load),
#ifndef FIRST
    VACCEL_OP_INIT(pose, VACCEL_OP_IMAGE_POSE, say_name),
#endif
};

static int init(void)
{
	return vaccel_plugin_register_ops(ops, ARRAY_SIZE(ops));
}

static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = NAME, .version = "1", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_CPU, .init = init, .fini = fini,
	      .resource_register = take_resource)
