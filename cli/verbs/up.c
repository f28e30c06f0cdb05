/* mayfly up: start a gateway on this machine. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command/verb.h"
#include "cli/remote/serving.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/paths.h"
#include "util/spawn.h"
#include "util/text.h"

#define DAEMON	      "mayflyd"
#define LOG_NAME      "mayflyd.log"
#define LOG_READ_MAX  65536
#define ARGUMENTS_MAX 64

struct up_values {
	const char *state, *listen, *metrics_listen, *user, *password_file, *certificate, *key;
	bool no_auth, detach;
};

/* The command line of the daemon. */
struct command {
	char program[PATH_MAX], state[PATH_MAX];
	char *arguments[ARGUMENTS_MAX + 2];
	size_t count;
};

static void release_command(struct command *command)
{
	for (size_t i = 0; i < command->count; i++)
		free(command->arguments[i]);
}

static int add(struct command *command, const char *option, const char *value)
{
	if (!value)
		return 0;
	char **place = &command->arguments[command->count];
	if (asprintf(place, "%s%s%s", option, *value ? "=" : "", value) < 0) {
		*place = NULL;
		return -ENOMEM;
	}
	command->count++;
	return 0;
}

static int make_command(const struct up_values *chosen, const struct operands *operands,
			struct command *command, struct error *error)
{
	int result = paths_part(command->program, sizeof(command->program), DAEMON, error);
	if (!result)
		result = paths_state(command->state, chosen->state, error);
	if (result)
		return result;
	const struct {
		const char *option, *value;
	} words[] = {
	    {DAEMON, ""},
	    {"--state", command->state},
	    {"--listen", chosen->listen},
	    {"--metrics-listen", chosen->metrics_listen},
	    {"--user", chosen->user},
	    {"--password-file", chosen->password_file},
	    {"--no-auth", chosen->no_auth ? "" : NULL},
	    {"--tls-cert", chosen->certificate},
	    {"--tls-key", chosen->key},
	};
	/* There is room for --ready-fd, too. */
	if (operands->count > ARGUMENTS_MAX - ARRAY_SIZE(words) - 1)
		return error_set(error, E2BIG, "too many options");
	for (size_t i = 0; !result && i < ARRAY_SIZE(words); i++)
		result = add(command, words[i].option, words[i].value);
	for (size_t i = 0; !result && i < operands->count; i++)
		result = add(command, operands->words[i], "");
	return result ? error_set(error, ENOMEM, "no memory for arguments") : 0;
}

/* One state has one gateway: a second one would only find the address or the state taken. */
static int refuse_second(const char *state, struct error *error)
{
	cleanup(serving_list_release) struct serving_list list = {0};
	serving_list_read(&list, NULL);
	for (size_t i = 0; i < list.count; i++)
		if (!strcmp(list.entries[i].state, state))
			return error_set(error, EBUSY,
					 "it is up already, at %s: 'mayfly down' ends it, and "
					 "--state=DIR gives another one a place",
					 list.entries[i].url);
	return 0;
}

/* ── when it serves ────────────────────────────────────────────────────────────────────────── */

/* What the daemon writes to --ready-fd: "serving at URL". -ESRCH where it has ended before. */
static int read_url(int ready, char *line, size_t size, const char **url)
{
	ssize_t length = file_read_full(ready, line, size - 1);
	if (length < 0)
		return (int)length;
	line[length] = 0;
	line[strcspn(line, "\n")] = 0;
	*url = strstr(line, "http");
	return *url ? 0 : -ESRCH;
}

static void tell(pid_t daemon, const char *url)
{
	cleanup(serving_list_release) struct serving_list list = {0};
	const struct serving *own = NULL;
	serving_list_read(&list, NULL);
	for (size_t i = 0; i < list.count; i++)
		if (list.entries[i].process == daemon)
			own = &list.entries[i];
	printf("The gateway serves at %s\n", url);
	if (own && own->user && own->password_file)
		printf("user %s, password in %s: mayfly finds it by itself\n", own->user,
		       own->password_file);
	else if (own)
		printf("without a password: whoever reaches it can deploy\n");
	printf("try:\n"
	       "  mayfly deploy --gateway=%s hello hello\n"
	       "  curl %s/function/hello\n",
	       url, url);
	fflush(stdout);
}

/* ── in the background ─────────────────────────────────────────────────────────────────────── */

/* The last line that the daemon wrote into its log, behind `from`, as an error. */
static int tell_end(const char *path, off_t from, struct error *error)
{
	char text[LOG_READ_MAX + 1];
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : pread(fd, text, LOG_READ_MAX, from);
	while (length > 0 && text[length - 1] == '\n')
		length--;
	if (length <= 0)
		return error_set(error, ECHILD, DAEMON " has ended: look at %s", path);
	text[length] = 0;
	char *line = strrchr(text, '\n');
	line = line ? line + 1 : text;
	static const char prefix[] = DAEMON ": error: ";
	if (!strncmp(line, prefix, strlen(prefix)))
		line += strlen(prefix);
	text_make_line(line, strlen(line));
	return error_set(error, ECHILD, "%.900s", line);
}

static int detach(struct command *command, struct error *error)
{
	char path[PATH_MAX + sizeof(LOG_NAME) + 1], line[256];
	const char *url;
	struct spawn_process process;
	int ends[2];
	snprintf(path, sizeof(path), "%s/" LOG_NAME, command->state);
	cleanup_close int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log < 0)
		return error_set_errno(error, errno, "cannot write %s", path);
	off_t from = lseek(log, 0, SEEK_END);
	if (pipe2(ends, O_CLOEXEC) || add(command, "--ready-fd", "3"))
		return error_set_errno(error, errno, "cannot make a pipe");
	cleanup_close int ready = ends[0], told = ends[1];
	const int streams[] = {SPAWN_NULL, log, log, told};
	int result =
	    spawn_start(&(struct spawn){.program = command->program,
					.arguments = (const char *const *)command->arguments,
					.descriptors = streams,
					.descriptor_count = ARRAY_SIZE(streams),
					.kind = SPAWN_SERVER_SESSION},
			&process);
	if (result)
		return error_set_errno(error, -result, "cannot start %s", command->program);
	close(take_fd(&told));
	result = read_url(ready, line, sizeof(line), &url);
	if (result) {
		spawn_kill(&process);
		return tell_end(path, from, error);
	}
	tell(process.pid, url);
	printf("its log is %s; mayfly down ends it\n", path);
	spawn_release(&process);
	return 0;
}

/* ── in the foreground ─────────────────────────────────────────────────────────────────────── */

/* The daemon takes the place of this process, so that signals and its end are its own. A process of
 * its own, which nobody has to wait for, tells when it serves. */
static int start_teller(struct command *command, struct error *error)
{
	pid_t daemon = getpid();
	int ends[2];
	char line[256], number[16];
	const char *url;
	if (pipe(ends))
		return error_set_errno(error, errno, "cannot make a pipe");
	snprintf(number, sizeof(number), "%d", ends[1]);
	if (add(command, "--ready-fd", number))
		return error_set(error, ENOMEM, "no memory for arguments");
	pid_t child = fork();
	if (child < 0)
		return error_set_errno(error, errno, "cannot fork");
	if (child) {
		close(ends[0]);
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
		return 0;
	}
	if (fork())
		_exit(0);
	close(ends[1]);
	if (!read_url(ends[0], line, sizeof(line), &url))
		tell(daemon, url);
	_exit(0);
}

static int up_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct up_values *chosen = values;
	cleanup(release_command) struct command command = {0};
	if (chosen->no_auth && (chosen->user || chosen->password_file))
		return error_set(error, EINVAL, "give --no-auth, or --user and --password-file");
	if (!chosen->certificate != !chosen->key)
		return error_set(error, EINVAL, "--tls-cert and --tls-key go together");
	int result = make_command(chosen, operands, &command, error);
	if (!result)
		result = refuse_second(command.state, error);
	if (!result && chosen->detach)
		return detach(&command, error);
	if (!result)
		result = start_teller(&command, error);
	if (result)
		return result;
	execv(command.program, command.arguments);
	return error_set_errno(error, errno, "cannot start %s", command.program);
}

static const struct up_values up_defaults = {.listen = "127.0.0.1:8080"};

#define VALUES struct up_values
static const struct option_spec up_options[] = {
    {"state", 0, OPTION_STRING, offsetof(VALUES, state), "DIR",
     "where it keeps functions, secrets and calls (default: mayfly in $XDG_STATE_HOME or "
     "~/.local/state)",
     .takes_file = true},
    {"listen", 0, OPTION_STRING, offsetof(VALUES, listen), "ADDRESS:PORT",
     "where it serves; port 0 is a free one"},
    {"metrics-listen", 0, OPTION_STRING, offsetof(VALUES, metrics_listen), "ADDRESS:PORT",
     "where it serves its metrics (default: nowhere but /metrics of the gateway)"},
    {"user", 'u', OPTION_STRING, offsetof(VALUES, user), "NAME", "who may deploy (default: admin)"},
    {"password-file", 0, OPTION_STRING, offsetof(VALUES, password_file), "FILE",
     "a file with the password (default: one is made in the state directory)", .takes_file = true},
    {"no-auth", 0, OPTION_FLAG, offsetof(VALUES, no_auth), NULL,
     "ask for no password: whoever reaches it may deploy"},
    {"tls-cert", 0, OPTION_STRING, offsetof(VALUES, certificate), "FILE",
     "serve by TLS, with this certificate (PEM)", .takes_file = true},
    {"tls-key", 0, OPTION_STRING, offsetof(VALUES, key), "FILE", "the key of the certificate",
     .takes_file = true},
    {"detach", 'd', OPTION_FLAG, offsetof(VALUES, detach), NULL,
     "return when it serves, and leave it running; mayfly down ends it"},
};

const struct verb verb_up = {
    .name = "up",
    .summary = "Start a gateway that serves functions over HTTP",
    .usage = "[-- OPTION...]",
    .description =
	"Starts mayflyd, which keeps functions and serves requests for them over HTTP. It needs "
	"no root. What was deployed is there again when it is started with the same state. "
	"Ctrl-C ends it. Options behind -- are handed to mayflyd, whose --help tells of more than "
	"these.\n"
	"The other verbs on functions find it, and its password, by themselves where the same "
	"user runs them on this machine.",
    .options = up_options,
    .option_count = ARRAY_SIZE(up_options),
    .defaults = &up_defaults,
    .values_size = sizeof(up_defaults),
    .most = OPERANDS_ANY,
    .run = up_run,
};
