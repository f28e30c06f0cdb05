/* Scripts that are parts of Mayfly; see script.h. */
#include "cli/script.h"

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/paths.h"

int script_run(const char *part, const char *const *arguments, struct error *error)
{
	char script[PATH_MAX];
	int result = paths_part(script, sizeof(script), part, error);
	if (result)
		return result;
	size_t count = 0;
	while (arguments[count])
		count++;
	cleanup_free char **words = calloc(count + 3, sizeof(*words));
	if (!words)
		return error_set(error, ENOMEM, "no memory for arguments");
	words[0] = "python3";
	words[1] = script;
	for (size_t i = 0; i < count; i++)
		words[2 + i] = (char *)arguments[i];
	pid_t child;
	result = posix_spawnp(&child, words[0], NULL, NULL, words, environ);
	if (result)
		return error_set_errno(error, result,
				       "cannot start python3, which runs %s: install it", part);
	int status;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return error_set_errno(error, errno, "cannot wait for %s", script);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
