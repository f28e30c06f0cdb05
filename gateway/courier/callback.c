#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "courier/courier.h"
#include "link/fields.h"
#include "sizes/sizes.h"
#include "util/clock.h"

/* What a callback says of the call is not for the function to say. */
static bool is_own(const char *name)
{
	static const char *const names[] = {"X-Call-Id", "X-Function-Name", "X-Function-Status",
					    "X-Duration-Seconds"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

void courier_callback_headers(struct record *headers, const struct courier_callback *callback)
{
	struct record_view view = callback->response_head;
	struct record_field field;
	char status[16], seconds[32];
	while (record_next(&view, &field))
		if (field.tag == FIELD_HEADER && !is_own(field.key))
			record_add(headers, FIELD_HEADER, field.key, strlen(field.key), field.value,
				   field.length);
	snprintf(status, sizeof(status), "%u", callback->status);
	snprintf(seconds, sizeof(seconds), "%.6f",
		 (double)callback->run_ns / (double)NANOSECONDS_PER_SECOND);
	record_add_pair(headers, FIELD_HEADER, "X-Call-Id", callback->call_id);
	record_add_pair(headers, FIELD_HEADER, "X-Function-Name", callback->function);
	record_add_pair(headers, FIELD_HEADER, "X-Function-Status", status);
	record_add_pair(headers, FIELD_HEADER, "X-Duration-Seconds", seconds);
}
