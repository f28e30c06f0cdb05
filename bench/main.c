/* mayfly_bench: measures Mayfly and what it is compared with, and writes the figures as JSON.
 * bench/run starts it as it must be; README.md tells what each row is. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases/cases.h"
#include "harness/memory.h"
#include "harness/report.h"
#include "monitor/isolation/isolation.h"
#include "options/option_help.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"
#include "util/paths.h"
#include "vaccel.h"

#define ROUNDS_DEFAULT 1000
#define ROUNDS_MAX     1000000
#define PHOTO_LIMIT    (32ul << 20)

struct bench_options {
	uint64_t rounds;
	const char *output, *photo, *python, *go, *commit, *only;
	bool check, help;
};

static const struct bench_options bench_defaults = {.rounds = ROUNDS_DEFAULT,
						    .output = "bench.json"};

static const struct option_spec bench_options[] = {
    {"output", 'o', OPTION_STRING, offsetof(struct bench_options, output), "FILE",
     "write the figures to FILE", .takes_file = true},
    {"rounds", 'n', OPTION_COUNT, offsetof(struct bench_options, rounds), "COUNT",
     "measure each case so often, dear ones less", .minimum = 1, .maximum = ROUNDS_MAX},
    {"only", 0, OPTION_STRING, offsetof(struct bench_options, only), "NAME",
     "only rows whose name begins so, and no memory"},
    {"photo", 0, OPTION_STRING, offsetof(struct bench_options, photo), "FILE",
     "find objects in this picture instead of photos/dog.jpg of the cache", .takes_file = true},
    {"python", 0, OPTION_STRING, offsetof(struct bench_options, python), "FOLDER",
     "what bench/run made for the rows of Python", .takes_file = true},
    {"go", 0, OPTION_STRING, offsetof(struct bench_options, go), "FILE",
     "the program of bench/go, for the rows of Go", .takes_file = true},
    {"commit", 0, OPTION_STRING, offsetof(struct bench_options, commit), "TEXT",
     "the commit to name in the report"},
    {"check", 0, OPTION_FLAG, offsetof(struct bench_options, check), NULL,
     "exit with status 1 where a figure is not what was wanted"},
    {"help", 'h', OPTION_FLAG, offsetof(struct bench_options, help), NULL,
     "show this help and do nothing else"},
};

#define OPTION_TABLE_SIZE ARRAY_SIZE(bench_options)

static void print_help(void)
{
	puts("Usage: mayfly_bench [OPTION...]\n");
	help_print_options(stdout, bench_options, OPTION_TABLE_SIZE, &bench_defaults);
	puts("\nMAYFLY_LIBDIR must be the build directory. bench/run sets all this up.");
}

static int parse_options(int count, char *words[], struct bench_options *options,
			 struct error *error)
{
	*options = bench_defaults;
	const struct option_set set = {bench_options, OPTION_TABLE_SIZE, options};
	return options_parse_alone(&set, count - 1, words + 1, error);
}

/* Everything that is open while cases run. */
struct session {
	struct bench bench;
	struct cases_settings settings;
	struct error no_kvm;
	uint8_t *photo;
	struct process_cases *process;
	struct container_cases *container;
	struct command_cases *command;
	struct python_cases *python;
	struct go_cases *go;
	struct channel_cases *channel;
	struct request_cases *request;
	struct system_call_cases *system_call;
	struct digest_cases *digest;
	struct read_cases *read;
	struct call_cases *call;
	struct detect_cases *detect;
};

static void session_close_cases(struct session *session)
{
	detect_cases_close(session->detect);
	call_cases_close(session->call);
	read_cases_close(session->read);
	digest_cases_close(session->digest);
	system_call_cases_close(session->system_call);
	channel_cases_close(session->channel);
	request_cases_close(session->request);
	go_cases_close(session->go);
	python_cases_close(session->python);
	command_cases_close(session->command);
	container_cases_close(session->container);
	process_cases_close(session->process);
	session->detect = NULL;
	session->call = NULL;
	session->digest = NULL;
	session->read = NULL;
	session->system_call = NULL;
	session->channel = NULL;
	session->request = NULL;
	session->command = NULL;
	session->container = NULL;
	session->go = NULL;
	session->python = NULL;
	session->process = NULL;
}

static void session_release(struct session *session)
{
	session_close_cases(session);
	bench_release(&session->bench);
	free(session->photo);
}

/* libvaccel with the plugins that acceld uses by default, whatever the environment says. */
static int start_library(struct error *error)
{
	struct vaccel_config config;
	int result = vaccel_config_init(&config, NULL, VACCEL_LOG_ERROR, NULL, false, false);
	if (!result) {
		result = vaccel_bootstrap_with_config(&config);
		vaccel_config_release(&config);
	}
	if (!result)
		result = vaccel_plugin_parse_and_load("onnx:noop");
	return result ? error_set(error, EIO, "cannot start libvaccel (error %d)", result) : 0;
}

/* Settings, from what this machine has. */
static int session_prepare(struct session *session, const struct bench_options *options,
			   struct error *error)
{
	char path[PATH_MAX];
	bool kvm = isolation_choose("kvm", &session->no_kvm);
	session->settings = (struct cases_settings){
	    .isolation = kvm ? "kvm" : "process", .kvm = kvm, .no_kvm = session->no_kvm.text};
	int result = 0;
	if (options->photo)
		result = (size_t)snprintf(path, sizeof(path), "%s", options->photo) >= sizeof(path)
			     ? error_set(error, ENAMETOOLONG, "--photo is too long")
			     : 0;
	else
		result = paths_cache(path, sizeof(path), "photos/dog.jpg", error);
	if (result)
		return result;
	/* One that was named must be there. */
	result = file_read(path, PHOTO_LIMIT, &session->photo, &session->settings.photo_length,
			   options->photo ? error : NULL);
	session->settings.photo = session->photo;
	session->settings.python = options->python;
	session->settings.go = options->go;
	return result && options->photo ? result : start_library(error);
}

static int session_open_cases(struct session *session, struct error *error)
{
	struct bench *bench = &session->bench;
	const struct cases_settings *settings = &session->settings;
	int result = process_cases_open(&session->process, bench, settings, error);
	if (!result)
		result = container_cases_open(&session->container, bench, settings, error);
	if (!result)
		result = python_cases_open(&session->python, bench, settings, error);
	if (!result)
		result = go_cases_open(&session->go, bench, settings, error);
	if (!result)
		result = command_cases_open(&session->command, bench, settings, error);
	if (!result)
		result = request_cases_open(&session->request, bench, settings, error);
	if (!result)
		result = channel_cases_open(&session->channel, bench, settings, error);
	if (!result)
		result = system_call_cases_open(&session->system_call, bench, settings, error);
	if (!result)
		result = digest_cases_open(&session->digest, bench, settings, error);
	if (!result)
		result = read_cases_open(&session->read, bench, settings, error);
	if (!result)
		result = call_cases_open(&session->call, bench, settings, error);
	if (!result)
		result = detect_cases_open(&session->detect, bench, settings, error);
	return result;
}

static int measure_all(struct session *session, const struct bench_options *options,
		       struct report *report, struct error *error)
{
	int result = session_open_cases(session, error);
	if (!result)
		result = bench_run(&session->bench, error);
	static char runtime[64];
	const char *version = detect_cases_runtime(session->detect);
	if (version) {
		snprintf(runtime, sizeof(runtime), "%s", version);
		report->runtime = runtime;
	}
	session_close_cases(session);
	if (result || options->only)
		return result;
	/* A limit of descriptors or memory may be too low for so many slots. */
	struct error reason = {0};
	if (memory_measure(session->settings.isolation, report->memory, &report->memory_count,
			   &reason) ||
	    python_measure_memory(&session->bench, &session->settings, report->memory,
				  &report->memory_count, &reason))
		bench_leave_out(&session->bench, "memory", reason.text);
	return 0;
}

/* Returns the exit status, or a negative errno. */
static int run(int count, char *words[], struct error *error)
{
	struct bench_options options;
	int result = parse_options(count, words, &options, error);
	if (result)
		return result;
	if (options.help) {
		print_help();
		return 0;
	}
	cleanup(session_release) struct session session = {0};
	bench_init(&session.bench, options.rounds, options.only);
	result = session_prepare(&session, &options, error);
	if (result)
		return result;
	struct report report = {.bench = &session.bench,
				.isolation = session.settings.isolation,
				.commit = options.commit};
	machine_describe(&report.machine, session.settings.kvm);
	result = measure_all(&session, &options, &report, error);
	if (result)
		return result;
	for (size_t i = 0; i < session.bench.left_out_count; i++)
		log_warn("%s is left out: %s", session.bench.left_out[i].name,
			 session.bench.left_out[i].reason);
	report_check(&report);
	result = report_write(&report, options.output, error);
	if (result)
		return result;
	return options.check && !report_holds(&report) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int count, char *words[])
{
	struct error error = {0};
	/* A spawner that went away is an error of write(2). */
	signal(SIGPIPE, SIG_IGN);
	log_setup_from_environment("mayfly_bench", LOG_WARN);
	int result = run(count, words, &error);
	if (result >= 0)
		return result;
	log_error("%s", error.text);
	return EXIT_FAILURE;
}
