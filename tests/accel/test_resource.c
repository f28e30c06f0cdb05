/* Resources: from files, directories, memory and blobs, installed models, and registering them. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "sizes/sizes.h"
#include "vaccel.h"

static char directory[4096];

static void write_file(char *path, size_t size, const char *name, const char *text)
{
	snprintf(path, size, "%s/%s", directory, name);
	FILE *file = fopen(path, "w");
	if (CHECK(file)) {
		fputs(text, file);
		fclose(file);
	}
}

static void test_files(struct vaccel_session *session)
{
	struct vaccel_resource one, several, *found, **all;
	char first[4200], second[4200], url[4300];
	size_t count;
	write_file(first, sizeof(first), "first", "one");
	write_file(second, sizeof(second), "second", "two");
	snprintf(url, sizeof(url), "file://%s", first);

	CHECK_NUMBER(vaccel_resource_init(&one, url, VACCEL_RESOURCE_DATA), VACCEL_OK);
	CHECK(one.path_type == VACCEL_PATH_LOCAL_FILE && one.nr_paths == 1 && !one.nr_blobs);
	CHECK_TEXT(one.paths[0], first);
	CHECK_NUMBER(vaccel_resource_sync(&one, session), VACCEL_EPERM);
	CHECK_NUMBER(vaccel_resource_unregister(&one, session), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_register(&one, session), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&one, session), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_refcount(&one), 1);
	CHECK_NUMBER(one.nr_blobs, 1);
	CHECK_TEXT(one.blobs[0]->name, "first");
	CHECK_NUMBER(vaccel_resource_sync(&one, session), VACCEL_EINVAL);
	CHECK(vaccel_session_has_resource(session, &one));

	const char *paths[] = {first, second};
	CHECK_NUMBER(vaccel_resource_init_multi(&several, paths, 2, VACCEL_RESOURCE_DATA), 0);
	CHECK_NUMBER(vaccel_resource_register(&several, session), VACCEL_OK);
	CHECK_NUMBER(several.nr_blobs, 2);
	CHECK_NUMBER(vaccel_session_resource_by_id(session, &found, several.id), VACCEL_OK);
	CHECK(found == &several);
	CHECK_NUMBER(vaccel_session_resource_by_type(session, &found, VACCEL_RESOURCE_DATA), 0);
	CHECK(found == &one);
	CHECK_NUMBER(vaccel_session_resource_by_type(session, &found, VACCEL_RESOURCE_LIB),
		     VACCEL_ENOENT);
	CHECK_NUMBER(vaccel_session_resources_by_type(session, &all, &count, VACCEL_RESOURCE_DATA),
		     VACCEL_OK);
	CHECK(count == 2 && all[0] == &one && all[1] == &several);
	free(all);
	CHECK_NUMBER(vaccel_resource_get_all_by_type(&all, &count, VACCEL_RESOURCE_DATA), 0);
	CHECK_NUMBER(count, 2);
	free(all);
	CHECK_NUMBER(vaccel_resource_release(&one), VACCEL_OK);
	CHECK(!vaccel_session_has_resource(session, &one));
	CHECK_NUMBER(vaccel_resource_release(&one), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_release(&several), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_get_by_type(&found, VACCEL_RESOURCE_DATA), VACCEL_ENOENT);
	CHECK(!access(first, F_OK));

	const char *mixed[] = {first, directory};
	CHECK_NUMBER(vaccel_resource_init_multi(&one, mixed, 2, VACCEL_RESOURCE_DATA),
		     VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_resource_init(&one, "/nonexistent", VACCEL_RESOURCE_DATA),
		     VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_init(&one, "/dev/null", VACCEL_RESOURCE_DATA), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_init(&one, first, VACCEL_RESOURCE_MAX), VACCEL_EINVAL);
}

static void test_directory(struct vaccel_session *session)
{
	struct vaccel_resource resource;
	char path[4200], out[4200];
	snprintf(path, sizeof(path), "%s/below", directory);
	mkdir(path, 0700);
	write_file(path, sizeof(path), "below/third", "three");
	CHECK_NUMBER(vaccel_resource_init(&resource, directory, VACCEL_RESOURCE_MODEL), 0);
	CHECK(resource.path_type == VACCEL_PATH_LOCAL_DIR);
	CHECK_NUMBER(vaccel_resource_register(&resource, session), VACCEL_OK);
	CHECK_NUMBER(resource.nr_blobs, 3);
	CHECK_NUMBER(vaccel_resource_directory(&resource, out, sizeof(out), NULL), VACCEL_OK);
	CHECK_TEXT(out, directory);
	CHECK_NUMBER(vaccel_resource_directory(&resource, out, 2, NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_release(&resource), VACCEL_OK);
}

static void test_memory(struct vaccel_session *session)
{
	static const char bytes[] = "bytes of a model";
	struct vaccel_resource resource;
	char path[4200];
	CHECK_NUMBER(vaccel_resource_init_from_buf(&resource, bytes, sizeof(bytes),
						   VACCEL_RESOURCE_MODEL, "m.onnx", false),
		     VACCEL_OK);
	CHECK(resource.rundir && resource.blobs[0]->type == VACCEL_BLOB_MAPPED);
	CHECK(!memcmp(resource.blobs[0]->data, bytes, sizeof(bytes)));
	snprintf(path, sizeof(path), "%s/m.onnx", resource.rundir);
	CHECK(!access(path, R_OK));
	CHECK_NUMBER(vaccel_resource_register(&resource, session), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_release(&resource), VACCEL_OK);
	CHECK(access(path, F_OK) != 0);

	CHECK_NUMBER(vaccel_resource_init_from_buf(&resource, bytes, sizeof(bytes),
						   VACCEL_RESOURCE_DATA, NULL, true),
		     VACCEL_OK);
	CHECK(!resource.rundir && resource.blobs[0]->data == (const uint8_t *)bytes);
	CHECK_NUMBER(vaccel_resource_register(&resource, session), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_sync(&resource, session), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_release(&resource), VACCEL_OK);

	static const char *const bad[] = {"../escape", "a/b", "..", ".", "", "/etc/escape"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		for (int memory_only = 0; memory_only < 2; memory_only++)
			CHECK_NUMBER(vaccel_resource_init_from_buf(&resource, bytes, sizeof(bytes),
								   VACCEL_RESOURCE_DATA, bad[i],
								   memory_only),
				     VACCEL_EINVAL);
}

static void test_installed_model(struct vaccel_session *session)
{
	struct vaccel_resource model, *found;
	CHECK_NUMBER(vaccel_resource_init(&model, "model:face-1.2", VACCEL_RESOURCE_MODEL), 0);
	CHECK_TEXT(model.paths[0], "model:face-1.2");
	CHECK_NUMBER(vaccel_resource_register(&model, session), VACCEL_OK);
	CHECK_NUMBER(model.nr_blobs, 0);
	CHECK_NUMBER(vaccel_session_resource_by_type(session, &found, VACCEL_RESOURCE_MODEL), 0);
	CHECK(found == &model);
	CHECK_NUMBER(vaccel_resource_release(&model), VACCEL_OK);
	static const char *const bad[] = {"model:", "model:../x", "model:a/b", "model:.x",
					  "model:a b"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_NUMBER(vaccel_resource_init(&model, bad[i], VACCEL_RESOURCE_MODEL),
			     VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_init(&model, "model:face", VACCEL_RESOURCE_DATA),
		     VACCEL_EINVAL);
}

static void test_limit(void)
{
	enum { RESOURCES_MAX = 65536 };
	static struct vaccel_resource resources[RESOURCES_MAX];
	struct vaccel_resource more;
	int made = 0;
	while (made < RESOURCES_MAX &&
	       !vaccel_resource_init_from_buf(&resources[made], "x", 1, VACCEL_RESOURCE_DATA, NULL,
					      true))
		made++;
	CHECK_NUMBER(made, RESOURCES_MAX);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&more, "x", 1, VACCEL_RESOURCE_DATA, NULL, true),
		     VACCEL_EUSERS);
	for (int i = 0; i < made; i++)
		vaccel_resource_release(&resources[i]);
}

int main(void)
{
	struct vaccel_session session;
	const char *base = getenv("TMPDIR");
	snprintf(directory, sizeof(directory), "%s/test-resource-XXXXXX", base ? base : "/tmp");
	if (!CHECK(mkdtemp(directory)) || !CHECK(!vaccel_session_init(&session, 0)))
		return check_status();
	test_files(&session);
	test_directory(&session);
	test_memory(&session);
	test_installed_model(&session);
	test_limit();
	vaccel_session_release(&session);
	static const char *const left[] = {"first", "second", "below/third", "below", ""};
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		char path[4200];
		snprintf(path, sizeof(path), "%s/%s", directory, left[i]);
		remove(path);
	}
	return check_status();
}
