/* The device `pic`: the two interrupt controllers of a PC, Intel 8259A, the second behind line 2 of
 * the first. Lines 0 to 15 of the bus are theirs.
 *
 *     0x20, 0x21      the first: commands, data
 *     0xa0, 0xa1      the second
 *     0x4d0, 0x4d1    which lines are triggered by level: a bit each
 *
 * Fixed priorities, ends of interrupts named or not, automatic ends, and masks are there. Rotated
 * priorities, polling and the special masks are not: what asks for them is ignored. "8259A", Intel
 * order number 231468, has the command words.
 */
#include <string.h>

#include "devices.h"
#include "sizes/sizes.h"

#define PIC_FIRST    0x20
#define PIC_SECOND   0xa0
#define PIC_TRIGGERS 0x4d0
#define PIC_CASCADE  2 /* the line of the first that the second is behind */
#define PIC_LINES    8
#define PIC_SPURIOUS 7

/* Initialization command words, in the order of their coming. */
enum pic_step { PIC_READY, PIC_ICW2, PIC_ICW3, PIC_ICW4, PIC_STEPS };

#define ICW1	       0x10
#define ICW1_ICW4      0x01
#define ICW4_AUTOMATIC 0x02
#define OCW2_END       0x20
#define OCW2_SPECIFIC  0x40
#define OCW3	       0x08
#define OCW3_READ      0x02
#define OCW3_SERVICE   0x01

/* Saved as it is; one bit for each line. */
struct pic_chip {
	uint8_t requested, in_service, masked, active, by_level;
	uint8_t vectors; /* the first of its eight */
	uint8_t step;	 /* enum pic_step: what the next byte of data is */
	uint8_t wants_icw4, automatic, reads_service;
	uint8_t initialized; /* before that it interrupts nobody */
};

struct pic {
	struct pic_chip chips[2];
};

/* The line whose turn it is; PIC_LINES: none's. */
static unsigned chip_next(const struct pic_chip *chip, uint8_t requested)
{
	const uint8_t waiting = requested & (uint8_t)~chip->masked;
	if (!waiting || !chip->initialized || chip->step != PIC_READY)
		return PIC_LINES;
	const unsigned line = (unsigned)__builtin_ctz(waiting);
	const unsigned served =
	    chip->in_service ? (unsigned)__builtin_ctz(chip->in_service) : PIC_LINES;
	return line < served ? line : PIC_LINES;
}

static unsigned first_next(const struct pic *pic)
{
	const bool behind = chip_next(&pic->chips[1], pic->chips[1].requested) < PIC_LINES;
	const uint8_t cascade = (uint8_t)(behind << PIC_CASCADE);
	return chip_next(&pic->chips[0], pic->chips[0].requested | cascade);
}

static uint8_t chip_take(struct pic_chip *chip, unsigned line)
{
	const uint8_t bit = (uint8_t)(1U << line);
	if (!(chip->by_level & bit))
		chip->requested &= (uint8_t)~bit;
	if (!chip->automatic)
		chip->in_service |= bit;
	return (uint8_t)(chip->vectors + line);
}

/* ── the bus's side ──────────────────────────────────────────────────────────────────────────── */

static void pic_set_line(struct device *device, unsigned line, bool active)
{
	struct pic *pic = device->state;
	if (line >= 2 * PIC_LINES)
		return;
	struct pic_chip *chip = &pic->chips[line / PIC_LINES];
	const uint8_t bit = (uint8_t)(1U << line % PIC_LINES);
	if (active && ((chip->by_level & bit) || !(chip->active & bit)))
		chip->requested |= bit;
	if (!active && (chip->by_level & bit))
		chip->requested &= (uint8_t)~bit;
	chip->active = active ? chip->active | bit : chip->active & (uint8_t)~bit;
}

static bool pic_pending(const struct device *device)
{
	return first_next(device->state) < PIC_LINES;
}

static uint8_t pic_acknowledge(struct device *device)
{
	struct pic *pic = device->state;
	const unsigned line = first_next(pic);
	if (line == PIC_LINES)
		return (uint8_t)(pic->chips[0].vectors + PIC_SPURIOUS);
	const unsigned behind =
	    line == PIC_CASCADE ? chip_next(&pic->chips[1], pic->chips[1].requested) : PIC_LINES;
	const uint8_t vector = chip_take(&pic->chips[0], line);
	return behind < PIC_LINES ? chip_take(&pic->chips[1], behind) : vector;
}

static int pic_attach(struct bus *bus, struct device *device, struct error *error)
{
	const struct bus_interrupts interrupts = {
	    .device = device,
	    .set_line = pic_set_line,
	    .pending = pic_pending,
	    .acknowledge = pic_acknowledge,
	};
	bus_set_interrupts(bus, &interrupts);
	int result = bus_claim_ports(bus, device, PIC_FIRST, 2, error);
	if (!result)
		result = bus_claim_ports(bus, device, PIC_SECOND, 2, error);
	return result ? result : bus_claim_ports(bus, device, PIC_TRIGGERS, 2, error);
}

/* ── the guest's side ────────────────────────────────────────────────────────────────────────── */

static void chip_initialize(struct pic_chip *chip, uint8_t value)
{
	*chip = (struct pic_chip){
	    .requested = chip->active & chip->by_level,
	    .active = chip->active,
	    .by_level = chip->by_level,
	    .step = PIC_ICW2,
	    .wants_icw4 = value & ICW1_ICW4,
	};
}

static void chip_end(struct pic_chip *chip, uint8_t value)
{
	if (value & OCW2_SPECIFIC)
		chip->in_service &= (uint8_t) ~(1U << value % PIC_LINES);
	else
		chip->in_service &= chip->in_service - 1; /* the highest in priority */
}

static void chip_command(struct pic_chip *chip, uint8_t value)
{
	if (value & ICW1)
		chip_initialize(chip, value);
	else if (value & OCW3)
		chip->reads_service =
		    value & OCW3_READ ? value & OCW3_SERVICE : chip->reads_service;
	else if (value & OCW2_END)
		chip_end(chip, value);
}

static void chip_write_data(struct pic_chip *chip, uint8_t value)
{
	switch (chip->step) {
	case PIC_READY:
		chip->masked = value;
		return;
	case PIC_ICW2:
		chip->vectors = value & (uint8_t) ~(PIC_LINES - 1);
		chip->step = PIC_ICW3;
		return;
	case PIC_ICW3: /* who is behind whom is known */
		chip->step = chip->wants_icw4 ? PIC_ICW4 : PIC_READY;
		break;
	default:
		chip->automatic = value & ICW4_AUTOMATIC;
		chip->step = PIC_READY;
		break;
	}
	chip->initialized = chip->step == PIC_READY;
}

static uint8_t chip_read(const struct pic_chip *chip, bool data)
{
	if (data)
		return chip->masked;
	return chip->reads_service ? chip->in_service : chip->requested;
}

static int pic_access(struct device *device, struct slot *slot, struct device_access *access,
		      enum device_next *next, struct error *error)
{
	struct pic *pic = device->state;
	const bool triggers = access->address >= PIC_TRIGGERS;
	struct pic_chip *chip =
	    &pic->chips[triggers ? access->offset : access->address >= PIC_SECOND];
	const uint8_t value = (uint8_t)access->value;
	(void)slot;
	(void)next;
	(void)error;
	if (!access->is_write)
		access->value = triggers ? chip->by_level : chip_read(chip, access->offset);
	else if (triggers)
		chip->by_level = value;
	else if (access->offset)
		chip_write_data(chip, value);
	else
		chip_command(chip, value);
	return 0;
}

/* ── saving ──────────────────────────────────────────────────────────────────────────────────── */

static size_t pic_save(const struct device *device, uint8_t *out)
{
	memcpy(out, device->state, sizeof(struct pic));
	return sizeof(struct pic);
}

static bool pic_load(struct device *device, const uint8_t *data, size_t length)
{
	struct pic pic;
	if (length != sizeof(pic))
		return false;
	memcpy(&pic, data, sizeof(pic));
	for (size_t i = 0; i < ARRAY_SIZE(pic.chips); i++)
		if (pic.chips[i].step >= PIC_STEPS || pic.chips[i].vectors % PIC_LINES)
			return false;
	memcpy(device->state, &pic, sizeof(pic));
	return true;
}

const struct device_kind device_pic = {
    .name = "pic",
    .state_size = sizeof(struct pic),
    .attach = pic_attach,
    .access = pic_access,
    .save = pic_save,
    .load = pic_load,
};
