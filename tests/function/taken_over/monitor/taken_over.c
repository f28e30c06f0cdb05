/* A monitor that its guest has taken over: does to its front what MAYFLY_TEST_DEED says, and
 * otherwise what a monitor does. It runs no guest; responses are what lies in its window.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "channel/channel.h"
#include "mayfly/guest_abi.h"

#define SLOTS_MAX    8
#define FLOOD	     20000
#define SOME	     1000
#define LIFE_SECONDS 40	 /* whatever happens */
#define REQUESTS     4	 /* that the front submits */
#define DESCRIPTORS  250 /* the kernel passes 253 at most */

struct slot {
	uint32_t number;
	int socket;
	bool ready;
};

static const char *deed;
static struct slot slots[SLOTS_MAX];
static size_t slot_count;

static bool does(const char *name)
{
	return !strcmp(deed, name);
}

static void stay_silent(void)
{
	for (;;)
		pause();
}

static void send_raw(int socket, const void *data, size_t length, const int *descriptors,
		     size_t count)
{
	char room[CMSG_SPACE(DESCRIPTORS * sizeof(int))] = {0};
	struct iovec part = {.iov_base = (void *)data, .iov_len = length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (count) {
		message.msg_control = room;
		message.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
	}
	if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0)
		_exit(3);
}

static void say(int socket, struct channel_message message, const char *text, int descriptor)
{
	if (channel_send(socket, &message, text, &descriptor, descriptor >= 0 ? 1 : 0, 0))
		_exit(3);
}

/* Packets of random bytes and lengths, some with a good head. */
static void send_garbage(int socket)
{
	uint8_t packet[8192];
	for (int i = 0; i < 2000; i++) {
		uint16_t length = 0;
		getrandom(packet, sizeof(packet), 0);
		getrandom(&length, sizeof(length), 0);
		length %= sizeof(packet);
		struct channel_message *message = (struct channel_message *)(void *)packet;
		if (i % 2) {
			message->magic = CHANNEL_MAGIC;
			message->version = CHANNEL_VERSION;
			message->kind %= 80;
			length = sizeof(*message) + (message->flags & 1 ? CHANNEL_TEXT_MAX : 0);
		}
		if (send(socket, packet, length, MSG_NOSIGNAL) < 0)
			return;
	}
}

static int make_file(size_t size, int seals)
{
	const int fd = memfd_create("window", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)size) || (seals && fcntl(fd, F_ADD_SEALS, seals)))
		_exit(4);
	return fd;
}

/* ── before it is confined ───────────────────────────────────────────────────────────────────── */

static void tell_started(void)
{
	struct channel_message message = {.kind = CHANNEL_STARTED};
	int pidfd = -1;
	if (does("started without a process")) {
		say(CHANNEL_CONTROL, message, NULL, -1);
		stay_silent();
	}
	if (does("started with an event") || does("started as another child")) {
		const char *other = getenv("MAYFLY_TEST_CHILD");
		message.slot = does("started with an event") ? (uint32_t)getpid()
							     : (uint32_t)atoi(other ? other : "0");
		say(CHANNEL_CONTROL, message, NULL, eventfd(1, EFD_CLOEXEC));
		stay_silent();
	}
	if (does("started with a stranger")) {
		pid_t child = fork();
		if (!child) {
			sleep(LIFE_SECONDS);
			_exit(0);
		}
		message.slot = (uint32_t)child;
		say(CHANNEL_CONTROL, message, NULL, (int)syscall(SYS_pidfd_open, child, 0));
		kill(child, SIGKILL);
		stay_silent();
	}
	long pid = syscall(SYS_clone, CLONE_PARENT | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, 0);
	if (!pid) {
		alarm(LIFE_SECONDS);
		return;
	}
	if (pid < 0)
		_exit(5);
	message.slot = does("started by a wrong number") ? 1 : (uint32_t)pid;
	say(CHANNEL_CONTROL, message, NULL, pidfd);
	if (does("started twice"))
		say(CHANNEL_CONTROL, message, NULL, pidfd);
	_exit(0);
}

static void begin(void)
{
	struct channel_message message,
	    opened = {.kind = CHANNEL_OPENED, .length = 1UL << 30, .serial = 100};
	int descriptors[CHANNEL_PASSED_MAX];
	if (does("silent"))
		stay_silent();
	if (does("ends"))
		_exit(0);
	if (does("garbage on control"))
		send_garbage(CHANNEL_CONTROL);
	if (does("of another version")) {
		opened.magic = CHANNEL_MAGIC;
		opened.version = CHANNEL_VERSION + 1;
		send_raw(CHANNEL_CONTROL, &opened, sizeof(opened), NULL, 0);
		stay_silent();
	}
	if (does("fails with escapes")) {
		opened.result = -EIO;
		say(CHANNEL_CONTROL, opened, "\033[31mred\a\177\302\233 and \xff\xfe", -1);
		stay_silent();
	}
	say(CHANNEL_CONTROL, opened, NULL, -1);
	if (does("opened twice")) {
		say(CHANNEL_CONTROL, opened, NULL, -1);
		_exit(0);
	}
	if (channel_receive(CHANNEL_CONTROL, &message, descriptors, NULL, 0))
		_exit(6);
	channel_close_descriptors(descriptors);
	if (does("ends unstarted"))
		_exit(0);
	tell_started();
}

/* ── at work ─────────────────────────────────────────────────────────────────────────────────── */

static void ask_broker(uint32_t kind, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		say(CHANNEL_BROKER, (struct channel_message){.kind = kind}, NULL, -1);
}

static void become_ready(struct slot *slot)
{
	struct channel_message message = {.kind = CHANNEL_READY, .slot = slot->number};
	int fd = -1, ends[2];
	static bool failed;
	if (does("never ready"))
		return;
	if (slot != &slots[0] && (does("cannot open a second slot") ||
				  (does("cannot open a second slot at first") && !failed))) {
		failed = true;
		message.kind = CHANNEL_FAILED;
		message.result = -ENOMEM;
		say(slot->socket, message, "no memory", -1);
		return;
	}
	if (does("a window that can shrink"))
		fd = make_file(WINDOW_SIZE, 0);
	else if (does("a small window"))
		fd = make_file(WINDOW_REQUEST_OFFSET, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	else if (does("a window that is none"))
		fd = eventfd(0, EFD_CLOEXEC);
	else if (does("a window that is a pipe"))
		fd = pipe2(ends, O_CLOEXEC) ? -1 : ends[0];
	else if (does("a sealed window"))
		fd = make_file(WINDOW_SIZE, F_SEAL_SHRINK | F_SEAL_WRITE);
	else if (!does("no window"))
		fd = make_file(WINDOW_SIZE, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	slot->ready = true;
	say(slot->socket, message, NULL, fd);
	if (does("ready twice"))
		say(slot->socket, message, NULL, fd);
	if (fd >= 0)
		close(fd);
	if (does("done with nothing"))
		say(slot->socket, (struct channel_message){.kind = CHANNEL_DONE}, NULL, -1);
	if (does("garbage on its slot"))
		send_garbage(slot->socket);
	if (does("closes its slot when it is ready"))
		shutdown(slot->socket, SHUT_RDWR);
	if (does("garbage for the broker"))
		send_garbage(CHANNEL_BROKER);
	if (does("asks for some servers"))
		ask_broker(CHANNEL_REVIVE, SOME);
	/* Requests are numbered from 1: an answer can be there before the request. */
	for (message.serial = 1; does("answers before it is asked"); message.serial++) {
		message.kind = CHANNEL_DONE;
		message.flags = CHANNEL_FREE;
		say(slot->socket, message, NULL, -1);
	}
}

static void prepare(struct slot *slot, const struct channel_message *asked)
{
	struct channel_message message = {.kind = CHANNEL_PREPARED,
					  .flags = CHANNEL_FROZEN,
					  .slot = slot->number,
					  .serial = asked->serial};
	if (does("never prepared"))
		return;
	if (does("stopped"))
		raise(SIGSTOP);
	if (does("done before it is prepared")) {
		message.kind = CHANNEL_DONE;
		say(slot->socket, message, NULL, -1);
		return;
	}
	say(slot->socket, message, NULL, -1);
	if (does("prepared twice"))
		say(slot->socket, message, NULL, -1);
	if (does("nothing on control"))
		send_raw(CHANNEL_CONTROL, "", 0, NULL, 0);
	if (does("closes control"))
		shutdown(CHANNEL_CONTROL, SHUT_RDWR);
	if (does("closes its slot"))
		shutdown(slot->socket, SHUT_RDWR);
	if (does("asks for connections"))
		ask_broker(CHANNEL_DIAL, FLOOD);
	if (does("asks for servers"))
		ask_broker(CHANNEL_REVIVE, FLOOD);
	become_ready(slot);
}

static void send_many_descriptors(int socket, struct channel_message *message)
{
	int descriptors[DESCRIPTORS];
	const int pipe = eventfd(0, EFD_CLOEXEC);
	for (size_t i = 0; i < DESCRIPTORS; i++)
		descriptors[i] = pipe;
	message->magic = CHANNEL_MAGIC;
	message->version = CHANNEL_VERSION;
	for (size_t i = 0; i < 100; i++)
		send_raw(socket, message, sizeof(*message), descriptors, i % DESCRIPTORS);
	send_raw(socket, message, sizeof(*message), descriptors, DESCRIPTORS);
}

static void send_wild_text(int socket, struct channel_message *message)
{
	char packet[sizeof(*message) + CHANNEL_TEXT_MAX];
	message->magic = CHANNEL_MAGIC;
	message->version = CHANNEL_VERSION;
	message->flags |= CHANNEL_TEXT;
	message->outcome.outcome = 2;
	memset(packet, '\033', sizeof(packet));
	memcpy(packet, message, sizeof(*message));
	send_raw(socket, packet, sizeof(packet), NULL, 0);
}

static void send_parts(int socket, struct channel_message message, uint64_t length)
{
	message.kind = CHANNEL_PART;
	message.flags = 0;
	message.length = length;
	for (unsigned i = 0; i < 2 * SOME; i++)
		say(socket, message, NULL, -1);
}

static void tell_learned(int socket)
{
	const struct channel_message message = {.kind = CHANNEL_LEARNED};
	if (does("learned nothing"))
		say(socket, message, NULL, -1);
	if (does("learned an event"))
		say(socket, message, NULL, eventfd(1, EFD_CLOEXEC));
	if (does("learned too much"))
		say(socket, message, NULL, make_file(CHANNEL_LEARNED_MAX + 1, 0));
	if (does("learned once") || does("learned twice"))
		say(socket, message, NULL, make_file(CHANNEL_LEARNED_MAX, 0));
	if (does("learned twice"))
		say(socket, message, NULL, make_file(CHANNEL_LEARNED_MAX, 0));
}

static void leave_a_child(void)
{
	if (fork())
		_exit(0);
	sleep(8);
	_exit(0);
}

static void serve(struct slot *slot, const struct channel_message *asked)
{
	struct channel_message message = {.kind = CHANNEL_DONE,
					  .flags = CHANNEL_FREE,
					  .slot = slot->number,
					  .serial = asked->serial,
					  .length = asked->length};
	const int socket = slot->socket;
	if (does("never done"))
		return;
	if (does("dies while it serves"))
		_exit(0);
	if (does("stopped while it serves"))
		raise(SIGSTOP);
	if (does("leaves a child"))
		leave_a_child();
	if (does("another serial"))
		message.serial += 1;
	if (does("a long response"))
		message.length = WINDOW_RESPONSE_SIZE + 1;
	if (does("a huge response"))
		message.length = 1UL << 40;
	if (does("an endless response"))
		message.length = UINT64_MAX;
	if (does("an unknown kind"))
		message.kind = 999;
	if (does("a short message")) {
		send_raw(socket, &message, sizeof(message) - 1, NULL, 0);
		return;
	}
	if (does("an empty message")) {
		send_raw(socket, "", 0, NULL, 0);
		return;
	}
	if (does("a wild outcome")) {
		message.outcome.outcome = UINT32_MAX;
		message.outcome.status = INT32_MIN;
	}
	if (does("not free again"))
		message.flags = 0;
	if (does("wild text")) {
		send_wild_text(socket, &message);
		return;
	}
	if (does("too many descriptors")) {
		message.kind = CHANNEL_PART;
		message.length = 0;
		send_many_descriptors(socket, &message);
		return;
	}
	if (does("empty parts") || does("more and more")) {
		message.kind = does("empty parts") ? CHANNEL_PART : CHANNEL_MORE;
		for (message.length = 0;;)
			say(socket, message, NULL, -1);
	}
	if (does("a long part") || does("many parts"))
		send_parts(socket, message,
			   does("many parts") ? WINDOW_RESPONSE_SIZE : WINDOW_RESPONSE_SIZE + 1);
	if (does("some more")) {
		struct channel_message more = {.kind = CHANNEL_MORE, .serial = asked->serial};
		for (unsigned i = 0; i < 100; i++)
			say(socket, more, NULL, -1);
	}
	if (asked->serial == 1)
		tell_learned(socket);
	if (does("enough of nothing"))
		message.kind = CHANNEL_ENOUGH;
	if (does("figures that nobody wanted")) {
		message.flags |= CHANNEL_FIGURES;
		say(socket, message, NULL, eventfd(0, EFD_CLOEXEC));
		return;
	}
	if (does("always fails")) {
		message.kind = CHANNEL_FAILED;
		message.result = INT32_MIN;
		say(socket, message, "\033[2J", -1);
		return;
	}
	say(socket, message, NULL, -1);
	if (does("done twice"))
		say(socket, message, NULL, -1);
	if (does("fails when it is idle") && asked->serial == REQUESTS)
		say(socket, (struct channel_message){.kind = CHANNEL_FAILED, .result = INT32_MIN},
		    "lost", -1);
}

static void hear_slot(struct slot *slot)
{
	struct channel_message message;
	int descriptors[CHANNEL_PASSED_MAX];
	if (channel_receive(slot->socket, &message, descriptors, NULL, 0)) {
		close(slot->socket);
		slot->socket = -1;
		return;
	}
	channel_close_descriptors(descriptors);
	if (message.kind == CHANNEL_PREPARE)
		prepare(slot, &message);
	else if (message.kind == CHANNEL_SERVE)
		serve(slot, &message);
}

static void hear_control(void)
{
	struct channel_message message;
	int descriptors[CHANNEL_PASSED_MAX];
	if (channel_receive(CHANNEL_CONTROL, &message, descriptors, NULL, 0))
		_exit(0);
	if (message.kind != CHANNEL_OPEN_SLOT || slot_count == SLOTS_MAX) {
		channel_close_descriptors(descriptors);
		return;
	}
	slots[slot_count] = (struct slot){.number = message.slot, .socket = descriptors[0]};
	if (message.flags & CHANNEL_FREE)
		become_ready(&slots[slot_count]);
	slot_count++;
}

int main(void)
{
	deed = getenv("MAYFLY_TEST_DEED");
	if (!deed)
		deed = "";
	alarm(LIFE_SECONDS);
	begin();
	if (does("reads nothing"))
		stay_silent();
	for (;;) {
		struct pollfd polled[SLOTS_MAX + 1];
		polled[0] = (struct pollfd){.fd = CHANNEL_CONTROL, .events = POLLIN};
		if (does("closes control"))
			polled[0].fd = -1;
		for (size_t i = 0; i < slot_count; i++)
			polled[i + 1] = (struct pollfd){.fd = slots[i].socket, .events = POLLIN};
		const size_t count = slot_count;
		if (poll(polled, count + 1, -1) < 0)
			_exit(7);
		for (size_t i = 0; i < count; i++)
			if (polled[i + 1].revents)
				hear_slot(&slots[i]);
		if (polled[0].revents)
			hear_control();
	}
}
