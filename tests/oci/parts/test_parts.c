/* Which parts of a built root a machine may write: as the kernel has it after all mounts. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "oci/root/parts.h"
#include "oci/root/root.h"
#include "util/cleanup.h"
#include "util/file.h"

/* A bundle in a tmpfs of this process' own mount namespace. */
#define SCENE "/mnt"

static bool make_scene(void)
{
	static const char *const directories[] = {SCENE "/bundle", SCENE "/bundle/rootfs",
						  SCENE "/bundle/rootfs/kept", SCENE "/source",
						  SCENE "/source/below"};
	bool made = !unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
		    !mount("test", SCENE, "tmpfs", 0, NULL);
	for (size_t i = 0; made && i < sizeof(directories) / sizeof(*directories); i++)
		made = !mkdir(directories[i], 0755);
	return made && !file_replace(SCENE "/source/file", "file\n", 5, NULL);
}

static void join(const char *const *list, char *text, size_t room)
{
	for (*text = 0; *list; list++)
		snprintf(text + strlen(text), room - strlen(text), "%s ", *list);
}

/* `more`: members of config.json. Both lists with a space behind each path; wanted: "writable|read only",
 * or the sentence of an error. Each root is built over the one before. */
static void check_parts(const char *root_members, const char *more, bool write_root,
			const char *wanted)
{
	char text[16384], writable[1024], read_only[1024], found[2100];
	cleanup(oci_config_release) struct oci_config config = {0};
	cleanup(oci_root_close) struct oci_root root = OCI_ROOT_NONE;
	struct oci_parts parts;
	struct error error = {0};
	snprintf(text, sizeof(text),
		 "{\"ociVersion\": \"1.0.0\", \"process\": {\"cwd\": \"/\", \"args\": [\"a\"]},"
		 "\"root\": {\"path\": \"rootfs\"%s}%s}",
		 root_members, more);
	if (!CHECK_NUMBER(oci_config_parse(text, strlen(text), &config, &error), 0) ||
	    !CHECK_NUMBER(oci_root_build(&config, SCENE "/bundle", &root, &error), 0)) {
		fprintf(stderr, "  %s\n", error.text);
		return;
	}
	if (oci_parts_find(&config, root.directory, write_root, &parts, &error)) {
		CHECK_TEXT(error.text, wanted);
	} else {
		join(parts.writable, writable, sizeof(writable));
		join(parts.read_only, read_only, sizeof(read_only));
		snprintf(found, sizeof(found), "%s|%s", writable, read_only);
		CHECK_TEXT(found, wanted);
	}
	umount2(root.path, MNT_DETACH);
}

#define READ_ONLY ", \"readonly\": true"
#define BIND(destination, source, options)                                                         \
	"{\"destination\": \"" destination "\", \"source\": \"" source                             \
	"\", \"options\": [\"bind\"" options "]}"
#define MOUNTS                                                                                     \
	", \"mounts\": [{\"destination\": \"/proc\", \"type\": \"proc\"}, "                        \
	"{\"destination\": \"/scratch\", \"type\": \"tmpfs\"}, " BIND(                             \
	    "/in", SCENE "/source",                                                                \
	    "") ", " BIND("/in/below", SCENE "/source",                                            \
			  ", \"ro\"") ", " BIND("/one", SCENE "/source/file",                      \
						"") ", " BIND("/null", "/dev/null", "") "]"

static void test_rights(void)
{
	check_parts("", "", true, "/ |");
	check_parts("", "", false, "|");
	check_parts(READ_ONLY, "", true, "|/ ");
	check_parts(READ_ONLY, "", false, "|/ ");
	check_parts("", MOUNTS, true, "/ /scratch /in /one |/in/below ");
	check_parts("", MOUNTS, false, "/scratch /in /one |/in/below ");
	check_parts(READ_ONLY, MOUNTS, true, "/scratch /in /one |/ /in/below ");
	check_parts("", ", \"linux\": {\"readonlyPaths\": [\"/kept\", \"/none\", \"/proc/sys\"]}",
		    true, "/ |/kept ");
}

/* What the kernel refuses to open is not to hinder the start: as a program that runs. */
static void test_busy(void)
{
	char mounts[512];
	char program[256];
	const ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (!CHECK(length > 0))
		return;
	program[length] = 0;
	snprintf(mounts, sizeof(mounts), ", \"mounts\": [%s%s\", \"options\": [\"bind\"]}]",
		 "{\"destination\": \"/busy\", \"source\": \"", program);
	check_parts("", mounts, false, "|/busy ");
}

static void test_limit(void)
{
	char mounts[16384] = ", \"mounts\": [";
	for (unsigned i = 0; i <= OCI_PARTS_MAX; i++)
		snprintf(mounts + strlen(mounts), sizeof(mounts) - strlen(mounts),
			 "%s{\"destination\": \"/m%u\", \"source\": \"" SCENE "/source/file\", "
			 "\"options\": [\"bind\"]}",
			 i ? "," : "", i);
	snprintf(mounts + strlen(mounts), sizeof(mounts) - strlen(mounts), "]");
	check_parts("", mounts, false,
		    "mounts and readonlyPaths: a container has up to 64 files and directories that "
		    "are mounted or read only");
}

int main(void)
{
	if (geteuid() != 0 || !make_scene()) {
		fprintf(stderr, "no mounts here\n");
		return CHECK_SKIPPED;
	}
	test_rights();
	test_busy();
	test_limit();
	return check_status();
}
