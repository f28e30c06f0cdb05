/* Enumerations that know their names.
 *
 * A list macro names the items once, each with its value, or without one (then one more than that
 * of the item before):
 *
 *     #define COLOURS(ITEM) ITEM(RED, 0, COLOUR) ITEM(GREEN, COLOUR)
 *     VACCEL_ENUM_DEF_WITH_STR_FUNCS(colour, COLOUR, COLOURS)
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
#include <stdlib.h>

#include "str.h"

/* Room that is enough for any item's name. */
enum { VACCEL_ENUM_STR_MAX = 128 };

/* Picks `with_value` for three arguments and `plain` for two. */
#define VACCEL_ENUM_PICK(first, second, third, picked, ...) picked
#define VACCEL_ENUM_BY_COUNT(with_value, plain, ...)                                               \
	VACCEL_ENUM_PICK(__VA_ARGS__, with_value, plain, none)(__VA_ARGS__)

/* What a list is expanded with: once for the enumeration, once for each of the functions. */
#define VACCEL_ENUM_ITEM(...)                                                                      \
	VACCEL_ENUM_BY_COUNT(VACCEL_ENUM_ENTRY_VALUE, VACCEL_ENUM_ENTRY, __VA_ARGS__)
#define VACCEL_ENUM_STR_CASE(...)                                                                  \
	VACCEL_ENUM_BY_COUNT(VACCEL_ENUM_CASE_STR_VALUE, VACCEL_ENUM_CASE_STR, __VA_ARGS__)
#define VACCEL_ENUM_BASE_STR_CASE(...)                                                             \
	VACCEL_ENUM_BY_COUNT(VACCEL_ENUM_CASE_BASE_STR_VALUE, VACCEL_ENUM_CASE_BASE_STR,           \
			     __VA_ARGS__)

/* The prefix may be a macro, so it is expanded before it is pasted. */
#define VACCEL_ENUM_PASTE(prefix, item) prefix##_##item
#define VACCEL_ENUM_NAME(prefix, item)	VACCEL_ENUM_PASTE(prefix, item)
#define VACCEL_ENUM_QUOTE(prefix, item) #prefix "_" #item
#define VACCEL_ENUM_STR(item, prefix)	VACCEL_ENUM_QUOTE(prefix, item)
#define VACCEL_ENUM_ENTRY(item, prefix) VACCEL_ENUM_NAME(prefix, item),
#define VACCEL_ENUM_CASE_STR(item, prefix)                                                         \
	case VACCEL_ENUM_NAME(prefix, item):                                                       \
		return VACCEL_ENUM_STR(item, prefix);
#define VACCEL_ENUM_CASE_BASE_STR(item, prefix)                                                    \
	case VACCEL_ENUM_NAME(prefix, item):                                                       \
		return #item;
#define VACCEL_ENUM_ENTRY_VALUE(item, value, prefix)	     VACCEL_ENUM_NAME(prefix, item) = (value),
#define VACCEL_ENUM_CASE_STR_VALUE(item, value, prefix)	     VACCEL_ENUM_CASE_STR(item, prefix)
#define VACCEL_ENUM_CASE_BASE_STR_VALUE(item, value, prefix) VACCEL_ENUM_CASE_BASE_STR(item, prefix)

#define VACCEL_ENUM_DEF_ITEMS(prefix, LIST) LIST(VACCEL_ENUM_ITEM) VACCEL_ENUM_NAME(prefix, MAX)

#define VACCEL_ENUM_DEF_STR_FUNCS(name, prefix, LIST)                                              \
	static inline const char *name##_to_str(name##_t value)                                    \
	{                                                                                          \
		switch (value) {                                                                   \
			LIST(VACCEL_ENUM_STR_CASE)                                                 \
		default:                                                                           \
			return VACCEL_ENUM_STR(MAX, prefix);                                       \
		}                                                                                  \
	}                                                                                          \
                                                                                                   \
	static inline const char *name##_to_base_str(name##_t value)                               \
	{                                                                                          \
		switch (value) {                                                                   \
			LIST(VACCEL_ENUM_BASE_STR_CASE)                                            \
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

#define VACCEL_ENUM_DEF_WITH_STR_FUNCS(name, prefix, LIST)                                         \
	typedef enum { VACCEL_ENUM_DEF_ITEMS(prefix, LIST) } name##_t;                             \
                                                                                                   \
	VACCEL_ENUM_DEF_STR_FUNCS(name, prefix, LIST)

#endif
