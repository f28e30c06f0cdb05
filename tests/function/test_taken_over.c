/* libmayfly against monitors that do not do what they should (taken_over/monitor/taken_over.c):
 * whatever they do, requests are told once, nothing waits for ever, and nothing is left. Deeds are
 * done side by side, each by a process of its own, as most of them are waited for. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#include "mayfly/function.h"

#define MILLISECOND_NS 1000000UL
/* What the library grants a monitor beyond the time that it has is 5 s; and some for a busy
 * machine. */
#define LIMIT_NS (16 * NANOSECONDS_PER_SECOND)
/* A step that waited for a monitor would take those 5 s, or for ever. All monitors are at work at
 * once, so that a step may take long on a machine with two processors. */
#define STEP_NS (4500 * MILLISECOND_NS)

#define RESPONSE_LIMIT (3UL << 20)

enum { REQUESTS = 4 };

enum end {
	DOWN,	/* the monitor is ended, and requests fail */
	SERVED, /* it goes on, and no request fails */
	FAILS,	/* it goes on, and requests fail */
	EITHER, /* whether it is ended depends on who is faster */
	CLOSED, /* nothing comes of it until it is closed */
};

static const struct deed {
	const char *name;
	enum end end;
} deeds[] = {
    {"", SERVED},
    /* before it is confined */
    {"silent", CLOSED},
    {"ends", DOWN},
    {"garbage on control", DOWN},
    {"of another version", DOWN},
    {"fails with escapes", DOWN},
    {"opened twice", DOWN},
    {"ends unstarted", DOWN},
    {"started without a process", DOWN},
    {"started with an event", DOWN},
    {"started as another child", DOWN},
    {"started with a stranger", DOWN},
    {"started by a wrong number", SERVED},
    {"started twice", DOWN},
    /* at work */
    {"reads nothing", DOWN},
    {"never prepared", DOWN},
    {"stopped", DOWN},
    {"done before it is prepared", DOWN},
    {"prepared twice", DOWN},
    {"nothing on control", DOWN},
    {"closes control", DOWN},
    {"closes its slot", DOWN},
    {"asks for connections", SERVED},
    {"closes its slot when it is ready", DOWN},
    {"garbage on its slot", DOWN},
    {"garbage for the broker", DOWN},
    {"asks for servers", DOWN},
    {"asks for some servers", EITHER},
    {"never ready", DOWN},
    {"ready twice", DOWN},
    {"a window that can shrink", DOWN},
    {"a small window", DOWN},
    {"a window that is none", DOWN},
    {"a window that is a pipe", DOWN},
    {"a sealed window", DOWN},
    {"no window", DOWN},
    {"done with nothing", DOWN},
    {"answers before it is asked", DOWN},
    {"never done", DOWN},
    {"dies while it serves", DOWN},
    {"stopped while it serves", DOWN},
    {"leaves a child", DOWN},
    {"another serial", DOWN},
    {"a long response", DOWN},
    {"a huge response", DOWN},
    {"an endless response", DOWN},
    {"an unknown kind", DOWN},
    {"a short message", DOWN},
    {"an empty message", DOWN},
    {"a wild outcome", SERVED},
    {"not free again", DOWN},
    {"wild text", SERVED},
    {"too many descriptors", DOWN},
    {"empty parts", DOWN},
    {"a long part", DOWN},
    {"many parts", DOWN},
    {"more and more", DOWN},
    {"some more", SERVED},
    {"enough of nothing", DOWN},
    {"learned nothing", DOWN},
    {"learned an event", DOWN},
    {"learned too much", DOWN},
    {"learned once", SERVED},
    {"learned twice", DOWN},
    {"figures that nobody wanted", SERVED},
    {"always fails", FAILS},
    {"fails when it is idle", SERVED},
    {"done twice", DOWN},
};

/* What a front has seen. */
struct front {
	const char *deed;
	unsigned told[REQUESTS], done, failed, down;
};

static void check_printable(const struct front *front, const char *text)
{
	for (const char *at = text; *at; at++) {
		const unsigned char byte = (unsigned char)*at;
		if ((byte >= ' ' && byte != 0x7f) || byte == '\n')
			continue;
		fprintf(stderr, "%s: byte %#x\n", front->deed, byte);
		CHECK(!"a byte that a terminal would take for a command");
		return;
	}
}

static void note_event(void *context, const struct mayfly_event *event)
{
	struct front *front = context;
	check_printable(front, event->text);
	if (event->kind != MAYFLY_DOWN)
		return;
	CHECK(*event->text);
	front->down++;
}

struct request {
	struct front *front;
	unsigned number;
	size_t length; /* of its response */
};

static int respond(void *context, const void *data, size_t length)
{
	static uint8_t copy[1 << 20];
	struct request *request = context;
	request->length += length;
	if (!CHECK(length <= sizeof(copy)))
		return 1;
	memcpy(copy, data, length);
	return 0;
}

static void note_done(void *context, const struct mayfly_result *result)
{
	struct request *request = context;
	check_printable(request->front, result->text);
	CHECK((unsigned)result->outcome <= MAYFLY_FAILED);
	CHECK_NUMBER(result->figures, -1);
	request->front->told[request->number]++;
	request->front->done++;
	if (result->outcome == MAYFLY_FAILED)
		request->front->failed++;
}

static unsigned count_descriptors(void)
{
	unsigned count = 0;
	DIR *directory = opendir("/proc/self/fd");
	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

static uint64_t check_step(const struct front *front, const char *what, uint64_t since_ns)
{
	const uint64_t now_ns = clock_now_ns();
	if (!CHECK(now_ns - since_ns < STEP_NS))
		fprintf(stderr, "%s: %s took %lu ms\n", front->deed, what,
			(now_ns - since_ns) / MILLISECOND_NS);
	return now_ns;
}

/* Drives it until everything is told, and it is down where that is to be. */
static void drive(struct front *front, struct mayfly_function *function, const struct deed *deed)
{
	const uint64_t begin_ns = clock_now_ns();
	const uint64_t limit_ns =
	    begin_ns + (deed->end == CLOSED ? NANOSECONDS_PER_SECOND / 2 : LIMIT_NS);
	while (front->done < REQUESTS || (deed->end == DOWN && !front->down)) {
		struct pollfd readable = {.fd = mayfly_function_fd(function), .events = POLLIN};
		if (clock_now_ns() > limit_ns)
			return;
		poll(&readable, 1, 100);
		const uint64_t before_ns = clock_now_ns();
		mayfly_function_process(function);
		check_step(front, "a step", before_ns);
	}
}

static void run(const struct deed *deed)
{
	struct front front = {.deed = deed->name};
	struct request requests[REQUESTS];
	struct mayfly_description description;
	struct mayfly_function *function;
	const unsigned descriptors = count_descriptors();
	mayfly_description_init(&description, sizeof(description));
	description.program = "/bin/true";
	description.root = "/usr/share";
	description.event = note_event;
	description.context = &front;
	description.slots = 2;
	description.setup_timeout_ns = 200 * MILLISECOND_NS;
	description.flags = strcmp(deed->name, "asks for connections") ? 0 : MAYFLY_NO_ACCELERATION;
	if (!CHECK_NUMBER(mayfly_function_open(&function, &description, NULL), 0))
		return;
	CHECK_NUMBER(mayfly_function_start(function, NULL), 0);
	for (unsigned i = 0; i < REQUESTS; i++) {
		struct mayfly_request request;
		requests[i] = (struct request){.front = &front, .number = i};
		mayfly_request_init(&request, sizeof(request));
		request.data = "request";
		request.length = 7;
		request.timeout_ns = 200 * MILLISECOND_NS;
		request.response_limit = RESPONSE_LIMIT;
		request.respond = respond;
		request.done = note_done;
		request.context = &requests[i];
		CHECK_NUMBER(mayfly_function_submit(function, &request, NULL, NULL), 0);
	}
	drive(&front, function, deed);
	CHECK_NUMBER(front.done, deed->end == CLOSED ? 0 : REQUESTS);
	if (deed->end != EITHER)
		CHECK_NUMBER(front.down, deed->end == DOWN);
	if (deed->end == SERVED)
		CHECK_NUMBER(front.failed, 0);
	const uint64_t before_ns = clock_now_ns();
	mayfly_function_close(function);
	check_step(&front, "closing", before_ns);
	for (unsigned i = 0; i < REQUESTS; i++)
		CHECK(front.told[i] == 1 && requests[i].length <= RESPONSE_LIMIT);
	CHECK_NUMBER(count_descriptors(), descriptors);
}

/* The front has a child of its own, which is none of the library's business. */
static int be_front(const struct deed *deed)
{
	char number[16];
	int status;
	pid_t other = fork();
	if (!other) {
		sleep(60);
		_exit(0);
	}
	snprintf(number, sizeof(number), "%d", other);
	setenv("MAYFLY_TEST_CHILD", number, 1);
	setenv("MAYFLY_TEST_DEED", deed->name, 1);
	alarm(60);
	run(deed);
	CHECK_NUMBER(waitpid(other, &status, WNOHANG), 0);
	kill(other, SIGKILL);
	CHECK_NUMBER(waitpid(other, &status, 0), other);
	/* Nobody else is left. */
	CHECK(waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD);
	return check_status();
}

/* Ends what a front that failed has left, which is ours then. */
static void end_left(void)
{
	char text[16], path[64];
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	for (int round = 0; round < 100; round++) {
		FILE *file = fopen(path, "re");
		while (file && fscanf(file, "%15s", text) == 1)
			kill((pid_t)strtol(text, NULL, 10), SIGKILL);
		if (file)
			fclose(file);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		usleep(10000);
	}
}

int main(int argc, char **argv)
{
	pid_t fronts[ARRAY_SIZE(deeds)] = {0};
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	for (size_t i = 0; i < ARRAY_SIZE(deeds); i++) {
		if (argc > 1 && strcmp(argv[1], deeds[i].name))
			continue;
		fronts[i] = fork();
		if (!fronts[i])
			_exit(be_front(&deeds[i]));
	}
	for (size_t i = 0; i < ARRAY_SIZE(deeds); i++) {
		int status = 0;
		if (fronts[i] > 0)
			waitpid(fronts[i], &status, 0);
		if (status)
			fprintf(stderr, "FAILED: '%s': wait status %#x\n", deeds[i].name, status);
		CHECK(!status);
	}
	end_left();
	return check_status();
}
