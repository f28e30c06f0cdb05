#include "api/time_text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"

#define SECONDS_PER_DAY 86400
#define YEAR_MAX	2500

/* Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that the
 * leap day is the last of a year: then the days before a month are a line, rounded. */
static int64_t days_to(int64_t year, unsigned month, unsigned day)
{
	year -= month <= 2;
	const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

static void date_of(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
	days += 719468;
	const int64_t era = days / 146097, of_era = days % 146097; /* 400 years */
	const int64_t year_of_era =
	    (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	const int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	const unsigned from_march = (unsigned)((5 * of_year + 2) / 153);
	*day = (unsigned)(of_year - (153 * from_march + 2) / 5 + 1);
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = year_of_era + era * 400 + (*month <= 2);
}

void time_text_format(uint64_t time_ns, char text[TIME_TEXT_SIZE])
{
	const uint64_t seconds = time_ns / NANOSECONDS_PER_SECOND;
	const unsigned of_day = (unsigned)(seconds % SECONDS_PER_DAY);
	const unsigned fraction = (unsigned)(time_ns % NANOSECONDS_PER_SECOND);
	int64_t year;
	unsigned month, day;
	date_of((int64_t)(seconds / SECONDS_PER_DAY), &year, &month, &day);
	const int length =
	    snprintf(text, TIME_TEXT_SIZE, "%04d-%02u-%02uT%02u:%02u:%02u", (int)year, month, day,
		     of_day / 3600, of_day / 60 % 60, of_day % 60);
	if (fraction)
		snprintf(text + length, TIME_TEXT_SIZE - (size_t)length, ".%09uZ", fraction);
	else
		snprintf(text + length, TIME_TEXT_SIZE - (size_t)length, "Z");
}

/* Reads `count` digits and what follows them, where `then` is not 0. */
static bool number(const char **text, int count, char then, unsigned *value)
{
	*value = 0;
	for (; count; count--, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		*value = *value * 10 + (unsigned)(**text - '0');
	}
	if (!then)
		return true;
	return *(*text)++ == then;
}

static unsigned fraction_ns(const char **text)
{
	unsigned value = 0, unit = 100000000;
	for ((*text)++; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
		value += unit * (unsigned)(**text - '0');
	return value;
}

/* "Z", "+02:00". */
static bool offset_s(const char **text, int *offset)
{
	unsigned hours, minutes;
	const char sign = *(*text)++;
	*offset = 0;
	if (sign == 'Z' || sign == 'z')
		return true;
	if (sign != '+' && sign != '-')
		return false;
	if (!number(text, 2, ':', &hours) || !number(text, 2, 0, &minutes) || hours > 23 ||
	    minutes > 59)
		return false;
	*offset = (int)(hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
	return true;
}

static unsigned days_of(unsigned year, unsigned month)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const bool leap = (year % 4 == 0 && year % 100) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

int time_text_parse(const char *text, uint64_t *time_ns)
{
	unsigned year, month, day, hour, minute, second, fraction = 0;
	int offset;
	if (!number(&text, 4, '-', &year) || !number(&text, 2, '-', &month) ||
	    !number(&text, 2, 0, &day) || !strchr("Tt ", *text) || !*text)
		return -EINVAL;
	text++;
	if (!number(&text, 2, ':', &hour) || !number(&text, 2, ':', &minute) ||
	    !number(&text, 2, 0, &second))
		return -EINVAL;
	if (*text == '.')
		fraction = fraction_ns(&text);
	if (!offset_s(&text, &offset) || *text)
		return -EINVAL;
	if (year > YEAR_MAX || month < 1 || month > 12 || day < 1 || day > days_of(year, month) ||
	    hour > 23 || minute > 59 || second > 60)
		return -EINVAL;
	const int64_t seconds = days_to(year, month, day) * SECONDS_PER_DAY +
				(int64_t)(hour * 3600 + minute * 60 + second) - offset;
	if (seconds < 0)
		return -EINVAL;
	*time_ns = (uint64_t)seconds * NANOSECONDS_PER_SECOND + fraction;
	return 0;
}
