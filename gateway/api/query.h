/* Queries of URLs: name=value&…, percent-encoded. */
#ifndef MAYFLY_GATEWAY_QUERY_H
#define MAYFLY_GATEWAY_QUERY_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes the value of the first `name` in the query (NULL: it has none) into `value`, as text. 1; 0
 * where there is none or it is empty; -EINVAL where it is no text (a broken escape, a control
 * character) or there is no room. */
int query_find(const char *query, const char *name, char *value, size_t room);

/* As Go reads a boolean: 1, t, true …; absent: false. -EINVAL for what is none. */
int query_find_boolean(const char *query, const char *name, bool *value);

/* A decimal number, which may be negative; absent: 0. */
int query_find_number(const char *query, const char *name, long long *value);

#endif
