/* What peers are told of why an op failed; see op_answer.h. */
#include "acceld/common/op_answer.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "mayfly/results.h"

static const char path_ends[] = " \t\n'\"`:;,()[]{}<>|";

/* The length of an absolute path at `text`; 0 where there is none. A path with a blank in it counts
 * as an absolute path up to the blank, and a relative one after it. */
static size_t path_length(const char *text, char before)
{
	bool begins = !before || strchr(path_ends, before) || before == '=';
	return begins && *text == '/' ? strcspn(text, path_ends) : 0;
}

void op_answer_hide_paths(const char *reason, char *text, size_t size)
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

void op_answer_write(struct wire_message *message, int status, uint64_t op_ns)
{
	char reason[MAYFLY_REASON_SIZE], told[sizeof(reason)];
	int answered = wire_answer(message, status, op_ns);
	if (answered && !status && message->needed > message->extent)
		snprintf(reason, sizeof(reason),
			 "all that goes into the op and comes out of it has %llu bytes, and may "
			 "have %llu",
			 (unsigned long long)message->needed, (unsigned long long)message->extent);
	else
		snprintf(reason, sizeof(reason), "%s", mayfly_op_reason());
	if (!answered)
		return;
	op_answer_hide_paths(reason, told, sizeof(told));
	wire_explain(message, told);
}
