/* A plugin to begin with: one op, and the three things that each plugin has. docs/plugins.md explains
 * them. Copy this folder and put your own name in the place of "answer". */
#include <stdio.h>
#include <string.h>
#include <vaccel.h>

/* An op has the arguments of the function that programs call: this is vaccel_image_detection(). It is
 * called from several threads at once. It returns 0 or a code of vaccel/error.h. */
static int detect(struct vaccel_session *session, const void *image, unsigned char *out,
		  size_t image_size, size_t out_size)
{
	if (!session || !image)
		return VACCEL_EINVAL;
	if (out && out_size)
		snprintf((char *)out, out_size, "%zu bytes, and I cannot see", image_size);
	vaccel_debug("[answer] looked at %zu bytes", image_size);
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {
    VACCEL_OP_INIT(detect, VACCEL_OP_IMAGE_DETECT, detect),
};

/* Called once, when the plugin is loaded: what has to be opened is opened here, since an accelerator
 * host can open no files later. An error means that the plugin is not there. */
static int init(void)
{
	return vaccel_plugin_register_ops(ops, sizeof(ops) / sizeof(ops[0]));
}

/* Called once, after the last op. */
static int fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "answer", .version = "1.0.0", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_CPU, .init = init, .fini = fini)
