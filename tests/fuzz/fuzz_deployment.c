/* Deployments, as the gateway's clients write them: lines "TAG KEY VALUE", of which the record is made as the
 * HTTP worker makes it. Also command lines and amounts by themselves. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "images/command_line.h"
#include "images/deployment.h"
#include "images/quantities.h"
#include "images/source.h"
#include "link/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

static uint16_t tag_of(char letter)
{
	switch (letter) {
	case 'i':
		return FIELD_IMAGE;
	case 'p':
		return FIELD_PROCESS;
	case 'e':
		return FIELD_ENVIRONMENT;
	case 'l':
		return FIELD_LIMIT;
	case 'r':
		return FIELD_REQUEST;
	case 'b':
		return FIELD_LABEL;
	default:
		return FIELD_ANNOTATION;
	}
}

/* "l memory 1Gi" */
static void add_line(struct record *record, char *line)
{
	char *key = line[0] && line[1] ? line + 2 : line + strlen(line);
	char *value = strchr(key, ' ');
	if (value)
		*value++ = 0;
	record_add(record, tag_of(*line), value ? key : "", value ? strlen(key) : 0,
		   value ? value : key, strlen(value ? value : key));
}

static void read_deployment(char *text)
{
	struct record record = RECORD_EMPTY;
	struct deployment deployment;
	struct error error = {0};
	record_add_text(&record, FIELD_IMAGE, "/bin/true");
	for (char *line; (line = strsep(&text, "\n")) != NULL;)
		add_line(&record, line);
	if (!deployment_read(record_of(&record), &deployment, &error)) {
		check(deployment.minimum <= deployment.maximum && deployment.maximum <= 1024);
		check(deployment.split <= 100 && deployment.timeout_ns);
	} else {
		check(error.code > 0 && *error.text);
	}
	deployment_release(&deployment);
	record_release(&record);
}

static void read_parts(const char *text)
{
	struct image_source source;
	unsigned __int128 thousandths;
	uint64_t number;
	char **words;
	if (!quantity_of(text, &thousandths, NULL))
		check(thousandths <= (unsigned __int128)UINT64_MAX * 1000);
	quantity_duration(text, &number, NULL);
	if (!command_line_split(text, &words, NULL)) {
		size_t length = 0;
		check(words[0] != NULL);
		for (char **word = words; *word; word++)
			length += strlen(*word);
		check(length <= strlen(text));
		free(words);
	}
	/* Only names: paths would be opened. */
	if (!strchr(text, '/'))
		image_source_find(text, NULL, &source, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	read_parts(text);
	read_deployment(text);
	free(text);
	return 0;
}
