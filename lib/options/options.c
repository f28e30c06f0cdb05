/* The parser of options; see options.h. */
#include "options/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "options/quantity.h"
#include "options/suggest.h"

/* An option as it was found on the command line. */
struct found_option {
	const struct option_spec *spec;
	void *values;
	const char *value; /* what follows "=", the letter or ":"; NULL: nothing */
	char shown[64];	   /* "--name" or "-x", for messages */
};

static void *member(const struct found_option *found)
{
	return (char *)found->values + found->spec->offset;
}

static int unknown_option(const struct option_set *sets, size_t set_count, const char *word,
			  struct error *error)
{
	char name[SUGGEST_WORD_MAX + 2];
	const char *begin = word + strspn(word, "-");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(begin, ":="), begin);
	struct suggestion suggestion;
	suggest_begin(&suggestion, name);
	for (size_t set = 0; set < set_count; set++)
		for (size_t i = 0; i < sets[set].count; i++)
			suggest_offer(&suggestion, sets[set].specs[i].name);
	if (suggestion.nearest)
		return error_set(error, EINVAL, "unknown option '%.64s': did you mean --%s?", word,
				 suggestion.nearest);
	return error_set(error, EINVAL, "unknown option '%.64s': see --help", word);
}

/* Both leave found->spec NULL where there is no such option. */
static void find_long(const struct option_set *sets, size_t set_count, const char *word,
		      struct found_option *found)
{
	const char *name = word + 2;
	size_t length = strcspn(name, ":=");
	for (size_t set = 0; set < set_count; set++) {
		for (size_t i = 0; i < sets[set].count; i++) {
			const char *known = sets[set].specs[i].name;
			const bool named = sets[set].specs[i].kind == OPTION_NAMED;
			if (strlen(known) != length || strncmp(known, name, length) != 0 ||
			    (name[length] == ':' && !named))
				continue;
			found->spec = &sets[set].specs[i];
			found->values = sets[set].values;
			found->value = name[length] ? name + length + 1 : NULL;
			snprintf(found->shown, sizeof(found->shown), "--%s", known);
			return;
		}
	}
}

static void find_short(const struct option_set *sets, size_t set_count, const char *word,
		       struct found_option *found)
{
	for (size_t set = 0; set < set_count; set++) {
		for (size_t i = 0; i < sets[set].count; i++) {
			if (sets[set].specs[i].letter != word[1])
				continue;
			found->spec = &sets[set].specs[i];
			found->values = sets[set].values;
			found->value = word[2] ? word + 2 : NULL;
			snprintf(found->shown, sizeof(found->shown), "-%c", word[1]);
			return;
		}
	}
}

static int set_choice(const struct found_option *found, struct error *error)
{
	const char *const *choices = found->spec->choices;
	struct suggestion suggestion;
	suggest_begin(&suggestion, found->value);
	char all[256] = "";
	for (int i = 0; choices[i]; i++) {
		if (!strcmp(choices[i], found->value)) {
			*(int *)member(found) = i;
			return 0;
		}
		suggest_offer(&suggestion, choices[i]);
		size_t used = strlen(all);
		snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "", choices[i]);
	}
	if (suggestion.nearest)
		return error_set(error, EINVAL, "%s: '%.64s' is none of %s: did you mean %s?",
				 found->shown, found->value, all, suggestion.nearest);
	return error_set(error, EINVAL, "%s: '%.64s' is none of %s", found->shown, found->value,
			 all);
}

static void format_number(enum option_kind kind, uint64_t number, char *out, size_t size)
{
	if (kind == OPTION_SIZE)
		quantity_format_size(out, size, number);
	else if (kind == OPTION_DURATION)
		quantity_format_duration(out, size, number);
	else if (kind == OPTION_DECIMAL)
		quantity_format_decimal(out, size, number);
	else
		snprintf(out, size, "%" PRIu64, number);
}

static int set_number(const struct found_option *found, struct error *error)
{
	const struct option_spec *spec = found->spec;
	uint64_t number = 0;
	int result;
	if (spec->kind == OPTION_SIZE)
		result = quantity_parse_size(found->value, &number, error);
	else if (spec->kind == OPTION_DURATION)
		result = quantity_parse_duration(found->value, &number, error);
	else if (spec->kind == OPTION_DECIMAL)
		result = quantity_parse_decimal(found->value, &number, error);
	else
		result = quantity_parse_count(found->value, &number, error);
	if (result) {
		error_wrap(error, "%s", found->shown);
		return -EINVAL;
	}
	if (spec->maximum && (number < spec->minimum || number > spec->maximum)) {
		char least[32], most[32];
		format_number(spec->kind, spec->minimum, least, sizeof(least));
		format_number(spec->kind, spec->maximum, most, sizeof(most));
		return error_set(error, EINVAL, "%s: '%.64s' is out of range: give %s to %s",
				 found->shown, found->value, least, most);
	}
	*(uint64_t *)member(found) = number;
	return 0;
}

static int add_to_list(const struct found_option *found, struct error *error)
{
	struct option_list *list = member(found);
	if (list->count == OPTION_LIST_MAX)
		return error_set(error, EINVAL, "too many %s: at most %d", found->shown,
				 OPTION_LIST_MAX);
	list->values[list->count++] = found->value;
	return 0;
}

/* "NAME=VALUE", both of which are there. */
static int add_named(const struct found_option *found, struct error *error)
{
	const char *value = found->value ? strchr(found->value, '=') : NULL;
	if (!value || value == found->value || !value[1])
		return error_set(error, EINVAL, "%s is given as %s:NAME=%s", found->shown,
				 found->shown, found->spec->argument);
	return add_to_list(found, error);
}

static int set_value(const struct found_option *found, struct error *error)
{
	switch (found->spec->kind) {
	case OPTION_FLAG:
		*(bool *)member(found) = true;
		return 0;
	case OPTION_STRING:
		if (!*found->value && !found->spec->value_optional)
			return error_set(error, EINVAL, "%s: '' names nothing", found->shown);
		*(const char **)member(found) = found->value;
		return 0;
	case OPTION_LIST:
		return add_to_list(found, error);
	case OPTION_NAMED:
		return add_named(found, error);
	case OPTION_CHOICE:
		return set_choice(found, error);
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_DURATION:
	case OPTION_DECIMAL:
		return set_number(found, error);
	}
	return error_set(error, EINVAL, "%s: unknown kind of option", found->shown);
}

/* Takes the option argv[*next], and the word behind it where that is its value. */
static int parse_option(const struct option_set *sets, size_t set_count, int argc, char **argv,
			int *next, struct error *error)
{
	const char *word = argv[(*next)++];
	struct found_option found = {0};
	if (word[1] == '-')
		find_long(sets, set_count, word, &found);
	else
		find_short(sets, set_count, word, &found);
	if (!found.spec)
		return unknown_option(sets, set_count, word, error);
	if (found.spec->kind == OPTION_NAMED) {
		/* Both in the same word: "--net NAME=tap0" would be another language. */
		if (word[strcspn(word, ":=")] != ':')
			found.value = NULL;
	} else if (found.spec->kind == OPTION_FLAG) {
		if (found.value)
			return error_set(error, EINVAL, "%s takes no value, but got '%.64s'",
					 found.shown, found.value);
	} else if (!found.value && found.spec->value_optional) {
		found.value = "";
	} else if (!found.value) {
		if (*next == argc)
			return error_set(error, EINVAL, "%s needs a value: %s=%s", found.shown,
					 found.shown, found.spec->argument);
		found.value = argv[(*next)++];
	}
	return set_value(&found, error);
}

int options_parse(const struct option_set *sets, size_t set_count, bool stop_at_operand, int argc,
		  char **argv, struct operands *operands, struct error *error)
{
	int kept = 0;
	bool options_over = false;
	for (int next = 0; next < argc;) {
		const char *word = argv[next];
		/* "-" alone is an operand: it means standard input to many a program. */
		if (options_over || word[0] != '-' || !word[1]) {
			options_over |= stop_at_operand;
			argv[kept++] = argv[next++];
		} else if (!strcmp(word, "--")) {
			options_over = true;
			next++;
		} else {
			int result = parse_option(sets, set_count, argc, argv, &next, error);
			if (result)
				return result;
		}
	}
	operands->words = argv;
	operands->count = (size_t)kept;
	return 0;
}

int options_parse_alone(const struct option_set *set, int argc, char **argv, struct error *error)
{
	struct operands operands;
	int result = options_parse(set, 1, false, argc, argv, &operands, error);
	if (!result && operands.count)
		result = error_set(error, EINVAL, "%s: no arguments are taken; see --help",
				   operands.words[0]);
	return result;
}

void options_format_value(const struct option_spec *spec, const void *values, char *out,
			  size_t size)
{
	const void *place = (const char *)values + spec->offset;
	const char *text = NULL;
	switch (spec->kind) {
	case OPTION_FLAG:
	case OPTION_LIST:
	case OPTION_NAMED:
		break;
	case OPTION_STRING:
		text = *(const char *const *)place;
		break;
	case OPTION_CHOICE:
		text = spec->choices[*(const int *)place];
		break;
	case OPTION_COUNT:
	case OPTION_SIZE:
	case OPTION_DURATION:
	case OPTION_DECIMAL:
		/* Below the minimum it means "not given": the help says what happens then. */
		if (*(const uint64_t *)place < spec->minimum)
			break;
		format_number(spec->kind, *(const uint64_t *)place, out, size);
		return;
	}
	snprintf(out, size, "%s", text ? text : "");
}
