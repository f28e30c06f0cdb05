/* What monitors find out for those after them; usage: test_learned ISOLATION GUEST */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel/channel.h"
#include "check.h"
#include "client.h"
#include "util/clock.h"

static const char *isolation, *guest;
static int learned;

static off_t learned_size(void)
{
	struct stat status;
	return fstat(learned, &status) ? -1 : status.st_size;
}

/* A function with the file serves two requests. Ends the test where the isolation cannot be had. */
static void serve(bool until_known)
{
	struct client client = {0};
	struct mayfly_description description;
	const uint64_t limit_ns = clock_now_ns() + 10 * NANOSECONDS_PER_SECOND;
	mayfly_description_init(&description, sizeof(description));
	description.program = guest;
	description.isolation = isolation;
	description.log = STDERR_FILENO;
	description.learned = learned;
	const int status = client_begin(&client, &description);
	if (status)
		exit(status);
	for (int i = 0; i < 2; i++)
		CHECK(client_answers(&client, "same", NULL, "same"));
	while (until_known && !learned_size() && clock_now_ns() < limit_ns) {
		usleep(1000);
		mayfly_function_process(client.function);
	}
	client_close(&client);
}

/* Whatever is in the file, requests are served. */
static void test_damaged(void)
{
	uint64_t words[CHANNEL_LEARNED_MAX / sizeof(uint64_t)];
	const ssize_t length = pread(learned, words, sizeof(words), 0);
	for (size_t at = 0; (ssize_t)(at * sizeof(*words)) < length; at += 1 + at / 4) {
		const uint64_t before = words[at];
		words[at] = UINT64_MAX << (at % 3 * 12);
		CHECK_NUMBER(pwrite(learned, words, (size_t)length, 0), length);
		serve(false);
		words[at] = before;
	}
	CHECK(!ftruncate(learned, length / 2));
	serve(false);
	memset(words, 0xff, sizeof(words));
	CHECK_NUMBER(pwrite(learned, words, sizeof(words), 0), sizeof(words));
	serve(false);
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 1;
	isolation = argv[1];
	guest = argv[2];
	const bool is_kvm = !strcmp(isolation, "kvm");
	learned = memfd_create("learned", MFD_CLOEXEC);
	if (!CHECK(learned >= 0))
		return check_status();
	serve(is_kvm);
	CHECK(is_kvm ? learned_size() > 0 : learned_size() == 0);
	serve(false);
	test_damaged();
	return check_status();
}
