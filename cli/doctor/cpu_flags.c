/* The processor's features; see cpu_flags.h. */
#include "cli/doctor/cpu_flags.h"

#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

/* The text behind ": " in a line of /proc/cpuinfo that begins with `key`; NULL for other lines. */
static const char *value_of(char *line, const char *key)
{
	size_t length = strlen(key);
	if (strncmp(line, key, length) != 0 || (line[length] != '\t' && line[length] != ' '))
		return NULL;
	line[strcspn(line, "\n")] = 0;
	const char *colon = strstr(line + length, ": ");
	return colon ? colon + 2 : NULL;
}

void cpu_flags_read(struct cpu_flags *flags)
{
	memset(flags, 0, sizeof(*flags));
	cleanup_fclose FILE *file = fopen("/proc/cpuinfo", "re");
	cleanup_free char *line = NULL;
	size_t room = 0;
	/* All processors of a machine are taken to be like the first. */
	while (file && !flags->words[0] && getline(&line, &room, file) >= 0) {
		const char *value = value_of(line, "model name");
		if (value)
			snprintf(flags->model, sizeof(flags->model), "%s", value);
		value = value_of(line, "flags");
		if (value)
			snprintf(flags->words, sizeof(flags->words), " %s ", value);
	}
}

bool cpu_flags_have(const struct cpu_flags *flags, const char *word)
{
	char wanted[64];
	int length = snprintf(wanted, sizeof(wanted), " %s ", word);
	return length > 0 && (size_t)length < sizeof(wanted) && strstr(flags->words, wanted);
}
