/* Bytes of the request; see request_reader.h. */
#include "request_reader.h"

#include "monitor/slot/slot.h"

int request_reader_fill(struct request_reader *reader, struct slot *slot, uint64_t until_ns,
			bool *end, struct error *error)
{
	bool last = true;
	int result = 0;
	*end = slot->setup && !slot->setup->warming_up;
	if (*end || request_reader_has(reader))
		return 0;
	if (!reader->begun || !reader->last) {
		reader->next = 0;
		reader->length = slot_fill_request(slot, &last);
		reader->begun = true;
		if (!reader->length && !last)
			result = slot_read_request(slot, until_ns, &reader->length, &last, error);
		reader->last = last && !result;
	}
	*end = !result && !request_reader_has(reader);
	return result;
}

uint8_t request_reader_take(struct request_reader *reader, struct slot *slot)
{
	return slot->window.memory[WINDOW_REQUEST_OFFSET + reader->next++];
}
