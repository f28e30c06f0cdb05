/* "Did you mean …?": the nearest of a set of known words. */
#ifndef MAYFLY_OPTIONS_SUGGEST_H
#define MAYFLY_OPTIONS_SUGGEST_H

#include <stddef.h>

#define SUGGEST_WORD_MAX 48 /* bytes; longer words are never near to anything */

/* A search over words that are offered one after the other. */
struct suggestion {
	const char *given;
	const char *nearest; /* one of the offered words, or NULL while none was near enough */
	size_t distance;
};

/* `given` must outlive the search. */
void suggest_begin(struct suggestion *suggestion, const char *given);

/* `known` must outlive the search; it may become its result. */
void suggest_offer(struct suggestion *suggestion, const char *known);

#endif
