/* Progress on a terminal; see progress.h. */
#include "cli/remote/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/text.h"

/* Goes to the first column and clears the line. */
#define AGAIN "\r\033[K"

void progress_begin(struct progress *progress)
{
	const char *kind = getenv("TERM");
	*progress = (struct progress){
	    .on = isatty(STDERR_FILENO) && (!kind || strcmp(kind, "dumb") != 0),
	    .begun_ns = clock_now_ns(),
	};
}

void progress_show(struct progress *progress, const char *what)
{
	char line[256];
	struct winsize window = {0};
	if (!progress->on)
		return;
	unsigned seconds =
	    (unsigned)((clock_now_ns() - progress->begun_ns) / NANOSECONDS_PER_SECOND);
	snprintf(line, sizeof(line), "%.200s, %u s", what, seconds);
	text_make_line(line, strlen(line));
	/* A line that wraps would not be cleared. */
	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &window) && window.ws_col > 1 &&
	    window.ws_col <= sizeof(line))
		line[window.ws_col - 1] = 0;
	fprintf(stderr, AGAIN "%s", line);
	fflush(stderr);
	progress->shown = true;
}

void progress_end(struct progress *progress)
{
	if (progress->shown)
		fputs(AGAIN, stderr);
	progress->shown = false;
}
