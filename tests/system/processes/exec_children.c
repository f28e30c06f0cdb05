/* Programs that children begin. Usage: exec_children SCRATCH, an empty directory. Each case starts this
 * program again in a child, which says what it finds. The host's answers are the right ones. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self; /* the path of this program */

/* ── what a child that began anew finds ──────────────────────────────────────────────────────── */

static void show_file(const char *path)
{
	char bytes[300];
	int file = open(path, O_RDONLY);
	ssize_t count = read(file, bytes, sizeof(bytes));
	printf("%s:", path);
	for (ssize_t i = 0; i < count; i++)
		putchar(bytes[i] ? bytes[i] : '|');
	printf("\n");
	close(file);
}

static void look_around(int count, char **arguments)
{
	unsigned long action[4];
	char path[4096] = "", name[16], directory[4096] = "";
	sigset_t blocked, pending;
	struct itimerval timer;
	for (int i = 0; i < count; i++)
		printf("argument %d: %.40s\n", i, arguments[i]);
	for (char **variable = environ; *variable; variable++)
		if (strncmp(*variable, "PARENT=", 7))
			printf("variable %.40s\n", *variable);
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		perror("/proc/self/exe");
	const char *base = strrchr(path, '/');
	prctl(PR_GET_NAME, name);
	printf("exe %s name %s\n", base ? base : path, name);
	show_file("/proc/self/comm");
	for (int i = 0; i < 12; i++)
		if (fcntl(i, F_GETFD) >= 0)
			printf("descriptor %d at %ld\n", i,
			       i > 2 ? (long)lseek(i, 0, SEEK_CUR) : 0);
	for (int i = 1; i < 65; i++)
		if (!syscall(SYS_rt_sigaction, i, NULL, action, 8) && (action[0] || action[1]))
			printf("signal %d: handler %ld\n", i, action[0]);
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	sigpending(&pending);
	getitimer(ITIMER_REAL, &timer);
	getcwd(directory, sizeof(directory));
	base = strrchr(directory, '/');
	printf("blocked %lx pending %lx timer %d umask %o in %s\n", *(long *)&blocked,
	       *(long *)&pending, timer.it_value.tv_sec > 900, umask(0), base ? base : directory);
	printf("main %d, child of %s\n", syscall(SYS_gettid) == getpid(),
	       getppid() == atoi(getenv("PARENT") ? getenv("PARENT") : "0") ? "who began it"
									    : "another");
}

/* Writes over what it can, and says that all of it was its own. */
static void use_memory(void)
{
	size_t size = 4 << 20;
	char *heap = malloc(size);
	char *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char stack[100000];
	for (size_t i = 0; i < size; i += 512)
		if (mapped[i])
			printf("not zero\n");
	memset(heap, 1, size);
	memset(mapped, 2, size);
	memset(stack, 3, sizeof(stack));
	__asm__ volatile("" ::"r"(stack) : "memory");
	printf("memory %d\n", heap[size - 1] + mapped[size / 2]);
}

static int begin_again(int count, char **arguments)
{
	const char *what = arguments[1];
	if (!strcmp(what, "look"))
		look_around(count, arguments);
	else if (!strcmp(what, "memory"))
		use_memory();
	else if (!strcmp(what, "exit"))
		return atoi(arguments[2]);
	else if (!strcmp(what, "kill"))
		raise(atoi(arguments[2]));
	else if (!strcmp(what, "fault"))
		*(volatile int *)8 = 1;
	else if (!strcmp(what, "double")) {
		/* A filter: what it reads it writes twice, at once. */
		setvbuf(stdin, NULL, _IONBF, 0);
		setvbuf(stdout, NULL, _IONBF, 0);
		for (int byte; (byte = getchar()) != EOF;) {
			putchar(byte);
			putchar(byte);
		}
	} else if (!strcmp(what, "deeper") && atoi(arguments[2]) > 0) {
		char depth[16];
		int status;
		sprintf(depth, "%d", atoi(arguments[2]) - 1);
		pid_t child = fork();
		if (!child) {
			execl(self, self, "deeper", depth, (char *)NULL);
			_exit(99);
		}
		waitpid(child, &status, 0);
		return WEXITSTATUS(status) + 1;
	}
	return 0;
}

/* ── what begins them ────────────────────────────────────────────────────────────────────────── */

static void end(pid_t child)
{
	int status = 0;
	if (waitpid(child, &status, 0) != child)
		printf("waitpid: %s\n", strerror(errno));
	else if (WIFEXITED(status))
		printf("exit status %d\n", WEXITSTATUS(status));
	else
		printf("signal %d\n", WTERMSIG(status));
	fflush(stdout);
}

static void start(const char *what, const char *argument)
{
	execl(self, "called", what, argument, (char *)NULL);
	printf("%s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(98);
}

static void run(const char *what, const char *argument)
{
	fflush(stdout);
	pid_t child = fork();
	if (!child)
		start(what, argument);
	end(child);
}

static void on_signal(int signal)
{
}

static void test_inherited(void)
{
	struct itimerval timer = {.it_value.tv_sec = 1000};
	struct sigaction handled = {.sa_handler = on_signal}, ignored = {.sa_handler = SIG_IGN};
	sigset_t set;
	printf("── inherited\n");
	fflush(stdout);
	int kept = open("file", O_CREAT | O_RDWR, 0600);
	int closed = open("file", O_RDWR | O_CLOEXEC);
	if (write(kept, "0123456789", 10) != 10)
		printf("write: %s\n", strerror(errno));
	pid_t child = fork();
	if (!child) {
		sigaction(SIGUSR1, &handled, NULL);
		sigaction(SIGUSR2, &ignored, NULL);
		sigemptyset(&set);
		sigaddset(&set, SIGTERM);
		sigaddset(&set, SIGUSR1);
		sigprocmask(SIG_BLOCK, &set, NULL);
		raise(SIGTERM);
		setitimer(ITIMER_REAL, &timer, NULL);
		umask(027);
		mkdir("folder", 0700);
		if (chdir("folder"))
			perror("folder");
		setenv("COLOUR", "green", 1);
		start("look", "and more");
	}
	end(child);
	/* Nothing of that is the parent's. */
	char *arguments[] = {"parent", NULL};
	look_around(1, arguments);
	show_file("/proc/self/cmdline");
	lseek(kept, 3, SEEK_SET);
	run("look", NULL);
	close(kept);
	close(closed);
}

static void test_ends(void)
{
	static char mine[300000];
	printf("── ends\n");
	memset(mine, 7, sizeof(mine));
	run("exit", "0");
	run("exit", "77");
	run("kill", "15");
	run("kill", "9");
	run("fault", NULL);
	run("deeper", "4");
	run("memory", NULL);
	for (size_t i = 0; i < sizeof(mine); i++)
		if (mine[i] != 7) {
			printf("the parent's memory was written\n");
			break;
		}
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();
		int status;
		if (!child)
			start("exit", "3");
		waitpid(child, &status, 0);
		if (status != 3 << 8)
			printf("%d: status %#x\n", i, (unsigned)status);
	}
	fflush(stdout);
}

static void test_refused(void)
{
	char *none[] = {NULL};
	printf("── refused\n");
	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		execve("nowhere", none, none);
		printf("nowhere: %s\n", strerror(errno));
		execve("file", none, none);
		printf("file: %s\n", strerror(errno));
		execve(self, (char **)8, none);
		printf("arguments: %s\n", strerror(errno));
		fflush(stdout);
		start("exit", "5");
	}
	end(child);
	/* In the parent's memory. */
	volatile int steps = 0;
	child = vfork();
	if (!child) {
		steps++;
		execve("nowhere", none, none);
		steps += errno == ENOENT;
		_exit(6);
	}
	end(child);
	printf("steps %d\n", steps);
	child = vfork();
	if (!child) {
		execl(self, "called", "exit", "8", (char *)NULL);
		_exit(97);
	}
	end(child);
	fflush(stdout);
}

static void test_spawn(void)
{
	posix_spawn_file_actions_t actions;
	int to[2] = {-1, -1}, from[2] = {-1, -1};
	char *arguments[] = {"filter", "double", NULL}, bytes[64] = "";
	pid_t child;
	printf("── spawn\n");
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		perror("pipe2");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, to[0], 0);
	posix_spawn_file_actions_adddup2(&actions, from[1], 1);
	int error = posix_spawn(&child, self, &actions, NULL, arguments, environ);
	printf("posix_spawn: %d\n", error);
	close(to[0]);
	close(from[1]);
	if (write(to[1], "abc", 3) != 3)
		perror("write");
	close(to[1]);
	ssize_t count = 0, part;
	while ((part = read(from[0], bytes + count, sizeof(bytes) - 1 - (size_t)count)) > 0)
		count += part;
	printf("%zd: %s\n", count, bytes);
	close(from[0]);
	end(child);
	printf("posix_spawn of nothing: %d\n",
	       posix_spawn(&child, "nowhere", NULL, NULL, arguments, environ));
	posix_spawn_file_actions_destroy(&actions);
	fflush(stdout);
}

/* first | second | third, each an own program. */
static void test_pipeline(void)
{
	enum { COUNT = 3 };
	pid_t children[COUNT];
	int in = open("file", O_RDONLY), ends[2];
	printf("── pipeline\n");
	fflush(stdout);
	for (int i = 0; i < COUNT; i++) {
		if (i < COUNT - 1 && pipe(ends))
			perror("pipe");
		children[i] = fork();
		if (!children[i]) {
			dup2(in, 0);
			if (i < COUNT - 1) {
				dup2(ends[1], 1);
				close(ends[0]);
				close(ends[1]);
			}
			close(in);
			start("double", NULL);
		}
		close(in);
		if (i < COUNT - 1) {
			close(ends[1]);
			in = ends[0];
		}
	}
	for (int i = 0; i < COUNT; i++) {
		int status;
		waitpid(children[i], &status, 0);
		if (status)
			printf("%d: status %#x\n", i, (unsigned)status);
	}
	printf("\n");
	fflush(stdout);
}

static void *start_in_thread(void *argument)
{
	start("look", "from a thread");
	return NULL;
}

static void *wait_for_ever(void *argument)
{
	pause();
	return NULL;
}

static void test_threads(void)
{
	pthread_t thread;
	printf("── threads\n");
	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		pthread_create(&thread, NULL, wait_for_ever, NULL);
		pthread_create(&thread, NULL, start_in_thread, NULL);
		pause();
	}
	end(child);
}

static int held[2];

static void *read_for_ever(void *argument)
{
	char byte;
	if (read(held[0], &byte, 1) >= 0)
		printf("the read returned\n");
	return NULL;
}

/* What a thread waits for is not held any more when another program has begun. */
static void test_held(void)
{
	int to[2] = {-1, -1}, from[2] = {-1, -1};
	char bytes[2];
	pthread_t thread;
	printf("── held\n");
	fflush(stdout);
	signal(SIGPIPE, SIG_IGN);
	if (pipe2(held, O_CLOEXEC) || pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		perror("pipe2");
	pid_t child = fork();
	if (!child) {
		close(held[1]);
		pthread_create(&thread, NULL, read_for_ever, NULL);
		usleep(10000);
		dup2(to[0], 0);
		dup2(from[1], 1);
		start("double", NULL);
	}
	close(held[0]);
	close(to[0]);
	close(from[1]);
	if (write(to[1], "a", 1) != 1)
		perror("write");
	for (ssize_t have = 0; have < 2 && read(from[0], bytes, 1) == 1;)
		have++;
	ssize_t written = write(held[1], "x", 1);
	printf("write %zd %s\n", written, strerror(errno));
	close(to[1]);
	close(held[1]);
	close(from[0]);
	end(child);
	signal(SIGPIPE, SIG_DFL);
}

static void test_other_ways(void)
{
	char *arguments[] = {"by-descriptor", "exit", "12", NULL}, script[4200];
	printf("── other ways\n");
	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		int file = open(self, O_RDONLY | O_CLOEXEC);
		fexecve(file, arguments, environ);
		_exit(96);
	}
	end(child);
	FILE *file = fopen("script", "w");
	fprintf(file, "#!%s look\n", self);
	fchmod(fileno(file), 0700);
	fclose(file);
	child = fork();
	if (!child) {
		char *of_script[] = {"ignored", "one", NULL};
		execve("./script", of_script, environ);
		_exit(95);
	}
	end(child);
	/* A program that is written to. */
	int writes = open("script", O_WRONLY);
	child = fork();
	if (!child) {
		close(writes);
		execve("./script", arguments, environ);
		printf("busy: %s\n", strerror(errno));
		fflush(stdout);
		_exit(0);
	}
	end(child);
	close(writes);
}

int main(int count, char **arguments)
{
	static char path[4096], parent[32];
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		perror("/proc/self/exe");
	self = path;
	if (count > 1 && strcmp(arguments[0], "parent") && getenv("PARENT"))
		return begin_again(count, arguments);
	if (count < 2 || chdir(arguments[1]))
		perror("scratch");
	char *variables[] = {parent, "ONE=1", NULL};
	sprintf(parent, "PARENT=%d", getpid());
	environ = variables;
	test_inherited();
	test_ends();
	test_refused();
	test_spawn();
	test_pipeline();
	test_threads();
	test_held();
	test_other_ways();
	return 0;
}
