/* Names of installed models. */
#ifndef MAYFLY_MODEL_CACHE_NAME_H
#define MAYFLY_MODEL_CACHE_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define MODEL_NAME_SIZE 64 /* with the 0 at the end */

/* Whether a model can be called so: by letters of ASCII, digits, `.`, `_` and `-`, and without a
 * dot in front; and behind it, if a certain version is meant, by `@` and the version, made of the
 * same. A name becomes part of a path, and must not lead anywhere else. */
bool model_name_is_valid(const char *name);

/* The length of the name without version. */
size_t model_name_base_length(const char *name);

/* Which of two names of one model is the later version: negative, 0 or positive as with strcmp().
 * Numbers in versions count as numbers; no version comes before all others. */
int model_name_compare_versions(const char *a, const char *b);

#endif
