/* From a deployment to a snapshot in the directory of images; see images.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel/usual_memory.h"
#include "confine/cgroup.h"
#include "gateway/images/collect.h"
#include "gateway/images/command_line.h"
#include "gateway/images/deployment.h"
#include "gateway/images/setup.h"
#include "gateway/images/source.h"
#include "gateway/images/state.h"
#include "gateway/images/warm_up.h"
#include "gateway/link/fields.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

/* What is known of a deployment while it is prepared. */
struct preparing {
	struct images *images;
	const struct image_order *order;
	struct deployment deployment;
	struct collected image;
	enum contract_kind contract;
	bool undecided;	 /* nobody says a contract: it is stdio, or http where a server is found */
	bool by_console; /* undecided, and none was found: the machine has no network then */
	char isolation[16];
	char snapshot[IMAGE_FILE_NAME_MAX]; /* its name; "": there is none */
	const char *watched; /* the command line that is run instead of a watchdog; NULL: none */
	struct mayfly_file *files;
	uint8_t *warm_up;
	size_t warm_up_length;
	const char **trial; /* variables of a start that is only tried; NULL: the deployment's */
};

static void preparing_release(struct preparing *preparing)
{
	free(preparing->files);
	free(preparing->warm_up);
	free(preparing->trial);
	deployment_release(&preparing->deployment);
}

/* ── the image ───────────────────────────────────────────────────────────────────────────────── */

/* The one that was kept, whatever its name means now. */
static int take_earlier(struct preparing *preparing, struct error *error)
{
	const struct record_view earlier = preparing->order->earlier;
	struct image_file *file = &preparing->image.file;
	if (record_check(earlier))
		return error_set(error, EINVAL, "what was prepared before is no record");
	const char *name = record_find_text(earlier, FIELD_FILE, "");
	if (image_file_parse(name, file) || !image_file_exists(preparing->images->directory, name))
		return error_set(error, EINVAL, "image: %s is not there any more: deploy it again",
				 preparing->deployment.image);
	snprintf(preparing->image.digest, sizeof(preparing->image.digest), "%s",
		 record_find_text(earlier, FIELD_DIGEST, ""));
	return 0;
}

static int take_image(struct preparing *preparing, struct error *error)
{
	struct image_source source;
	int result;
	const struct collecting collecting = {
	    .directory = preparing->images->directory,
	    .settings = &preparing->images->settings,
	    .order = preparing->order,
	};
	if (preparing->order->earlier.length) {
		result = take_earlier(preparing, error);
	} else {
		result = image_source_find(preparing->deployment.image,
					   preparing->images->settings.paths_below, &source, error);
		if (!result)
			result = collect(&collecting, &source, &preparing->image, error);
	}
	return result ? result : collect_look(&collecting, &preparing->image, error);
}

/* A snapshot has started already. */
static int refuse_choices(const struct preparing *preparing, struct error *error)
{
	const struct deployment *deployment = &preparing->deployment;
	const char *what = NULL;
	if (deployment->process)
		what = "envProcess";
	else if (*deployment->environment)
		what = "envVars";
	else if (deployment->memory)
		what = "limits.memory";
	else if (deployment->warm_up)
		what = "annotations.mayfly.dev/warm-up";
	else if (deployment->fresh)
		what = "annotations.mayfly.dev/fresh";
	else if (preparing->order->secret_count)
		what = "secrets";
	if (!what)
		return 0;
	return error_set(error, EINVAL,
			 "%s: %s is a snapshot, whose program has started already: give it to "
			 "mayfly snapshot",
			 what, deployment->image);
}

/* Requests that reach a program otherwise than by a network cannot be told apart in its machine. Where
 * nobody says the contract, its set-up refuses what has none. */
static int check_reuse(const struct preparing *preparing, struct error *error)
{
	if (preparing->deployment.reuse <= 1 || preparing->contract == CONTRACT_HTTP ||
	    (preparing->undecided && !preparing->by_console))
		return 0;
	return error_set(error, EINVAL,
			 "annotations.mayfly.dev/reuse: machines can be used again only with the "
			 "contract http, and %s has the contract %s",
			 preparing->deployment.image, contract_name(preparing->contract));
}

/* What only the deployment can say; and whether anybody still waits for it. */
static int check_order(const struct preparing *preparing, struct error *error)
{
	const struct image_order *order = preparing->order;
	if (order->unwanted && order->unwanted(order->context))
		return error_set(error, ECANCELED, "image: nobody wants it any more");
	if (preparing->deployment.process || !preparing->image.names_no_command)
		return 0;
	return error_set(error, EINVAL,
			 "image: %s names no command: say what to run by envProcess, which is "
			 "fprocess in a stack file and --env-process of mayfly deploy",
			 preparing->deployment.image);
}

/* What a watchdog of OpenFaaS' in the image would run, where the deployment names no command: the gateway does
 * what the watchdog does. */
static int take_watched(struct preparing *preparing, struct error *error)
{
	static const char variable[] = "fprocess=";
	struct deployment *deployment = &preparing->deployment;
	if (deployment->process || !*preparing->image.process)
		return 0;
	preparing->watched = preparing->image.process;
	for (char **word = deployment->environment; *word; word++)
		if (!strncmp(*word, variable, strlen(variable)))
			preparing->watched = *word + strlen(variable);
	int result = command_line_split(preparing->watched, &deployment->process, error);
	return result ? error_wrap(error, "fprocess") : 0;
}

/* Whether there can be a control group depends on much, so it is tried: a limit that a deployment asks for
 * is in force, or the deployment is refused. */
static int check_processors(const struct deployment *deployment, struct error *error)
{
	struct error reason = {0};
	struct confine_cgroup group = CONFINE_CGROUP_NONE;
	const struct confine_cgroup_limits limits = {
	    .memory = UINT64_MAX,
	    .processes = 1,
	    .cpus = deployment->cpus,
	};
	if (!deployment->cpus)
		return 0;
	int result = confine_cgroup_make(&group, NULL, &limits, NULL, &reason);
	confine_cgroup_remove(&group);
	return result
		   ? error_set(error, EINVAL,
			       "limits.cpu: this gateway cannot limit processors: leave the limit "
			       "out, or see what 'mayfly doctor' says of control groups (%s)",
			       reason.text)
		   : 0;
}

/* ── the snapshot ────────────────────────────────────────────────────────────────────────────── */

enum {
	TAG_LAYOUT = 1, /* of this list */
	TAG_MACHINE,
	TAG_IMAGE,
	TAG_WORD,
	TAG_VARIABLE,
	TAG_MEMORY,
	TAG_ISOLATION,
	TAG_NO_ACCELERATION,
	TAG_CONTRACT,
	TAG_PORT,
	TAG_WARM_UP,
	TAG_SECRET,
	TAG_REUSE,
	TAG_UNDECIDED,
};

#define LAYOUT 4

/* All that shapes a set-up: where one of these differs there is another snapshot. */
static int make_key(const struct preparing *preparing, char key[HASH_HEX_SIZE], struct error *error)
{
	cleanup_record struct record record = RECORD_EMPTY;
	const struct deployment *deployment = &preparing->deployment;
	const struct image_order *order = preparing->order;
	record_add_number(&record, TAG_LAYOUT, LAYOUT);
	record_add_text(&record, TAG_MACHINE, preparing->images->machine);
	record_add_text(&record, TAG_IMAGE, preparing->image.file.name);
	for (char **word = deployment->process; word && *word; word++)
		record_add_text(&record, TAG_WORD, *word);
	for (char **variable = deployment->environment; *variable; variable++)
		record_add_text(&record, TAG_VARIABLE, *variable);
	record_add_number(&record, TAG_MEMORY, deployment->memory);
	record_add_text(&record, TAG_ISOLATION, deployment->isolation);
	record_add_number(&record, TAG_NO_ACCELERATION, deployment->no_acceleration);
	record_add_number(&record, TAG_CONTRACT, preparing->contract);
	record_add_number(&record, TAG_UNDECIDED, preparing->undecided);
	record_add_number(&record, TAG_PORT, deployment->port);
	record_add_text(&record, TAG_WARM_UP, deployment->warm_up);
	/* Not every program's machines can be used again, which its set-up finds out. */
	if (deployment->reuse > 1)
		record_add_number(&record, TAG_REUSE, true);
	for (size_t i = 0; i < order->secret_count; i++)
		record_add(&record, TAG_SECRET, order->secrets[i].name,
			   strlen(order->secrets[i].name), order->secrets[i].value,
			   order->secrets[i].length);
	int result = record.result;
	if (result)
		error_set(error, -result, "no memory for a deployment");
	else
		result = hash_buffer(record.data, record.length, key, error);
	/* There are secrets in it. */
	if (record.data)
		explicit_bzero(record.data, record.length);
	return result;
}

static const char *const isolations[] = {"kvm", "process"};

/* One that was taken before, in whichever isolation. */
static bool find_by_key(struct preparing *preparing, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(isolations); i++) {
		image_file_snapshot_name(preparing->snapshot, key, isolations[i]);
		if (!image_file_exists(preparing->images->directory, preparing->snapshot))
			continue;
		snprintf(preparing->isolation, sizeof(preparing->isolation), "%s", isolations[i]);
		return true;
	}
	preparing->snapshot[0] = 0;
	return false;
}

/* *found: there is one; it tells the contract that was found when it was taken. */
static int find_snapshot(struct preparing *preparing, bool *found, struct error *error)
{
	char key[HASH_HEX_SIZE];
	int result = make_key(preparing, key, error);
	*found = !result && find_by_key(preparing, key);
	if (result || *found || !preparing->undecided)
		return result;
	preparing->contract = CONTRACT_HTTP;
	result = make_key(preparing, key, error);
	*found = !result && find_by_key(preparing, key);
	if (!*found)
		preparing->contract = CONTRACT_STDIO;
	return result;
}

/* What is started: the image, as the deployment wants it. `path` is the image's. */
static void describe(const struct preparing *preparing, const char *path,
		     struct image_devices *devices, struct mayfly_description *description)
{
	const struct deployment *deployment = &preparing->deployment;
	char **process = deployment->process;
	mayfly_description_init(description, sizeof(*description));
	description->isolation = deployment->isolation;
	description->setup_timeout_ns = preparing->images->settings.setup_timeout_ns;
	description->work_bytes = UINT64_MAX;
	description->flags = deployment->no_acceleration ? MAYFLY_NO_ACCELERATION : 0;
	description->request_variables =
	    preparing->contract == CONTRACT_STDIO ? CONTRACT_VARIABLES_MAX : 0;
	description->program = path;
	const bool looks = preparing->undecided && !preparing->by_console;
	description->devices =
	    image_devices(devices, looks ? CONTRACT_HTTP : preparing->contract, deployment->port);
	description->reuse = deployment->reuse;
	if (preparing->image.file.kind == IMAGE_FILE_SNAPSHOT)
		return;
	description->memory = deployment->memory;
	description->files = preparing->files;
	description->file_count = preparing->files ? preparing->order->secret_count : 0;
	description->warm_up = preparing->warm_up;
	description->warm_up_length = preparing->warm_up_length;
	description->environment = preparing->trial ?: (const char *const *)deployment->environment;
	if (process)
		description->arguments = (const char *const *)process + 1;
	if (preparing->image.file.kind != IMAGE_FILE_ROOT)
		return;
	description->root = path;
	description->program = process ? process[0] : NULL;
}

static int start_once(struct preparing *preparing, const char *path, int save,
		      struct setup_result *result, struct error *error)
{
	struct setup setup = {
	    .name = preparing->deployment.image,
	    .unwanted = preparing->order->unwanted,
	    .context = preparing->order->context,
	};
	struct image_devices devices;
	describe(preparing, path, &devices, &setup.description);
	setup.description.save = save;
	collect_tell(preparing->order, "starting %s", setup.name);
	int code = setup_run(&setup, result, error);
	if (!code && preparing->undecided && result->listens) {
		preparing->contract = CONTRACT_HTTP;
		collect_tell(preparing->order, "%s waits for a connection: its contract is http",
			     setup.name);
	}
	snprintf(preparing->isolation, sizeof(preparing->isolation), "%s", result->isolation);
	return code;
}

/* Whether the start had a network that was of no use, so that it tells nothing of a machine without one: a
 * kernel with a console is not even frozen where it waits, because nobody listens. */
static bool was_in_vain(const struct preparing *preparing, const struct setup_result *result,
			int code)
{
	return preparing->undecided && !preparing->by_console && result->takes_devices &&
	       preparing->contract != CONTRACT_HTTP && (!code || code == -EINVAL);
}

/* Starts it as the deployment wants it, where that is said or found out. `save` gets the snapshot; -1: nobody
 * wants it. */
static int start_image(struct preparing *preparing, const char *path, int save, bool *frozen,
		       struct error *error)
{
	struct setup_result result;
	int code = start_once(preparing, path, save, &result, error);
	if (was_in_vain(preparing, &result, code)) {
		preparing->by_console = true;
		collect_tell(preparing->order, "%s does not listen: it gets no network",
			     preparing->deployment.image);
		code = check_reuse(preparing, error);
		if (!code && save >= 0 && (ftruncate(save, 0) || lseek(save, 0, SEEK_SET)))
			code = error_set_errno(error, errno, "cannot empty a snapshot");
		if (!code)
			code = start_once(preparing, path, save, &result, error);
	}
	*frozen = !code && result.frozen;
	return code;
}

/* What the program gets besides arguments and variables. What it is warmed up with depends on its
 * contract, so that is found out first. */
static int prepare_inputs(struct preparing *preparing, const char *path, struct error *error)
{
	const struct image_order *order = preparing->order;
	const struct deployment *deployment = &preparing->deployment;
	bool frozen;
	int result =
	    image_secret_files(order->secrets, order->secret_count, &preparing->files, error);
	if (result || !deployment->warm_up)
		return result;
	if (preparing->undecided && !deployment->fresh)
		result = start_image(preparing, path, -1, &frozen, error);
	if (result)
		return result;
	result = warm_up_compose(preparing->contract, deployment->warm_up, &preparing->warm_up,
				 &preparing->warm_up_length, error);
	return result ? error_wrap(error, "annotations.mayfly.dev/warm-up") : 0;
}

/* Whether it starts at all is to be known now, also of what starts anew for each request. It finds the
 * variables of a request that it may look for before it reads. */
static int try_once(struct preparing *preparing, const char *path, struct error *error)
{
	static const char *const request[] = {"Http_Method=POST", "Http_Path=/",
					      "Http_ContentLength=0", "Http_Content_Length=0"};
	char *const *own = preparing->deployment.environment;
	size_t count = 0;
	bool frozen;
	while (own[count])
		count++;
	preparing->trial = calloc(count + ARRAY_SIZE(request) + 1, sizeof(*preparing->trial));
	if (!preparing->trial)
		return error_set(error, ENOMEM, "no memory for variables");
	for (size_t i = 0; i < ARRAY_SIZE(request); i++)
		preparing->trial[i] = request[i];
	for (size_t i = 0; i < count; i++)
		preparing->trial[ARRAY_SIZE(request) + i] = own[i];
	return start_image(preparing, path, -1, &frozen, error);
}

static int name_snapshot(struct preparing *preparing, const char *isolation, struct error *error)
{
	char key[HASH_HEX_SIZE];
	const int result = make_key(preparing, key, error);
	if (!result)
		image_file_snapshot_name(preparing->snapshot, key, isolation);
	return result;
}

/* Takes the snapshot into a file that gets its name when isolation and contract are known. */
static int take_snapshot(struct preparing *preparing, const char *path, struct error *error)
{
	cleanup(file_replacement_abandon) struct file_replacement file = {.fd = -1};
	const char *directory = preparing->images->directory;
	bool frozen = false;
	int result = name_snapshot(preparing, isolations[0], error);
	if (!result)
		result = image_files_begin(directory, preparing->snapshot, &file, error);
	if (!result)
		result = start_image(preparing, path, file.fd, &frozen, error);
	if (!result && frozen)
		result = name_snapshot(preparing, preparing->isolation, error);
	if (!result && frozen)
		result = image_files_rename(directory, preparing->snapshot, &file, error);
	if (!result && frozen)
		return image_files_finish(directory, &file, error);
	preparing->snapshot[0] = 0;
	return result;
}

static int take_or_find_snapshot(struct preparing *preparing, struct error *error)
{
	char path[PATH_MAX];
	bool frozen, found = false;
	const struct image_file *file = &preparing->image.file;
	int result = image_file_path(preparing->images->directory, file->name, path, error);
	if (result)
		return result;
	if (file->kind != IMAGE_FILE_SNAPSHOT) {
		if (!preparing->deployment.fresh)
			result = find_snapshot(preparing, &found, error);
		if (result || found)
			return result;
		result = prepare_inputs(preparing, path, error);
		if (result)
			return result;
		if (preparing->deployment.fresh)
			return try_once(preparing, path, error);
		return take_snapshot(preparing, path, error);
	}
	/* It is for this machine where it can be started. */
	result = refuse_choices(preparing, error);
	if (!result)
		result = start_image(preparing, path, -1, &frozen, error);
	if (!result)
		snprintf(preparing->snapshot, sizeof(preparing->snapshot), "%s", file->name);
	return result;
}

/* ── the whole ───────────────────────────────────────────────────────────────────────────────── */

static uint64_t memory_of(const struct preparing *preparing)
{
	if (preparing->deployment.memory)
		return preparing->deployment.memory;
	return usual_memory(preparing->image.file.kind == IMAGE_FILE_ROOT ? USUAL_MEMORY_IMAGE
									  : USUAL_MEMORY_NO_ROOT);
}

static int write_prepared(const struct preparing *preparing, struct record *prepared,
			  struct error *error)
{
	record_add_text(prepared, FIELD_DIGEST, preparing->image.digest);
	record_add_text(prepared, FIELD_FILE, preparing->image.file.name);
	record_add_text(prepared, FIELD_PROCESS, preparing->watched);
	record_add_text(prepared, FIELD_SNAPSHOT,
			*preparing->snapshot ? preparing->snapshot : NULL);
	record_add_text(prepared, FIELD_MACHINE, preparing->images->machine);
	record_add_text(prepared, FIELD_CONTRACT, contract_name(preparing->contract));
	record_add_text(prepared, FIELD_ISOLATION, preparing->isolation);
	record_add_number(prepared, FIELD_MEMORY, memory_of(preparing));
	return prepared->result
		   ? error_set(error, -prepared->result, "no memory for what was prepared")
		   : 0;
}

static int prepare(struct preparing *preparing, struct error *error)
{
	struct deployment *deployment = &preparing->deployment;
	int result = deployment_read(preparing->order->deployment, deployment, error);
	if (!result)
		result = check_processors(deployment, error);
	if (!result)
		result = take_image(preparing, error);
	if (!result)
		result = check_order(preparing, error);
	if (!result)
		result = take_watched(preparing, error);
	if (result)
		return result;
	images_note_fresh(preparing->images, preparing->image.file.name);
	preparing->contract = deployment->contract_text	       ? deployment->contract
			      : preparing->image.says_contract ? preparing->image.contract
							       : CONTRACT_STDIO;
	preparing->undecided = !deployment->contract_text && !preparing->image.says_contract &&
			       preparing->image.file.kind != IMAGE_FILE_SNAPSHOT;
	result = check_reuse(preparing, error);
	if (!result)
		result = take_or_find_snapshot(preparing, error);
	if (!result)
		images_note_fresh(preparing->images, preparing->snapshot);
	return result;
}

int images_prepare(struct images *images, const struct image_order *order, struct record *prepared,
		   struct error *error)
{
	cleanup(preparing_release) struct preparing preparing = {.images = images, .order = order};
	images_begin(images);
	int result = prepare(&preparing, error);
	images_end(images);
	return result ? result : write_prepared(&preparing, prepared, error);
}
