/* The gateway's store: what its header says of functions, namespaces, secrets, calls and schedules. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "check.h"
#include "link/fields.h"
#include "sizes/sizes.h"
#include "store/store.h"
#include "store_directory.h"
#include "util/cleanup.h"
#include "util/file.h"

#define USUAL STORE_NAMESPACE_USUAL

#define LIST_MAX 256

/* Adds to a list of names, each with a blank behind it. */
static void join(char list[LIST_MAX], const char *first, const char *second)
{
	const size_t length = strlen(list);
	snprintf(list + length, LIST_MAX - length, "%s%s ", first, second);
}

/* ── functions ───────────────────────────────────────────────────────────────────────────────── */

static int deploy(struct store *store, bool is_new, const char *name, const char *image,
		  uint64_t *number)
{
	struct error error = {0};
	struct store_revision revision = {.name_space = strdup(USUAL), .name = strdup(name)};
	record_add_text(&revision.deployment, FIELD_IMAGE, image);
	record_add_text(&revision.prepared, FIELD_DIGEST, "sha256:00");
	int result = store_deploy(store, is_new, &revision, &error);
	CHECK(!result == !error.code);
	if (number)
		*number = revision.number;
	store_revision_release(&revision);
	return result;
}

struct functions {
	unsigned count;
	struct store_function last;
};

static int keep_function(void *context, struct store_function *function)
{
	struct functions *functions = context;
	functions->count++;
	store_function_release(&functions->last);
	functions->last = *function;
	return 0;
}

static struct functions list_functions(struct store *store)
{
	struct functions functions = {0};
	CHECK_NUMBER(store_each_function(store, keep_function, &functions, NULL), 0);
	return functions;
}

struct revisions {
	struct store *store;
	unsigned count;
	uint64_t first, last;
	char image[64];
};

static int keep_revision(void *context, struct store_revision *revision)
{
	struct revisions *revisions = context;
	if (!revisions->count++)
		revisions->first = revision->number;
	revisions->last = revision->number;
	snprintf(revisions->image, sizeof(revisions->image), "%s",
		 record_find_text(record_of(&revision->deployment), FIELD_IMAGE, ""));
	CHECK_TEXT(record_find_text(record_of(&revision->prepared), FIELD_DIGEST, ""), "sha256:00");
	CHECK_TEXT(revision->name_space, USUAL);
	CHECK(revision->created_s > 1700000000);
	store_revision_release(revision);
	/* What is found may call the store. */
	uint64_t last_s;
	CHECK_NUMBER(store_schedule_get(revisions->store, USUAL, "none", &last_s, NULL), 0);
	return 0;
}

static void test_functions(struct store *store)
{
	uint64_t number = 0;
	CHECK_NUMBER(deploy(store, false, "hello", "a", NULL), -ENOENT);
	CHECK_NUMBER(deploy(store, true, "hello", "a", &number), 0);
	CHECK_NUMBER(number, 1);
	CHECK_NUMBER(deploy(store, true, "hello", "b", NULL), -EEXIST);
	for (int i = 2; i <= 13; i++) {
		char image[16];
		snprintf(image, sizeof(image), "image-%d", i);
		CHECK_NUMBER(deploy(store, false, "hello", image, &number), 0);
		CHECK_NUMBER(number, i);
	}
	struct revisions revisions = {.store = store};
	CHECK_NUMBER(store_each_revision(store, USUAL, "hello", keep_revision, &revisions, NULL),
		     0);
	CHECK_NUMBER(revisions.count, 10);
	CHECK_NUMBER(revisions.first, 4);
	CHECK_NUMBER(revisions.last, 13);
	CHECK_TEXT(revisions.image, "image-13");

	struct error error = {0};
	CHECK_NUMBER(store_split(store, USUAL, "hello", 13, 12, 20, &error), 0);
	CHECK_NUMBER(store_split(store, USUAL, "hello", 13, 2, 20, &error), -ENOENT);
	CHECK_TEXT(error.text, "function \"hello\" has no revision 2");
	CHECK_NUMBER(store_split(store, USUAL, "none", 1, 0, 0, &error), -ENOENT);
	CHECK_NUMBER(store_scale(store, USUAL, "hello", 0, &error), 0);
	CHECK_NUMBER(store_scale(store, USUAL, "none", 0, &error), -ENOENT);
	struct functions functions = list_functions(store);
	CHECK_NUMBER(functions.count, 1);
	CHECK_TEXT(functions.last.name, "hello");
	CHECK_NUMBER(functions.last.current, 13);
	CHECK_NUMBER(functions.last.other, 12);
	CHECK_NUMBER(functions.last.percent, 20);
	CHECK_NUMBER(functions.last.replicas, 0);
	store_function_release(&functions.last);

	/* The next revision gets all requests. */
	CHECK_NUMBER(deploy(store, false, "hello", "last", &number), 0);
	functions = list_functions(store);
	CHECK_NUMBER(functions.last.current, 14);
	CHECK_NUMBER(functions.last.other, 0);
	store_function_release(&functions.last);
}

static void test_removal(struct store *store)
{
	uint64_t number = 0, last_s = 1;
	CHECK_NUMBER(store_schedule_set(store, USUAL, "hello", 1234, NULL), 0);
	CHECK_NUMBER(store_schedule_get(store, USUAL, "hello", &last_s, NULL), 0);
	CHECK_NUMBER(last_s, 1234);
	CHECK_NUMBER(store_schedule_set(store, USUAL, "none", 1, NULL), -ENOENT);
	CHECK_NUMBER(store_remove(store, USUAL, "hello", NULL), 0);
	CHECK_NUMBER(store_remove(store, USUAL, "hello", NULL), -ENOENT);
	struct functions functions = list_functions(store);
	CHECK_NUMBER(functions.count, 0);
	/* Nothing of the one before is left. */
	CHECK_NUMBER(deploy(store, true, "hello", "a", &number), 0);
	CHECK_NUMBER(number, 1);
	CHECK_NUMBER(store_schedule_get(store, USUAL, "hello", &last_s, NULL), 0);
	CHECK_NUMBER(last_s, 0);
	functions = list_functions(store);
	CHECK(functions.last.replicas == UINT64_MAX);
	store_function_release(&functions.last);
	CHECK_NUMBER(store_remove(store, USUAL, "hello", NULL), 0);
}

/* ── namespaces ──────────────────────────────────────────────────────────────────────────────── */

static int join_namespace(void *context, const char *name, struct record_view record)
{
	struct record_field field;
	join(context, name, record_find(record, FIELD_LABEL, &field) ? "+" : "");
	return 0;
}

static void test_namespaces(struct store *store)
{
	struct error error = {0};
	cleanup_record struct record record = RECORD_EMPTY;
	record_add_pair(&record, FIELD_LABEL, "team", "blue");
	const struct record_view none = {0}, labels = record_of(&record);
	CHECK_NUMBER(store_namespace_put(store, "blue", false, labels, &error), -ENOENT);
	CHECK_NUMBER(store_namespace_put(store, "blue", true, none, &error), 0);
	CHECK_NUMBER(store_namespace_put(store, "blue", true, none, &error), -EEXIST);
	CHECK_NUMBER(store_secret_put(store, "blue", "s", true, "x", 1, NULL), 0);
	CHECK_NUMBER(store_namespace_put(store, "blue", false, labels, &error), 0);
	char names[LIST_MAX] = "";
	CHECK_NUMBER(store_each_namespace(store, join_namespace, names, NULL), 0);
	CHECK_TEXT(names, "blue+ " USUAL " ");
	CHECK_NUMBER(store_namespace_remove(store, "blue", &error), -EBUSY);
	CHECK_NUMBER(store_secret_remove(store, "blue", "s", NULL), 0);
	CHECK_NUMBER(store_namespace_remove(store, "blue", &error), 0);
	CHECK_NUMBER(store_namespace_remove(store, "blue", &error), -ENOENT);
	CHECK_NUMBER(store_namespace_remove(store, USUAL, &error), -EBUSY);

	struct store_revision revision = {.name_space = strdup("green"), .name = strdup("f")};
	CHECK_NUMBER(store_deploy(store, true, &revision, &error), -EINVAL);
	CHECK_TEXT(error.text, "there is no namespace \"green\"");
	store_revision_release(&revision);
}

/* ── secrets ─────────────────────────────────────────────────────────────────────────────────── */

static int join_secret(void *context, const char *name_space, const char *name)
{
	CHECK_TEXT(name_space, USUAL);
	join(context, name, "");
	return 0;
}

static void check_secret(struct store *store, const char *name, const void *wanted, size_t length)
{
	uint8_t *value = NULL;
	size_t got = 0;
	if (!CHECK_NUMBER(store_secret_get(store, USUAL, name, &value, &got, NULL), 0))
		return;
	CHECK_NUMBER(got, length);
	CHECK(got == length && !memcmp(value, wanted, length) && !value[length]);
	free(value);
}

static void test_secrets(struct store *store)
{
	struct error error = {0};
	uint8_t *value = NULL;
	size_t length;
	CHECK_NUMBER(store_secret_put(store, USUAL, "key", false, "v", 1, NULL), -ENOENT);
	CHECK_NUMBER(store_secret_put(store, USUAL, "key", true, "v\0w", 3, NULL), 0);
	CHECK_NUMBER(store_secret_put(store, USUAL, "key", true, "x", 1, NULL), -EEXIST);
	check_secret(store, "key", "v\0w", 3);
	CHECK_NUMBER(store_secret_put(store, USUAL, "key", false, "", 0, NULL), 0);
	check_secret(store, "key", "", 0);
	CHECK_NUMBER(store_secret_put(store, USUAL, "other", true, "other", 5, NULL), 0);
	CHECK_NUMBER(store_secret_put(store, "nowhere", "a", true, "x", 1, &error), -EINVAL);
	CHECK_NUMBER(store_secret_get(store, USUAL, "none", &value, &length, &error), -ENOENT);
	char names[LIST_MAX] = "";
	CHECK_NUMBER(store_each_secret(store, NULL, join_secret, names, NULL), 0);
	CHECK_TEXT(names, "key other ");
	names[0] = 0;
	CHECK_NUMBER(store_each_secret(store, "none", join_secret, names, NULL), 0);
	CHECK_TEXT(names, "");
	CHECK_NUMBER(store_secret_remove(store, USUAL, "key", NULL), 0);
	CHECK_NUMBER(store_secret_remove(store, USUAL, "key", NULL), -ENOENT);
	check_secret(store, "other", "other", 5);
}

/* ── calls ───────────────────────────────────────────────────────────────────────────────────── */

static int add_call(struct store *store, const char *id, const char *name, uint64_t due_ns)
{
	struct store_call call = {.id = (char *)id,
				  .name_space = (char *)USUAL,
				  .name = (char *)name,
				  .body = (uint8_t *)id,
				  .body_length = strlen(id),
				  .due_ns = due_ns};
	record_add_text(&call.head, FIELD_CALLBACK, "http://127.0.0.1/");
	int result = store_call_add(store, &call, NULL);
	record_release(&call.head);
	return result;
}

static bool is_slow(void *context, const char *name_space, const char *name)
{
	CHECK_TEXT(name_space, USUAL);
	return !strcmp(name, "slow");
}

/* Takes the next one, and says which. */
static void take(struct store *store, enum store_call_state state, uint64_t now_ns, char id[64],
		 struct store_call *call, uint64_t *next_ns)
{
	uint64_t next;
	CHECK_NUMBER(store_call_take(store, state, now_ns, now_ns + 100, is_slow, NULL, call,
				     next_ns ? next_ns : &next, NULL),
		     0);
	snprintf(id, 64, "%s", call->id ? call->id : "");
}

static void test_turns(struct store *store)
{
	struct store_call call;
	uint64_t next_ns;
	char id[64];
	CHECK_NUMBER(add_call(store, "one", "f", 10), 0);
	CHECK_NUMBER(add_call(store, "one", "f", 10), -EEXIST);
	CHECK_NUMBER(add_call(store, "two", "g", 5), 0);
	CHECK_NUMBER(add_call(store, "held", "slow", 1), 0);
	CHECK_NUMBER(add_call(store, "three", "f", 20), 0);
	CHECK_NUMBER(add_call(store, "late", "f", 1000), 0);
	static const char *const wanted[] = {"two", "one", "three"};
	for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++) {
		take(store, STORE_CALL_WAITING, 50, id, &call, NULL);
		CHECK_TEXT(id, wanted[i]);
		CHECK_NUMBER(call.attempts, 1);
		CHECK_NUMBER(call.state, STORE_CALL_RUNNING);
		CHECK(call.body_length == strlen(id) && !memcmp(call.body, id, call.body_length));
		CHECK_TEXT(record_find_text(record_of(&call.head), FIELD_CALLBACK, ""),
			   "http://127.0.0.1/");
		store_call_release(&call);
	}
	/* All that are left are held, taken or late; the first of those taken is free again at 150. */
	take(store, STORE_CALL_WAITING, 60, id, &call, &next_ns);
	CHECK_TEXT(id, "");
	CHECK_NUMBER(next_ns, 150);
	take(store, STORE_CALL_WAITING, 151, id, &call, NULL);
	CHECK_TEXT(id, "one");
	CHECK_NUMBER(call.attempts, 2);
	store_call_release(&call);
}

/* However many calls of a function without room are in front of it, the one of another is found. */
static void test_crowd(const char *directory)
{
	struct store *store = open_store(directory);
	struct store_call call;
	uint64_t next_ns;
	char id[64];
	for (unsigned i = 0; i < 300; i++) {
		snprintf(id, sizeof(id), "slow-%u", i);
		CHECK_NUMBER(add_call(store, id, "slow", 1), 0);
	}
	CHECK_NUMBER(add_call(store, "quick-2", "z", 3), 0);
	CHECK_NUMBER(add_call(store, "quick-1", "z", 2), 0);
	CHECK_NUMBER(add_call(store, "quick-later", "a", 500), 0);
	take(store, STORE_CALL_WAITING, 10, id, &call, NULL);
	CHECK_TEXT(id, "quick-1");
	store_call_release(&call);
	take(store, STORE_CALL_WAITING, 10, id, &call, NULL);
	CHECK_TEXT(id, "quick-2");
	store_call_release(&call);
	take(store, STORE_CALL_WAITING, 10, id, &call, &next_ns);
	CHECK_TEXT(id, "");
	CHECK_NUMBER(next_ns, 110); /* the first lease's end */
	store_close(store);
}

static int join_call(void *context, const struct store_call *call)
{
	CHECK(!call->body && !call->response);
	join(context, call->id, "");
	return 0;
}

static void check_list(struct store *store, enum store_call_state state, const char *wanted)
{
	char ids[LIST_MAX] = "";
	CHECK_NUMBER(store_each_call(store, state, join_call, ids, NULL), 0);
	CHECK_TEXT(ids, wanted);
}

/* Goes on with `store` as test_turns() left it. */
static void test_results(struct store *store)
{
	struct store_call call;
	char id[64];
	CHECK_NUMBER(store_call_get(store, "two", &call, NULL), 0);
	call.state = STORE_CALL_ANSWERED;
	call.status = 418;
	call.run_ns = 77;
	call.due_ns = 0;
	call.response = (uint8_t *)strdup("teapot");
	call.response_length = 6;
	record_add_pair(&call.response_head, FIELD_HEADER, "X-A", "b");
	CHECK_NUMBER(store_call_set(store, &call, NULL), 0);
	store_call_release(&call);
	check_list(store, STORE_CALL_ANSWERED, "two ");
	check_list(store, STORE_CALL_RUNNING, "one three ");

	take(store, STORE_CALL_ANSWERED, 1, id, &call, NULL);
	CHECK_TEXT(id, "two");
	CHECK_NUMBER(call.attempts, 1); /* of the function */
	CHECK_NUMBER(call.status, 418);
	CHECK_NUMBER(call.run_ns, 77);
	CHECK(call.response_length == 6 && !memcmp(call.response, "teapot", 6) && !call.body);
	CHECK_TEXT(record_find_text(record_of(&call.head), FIELD_CALLBACK, ""),
		   "http://127.0.0.1/");
	check_list(store, STORE_CALL_ANSWERED, "");
	call.state = STORE_CALL_DONE;
	CHECK_NUMBER(store_call_set(store, &call, NULL), 0);
	store_call_release(&call);
	CHECK_NUMBER(store_call_get(store, "two", &call, NULL), 0);
	CHECK_NUMBER(call.state, STORE_CALL_DONE);
	CHECK(call.response_length == 6);
	store_call_release(&call);

	CHECK_NUMBER(store_call_get(store, "one", &call, NULL), 0);
	call.state = STORE_CALL_DEAD;
	call.reason = strdup("no such function");
	CHECK_NUMBER(store_call_set(store, &call, NULL), 0);
	store_call_release(&call);
	CHECK_NUMBER(store_call_get(store, "one", &call, NULL), 0);
	CHECK_TEXT(call.reason, "no such function");
	CHECK(call.body_length == 3); /* kept for who looks why */
	store_call_release(&call);

	CHECK_NUMBER(store_calls_trim(store, 1000, NULL), 0);
	check_list(store, STORE_CALL_DEAD, "one ");
	CHECK_NUMBER(store_calls_trim(store, UINT64_MAX, NULL), 0);
	check_list(store, STORE_CALL_DEAD, "");
	check_list(store, STORE_CALL_DONE, "");
	CHECK_NUMBER(store_call_get(store, "one", &call, NULL), -ENOENT);
	call = (struct store_call){.id = (char *)"one"};
	CHECK_NUMBER(store_call_set(store, &call, NULL), -ENOENT);
}

/* ── large bodies: files beside the database ─────────────────────────────────────────────────── */

#define LARGE 300000

static unsigned count_files(const char *directory)
{
	char path[PATH_MAX + 8];
	snprintf(path, sizeof(path), "%s/calls", directory);
	cleanup_closedir DIR *files = opendir(path);
	unsigned count = 0;
	if (!CHECK(files))
		return 0;
	for (const struct dirent *entry; (entry = readdir(files));)
		count += *entry->d_name != '.';
	return count;
}

static void check_large(const uint8_t *body, size_t length, uint8_t with)
{
	bool same = length == LARGE;
	for (size_t i = 0; same && i < length; i++)
		same = body[i] == with;
	CHECK(same && !body[LARGE]);
}

static void test_large(const char *directory)
{
	struct store *store = open_store(directory);
	static uint8_t body[LARGE];
	memset(body, 'b', sizeof(body));
	struct store_call call = {.id = (char *)"large",
				  .name_space = (char *)USUAL,
				  .name = (char *)"large",
				  .body = body,
				  .body_length = LARGE};
	CHECK_NUMBER(store_call_add(store, &call, NULL), 0);
	CHECK_NUMBER(count_files(directory), 1);
	CHECK_NUMBER(store_call_add(store, &call, NULL), -EEXIST);
	CHECK_NUMBER(count_files(directory), 1);
	CHECK_NUMBER(store_call_get(store, "large", &call, NULL), 0);
	check_large(call.body, call.body_length, 'b');

	call.state = STORE_CALL_ANSWERED;
	call.response = malloc(LARGE);
	memset(call.response, 'r', LARGE);
	call.response_length = LARGE;
	CHECK_NUMBER(store_call_set(store, &call, NULL), 0);
	CHECK_NUMBER(count_files(directory), 1); /* the other one */
	store_call_release(&call);
	CHECK_NUMBER(store_call_get(store, "large", &call, NULL), 0);
	CHECK(!call.body && call.response_kept);
	check_large(call.response, call.response_length, 'r');
	call.state = STORE_CALL_DONE;
	CHECK_NUMBER(store_call_set(store, &call, NULL), 0);
	store_call_release(&call);
	CHECK_NUMBER(count_files(directory), 1);
	store_close(store);

	/* Nobody's file goes at the next start, somebody's stays. */
	char path[PATH_MAX + 64];
	snprintf(path, sizeof(path), "%s/calls/%032d", directory, 7);
	CHECK_NUMBER(file_write(path, "x", 1, NULL), 0);
	CHECK_NUMBER(count_files(directory), 2);
	store = open_store(directory);
	CHECK_NUMBER(count_files(directory), 1);
	CHECK_NUMBER(store_calls_trim(store, UINT64_MAX, NULL), 0);
	CHECK_NUMBER(count_files(directory), 0);
	store_close(store);
}

/* One whose file is gone is given up, and holds up nobody. */
static void test_lost_file(const char *directory)
{
	struct store *store = open_store(directory);
	static uint8_t body[LARGE];
	struct store_call call = {.id = (char *)"lost",
				  .name_space = (char *)USUAL,
				  .name = (char *)"a",
				  .body = body,
				  .body_length = LARGE};
	CHECK_NUMBER(store_call_add(store, &call, NULL), 0);
	CHECK_NUMBER(add_call(store, "found", "a", 0), 0);
	char path[PATH_MAX + 8], id[64];
	snprintf(path, sizeof(path), "%s/calls", directory);
	remove_directory(path);
	take(store, STORE_CALL_WAITING, 10, id, &call, NULL);
	CHECK_TEXT(id, "found");
	store_call_release(&call);
	check_list(store, STORE_CALL_DEAD, "lost ");
	store_close(store);
}

/* ── restarts ────────────────────────────────────────────────────────────────────────────────── */

/* What was running waits again, and secrets are readable. */
static void test_restart(const char *directory)
{
	struct store *store = open_store(directory);
	struct store_call call;
	char id[64];
	check_list(store, STORE_CALL_RUNNING, "");
	check_list(store, STORE_CALL_WAITING, "held three late ");
	take(store, STORE_CALL_WAITING, 1, id, &call, NULL);
	CHECK_TEXT(id, "three");
	CHECK_NUMBER(call.attempts, 2);
	store_call_release(&call);
	check_secret(store, "other", "other", 5);
	store_close(store);
}

int main(void)
{
	char directory[PATH_MAX];
	make_directory(directory);
	struct store *store = open_store(directory);
	test_functions(store);
	test_removal(store);
	test_namespaces(store);
	test_secrets(store);
	test_turns(store);
	test_results(store);
	store_close(store);
	test_restart(directory);
	remove_directory(directory);
	test_large(directory);
	test_lost_file(directory);
	remove_directory(directory);
	test_crowd(directory);
	remove_directory(directory);
	return check_status();
}
