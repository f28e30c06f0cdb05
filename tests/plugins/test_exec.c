/* The exec plugin in a process: libraries by path, as resources in files and in memory, with and
 * without others that they need. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mayfly/results.h"
#include "util/file.h"
#include "vaccel.h"

static const char *library_path, *dependent_path;

static struct vaccel_arg int32_argument(int32_t *value)
{
	return (struct vaccel_arg){.buf = value, .size = sizeof(*value), .type = VACCEL_ARG_INT32};
}

static void test_path(struct vaccel_session *session)
{
	int32_t two = 2, five = 5, sum = 0, calls = 0;
	struct vaccel_arg read[] = {int32_argument(&two), int32_argument(&five)};
	struct vaccel_arg write = int32_argument(&sum);
	CHECK_NUMBER(vaccel_exec(session, library_path, "add", read, 2, &write, 1), 0);
	CHECK_NUMBER(sum, 7);
	CHECK_NUMBER(vaccel_exec(session, library_path, "fail", read, 2, &write, 1),
		     VACCEL_EBACKEND);
	CHECK_TEXT(mayfly_op_reason(), "fail() returned 7");
	CHECK_NUMBER(vaccel_exec(session, library_path, "nonesuch", NULL, 0, NULL, 0),
		     VACCEL_ENOSYS);
	CHECK_NUMBER(vaccel_exec(session, "/nonexistent/lib.so", "add", NULL, 0, NULL, 0),
		     VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec(session, NULL, "add", NULL, 0, NULL, 0), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec(session, library_path, NULL, NULL, 0, NULL, 0), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_exec(NULL, library_path, "add", NULL, 0, NULL, 0), VACCEL_EINVAL);
	uint8_t bytes[3] = {1, 2, 254};
	struct vaccel_arg in_and_out = {
	    .buf = bytes, .size = sizeof(bytes), .type = VACCEL_ARG_UINT8_ARRAY};
	CHECK_NUMBER(vaccel_exec(session, library_path, "count_up", NULL, 0, &in_and_out, 1), 0);
	CHECK(bytes[0] == 2 && bytes[1] == 3 && bytes[2] == 255);

	/* The library stays, unless it is to be closed. */
	write = int32_argument(&calls);
	for (int32_t i = 1; i <= 3; i++) {
		CHECK_NUMBER(vaccel_exec(session, library_path, "count_calls", NULL, 0, &write, 1),
			     0);
		CHECK_NUMBER(calls, i);
	}
}

static void test_modes(struct vaccel_session *session)
{
	int32_t number = 0;
	struct vaccel_arg write = int32_argument(&number);
	/* What it needs is missing: that is found out at once, or when it is called. */
	CHECK_NUMBER(vaccel_exec(session, dependent_path, "fail", NULL, 0, NULL, 0), VACCEL_EINVAL);
	setenv("VACCEL_EXEC_DLOPEN_MODE", "lazy", 1);
	CHECK_NUMBER(vaccel_exec(session, dependent_path, "fail", NULL, 0, NULL, 0),
		     VACCEL_EBACKEND);
	setenv("VACCEL_EXEC_DLOPEN_MODE", "sometimes", 1);
	CHECK_NUMBER(vaccel_exec(session, library_path, "tell_number", NULL, 0, &write, 1), 0);
	CHECK_NUMBER(number, 42);
	unsetenv("VACCEL_EXEC_DLOPEN_MODE");
}

static int call_number(struct vaccel_session *session, struct vaccel_resource *resource,
		       const char *function, int32_t *number)
{
	struct vaccel_arg write = int32_argument(number);
	return vaccel_exec_with_resource(session, resource, function, NULL, 0, &write, 1);
}

/* A library that has been closed is a new one when it is opened again. */
static void try_resource(struct vaccel_session *session, struct vaccel_resource *resource)
{
	int32_t number = 0;
	CHECK_NUMBER(call_number(session, resource, "tell_number", &number), VACCEL_EPERM);
	for (int round = 0; round < 2; round++) {
		CHECK_NUMBER(vaccel_resource_register(resource, session), 0);
		CHECK_NUMBER(call_number(session, resource, "tell_number", &number), 0);
		CHECK_NUMBER(number, 42);
		CHECK_NUMBER(call_number(session, resource, "count_calls", &number), 0);
		CHECK_NUMBER(number, 1);
		CHECK_NUMBER(call_number(session, resource, "count_calls", &number), 0);
		CHECK_NUMBER(number, 2);
		CHECK_NUMBER(call_number(session, resource, "nonesuch", &number), VACCEL_ENOSYS);
		CHECK_NUMBER(call_number(session, resource, "fail", &number), VACCEL_EBACKEND);
		CHECK_NUMBER(vaccel_resource_unregister(resource, session), 0);
	}
	CHECK_NUMBER(vaccel_resource_release(resource), 0);
}

/* A copy of its own: the one at `library_path` is in the process already. */
static void copy_to(const char *path, const uint8_t *bytes, size_t length)
{
	struct error error = {0};
	CHECK_NUMBER(file_replace(path, bytes, length, &error), 0);
}

static void test_resources(struct vaccel_session *session, const char *directory)
{
	struct vaccel_resource resource;
	uint8_t *library = NULL, *dependent = NULL;
	size_t library_size = 0, dependent_size = 0;
	char copy[128], needy[128];
	struct error error = {0};
	if (!CHECK(!file_read(library_path, 1 << 20, &library, &library_size, &error) &&
		   !file_read(dependent_path, 1 << 20, &dependent, &dependent_size, &error)))
		return;
	snprintf(copy, sizeof(copy), "%s/copy.so", directory);
	snprintf(needy, sizeof(needy), "%s/needy.so", directory);
	copy_to(copy, library, library_size);
	copy_to(needy, dependent, dependent_size);

	CHECK_NUMBER(vaccel_resource_init(&resource, copy, VACCEL_RESOURCE_LIB), 0);
	try_resource(session, &resource);
	const char *const paths[] = {copy, needy};
	CHECK_NUMBER(
	    vaccel_resource_init_multi(&resource, (const char **)paths, 2, VACCEL_RESOURCE_LIB), 0);
	try_resource(session, &resource);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&resource, library, library_size,
						   VACCEL_RESOURCE_LIB, "lib.so", false),
		     0);
	try_resource(session, &resource);
	/* In memory only: two at a time are two. */
	struct vaccel_resource other;
	int32_t number = 0;
	CHECK_NUMBER(vaccel_resource_init_from_buf(&other, library, library_size,
						   VACCEL_RESOURCE_LIB, NULL, true),
		     0);
	CHECK_NUMBER(vaccel_resource_register(&other, session), 0);
	CHECK_NUMBER(call_number(session, &other, "count_calls", &number), 0);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&resource, library, library_size,
						   VACCEL_RESOURCE_LIB, NULL, true),
		     0);
	try_resource(session, &resource);
	CHECK_NUMBER(call_number(session, &other, "count_calls", &number), 0);
	CHECK_NUMBER(number, 2);
	CHECK_NUMBER(vaccel_resource_release(&other), 0);

	struct vaccel_blob blobs[2];
	CHECK_NUMBER(
	    vaccel_blob_init_from_buf(&blobs[0], library, library_size, false, "a.so", NULL, false),
	    0);
	CHECK_NUMBER(vaccel_blob_init_from_buf(&blobs[1], dependent, dependent_size, false, "b.so",
					       NULL, false),
		     0);
	const struct vaccel_blob *list[] = {&blobs[0], &blobs[1]};
	CHECK_NUMBER(vaccel_resource_init_from_blobs(&resource, list, 2, VACCEL_RESOURCE_LIB), 0);
	try_resource(session, &resource);
	CHECK_NUMBER(vaccel_blob_release(&blobs[0]), 0);
	CHECK_NUMBER(vaccel_blob_release(&blobs[1]), 0);

	/* What is no library, and one without what it needs. */
	static const uint8_t nonsense[] = "\177ELF and then nonsense";
	CHECK_NUMBER(vaccel_resource_init_from_buf(&resource, nonsense, sizeof(nonsense),
						   VACCEL_RESOURCE_LIB, NULL, true),
		     0);
	CHECK_NUMBER(vaccel_resource_register(&resource, session), 0);
	CHECK_NUMBER(call_number(session, &resource, "tell_number", &number), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_release(&resource), 0);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&resource, library, library_size / 2,
						   VACCEL_RESOURCE_LIB, NULL, true),
		     0);
	CHECK_NUMBER(vaccel_resource_register(&resource, session), 0);
	CHECK_NUMBER(call_number(session, &resource, "tell_number", &number), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_release(&resource), 0);
	CHECK_NUMBER(
	    vaccel_resource_init_from_buf(&resource, "text", 4, VACCEL_RESOURCE_LIB, NULL, true),
	    0);
	CHECK_NUMBER(vaccel_resource_register(&resource, session), VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_resource_release(&resource), 0);
	/* The wrong kind of resource. */
	CHECK_NUMBER(vaccel_resource_init(&resource, copy, VACCEL_RESOURCE_DATA), 0);
	CHECK_NUMBER(vaccel_resource_register(&resource, session), 0);
	CHECK_NUMBER(call_number(session, &resource, "tell_number", &number), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_resource_release(&resource), 0);
	free(library);
	free(dependent);
}

struct caller {
	struct vaccel_session *session;
	struct vaccel_resource *resource;
};

static void *call_often(void *context)
{
	const struct caller *caller = context;
	for (int32_t i = 0, two = 2, sum; i < 200; i++) {
		struct vaccel_arg read[] = {int32_argument(&two), int32_argument(&i)};
		struct vaccel_arg write = int32_argument(&sum);
		CHECK(!vaccel_exec_with_resource(caller->session, caller->resource, "add", read, 2,
						 &write, 1) &&
		      sum == i + 2);
	}
	return NULL;
}

/* All open the library at once. */
static void test_threads(struct vaccel_session *session)
{
	struct vaccel_resource resource;
	struct caller caller = {session, &resource};
	pthread_t threads[4];
	CHECK_NUMBER(vaccel_resource_init(&resource, library_path, VACCEL_RESOURCE_LIB), 0);
	CHECK_NUMBER(vaccel_resource_register(&resource, session), 0);
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, call_often, &caller));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(threads[i], NULL));
	CHECK_NUMBER(vaccel_resource_release(&resource), 0);
}

int main(void)
{
	struct vaccel_session session;
	char directory[64] = "/tmp/mayfly-exec-XXXXXX", command[128];
	library_path = getenv("USER_LIBRARY");
	dependent_path = getenv("DEPENDENT_LIBRARY");
	if (!CHECK(library_path && dependent_path && mkdtemp(directory) &&
		   !vaccel_session_init(&session, 0)))
		return check_status();
	test_modes(&session);
	test_path(&session);
	test_resources(&session, directory);
	test_threads(&session);
	CHECK_NUMBER(vaccel_session_release(&session), 0);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	CHECK(!system(command));
	return check_status();
}
