/* Numbers and strings of 9P messages: little-endian, strings with their length before them. A reader
 * that is at the end, or a writer that is full, says so at last and does no harm before. */
#ifndef MAYFLY_MONITOR_NINE_P_CODEC_H
#define MAYFLY_MONITOR_NINE_P_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct nine_p_reader {
	const uint8_t *bytes;
	size_t at, length;
	bool ended; /* there was less than was wanted */
};

struct nine_p_writer {
	uint8_t *bytes;
	size_t at, room;
	bool full; /* there was less room than was wanted */
};

static inline uint64_t nine_p_get(struct nine_p_reader *reader, size_t size)
{
	uint64_t value = 0;
	if (reader->ended || size > reader->length - reader->at) {
		reader->ended = true;
		return 0;
	}
	memcpy(&value, reader->bytes + reader->at, size);
	reader->at += size;
	return value;
}

/* Where a string is, and how long; it has no NUL, or any number of them. */
static inline const char *nine_p_get_text(struct nine_p_reader *reader, size_t *length)
{
	*length = nine_p_get(reader, 2);
	if (reader->ended || *length > reader->length - reader->at) {
		reader->ended = true;
		*length = 0;
		return "";
	}
	reader->at += *length;
	return (const char *)reader->bytes + reader->at - *length;
}

/* Room for so many bytes; NULL: there is none. */
static inline uint8_t *nine_p_take(struct nine_p_writer *writer, size_t size)
{
	if (writer->full || size > writer->room - writer->at) {
		writer->full = true;
		return NULL;
	}
	writer->at += size;
	return writer->bytes + writer->at - size;
}

static inline void nine_p_put(struct nine_p_writer *writer, uint64_t value, size_t size)
{
	uint8_t *out = nine_p_take(writer, size);
	if (out)
		memcpy(out, &value, size);
}

static inline void nine_p_put_text(struct nine_p_writer *writer, const char *text, size_t length)
{
	nine_p_put(writer, length, 2);
	uint8_t *out = nine_p_take(writer, length);
	if (out)
		memcpy(out, text, length);
}

#endif
