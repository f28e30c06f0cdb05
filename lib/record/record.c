#include "record/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sizes/sizes.h"

struct header {
	uint16_t tag, key_length;
	uint32_t length;
};
_Static_assert(sizeof(struct header) == 8, "without gaps");

#define ROOM_MIN 256

/* ── writing ─────────────────────────────────────────────────────────────────────────────────── */

/* Where `size` more bytes go; NULL where there is no memory. */
static uint8_t *make_room(struct record *record, size_t size)
{
	size_t needed, room = record->room ? record->room : ROOM_MIN;
	if (add_overflows(record->length, size, &needed))
		return NULL;
	while (room < needed)
		if (mul_overflows(room, 2, &room))
			return NULL;
	if (room != record->room) {
		uint8_t *data = realloc(record->data, room);
		if (!data)
			return NULL;
		record->data = data;
		record->room = room;
	}
	uint8_t *there = record->data + record->length;
	record->length = needed;
	return there;
}

void record_add(struct record *record, uint16_t tag, const char *key, size_t key_length,
		const void *value, size_t length)
{
	if (record->result)
		return;
	if (key_length > RECORD_KEY_MAX || length > RECORD_VALUE_MAX ||
	    memchr(key, 0, key_length)) {
		record->result = -E2BIG;
		return;
	}
	const struct header header = {tag, (uint16_t)key_length, (uint32_t)length};
	uint8_t *there = make_room(record, sizeof(header) + key_length + 1 + length + 1);
	if (!there) {
		record->result = -ENOMEM;
		return;
	}
	memcpy(there, &header, sizeof(header));
	there += sizeof(header);
	memcpy(there, key, key_length);
	there[key_length] = 0;
	there += key_length + 1;
	if (length)
		memcpy(there, value, length);
	there[length] = 0;
}

void record_add_text(struct record *record, uint16_t tag, const char *text)
{
	if (text)
		record_add(record, tag, "", 0, text, strlen(text));
}

void record_add_pair(struct record *record, uint16_t tag, const char *key, const char *text)
{
	record_add(record, tag, key, strlen(key), text, strlen(text));
}

void record_add_number(struct record *record, uint16_t tag, uint64_t number)
{
	record_add(record, tag, "", 0, &number, sizeof(number));
}

void record_add_record(struct record *record, uint16_t tag, const struct record *value)
{
	if (value->result && !record->result)
		record->result = value->result;
	record_add(record, tag, "", 0, value->data, value->length);
}

void record_release(struct record *record)
{
	free(record->data);
	*record = RECORD_EMPTY;
}

/* ── reading ─────────────────────────────────────────────────────────────────────────────────── */

bool record_next(struct record_view *view, struct record_field *field)
{
	struct header header;
	if (view->length < sizeof(header))
		return false;
	memcpy(&header, view->data, sizeof(header));
	const uint64_t size = sizeof(header) + header.key_length + 1 + (uint64_t)header.length + 1;
	if (size > view->length)
		return false;
	const uint8_t *key = view->data + sizeof(header);
	const uint8_t *value = key + header.key_length + 1;
	if (memchr(key, 0, header.key_length + 1U) != key + header.key_length ||
	    value[header.length])
		return false;
	*field = (struct record_field){header.tag, (const char *)key, value, header.length};
	view->data += size;
	view->length -= size;
	return true;
}

int record_check(struct record_view view)
{
	struct record_field field;
	while (record_next(&view, &field))
		;
	return view.length ? -EPROTO : 0;
}

bool record_find(struct record_view view, uint16_t tag, struct record_field *field)
{
	while (record_next(&view, field))
		if (field->tag == tag)
			return true;
	return false;
}

const char *record_text(const struct record_field *field)
{
	return memchr(field->value, 0, field->length) ? NULL : (const char *)field->value;
}

bool record_number(const struct record_field *field, uint64_t *number)
{
	if (field->length != sizeof(*number))
		return false;
	memcpy(number, field->value, sizeof(*number));
	return true;
}

const char *record_find_text(struct record_view view, uint16_t tag, const char *otherwise)
{
	struct record_field field;
	const char *text = record_find(view, tag, &field) ? record_text(&field) : NULL;
	return text ? text : otherwise;
}

uint64_t record_find_number(struct record_view view, uint16_t tag, uint64_t otherwise)
{
	struct record_field field;
	uint64_t number;
	return record_find(view, tag, &field) && record_number(&field, &number) ? number
										: otherwise;
}
