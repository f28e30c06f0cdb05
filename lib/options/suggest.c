/* The nearest known word; see suggest.h. */
#include "options/suggest.h"

#include <string.h>

static size_t smallest(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* The number of letters to add, drop, change or swap with a neighbour to make one word from the
 * other. Three rows of the usual table are enough: a swap looks two rows back. */
static size_t distance_between(const char *a, size_t a_length, const char *b, size_t b_length)
{
	size_t rows[3][SUGGEST_WORD_MAX + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];
	for (size_t j = 0; j <= b_length; j++)
		above[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = smallest(change, smallest(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = smallest(row[j], before[j - 2] + 1);
		}
		size_t *oldest = before;
		before = above;
		above = row;
		row = oldest;
	}
	return above[b_length];
}

void suggest_begin(struct suggestion *suggestion, const char *given)
{
	suggestion->given = given;
	suggestion->nearest = NULL;
	suggestion->distance = 0;
}

void suggest_offer(struct suggestion *suggestion, const char *known)
{
	size_t given_length = strlen(suggestion->given), known_length = strlen(known);
	if (given_length > SUGGEST_WORD_MAX || known_length > SUGGEST_WORD_MAX)
		return;
	size_t distance = distance_between(suggestion->given, given_length, known, known_length);
	/* A third of the word may be wrong; more than that is another word. */
	if (distance * 3 > known_length + 1)
		return;
	if (!suggestion->nearest || distance < suggestion->distance) {
		suggestion->nearest = known;
		suggestion->distance = distance;
	}
}
