/* Writing a root image in large pieces; see writer.h. */
#include "root/writer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int root_writer_init(struct root_writer *writer, int fd, const char *path, struct error *error)
{
	*writer = (struct root_writer){.fd = fd, .path = path};
	writer->piece = malloc(ROOT_LARGE_PAGE);
	return writer->piece ? 0 : error_set(error, ENOMEM, "no memory for a root image");
}

void root_writer_release(struct root_writer *writer)
{
	free(writer->piece);
	writer->piece = NULL;
}

static int write_at(const struct root_writer *writer, const void *data, size_t length,
		    uint64_t offset, struct error *error)
{
	const uint8_t *next = data;
	while (length) {
		ssize_t written = pwrite(writer->fd, next, length, (off_t)offset);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return error_set_errno(error, errno, "cannot write %s", writer->path);
		next += written;
		offset += (size_t)written;
		length -= (size_t)written;
	}
	return 0;
}

int root_writer_finish(struct root_writer *writer, const void *header, size_t length,
		       struct error *error)
{
	int result = write_at(writer, writer->piece, writer->length, writer->start, error);
	return result ? result : write_at(writer, header, length, 0, error);
}

/* Appends bytes (NULL: zeros), as many as fit into the piece; writes it where it is full. */
static int append(struct root_writer *writer, const void *data, size_t *length, struct error *error)
{
	const size_t room = ROOT_LARGE_PAGE - writer->length;
	if (*length > room)
		*length = room;
	if (data)
		memcpy(writer->piece + writer->length, data, *length);
	else
		memset(writer->piece + writer->length, 0, *length);
	writer->length += *length;
	if (writer->length < ROOT_LARGE_PAGE)
		return 0;
	int result = write_at(writer, writer->piece, writer->length, writer->start, error);
	writer->start += ROOT_LARGE_PAGE;
	writer->length = 0;
	return result;
}

int root_writer_put(struct root_writer *writer, const void *data, size_t length, uint64_t offset,
		    struct error *error)
{
	const uint8_t *next = data;
	int result = 0;
	assert(offset >= writer->start + writer->length);
	while (!result && writer->start + writer->length < offset) {
		size_t gap = offset - (writer->start + writer->length);
		result = append(writer, NULL, &gap, error);
	}
	while (!result && length) {
		size_t part = length;
		result = append(writer, next, &part, error);
		next += part;
		length -= part;
	}
	return result;
}
