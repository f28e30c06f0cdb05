/* Windows: cleared of every byte, whoever wrote it, and of a size that nobody can change. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "monitor/memory/window.h"
#include "util/cleanup.h"

/* What a window may keep for the next request. */
#define KEPT_MAX (2UL << 20)

static bool is_zero(const struct window *window)
{
	for (size_t i = 0; i < WINDOW_SIZE; i += GUEST_PAGE_SIZE) {
		unsigned char resident = 0;
		/* Pages that do not exist read as zero; reading would make them. */
		if (mincore(window->memory + i, 1, &resident) || !(resident & 1))
			continue;
		for (size_t j = 0; j < GUEST_PAGE_SIZE; j++)
			if (window->memory[i + j])
				return false;
	}
	return true;
}

static void test_sealed(void)
{
	struct error error = {0};
	cleanup(window_release) struct window window;
	if (!CHECK_NUMBER(window_create(&window, &error), 0))
		return;
	CHECK(ftruncate(window.memfd, 4096) < 0 && errno == EPERM);
	CHECK(ftruncate(window.memfd, 2 * WINDOW_SIZE) < 0 && errno == EPERM);
	CHECK(fcntl(window.memfd, F_ADD_SEALS, F_SEAL_WRITE) < 0 && errno == EPERM);
	CHECK_NUMBER(window_resident_bytes(&window), 0);
	CHECK((void *)window_control(&window) == window.memory);
}

/* Bytes on so many pages, at both ends and in between, written through the window. */
static void test_clear(size_t pages)
{
	struct error error = {0};
	cleanup(window_release) struct window window;
	if (!CHECK_NUMBER(window_create(&window, &error), 0))
		return;
	const size_t step = WINDOW_SIZE / pages & ~(GUEST_PAGE_SIZE - 1);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < pages; i++)
			memset(window.memory + i * step, 0xa5, GUEST_PAGE_SIZE);
		window.memory[WINDOW_SIZE - 1] = 1;
		CHECK(!is_zero(&window));
		CHECK_NUMBER(window_clear(&window, &error), 0);
		CHECK(window_resident_bytes(&window) <= KEPT_MAX);
		CHECK(is_zero(&window));
		/* What is kept has a bound. */
	}
}

/* Another process's mapping is a door, too: the accelerator host's. */
static void test_clear_foreign(void)
{
	struct error error = {0};
	cleanup(window_release) struct window window;
	if (!CHECK_NUMBER(window_create(&window, &error), 0))
		return;
	const char secret[] = "secret";
	CHECK(pwrite(window.memfd, secret, sizeof(secret), WINDOW_ARENA_OFFSET + 12345) ==
	      sizeof(secret));
	CHECK_NUMBER(window_clear(&window, &error), 0);
	char back[sizeof(secret)] = "x";
	CHECK(pread(window.memfd, back, sizeof(back), WINDOW_ARENA_OFFSET + 12345) == sizeof(back));
	for (size_t i = 0; i < sizeof(back); i++)
		CHECK_NUMBER(back[i], 0);
}

int main(void)
{
	test_sealed();
	test_clear(1);
	test_clear(3);
	test_clear(64);
	test_clear(1000);
	test_clear_foreign();
	return check_status();
}
