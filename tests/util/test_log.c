/* Lines of a log that strangers fill: no more of them than may be, and none without a word. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "util/log.h"

#define LINES 1000

static unsigned written, told;

static void count(enum log_level level, char *text, size_t length)
{
	unsigned left_out = 0;
	(void)level;
	(void)length;
	if (sscanf(text, "%u lines were left out", &left_out) == 1)
		told += left_out;
	else
		written++;
}

static void write_lines(unsigned lines)
{
	for (unsigned i = 0; i < lines; i++)
		log_error("line %u", i);
}

int main(void)
{
	log_set_writer(count);
	write_lines(LINES);
	CHECK_NUMBER(written, LINES);
	log_set_rate(10, 50);
	written = 0;
	write_lines(LINES);
	CHECK(written >= 50 && written < 100);
	unsigned left_out = LINES - written;
	nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
	log_error("the next one");
	CHECK_NUMBER(told, left_out);
	/* Whoever asks for these wants all of them. */
	log_set_level(LOG_DEBUG);
	written = 0;
	for (int i = 0; i < LINES; i++)
		log_debug("line %d", i);
	CHECK_NUMBER(written, LINES);
	return check_status();
}
