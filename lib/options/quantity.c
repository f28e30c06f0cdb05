/* Amounts as people write them; see quantity.h. */
#include "options/quantity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "sizes/sizes.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* The first name of each factor is the one that is written; larger factors come first. */
static const struct unit size_units[] = {
    {"T", 1ULL << 40}, {"TiB", 1ULL << 40},
    {"G", 1ULL << 30}, {"GiB", 1ULL << 30},
    {"M", 1ULL << 20}, {"MiB", 1ULL << 20},
    {"K", 1ULL << 10}, {"KiB", 1ULL << 10},
    {"", 1},	       {"B", 1},
};

static const struct unit duration_units[] = {
    {"h", 3600000000000ULL},
    {"m", 60000000000ULL},
    {"s", 1000000000ULL},
    {"", 1000000000ULL},
    {"ms", 1000000ULL},
    {"us", 1000ULL},
    {"ns", 1},
};

static const struct unit count_units[] = {{"", 1}};

#define SIZE_FORM     "a size: write digits and K, M, G or T, for example 64M"
#define DURATION_FORM "a duration: write digits and ns, us, ms, s, m or h, for example 30s or 500ms"
#define COUNT_FORM    "a number: write digits only"
#define DECIMAL_FORM  "a number: write digits, and up to three behind a point, for example 1.5"

/* Reads the digits that a text begins with, and returns what follows them. */
static const char *parse_digits(const char *text, uint64_t *number, bool *overflow)
{
	*number = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		*overflow |= mul_overflows(*number, 10U, number) ||
			     add_overflows(*number, (uint64_t)(*text - '0'), number);
	return text;
}

static int parse(const char *text, const struct unit *units, size_t unit_count, const char *form,
		 uint64_t *result, struct error *error)
{
	uint64_t number;
	bool overflow = false;
	const char *rest = parse_digits(text, &number, &overflow);
	if (rest == text)
		return error_set(error, EINVAL, "'%.64s' is not %s", text, form);
	for (size_t i = 0; i < unit_count; i++) {
		if (strcmp(rest, units[i].name) != 0)
			continue;
		uint64_t amount;
		if (overflow || mul_overflows(number, units[i].factor, &amount))
			return error_set(error, ERANGE, "'%.64s' is too large", text);
		*result = amount;
		return 0;
	}
	return error_set(error, EINVAL, "'%.64s' is not %s", text, form);
}

static void format(char *out, size_t size, uint64_t amount, const struct unit *units,
		   size_t unit_count)
{
	size_t chosen = 0;
	while (chosen + 1 < unit_count && amount % units[chosen].factor)
		chosen++;
	snprintf(out, size, "%" PRIu64 "%s", amount / units[chosen].factor, units[chosen].name);
}

#define LENGTH(array) ARRAY_SIZE(array)

int quantity_parse_size(const char *text, uint64_t *bytes, struct error *error)
{
	return parse(text, size_units, LENGTH(size_units), SIZE_FORM, bytes, error);
}

int quantity_parse_duration(const char *text, uint64_t *nanoseconds, struct error *error)
{
	return parse(text, duration_units, LENGTH(duration_units), DURATION_FORM, nanoseconds,
		     error);
}

int quantity_parse_count(const char *text, uint64_t *count, struct error *error)
{
	return parse(text, count_units, LENGTH(count_units), COUNT_FORM, count, error);
}

int quantity_parse_decimal(const char *text, uint64_t *thousandths, struct error *error)
{
	uint64_t whole, part = 0;
	bool overflow = false;
	const char *rest = parse_digits(text, &whole, &overflow);
	bool good = rest != text;
	if (good && *rest == '.') {
		const char *digits = rest + 1;
		rest = parse_digits(digits, &part, &overflow);
		good = rest != digits && rest - digits <= 3;
		for (ptrdiff_t i = rest - digits; good && i < 3; i++)
			part *= 10;
	}
	if (!good || *rest)
		return error_set(error, EINVAL, "'%.64s' is not " DECIMAL_FORM, text);
	if (overflow || mul_overflows(whole, 1000U, &whole) ||
	    add_overflows(whole, part, thousandths))
		return error_set(error, ERANGE, "'%.64s' is too large", text);
	return 0;
}

void quantity_format_size(char *out, size_t size, uint64_t bytes)
{
	if (bytes)
		format(out, size, bytes, size_units, LENGTH(size_units));
	else
		snprintf(out, size, "0");
}

void quantity_format_duration(char *out, size_t size, uint64_t nanoseconds)
{
	if (nanoseconds)
		format(out, size, nanoseconds, duration_units, LENGTH(duration_units));
	else
		snprintf(out, size, "0s");
}

void quantity_format_decimal(char *out, size_t size, uint64_t thousandths)
{
	unsigned part = (unsigned)(thousandths % 1000);
	int digits = 3;
	for (; digits && part % 10 == 0; digits--)
		part /= 10;
	if (digits)
		snprintf(out, size, "%" PRIu64 ".%0*u", thousandths / 1000, digits, part);
	else
		snprintf(out, size, "%" PRIu64, thousandths / 1000);
}
