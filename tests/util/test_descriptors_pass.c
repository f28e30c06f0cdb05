/* Messages with descriptors: what arrives, and that no descriptor is left open that nobody has. */
#include "util/descriptors_pass.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "sizes/sizes.h"

#define LIMIT 256

static int count_open(void)
{
	int count = 0;
	for (int fd = 0; fd < LIMIT; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static bool is_same_file(int one, int other)
{
	struct stat a, b;
	return !fstat(one, &a) && !fstat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void close_all(const int *descriptors, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (descriptors[i] >= 0)
			close(descriptors[i]);
}

/* Sends `sent` descriptors of `fd` to who wants `wanted`. */
static void pass(const int pair[2], int fd, size_t sent, size_t wanted)
{
	const int before = count_open();
	const size_t arrive = sent < wanted ? sent : wanted;
	int out[DESCRIPTORS_PASS_MAX] = {0}, in[DESCRIPTORS_PASS_MAX + 1] = {0};
	char text[8] = "";
	for (size_t i = 0; i < sent; i++)
		out[i] = fd;
	CHECK_NUMBER(descriptors_send(pair[0], "hello", 6, out, sent, 0), 0);
	CHECK_NUMBER(descriptors_receive(pair[1], text, sizeof(text), in, wanted, 0), 6);
	CHECK_TEXT(text, "hello");
	for (size_t i = 0; i < wanted; i++) {
		if (!CHECK((in[i] >= 0) == (i < arrive)) || in[i] < 0)
			continue;
		CHECK(is_same_file(in[i], fd));
		CHECK(fcntl(in[i], F_GETFD) == FD_CLOEXEC);
	}
	CHECK_NUMBER(count_open(), before + (int)arrive);
	close_all(in, wanted);
}

static void test_counts(const int pair[2], int fd)
{
	static const size_t counts[] = {0, 1, 2, 3, DESCRIPTORS_PASS_MAX};
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
		for (size_t j = 0; j < ARRAY_SIZE(counts); j++)
			pass(pair, fd, counts[i], counts[j]);
	int many[DESCRIPTORS_PASS_MAX + 1] = {0};
	CHECK_NUMBER(descriptors_send(pair[0], "", 1, many, DESCRIPTORS_PASS_MAX + 1, 0), -E2BIG);
}

/* More than there is room for, from a peer that does not use this code. */
static void test_too_many(const int pair[2], int fd)
{
	enum { COUNT = 2 * DESCRIPTORS_PASS_MAX };
	const int before = count_open();
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(COUNT * sizeof(int))];
	} control = {.header = {.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS,
				.cmsg_len = CMSG_LEN(COUNT * sizeof(int))}};
	for (size_t i = 0; i < COUNT; i++)
		memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &fd, sizeof(int));
	struct iovec part = {.iov_base = "x", .iov_len = 1};
	const struct msghdr message = {.msg_iov = &part,
				       .msg_iovlen = 1,
				       .msg_control = &control,
				       .msg_controllen = sizeof(control)};
	char byte;
	int in[2];
	CHECK_NUMBER(sendmsg(pair[0], &message, 0), 1);
	CHECK_NUMBER(descriptors_receive(pair[1], &byte, 1, in, 2, 0), 1);
	CHECK(in[0] == -1 && in[1] == -1);
	CHECK_NUMBER(count_open(), before);
}

/* Where this process may have no more, it gets none of them. */
static void test_limit(const int pair[2], int fd)
{
	struct rlimit limit, low;
	const int before = count_open(), out[] = {fd, fd, fd};
	char byte;
	int in[3];
	CHECK(!getrlimit(RLIMIT_NOFILE, &limit));
	low = limit;
	low.rlim_cur = (rlim_t)dup(fd) + 2; /* the lowest free number and one more */
	close((int)low.rlim_cur - 2);
	CHECK_NUMBER(descriptors_send(pair[0], "x", 1, out, 3, 0), 0);
	CHECK(!setrlimit(RLIMIT_NOFILE, &low));
	CHECK_NUMBER(descriptors_receive(pair[1], &byte, 1, in, 3, 0), 1);
	CHECK(!setrlimit(RLIMIT_NOFILE, &limit));
	CHECK(in[0] == -1 && in[1] == -1 && in[2] == -1);
	CHECK_NUMBER(count_open(), before);
}

static void test_ends(int pair[2], int fd)
{
	char text[4];
	int in[1];
	CHECK_NUMBER(descriptors_receive(pair[1], text, 4, in, 1, MSG_DONTWAIT), -EAGAIN);
	CHECK_NUMBER(in[0], -1);
	CHECK_NUMBER(descriptors_send(pair[0], "longer", 6, &fd, 1, 0), 0);
	CHECK_NUMBER(descriptors_receive(pair[1], text, 4, in, 1, 0), 5);
	close_all(in, 1);
	close(pair[0]);
	CHECK_NUMBER(descriptors_receive(pair[1], text, 4, in, 1, 0), 0);
	CHECK_NUMBER(descriptors_send(pair[1], "x", 1, &fd, 1, 0), -EPIPE); /* and no SIGPIPE */
	CHECK_NUMBER(descriptors_send(fd, "x", 1, NULL, 0, 0), -ENOTSOCK);
}

int main(void)
{
	int pair[2] = {-1, -1}, fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0 && !socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	test_counts(pair, fd);
	test_too_many(pair, fd);
	test_limit(pair, fd);
	test_ends(pair, fd);
	return check_status();
}
