/* Process groups and sessions: who may join which, and who inherits what. */
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "processes.h"

#define NO_PROCESS 4194303

static pid_t start_waiting(void)
{
	pid_t child;
	START(child, for (;;) pause());
	return child;
}

static void end_waiting(pid_t child)
{
	kill(child, SIGKILL);
	await(child);
}

/* Where a process is: in whose group and session, of those that are known here. */
static void print_place(const char *what, pid_t process, pid_t leader)
{
	const pid_t group = getpgid(process), session = getsid(process);
	printf("%s: group %s, session %s\n", what,
	       group == -1	  ? strerror(errno)
	       : group == process ? "its own"
	       : group == leader  ? "the leader's"
				  : "another",
	       session == -1	    ? strerror(errno)
	       : session == process ? "its own"
	       : session == leader  ? "the leader's"
				    : "another");
}

/* ── groups ──────────────────────────────────────────────────────────────────────────────────── */

static void test_errors(void)
{
	TRY(setpgid(-1, 0));
	TRY(setpgid(0, -1));
	TRY(setpgid(NO_PROCESS, 0));
	TRY(setpgid(0, NO_PROCESS));
	TRY(setpgid(1, 0));
	TRY(getpgid(NO_PROCESS));
	TRY(getpgid(-1));
	TRY(getsid(NO_PROCESS));
	TRY(getsid(-1));
	printf("own group: %d %d\n", getpgid(0) == getpgrp(), getpgid(getpid()) == getpgrp());
	printf("own session: %d\n", getsid(0) == getsid(getpid()));
}

/* All of this is in a session that a child makes. */
static void leave(void)
{
	const pid_t own = getpid();
	printf("new session: %d\n", setsid() == own);
	print_place("leader", own, own);
	TRY(setsid());
	TRY(setpgid(0, 0));
	TRY(setpgid(own, own));
	const pid_t first = start_waiting(), second = start_waiting();
	print_place("first", first, own);
	TRY(setpgid(first, 0));
	print_place("first", first, own);
	TRY(setpgid(second, first));
	printf("second is in the first one's group: %d\n", getpgid(second) == first);
	TRY(setpgid(second, second));
	print_place("second", second, own);
	TRY(setpgid(first, own));
	print_place("first", first, own);
	TRY(setpgid(first, getppid()));
	TRY(setpgid(first, NO_PROCESS));
	/* A group is there as long as one of it is. */
	TRY(setpgid(first, second));
	end_waiting(second);
	TRY(kill(-second, 0));
	TRY(setpgid(0, second));
	const pid_t third = start_waiting();
	TRY(setpgid(third, second));
	end_waiting(first);
	TRY(kill(-second, 0));
	end_waiting(third);
	TRY(kill(-second, 0));
	TRY(setpgid(0, second));
	/* Nobody's but children's, and not after exec: that is in processes_exec.c. */
	TRY(setpgid(getppid(), getppid()));
	struct gate known = gate_make();
	pid_t *grandchild = map_shared(4096);
	pid_t child;
	START(child, *grandchild = start_waiting(); gate_open(&known); for (;;) pause());
	gate_wait(&known);
	print_place("grandchild", *grandchild, own);
	TRY(setpgid(*grandchild, *grandchild));
	kill(*grandchild, SIGKILL);
	end_waiting(child);
	/* Another session. */
	START(child, setsid(); gate_open(&known); for (;;) pause());
	gate_wait(&known);
	print_place("another leader", child, own);
	TRY(setpgid(child, own));
	TRY(setpgid(0, child));
	end_waiting(child);
	IN_CHILD("grandchildren", print_place("inherits", getpid(), own); setpgid(0, 0);
		 print_place("alone", getpid(), own); TRY(setsid()); pid_t inner;
		 START(inner, printf("its child leads a session: %d\n", setsid() == getpid()));
		 await(inner));
	/* A zombie still has its place. */
	child = start_waiting();
	kill(child, SIGKILL);
	siginfo_t info;
	waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
	print_place("zombie", child, own);
	printf("zombie moves: %d\n", setpgid(child, child));
	await(child);
	TRY(getpgid(child) == -1 ? errno : 0);
	gate_close(&known);
}

/* Stopped processes of a group that becomes an orphan's get SIGHUP and SIGCONT. */
static void test_orphaned_group(void)
{
	struct gate known = gate_make();
	int ends[2];
	pipe(ends);
	pid_t child, *grandchild = map_shared(4096);
	START(child, setsid(); pid_t stopped;
	      START(stopped, close(ends[0]); setpgid(0, 0); signal(SIGHUP, SIG_DFL); raise(SIGSTOP);
		    write(ends[1], "not ended", 9));
	      *grandchild = stopped; siginfo_t info; waitid(P_PID, (id_t)stopped, &info, WSTOPPED);
	      gate_open(&known));
	close(ends[1]);
	gate_wait(&known);
	print_status("its parent", await(child));
	char text[16];
	printf("hung up: %zd\n", read(ends[0], text, 16));
	close(ends[0]);
	gate_close(&known);
}

static pid_t start_stopped(int code)
{
	siginfo_t info;
	pid_t child;
	START(child, raise(SIGSTOP); _exit(code));
	waitid(P_PID, (id_t)child, &info, WSTOPPED);
	return child;
}

static void print_stopped(const char *what, pid_t child)
{
	siginfo_t info = {0};
	waitid(P_PID, (id_t)child, &info, WEXITED | WCONTINUED | WNOHANG | WNOWAIT);
	printf("%s: %s\n", what, info.si_pid ? "not stopped any more" : "stopped");
}

/* In a group that was an orphan's before, nobody is hung up when one ends. */
static void end_beside_stopped(void)
{
	setsid();
	const pid_t stopped = start_stopped(7);
	IN_CHILD("another of the group", (void)0);
	print_stopped("in the leader's group", stopped);
	kill(stopped, SIGCONT);
	print_status("in the leader's group", await(stopped));
}

/* A group that only one member's parent holds to the session: it becomes an orphan's where that member
 * ends, and not where others end. Who is left is adopted by who looks on from another session. */
static void test_last_connection(void)
{
	struct gate ready = gate_make(), go = gate_make(), over = gate_make(), end = gate_make();
	pid_t leader, *known = map_shared(4096);
	TRY(prctl(PR_SET_CHILD_SUBREAPER, 1));
	START(leader, setsid(); pid_t member;
	      START(member, setpgid(0, 0); *known = start_stopped(8); gate_open(&ready);
		    gate_wait(&go); print_stopped("beside its parent", *known));
	      gate_wait(&ready); IN_CHILD("another of the session", (void)0); gate_open(&go);
	      print_status("its parent", await(member)); gate_open(&over); gate_wait(&end));
	gate_wait(&over);
	print_status("without its parent", await(*known));
	gate_open(&end);
	print_status("leader", await(leader));
	TRY(prctl(PR_SET_CHILD_SUBREAPER, 0));
	gate_close(&ready);
	gate_close(&go);
	gate_close(&over);
	gate_close(&end);
}

/* The same of another group of the session, which was an orphan's before it was stopped. */
static void test_stopped_orphan(void)
{
	struct gate ready = gate_make(), stop = gate_make(), go = gate_make(), end = gate_make();
	pid_t leader, *known = map_shared(4096);
	siginfo_t info;
	TRY(prctl(PR_SET_CHILD_SUBREAPER, 1));
	START(leader, setsid(); pid_t orphan;
	      IN_CHILD("its parent",
		       START(orphan, setpgid(0, 0); gate_wait(&stop); raise(SIGSTOP); _exit(9));
		       *known = orphan);
	      gate_open(&ready); gate_wait(&go); IN_CHILD("another of the session", (void)0);
	      gate_open(&ready); gate_wait(&end));
	gate_wait(&ready);
	gate_open(&stop);
	waitid(P_PID, (id_t)*known, &info, WSTOPPED);
	gate_open(&go);
	gate_wait(&ready);
	print_stopped("stopped as an orphan", *known);
	kill(*known, SIGCONT);
	print_status("stopped as an orphan", await(*known));
	gate_open(&end);
	print_status("leader", await(leader));
	TRY(prctl(PR_SET_CHILD_SUBREAPER, 0));
	gate_close(&ready);
	gate_close(&stop);
	gate_close(&go);
	gate_close(&end);
}

/* ── what is inherited ───────────────────────────────────────────────────────────────────────── */

static void test_inheritance(void)
{
	struct rlimit limit;
	char name[16], directory[64];
	umask(027);
	chdir("/tmp");
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 77;
	setrlimit(RLIMIT_NOFILE, &limit);
	prctl(PR_SET_NAME, "a name");
	prctl(PR_SET_DUMPABLE, 0);
	IN_CHILD("inherits", printf("umask %o\n", umask(0));
		 printf("directory %s\n", getcwd(directory, sizeof(directory)));
		 getrlimit(RLIMIT_NOFILE, &limit); printf("limit %lu\n", (long)limit.rlim_cur);
		 prctl(PR_GET_NAME, name); printf("name %s\n", name);
		 printf("dumpable %d\n", prctl(PR_GET_DUMPABLE)); chdir("/"); limit.rlim_cur = 66;
		 setrlimit(RLIMIT_NOFILE, &limit); prctl(PR_SET_NAME, "another"));
	printf("umask %o\n", umask(022));
	printf("directory %s\n", getcwd(directory, sizeof(directory)));
	getrlimit(RLIMIT_NOFILE, &limit);
	printf("limit %lu\n", (long)limit.rlim_cur);
	prctl(PR_GET_NAME, name);
	printf("name %s\n", name);
	/* Limits of another process. */
	const pid_t child = start_waiting();
	TRY(prlimit(child, RLIMIT_NOFILE, NULL, &limit));
	printf("child's limit %lu\n", (long)limit.rlim_cur);
	limit.rlim_cur = 55;
	TRY(prlimit(child, RLIMIT_NOFILE, &limit, NULL));
	TRY(prlimit(child, RLIMIT_NOFILE, NULL, &limit));
	printf("child's limit %lu\n", (long)limit.rlim_cur);
	TRY(getrlimit(RLIMIT_NOFILE, &limit));
	printf("own limit %lu\n", (long)limit.rlim_cur);
	TRY(prlimit(NO_PROCESS, RLIMIT_NOFILE, NULL, &limit));
	/* Niceness. */
	const int niceness = getpriority(PRIO_PROCESS, 0);
	TRY(setpriority(PRIO_PROCESS, child, 19));
	TRY(getpriority(PRIO_PROCESS, child));
	printf("the parent's is as it was: %d\n", getpriority(PRIO_PROCESS, 0) == niceness);
	TRY(getpriority(PRIO_PROCESS, NO_PROCESS));
	end_waiting(child);
	errno = 0;
	TRY(getpriority(PRIO_PROCESS, child));
	/* A signal when the parent ends. */
	int ends[2];
	pipe(ends);
	IN_CHILD("parent", struct gate set = gate_make(); pid_t inner;
		 START(inner, close(ends[0]); prctl(PR_SET_PDEATHSIG, SIGKILL); gate_open(&set);
		       for (;;) pause());
		 gate_wait(&set));
	close(ends[1]);
	printf("ended with its parent: %zd\n", read(ends[0], name, 1));
	close(ends[0]);
}

/* Who takes the orphans. */
static void test_reaper(void)
{
	TRY(prctl(PR_SET_CHILD_SUBREAPER, 1));
	const pid_t own = getpid();
	struct gate go = gate_make();
	IN_CHILD("leaves an orphan", pid_t orphan;
		 START(orphan, gate_wait(&go); _exit(getppid() == own ? 33 : 44)));
	gate_open(&go);
	print_status("orphan", await(-1));
	TRY(prctl(PR_SET_CHILD_SUBREAPER, 0));
	gate_close(&go);
}

int main(void)
{
	begin();
	test_errors();
	IN_CHILD("leader", leave());
	test_orphaned_group();
	IN_CHILD("leader beside a stopped one", end_beside_stopped());
	test_last_connection();
	test_stopped_orphan();
	test_inheritance();
	test_reaper();
	return 0;
}
