/* Threads and memory under stress, with checked results: mutexes, conditions, thread-local storage,
 * memory that is allocated, mapped, protected and freed, faults with handlers, signals between
 * threads, timers, pipes, vector registers. Says what went wrong and exits with 1, or says that
 * nothing did.
 *
 * usage: stress SECONDS [THREADS] */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64
#define BLOCKS	    48
#define QUEUE_SIZE  16
#define PAGE	    4096UL

struct worker {
	pthread_t thread;
	uint64_t random;
	unsigned number;
	uint64_t added, pushed, popped, faults;
	atomic_ulong signals_sent, signals_taken;
	struct {
		unsigned char *bytes;
		size_t size;
		uint64_t seed;
	} blocks[BLOCKS];
};

static struct worker workers[THREADS_MAX];
static unsigned worker_count = 8;
static atomic_bool stop;
static atomic_ulong failures, alarms;

static pthread_barrier_t beginning, end;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t total;

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more, less;
	uint64_t values[QUEUE_SIZE];
	unsigned first, count;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER,
	   .more = PTHREAD_COND_INITIALIZER,
	   .less = PTHREAD_COND_INITIALIZER};

static _Thread_local struct worker *self;
static _Thread_local uint64_t tally;
static _Thread_local sigjmp_buf after_fault;
static _Thread_local volatile sig_atomic_t fault_wanted;

#define EXPECT(condition)                                                                          \
	((condition) ? (void)0                                                                     \
		     : (void)(atomic_fetch_add(&failures, 1),                                      \
			      fprintf(stderr, "%d: %s\n", __LINE__, #condition)))

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void fill(unsigned char *bytes, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(seed + i * 7 + (i >> 8));
}

static int holds(const unsigned char *bytes, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != (unsigned char)(seed + i * 7 + (i >> 8)))
			return 0;
	return 1;
}

static void allocate(void)
{
	uint64_t random = next_random(&self->random);
	unsigned place = random % BLOCKS;
	size_t size = 1 + (random >> 8) % (random & 64 ? 60000 : 600);
	if (self->blocks[place].bytes) {
		EXPECT(holds(self->blocks[place].bytes, self->blocks[place].size,
			     self->blocks[place].seed));
		if (random & 128) {
			size_t kept = self->blocks[place].size;
			unsigned char *moved = realloc(self->blocks[place].bytes, size);
			EXPECT(moved);
			if (!moved)
				return;
			EXPECT(holds(moved, kept < size ? kept : size, self->blocks[place].seed));
			self->blocks[place].bytes = moved;
		} else {
			free(self->blocks[place].bytes);
			self->blocks[place].bytes = NULL;
		}
	}
	if (!self->blocks[place].bytes)
		self->blocks[place].bytes = malloc(size);
	EXPECT(self->blocks[place].bytes);
	if (!self->blocks[place].bytes)
		return;
	self->blocks[place].size = size;
	self->blocks[place].seed = random;
	fill(self->blocks[place].bytes, size, random);
}

static void add(void)
{
	pthread_mutex_lock(&lock);
	uint64_t before = total;
	if (next_random(&self->random) % 32 == 0)
		sched_yield();
	total = before + 1;
	pthread_mutex_unlock(&lock);
	self->added++;
	tally++;
	EXPECT(tally == self->added);
}

/* Each takes out as much as it puts in, so that nobody waits for ever. */
static void pass_on(void)
{
	uint64_t value = next_random(&self->random) >> 16;
	pthread_mutex_lock(&queue.lock);
	while (queue.count == QUEUE_SIZE)
		pthread_cond_wait(&queue.less, &queue.lock);
	queue.values[(queue.first + queue.count++) % QUEUE_SIZE] = value;
	self->pushed += value;
	pthread_cond_signal(&queue.more);
	pthread_mutex_unlock(&queue.lock);

	pthread_mutex_lock(&queue.lock);
	while (!queue.count)
		pthread_cond_wait(&queue.more, &queue.lock);
	self->popped += queue.values[queue.first];
	queue.first = (queue.first + 1) % QUEUE_SIZE;
	queue.count--;
	pthread_cond_signal(&queue.less);
	pthread_mutex_unlock(&queue.lock);
}

static void caught(int signal, siginfo_t *information, void *context)
{
	(void)signal;
	(void)information;
	(void)context;
	if (!fault_wanted) {
		static const char line[] = "a fault that nobody wanted\n";
		if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0)
			_exit(3);
		_exit(2);
	}
	fault_wanted = 0;
	siglongjmp(after_fault, 1);
}

static bool faults_at(volatile unsigned char *target)
{
	if (sigsetjmp(after_fault, 1))
		return true;
	fault_wanted = 1;
	*target = 1;
	return false;
}

static void map(void)
{
	uint64_t random = next_random(&self->random);
	size_t pages = 1 + random % 24, size = pages * PAGE, inner = (random >> 8) % pages;
	unsigned char *bytes =
	    mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(bytes != MAP_FAILED);
	if (bytes == MAP_FAILED)
		return;
	for (size_t i = 0; i < size; i += 509)
		EXPECT(!bytes[i]);
	fill(bytes, size, random);
	EXPECT(!mprotect(bytes + inner * PAGE, PAGE, random & 64 ? PROT_READ : PROT_NONE));
	if (random % 4 == 0) {
		EXPECT(faults_at(bytes + inner * PAGE + random % PAGE));
		self->faults++;
	}
	EXPECT(!mprotect(bytes + inner * PAGE, PAGE, PROT_READ | PROT_WRITE));
	EXPECT(holds(bytes, size, random));
	if (random & 128) {
		EXPECT(!madvise(bytes + inner * PAGE, PAGE, MADV_DONTNEED));
		for (size_t i = 0; i < PAGE; i++)
			EXPECT(!bytes[inner * PAGE + i]);
	}
	if (inner) {
		EXPECT(!munmap(bytes, inner * PAGE));
		bytes += inner * PAGE;
		size -= inner * PAGE;
	}
	EXPECT(!munmap(bytes, size));
}

static void take_signal(int signal)
{
	(void)signal;
	int error = errno;
	if (self)
		atomic_fetch_add(&self->signals_taken, 1);
	errno = error;
}

static void take_alarm(int signal)
{
	(void)signal;
	atomic_fetch_add(&alarms, 1);
}

/* The pending one is counted by its taker, so that what is taken never exceeds what was sent. */
static void send_signal(void)
{
	struct worker *other = &workers[next_random(&self->random) % worker_count];
	atomic_fetch_add(&other->signals_sent, 1);
	EXPECT(!pthread_kill(other->thread, SIGUSR1));
}

/* The same computation twice must give the same to the bit, whoever ran in between. */
static void compute(void)
{
	double results[2];
	uint64_t seed = next_random(&self->random) % 1000;
	for (int turn = 0; turn < 2; turn++) {
		double lanes[8] = {0};
		for (unsigned i = 1; i < 4000; i++)
			for (unsigned lane = 0; lane < 8; lane++)
				lanes[lane] += (double)(seed + lane) / (double)i;
		results[turn] = 0;
		for (unsigned lane = 0; lane < 8; lane++)
			results[turn] += lanes[lane];
	}
	EXPECT(results[0] == results[1]);
}

static void use_pipe(void)
{
	int ends[2];
	unsigned char out[3000], in[sizeof(out)];
	uint64_t seed = next_random(&self->random);
	if (pipe(ends)) {
		EXPECT(!"a pipe");
		return;
	}
	fill(out, sizeof(out), seed);
	EXPECT(write(ends[1], out, sizeof(out)) == (ssize_t)sizeof(out));
	EXPECT(read(ends[0], in, sizeof(in)) == (ssize_t)sizeof(in));
	EXPECT(holds(in, sizeof(in), seed));
	EXPECT(!close(ends[0]) && !close(ends[1]));
}

static void sleep_a_little(void)
{
	struct timespec before, after;
	const struct timespec time = {.tv_nsec = (long)(next_random(&self->random) % 300000)};
	clock_gettime(CLOCK_MONOTONIC, &before);
	int interrupted = nanosleep(&time, NULL);
	clock_gettime(CLOCK_MONOTONIC, &after);
	long slept = (after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec;
	EXPECT(interrupted || slept >= time.tv_nsec);
}

static void *run_short(void *argument)
{
	tally = (uint64_t)(uintptr_t)argument;
	sched_yield();
	return (void *)(uintptr_t)(tally * 3);
}

static void start_thread(void)
{
	pthread_t thread;
	pthread_attr_t small;
	void *result = NULL;
	uint64_t value = next_random(&self->random) >> 8;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 1UL << 17);
	EXPECT(!pthread_create(&thread, &small, run_short, (void *)(uintptr_t)value));
	EXPECT(!pthread_join(thread, &result));
	EXPECT((uint64_t)(uintptr_t)result == value * 3);
}

static void *work(void *argument)
{
	static void (*const deeds[])(void) = {
	    allocate, allocate,	   allocate,	   add,		add, pass_on, map, map, compute,
	    use_pipe, send_signal, sleep_a_little, start_thread};
	self = argument;
	pthread_barrier_wait(&beginning); /* all can be sent signals */
	while (!atomic_load(&stop))
		deeds[next_random(&self->random) % (sizeof(deeds) / sizeof(deeds[0]))]();
	for (unsigned i = 0; i < BLOCKS; i++) {
		EXPECT(!self->blocks[i].bytes ||
		       holds(self->blocks[i].bytes, self->blocks[i].size, self->blocks[i].seed));
		free(self->blocks[i].bytes);
	}
	pthread_barrier_wait(&end);
	return self;
}

static void install(int signal, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	sigaction(signal, &action, NULL);
}

int main(int count, char **arguments)
{
	unsigned seconds = count > 1 ? (unsigned)atoi(arguments[1]) : 2;
	if (count > 2)
		worker_count = (unsigned)atoi(arguments[2]);
	if (!worker_count || worker_count > THREADS_MAX)
		return 2;
	struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
	sigaction(SIGSEGV, &action, NULL);
	install(SIGUSR1, take_signal);
	install(SIGALRM, take_alarm);

	pthread_barrier_init(&beginning, NULL, worker_count + 1);
	pthread_barrier_init(&end, NULL, worker_count);
	for (unsigned i = 0; i < worker_count; i++) {
		workers[i].number = i;
		workers[i].random = 88172645463325252UL + i * 977UL;
	}
	for (unsigned i = 0; i < worker_count; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) {
			fprintf(stderr, "cannot start thread %u\n", i);
			return 1;
		}
	pthread_barrier_wait(&beginning);
	const struct itimerval often = {{.tv_usec = 2000}, {.tv_usec = 2000}};
	setitimer(ITIMER_REAL, &often, NULL);
	struct timespec now, last;
	clock_gettime(CLOCK_MONOTONIC, &last);
	last.tv_sec += seconds;
	do {
		const struct timespec moment = {.tv_nsec = 20000000};
		nanosleep(&moment, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < last.tv_sec ||
		 (now.tv_sec == last.tv_sec && now.tv_nsec < last.tv_nsec));
	atomic_store(&stop, true);

	uint64_t added = 0, pushed = 0, popped = 0, faults = 0;
	for (unsigned i = 0; i < worker_count; i++) {
		struct worker *worker = &workers[i];
		void *result = NULL;
		EXPECT(!pthread_join(worker->thread, &result));
		EXPECT(result == worker);
		EXPECT(atomic_load(&worker->signals_taken) <= atomic_load(&worker->signals_sent));
		added += worker->added;
		pushed += worker->pushed;
		popped += worker->popped;
		faults += worker->faults;
	}
	EXPECT(total == added);
	EXPECT(pushed == popped);
	EXPECT(added && atomic_load(&alarms));
	fprintf(stderr, "%lu added, %lu faults, %lu alarms\n", (unsigned long)added,
		(unsigned long)faults, (unsigned long)atomic_load(&alarms));
	printf("%lu failures\n", (unsigned long)atomic_load(&failures));
	return atomic_load(&failures) ? 1 : 0;
}
