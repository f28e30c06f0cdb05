/* Records: whatever bytes come, reading stays within them, and what was read can be written again. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_view left = {data, size};
	struct record_field field;
	struct record again = RECORD_EMPTY;
	uint64_t number;
	while (record_next(&left, &field)) {
		const char *text = record_text(&field);
		if (strlen(field.key) > RECORD_KEY_MAX || (text && strlen(text) != field.length))
			abort();
		record_number(&field, &number);
		record_check(record_within(&field));
		record_add(&again, field.tag, field.key, strlen(field.key), field.value,
			   field.length);
	}
	/* What was read are the first bytes, as they were. */
	if (!again.result && (again.length != size - left.length ||
			      (again.length && memcmp(again.data, data, again.length) != 0)))
		abort();
	if (record_check((struct record_view){data, size}) != (left.length ? -EPROTO : 0))
		abort();
	record_release(&again);
	return 0;
}
