/* Where a control group may be made, on a made-up tree: the kernel's files are ordinary ones here.
 * tests/hardware/cgroups.sh has real ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "check.h"
#include "confine/cgroup_place.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

#define ENDLESS (2UL * PATH_MAX)

#define BOTH (CGROUP_MEMORY | CGROUP_PIDS)

/* A user that is not root, also where root runs this test. */
#define SOMEBODY (geteuid() ? geteuid() : 1234)

/* With a blank in its name, which mountinfo does not show as one. */
static char top[] = "/tmp/mayfly groups-XXXXXX";

static void in_group(char *path, const char *group, const char *file)
{
	snprintf(path, PATH_MAX, "%s%s%s", top, group, file);
}

static void write_text(const char *group, const char *file, const char *text)
{
	char path[PATH_MAX];
	struct error error = {0};
	in_group(path, group, file);
	CHECK(!file_write(path, text, strlen(text), &error));
}

/* A group with what it has and what it passes on. */
static void make_group(const char *group, const char *has, const char *passes)
{
	char path[PATH_MAX];
	in_group(path, group, "");
	CHECK(!mkdir(path, 0755) || errno == EEXIST);
	write_text(group, "/cgroup.controllers", has);
	write_text(group, "/cgroup.subtree_control", passes);
}

static void remove_group(const char *group)
{
	static const char *const files[] = {"/cgroup.controllers", "/cgroup.subtree_control", ""};
	char path[PATH_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		in_group(path, group, files[i]);
		CHECK(!remove(path));
	}
}

static struct cgroup_place place;
static struct error error;

/* Texts as the kernel's for a process in `member`, where the hierarchy from `root` on is mounted at
 * `top`. */
static char membership[256], mounts[1024];

static void make_texts(const char *member, const char *root)
{
	snprintf(membership, sizeof(membership), "4:memory:/elsewhere\n0::%s\n", member);
	snprintf(mounts, sizeof(mounts),
		 "22 1 0:20 / /proc rw,relatime shared:7 - proc proc rw\n"
		 "30 1 0:26 %s /tmp/mayfly\\040groups-%s rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"
		 "junk\n",
		 root, strrchr(top, '-') + 1);
	memset(&error, 0, sizeof(error));
}

static int find(const char *member, const char *root, bool systemd, uid_t user, unsigned wanted)
{
	const struct cgroup_surroundings surroundings = {membership, mounts, systemd, user};
	make_texts(member, root);
	return cgroup_place_find(&surroundings, wanted, &place, &error);
}

static int find_own(const char *member)
{
	const struct cgroup_surroundings surroundings = {membership, mounts, true, geteuid()};
	make_texts(member, "/");
	return cgroup_place_own(&surroundings, BOTH, &place, &error);
}

static void check_place(const char *group, unsigned missing, bool own)
{
	char path[PATH_MAX];
	in_group(path, group, "");
	CHECK_TEXT(place.path, path);
	CHECK_NUMBER(place.missing, missing);
	CHECK_NUMBER(place.own, own);
}

#define CHECK_REFUSED(result, words)                                                               \
	do {                                                                                       \
		CHECK_NUMBER((result), -ENOTSUP);                                                  \
		if (!CHECK(strstr(error.text, (words)) != NULL))                                   \
			fprintf(stderr, "  got:    %s\n", error.text);                             \
	} while (0)

static void test_absence(void)
{
	const struct cgroup_surroundings old = {"4:memory:/\n", "", false, 0};
	CHECK_REFUSED(cgroup_place_find(&old, BOTH, &place, &error), "no cgroup v2");
	const struct cgroup_surroundings unmounted = {"0::/a\n", "22 1 0:20 / /proc rw - proc p rw",
						      false, 0};
	CHECK_REFUSED(cgroup_place_find(&unmounted, BOTH, &place, &error), "not mounted");
	CHECK_REFUSED(find("/nothing", "/", false, 0, BOTH), "not seen");
	CHECK_REFUSED(find("/../a", "/", false, 0, BOTH), "not seen");
	CHECK_REFUSED(find("/b", "/a", false, 0, BOTH), "not seen");
	CHECK_REFUSED(find("/ab", "/a", false, 0, BOTH), "not seen");
	make_group("", "cpu pids\n", "pids\n");
	CHECK_REFUSED(find("/", "/", false, 0, BOTH), "memory");
	CHECK(!strstr(error.text, "pids"));
	make_group("", "\n", "\n");
	CHECK_REFUSED(find("/", "/", false, 0, BOTH), "memory pids");
}

/* Without systemd root takes the group that it is in. */
static void test_root(void)
{
	if (geteuid())
		return; /* the groups here are not root's */
	make_group("", "cpuset cpu memory pids\n", "memory\n");
	make_group("/a", "memory\n", "\n");
	CHECK_NUMBER(find("/", "/", false, 0, BOTH), 0);
	check_place("", CGROUP_PIDS, true);
	CHECK_NUMBER(find("/", "/", false, 0, BOTH | CGROUP_CPU), 0);
	check_place("", CGROUP_PIDS | CGROUP_CPU, true);
	CHECK_NUMBER(find("/x", "/x", false, 0, BOTH), 0);
	check_place("", CGROUP_PIDS, true);
	CHECK_REFUSED(find("/a", "/", false, 0, BOTH), "pids");
	make_group("", "memory pids\n", "memory pids\n");
	make_group("/a", "memory pids\n", "\n");
	CHECK_NUMBER(find("/x/a", "/x", false, 0, BOTH), 0);
	check_place("/a", BOTH, true);
}

/* A user takes the nearest of its groups that passes on what is wanted, else the highest. */
static void test_user(void)
{
	char path[PATH_MAX];
	make_group("", "memory pids\n", "memory pids\n");
	make_group("/a", "memory pids\n", "memory pids\n");
	make_group("/a/b", "memory pids\n", "\n");
	if (geteuid()) {
		CHECK_REFUSED(find("/a/b", "/", false, SOMEBODY + 1, BOTH), "not delegated");
		CHECK_NUMBER(find("/a/b", "/", false, SOMEBODY, BOTH), 0);
		check_place("/a", 0, false);
		return;
	}
	CHECK_REFUSED(find("/a/b", "/", false, SOMEBODY, BOTH), "not delegated");
	in_group(path, "/a/b", "");
	CHECK(!chown(path, SOMEBODY, (gid_t)-1));
	CHECK_NUMBER(find("/a/b", "/", false, SOMEBODY, BOTH), 0);
	check_place("/a/b", BOTH, true);
	in_group(path, "/a", "");
	CHECK(!chown(path, SOMEBODY, (gid_t)-1));
	CHECK_NUMBER(find("/a/b", "/", false, SOMEBODY, BOTH), 0);
	check_place("/a", 0, false);
	make_group("/a", "memory pids\n", "memory\n");
	make_group("/a/b", "memory\n", "\n");
	CHECK_NUMBER(find("/a/b", "/", false, SOMEBODY, BOTH), 0);
	check_place("/a", CGROUP_PIDS, false);
	/* The group above passes all on, and is root's. */
	CHECK_REFUSED(find("/a/b", "/", false, SOMEBODY, BOTH | CGROUP_CPU), "cpu");
}

/* Where systemd rules, owning a group is nothing. */
static void test_systemd(void)
{
	char path[PATH_MAX];
	make_group("", "memory pids\n", "memory pids\n");
	make_group("/a", "memory pids\n", "\n");
	make_group("/a/b", "memory pids\n", "\n");
	CHECK_REFUSED(find("/a/b", "/", true, geteuid(), BOTH), "not delegated");
	CHECK_NUMBER(find_own("/a/b"), 0);
	check_place("/a/b", BOTH, true);
	in_group(path, "/a", "");
	if (setxattr(path, "user.delegate", "0", 1, 0)) {
		fprintf(stderr, "/tmp has no extended attributes: %s\n", strerror(errno));
		return;
	}
	CHECK_REFUSED(find("/a/b", "/", true, geteuid(), BOTH), "not delegated");
	CHECK(!setxattr(path, "user.delegate", "1", 1, 0));
	CHECK_NUMBER(find("/a/b", "/", true, geteuid(), BOTH), 0);
	check_place("/a", BOTH, false);
	CHECK_NUMBER(find("/a", "/", true, geteuid(), BOTH), 0);
	check_place("/a", BOTH, true);
	CHECK_REFUSED(find("/", "/", true, geteuid(), BOTH), "not delegated");
	/* That of a user's systemd. */
	make_group("/a/init.scope", "\n", "\n");
	CHECK_REFUSED(find("/a/b", "/", true, geteuid(), BOTH), "not delegated");
	remove_group("/a/init.scope");
}

static void test_named(void)
{
	const struct cgroup_surroundings nowhere = {"", "", true, 0};
	CHECK_REFUSED(cgroup_place_own(&nowhere, BOTH, &place, &error), "no cgroup v2");
	CHECK_NUMBER(cgroup_place_named(top, BOTH, &place, &error), -EINVAL);
	CHECK(strstr(error.text, "no control group") != NULL);
	CHECK_NUMBER(cgroup_place_named("/nothing", BOTH, &place, &error), -EINVAL);
	CHECK_NUMBER(cgroup_place_named("", BOTH, &place, &error), -EINVAL);
	char *endless = malloc(ENDLESS);
	if (CHECK(endless)) {
		memset(endless, '/', ENDLESS);
		endless[ENDLESS - 1] = 0;
		CHECK_NUMBER(cgroup_place_named(endless, BOTH, &place, &error), -ENAMETOOLONG);
	}
	free(endless);
}

static void test_names(void)
{
	char text[64];
	cgroup_controllers_format(BOTH | CGROUP_CPU, "+", text, sizeof(text));
	CHECK_TEXT(text, "+memory +pids +cpu");
	cgroup_controllers_format(0, "+", text, sizeof(text));
	CHECK_TEXT(text, "");
}

int main(void)
{
	if (!CHECK(mkdtemp(top) != NULL))
		return check_status();
	test_absence();
	test_root();
	test_user();
	test_systemd();
	test_named();
	test_names();
	remove_group("/a/b");
	remove_group("/a");
	remove_group("");
	return check_status();
}
