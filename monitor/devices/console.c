/* The device `console`: the request is read from it and the response written to it, byte by byte.
 *
 *     port      write: a byte of the response. Read: the next byte of the request, waiting for it;
 *               0 at the end
 *     port + 1  read, waiting as well: 1 where the request goes on, 0 at its end
 *
 * Its usual port is that of the debug port of Bochs and QEMU. In a set-up the request is empty: it
 * comes after the snapshot.
 */
#include <errno.h>
#include <string.h>

#include "devices.h"
#include "monitor/slot/slot.h"
#include "request_reader.h"
#include "response_buffer.h"
#include "sizes/sizes.h"

struct console {
	struct request_reader request;
	struct response_buffer response;
};

enum { OPTION_PORT, OPTION_MEMORY };

static const struct device_option console_options[] = {
    [OPTION_PORT] = {"port", "the first of its two ports; 0: none", 0xe9},
    [OPTION_MEMORY] = {"memory", "the address of two bytes that serve as these; 0: none", 0},
};

static int console_attach(struct bus *bus, struct device *device, struct error *error)
{
	const uint64_t port = device->values[OPTION_PORT], memory = device->values[OPTION_MEMORY];
	int result = port ? bus_claim_ports(bus, device, port, 2, error) : 0;
	return !result && memory ? bus_claim_memory(bus, device, memory, 2, error) : result;
}

static int console_flush(struct device *device, struct slot *slot, enum device_next *next,
			 struct error *error)
{
	struct console *console = device->state;
	return response_buffer_flush(&console->response, slot, next, error);
}

static int console_read(struct console *console, struct slot *slot, struct device_access *access,
			enum device_next *next, struct error *error)
{
	bool end;
	int result = request_reader_fill(&console->request, slot, slot->deadline_ns, &end, error);
	if (result == -EAGAIN) {
		slot->result->outcome = OUTCOME_DEADLINE;
		*next = DEVICE_FINISHED;
		return 0;
	}
	if (result)
		return result;
	if (access->offset)
		access->value = !end;
	else
		access->value = end ? 0 : request_reader_take(&console->request, slot);
	return 0;
}

static int console_access(struct device *device, struct slot *slot, struct device_access *access,
			  enum device_next *next, struct error *error)
{
	struct console *console = device->state;
	if (!access->is_write)
		return console_read(console, slot, access, next, error);
	if (access->offset)
		return 0;
	return response_buffer_put(&console->response, slot, (uint8_t)access->value, next, error);
}

static size_t console_save(const struct device *device, uint8_t *out)
{
	(void)device;
	(void)out;
	return 0;
}

static bool console_load(struct device *device, const uint8_t *data, size_t length)
{
	(void)data;
	memset(device->state, 0, sizeof(struct console));
	return !length;
}

const struct device_kind device_console = {
    .name = "console",
    .options = console_options,
    .option_count = ARRAY_SIZE(console_options),
    .state_size = sizeof(struct console),
    .attach = console_attach,
    .access = console_access,
    .flush = console_flush,
    .save = console_save,
    .load = console_load,
};
