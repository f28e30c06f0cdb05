/* Headers that belong to one connection, or say where a message ends: no proxy hands them on. */
#ifndef MAYFLY_GATEWAY_HOP_H
#define MAYFLY_GATEWAY_HOP_H

#include <stdbool.h>

bool hop_is_header(const char *name);

#define HOP_LISTED_MAX 32 /* names that are looked at: each costs time */

/* Whether `list`, the value of a Connection header, has that name. One with more names than that has all. */
bool hop_is_listed(const char *list, const char *name);

#endif
