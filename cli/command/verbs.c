/* The table of verbs, and the options that all of them share; see verb.h. */
#include "cli/command/verb.h"

#include <errno.h>
#include <string.h>

#include "options/suggest.h"
#include "sizes/sizes.h"

const struct verb *const verbs[] = {
    &verb_run,	    &verb_snapshot, &verb_up,	    &verb_down,	      &verb_build,
    &verb_deploy,   &verb_ls,	    &verb_describe, &verb_invoke,     &verb_logs,
    &verb_rm,	    &verb_scale,    &verb_secret,   &verb_login,      &verb_revisions,
    &verb_rollback, &verb_split,    &verb_calls,    &verb_doctor,     &verb_models,
    &verb_root,	    &verb_accel,    &verb_acceld,   &verb_completion, &verb_help,
    &verb_version,  NULL,
};

static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

const struct option_spec common_options[] = {
    {"help", 'h', OPTION_FLAG, offsetof(struct common_values, help), NULL,
     "show this help and do nothing else"},
    {"log", 0, OPTION_CHOICE, offsetof(struct common_values, log_level), "LEVEL",
     "write messages of this level and of more urgent ones; MAYFLY_LOG sets the same",
     .choices = log_levels},
};

const size_t common_option_count = ARRAY_SIZE(common_options);

const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; verbs[i]; i++)
		if (!strcmp(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

int verb_unknown(const char *name, struct error *error)
{
	struct suggestion suggestion;
	suggest_begin(&suggestion, name);
	for (size_t i = 0; verbs[i]; i++)
		suggest_offer(&suggestion, verbs[i]->name);
	if (suggestion.nearest)
		return error_set(error, EINVAL, "unknown verb '%.64s': did you mean %s?", name,
				 suggestion.nearest);
	return error_set(error, EINVAL, "unknown verb '%.64s': see mayfly --help", name);
}

const char *completion_kind_name(enum completion_kind kind)
{
	switch (kind) {
	case COMPLETE_MODELS:
		return "models";
	case COMPLETE_FETCHED:
		return "fetched";
	case COMPLETE_HOSTS:
		return "hosts";
	case COMPLETE_VERBS:
		return "verbs";
	case COMPLETE_DEPLOYED:
		return "deployed";
	case COMPLETE_SECRETS:
		return "secrets";
	case COMPLETE_NOTHING:
	case COMPLETE_FILES:
	case COMPLETE_PROGRAMS:
	case COMPLETE_IMAGES:
		break;
	}
	return NULL;
}
