/* trust_path(): each step of a way, with each fault, on files of this test's own. What needs files
 * of others needs root. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "sizes/sizes.h"
#include "util/trust.h"

#define SOMEBODY 54321 /* no user has that number */

static const char way[] = "real/deep/link/file"; /* link leads to ../side, below which file is */

/* The steps of that way that others must not have: of each the name. */
static const char *const steps[] = {"real", "real/deep", "real/deep/link", "real/side",
				    "real/side/file"};
#define STEP_COUNT ARRAY_SIZE(steps)

static void make_tree(char *base)
{
	CHECK(mkdtemp(base) && !chdir(base));
	CHECK(!mkdir("real", 0755) && !mkdir("real/deep", 0755) && !mkdir("real/side", 0755));
	CHECK(!symlink("../side", "real/deep/link"));
	int fd = open("real/side/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	CHECK(fd >= 0 && !close(fd));
}

static void remove_tree(const char *base)
{
	CHECK(!unlink("real/side/file") && !unlink("real/deep/link"));
	CHECK(!rmdir("real/side") && !rmdir("real/deep") && !rmdir("real"));
	CHECK(!chdir("/") && !rmdir(base));
}

/* The way is refused, however it is written, in a sentence that names the step. */
static void check_refused(const char *base, const char *step)
{
	char absolute[PATH_MAX], around[PATH_MAX];
	struct error error = {0};
	snprintf(absolute, sizeof(absolute), "%s/%s", base, way);
	snprintf(around, sizeof(around), "%s/real/../real/./deep//link/file", base);
	CHECK_NUMBER(trust_path(way, &error), -EPERM);
	CHECK(strstr(error.text, strrchr(step, '/') ? strrchr(step, '/') : step));
	CHECK_NUMBER(trust_path(absolute, NULL), -EPERM);
	CHECK_NUMBER(trust_path(around, NULL), -EPERM);
}

static void test_modes(const char *base)
{
	for (size_t i = 0; i < STEP_COUNT; i++) {
		struct stat status;
		CHECK(!lstat(steps[i], &status));
		if (S_ISLNK(status.st_mode))
			continue;
		CHECK(!chmod(steps[i], status.st_mode | S_IWOTH));
		check_refused(base, steps[i]);
		/* In such a directory nobody replaces what is not his; a file has no such thing. */
		CHECK(!chmod(steps[i], status.st_mode | S_IWOTH | S_ISVTX));
		CHECK_NUMBER(trust_path(way, NULL), S_ISDIR(status.st_mode) ? 0 : -EPERM);
		CHECK(!chmod(steps[i], status.st_mode & 07777));
		CHECK_NUMBER(trust_path(way, NULL), 0);
	}
}

static void test_owners(const char *base)
{
	for (size_t i = 0; i < STEP_COUNT; i++) {
		struct stat status = {0};
		CHECK(!lchown(steps[i], SOMEBODY, 0));
		check_refused(base, steps[i]);
		CHECK(!lchown(steps[i], 0, SOMEBODY) && !lstat(steps[i], &status));
		CHECK_NUMBER(trust_path(way, NULL), 0);
		if (!S_ISLNK(status.st_mode)) {
			CHECK(!chmod(steps[i], status.st_mode | S_IWGRP));
			check_refused(base, steps[i]);
			CHECK(!chmod(steps[i], status.st_mode & 07777));
		}
		CHECK(!lchown(steps[i], 0, 0));
		CHECK_NUMBER(trust_path(way, NULL), 0);
	}
}

/* What is somebody's is good for him, and not for root; what is root's is good for both. */
static void test_another_user(void)
{
	CHECK(!lchown("real/side/file", SOMEBODY, 0));
	CHECK_NUMBER(trust_path(way, NULL), -EPERM);
	fflush(stderr);
	pid_t child = fork();
	if (!child) {
		if (chmod(".", 0755) || setgroups(0, NULL) || setgid(SOMEBODY) || setuid(SOMEBODY))
			_exit(2);
		_exit(trust_path(way, NULL) || trust_path("real/side", NULL) ||
		      trust_path("/etc/passwd", NULL));
	}
	int status = -1;
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK_NUMBER(status, 0);
	CHECK(!lchown("real/side/file", 0, 0));
}

static void test_beside(void)
{
	char known[] = "/proc/self/exe";
	CHECK(!chmod("real/side/file", 0666));
	CHECK_NUMBER(trust_path_beside(way, "/etc/passwd", NULL), -EPERM);
	/* Code that others could have changed runs already. */
	CHECK_NUMBER(trust_path_beside(way, way, NULL), 0);
	CHECK(!chmod("real/side/file", 0644));
	CHECK_NUMBER(trust_path_beside(way, known, NULL), 0);
	CHECK_NUMBER(trust_path_beside("real/none", way, NULL), -ENOENT);
}

static void test_odd(void)
{
	struct error error = {0};
	char deep[PATH_MAX + 2];
	CHECK_NUMBER(trust_path("real/none/file", &error), -ENOENT);
	CHECK_NUMBER(trust_path("real/side/file/none", &error), -ENOTDIR);
	CHECK(!symlink("circle", "circle"));
	CHECK_NUMBER(trust_path("circle", &error), -ELOOP);
	CHECK(!unlink("circle"));
	CHECK_NUMBER(trust_path("/", &error), 0);
	CHECK_NUMBER(trust_path("/../../etc/passwd", &error), 0);
	memset(deep, 'd', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0;
	CHECK_NUMBER(trust_path(deep, &error), -ENAMETOOLONG);
}

int main(void)
{
	char base[] = "/tmp/mayfly-trust-XXXXXX";
	umask(022);
	make_tree(base);
	CHECK_NUMBER(trust_path(way, NULL), 0);
	test_modes(base);
	test_beside();
	test_odd();
	if (!geteuid()) {
		test_owners(base);
		test_another_user();
	} else {
		fprintf(stderr, "not root: files of others are left out\n");
	}
	remove_tree(base);
	return check_status();
}
