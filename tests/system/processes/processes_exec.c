/* Programs that processes start. Usage: processes_exec start SCRATCH; it starts itself again with
 * other arguments. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/prctl.h>

#include "processes.h"

static char self[4096];

static char *const no_variables[] = {NULL};
static char **volatile no_address = (char **)8;

/* ── the program that is started ─────────────────────────────────────────────────────────────── */

static void show_descriptors(void)
{
	for (int fd = 3; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("  descriptor %d: %d, at %ld\n", fd, fcntl(fd, F_GETFD),
			       (long)lseek(fd, 0, SEEK_CUR));
}

static void show_signals(void)
{
	sigset_t blocked;
	struct sigaction action;
	sigprocmask(SIG_BLOCK, NULL, &blocked);
	printf("  signals:");
	for (int i = 1; i < 32; i++) {
		if (sigismember(&blocked, i))
			printf(" %d blocked", i);
		if (!sigaction(i, NULL, &action) && action.sa_handler == SIG_IGN)
			printf(" %d ignored", i);
		else if (action.sa_handler != SIG_DFL)
			printf(" %d handled", i);
	}
	printf("\n");
}

static int show(int argc, char **argv)
{
	char directory[4096], name[16];
	printf("  %d arguments:", argc);
	for (int i = 0; i < argc; i++)
		printf(" [%s]", argv[i]);
	printf("\n  variables:");
	for (char **variable = environ; *variable; variable++)
		printf(" [%s]", *variable);
	printf("\n  directory %s\n", getcwd(directory, sizeof(directory)));
	prctl(PR_GET_NAME, name);
	printf("  name %.15s\n", name);
	show_descriptors();
	show_signals();
	return 0;
}

/* Each process of a chain starts the next one, and ends with what that ended with and one more. */
static int chain(int depth, int fresh)
{
	char text[16];
	if (!depth)
		return 1;
	snprintf(text, sizeof(text), "%d", depth - 1);
	char *const arguments[] = {"chain", "chain", text, fresh ? "fresh" : NULL, NULL};
	if (!fresh)
		return execve(self, arguments, no_variables);
	pid_t child;
	if (posix_spawn(&child, self, NULL, NULL, arguments, no_variables))
		return 100;
	const int status = await(child);
	return WIFEXITED(status) ? WEXITSTATUS(status) + 1 : 200;
}

/* Copies its input and counts it. */
static int copy(void)
{
	static char buffer[1 << 16];
	unsigned long sum = 0;
	for (ssize_t got; (got = read(0, buffer, sizeof(buffer))) > 0;)
		for (ssize_t i = 0; i < got; i++)
			sum = sum * 31 + (unsigned char)buffer[i];
	printf("  read %lx\n", sum & 0xffffffff);
	return 0;
}

static int begun_again(int argc, char **argv)
{
	if (!strcmp(argv[1], "show"))
		return show(argc, argv);
	if (!strcmp(argv[1], "chain"))
		return chain(atoi(argv[2]), argc > 3);
	if (!strcmp(argv[1], "copy"))
		return copy();
	if (!strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	if (!strcmp(argv[1], "kill"))
		return raise(atoi(argv[2]));
	if (!strcmp(argv[1], "wait"))
		for (;;)
			pause();
	return 98;
}

/* ── starting it ─────────────────────────────────────────────────────────────────────────────── */

static pid_t spawn_by(const posix_spawn_file_actions_t *actions,
		      const posix_spawnattr_t *attributes, char *const *arguments,
		      char *const *variables)
{
	pid_t child = -1;
	const int error = posix_spawn(&child, self, actions, attributes, arguments, variables);
	if (error)
		printf("posix_spawn: %s\n", strerror(error));
	return error ? -1 : child;
}

static char *const showing[] = {"name", "show", "an argument", "", NULL};

static void test_spawn(void)
{
	char *const variables[] = {"A=1", "B=two words", NULL};
	print_status("spawned", await(spawn_by(NULL, NULL, showing, variables)));
	print_status("again", await(spawn_by(NULL, NULL, showing, no_variables)));
	char *const exits[] = {"name", "exit", "42", NULL}, *const kills[] = {"name", "kill", "15",
									      NULL};
	print_status("exit", await(spawn_by(NULL, NULL, exits, no_variables)));
	print_status("kill", await(spawn_by(NULL, NULL, kills, no_variables)));
	pid_t child;
	printf("missing: %s\n",
	       strerror(posix_spawn(&child, "/missing", NULL, NULL, showing, environ)));
	printf("directory: %s\n", strerror(posix_spawn(&child, "/", NULL, NULL, showing, environ)));
	printf("by path: %s\n",
	       strerror(posix_spawnp(&child, "missing", NULL, NULL, showing, environ)));
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, 50, 51);
	printf("no descriptor: %s\n",
	       strerror(posix_spawn(&child, self, &actions, NULL, showing, no_variables)));
	posix_spawn_file_actions_destroy(&actions);
	printf("children left: %d\n", waitpid(-1, NULL, WNOHANG));
}

static void test_actions(void)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	char name[] = "/tmp/mayfly-spawn-XXXXXX";
	const int file = mkstemp(name);
	write(file, "0123456789", 10);
	lseek(file, 4, SEEK_SET);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, file, 30);
	posix_spawn_file_actions_addopen(&actions, 31, name, O_RDONLY, 0);
	posix_spawn_file_actions_addclose(&actions, file);
	posix_spawn_file_actions_addchdir_np(&actions, "/tmp");
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						  POSIX_SPAWN_SETPGROUP);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigaddset(&set, SIGUSR2);
	posix_spawnattr_setsigdefault(&attributes, &set);
	signal(SIGUSR2, SIG_IGN);
	print_status("actions", await(spawn_by(&actions, &attributes, showing, no_variables)));
	signal(SIGUSR2, SIG_DFL);
	printf("parent is at %ld\n", (long)lseek(file, 0, SEEK_CUR));
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	unlink(name);
	close(file);
}

static void handle(int signal)
{
	(void)signal;
}

static void test_fork_and_exec(void)
{
	int ends[2];
	pipe(ends);
	const int kept = dup2(ends[0], 40), closed = fcntl(ends[1], F_DUPFD_CLOEXEC, 41);
	printf("descriptors %d %d\n", kept, closed);
	IN_CHILD("descriptors", close(ends[0]); close(ends[1]);
		 execve(self, showing, no_variables));
	printf("parent's: %d %d\n", fcntl(kept, F_GETFD), fcntl(closed, F_GETFD));
	close(kept);
	close(closed);
	IN_CHILD("directory", close(ends[0]); close(ends[1]); chdir("/tmp");
		 execve(self, showing, no_variables));
	char directory[256];
	printf("parent's directory: %s\n", getcwd(directory, sizeof(directory)));
	IN_CHILD("signals", close(ends[0]); close(ends[1]); signal(SIGINT, SIG_IGN);
		 signal(SIGTERM, handle); sigset_t set; sigemptyset(&set); sigaddset(&set, SIGHUP);
		 sigprocmask(SIG_BLOCK, &set, NULL); prctl(PR_SET_NAME, "another");
		 execve(self, showing, no_variables));
	char *const copies[] = {"name", "copy", NULL};
	pid_t child;
	START(child, dup2(ends[0], 0); close(ends[0]); close(ends[1]);
	      execve(self, copies, no_variables));
	close(ends[0]);
	for (unsigned i = 0; i < 20000; i++)
		write(ends[1], "eight by", 8);
	close(ends[1]);
	print_status("copied", await(child));
}

static void test_failures(void)
{
	IN_CHILD("missing", execve("/missing", showing, no_variables); _exit(127));
	IN_CHILD("a directory", execve("/tmp", showing, no_variables); _exit(126));
	IN_CHILD("bad arguments", execve(self, no_address, no_variables); _exit(errno));
	IN_CHILD("goes on", execve("/missing", showing, no_variables);
		 printf("  memory is there: %s\n", strrchr(self, 'p') ? "yes" : "no"));
	volatile int seen = 0;
	pid_t child = vfork();
	if (!child) {
		execve("/missing", showing, no_variables);
		seen = errno;
		_exit(127);
	}
	print_status("vfork", await(child));
	printf("the parent knows: %s\n", strerror(seen));
	printf("system: %#x\n", system("exit 3"));
	FILE *file = popen("exit 4", "r");
	printf("popen: %#x\n", pclose(file));
}

static void test_chains(void)
{
	for (int fresh = 0; fresh < 2; fresh++) {
		char *const arguments[] = {"chain", "chain", "12", fresh ? "fresh" : NULL, NULL};
		print_status(fresh ? "chain of children" : "chain",
			     await(spawn_by(NULL, NULL, arguments, no_variables)));
	}
	volatile int changed = 0;
	for (unsigned i = 0; i < 30; i++) {
		char text[8];
		snprintf(text, sizeof(text), "%u", i);
		char *const exits[] = {"name", "exit", text, NULL};
		const pid_t child = vfork();
		if (!child) {
			changed += 1;
			execve(self, exits, no_variables);
			_exit(127);
		}
		if (WEXITSTATUS(await(child)) != (int)i)
			printf("child %u ended otherwise\n", i);
	}
	printf("changed by children: %d\n", changed);
}

/* ── threads ─────────────────────────────────────────────────────────────────────────────────── */

static volatile unsigned turns;
static volatile int stop;

static void *turn(void *context)
{
	while (!stop) {
		turns++;
		sched_yield();
	}
	return context;
}

static void *exec_in_thread(void *context)
{
	execve(self, showing, no_variables);
	return context;
}

static void *spawn_in_thread(void *number)
{
	char text[8];
	snprintf(text, sizeof(text), "%d", *(int *)number);
	char *const exits[] = {"name", "exit", text, NULL};
	for (unsigned i = 0; i < 5; i++) {
		const int status = await(spawn_by(NULL, NULL, exits, no_variables));
		if (!WIFEXITED(status) || WEXITSTATUS(status) != *(int *)number)
			*(int *)number = -1;
	}
	return NULL;
}

static void test_threads(void)
{
	enum { THREADS = 4 };
	pthread_t threads[THREADS], other;
	int numbers[THREADS];
	pthread_create(&other, NULL, turn, NULL);
	IN_CHILD("exec in a thread", pthread_create(&threads[0], NULL, turn, NULL);
		 pthread_create(&threads[1], NULL, exec_in_thread, NULL);
		 pthread_join(threads[1], NULL); printf("still here\n"));
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i + 20;
		pthread_create(&threads[i], NULL, spawn_in_thread, &numbers[i]);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		printf("thread's children ended with %d\n", numbers[i]);
	}
	/* While one thread waits for its child of vfork(), others go on. */
	const unsigned before = turns;
	pid_t child = vfork();
	if (!child) {
		for (unsigned i = 0; i < 1000 && turns - before < 10; i++) {
			const struct timespec pause = {0, 1000000};
			syscall(SYS_nanosleep, &pause, NULL);
		}
		_exit(turns - before >= 10);
	}
	print_status("others go on", await(child));
	stop = 1;
	pthread_join(other, NULL);
}

static void *wait_for_ever(void *none)
{
	for (;;)
		pause();
	return none;
}

static volatile int *begins;

static void *begin_when_asked(void *arg)
{
	while (!*begins)
		sched_yield();
	return exec_in_thread(arg);
}

/* Its process is stopped and goes on while its threads end: all the same they do. */
static void exec_while_stopped(void)
{
	const pid_t self_id = getpid();
	pthread_t thread;
	begins = map_shared(4096);
	pthread_create(&thread, NULL, begin_when_asked, NULL);
	if (!fork_or_die()) {
		for (time_t end = time(NULL) + 2; time(NULL) < end && getppid() == self_id;) {
			kill(self_id, SIGSTOP);
			kill(self_id, SIGCONT);
			sched_yield();
		}
		_exit(0);
	}
	pthread_create(&thread, NULL, wait_for_ever, NULL);
	*begins = 1;
	wait_for_ever(NULL);
}

static void test_stops(void)
{
	IN_CHILD("exec while it stops", alarm(20); exec_while_stopped());
}

static void test_sharing(void)
{
	/* A child that has been replaced has none of its parent's memory; what is shared stays. */
	volatile int *shared = map_shared(4096);
	struct gate gate = gate_make();
	char *const waits[] = {"name", "wait", NULL};
	pid_t child = fork_or_die();
	if (!child) {
		*shared = 5;
		fcntl(gate.ends[1], F_SETFD, FD_CLOEXEC);
		execve(self, waits, no_variables);
		_exit(1);
	}
	close(gate.ends[1]);
	char byte;
	printf("closed by exec: %zd\n", read(gate.ends[0], &byte, 1));
	printf("shared: %d\n", *shared);
	kill(child, SIGTERM);
	print_status("waiting", await(child));
	close(gate.ends[0]);
	TRY(setpgid(child, child));
	child = spawn_by(NULL, NULL, waits, no_variables);
	TRY(setpgid(child, child));
	kill(child, SIGKILL);
	print_status("killed", await(child));
}

int main(int argc, char **argv)
{
	begin();
	const ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length < 0) {
		perror("/proc/self/exe");
		return 1;
	}
	if (argc > 1 && strcmp(argv[1], "start"))
		return begun_again(argc, argv);
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	test_spawn();
	test_actions();
	test_fork_and_exec();
	test_failures();
	test_chains();
	test_threads();
	test_stops();
	test_sharing();
	return 0;
}
