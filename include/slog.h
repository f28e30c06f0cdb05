/* The logger below the vAccel API, by the names, numbers and layouts of slog 1.8.22.
 *
 * vAccel's log macros are slog's, so plugins and programs that were built for vAccel call these
 * functions; here they lead to the library's own log. A line is
 *
 *     2026.11.29-16:20:01.23 - <error> message
 *
 * with the tag in colour, on standard output, or in the file FILEPATH/FILENAME-YYYY-MM-DD.log.
 * A control character in a message is written as '?', so that no message can look like several.
 *
 * All functions are thread-safe, whatever slog_init() was told.
 */
/* slog's own name for this guard: a program that includes slog's header too gets the first. */
#ifndef __SLOG_H__
#define __SLOG_H__

#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>

#include "vaccel/export.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLOG_VERSION_MAJOR 1
#define SLOG_VERSION_MINOR 8
#define SLOG_BUILD_NUM	   22

#define SLOG_CLR_NORMAL	 "\x1B[0m"
#define SLOG_CLR_RED	 "\x1B[31m"
#define SLOG_CLR_GREEN	 "\x1B[32m"
#define SLOG_CLR_YELLOW	 "\x1B[33m"
#define SLOG_CLR_BLUE	 "\x1B[34m"
#define SLOG_CLR_MAGENTA "\x1B[35m"
#define SLOG_CLR_CYAN	 "\x1B[36m"
#define SLOG_CLR_WHITE	 "\x1B[37m"
#define SLOG_CLR_RESET	 "\033[0m"

/* "[file:line] " of the place where it stands. */
#define SLOG_TRACE_LVL1(LINE) #LINE
#define SLOG_TRACE_LVL2(LINE) SLOG_TRACE_LVL1(LINE)
#define SLOG_THROW_LOCATION   "[" __FILE__ ":" SLOG_TRACE_LVL2(__LINE__) "] "

/* Bytes, NUL included. What is longer is cut. */
#define SLOG_MESSAGE_MAX 8196
#define SLOG_VERSION_MAX 128
#define SLOG_PATH_MAX	 2048
#define SLOG_NAME_MAX	 256
#define SLOG_DATE_MAX	 64
#define SLOG_TAG_MAX	 32

#define SLOG_FLAGS_CHECK(c, f) (((c) & (f)) == (f))
#define SLOG_FLAGS_ALL	       255

/* Kinds of lines. Each is written or not: none implies another. */
typedef enum {
	SLOG_NOTAG = 1,
	SLOG_NOTE = 2,
	SLOG_INFO = 4,
	SLOG_WARN = 8,
	SLOG_DEBUG = 16,
	SLOG_TRACE = 32,
	SLOG_ERROR = 64,
	SLOG_FATAL = 128
} SLOG_FLAGS_E;

/* What of a line is in colour. */
typedef enum { SLOG_COLOR_DISABLE = 0, SLOG_COLOR_TAG = 1, SLOG_COLOR_FULL = 2 } SLOG_COLOR_FMT_E;

#define slog(...)	slog_print(SLOG_NOTAG, 1, __VA_ARGS__)
#define slogwn(...)	slog_print(SLOG_NOTAG, 0, __VA_ARGS__)
#define slog_note(...)	slog_print(SLOG_NOTE, 1, __VA_ARGS__)
#define slog_info(...)	slog_print(SLOG_INFO, 1, __VA_ARGS__)
#define slog_warn(...)	slog_print(SLOG_WARN, 1, __VA_ARGS__)
#define slog_debug(...) slog_print(SLOG_DEBUG, 1, __VA_ARGS__)
#define slog_error(...) slog_print(SLOG_ERROR, 1, __VA_ARGS__)
#define slog_trace(...) slog_print(SLOG_TRACE, 1, SLOG_THROW_LOCATION __VA_ARGS__)
#define slog_fatal(...) slog_print(SLOG_FATAL, 1, SLOG_THROW_LOCATION __VA_ARGS__)

typedef struct SLogConfig {
	char sFileName[SLOG_NAME_MAX]; /* begins the file's name; "": "slog" */
	char sFilePath[SLOG_PATH_MAX]; /* the file's directory; "": that of the process */
	SLOG_COLOR_FMT_E eColorFormat;
	uint8_t nTraceTid : 1; /* "(thread) " begins each line */
	uint8_t nToScreen : 1; /* to standard output */
	uint8_t nToFile : 1;
	uint8_t nFlush : 1; /* nothing to choose here: each line is written at once */
	uint16_t nFlags;    /* the kinds that are written */
} SLogConfig;

/* The version of the interface: "1.8.22", or in words where nMin is 0. */
VACCEL_API const char *slog_version(uint8_t nMin);

VACCEL_API void slog_config_get(SLogConfig *pCfg);
VACCEL_API void slog_config_set(SLogConfig *pCfg);

VACCEL_API void slog_enable(SLOG_FLAGS_E eFlag);
VACCEL_API void slog_disable(SLOG_FLAGS_E eFlag);

/* Standard output with coloured tags, and lines of the kinds in nFlags. Bootstrapping does it. */
VACCEL_API void slog_init(const char *pName, uint16_t nFlags, uint8_t nTdSafe);

/* Writes one line if its kind is wanted; without nNewLine the line goes on. Use the macros. */
VACCEL_API void slog_print(SLOG_FLAGS_E eFlag, uint8_t nNewLine, const char *pMsg, ...)
    VACCEL_FORMAT(3, 4);

/* Closes what is open. Further lines open it again. */
VACCEL_API void slog_destroy(void);

#ifdef __cplusplus
}
#endif

#endif
