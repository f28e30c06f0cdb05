/* String helpers of the API. */
#ifndef VACCEL_UTILS_STR_H
#define VACCEL_UTILS_STR_H

#include <stddef.h>

#include "../export.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Writes `str` in lower case. With `alloc_lower`, into fresh memory that the caller frees;
 * otherwise into `lower` of `size` bytes, NUL included: what is longer is cut. */
VACCEL_API int vaccel_str_to_lower(const char *str, char *lower, size_t size, char **alloc_lower);

#ifdef __cplusplus
}
#endif

#endif
