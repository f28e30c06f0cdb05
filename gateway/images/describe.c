/* What a revision is started by; see images.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/images/command_line.h"
#include "gateway/images/deployment.h"
#include "gateway/images/state.h"
#include "gateway/link/fields.h"
#include "util/cleanup.h"

static int no_memory(struct error *error)
{
	return error_set(error, ENOMEM, "no memory for a description");
}

/* False without memory. */
static bool copy_text(char **copy, const char *text)
{
	*copy = text ? strdup(text) : NULL;
	return *copy || !text;
}

/* `words` NULL: there are none. */
static bool copy_words(char ***copy, char *const *words)
{
	size_t count = 0;
	while (words && words[count])
		count++;
	*copy = words ? calloc(count + 1, sizeof(**copy)) : NULL;
	if (words && !*copy)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!copy_text(&(*copy)[i], words[i]))
			return false;
	return true;
}

static void free_words(char **words)
{
	for (char **word = words; word && *word; word++)
		free(*word);
	free(words);
}

/* A program reads its request, whatever the contract; a unikernel's HTTP server gets it over a network. */
const char *const *image_devices(struct image_devices *devices, unsigned contract, unsigned port)
{
	if (contract != CONTRACT_HTTP)
		return NULL;
	if (port)
		snprintf(devices->network, sizeof(devices->network), "net:*=http,port=%u", port);
	else
		snprintf(devices->network, sizeof(devices->network), "net:*=http");
	devices->list[0] = devices->network;
	devices->list[1] = NULL;
	return devices->list;
}

void image_description_release(struct image_description *description)
{
	free(description->program);
	free(description->root);
	free(description->isolation);
	free(description->schedule);
	free_words(description->arguments);
	free_words(description->environment);
	*description = (struct image_description){0};
}

/* ── files ───────────────────────────────────────────────────────────────────────────────────── */

static int check_usable(const struct images *images, struct record_view prepared,
			const struct deployment *deployment, struct error *error)
{
	const char *file = record_find_text(prepared, FIELD_FILE, "");
	const char *snapshot = record_find_text(prepared, FIELD_SNAPSHOT, NULL);
	if (strcmp(record_find_text(prepared, FIELD_MACHINE, ""), images->machine) != 0)
		return error_set(error, ESTALE,
				 "%s was prepared by another version of Mayfly, or for another "
				 "machine",
				 deployment->image);
	if (!image_file_exists(images->directory, file) ||
	    (snapshot && !image_file_exists(images->directory, snapshot)))
		return error_set(error, ESTALE, "files of %s are gone from %s", deployment->image,
				 images->directory);
	return 0;
}

/* What is started where there is a snapshot. */
static int describe_snapshot(const struct images *images, const char *name,
			     struct image_description *description, struct error *error)
{
	char path[PATH_MAX];
	int result = image_file_path(images->directory, name, path, error);
	if (result)
		return result;
	description->frozen = true;
	return copy_text(&description->program, path) ? 0 : no_memory(error);
}

/* What is started anew for each request. */
static int describe_file(const struct images *images, const char *name,
			 const struct deployment *deployment, uint64_t memory,
			 struct image_description *description, struct error *error)
{
	char path[PATH_MAX];
	struct image_file file;
	char **process = deployment->process;
	int result = image_file_path(images->directory, name, path, error);
	if (result)
		return result;
	if (image_file_parse(name, &file))
		return error_set(error, ESTALE, "%s is no file of an image", name);
	const bool root = file.kind == IMAGE_FILE_ROOT;
	description->memory = memory;
	const bool fine = copy_text(&description->root, root ? path : NULL) &&
			  copy_text(&description->program, !root     ? path
							   : process ? process[0]
								     : NULL) &&
			  copy_words(&description->arguments, process ? process + 1 : NULL) &&
			  copy_words(&description->environment, deployment->environment);
	return fine ? 0 : no_memory(error);
}

/* ── the whole ───────────────────────────────────────────────────────────────────────────────── */

static int copy_numbers(const struct deployment *deployment, struct record_view prepared,
			struct image_description *description, struct error *error)
{
	enum contract_kind contract;
	if (contract_find(record_find_text(prepared, FIELD_CONTRACT, ""), &contract))
		return error_set(error, ESTALE, "nobody knows the contract of %s",
				 deployment->image);
	description->contract = contract;
	description->cpus = deployment->cpus;
	description->timeout_ns = deployment->timeout_ns;
	description->minimum = deployment->minimum;
	description->maximum = deployment->maximum;
	description->queue = deployment->queue;
	description->port = deployment->port;
	description->idle_ns = deployment->idle_ns;
	description->split = deployment->split;
	description->no_acceleration = deployment->no_acceleration;
	description->stream = deployment->stream;
	description->fresh = deployment->fresh;
	description->reuse = deployment->reuse;
	return copy_text(&description->schedule, deployment->schedule) &&
		       copy_text(&description->isolation,
				 record_find_text(prepared, FIELD_ISOLATION, ""))
		   ? 0
		   : no_memory(error);
}

static int describe(const struct images *images, const struct deployment *deployment,
		    struct record_view prepared, struct image_description *description,
		    struct error *error)
{
	int result = check_usable(images, prepared, deployment, error);
	if (!result)
		result = copy_numbers(deployment, prepared, description, error);
	if (result)
		return result;
	const char *snapshot = record_find_text(prepared, FIELD_SNAPSHOT, NULL);
	if (snapshot)
		return describe_snapshot(images, snapshot, description, error);
	return describe_file(images, record_find_text(prepared, FIELD_FILE, ""), deployment,
			     record_find_number(prepared, FIELD_MEMORY, 0), description, error);
}

int images_describe(struct images *images, struct record_view record, struct record_view prepared,
		    struct image_description *description, struct error *error)
{
	cleanup(deployment_release) struct deployment deployment;
	*description = (struct image_description){0};
	int result = deployment_read(record, &deployment, error);
	if (!result && record_check(prepared))
		result = error_set(error, ESTALE, "what was prepared is no record");
	const char *watched = result ? NULL : record_find_text(prepared, FIELD_PROCESS, NULL);
	if (watched && !deployment.process)
		result = command_line_split(watched, &deployment.process, error);
	if (!result)
		result = describe(images, &deployment, prepared, description, error);
	if (result)
		image_description_release(description);
	return result;
}
