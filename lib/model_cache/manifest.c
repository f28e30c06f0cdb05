/* The manifest of installed files, as models/fetch.py writes it; see manifest.h. */
#include "model_cache/manifest.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/paths.h"
#include "util/trust.h"

#define MANIFEST_BYTES_MAX (4UL << 20)
#define HEX_DIGITS	   (HASH_HEX_SIZE - 1)
#define NAME_COLUMN	   (HEX_DIGITS + 2)

int manifest_read(const char *path, char **text, struct error *error)
{
	uint8_t *data = NULL;
	size_t length;
	int result = file_read(path, MANIFEST_BYTES_MAX, &data, &length, error);
	if (result == -ENOENT) {
		*text = strdup("");
		return *text ? 0 : error_set(error, ENOMEM, "no memory for %s", path);
	}
	*text = (char *)data;
	return result;
}

bool manifest_next(const char **at, struct manifest_entry *entry)
{
	while (**at) {
		const char *line = *at;
		const size_t length = strcspn(line, "\n");
		*at = line + length + (line[length] == '\n');
		if (length <= NAME_COLUMN || line[HEX_DIGITS] != ' ')
			continue;
		*entry = (struct manifest_entry){line, line + NAME_COLUMN, length - NAME_COLUMN};
		return true;
	}
	return false;
}

/* The hash of `name`, or NULL. */
static const char *find_hash(const char *text, const char *name)
{
	struct manifest_entry entry;
	const size_t length = strlen(name);
	while (manifest_next(&text, &entry))
		if (entry.length == length && !memcmp(entry.name, name, length))
			return entry.hash;
	return NULL;
}

static int trust_file(const char *name, struct error *error)
{
	char path[PATH_MAX];
	int result = paths_cache(path, sizeof(path), name, error);
	return result ? result : trust_path(path, error);
}

int manifest_check(const char *name, const char hash[HASH_HEX_SIZE], bool listed,
		   struct error *error)
{
	char path[PATH_MAX];
	int result = trust_file(name, error);
	if (!result)
		result = paths_cache(path, sizeof(path), MANIFEST_FILE, error);
	if (result)
		return result;
	cleanup_free char *text = NULL;
	result = trust_path(path, error);
	if (!result)
		result = manifest_read(path, &text, error);
	if (result && result != -ENOENT)
		return result;
	const char *expected = text ? find_hash(text, name) : NULL;
	if (!expected && listed)
		return error_set(error, EINVAL,
				 "%s in the cache is not in its " MANIFEST_FILE ", so nobody knows "
				 "whether it is what was installed: run \"mayfly models fetch\"",
				 name);
	if (expected && memcmp(expected, hash, HEX_DIGITS) != 0)
		return error_set(error, EINVAL,
				 "%s in the cache is not what was installed: run \"mayfly models "
				 "fetch\"",
				 name);
	return 0;
}
