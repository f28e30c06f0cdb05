/* Calls on descriptors, with every kind of file behind them: sizes, positions, flags, commands. */
#include <linux/falloc.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <termios.h>

#include "arguments.h"

#define PAGE 4096
#define HUGE 0x7fffffffffffffffL

static const struct exception own_exceptions[] = {
    /* Since Linux 6.16 inodes without a name are not changed, and calls on them say so. */
    {"fchmod", 0, "EVENTFD"},
    {"fchown", 0, "EVENTFD"},
    {"utimensat", 0, "EVENTFD"},
    {"utimensat", 0, "EPOLL"},
    {"write", 0, "EVENTFD"},
    {"sendfile", 0, "EVENTFD"},
    {"ioctl", 0, "EPOLL"},	    /* knows commands of its own since 6.9 */
    {"newfstatat", 1, "NULL"},	    /* is an empty path since 6.11 */
    {"sendfile", 1, "ZERO_DEVICE"}, /* since 6.5 */
    {"sendfile", 1, "FULL_DEVICE"},
    {"pipe2", 1, "0x80"}, /* notification pipes, which a kernel may have or not */
    {NULL, 0, NULL},
};

static char *buffer; /* two pages; behind them there is nothing */

static void prepare(void)
{
	make_descriptors();
	memset(buffer, 'x', 2UL * PAGE);
}

/* Of what is read, as far as it is the same everywhere: not of /proc. */
static void show_buffer(long result)
{
	unsigned sum = 0;
	for (long i = 0; i < 64; i++)
		sum = sum * 31 + (unsigned char)buffer[i];
	printf(" %08x", result > 0 && result <= 16 ? sum : 0);
}

/* Position and size of the file that most kinds have open. */
static void show_file(long result)
{
	struct stat status;
	(void)result;
	stat("file", &status);
	printf(" at %ld of %ld", (long)lseek(FILE_BOTH, 0, SEEK_CUR), (long)status.st_size);
}

/* The first bytes of that file. */
static void show_contents(long result)
{
	char found[11] = "";
	(void)result;
	pread(FILE_BOTH, found, 10, 0);
	for (int i = 0; i < 10; i++)
		printf("%s%d", i ? "," : " ", found[i]);
}

static void show_flags(long result)
{
	printf(" %#x %d", fcntl((int)result, F_GETFL) & ~0100000, fcntl((int)result, F_GETFD));
}

static struct stat status;
static void show_status(long result)
{
	(void)result;
	printf(" %o", status.st_mode & S_IFMT);
	if (S_ISREG(status.st_mode))
		printf(" %ld %ld", (long)status.st_size, (long)status.st_nlink);
}

static struct iovec parts[4];
static int number;
static off_t offset;
static struct flock lock;
static struct pollfd polled;
static struct epoll_event event;
static struct statfs file_system;

#define DESCRIPTORS descriptors
#define SIZES                                                                                      \
	VALUES(VALUE(0), VALUE(1), VALUE(8), VALUE(10), VALUE(2UL * PAGE), VALUE(3UL * PAGE),      \
	       VALUE(1 << 30), VALUE(-1), VALUE(0x8000000000000000UL))
#define OFFSETS VALUES(VALUE(0), VALUE(4), VALUE(10), VALUE(-1), VALUE(HUGE), VALUE(HUGE - 4))
#define BUFFER	VALUES(VALUE(buffer))

static void prepare_parts(void)
{
	prepare();
	parts[0] = (struct iovec){buffer, 0};
	parts[1] = (struct iovec){buffer, 8};
	parts[2] = (struct iovec){buffer + 8, 8};
	parts[3] = (struct iovec){buffer, (size_t)-1};
}

static void prepare_lock(void)
{
	prepare();
	lock = (struct flock){.l_type = F_RDLCK, .l_len = 4};
	number = 0;
}

static void prepare_poll(void)
{
	prepare();
	polled = (struct pollfd){.fd = FILE_BOTH, .events = POLLIN};
}

static void prepare_event(void)
{
	prepare();
	event = (struct epoll_event){.events = EPOLLIN};
}

static void prepare_copy(void)
{
	prepare();
	offset = 2;
}

static void call_reading(void)
{
	const struct table tables[] = {
	    TABLE(read, RESULT_NUMBER, {DESCRIPTORS, BUFFER, SIZES}, prepare, show_buffer),
	    /* Counters take 8 bytes; whether they mind more depends on the version. */
	    TABLE(write, RESULT_NUMBER,
		  {VALUES(NAMED("counter", EVENTFD)), BUFFER,
		   VALUES(VALUE(0), VALUE(7), VALUE(8), VALUE(-1))},
		  prepare),
	    TABLE(write, RESULT_NUMBER, {DESCRIPTORS, BUFFER, SIZES}, prepare, show_file),
	    TABLE(read, RESULT_NUMBER,
		  {DESCRIPTORS, VALUES(VALUE(buffer + 2UL * PAGE - 4), VALUE(buffer + 2UL * PAGE)),
		   VALUES(VALUE(0), VALUE(4), VALUE(5), VALUE(9))},
		  prepare),
	    TABLE(write, RESULT_NUMBER,
		  {DESCRIPTORS, VALUES(VALUE(buffer + 2UL * PAGE - 4), VALUE(buffer + 2UL * PAGE)),
		   VALUES(VALUE(0), VALUE(4), VALUE(5), VALUE(9))},
		  prepare, show_file),
	    TABLE(pread64, RESULT_NUMBER, {DESCRIPTORS, BUFFER, SIZES, OFFSETS}, prepare,
		  show_buffer),
	    TABLE(pwrite64, RESULT_NUMBER,
		  {DESCRIPTORS, BUFFER, VALUES(VALUE(0), VALUE(8), VALUE(-1)),
		   VALUES(VALUE(0), VALUE(4), VALUE(-1), VALUE(HUGE))},
		  prepare, show_file),
	    TABLE(readv, RESULT_NUMBER,
		  {DESCRIPTORS, VALUES(VALUE(parts), VALUE(parts + 1), VALUE(parts + 3)),
		   VALUES(VALUE(0), VALUE(1), VALUE(2), VALUE(1024), VALUE(1025), VALUE(-1))},
		  prepare_parts, show_buffer),
	    TABLE(writev, RESULT_NUMBER,
		  {DESCRIPTORS, VALUES(VALUE(parts), VALUE(parts + 1), VALUE(parts + 3)),
		   VALUES(VALUE(0), VALUE(1), VALUE(2), VALUE(1025), VALUE(-1))},
		  prepare_parts, show_file),
	    TABLE(preadv, RESULT_NUMBER,
		  {DESCRIPTORS, ONLY(parts + 1), VALUES(VALUE(0), VALUE(2), VALUE(-1)),
		   VALUES(VALUE(0), VALUE(4), VALUE(-1))},
		  prepare_parts, show_buffer),
	    TABLE(pwritev, RESULT_NUMBER,
		  {DESCRIPTORS, ONLY(parts + 1), VALUES(VALUE(0), VALUE(2), VALUE(-1)),
		   VALUES(VALUE(0), VALUE(4), VALUE(-1))},
		  prepare_parts, show_file),
	    TABLE(lseek, RESULT_NUMBER,
		  {DESCRIPTORS, VALUES(VALUE(0), VALUE(4), VALUE(-1), VALUE(-11), VALUE(HUGE)),
		   VALUES(VALUE(SEEK_SET), VALUE(SEEK_CUR), VALUE(SEEK_END), VALUE(SEEK_DATA),
			  VALUE(SEEK_HOLE), VALUE(5), VALUE(-1))},
		  prepare),
	    TABLE(getdents64, RESULT_ANY,
		  {DESCRIPTORS, BUFFER,
		   VALUES(VALUE(0), VALUE(1), VALUE(23), VALUE(24), VALUE(PAGE), VALUE(-1))},
		  prepare),
	    TABLE(sendfile, RESULT_NUMBER,
		  {DESCRIPTORS, ONLY(FILE_READ), VALUES(VALUE(0), VALUE(&offset)),
		   VALUES(VALUE(0), VALUE(4), VALUE(100))},
		  prepare_copy, show_file),
	    TABLE(sendfile, RESULT_NUMBER, {ONLY(UNLINKED), DESCRIPTORS, ONLY(0), ONLY(4)},
		  prepare_copy),
	    TABLE(sendfile, RESULT_NUMBER,
		  {ONLY(FILE_APPEND), ONLY(FILE_READ), ONLY(0),
		   VALUES(VALUE(0), VALUE(4), VALUE(-1))},
		  prepare_copy),
	    TABLE(copy_file_range, RESULT_NUMBER,
		  {DESCRIPTORS, VALUES(VALUE(0), VALUE(&offset)), ONLY(UNLINKED), ONLY(0),
		   VALUES(VALUE(0), VALUE(4), VALUE(100)), VALUES(VALUE(0), VALUE(1))},
		  prepare_copy, show_file),
	    TABLE(copy_file_range, RESULT_NUMBER,
		  {ONLY(FILE_READ), ONLY(0), DESCRIPTORS, VALUES(VALUE(0), VALUE(&offset)), ONLY(4),
		   VALUES(VALUE(0), VALUE(0x80000000))},
		  prepare_copy, show_file),
	};
	call_tables(tables, COUNT(tables));
}

static void call_status(void)
{
	const struct table tables[] = {
	    TABLE(fstat, RESULT_NUMBER, {DESCRIPTORS, ONLY(&status)}, prepare, show_status),
	    TABLE(newfstatat, RESULT_NUMBER, {DESCRIPTORS, ONLY(""), ONLY(&status), each_bit(0)},
		  prepare),
	    TABLE(newfstatat, RESULT_NUMBER,
		  {DESCRIPTORS, ONLY("inside"), ONLY(&status),
		   VALUES(VALUE(0), VALUE(AT_EMPTY_PATH), VALUE(AT_SYMLINK_NOFOLLOW))},
		  prepare, show_status),
	    TABLE(newfstatat, RESULT_NUMBER,
		  {DESCRIPTORS, VALUES(VALUE(""), VALUE(NULL)), ONLY(&status), ONLY(AT_EMPTY_PATH)},
		  prepare, show_status),
	    TABLE(fstatfs, RESULT_NUMBER, {DESCRIPTORS, ONLY(&file_system)}, prepare),
	    TABLE(ftruncate, RESULT_NUMBER,
		  {DESCRIPTORS, VALUES(VALUE(0), VALUE(4), VALUE(20), VALUE(-1))}, prepare,
		  show_file),
	    TABLE(fallocate, RESULT_NUMBER,
		  {DESCRIPTORS, ONLY(0), VALUES(VALUE(0), VALUE(4), VALUE(-1), VALUE(HUGE)),
		   VALUES(VALUE(0), VALUE(20), VALUE(-1), VALUE(HUGE))},
		  prepare, show_file),
	    TABLE(fallocate, RESULT_NUMBER, {ONLY(FILE_BOTH), each_bit(0), ONLY(0), ONLY(20)},
		  prepare),
	    TABLE(fallocate, RESULT_NUMBER,
		  {DESCRIPTORS, ONLY(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE),
		   VALUES(VALUE(0), VALUE(4)), VALUES(VALUE(2), VALUE(20))},
		  prepare, show_contents),
	    TABLE(fsync, RESULT_NUMBER, {DESCRIPTORS}, prepare),
	    TABLE(fdatasync, RESULT_NUMBER, {DESCRIPTORS}, prepare),
	    TABLE(fadvise64, RESULT_NUMBER,
		  {DESCRIPTORS, ONLY(0), VALUES(VALUE(0), VALUE(-1)),
		   VALUES(VALUE(0), VALUE(1), VALUE(2), VALUE(3), VALUE(4), VALUE(5), VALUE(6),
			  VALUE(-1))},
		  prepare),
	    TABLE(fchmod, RESULT_NUMBER,
		  {VALUES(VALUE(FILE_BOTH), VALUE(FILE_READ), VALUE(DIRECTORY), VALUE(PIPE_READ),
			  VALUE(EVENTFD), VALUE(PATH_FILE), VALUE(CLOSED), VALUE(-1),
			  VALUE(AT_FDCWD)),
		   VALUES(VALUE(0600), VALUE(0755), VALUE(0100644), VALUE(-1))},
		  prepare),
	    TABLE(fchown, RESULT_NUMBER,
		  {VALUES(VALUE(FILE_BOTH), VALUE(DIRECTORY), VALUE(PIPE_READ), VALUE(EVENTFD),
			  VALUE(PATH_FILE), VALUE(PATH_LINK), VALUE(CLOSED), VALUE(-1)),
		   ONLY(-1), ONLY(-1)},
		  prepare),
	    TABLE(fchownat, RESULT_NUMBER,
		  {VALUES(VALUE(FILE_BOTH), VALUE(PATH_LINK), VALUE(CLOSED), VALUE(AT_FDCWD)),
		   VALUES(VALUE(""), VALUE("file"), VALUE("none")), ONLY(-1), ONLY(-1),
		   each_bit(0)},
		  prepare),
	    TABLE(utimensat, RESULT_NUMBER,
		  {DESCRIPTORS, VALUES(VALUE(0), VALUE("")), ONLY(0),
		   VALUES(VALUE(0), VALUE(AT_EMPTY_PATH), VALUE(AT_SYMLINK_NOFOLLOW), VALUE(1))},
		  prepare),
	    TABLE(fchdir, RESULT_NUMBER, {DESCRIPTORS}, make_descriptors),
	    TABLE(fsetxattr, RESULT_NUMBER,
		  {VALUES(VALUE(PATH_FILE), VALUE(CLOSED), VALUE(-1)), ONLY("user.x"), BUFFER,
		   VALUES(VALUE(1), VALUE(65537), VALUE(-1)), each_bit(0)},
		  prepare),
	    TABLE(fgetxattr, RESULT_NUMBER,
		  {VALUES(VALUE(PATH_FILE), VALUE(CLOSED), VALUE(PIPE_READ)),
		   VALUES(VALUE(""), VALUE("user.x"), VALUE("none"), VALUE("none.x")), BUFFER,
		   ONLY(1)},
		  prepare),
	};
	call_tables(tables, COUNT(tables));
}

static void call_descriptors(void)
{
	const struct value *const commands =
	    VALUES(VALUE(F_GETFD), VALUE(F_SETFD), VALUE(F_GETFL), VALUE(F_GETOWN), VALUE(F_GETSIG),
		   VALUE(F_GET_SEALS), VALUE(99), VALUE(-1), VALUE(18));
	const struct table tables[] = {
	    TABLE(fcntl, RESULT_ANY, {DESCRIPTORS, commands, VALUES(VALUE(0), VALUE(1))}, prepare),
	    TABLE(fcntl, RESULT_DESCRIPTOR,
		  {ONLY(FILE_BOTH), VALUES(VALUE(F_DUPFD), VALUE(F_DUPFD_CLOEXEC)),
		   VALUES(VALUE(-1), VALUE(50), VALUE(1023), VALUE(0x7fffffff), VALUE(10000000))},
		  prepare),
	    TABLE(fcntl, RESULT_DESCRIPTOR,
		  {DESCRIPTORS, VALUES(VALUE(F_DUPFD), VALUE(F_DUPFD_CLOEXEC)), ONLY(0)}, prepare),
	    TABLE(fcntl, RESULT_NUMBER, {ONLY(FILE_BOTH), ONLY(F_SETFD), each_bit(0)}, prepare),
	    TABLE(fcntl, RESULT_NUMBER,
		  {VALUES(VALUE(PIPE_READ), VALUE(PATH_FILE), VALUE(FILE_BOTH)), ONLY(F_SETFL),
		   VALUES(VALUE(0), VALUE(O_NONBLOCK), VALUE(O_APPEND), VALUE(O_NOATIME),
			  VALUE(O_RDWR), VALUE(O_CLOEXEC), VALUE(0x80000000),
			  VALUE(-1 & ~O_DIRECT & ~O_ASYNC))},
		  prepare),
	    TABLE(fcntl, RESULT_NUMBER,
		  {DESCRIPTORS,
		   VALUES(VALUE(F_GETLK), VALUE(F_SETLK), VALUE(F_OFD_GETLK), VALUE(F_OFD_SETLK)),
		   ONLY(&lock)},
		  prepare_lock),
	    TABLE(flock, RESULT_NUMBER,
		  {DESCRIPTORS, VALUES(VALUE(LOCK_SH), VALUE(LOCK_EX), VALUE(LOCK_UN), VALUE(0),
				       VALUE(LOCK_SH | LOCK_NB), VALUE(LOCK_SH | LOCK_EX),
				       VALUE(16), VALUE(0x100))},
		  prepare),
	    TABLE(ioctl, RESULT_NUMBER,
		  {DESCRIPTORS,
		   VALUES(VALUE(FIONREAD), VALUE(FIONBIO), VALUE(FIOCLEX), VALUE(FIONCLEX),
			  VALUE(FIOASYNC), VALUE(TCGETS), VALUE(TIOCGWINSZ), VALUE(TIOCGPGRP),
			  VALUE(0), VALUE(0x12345678)),
		   ONLY(&number)},
		  prepare_lock),
	    TABLE(dup, RESULT_DESCRIPTOR, {DESCRIPTORS}, prepare),
	    TABLE(dup2, RESULT_NUMBER,
		  {DESCRIPTORS,
		   VALUES(VALUE(CLOSED), VALUE(FILE_BOTH), VALUE(-1), VALUE(0x7fffffff))},
		  prepare),
	    TABLE(dup3, RESULT_NUMBER,
		  {VALUES(VALUE(FILE_BOTH), VALUE(PATH_FILE), VALUE(CLOSED)),
		   VALUES(VALUE(CLOSED), VALUE(FILE_BOTH), VALUE(-1)), each_bit(0)},
		  prepare),
	    TABLE(close, RESULT_NUMBER, {DESCRIPTORS}, prepare),
	    TABLE(close_range, RESULT_NUMBER,
		  {VALUES(VALUE(CLOSED), VALUE(100), VALUE(-1)),
		   VALUES(VALUE(CLOSED), VALUE(99), VALUE(-1)), each_bit(0)},
		  prepare),
	    TABLE(eventfd2, RESULT_DESCRIPTOR, {VALUES(VALUE(0), VALUE(-1)), each_bit(0)}, NULL,
		  show_flags),
	    TABLE(eventfd, RESULT_DESCRIPTOR, {VALUES(VALUE(0), VALUE(-1))}),
	    TABLE(pipe2, RESULT_NUMBER, {BUFFER, each_bit(0)}, prepare),
	    TABLE(epoll_create, RESULT_DESCRIPTOR, {VALUES(VALUE(0), VALUE(1), VALUE(-1))}),
	    TABLE(epoll_create1, RESULT_DESCRIPTOR, {each_bit(0)}, NULL, show_flags),
	};
	call_tables(tables, COUNT(tables));
}

static void show_polled(long result)
{
	(void)result;
	printf(" %#x", polled.revents);
}

static void prepare_polled(void)
{
	make_descriptors();
	polled.revents = 0;
}

static void poll_each(void)
{
	const struct table table = TABLE(poll, RESULT_NUMBER, {ONLY(&polled), ONLY(1), ONLY(0)},
					 prepare_polled, show_polled);
	for (const struct value *descriptor = descriptors; descriptor->text; descriptor++) {
		for (int bit = 0; bit < 16; bit++) {
			polled = (struct pollfd){.fd = (int)descriptor->value,
						 .events = (short)(1 << bit)};
			printf("%s %#x ", descriptor->text, 1U << bit);
			call_tables(&table, 1);
		}
	}
}

static struct timespec times[] = {{0, 0}, {0, -1}, {0, 1000000000}, {-1, 0}, {0, 999999999}};
static struct timeval short_times[] = {{0, 0}, {0, -1}, {-1, 0}};
static fd_set set;
static uint64_t signals;
static const struct {
	const void *signals;
	size_t size;
} with_size = {&signals, 8}, with_other_size = {&signals, 4};

static void prepare_set(void)
{
	make_descriptors();
	FD_ZERO(&set);
	FD_SET(FILE_BOTH, &set);
}

static void prepare_epoll(void)
{
	prepare_event();
	struct epoll_event other = {.events = EPOLLIN};
	epoll_ctl(EPOLL, EPOLL_CTL_ADD, PIPE_READ, &other);
}

static void call_waiting(void)
{
	const struct value *const operations =
	    VALUES(VALUE(EPOLL_CTL_ADD), VALUE(EPOLL_CTL_DEL), VALUE(EPOLL_CTL_MOD), VALUE(0),
		   VALUE(4), VALUE(-1));
	const struct table tables[] = {
	    TABLE(poll, RESULT_NUMBER,
		  {ONLY(&polled), VALUES(VALUE(0), VALUE(1), VALUE(100000), VALUE(-1)), ONLY(0)},
		  prepare_poll),
	    TABLE(ppoll, RESULT_NUMBER,
		  {ONLY(&polled), VALUES(VALUE(0), VALUE(1)),
		   VALUES(VALUE(&times[0]), VALUE(&times[1]), VALUE(&times[2]), VALUE(&times[3])),
		   VALUES(VALUE(0), VALUE(&signals)), VALUES(VALUE(0), VALUE(8), VALUE(16))},
		  prepare_poll),
	    TABLE(select, RESULT_NUMBER,
		  {VALUES(VALUE(0), VALUE(21), VALUE(1024), VALUE(-1), VALUE(0x7fffffff)),
		   VALUES(VALUE(0), VALUE(&set)), ONLY(0), ONLY(0),
		   VALUES(VALUE(&short_times[0]), VALUE(&short_times[1]), VALUE(&short_times[2]))},
		  prepare_set),
	    TABLE(pselect6, RESULT_NUMBER,
		  {VALUES(VALUE(0), VALUE(21), VALUE(-1)), ONLY(&set), ONLY(0), ONLY(0),
		   VALUES(VALUE(&times[0]), VALUE(&times[1]), VALUE(&times[3])),
		   VALUES(VALUE(0), VALUE(&with_size), VALUE(&with_other_size))},
		  prepare_set),
	    TABLE(epoll_ctl, RESULT_NUMBER,
		  {ONLY(EPOLL), operations, DESCRIPTORS, VALUES(VALUE(&event), VALUE(0))},
		  prepare_epoll),
	    TABLE(epoll_ctl, RESULT_NUMBER,
		  {DESCRIPTORS, VALUES(VALUE(EPOLL_CTL_ADD), VALUE(EPOLL_CTL_DEL), VALUE(7)),
		   ONLY(PIPE_READ), ONLY(&event)},
		  prepare_event),
	    /* Of two errors, which one is told changed between versions. */
	    TABLE(epoll_wait, RESULT_NUMBER,
		  {DESCRIPTORS, BUFFER, ONLY(1), VALUES(VALUE(0), VALUE(1))}, prepare_epoll),
	    TABLE(epoll_wait, RESULT_NUMBER,
		  {ONLY(EPOLL), BUFFER, VALUES(VALUE(0), VALUE(2), VALUE(-1), VALUE(0x7fffffff)),
		   ONLY(0)},
		  prepare_epoll),
	    TABLE(epoll_pwait, RESULT_NUMBER,
		  {VALUES(VALUE(EPOLL), VALUE(FILE_BOTH), VALUE(CLOSED)), BUFFER, ONLY(1), ONLY(0),
		   VALUES(VALUE(0), VALUE(&signals)), VALUES(VALUE(0), VALUE(8), VALUE(16))},
		  prepare_epoll),
	};
	call_tables(tables, COUNT(tables));
	poll_each();
}

int main(void)
{
	buffer = mmap(NULL, 3UL * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer == MAP_FAILED)
		return 1;
	munmap(buffer + 2UL * PAGE, PAGE);
	exceptions = own_exceptions;
	enter_folder();
	call_reading();
	call_status();
	call_descriptors();
	call_waiting();
	syscall(SYS_close_range, FILE_BOTH, ~0U, 0);
	leave_folder();
	return 0;
}
