/* The attacks of attacks.def, one after the other in one slot: each must end as the table says,
 * with a line that names the cause; the next request of the same function is served in a clean
 * machine; and the host has no more memory, descriptors, processes, files or work than before.
 *
 * usage: test_attacks ISOLATION ATTACKER [ATTACK [VARIANT]] */
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accel_client/accel_client.h"
#include "acceld/host.h"
#include "check.h"
#include "confine/sanitizers.h"
#include "host_state.h"
#include "mayfly/guest_abi.h"
#include "monitor/serving.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/paths.h"

/* A guest that must be stopped by something else than its deadline has time enough, also on a busy
 * machine and with sanitizers. */
#define LATE_NS	       (100 * 1000000ULL)
#define LONG_NS	       (60 * NANOSECONDS_PER_SECOND)
#define RESPONSE_LIMIT (8UL << 20)
#define LOG_LIMIT      (1UL << 20)

enum end { END_STOPPED, END_LATE, END_IN_VAIN, END_CONTAINED };

struct expectation {
	enum end end;
	const char *words; /* of the report: a regular expression */
};

struct attack {
	const char *name;
	unsigned variants;
	struct expectation kvm, process;
	const char *lesson;
};

#define PRIVILEGED   38
#define UNPRIVILEGED 23
#define PORTS	     20
#define HYPERCALLS   (GUEST_HYPERCALL_LAST + 2)

#define STOPPED(words)                                                                             \
	{                                                                                          \
		END_STOPPED, words                                                                 \
	}
#define LATE()                                                                                     \
	{                                                                                          \
		END_LATE, ""                                                                       \
	}
#define IN_VAIN()                                                                                  \
	{                                                                                          \
		END_IN_VAIN, ""                                                                    \
	}
#define CONTAINED()                                                                                \
	{                                                                                          \
		END_CONTAINED, ""                                                                  \
	}
#define ATTACK(name, variants, under_kvm, under_process, lesson)                                   \
	{#name, variants, under_kvm, under_process, lesson},

static const struct attack attacks[] = {
#include "attacks.def"
};

#define ATTACKS ARRAY_SIZE(attacks)

struct answer {
	char text[256];
	size_t length, log_length;
};

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	struct answer *answer = context;
	size_t used =
	    answer->length < sizeof(answer->text) - 1 ? answer->length : sizeof(answer->text) - 1;
	size_t room = sizeof(answer->text) - 1 - used;
	memcpy(answer->text + used, data, length < room ? length : room);
	answer->length += length;
	return 0;
}

static void take_log(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	((struct answer *)context)->log_length += length;
}

static void take_trace(void *context, const char *line, size_t length, uint64_t deadline_ns)
{
	for (size_t i = 0; i < length; i++)
		CHECK(line[i] == '\n' || (line[i] >= ' ' && line[i] <= '~'));
}

static bool serve(struct monitor *monitor, const char *text, uint64_t timeout_ns,
		  struct request_result *result, struct answer *answer)
{
	*answer = (struct answer){0};
	const struct request request = {
	    .timeout_ns = timeout_ns,
	    .response_limit = RESPONSE_LIMIT,
	    .log_limit = LOG_LIMIT,
	    .respond = respond,
	    .log = take_log,
	    .trace = strstr(text, "trace") ? take_trace : NULL,
	    .context = answer,
	};
	return serve_text(monitor, text, request, result);
}

/* The next one is served as if nothing had been. */
static void check_next(struct monitor *monitor, const char *after)
{
	static unsigned number;
	struct request_result result;
	struct answer answer;
	char text[64], wanted[64];
	snprintf(text, sizeof(text), "serve %u", ++number);
	snprintf(wanted, sizeof(wanted), "served %u\n", number);
	if (!serve(monitor, text, LONG_NS, &result, &answer) ||
	    !CHECK_NUMBER(result.outcome, OUTCOME_EXITED) || !CHECK_NUMBER(result.status, 0) ||
	    !CHECK_TEXT(answer.text, wanted))
		fprintf(stderr, "  after %s: %s\n", after, result.report);
	if (!serve(monitor, "op", LONG_NS, &result, &answer) ||
	    !CHECK_TEXT(answer.text, "session 1, op 0\n"))
		fprintf(stderr, "  after %s: %s\n", after, result.report);
}

static bool matches(const char *text, const char *pattern)
{
	regex_t expression;
	if (!CHECK_NUMBER(regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB), 0))
		return false;
	bool found = !regexec(&expression, text, 0, NULL, 0);
	regfree(&expression);
	return found;
}

static bool ended_as_expected(const struct expectation *wanted, const struct request_result *result)
{
	switch (wanted->end) {
	case END_STOPPED:
		return result->outcome == OUTCOME_CRASHED && matches(result->report, wanted->words);
	case END_LATE:
		return result->outcome == OUTCOME_DEADLINE;
	case END_IN_VAIN:
		return result->outcome == OUTCOME_EXITED && result->status == 0;
	case END_CONTAINED:
		/* Status 66: the attacker got what it wanted. */
		return result->outcome != OUTCOME_LOST &&
		       !(result->outcome == OUTCOME_EXITED && result->status == 66);
	}
	return false;
}

/* A report is for a terminal: lines of printable characters. */
static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text != '\n' && (*text < ' ' || *text > '~'))
			return false;
	return true;
}

/* One line for the test's log: how it ended. */
static void tell(const char *text, const struct request_result *result)
{
	static const char *const ends[] = {[OUTCOME_EXITED] = "exited with",
					   [OUTCOME_SIGNALED] = "ended itself by signal",
					   [OUTCOME_CRASHED] = "crashed as by signal",
					   [OUTCOME_DEADLINE] = "stopped at its deadline",
					   [OUTCOME_LOST] = "lost"};
	printf("%s: %s %d; %.*s\n", text, ends[result->outcome], result->status,
	       (int)strcspn(result->report, "\n"), result->report);
}

static void run_attack(struct monitor *monitor, pid_t acceld, const struct attack *attack,
		       unsigned variant)
{
	const struct expectation *wanted =
	    strcmp(monitor_isolation(monitor), "kvm") ? &attack->process : &attack->kvm;
	const bool short_limit = wanted->end == END_LATE || wanted->end == END_CONTAINED;
	struct request_result result;
	struct answer answer;
	char text[128];
	snprintf(text, sizeof(text), "%s %u", attack->name, variant);
	struct host_state before;
	host_state_take(&before, acceld);
	if (!serve(monitor, text, short_limit ? LATE_NS : LONG_NS, &result, &answer))
		return;
	uint64_t used_ns = host_state_cpu_ns(acceld) - before.cpu_ns;
	if (!CHECK(ended_as_expected(wanted, &result)) || !CHECK(is_printable(result.report)))
		fprintf(stderr, "  %s (%s): outcome %d, status %d: %s\n", text, attack->lesson,
			(int)result.outcome, result.status, result.report);
	if (short_limit && !CHECK(used_ns < LATE_NS + NANOSECONDS_PER_SECOND))
		fprintf(stderr, "  %s: it cost %lu ms of processor time\n", text,
			used_ns / 1000000);
	CHECK(answer.length <= RESPONSE_LIMIT && answer.log_length <= LOG_LIMIT);
	tell(text, &result);
	check_next(monitor, text);
	const char *more = host_state_await(&before, acceld);
	if (!CHECK_TEXT(more, NULL))
		fprintf(stderr, "  more than before %s\n", text);
}

/* A request that nobody reads: it is neither kept nor waited for. */
static void test_unread_request(struct monitor *monitor)
{
	struct request_result result;
	struct answer answer = {0};
	struct error error = {0};
	const size_t length = 64UL << 20;
	char *data = calloc(1, length);
	if (!CHECK(data != NULL))
		return;
	memcpy(data, "serve 7", sizeof("serve 7"));
	const struct request request = {
	    .data = data,
	    .length = length,
	    .fd = -1,
	    .timeout_ns = LONG_NS,
	    .respond = respond,
	    .log = take_log,
	    .context = &answer,
	};
	CHECK_NUMBER(monitor_serve(monitor, &request, &result, &error), 0);
	CHECK_TEXT(answer.text, "served 7\n");
	free(data);
	check_next(monitor, "a request that was not read");
}

/* With a name, the attack is the set-up's. With a root, the program is a file in it. */
static struct monitor *open_attacker(const char *isolation, const char *program, const char *root,
				     const char *name, const char *number, struct error *error)
{
	const char *const arguments[] = {"attacker", name, number, NULL};
	const char *const environment[] = {NULL};
	const struct monitor_options options = {
	    .dialer = &accel_dialer_own,
	    .guest.program = program,
	    .guest.root = root,
	    .guest.arguments = arguments,
	    .guest.environment = environment,
	    .isolation = isolation,
	    .guest.memory = 64UL << 20,
	    .warm_up = name ? "serve 1" : NULL,
	    .warm_up_length = name ? strlen("serve 1") : 0,
	};
	struct monitor *monitor = NULL;
	return monitor_open(&monitor, &options, error) ? NULL : monitor;
}

/* The same before there is a snapshot: there is then no next request, only an end. */
static void test_hostile_setup(const char *isolation, const char *program)
{
	static const struct {
		const char *name, *number;
		enum outcome outcome;
	} cases[] = {
	    {"spin", "0", OUTCOME_DEADLINE},
	    {"read_outside", "0", OUTCOME_CRASHED},
	    {"flood_the_log", "0", OUTCOME_DEADLINE},
	    {"flood_hypercalls", "4", OUTCOME_DEADLINE}, /* READ */
	    {"flood_with_messages", "0", OUTCOME_DEADLINE},
	    {"warm_up_with_long_response", "0", OUTCOME_CRASHED},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error error = {0};
		struct request_result result = {0};
		struct answer answer;
		struct monitor *monitor =
		    open_attacker(isolation, program, NULL, cases[i].name, cases[i].number, &error);
		if (!CHECK(monitor != NULL))
			return;
		serve(monitor, "serve 1", LATE_NS * 4, &result, &answer);
		if (!CHECK_NUMBER(result.outcome, cases[i].outcome))
			fprintf(stderr, "  %s in the set-up: %s\n", cases[i].name, result.report);
		monitor_close(monitor);
	}
}

/* Pictures and models are attacks only where there is something that looks at them. */
static bool needs_engine(const struct attack *attack)
{
	return !strncmp(attack->name, "bomb_", 5) || !strncmp(attack->name, "model_", 6);
}

static bool have_engine(void)
{
	char path[PATH_MAX];
	return !paths_cache(path, sizeof(path), "onnxruntime/libonnxruntime.so.1.31.1", NULL) &&
	       !access(path, R_OK);
}

/* A sanitizer's operator new ends the process where it should throw. */
static bool is_too_much(const struct attack *attack)
{
	return CONFINE_SANITIZED && (!strcmp(attack->name, "model_of_a_terabyte") ||
				     !strcmp(attack->name, "model_of_absurd_shape"));
}

/* And requests for files where there is a directory of them. */
static bool needs_root(const struct attack *attack)
{
	return !strncmp(attack->name, "root_", 5);
}

static unsigned run_attacks(struct monitor *monitor, pid_t acceld, bool rooted, char **only)
{
	unsigned count = 0;
	for (size_t i = 0; i < ATTACKS; i++) {
		if (only[0] && strcmp(only[0], attacks[i].name) != 0)
			continue;
		if (needs_root(&attacks[i]) != rooted || is_too_much(&attacks[i]))
			continue;
		if (needs_engine(&attacks[i]) && !have_engine()) {
			printf("%s: skipped, there is no ONNX Runtime\n", attacks[i].name);
			continue;
		}
		for (unsigned variant = 0; variant < attacks[i].variants; variant++) {
			if (only[0] && only[1] && (unsigned)atoi(only[1]) != variant)
				continue;
			run_attack(monitor, acceld, &attacks[i], variant);
			count++;
		}
	}
	return count;
}

/* The attacker in a directory of its own, beside links that lead out of it. */
static bool make_root(const char *root, const char *program)
{
	char path[PATH_MAX];
	cleanup_free uint8_t *data = NULL;
	size_t length = 0;
	struct error error = {0};
	snprintf(path, sizeof(path), "%s/attacker", root);
	cleanup_close int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (file < 0 || file_read(program, 64UL << 20, &data, &length, &error) ||
	    file_write_all(file, data, length))
		return false;
	snprintf(path, sizeof(path), "%s/link", root);
	bool made = !symlink("/etc/passwd", path);
	snprintf(path, sizeof(path), "%s/folder", root);
	return made && !symlink("/etc", path);
}

static void remove_root(const char *root)
{
	static const char *const names[] = {"attacker", "link", "folder", ""};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[PATH_MAX];
		snprintf(path, sizeof(path), "%s/%s", root, names[i]);
		CHECK(!remove(path));
	}
}

/* With a root directory there is one more door. */
static unsigned attack_root(const char *isolation, const char *program, pid_t acceld, char **only)
{
	char root[] = "/tmp/mayfly-test-root-XXXXXX";
	unsigned count = 0;
	struct error error = {0};
	if (!CHECK(mkdtemp(root) && make_root(root, program)))
		return 0;
	struct monitor *monitor = open_attacker(isolation, "/attacker", root, NULL, NULL, &error);
	if (CHECK_TEXT(error.text, "") && monitor) {
		check_next(monitor, "the start");
		count = run_attacks(monitor, acceld, true, only);
	}
	monitor_close(monitor);
	remove_root(root);
	return count;
}

/* A home of its own, so that it is seen when something is left there.
 * Models stay where they are. */
static bool make_home(char *home)
{
	char cache[PATH_MAX];
	const char *set = getenv("XDG_CACHE_HOME"), *old = getenv("HOME");
	snprintf(cache, sizeof(cache), "%s%s/mayfly",
		 set && *set ? set
		 : old	     ? old
			     : "",
		 set && *set ? "" : "/.cache");
	return mkdtemp(home) && !setenv("MAYFLY_CACHE", cache, 0) && !unsetenv("XDG_CACHE_HOME") &&
	       !setenv("HOME", home, 1);
}

int main(int argc, char **argv)
{
	struct error error = {0};
	struct host host;
	char home[] = "/tmp/mayfly-test-home-XXXXXX";
	if (argc < 3) {
		fprintf(stderr, "usage: test_attacks ISOLATION ATTACKER [ATTACK [VARIANT]]\n");
		return EXIT_FAILURE;
	}
	struct monitor *monitor = open_attacker(argv[1], argv[2], NULL, NULL, NULL, &error);
	if (!monitor) {
		fprintf(stderr, "skipped: %s\n", error.text);
		return strstr(error.text, "cannot be had") ? CHECK_SKIPPED : EXIT_FAILURE;
	}
	static const char *const arguments[] = {"--memory=1G", NULL};
	if (CHECK(make_home(home)) &&
	    CHECK(!host_start(&host, getenv(have_engine() ? "ONNX_PLUGIN" : "NOOP_PLUGIN"),
			      arguments))) {
		check_next(monitor, "the start");
		if (argc == 3) {
			test_unread_request(monitor);
			test_hostile_setup(argv[1], argv[2]);
		}
		pid_t worker = host_worker(host.pid);
		unsigned count = run_attacks(monitor, worker, false, argv + 3);
		count += attack_root(argv[1], argv[2], worker, argv + 3);
		fprintf(stderr, "%zu attacks, with variants %u\n", ATTACKS, count);
		CHECK(count > 0);
		/* The accelerator host's worker lives: it was never started again. */
		CHECK_NUMBER(host_worker(host.pid), worker);
		monitor_close(monitor);
		int status = host_stop(&host, SIGTERM);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		CHECK(!rmdir(home)); /* nothing was put there */
	}
	return check_status();
}
