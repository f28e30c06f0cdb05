/* What was installed into the cache, and whether it is still that. */
#ifndef MAYFLY_ONNX_MANIFEST_H
#define MAYFLY_ONNX_MANIFEST_H

#include "util/error.h"
#include "util/hash.h"

/* Compares the hash of the installed file `name` (below the cache) with manifest.sha256. 0 where
 * they agree, and where the manifest does not know the file: somebody put it there by hand.
 * -EINVAL where the file was changed or damaged. */
int manifest_check(const char *name, const char hash[HASH_HEX_SIZE], struct error *error);

#endif
