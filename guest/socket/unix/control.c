/* Control messages of Unix sockets (cmsg(3)): files, and who sends. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "guest/fs/descriptors.h"
#include "guest/lib/text.h"
#include "guest/mm/heap.h"
#include "guest/mm/user_memory.h"
#include "guest/sched/identity.h"
#include "guest/sched/process.h"
#include "sizes/sizes.h"
#include "unix.h"

#define NOBODY 65534 /* the user whom a receiver is told that does not know its sender */

/* ── reading ─────────────────────────────────────────────────────────────────────────────────── */

static int read_files(uint64_t address, uint64_t length, struct unix_rights *rights)
{
	const uint64_t count = length / sizeof(int32_t);
	if (count > UNIX_RIGHTS_MAX || rights->count + count > UNIX_RIGHTS_MAX)
		return -EINVAL;
	if (count && !rights->files)
		rights->files = heap_allocate(UNIX_RIGHTS_MAX * sizeof(void *));
	if (count && !rights->files)
		return -ENOMEM;
	for (uint64_t i = 0; i < count; i++) {
		uint32_t descriptor;
		int error =
		    user_copy_in(&descriptor, address + i * sizeof(descriptor), sizeof(descriptor));
		if (error)
			return error;
		struct file *file = descriptor_file(descriptor);
		if (!file)
			return -EBADF;
		file_hold(file);
		rights->files[rights->count++] = file;
	}
	return 0;
}

static int read_sender(uint64_t address, uint64_t length, struct unix_sender *sender)
{
	if (length != sizeof(sender->credentials))
		return -EINVAL;
	int error = user_copy_in(&sender->credentials, address, sizeof(sender->credentials));
	if (error)
		return error;
	const struct ucred *told = &sender->credentials;
	const bool root = !identity_user();
	if (told->uid == UINT32_MAX || told->gid == UINT32_MAX)
		return -EINVAL;
	if (!process_has_id((uint64_t)(uint32_t)told->pid) &&
	    (!root || !process_find((uint64_t)(uint32_t)told->pid)))
		return root ? -ESRCH : -EPERM;
	if (!root && (told->uid != identity_user() || told->gid != identity_group()))
		return -EPERM;
	sender->is_known = true;
	return 0;
}

int unix_read_control(const struct socket_message *message, struct unix_rights *rights,
		      struct unix_sender *sender)
{
	uint64_t address = message->control, left = message->control_length;
	int error = 0;
	while (!error && left >= sizeof(struct cmsghdr)) {
		struct cmsghdr header;
		error = user_copy_in(&header, address, sizeof(header));
		if (error)
			break;
		if (header.cmsg_len < sizeof(header) || header.cmsg_len > left)
			return -EINVAL;
		const uint64_t data = address + sizeof(header);
		const uint64_t length = header.cmsg_len - sizeof(header);
		if (header.cmsg_level != SOL_SOCKET)
			error = 0;
		else if (header.cmsg_type == SCM_RIGHTS)
			error = read_files(data, length, rights);
		else if (header.cmsg_type == SCM_CREDENTIALS)
			error = read_sender(data, length, sender);
		else
			error = -EINVAL;
		const uint64_t size = round_up(header.cmsg_len, sizeof(uint64_t));
		if (size >= left)
			break;
		address += size;
		left -= size;
	}
	return error;
}

/* ── writing ─────────────────────────────────────────────────────────────────────────────────── */

/* Writes a control message as far as there is room for it. */
static void write_one(struct socket_message *message, int type, const void *data, uint64_t length)
{
	struct cmsghdr header = {
	    .cmsg_len = sizeof(header) + length,
	    .cmsg_level = SOL_SOCKET,
	    .cmsg_type = type,
	};
	if (message->control_length < sizeof(header)) {
		message->told |= MSG_CTRUNC;
		return;
	}
	if (message->control_length < header.cmsg_len) {
		message->told |= MSG_CTRUNC;
		header.cmsg_len = message->control_length;
		length = header.cmsg_len - sizeof(header);
	}
	if (user_copy_out(message->control, &header, sizeof(header)) ||
	    user_copy_out(message->control + sizeof(header), data, length))
		return;
	uint64_t size = round_up(header.cmsg_len, sizeof(uint64_t));
	size = size < message->control_length ? size : message->control_length;
	message->control += size;
	message->control_length -= size;
}

/* As many of the files as there is room for become descriptors. */
static void write_files(struct socket_message *message, struct unix_rights *rights)
{
	int32_t numbers[UNIX_RIGHTS_MAX];
	const uint64_t header = sizeof(struct cmsghdr);
	uint64_t room = message->control_length > header
			    ? (message->control_length - header) / sizeof(numbers[0])
			    : 0;
	uint32_t count = 0;
	if (room && !user_writable(message->control,
				   header + (room < rights->count ? room : rights->count) *
						sizeof(numbers[0])))
		room = 0;
	while (count < room && count < rights->count) {
		file_hold(rights->files[count]);
		numbers[count] =
		    descriptor_install(rights->files[count], 0, message->flags & MSG_CMSG_CLOEXEC);
		if (numbers[count] < 0)
			break;
		count++;
	}
	if (count)
		write_one(message, SCM_RIGHTS, numbers, count * sizeof(numbers[0]));
	if (count < rights->count)
		message->told |= MSG_CTRUNC;
}

void unix_write_control(const struct unix_socket *self, struct socket_message *message,
			struct unix_rights *rights, const struct unix_sender *sender)
{
	const bool passes = socket_passes_credentials(&self->socket);
	if (!self->family->passes_files)
		return;
	if (!message->control) {
		if (passes || rights->count)
			message->told |= MSG_CTRUNC;
	} else {
		const struct ucred nobody = {.uid = NOBODY, .gid = NOBODY};
		if (passes)
			write_one(message, SCM_CREDENTIALS,
				  sender->is_known ? &sender->credentials : &nobody,
				  sizeof(nobody));
		if (rights->count)
			write_files(message, rights);
	}
	unix_rights_drop(rights);
}
