/* The checks of requests to and answers from the server of a root directory. */
#include "root_server/wire.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "sizes/sizes.h"
#include "tests/check.h"

static void test_paths(void)
{
	static const struct {
		const char *path;
		bool sound;
	} cases[] = {
	    {"", true},	    {"a", true},    {"a/b", true},   {"...", true},   {"a/..b/.c", true},
	    {"/a", false},  {"a/", false},  {"a//b", false}, {".", false},    {"..", false},
	    {"a/.", false}, {"./a", false}, {"a/..", false}, {"../a", false}, {"/", false},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (!CHECK_NUMBER(root_path_is_sound(cases[i].path, strlen(cases[i].path)),
				  cases[i].sound))
			fprintf(stderr, "  path: %s\n", cases[i].path);
	CHECK(!root_path_is_sound("a\0b", 3));
	CHECK(root_path_is_sound("\xff\n\t ", 4));
}

/* Decodes a request for `path`. */
static int decode_two(struct root_request request, const char *path, const char *second)
{
	uint8_t message[ROOT_WIRE_REQUEST_MAX];
	char out[ROOT_WIRE_PATHS_MAX];
	struct root_request decoded;
	size_t length = root_request_encode(message, &request, path, second);
	if (!length)
		return -ENAMETOOLONG;
	int result = root_request_decode(message, length, &decoded, out);
	if (!result) {
		CHECK_TEXT(out, path);
		CHECK_TEXT(out + strlen(path) + 1, second ? second : "");
		/* Cut off anywhere it is none. */
		size_t refused = 0;
		for (size_t cut = 0; cut < length; cut++)
			refused += root_request_decode(message, cut, &decoded, out) != 0;
		CHECK_NUMBER(refused, length);
	}
	return result;
}

static int decode(struct root_request request, const char *path)
{
	return decode_two(request, path, NULL);
}

/* Requests that change something, and what none of them may have. */
static void test_changes(void)
{
	const struct {
		struct root_request request;
		const char *second;
		int result;
	} cases[] = {
	    {{.operation = ROOT_WRITE, .length = 1, .inode = 7, .device = 1}, NULL, 0},
	    {{.operation = ROOT_WRITE, .length = 1, .flags = ROOT_APPEND}, NULL, 0},
	    {{.operation = ROOT_WRITE}, NULL, -EINVAL},
	    {{.operation = ROOT_WRITE, .length = ROOT_WIRE_CONTENTS_MAX + 1}, NULL, -EINVAL},
	    {{.operation = ROOT_WRITE, .length = 1, .offset = INT64_MAX}, NULL, -EINVAL},
	    {{.operation = ROOT_WRITE, .length = 1, .flags = 2}, NULL, -EINVAL},
	    {{.operation = ROOT_WRITE, .length = 1}, "b", -EINVAL},
	    {{.operation = ROOT_WRITE, .length = 1, .reserved = 1}, NULL, -EINVAL},
	    {{.operation = ROOT_RESIZE, .offset = INT64_MAX}, NULL, 0},
	    {{.operation = ROOT_RESIZE, .offset = 1UL << 63}, NULL, -EINVAL},
	    {{.operation = ROOT_ALLOCATE, .length = 1, .flags = 3}, NULL, 0},
	    {{.operation = ROOT_ALLOCATE, .length = 1, .flags = ROOT_PUNCH}, NULL, -EINVAL},
	    {{.operation = ROOT_ALLOCATE, .length = INT64_MAX, .offset = 1}, NULL, -EINVAL},
	    {{.operation = ROOT_SYNC, .flags = ROOT_DATA_ONLY}, NULL, 0},
	    {{.operation = ROOT_CHANGE, .flags = ROOT_SET_MODE, .mode = 07777}, NULL, 0},
	    {{.operation = ROOT_CHANGE, .flags = ROOT_SET_MODE, .mode = S_IFREG}, NULL, -EINVAL},
	    {{.operation = ROOT_CHANGE}, NULL, -EINVAL},
	    {{.operation = ROOT_MAKE, .mode = S_IFREG | 0644, .owner = 1}, NULL, 0},
	    {{.operation = ROOT_MAKE, .mode = S_IFDIR | 0777}, NULL, 0},
	    {{.operation = ROOT_MAKE, .mode = S_IFLNK | 0777}, "../any/./text/", 0},
	    {{.operation = ROOT_MAKE, .mode = S_IFLNK | 0777}, NULL, -EINVAL},
	    {{.operation = ROOT_MAKE, .mode = S_IFREG | 0644}, "b", -EINVAL},
	    {{.operation = ROOT_MAKE, .mode = S_IFREG | 04755}, NULL, -EINVAL},
	    {{.operation = ROOT_MAKE, .mode = S_IFDIR | 01777}, NULL, -EINVAL},
	    {{.operation = ROOT_MAKE, .mode = S_IFCHR | 0644}, NULL, -EINVAL},
	    {{.operation = ROOT_MAKE, .mode = S_IFIFO | 0644}, NULL, -EINVAL},
	    {{.operation = ROOT_MAKE, .mode = 0644}, NULL, -EINVAL},
	    {{.operation = ROOT_REMOVE, .flags = ROOT_DIRECTORY}, NULL, 0},
	    {{.operation = ROOT_REMOVE, .length = 1}, NULL, -EINVAL},
	    {{.operation = ROOT_RENAME}, "b/c", 0},
	    {{.operation = ROOT_RENAME, .flags = ROOT_EXCHANGE}, "b/c", 0},
	    {{.operation = ROOT_RENAME, .flags = 3}, "b/c", -EINVAL},
	    {{.operation = ROOT_RENAME}, "../b", -EINVAL},
	    {{.operation = ROOT_RENAME}, "/b", -EINVAL},
	    {{.operation = ROOT_LINK}, "b", 0},
	    {{.operation = ROOT_LINK}, "b/..", -EINVAL},
	    {{.operation = ROOT_LOOK}, "b", -EINVAL},
	    {{.operation = ROOT_READ, .length = 1, .mode = 1}, NULL, -EINVAL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!CHECK_NUMBER(decode_two(cases[i].request, "a", cases[i].second),
				  cases[i].result))
			fprintf(stderr, "  change %zu\n", i);
		if (!cases[i].result)
			CHECK_NUMBER(decode_two(cases[i].request, "../a", cases[i].second),
				     -EINVAL);
	}
	const struct root_request write = {.operation = ROOT_WRITE, .length = 10};
	struct root_answer answer = {.status.mode = S_IFREG, .next = 10};
	CHECK(root_answer_is_sound(&write, &answer, NULL));
	answer.next = 11;
	CHECK(!root_answer_is_sound(&write, &answer, NULL));
	answer = (struct root_answer){.status.mode = S_IFREG, .next = 10, .length = 1};
	CHECK(!root_answer_is_sound(&write, &answer, NULL));
}

static void test_requests(void)
{
	const struct root_request look = {.operation = ROOT_LOOK};
	CHECK_NUMBER(decode(look, ""), 0);
	CHECK_NUMBER(decode(look, "etc/motd"), 0);
	CHECK_NUMBER(decode(look, "../etc"), -EINVAL);
	CHECK_NUMBER(decode((struct root_request){.operation = 0}, "a"), -EINVAL);
	CHECK_NUMBER(decode((struct root_request){.operation = ROOT_OPERATIONS}, "a"), -EINVAL);
	struct root_request read = {.operation = ROOT_READ, .length = ROOT_WIRE_CONTENTS_MAX};
	CHECK_NUMBER(decode(read, "a"), 0);
	read.length++;
	CHECK_NUMBER(decode(read, "a"), -EINVAL);
	read.length = 0;
	CHECK_NUMBER(decode(read, "a"), -EINVAL);
	read = (struct root_request){.operation = ROOT_READ, .offset = INT64_MAX, .length = 1};
	CHECK_NUMBER(decode(read, "a"), -EINVAL);
	read.offset = UINT64_MAX;
	CHECK_NUMBER(decode(read, "a"), -EINVAL);
	CHECK_NUMBER(
	    decode((struct root_request){.operation = ROOT_LIST, .offset = UINT64_MAX}, "a"),
	    -EINVAL);
	char path[ROOT_WIRE_PATH_MAX + 2];
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : 'a';
	path[ROOT_WIRE_PATH_MAX] = 0;
	CHECK_NUMBER(decode(look, path), 0);
	path[ROOT_WIRE_PATH_MAX] = '/';
	path[ROOT_WIRE_PATH_MAX + 1] = 0;
	CHECK_NUMBER(decode(look, path), -ENAMETOOLONG);
	memset(path, 'n', 256);
	path[256] = 0;
	CHECK_NUMBER(decode(look, path), -ENAMETOOLONG);
}

static void test_answers(void)
{
	const struct root_request look = {.operation = ROOT_LOOK};
	const struct root_request list = {.operation = ROOT_LIST};
	const struct root_request read = {.operation = ROOT_READ, .length = 10};
	struct root_answer answer = {.error = -ENOENT};
	uint8_t extra[128] = "target";
	CHECK(root_answer_is_sound(&look, &answer, extra));
	answer.length = 1;
	CHECK(!root_answer_is_sound(&look, &answer, extra));
	answer = (struct root_answer){.error = 5};
	CHECK(!root_answer_is_sound(&look, &answer, extra));
	answer = (struct root_answer){.status.mode = S_IFLNK | 0777, .length = 6};
	CHECK(root_answer_is_sound(&look, &answer, extra));
	answer.length = 7; /* with its NUL */
	CHECK(!root_answer_is_sound(&look, &answer, extra));
	answer.length = 0;
	CHECK(!root_answer_is_sound(&look, &answer, extra));
	answer = (struct root_answer){.status.mode = S_IFCHR};
	CHECK(!root_answer_is_sound(&look, &answer, extra));
	answer = (struct root_answer){.status = {.mode = S_IFREG, .size = UINT64_MAX}};
	CHECK(!root_answer_is_sound(&look, &answer, extra));
	answer = (struct root_answer){.status.mode = S_IFREG, .length = 10};
	CHECK(root_answer_is_sound(&read, &answer, NULL));
	answer.length = 11;
	CHECK(!root_answer_is_sound(&read, &answer, NULL));
	answer = (struct root_answer){.status.mode = S_IFDIR, .next = 7};
	CHECK(!root_answer_is_sound(&list, &answer, extra)); /* would never end */
	answer.next = 0;
	CHECK(root_answer_is_sound(&list, &answer, extra));
	const struct root_listed good = {.length = 3, .type = DT_REG};
	memcpy(extra, &good, sizeof(good));
	memcpy(extra + sizeof(good), "abc", 4);
	answer.length = (uint32_t)root_listed_size(3);
	CHECK(root_answer_is_sound(&list, &answer, extra));
	for (uint32_t length = 1; length < answer.length; length++) {
		struct root_answer cut = answer;
		cut.length = length;
		CHECK(!root_answer_is_sound(&list, &cut, extra));
	}
	memcpy(extra + sizeof(good), "a/c", 4);
	CHECK(!root_answer_is_sound(&list, &answer, extra));
	memcpy(extra + sizeof(good), "abc", 4);
	const struct {
		struct root_listed listed;
		bool is_sound;
	} cases[] = {
	    {{.length = 3, .type = DT_CHR}, false},
	    {{.length = 3, .type = DT_LNK}, true},
	    {{.length = 3, .type = DT_REG, .status.mode = S_IFREG | 0644}, true},
	    {{.length = 3, .type = DT_DIR, .status.mode = S_IFDIR | 0755}, true},
	    {{.length = 3, .type = DT_DIR, .status.mode = S_IFREG | 0755}, false},
	    {{.length = 3, .type = DT_REG, .status.mode = 0644}, false},
	    {{.length = 3, .type = DT_LNK, .status.mode = S_IFLNK | 0777}, false}, /* no target */
	    {{.length = 3, .type = DT_CHR, .status.mode = S_IFCHR}, false},
	    {{.length = 3, .type = DT_REG, .status = {.mode = S_IFREG, .size = 1UL << 63}}, false},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		memcpy(extra, &cases[i].listed, sizeof(good));
		if (!CHECK(root_answer_is_sound(&list, &answer, extra) == cases[i].is_sound))
			fprintf(stderr, "  case %zu\n", i);
	}
}

int main(void)
{
	test_paths();
	test_requests();
	test_answers();
	test_changes();
	return check_status();
}
