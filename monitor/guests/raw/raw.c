/* The kind `raw`: code for the processor's unprivileged ring and nothing beside it, which talks to
 * devices by ports (mayfly/raw_image.h). It is the smallest guest that has devices and a virtual CPU
 * in its snapshots, and what the tests of both run.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "mayfly/raw_image.h"
#include "monitor/devices/bus.h"
#include "monitor/guests/device_next.h"
#include "monitor/guests/fault_report.h"
#include "monitor/guests/kind.h"
#include "monitor/memory/page_tables.h"
#include "monitor/snapshot/snapshot.h"
#include "monitor/x86_64/system_pages.h"
#include "sizes/sizes.h"
#include "util/file.h"

#define RAW_FILE_MAX   (256UL << 20)
#define RAW_MEMORY_MAX (1UL << 30)
#define RAW_LOWEST     (64UL << 10) /* below, null pointers fault */

struct guest_raw {
	struct guest guest;
	struct raw_header header;
	uint8_t *file; /* the whole image, for snapshots; NULL in a guest of one */
	size_t file_size;
};

static const struct guest_raw *raw_of(const struct guest *guest)
{
	return (const struct guest_raw *)guest;
}

/* ── images ──────────────────────────────────────────────────────────────────────────────────── */

static bool part_is_sound(uint64_t offset, uint64_t size, uint64_t address, uint64_t memory,
			  uint64_t file_size)
{
	return range_within(offset, size, file_size) && size <= memory &&
	       memory <= RAW_MEMORY_MAX && !(address % GUEST_PAGE_SIZE) && address >= RAW_LOWEST &&
	       address < GUEST_PROGRAM_LIMIT;
}

static bool devices_are_named(const struct raw_header *header)
{
	for (size_t i = 0; i < RAW_DEVICES_MAX; i++)
		if (header->devices[i].name[RAW_NAME_SIZE - 1] ||
		    header->devices[i].options[RAW_OPTIONS_SIZE - 1])
			return false;
	return true;
}

static int parse_header(struct raw_header *header, const uint8_t *data, size_t size,
			struct error *error)
{
	if (size < sizeof(*header))
		return error_set(error, ENOEXEC, "it is cut off within its header");
	memcpy(header, data, sizeof(*header));
	if (memcmp(header->magic, RAW_MAGIC, sizeof(header->magic)) != 0)
		return error_set(error, ENOEXEC, "it is no raw image");
	if (header->version != RAW_VERSION)
		return error_set(error, ENOEXEC,
				 "it is a raw image of version %u; this Mayfly runs version %d",
				 header->version, RAW_VERSION);
	if (!part_is_sound(header->code_offset, header->code_size, header->code_address,
			   header->code_size, size) ||
	    !part_is_sound(header->data_offset, header->data_size, header->data_address,
			   header->data_memory, size) ||
	    !header->code_size || !devices_are_named(header))
		return error_set(error, ENOEXEC, "it is a raw image whose header is not sound");
	if (header->entry < header->code_address ||
	    header->entry - header->code_address >= header->code_size)
		return error_set(error, ENOEXEC,
				 "it is a raw image that starts at %#lx, where it "
				 "has no code",
				 header->entry);
	return 0;
}

/* The devices that an image names, on a bus of their own; NULL where there are none such. */
static struct bus *make_bus(const struct raw_header *header, struct error *error)
{
	struct bus *bus = bus_create(error);
	int result = bus ? 0 : -ENOMEM;
	for (size_t i = 0; i < RAW_DEVICES_MAX && !result; i++)
		if (header->devices[i].name[0])
			result = bus_attach(bus, header->devices[i].name,
					    header->devices[i].options, error);
	if (!result)
		return bus;
	bus_release(bus);
	return NULL;
}

static int list_ports(const struct raw_header *header, struct port_set *ports, struct error *error)
{
	*ports = (struct port_set){0};
	struct bus *bus = make_bus(header, error);
	if (!bus)
		return -error->code;
	bus_list_ports(bus, ports);
	bus_release(bus);
	if (!system_pages_use_ports(ports))
		return 0;
	return error_set(error, EINVAL,
			 "it wants a device at a port that the monitor uses itself (%#x to %#x, "
			 "%#x to %#x)",
			 SYSTEM_PORT_HYPERCALL, SYSTEM_PORT_HYPERCALL + 3, SYSTEM_PORT_EXCEPTION,
			 SYSTEM_PORT_EXCEPTION + SYSTEM_EXCEPTIONS - 1);
}

static int map_part(struct image *image, uint64_t address, const uint8_t *data, uint64_t size,
		    uint64_t memory, uint32_t protection, struct error *error)
{
	if (!memory)
		return 0;
	int result =
	    image_map(image, address, round_up(memory, GUEST_PAGE_SIZE), protection, error);
	if (!result && size)
		memcpy(image_pointer(image, address, size), data, size);
	return result;
}

static int build_image(const struct guest_raw *self, struct image *image, struct error *error)
{
	const struct raw_header *header = &self->header;
	struct port_set ports;
	int result = list_ports(header, &ports, error);
	if (!result)
		result = image_create(image,
				      round_up(header->code_size, GUEST_PAGE_SIZE) +
					  round_up(header->data_memory, GUEST_PAGE_SIZE),
				      error);
	if (!result)
		result = map_part(image, header->code_address, self->file + header->code_offset,
				  header->code_size, header->code_size, GUEST_READ | GUEST_EXECUTE,
				  error);
	if (!result)
		result = map_part(image, header->data_address, self->file + header->data_offset,
				  header->data_size, header->data_memory, GUEST_READ | GUEST_WRITE,
				  error);
	return result ? result : page_tables_build(image, &ports, error);
}

/* ── the guest ───────────────────────────────────────────────────────────────────────────────── */

static struct guest_raw *make_guest(struct error *error)
{
	struct guest_raw *self = calloc(1, sizeof(*self));
	if (self)
		self->guest.kind = &guest_raw;
	else
		error_set(error, ENOMEM, "no memory for a guest");
	return self;
}

static void raw_unload(struct guest *guest)
{
	free(((struct guest_raw *)guest)->file);
}

static int raw_load(struct guest **guest, const struct guest_options *options, struct image *image,
		    struct error *error)
{
	struct guest_raw *self = make_guest(error);
	if (!self)
		return -ENOMEM;
	int result = 0;
	if (options->files_size)
		result = error_set(error, EINVAL, "a flat image takes no files");
	if (!result)
		result =
		    file_read(options->program, RAW_FILE_MAX, &self->file, &self->file_size, error);
	if (!result)
		result = parse_header(&self->header, self->file, self->file_size, error);
	if (!result)
		result = build_image(self, image, error);
	if (result) {
		guest_release(&self->guest);
		return error_wrap(error, "cannot load %s", options->program);
	}
	self->guest.entries.start = self->header.entry;
	*guest = &self->guest;
	return 0;
}

static int raw_describe(const struct guest *guest, struct snapshot *snapshot, struct error *error)
{
	const struct guest_raw *self = raw_of(guest);
	(void)error;
	snapshot->program = (struct snapshot_program){.data = self->file, .size = self->file_size};
	return 0;
}

static int check_state(const struct guest_raw *self, const struct guest_state *state,
		       struct error *error)
{
	struct bus *bus = make_bus(&self->header, error);
	int result = bus ? bus_load(bus, state->devices, state->devices_length, error) : -ENOMEM;
	bus_release(bus);
	if (!result && !state->machine.length)
		result = error_set(error, EBADMSG, "damaged: it has no virtual CPU");
	return result;
}

static int raw_restore(struct guest **guest, struct snapshot *snapshot,
		       const struct guest_options *options, struct error *error)
{
	(void)options;
	struct port_set ports;
	struct guest_raw *self = make_guest(error);
	if (!self)
		return -ENOMEM;
	int result =
	    parse_header(&self->header, snapshot->program.data, snapshot->program.size, error);
	if (result)
		error_wrap(error, "its program");
	if (!result)
		result = list_ports(&self->header, &ports, error);
	if (!result)
		result = page_tables_check(&snapshot->image, &ports, error);
	if (!result)
		result = check_state(self, &snapshot->state, error);
	if (result) {
		guest_release(&self->guest);
		return result;
	}
	self->guest.entries = snapshot->entries;
	*guest = &self->guest;
	return 0;
}

/* ── slots ───────────────────────────────────────────────────────────────────────────────────── */

static int raw_open(struct slot *slot, struct error *error)
{
	slot->bus = make_bus(&raw_of(slot->guest)->header, error);
	return slot->bus ? 0 : -error->code;
}

static void raw_close(struct slot *slot)
{
	bus_release(slot->bus);
	slot->bus = NULL;
}

static int raw_begin(struct slot *slot, struct error *error)
{
	const struct guest_state *state = slot->state;
	return state ? bus_load(slot->bus, state->devices, state->devices_length, error)
		     : bus_load(slot->bus, NULL, 0, error);
}

static int serve_access(struct slot *slot, const struct machine_exit *exit, enum guest_next *next,
			struct error *error)
{
	bool found;
	enum device_next device;
	struct guest_fault fault;
	int result = bus_access(slot->bus, slot, exit, &found, &device, error);
	if (result)
		return result;
	*next = GUEST_CONTINUES;
	if (found)
		return guest_follow_device(slot, device, next, error);
	result = slot->machine->isolation->inspect(slot->machine, &fault, error);
	if (!result)
		guest_report_fault(slot, &fault);
	*next = GUEST_FINISHED;
	return result;
}

static int raw_serve_exit(struct slot *slot, const struct machine_exit *exit, enum guest_next *next,
			  struct error *error)
{
	struct guest_fault fault;
	int result = 0;
	switch (exit->stop) {
	case MACHINE_PORT:
	case MACHINE_MEMORY:
		return serve_access(slot, exit, next, error);
	case MACHINE_TICK: /* it has written to what is the control page of other guests */
		*next = GUEST_CONTINUES;
		return 0;
	case MACHINE_HYPERCALL:
		result = slot->machine->isolation->inspect(slot->machine, &fault, error);
		break;
	default:
		fault = exit->fault;
		break;
	}
	if (!result)
		guest_report_fault(slot, &fault);
	*next = GUEST_FINISHED;
	return result;
}

static int raw_finish(struct slot *slot, enum slot_end end, struct error *error)
{
	enum device_next next;
	if (end == SLOT_FROZEN)
		return 0;
	/* What it wrote before is its response, however it ended. */
	const struct request_result before = *slot->result;
	const bool fell = before.outcome != OUTCOME_EXITED && before.outcome != OUTCOME_SIGNALED;
	int result = bus_flush(slot->bus, slot, &next, error);
	if (fell)
		*slot->result = before;
	return slot_judge_delivery(slot->result, result, error);
}

static int raw_save(struct slot *slot, struct guest_state *state, struct error *error)
{
	const struct isolation *isolation = slot->machine->isolation;
	int result = isolation->save(slot->machine, &state->machine, error);
	return result ? result
		      : bus_save(slot->bus, &state->devices, &state->devices_length, error);
}

const struct guest_kind guest_raw = {
    .name = "raw",
    .needs_ports = true,
    .keeps_machine = true,
    .load = raw_load,
    .describe = raw_describe,
    .restore = raw_restore,
    .unload = raw_unload,
    .open = raw_open,
    .close = raw_close,
    .begin = raw_begin,
    .serve_exit = raw_serve_exit,
    .finish = raw_finish,
    .save = raw_save,
};
