/* The request and its answer: one freeze at the first wait, requests in parts, responses and logs
 * larger than their areas. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>

#include "guest/kernel/calls.h"
#include "guest/machine/hypercall.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/process.h"
#include "guest/sched/thread.h"
#include "host_machine.h"
#include "tests/check.h"

#define REQUEST_SIZE 100000

/* A poll that does not find more of the request, but something else, leaves nobody looking for it. */
static void check_late_part(void)
{
	int *ends = host_memory(2 * sizeof(*ends));
	struct pollfd *wait = host_memory(2 * sizeof(*wait));
	CHECK_NUMBER(SYSTEM(pipe, ADDRESS(ends)), 0);
	wait[0] = (struct pollfd){0, POLLIN, 0};
	wait[1] = (struct pollfd){ends[1], POLLOUT, 0};
	host.request_late = 2;
	CHECK_NUMBER(SYSTEM(poll, ADDRESS(wait), 2, (uint64_t)-1), 1);
	CHECK_NUMBER(wait[0].revents, 0);
	CHECK_NUMBER(host.request_late, 1);
	CHECK(!thread_current()->look);
	CHECK_NUMBER(SYSTEM(poll, ADDRESS(wait), 1, 0), 0);
	CHECK_NUMBER(host.request_late, 0);
	CHECK(!thread_current()->look);
}

/* Who does not mean to read does not wait for the request: Rust looks so before main(). */
static void check_glances(struct pollfd *entry)
{
	fd_set *set = host_memory(sizeof(*set));
	struct timeval *soon = host_memory(sizeof(*soon));
	struct epoll_event *event = host_memory(sizeof(*event));
	*entry = (struct pollfd){0, 0, 0};
	CHECK_NUMBER(SYSTEM(poll, ADDRESS(entry), 1, 0), 0);
	entry->events = POLLPRI | POLLOUT;
	CHECK_NUMBER(SYSTEM(poll, ADDRESS(entry), 1, 0), 0);
	FD_SET(0, set);
	CHECK_NUMBER(SYSTEM(select, 1, 0, 0, ADDRESS(set), ADDRESS(soon)), 0);
	const uint64_t epoll = (uint64_t)SYSTEM(epoll_create1, 0);
	event->events = EPOLLPRI;
	CHECK_NUMBER(SYSTEM(epoll_ctl, epoll, EPOLL_CTL_ADD, 0, ADDRESS(event)), 0);
	CHECK_NUMBER(SYSTEM(epoll_wait, epoll, ADDRESS(event), 1, 0), 0);
	CHECK_NUMBER(SYSTEM(close, epoll), 0);
	CHECK_NUMBER(host.freezes, 0);
}

static void test_request(uint64_t buffer)
{
	char *request = malloc(REQUEST_SIZE), *got = malloc(REQUEST_SIZE + 1);
	for (int i = 0; i < REQUEST_SIZE; i++)
		request[i] = (char)(i * 7);
	host.request = request;
	host.request_length = REQUEST_SIZE;
	host.request_part = 4000;

	CHECK_NUMBER(SYSTEM(write, 1, host_text("early "), 6), 6);
	CHECK_NUMBER(SYSTEM(read, 0, buffer, 0), 0);
	CHECK_NUMBER(SYSTEM(read, 0, 16, 1), -EFAULT);
	CHECK_NUMBER(host.freezes, 0);
	struct pollfd *wait = host_memory(sizeof(*wait));
	check_glances(wait);
	*wait = (struct pollfd){0, POLLIN, 0};
	CHECK_NUMBER(SYSTEM(poll, ADDRESS(wait), 1, (uint64_t)-1), 1);
	CHECK_NUMBER(wait->revents, POLLIN);
	CHECK_NUMBER(host.freezes, 1);
	int *available = host_memory(sizeof(*available));
	CHECK_NUMBER(SYSTEM(ioctl, 0, FIONREAD, ADDRESS(available)), 0);
	CHECK_NUMBER(*available, 4000);

	int64_t total = 0, count;
	while ((count = SYSTEM(read, 0, buffer, 3000)) > 0) {
		memcpy(got + total, (void *)buffer, (size_t)count);
		total += count;
		if (total == 8000)
			check_late_part();
	}
	CHECK_NUMBER(count, 0);
	CHECK_NUMBER(total, REQUEST_SIZE);
	CHECK(!memcmp(got, request, REQUEST_SIZE));
	CHECK_NUMBER(SYSTEM(read, 0, buffer, 3000), 0);
	CHECK_NUMBER(host.reads, REQUEST_SIZE / 4000); /* and one for its end, less the first */
	CHECK_NUMBER(SYSTEM(poll, ADDRESS(wait), 1, 0), 1);
	CHECK_NUMBER(wait->revents, POLLIN | POLLHUP);
	wait->events = 0;
	CHECK_NUMBER(SYSTEM(poll, ADDRESS(wait), 1, 0), 1);
	CHECK_NUMBER(wait->revents, POLLHUP);
	CHECK_NUMBER(SYSTEM(mayfly_ready, 0), 0);
	CHECK_NUMBER(host.freezes, 1);
	free(request);
	free(got);
}

static void test_response(uint64_t buffer)
{
	volatile struct guest_control *control = machine_control();
	char *area = (char *)GUEST_WINDOW_BASE + WINDOW_RESPONSE_OFFSET;
	CHECK_NUMBER(control->response_length, 6);
	CHECK(!memcmp(area, "early ", 6));
	CHECK_NUMBER(SYSTEM(write, 1, host_text("late"), 4), 4);
	CHECK_NUMBER(control->response_length, 10);
	CHECK(!memcmp(area, "early late", 10));
	CHECK_NUMBER(host.writes, 0);
	/* Beyond the area's end the monitor takes it and it starts again. */
	memset((void *)buffer, 'r', 3 * WINDOW_RESPONSE_SIZE);
	CHECK_NUMBER(SYSTEM(write, 1, buffer, 3 * WINDOW_RESPONSE_SIZE), 3 * WINDOW_RESPONSE_SIZE);
	CHECK_NUMBER(host.writes, 3);
	CHECK_NUMBER(control->response_length, 10);
	CHECK(!memcmp(host.response, "early laterrr", 13));
	CHECK(!memcmp(area, "rrrrrrrrrr", 10));
	CHECK_NUMBER(SYSTEM(read, 1, buffer, 1), -EBADF);
	CHECK_NUMBER(SYSTEM(write, 0, buffer, 1), -EBADF);
	CHECK_NUMBER(SYSTEM(lseek, 1, 0, 0), -ESPIPE);
}

static void test_log(uint64_t buffer)
{
	CHECK_NUMBER(SYSTEM(write, 2, host_text("a line\n"), 7), 7);
	CHECK_NUMBER(host.log_length, 7);
	CHECK(!memcmp(host.log, "a line\n", 7));
	CHECK_NUMBER(SYSTEM(write, 2, buffer, WINDOW_LOG_SIZE + 100), WINDOW_LOG_SIZE + 100);
	CHECK(host.log_length >= 60000);
	/* The same streams by their names. */
	int64_t log = SYSTEM(open, host_text("/dev/stderr"), O_WRONLY);
	host.log_length = 0;
	CHECK_NUMBER(SYSTEM(write, (uint64_t)log, host_text("named"), 5), 5);
	CHECK_NUMBER(host.log_length, 5);
}

static void test_clone_state(void)
{
	/* The clone's entropy is used up, and AT_RANDOM differs from what it was. */
	for (int i = 0; i < GUEST_ENTROPY_SIZE; i++)
		CHECK_NUMBER(machine_control()->entropy[i], 0);
	const char zeros[16] = {0};
	CHECK(memcmp((void *)process_first.start.at_random, zeros, 16));
	uint64_t *arena = host_memory(2 * sizeof(*arena));
	CHECK_NUMBER(SYSTEM(mayfly_arena, ADDRESS(arena)), 0);
	CHECK_NUMBER(arena[0], GUEST_WINDOW_BASE + WINDOW_ARENA_OFFSET);
	CHECK(user_writable(arena[0], arena[1]));
	CHECK(!user_writable(arena[0], arena[1] + 1));
	CHECK(!user_readable(arena[0] - 1, 1));
	CHECK_NUMBER(SYSTEM(mayfly_call, 0, 64), 0);
	CHECK_NUMBER(SYSTEM(mayfly_call, WINDOW_ARENA_SIZE, 1), -EINVAL);
	CHECK_NUMBER(SYSTEM(mayfly_call, UINT64_MAX, 2), -EINVAL);
}

int main(void)
{
	host_start(256);
	uint64_t buffer = ADDRESS(host_memory(4 * WINDOW_RESPONSE_SIZE));
	test_request(buffer);
	test_response(buffer);
	test_log(buffer);
	test_clone_state();
	return check_status();
}
