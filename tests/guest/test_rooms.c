/* What each process has for itself in the rooms of the library OS, or shares: its descriptors, paths,
 * signal actions, timers and counts. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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

int main(void)
{
	host_start(256);
	test_copies();
	test_shared();
	test_timers();
	return check_status();
}
