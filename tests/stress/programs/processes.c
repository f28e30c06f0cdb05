/* Processes under stress, with checked results: fork, vfork and execve, memory that is private and
 * shared, pipelines, signals, stopping, families and many at once, from several threads. Says what
 * went wrong and exits with 1, or says that nothing did.
 *
 * usage: processes SECONDS */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS	  3
#define WORDS	  8192 /* of private memory, for each thread */
#define BATCH_MAX 6
#define PROGRAM	  "/proc/self/exe"

struct shared {
	atomic_ulong failures, children;
	atomic_ulong counters[THREADS];
};

struct worker {
	pthread_t thread;
	unsigned number;
	uint64_t random, seed;
	uint64_t *memory;
};

static struct shared *shared;
static double stop_at;
static struct worker workers[THREADS];

#define EXPECT(condition)                                                                          \
	((condition)                                                                               \
	     ? (void)0                                                                             \
	     : (void)(atomic_fetch_add(&shared->failures, 1),                                      \
		      fprintf(stderr, "%d: %s (errno %d)\n", __LINE__, #condition, errno)))

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void fill(struct worker *worker, uint64_t seed)
{
	worker->seed = seed;
	for (uint64_t i = 0; i < WORDS; i++)
		worker->memory[i] = seed + i * 3;
}

static int is_whole(const struct worker *worker)
{
	for (uint64_t i = 0; i < WORDS; i++)
		if (worker->memory[i] != worker->seed + i * 3)
			return 0;
	return 1;
}

/* As fork(), but waits where there are too many. */
static pid_t fork_patiently(void)
{
	for (unsigned tries = 0; tries < 10000; tries++) {
		const pid_t child = fork();
		if (child >= 0 || errno != EAGAIN) {
			if (child > 0)
				atomic_fetch_add(&shared->children, 1);
			return child;
		}
		usleep(1000);
	}
	return -1;
}

static int await(pid_t child)
{
	int status = -1;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

static int exited_with(int status, int code)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

/* ── what children do ────────────────────────────────────────────────────────────────────────── */

/* Takes and gives back memory of its own, and ends with what it should. */
static int churn(struct worker *worker)
{
	void *blocks[32] = {NULL};
	for (unsigned i = 0; i < 200; i++) {
		const uint64_t random = next_random(&worker->random);
		const unsigned place = random % 32;
		const size_t size = 16 + (random >> 8) % (i % 20 ? 2000 : 200000);
		free(blocks[place]);
		if ((blocks[place] = malloc(size)))
			memset(blocks[place], (int)i, size);
	}
	for (unsigned i = 0; i < 32; i++)
		free(blocks[i]);
	return 0;
}

static int descend(struct worker *worker, unsigned depth)
{
	if (!is_whole(worker))
		return 99;
	fill(worker, worker->seed + depth);
	if (!depth)
		return 0;
	const pid_t child = fork_patiently();
	if (!child)
		_exit(descend(worker, depth - 1));
	const int status = await(child);
	return WIFEXITED(status) && is_whole(worker) ? WEXITSTATUS(status) + 1 : 98;
}

/* ── what threads do ─────────────────────────────────────────────────────────────────────────── */

static void have_child(struct worker *worker, int code)
{
	const pid_t child = fork_patiently();
	if (!child) {
		const int whole = is_whole(worker);
		fill(worker, 1);
		churn(worker);
		_exit(whole && is_whole(worker) ? code : 97);
	}
	EXPECT(child > 0);
	if (worker->random & 1)
		fill(worker, next_random(&worker->random));
	EXPECT(exited_with(await(child), code));
}

static void have_many(struct worker *worker)
{
	const unsigned count = 1 + next_random(&worker->random) % BATCH_MAX;
	pid_t children[BATCH_MAX];
	atomic_store(&shared->counters[worker->number], 0);
	for (unsigned i = 0; i < count; i++) {
		worker->random += i;
		children[i] = fork_patiently();
		if (!children[i]) {
			for (unsigned j = 0; j < 500; j++)
				atomic_fetch_add(&shared->counters[worker->number], 1);
			_exit(churn(worker));
		}
	}
	for (unsigned i = 0; i < count; i++)
		EXPECT(exited_with(await(children[i]), 0));
	EXPECT(atomic_load(&shared->counters[worker->number]) == count * 500UL);
}

static void have_family(struct worker *worker)
{
	const unsigned depth = 1 + next_random(&worker->random) % 4;
	const pid_t child = fork_patiently();
	if (!child)
		_exit(descend(worker, depth));
	EXPECT(exited_with(await(child), (int)depth));
}

static void begin_program(struct worker *worker, int code)
{
	char text[16];
	snprintf(text, sizeof(text), "%d", code);
	char *const arguments[] = {"processes", "exit", text, NULL};
	pid_t child;
	if (worker->random & 4) {
		child = vfork();
		if (!child) {
			execv(PROGRAM, arguments);
			_exit(96);
		}
	} else {
		child = fork_patiently();
		if (!child) {
			execv(PROGRAM, arguments);
			_exit(96);
		}
	}
	if (child < 0) {
		EXPECT(errno == EAGAIN);
		return;
	}
	EXPECT(exited_with(await(child), code));
}

static void pass_on(int from, int to)
{
	unsigned char buffer[4096];
	for (ssize_t got; (got = read(from, buffer, sizeof(buffer))) > 0;) {
		for (ssize_t i = 0; i < got; i++)
			buffer[i]++;
		for (ssize_t done = 0, put; done < got; done += put)
			if ((put = write(to, buffer + done, (size_t)(got - done))) <= 0)
				_exit(95);
	}
	_exit(0);
}

/* Descriptors are of the process: other threads' children have them, too, until they end. */
static pthread_mutex_t one_pipeline = PTHREAD_MUTEX_INITIALIZER;

static void build_pipeline(void)
{
	enum { STAGES = 3, SIZE = 20000 };
	pid_t children[STAGES];
	int ends[STAGES + 1][2];
	pthread_mutex_lock(&one_pipeline);
	for (unsigned i = 0; i <= STAGES; i++)
		EXPECT(!pipe(ends[i]));
	for (unsigned i = 0; i < STAGES; i++) {
		children[i] = fork_patiently();
		if (!children[i]) {
			for (unsigned j = 0; j <= STAGES; j++) {
				if (j != i)
					close(ends[j][0]);
				if (j != i + 1)
					close(ends[j][1]);
			}
			pass_on(ends[i][0], ends[i + 1][1]);
		}
	}
	const pid_t writer = fork_patiently();
	if (!writer) {
		unsigned char bytes[100];
		for (unsigned i = 0; i < SIZE; i += 100) {
			memset(bytes, (int)(i / 100), sizeof(bytes));
			if (write(ends[0][1], bytes, 100) != 100)
				_exit(94);
		}
		_exit(0);
	}
	for (unsigned i = 0; i <= STAGES; i++) {
		close(ends[i][1]);
		if (i < STAGES)
			close(ends[i][0]);
	}
	unsigned char bytes[100];
	unsigned count = 0, wrong = 0;
	while (count < SIZE) {
		const ssize_t got = read(ends[STAGES][0], bytes, sizeof(bytes));
		if (got <= 0)
			break;
		for (ssize_t i = 0; i < got; i++, count++)
			wrong += bytes[i] != (unsigned char)(count / 100 + STAGES);
	}
	EXPECT(count == SIZE && !wrong);
	close(ends[STAGES][0]);
	pthread_mutex_unlock(&one_pipeline);
	EXPECT(exited_with(await(writer), 0));
	for (unsigned i = 0; i < STAGES; i++)
		EXPECT(exited_with(await(children[i]), 0));
}

static void signal_child(struct worker *worker)
{
	static const int signals[] = {SIGKILL, SIGTERM, SIGUSR1, SIGHUP};
	const int signal = signals[next_random(&worker->random) % 4];
	const pid_t child = fork_patiently();
	if (!child)
		for (;;)
			pause();
	if (worker->random & 8) {
		int status = 0;
		kill(child, SIGSTOP);
		EXPECT(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
		kill(child, SIGCONT);
		EXPECT(waitpid(child, &status, WCONTINUED) == child && WIFCONTINUED(status));
	}
	if (worker->random & 16)
		usleep(next_random(&worker->random) % 500);
	kill(child, signal);
	const int status = await(child);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == signal);
}

static void *work(void *context)
{
	struct worker *worker = context;
	fill(worker, next_random(&worker->random));
	while (now() < stop_at) {
		const uint64_t random = next_random(&worker->random);
		switch (random % 8) {
		case 0:
			have_many(worker);
			break;
		case 1:
			have_family(worker);
			break;
		case 2:
			build_pipeline();
			break;
		case 3:
			signal_child(worker);
			break;
		case 4:
		case 5:
			begin_program(worker, (int)((random >> 8) % 90));
			break;
		default:
			have_child(worker, (int)((random >> 8) % 90));
		}
		EXPECT(is_whole(worker));
	}
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "exit"))
		return atoi(argv[2]);
	if (argc != 2)
		return 2;
	stop_at = now() + atof(argv[1]);
	shared =
	    mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){.number = i, .random = 0x9e3779b97f4a7c15 + i};
		workers[i].memory = malloc(WORDS * sizeof(uint64_t));
		if (!workers[i].memory ||
		    pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return 2;
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
	EXPECT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	fprintf(stderr, "%lu children\n", atomic_load(&shared->children));
	printf("%lu failures\n", atomic_load(&shared->failures));
	return atomic_load(&shared->failures) != 0;
}
