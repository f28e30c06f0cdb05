/* The log file of an engine; see log.h. */
#include "oci/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/json_text.h"
#include "util/log.h"

/* The logger's: -1: there is none. */
static int log_file = -1;
static bool log_json;

/* As logrus, which engines read. */
static const char *const levels[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warning", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

static void write_line(enum log_level level, char *text, size_t length)
{
	char moment[64] = "";
	struct tm parts;
	const time_t now = time(NULL);
	/* A line without a level is an error's. */
	const char *word = level >= LOG_ERROR && level <= LOG_DEBUG ? levels[level] : "error";
	if (gmtime_r(&now, &parts))
		strftime(moment, sizeof(moment), "%Y-%m-%dT%H:%M:%SZ", &parts);
	cleanup_free char *line = NULL;
	if (log_json) {
		json_t *tree = json_pack("{s:s, s:o, s:s}", "level", word, "msg",
					 json_text_of(text, length), "time", moment);
		cleanup_free char *made = tree ? json_dumps(tree, JSON_COMPACT) : NULL;
		json_decref(tree);
		if (!made || asprintf(&line, "%s\n", made) < 0)
			line = NULL;
	} else if (asprintf(&line, "%s %s: %.*s\n", moment, word, (int)length, text) < 0) {
		line = NULL;
	}
	if (line)
		file_write_all(log_file, line, strlen(line));
}

int oci_log_open(const char *path, bool json, struct error *error)
{
	log_file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC, 0600);
	if (log_file < 0)
		return error_set_errno(error, errno, "cannot open the log %s", path);
	log_json = json;
	log_set_writer(write_line);
	return 0;
}

void oci_log_error(const char *text)
{
	if (log_file >= 0)
		log_line(LOG_ERROR, "%s", text);
}
