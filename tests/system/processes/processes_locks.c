/* Locks on files between processes, as fcntl(2) and flock(2) tell of them. The host's answers are the
 * right ones. Usage: processes_locks SCRATCH, an empty directory. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static int file, ready[2], go[2];

static void tell(const char *what, int result)
{
	printf("%s: %d %s\n", what, result, result < 0 ? strerror(errno) : "");
	fflush(stdout);
}

static int lock(int fd, int command, int type, off_t start, off_t length)
{
	struct flock asked = {.l_type = (short)type, .l_start = start, .l_len = length};
	return fcntl(fd, command, &asked);
}

static void look(const char *what, int command, int type, off_t start, off_t length)
{
	struct flock asked = {
	    .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
	int result = fcntl(file, command, &asked);
	if (result)
		tell(what, result);
	else if (asked.l_type == F_UNLCK)
		printf("%s: free\n", what);
	else
		printf("%s: %s %ld+%ld by %s\n", what, asked.l_type == F_RDLCK ? "read" : "write",
		       (long)asked.l_start, (long)asked.l_len,
		       asked.l_pid == -1	  ? "an open file"
		       : asked.l_pid == getppid() ? "the parent"
						  : "another");
	fflush(stdout);
}

/* Both ends of a meeting: one says that it is there, and waits for the other's word. */
static void say(int fd)
{
	if (write(fd, "x", 1) != 1)
		exit(9);
}

static void hear(int fd)
{
	char byte;
	if (read(fd, &byte, 1) != 1)
		exit(8);
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
	int status;
	if (waitpid(child, &status, 0) != child)
		tell("waitpid", -1);
	else if (status)
		printf("a child ended with %#x\n", (unsigned)status);
	fflush(stdout);
}

static void run(void (*work)(void))
{
	end(begin(work));
}

/* ── ranges ──────────────────────────────────────────────────────────────────────────────────── */

static void look_at_ranges(void)
{
	look("0+5 to read", F_GETLK, F_RDLCK, 0, 5);
	look("0+5 to write", F_GETLK, F_WRLCK, 0, 5);
	look("12+1 to read", F_GETLK, F_RDLCK, 12, 1);
	look("20+0 to write", F_GETLK, F_WRLCK, 20, 0);
	look("100+0 to write", F_GETLK, F_WRLCK, 100, 0);
	tell("read 0+5", lock(file, F_SETLK, F_RDLCK, 0, 5));
	tell("write 0+5", lock(file, F_SETLK, F_WRLCK, 0, 5));
	tell("write 10+5", lock(file, F_SETLK, F_WRLCK, 10, 5));
	tell("unlock the parent's", lock(file, F_SETLK, F_UNLCK, 0, 0));
	look("still there", F_GETLK, F_WRLCK, 0, 0);
}

static void test_ranges(void)
{
	tell("read 0+10", lock(file, F_SETLK, F_RDLCK, 0, 10));
	tell("write 10+10", lock(file, F_SETLK, F_WRLCK, 10, 10));
	tell("write 30 to the end", lock(file, F_SETLK, F_WRLCK, 30, 0));
	run(look_at_ranges);
	/* A hole in the middle, and one that closes again. */
	tell("unlock 12+2", lock(file, F_SETLK, F_UNLCK, 12, 2));
	run(look_at_ranges);
	tell("write 12+2", lock(file, F_SETLK, F_WRLCK, 12, 2));
	tell("read 5+10", lock(file, F_SETLK, F_RDLCK, 5, 10));
	run(look_at_ranges);
	tell("unlock below 8", lock(file, F_SETLK, F_UNLCK, 8, -8));
	run(look_at_ranges);
	/* With any descriptor of the file all of them go. */
	int other = open("locked", O_RDONLY);
	close(other);
	run(look_at_ranges);
}

static void test_wrong(void)
{
	int reads = open("locked", O_RDONLY), writes = open("locked", O_WRONLY);
	struct flock opened = {.l_type = F_RDLCK, .l_pid = 5};
	tell("write by a reader", lock(reads, F_SETLK, F_WRLCK, 0, 0));
	tell("read by a writer", lock(writes, F_SETLK, F_RDLCK, 0, 0));
	tell("type", lock(file, F_SETLK, 9, 0, 0));
	tell("look for no lock", lock(file, F_GETLK, F_UNLCK, 0, 0));
	tell("before the file", lock(file, F_SETLK, F_RDLCK, -1, 0));
	tell("length before the file", lock(file, F_SETLK, F_RDLCK, 3, -4));
	tell("too far", lock(file, F_SETLK, F_RDLCK, INT64_MAX, 2));
	tell("to the very end", lock(file, F_SETLK, F_RDLCK, INT64_MAX, 1));
	tell("with an id", fcntl(file, F_OFD_SETLK, &opened));
	tell("flock nothing", flock(file, 0));
	tell("flock closed", flock(99, LOCK_EX));
	close(reads);
	close(writes);
}

/* ── waits ───────────────────────────────────────────────────────────────────────────────────── */

static void wait_for_lock(void)
{
	say(ready[1]);
	tell("the child waits", lock(file, F_SETLKW, F_WRLCK, 0, 10));
	look("the parent's is gone", F_GETLK, F_WRLCK, 0, 10);
}

static void test_wait(void)
{
	tell("write 0+10", lock(file, F_SETLK, F_WRLCK, 0, 10));
	pid_t child = begin(wait_for_lock);
	hear(ready[0]);
	usleep(20000);
	printf("the parent lets go\n");
	fflush(stdout);
	lock(file, F_SETLK, F_UNLCK, 0, 10);
	end(child);
	/* The child has ended, and its lock with it. */
	tell("the parent has it again", lock(file, F_SETLK, F_WRLCK, 0, 10));
	lock(file, F_SETLK, F_UNLCK, 0, 0);
}

static void on_alarm(int signal)
{
}

static void wait_until_alarm(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	sigaction(SIGALRM, &action, NULL);
	ualarm(20000, 20000);
	tell("interrupted", lock(file, F_SETLKW, F_WRLCK, 0, 10));
	ualarm(0, 0);
}

static void test_interrupt(void)
{
	lock(file, F_SETLK, F_WRLCK, 0, 10);
	run(wait_until_alarm);
	lock(file, F_SETLK, F_UNLCK, 0, 0);
}

static void lock_and_be_killed(void)
{
	lock(file, F_SETLK, F_WRLCK, 0, 10);
	flock(file, LOCK_EX);
	say(ready[1]);
	pause();
}

static void test_killed(void)
{
	int status;
	int own = open("locked", O_RDWR);
	pid_t child = begin(lock_and_be_killed);
	hear(ready[0]);
	tell("a child has it", lock(file, F_SETLK, F_WRLCK, 5, 1));
	kill(child, SIGKILL);
	tell("it is killed", lock(own, F_SETLKW, F_WRLCK, 5, 1));
	waitpid(child, &status, 0);
	/* The open file is the parent's, too. */
	tell("the whole file's stays", flock(own, LOCK_SH | LOCK_NB));
	flock(file, LOCK_UN);
	close(own);
}

/* Two wait for each other: whoever comes second is told. True for that one. */
static int wait_for_other(int other)
{
	int result = lock(file, F_SETLKW, F_WRLCK, other, 1), found = result && errno == EDEADLK;
	if (result && !found)
		tell("the wait", result);
	lock(file, F_SETLK, F_UNLCK, 0, 0);
	return found;
}

static void close_circle(void)
{
	lock(file, F_SETLK, F_WRLCK, 1, 1);
	say(ready[1]);
	hear(go[0]);
	_exit(wait_for_other(0));
}

static void test_circle(void)
{
	int status = 0;
	lock(file, F_SETLK, F_WRLCK, 0, 1);
	pid_t child = begin(close_circle);
	hear(ready[0]);
	say(go[1]);
	const int found = wait_for_other(1);
	waitpid(child, &status, 0);
	tell("found by", found + WEXITSTATUS(status));
}

/* ── open files ──────────────────────────────────────────────────────────────────────────────── */

static void use_inherited(void)
{
	int own = open("locked", O_RDWR);
	look("an open file's", F_GETLK, F_WRLCK, 0, 0);
	tell("the same open file", lock(file, F_OFD_SETLK, F_WRLCK, 0, 20));
	tell("another open file", lock(own, F_OFD_SETLK, F_WRLCK, 0, 20));
	tell("flock the same", flock(file, LOCK_EX | LOCK_NB));
	tell("flock another", flock(own, LOCK_EX | LOCK_NB));
	tell("flock another to share", flock(own, LOCK_SH | LOCK_NB));
	close(file);
}

static void wait_for_whole(void)
{
	int own = open("locked", O_RDWR);
	say(ready[1]);
	tell("flock waits", flock(own, LOCK_EX));
}

static void test_opened(void)
{
	tell("open file", lock(file, F_OFD_SETLK, F_WRLCK, 0, 10));
	tell("flock", flock(file, LOCK_EX));
	run(use_inherited);
	/* The child closed its descriptor; the open file is still there. */
	run(use_inherited);
	int own = open("locked", O_RDWR);
	tell("flock to share", flock(file, LOCK_SH));
	tell("both share", flock(own, LOCK_SH | LOCK_NB));
	tell("one wants all", flock(own, LOCK_EX | LOCK_NB));
	tell("and lost its own", flock(file, LOCK_EX | LOCK_NB));
	close(own);
	pid_t child = begin(wait_for_whole);
	hear(ready[0]);
	usleep(20000);
	printf("the parent lets go\n");
	fflush(stdout);
	flock(file, LOCK_UN);
	end(child);
}

int main(int count, char **arguments)
{
	if (count < 2 || chdir(arguments[1]))
		return 2;
	file = open("locked", O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (file < 0 || pipe(ready) || pipe(go)) {
		tell("start", -1);
		return 1;
	}
	test_ranges();
	test_wrong();
	test_wait();
	test_interrupt();
	test_killed();
	test_circle();
	test_opened();
	unlink("locked");
	return 0;
}
