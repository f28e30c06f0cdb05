/* mayfly-oci spec: write a config.json to begin with. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "oci/commands/command.h"
#include "util/cleanup.h"
#include "util/file.h"

struct spec_values {
	const char *bundle;
};

static const struct option_spec options[] = {
    {"bundle", 'b', OPTION_STRING, offsetof(struct spec_values, bundle), "DIR",
     "where it is written (default: the present directory)", .takes_file = true},
};

static json_t *make(void)
{
	return json_pack("{s:s, s:{s:s, s:b}, s:{s:b, s:{s:i, s:i}, s:[s], s:[s], s:s}, s:s, "
			 "s:{s:{s:{s:I}}, s:[{s:s}, {s:s}, {s:s}, {s:s}]}}",
			 "ociVersion", OCI_VERSION, "root", "path", "rootfs", "readonly", 1,
			 "process", "terminal", 0, "user", "uid", 0, "gid", 0, "args", "sh", "env",
			 "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "cwd",
			 "/", "hostname", "mayfly", "linux", "resources", "memory", "limit",
			 (json_int_t)(512L << 20), "namespaces", "type", "mount", "type", "network",
			 "type", "ipc", "type", "uts");
}

static int run(const void *values, const struct globals *globals, const struct operands *operands,
	       struct error *error)
{
	const struct spec_values *chosen = values;
	char path[PATH_MAX];
	if ((size_t)snprintf(path, sizeof(path), "%s/config.json",
			     chosen->bundle ? chosen->bundle : ".") >= sizeof(path))
		return error_set(error, ENAMETOOLONG, "the path of --bundle is too long");
	json_t *tree = make();
	cleanup_free char *text = tree ? json_dumps(tree, JSON_INDENT(4)) : NULL;
	json_decref(tree);
	if (!text)
		return error_set(error, ENOMEM, "no memory for a configuration");
	cleanup_close int fd =
	    open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	int result = fd < 0 ? -errno : file_write_all(fd, text, strlen(text));
	if (!result)
		result = file_write_all(fd, "\n", 1);
	return result ? error_set_errno(error, -result, "cannot write %s", path) : 0;
}

const struct command command_spec = {
    .name = "spec",
    .usage = "",
    .summary = "write a config.json to begin with",
    .options = options,
    .option_count = ARRAY_SIZE(options),
    .defaults = &(const struct spec_values){0},
    .values_size = sizeof(struct spec_values),
    .run = run,
};
