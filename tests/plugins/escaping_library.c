/* Code of a client that tries to get at something: each function returns 0 where it was refused. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vaccel.h"

typedef int user_function(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
			  size_t nr_write);
#define USER_FUNCTION(name)                                                                        \
	VACCEL_API user_function name;                                                             \
	int name(struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write, size_t nr_write)

USER_FUNCTION(open_file)
{
	static const char *const names[] = {"/etc/passwd", "/proc/self/mem", "/dev/null",
					    "/proc/self/fd/../maps", "/proc/self/fd/12345678901"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (open(names[i], O_RDONLY) >= 0 || syscall(SYS_open, names[i], O_RDONLY) >= 0 ||
		    syscall(SYS_openat2, AT_FDCWD, names[i], NULL, 0) >= 0)
			return (int)i + 1;
	return open("/tmp/mayfly-exec-was-here", O_WRONLY | O_CREAT, 0600) >= 0 ? 9 : 0;
}

USER_FUNCTION(list_directory)
{
	struct stat status;
	DIR *directory = opendir("/");
	if (directory)
		closedir(directory);
	return directory || !stat("/etc/passwd", &status) || !access("/etc/passwd", F_OK);
}

USER_FUNCTION(make_socket)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}

USER_FUNCTION(start_process)
{
	pid_t child = fork();
	if (!child)
		_exit(0);
	return child > 0 || !execl("/bin/true", "true", NULL);
}

static void *do_nothing(void *context)
{
	return context;
}

USER_FUNCTION(start_thread)
{
	pthread_t thread;
	return !pthread_create(&thread, NULL, do_nothing, NULL);
}

/* With a handler of its own, the calls that are answered in the process are still none. */
static void let_through(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
}

USER_FUNCTION(other_names)
{
	const struct sigaction own = {.sa_sigaction = let_through, .sa_flags = SA_SIGINFO};
	struct sigaction before;
	if (sigaction(SIGSYS, &own, &before))
		return 1;
	char byte;
	long fd = syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
	int got = fd >= 0 && fd < 1000 && syscall(SYS_read, fd, &byte, 1L) == 1;
	sigaction(SIGSYS, &before, NULL);
	return got;
}

USER_FUNCTION(kill_parent)
{
	return !kill(getppid(), 0) || !kill(1, 0);
}
