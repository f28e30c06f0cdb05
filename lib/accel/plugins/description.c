/* The parser of descriptions of plugins; see description.h. One table says which keys there are. */
#include "accel/plugins/description.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sizes/sizes.h"
#include "vaccel.h"

#define PRIORITY_USUAL 10

struct parser {
	struct plugin_description *description;
	struct error *error;
	unsigned line;
	const char *key;
};

static int fail(const struct parser *parser, const char *what)
{
	return error_set(parser->error, EINVAL, "%s:%u: %s %s", parser->description->file,
			 parser->line, parser->key, what);
}

static int parse_flag(struct parser *parser, const char *value, bool *flag)
{
	bool yes = !strcmp(value, "yes");
	if (!yes && strcmp(value, "no") != 0)
		return fail(parser, "is yes or no");
	*flag = yes;
	return 0;
}

static int parse_default(struct parser *parser, char *value)
{
	return parse_flag(parser, value, &parser->description->by_default);
}

static int parse_awaited(struct parser *parser, char *value)
{
	return parse_flag(parser, value, &parser->description->awaited);
}

static int parse_computes(struct parser *parser, char *value)
{
	return parse_flag(parser, value, &parser->description->computes);
}

static int parse_runs_code(struct parser *parser, char *value)
{
	bool runs_code = true;
	int result = parse_flag(parser, value, &runs_code);
	parser->description->harmless = !runs_code;
	return result;
}

static int parse_priority(struct parser *parser, char *value)
{
	char *end;
	errno = 0;
	long number = strtol(value, &end, 10);
	if (errno || end == value || *end || number < 0 || number > PLUGIN_PRIORITY_MAX)
		return fail(parser, "is a whole number from 0 to 1000");
	parser->description->priority = (int)number;
	return 0;
}

static int parse_kinds(struct parser *parser, char *value)
{
	static const struct {
		const char *name;
		uint32_t bit;
	} kinds[] = {{"cpu", VACCEL_PLUGIN_CPU},
		     {"gpu", VACCEL_PLUGIN_GPU},
		     {"fpga", VACCEL_PLUGIN_FPGA},
		     {"software", VACCEL_PLUGIN_SOFTWARE},
		     {"tensorflow", VACCEL_PLUGIN_TENSORFLOW},
		     {"torch", VACCEL_PLUGIN_TORCH},
		     {"jetson", VACCEL_PLUGIN_JETSON},
		     {"generic", VACCEL_PLUGIN_GENERIC},
		     {"debug", VACCEL_PLUGIN_DEBUG}};
	uint32_t bits = 0;
	for (char *word; (word = strsep(&value, " \t"));) {
		size_t i = 0;
		if (!*word)
			continue;
		while (i < ARRAY_SIZE(kinds) && strcmp(word, kinds[i].name) != 0)
			i++;
		if (i == ARRAY_SIZE(kinds))
			return fail(parser, "are some of: cpu gpu fpga software tensorflow torch "
					    "jetson generic debug");
		bits |= kinds[i].bit;
	}
	parser->description->kinds = bits;
	return 0;
}

/* A name is looked for beside the description. */
static int parse_library(struct parser *parser, char *value)
{
	struct plugin_description *description = parser->description;
	const char *slash = strrchr(description->file, '/');
	int folder = *value == '/' || !slash ? 0 : (int)(slash + 1 - description->file);
	int length = snprintf(description->library, sizeof(description->library), "%.*s%s", folder,
			      description->file, value);
	return length < 0 || (size_t)length >= sizeof(description->library)
		   ? fail(parser, "is too long")
		   : 0;
}

static int parse_needs(struct parser *parser, char *value)
{
	struct plugin_description *description = parser->description;
	if (strlen(value) >= sizeof(description->needs))
		return fail(parser, "is too long");
	memcpy(description->needs, value, strlen(value) + 1);
	return 0;
}

static const struct {
	const char *name;
	int (*parse)(struct parser *parser, char *value);
} keys[] = {
    {"awaited", parse_awaited},	  {"computes", parse_computes},	  {"default", parse_default},
    {"kinds", parse_kinds},	  {"library", parse_library},	  {"needs", parse_needs},
    {"priority", parse_priority}, {"runs_code", parse_runs_code},
};

static const char blanks[] = " \t\r";

static int parse_line(struct parser *parser, char *line)
{
	line += strspn(line, blanks);
	size_t length = strlen(line);
	while (length && strchr(blanks, line[length - 1]))
		line[--length] = 0;
	if (!*line || *line == '#')
		return 0;
	size_t word = strcspn(line, blanks);
	char *value = line + word + strspn(line + word, blanks);
	line[word] = 0;
	parser->key = line;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(line, keys[i].name))
			return *value ? keys[i].parse(parser, value) : fail(parser, "has no value");
	return fail(parser, "is no key of a plugin's description");
}

int plugin_description_parse(struct plugin_description *description, char *text, size_t length,
			     struct error *error)
{
	struct parser parser = {.description = description, .error = error, .key = ""};
	if (memchr(text, 0, length))
		return error_set(error, EINVAL, "%s: is no text", description->file);
	int result = 0;
	description->priority = PRIORITY_USUAL;
	for (char *line; !result && (line = strsep(&text, "\n"));) {
		parser.line++;
		result = parse_line(&parser, line);
	}
	if (result || description->library[0])
		return result;
	char usual[PLUGIN_NAME_SIZE + sizeof("libvaccel-.so")];
	snprintf(usual, sizeof(usual), "libvaccel-%s.so", description->name);
	parser.key = "library";
	return parse_library(&parser, usual);
}
