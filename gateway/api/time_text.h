/* Times as RFC 3339 has them. The C library's functions for dates look for files of time zones,
 * which this process may not open. */
#ifndef MAYFLY_GATEWAY_TIME_TEXT_H
#define MAYFLY_GATEWAY_TIME_TEXT_H

#include <stdint.h>

#define TIME_TEXT_SIZE 40

/* Of nanoseconds since 1970, in UTC; without a fraction where there is none. */
void time_text_format(uint64_t time_ns, char text[TIME_TEXT_SIZE]);

/* 0, or -EINVAL for what is none, lies before 1970 or after 2500. */
int time_text_parse(const char *text, uint64_t *time_ns);

#endif
