/* The table of verbs, and the options that all of them share; see verb.h. */
#include "cli/verb.h"

#include <string.h>

const struct verb *const verbs[] = {
    &verb_run,	      &verb_snapshot, &verb_doctor,  &verb_models, &verb_root,
    &verb_completion, &verb_help,     &verb_version, NULL,
};

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

const struct option_spec common_options[] = {
    {"help", 'h', OPTION_FLAG, offsetof(struct common_values, help), NULL,
     "show this help and do nothing else"},
    {"log", 0, OPTION_CHOICE, offsetof(struct common_values, log_level), "LEVEL",
     "log up to this level, as the variable MAYFLY_LOG does", .choices = log_levels},
};

const size_t common_option_count = sizeof(common_options) / sizeof(common_options[0]);

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; verbs[i]; i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}
