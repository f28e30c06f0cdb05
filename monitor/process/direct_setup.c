/* What a process is told that becomes a guest with direct calls; see direct_setup.h. */
#include "direct_setup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "direct_filter.h"
#include "util/descriptors_pass.h"

_Static_assert(DIRECT_FIRST + DIRECT_DESCRIPTORS_MAX <= DESCRIPTORS_PASS_MAX,
	       "one message brings all");

int process_direct_setup_make(struct process_direct_setup **setup, const struct direct_start *start,
			      struct error *error)
{
	struct process_direct_setup *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a guest process");
	*setup = self;
	self->kind = PROCESS_WITH_DIRECT_CALLS;
	self->entry = start->entry;
	self->stack = start->stack;
	self->argument = start->argument;
	self->timer_data = start->timer_data;
	self->part_count = (uint16_t)start->part_count;
	self->descriptor_count = (uint16_t)start->descriptor_count;
	memcpy(self->parts, start->parts, sizeof(self->parts));
	memcpy(self->descriptors, start->descriptors, sizeof(self->descriptors));
	self->ring_length = process_ring_filter_build(start, self->ring);
	return process_direct_filter_build(start, self->filter, PROCESS_DIRECT_FILTER_MAX,
					   &self->filter_length, error);
}

int process_direct_setup_send(const struct process_direct_setup *setup,
			      const struct direct_start *start,
			      const struct process_direct_files *files, int socket,
			      struct error *error)
{
	int descriptors[DESCRIPTORS_PASS_MAX] = {files->output, files->image, files->commands};
	size_t count = DIRECT_FIRST - DIRECT_OUTPUT;
	for (size_t i = 0; i < start->descriptor_count; i++) {
		const int fd = start->descriptors[i].fd;
		descriptors[count++] = fd == DIRECT_REQUEST  ? files->request
				       : fd == DIRECT_WINDOW ? files->window
							     : fd;
	}
	int result = descriptors_send(socket, setup,
				      offsetof(struct process_direct_setup, filter) +
					  setup->filter_length * sizeof(setup->filter[0]),
				      descriptors, count, MSG_DONTWAIT);
	if (result)
		return error_set_errno(error, -result, "cannot describe the guest to its process");
	return 0;
}

int process_direct_renew_request(int *fd, uint64_t size, struct error *error)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	if (!size)
		return 0;
	*fd = memfd_create("mayfly-request", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)size))
		return error_set_errno(error, errno, "cannot make a file for the request");
	return 0;
}
