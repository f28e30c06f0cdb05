/* A program that does on request what programs should not: the argument says what. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FAR_AWAY ((void *)0xc000000000)
#define RESERVED (1UL << 30)

static int wait_for_request(void)
{
	char byte;
	return read(STDIN_FILENO, &byte, 1) < 0;
}

__attribute__((noinline, used)) static void read_null(void)
{
	static volatile int *volatile null; /* volatile: the compiler must not know its value */
	printf("%d\n", *null);
}

static void write_code(void)
{
	uintptr_t code = (uintptr_t)read_null;
	*(volatile uint8_t *)code = 0xc3;
}

static void execute_data(void)
{
	static uint8_t data[] = {0xc3};
	((void (*)(void))(uintptr_t)data)();
}

/* The depth never gets there, but the compiler cannot know. */
__attribute__((noinline)) static int overflow_stack(int depth)
{
	volatile char room[4096];
	room[0] = (char)depth;
	return depth == INT_MAX ? 0 : overflow_stack(depth + 1) + room[0];
}

__attribute__((noinline)) static void divide_by_zero(void)
{
	volatile int dividend = 1000, zero = 0;
	printf("%d\n", dividend / zero);
}

static void spin(void)
{
	for (volatile int i = 0;; i++)
		;
}

/* Takes memory until there is none: 3 where malloc says so. */
static int exhaust(void)
{
	for (;;) {
		char *block = malloc(1 << 20);
		if (!block)
			return 3;
		memset(block, 1, 1 << 20);
	}
}

/* More than there is, of which the kernel would give as much as is touched. */
static int reserve_and_touch(void)
{
	const size_t size = 1UL << 32;
	char *block = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (block == MAP_FAILED)
		return 3;
	for (size_t i = 0; i < size; i += 4096)
		block[i] = 1;
	return 0;
}

/* Says what became of it; the second time as the first. */
static int open_socket(int family)
{
	for (int i = 0; i < 2; i++)
		printf("%s\n", socket(family, SOCK_STREAM, 0) < 0 ? strerror(errno) : "a socket");
	return 0;
}

/* Wants to go where nothing leads; `fails`: and cannot do without. */
static int connect_to_outside(int fails)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(80)};
	name.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1 */
	int client = socket(AF_INET, SOCK_STREAM, 0);
	printf("%s\n", connect(client, (struct sockaddr *)&name, sizeof(name)) ? strerror(errno)
									       : "connected");
	return fails;
}

/* Asks for what no machine has; `fails`: and cannot do without. */
static int ask_for_swap(int fails)
{
	printf("%s\n", syscall(SYS_swapon, "/none", 0) < 0 ? strerror(errno) : "swapping");
	return fails;
}

/* What the set-up sent, each request receives once; what a request sends, none does. */
static int kept[2];

static int prepare_sockets(void)
{
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, kept) || send(kept[0], "kept", 4, 0) != 4;
}

static int use_kept_sockets(void)
{
	char message[64] = "";
	long length = recv(kept[1], message, sizeof(message) - 1, MSG_DONTWAIT);
	printf("%ld %s\n", length, message);
	length = recv(kept[1], message, sizeof(message), MSG_DONTWAIT);
	printf("%s\n", length < 0 ? strerror(errno) : "another");
	while (send(kept[0], "of this request", 15, MSG_DONTWAIT) == 15)
		;
	return errno != EAGAIN;
}

/* A connection that the set-up made, with bytes on their way; and a server for more of them. */
static int server, client, accepted;
static struct sockaddr_in server_name = {.sin_family = AF_INET};

static int connect_to_server(void)
{
	int made = socket(AF_INET, SOCK_STREAM, 0);
	return connect(made, (struct sockaddr *)&server_name, sizeof(server_name)) ? -1 : made;
}

static int prepare_connections(void)
{
	socklen_t length = sizeof(server_name);
	server_name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(server, (struct sockaddr *)&server_name, length) || listen(server, 3) ||
	    getsockname(server, (struct sockaddr *)&server_name, &length))
		return 1;
	client = connect_to_server();
	accepted = accept(server, NULL, NULL);
	return client < 0 || accepted < 0 || write(client, "kept", 4) != 4 ||
	       connect_to_server() < 0;
}

/* Each request finds them as they were, and what it adds is its own. */
static int use_connections(void)
{
	char text[64] = "";
	long length = read(accepted, text, sizeof(text) - 1);
	printf("%ld %s\n", length, text);
	int waiting = accept(server, NULL, NULL);
	printf("%s\n", recv(waiting, text, 1, MSG_DONTWAIT) < 0 ? strerror(errno) : "bytes");
	int mine = connect_to_server(), other = accept(server, NULL, NULL);
	if (write(mine, "answer", 7) != 7 || read(other, text, sizeof(text)) != 7)
		return 1;
	puts(text);
	close(client);
	length = read(accepted, text, sizeof(text));
	printf("%ld\n", length);
	return connect_to_server() < 0;
}

/* What the set-up mapped far away, each request finds as it was; what a request maps, none does. */
static char *prepare_mappings(void)
{
	char *kept = mmap(FAR_AWAY, RESERVED, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (kept == MAP_FAILED || mprotect(kept, 64 << 12, PROT_READ | PROT_WRITE))
		return NULL;
	for (int i = 0; i < 64; i++)
		kept[i << 12] = (char)(i + 1);
	return kept;
}

static int use_mappings(char *kept)
{
	for (int i = 0; kept && i < 64; i++) {
		if (kept[i << 12] != (char)(i + 1))
			return 1;
		kept[i << 12] = 'x';
	}
	if (!kept || mprotect(kept + (32 << 12), 32 << 12, PROT_READ) ||
	    munmap(kept + (8 << 12), 8 << 12) || madvise(kept, 4 << 12, MADV_DONTNEED) || kept[0])
		return 2;
	for (int i = 0; i < 8; i++) {
		const size_t size = (size_t)(i + 1) << 20;
		char *fresh = mmap(kept + ((size_t)i << 34) + RESERVED, size,
				   PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (fresh == MAP_FAILED || fresh[size / 2] || fresh[size - 1])
			return 3;
		fresh[size / 2] = fresh[size - 1] = 'x';
	}
	return puts("as it was") == EOF;
}

static int print_random(void)
{
	uint8_t bytes[16];
	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return 1;
	for (size_t i = 0; i < sizeof(bytes); i++)
		printf("%02x", bytes[i]);
	return puts("") == EOF;
}

static int print_time(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return printf("%ld.%09ld\n", (long)now.tv_sec, now.tv_nsec) < 0;
}

/* What one request leaves in memory and in /tmp, the next must not find. */
static int leave_traces(void)
{
	static char memory[1 << 16];
	FILE *file = fopen("/tmp/trace", "r");
	if (file || memory[1000]) {
		puts("dirty");
		return 1;
	}
	memset(memory, 'x', sizeof(memory));
	file = fopen("/tmp/trace", "w");
	if (!file || fputs("here I was\n", file) < 0 || fclose(file))
		return 2;
	return puts("clean") == EOF;
}

/* Now so, now so. */
static int ends_early(void)
{
	struct timespec now;
	return clock_gettime(CLOCK_REALTIME, &now) || (now.tv_nsec >> 10 & 1);
}

int main(int argc, char **argv)
{
	const char *deed = argc > 1 ? argv[1] : "";
	char *mappings = strcmp(deed, "mappings") ? NULL : prepare_mappings();
	if (!strcmp(deed, "sockets") && prepare_sockets())
		return 1;
	if (!strcmp(deed, "connections") && prepare_connections())
		return 1;
	if (!strcmp(deed, "maybe") && ends_early())
		return 1;
	if (wait_for_request())
		return 2;
	fprintf(stderr, "about to do: %s\n", deed);
	if (!strcmp(deed, "null"))
		read_null();
	else if (!strcmp(deed, "write-code"))
		write_code();
	else if (!strcmp(deed, "execute-data"))
		execute_data();
	else if (!strcmp(deed, "stack"))
		return overflow_stack(0);
	else if (!strcmp(deed, "divide"))
		divide_by_zero();
	else if (!strcmp(deed, "invalid"))
		__asm__ volatile("ud2");
	else if (!strcmp(deed, "halt"))
		__asm__ volatile("hlt");
	else if (!strcmp(deed, "abort"))
		raise(SIGABRT);
	else if (!strcmp(deed, "spin"))
		spin();
	else if (!strcmp(deed, "sleep"))
		sleep(1000);
	else if (!strcmp(deed, "exhaust"))
		return exhaust();
	else if (!strcmp(deed, "reserve"))
		return reserve_and_touch();
	else if (!strcmp(deed, "internet"))
		return connect_to_outside(0);
	else if (!strcmp(deed, "internet-fails"))
		return connect_to_outside(1);
	else if (!strcmp(deed, "local"))
		return open_socket(AF_UNIX);
	else if (!strcmp(deed, "swap"))
		return ask_for_swap(0);
	else if (!strcmp(deed, "swap-fails"))
		return ask_for_swap(1);
	else if (!strcmp(deed, "sockets"))
		return use_kept_sockets();
	else if (!strcmp(deed, "connections"))
		return use_connections();
	else if (!strcmp(deed, "mappings"))
		return use_mappings(mappings);
	else if (!strcmp(deed, "random"))
		return print_random();
	else if (!strcmp(deed, "time"))
		return print_time();
	else if (!strcmp(deed, "traces"))
		return leave_traces();
	else if (strcmp(deed, "maybe") != 0)
		return 4;
	return 0;
}
