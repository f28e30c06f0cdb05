/* The part of process_guest that becomes a guest with direct calls (monitor/isolation/direct.h).
 *
 * There is no library OS, no window and no handler of signals: the guest's own system calls reach the
 * kernel, which kills it at the first that its filter does not name. The filter comes last, when the
 * monitor has said that the request is there; nothing of the helper runs behind it but the jump.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#include "guest.h"
#include "helper.h"

#pragma GCC visibility push(hidden)
extern _Noreturn void process_enter_direct(uint64_t entry, uint64_t stack, uint64_t argument);
#pragma GCC visibility pop

static void map_parts(const struct process_direct_setup *setup)
{
	for (size_t i = 0; i < setup->part_count; i++) {
		const struct direct_part *part = &setup->parts[i];
		const long flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE | MAP_NORESERVE |
				   (part->of_image ? 0 : MAP_ANONYMOUS);
		process_check(call6(SYS_mmap, part->address, part->length,
				    process_protection_bits(part->protection), flags,
				    part->of_image ? PROCESS_DIRECT_IMAGE : -1,
				    part->of_image ? part->address : 0),
			      "map the guest");
	}
	process_check(call2(SYS_close, PROCESS_DIRECT_IMAGE, 0), "close the image");
}

static void watch(int epoll, int descriptor, uint64_t data)
{
	struct epoll_event event;
	event.events = EPOLLIN;
	event.data.u64 = data;
	process_check(call4(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, descriptor, &event),
		      "watch the guest's descriptors");
}

/* A new descriptor has the lowest free number, which the guest was told. */
static void make_epoll(const struct process_direct_setup *setup)
{
	const int epoll = DIRECT_FIRST + setup->descriptor_count, timer = epoll + 1;
	long made = call2(SYS_epoll_create1, 0, 0);
	process_check(made == epoll || made < 0 ? made : -EBADF, "make an epoll set");
	made = call2(SYS_timerfd_create, CLOCK_MONOTONIC, TFD_NONBLOCK);
	process_check(made == timer || made < 0 ? made : -EBADF, "make a timer");
	watch(epoll, timer, setup->timer_data);
	for (int i = 0; i < setup->descriptor_count; i++)
		if (setup->descriptors[i].polled)
			watch(epoll, DIRECT_FIRST + i, setup->descriptors[i].poll_data);
}

static void await_start(void)
{
	struct process_command command;
	const long got = call3(SYS_read, PROCESS_DIRECT_COMMANDS, &command, sizeof(command));
	if (got != sizeof(command) || command.kind != PROCESS_START)
		process_leave(1); /* the monitor is gone */
	process_check(call2(SYS_close, PROCESS_DIRECT_COMMANDS, 0), "close the commands");
}

/* The one call that rings waits for whoever has the listener. No descriptor can be made later. */
static void install_ring(struct process_direct_setup *setup)
{
	struct {
		unsigned short length;
		struct sock_filter *filter;
	} program;
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 0;
	struct iovec part = {&byte, sizeof(byte)};
	struct msghdr message;
	if (!setup->ring_length)
		return;
	program.length = setup->ring_length;
	program.filter = setup->ring;
	process_check(call6(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0), "give up privileges");
	const int listener = (int)call3(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
					SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	process_check(listener, "have calls answered");
	message.msg_name = NULL;
	message.msg_namelen = 0;
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control.room;
	message.msg_controllen = sizeof(control.room);
	message.msg_flags = 0;
	control.header.cmsg_len = CMSG_LEN(sizeof(listener));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	*(int *)(void *)CMSG_DATA(&control.header) = listener;
	process_check(call3(SYS_sendmsg, PROCESS_SOCKET, &message, 0), "hand over its calls");
	process_check(call2(SYS_close, listener, 0), "hand over its calls");
}

_Noreturn void process_become_direct(struct process_direct_setup *setup)
{
	make_epoll(setup); /* while the image has a number below */
	map_parts(setup);
	install_ring(setup);
	process_follow_monitor();
	process_limit_resources();
	await_start();
	process_filter_calls(setup->filter_length, setup->filter);
	process_enter_direct(setup->entry, setup->stack, setup->argument);
}
