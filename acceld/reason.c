/* What peers are told of why an op failed; see reason.h. */
#include "reason.h"

#include <stdbool.h>
#include <string.h>

static const char path_ends[] = " \t\n'\"`:;,()[]{}<>|";

/* The length of an absolute path at `text`; 0 where there is none. Of a path with a blank in it
 * this is the first part, and the rest is a relative one. */
static size_t path_length(const char *text, char before)
{
	bool begins = !before || strchr(path_ends, before) || before == '=';
	return begins && *text == '/' ? strcspn(text, path_ends) : 0;
}

void reason_for_peers(const char *reason, char *text, size_t size)
{
	size_t used = 0;
	char before = 0;
	while (*reason && used + 1 < size) {
		size_t length = path_length(reason, before);
		while (length && memchr(reason, '/', length)) {
			reason++;
			length--;
		}
		before = *reason;
		if (before) {
			text[used++] = before;
			reason++;
		}
	}
	text[used] = 0;
}
