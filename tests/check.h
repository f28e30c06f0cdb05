/* What a unit test needs: checks that report and go on, and an exit status that tells.
 *
 *     int main(void)
 *     {
 *             CHECK(1 + 1 == 2);
 *             CHECK_TEXT(name, "mayfly");
 *             return check_status();
 *     }
 *
 * Each test program is one translation unit, so the counters may be static here. They are atomic:
 * threads of a test may check, too.
 */
#ifndef MAYFLY_TESTS_CHECK_H
#define MAYFLY_TESTS_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define CHECK_SKIPPED 77 /* the exit status that Meson reads as "skipped"; print the reason */

static atomic_uint checks_made;
static atomic_uint checks_failed;

static inline bool check_record(bool good, const char *file, int line, const char *what)
{
	checks_made++;
	if (!good) {
		checks_failed++;
		fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
	}
	return good;
}

static inline bool check_text(const char *got, const char *wanted, const char *file, int line,
			      const char *what)
{
	bool good = got && wanted ? !strcmp(got, wanted) : got == wanted;
	if (!check_record(good, file, line, what))
		fprintf(stderr, "  got:    %s\n  wanted: %s\n", got ? got : "(null)",
			wanted ? wanted : "(null)");
	return good;
}

static inline bool check_number(long long got, long long wanted, const char *file, int line,
				const char *what)
{
	if (!check_record(got == wanted, file, line, what))
		fprintf(stderr, "  got:    %lld\n  wanted: %lld\n", got, wanted);
	return got == wanted;
}

/* The same bytes, of whatever type: of floating-point numbers, too, where 0 and -0 differ. */
static inline bool check_same_bytes(const void *got, const void *wanted, size_t size)
{
	return !memcmp(got, wanted, size);
}

/* The conditions are evaluated once. Each gives true where the check holds, so that a test can
 * leave out what makes no sense after a failure. */
#define CHECK(condition)	check_record((condition), __FILE__, __LINE__, #condition)
#define CHECK_TEXT(got, wanted) check_text((got), (wanted), __FILE__, __LINE__, #got " == " #wanted)
#define CHECK_NUMBER(got, wanted)                                                                  \
	check_number((long long)(got), (long long)(wanted), __FILE__, __LINE__, #got " == " #wanted)

/* The exit status of the test: a program that checked nothing has not passed. */
static inline int check_status(void)
{
	unsigned int made = checks_made, failed = checks_failed;
	fprintf(stderr, "%u checks, %u failed\n", made, failed);
	return failed || !made ? 1 : 0;
}

#endif
