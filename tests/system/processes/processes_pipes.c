/* What processes have in common and wait for: pipes, offsets, events, locks in shared memory,
 * descriptors that are sent. */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include "processes.h"

#define MIB (1UL << 20)

/* Of futex(2); musl's headers have none of it. */
#define FUTEX_WAIT	   0
#define FUTEX_WAKE	   1
#define FUTEX_PRIVATE_FLAG 128

static void pass_on(int from, int to, unsigned char change)
{
	static unsigned char buffer[10000];
	for (ssize_t got; (got = read(from, buffer, sizeof(buffer))) > 0;) {
		for (ssize_t i = 0; i < got; i++)
			buffer[i] ^= change;
		for (ssize_t done = 0, put; done < got; done += put)
			if ((put = write(to, buffer + done, (size_t)(got - done))) <= 0)
				_exit(9);
	}
	_exit(0);
}

/* Five processes, each with the pipe of the one before as its input. */
static void test_pipeline(void)
{
	enum { STAGES = 5 };
	pid_t children[STAGES];
	int input = -1;
	for (int stage = 0; stage < STAGES; stage++) {
		int ends[2];
		pipe(ends);
		START(children[stage], close(ends[0]);
		      if (stage) pass_on(input, ends[1], 1 << stage);
		      for (unsigned i = 0; i < MIB / 4; i++) write(ends[1], &i, 4));
		close(ends[1]);
		if (stage)
			close(input);
		input = ends[0];
	}
	unsigned long sum = 0, count = 0;
	static unsigned char buffer[5000];
	for (ssize_t got; (got = read(input, buffer, sizeof(buffer))) > 0; count += got)
		for (ssize_t i = 0; i < got; i++)
			sum = sum * 131 + buffer[i];
	close(input);
	printf("came through: %lu, %lx\n", count, sum & 0xffffffff);
	for (int stage = 0; stage < STAGES; stage++)
		print_status("stage", await(children[stage]));
}

static void test_ends(void)
{
	int ends[2];
	char byte = 0;
	pid_t child;
	pipe(ends);
	START(child, close(ends[0]); write(ends[1], "abc", 3); usleep(20000));
	close(ends[1]);
	char text[8] = "";
	printf("read: %zd\n", read(ends[0], text, 3));
	printf("the end: %zd\n", read(ends[0], &byte, 1));
	print_status("writer", await(child));
	close(ends[0]);
	/* As long as one process can write, there is no end. */
	struct gate go = gate_make();
	pipe(ends);
	START(child, close(ends[0]); gate_wait(&go); write(ends[1], "late", 4));
	close(ends[1]);
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	TRY(read(ends[0], text, 4));
	gate_open(&go);
	await(child);
	TRY(read(ends[0], text, 8));
	TRY(read(ends[0], text, 8));
	close(ends[0]);
	/* Nobody can read any more. */
	pipe(ends);
	START(child, close(ends[1]); usleep(10000));
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	await(child);
	TRY(write(ends[1], "x", 1));
	signal(SIGPIPE, SIG_DFL);
	IN_CHILD("writer without readers", write(ends[1], "x", 1));
	close(ends[1]);
	/* Short writes of several processes stay whole. */
	enum { WRITERS = 6, LINES = 300 };
	pid_t writers[WRITERS];
	pipe(ends);
	for (int i = 0; i < WRITERS; i++)
		START(writers[i], char line[33]; memset(line, 'a' + i, 32);
		      for (int j = 0; j < LINES; j++) write(ends[1], line, 32));
	close(ends[1]);
	unsigned whole = 0;
	char line[32];
	while (read(ends[0], line, 32) == 32)
		whole += !memcmp(line, line + 1, 31);
	printf("whole lines: %u\n", whole);
	for (int i = 0; i < WRITERS; i++)
		await(writers[i]);
	close(ends[0]);
	gate_close(&go);
}

static void test_offsets(void)
{
	char name[] = "/tmp/mayfly-offset-XXXXXX", text[17] = "";
	const int file = mkstemp(name);
	write(file, "0123456789abcdef", 16);
	lseek(file, 2, SEEK_SET);
	IN_CHILD("offset", read(file, text, 3); printf("child reads %s\n", text));
	printf("parent is at %ld\n", (long)lseek(file, 0, SEEK_CUR));
	IN_CHILD("flags", fcntl(file, F_SETFL, O_APPEND); fcntl(file, F_SETFD, FD_CLOEXEC);
		 lseek(file, 1, SEEK_SET));
	printf("append: %d, close: %d, at %ld\n", !!(fcntl(file, F_GETFL) & O_APPEND),
	       fcntl(file, F_GETFD), (long)lseek(file, 0, SEEK_CUR));
	IN_CHILD("closing", close(file); TRY(read(file, text, 1));
		 int other = open("/dev/null", O_RDONLY);
		 printf("its number is free: %d\n", other == file));
	TRY(read(file, text, 4));
	IN_CHILD("another", int other = open(name, O_RDONLY); read(other, text, 8));
	printf("parent is at %ld\n", (long)lseek(file, 0, SEEK_CUR));
	pid_t children[5];
	for (int i = 0; i < 5; i++)
		START(children[i], for (int j = 0; j < 40; j++) write(file, "line\n", 5));
	for (int i = 0; i < 5; i++)
		await(children[i]);
	printf("appended: %ld\n", (long)lseek(file, 0, SEEK_END));
	/* Locks of a process end with it; those of an open file with its last descriptor. */
	struct gate locked = gate_make(), go = gate_make();
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	pid_t child;
	START(child, fcntl(file, F_SETLK, &whole); gate_open(&locked); gate_wait(&go));
	gate_wait(&locked);
	struct flock seen = whole;
	TRY(fcntl(file, F_SETLK, &whole));
	TRY(fcntl(file, F_GETLK, &seen));
	printf("the child has it: %d\n", seen.l_pid == child);
	gate_open(&go);
	await(child);
	TRY(fcntl(file, F_SETLK, &whole));
	IN_CHILD("inherits no lock", TRY(fcntl(file, F_SETLK, &whole)));
	TRY(flock(file, LOCK_EX));
	IN_CHILD("same file", TRY(flock(file, LOCK_EX | LOCK_NB)));
	IN_CHILD("own file", int other = open(name, O_RDWR); TRY(flock(other, LOCK_EX | LOCK_NB)));
	unlink(name);
	close(file);
	gate_close(&locked);
	gate_close(&go);
}

static void test_events(void)
{
	const int event = eventfd(0, 0), counter = eventfd(5, EFD_SEMAPHORE),
		  poller = epoll_create1(0);
	int ends[2];
	uint64_t value = 0;
	pid_t child;
	pipe(ends);
	START(child, value = 40; usleep(5000); write(event, &value, 8); value = 2;
	      write(event, &value, 8));
	await(child);
	printf("event: %zd", read(event, &value, 8));
	printf(" %lu\n", value);
	START(child, for (int i = 0; i < 3; i++) read(counter, &value, 8));
	await(child);
	TRY(read(counter, &value, 8));
	/* The parent waits until the child does something. */
	struct pollfd polled[] = {{.fd = ends[0], .events = POLLIN},
				  {.fd = event, .events = POLLIN}};
	START(child, usleep(10000); write(ends[1], "x", 1));
	TRY(poll(polled, 2, 10000));
	printf("ready: %d %d\n", polled[0].revents, polled[1].revents);
	await(child);
	struct epoll_event events[2] = {{.events = EPOLLIN, .data.u32 = 1}}, ready[2];
	epoll_ctl(poller, EPOLL_CTL_ADD, event, &events[0]);
	START(child, usleep(10000); value = 1; write(event, &value, 8));
	TRY(epoll_wait(poller, ready, 2, 10000));
	await(child);
	/* What the child adds is there for the parent: they have one epoll. */
	events[0].data.u32 = 2;
	IN_CHILD("adds", TRY(epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &events[0])));
	TRY(epoll_ctl(poller, EPOLL_CTL_ADD, ends[0], &events[0]));
	TRY(epoll_wait(poller, ready, 2, 0));
	IN_CHILD("waits, too", TRY(epoll_wait(poller, ready, 2, 0)); read(event, &value, 8));
	TRY(epoll_wait(poller, ready, 2, 0));
	printf("which: %u\n", ready[0].data.u32);
	const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
	const struct itimerspec soon = {.it_value = {0, 5000000}};
	timerfd_settime(timer, 0, &soon, NULL);
	IN_CHILD("timer", TRY(read(timer, &value, 8)); printf("ran out: %lu\n", value));
	close(timer);
	close(poller);
	close(event);
	close(counter);
	close(ends[0]);
	close(ends[1]);
}

/* ── locks ───────────────────────────────────────────────────────────────────────────────────── */

struct common {
	sem_t semaphore;
	pthread_mutex_t mutex, robust;
	pthread_cond_t condition;
	pthread_barrier_t barrier;
	pthread_rwlock_t rwlock;
	volatile unsigned counter, turn;
	uint32_t word;
};

static void prepare(struct common *common)
{
	pthread_mutexattr_t shared;
	pthread_condattr_t condition;
	pthread_barrierattr_t barrier;
	pthread_rwlockattr_t rwlock;
	sem_init(&common->semaphore, 1, 0);
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&common->mutex, &shared);
	pthread_mutexattr_setrobust(&shared, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&common->robust, &shared);
	pthread_condattr_init(&condition);
	pthread_condattr_setpshared(&condition, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&common->condition, &condition);
	pthread_barrierattr_init(&barrier);
	pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&common->barrier, &barrier, 4);
	pthread_rwlockattr_init(&rwlock);
	pthread_rwlockattr_setpshared(&rwlock, PTHREAD_PROCESS_SHARED);
	pthread_rwlock_init(&common->rwlock, &rwlock);
}

static void test_locks(void)
{
	enum { CHILDREN = 3, TURNS = 200 };
	struct common *common = map_shared(sizeof(*common));
	pid_t children[CHILDREN];
	prepare(common);
	for (int i = 0; i < CHILDREN; i++)
		START(
		    children[i], for (int j = 0; j < 2000; j++) {
			    pthread_mutex_lock(&common->mutex);
			    common->counter = common->counter + 1;
			    if (j % 200 == 0)
				    usleep(10);
			    pthread_mutex_unlock(&common->mutex);
		    } sem_post(&common->semaphore));
	for (int i = 0; i < CHILDREN; i++)
		sem_wait(&common->semaphore);
	printf("counted: %u\n", common->counter);
	for (int i = 0; i < CHILDREN; i++)
		print_status("counter", await(children[i]));
	/* In turns, by a condition. */
	common->turn = 0;
	for (int i = 0; i < CHILDREN; i++)
		START(
		    children[i], for (int j = 0; j < TURNS; j++) {
			    pthread_mutex_lock(&common->mutex);
			    while (common->turn % CHILDREN != (unsigned)i)
				    pthread_cond_wait(&common->condition, &common->mutex);
			    common->turn++;
			    pthread_cond_broadcast(&common->condition);
			    pthread_mutex_unlock(&common->mutex);
		    } pthread_barrier_wait(&common->barrier));
	pthread_barrier_wait(&common->barrier);
	printf("turns: %u\n", common->turn);
	for (int i = 0; i < CHILDREN; i++)
		print_status("turns", await(children[i]));
	/* Who ends with a lock leaves word of it. */
	IN_CHILD("owner", pthread_mutex_lock(&common->robust));
	TRY(pthread_mutex_lock(&common->robust) == EOWNERDEAD);
	TRY(pthread_mutex_consistent(&common->robust));
	TRY(pthread_mutex_unlock(&common->robust));
	struct gate locked = gate_make();
	START(children[0], pthread_mutex_lock(&common->robust); gate_open(&locked);
	      for (;;) pause());
	gate_wait(&locked);
	START(children[1], usleep(10000); kill(children[0], SIGKILL));
	TRY(pthread_mutex_lock(&common->robust) == EOWNERDEAD);
	TRY(pthread_mutex_unlock(&common->robust));
	TRY(pthread_mutex_lock(&common->robust) == ENOTRECOVERABLE);
	print_status("killed", await(children[0]));
	print_status("killer", await(children[1]));
	pthread_rwlock_rdlock(&common->rwlock);
	IN_CHILD("reader", TRY(pthread_rwlock_tryrdlock(&common->rwlock)));
	IN_CHILD("writer", TRY(pthread_rwlock_trywrlock(&common->rwlock) == EBUSY));
	gate_close(&locked);
	munmap(common, sizeof(*common));
}

static long futex(uint32_t *word, int operation, uint32_t value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

/* Private futexes at the same address in two processes have nothing to do with each other, nor have
 * futexes in private memory; those in shared memory meet, wherever it is mapped. */
static void test_futexes(void)
{
	const int file = memfd_create("word", 0);
	ftruncate(file, 4096);
	uint32_t *own = map_private(4096), *shared = map_shared(4096);
	uint32_t *here = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	uint32_t *there = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	const struct {
		const char *name;
		uint32_t *wait, *wake;
		int operation, meet;
	} cases[] = {
	    {"private memory", own, own, FUTEX_WAIT, 0},
	    {"private futex", own, own, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0},
	    {"shared memory", shared, shared, FUTEX_WAIT, 1},
	    {"another place", here, there, FUTEX_WAIT, 1},
	    {"the same place", there, there, FUTEX_WAIT, 1},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct gate ready = gate_make();
		pid_t child;
		const struct timespec limit = {cases[i].meet * 20L, 100000000};
		START(child, gate_open(&ready);
		      _exit(futex(cases[i].wait, cases[i].operation, 0, &limit) ? errno : 0));
		gate_wait(&ready);
		long woken = 0;
		for (int j = 0; j < (cases[i].meet ? 5000 : 20) && !woken; j++) {
			usleep(2000);
			woken =
			    futex(cases[i].wake,
				  FUTEX_WAKE | (cases[i].operation & FUTEX_PRIVATE_FLAG), 10, NULL);
		}
		printf("%s: woken %ld\n", cases[i].name, woken);
		print_status(cases[i].name, await(child));
		gate_close(&ready);
	}
	close(file);
}

/* ── sockets ─────────────────────────────────────────────────────────────────────────────────── */

static void send_descriptor(int socket, int fd)
{
	char byte = 'd', control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (sendmsg(socket, &message, 0) != 1)
		printf("sendmsg: %s\n", strerror(errno));
}

static int receive_descriptor(int socket)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
	int fd = -1;
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	if (recvmsg(socket, &message, 0) != 1)
		return -1;
	const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static void test_sockets(void)
{
	int pair[2], ends[2];
	char text[64] = "";
	pid_t child;
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	START(child, close(pair[0]); char got[64] = ""; read(pair[1], got, 63);
	      printf("child got %s\n", got); write(pair[1], "answer", 6));
	close(pair[1]);
	write(pair[0], "question", 8);
	printf("parent got %zd", read(pair[0], text, 63));
	printf(" %s, then %zd\n", text, read(pair[0], text, 63));
	await(child);
	close(pair[0]);
	/* A pipe's end, and a file with an offset, that only one of them opened. */
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	START(child, pipe(ends); send_descriptor(pair[1], ends[0]); write(ends[1], "sent", 4);
	      char name[] = "/tmp/mayfly-sent-XXXXXX"; int file = mkstemp(name); unlink(name);
	      write(file, "abcdefgh", 8); lseek(file, 3, SEEK_SET); send_descriptor(pair[1], file));
	memset(text, 0, sizeof(text));
	int fd = receive_descriptor(pair[0]);
	printf("by a pipe: %zd", read(fd, text, 63));
	printf(" %s\n", text);
	close(fd);
	fd = receive_descriptor(pair[0]);
	await(child);
	memset(text, 0, sizeof(text));
	printf("by a file: %zd", read(fd, text, 63));
	printf(" %s\n", text);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	/* Who is at the other end. */
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path + 1, 40, "mayfly-%d", getpid());
	(void)bind(listener, (struct sockaddr *)&address, sizeof(address));
	listen(listener, 5);
	START(child, int client = socket(AF_UNIX, SOCK_STREAM, 0);
	      (void)connect(client, (struct sockaddr *)&address, sizeof(address));
	      read(client, text, 1));
	const int server = accept(listener, NULL, NULL);
	struct ucred peer = {0};
	socklen_t length = sizeof(peer);
	TRY(getsockopt(server, SOL_SOCKET, SO_PEERCRED, &peer, &length));
	printf("the child is there: %d\n", peer.pid == child);
	close(server);
	close(listener);
	print_status("client", await(child));
}

static void test_tcp(void)
{
	const int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	TRY(bind(listener, (struct sockaddr *)&address, length));
	listen(listener, 5);
	getsockname(listener, (struct sockaddr *)&address, &length);
	pid_t servers[2];
	/* Two processes accept at one socket, as servers with workers do. */
	for (int i = 0; i < 2; i++)
		START(
		    servers[i], for (;;) {
			    int served = accept(listener, NULL, NULL);
			    char text[16] = "";
			    ssize_t got = read(served, text, 15);
			    if (got <= 0)
				    _exit(0);
			    for (ssize_t j = 0; j < got; j++)
				    text[j] ^= 32;
			    write(served, text, (size_t)got);
			    close(served);
		    });
	unsigned right = 0;
	for (int i = 0; i < 22; i++) {
		const int client = socket(AF_INET, SOCK_STREAM, 0);
		char text[16] = "";
		if (connect(client, (struct sockaddr *)&address, sizeof(address)))
			perror("connect");
		if (i < 20 && write(client, "hello", 5) == 5)
			right += read(client, text, 15) == 5 && !strcmp(text, "HELLO");
		close(client);
	}
	printf("served: %u\n", right);
	for (int i = 0; i < 2; i++)
		print_status("server", await(servers[i]));
	close(listener);
}

/* ── who is woken ────────────────────────────────────────────────────────────────────────────── */

static long number_in(pid_t process, const char *name, const char *before)
{
	char path[64], text[4096] = "";
	snprintf(path, sizeof(path), "/proc/%d/%s", process, name);
	FILE *file = fopen(path, "r");
	const size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
	if (file)
		fclose(file);
	const char *found = length ? strstr(text, before) : NULL;
	return found ? strtol(found + strlen(before), NULL, 10) : -1;
}

static void await_sleep(pid_t process)
{
	char path[64], text[512] = "";
	snprintf(path, sizeof(path), "/proc/%d/stat", process);
	do {
		sched_yield();
		FILE *file = fopen(path, "r");
		text[file ? fread(text, 1, sizeof(text) - 1, file) : 0] = 0;
		if (file)
			fclose(file);
	} while (!strstr(text, ") S "));
}

static void wait_by_poll(int file)
{
	struct pollfd polled = {.fd = file, .events = POLLIN};
	_exit(poll(&polled, 1, -1) == 1 ? 1 : 9);
}

static void wait_by_select(int file)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(file, &set);
	_exit(select(file + 1, &set, NULL, NULL, NULL) == 1 ? 2 : 9);
}

static void wait_by_epoll(int file)
{
	const int watch = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN};
	epoll_ctl(watch, EPOLL_CTL_ADD, file, &event);
	_exit(epoll_wait(watch, &event, 1, -1) == 1 ? 3 : 9);
}

/* Who waits for one pipe sleeps on while another one is used. */
static void test_sleepers(void)
{
	static void (*const ways[])(int) = {wait_by_poll, wait_by_select, wait_by_epoll};
	static const char *const switches = "\nvoluntary_ctxt_switches:\t";
	for (size_t way = 0; way < sizeof(ways) / sizeof(*ways); way++) {
		struct gate quiet = gate_make(), busy = gate_make(), begun = gate_make();
		pid_t child;
		START(child, gate_open(&begun); ways[way](quiet.ends[0]));
		gate_wait(&begun);
		await_sleep(child);
		const long before = number_in(child, "status", switches);
		for (int i = 0; i < 200; i++) {
			struct pollfd polled = {.fd = busy.ends[0], .events = POLLIN};
			gate_open(&busy);
			sched_yield();
			if (poll(&polled, 1, -1) != 1)
				printf("not ready\n");
			gate_wait(&busy);
		}
		printf("woken %ld times\n", number_in(child, "status", switches) - before);
		gate_open(&quiet);
		print_status("the sleeper", await(child));
		gate_close(&quiet);
		gate_close(&busy);
		gate_close(&begun);
	}
}

int main(void)
{
	begin();
	test_pipeline();
	test_ends();
	test_offsets();
	test_events();
	test_locks();
	test_futexes();
	test_sockets();
	test_tcp();
	test_sleepers();
	return 0;
}
