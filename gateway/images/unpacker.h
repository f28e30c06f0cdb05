/* Having mayfly-unpacker do something: a process that is waited for, and ended where nobody waits. */
#ifndef MAYFLY_GATEWAY_IMAGES_UNPACKER_H
#define MAYFLY_GATEWAY_IMAGES_UNPACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define UNPACKER_ANSWER_MAX (4UL << 20)

struct unpacker {
	const char *const *words; /* behind the limits (gateway/unpacker/main.c); NULL-terminated */
	uint64_t size_limit;	  /* bytes of a file, and of all in the folder together */
	const char *folder;	  /* that it writes into; NULL: none */
	uint64_t timeout_ns;
	bool (*unwanted)(void *context);
	void *context;
};

/* Runs it. *answer: what it wrote, the caller's to free; may be NULL. EINVAL with its own sentence where
 * something is wrong with the image; ECANCELED, ETIMEDOUT, EFBIG. */
int unpacker_run(const struct unpacker *unpacker, char **answer, struct error *error);

/* The value of a line "NAME VALUE" of an answer, as a copy in `value`; false where there is none, or it is
 * too long. */
bool unpacker_value(const char *answer, const char *name, char *value, size_t size);

#endif
