/* What each process has for itself in the rooms of the library OS, or shares: its descriptors, paths,
 * signal actions, timers and counts; its locks; and pipes with names. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "guest/fs/descriptors.h"
#include "guest/fs/path.h"
#include "guest/fs/syscalls/transfer.h"
#include "guest/kernel/calls.h"
#include "guest/sched/process.h"
#include "guest/signal/signals.h"
#include "guest/time/timers.h"
#include "host_machine.h"
#include "tests/check.h"

static struct process child;

/* Whose calls the next ones are. */
static void be(struct process *process)
{
	thread_of_first_process.process = process;
}

static void begin_child(bool shared)
{
	child = (struct process){.id = 7, .first_thread = &thread_of_first_process};
	CHECK_NUMBER(signal_actions_copy(&child, shared), 0);
	CHECK_NUMBER(paths_copy(&child, shared), 0);
	CHECK_NUMBER(descriptors_copy(&child, shared), 0);
	CHECK_NUMBER(timers_create(&child), 0);
	CHECK_NUMBER(transfers_create(&child), 0);
}

static void end_child(void)
{
	be(&process_first);
	signal_actions_release(&child);
	paths_release(&child);
	descriptors_release(&child);
	timers_release(&child);
	transfers_release(&child);
	CHECK(!child.descriptors && !child.paths && !child.signal_actions && !child.timers);
	CHECK_NUMBER(descriptors_end(&child), 0);
	CHECK(!descriptor_file_of(&child, 0));
}

static uint64_t set_action(int signal, uint64_t handler)
{
	struct signal_action *action = host_memory(2 * sizeof(*action));
	action->handler = handler;
	CHECK_NUMBER(
	    SYSTEM(rt_sigaction, (uint64_t)signal, ADDRESS(action), ADDRESS(action + 1), 8), 0);
	return action[1].handler;
}

static uint64_t current_directory(void)
{
	char *path = host_memory(64);
	CHECK(SYSTEM(getcwd, ADDRESS(path), 64) > 0);
	return (uint64_t)(unsigned char)path[1];
}

static void test_copies(void)
{
	int *ends = host_memory(2 * sizeof(int));
	const char byte = 'x';
	CHECK_NUMBER(SYSTEM(pipe2, ADDRESS(ends), O_NONBLOCK), 0);
	const uint64_t reads = (uint64_t)ends[0], writes = (uint64_t)ends[1];
	set_action(SIGUSR1, (uint64_t)SIG_IGN);
	CHECK_NUMBER(SYSTEM(chdir, host_text("/tmp")), 0);
	SYSTEM(umask, 022);
	begin_child(false);
	be(&child);
	CHECK_NUMBER(set_action(SIGUSR1, (uint64_t)SIG_DFL), (uint64_t)SIG_IGN);
	CHECK_NUMBER(SYSTEM(chdir, host_text("/dev")), 0);
	CHECK_NUMBER(SYSTEM(umask, 077), 022);
	/* Far away: the child's table grows. */
	CHECK_NUMBER(SYSTEM(dup2, writes, DESCRIPTOR_COUNT - 1), DESCRIPTOR_COUNT - 1);
	CHECK_NUMBER(SYSTEM(fcntl, reads, F_DUPFD, DESCRIPTOR_COUNT - 1), -EMFILE);
	be(&process_first);
	CHECK_NUMBER(SYSTEM(close, DESCRIPTOR_COUNT - 1), -EBADF);
	CHECK_NUMBER(set_action(SIGUSR1, (uint64_t)SIG_DFL), (uint64_t)SIG_IGN);
	CHECK_NUMBER(current_directory(), 't');
	CHECK_NUMBER(SYSTEM(umask, 022), 022);
	/* The pipe ends with its last writer, of whichever process. */
	char *out = host_memory(1);
	CHECK_NUMBER(SYSTEM(close, writes), 0);
	CHECK_NUMBER(SYSTEM(read, reads, ADDRESS(out), 1), -EAGAIN);
	be(&child);
	char *in = host_memory(1);
	*in = byte;
	CHECK_NUMBER(SYSTEM(write, writes, ADDRESS(in), 1), 1);
	CHECK_NUMBER(child.transfers->writes, 1);
	be(&process_first);
	CHECK_NUMBER(SYSTEM(read, reads, ADDRESS(out), 1), 1);
	CHECK_NUMBER(*out, byte);
	end_child();
	CHECK_NUMBER(SYSTEM(read, reads, ADDRESS(out), 1), 0);
	CHECK_NUMBER(SYSTEM(close, reads), 0);
}

static void test_shared(void)
{
	int *ends = host_memory(2 * sizeof(int));
	begin_child(true);
	be(&child);
	CHECK_NUMBER(SYSTEM(chdir, host_text("/dev")), 0);
	CHECK_NUMBER(SYSTEM(pipe2, ADDRESS(ends), 0), 0);
	set_action(SIGUSR2, (uint64_t)SIG_IGN);
	be(&process_first);
	CHECK_NUMBER(current_directory(), 'd');
	CHECK_NUMBER(SYSTEM(close, (uint64_t)ends[0]), 0);
	CHECK_NUMBER(set_action(SIGUSR2, (uint64_t)SIG_DFL), (uint64_t)SIG_IGN);
	/* Each goes its own way. */
	be(&child);
	CHECK_NUMBER(paths_unshare(), 0);
	CHECK_NUMBER(descriptors_unshare(), 0);
	CHECK_NUMBER(signal_actions_unshare(), 0);
	CHECK_NUMBER(SYSTEM(chdir, host_text("/tmp")), 0);
	CHECK_NUMBER(SYSTEM(close, (uint64_t)ends[1]), 0);
	set_action(SIGUSR2, (uint64_t)SIG_IGN);
	be(&process_first);
	CHECK_NUMBER(current_directory(), 'd');
	CHECK_NUMBER(SYSTEM(close, (uint64_t)ends[1]), 0);
	CHECK_NUMBER(set_action(SIGUSR2, (uint64_t)SIG_DFL), (uint64_t)SIG_DFL);
	end_child();
	begin_child(true);
	end_child();
	CHECK_NUMBER(current_directory(), 'd');
}

static void test_timers(void)
{
	struct itimerval *timer = host_memory(2 * sizeof(*timer));
	timer->it_value.tv_sec = 9;
	CHECK_NUMBER(SYSTEM(setitimer, ITIMER_REAL, ADDRESS(timer), 0), 0);
	begin_child(false);
	be(&child);
	CHECK_NUMBER(SYSTEM(getitimer, ITIMER_REAL, ADDRESS(timer + 1)), 0);
	CHECK_NUMBER(timer[1].it_value.tv_sec, 0);
	CHECK_NUMBER(SYSTEM(alarm, 3), 0);
	end_child();
	CHECK(SYSTEM(alarm, 0) > 3);
}

static int64_t lock(uint64_t descriptor, uint32_t command, short type, int64_t length)
{
	struct flock *asked = host_memory(sizeof(*asked));
	*asked = (struct flock){.l_type = type, .l_len = length};
	const int64_t result = SYSTEM(fcntl, descriptor, command, ADDRESS(asked));
	if (command == F_GETLK && !result && asked->l_type != F_UNLCK)
		return asked->l_pid;
	return result;
}

static void test_locks(void)
{
	const uint64_t file =
	    (uint64_t)SYSTEM(open, host_text("/tmp/locked"), O_CREAT | O_RDWR, 0600);
	const uint64_t other = (uint64_t)SYSTEM(dup, file);
	CHECK_NUMBER(lock(file, F_SETLK, F_WRLCK, 10), 0);
	CHECK_NUMBER(SYSTEM(flock, file, LOCK_EX), 0);
	begin_child(false);
	be(&child);
	CHECK_NUMBER(lock(file, F_GETLK, F_RDLCK, 0), PROCESS_FIRST_ID);
	CHECK_NUMBER(lock(file, F_SETLK, F_RDLCK, 1), -EAGAIN);
	CHECK_NUMBER(lock(file, F_SETLK, F_UNLCK, 0), 0);
	CHECK_NUMBER(SYSTEM(close, other), 0);
	CHECK_NUMBER(lock(file, F_SETLK, F_RDLCK, 1), -EAGAIN);
	/* The open file is the same one. */
	CHECK_NUMBER(lock(file, F_OFD_SETLK, F_RDLCK, 1), -EAGAIN);
	CHECK_NUMBER(SYSTEM(flock, file, LOCK_SH | LOCK_NB), 0);
	const uint64_t own = (uint64_t)SYSTEM(open, host_text("/tmp/locked"), O_RDWR, 0);
	CHECK_NUMBER(SYSTEM(flock, own, LOCK_EX | LOCK_NB), -EAGAIN);
	CHECK_NUMBER(SYSTEM(flock, own, LOCK_SH | LOCK_NB), 0);
	be(&process_first);
	CHECK_NUMBER(SYSTEM(flock, file, LOCK_EX | LOCK_NB), -EAGAIN);
	/* With any of its descriptors a process loses its locks. */
	CHECK_NUMBER(SYSTEM(close, other), 0);
	be(&child);
	CHECK_NUMBER(lock(file, F_SETLK, F_WRLCK, 0), 0);
	be(&process_first);
	CHECK_NUMBER(lock(file, F_SETLK, F_RDLCK, 1), -EAGAIN);
	end_child();
	CHECK_NUMBER(lock(file, F_SETLK, F_RDLCK, 1), 0);
	CHECK_NUMBER(SYSTEM(flock, file, LOCK_EX | LOCK_NB), 0);
	CHECK_NUMBER(SYSTEM(close, file), 0);
}

static void test_named_pipe(void)
{
	char *byte = host_memory(1);
	const uint64_t name = host_text("/tmp/pipe");
	CHECK_NUMBER(SYSTEM(mknod, name, S_IFIFO | 0600, 0), 0);
	CHECK_NUMBER(SYSTEM(mknod, name, S_IFIFO | 0600, 0), -EEXIST);
	CHECK_NUMBER(SYSTEM(open, name, O_WRONLY | O_NONBLOCK, 0), -ENXIO);
	const uint64_t reads = (uint64_t)SYSTEM(open, name, O_RDONLY | O_NONBLOCK, 0);
	const uint64_t writes = (uint64_t)SYSTEM(open, name, O_WRONLY, 0);
	CHECK_NUMBER(SYSTEM(read, reads, ADDRESS(byte), 1), -EAGAIN);
	CHECK_NUMBER(SYSTEM(write, writes, ADDRESS(byte), 1), 1);
	CHECK_NUMBER(SYSTEM(close, writes), 0);
	CHECK_NUMBER(SYSTEM(read, reads, ADDRESS(byte), 1), 1);
	CHECK_NUMBER(SYSTEM(read, reads, ADDRESS(byte), 1), 0);
	CHECK_NUMBER(SYSTEM(close, reads), 0);
	CHECK_NUMBER(SYSTEM(unlink, name), 0);
}

/* A file that is watched stays so while any process has it open. */
static void test_watched(void)
{
	struct epoll_event *event = host_memory(sizeof(*event));
	int *ends = host_memory(2 * sizeof(int));
	const uint64_t epoll = (uint64_t)SYSTEM(epoll_create1, 0);
	CHECK_NUMBER(SYSTEM(pipe2, ADDRESS(ends), 0), 0);
	event->events = EPOLLOUT;
	CHECK_NUMBER(SYSTEM(epoll_ctl, epoll, EPOLL_CTL_ADD, (uint64_t)ends[1], ADDRESS(event)), 0);
	begin_child(false);
	CHECK_NUMBER(SYSTEM(close, (uint64_t)ends[1]), 0);
	CHECK_NUMBER(SYSTEM(epoll_wait, epoll, ADDRESS(event), 1, 0), 1);
	end_child();
	CHECK_NUMBER(SYSTEM(epoll_wait, epoll, ADDRESS(event), 1, 0), 0);
	CHECK_NUMBER(SYSTEM(close, epoll), 0);
	CHECK_NUMBER(SYSTEM(close, (uint64_t)ends[0]), 0);
}

int main(void)
{
	host_start(256);
	test_locks();
	test_named_pipe();
	test_watched();
	test_copies();
	test_shared();
	test_timers();
	return check_status();
}
