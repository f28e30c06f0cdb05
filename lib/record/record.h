/* Records: lists of fields, as they cross between the gateway's processes and lie in its store.
 *
 * A field has a tag, a key and a value. Which tags there are, and what they mean, is its users'
 * (gateway/link/fields.h). In memory, little endian and without gaps:
 *
 *     u16 tag   u16 key length   u32 value length   key   NUL   value   NUL
 *
 * so that key and value are strings where they lie. A value may be text, a number (8 bytes), bytes, or
 * another record. Whoever reads looks for the tags that it knows and passes over the others.
 *
 * Nothing here is thread-safe.
 */
#ifndef MAYFLY_RECORD_H
#define MAYFLY_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_KEY_MAX	 UINT16_MAX
#define RECORD_VALUE_MAX UINT32_MAX

/* ── writing ─────────────────────────────────────────────────────────────────────────────────── */

/* One that is being written: begin with RECORD_EMPTY. An addition that fails is remembered, so that
 * only the end must be checked. */
struct record {
	uint8_t *data;
	size_t length, room;
	int result; /* 0; -ENOMEM; -E2BIG: a key or value that is too long */
};

#define RECORD_EMPTY ((struct record){0})

void record_add(struct record *record, uint16_t tag, const char *key, size_t key_length,
		const void *value, size_t length);

/* `text` NULL: nothing is added. */
void record_add_text(struct record *record, uint16_t tag, const char *text);
void record_add_pair(struct record *record, uint16_t tag, const char *key, const char *text);
void record_add_number(struct record *record, uint16_t tag, uint64_t number);
void record_add_record(struct record *record, uint16_t tag, const struct record *value);

void record_release(struct record *record);

#define cleanup_record __attribute__((__cleanup__(record_release)))

/* ── reading ─────────────────────────────────────────────────────────────────────────────────── */

/* Bytes that may be a record: check them once, then read. They must not change meanwhile, so copy what
 * lies in shared memory. */
struct record_view {
	const uint8_t *data;
	size_t length;
};

struct record_field {
	uint16_t tag;
	const char *key;      /* ends with a NUL, and has none within */
	const uint8_t *value; /* a NUL follows; there may be others within */
	size_t length;
};

/* 0, or -EPROTO where the bytes are no record. Fields with records in them are not looked into. */
int record_check(struct record_view view);

/* Takes the first field off. False at the end. */
bool record_next(struct record_view *view, struct record_field *field);

/* The first field with that tag; false where there is none. */
bool record_find(struct record_view view, uint16_t tag, struct record_field *field);

/* The text of a field; NULL where its value has a NUL within. */
const char *record_text(const struct record_field *field);

/* The text, or number, of the first field with that tag; `otherwise` where there is none, or it is no
 * text or number. */
const char *record_find_text(struct record_view view, uint16_t tag, const char *otherwise);
uint64_t record_find_number(struct record_view view, uint16_t tag, uint64_t otherwise);

/* The number of a field; false where it is none. */
bool record_number(const struct record_field *field, uint64_t *number);

static inline struct record_view record_of(const struct record *record)
{
	return (struct record_view){record->data, record->length};
}

/* A field's value, as a record; to be checked. */
static inline struct record_view record_within(const struct record_field *field)
{
	return (struct record_view){field->value, field->length};
}

#endif
