/* Settings of a host as people are shown them: nothing in a value is obeyed by a terminal. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "util/host_settings.h"

static void show(const char *value, const char *wanted)
{
	char *text = NULL, line[256];
	struct error error = {0};
	CHECK_NUMBER(setenv("MAYFLY_MODEL_DETECT", value, 1), 0);
	CHECK_NUMBER(host_settings_describe(&text, &error), 0);
	snprintf(line, sizeof(line), "MAYFLY_MODEL_DETECT=%s\n", wanted);
	if (!CHECK(text && strstr(text, line)))
		fprintf(stderr, "%s\n", text ? text : error.text);
	free(text);
}

int main(void)
{
	show("plain", "plain");
	show("sch\303\266n \342\202\254", "sch\303\266n \342\202\254");
	show("back\\slash", "back\\\\slash");
	show("a\nb\tc\177", "a\\x0ab\\x09c\\x7f");
	/* Control characters of one and of two bytes, and what turns the writing. */
	show("\033[31m", "\\x1b[31m");
	show("\302\2332J", "\\xc2\\x9b2J");
	show("\302\200\302\237", "\\xc2\\x80\\xc2\\x9f");
	show("a\342\200\256b", "a\\xe2\\x80\\xaeb");
	/* Some terminals take a lone byte for one, too. */
	show("\2332J", "\\x9b2J");
	show("\342\202", "\\xe2\\x82");
	return check_status();
}
