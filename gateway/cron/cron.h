/* Times at which something is to be done again and again, as cron(8) writes them: five fields, in UTC.
 *
 *   minute (0-59)  hour (0-23)  day of the month (1-31)  month (1-12, jan-dec)  day of the week (0-7, sun-sat)
 *
 * A field is * or a list of numbers, names and ranges, each perhaps with a step: 1,15,30-45/5. As cron has
 * it, where neither day is *, either will do. @yearly, @monthly, @weekly, @daily and @hourly stand for five
 * fields.
 */
#ifndef MAYFLY_GATEWAY_CRON_H
#define MAYFLY_GATEWAY_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct cron {
	uint64_t minutes; /* a bit for each that is named; so with the others */
	uint32_t hours, days, months, weekdays; /* weekdays: 0 is Sunday */
	bool any_day, any_weekday;		/* the field began with * */
};

/* 0; -EINVAL with a sentence that names the field, also where there is no such day (31 February). */
int cron_parse(struct cron *cron, const char *text, struct error *error);

/* The first moment after that, both in seconds since 1970. */
uint64_t cron_next(const struct cron *cron, uint64_t after_s);

#endif
