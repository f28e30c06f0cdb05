/* Requests to the server of a root directory from hostile hands, and answers from a hostile server:
 * whatever is asked, the answer is a sound one and tells nothing of what lies outside; whatever
 * passes as an answer has nothing in it that the checks promise is not there.
 *
 * The first byte chooses: a request as it comes, or a request, an answer and what came besides. */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "root_server/wire.h"
#include "serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

static void write_file(int folder, const char *name, const char *text)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	check(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static char path[] = "/tmp/mayfly-fuzz-root-XXXXXX";

static int remove_one(const char *name, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(name);
}

static void remove_tree(void)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A tree with a secret beside it, and links that lead there. */
static int make_tree(void)
{
	check(mkdtemp(path) != NULL && !atexit(remove_tree));
	int outer = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	check(outer >= 0 && !mkdirat(outer, "d", 0700));
	write_file(outer, "secret", "SECRET");
	int folder = openat(outer, "d", O_PATH | O_DIRECTORY | O_CLOEXEC);
	check(folder >= 0 && !mkdirat(folder, "a", 0700) && !mkdirat(folder, "a/b", 0700));
	check(!symlinkat("..", folder, "u") && !symlinkat("../secret", folder, "s") &&
	      !symlinkat("../../secret", folder, "a/s") && !symlinkat("/", folder, "r"));
	check(!mkfifoat(folder, "p", 0600));
	write_file(folder, "f", "file");
	write_file(folder, "a/b/g", "other file");
	return folder;
}

/* In which changes reach files: a directory that has links out of it, a pipe, and a part that nobody may
 * change; and a file. */
static void fill_writable(int folder)
{
	check(!mkdirat(folder, "w", 0700) && !mkdirat(folder, "w/n", 0700) &&
	      !mkdirat(folder, "w/n/o", 0700));
	check(!symlinkat("../..", folder, "w/u") && !symlinkat("../../secret", folder, "w/s") &&
	      !symlinkat("/", folder, "w/r") && !mkfifoat(folder, "w/p", 0600));
	write_file(folder, "w/f", "file");
	write_file(folder, "w/n/o/g", "KEPT");
}

static void open_parts(int folder, struct root_served *served)
{
	static const char *const writable[] = {"/w", "/v", NULL}, *const read_only[] = {"/w/n/o",
											NULL};
	const struct root_parts parts = {writable, read_only};
	root_shares_close(&served->shares);
	*served = (struct root_served){.directory = folder};
	check(!root_shares_open(&served->shares, folder, &parts, NULL));
}

static void empty_writable(void)
{
	char name[64];
	snprintf(name, sizeof(name), "%s/d/w", path);
	nftw(name, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void check_text(const char *name, const char *text)
{
	char whole[64], found[16] = "";
	struct stat status;
	snprintf(whole, sizeof(whole), "%s/%s", path, name);
	int fd = open(whole, O_RDONLY | O_CLOEXEC);
	check(fd >= 0 && !fstat(fd, &status) && status.st_nlink == 1 &&
	      (status.st_mode & 07777) == 0600);
	check(read(fd, found, sizeof(found)) == (ssize_t)strlen(text) && !strcmp(found, text));
	close(fd);
}

/* Nothing that was made has rights, or is a device. */
static int check_one(const char *name, const struct stat *status, int type, struct FTW *walk)
{
	(void)name;
	(void)type;
	(void)walk;
	check(!(status->st_mode & (S_ISUID | S_ISGID | S_ISVTX)) && !S_ISCHR(status->st_mode) &&
	      !S_ISBLK(status->st_mode) && !S_ISSOCK(status->st_mode));
	return 0;
}

/* What lies outside, and in the part that nobody may change, is as it was. */
static void check_changed(const struct root_request *request)
{
	if (!root_request_changes(request))
		return;
	check_text("secret", "SECRET");
	check_text("d/w/n/o/g", "KEPT");
	check_text("d/f", "file");
	nftw(path, check_one, 16, FTW_PHYS);
}

static void fuzz_request(const uint8_t *data, size_t size)
{
	static int folder = -1;
	static struct root_served served;
	static uint8_t extra[ROOT_WIRE_EXTRA_MAX];
	struct root_request request;
	struct root_answer answer;
	char asked[ROOT_WIRE_PATHS_MAX];
	if (folder < 0) {
		/* Room for a file must not be all of the disk's. */
		const struct rlimit limit = {1UL << 20, 1UL << 20};
		check(!setrlimit(RLIMIT_FSIZE, &limit) && signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
		folder = make_tree();
		write_file(folder, "v", "a part that is a file");
		fill_writable(folder);
		open_parts(folder, &served);
	}
	memset(extra, 0, 64);
	root_serve(&served, data, size, &answer, extra);
	int result = root_request_decode(data, size, &request, asked);
	if (result) {
		check(answer.error == result);
		return;
	}
	check(root_path_is_sound(asked, strlen(asked)));
	check(root_answer_is_sound(&request, &answer, extra));
	check_changed(&request);
	if (root_request_changes(&request) && !answer.error) {
		empty_writable();
		fill_writable(folder);
		open_parts(folder, &served);
	}
	check(!answer.length || memcmp(extra, "SECRET", 6) != 0);
}

static void check_entries(const uint8_t *extra, size_t length)
{
	for (size_t at = 0; at < length;) {
		struct root_listed listed;
		memcpy(&listed, extra + at, sizeof(listed));
		const char *name = (const char *)extra + at + sizeof(listed);
		check(listed.length && listed.length <= ROOT_WIRE_NAME_MAX &&
		      !memchr(name, '/', listed.length) && !memchr(name, 0, listed.length));
		at += root_listed_size(listed.length);
		check(at <= length);
	}
}

static void fuzz_answer(const uint8_t *data, size_t size)
{
	static uint8_t extra[ROOT_WIRE_EXTRA_MAX];
	struct root_request request;
	struct root_answer answer;
	if (size < sizeof(request) + sizeof(answer))
		return;
	memcpy(&request, data, sizeof(request));
	memcpy(&answer, data + sizeof(request), sizeof(answer));
	if (request.operation < ROOT_LOOK || request.operation >= ROOT_OPERATIONS ||
	    request.length > ROOT_WIRE_CONTENTS_MAX)
		return;
	size -= sizeof(request) + sizeof(answer);
	memcpy(extra, data + sizeof(request) + sizeof(answer),
	       size < sizeof(extra) ? size : sizeof(extra));
	if (!root_answer_is_sound(&request, &answer, request.operation == ROOT_READ ? NULL : extra))
		return;
	check(answer.length <= root_extra_max(&request));
	if (answer.error) {
		check(answer.error < 0 && !answer.length);
		return;
	}
	if (request.operation == ROOT_LIST)
		check_entries(extra, answer.length);
	if (request.operation == ROOT_LOOK)
		check(!memchr(extra, 0, answer.length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] & 1)
		fuzz_answer(data + 1, size - 1);
	else
		fuzz_request(data + 1, size - 1);
	return 0;
}
