/* A line on the terminal of standard error that says what takes so long; nothing where that is no
 * terminal. */
#ifndef MAYFLY_CLI_REMOTE_PROGRESS_H
#define MAYFLY_CLI_REMOTE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool on, shown;
	uint64_t begun_ns;
};

void progress_begin(struct progress *progress);

/* "what, 12 s", in the place of what the line said before. */
void progress_show(struct progress *progress, const char *what);

/* Takes the line away. */
void progress_end(struct progress *progress);

#endif
