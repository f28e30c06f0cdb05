/* The API's log: vAccel's configuration, and slog's interface, on the project's logger. */
#include "vaccel/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "accel/state/build.h"
#include "accel/state/state.h"
#include "util/file.h"
#include "util/lock.h"
#include "util/log.h"
#include "util/text.h"
#include "vaccel/error.h"

_Static_assert((int)VACCEL_LOG_ERROR == (int)LOG_ERROR && (int)VACCEL_LOG_WARN == (int)LOG_WARN &&
		   (int)VACCEL_LOG_INFO == (int)LOG_INFO && (int)VACCEL_LOG_DEBUG == (int)LOG_DEBUG,
	       "the levels of both loggers are the same numbers");

/* Ahead of a message: thread, date, tag and colours. */
#define HEAD_MAX 160

enum {
	FLAGS_ERROR = SLOG_ERROR | SLOG_FATAL,
	FLAGS_DEBUG = SLOG_DEBUG | SLOG_TRACE,
};

/* The logger's state, which is the one global that may change at any time. */
static struct {
	atomic_uint flags; /* the kinds that are written */
	/* Lines go to standard error, in the form of the project's logger. */
	atomic_bool is_plain;
	pthread_mutex_t lock; /* of what follows; nothing of it is used while is_plain */
	SLogConfig config;    /* without nFlags */
	int file;	      /* of lines that go to a file; -1: not open */
	char path[SLOG_PATH_MAX + SLOG_NAME_MAX + SLOG_DATE_MAX]; /* of `file` */
} logger = {
    .flags = FLAGS_ERROR,
    .is_plain = true,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .config = {.eColorFormat = SLOG_COLOR_TAG, .nToScreen = 1},
    .file = -1,
};

/* By the number of a kind's bit. */
static const struct kind {
	const char *tag, *colour;
	enum log_level level;
} kinds[] = {
    {NULL, SLOG_CLR_NORMAL, LOG_INFO},	 {"note", SLOG_CLR_NORMAL, LOG_INFO},
    {"info", SLOG_CLR_GREEN, LOG_INFO},	 {"warn", SLOG_CLR_YELLOW, LOG_WARN},
    {"debug", SLOG_CLR_BLUE, LOG_DEBUG}, {"trace", SLOG_CLR_CYAN, LOG_DEBUG},
    {"error", SLOG_CLR_RED, LOG_ERROR},	 {"fatal", SLOG_CLR_MAGENTA, LOG_ERROR},
};

static const struct kind *find_kind(unsigned flag)
{
	unsigned number = flag ? (unsigned)__builtin_ctz(flag) : 0;
	return &kinds[number < sizeof(kinds) / sizeof(*kinds) ? number : 0];
}

/* ---- where lines go ---- */

/* Opens the file for this day's lines, unless it is open. A file that was taken away, or that day's
 * end, lets the next one begin; where that cannot be opened the old one goes on. 0 or an errno. */
static int open_file(const struct tm *now)
{
	const SLogConfig *config = &logger.config;
	char path[sizeof(logger.path)];
	/* A name that says where it lies is no name below a directory. */
	const char *directory = *config->sFilePath ? config->sFilePath : ".";
	bool is_whole = !*config->sFilePath && *config->sFileName == '/';
	snprintf(path, sizeof(path), "%s%s%s-%04d-%02d-%02d.log", is_whole ? "" : directory,
		 is_whole ? "" : "/", *config->sFileName ? config->sFileName : "slog",
		 now->tm_year + 1900, now->tm_mon + 1, now->tm_mday);
	struct stat ours, theirs;
	if (logger.file >= 0 && !strcmp(path, logger.path) && !fstat(logger.file, &ours) &&
	    !stat(path, &theirs) && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino)
		return 0;
	int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (file < 0)
		return errno;
	if (logger.file >= 0)
		close(logger.file);
	logger.file = file;
	memcpy(logger.path, path, sizeof(path));
	return 0;
}

static void close_file(void)
{
	if (logger.file >= 0)
		close(logger.file);
	logger.file = -1;
}

/* ---- what lines look like ---- */

/* Writes what stands before a message; HEAD_MAX bytes suffice. */
static size_t write_head(char *out, const struct kind *kind, const struct tm *now, long nanoseconds)
{
	const SLogConfig *config = &logger.config;
	bool tag_coloured = config->eColorFormat == SLOG_COLOR_TAG && kind->tag;
	char thread[SLOG_TAG_MAX] = "";
	if (config->nTraceTid)
		snprintf(thread, sizeof(thread), "(%d) ", gettid());
	int length =
	    snprintf(out, HEAD_MAX, "%s%s%04d.%02d.%02d-%02d:%02d:%02d.%02d - %s%s%s%s%s",
		     config->eColorFormat == SLOG_COLOR_FULL ? kind->colour : "", thread,
		     now->tm_year + 1900, now->tm_mon + 1, now->tm_mday, now->tm_hour, now->tm_min,
		     now->tm_sec, (int)(nanoseconds / 10000000), tag_coloured ? kind->colour : "",
		     kind->tag ? "<" : "", kind->tag ? kind->tag : "", kind->tag ? ">" : "",
		     tag_coloured ? SLOG_CLR_RESET " "
		     : kind->tag  ? " "
				  : "");
	return length < 0 ? 0 : length < HEAD_MAX ? (size_t)length : HEAD_MAX - 1;
}

/* Writes a message, which is printable text. A log that cannot be written has nowhere to complain. */
static void write_line(const struct kind *kind, const char *text, size_t length, bool ends)
{
	struct timespec clock;
	clock_gettime(CLOCK_REALTIME, &clock);
	struct tm now;
	localtime_r(&clock.tv_sec, &now);
	char line[HEAD_MAX + SLOG_MESSAGE_MAX + sizeof(SLOG_CLR_RESET) + 1];

	lock_scoped(&logger.lock);
	size_t used = write_head(line, kind, &now, clock.tv_nsec);
	memcpy(line + used, text, length);
	used += length;
	if (logger.config.eColorFormat == SLOG_COLOR_FULL) {
		memcpy(line + used, SLOG_CLR_RESET, sizeof(SLOG_CLR_RESET) - 1);
		used += sizeof(SLOG_CLR_RESET) - 1;
	}
	if (ends)
		line[used++] = '\n';
	if (logger.config.nToScreen) {
		/* Behind what the program has printed before. */
		fflush(stdout);
		file_write_all(STDOUT_FILENO, line, used);
	}
	if (logger.config.nToFile) {
		open_file(&now);
		if (logger.file >= 0)
			file_write_all(logger.file, line, used);
	}
}

/* The writer of the project's logger: the library's own lines. */
static void write_own_line(enum log_level level, char *text, size_t length)
{
	static const SLOG_FLAGS_E flags[] = {[LOG_ERROR] = SLOG_ERROR,
					     [LOG_WARN] = SLOG_WARN,
					     [LOG_INFO] = SLOG_INFO,
					     [LOG_DEBUG] = SLOG_DEBUG};
	if (atomic_load(&logger.flags) & flags[level])
		write_line(find_kind(flags[level]), text,
			   length < SLOG_MESSAGE_MAX ? length : SLOG_MESSAGE_MAX, true);
}

/* ---- slog's interface ---- */

/* Which lines are written, and by whom the library's own are. */
static void apply(unsigned flags, bool is_plain)
{
	atomic_store(&logger.flags, flags);
	atomic_store(&logger.is_plain, is_plain);
	int level = flags & SLOG_DEBUG	 ? (int)LOG_DEBUG
		    : flags & SLOG_INFO	 ? (int)LOG_INFO
		    : flags & SLOG_WARN	 ? (int)LOG_WARN
		    : flags & SLOG_ERROR ? (int)LOG_ERROR
					 : 0;
	log_setup("vaccel", (enum log_level)level);
	log_set_writer(is_plain ? NULL : write_own_line);
}

const char *slog_version(uint8_t nMin)
{
	return nMin ? "1.8.22" : "1.8 build 22 (of Mayfly)";
}

void slog_config_get(SLogConfig *pCfg)
{
	if (!pCfg)
		return;
	lock_scoped(&logger.lock);
	*pCfg = logger.config;
	pCfg->nFlags = (uint16_t)atomic_load(&logger.flags);
}

void slog_config_set(SLogConfig *pCfg)
{
	if (!pCfg)
		return;
	lock_scoped(&logger.lock);
	logger.config = *pCfg;
	logger.config.sFileName[SLOG_NAME_MAX - 1] = 0;
	logger.config.sFilePath[SLOG_PATH_MAX - 1] = 0;
	apply(pCfg->nFlags, false);
}

void slog_enable(SLOG_FLAGS_E eFlag)
{
	lock_scoped(&logger.lock);
	apply(atomic_load(&logger.flags) | eFlag, atomic_load(&logger.is_plain));
}

void slog_disable(SLOG_FLAGS_E eFlag)
{
	lock_scoped(&logger.lock);
	apply(atomic_load(&logger.flags) & ~(unsigned)eFlag, atomic_load(&logger.is_plain));
}

void slog_init(const char *pName, uint16_t nFlags, uint8_t nTdSafe)
{
	(void)nTdSafe;
	lock_scoped(&logger.lock);
	close_file();
	logger.config = (SLogConfig){.eColorFormat = SLOG_COLOR_TAG, .nToScreen = 1};
	if (pName)
		snprintf(logger.config.sFileName, sizeof(logger.config.sFileName), "%s", pName);
	apply(nFlags, false);
}

void slog_print(SLOG_FLAGS_E eFlag, uint8_t nNewLine, const char *pMsg, ...)
{
	if (!SLOG_FLAGS_CHECK(atomic_load_explicit(&logger.flags, memory_order_relaxed), eFlag))
		return;
	int saved_errno = errno;
	const struct kind *kind = find_kind(eFlag);
	va_list arguments;
	va_start(arguments, pMsg);
	if (atomic_load(&logger.is_plain)) {
		log_line_list(kind->level, pMsg, arguments);
	} else {
		char text[SLOG_MESSAGE_MAX];
		int wanted = vsnprintf(text, sizeof(text), pMsg, arguments);
		size_t length = wanted < 0 ? 0 : (size_t)wanted;
		if (length > sizeof(text) - 1)
			length = sizeof(text) - 1;
		text_make_printable(text, length);
		write_line(kind, text, length, nNewLine);
	}
	va_end(arguments);
	errno = saved_errno;
}

void slog_destroy(void)
{
	lock_scoped(&logger.lock);
	close_file();
}

/* ---- vAccel's configuration ---- */

static unsigned flags_of(int level)
{
	unsigned flags = 0;
	if (level >= (int)VACCEL_LOG_ERROR)
		flags |= FLAGS_ERROR;
	if (level >= (int)VACCEL_LOG_WARN)
		flags |= SLOG_WARN;
	if (level >= (int)VACCEL_LOG_INFO)
		flags |= SLOG_INFO;
	if (level >= (int)VACCEL_LOG_DEBUG)
		flags |= FLAGS_DEBUG;
	return flags;
}

/* Sends lines to the file `name`. 0 or a VACCEL_E… code. */
static int use_file(const char *name)
{
	if (strlen(name) >= SLOG_NAME_MAX)
		return VACCEL_ENAMETOOLONG;
	time_t now = time(NULL);
	struct tm today;
	localtime_r(&now, &today);
	lock_scoped(&logger.lock);
	int result = open_file(&today);
	if (result)
		return result;
	logger.config.nToFile = 1;
	logger.config.nToScreen = 0;
	return VACCEL_OK;
}

int vaccel_log_init(void)
{
	const struct vaccel_config *config = &accel_state.config;
	const char *name = config->log_file ? config->log_file : accel_build.log_file;
	unsigned flags = flags_of((int)config->log_level);
	slog_init(name, (uint16_t)flags, 1);
	if (!strcmp(name, "/dev/stdout"))
		return VACCEL_OK;
	if (!strcmp(name, "/dev/stderr")) {
		lock_scoped(&logger.lock);
		apply(flags, true);
		return VACCEL_OK;
	}
	int result = use_file(name);
	if (result) {
		log_error("cannot open the log file %s-DATE.log: %s; writing to standard output",
			  name, strerror(result));
		return VACCEL_EIO;
	}
	return VACCEL_OK;
}

int vaccel_log_shutdown(void)
{
	slog_destroy();
	return VACCEL_OK;
}
