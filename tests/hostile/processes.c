/* Attacks by many processes: as many as can be had, and such as never end. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attacker.h"

#define TOO_MANY 100000

static void spin(void)
{
	for (volatile int i = 0;; i++)
		;
}

/* Each that there is makes others, and they write into memory that they have for themselves. */
int attack_fork_without_end(uint64_t number)
{
	static char memory[1 << 20];
	for (;;) {
		fork();
		memset(memory, 'x', number ? sizeof(memory) : 1);
	}
}

int attack_leave_zombies(uint64_t number)
{
	for (unsigned i = 0; i < TOO_MANY; i++) {
		const pid_t child = number ? vfork() : fork();
		if (!child)
			_exit(0);
		if (child < 0)
			return errno != EAGAIN && errno != ENOMEM;
	}
	return 1;
}

static int nest(unsigned depth)
{
	const pid_t child = depth < TOO_MANY ? fork() : 0;
	int status = 0;
	if (child < 0)
		return 0;
	if (!child)
		_exit(depth < TOO_MANY ? nest(depth + 1) : 1);
	return waitpid(child, &status, 0) != child || status;
}

int attack_nest_processes_without_end(uint64_t number)
{
	return nest(0);
}

int attack_leave_orphans_without_end(uint64_t number)
{
	for (;;)
		if (!fork()) {
			if (!fork())
				sched_yield();
			_exit(0);
		}
}

int attack_kill_everybody(uint64_t number)
{
	static const int targets[] = {-1, 1, 0, 2};
	for (unsigned i = 0; i < 5; i++)
		if (!fork())
			spin();
	kill(targets[number], SIGKILL);
	return 0;
}

int attack_stop_the_first_process(uint64_t number)
{
	if (number && !fork()) {
		kill(getppid(), SIGSTOP);
		spin();
	}
	raise(SIGSTOP);
	spin();
	return 1;
}

int attack_borrow_memory_for_ever(uint64_t number)
{
	if (!vfork())
		spin();
	return 1;
}

/* Its program is a file, where there is a root. */
int attack_root_exec_without_end(uint64_t number)
{
	char *const arguments[] = {"attacker", "root_exec_without_end", "0", NULL};
	char *const none[] = {NULL};
	execve("/attacker", arguments, none);
	return 1;
}

int attack_root_begin_programs_without_end(uint64_t number)
{
	char *const arguments[] = {"attacker", "spin", "0", NULL};
	char *const none[] = {NULL};
	for (;;)
		if (!(number ? vfork() : fork())) {
			execve("/attacker", arguments, none);
			_exit(1);
		}
}

/* Pipes that nobody reads, filled by all. */
int attack_fill_pipes(uint64_t number)
{
	static char block[64 << 10];
	int ends[200][2];
	unsigned count = 0;
	while (count < 200 && !pipe(ends[count]))
		count++;
	for (unsigned i = 0; i < 10; i++)
		if (!fork()) {
			for (unsigned j = 0; j < count; j++) {
				fcntl(ends[j][1], F_SETFL, O_NONBLOCK);
				write(ends[j][1], block, sizeof(block));
			}
			fcntl(ends[i][1], F_SETFL, 0);
			write(ends[i][1], block, sizeof(block));
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	return 0;
}

/* Signals from each to each. */
int attack_signal_without_end(uint64_t number)
{
	signal(SIGUSR1, SIG_IGN);
	for (unsigned i = 0; i < 8; i++)
		fork();
	for (;;) {
		kill(0, SIGUSR1);
		kill(-1, SIGSTOP);
		kill(-1, SIGCONT);
	}
}

/* What is shared by all of them is taken by all of them. */
int attack_share_memory_without_end(uint64_t number)
{
	for (;;) {
		char *memory =
		    mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (memory != MAP_FAILED)
			memset(memory, 'x', 1 << 20);
		fork();
	}
}
