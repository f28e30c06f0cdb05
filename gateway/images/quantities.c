/* Amounts as people write them for Kubernetes and OpenFaaS; see quantities.h. */
#include "gateway/images/quantities.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "sizes/sizes.h"

typedef unsigned __int128 wide;

/* What a number may have at most: so that a product with any unit fits into 128 bits. */
#define DIGITS_MAX	18
#define EXPONENT_MAX	18
#define THOUSANDTHS_MAX ((wide)UINT64_MAX * 1000)

/* Digits with a point somewhere: value / 10^decimals. */
struct decimal {
	uint64_t value;
	unsigned decimals;
};

/* Takes a number off *text. False where there is none, or it is too long. */
static bool take_decimal(const char **text, struct decimal *number)
{
	unsigned digits = 0;
	bool point = false;
	*number = (struct decimal){0};
	for (;; (*text)++) {
		const char next = **text;
		if (next == '.' && !point) {
			point = true;
			continue;
		}
		if (!isdigit((unsigned char)next))
			return digits > 0;
		if (++digits > DIGITS_MAX)
			return false;
		number->value = number->value * 10 + (uint64_t)(next - '0');
		number->decimals += point;
	}
}

static wide power(unsigned base, unsigned exponent)
{
	wide result = 1;
	while (exponent-- > 0)
		result *= base;
	return result;
}

/* number × multiplier, rounded up. */
static wide scaled(struct decimal number, wide multiplier)
{
	const wide divisor = power(10, number.decimals);
	const wide whole = number.value / (uint64_t)divisor,
		   rest = number.value % (uint64_t)divisor;
	return whole * multiplier + (rest * multiplier + divisor - 1) / divisor;
}

/* ── quantities of Kubernetes ────────────────────────────────────────────────────────────────── */

static int no_quantity(const char *text, struct error *error)
{
	return error_set(error, EINVAL, "'%s' is no quantity, as 128Mi, 1Gi or 500m are", text);
}

/* In thousandths. False where the text is no suffix. */
static bool read_suffix(const char *suffix, wide *multiplier)
{
	static const char letters[] = "kMGTPE", binary_letters[] = "KMGTPE";
	const char *found;
	*multiplier = 1000;
	if (!*suffix)
		return true;
	if (!strcmp(suffix, "m")) {
		*multiplier = 1;
		return true;
	}
	if (!suffix[1] && (found = strchr(letters, *suffix))) {
		*multiplier *= power(1000, (unsigned)(found - letters) + 1);
		return true;
	}
	found = strchr(binary_letters, *suffix);
	if (!found || strcmp(suffix + 1, "i") != 0)
		return false;
	*multiplier *= power(1024, (unsigned)(found - binary_letters) + 1);
	return true;
}

/* "e3", "E-2": a decimal exponent, which an E alone is not. */
static bool read_exponent(const char *text, struct decimal *number, wide *multiplier)
{
	if (tolower((unsigned char)*text) != 'e' || !text[1])
		return false;
	const bool negative = text[1] == '-';
	const char *digits = text + 1 + (text[1] == '-' || text[1] == '+');
	unsigned exponent = 0;
	if (!*digits)
		return false;
	for (; isdigit((unsigned char)*digits) && exponent <= EXPONENT_MAX; digits++)
		exponent = exponent * 10 + (unsigned)(*digits - '0');
	if (*digits || exponent > EXPONENT_MAX)
		return false;
	*multiplier = 1000;
	if (!negative)
		*multiplier *= power(10, exponent);
	else if (number->decimals + exponent > DIGITS_MAX)
		return false;
	else
		number->decimals += exponent;
	return true;
}

int quantity_of(const char *text, wide *thousandths, struct error *error)
{
	const char *rest = text;
	struct decimal number;
	wide multiplier;
	if (!take_decimal(&rest, &number) ||
	    (!read_exponent(rest, &number, &multiplier) && !read_suffix(rest, &multiplier)))
		return no_quantity(text, error);
	*thousandths = scaled(number, multiplier);
	if (*thousandths > THOUSANDTHS_MAX)
		return error_set(error, EINVAL, "'%s' is too much", text);
	return 0;
}

int quantity_units(const char *text, uint64_t *units, struct error *error)
{
	wide thousandths = 0;
	int result = quantity_of(text, &thousandths, error);
	if (!result)
		*units = (uint64_t)((thousandths + 999) / 1000);
	return result;
}

/* ── durations ───────────────────────────────────────────────────────────────────────────────── */

static const struct unit {
	const char *name;
	uint64_t nanoseconds;
} units[] = {
    {"ns", 1},	     {"us", 1000},	  {"µs", 1000},		{"μs", 1000},
    {"ms", 1000000}, {"s", 1000000000UL}, {"m", 60000000000UL}, {"h", 3600000000000UL},
};

/* Takes a unit off *text; none at the very end is seconds, where that is all there is. */
static const struct unit *take_unit(const char **text)
{
	size_t length = strcspn(*text, "0123456789.");
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].name) == length && !strncmp(*text, units[i].name, length)) {
			*text += length;
			return &units[i];
		}
	return NULL;
}

int quantity_duration(const char *text, uint64_t *nanoseconds, struct error *error)
{
	static const struct unit second = {"", 1000000000UL};
	const char *rest = text;
	wide sum = 0;
	do {
		struct decimal number;
		const bool first = rest == text;
		if (!take_decimal(&rest, &number))
			goto none;
		const struct unit *unit = first && !*rest ? &second : take_unit(&rest);
		if (!unit)
			goto none;
		sum += scaled(number, unit->nanoseconds);
		if (sum > UINT64_MAX)
			return error_set(error, EINVAL, "'%s' is too long", text);
	} while (*rest);
	*nanoseconds = (uint64_t)sum;
	return 0;
none:
	return error_set(error, EINVAL, "'%s' is no duration, as 30s, 1m30s or 500ms are", text);
}

/* ── numbers and truth ───────────────────────────────────────────────────────────────────────── */

int quantity_whole(const char *text, uint64_t least, uint64_t most, uint64_t *number,
		   struct error *error)
{
	const char *rest = text;
	struct decimal value;
	if (!take_decimal(&rest, &value) || *rest || strchr(text, '.'))
		return error_set(error, EINVAL, "'%s' is no whole number", text);
	if (value.value < least || value.value > most)
		return error_set(error, EINVAL, "%s is not within %lu and %lu", text, least, most);
	*number = value.value;
	return 0;
}

int quantity_truth(const char *text, bool *truth, struct error *error)
{
	static const char *const yes[] = {"1", "t", "true", "y", "yes", "on"};
	static const char *const no[] = {"0", "f", "false", "n", "no", "off"};
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		*truth = !strcasecmp(text, yes[i]);
		if (*truth || !strcasecmp(text, no[i]))
			return 0;
	}
	return error_set(error, EINVAL, "'%s' is neither true nor false", text);
}
