/* The call that rings; see ring.h. */
#include "ring.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "util/descriptors_pass.h"

int process_ring_receive(struct machine_process *self)
{
	struct process_failure failure = {0};
	const ssize_t got = descriptors_receive(self->socket, &failure, sizeof(failure),
						&self->listener, 1, MSG_DONTWAIT);
	if (got == sizeof(failure))
		return failure.error > 0 ? -failure.error : -EIO;
	/* Its end is told by what it writes. */
	return got < 0 ? (int)got : got && self->listener < 0 ? -EPROTO : 0;
}

int process_ring_take(struct machine_process *self)
{
	struct seccomp_notif call = {0};
	self->rung = 0;
	if (ioctl(self->listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
		return errno == ENOENT || errno == EINTR ? 0 : -errno;
	self->rung = call.id;
	return self->unanswered ? process_ring_answer(self, self->machine.answer) : 0;
}

/* The guest cannot change the call while it waits: it has one thread, and its registers are with the
 * kernel. */
int process_ring_answer(struct machine_process *self, int answer)
{
	struct seccomp_notif_resp response = {
	    .id = self->rung,
	    .error = answer,
	    .flags = answer ? 0 : SECCOMP_USER_NOTIF_FLAG_CONTINUE,
	};
	self->rung = 0;
	self->unanswered = false;
	if (!ioctl(self->listener, SECCOMP_IOCTL_NOTIF_SEND, &response))
		return 0;
	/* It was killed; or stopped from outside, and makes the same call again when it goes on. */
	self->unanswered = errno == ENOENT;
	return self->unanswered ? 0 : -errno;
}
