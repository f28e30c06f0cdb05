/* As many processes as there may be: where no more can be had, that is said, and all goes on. How
 * many there were is not. Usage: processes_limits root, where the host's user is root. */
#include <grp.h>
#include <pthread.h>
#include <sys/resource.h>

#include "processes.h"

#define MANY 300

/* Starts children until there can be no more; their number. */
static int start_many(pid_t *children, struct gate *go, int *error)
{
	int count = 0;
	for (; count < MANY; count++) {
		children[count] = fork();
		if (!children[count]) {
			gate_wait(go);
			_exit(count % 100);
		}
		if (children[count] < 0) {
			*error = errno;
			break;
		}
	}
	return count;
}

static void test_many(void)
{
	static pid_t children[MANY];
	struct gate go = gate_make();
	for (int round = 0; round < 3; round++) {
		int error = 0, wrong = 0;
		const int count = start_many(children, &go, &error);
		printf("there were some: %d\n", count > 3);
		printf("there was an end: %s\n", strerror(error));
		for (int i = 0; i < count; i++)
			gate_open(&go);
		for (int i = 0; i < count; i++)
			wrong += WEXITSTATUS(await(children[i])) != i % 100;
		printf("wrong: %d\n", wrong);
		TRY(waitpid(-1, NULL, 0));
		IN_CHILD("there is room again", _exit(7));
	}
	gate_close(&go);
}

/* Zombies are processes, too. */
static void test_zombies(void)
{
	int count = 0, taken = 0;
	for (; count < MANY; count++) {
		const pid_t child = fork();
		if (!child)
			_exit(0);
		if (child < 0)
			break;
	}
	printf("zombies have an end: %s\n", count < MANY ? strerror(errno) : "no");
	while (waitpid(-1, NULL, 0) > 0)
		taken++;
	printf("all were taken: %d\n", taken == count);
	IN_CHILD("there is room again", _exit(8));
}

/* Each child has one, until there can be no more; all end, the last one first. */
static int descend(int depth)
{
	if (depth == MANY)
		return 1;
	const pid_t child = fork();
	if (child < 0)
		return errno == EAGAIN ? 42 : 2;
	if (!child)
		_exit(descend(depth + 1));
	const int status = await(child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}

/* Who is limited so far that not one more may be. */
static void limit_processes(rlim_t count)
{
	const struct rlimit limit = {count, count};
	if (setrlimit(RLIMIT_NPROC, &limit))
		perror("setrlimit");
}

static void be_somebody_else(void)
{
	/* An id that nobody else uses: what it has is counted for all of the host. */
	if (setgroups(0, NULL) || setresgid(64123, 64123, 64123) || setresuid(64123, 64123, 64123))
		perror("setresuid");
}

int main(int argc, char **argv)
{
	begin();
	if (!is_root(argc, argv))
		return 0;
	be_somebody_else();
	limit_processes(40);
	test_many();
	test_zombies();
	printf("the deepest saw: %d\n", descend(0));
	return 0;
}
