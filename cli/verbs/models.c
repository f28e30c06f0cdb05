/* mayfly models: list, fetch, add, show and remove the models in the cache. */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command/verb.h"
#include "cli/installed/inventory.h"
#include "cli/installed/script.h"
#include "cli/models/add.h"
#include "cli/models/folder.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/json_text.h"
#include "util/paths.h"
#include "util/text.h"

struct models_values {
	bool json;
	struct model_addition addition;
};

static void print_table(const struct inventory *inventory, const char *cache)
{
	if (!inventory->count) {
		printf("no models in %s: get the usual ones with mayfly models fetch\n", cache);
		return;
	}
	printf("%-24s %-10s %10s  %s\n", "NAME", "TASK", "SIZE", "STATE");
	for (size_t i = 0; i < inventory->count; i++) {
		struct model_entry model = inventory->models[i];
		text_make_line(model.name, strlen(model.name));
		text_make_line(model.task, strlen(model.task));
		printf("%-24s %-10s %7.1f MB  %s\n", model.name, model.task,
		       (double)model.bytes / 1e6, inventory_state_name(model.state));
	}
}

static int print_json(const struct inventory *inventory, const char *cache, struct error *error)
{
	json_t *list = json_array();
	bool whole = true;
	for (size_t i = 0; i < inventory->count; i++) {
		const struct model_entry *model = &inventory->models[i];
		json_t *entry =
		    json_pack("{s:o, s:o, s:I, s:s}", "name", json_text(model->name), "task",
			      json_text(model->task), "bytes", (json_int_t)model->bytes, "state",
			      inventory_state_name(model->state));
		if (model->state == MODEL_BROKEN)
			whole &=
			    !json_object_set_new(entry, "problem", json_text(model->problem.text));
		whole &= !json_array_append_new(list, entry);
	}
	json_t *report = json_pack("{s:o, s:o}", "cache", json_text(cache), "models", list);
	int result = report && whole ? json_dumpf(report, stdout, JSON_INDENT(2)) : -1;
	json_decref(report);
	if (result)
		return error_set(error, EIO, "cannot write the list as JSON");
	putchar('\n');
	return 0;
}

/* Exit status 1 where a model is not what was installed, or cannot be used:
 * scripts want to know. */
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
		const struct model_entry *model = &inventory.models[i];
		if (model->state == MODEL_CHANGED)
			return error_set(error, EIO,
					 "model %s is not what was installed: run mayfly models "
					 "fetch %s",
					 model->name, model->name);
		if (model->state == MODEL_BROKEN)
			return error_set(error, EINVAL, "model %s cannot be used: %s", model->name,
					 model->problem.text);
	}
	return result;
}

#define FETCH "models/fetch.py"

/* The script would take a name that begins with a dash for an option. */
static int check_names(const struct operands *names, struct error *error)
{
	for (size_t i = 0; i < names->count; i++)
		if (!model_name_is_valid(names->words[i]) || names->words[i][0] == '-')
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

/* What was fetched is in the manifest, which the script keeps. */
static int remove_model(const char *name, struct error *error)
{
	char cache[PATH_MAX], folder[sizeof("models/") + MODEL_NAME_SIZE];
	enum model_state state = MODEL_OWN;
	const char *const arguments[] = {"--remove", name, NULL};
	snprintf(folder, sizeof(folder), "models/%s", name);
	int result = paths_cache(cache, sizeof(cache), "", error);
	if (!result)
		result = inventory_check_folder(cache, folder, &state, error);
	if (result)
		return result;
	return state == MODEL_OWN ? folder_remove(name, error)
				  : script_run(FETCH, arguments, error);
}

static int remove_models(const struct operands *names, struct error *error)
{
	int result = check_names(names, error);
	for (size_t i = 0; !result && i < names->count; i++)
		result = remove_model(names->words[i], error);
	return result;
}

#define MODELS_PART "cli/mayfly-models"

/* "--key=value", to be freed; NULL for an option that is not given. */
static int add_option(const char **words, size_t *used, const char *key, const char *value,
		      struct error *error)
{
	char *word = NULL;
	if (!value)
		return 0;
	if (asprintf(&word, "--%s=%s", key, value) < 0)
		return error_set(error, ENOMEM, "no memory for arguments");
	words[(*used)++] = word;
	return 0;
}

static int inspect(const char *word, const char *operand, const struct models_values *chosen,
		   struct error *error)
{
	const struct model_addition *addition = &chosen->addition;
	const char *words[OPTION_LIST_MAX + 10] = {0};
	size_t used = 0;
	int result = add_option(words, &used, "name", addition->name, error);
	if (!result)
		result = add_option(words, &used, "version", addition->version, error);
	if (!result)
		result = add_option(words, &used, "task", addition->task, error);
	if (!result)
		result = add_option(words, &used, "labels", addition->labels, error);
	for (size_t i = 0; !result && i < addition->settings.count; i++)
		result = add_option(words, &used, "set", addition->settings.values[i], error);
	const size_t owned = used;
	if (chosen->json)
		words[used++] = "--json";
	words[used++] = "--";
	words[used++] = word;
	words[used++] = operand;
	if (!result)
		result = program_run(MODELS_PART, words, error);
	for (size_t i = 0; i < owned; i++)
		free((char *)words[i]);
	return result;
}

static const struct verb_word models_words[] = {
    {"list", "", "list the installed models and check them (the default)", 0, 0},
    {"fetch", "[NAME...]", "fetch ONNX Runtime and the named models, or all that Mayfly knows", 0,
     OPERANDS_ANY, COMPLETE_FETCHED},
    {"add", "FILE", "install a model of your own: ONNX, TensorFlow Lite, SavedModel", 1, 1,
     COMPLETE_FILES},
    {"show", "NAME", "show what goes into a model and what comes out", 1, 1, COMPLETE_MODELS},
    {"remove", "NAME...", "remove models from the cache", 1, OPERANDS_ANY, COMPLETE_MODELS},
};

static bool has_addition(const struct model_addition *addition)
{
	return addition->name || addition->version || addition->task || addition->labels ||
	       addition->settings.count;
}

static int models_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct models_values *chosen = values;
	const char *word = operands->count ? operands->words[0] : "list";
	const struct operands names = {operands->words + 1,
				       operands->count ? operands->count - 1 : 0};
	if (chosen->json && strcmp(word, "list") != 0 && strcmp(word, "show") != 0)
		return error_set(error, EINVAL, "%s: --json is for list and show", word);
	if (strcmp(word, "add") != 0 && has_addition(&chosen->addition))
		return error_set(error, EINVAL,
				 "%s: --name, --version, --task, --labels and --set are for add",
				 word);
	if (!strcmp(word, "add"))
		return inspect(word, names.words[0], chosen, error);
	if (!strcmp(word, "show"))
		return inspect(word, names.words[0], chosen, error);
	if (!strcmp(word, "fetch"))
		return fetch(&names, error);
	if (!strcmp(word, "remove"))
		return remove_models(&names, error);
	return list(chosen->json, error);
}

static const struct models_values models_defaults = {0};

static const struct option_spec models_options[] = {
    {"json", 0, OPTION_FLAG, offsetof(struct models_values, json), NULL, "list or show as JSON"},
    {"name", 0, OPTION_STRING, offsetof(struct models_values, addition.name), "NAME",
     "add: what it is called; its file's name without this"},
    {"version", 0, OPTION_STRING, offsetof(struct models_values, addition.version), "VERSION",
     "add: which version of that name it is"},
    {"task", 0, OPTION_STRING, offsetof(struct models_values, addition.task), "TASK",
     "add: what it is for: tensors, classify, detect, pose, segment, depth"},
    {"labels", 0, OPTION_STRING, offsetof(struct models_values, addition.labels), "FILE",
     "add: the names of its classes, one a line", .takes_file = true},
    {"set", 0, OPTION_LIST, offsetof(struct models_values, addition.settings), "KEY=VALUE",
     "add: a line of its description"},
};

const struct verb verb_models = {
    .name = "models",
    .summary = "List, fetch, add, show and remove models",
    .usage = "[list | fetch [NAME...] | add FILE | show NAME | remove NAME...]",
    .description =
	"Models live in the cache, each in a folder of its own, together with ONNX Runtime. "
	"fetch gets them by package name and checks them against pinned hashes; what is "
	"there already is not fetched again. list checks them again, and so does each use. A "
	"folder that you made yourself is listed as 'own'; its description and labels are "
	"checked, too.\nadd looks into a model's file and installs it. Programs that give tensors "
	"and take tensors need no more than that (--task tensors); for a model of pictures it asks "
	"what the file does not tell, or says which option is missing where it cannot ask.",
    .options = models_options,
    .option_count = ARRAY_SIZE(models_options),
    .defaults = &models_defaults,
    .values_size = sizeof(models_defaults),
    .words = models_words,
    .word_count = ARRAY_SIZE(models_words),
    .word_optional = true,
    .run = models_run,
};
