/* A plugin whose ops do nothing, so that what is measured is the library. */
#include <vaccel.h>

static int empty_noop(struct vaccel_session *session)
{
	(void)session;
	return VACCEL_OK;
}

static int empty_classify(struct vaccel_session *session, const void *image,
			  unsigned char *out_text, unsigned char *out_name, size_t length,
			  size_t text_room, size_t name_room)
{
	(void)session;
	(void)image;
	(void)length;
	if (out_text && text_room)
		out_text[0] = 0;
	if (out_name && name_room)
		out_name[0] = 0;
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {
    VACCEL_OP_INIT(ops[0], VACCEL_OP_NOOP, (void *)empty_noop),
    VACCEL_OP_INIT(ops[1], VACCEL_OP_IMAGE_CLASSIFY, (void *)empty_classify),
};

static int start(void)
{
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(*ops));
}

static int end(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "empty", .version = VACCEL_VERSION, .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_CPU, .init = start, .fini = end)
