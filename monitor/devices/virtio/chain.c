/* The buffers of a chain, as one sequence of bytes; see virtio.h. */
#include <string.h>

#include "virtio.h"

/* The ranges of [offset, offset + length) of a sequence. */
static unsigned slice(const struct iovec *from, unsigned count, uint64_t offset, uint64_t length,
		      struct iovec *out)
{
	unsigned used = 0;
	for (unsigned i = 0; i < count && length; i++) {
		if (offset >= from[i].iov_len) {
			offset -= from[i].iov_len;
			continue;
		}
		const uint64_t left = from[i].iov_len - offset;
		const uint64_t part = left < length ? left : length;
		out[used++] = (struct iovec){(uint8_t *)from[i].iov_base + offset, part};
		length -= part;
		offset = 0;
	}
	return used;
}

unsigned virtio_chain_readable(const struct virtio_chain *chain, uint64_t offset, uint64_t length,
			       struct iovec *out)
{
	return slice(chain->ranges, chain->readable_count, offset, length, out);
}

unsigned virtio_chain_writable(const struct virtio_chain *chain, uint64_t offset, uint64_t length,
			       struct iovec *out)
{
	return slice(chain->ranges + chain->readable_count, chain->writable_count, offset, length,
		     out);
}

/* Copies between `bytes` and a part of a sequence. */
static size_t copy(const struct iovec *ranges, unsigned count, uint64_t offset, uint8_t *bytes,
		   size_t length, bool into_guest)
{
	size_t done = 0;
	for (unsigned i = 0; i < count && done < length; i++) {
		if (offset >= ranges[i].iov_len) {
			offset -= ranges[i].iov_len;
			continue;
		}
		const size_t left = ranges[i].iov_len - offset;
		const size_t part = left < length - done ? left : length - done;
		uint8_t *memory = (uint8_t *)ranges[i].iov_base + offset;
		memcpy(into_guest ? memory : bytes + done, into_guest ? bytes + done : memory,
		       part);
		done += part;
		offset = 0;
	}
	return done;
}

size_t virtio_chain_read(const struct virtio_chain *chain, uint64_t offset, void *out,
			 size_t length)
{
	return copy(chain->ranges, chain->readable_count, offset, out, length, false);
}

size_t virtio_chain_write(const struct virtio_chain *chain, uint64_t offset, const void *data,
			  size_t length)
{
	return copy(chain->ranges + chain->readable_count, chain->writable_count, offset,
		    (uint8_t *)data, length, true);
}
