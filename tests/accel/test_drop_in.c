/* Where a program can tell libraries apart: codes, defaults and names that were once different from
 * vAccel's, a check for each. docs/vaccel.md has what is different on purpose. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "vaccel.h"

static char directory[] = "/tmp/test-drop-in-XXXXXX";

static void test_directories(struct vaccel_session *session)
{
	struct vaccel_resource resource;
	char out[8], *path = NULL;
	const char *rundir = vaccel_rundir();
	CHECK(rundir && !access(rundir, W_OK));
	/* A directory without files is a resource without blobs. */
	CHECK_NUMBER(vaccel_resource_init(&resource, directory, VACCEL_RESOURCE_DATA), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_register(&resource, session), VACCEL_OK);
	CHECK_NUMBER(resource.nr_blobs, 0);
	CHECK_NUMBER(vaccel_resource_directory(&resource, out, sizeof(out), NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_directory(&resource, NULL, 0, &path), VACCEL_OK);
	CHECK_TEXT(path, directory);
	free(path);
	CHECK_NUMBER(vaccel_resource_sync(&resource, session), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_release(&resource), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_directory(&resource, NULL, 0, &path), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_init(&resource, "/etc/passwd", VACCEL_RESOURCE_DATA),
		     VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_directory(&resource, NULL, 0, &path), VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_resource_release(&resource), VACCEL_OK);
}

static void test_lists(struct vaccel_session *session)
{
	struct vaccel_resource first, second, *found, **all;
	size_t count;
	CHECK_NUMBER(vaccel_resource_init_from_buf(&first, "1", 1, VACCEL_RESOURCE_DATA, "a", true),
		     VACCEL_OK);
	CHECK_NUMBER(
	    vaccel_resource_init_from_buf(&second, "2", 1, VACCEL_RESOURCE_DATA, NULL, false),
	    VACCEL_OK);
	CHECK(first.entry.next == &second.entry && second.entry.prev == &first.entry);
	CHECK(session->entry.next != &session->entry);
	CHECK(!strncmp(second.blobs[0]->name, "file", 4) && second.rundir);
	CHECK_NUMBER(vaccel_resource_get_by_type(&found, VACCEL_RESOURCE_DATA), VACCEL_OK);
	CHECK(found == &first);
	CHECK_NUMBER(vaccel_resource_get_all_by_type(&all, &count, VACCEL_RESOURCE_DATA),
		     VACCEL_OK);
	CHECK(count == 2 && all[0] == &first && all[1] == &second);
	free(all);
	CHECK_NUMBER(vaccel_resource_release(&first), VACCEL_OK);
	CHECK(first.entry.next == &first.entry);
	CHECK_NUMBER(vaccel_resource_get_by_type(&found, VACCEL_RESOURCE_DATA), VACCEL_OK);
	CHECK(found == &second);
	/* What is a file has a directory of the resource's, what is in memory has none. */
	const struct vaccel_blob *blobs[] = {second.blobs[0]};
	struct vaccel_resource copy;
	CHECK_NUMBER(vaccel_resource_init_from_blobs(&copy, blobs, 1, VACCEL_RESOURCE_LIB),
		     VACCEL_OK);
	CHECK(copy.rundir && copy.blobs[0]->path && strcmp(copy.blobs[0]->path, blobs[0]->path));
	CHECK_NUMBER(vaccel_resource_release(&copy), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_release(&second), VACCEL_OK);
	CHECK_NUMBER(vaccel_resource_get_by_type(&found, VACCEL_RESOURCE_DATA), VACCEL_ENOENT);
}

static void test_regions(void)
{
	struct vaccel_prof_region region = VACCEL_PROF_REGION_INIT("a region"), regions[2];
	char *text = NULL;
	CHECK(!vaccel_prof_enabled());
	/* All succeed while nothing is recorded. */
	CHECK_NUMBER(vaccel_prof_region_start(NULL), VACCEL_OK);
	CHECK_NUMBER(vaccel_prof_region_stop(NULL), VACCEL_OK);
	CHECK_NUMBER(vaccel_prof_region_print(NULL), VACCEL_OK);
	CHECK_NUMBER(vaccel_prof_region_init(NULL, NULL), VACCEL_OK);
	CHECK_NUMBER(vaccel_prof_regions_start_by_name(NULL, 1, "x"), VACCEL_OK);
	CHECK_NUMBER(vaccel_prof_regions_print_all_to_buf(&text, 9, regions, 2), 0);

	struct vaccel_config config;
	vaccel_config_init(&config, NULL, VACCEL_LOG_ERROR, NULL, true, false);
	CHECK_NUMBER(vaccel_bootstrap_with_config(&config), VACCEL_OK);
	CHECK_NUMBER(vaccel_prof_region_start(NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_prof_region_stop(&region), VACCEL_ENOENT);
	CHECK_NUMBER(vaccel_prof_region_start(&region), VACCEL_OK);
	CHECK_NUMBER(vaccel_prof_region_stop(&region), VACCEL_OK);
	CHECK_NUMBER(region.nr_entries, 1);
	CHECK_NUMBER(vaccel_prof_region_release(&region), VACCEL_OK);
	CHECK_NUMBER(vaccel_prof_regions_init(regions, 2), VACCEL_OK);
	/* The names are room for whoever has them. */
	snprintf((char *)regions[0].name, VACCEL_PROF_NAME_MAX, "one");
	snprintf((char *)regions[1].name, VACCEL_PROF_NAME_MAX, "two");
	CHECK_NUMBER(vaccel_prof_regions_start_by_name(regions, 2, "three"), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_prof_regions_start_by_name(regions, 2, "two"), VACCEL_OK);
	CHECK_NUMBER(vaccel_prof_regions_stop_by_name(regions, 2, "two"), VACCEL_OK);
	int room = vaccel_prof_regions_print_all_to_buf(NULL, 0, regions, 2);
	CHECK(room > 20);
	CHECK_NUMBER(vaccel_prof_regions_print_all_to_buf(&text, (size_t)room, regions, 2), 2);
	unsigned long total;
	CHECK_NUMBER(sscanf(text, "[prof] two: total_time: %lu nsec nr_entries: 1", &total), 1);
	CHECK_NUMBER(strlen(text), room - 1);
	free(text);
	CHECK_NUMBER(vaccel_prof_regions_print_all_to_buf(&text, 5, regions, 2), 2);
	CHECK_TEXT(text, "[pro");
	free(text);
	CHECK_NUMBER(vaccel_prof_regions_print_all_to_buf(NULL, 0, NULL, 2), -VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_prof_regions_release(regions, 2), VACCEL_OK);
	CHECK_NUMBER(vaccel_bootstrap(), VACCEL_OK);
}

static void test_after_cleanup(void)
{
	struct vaccel_session session = {.id = 3};
	struct vaccel_resource resource = {.id = 3};
	CHECK_NUMBER(vaccel_cleanup(), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_ESESS);
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_ESESS);
	CHECK_NUMBER(vaccel_resource_release(&resource), VACCEL_EPERM);
	CHECK_NUMBER(vaccel_plugin_load("noop"), VACCEL_EBACKEND);
	CHECK_NUMBER(vaccel_plugin_load(NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_bootstrap(), VACCEL_OK);
	CHECK_NUMBER(vaccel_plugin_load(""), VACCEL_ELIBBAD);
}

static void test_ops(struct vaccel_session *session)
{
	unsigned char text[64];
	/* Whether a picture without bytes is one is for the plugin to say. */
	CHECK_NUMBER(vaccel_image_classification(session, "", text, text, 0, sizeof(text), 0),
		     VACCEL_OK);
	CHECK_NUMBER(vaccel_image_classification(session, NULL, text, text, 1, sizeof(text), 0),
		     VACCEL_EINVAL);
	/* Text ends, however little room there is. */
	memset(text, 'x', sizeof(text));
	CHECK_NUMBER(vaccel_image_classification(session, "p", text, NULL, 1, 5, 9), VACCEL_OK);
	CHECK_NUMBER(strlen((char *)text), 4);
	CHECK(text[5] == 'x');
	CHECK_NUMBER(vaccel_image_classification(NULL, "p", text, NULL, 1, 5, 0), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_noop(NULL), VACCEL_EINVAL);
}

int main(void)
{
	struct vaccel_session session;
	if (!mkdtemp(directory))
		return 1;
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_OK);
	test_directories(&session);
	test_lists(&session);
	test_ops(&session);
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_OK);
	test_regions();
	test_after_cleanup();
	rmdir(directory);
	return check_status();
}
