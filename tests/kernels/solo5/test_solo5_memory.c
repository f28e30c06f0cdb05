/* A long request leaves nothing behind in its slot when it is over, not only when the next one begins;
 * usage: test_solo5_memory IMAGE, of a guest that answers with its request. */
#include "monitor/guests/solo5/solo5.h"
#include "monitor/serving.h"
#include "util/clock.h"

#define MEMORY	    (16UL << 20)
#define LONG	    (8UL << 20)
#define LIMIT_NS    (60 * NANOSECONDS_PER_SECOND)
#define SHORT_COUNT 3

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	(void)data;
	(void)deadline_ns;
	*(size_t *)context += length;
	return 0;
}

static void serve(struct slot *slot, size_t length)
{
	struct error error = {0};
	struct request_result result;
	size_t answered = 0;
	uint8_t *data = calloc(1, length);
	const struct request request = {.data = data,
					.length = length,
					.fd = -1,
					.timeout_ns = LIMIT_NS,
					.respond = respond,
					.log = drop_log,
					.context = &answered};
	if (!CHECK_NUMBER(slot_serve(slot, &request, &result, &error), 0))
		fprintf(stderr, "  %s\n", error.text);
	CHECK(answered >= length);
	const struct request_disk *disk = &solo5_slot_of(slot)->request;
	CHECK_NUMBER(disk->length, 0);
	CHECK(disk->room <= REQUEST_DISK_KEPT);
	CHECK((disk->bytes != NULL) == (length <= REQUEST_DISK_KEPT));
	free(data);
}

int main(int count, char **arguments)
{
	struct monitor *monitor;
	struct slot *slot = NULL;
	struct error error = {0};
	int result = open_program(&monitor, "auto", arguments[count - 1], "echo", MEMORY);
	if (result)
		return result;
	if (prepare(
		monitor,
		(struct request){.timeout_ns = LIMIT_NS, .respond = respond, .log = drop_log}) &&
	    CHECK_NUMBER(slot_open(&slot, monitor, &error), 0)) {
		serve(slot, 100);
		serve(slot, LONG);
		for (int i = 0; i < SHORT_COUNT; i++)
			serve(slot, 1000);
		slot_close(slot);
	}
	monitor_close(monitor);
	return check_status();
}
