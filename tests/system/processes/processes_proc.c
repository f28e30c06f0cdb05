/* What /proc says of other processes. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "processes.h"

#define NO_PROCESS 4194303

static const char *path_of(pid_t process, const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "/proc/%d/%s", process, name);
	return path;
}

static ssize_t read_of(pid_t process, const char *name, char *text, size_t size)
{
	const int file = open(path_of(process, name), O_RDONLY);
	size_t length = 0;
	ssize_t got = -1;
	while (file >= 0 && length < size - 1 &&
	       (got = read(file, text + length, size - 1 - length)) > 0)
		length += (size_t)got;
	text[length] = 0;
	if (file >= 0)
		close(file);
	return got < 0 ? -1 : (ssize_t)length;
}

/* The line of /proc/PID/status of that name. */
static const char *status_of(pid_t process, const char *name)
{
	static char text[8192], line[128];
	if (read_of(process, "status", text, sizeof(text)) < 0)
		return strerror(errno);
	snprintf(line, sizeof(line), "%s:\t", name);
	const char *found = text;
	while (found && strncmp(found, line, strlen(line)) != 0) {
		found = strchr(found, '\n');
		found = found ? found + 1 : NULL;
	}
	if (!found)
		return "not there";
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(found + strlen(line), "\n"),
		 found + strlen(line));
	return line;
}

/* Waits until the process is in that state, by the first letter. */
static void await_state(pid_t process, char state)
{
	for (unsigned i = 0; i < 20000 && status_of(process, "State")[0] != state; i++)
		usleep(1000);
	printf("state: %s\n", status_of(process, "State"));
}

static int count_entries(pid_t process, const char *name)
{
	DIR *directory = opendir(path_of(process, name));
	int count = 0;
	if (!directory)
		return -errno;
	for (const struct dirent *entry; (entry = readdir(directory));)
		count += entry->d_name[0] != '.';
	closedir(directory);
	return count;
}

/* Fields of /proc/PID/stat behind the name: from the state, which is 0, on. */
static void print_stat(pid_t process, pid_t parent)
{
	char text[1024];
	if (read_of(process, "stat", text, sizeof(text)) < 0) {
		printf("stat: %s\n", strerror(errno));
		return;
	}
	char state = 0;
	int id = 0, its_parent = 0, group = 0, session = 0;
	const char *name = strchr(text, '('), *end = strrchr(text, ')');
	sscanf(text, "%d", &id);
	sscanf(end + 2, "%c %d %d %d", &state, &its_parent, &group, &session);
	printf("stat: id %d, name %.*s, state %c, parent %d, group %d, session %d\n", id == process,
	       (int)(end - name + 1), name, state, its_parent == parent, group == getpgid(process),
	       session == getsid(process));
}

static void print_process(pid_t process, const char *self)
{
	char text[256], target[4096];
	read_of(process, "comm", text, sizeof(text));
	printf("comm: %s", text);
	const ssize_t length = read_of(process, "cmdline", text, sizeof(text));
	printf("arguments:");
	for (ssize_t i = 0; i < length; i += (ssize_t)strlen(text + i) + 1)
		printf(" [%s]", strrchr(text + i, '/') ? strrchr(text + i, '/') + 1 : text + i);
	printf("\nName: %s\n", status_of(process, "Name"));
	printf("State: %s\n", status_of(process, "State"));
	printf("PPid is the parent: %d\n", atoi(status_of(process, "PPid")) == getpid());
	printf("Pid: %d, Tgid: %d\n", atoi(status_of(process, "Pid")) == process,
	       atoi(status_of(process, "Tgid")) == process);
	printf("Threads: %s, tasks: %d\n", status_of(process, "Threads"),
	       count_entries(process, "task"));
	printf("descriptors: %d\n", count_entries(process, "fd"));
	ssize_t size = readlink(path_of(process, "exe"), target, sizeof(target) - 1);
	target[size < 0 ? 0 : size] = 0;
	printf("exe: %d\n", !strcmp(target, self));
	size = readlink(path_of(process, "cwd"), target, sizeof(target) - 1);
	target[size < 0 ? 0 : size] = 0;
	printf("cwd: %s\n", target);
	print_stat(process, getpid());
}

static void *wait_for_ever(void *context)
{
	for (;;)
		pause();
	return context;
}

static void test_children(const char *self)
{
	struct gate ready = gate_make(), go = gate_make();
	pid_t child;
	START(child, gate_open(&ready); gate_wait(&go); prctl(PR_SET_NAME, "renamed");
	      chdir("/tmp"); dup2(0, 20); dup2(0, 21); pthread_t thread;
	      pthread_create(&thread, NULL, wait_for_ever, NULL);
	      pthread_create(&thread, NULL, wait_for_ever, NULL); gate_open(&ready);
	      gate_wait(&go));
	gate_wait(&ready);
	await_state(child, 'S');
	print_process(child, self);
	gate_open(&go);
	gate_wait(&ready);
	await_state(child, 'S');
	print_process(child, self);
	kill(child, SIGSTOP);
	await_state(child, 'T');
	kill(child, SIGCONT);
	await_state(child, 'S');
	kill(child, SIGTERM);
	await_state(child, 'Z');
	printf("Name: %s\n", status_of(child, "Name"));
	char text[256], target[64];
	printf("arguments: %zd\n", read_of(child, "cmdline", text, sizeof(text)));
	TRY(readlink(path_of(child, "exe"), target, sizeof(target)));
	print_stat(child, getpid());
	print_status("it", await(child));
	TRY(access(path_of(child, ""), F_OK));
	TRY(open(path_of(child, "status"), O_RDONLY));
	gate_close(&ready);
	gate_close(&go);
}

static void test_exec(const char *self)
{
	char *const arguments[] = {"called so", "wait", "another", NULL};
	int ends[2];
	pipe(ends);
	pid_t child;
	START(child, close(ends[0]); dup2(ends[1], 1); execve(self, arguments, environ));
	close(ends[1]);
	char byte;
	read(ends[0], &byte, 1);
	await_state(child, 'S');
	print_process(child, self);
	close(ends[0]);
	kill(child, SIGKILL);
	await(child);
}

/* Files of another process: what is open there. */
static void test_descriptors(void)
{
	struct gate ready = gate_make();
	char name[] = "/tmp/mayfly-proc-XXXXXX", target[128] = "", text[16] = "";
	const int file = mkstemp(name);
	write(file, "contents", 8);
	pid_t child;
	START(child, dup2(file, 30); int ends[2]; pipe(ends); dup2(ends[0], 31); gate_open(&ready);
	      for (;;) pause());
	gate_wait(&ready);
	(void)readlink(path_of(child, "fd/30"), target, sizeof(target) - 1);
	printf("a file: %d\n", !strcmp(target, name));
	memset(target, 0, sizeof(target));
	(void)readlink(path_of(child, "fd/31"), target, sizeof(target) - 1);
	printf("a pipe: %.6s\n", target);
	const int opened = open(path_of(child, "fd/30"), O_RDONLY);
	printf("opened: %zd", read(opened, text, 15));
	printf(" %s\n", text);
	TRY(access(path_of(child, "fd/33"), F_OK));
	TRY(access(path_of(child, "fdinfo/30"), F_OK));
	struct stat seen, own;
	fstat(file, &own);
	stat(path_of(child, "fd/30"), &seen);
	printf("the same file: %d\n", seen.st_ino == own.st_ino);
	close(opened);
	close(file);
	unlink(name);
	kill(child, SIGKILL);
	await(child);
	gate_close(&ready);
}

static int is_listed(pid_t process)
{
	DIR *directory = opendir("/proc");
	int found = 0;
	for (const struct dirent *entry; (entry = readdir(directory));)
		found += atoi(entry->d_name) == process;
	closedir(directory);
	return found;
}

static void test_listing(void)
{
	struct gate go = gate_make();
	const pid_t own = getpid();
	pid_t child;
	char target[32] = "";
	START(child, gate_wait(&go));
	printf("listed: %d %d\n", is_listed(child), is_listed(getpid()));
	gate_open(&go);
	await(child);
	printf("listed: %d\n", is_listed(child));
	TRY(access(path_of(NO_PROCESS, ""), F_OK));
	TRY(access("/proc/0", F_OK));
	IN_CHILD("self", (void)readlink("/proc/self", target, 31);
		 printf("self is the child: %d\n", atoi(target) == getpid());
		 printf("its parent: %d\n", atoi(status_of(getpid(), "PPid")) == own);
		 printf("listed: %d %d\n", is_listed(getpid()), is_listed(own));
		 TRY(access(path_of(own, "status"), F_OK)));
	/* What is open of one that has ended says so. */
	START(child, for (;;) pause());
	const int status = open(path_of(child, "status"), O_RDONLY);
	const int directory = open(path_of(child, ""), O_RDONLY | O_DIRECTORY);
	kill(child, SIGKILL);
	await(child);
	char byte;
	TRY(read(status, &byte, 1));
	TRY(openat(directory, "status", O_RDONLY));
	close(status);
	close(directory);
	gate_close(&go);
}

int main(int argc, char *argv[])
{
	static char self[4096];
	begin();
	if (argc > 1 && !strcmp(argv[1], "wait")) {
		write(1, "x", 1);
		for (;;)
			pause();
	}
	for (int fd = 3; fd < 1024; fd++)
		close(fd);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		perror("/proc/self/exe");
	prctl(PR_SET_NAME, "a parent");
	test_children(self);
	test_exec(self);
	test_descriptors();
	test_listing();
	return 0;
}
