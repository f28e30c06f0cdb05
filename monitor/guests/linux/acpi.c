/* The ACPI tables of a Linux guest; see acpi.h. References: ACPI specification 6.4, chapters 5
 * (tables), 6.4 (resources) and 20 (AML). */
#include "acpi.h"

#include <stdbool.h>
#include <string.h>

#include "sizes/sizes.h"

#define SCI_LINE	   13 /* no device has it */
#define RSDP_V1_SIZE	   20 /* what the first checksum is of */
#define FACS_ALIGNMENT	   64
#define FADT_REVISION	   3
#define FADT_SIZE	   244
#define FADT_NO_BUTTONS	   (1U << 4 | 1U << 5) /* neither power nor sleep button is a fixed one */
#define FADT_RESET	   (1U << 10)
#define FADT_WBINVD	   (1U << 0)
#define BOOT_LEGACY	   (1U << 0) /* there are devices that no table names: the serial port */
#define BOOT_NO_VGA	   (1U << 2)
#define BOOT_NO_MSI	   (1U << 3)
#define SPACE_PORTS	   1
#define PM1_EVENT_LENGTH   4
#define PM1_CONTROL_LENGTH 2

struct table_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char maker[6], name[8];
	uint32_t maker_revision;
	char creator[4];
	uint32_t creator_revision;
} __attribute__((packed));

struct rsdp {
	char signature[8];
	uint8_t checksum;
	char maker[6];
	uint8_t revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __attribute__((packed));

struct xsdt {
	struct table_header header;
	uint64_t fadt;
} __attribute__((packed));

struct generic_address {
	uint8_t space, bits, offset, access;
	uint64_t address;
} __attribute__((packed));

struct fadt {
	struct table_header header;
	uint32_t facs, dsdt;
	uint8_t model, profile;
	uint16_t sci_line;
	uint32_t smi_port; /* 0: ACPI is on from the beginning */
	uint8_t enable, disable, s4_bios, p_state;
	uint32_t pm1a_event, pm1b_event, pm1a_control, pm1b_control, pm2_control, pm_timer;
	uint32_t gpe0, gpe1;
	uint8_t pm1_event_length, pm1_control_length, pm2_length, timer_length;
	uint8_t gpe0_length, gpe1_length, gpe1_base, c_state;
	uint16_t c2_latency, c3_latency, flush_size, flush_stride;
	uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
	uint16_t boot_flags;
	uint8_t reserved;
	uint32_t flags;
	struct generic_address reset;
	uint8_t reset_value, reserved2[3];
	uint64_t x_facs, x_dsdt;
	struct generic_address x_blocks[8];
} __attribute__((packed));
_Static_assert(sizeof(struct fadt) == FADT_SIZE, "ACPI 3.0");

struct facs {
	char signature[4];
	uint32_t length, hardware, waking, lock, flags;
	uint64_t x_waking;
	uint8_t version, reserved[31];
} __attribute__((packed));

/* What is written, from `address` of the guest on. */
struct writer {
	uint8_t *memory;
	size_t room, length;
	uint64_t address;
	bool full;
};

static uint64_t here(const struct writer *writer)
{
	return writer->address + writer->length;
}

static void put(struct writer *writer, const void *data, size_t length)
{
	if (length > writer->room - writer->length) {
		writer->full = true;
		return;
	}
	memcpy(writer->memory + writer->length, data, length);
	writer->length += length;
}

static void align(struct writer *writer, size_t unit)
{
	static const uint8_t zeros[FACS_ALIGNMENT];
	put(writer, zeros, round_up(here(writer), unit) - here(writer));
}

/* The byte that makes the sum of all 0. */
static uint8_t checksum(const void *data, size_t length)
{
	const uint8_t *bytes = data;
	uint8_t sum = 0;
	for (size_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (uint8_t)-sum;
}

static struct table_header header(const char *signature, size_t length, uint8_t revision)
{
	struct table_header made = {
	    .length = (uint32_t)length, .revision = revision, .maker_revision = 1};
	memcpy(made.signature, signature, sizeof(made.signature));
	memcpy(made.maker, "MAYFLY", sizeof(made.maker));
	memcpy(made.name, "MACHINE ", sizeof(made.name));
	memcpy(made.creator, "MFLY", sizeof(made.creator));
	return made;
}

/* ── DSDT ────────────────────────────────────────────────────────────────────────────────────── */

#define AML_NAME    0x08
#define AML_BYTE    0x0a
#define AML_STRING  0x0d
#define AML_SCOPE   0x10
#define AML_BUFFER  0x11
#define AML_PACKAGE 0x12
#define AML_DEVICE  0x5b, 0x82

/* A device of virtio-mmio: `LNRO0005` is what Linux knows those by. */
struct aml_device {
	uint8_t device[2], length, name[4];
	uint8_t hid[5], hid_string, hid_value[9];
	uint8_t uid[5], uid_byte, uid_value;
	uint8_t crs[5], buffer, buffer_length, buffer_byte, buffer_size;
	uint8_t memory[4]; /* a fixed range of 32 bits, to read and write */
	uint32_t address, size;
	uint8_t interrupt[5]; /* one, of level, active high, this device's own */
	uint32_t line;
	uint8_t end[2];
} __attribute__((packed));

#define RESOURCES_SIZE                                                                             \
	(sizeof(struct aml_device) - offsetof(struct aml_device, memory)) /* with the end tag */

/* Lengths count themselves; below 64 they take a byte. */
#define DEVICE_LENGTH (sizeof(struct aml_device) - offsetof(struct aml_device, length))
#define BUFFER_LENGTH (sizeof(struct aml_device) - offsetof(struct aml_device, buffer_length))
_Static_assert(DEVICE_LENGTH < 64 && BUFFER_LENGTH < 64, "one byte has the length");

static struct aml_device describe(const struct acpi_device *device, size_t number)
{
	return (struct aml_device){
	    .device = {AML_DEVICE},
	    .length = DEVICE_LENGTH,
	    .name = {'V', 'I', 'O', (uint8_t)("0123456789ABCDEF"[number % ACPI_DEVICES_MAX])},
	    .hid = {AML_NAME, '_', 'H', 'I', 'D'},
	    .hid_string = AML_STRING,
	    .hid_value = "LNRO0005",
	    .uid = {AML_NAME, '_', 'U', 'I', 'D'},
	    .uid_byte = AML_BYTE,
	    .uid_value = (uint8_t)number,
	    .crs = {AML_NAME, '_', 'C', 'R', 'S'},
	    .buffer = AML_BUFFER,
	    .buffer_length = BUFFER_LENGTH,
	    .buffer_byte = AML_BYTE,
	    .buffer_size = RESOURCES_SIZE,
	    .memory = {0x86, 9, 0, 1},
	    .address = (uint32_t)device->address,
	    .size = (uint32_t)device->length,
	    .interrupt = {0x89, 6, 0, 1, 1},
	    .line = device->line,
	    .end = {0x79, 0},
	};
}

static void write_dsdt(struct writer *writer, const struct acpi_device *devices, size_t count)
{
	/* \_S5, the state that powering off asks for, has the type 0. */
	static const uint8_t sleep[] = {AML_NAME, '_', 'S', '5', '_', AML_PACKAGE,
					6,	  4,   0,   0,	 0,   0};
	static const uint8_t scope[] = {'\\', '_', 'S', 'B', '_'};
	/* A length of two bytes: the first has four bits of it. */
	const size_t length = 2 + sizeof(scope) + count * sizeof(struct aml_device);
	const uint8_t begin[] = {AML_SCOPE, (uint8_t)(0x40 | (length & 15)),
				 (uint8_t)(length >> 4)};
	const struct table_header dsdt =
	    header("DSDT", sizeof(dsdt) + sizeof(sleep) + 1 + length, 2);
	const size_t place = writer->length;
	put(writer, &dsdt, sizeof(dsdt));
	put(writer, sleep, sizeof(sleep));
	put(writer, begin, sizeof(begin));
	put(writer, scope, sizeof(scope));
	for (size_t i = 0; i < count; i++) {
		const struct aml_device device = describe(&devices[i], i);
		put(writer, &device, sizeof(device));
	}
	if (!writer->full)
		writer->memory[place + offsetof(struct table_header, checksum)] =
		    checksum(writer->memory + place, dsdt.length);
}

/* ── the others ──────────────────────────────────────────────────────────────────────────────── */

static void write_facs(struct writer *writer)
{
	struct facs facs = {.length = sizeof(facs), .version = 1};
	memcpy(facs.signature, "FACS", sizeof(facs.signature));
	put(writer, &facs, sizeof(facs));
}

static void write_fadt(struct writer *writer, uint64_t facs, uint64_t dsdt)
{
	struct fadt fadt = {
	    .header = header("FACP", sizeof(fadt), FADT_REVISION),
	    .facs = (uint32_t)facs,
	    .dsdt = (uint32_t)dsdt,
	    .sci_line = SCI_LINE,
	    .pm1a_event = ACPI_EVENT_PORT,
	    .pm1a_control = ACPI_CONTROL_PORT,
	    .pm1_event_length = PM1_EVENT_LENGTH,
	    .pm1_control_length = PM1_CONTROL_LENGTH,
	    .c2_latency = UINT16_MAX, /* no such states */
	    .c3_latency = UINT16_MAX,
	    .boot_flags = BOOT_LEGACY | BOOT_NO_VGA | BOOT_NO_MSI,
	    .flags = FADT_WBINVD | FADT_NO_BUTTONS | FADT_RESET,
	    .reset = {.space = SPACE_PORTS, .bits = 8, .access = 1, .address = ACPI_RESET_PORT},
	    .reset_value = ACPI_RESET_VALUE,
	    .x_dsdt = dsdt,
	};
	fadt.header.checksum = checksum(&fadt, sizeof(fadt));
	put(writer, &fadt, sizeof(fadt));
}

static void write_xsdt(struct writer *writer, uint64_t fadt)
{
	struct xsdt xsdt = {.header = header("XSDT", sizeof(xsdt), 1), .fadt = fadt};
	xsdt.header.checksum = checksum(&xsdt, sizeof(xsdt));
	put(writer, &xsdt, sizeof(xsdt));
}

static struct rsdp make_rsdp(uint64_t xsdt)
{
	struct rsdp rsdp = {.revision = 2, .length = sizeof(rsdp), .xsdt = xsdt};
	memcpy(rsdp.signature, "RSD PTR ", sizeof(rsdp.signature));
	memcpy(rsdp.maker, "MAYFLY", sizeof(rsdp.maker));
	rsdp.checksum = checksum(&rsdp, RSDP_V1_SIZE);
	rsdp.extended_checksum = checksum(&rsdp, sizeof(rsdp));
	return rsdp;
}

size_t acpi_write(uint8_t *memory, size_t room, uint64_t address, const struct acpi_device *devices,
		  size_t count)
{
	struct writer writer = {.memory = memory, .room = room, .address = address};
	struct rsdp rsdp = {0};
	put(&writer, &rsdp, sizeof(rsdp)); /* it stands first, and is known last */
	align(&writer, FACS_ALIGNMENT);
	const uint64_t facs = here(&writer);
	write_facs(&writer);
	const uint64_t dsdt = here(&writer);
	write_dsdt(&writer, devices, count);
	align(&writer, 8);
	const uint64_t fadt = here(&writer);
	write_fadt(&writer, facs, dsdt);
	align(&writer, 8);
	rsdp = make_rsdp(here(&writer));
	write_xsdt(&writer, fadt);
	if (writer.full)
		return 0;
	memcpy(memory, &rsdp, sizeof(rsdp));
	return writer.length;
}
