/* The request as a disk; see request_disk.h. */
#include "request_disk.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "slot.h"

static int keep_part(struct request_disk *disk, const uint8_t *part, uint64_t length,
		     struct error *error)
{
	const uint64_t wanted = disk->length + length;
	if (wanted > disk->room) {
		uint64_t room = wanted > 2 * disk->room ? wanted : 2 * disk->room;
		if (room > REQUEST_DISK_MAX)
			room = REQUEST_DISK_MAX;
		uint8_t *grown = realloc(disk->bytes, room);
		if (!grown)
			return error_set(error, ENOMEM, "no memory for a request");
		disk->bytes = grown;
		disk->room = room;
	}
	if (length)
		memcpy(disk->bytes + disk->length, part, length);
	disk->length = wanted;
	return 0;
}

int request_disk_gather(struct request_disk *disk, struct slot *slot, uint64_t until_ns,
			struct error *error)
{
	while (!disk->complete && !disk->too_long) {
		bool last;
		uint64_t length = slot_fill_request(slot, &last);
		int result =
		    length || last ? 0 : slot_read_request(slot, until_ns, &length, &last, error);
		if (result)
			return result;
		disk->too_long |= length > REQUEST_DISK_MAX - disk->length;
		if (!disk->too_long)
			result = keep_part(disk, slot->window.memory + WINDOW_REQUEST_OFFSET,
					   length, error);
		if (result)
			return result;
		disk->complete = last;
	}
	return 0;
}

/* Copies that part of [begin, begin + size) of the disk that is within [offset, offset + length). */
static void place(uint8_t *out, uint64_t offset, uint64_t length, uint64_t begin, const void *data,
		  uint64_t size)
{
	const uint64_t end = offset + length;
	const uint64_t from = begin > offset ? begin : offset;
	const uint64_t to = begin + size < end ? begin + size : end;
	if (from < to)
		memcpy(out + (from - offset), (const uint8_t *)data + (from - begin), to - from);
}

void request_disk_read(const struct request_disk *disk, uint32_t block_size, uint64_t offset,
		       uint8_t *out, uint64_t length)
{
	const uint64_t told = htole64(disk->length);
	memset(out, 0, length);
	place(out, offset, length, 0, &told, sizeof(told));
	if (disk->length)
		place(out, offset, length, block_size, disk->bytes, disk->length);
}

void request_disk_forget(struct request_disk *disk)
{
	if (disk->room > REQUEST_DISK_KEPT) {
		free(disk->bytes);
		disk->bytes = NULL;
		disk->room = 0;
	}
	disk->length = 0;
	disk->complete = disk->too_long = false;
}

void request_disk_release(struct request_disk *disk)
{
	free(disk->bytes);
	*disk = (struct request_disk){0};
}
