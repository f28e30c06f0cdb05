/* Options with names; see named.h. */
#include "options/named.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *join(const char *option, const char *value)
{
	char *text;
	return asprintf(&text, "%s:%s", option, value) < 0 ? NULL : text;
}

int options_join_named(const struct option_named *named, size_t count, const char ***texts,
		       struct error *error)
{
	size_t total = 0;
	for (size_t i = 0; i < count; i++)
		total += named[i].list->count;
	const char **all = calloc(total + 1, sizeof(*all));
	size_t made = 0;
	for (size_t i = 0; all && i < count; i++) {
		for (size_t j = 0; j < named[i].list->count; j++) {
			all[made] = join(named[i].option, named[i].list->values[j]);
			made += all[made] ? 1 : 0;
		}
	}
	if (all && made == total) {
		*texts = all;
		return 0;
	}
	options_free_named(all);
	return error_set(error, ENOMEM, "no memory for options");
}

void options_free_named(const char **texts)
{
	for (size_t i = 0; texts && texts[i]; i++)
		free((char *)texts[i]);
	free(texts);
}
