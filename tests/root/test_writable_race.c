/* What a request changes stays in the writable part also while somebody else exchanges what is
 * there: for links that lead out of it, for pipes, and for directories from elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "root_server/client.h"
#include "root_server/wire.h"
#include "sizes/sizes.h"
#include "tests/root/tree.h"
#include "util/clock.h"

#define REQUESTS 4000

static uint8_t extra[ROOT_WIRE_EXTRA_MAX];
static int tree; /* the host's view */
static atomic_bool over;

/* Directories that are called w/d in turn, and what w/f is. */
static void *exchange(void *unused)
{
	(void)unused;
	for (unsigned i = 0; !atomic_load(&over); i++) {
		static const char *const others[] = {"w/d-link", "w/d-root", "w/d-part"};
		static const char *const files[] = {"w/f-link", "w/f-pipe", "w/f-other"};
		renameat2(tree, "w/d", tree, others[i % ARRAY_SIZE(others)], RENAME_EXCHANGE);
		renameat2(tree, "w/f", tree, files[i / 3 % ARRAY_SIZE(files)], RENAME_EXCHANGE);
	}
	return NULL;
}

static const struct root_request wishes[] = {
    {.operation = ROOT_WRITE, .length = 4},
    {.operation = ROOT_WRITE, .length = 4, .flags = ROOT_APPEND},
    {.operation = ROOT_RESIZE, .offset = 2},
    {.operation = ROOT_ALLOCATE, .length = 4096},
    {.operation = ROOT_CHANGE, .flags = ROOT_SET_MODE, .mode = 0777},
    {.operation = ROOT_CHANGE, .flags = ROOT_SET_MODIFIED},
    {.operation = ROOT_MAKE, .mode = S_IFREG | 0666},
    {.operation = ROOT_MAKE, .mode = S_IFDIR | 0777},
    {.operation = ROOT_MAKE, .mode = S_IFLNK | 0777},
    {.operation = ROOT_REMOVE},
    {.operation = ROOT_REMOVE, .flags = ROOT_DIRECTORY},
    {.operation = ROOT_RENAME},
    {.operation = ROOT_RENAME, .flags = ROOT_EXCHANGE},
    {.operation = ROOT_LINK},
};

static bool takes_two(const struct root_request *request)
{
	return request->operation == ROOT_RENAME || request->operation == ROOT_LINK ||
	       S_ISLNK(request->mode);
}

/* The server answers, whatever it is. */
static void ask_all(struct root_client *client, unsigned *done)
{
	static const char *const paths[] = {"w/d/tool", "w/f", "w/d/new", "w/d/deep/x"};
	static const char *const seconds[] = {"w/d/two", "w/two", "w/d/tool"};
	for (unsigned i = 0; i < REQUESTS; i++) {
		struct root_request request = wishes[i % ARRAY_SIZE(wishes)];
		struct root_answer answer;
		struct error error = {0};
		const char *path = paths[i / ARRAY_SIZE(wishes) % ARRAY_SIZE(paths)];
		const char *second =
		    takes_two(&request) ? seconds[i / 56 % ARRAY_SIZE(seconds)] : NULL;
		request.owner = request.operation == ROOT_MAKE ? geteuid() : 0;
		request.group = request.operation == ROOT_MAKE ? getegid() : 0;
		/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): bytes of a file */
		memcpy(extra, "evil", 4);
		const int result = root_client_ask_two(client, &request, path, second,
						       clock_now_ns() + 30 * NANOSECONDS_PER_SECOND,
						       &answer, extra, &error);
		if (!CHECK_NUMBER(result, 0)) {
			fprintf(stderr, "  %s: %s\n", path, error.text);
			return;
		}
		*done += !answer.error;
	}
}

static void make_file(const char *path, const char *text)
{
	int file = openat(tree, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	CHECK_NUMBER(write(file, text, strlen(text)), (ssize_t)strlen(text));
	close(file);
}

static void make_files(const char *path)
{
	tree = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CHECK(tree >= 0 && !mkdirat(tree, "w", 0755) && !mkdirat(tree, "w/d", 0755) &&
	      !mkdirat(tree, "w/d/deep", 0755) && !mkdirat(tree, "w/d-part", 0755) &&
	      !mkdirat(tree, "kept", 0750) && !symlinkat("../kept", tree, "w/d-link") &&
	      !symlinkat("/kept", tree, "w/d-root") &&
	      !symlinkat("../kept/tool", tree, "w/f-link") && !mkfifoat(tree, "w/f-pipe", 0600));
	make_file("kept/tool", "kept tool");
	make_file("w/f", "f");
	make_file("w/f-other", "other");
	make_file("w/d/tool", "tool");
}

/* All that is outside of the part is as it was. */
static void check_kept(const struct stat before[2])
{
	static const char *const paths[] = {"kept", "kept/tool"};
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		struct stat now = {0};
		CHECK_NUMBER(fstatat(tree, paths[i], &now, 0), 0);
		CHECK_NUMBER(now.st_mode, before[i].st_mode);
		CHECK_NUMBER(now.st_size, before[i].st_size);
		CHECK_NUMBER(now.st_nlink, before[i].st_nlink);
		CHECK(!memcmp(&now.st_ctim, &before[i].st_ctim, sizeof(now.st_ctim)));
	}
}

int main(void)
{
	static const char *const writable[] = {"/w", NULL};
	const struct root_parts parts = {writable, NULL};
	char path[PATH_MAX];
	struct root_client *client = NULL;
	struct error error = {0};
	struct stat before[2];
	pthread_t other;
	unsigned done = 0;
	tree_make(path, sizeof(path));
	make_files(path);
	CHECK(!fstatat(tree, "kept", &before[0], 0) && !fstatat(tree, "kept/tool", &before[1], 0));
	if (CHECK_NUMBER(root_client_open_parts(&client, path, &parts, &error), 0)) {
		CHECK_NUMBER(pthread_create(&other, NULL, exchange, NULL), 0);
		ask_all(client, &done);
		atomic_store(&over, true);
		pthread_join(other, NULL);
		root_client_close(client);
		CHECK(done > 0);
	} else {
		fprintf(stderr, "  %s\n", error.text);
	}
	check_kept(before);
	fprintf(stderr, "%u of %u requests changed something\n", done, REQUESTS);
	close(tree);
	tree_remove(path);
	return check_status();
}
