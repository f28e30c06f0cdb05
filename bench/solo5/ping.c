/* How long a ping takes through the kernel to a unikernel of Solo5 behind a tap, in nanoseconds: the least and
 * the median.
 *
 * usage: solo5-ping ADDRESS COUNT */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_S 2

struct echo {
	struct icmphdr head;
	uint8_t data[56];
};

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* RFC 1071. */
static uint16_t checksum(const void *data, size_t length)
{
	uint32_t sum = 0;
	for (size_t i = 0; i + 1 < length; i += 2) {
		uint16_t word;
		memcpy(&word, (const uint8_t *)data + i, sizeof(word));
		sum += word;
	}
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* False where no answer comes. */
static int ping(int fd, const struct sockaddr_in *to, uint16_t number)
{
	struct echo echo = {.head = {.type = ICMP_ECHO, .un.echo = {.id = 1, .sequence = number}}};
	echo.head.checksum = checksum(&echo, sizeof(echo));
	if (sendto(fd, &echo, sizeof(echo), 0, (const void *)to, sizeof(*to)) < 0)
		return 0;
	for (;;) {
		struct {
			struct iphdr ip;
			struct echo echo;
		} answer;
		if (recv(fd, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer))
			return 0;
		if (answer.echo.head.type == ICMP_ECHOREPLY &&
		    answer.echo.head.un.echo.sequence == number)
			return 1;
	}
}

static int compare(const void *one, const void *other)
{
	const uint64_t first = *(const uint64_t *)one, second = *(const uint64_t *)other;
	return (first > second) - (first < second);
}

int main(int count, char **words)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct sockaddr_in to = {.sin_family = AF_INET};
	const size_t pings = count == 3 ? strtoul(words[2], NULL, 10) : 0;
	const int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	uint64_t *took = calloc(pings + 1, sizeof(*took));
	if (!pings || !took || fd < 0 || !inet_aton(words[1], &to.sin_addr) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return 2;
	for (size_t i = 0; i < pings; i++) {
		const uint64_t begin = now_ns();
		if (!ping(fd, &to, (uint16_t)i))
			return 1;
		took[i] = now_ns() - begin;
	}
	qsort(took, pings, sizeof(*took), compare);
	printf("%lu %lu\n", took[0], took[pings / 2]);
	return 0;
}
