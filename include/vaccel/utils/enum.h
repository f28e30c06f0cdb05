/* Enumerations that know their names.
 *
 * A list macro names the items once:
 *
 *     #define COLOURS(X, prefix) X(prefix, RED, 0) X(prefix, GREEN, 1)
 *     VACCEL_ENUM_WITH_NAMES(colour, COLOUR, COLOURS)
 *
 * and yields colour_t with COLOUR_RED, COLOUR_GREEN and, as the last, COLOUR_MAX, and
 *
 *     const char *colour_to_str(colour_t)              "COLOUR_RED"
 *     const char *colour_to_base_str(colour_t)         "RED"
 *     char *colour_name(colour_t, char *out, size_t)   "red"
 *
 * A value that is no item is called MAX.
 */
#ifndef VACCEL_UTILS_ENUM_H
#define VACCEL_UTILS_ENUM_H

#include <stddef.h>

#include "str.h"

/* Room that is enough for any item's name. */
enum { VACCEL_ENUM_STR_MAX = 128 };

#define VACCEL_ENUM_ENTRY(prefix, item, value) prefix##_##item = (value),
#define VACCEL_ENUM_CASE_STR(prefix, item, value)                                                  \
	case prefix##_##item:                                                                      \
		return #prefix "_" #item;
#define VACCEL_ENUM_CASE_BASE_STR(prefix, item, value)                                             \
	case prefix##_##item:                                                                      \
		return #item;

#define VACCEL_ENUM_WITH_NAMES(name, prefix, LIST)                                                 \
	typedef enum { LIST(VACCEL_ENUM_ENTRY, prefix) prefix##_MAX } name##_t;                    \
                                                                                                   \
	static inline const char *name##_to_str(name##_t value)                                    \
	{                                                                                          \
		switch (value) {                                                                   \
			LIST(VACCEL_ENUM_CASE_STR, prefix)                                         \
		default:                                                                           \
			return #prefix "_MAX";                                                     \
		}                                                                                  \
	}                                                                                          \
                                                                                                   \
	static inline const char *name##_to_base_str(name##_t value)                               \
	{                                                                                          \
		switch (value) {                                                                   \
			LIST(VACCEL_ENUM_CASE_BASE_STR, prefix)                                    \
		default:                                                                           \
			return "MAX";                                                              \
		}                                                                                  \
	}                                                                                          \
                                                                                                   \
	static inline char *name##_name(name##_t value, char *lower, size_t size)                  \
	{                                                                                          \
		if (!lower || !size)                                                               \
			return NULL;                                                               \
		vaccel_str_to_lower(name##_to_base_str(value), lower, size, NULL);                 \
		return lower;                                                                      \
	}

#endif
