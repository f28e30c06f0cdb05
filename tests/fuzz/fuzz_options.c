/* Fuzzes the parser of options: the input is split at newlines into the words of a command line.
 *
 * Beyond not crashing, what comes out must keep the promises of options.h: numbers within their
 * limits, choices that exist, operands that were among the words.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "options/options.h"
#include "sizes/sizes.h"

#define WORDS_MAX  400
#define SIZE_MIN   4096
#define SIZE_LIMIT (1ULL << 40)

#define DECIMAL_LIMIT 1000000

struct values {
	bool flag;
	const char *text, *optional;
	struct option_list list, named;
	uint64_t count, size, duration, decimal;
	int choice;
};

static const char *const choices[] = {"auto", "kvm", "process", NULL};

static const struct option_spec specs[] = {
    {"flag", 'f', OPTION_FLAG, offsetof(struct values, flag)},
    {"text", 't', OPTION_STRING, offsetof(struct values, text), "TEXT"},
    {"optional", 0, OPTION_STRING, offsetof(struct values, optional), "FILE",
     .value_optional = true},
    {"list", 'l', OPTION_LIST, offsetof(struct values, list), "WORD"},
    {"named", 0, OPTION_NAMED, offsetof(struct values, named), "WORD"},
    {"count", 'c', OPTION_COUNT, offsetof(struct values, count), "N"},
    {"size", 's', OPTION_SIZE, offsetof(struct values, size), "SIZE", .minimum = SIZE_MIN,
     .maximum = SIZE_LIMIT},
    {"duration", 'd', OPTION_DURATION, offsetof(struct values, duration), "TIME"},
    {"decimal", 0, OPTION_DECIMAL, offsetof(struct values, decimal), "NUMBER",
     .maximum = DECIMAL_LIMIT},
    {"choice", 0, OPTION_CHOICE, offsetof(struct values, choice), "CHOICE", .choices = choices},
};

static void expect(bool promise)
{
	if (!promise)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	expect(text);
	memcpy(text, data, size);
	text[size] = 0;
	char *words[WORDS_MAX];
	int word_count = 0;
	char *rest = text;
	for (char *word; word_count < WORDS_MAX && (word = strsep(&rest, "\n"));)
		words[word_count++] = word;

	struct values values = {.size = SIZE_MIN};
	const struct option_set set = {specs, ARRAY_SIZE(specs), &values};
	struct operands operands;
	struct error error = {0};
	int result = options_parse(&set, 1, size & 1, word_count, words, &operands, &error);
	if (result) {
		expect(result == -22 && error.text[0] && !strchr(error.text, '\n'));
	} else {
		expect(operands.count <= (size_t)word_count);
		for (size_t i = 0; i < operands.count; i++)
			expect(operands.words[i] >= text && operands.words[i] <= text + size);
	}
	expect(values.size >= SIZE_MIN && values.size <= SIZE_LIMIT);
	expect(values.decimal <= DECIMAL_LIMIT);
	expect(values.choice >= 0 && values.choice < 3);
	expect(values.list.count <= OPTION_LIST_MAX && values.named.count <= OPTION_LIST_MAX);
	for (size_t i = 0; i < values.named.count; i++)
		expect(strchr(values.named.values[i], '=') > values.named.values[i]);
	free(text);
	return 0;
}
