/* Roots of containers: what is mounted where; and images and configurations that want out of theirs. Each
 * root is built by a child in a mount namespace of its own. Afterwards nothing outside has changed, and
 * nothing is mounted that was not before. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "oci/root/resolve.h"
#include "oci/root/root.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

static char scene[] = "/tmp/mayfly-oci-XXXXXX";

/* A path in the scene; it stays as long as 16 more are not made. */
static const char *at(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *at(const char *format, ...)
{
	static char texts[16][PATH_MAX];
	static unsigned next;
	char *text = texts[next++ % ARRAY_SIZE(texts)];
	va_list arguments;
	const int used = snprintf(text, PATH_MAX, "%s/", scene);
	va_start(arguments, format);
	vsnprintf(text + used, PATH_MAX - (size_t)used, format, arguments);
	va_end(arguments);
	return text;
}

static void write_text(const char *path, const char *text)
{
	cleanup_fclose FILE *file = fopen(path, "we");
	if (!CHECK(file && fputs(text, file) >= 0))
		fprintf(stderr, "  %s\n", path);
}

static bool has_text(const char *path, const char *wanted)
{
	char text[256];
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const ssize_t got = fd < 0 ? -1 : file_read_full(fd, text, sizeof(text) - 1);
	text[got > 0 ? got : 0] = 0;
	return got >= 0 && !strcmp(text, wanted);
}

static void run(const char *command)
{
	if (!CHECK(!system(command)))
		fprintf(stderr, "  %s\n", command);
}

/* bundle/rootfs is the root, outside/ is what nobody may touch, source/ what is mounted. */
static void make_scene(void)
{
	char command[PATH_MAX];
	snprintf(
	    command, sizeof(command),
	    "cd %s && mkdir -p bundle/rootfs/etc bundle/rootfs/tmp outside/directory "
	    "source/tree/sub && echo secret >outside/secret && echo old >bundle/rootfs/etc/old && "
	    "echo new >source/file && echo leaf >source/tree/leaf && mkfifo source/pipe && "
	    "mknod source/null c 1 3 && mknod source/memory c 1 1 && mknod source/disk b 7 0",
	    scene);
	run(command);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/source/socket", scene);
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0 && !bind(fd, (const struct sockaddr *)&address, sizeof(address)));
}

static char *read_listing(const char *command)
{
	char *text = calloc(1, 65536);
	FILE *pipe = popen(command, "re");
	CHECK(text && pipe);
	const size_t got = fread(text, 1, 65535, pipe);
	text[got] = 0;
	CHECK(!pclose(pipe));
	return text;
}

/* Everything outside, with times, and what is mounted. */
static char *look_outside(void)
{
	char command[PATH_MAX];
	snprintf(command, sizeof(command),
		 "cd %s && find outside source -printf '%%p %%y %%m %%s %%T@ %%C@\\n' | sort && "
		 "cat /proc/self/mountinfo",
		 scene);
	return read_listing(command);
}

/* ── a root in a child ───────────────────────────────────────────────────────────────────────── */

struct building {
	const char *members;   /* of config.json, besides what must be there */
	const char *root;      /* root.path; NULL: "rootfs" */
	int result;	       /* wanted */
	const char *sentence;  /* wanted; NULL: any */
	void (*prepare)(void); /* in the namespace, before */
	void (*look)(const struct oci_root *root);
};

static int build(const struct building *building)
{
	char text[8192];
	struct oci_config config;
	struct oci_root root;
	struct error error = {0};
	checks_failed = 0;
	if (unshare(CLONE_NEWNS))
		return 1;
	if (building->prepare)
		building->prepare();
	snprintf(text, sizeof(text),
		 "{\"ociVersion\": \"1.0.0\", \"process\": {\"cwd\": \"/\", \"args\": [\"a\"]},"
		 "\"root\": {\"path\": \"%s\"}%s%s}",
		 building->root ? building->root : "rootfs", *building->members ? "," : "",
		 building->members);
	if (!CHECK_NUMBER(oci_config_parse(text, strlen(text), &config, &error), 0))
		fprintf(stderr, "  %s\n", error.text);
	int result = oci_root_build(&config, at("bundle"), &root, &error);
	if (!CHECK_NUMBER(result, building->result))
		fprintf(stderr, "  %s\n", error.text);
	if (building->sentence)
		CHECK_TEXT(error.text, building->sentence);
	if (!result && building->look)
		building->look(&root);
	CHECK((root.directory >= 0) == !result);
	oci_root_close(&root);
	oci_config_release(&config);
	return checks_failed ? 1 : 0;
}

static void check_building(const struct building *building)
{
	int status = -1;
	cleanup_free char *before = look_outside();
	pid_t pid = fork();
	if (!pid)
		_exit(build(building));
	if (!CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && !status))
		fprintf(stderr, "  %s\n", building->members);
	cleanup_free char *after = look_outside();
	CHECK_TEXT(after, before);
}

#define MOUNTS(text) "\"mounts\": [" text "]"

/* A bind mount of a file or directory of the scene's source/. */
#define BIND(destination, source, options)                                                         \
	"{\"destination\": \"" destination "\", \"source\": \"../source/" source                   \
	"\", \"options\": [\"rbind\"" options "]}"

/* ── what is asked for ───────────────────────────────────────────────────────────────────────── */

static unsigned long flags_of(const char *path)
{
	struct statvfs found;
	CHECK(!statvfs(path, &found));
	return found.f_flag;
}

static void look_at_usual(const struct oci_root *root)
{
	CHECK_TEXT(root->path, at("bundle/rootfs"));
	CHECK(has_text(at("bundle/rootfs/etc/old"), "new\n"));
	CHECK(has_text(at("bundle/rootfs/made/by/us"), "new\n"));
	CHECK(has_text(at("bundle/rootfs/made/tree/leaf"), "leaf\n"));
	CHECK(has_text(at("bundle/rootfs/run/tree/leaf"), "leaf\n"));
	CHECK(has_text(at("bundle/rootfs/absolute"), "new\n"));
	CHECK(access(at("bundle/rootfs/proc"), F_OK) && !access(at("bundle/rootfs/var"), F_OK));
	CHECK(flags_of(at("bundle/rootfs/etc/old")) & ST_RDONLY);
	CHECK(!(flags_of(at("bundle/rootfs/made/by/us")) & ST_RDONLY));
	CHECK(flags_of(at("bundle/rootfs/made/tree")) & ST_NOEXEC);
	CHECK(
	    (flags_of(at("bundle/rootfs/run")) & (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC)) ==
	    (ST_RDONLY | ST_NOSUID | ST_NODEV | ST_NOEXEC));
	CHECK((flags_of(root->path) & (ST_NOSUID | ST_NODEV | ST_RDONLY)) ==
	      (ST_NOSUID | ST_NODEV));
	CHECK(open(at("bundle/rootfs/run/x"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600) < 0 &&
	      errno == EROFS);
	/* The descriptor sees what is mounted. */
	cleanup_close int fd = openat(root->directory, "run/tree/leaf", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
}

static void test_usual(void)
{
	char members[2048];
	snprintf(
	    members, sizeof(members),
	    MOUNTS(
		"{\"destination\": \"/proc\", \"type\": \"proc\"},"
		"{\"destination\": \"/var\", \"type\": \"tmpfs\","
		" \"options\": [\"tmpcopyup\"]},"
		"{\"destination\": \"/run\", \"type\": \"tmpfs\", \"options\":"
		" [\"ro\", \"noexec\", \"mode=755\", \"size=64k\"]},"
		"{\"destination\": \"/absolute\", \"type\": \"bind\","
		" \"source\": \"%s/source/file\"}," BIND("/etc/old", "file", ", \"ro\"") "," BIND(
		    "/made/by/us", "file", "") "," BIND("/made/tree", "tree",
							", \"noexec\"") "," BIND("/run/"
										 "tree",
										 "tree", "")),
	    scene);
	check_building(&(struct building){.members = members, .look = look_at_usual});
	/* What was made stays, and is empty. */
	CHECK(has_text(at("bundle/rootfs/made/by/us"), ""));
	CHECK(has_text(at("bundle/rootfs/etc/old"), "old\n"));
	CHECK(access(at("bundle/rootfs/run/tree"), F_OK));
}

static void look_at_read_only(const struct oci_root *root)
{
	CHECK(flags_of(root->path) & ST_RDONLY);
	CHECK(mkdirat(root->directory, "x", 0755) && errno == EROFS);
}

static void look_at_read_only_root(const struct oci_root *root)
{
	look_at_read_only(root);
	CHECK(!(flags_of(at("bundle/rootfs/tmp")) & ST_RDONLY));
}

static void test_read_only(void)
{
	check_building(&(struct building){
	    .members = MOUNTS("{\"destination\": \"/tmp\", \"type\": \"tmpfs\"}"),
	    .root = "rootfs\", \"readonly\": true, \"x\": \"",
	    .look = look_at_read_only_root});
}

/* Mounts below the source. */
static void mount_below(void)
{
	CHECK(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	CHECK(!mount("tmpfs", at("source/tree/sub"), "tmpfs", 0, NULL));
	write_text(at("source/tree/sub/below"), "below\n");
}

static void look_at_below(const struct oci_root *root)
{
	CHECK(has_text(at("bundle/rootfs/tmp/a/sub/below"), "below\n"));
	CHECK(access(at("bundle/rootfs/tmp/b/sub/below"), F_OK) && errno == ENOENT);
	CHECK(flags_of(at("bundle/rootfs/tmp/a")) & ST_RDONLY);
	CHECK(!(flags_of(at("bundle/rootfs/tmp/a/sub")) & ST_RDONLY));
	CHECK(flags_of(at("bundle/rootfs/tmp/a/sub")) & ST_NODEV);
	CHECK(flags_of(at("bundle/rootfs/tmp/c/sub")) & ST_RDONLY);
}

static void test_below(void)
{
	check_building(&(struct building){
	    .members = MOUNTS("{\"destination\": \"/tmp\", \"type\": \"tmpfs\"}," BIND(
		"/tmp/a", "tree",
		", \"ro\"") ","
			    "{\"destination\": \"/tmp/b\", \"source\": \"../source/tree\","
			    " \"options\": [\"bind\"]}," BIND("/tmp/c", "tree", ", \"rro\"")),
	    .prepare = mount_below,
	    .look = look_at_below});
}

static void look_at_overlay(const struct oci_root *root)
{
	CHECK(has_text(at("bundle/rootfs/tmp/leaf"), "leaf\n"));
	CHECK(has_text(at("bundle/rootfs/tmp/secret"), "secret\n"));
}

static void test_overlay(void)
{
	char members[2048];
	cleanup_free char *systems = NULL;
	CHECK(!file_read_generated("/proc/filesystems", &systems, NULL));
	if (!strstr(systems, "overlay")) {
		fprintf(stderr, "overlays are left out: the kernel has none\n");
		return;
	}
	snprintf(members, sizeof(members),
		 MOUNTS("{\"destination\": \"/tmp\", \"type\": \"overlay\","
			" \"options\": [\"lowerdir=%s/source/tree:%s/outside\"]}"),
		 scene, scene);
	check_building(&(struct building){.members = members, .look = look_at_overlay});
	check_building(&(struct building){
	    .members = MOUNTS("{\"destination\": \"/tmp\", \"type\": \"overlay\","
			      " \"options\": [\"lowerdir=/not/there\"]}"),
	    .result = -ENOENT});
}

/* The container's side of test_later(): builds, says so, and looks when the host has mounted. */
static int look_later(int say, int hear)
{
	static const char text[] =
	    "{\"ociVersion\": \"1.0.0\", \"process\": {\"cwd\": \"/\", \"args\": [\"a\"]},"
	    "\"root\": {\"path\": \"rootfs\"}," MOUNTS(
		"{\"destination\": \"/tmp\", \"type\": \"tmpfs\"}," BIND(
		    "/tmp/slave", "tree", ", \"rslave\"") "," BIND("/tmp/private", "tree",
								   ", \"rprivate\"")) "}";
	struct oci_config config;
	struct oci_root root;
	struct error error = {0};
	char byte;
	checks_failed = 0;
	CHECK(!unshare(CLONE_NEWNS));
	CHECK_NUMBER(oci_config_parse(text, strlen(text), &config, &error), 0);
	CHECK_NUMBER(oci_root_build(&config, at("bundle"), &root, &error), 0);
	CHECK(write(say, "", 1) == 1 && read(hear, &byte, 1) == 1);
	CHECK(has_text(at("bundle/rootfs/tmp/slave/sub/below"), "below\n"));
	CHECK(access(at("bundle/rootfs/tmp/private/sub/below"), F_OK) && errno == ENOENT);
	oci_root_close(&root);
	oci_config_release(&config);
	return checks_failed ? 1 : 0;
}

/* The host's side, itself in a namespace. */
static int mount_later(void)
{
	int said[2] = {-1, -1}, heard[2] = {-1, -1}, status = -1;
	char byte;
	checks_failed = 0;
	CHECK(!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	CHECK(!mount(at("source/tree"), at("source/tree"), NULL, MS_BIND, NULL));
	CHECK(!mount(NULL, at("source/tree"), NULL, MS_SHARED, NULL));
	CHECK(!pipe2(said, O_CLOEXEC) && !pipe2(heard, O_CLOEXEC));
	pid_t pid = fork();
	if (!pid)
		_exit(look_later(said[1], heard[0]));
	close(said[1]);
	close(heard[0]);
	CHECK(read(said[0], &byte, 1) == 1);
	CHECK(!mount("tmpfs", at("source/tree/sub"), "tmpfs", 0, NULL));
	write_text(at("source/tree/sub/below"), "below\n");
	CHECK(write(heard[1], "", 1) == 1);
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
	return checks_failed ? 1 : 0;
}

/* What the host mounts later below a source comes after a mount that says "slave", and no other one. */
static void test_later(void)
{
	int status = -1;
	cleanup_free char *before = look_outside();
	pid_t pid = fork();
	if (!pid)
		_exit(mount_later());
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && !status);
	cleanup_free char *after = look_outside();
	CHECK_TEXT(after, before);
}

/* ── hidden and read-only paths ──────────────────────────────────────────────────────────────── */

static void look_at_paths(const struct oci_root *root)
{
	CHECK(access(at("bundle/rootfs/hidden/directory/x"), F_OK) && errno == ENOENT);
	struct stat found;
	CHECK(!stat(at("bundle/rootfs/hidden/file"), &found) && S_ISCHR(found.st_mode));
	CHECK(mkdir(at("bundle/rootfs/kept/x"), 0755) && errno == EROFS);
	CHECK(has_text(at("bundle/rootfs/kept/file"), "kept\n"));
	/* Links lead within the root only. */
	CHECK(!stat(at("bundle/rootfs/etc/old"), &found) && S_ISCHR(found.st_mode));
	CHECK(has_text(at("outside/secret"), "secret\n"));
	CHECK(!(flags_of(at("outside")) & ST_RDONLY));
}

static void test_paths(void)
{
	char command[PATH_MAX], members[PATH_MAX];
	snprintf(
	    command, sizeof(command),
	    "cd %s/bundle/rootfs && mkdir -p hidden/directory/x kept && echo x >hidden/file && "
	    "echo kept >kept/file && ln -s ../../../../../../etc/old hidden/link && "
	    "ln -s %s/outside/secret hidden/absolute && ln -s loop hidden/loop",
	    scene, scene);
	run(command);
	check_building(&(struct building){
	    .members = "\"linux\": {\"maskedPaths\": [\"/hidden/directory\", \"/hidden/file\","
		       " \"/hidden/link\", \"/hidden/absolute\", \"/hidden/loop\", \"/not/there\","
		       " \"/hidden/file/below\"],"
		       "\"readonlyPaths\": [\"/kept\", \"/hidden/absolute\", \"/nor/there\"]}",
	    .look = look_at_paths});
	check_building(
	    &(struct building){.members = "\"linux\": {\"maskedPaths\": [\"/hidden/..\"]}",
			       .result = -EINVAL,
			       .sentence = "maskedPaths: '/hidden/..' is the root itself"});
	check_building(&(struct building){.members = "\"linux\": {\"readonlyPaths\": [\"/\"]}",
					  .look = look_at_read_only});
	snprintf(members, sizeof(members),
		 "\"linux\": {\"maskedPaths\": [\"/../../../../../../..%s/outside/secret\"]}",
		 scene);
	check_building(&(struct building){.members = members});
}

/* ── images that want out ────────────────────────────────────────────────────────────────────── */

static void look_for_links(const struct oci_root *root)
{
	char path[PATH_MAX];
	/* The same name within the root as the link has outside. */
	snprintf(path, sizeof(path), "%s/bundle/rootfs%s/outside/absolute", scene, scene);
	CHECK(has_text(path, "new\n"));
	CHECK(has_text(at("bundle/rootfs/outside/relative"), "new\n"));
	CHECK(has_text(at("bundle/rootfs/etc/dots"), "new\n"));
	CHECK(has_text(at("bundle/rootfs/run/resolve/stub"), "new\n"));
	CHECK(has_text(at("bundle/rootfs/run/there/leaf"), "leaf\n"));
	CHECK(has_text(at("bundle/rootfs/etc/through"), "new\n"));
	CHECK(has_text(at("bundle/rootfs/pipe"), "new\n"));
	CHECK(has_text(at("bundle/rootfs/node"), "new\n"));
}

static void test_links(void)
{
	char command[PATH_MAX];
	snprintf(command, sizeof(command),
		 "cd %s/bundle/rootfs && ln -s %s/outside absolute-link && "
		 "ln -s ../../../../../../../../outside relative-link && "
		 "ln -s ../run/resolve/stub etc/resolv.conf && ln -s /run/there dangling && "
		 "ln -s /proc/self/root magic && ln -s a loop-b && ln -s loop-b a && "
		 "ln -s . self && mkfifo pipe && mknod node c 1 1",
		 scene, scene);
	run(command);
	check_building(&(struct building){
	    .members = MOUNTS(BIND("/absolute-link/absolute", "file", "") "," BIND(
		"/relative-link/relative", "file",
		"") "," BIND("/../../../../etc/dots", "file",
			     "") "," BIND("/etc/resolv.conf", "file",
					  "") "," BIND("/dangling", "tree",
						       "") "," BIND("/self/self/"
								    "self/etc/"
								    "through",
								    "file",
								    "") "," BIND("/pipe", "file",
										 "") "," BIND("/nod"
											      "e",
											      "fil"
											      "e",
											      "")),
	    .look = look_for_links});
	check_building(&(struct building){
	    .members = MOUNTS(BIND("/a/b", "file", "")),
	    .result = -ELOOP,
	    .sentence = "mounts[0]: destination '/a/b': Too many levels of symbolic links"});
	check_building(
	    &(struct building){.members = MOUNTS(BIND("/pipe/b", "file", "")),
			       .result = -ENOTDIR,
			       .sentence = "mounts[0]: destination '/pipe/b': Not a directory"});
	check_building(&(struct building){
	    .members = MOUNTS(
		"{\"destination\": \"/tmp\", \"type\": \"tmpfs\"}," BIND("/etc/..", "tree", "")),
	    .result = -EINVAL,
	    .sentence = "mounts[1]: destination '/etc/..' leads to the root itself"});
	check_building(&(struct building){
	    .members = MOUNTS(BIND("/self/self", "tree", "")),
	    .result = -EINVAL,
	    .sentence = "mounts[0]: destination '/self/self' leads to the root itself"});
}

static void look_at_magic(const struct oci_root *root)
{
	/* Within a root that has the host's /proc, links of the kernel's are not followed. */
	const int fd =
	    resolve_in_root(root->directory, "/proc/self/root/etc", RESOLVE_MAKE_NOTHING);
	CHECK_NUMBER(fd, -ELOOP);
	CHECK_NUMBER(resolve_in_root(root->directory, "/proc/self/cwd/x", RESOLVE_MAKE_FILE),
		     -ELOOP);
}

static void test_magic(void)
{
	check_building(&(struct building){
	    .members = MOUNTS("{\"destination\": \"/proc\", \"source\": \"/proc\","
			      " \"options\": [\"rbind\"]}"),
	    .look = look_at_magic});
}

/* ── what cannot be mounted ──────────────────────────────────────────────────────────────────── */

static void test_refused(void)
{
	static const struct building refused[] = {
	    {.members = MOUNTS(BIND("/etc", "file", "")),
	     .result = -EISDIR,
	     .sentence =
		 "mounts[0]: destination '/etc' is a directory, and a file is to be mounted "
		 "there"},
	    {.members = MOUNTS(BIND("/etc/old", "tree", "")),
	     .result = -ENOTDIR,
	     .sentence = "mounts[0]: destination '/etc/old' is a file, and a directory is to be "
			 "mounted there"},
	    {.members = MOUNTS("{\"destination\": \"/etc/old\", \"type\": \"tmpfs\","
			       " \"options\": [\"tmpcopyup\"]}"),
	     .result = -ENOTDIR,
	     .sentence = "mounts[0]: destination '/etc/old' is a file, and a directory is to be "
			 "mounted there"},
	    {.members = MOUNTS("{\"destination\": \"/etc/old\", \"type\": \"tmpfs\"}"),
	     .result = -ENOTDIR,
	     .sentence = "mounts[0]: destination '/etc/old' is a file, and a directory is to be "
			 "mounted there"},
	    {.members = MOUNTS(BIND("/x", "vanished", "")),
	     .result = -ENOENT,
	     .sentence = "mounts[0]: source '../source/vanished': No such file or directory"},
	    {.members = MOUNTS(BIND("/x", "pipe", "")),
	     .result = -EINVAL,
	     .sentence = "mounts[0]: source '../source/pipe' is a pipe: guests have files and "
			 "directories of the host, and nothing else"},
	    {.members = MOUNTS(BIND("/x", "socket", "")),
	     .result = -EINVAL,
	     .sentence = "mounts[0]: source '../source/socket' is a socket: guests have files and "
			 "directories of the host, and nothing else"},
	    {.members = MOUNTS(BIND("/x", "memory", "")),
	     .result = -EINVAL,
	     .sentence = "mounts[0]: source '../source/memory' is a device: guests have files and "
			 "directories of the host, and nothing else"},
	    {.members = MOUNTS(BIND("/x", "disk", "")),
	     .result = -EINVAL,
	     .sentence = "mounts[0]: source '../source/disk' is a device: guests have files and "
			 "directories of the host, and nothing else"},
	    {.members = MOUNTS("{\"destination\": \"/tmp\", \"type\": \"tmpfs\","
			       " \"options\": [\"size=lots\"]}"),
	     .result = -EINVAL,
	     .sentence =
		 "mounts[0]: cannot mount tmpfs on '/tmp' with 'size=lots': Invalid argument"},
	    /* The first one has been mounted by then. */
	    {.members = MOUNTS(BIND("/tmp", "tree", "") "," BIND("/x", "vanished", "")),
	     .result = -ENOENT,
	     .sentence = "mounts[1]: source '../source/vanished': No such file or directory"},
	    {.members = "",
	     .root = "/",
	     .result = -EINVAL,
	     .sentence = "root.path: '/' is the host's own root: name a directory in it"},
	    {.members = "", .root = "rootfs/etc/old", .result = -ENOTDIR},
	    {.members = "", .root = "missing", .result = -ENOENT},
	};
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		check_building(&refused[i]);
	CHECK(access(at("bundle/rootfs/x"), F_OK));
	/* A device that guests have is nothing to mount. */
	check_building(&(struct building){.members = MOUNTS(BIND("/dev/null", "null", ""))});
	CHECK(access(at("bundle/rootfs/dev"), F_OK));
}

static void test_too_long(void)
{
	char members[7000] = "\"mounts\": [{\"destination\": \"/", *end = members + strlen(members);
	memset(end, 'a', 300);
	snprintf(end + 300, 64, "\", \"type\": \"tmpfs\"}]");
	check_building(&(struct building){.members = members, .result = -ENAMETOOLONG});
	end = members + snprintf(members, sizeof(members),
				 "\"mounts\": [{\"destination\": \"/tmp\", \"type\": \"tmpfs\","
				 " \"options\": [\"size=1");
	memset(end, '0', 5000);
	snprintf(end + 5000, 64, "\"]}]");
	check_building(&(struct building){.members = members,
					  .result = -E2BIG,
					  .sentence = "mounts[0]: options: more than 4096 bytes"});
}

static void test_check(void)
{
	struct oci_config config = {.root = "rootfs"};
	struct error error = {0};
	CHECK_NUMBER(oci_root_check(&config, at("bundle"), &error), 0);
	config.root = at("bundle/rootfs");
	CHECK_NUMBER(oci_root_check(&config, "/nowhere", &error), 0);
	config.root = "missing";
	CHECK_NUMBER(oci_root_check(&config, at("bundle"), &error), -ENOENT);
	config.root = "../../../../../..";
	CHECK_NUMBER(oci_root_check(&config, at("bundle"), &error), -EINVAL);
}

/* ── somebody who changes the image meanwhile ────────────────────────────────────────────────── */

#define ROUNDS 300

/* Exchanges a directory and a link that leads out, until it is killed; at most a million times. */
static void exchange(void)
{
	for (unsigned i = 0; i < 1000000; i++)
		renameat2(AT_FDCWD, at("bundle/rootfs/race/a"), AT_FDCWD,
			  at("bundle/rootfs/race/b"), RENAME_EXCHANGE);
}

static int race(void)
{
	cleanup_close int root = open(at("bundle/rootfs"), O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned found = 0;
	for (unsigned i = 0; i < ROUNDS; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/race/a/directory/made-%u", i);
		cleanup_close int fd =
		    resolve_in_root(root, path, i & 1 ? RESOLVE_MAKE_FILE : RESOLVE_MAKE_DIRECTORY);
		found += fd >= 0;
	}
	return found ? 0 : 1;
}

static void test_race(void)
{
	char command[PATH_MAX];
	int status = -1;
	snprintf(command, sizeof(command),
		 "cd %s/bundle/rootfs && mkdir -p race/a && ln -s ../../../outside race/b", scene);
	run(command);
	cleanup_free char *before = look_outside();
	pid_t pid = fork();
	if (!pid) {
		exchange();
		_exit(0);
	}
	CHECK_NUMBER(race(), 0);
	CHECK(pid > 0 && !kill(pid, SIGKILL) && waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status)); /* it was at it all the time */
	cleanup_free char *after = look_outside();
	CHECK_TEXT(after, before);
}

int main(void)
{
	if (geteuid() != 0) {
		fprintf(stderr, "mounting needs root\n");
		return CHECK_SKIPPED;
	}
	umask(022);
	pid_t pid = fork();
	int status = -1;
	if (!pid)
		_exit(unshare(CLONE_NEWNS) ? 1 : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "there are no mount namespaces here\n");
		return CHECK_SKIPPED;
	}
	/* As systemd has a host's mounts: what is mounted in another namespace would be mounted here, too. */
	CHECK(!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL));
	if (!CHECK(mkdtemp(scene)))
		return check_status();
	make_scene();
	test_check();
	test_usual();
	test_read_only();
	test_below();
	test_later();
	test_overlay();
	test_paths();
	test_links();
	test_magic();
	test_refused();
	test_too_long();
	test_race();
	char command[PATH_MAX];
	snprintf(command, sizeof(command), "rm -rf %s", scene);
	run(command);
	return check_status();
}
