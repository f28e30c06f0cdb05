/* Options and amounts: what is accepted, what is refused, and what the refusal says. */
#include "check.h"

#include <errno.h>

#include "cli/command/help.h"
#include "options/options.h"
#include "options/quantity.h"
#include "options/suggest.h"
#include "sizes/sizes.h"

struct values {
	bool quiet;
	const char *name, *stats;
	struct option_list environment, disks;
	uint64_t repeat, memory, timeout, cpus;
	int isolation;
};

static const char *const isolations[] = {"auto", "kvm", "process", NULL};

static const struct option_spec specs[] = {
    {"quiet", 'q', OPTION_FLAG, offsetof(struct values, quiet), NULL, "say less"},
    {"name", 'n', OPTION_STRING, offsetof(struct values, name), "NAME", "the name"},
    {"stats", 0, OPTION_STRING, offsetof(struct values, stats), "FILE", "write figures",
     .value_optional = true},
    {"env", 'e', OPTION_LIST, offsetof(struct values, environment), "K=V", "set a variable"},
    {"repeat", 0, OPTION_COUNT, offsetof(struct values, repeat), "N", "serve N times", .minimum = 1,
     .maximum = 1000000},
    {"memory", 'm', OPTION_SIZE, offsetof(struct values, memory), "SIZE", "memory",
     .minimum = 1 << 20, .maximum = 1ULL << 40},
    {"timeout", 0, OPTION_DURATION, offsetof(struct values, timeout), "TIME", "deadline"},
    {"isolation", 0, OPTION_CHOICE, offsetof(struct values, isolation), "ISOLATION",
     "what holds the guest", .choices = isolations},
    {"cpus", 0, OPTION_DECIMAL, offsetof(struct values, cpus), "NUMBER", "processors",
     .minimum = 10, .maximum = 1000000},
    {"disk", 0, OPTION_NAMED, offsetof(struct values, disks), "FILE", "a disk"},
};

#define SPEC_COUNT ARRAY_SIZE(specs)
#define WORDS_MAX  600

struct parsed {
	int result;
	struct values values;
	struct operands operands;
	struct error error;
	char *words[WORDS_MAX];
};

/* Parses the words of one line, parted by single spaces. */
static void parse(struct parsed *parsed, bool stop_at_operand, char *line)
{
	memset(parsed, 0, sizeof(*parsed));
	int count = 0;
	for (char *word = strtok(line, " "); word && count < WORDS_MAX; word = strtok(NULL, " "))
		parsed->words[count++] = word;
	const struct option_set set = {specs, SPEC_COUNT, &parsed->values};
	parsed->result = options_parse(&set, 1, stop_at_operand, count, parsed->words,
				       &parsed->operands, &parsed->error);
}

static void test_accepted_forms(void)
{
	struct parsed parsed;
	char line[] = "-q one --memory=64M --timeout 500ms -e A=1 -eB=2 two --env=C= --repeat 7 "
		      "--isolation=process --stats --cpus=1.5 -n x -- -q";
	parse(&parsed, false, line);
	CHECK_NUMBER(parsed.result, 0);
	CHECK(parsed.values.quiet);
	CHECK_NUMBER(parsed.values.memory, 64 << 20);
	CHECK_NUMBER(parsed.values.timeout, 500000000);
	CHECK_NUMBER(parsed.values.repeat, 7);
	CHECK_NUMBER(parsed.values.cpus, 1500);
	CHECK_NUMBER(parsed.values.isolation, 2);
	CHECK_TEXT(parsed.values.stats, "");
	CHECK_TEXT(parsed.values.name, "x");
	if (CHECK_NUMBER(parsed.values.environment.count, 3)) {
		CHECK_TEXT(parsed.values.environment.values[0], "A=1");
		CHECK_TEXT(parsed.values.environment.values[1], "B=2");
		CHECK_TEXT(parsed.values.environment.values[2], "C=");
	}
	if (CHECK_NUMBER(parsed.operands.count, 3)) {
		CHECK_TEXT(parsed.operands.words[0], "one");
		CHECK_TEXT(parsed.operands.words[1], "two");
		CHECK_TEXT(parsed.operands.words[2], "-q");
	}
}

static void test_optional_value_needs_equals(void)
{
	struct parsed parsed;
	char line[] = "--stats=file --stats other";
	parse(&parsed, false, line);
	CHECK_NUMBER(parsed.result, 0);
	CHECK_TEXT(parsed.values.stats, "");
	CHECK_NUMBER(parsed.operands.count, 1);
}

static void test_named_values(void)
{
	struct parsed parsed;
	char line[] = "--disk:a=x --disk:b:c=y=z --disk:a=@3";
	parse(&parsed, false, line);
	CHECK_NUMBER(parsed.result, 0);
	if (CHECK_NUMBER(parsed.values.disks.count, 3)) {
		CHECK_TEXT(parsed.values.disks.values[0], "a=x");
		CHECK_TEXT(parsed.values.disks.values[1], "b:c=y=z");
		CHECK_TEXT(parsed.values.disks.values[2], "a=@3");
	}
}

static void test_options_end_at_operand(void)
{
	struct parsed parsed;
	char line[] = "-q program --memory=nonsense -- -q";
	parse(&parsed, true, line);
	CHECK_NUMBER(parsed.result, 0);
	if (CHECK_NUMBER(parsed.operands.count, 4)) {
		CHECK_TEXT(parsed.operands.words[1], "--memory=nonsense");
		CHECK_TEXT(parsed.operands.words[2], "--");
	}
	char dash[] = "-q - x";
	parse(&parsed, false, dash);
	CHECK_NUMBER(parsed.result, 0);
	CHECK_NUMBER(parsed.operands.count, 2);
}

static void test_refused_forms(void)
{
	static const struct {
		const char *line, *says;
	} cases[] = {
	    {"--memry=1M", "unknown option '--memry=1M': did you mean --memory?"},
	    {"--xylophone", "unknown option '--xylophone': see --help"},
	    {"-z", "unknown option '-z': see --help"},
	    {"--disk", "--disk is given as --disk:NAME=FILE"},
	    {"--disk a=b", "--disk is given as --disk:NAME=FILE"},
	    {"--disk=a=b", "--disk is given as --disk:NAME=FILE"},
	    {"--disk=a:b=c", "--disk is given as --disk:NAME=FILE"},
	    {"--disk:", "--disk is given as --disk:NAME=FILE"},
	    {"--disk:a", "--disk is given as --disk:NAME=FILE"},
	    {"--disk:a=", "--disk is given as --disk:NAME=FILE"},
	    {"--disk:=b", "--disk is given as --disk:NAME=FILE"},
	    {"--disc:a=b", "unknown option '--disc:a=b': did you mean --disk?"},
	    {"--memory:a=1M", "unknown option '--memory:a=1M': did you mean --memory?"},
	    {"--quiet=yes", "--quiet takes no value, but got 'yes'"},
	    {"-qq", "-q takes no value, but got 'q'"},
	    {"--name", "--name needs a value: --name=NAME"},
	    {"--isolation=kvn", "--isolation: 'kvn' is none of auto, kvm, process: did you mean "
				"kvm?"},
	    {"--isolation=hypervisor", "--isolation: 'hypervisor' is none of auto, kvm, "
				       "process"},
	    {"--memory=1x", "--memory: '1x' is not a size: write digits and K, M, G or T, for "
			    "example 64M"},
	    {"--memory=", "--memory: '' is not a size: write digits and K, M, G or T, for "
			  "example 64M"},
	    {"--memory=-1", "--memory: '-1' is not a size: write digits and K, M, G or T, for "
			    "example 64M"},
	    {"--memory=4K", "--memory: '4K' is out of range: give 1M to 1T"},
	    {"--memory=16777216T", "--memory: '16777216T' is too large"},
	    {"--repeat=0", "--repeat: '0' is out of range: give 1 to 1000000"},
	    {"--repeat=1k", "--repeat: '1k' is not a number: write digits only"},
	    {"--timeout=1d", "--timeout: '1d' is not a duration: write digits and ns, us, ms, "
			     "s, m or h, for example 30s or 500ms"},
	    {"--cpus=two", "--cpus: 'two' is not a number: write digits, and up to three behind a "
			   "point, for example 1.5"},
	    {"--cpus=0.009", "--cpus: '0.009' is out of range: give 0.01 to 1000"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct parsed parsed;
		char line[128];
		snprintf(line, sizeof(line), "%s", cases[i].line);
		parse(&parsed, false, line);
		CHECK_NUMBER(parsed.result, -EINVAL);
		CHECK_TEXT(parsed.error.text, cases[i].says);
	}
}

static void test_limits(void)
{
	struct parsed parsed;
	char *words[OPTION_LIST_MAX + 1];
	static char word[] = "-ex";
	for (int i = 0; i <= OPTION_LIST_MAX; i++)
		words[i] = word;
	const struct option_set set = {specs, SPEC_COUNT, &parsed.values};
	memset(&parsed, 0, sizeof(parsed));
	CHECK_NUMBER(
	    options_parse(&set, 1, false, OPTION_LIST_MAX, words, &parsed.operands, &parsed.error),
	    0);
	CHECK_NUMBER(parsed.values.environment.count, OPTION_LIST_MAX);
	memset(&parsed, 0, sizeof(parsed));
	for (int i = 0; i <= OPTION_LIST_MAX; i++)
		words[i] = word;
	CHECK_NUMBER(options_parse(&set, 1, false, OPTION_LIST_MAX + 1, words, &parsed.operands,
				   &parsed.error),
		     -EINVAL);
	CHECK_TEXT(parsed.error.text, "too many -e: at most 256");

	char long_name[600] = "--";
	memset(long_name + 2, 'x', sizeof(long_name) - 3);
	long_name[sizeof(long_name) - 1] = 0;
	parse(&parsed, false, long_name);
	CHECK_NUMBER(parsed.result, -EINVAL);
}

static void test_quantities(void)
{
	uint64_t amount = 0;
	struct error error;
	CHECK(!quantity_parse_size("1KiB", &amount, &error) && amount == 1024);
	CHECK(!quantity_parse_size("512", &amount, &error) && amount == 512);
	CHECK(!quantity_parse_size("0", &amount, &error) && amount == 0);
	CHECK(!quantity_parse_size("18446744073709551615B", &amount, &error) &&
	      amount == UINT64_MAX);
	CHECK_NUMBER(quantity_parse_size("18446744073709551616", &amount, &error), -ERANGE);
	CHECK_NUMBER(quantity_parse_size("99999999999999999999999999", &amount, &error), -ERANGE);
	CHECK_NUMBER(quantity_parse_size(" 1", &amount, &error), -EINVAL);
	CHECK_NUMBER(quantity_parse_size("1 M", &amount, &error), -EINVAL);
	CHECK_NUMBER(quantity_parse_size("0x10", &amount, &error), -EINVAL);
	CHECK_NUMBER(quantity_parse_size("1.5G", &amount, &error), -EINVAL);
	CHECK(!quantity_parse_duration("2", &amount, &error) && amount == 2000000000U);
	CHECK(!quantity_parse_duration("3m", &amount, &error) && amount == 180000000000U);
	CHECK_NUMBER(quantity_parse_duration("9999999999h", &amount, &error), -ERANGE);

	CHECK(!quantity_parse_decimal("2", &amount, &error) && amount == 2000);
	CHECK(!quantity_parse_decimal("0.05", &amount, &error) && amount == 50);
	CHECK(!quantity_parse_decimal("12.345", &amount, &error) && amount == 12345);
	CHECK(!quantity_parse_decimal("18446744073709551.615", &amount, &error) &&
	      amount == UINT64_MAX);
	CHECK_NUMBER(quantity_parse_decimal("18446744073709551.616", &amount, &error), -ERANGE);
	CHECK_NUMBER(quantity_parse_decimal("18446744073709552", &amount, &error), -ERANGE);
	static const char *const no_decimals[] = {"",	 ".",  "1.",  ".5",   "1.2345",
						  "1,5", "-1", "1e3", "1.5 ", "1.5.5"};
	for (size_t i = 0; i < ARRAY_SIZE(no_decimals); i++)
		if (!CHECK_NUMBER(quantity_parse_decimal(no_decimals[i], &amount, &error), -EINVAL))
			fprintf(stderr, "  of '%s'\n", no_decimals[i]);

	char text[32];
	quantity_format_decimal(text, sizeof(text), 1500);
	CHECK_TEXT(text, "1.5");
	quantity_format_decimal(text, sizeof(text), 10);
	CHECK_TEXT(text, "0.01");
	quantity_format_decimal(text, sizeof(text), 12005);
	CHECK_TEXT(text, "12.005");
	quantity_format_decimal(text, sizeof(text), 2000);
	CHECK_TEXT(text, "2");
	quantity_format_size(text, sizeof(text), 64 << 20);
	CHECK_TEXT(text, "64M");
	quantity_format_size(text, sizeof(text), 1025);
	CHECK_TEXT(text, "1025");
	quantity_format_duration(text, sizeof(text), 30000000000ULL);
	CHECK_TEXT(text, "30s");
	quantity_format_duration(text, sizeof(text), 1500000000ULL);
	CHECK_TEXT(text, "1500ms");
}

static void test_suggestions(void)
{
	struct suggestion suggestion;
	suggest_begin(&suggestion, "dcotor");
	suggest_offer(&suggestion, "models");
	CHECK(!suggestion.nearest);
	suggest_offer(&suggestion, "doctor");
	CHECK_TEXT(suggestion.nearest, "doctor");
	CHECK_NUMBER(suggestion.distance, 1);
	suggest_begin(&suggestion, "");
	suggest_offer(&suggestion, "run");
	CHECK(!suggestion.nearest);
}

static void test_forms_in_help(void)
{
	char text[128];
	help_format_option(&specs[0], text, sizeof(text));
	CHECK_TEXT(text, "--quiet");
	help_format_option(&specs[2], text, sizeof(text));
	CHECK_TEXT(text, "--stats[=FILE]");
	help_format_option(&specs[7], text, sizeof(text));
	CHECK_TEXT(text, "--isolation=auto|kvm|process");
	const struct values defaults = {.memory = 64 << 20};
	help_format_meaning(&specs[5], &defaults, text, sizeof(text));
	CHECK_TEXT(text, "memory (default: 64M)");
}

int main(void)
{
	test_accepted_forms();
	test_optional_value_needs_equals();
	test_named_values();
	test_options_end_at_operand();
	test_refused_forms();
	test_limits();
	test_quantities();
	test_suggestions();
	test_forms_in_help();
	return check_status();
}
