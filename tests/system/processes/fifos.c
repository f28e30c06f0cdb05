/* Named pipes between processes: open() that waits for the other end, ends of files, broken pipes. The
 * host's answers are the right ones. Usage: fifos SCRATCH, an empty directory. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "a-pipe"

static void tell(const char *what, long result)
{
	printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
	fflush(stdout);
}

static pid_t begin(void (*work)(void))
{
	fflush(stdout);
	pid_t child = fork();
	if (child < 0)
		tell("fork", -1);
	if (child)
		return child;
	work();
	fflush(stdout);
	_exit(0);
}

static void end(pid_t child)
{
	int status = 0;
	if (waitpid(child, &status, 0) != child)
		tell("waitpid", -1);
	else if (status)
		printf("a child ended with %#x\n", (unsigned)status);
	fflush(stdout);
}

static int opens(int flags)
{
	int fd = open(NAME, flags);
	tell("open", fd < 0 ? -1 : 0);
	return fd;
}

static void look(const char *what, int fd, short events)
{
	struct pollfd entry = {.fd = fd, .events = events};
	int found = poll(&entry, 1, 0);
	printf("%s: %d, %#x\n", what, found, (unsigned)entry.revents);
	fflush(stdout);
}

static void test_names(void)
{
	struct stat status;
	umask(022);
	tell("mkfifo", mkfifo(NAME, 0666));
	tell("again", mkfifo(NAME, 0600));
	tell("stat", stat(NAME, &status));
	printf("%o, %lu links, %ld bytes\n", status.st_mode, (unsigned long)status.st_nlink,
	       (long)status.st_size);
	tell("no directory", mkfifo("nowhere/pipe", 0600));
	tell("slash behind it", mkfifo("new/", 0600));
	tell("directory", mknod("folder", S_IFDIR | 0700, 0));
	tell("kind", mknod("strange", 0070000 | 0600, 0));
	tell("a file", mknod("plain", 0640, 0));
	stat("plain", &status);
	printf("%o\n", status.st_mode);
	tell("a file again", mknod("plain", S_IFREG | 0600, 0));
	unlink("plain");
	tell("truncate", truncate(NAME, 0));
	tell("open as a directory", open(NAME, O_RDONLY | O_DIRECTORY));
	tell("link", link(NAME, "other-name"));
	unlink("other-name");
}

static void test_without_waiting(void)
{
	char bytes[8];
	signal(SIGPIPE, SIG_IGN);
	opens(O_WRONLY | O_NONBLOCK);
	int reads = opens(O_RDONLY | O_NONBLOCK);
	look("before the first writer", reads, POLLIN);
	tell("nothing to read", read(reads, bytes, sizeof(bytes)));
	int writes = opens(O_WRONLY | O_NONBLOCK);
	tell("still nothing", read(reads, bytes, sizeof(bytes)));
	look("room", writes, POLLOUT);
	tell("write", write(writes, "hello", 5));
	look("bytes", reads, POLLIN);
	close(writes);
	look("and an end", reads, POLLIN);
	tell("read", read(reads, bytes, sizeof(bytes)));
	tell("end", read(reads, bytes, sizeof(bytes)));
	look("an end", reads, POLLIN);
	writes = opens(O_WRONLY);
	look("another writer", reads, POLLIN);
	tell("seek", lseek(reads, 0, SEEK_SET));
	close(reads);
	look("nobody reads", writes, POLLOUT);
	tell("broken", write(writes, "x", 1));
	reads = opens(O_RDONLY | O_NONBLOCK);
	tell("mended", write(writes, "lost", 4));
	close(reads);
	close(writes);
	/* Where nobody has it open, nothing is kept. */
	reads = opens(O_RDONLY | O_NONBLOCK);
	tell("empty", read(reads, bytes, sizeof(bytes)));
	close(reads);
	int both = opens(O_RDWR);
	tell("write to itself", write(both, "abc", 3));
	tell("read of itself", read(both, bytes, sizeof(bytes)));
	close(both);
}

/* ── between processes ───────────────────────────────────────────────────────────────────────── */

static void write_a_lot(void)
{
	static char bytes[200000];
	int writes = open(NAME, O_WRONLY);
	memset(bytes, 'a', sizeof(bytes));
	for (int i = 0; i < 3; i++)
		if (write(writes, bytes, sizeof(bytes)) != sizeof(bytes))
			tell("write", -1);
}

static void test_stream(void)
{
	static char bytes[5000];
	/* Both ends, so that neither comes and goes with the writers. */
	int both = open(NAME, O_RDWR);
	pid_t writer = begin(write_a_lot), other = begin(write_a_lot);
	long total = 0, count;
	while (total < 1200000 && (count = read(both, bytes, sizeof(bytes))) > 0)
		total += count;
	end(writer);
	end(other);
	tell("all of it", total);
	close(both);
}

static void read_late(void)
{
	char bytes[8];
	usleep(30000);
	printf("the reader comes\n");
	fflush(stdout);
	int reads = open(NAME, O_RDONLY);
	tell("it reads", read(reads, bytes, sizeof(bytes)));
	tell("the end", read(reads, bytes, sizeof(bytes)));
}

static void test_open_waits(void)
{
	pid_t reader = begin(read_late);
	int writes = open(NAME, O_WRONLY);
	if (write(writes, "late", 4) != 4)
		tell("write", -1);
	close(writes);
	end(reader);
}

static void come_and_go(void)
{
	close(open(NAME, O_WRONLY));
}

static void test_short_visit(void)
{
	char byte;
	pid_t visitor = begin(come_and_go);
	int reads = open(NAME, O_RDONLY);
	tell("it came and went", read(reads, &byte, 1));
	close(reads);
	end(visitor);
}

static void write_and_die(void)
{
	signal(SIGPIPE, SIG_DFL);
	int writes = open(NAME, O_WRONLY);
	while (write(writes, "0123456789", 10) > 0)
		;
}

static void test_broken(void)
{
	char byte;
	pid_t writer = begin(write_and_die);
	int reads = open(NAME, O_RDONLY);
	tell("a byte", read(reads, &byte, 1));
	close(reads);
	end(writer);
}

/* Blocked in a write, it is killed: its end goes with it. */
static void test_killed_writer(void)
{
	static char bytes[100000];
	pid_t writer = begin(write_a_lot);
	int reads = open(NAME, O_RDONLY), status, waiting = 0;
	for (int i = 0; i < 1000 && waiting < 65536; i++) {
		usleep(1000);
		ioctl(reads, FIONREAD, &waiting);
	}
	kill(writer, SIGKILL);
	waitpid(writer, &status, 0);
	printf("killed with %d\n", WTERMSIG(status));
	long total = 0, count;
	while ((count = read(reads, bytes, sizeof(bytes))) > 0)
		total += count;
	tell("what it had written", total);
	close(reads);
}

static void on_alarm(int signal)
{
}

static void test_interrupted_open(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	sigaction(SIGALRM, &action, NULL);
	ualarm(20000, 20000);
	opens(O_RDONLY);
	opens(O_WRONLY);
	ualarm(0, 0);
	opens(O_WRONLY | O_NONBLOCK);
}

static void test_removed(void)
{
	char byte;
	int reads = open(NAME, O_RDONLY | O_NONBLOCK), writes = open(NAME, O_WRONLY);
	tell("unlink", unlink(NAME));
	tell("write", write(writes, "z", 1));
	tell("read", read(reads, &byte, 1));
	close(reads);
	close(writes);
	opens(O_RDONLY);
}

int main(int count, char **arguments)
{
	if (count < 2 || chdir(arguments[1]))
		return 2;
	test_names();
	test_without_waiting();
	test_open_waits();
	test_stream();
	test_short_visit();
	test_broken();
	test_killed_writer();
	test_interrupted_open();
	test_removed();
	return 0;
}
