/* Libraries of engines; see library_file.h. */
#include "library_file.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "model_cache/manifest.h"
#include "util/hash.h"
#include "util/paths.h"

int library_file_find(enum host_setting setting, const char *below, const char *what,
		      char path[PATH_MAX], struct error *error)
{
	const char *chosen = host_setting(setting);
	if (chosen) {
		if (snprintf(path, PATH_MAX, "%s", chosen) >= PATH_MAX)
			return error_set(error, ENAMETOOLONG, "%s is too long",
					 host_setting_name(setting));
		return 0;
	}
	int result = paths_cache(path, PATH_MAX, below, error);
	if (result)
		return result;
	if (access(path, R_OK))
		return error_set(error, ENOENT,
				 "%s is not installed (no %s): run \"mayfly models fetch\" or set "
				 "%s",
				 what, path, host_setting_name(setting));
	char hash[HASH_HEX_SIZE];
	/* Nobody makes this file by hand, so the manifest must name it. */
	result = hash_file(path, hash, error);
	return result ? result : manifest_check(below, hash, true, error);
}
