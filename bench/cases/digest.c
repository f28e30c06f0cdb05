/* Debian's own static busybox, unmodified: `busybox sha256sum` of a request of 64 MiB, in a machine
 * (the request goes through its window) and as a process (it is a file in memory). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cases.h"
#include "harness/child.h"
#include "harness/guest.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define BUSYBOX	     "/bin/busybox"
#define REQUEST_SIZE (64ul << 20)
#define ANSWER_SIZE  256
#define DIGEST_EVERY 100 /* it takes a good part of a second */

struct digest_cases {
	int file; /* the request, in memory */
	uint8_t *request;
	struct guest guest;
};

static int run_outside(struct digest_cases *cases, char answer[ANSWER_SIZE], struct error *error)
{
	static const char *const arguments[] = {BUSYBOX, "sha256sum", NULL};
	if (lseek(cases->file, 0, SEEK_SET))
		return error_set_errno(error, errno, "cannot rewind the request");
	return child_run(arguments, cases->file, answer, ANSWER_SIZE, error);
}

static int measure_outside(void *context, double *ns, struct error *error)
{
	char answer[ANSWER_SIZE];
	uint64_t begin = clock_now_ns();
	int result = run_outside(context, answer, error);
	*ns = (double)(clock_now_ns() - begin);
	return result;
}

static int check_same_answer(struct digest_cases *cases, struct error *error)
{
	char answer[ANSWER_SIZE];
	int result = run_outside(cases, answer, error);
	if (!result)
		result = guest_serve(&cases->guest, error);
	if (result)
		return result;
	if (strlen(answer) != cases->guest.response_length ||
	    memcmp(answer, cases->guest.response, cases->guest.response_length) != 0)
		return error_set(error, EPROTO, BUSYBOX " answers %s as a process, %.*s inside",
				 answer, (int)cases->guest.response_length,
				 (const char *)cases->guest.response);
	return 0;
}

static int make_request(struct digest_cases *cases, struct error *error)
{
	cases->file = memfd_create("bench-request", MFD_CLOEXEC);
	if (cases->file < 0 || ftruncate(cases->file, REQUEST_SIZE))
		return error_set_errno(error, errno, "cannot make a request in memory");
	void *memory = mmap(NULL, REQUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, cases->file, 0);
	if (memory == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map the request");
	cases->request = memory;
	for (size_t i = 0; i < REQUEST_SIZE; i++)
		cases->request[i] = (uint8_t)(i * 31 + (i >> 12));
	return 0;
}

int digest_cases_open(struct digest_cases **cases, struct bench *bench,
		      const struct cases_settings *settings, struct error *error)
{
	*cases = NULL;
	if (!bench_wants(bench, "digest-inside") && !bench_wants(bench, "digest-outside"))
		return 0;
	if (access(BUSYBOX, X_OK)) {
		bench_leave_out(bench, "digest-inside", "there is no " BUSYBOX);
		bench_leave_out(bench, "digest-outside", "there is no " BUSYBOX);
		return 0;
	}
	struct digest_cases *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for the digest cases");
	self->file = -1;
	*cases = self;
	int result = make_request(self, error);
	if (result)
		return result;
	const struct guest_program program = {.path = BUSYBOX,
					      .arguments = {"sha256sum"},
					      .input = self->request,
					      .input_length = REQUEST_SIZE};
	const struct bench_case rows[] = {
	    {"digest-inside", "digest", "sha256sum of 64 MiB in a machine", DIGEST_EVERY, false,
	     guest_measure_request, &self->guest},
	    {"digest-outside", "digest", "sha256sum of 64 MiB as a process", DIGEST_EVERY, false,
	     measure_outside, self},
	};
	result = guest_open(&self->guest, &program, settings->isolation, error);
	if (!result)
		result = check_same_answer(self, error);
	for (size_t i = 0; i < ARRAY_SIZE(rows) && !result; i++)
		result = bench_add(bench, &rows[i], error);
	return result;
}

void digest_cases_close(struct digest_cases *cases)
{
	if (!cases)
		return;
	guest_close(&cases->guest);
	if (cases->request)
		munmap(cases->request, REQUEST_SIZE);
	if (cases->file >= 0)
		close(cases->file);
	free(cases);
}
