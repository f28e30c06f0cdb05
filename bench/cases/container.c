/* The same `hello` in a container, by the OCI runtimes of Debian: `crun run` and `runc run` of a
 * bundle that has nothing but the program, without network, from the command to its end. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "harness/spawner_client.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/paths.h"

#define PROGRAM_LIMIT (16ul << 20)

/* A container takes milliseconds: with these every row has samples enough in a run of 2,500. */
#define CONTAINER_EVERY 20

#define CONTAINERS 2

/* The least that both runtimes take: namespaces of its own, a read-only root, no capability. They
 * look at their own descriptors by /proc, and make devices below /dev. */
static const char bundle_config[] =
    "{\"ociVersion\": \"1.0.2\","
    " \"process\": {\"args\": [\"/hello\"], \"cwd\": \"/\", \"user\": {\"uid\": 0, \"gid\": 0},"
    "   \"env\": [\"PATH=/\"], \"noNewPrivileges\": true},"
    " \"root\": {\"path\": \"rootfs\", \"readonly\": true},"
    " \"mounts\": [{\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},"
    "   {\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"}],"
    " \"linux\": {\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"network\"}, {\"type\": "
    "\"ipc\"},"
    "   {\"type\": \"uts\"}, {\"type\": \"mount\"}]}}";

struct container {
	const char *name, *title;
	const char *runtime[2]; /* the command up to `run` */
	struct spawner spawner;
};

struct container_cases {
	char bundle[64]; /* a temporary directory; "": there is none */
	struct container containers[CONTAINERS];
};

static int measure_container(void *context, double *ns, struct error *error)
{
	struct container *container = context;
	return spawner_measure(&container->spawner, SPAWNER_POSIX_SPAWN, ns, error);
}

static int make_bundle(struct container_cases *cases, struct error *error)
{
	char hello[PATH_MAX], path[sizeof(cases->bundle) + sizeof("/rootfs/hello")];
	cleanup_free uint8_t *program = NULL;
	size_t length;
	int result = paths_part(hello, sizeof(hello), "functions/hello", error);
	if (!result)
		result = file_read(hello, PROGRAM_LIMIT, &program, &length, error);
	if (result)
		return result;
	snprintf(cases->bundle, sizeof(cases->bundle), "/tmp/mayfly-bench-XXXXXX");
	if (!mkdtemp(cases->bundle)) {
		result = error_set_errno(error, errno, "cannot make %s", cases->bundle);
		cases->bundle[0] = 0;
		return result;
	}
	snprintf(path, sizeof(path), "%s/config.json", cases->bundle);
	result = file_replace(path, bundle_config, strlen(bundle_config), error);
	if (result)
		return result;
	static const char *const directories[] = {"rootfs", "rootfs/proc", "rootfs/dev"};
	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		snprintf(path, sizeof(path), "%s/%s", cases->bundle, directories[i]);
		if (mkdir(path, 0755))
			return error_set_errno(error, errno, "cannot make %s", path);
	}
	snprintf(path, sizeof(path), "%s/rootfs/hello", cases->bundle);
	result = file_replace(path, program, length, error);
	if (!result && chmod(path, 0755))
		result = error_set_errno(error, errno, "cannot make %s executable", path);
	return result;
}

static void remove_bundle(const char *bundle)
{
	static const char *const parts[] = {"/rootfs/hello", "/rootfs/proc", "/rootfs/dev",
					    "/rootfs",	     "/config.json", ""};
	char path[PATH_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(path, sizeof(path), "%s%s", bundle, parts[i]);
		remove(path);
	}
}

/* The spawner gets a mount namespace with a plain cgroup 2 hierarchy: crun refuses machines that
 * have a part of it and cgroup 1 beside it, even where it is told to leave them alone. */
static int start_spawner(struct container_cases *cases, struct container *container,
			 struct error *error)
{
	char spawner[PATH_MAX];
	int result = paths_part(spawner, sizeof(spawner), "bench/spawner", error);
	if (result)
		return result;
	static const char script[] = "mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null;"
				     " exec \"$0\" \"$@\" 2>/dev/null";
	const char *arguments[16] = {"unshare", "--mount", "sh", "-c", script, spawner};
	size_t count = 6;
	for (size_t i = 0; i < 2 && container->runtime[i]; i++)
		arguments[count++] = container->runtime[i];
	const char *const rest[] = {"run", "--bundle", cases->bundle, container->name, NULL};
	memcpy(&arguments[count], rest, sizeof(rest));
	return spawner_start(&container->spawner, arguments, error);
}

static int add_container(struct container_cases *cases, struct container *container,
			 struct bench *bench, struct error *error)
{
	const struct bench_case row = {container->name, "container", container->title,
				       CONTAINER_EVERY, false,	     measure_container,
				       container};
	double ignored;
	struct error reason = {0};
	if (!bench_wants(bench, row.name))
		return 0;
	int result = start_spawner(cases, container, &reason);
	if (!result)
		result = measure_container(container, &ignored, &reason);
	if (!result)
		return bench_add(bench, &row, error);
	error_wrap(&reason, "%s cannot run a container here", container->runtime[0]);
	bench_leave_out(bench, row.name, reason.text);
	return 0;
}

int container_cases_open(struct container_cases **cases, struct bench *bench,
			 const struct cases_settings *settings, struct error *error)
{
	(void)settings;
	static const struct container containers[CONTAINERS] = {
	    {"container-crun",
	     "crun run, without a cgroup",
	     {"/usr/bin/crun", "--cgroup-manager=disabled"},
	     SPAWNER_NONE},
	    {"container-runc", "runc run", {"/usr/bin/runc"}, SPAWNER_NONE},
	};
	struct container_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the container cases");
	memcpy(self->containers, containers, sizeof(containers));
	*cases = self;
	bool wanted = false;
	for (size_t i = 0; i < CONTAINERS; i++)
		wanted |= bench_wants(bench, containers[i].name);
	int result = wanted ? make_bundle(self, error) : 0;
	for (size_t i = 0; i < CONTAINERS && wanted && !result; i++)
		result = add_container(self, &self->containers[i], bench, error);
	return result;
}

void container_cases_close(struct container_cases *cases)
{
	if (!cases)
		return;
	for (size_t i = 0; i < CONTAINERS; i++)
		spawner_stop(&cases->containers[i].spawner);
	if (cases->bundle[0])
		remove_bundle(cases->bundle);
	free(cases);
}
