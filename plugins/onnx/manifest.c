/* The manifest of installed files, as models/fetch.py writes it; see manifest.h. */
#include "manifest.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/paths.h"

#define MANIFEST_BYTES_MAX (1u << 20)
#define HEX_DIGITS	   (HASH_HEX_SIZE - 1)

/* The line "HEX  NAME" of `name`, or NULL. */
static const char *find_line(const char *text, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		size_t rest = strcspn(line, "\n");
		if (rest == HEX_DIGITS + 2 + length && line[HEX_DIGITS] == ' ' &&
		    !memcmp(line + HEX_DIGITS + 2, name, length))
			return line;
	}
	return NULL;
}

int manifest_check(const char *name, const char hash[HASH_HEX_SIZE], struct error *error)
{
	char path[PATH_MAX];
	int result = paths_cache(path, sizeof(path), "manifest.sha256", error);
	if (result)
		return result;
	cleanup_free uint8_t *text = NULL;
	size_t length;
	result = file_read(path, MANIFEST_BYTES_MAX, &text, &length, error);
	if (result == -ENOENT)
		return 0;
	if (result)
		return result;
	const char *line = find_line((const char *)text, name);
	if (line && memcmp(line, hash, HEX_DIGITS) != 0)
		return error_set(error, EINVAL,
				 "%s in the cache is not what was installed: run \"mayfly models "
				 "fetch\"",
				 name);
	return 0;
}
