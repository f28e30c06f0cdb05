/* What sockets leave behind: nothing, in whatever order their ends, their packets and the files in
 * those go. The programs errors_sockets.c and errors_messages.c say what each call answers. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "guest/fs/inode.h"
#include "guest/kernel/calls.h"
#include "guest/mm/pool.h"
#include "host_machine.h"
#include "sizes/sizes.h"
#include "tests/check.h"

#define DEPTH 200 /* of sockets within each other's packets */

/* In the program's memory. */
struct arguments {
	int ends[2];
	struct msghdr header;
	struct iovec part;
	char byte;
	union {
		struct cmsghdr first;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control;
	struct sockaddr_un name;
	struct sockaddr_in place;
};

static struct arguments *arguments;

static void make_pair(uint64_t type, uint64_t ends[2])
{
	CHECK_NUMBER(SYSTEM(socketpair, AF_UNIX, type, 0, ADDRESS(arguments->ends)), 0);
	for (int i = 0; i < 2; i++)
		ends[i] = (uint64_t)arguments->ends[i];
}

static int64_t send_files(uint64_t by, uint64_t first, uint64_t second)
{
	const int numbers[2] = {(int)first, (int)second};
	arguments->part = (struct iovec){&arguments->byte, 1};
	arguments->header = (struct msghdr){
	    .msg_iov = &arguments->part,
	    .msg_iovlen = 1,
	    .msg_control = &arguments->control,
	    .msg_controllen = sizeof(arguments->control),
	};
	arguments->control.first = (struct cmsghdr){
	    .cmsg_len = CMSG_LEN(sizeof(numbers)),
	    .cmsg_level = SOL_SOCKET,
	    .cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(&arguments->control.first), numbers, sizeof(numbers));
	return SYSTEM(sendmsg, by, ADDRESS(&arguments->header), MSG_DONTWAIT);
}

static void close_both(const uint64_t ends[2])
{
	CHECK_NUMBER(SYSTEM(close, ends[0]), 0);
	CHECK_NUMBER(SYSTEM(close, ends[1]), 0);
}

static void leave_bytes(uint64_t type)
{
	uint64_t ends[2];
	make_pair(type, ends);
	CHECK_NUMBER(SYSTEM(sendto, ends[0], ADDRESS(&arguments->byte), 1, 0, 0, 0), 1);
	CHECK_NUMBER(SYSTEM(sendto, ends[1], ADDRESS(&arguments->byte), 1, 0, 0, 0), 1);
	close_both(ends);
}

/* Each end waits in the other's queue, or in its own. */
static void leave_circle(uint64_t type)
{
	uint64_t ends[2];
	make_pair(type, ends);
	CHECK_NUMBER(send_files(ends[0], ends[0], ends[1]), 1);
	CHECK_NUMBER(send_files(ends[1], ends[0], ends[0]), 1);
	close_both(ends);
}

/* A pair in a packet of another one, which is in a packet … */
static void leave_chain(uint64_t type)
{
	uint64_t inner[2], outer[2];
	make_pair(type, inner);
	for (int i = 0; i < DEPTH; i++) {
		make_pair(type, outer);
		CHECK_NUMBER(send_files(outer[0], inner[0], inner[1]), 1);
		close_both(inner);
		memcpy(inner, outer, sizeof(inner));
	}
	close_both(inner);
}

/* Connections that nobody has accepted, with files in them. */
static void leave_connections(void)
{
	uint64_t server = (uint64_t)SYSTEM(socket, AF_UNIX, SOCK_STREAM, 0), clients[3];
	CHECK_NUMBER(SYSTEM(bind, server, ADDRESS(&arguments->name), 2), 0);
	arguments->ends[0] = sizeof(arguments->name);
	CHECK_NUMBER(
	    SYSTEM(getsockname, server, ADDRESS(&arguments->name), ADDRESS(arguments->ends)), 0);
	const uint64_t length = (uint64_t)arguments->ends[0];
	CHECK_NUMBER(SYSTEM(listen, server, 3), 0);
	for (int i = 0; i < 3; i++) {
		clients[i] = (uint64_t)SYSTEM(socket, AF_UNIX, SOCK_STREAM, 0);
		CHECK_NUMBER(SYSTEM(connect, clients[i], ADDRESS(&arguments->name), length), 0);
		CHECK_NUMBER(send_files(clients[i], server, clients[i]), 1);
	}
	CHECK_NUMBER(SYSTEM(close, clients[0]), 0);
	CHECK_NUMBER(SYSTEM(close, server), 0);
	CHECK_NUMBER(SYSTEM(close, clients[1]), 0);
	CHECK_NUMBER(SYSTEM(close, clients[2]), 0);
}

static uint64_t make_inet(uint64_t type)
{
	return (uint64_t)SYSTEM(socket, AF_INET, type, 0);
}

static int64_t with_place(int64_t (*call)(const uint64_t arguments[6]), uint64_t socket)
{
	const uint64_t list[6] = {socket, ADDRESS(&arguments->place), sizeof(arguments->place)};
	return call(list);
}

/* A server of the machine's own address; its place is known then. */
static uint64_t make_server(uint64_t type)
{
	const uint64_t server = make_inet(type);
	arguments->place = (struct sockaddr_in){.sin_family = AF_INET};
	CHECK_NUMBER(with_place(call_bind, server), 0);
	arguments->ends[0] = sizeof(arguments->place);
	CHECK_NUMBER(
	    SYSTEM(getsockname, server, ADDRESS(&arguments->place), ADDRESS(arguments->ends)), 0);
	return server;
}

/* TCP: connections with bytes in them, accepted or not; ended, broken off or as they are. */
static void leave_streams(void)
{
	const uint64_t server = make_server(SOCK_STREAM);
	uint64_t clients[4];
	CHECK_NUMBER(SYSTEM(listen, server, 8), 0);
	for (int i = 0; i < 4; i++) {
		clients[i] = make_inet(SOCK_STREAM);
		CHECK_NUMBER(with_place(call_connect, clients[i]), 0);
		CHECK_NUMBER(SYSTEM(sendto, clients[i], ADDRESS(&arguments->byte), 1, 0, 0, 0), 1);
	}
	const uint64_t first = (uint64_t)SYSTEM(accept, server, 0, 0);
	const uint64_t second = (uint64_t)SYSTEM(accept, server, 0, 0);
	CHECK_NUMBER(SYSTEM(sendto, first, ADDRESS(&arguments->byte), 1, 0, 0, 0), 1);
	CHECK_NUMBER(SYSTEM(shutdown, second, SHUT_WR), 0);
	/* To nobody: it is broken off, and can connect again. */
	arguments->place.sin_family = AF_UNSPEC;
	CHECK_NUMBER(with_place(call_connect, clients[1]), 0);
	arguments->place.sin_family = AF_INET;
	CHECK_NUMBER(with_place(call_connect, clients[1]), 0);
	for (int i = 0; i < 3; i++)
		CHECK_NUMBER(SYSTEM(close, clients[i]), 0);
	CHECK_NUMBER(SYSTEM(close, server), 0);
	CHECK_NUMBER(SYSTEM(close, first), 0);
	CHECK_NUMBER(SYSTEM(close, second), 0);
	CHECK_NUMBER(SYSTEM(close, clients[3]), 0);
}

/* UDP: what nobody took, from one that is closed; a receiver that only a packet holds. */
static void leave_datagrams(void)
{
	const uint64_t receiver = make_server(SOCK_DGRAM), sender = make_inet(SOCK_DGRAM);
	uint64_t ends[2];
	CHECK_NUMBER(with_place(call_connect, sender), 0);
	for (int i = 0; i < 3; i++)
		CHECK_NUMBER(SYSTEM(sendto, sender, ADDRESS(&arguments->byte), 1, 0, 0, 0), 1);
	make_pair(SOCK_STREAM, ends);
	CHECK_NUMBER(send_files(ends[0], receiver, ends[1]), 1);
	CHECK_NUMBER(SYSTEM(close, receiver), 0);
	CHECK_NUMBER(SYSTEM(close, sender), 0);
	close_both(ends);
}

/* As many as may be on their way, and no more. */
static void fill_the_way(void)
{
	uint64_t ends[2];
	int64_t result = 1;
	int sent = 0;
	make_pair(SOCK_STREAM, ends);
	/* Descriptors of no socket, so that only their number is bounded. */
	for (; sent < 10000 && result == 1; sent++)
		result = send_files(ends[sent % 2], 0, 1);
	CHECK(result == -ETOOMANYREFS || result == -EAGAIN);
	CHECK(sent > 100 && sent <= 513);
	close_both(ends);
}

/* What only packets hold goes when the next socket is closed. */
static void check_inodes(uint64_t wanted)
{
	CHECK_NUMBER(SYSTEM(close, (uint64_t)SYSTEM(socket, AF_UNIX, SOCK_STREAM, 0)), 0);
	CHECK_NUMBER(inode_count(), wanted);
}

/* One round of everything; after each part there is what there was before. */
static void leave_all(void)
{
	static const uint64_t types[] = {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM};
	const uint64_t inodes = inode_count();
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		leave_bytes(types[i]);
		check_inodes(inodes);
		leave_circle(types[i]);
		check_inodes(inodes);
		leave_chain(types[i]);
		check_inodes(inodes);
	}
	leave_connections();
	check_inodes(inodes);
	leave_streams();
	check_inodes(inodes);
	leave_datagrams();
	check_inodes(inodes);
	fill_the_way();
	check_inodes(inodes);
}

int main(void)
{
	host_start(4096);
	arguments = host_memory(sizeof(*arguments));
	/* The heap keeps the pages that it has once needed. */
	uint64_t pages = 0;
	for (int round = 0; round < 3; round++) {
		arguments->name = (struct sockaddr_un){.sun_family = AF_UNIX};
		leave_all();
		if (round)
			CHECK_NUMBER(pool_free_pages(), pages);
		pages = pool_free_pages();
	}
	return check_status();
}
