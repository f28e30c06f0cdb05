/* Memory of messages; see buffers.h. */
#include "buffers.h"

#include <errno.h>
#include <stddef.h>

#include "guest/lib/text.h"
#include "guest/mm/ranges.h"
#include "guest/mm/user_memory.h"
#include "sizes/sizes.h"

#define PARTS_MAX    1024
#define TRANSFER_MAX 0x7ffff000UL /* bytes in one call; as Linux */

struct socket_buffers socket_buffer(const void *bytes, uint64_t length)
{
	return (struct socket_buffers){
	    .count = 1,
	    .single = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length},
	    .own = !user_readable((uint64_t)bytes, length),
	};
}

int socket_buffers_read(struct socket_buffers *buffers, uint64_t vector, uint64_t count,
			uint64_t *length)
{
	*buffers = (struct socket_buffers){.vector = vector, .count = count};
	*length = 0;
	if (count > PARTS_MAX)
		return -EMSGSIZE;
	for (uint64_t i = 0; i < count; i++) {
		struct iovec part;
		int error = user_copy_in(&part, vector + i * sizeof(part), sizeof(part));
		if (error)
			return error;
		if (part.iov_len > INT64_MAX)
			return -EINVAL;
		if (part.iov_len > GUEST_USER_END ||
		    (uint64_t)part.iov_base > GUEST_USER_END - part.iov_len)
			return -EFAULT;
		*length += part.iov_len;
		if (*length > TRANSFER_MAX)
			*length = TRANSFER_MAX;
	}
	return 0;
}

/* The rest of the part that is next; false: there is none. */
static bool find_part(struct socket_buffers *buffers, struct iovec *rest, int *error)
{
	*error = 0;
	for (; buffers->part < buffers->count; buffers->part++, buffers->done = 0) {
		*rest = buffers->single;
		if (buffers->vector)
			*error = user_copy_in(rest, buffers->vector + buffers->part * sizeof(*rest),
					      sizeof(*rest));
		if (*error)
			return false;
		if (rest->iov_len > buffers->done) {
			rest->iov_base = (char *)rest->iov_base + buffers->done;
			rest->iov_len -= buffers->done;
			return true;
		}
	}
	return false;
}

static int copy(struct socket_buffers *buffers, char *bytes, uint64_t length, bool gathers)
{
	struct iovec part;
	int error = 0;
	while (length) {
		/* Another thread may have made the vector shorter meanwhile. */
		if (!find_part(buffers, &part, &error))
			return error ? error : -EFAULT;
		const uint64_t size = part.iov_len < length ? part.iov_len : length;
		const uint64_t address = (uint64_t)part.iov_base;
		if (!buffers->own && !(gathers ? user_readable : user_writable)(address, size))
			return -EFAULT;
		if (gathers)
			memcpy(bytes, part.iov_base, size);
		else
			memcpy(part.iov_base, bytes, size);
		buffers->done += size;
		bytes += size;
		length -= size;
	}
	return 0;
}

int socket_buffers_gather(struct socket_buffers *buffers, void *out, uint64_t length)
{
	return copy(buffers, out, length, true);
}

int socket_buffers_scatter(struct socket_buffers *buffers, const void *bytes, uint64_t length)
{
	return copy(buffers, (char *)(uintptr_t)bytes, length, false);
}
