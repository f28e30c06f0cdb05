/* Descriptions of plugins: what the parser takes, where plugins are found, and in which order. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accel/ops/table.h"
#include "accel/plugins/description.h"
#include "accel/plugins/plugin.h"
#include "check.h"
#include "util/file.h"
#include "vaccel.h"

static int parse(const char *text, struct plugin_description *description, struct error *error)
{
	char copy[8192];
	*description = (struct plugin_description){.name = "some", .file = "/there/some.plugin"};
	*error = (struct error){0};
	snprintf(copy, sizeof(copy), "%s", text);
	return plugin_description_parse(description, copy, strlen(copy), error);
}

static void test_parser(void)
{
	struct plugin_description some;
	struct error error;
	CHECK_NUMBER(parse("", &some, &error), 0);
	CHECK_TEXT(some.library, "/there/libvaccel-some.so");
	CHECK(!some.by_default && !some.awaited && !some.computes);
	CHECK_NUMBER(some.priority, 10);
	CHECK_NUMBER(parse("# a comment\n\n \tpriority  7\t\r\ndefault yes\nawaited yes\n"
			   "computes yes\nkinds cpu  gpu\nneeds a b c\nlibrary other.so",
			   &some, &error),
		     0);
	CHECK_NUMBER(some.priority, 7);
	CHECK_NUMBER(some.kinds, VACCEL_PLUGIN_CPU | VACCEL_PLUGIN_GPU);
	CHECK_TEXT(some.needs, "a b c");
	CHECK_TEXT(some.library, "/there/other.so");
	CHECK(some.by_default && some.awaited && some.computes);
	CHECK_NUMBER(parse("library /elsewhere/x.so\n", &some, &error), 0);
	CHECK_TEXT(some.library, "/elsewhere/x.so");

	static const struct {
		const char *text, *says;
	} wrong[] = {
	    {"priority", "/there/some.plugin:1: priority has no value"},
	    {"\npriority 1001", "/there/some.plugin:2: priority is a whole number from 0 to 1000"},
	    {"priority -1", "/there/some.plugin:1: priority is a whole number from 0 to 1000"},
	    {"priority 1x", "/there/some.plugin:1: priority is a whole number from 0 to 1000"},
	    {"priority 99999999999999999999",
	     "/there/some.plugin:1: priority is a whole number from 0 to 1000"},
	    {"default maybe", "/there/some.plugin:1: default is yes or no"},
	    {"kinds cpu tpu", "/there/some.plugin:1: kinds are some of: cpu gpu fpga software "
			      "tensorflow torch jetson generic debug"},
	    {"colour blue", "/there/some.plugin:1: colour is no key of a plugin's description"},
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		CHECK_NUMBER(parse(wrong[i].text, &some, &error), -EINVAL);
		CHECK_TEXT(error.text, wrong[i].says);
	}
	char zero[] = "priority 1\0x";
	CHECK_NUMBER(plugin_description_parse(&some, zero, sizeof(zero) - 1, &error), -EINVAL);
	char longer[PATH_MAX + 64] = "library ";
	memset(longer + strlen(longer), 'x', PATH_MAX);
	CHECK_NUMBER(parse(longer, &some, &error), -EINVAL);
	CHECK_TEXT(error.text, "/there/some.plugin:1: library is too long");
}

/* ── a directory of a user's own ─────────────────────────────────────────────────────────────── */

static char directory[64] = "/tmp/mayfly-plugins-XXXXXX";

static void put(const char *name, const char *text)
{
	char path[128];
	struct error error = {0};
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	char *slash = strrchr(path, '/');
	*slash = 0;
	CHECK(!file_make_directories(path, &error));
	*slash = '/';
	CHECK_NUMBER(file_replace(path, text, strlen(text), &error), 0);
}

static const struct plugin_description *find(const struct plugin_catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (!strcmp(catalog->entries[i].name, name))
			return &catalog->entries[i];
	return NULL;
}

static void test_catalog(const char *noop)
{
	struct plugin_catalog catalog;
	struct plugin_description one;
	struct error error = {0};
	char text[PATH_MAX + 64];
	snprintf(text, sizeof(text), "library %s\npriority 500\ndefault yes\n", noop);
	put("mine.plugin", text);
	snprintf(text, sizeof(text), "library %s\npriority 600\n", noop);
	put("folder/folder.plugin", text);
	put("folder/other.plugin", "priority 3\n"); /* not the folder's own name */
	put("broken.plugin", "what is this\n");
	put(".plugin", "");
	put("noop.plugin", text); /* instead of the one that is installed */
	CHECK_NUMBER(mayfly_plugin_catalog_read(&catalog, &error), 0);
	CHECK(find(&catalog, "mine") && find(&catalog, "mine")->by_default);
	CHECK(find(&catalog, "folder") && find(&catalog, "noop") && find(&catalog, "onnx"));
	CHECK(!find(&catalog, "broken") && !find(&catalog, "other") && !find(&catalog, ""));
	CHECK_NUMBER(find(&catalog, "noop")->priority, 600);
	CHECK(find(&catalog, "folder") < find(&catalog, "noop"));
	CHECK(find(&catalog, "noop") < find(&catalog, "mine"));
	CHECK(find(&catalog, "mine") < find(&catalog, "onnx"));
	mayfly_plugin_catalog_release(&catalog);

	CHECK_NUMBER(plugin_description_find(&one, "folder", &error), 0);
	CHECK_TEXT(one.library, noop);
	CHECK_NUMBER(plugin_description_find(&one, "nonesuch", &error), -ENOENT);
	CHECK_NUMBER(plugin_description_find(&one, "", &error), -ENOENT);
	CHECK_NUMBER(plugin_description_find(&one, "../noop", &error), -ENOENT);
	CHECK_NUMBER(plugin_description_find(&one, "broken", &error), -EINVAL);
	/* Whoever may write the description decides which code runs. */
	char path[128];
	snprintf(path, sizeof(path), "%s/mine.plugin", directory);
	CHECK(!chmod(path, 0666));
	CHECK_NUMBER(plugin_description_find(&one, "mine", &error), -EPERM);
	CHECK_NUMBER(mayfly_plugin_catalog_read(&catalog, &error), 0);
	CHECK(!find(&catalog, "mine"));
	mayfly_plugin_catalog_release(&catalog);
	CHECK(!chmod(path, 0600));
	put("noop.plugin", "default no\nlibrary /nonexistent/libvaccel-noop.so\n");
}

static const char *name_of(const struct vaccel_plugin *plugin)
{
	return plugin ? plugin->info->name : "(none)";
}

/* Only plugins of the test: a user's own, and what the descriptions say of them. */
static void test_sharing(const char *first, const char *second)
{
	char text[PATH_MAX + 64];
	struct vaccel_session session;
	struct vaccel_resource model, library;
	static const uint8_t bytes[] = "some bytes";
	put("onnx.plugin", "default no\n");
	put("blas.plugin", "default no\n");
	put("exec.plugin", "default no\n");
	snprintf(text, sizeof(text), "library %s\npriority 500\ndefault yes\n", first);
	put("mine.plugin", text);
	snprintf(text, sizeof(text),
		 "library %s\npriority 400\ndefault yes\nkinds gpu\ncomputes yes\n", second);
	put("second.plugin", text);
	put("missing.plugin", "default yes\nneeds something\n");
	put("awaited.plugin", "default yes\nawaited yes\n");
	CHECK_NUMBER(mayfly_plugins_load_listed(), VACCEL_ENODEV);
	put("awaited.plugin", "default no\n");
	CHECK_NUMBER(mayfly_plugins_load_listed(), 0);
	CHECK_TEXT(name_of(plugin_find(0)), "first");
	CHECK_TEXT(name_of(plugin_find(VACCEL_PLUGIN_GPU)), "second");
	CHECK_TEXT(name_of(plugin_find(VACCEL_PLUGIN_TORCH)), "first");

	CHECK_NUMBER(vaccel_session_init(&session, 0), 0);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&model, bytes, sizeof(bytes),
						   VACCEL_RESOURCE_MODEL, NULL, true),
		     0);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&library, bytes, sizeof(bytes),
						   VACCEL_RESOURCE_LIB, NULL, true),
		     0);
	unsigned char out[64] = "";
	/* As in vAccel: a session has one plugin, and what that lacks is missing. */
	CHECK_NUMBER(vaccel_image_pose(&session, "x", out, 1, sizeof(out)), VACCEL_ENOTSUP);
	CHECK(!mayfly_op_plugin_name(&session, VACCEL_OP_IMAGE_POSE, 0));
	CHECK_NUMBER(vaccel_resource_register(&model, &session), VACCEL_ENOTSUP);

	mayfly_plugins_share_ops(true);
	CHECK_NUMBER(vaccel_image_detection(&session, "x", out, 1, sizeof(out)), 0);
	CHECK_TEXT((char *)out, "first");
	CHECK_NUMBER(vaccel_image_pose(&session, "x", out, 1, sizeof(out)), 0);
	CHECK_TEXT((char *)out, "second");
	CHECK_TEXT(mayfly_op_plugin_name(&session, VACCEL_OP_IMAGE_POSE, 0), "second");
	enum mayfly_device device;
	CHECK(mayfly_op_computes(&session, VACCEL_OP_IMAGE_POSE, 0, &device));
	CHECK(!mayfly_op_computes(&session, VACCEL_OP_IMAGE_DETECT, 0, &device));
	CHECK_NUMBER(vaccel_image_depth(&session, "x", out, 1, sizeof(out)), VACCEL_ENOTSUP);
	/* `first` has no use for the model, `second` takes it: ops go there. */
	CHECK_NUMBER(vaccel_resource_register(&model, &session), 0);
	CHECK_TEXT(mayfly_op_plugin_name(&session, VACCEL_OP_TORCH_MODEL_LOAD, model.id), "second");
	CHECK_NUMBER(vaccel_torch_model_load(&session, &model), 0);
	CHECK_NUMBER(vaccel_resource_unregister(&model, &session), 0);
	/* Nobody has an op for it, so it is the session's plugin's. */
	CHECK_NUMBER(vaccel_resource_register(&library, &session), 0);
	CHECK_NUMBER(vaccel_resource_release(&library), 0);
	CHECK_NUMBER(vaccel_resource_release(&model), 0);
	CHECK_NUMBER(vaccel_session_release(&session), 0);
	mayfly_plugins_share_ops(false);
}

int main(void)
{
	const char *noop = getenv("NOOP_PLUGIN"), *first = getenv("FIRST_PLUGIN"),
		   *second = getenv("SECOND_PLUGIN");
	char command[128];
	if (!CHECK(noop && first && second && mkdtemp(directory)))
		return check_status();
	setenv("MAYFLY_PLUGIN_PATH", directory, 1);
	test_parser();
	CHECK_NUMBER(vaccel_bootstrap(), 0);
	test_catalog(noop);
	test_sharing(first, second);
	CHECK_NUMBER(vaccel_cleanup(), 0);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	CHECK(!system(command));
	return check_status();
}
