/* Adding models; see add.h. */
#include "cli/models/add.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/models/draft.h"
#include "cli/models/folder.h"
#include "cli/models/inspection.h"
#include "models/format.h"
#include "util/cleanup.h"
#include "util/file.h"

#define ANSWER_SIZE PATH_MAX

struct entry {
	char name[MODEL_NAME_SIZE]; /* with the version */
	char *description;	    /* NULL: none */
	uint8_t *labels;
	size_t labels_length;
};

static void entry_release(struct entry *entry)
{
	free(entry->description);
	free(entry->labels);
}

static bool may_ask(void)
{
	return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* The file's name without its ending, and with what names cannot have made '-'. */
static void propose_name(const char *file, char name[MODEL_NAME_SIZE])
{
	size_t length = strlen(file);
	while (length && file[length - 1] == '/')
		length--;
	const char *begin = file + length;
	while (begin > file && begin[-1] != '/')
		begin--;
	length -= (size_t)(begin - file);
	const char *dot = memrchr(begin, '.', length);
	if (dot && dot > begin)
		length = (size_t)(dot - begin);
	snprintf(name, MODEL_NAME_SIZE, "%.*s", (int)length, begin);
	for (char *at = name; *at; at++) {
		char single[] = {*at, 0};
		if (!model_name_is_valid(single) && *at != '.')
			*at = '-';
	}
	if (*name == '.')
		*name = '-';
}

static int choose_name(const char *file, const struct model_addition *addition, struct entry *entry,
		       struct error *error)
{
	char proposed[MODEL_NAME_SIZE], answer[ANSWER_SIZE];
	propose_name(file, proposed);
	snprintf(answer, sizeof(answer), "%s", addition->name ? addition->name : proposed);
	if (!addition->name && may_ask()) {
		int result = draft_ask("Name", proposed, answer, sizeof(answer), error);
		if (result)
			return result;
	}
	const char *version = addition->version;
	int length = snprintf(entry->name, sizeof(entry->name), "%s%s%s", answer,
			      version ? "@" : "", version ? version : "");
	if (length >= (int)sizeof(entry->name) || strchr(answer, '@') || entry->name[0] == '-' ||
	    !model_name_is_valid(entry->name))
		return error_set(error, EINVAL,
				 "\"%.80s\" is no name of a model: letters, digits, '.', '_' and "
				 "'-' are taken, %d with the version",
				 entry->name, MODEL_NAME_SIZE - 1);
	return 0;
}

static int choose_task(const struct model_addition *addition, const char **task,
		       struct error *error)
{
	char words[128] = "", answer[64];
	for (size_t i = 0; draft_tasks[i]; i++)
		snprintf(words + strlen(words), sizeof(words) - strlen(words), "%s%s",
			 i ? ", " : "", draft_tasks[i]);
	snprintf(answer, sizeof(answer), "%s", addition->task ? addition->task : "");
	if (!*answer && may_ask()) {
		char question[256];
		snprintf(question, sizeof(question), "What it is for (%s)", words);
		int result = draft_ask(question, draft_tasks[0], answer, sizeof(answer), error);
		if (result)
			return result;
	}
	if (!*answer)
		return error_set(error, EINVAL,
				 "say what the model is for: --task %s, or one of %s",
				 draft_tasks[0], words);
	for (size_t i = 0; draft_tasks[i]; i++) {
		if (!strcmp(answer, draft_tasks[i])) {
			*task = draft_tasks[i];
			return 0;
		}
	}
	return error_set(error, EINVAL, "--task: \"%.40s\" is none of %s", answer, words);
}

static size_t count_lines(const uint8_t *text, size_t length)
{
	size_t count = 0;
	for (size_t i = 0; i < length; i++)
		count += text[i] == '\n';
	return count + (length && text[length - 1] != '\n');
}

static int read_labels(const struct model_addition *addition, struct entry *entry,
		       struct error *error)
{
	char path[ANSWER_SIZE];
	snprintf(path, sizeof(path), "%s", addition->labels ? addition->labels : "");
	if (!*path && may_ask()) {
		int result = draft_ask("File with the names of its classes, one a line", "", path,
				       sizeof(path), error);
		if (result)
			return result;
	}
	if (!*path)
		return error_set(error, EINVAL,
				 "say what its classes are called: --labels FILE, one name a line");
	return file_read(path, LABELS_BYTES_MAX, &entry->labels, &entry->labels_length, error);
}

/* Checks the labels as whoever uses the model will. */
static int check_labels(const struct entry *entry, struct error *error)
{
	struct model_description description;
	cleanup(labels_release) struct labels labels = {0};
	int result = description_parse(entry->description, strlen(entry->description), "model.txt",
				       &description, error);
	if (!result)
		result = labels_parse((const char *)entry->labels, entry->labels_length,
				      description.classes, "the label file", &labels, error);
	return result;
}

static int describe(const struct model_addition *addition, const char *task,
		    const struct network *network, struct entry *entry, struct error *error)
{
	if (!task || !strcmp(task, draft_tasks[0]))
		return 0;
	int result = read_labels(addition, entry, error);
	if (result)
		return result;
	const struct draft draft = {.network = network,
				    .task = task,
				    .settings = &addition->settings,
				    .label_count = count_lines(entry->labels, entry->labels_length),
				    .may_ask = may_ask()};
	result = draft_write(&draft, &entry->description, error);
	return result || !entry->description ? result : check_labels(entry, error);
}

static int write_part(const char *folder, const char *name, const void *data, size_t length,
		      struct error *error)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return error_set(error, ENAMETOOLONG, "a path in %s is too long", folder);
	return file_replace(path, data, length, error);
}

static int install(const char *file, enum network_format format, const struct entry *entry,
		   struct error *error)
{
	char folder[PATH_MAX];
	cleanup_close int lock = folder_begin(folder, error);
	if (lock < 0)
		return lock;
	int result = folder_copy(folder, format_installed_name(format), file, error);
	if (!result && entry->description)
		result = write_part(folder, MODEL_DESCRIPTION_FILE, entry->description,
				    strlen(entry->description), error);
	if (!result && entry->description)
		result =
		    write_part(folder, "labels.txt", entry->labels, entry->labels_length, error);
	if (!result)
		result = folder_install(folder, entry->name, error);
	if (result)
		folder_discard(folder);
	return result;
}

static int add_file(const char *file, const struct model_addition *addition, struct entry *entry,
		    struct error *error)
{
	cleanup(inspection_close) struct inspection inspection = {0};
	const char *task = NULL;
	int result = inspection_open_path(&inspection, file, error);
	if (!result)
		result = choose_name(file, addition, entry, error);
	if (!result)
		result = choose_task(addition, &task, error);
	if (!result)
		result = describe(addition, task, inspection.network, entry, error);
	return result ? result : install(file, inspection.model->source.format, entry, error);
}

int model_add(const char *file, const struct model_addition *addition, struct error *error)
{
	cleanup(entry_release) struct entry entry = {0};
	cleanup(inspection_close) struct inspection installed = {0};
	int result = add_file(file, addition, &entry, error);
	/* As everybody will see it from now on. */
	if (!result)
		result = inspection_open_installed(&installed, entry.name, error);
	if (!result)
		inspection_print(&installed);
	return result;
}
