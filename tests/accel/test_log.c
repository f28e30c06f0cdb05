/* The log: slog's interface, where lines go, and what they look like.
 *
 * Each case runs in a child, as the log is the process's. The library is started with the
 * environment that the case sets.
 */
#include <fcntl.h>
#include <regex.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "vaccel.h"

static char directory[] = "/tmp/test-log-XXXXXX";

struct output {
	char out[8192], err[8192];
	int status;
};

static void read_all(const char *name, char *text, size_t room)
{
	int fd = open(name, O_RDONLY);
	ssize_t got = fd < 0 ? 0 : read(fd, text, room - 1);
	text[got > 0 ? got : 0] = 0;
	if (fd >= 0)
		close(fd);
}

/* Runs `act` in a child with its output in files. */
static struct output run(void (*act)(void))
{
	struct output output;
	pid_t child = fork();
	if (!child) {
		int out = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		int err = open("err", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		act();
		fflush(NULL);
		_exit(0);
	}
	waitpid(child, &output.status, 0);
	read_all("out", output.out, sizeof(output.out));
	read_all("err", output.err, sizeof(output.err));
	return output;
}

static bool matches(const char *text, const char *pattern)
{
	regex_t expression;
	if (regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB))
		return false;
	bool found = !regexec(&expression, text, 0, NULL, 0);
	regfree(&expression);
	if (!found)
		fprintf(stderr, "no %s in: %s\n", pattern, text);
	return found;
}

#define DATE "[0-9]{4}\\.[0-9]{2}\\.[0-9]{2}-[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{2} - "

static void write_each_kind(void)
{
	setenv("VACCEL_LOG_LEVEL", "3", 1);
	vaccel_bootstrap();
	printf("first;");
	vaccel_error("an error of %d", 7);
	vaccel_warn("a warning");
	vaccel_info("news");
	vaccel_debug("not wanted");
	vaccel_fatal("fatal");
	slog("no tag: not wanted");
	slog_print(SLOG_INFO, 0, "half,");
	errno = 5;
	slog_info("end\ttab \033[2J");
	if (errno != 5)
		_exit(1);
}

static void test_form(void)
{
	struct output output = run(write_each_kind);
	CHECK_NUMBER(output.status, 0);
	CHECK_TEXT(output.err, "");
	CHECK(matches(output.out, "first;" DATE "\033\\[31m<error>\033\\[0m an error of 7\n"));
	CHECK(matches(output.out, "\n" DATE "\033\\[33m<warn>\033\\[0m a warning\n"));
	CHECK(matches(output.out, "\n" DATE "\033\\[32m<info>\033\\[0m news\n"));
	CHECK(matches(output.out,
		      "\n" DATE "\033\\[35m<fatal>\033\\[0m \\[.*test_log.c:[0-9]+\\] fatal\n"));
	CHECK(matches(output.out, "half," DATE ".*end\ttab \\?\\[2J\n"));
	CHECK(!strstr(output.out, "not wanted"));
}

static void change_settings(void)
{
	setenv("VACCEL_LOG_LEVEL", "1", 1);
	vaccel_bootstrap();
	slog_warn("not wanted");
	slog_enable(SLOG_WARN);
	SLogConfig config;
	slog_config_get(&config);
	config.eColorFormat = SLOG_COLOR_DISABLE;
	config.nTraceTid = 1;
	slog_config_set(&config);
	slog_warn("plain");
	config.eColorFormat = SLOG_COLOR_FULL;
	config.nTraceTid = 0;
	slog_config_set(&config);
	slog_warn("full");
	slog_disable(SLOG_WARN);
	slog_warn("not wanted");
	config.nToScreen = 0;
	config.nToFile = 1;
	snprintf(config.sFilePath, sizeof(config.sFilePath), "%s", directory);
	snprintf(config.sFileName, sizeof(config.sFileName), "chosen");
	slog_config_set(&config);
	slog_error("to the file");
	slog_destroy();
	slog_error("and again");
	slog_init("name", SLOG_NOTE, 1);
	slog_note("a note");
	slog_error("not wanted");
	printf("%s", slog_version(1));
}

static void file_of_today(char *path, size_t room, const char *name)
{
	time_t now = time(NULL);
	struct tm today;
	localtime_r(&now, &today);
	char date[32];
	strftime(date, sizeof(date), "%Y-%m-%d", &today);
	snprintf(path, room, "%s/%s-%s.log", directory, name, date);
}

static void test_settings(void)
{
	struct output output = run(change_settings);
	char path[4096], text[4096];
	CHECK_NUMBER(output.status, 0);
	CHECK(matches(output.out, "^\\([0-9]+\\) " DATE "<warn> plain\n"));
	CHECK(matches(output.out, "\n\033\\[33m" DATE "<warn> full\033\\[0m\n"));
	CHECK(matches(output.out, DATE ".*<note>.* a note\n1\\.8\\.22$"));
	CHECK(!strstr(output.out, "not wanted") && !strstr(output.out, "to the file"));
	file_of_today(path, sizeof(path), "chosen");
	read_all(path, text, sizeof(text));
	CHECK(matches(text, "^\033\\[31m" DATE "<error> to the file\033\\[0m\n.*and again"));
}

static void log_to_named_file(void)
{
	char name[4096];
	snprintf(name, sizeof(name), "%s/named", directory);
	setenv("VACCEL_LOG_FILE", name, 1);
	setenv("VACCEL_LOG_LEVEL", "2", 1);
	vaccel_bootstrap();
	vaccel_warn("in a file");
}

static void log_to_standard_error(void)
{
	setenv("VACCEL_LOG_FILE", "/dev/stderr", 1);
	setenv("VACCEL_LOG_LEVEL", "2", 1);
	vaccel_bootstrap();
	vaccel_warn("there");
}

static void log_to_no_file(void)
{
	setenv("VACCEL_LOG_FILE", "/nonexistent/directory/file", 1);
	vaccel_bootstrap();
	if (vaccel_log_init() != VACCEL_EIO)
		_exit(1);
	vaccel_error("all the same");
}

static void set_bad_level(void)
{
	setenv("VACCEL_LOG_LEVEL", "9", 1);
	setenv("VACCEL_BACKENDS", "noop", 1);
	vaccel_bootstrap();
	vaccel_warn("not wanted");
	vaccel_error("still said");
	if (!vaccel_config()->plugins)
		_exit(1);
}

static void test_environment(void)
{
	char path[4096], text[4096];
	struct output output = run(log_to_named_file);
	CHECK_TEXT(output.out, "");
	file_of_today(path, sizeof(path), "named");
	read_all(path, text, sizeof(text));
	CHECK(matches(text, "^" DATE ".*<warn>.* in a file\n$"));

	output = run(log_to_standard_error);
	CHECK_TEXT(output.out, "");
	CHECK_TEXT(output.err, "vaccel: warning: there\n");

	output = run(log_to_no_file);
	CHECK_NUMBER(output.status, 0);
	CHECK(strstr(output.out, "cannot open the log file") && strstr(output.out, "all the same"));

	unsetenv("VACCEL_PLUGINS");
	output = run(set_bad_level);
	CHECK_NUMBER(output.status, 0);
	CHECK(strstr(output.err, "VACCEL_LOG_LEVEL=9 is no number from 1 to 4"));
	CHECK(strstr(output.err, "VACCEL_BACKENDS is a name of old: use VACCEL_PLUGINS"));
	CHECK(strstr(output.out, "still said") && !strstr(output.out, "not wanted"));
}

static void run_profiled(void)
{
	setenv("VACCEL_LOG_LEVEL", "3", 1);
	setenv("VACCEL_PROFILING_ENABLED", "1", 1);
	vaccel_bootstrap();
	struct vaccel_session session;
	if (vaccel_session_init(&session, 0))
		_exit(1);
	for (int i = 0; i < 3; i++)
		vaccel_noop(&session);
	unsigned char text[64];
	vaccel_image_classification(&session, "x", text, NULL, 1, sizeof(text), 0);
	vaccel_image_depth(&session, "x", text, 1, sizeof(text));
	vaccel_session_release(&session);
	vaccel_cleanup();
}

static void test_profile(void)
{
	struct output output = run(run_profiled);
	CHECK_NUMBER(output.status, 0);
	CHECK(matches(output.out,
		      "\\[prof\\] vaccel_noop_op: total_time: [0-9]+ nsec nr_entries: 3\n"));
	CHECK(matches(output.out,
		      "\\[prof\\] vaccel_image_op: total_time: [0-9]+ nsec nr_entries: 2\n"));
	CHECK(!strstr(output.out, "vaccel_exec_op"));
}

int main(void)
{
	char command[64];
	if (!mkdtemp(directory) || chdir(directory))
		return 1;
	test_form();
	test_settings();
	test_profile();
	test_environment();
	snprintf(command, sizeof(command), "rm -r %s", directory);
	CHECK_NUMBER(system(command), 0);
	return check_status();
}
