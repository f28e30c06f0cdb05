/* The device `pit`: the interval timer of a PC, an Intel 8254, whose channel 0 makes interrupts on
 * line 0 and whose channel 2 can be watched; channel 1 refreshed memory once, and only counts here.
 *
 *     0x40 to 0x42    the count of a channel
 *     0x43            control words
 *     0x61            bit 0: the gate of channel 2; bit 4 changes all the time; bit 5: its output
 *
 * A count is what the time since its beginning makes of it: nothing runs here. Periods that the guest
 * has missed are one interrupt. Counts are binary: decimal ones are not there. "8254", Intel order
 * number 231164, has the modes.
 */
#include <string.h>

#include "devices.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define PIT_PORT       0x40
#define PIT_CHANNELS   3
#define PIT_HERTZ      1193182UL
#define PIT_COUNT_MAX  0x10000U /* written as 0 */
#define PIT_PORT_B     0x61
#define PORT_B_GATE    0x01
#define PORT_B_WRITTEN 0x03
#define PORT_B_REFRESH 0x10
#define PORT_B_OUTPUT  0x20
#define REFRESH_NS     15085
#define SAVED_NS_MAX   NANOSECONDS_PER_SECOND

/* How a channel's count is accessed. */
enum { ACCESS_LATCH, ACCESS_LOW, ACCESS_HIGH, ACCESS_BOTH };
enum { MODE_TERMINAL, MODE_ONE_SHOT, MODE_RATE, MODE_SQUARE, MODE_STROBE, MODE_STROBE_GATED };

#define READ_BACK	    3 /* the channel in a control word that is none */
#define READ_BACK_NO_COUNT  0x20
#define READ_BACK_NO_STATUS 0x10
#define STATUS_OUTPUT	    0x80
#define STATUS_NO_COUNT	    0x40

struct pit_channel {
	uint64_t begin_ns; /* when the count began; where the gate is closed, how long it had run */
	uint64_t expired;  /* how often it had when that was last looked at */
	uint32_t reload;   /* 1 to PIT_COUNT_MAX */
	uint16_t latch;
	uint8_t low; /* the first byte of a count whose second is to come */
	uint8_t status;
	uint8_t mode, access;
	/* Each 0 or 1. */
	uint8_t loaded; /* it counts */
	uint8_t writes_high, reads_high, latched, status_latched, closed;
};

/* Saved with times since the beginning of a count in the place of begin_ns. */
struct pit {
	struct pit_channel channels[PIT_CHANNELS];
	uint8_t port_b;
};

/* ── time ────────────────────────────────────────────────────────────────────────────────────── */

static uint64_t ticks_of(uint64_t ns)
{
	return (uint64_t)((unsigned __int128)ns * PIT_HERTZ / NANOSECONDS_PER_SECOND);
}

/* Rounded up. */
static uint64_t ns_of(uint64_t ticks)
{
	return (uint64_t)(((unsigned __int128)ticks * NANOSECONDS_PER_SECOND + PIT_HERTZ - 1) /
			  PIT_HERTZ);
}

static uint64_t elapsed_ns(const struct pit_channel *channel, uint64_t now_ns)
{
	if (channel->closed)
		return channel->begin_ns;
	return now_ns > channel->begin_ns ? now_ns - channel->begin_ns : 0;
}

static bool is_periodic(const struct pit_channel *channel)
{
	return channel->mode == MODE_RATE || channel->mode == MODE_SQUARE;
}

static uint16_t count_at(const struct pit_channel *channel, uint64_t ticks)
{
	if (!channel->loaded)
		return 0;
	if (channel->mode == MODE_RATE)
		return (uint16_t)(channel->reload - ticks % channel->reload);
	if (channel->mode == MODE_SQUARE)
		return (uint16_t)((channel->reload - 2 * ticks % channel->reload) & ~1UL);
	return (uint16_t)(channel->reload - ticks);
}

static bool output_at(const struct pit_channel *channel, uint64_t ticks)
{
	if (!channel->loaded)
		return channel->mode != MODE_TERMINAL;
	switch (channel->mode) {
	case MODE_TERMINAL:
	case MODE_ONE_SHOT:
		return ticks >= channel->reload;
	case MODE_SQUARE:
		return ticks % channel->reload < (channel->reload + 1) / 2;
	default: /* low for one tick only */
		return true;
	}
}

/* When it expires next; 0: never. */
static uint64_t channel_due(const struct pit_channel *channel)
{
	if (!channel->loaded || channel->closed || (channel->expired && !is_periodic(channel)))
		return 0;
	return channel->begin_ns + ns_of((channel->expired + 1) * channel->reload);
}

static uint64_t pit_due(const struct device *device)
{
	const struct pit *pit = device->state;
	return channel_due(&pit->channels[0]);
}

static int pit_serve(struct device *device, struct slot *slot, enum device_next *next,
		     struct error *error)
{
	struct pit_channel *channel = &((struct pit *)device->state)->channels[0];
	const uint64_t now_ns = clock_now_ns(), due_ns = channel_due(channel);
	(void)slot;
	(void)next;
	(void)error;
	if (!due_ns || now_ns < due_ns)
		return 0;
	/* What is not periodic expires once, however late that is seen. */
	if (is_periodic(channel))
		channel->expired = ticks_of(elapsed_ns(channel, now_ns)) / channel->reload;
	if (!is_periodic(channel) || !channel->expired)
		channel->expired = 1; /* of a period, by rounding */
	bus_set_line(device->bus, 0, true);
	bus_set_line(device->bus, 0, false);
	return 0;
}

/* ── accesses ────────────────────────────────────────────────────────────────────────────────── */

static void channel_load(struct pit_channel *channel, uint32_t count)
{
	channel->reload = count ? count : PIT_COUNT_MAX;
	channel->begin_ns = channel->closed ? 0 : clock_now_ns();
	channel->expired = 0;
	channel->loaded = 1;
}

static void channel_write(struct pit_channel *channel, uint8_t value)
{
	if (channel->access == ACCESS_LOW) {
		channel_load(channel, value);
	} else if (channel->access == ACCESS_HIGH) {
		channel_load(channel, (uint32_t)value << 8);
	} else if (channel->writes_high) {
		channel->writes_high = 0;
		channel_load(channel, (uint32_t)value << 8 | channel->low);
	} else {
		channel->low = value;
		channel->writes_high = 1;
		if (channel->mode == MODE_TERMINAL)
			channel->loaded = 0;
	}
}

static uint8_t channel_read(struct pit_channel *channel, uint64_t now_ns)
{
	if (channel->status_latched) {
		channel->status_latched = 0;
		return channel->status;
	}
	const uint16_t count = channel->latched
				   ? channel->latch
				   : count_at(channel, ticks_of(elapsed_ns(channel, now_ns)));
	const bool high = channel->access == ACCESS_HIGH || channel->reads_high;
	channel->reads_high = channel->access == ACCESS_BOTH && !channel->reads_high;
	if (!channel->reads_high)
		channel->latched = 0;
	return (uint8_t)(high ? count >> 8 : count);
}

static void latch_count(struct pit_channel *channel, uint64_t now_ns)
{
	if (channel->latched)
		return;
	channel->latch = count_at(channel, ticks_of(elapsed_ns(channel, now_ns)));
	channel->latched = 1;
}

static void latch_status(struct pit_channel *channel, uint64_t now_ns)
{
	const bool output = output_at(channel, ticks_of(elapsed_ns(channel, now_ns)));
	if (channel->status_latched)
		return;
	channel->status =
	    (uint8_t)((output ? STATUS_OUTPUT : 0) | (channel->loaded ? 0 : STATUS_NO_COUNT) |
		      channel->access << 4 | channel->mode << 1);
	channel->status_latched = 1;
}

static void read_back(struct pit *pit, uint8_t word, uint64_t now_ns)
{
	for (unsigned i = 0; i < PIT_CHANNELS; i++) {
		if (!(word & 2U << i))
			continue;
		if (!(word & READ_BACK_NO_COUNT))
			latch_count(&pit->channels[i], now_ns);
		if (!(word & READ_BACK_NO_STATUS))
			latch_status(&pit->channels[i], now_ns);
	}
}

static void pit_control(struct pit *pit, uint8_t word, uint64_t now_ns)
{
	const unsigned which = word >> 6, access = word >> 4 & 3, mode = word >> 1 & 7;
	if (which == READ_BACK) {
		read_back(pit, word, now_ns);
		return;
	}
	struct pit_channel *channel = &pit->channels[which];
	if (access == ACCESS_LATCH) {
		latch_count(channel, now_ns);
		return;
	}
	*channel = (struct pit_channel){
	    .access = (uint8_t)access,
	    .mode = (uint8_t)(mode > MODE_STROBE_GATED ? mode & 3 : mode), /* 6 and 7 are 2 and 3 */
	    .reload = PIT_COUNT_MAX,
	    .closed = channel->closed,
	};
}

/* The gate of channel 2 stops it, or makes it begin anew, as its mode says. */
static void write_port_b(struct pit *pit, uint8_t value, uint64_t now_ns)
{
	struct pit_channel *channel = &pit->channels[2];
	const bool open = value & PORT_B_GATE,
		   restarts = channel->mode != MODE_TERMINAL && channel->mode != MODE_STROBE;
	pit->port_b = value & PORT_B_WRITTEN;
	if (open != channel->closed)
		return;
	const uint64_t ran_ns = elapsed_ns(channel, now_ns);
	channel->closed = !open;
	channel->begin_ns = !open ? ran_ns : now_ns - (restarts ? 0 : ran_ns);
}

static uint8_t read_port_b(const struct pit *pit, uint64_t now_ns)
{
	const struct pit_channel *channel = &pit->channels[2];
	const bool output = output_at(channel, ticks_of(elapsed_ns(channel, now_ns)));
	return (uint8_t)(pit->port_b | (output ? PORT_B_OUTPUT : 0) |
			 (now_ns / REFRESH_NS % 2 ? PORT_B_REFRESH : 0));
}

static int pit_attach(struct bus *bus, struct device *device, struct error *error)
{
	int result = bus_claim_ports(bus, device, PIT_PORT, PIT_CHANNELS + 1, error);
	return result ? result : bus_claim_ports(bus, device, PIT_PORT_B, 1, error);
}

static int pit_access(struct device *device, struct slot *slot, struct device_access *access,
		      enum device_next *next, struct error *error)
{
	struct pit *pit = device->state;
	const uint64_t now_ns = clock_now_ns();
	const uint8_t value = (uint8_t)access->value;
	(void)slot;
	(void)next;
	(void)error;
	if (access->address == PIT_PORT_B) {
		if (access->is_write)
			write_port_b(pit, value, now_ns);
		else
			access->value = read_port_b(pit, now_ns);
	} else if (access->offset == PIT_CHANNELS) {
		if (access->is_write)
			pit_control(pit, value, now_ns);
		else
			access->value = UINT64_MAX;
	} else if (access->is_write) {
		channel_write(&pit->channels[access->offset], value);
	} else {
		access->value = channel_read(&pit->channels[access->offset], now_ns);
	}
	return 0;
}

/* ── saving ──────────────────────────────────────────────────────────────────────────────────── */

/* Times that no other machine's clock is too young for: whole periods are left out, and what has
 * expired long ago has done so not quite as long ago. */
static void channel_pack(struct pit_channel *channel, uint64_t now_ns)
{
	uint64_t ran_ns = elapsed_ns(channel, now_ns);
	if (channel->loaded && is_periodic(channel)) {
		ran_ns %= ns_of(channel->reload);
		channel->expired = 0;
	}
	channel->begin_ns = ran_ns < SAVED_NS_MAX ? ran_ns : SAVED_NS_MAX;
}

static size_t pit_save(const struct device *device, uint8_t *out)
{
	struct pit saved;
	const uint64_t now_ns = clock_now_ns();
	memcpy(&saved, device->state, sizeof(saved));
	for (size_t i = 0; i < PIT_CHANNELS; i++)
		channel_pack(&saved.channels[i], now_ns);
	memcpy(out, &saved, sizeof(saved));
	return sizeof(saved);
}

static bool channel_is_sound(const struct pit_channel *channel)
{
	const uint8_t flags = channel->loaded | channel->writes_high | channel->reads_high |
			      channel->latched | channel->status_latched | channel->closed;
	return channel->mode <= MODE_STROBE_GATED && channel->access <= ACCESS_BOTH &&
	       channel->reload <= PIT_COUNT_MAX && (channel->reload || !channel->loaded) &&
	       flags <= 1 && channel->begin_ns <= SAVED_NS_MAX && channel->expired <= 1;
}

static bool pit_load(struct device *device, const uint8_t *data, size_t length)
{
	struct pit pit;
	const uint64_t now_ns = clock_now_ns();
	if (length != sizeof(pit))
		return false;
	memcpy(&pit, data, sizeof(pit));
	for (size_t i = 0; i < PIT_CHANNELS; i++) {
		struct pit_channel *channel = &pit.channels[i];
		if (!channel_is_sound(channel))
			return false;
		if (!channel->closed)
			channel->begin_ns =
			    now_ns > channel->begin_ns ? now_ns - channel->begin_ns : 0;
	}
	memcpy(device->state, &pit, sizeof(pit));
	return true;
}

const struct device_kind device_pit = {
    .name = "pit",
    .state_size = sizeof(struct pit),
    .attach = pit_attach,
    .access = pit_access,
    .due = pit_due,
    .serve = pit_serve,
    .save = pit_save,
    .load = pit_load,
};
