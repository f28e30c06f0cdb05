/* Prepares one deployment as the gateway does, and tells what came of it; for test_images.py.
 *
 *     images_tool STATE IMAGE [WORD…]
 *
 * A word is process=…, env:NAME=…, limit:KEY=…, request:KEY=…, label:KEY=…, annotation:KEY=…, secret:NAME=…, or
 *
 *     keep=FILE        what was prepared goes there
 *     earlier=FILE     prepares again what is there
 *     check            only looks at the fields
 *     describe=FILE    prepares nothing and describes what is there; describe= not even that
 *     trim=FILE        … and then removes all but what is there; trim= all
 *     serve=TEXT       then serves one request
 *     cancel-when=TEXT nobody wants it any more as soon as progress begins so
 *     threads=NUMBER   so many prepare the same at once
 *     below=DIR, setup-ms=NUMBER, fetch-ms=NUMBER, size=NUMBER, credentials=FILE   settings
 *
 * Lines on standard output: "progress …", "NAME VALUE", "response …", or "error CODE SENTENCE". */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/contracts/contract.h"
#include "gateway/images/images.h"
#include "gateway/link/fields.h"
#include "mayfly/function.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

#define SECRETS_MAX 8

struct tool {
	const char *state;
	struct images_settings settings;
	struct record deployment;
	struct image_secret secrets[SECRETS_MAX];
	size_t secret_count;
	const char *keep, *earlier, *describe, *trim, *serve, *cancel_when;
	bool check, unwanted;
	uint64_t threads;
};

static int fail(int code, const struct error *error)
{
	printf("error %d %s\n", -code, error->text);
	return 1;
}

static const char *value_of(const char *word, const char *name)
{
	const size_t length = strlen(name);
	return strncmp(word, name, length) ? NULL : word + length;
}

/* "KEY=VALUE" behind `name` becomes a field. */
static bool take_pair(struct tool *tool, const char *word, const char *name, uint16_t tag)
{
	const char *rest = value_of(word, name);
	const char *equals = rest ? strchr(rest, '=') : NULL;
	if (!equals)
		return false;
	record_add(&tool->deployment, tag, rest, (size_t)(equals - rest), equals + 1,
		   strlen(equals + 1));
	return true;
}

static bool take_secret(struct tool *tool, char *word)
{
	const char *rest = value_of(word, "secret:");
	char *equals = strchr(word, '=');
	if (!rest || !equals || tool->secret_count == SECRETS_MAX)
		return false;
	*equals = 0;
	tool->secrets[tool->secret_count++] =
	    (struct image_secret){rest, equals + 1, strlen(equals + 1)};
	return true;
}

static bool take_text(const char *word, const char *name, const char **text)
{
	const char *value = value_of(word, name);
	if (value)
		*text = value;
	return value;
}

static bool take_number(const char *word, const char *name, uint64_t unit, uint64_t *number)
{
	const char *value = value_of(word, name);
	if (value)
		*number = strtoul(value, NULL, 10) * unit;
	return value;
}

static bool take_word(struct tool *tool, char *word)
{
	static const struct {
		const char *name;
		uint16_t tag;
	} pairs[] = {{"env:", FIELD_ENVIRONMENT},
		     {"limit:", FIELD_LIMIT},
		     {"request:", FIELD_REQUEST},
		     {"label:", FIELD_LABEL},
		     {"annotation:", FIELD_ANNOTATION}};
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (take_pair(tool, word, pairs[i].name, pairs[i].tag))
			return true;
	const char *process;
	if (take_text(word, "process=", &process)) {
		record_add_text(&tool->deployment, FIELD_PROCESS, process);
		return true;
	}
	if (!strcmp(word, "check"))
		return tool->check = true;
	return take_secret(tool, word) || take_text(word, "keep=", &tool->keep) ||
	       take_text(word, "earlier=", &tool->earlier) ||
	       take_text(word, "describe=", &tool->describe) ||
	       take_text(word, "trim=", &tool->trim) || take_text(word, "serve=", &tool->serve) ||
	       take_text(word, "cancel-when=", &tool->cancel_when) ||
	       take_text(word, "credentials=", &tool->settings.credentials) ||
	       take_text(word, "below=", &tool->settings.paths_below) ||
	       take_number(word, "threads=", 1, &tool->threads) ||
	       take_number(word, "setup-ms=", 1000000, &tool->settings.setup_timeout_ns) ||
	       take_number(word, "fetch-ms=", 1000000, &tool->settings.fetch_timeout_ns) ||
	       take_number(word, "size=", 1, &tool->settings.size_limit);
}

/* ── what the gateway is told ────────────────────────────────────────────────────────────────── */

static bool unwanted(void *context)
{
	return ((struct tool *)context)->unwanted;
}

static void progress(void *context, const char *text)
{
	struct tool *tool = context;
	printf("progress %s\n", text);
	fflush(stdout);
	if (tool->cancel_when && value_of(text, tool->cancel_when))
		tool->unwanted = true;
}

static int read_record(const char *path, struct record_view *view)
{
	uint8_t *data;
	size_t length;
	struct error error;
	int result = file_read(path, 1 << 20, &data, &length, &error);
	if (result)
		return fail(result, &error);
	*view = (struct record_view){data, length};
	return 0;
}

static void print_words(const char *name, char *const *words)
{
	for (; words && *words; words++)
		printf("%s %s\n", name, *words);
}

static void print_description(const struct image_description *description)
{
	printf("program %s\nroot %s\nisolation %s\nfrozen %d\n", description->program ?: "-",
	       description->root ?: "-", description->isolation, description->frozen);
	printf("memory %" PRIu64 "\ncpus %" PRIu64 "\ntimeout %" PRIu64 "\nidle %" PRIu64 "\n",
	       description->memory, description->cpus, description->timeout_ns,
	       description->idle_ns);
	printf("contract %s\nminimum %u\nmaximum %u\nqueue %u\nsplit %u\n",
	       contract_name(description->contract), description->minimum, description->maximum,
	       description->queue, description->split);
	printf("fresh %d\nreuse %u\n", description->fresh, description->reuse);
	printf("no_acceleration %d\nstream %d\nschedule %s\n", description->no_acceleration,
	       description->stream, description->schedule ?: "-");
	print_words("argument", description->arguments);
	print_words("variable", description->environment);
}

/* ── one request ─────────────────────────────────────────────────────────────────────────────── */

struct serving {
	sem_t done;
	struct mayfly_result result;
	char text[ERROR_TEXT_MAX];
};

static int respond(void *context, const void *data, size_t length)
{
	(void)context;
	fwrite(data, 1, length, stdout);
	return 0;
}

static void note_done(void *context, const struct mayfly_result *result)
{
	struct serving *serving = context;
	serving->result = *result;
	snprintf(serving->text, sizeof(serving->text), "%s", result->text);
	sem_post(&serving->done);
}

static int serve(const struct tool *tool, const struct image_description *image, const char *text)
{
	cleanup_free struct mayfly_file *files = NULL;
	struct serving serving;
	struct mayfly_description description;
	struct mayfly_request request;
	struct mayfly_function *function;
	struct mayfly_error error = {0};
	sem_init(&serving.done, 0, 0);
	mayfly_description_init(&description, sizeof(description));
	description.program = image->program;
	description.root = image->root;
	description.isolation = image->isolation;
	description.memory = image->memory;
	description.arguments = (const char *const *)image->arguments;
	description.environment = (const char *const *)image->environment;
	description.log = STDERR_FILENO;
	if (!image->frozen) {
		image_secret_files(tool->secrets, tool->secret_count, &files, NULL);
		description.files = files;
		description.file_count = tool->secret_count;
	}
	description.flags = MAYFLY_OWN_THREAD;
	mayfly_request_init(&request, sizeof(request));
	request.data = text;
	request.length = strlen(text);
	request.respond = respond;
	request.done = note_done;
	request.context = &serving;
	int result = mayfly_function_open(&function, &description, &error);
	if (result)
		return fail(result, (struct error *)&error);
	printf("response ");
	mayfly_function_start(function, NULL);
	result = mayfly_function_submit(function, &request, NULL, &error);
	if (!result)
		while (sem_wait(&serving.done))
			continue;
	mayfly_function_close(function);
	if (result || serving.result.outcome != MAYFLY_EXITED)
		printf("\nerror %d %s %s\n", serving.result.outcome, error.text, serving.text);
	printf("\nstatus %d\n", serving.result.status);
	return result;
}

/* ── the whole ───────────────────────────────────────────────────────────────────────────────── */

static int prepare(struct tool *tool, struct images *images, struct record *prepared)
{
	struct error error = {0};
	struct image_order order = {
	    .deployment = record_of(&tool->deployment),
	    .secrets = tool->secrets,
	    .secret_count = tool->secret_count,
	    .unwanted = unwanted,
	    .progress = progress,
	    .context = tool,
	};
	if (tool->earlier && read_record(tool->earlier, &order.earlier))
		return 1;
	int result = images_prepare(images, &order, prepared, &error);
	free((void *)order.earlier.data);
	if (result)
		return fail(result, &error);
	printf("digest %s\n", record_find_text(record_of(prepared), FIELD_DIGEST, "-"));
	if (tool->keep)
		result = file_write(tool->keep, prepared->data, prepared->length, &error);
	return result ? fail(result, &error) : 0;
}

struct twin {
	pthread_t thread;
	struct tool *tool;
	struct images *images;
	struct record prepared;
	int result;
};

static void *prepare_twin(void *context)
{
	struct twin *twin = context;
	twin->result = prepare(twin->tool, twin->images, &twin->prepared);
	return NULL;
}

/* Several prepare the same at once; all must come to the same. */
static int prepare_together(struct tool *tool, struct images *images, struct record *prepared)
{
	struct twin twins[16] = {0};
	const size_t count = tool->threads < ARRAY_SIZE(twins) ? tool->threads : ARRAY_SIZE(twins);
	int result = 0;
	for (size_t i = 0; i < count; i++) {
		twins[i] = (struct twin){.tool = tool, .images = images};
		pthread_create(&twins[i].thread, NULL, prepare_twin, &twins[i]);
	}
	for (size_t i = 0; i < count; i++) {
		pthread_join(twins[i].thread, NULL);
		result |= twins[i].result;
		if (twins[i].prepared.length != twins[0].prepared.length ||
		    memcmp(twins[i].prepared.data, twins[0].prepared.data,
			   twins[0].prepared.length) != 0)
			result = 1;
	}
	*prepared = twins[0].prepared;
	for (size_t i = 1; i < count; i++)
		record_release(&twins[i].prepared);
	return result;
}

static int describe(struct tool *tool, struct images *images, struct record_view prepared)
{
	struct error error = {0};
	cleanup(image_description_release) struct image_description description;
	int result =
	    images_describe(images, record_of(&tool->deployment), prepared, &description, &error);
	if (result)
		return fail(result, &error);
	print_description(&description);
	return tool->serve ? serve(tool, &description, tool->serve) : 0;
}

static int trim(struct tool *tool, struct images *images)
{
	struct error error = {0};
	struct record_view needed = {0};
	if (*tool->trim && read_record(tool->trim, &needed))
		return 1;
	int result = images_trim(images, &needed, *tool->trim ? 1 : 0, &error);
	free((void *)needed.data);
	return result ? fail(result, &error) : 0;
}

static int work(struct tool *tool, struct images *images)
{
	struct error error = {0};
	cleanup_record struct record prepared = RECORD_EMPTY;
	if (tool->check) {
		int result = images_check(record_of(&tool->deployment), &error);
		return result ? fail(result, &error) : 0;
	}
	if (tool->trim && !strcmp(tool->describe ?: "-", ""))
		return trim(tool, images);
	if (tool->describe) {
		struct record_view view;
		if (read_record(tool->describe, &view))
			return 1;
		int result = describe(tool, images, view);
		free((void *)view.data);
		return result;
	}
	int result = tool->threads ? prepare_together(tool, images, &prepared)
				   : prepare(tool, images, &prepared);
	if (!result)
		result = describe(tool, images, record_of(&prepared));
	if (!result && tool->trim)
		result = trim(tool, images);
	return result;
}

int main(int argc, char **argv)
{
	struct tool tool = {.deployment = RECORD_EMPTY};
	struct images *images;
	struct error error = {0};
	if (argc < 3)
		return 2;
	tool.state = argv[1];
	record_add_text(&tool.deployment, FIELD_IMAGE, argv[2]);
	for (int i = 3; i < argc; i++)
		if (!take_word(&tool, argv[i])) {
			fprintf(stderr, "%s?\n", argv[i]);
			return 2;
		}
	int result = images_open(&images, tool.state, &tool.settings, &error);
	if (result)
		return fail(result, &error);
	result = work(&tool, images);
	images_close(images);
	record_release(&tool.deployment);
	return result != 0;
}
