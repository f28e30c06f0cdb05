/* Kinds of path that a resource can be made from. */
#ifndef VACCEL_UTILS_PATH_H
#define VACCEL_UTILS_PATH_H

#include "enum.h"

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */
#define VACCEL_PATH_TYPES(X, prefix) \
	X(prefix, LOCAL_FILE, 0) \
	X(prefix, LOCAL_DIR, 1) \
	X(prefix, REMOTE_FILE, 2)
/* clang-format on */
VACCEL_ENUM_WITH_NAMES(vaccel_path_type, VACCEL_PATH, VACCEL_PATH_TYPES)

#ifdef __cplusplus
}
#endif

#endif
