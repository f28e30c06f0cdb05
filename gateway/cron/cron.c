#include "cron/cron.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "sizes/sizes.h"

#define SECONDS_PER_DAY 86400U
#define MINUTES_PER_DAY 1440U
#define DAYS_SEARCHED	146097U /* 400 years, after which the calendar is the same again */
#define TEXT_MAX	256

/* ── what a field may have ───────────────────────────────────────────────────────────────────── */

struct field {
	const char *name;
	unsigned first, last;
	const char *const *words; /* of the numbers from `first` on; NULL: none */
	unsigned word_count;
};

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
				     "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct field fields[] = {
    {"minute", 0, 59, NULL, 0},
    {"hour", 0, 23, NULL, 0},
    {"day of the month", 1, 31, NULL, 0},
    {"month", 1, 12, months, ARRAY_SIZE(months)},
    {"day of the week", 0, 7, weekdays, ARRAY_SIZE(weekdays)},
};

static const struct {
	const char *name, *fields;
} names[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},	  {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

/* ── parsing ─────────────────────────────────────────────────────────────────────────────────── */

/* A number of one or two digits; false where there is none. *text moves on. */
static bool take_number(const char **text, unsigned *number)
{
	*number = 0;
	const char *at = *text;
	while (isdigit((unsigned char)*at) && at - *text < 3)
		*number = *number * 10 + (unsigned)(*at++ - '0');
	const bool found = at > *text && at - *text < 3;
	*text = at;
	return found;
}

/* A number or a word of the field. */
static bool take_value(const struct field *field, const char **text, unsigned *value)
{
	for (unsigned i = 0; i < field->word_count; i++) {
		const size_t length = strlen(field->words[i]);
		if (!strncasecmp(*text, field->words[i], length) &&
		    !isalnum((unsigned char)(*text)[length])) {
			*text += length;
			*value = field->first + i;
			return true;
		}
	}
	return take_number(text, value) && *value >= field->first && *value <= field->last;
}

/* *, a value or a range, and perhaps a step; false where it is none. */
static bool take_range(const struct field *field, const char **text, uint64_t *bits)
{
	unsigned first = field->first, last = field->last, step = 1;
	const bool all = **text == '*';
	bool range = all;
	if (all)
		(*text)++;
	else if (!take_value(field, text, &first))
		return false;
	if (!all && **text == '-') {
		(*text)++;
		range = true;
		if (!take_value(field, text, &last) || last < first)
			return false;
	}
	const bool has_step = **text == '/';
	if (has_step) {
		(*text)++;
		if (!take_number(text, &step) || !step)
			return false;
	}
	if (!range && !has_step)
		last = first;
	for (unsigned i = first; i <= last; i += step)
		*bits |= 1ULL << i;
	return true;
}

/* One field, up to the blank behind it. */
static int take_field(const struct field *field, const char **text, uint64_t *bits, bool *any,
		      struct error *error)
{
	const char *begin = *text;
	bool good = *begin;
	*any = *begin == '*';
	*bits = 0;
	while (good && (good = take_range(field, text, bits)) && **text == ',')
		(*text)++;
	if (good && (!**text || isblank((unsigned char)**text)))
		return 0;
	const int length = (int)strcspn(begin, " \t");
	if (!length)
		return error_set(error, EINVAL, "the schedule ends before its %s", field->name);
	return error_set(error, EINVAL, "\"%.*s\" in the schedule is no %s: it may be %u to %u",
			 length, begin, field->name, field->first, field->last);
}

static const char *without_name(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(text, names[i].name))
			return names[i].fields;
	return text;
}

static bool search(const struct cron *cron, uint64_t after_s, uint64_t *found_s);

int cron_parse(struct cron *cron, const char *text, struct error *error)
{
	uint64_t bits[ARRAY_SIZE(fields)];
	bool any[ARRAY_SIZE(fields)];
	if (strlen(text) > TEXT_MAX)
		return error_set(error, EINVAL, "the schedule is longer than %d bytes", TEXT_MAX);
	text += strspn(text, " \t");
	if (*text == '@' && text == without_name(text))
		return error_set(error, EINVAL,
				 "\"%s\" is no schedule: @hourly, @daily, @weekly, "
				 "@monthly and @yearly are",
				 text);
	text = without_name(text);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		text += strspn(text, " \t");
		int result = take_field(&fields[i], &text, &bits[i], &any[i], error);
		if (result)
			return result;
	}
	text += strspn(text, " \t");
	if (*text)
		return error_set(error, EINVAL, "the schedule has more than five fields: \"%s\"",
				 text);
	const uint32_t week = (uint32_t)bits[4];
	*cron = (struct cron){.minutes = bits[0],
			      .hours = (uint32_t)bits[1],
			      .days = (uint32_t)bits[2],
			      .months = (uint32_t)bits[3],
			      .weekdays = (week | week >> 7) & 0x7f, /* 7 is Sunday, too */
			      .any_day = any[2],
			      .any_weekday = any[4]};
	uint64_t found_s;
	return search(cron, 0, &found_s)
		   ? 0
		   : error_set(error, EINVAL,
			       "no month of the schedule has such a day of the month");
}

/* ── the next time ───────────────────────────────────────────────────────────────────────────── */

static bool matches_day(const struct cron *cron, uint64_t day)
{
	const time_t moment = (time_t)(day * SECONDS_PER_DAY);
	struct tm date;
	gmtime_r(&moment, &date);
	const bool in_month = cron->days & 1U << date.tm_mday;
	const bool in_week = cron->weekdays & 1U << date.tm_wday;
	if (!(cron->months & 1U << (date.tm_mon + 1)))
		return false;
	return cron->any_day || cron->any_weekday ? in_month && in_week : in_month || in_week;
}

/* The first minute of that day from `from` on; false: there is none. */
static bool search_day(const struct cron *cron, unsigned from, unsigned *found)
{
	for (unsigned minute = from; minute < MINUTES_PER_DAY; minute++)
		if (cron->hours & 1U << minute / 60 && cron->minutes & 1ULL << minute % 60) {
			*found = minute;
			return true;
		}
	return false;
}

static bool search(const struct cron *cron, uint64_t after_s, uint64_t *found_s)
{
	const uint64_t minutes = after_s / 60 + 1;
	unsigned from = (unsigned)(minutes % MINUTES_PER_DAY), found;
	const uint64_t first = minutes / MINUTES_PER_DAY;
	for (uint64_t day = first; day <= first + DAYS_SEARCHED; day++) {
		if (matches_day(cron, day) && search_day(cron, from, &found)) {
			*found_s = day * SECONDS_PER_DAY + found * 60UL;
			return true;
		}
		from = 0;
	}
	return false;
}

uint64_t cron_next(const struct cron *cron, uint64_t after_s)
{
	uint64_t found_s;
	return search(cron, after_s, &found_s) ? found_s : UINT64_MAX;
}
