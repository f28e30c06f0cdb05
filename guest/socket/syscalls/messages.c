/* System calls that send and receive messages. */
#include <errno.h>
#include <limits.h>
#include <stddef.h>

#include "find.h"
#include "guest/lib/system_call.h"
#include "guest/machine/clock.h"
#include "guest/mm/ranges.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/timespec.h"

#define TRANSFER_MAX 0x7ffff000UL
#define CONTROL_MAX  20480 /* bytes of control messages; net.core.optmem_max */
#define MESSAGES_MAX 1024  /* of one call */

/* struct msghdr as the kernel reads it. */
struct user_message {
	uint64_t name;
	uint32_t name_length;
	uint64_t vector, count;
	uint64_t control, control_length;
	uint32_t flags;
};

struct user_message_of_many {
	struct user_message message;
	uint32_t length;
};

/* One buffer of the program. */
static int read_buffer(struct socket_message *message, uint64_t address, uint64_t length,
		       uint64_t flags)
{
	length = length < TRANSFER_MAX ? length : TRANSFER_MAX;
	if (address > GUEST_USER_END - length)
		return -EFAULT;
	*message = (struct socket_message){
	    .length = length,
	    .flags = (uint32_t)flags,
	};
	message->buffers = (struct socket_buffers){
	    .count = 1,
	    .single = {.iov_base = (void *)address, .iov_len = message->length},
	};
	return 0;
}

SYSTEM_CALL(sendto)
{
	struct socket_message message;
	struct socket *socket;
	struct file *file;
	int error = socket_find(arguments[0], &file, &socket);
	if (!error)
		error = read_buffer(&message, arguments[1], arguments[2], arguments[3]);
	if (!error && arguments[4])
		error = socket_name_read(&message.name, arguments[4], (uint32_t)arguments[5]);
	return error ? error : socket_send(file, &message);
}

SYSTEM_CALL(recvfrom)
{
	struct socket_message message;
	struct socket *socket;
	struct file *file;
	int error = socket_find(arguments[0], &file, &socket);
	if (!error)
		error = read_buffer(&message, arguments[1], arguments[2], arguments[3]);
	if (error)
		return error;
	int64_t result = socket_receive(file, &message);
	if (result < 0 || !arguments[4])
		return result;
	error = socket_name_write(&message.name, arguments[4], arguments[5]);
	return error ? error : result;
}

/* What a message header of the program's says. */
static int read_header(uint64_t address, struct user_message *header,
		       struct socket_message *message, uint64_t flags)
{
	*message = (struct socket_message){0};
	int error = user_copy_in(header, address, sizeof(*header));
	if (error)
		return error;
	if ((int32_t)header->name_length < 0)
		return -EINVAL;
	error =
	    socket_buffers_read(&message->buffers, header->vector, header->count, &message->length);
	message->flags = (uint32_t)flags;
	message->control = header->control;
	message->control_length = header->control ? header->control_length : 0;
	return error;
}

static int64_t send_message(struct file *file, uint64_t address, uint64_t flags)
{
	struct user_message header;
	struct socket_message message;
	int error = read_header(address, &header, &message, flags);
	if (error)
		return error;
	if (header.control_length > CONTROL_MAX)
		return -ENOBUFS;
	if (header.name && header.name_length) {
		const uint32_t most = sizeof(message.name.bytes);
		error = socket_name_read(&message.name, header.name,
					 header.name_length < most ? header.name_length : most);
	}
	return error ? error : socket_send(file, &message);
}

SYSTEM_CALL(sendmsg)
{
	struct socket *socket;
	struct file *file;
	int error = socket_find(arguments[0], &file, &socket);
	return error ? error : send_message(file, arguments[1], arguments[2]);
}

static int64_t receive_message(struct file *file, uint64_t address, uint64_t flags)
{
	struct user_message header;
	struct socket_message message;
	int error = read_header(address, &header, &message, flags);
	if (error)
		return error;
	const uint64_t room = message.control_length;
	int64_t result = socket_receive(file, &message);
	if (result < 0)
		return result;
	if (header.name)
		error = socket_name_write(&message.name, header.name,
					  address + offsetof(struct user_message, name_length));
	const uint64_t used = room - message.control_length;
	const uint32_t told = message.told | (message.flags & MSG_CMSG_CLOEXEC);
	if (!error)
		error = user_copy_out(address + offsetof(struct user_message, flags), &told,
				      sizeof(told));
	if (!error)
		error = user_copy_out(address + offsetof(struct user_message, control_length),
				      &used, sizeof(used));
	return error ? error : result;
}

SYSTEM_CALL(recvmsg)
{
	struct socket *socket;
	struct file *file;
	int error = socket_find(arguments[0], &file, &socket);
	return error ? error : receive_message(file, arguments[1], arguments[2]);
}

/* ── many in one call ────────────────────────────────────────────────────────────────────────── */

static uint64_t address_of(uint64_t messages, uint32_t number)
{
	return messages + number * sizeof(struct user_message_of_many);
}

static int report_length(uint64_t message, int64_t length)
{
	const uint32_t told = (uint32_t)length;
	return user_copy_out(message + offsetof(struct user_message_of_many, length), &told,
			     sizeof(told));
}

SYSTEM_CALL(sendmmsg)
{
	struct socket *socket;
	struct file *file;
	uint32_t count = (uint32_t)arguments[2], done = 0;
	int64_t result = socket_find(arguments[0], &file, &socket);
	if (count > MESSAGES_MAX)
		count = MESSAGES_MAX;
	while (!result && done < count) {
		const uint64_t message = address_of(arguments[1], done);
		/* Others may have closed it while the message before waited. */
		result = socket_find(arguments[0], &file, &socket);
		if (!result)
			result = send_message(file, message, arguments[3]);
		if (result >= 0)
			result = report_length(message, result);
		done += !result;
	}
	return done ? (int64_t)done : result;
}

SYSTEM_CALL(recvmmsg)
{
	struct socket *socket;
	struct file *file;
	uint64_t timeout_ns = 0, flags = arguments[3];
	uint32_t count = (uint32_t)arguments[2], done = 0;
	int64_t result = arguments[4] ? timespec_read(arguments[4], &timeout_ns) : 0;
	if (!result)
		result = socket_find(arguments[0], &file, &socket);
	const uint64_t began_ns = clock_read_ns(false);
	while (!result && done < count) {
		const uint64_t message = address_of(arguments[1], done);
		result = socket_find(arguments[0], &file, &socket);
		if (!result)
			result = receive_message(file, message, flags & ~(uint64_t)MSG_WAITFORONE);
		if (result >= 0)
			result = report_length(message, result);
		done += !result;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (arguments[4] && clock_read_ns(false) - began_ns >= timeout_ns)
			break;
	}
	return done ? (int64_t)done : result;
}
