/* Shapes: which members a JSON object has and which fields of a record these are. One table serves both
 * directions.
 */
#ifndef MAYFLY_GATEWAY_SHAPE_H
#define MAYFLY_GATEWAY_SHAPE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "record/record.h"
#include "util/error.h"

enum shape_kind {
	SHAPE_TEXT,
	SHAPE_TEXTS,   /* an array; a field for each */
	SHAPE_PAIRS,   /* an object of texts; a field with a key for each */
	SHAPE_NUMBER,  /* not negative */
	SHAPE_BOOLEAN, /* number: 1 or 0 */
	SHAPE_BYTES,   /* base64; read only */
	SHAPE_SECONDS, /* number: a time, seconds since 1970; written only, so is the next */
	SHAPE_NANOSECONDS,
};

enum shape_flag {
	SHAPE_REQUIRED = 1,  /* reading: it must be there, and not empty */
	SHAPE_ALWAYS = 2,    /* writing: also where it is empty (others are left out then, as Go's
			     * omitempty does it) */
	SHAPE_OTHERWISE = 4, /* reading: passed over where the member before it is there */
};

struct shape_member {
	const char *path; /* "usage.cpu": in an object within */
	uint16_t field;
	uint8_t kind, flags;
};

struct shape {
	const struct shape_member *members;
	size_t count;
};

/* JSON of a client's: one object, nested no deeper than it has to be and without a name that is there
 * twice. NULL with a sentence. */
json_t *shape_parse(const char *text, size_t length, struct error *error);

/* Adds the fields of `object`. Members of other names are passed over, null and "" are as if they were
 * not there. -EINVAL, with the member named. */
int shape_read(const struct shape *shape, const json_t *object, struct record *record,
	       struct error *error);

/* The object of a checked record; NULL without memory. */
json_t *shape_write(const struct shape *shape, struct record_view record);

/* An array of the texts of all fields with that tag; NULL without memory. */
json_t *shape_write_texts(struct record_view record, uint16_t tag);

#endif
