/* The first start of an image; see setup.h. */
#include "gateway/images/setup.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "gateway/images/shortage.h"
#include "mayfly/guest_abi.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"
#include "util/text.h"

#define LOG_LIMIT (1UL << 20)
#define LOG_LINES 4 /* of the log's end, that a sentence has */
#define LOG_SHOWN 512
#define ASK_NS	  100000000UL /* how often it is asked whether somebody waits */

/* What the function's thread tells the one that waits. */
struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool over;
	struct mayfly_event event; /* its text is below */
	char text[ERROR_TEXT_MAX];
};

static void note_event(void *context, const struct mayfly_event *event)
{
	struct waiting *waiting = context;
	lock_scoped(&waiting->lock);
	if (waiting->over)
		return;
	waiting->over = true;
	waiting->event = *event;
	snprintf(waiting->text, sizeof(waiting->text), "%s", event->text);
	pthread_cond_signal(&waiting->changed);
}

static void waiting_init(struct waiting *waiting)
{
	pthread_condattr_t attributes;
	*waiting = (struct waiting){.over = false};
	pthread_mutex_init(&waiting->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&waiting->changed, &attributes);
	pthread_condattr_destroy(&attributes);
}

static void waiting_release(struct waiting *waiting)
{
	pthread_cond_destroy(&waiting->changed);
	pthread_mutex_destroy(&waiting->lock);
}

/* False where nobody wants it any more. */
static bool wait_for_event(struct waiting *waiting, const struct setup *setup)
{
	for (;;) {
		const struct timespec until = clock_timespec(clock_now_ns() + ASK_NS);
		pthread_mutex_lock(&waiting->lock);
		if (!waiting->over)
			pthread_cond_timedwait(&waiting->changed, &waiting->lock, &until);
		const bool over = waiting->over;
		pthread_mutex_unlock(&waiting->lock);
		if (over)
			return true;
		if (setup->unwanted && setup->unwanted(setup->context))
			return false;
	}
}

/* ── what the log says ───────────────────────────────────────────────────────────────────────── */

struct log_end {
	char text[LOG_SHOWN]; /* its last lines as one; "": it is empty */
	bool wants_network;
};

/* Cuts the text down to its last lines. */
static const char *last_lines(char *text, size_t length)
{
	while (length && (text[length - 1] == '\n' || text[length - 1] == ' '))
		text[--length] = 0;
	const char *start = text + length;
	size_t lines = 0;
	while (start > text && (start[-1] != '\n' || ++lines < LOG_LINES) &&
	       (size_t)(text + length - start) < LOG_SHOWN - 1)
		start--;
	return start;
}

static void read_log(int log, struct log_end *end)
{
	struct stat status;
	*end = (struct log_end){.text = ""};
	if (fstat(log, &status) || !status.st_size)
		return;
	const size_t size = (size_t)status.st_size;
	cleanup_free char *text = malloc(size + 1);
	ssize_t length = text ? pread(log, text, size, 0) : -1;
	if (length <= 0)
		return;
	text[length] = 0;
	for (ssize_t i = 0; i < length; i++)
		if (!text[i])
			text[i] = ' ';
	end->wants_network = strstr(text, GUEST_HAS_NO_NETWORK);
	snprintf(end->text, sizeof(end->text), "%s", last_lines(text, (size_t)length));
	text_make_line(end->text, strlen(end->text));
}

/* ── what became of it ───────────────────────────────────────────────────────────────────────── */

static int refuse(const struct log_end *end, struct error *error, const char *sentence)
{
	return error_set(error, EINVAL, "%s%s%s", sentence,
			 *end->text ? "; its log ends with: " : "", end->text);
}

#define SERVERS_SAY_SO                                                                             \
	"it wants a network, which no machine has; HTTP servers that wait for connections are "    \
	"deployed with the contract http (mayfly deploy --contract=http)"

static int refuse_late(const struct setup *setup, const struct log_end *end, struct error *error)
{
	char sentence[2 * ERROR_TEXT_MAX];
	const uint64_t limit_ms = setup->description.setup_timeout_ns / 1000000;
	if (end->wants_network)
		snprintf(sentence, sizeof(sentence), "image: %s: " SERVERS_SAY_SO, setup->name);
	else
		snprintf(
		    sentence, sizeof(sentence),
		    "image: %s did not read standard input within its start-up time of %lu.%lu s, "
		    "and did not end: a function reads its request there (mayflyd --setup-timeout "
		    "gives more)",
		    setup->name, limit_ms / 1000, limit_ms % 1000 / 100);
	return refuse(end, error, sentence);
}

/* The program has ended without reading. */
static int judge_end(const struct setup *setup, const struct mayfly_event *event, const char *text,
		     const struct log_end *end, struct error *error)
{
	char sentence[2 * ERROR_TEXT_MAX];
	const bool failed = event->outcome == MAYFLY_EXITED && event->status;
	if (end->wants_network && (failed || event->outcome == MAYFLY_SIGNALED)) {
		snprintf(sentence, sizeof(sentence), "image: %s: " SERVERS_SAY_SO, setup->name);
		return refuse(end, error, sentence);
	}
	switch (event->outcome) {
	case MAYFLY_EXITED:
		if (!event->status)
			return 0;
		snprintf(sentence, sizeof(sentence),
			 "image: %s ended with status %d before it read a request%s%s", setup->name,
			 event->status, *text ? ": " : "", text);
		return refuse(end, error, sentence);
	case MAYFLY_SIGNALED:
		snprintf(sentence, sizeof(sentence),
			 "image: %s ended itself by signal %d (%s) before it read a request",
			 setup->name, event->status, strsignal(event->status));
		return refuse(end, error, sentence);
	case MAYFLY_CRASHED:
		snprintf(sentence, sizeof(sentence),
			 "image: %s crashed before it read a request: %.*s", setup->name,
			 (int)strcspn(text, "\n"), text);
		return refuse(end, error, sentence);
	case MAYFLY_DEADLINE:
		return refuse_late(setup, end, error);
	case MAYFLY_LOST:
	case MAYFLY_CANCELLED:
	case MAYFLY_FAILED:
		break;
	}
	return error_set(error, EIO, "%s: its first start was ended from outside%s%s", setup->name,
			 *text ? ": " : "", text);
}

/* "image: " and what the monitor says, with the image's own name in the place of the path under which it
 * is kept. */
static int say_by_name(const struct setup *setup, int code, const char *text, struct error *error)
{
	char named[2 * ERROR_TEXT_MAX];
	const char *path = setup->description.program ?: setup->description.root;
	const size_t length = path ? strlen(path) : 0;
	const bool begins = length && !strncmp(text, path, length);
	size_t used = 0;
	for (const char *rest = text; *rest && used < sizeof(named) - 1;) {
		if (length && !strncmp(rest, path, length)) {
			used +=
			    (size_t)snprintf(named + used, sizeof(named) - used, "%s", setup->name);
			rest += length;
		} else {
			named[used++] = *rest++;
		}
	}
	named[used < sizeof(named) ? used : sizeof(named) - 1] = 0;
	if (begins)
		return error_set(error, code, "image: %s", named);
	return error_set(error, code, "image: %s: %s", setup->name, named);
}

static int judge(const struct setup *setup, const struct waiting *waiting, int log,
		 struct setup_result *result, struct error *error)
{
	struct log_end end;
	const struct mayfly_event *event = &waiting->event;
	read_log(log, &end);
	result->frozen = event->kind == MAYFLY_PREPARED;
	result->listens = event->listens;
	if (event->kind == MAYFLY_PREPARED)
		return 0;
	if (event->kind == MAYFLY_FINISHED)
		return judge_end(setup, event, waiting->text, &end, error);
	if (event->error == -ETIMEDOUT)
		return refuse_late(setup, &end, error);
	const int code = -event->error;
	/* EPROTO: the monitor was killed. */
	return say_by_name(setup, is_shortage(code) || code == EPROTO ? code : EINVAL,
			   waiting->text, error);
}

static int start(struct mayfly_function **function, const struct mayfly_description *description,
		 struct error *error)
{
	struct mayfly_error reason = {0};
	int result = mayfly_function_open(function, description, &reason);
	if (!result)
		result = mayfly_function_start(*function, &reason);
	return result ? error_set(error, -result, "image: %s", reason.text) : 0;
}

static void close_function(struct mayfly_function **function)
{
	mayfly_function_close(*function);
}

int setup_run(const struct setup *setup, struct setup_result *result, struct error *error)
{
	cleanup_close int log = memfd_create("mayfly-setup-log", MFD_CLOEXEC);
	cleanup(waiting_release) struct waiting waiting;
	waiting_init(&waiting);
	*result = (struct setup_result){.frozen = false};
	if (log < 0)
		return error_set_errno(error, errno, "no memory for a log");
	struct mayfly_description description = setup->description;
	description.log = log;
	description.setup_log_limit = LOG_LIMIT;
	description.event = note_event;
	description.context = &waiting;
	description.flags |= MAYFLY_OWN_THREAD;
	/* Closed before what its thread uses is gone. */
	cleanup(close_function) struct mayfly_function *function = NULL;
	int code = start(&function, &description, error);
	if (code)
		return code;
	if (!wait_for_event(&waiting, setup))
		return error_set(error, ECANCELED, "%s: nobody wants it any more", setup->name);
	snprintf(result->isolation, sizeof(result->isolation), "%s",
		 mayfly_function_isolation(function));
	result->takes_devices = *mayfly_function_way(function);
	return judge(setup, &waiting, log, result, error);
}
