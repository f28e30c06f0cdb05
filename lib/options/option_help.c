/* Options as a person reads them; see option_help.h. */
#include "options/option_help.h"

#include <string.h>

#define LINE_WIDTH   80
#define TERM_COLUMN  2
#define HELP_COLUMN  28
#define OPTION_WIDTH 128

static size_t print_spaces(FILE *out, size_t count)
{
	fprintf(out, "%*s", (int)count, "");
	return count;
}

void help_print_wrapped(FILE *out, const char *text, size_t column, size_t indent)
{
	bool line_begins = true;
	while (*text) {
		size_t length = strcspn(text, " \n");
		if (!line_begins && column + 1 + length > LINE_WIDTH) {
			fputc('\n', out);
			column = print_spaces(out, indent);
			line_begins = true;
		}
		if (!line_begins) {
			fputc(' ', out);
			column++;
		}
		fwrite(text, 1, length, out);
		column += length;
		line_begins = false;
		text += length;
		if (*text == '\n') {
			fputs("\n\n", out);
			column = print_spaces(out, indent);
			line_begins = true;
		}
		if (*text)
			text++;
	}
	fputc('\n', out);
}

void help_print_entry(FILE *out, const char *term, const char *meaning)
{
	size_t column = print_spaces(out, TERM_COLUMN) + strlen(term);
	fputs(term, out);
	if (column + 2 > HELP_COLUMN) {
		fputc('\n', out);
		column = 0;
	}
	column += print_spaces(out, HELP_COLUMN - column);
	help_print_wrapped(out, meaning, column, HELP_COLUMN);
}

void help_format_option(const struct option_spec *spec, char *out, size_t size)
{
	if (spec->kind == OPTION_FLAG)
		snprintf(out, size, "--%s", spec->name);
	else if (spec->kind == OPTION_NAMED)
		snprintf(out, size, "--%s:NAME=%s", spec->name, spec->argument);
	else if (spec->value_optional)
		snprintf(out, size, "--%s[=%s]", spec->name, spec->argument);
	else
		snprintf(out, size, "--%s=%s", spec->name, spec->argument);
	if (spec->kind != OPTION_CHOICE)
		return;
	snprintf(out, size, "--%s=", spec->name);
	for (size_t i = 0; spec->choices[i]; i++) {
		size_t used = strlen(out);
		snprintf(out + used, size - used, "%s%s", i ? "|" : "", spec->choices[i]);
	}
}

void help_format_meaning(const struct option_spec *spec, const void *defaults, char *out,
			 size_t size)
{
	char value[64] = "";
	if (defaults)
		options_format_value(spec, defaults, value, sizeof(value));
	const bool repeats = spec->kind == OPTION_LIST || spec->kind == OPTION_NAMED;
	const char *again = repeats ? "; may be given more than once" : "";
	if (*value)
		snprintf(out, size, "%s%s (default: %s)", spec->help, again, value);
	else
		snprintf(out, size, "%s%s", spec->help, again);
}

void help_print_options(FILE *out, const struct option_spec *specs, size_t count,
			const void *defaults)
{
	for (size_t i = 0; i < count; i++) {
		char form[OPTION_WIDTH], term[OPTION_WIDTH + 8], meaning[512];
		help_format_option(&specs[i], form, sizeof(form));
		if (specs[i].letter)
			snprintf(term, sizeof(term), "-%c, %s", specs[i].letter, form);
		else
			snprintf(term, sizeof(term), "    %s", form);
		help_format_meaning(&specs[i], defaults, meaning, sizeof(meaning));
		help_print_entry(out, term, meaning);
	}
}
