/* Schedules: what they mean, and what is refused. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "cron/cron.h"
#include "sizes/sizes.h"

static uint64_t moment(const char *text)
{
	struct tm date = {0};
	const char *end = strptime(text, "%Y-%m-%d %H:%M:%S", &date);
	CHECK(end && !*end);
	return (uint64_t)timegm(&date);
}

static const struct {
	const char *schedule, *after, *next;
} times[] = {
    {"* * * * *", "2026-11-29 10:00:00", "2026-11-29 10:01:00"},
    {"* * * * *", "2026-11-29 10:00:59", "2026-11-29 10:01:00"},
    {"* * * * *", "2026-12-31 23:59:30", "2027-01-01 00:00:00"},
    {"*/15 * * * *", "2026-11-29 10:46:00", "2026-11-29 11:00:00"},
    {"*/15 * * * *", "2026-11-29 10:44:59", "2026-11-29 10:45:00"},
    {"7-59/20 * * * *", "2026-11-29 10:08:00", "2026-11-29 10:27:00"},
    {"5/20 * * * *", "2026-11-29 10:46:00", "2026-11-29 11:05:00"},
    {"0,30 9-17 * * mon-fri", "2026-11-27 17:30:00", "2026-11-30 09:00:00"},
    {"0 0 1 * *", "2026-11-29 10:00:00", "2026-12-01 00:00:00"},
    {"0 12 31 * *", "2027-01-31 12:00:00", "2027-03-31 12:00:00"},
    {"0 0 29 2 *", "2026-11-29 00:00:00", "2028-02-29 00:00:00"},
    {"0 0 29 2 *", "2028-02-29 00:00:00", "2032-02-29 00:00:00"},
    {"0 0 29 feb *", "2096-02-29 00:00:00", "2104-02-29 00:00:00"}, /* 2100 has none */
    {"0 0 30 2,3 *", "2026-01-01 00:00:00", "2026-03-30 00:00:00"},
    /* Both days: either will do, unless one is *. */
    {"0 0 13 * fri", "2026-11-29 00:00:00", "2026-12-04 00:00:00"},
    {"0 0 13 * 5", "2026-12-11 00:00:00", "2026-12-13 00:00:00"},
    {"0 0 */2 * fri", "2026-11-28 00:00:00", "2026-12-11 00:00:00"},
    {"0 0 29 2 */6", "2028-03-01 00:00:00", "2032-02-29 00:00:00"}, /* a Sunday */
    {"0 0 31 2 1", "2026-01-31 00:00:00", "2026-02-02 00:00:00"},   /* Mondays of February */
    {"0 0 * * 0", "2026-11-28 00:00:00", "2026-11-29 00:00:00"},
    {"0 0 * * 7", "2026-11-28 00:00:00", "2026-11-29 00:00:00"},
    {"0 0 * * SUN", "2026-11-29 00:00:00", "2026-12-06 00:00:00"},
    {"0 0 * * sat,sun", "2026-11-29 00:00:00", "2026-12-05 00:00:00"},
    {"0 0 * * 5-7", "2026-11-29 00:00:00", "2026-12-04 00:00:00"},
    {"0 0 1 Jan,JUL *", "2026-01-01 00:00:00", "2026-07-01 00:00:00"},
    {"0 0 1 mar-may/2 *", "2026-03-01 00:00:00", "2026-05-01 00:00:00"},
    {" 59\t23  31 12 * ", "2026-11-29 00:00:00", "2026-12-31 23:59:00"},
    {"@hourly", "2026-11-29 10:00:00", "2026-11-29 11:00:00"},
    {"@daily", "2026-11-29 10:00:00", "2026-11-30 00:00:00"},
    {"@midnight", "2026-11-29 10:00:00", "2026-11-30 00:00:00"},
    {"@weekly", "2026-11-29 10:00:00", "2026-12-06 00:00:00"},
    {"@monthly", "2026-11-29 10:00:00", "2026-12-01 00:00:00"},
    {"@yearly", "2026-11-29 10:00:00", "2027-01-01 00:00:00"},
    {"@annually", "2026-11-29 10:00:00", "2027-01-01 00:00:00"},
    {"0 3 * * *", "1970-01-01 00:00:00", "1970-01-01 03:00:00"},
};

static const struct {
	const char *schedule, *sentence;
} refused[] = {
    {"", "the schedule ends before its minute"},
    {"* * * *", "the schedule ends before its day of the week"},
    {"* * * * * *", "the schedule has more than five fields: \"*\""},
    {"60 * * * *", "\"60\" in the schedule is no minute: it may be 0 to 59"},
    {"* 24 * * *", "\"24\" in the schedule is no hour: it may be 0 to 23"},
    {"* * 0 * *", "\"0\" in the schedule is no day of the month: it may be 1 to 31"},
    {"* * 32 * *", "\"32\" in the schedule is no day of the month: it may be 1 to 31"},
    {"* * * 13 *", "\"13\" in the schedule is no month: it may be 1 to 12"},
    {"* * * * 8", "\"8\" in the schedule is no day of the week: it may be 0 to 7"},
    {"* * * * funday", "\"funday\" in the schedule is no day of the week: it may be 0 to 7"},
    {"* * * monday *", "\"monday\" in the schedule is no month: it may be 1 to 12"},
    {"5-3 * * * *", "\"5-3\" in the schedule is no minute: it may be 0 to 59"},
    {"1-60 * * * *", "\"1-60\" in the schedule is no minute: it may be 0 to 59"},
    {"*/0 * * * *", "\"*/0\" in the schedule is no minute: it may be 0 to 59"},
    {"1, * * * *", "\"1,\" in the schedule is no minute: it may be 0 to 59"},
    {",1 * * * *", "\",1\" in the schedule is no minute: it may be 0 to 59"},
    {"1-2-3 * * * *", "\"1-2-3\" in the schedule is no minute: it may be 0 to 59"},
    {"-1 * * * *", "\"-1\" in the schedule is no minute: it may be 0 to 59"},
    {"** * * * *", "\"**\" in the schedule is no minute: it may be 0 to 59"},
    {"001 * * * *", "\"001\" in the schedule is no minute: it may be 0 to 59"},
    {"4294967297 * * * *", "\"4294967297\" in the schedule is no minute: it may be 0 to 59"},
    {"1.5 * * * *", "\"1.5\" in the schedule is no minute: it may be 0 to 59"},
    {"0 0 31 2 *", "no month of the schedule has such a day of the month"},
    {"0 0 30 feb *", "no month of the schedule has such a day of the month"},
    {"0 0 31 4,6,9,11 *", "no month of the schedule has such a day of the month"},
    {"@reboot", "\"@reboot\" is no schedule: @hourly, @daily, @weekly, @monthly and @yearly are"},
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		struct cron cron;
		struct error error = {0};
		if (!CHECK_NUMBER(cron_parse(&cron, times[i].schedule, &error), 0) ||
		    !CHECK_NUMBER(cron_next(&cron, moment(times[i].after)), moment(times[i].next)))
			fprintf(stderr, "  %s after %s: %s\n", times[i].schedule, times[i].after,
				error.text);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct cron cron;
		struct error error = {0};
		CHECK_NUMBER(cron_parse(&cron, refused[i].schedule, &error), -EINVAL);
		CHECK_TEXT(error.text, refused[i].sentence);
	}
	return check_status();
}
