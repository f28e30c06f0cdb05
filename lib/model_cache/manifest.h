/* What was installed into the cache, and whether it is still that.
 *
 * models/fetch.py writes manifest.sha256: a line for each installed file, of 64 hexadecimal digits,
 * two blanks and its path below the cache. Anything else in it is passed over. */
#ifndef MAYFLY_MODEL_CACHE_MANIFEST_H
#define MAYFLY_MODEL_CACHE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"
#include "util/hash.h"

#define MANIFEST_FILE "manifest.sha256"

/* A line. It points into the text. */
struct manifest_entry {
	const char *hash; /* HASH_HEX_SIZE - 1 digits, and no 0 behind them */
	const char *name; /* below the cache */
	size_t length;	  /* of the name */
};

/* Reads the manifest at `path`; where there is none it is "". The text is to be freed. 0 or a
 * negative errno. */
int manifest_read(const char *path, char **text, struct error *error);

/* The next line's entry: *at begins as the text, and is moved behind it. False at the end. */
bool manifest_next(const char **at, struct manifest_entry *entry);

/* Compares the hash of the installed file `name` (below the cache) with manifest.sha256. 0 where
 * they agree; also where the manifest does not know the file and it need not be `listed`: somebody
 * put it there by hand. -EINVAL where the file was changed or damaged, or is not listed and should
 * be; -EPERM where others could have written it or the manifest (util/trust.h). */
int manifest_check(const char *name, const char hash[HASH_HEX_SIZE], bool listed,
		   struct error *error);

#endif
