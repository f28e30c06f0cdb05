/* Loading plugins: good ones, and every kind of bad one. */
#include <stdlib.h>

#include "check.h"
#include "vaccel.h"

int main(void)
{
	struct vaccel_session session;
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_plugin_load(NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_plugin_load(""), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_plugin_load("/nonexistent.so"), VACCEL_ENOENT);
	CHECK_NUMBER(vaccel_plugin_load("nonexistent"), VACCEL_ENOENT);
	CHECK_NUMBER(vaccel_plugin_load("/etc/passwd"), VACCEL_ENOENT);
	CHECK_NUMBER(vaccel_plugin_load(getenv("PLUGIN_FOREIGN")), VACCEL_ELIBBAD);
	CHECK_NUMBER(vaccel_plugin_load(getenv("PLUGIN_UNNAMED")), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_plugin_load(getenv("PLUGIN_FUTURE")), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_plugin_load(getenv("PLUGIN_FAILING")), VACCEL_ENODEV);
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_ENOTSUP);

	CHECK_NUMBER(vaccel_plugin_load(getenv("PLUGIN_GOOD")), VACCEL_OK);
	CHECK_NUMBER(vaccel_plugin_load(getenv("PLUGIN_GOOD")), VACCEL_EEXIST);
	/* By its bare name, from the build tree. */
	CHECK_NUMBER(vaccel_plugin_parse_and_load("noop:"), VACCEL_OK);

	/* By type, else the first; and the op is what that plugin does. */
	CHECK_NUMBER(vaccel_session_init(&session, VACCEL_PLUGIN_DEBUG), VACCEL_OK);
	CHECK_TEXT(session.plugin->info->name, "noop");
	vaccel_session_release(&session);
	CHECK_NUMBER(vaccel_session_init(&session, VACCEL_PLUGIN_FPGA), VACCEL_OK);
	CHECK_NUMBER(vaccel_noop(&session), VACCEL_OK);
	unsigned char text[16];
	CHECK_NUMBER(vaccel_image_pose(&session, "x", text, 1, sizeof(text)), VACCEL_ENOTSUP);
	vaccel_session_release(&session);
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_OK);
	CHECK_NUMBER(vaccel_noop(&session), VACCEL_EBUSY);

	struct vaccel_op bad[] = {{VACCEL_OP_NOOP, (void *)main, NULL},
				  {VACCEL_OP_MAX, (void *)main, session.plugin},
				  {VACCEL_OP_EXEC, NULL, session.plugin},
				  {VACCEL_OP_NOOP, (void *)main, session.plugin}};
	CHECK_NUMBER(vaccel_plugin_register_ops(NULL, 1), VACCEL_EINVAL);
	for (size_t i = 0; i < 3; i++)
		CHECK_NUMBER(vaccel_plugin_register_op(&bad[i]), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_plugin_register_op(&bad[3]), VACCEL_EEXIST);
	struct vaccel_plugin stranger = {0};
	struct vaccel_op stray = {VACCEL_OP_NOOP, (void *)main, &stranger};
	CHECK_NUMBER(vaccel_plugin_register_op(&stray), VACCEL_ENOENT);
	vaccel_session_release(&session);

	/* What was unloaded can be loaded again. */
	CHECK_NUMBER(vaccel_bootstrap(), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_plugin_load(getenv("PLUGIN_GOOD")), VACCEL_OK);
	return check_status();
}
