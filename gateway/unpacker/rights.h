/* What mayfly-unpacker gives up before it looks at an image. */
#ifndef MAYFLY_GATEWAY_UNPACKER_RIGHTS_H
#define MAYFLY_GATEWAY_UNPACKER_RIGHTS_H

#include <stddef.h>
#include <stdint.h>

#include "confine/confine.h"

extern const struct confine_call unpacker_calls[];
extern const size_t unpacker_call_count;

/* It ends when the process `starter` does, in which it was started. */
int unpacker_follow(int starter);

/* Limits that programs which it becomes keep: no file larger than `size_limit`, no core, no new rights. */
void unpacker_limit(uint64_t size_limit);

/* It may open and read `source` (NULL: nothing), and write into `folder` (NULL: nowhere); it may start
 * nothing and talk to nobody. */
void unpacker_confine(const char *source, const char *folder);

#endif
