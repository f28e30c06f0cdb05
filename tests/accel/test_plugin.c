/* Loading plugins: good ones, and every kind of bad one. */
#include <stdlib.h>

#include "check.h"
#include "vaccel.h"

static int other_noop(struct vaccel_session *session)
{
	(void)session;
	return VACCEL_EAGAIN;
}

/* A plugin that passes sessions and resources on to another side. */
static void test_passing_on(void)
{
	struct vaccel_session session;
	struct vaccel_resource url, file;
	CHECK_NUMBER(vaccel_plugin_load(getenv("PLUGIN_PASSING")), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_init(&session, VACCEL_PLUGIN_REMOTE | 2), VACCEL_OK);
	CHECK(session.is_virtio);
	CHECK_NUMBER(session.remote_id, 42);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	CHECK_NUMBER(vaccel_session_update(&session, VACCEL_PLUGIN_REMOTE | 1), VACCEL_OK);
#pragma GCC diagnostic pop
	CHECK_NUMBER(session.remote_id, 51);
	/* A URL is for the other side to fetch; a file is there with its bytes. */
	CHECK_NUMBER(vaccel_resource_init(&url, "http://127.0.0.1:1/x", VACCEL_RESOURCE_DATA), 0);
	CHECK_NUMBER(vaccel_resource_register(&url, &session), VACCEL_OK);
	CHECK_NUMBER(url.remote_id, 60);
	CHECK_NUMBER(vaccel_resource_init(&file, "/etc/passwd", VACCEL_RESOURCE_DATA), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&file, &session), VACCEL_OK);
	CHECK_NUMBER(file.remote_id, 61);
	CHECK(file.blobs && file.blobs[0]->type == VACCEL_BLOB_MAPPED && file.blobs[0]->data);
	CHECK_NUMBER(vaccel_resource_unregister(&file, &session), VACCEL_OK);
	CHECK_NUMBER(file.remote_id, 0);
	CHECK_NUMBER(vaccel_resource_release(&file), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&file, "x", 1, VACCEL_RESOURCE_DATA, "x", true),
		     VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&file, &session), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_sync(&file, &session), VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_OK);
	CHECK_NUMBER(session.remote_id, 0);
	CHECK_NUMBER(vaccel_resource_release(&file), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_release(&url), VACCEL_OK);
}

int main(void)
{
	struct vaccel_session session;
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_plugin_load(NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_plugin_load(""), VACCEL_ELIBBAD);
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
				  {VACCEL_OP_NOOP, (void *)other_noop, session.plugin}};
	CHECK_NUMBER(vaccel_plugin_register_ops(NULL, 1), VACCEL_EINVAL);
	for (size_t i = 0; i < 3; i++)
		CHECK_NUMBER(vaccel_plugin_register_op(&bad[i]), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_plugin_register_ops(bad, 0), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_plugin_register_ops(bad, VACCEL_OP_MAX + 1), VACCEL_EINVAL);
	/* All or none of them. */
	struct vaccel_op some[] = {bad[3], bad[2]};
	CHECK_NUMBER(vaccel_plugin_register_ops(some, 2), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_noop(&session), VACCEL_EBUSY);
	/* An op may be replaced. */
	CHECK_NUMBER(vaccel_plugin_register_op(&bad[3]), VACCEL_OK);
	CHECK_NUMBER(vaccel_noop(&session), VACCEL_EAGAIN);
	struct vaccel_plugin stranger = {0};
	struct vaccel_op stray = {VACCEL_OP_NOOP, (void *)main, &stranger};
	CHECK_NUMBER(vaccel_plugin_register_op(&stray), VACCEL_ENOENT);
	vaccel_session_release(&session);

	/* What was unloaded can be loaded again. */
	CHECK_NUMBER(vaccel_bootstrap(), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_plugin_load(getenv("PLUGIN_GOOD")), VACCEL_OK);
	test_passing_on();
	return check_status();
}
