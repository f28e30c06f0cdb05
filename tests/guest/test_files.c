/* Open files: contents, positions, descriptors, pipes, and what describes files. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest/fs/descriptors.h"
#include "guest/kernel/calls.h"
#include "guest/mm/pool.h"
#include "guest/mm/user_memory.h"
#include "host_machine.h"
#include "tests/check.h"

#define HERE ((uint64_t)AT_FDCWD)

static uint64_t buffer; /* 64 KiB of the program's */

static uint64_t open_file(const char *path, uint64_t flags)
{
	int64_t descriptor = SYSTEM(open, host_text(path), flags, 0644);
	CHECK(descriptor >= 0);
	return (uint64_t)descriptor;
}

static bool reads(uint64_t file, uint64_t offset, const char *wanted)
{
	size_t length = strlen(wanted);
	return SYSTEM(pread64, file, buffer, length + 1, offset) == (int64_t)length &&
	       !memcmp((void *)buffer, wanted, length);
}

static void test_contents(void)
{
	uint64_t file = open_file("/tmp/file", O_RDWR | O_CREAT);
	CHECK_NUMBER(SYSTEM(write, file, host_text("hello world"), 11), 11);
	CHECK_NUMBER(SYSTEM(read, file, buffer, 100), 0);
	CHECK_NUMBER(SYSTEM(lseek, file, 6, SEEK_SET), 6);
	CHECK_NUMBER(SYSTEM(read, file, buffer, 100), 5);
	CHECK(!memcmp((void *)buffer, "world", 5));
	CHECK_NUMBER(SYSTEM(pwrite64, file, host_text("J"), 1, 0), 1);
	CHECK(reads(file, 0, "Jello world"));
	CHECK_NUMBER(SYSTEM(lseek, file, 0, SEEK_CUR), 11);
	CHECK_NUMBER(SYSTEM(lseek, file, (uint64_t)-1, SEEK_SET), -EINVAL);
	CHECK_NUMBER(SYSTEM(lseek, file, INT64_MAX, SEEK_END), -EINVAL);
	CHECK_NUMBER(SYSTEM(lseek, file, 0, 99), -EINVAL);
	CHECK_NUMBER(SYSTEM(lseek, file, 3, SEEK_HOLE), 11);
	CHECK_NUMBER(SYSTEM(lseek, file, 11, SEEK_DATA), -ENXIO);
	CHECK_NUMBER(SYSTEM(pread64, file, buffer, 1, (uint64_t)-1), -EINVAL);
	/* Appending goes to the end wherever the position is. */
	uint64_t tail = open_file("/tmp/file", O_WRONLY | O_APPEND);
	CHECK_NUMBER(SYSTEM(write, tail, host_text("!"), 1), 1);
	CHECK(reads(file, 0, "Jello world!"));
	CHECK_NUMBER(SYSTEM(read, tail, buffer, 1), -EBADF);
	SYSTEM(close, tail);
	uint64_t truncated = open_file("/tmp/file", O_RDONLY | O_TRUNC);
	CHECK(reads(file, 0, ""));
	CHECK_NUMBER(SYSTEM(write, truncated, buffer, 1), -EBADF);
	SYSTEM(close, truncated);
	SYSTEM(close, file);
}

static void test_size(void)
{
	uint64_t file = open_file("/tmp/sparse", O_RDWR | O_CREAT);
	uint64_t free_pages = pool_free_pages();
	CHECK_NUMBER(SYSTEM(pwrite64, file, host_text("x"), 1, 100000), 1);
	CHECK(free_pages - pool_free_pages() <= 2);
	CHECK_NUMBER(SYSTEM(pread64, file, buffer, 200, 99990), 11);
	CHECK(!memcmp((void *)buffer, "\0\0\0\0\0\0\0\0\0\0x", 11));
	/* Cut within a page and grown again: zeros, not what was there. */
	CHECK_NUMBER(SYSTEM(pwrite64, file, host_text("abcdef"), 6, 0), 6);
	CHECK_NUMBER(SYSTEM(ftruncate, file, 3), 0);
	CHECK_NUMBER(SYSTEM(ftruncate, file, 6), 0);
	CHECK_NUMBER(SYSTEM(pread64, file, buffer, 10, 0), 6);
	CHECK(!memcmp((void *)buffer, "abc\0\0\0", 6));
	CHECK_NUMBER(SYSTEM(ftruncate, file, (uint64_t)-1), -EINVAL);
	CHECK_NUMBER(SYSTEM(ftruncate, file, 1UL << 50), -EFBIG);
	CHECK_NUMBER(SYSTEM(pwrite64, file, buffer, 1, 1UL << 60), -EFBIG);
	/* A hole so large that even its page table does not fit. */
	CHECK_NUMBER(SYSTEM(pwrite64, file, buffer, 1, 1UL << 39), -ENOSPC);
	CHECK_NUMBER(SYSTEM(truncate, host_text("/tmp"), 1), -EISDIR);
	CHECK_NUMBER(SYSTEM(truncate, host_text("/tmp/sparse"), 0), 0);
	CHECK_NUMBER(SYSTEM(fallocate, file, 0, 0, 5000), 0);
	CHECK_NUMBER(SYSTEM(lseek, file, 0, SEEK_END), 5000);
	SYSTEM(close, file);
	SYSTEM(unlink, host_text("/tmp/sparse"));
	/* Until memory is used up: what fits is written, then ENOSPC, and all of it comes back. */
	free_pages = pool_free_pages();
	file = open_file("/tmp/big", O_RDWR | O_CREAT);
	int64_t got, total = 0;
	while ((got = SYSTEM(write, file, buffer, 65536)) > 0)
		total += got;
	CHECK_NUMBER(got, -ENOSPC);
	CHECK(total > 65536);
	SYSTEM(close, file);
	CHECK_NUMBER(SYSTEM(unlink, host_text("/tmp/big")), 0);
	CHECK_NUMBER(pool_free_pages(), free_pages);
}

static void test_vectors(void)
{
	struct iovec *parts = host_memory(3 * sizeof(*parts));
	uint64_t file = open_file("/tmp/vector", O_RDWR | O_CREAT);
	parts[0] = (struct iovec){(void *)host_text("one "), 4};
	parts[1] = (struct iovec){NULL, 0};
	parts[2] = (struct iovec){(void *)host_text("two"), 3};
	CHECK_NUMBER(SYSTEM(writev, file, ADDRESS(parts), 3), 7);
	CHECK(reads(file, 0, "one two"));
	parts[0] = (struct iovec){(void *)buffer, 2};
	parts[2] = (struct iovec){(void *)(buffer + 10), 50};
	CHECK_NUMBER(SYSTEM(preadv, file, ADDRESS(parts), 3, 1), 6);
	CHECK(!memcmp((void *)buffer, "ne", 2) && !memcmp((void *)(buffer + 10), " two", 4));
	CHECK_NUMBER(SYSTEM(readv, file, ADDRESS(parts), 1025), -EINVAL);
	CHECK_NUMBER(SYSTEM(readv, file, ADDRESS(parts), 0), 0);
	parts[2].iov_base = (void *)16;
	CHECK_NUMBER(SYSTEM(preadv, file, ADDRESS(parts), 3, 0), 2);
	parts[0].iov_base = (void *)16;
	CHECK_NUMBER(SYSTEM(preadv, file, ADDRESS(parts), 3, 0), -EFAULT);
	SYSTEM(close, file);
}

static void test_copies(void)
{
	uint64_t from = open_file("/tmp/from", O_RDWR | O_CREAT);
	uint64_t to = open_file("/tmp/to", O_RDWR | O_CREAT);
	for (int i = 0; i < 5000; i++)
		((char *)buffer)[i] = (char)i;
	CHECK_NUMBER(SYSTEM(write, from, buffer, 5000), 5000);
	uint64_t *offset = host_memory(sizeof(*offset));
	*offset = 10;
	CHECK_NUMBER(SYSTEM(sendfile, to, from, ADDRESS(offset), 9999), 4990);
	CHECK_NUMBER(*offset, 5000);
	CHECK_NUMBER(SYSTEM(pread64, to, buffer + 8192, 5000, 0), 4990);
	CHECK(!memcmp((void *)(buffer + 8192), (void *)(buffer + 10), 4990));
	CHECK_NUMBER(SYSTEM(lseek, from, 0, SEEK_SET), 0);
	CHECK_NUMBER(SYSTEM(copy_file_range, from, 0, to, 0, 100, 0), 100);
	CHECK_NUMBER(SYSTEM(lseek, from, 0, SEEK_CUR), 100);
	CHECK_NUMBER(SYSTEM(lseek, to, 0, SEEK_CUR), 5090);
	CHECK_NUMBER(SYSTEM(sendfile, to, 0, 0, 100), -EINVAL);
	CHECK_NUMBER(SYSTEM(copy_file_range, from, 0, from, 0, 100, 0), -EINVAL);
	SYSTEM(close, from);
	SYSTEM(close, to);
}

static void test_mapping(void)
{
	uint64_t file = open_file("/tmp/mapped", O_RDWR | O_CREAT);
	memset((void *)buffer, 'm', 6000);
	CHECK_NUMBER(SYSTEM(write, file, buffer, 6000), 6000);
	int64_t area = SYSTEM(mmap, 0, 8192, PROT_READ, MAP_PRIVATE, file, 4096);
	CHECK(area > 0);
	CHECK(!memcmp((void *)area, (void *)buffer, 6000 - 4096));
	CHECK_NUMBER(((char *)area)[6000 - 4096], 0);
	CHECK(!user_writable((uint64_t)area, 1));
	CHECK_NUMBER(SYSTEM(munmap, (uint64_t)area, 8192), 0);
	CHECK_NUMBER(SYSTEM(mmap, 0, 4096, PROT_READ, MAP_PRIVATE, file, 1), -EINVAL);
	SYSTEM(close, file);
	file = open_file("/tmp/mapped", O_WRONLY);
	CHECK_NUMBER(SYSTEM(mmap, 0, 4096, PROT_READ, MAP_PRIVATE, file, 0), -EACCES);
	SYSTEM(close, file);
}

static void test_descriptors(void)
{
	uint64_t file = open_file("/tmp/file", O_RDWR | O_CLOEXEC);
	CHECK_NUMBER(file, 3);
	CHECK_NUMBER(SYSTEM(fcntl, file, F_GETFD), FD_CLOEXEC);
	CHECK_NUMBER(SYSTEM(dup, file), 4);
	CHECK_NUMBER(SYSTEM(fcntl, 4, F_GETFD), 0);
	CHECK_NUMBER(SYSTEM(write, 4, host_text("12345"), 5), 5);
	CHECK_NUMBER(SYSTEM(lseek, file, 0, SEEK_CUR), 5); /* one position for both */
	CHECK_NUMBER(SYSTEM(dup2, file, 100), 100);
	CHECK_NUMBER(SYSTEM(dup2, file, file), file);
	CHECK_NUMBER(SYSTEM(dup2, 99, 99), -EBADF);
	CHECK_NUMBER(SYSTEM(dup2, file, 1024), -EBADF);
	CHECK_NUMBER(SYSTEM(dup3, file, file, 0), -EINVAL);
	CHECK_NUMBER(SYSTEM(dup3, file, 100, O_CLOEXEC), 100);
	CHECK_NUMBER(SYSTEM(fcntl, 100, F_GETFD), FD_CLOEXEC);
	CHECK_NUMBER(SYSTEM(fcntl, file, F_DUPFD, 10), 10);
	CHECK_NUMBER(SYSTEM(fcntl, file, F_DUPFD, 1024), -EINVAL);
	CHECK_NUMBER(SYSTEM(fcntl, file, F_SETFL, O_APPEND), 0);
	CHECK(SYSTEM(fcntl, 10, F_GETFL) & O_APPEND);
	CHECK_NUMBER(SYSTEM(fcntl, file, F_GETFL) & O_ACCMODE, O_RDWR);
	CHECK_NUMBER(SYSTEM(fcntl, file, 9999), -EINVAL);
	CHECK_NUMBER(SYSTEM(close_range, 3, UINT32_MAX, 0), 0);
	CHECK_NUMBER(SYSTEM(close, file), -EBADF);
	CHECK_NUMBER(SYSTEM(close, 5000000000), -EBADF);
	/* All of them. */
	uint64_t path = host_text("/dev/null");
	int64_t last = 0;
	for (int i = 3; i < DESCRIPTOR_COUNT; i++)
		last = SYSTEM(open, path, O_RDONLY);
	CHECK_NUMBER(last, DESCRIPTOR_COUNT - 1);
	CHECK_NUMBER(SYSTEM(open, path, O_RDONLY), -EMFILE);
	CHECK_NUMBER(SYSTEM(dup, 3), -EMFILE);
	CHECK_NUMBER(SYSTEM(pipe2, buffer, 0), -EMFILE);
	CHECK_NUMBER(SYSTEM(close_range, 3, UINT32_MAX, 0), 0);
}

static void test_pipes(void)
{
	int *ends = host_memory(2 * sizeof(int));
	CHECK_NUMBER(SYSTEM(pipe2, ADDRESS(ends), O_NONBLOCK), 0);
	uint64_t out = (uint64_t)ends[0], in = (uint64_t)ends[1];
	struct pollfd *wait = host_memory(2 * sizeof(*wait));
	wait[0] = (struct pollfd){ends[0], POLLIN, 0};
	wait[1] = (struct pollfd){ends[1], POLLOUT, 0};
	CHECK_NUMBER(SYSTEM(poll, ADDRESS(wait), 2, 0), 1);
	CHECK_NUMBER(wait[1].revents, POLLOUT);
	CHECK_NUMBER(SYSTEM(read, out, buffer, 10), -EAGAIN);
	/* Around the ring a few times. */
	int64_t written = 0, got = 0;
	for (int round = 0; round < 20; round++) {
		memset((void *)buffer, round, 60000);
		written += SYSTEM(write, in, buffer, 60000);
		int64_t count = SYSTEM(read, out, buffer, 59000);
		CHECK(count > 0 && ((char *)buffer)[count - 1] >= round - 1);
		got += count;
	}
	int *available = host_memory(sizeof(int));
	CHECK_NUMBER(SYSTEM(ioctl, out, FIONREAD, ADDRESS(available)), 0);
	CHECK_NUMBER(*available, written - got);
	while (SYSTEM(write, in, buffer, 4096) > 0)
		;
	CHECK_NUMBER(SYSTEM(write, in, buffer, 4096), -EAGAIN);
	CHECK_NUMBER(SYSTEM(fcntl, in, F_SETFL, 0), 0);
	CHECK_NUMBER(SYSTEM(write, out, buffer, 1), -EBADF);
	CHECK_NUMBER(SYSTEM(pread64, out, buffer, 1, 0), -ESPIPE);
	CHECK_NUMBER(SYSTEM(lseek, out, 0, SEEK_SET), -ESPIPE);
	CHECK_NUMBER(SYSTEM(close, in), 0);
	while (SYSTEM(read, out, buffer, 65536) > 0)
		;
	CHECK_NUMBER(SYSTEM(read, out, buffer, 1), 0); /* the end */
	CHECK_NUMBER(SYSTEM(poll, ADDRESS(wait), 1, 0), 1);
	CHECK_NUMBER(wait[0].revents, POLLHUP);
	SYSTEM(close, out);
	/* Nobody reads: SIGPIPE, or EPIPE where that is ignored. */
	SYSTEM(pipe, ADDRESS(ends));
	SYSTEM(close, (uint64_t)ends[0]);
	if (!setjmp(host.at_end))
		SYSTEM(write, (uint64_t)ends[1], buffer, 1);
	CHECK_NUMBER(host.ended, 2);
	CHECK_NUMBER(host.status, SIGPIPE);
	uint64_t *action = host_memory(32);
	action[0] = 1; /* SIG_IGN */
	CHECK_NUMBER(SYSTEM(rt_sigaction, SIGPIPE, ADDRESS(action), 0, 8), 0);
	CHECK_NUMBER(SYSTEM(write, (uint64_t)ends[1], buffer, 1), -EPIPE);
	SYSTEM(close, (uint64_t)ends[1]);
}

static void test_status(void)
{
	struct stat *found = host_memory(sizeof(*found));
	uint64_t path = host_text("/tmp/described");
	SYSTEM(umask, 027);
	SYSTEM(close, (uint64_t)SYSTEM(open, path, O_WRONLY | O_CREAT, 0666));
	CHECK_NUMBER(SYSTEM(umask, 022), 027);
	CHECK_NUMBER(SYSTEM(stat, path, ADDRESS(found)), 0);
	CHECK_NUMBER(found->st_mode, S_IFREG | 0640);
	CHECK(found->st_mtim.tv_sec >= 1700000000);
	CHECK_NUMBER(SYSTEM(chmod, path, 0755), 0);
	CHECK_NUMBER(SYSTEM(chown, path, 12, (uint64_t)-1), 0);
	struct timespec *times = host_memory(2 * sizeof(*times));
	times[0] = (struct timespec){111, 5};
	times[1].tv_nsec = UTIME_OMIT;
	CHECK_NUMBER(SYSTEM(utimensat, HERE, path, ADDRESS(times), 0), 0);
	CHECK_NUMBER(SYSTEM(lstat, path, ADDRESS(found)), 0);
	CHECK_NUMBER(found->st_mode, S_IFREG | 0755);
	CHECK_NUMBER(found->st_uid, 12);
	CHECK_NUMBER(found->st_gid, 0);
	CHECK_NUMBER(found->st_atim.tv_sec, 111);
	CHECK(found->st_mtim.tv_sec >= 1700000000);
	times[1].tv_nsec = 2000000000;
	CHECK_NUMBER(SYSTEM(utimensat, HERE, path, ADDRESS(times), 0), -EINVAL);
	CHECK_NUMBER(SYSTEM(access, path, X_OK), 0);
	CHECK_NUMBER(SYSTEM(chmod, path, 0600), 0);
	CHECK_NUMBER(SYSTEM(access, path, X_OK), -EACCES);
	CHECK_NUMBER(SYSTEM(access, path, 99), -EINVAL);
	CHECK_NUMBER(SYSTEM(newfstatat, 1, host_text(""), ADDRESS(found), AT_EMPTY_PATH), 0);
	CHECK_NUMBER(found->st_mode, S_IFIFO | 0600);
	struct statx *extended = host_memory(sizeof(*extended));
	CHECK_NUMBER(SYSTEM(statx, HERE, path, 0, STATX_BASIC_STATS, ADDRESS(extended)), 0);
	CHECK_NUMBER(extended->stx_mode, S_IFREG | 0600);
	CHECK_NUMBER(SYSTEM(ioctl, 0, TIOCGWINSZ, buffer), -ENOTTY);
	CHECK_NUMBER(SYSTEM(fsync, 1), -EINVAL);
}

static void test_devices(void)
{
	uint64_t null = open_file("/dev/null", O_RDWR), zero = open_file("/dev/zero", O_RDONLY);
	uint64_t full = open_file("/dev/full", O_RDWR), random = open_file("/dev/urandom", 0);
	CHECK_NUMBER(SYSTEM(write, null, buffer, 100), 100);
	CHECK_NUMBER(SYSTEM(read, null, buffer, 100), 0);
	CHECK_NUMBER(SYSTEM(write, full, buffer, 100), -ENOSPC);
	memset((void *)buffer, 1, 200);
	CHECK_NUMBER(SYSTEM(read, zero, buffer, 100), 100);
	CHECK_NUMBER(((char *)buffer)[99] * 2 + ((char *)buffer)[100], 1);
	CHECK_NUMBER(SYSTEM(read, random, buffer, 32), 32);
	CHECK_NUMBER(SYSTEM(read, random, buffer + 32, 32), 32);
	CHECK(memcmp((void *)buffer, (void *)(buffer + 32), 32));
	SYSTEM(close_range, 3, UINT32_MAX, 0);
}

int main(void)
{
	host_start(512);
	buffer = ADDRESS(host_memory(65536));
	test_contents();
	test_size();
	test_vectors();
	test_copies();
	test_mapping();
	test_descriptors();
	test_pipes();
	test_status();
	test_devices();
	return check_status();
}
