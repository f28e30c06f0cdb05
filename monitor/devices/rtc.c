/* The device `rtc`: the real-time clock of a PC, an MC146818, as far as guests read the time of it.
 *
 *     port      write: which register the next access is to; bit 7 has no meaning here
 *     port + 1  that register
 *
 * Registers 0 to 9 are the time, in binary-coded decimal and 24 hours, always that of now and in
 * UTC; they cannot be set. It is never in the middle of an update (register A, bit 7), and has no
 * interrupts. The rest is memory.
 */
#include <string.h>
#include <time.h>

#include "devices.h"
#include "sizes/sizes.h"

#define RTC_REGISTERS  128
#define RTC_A	       10
#define RTC_B	       11
#define RTC_C	       12
#define RTC_D	       13
#define RTC_MEMORY     14
#define RTC_CENTURY    50
#define RTC_A_USUAL    0x26 /* the time base of 32 kHz, interrupts at 1024 Hz */
#define RTC_B_24_HOURS 0x02
#define RTC_D_VALID    0x80
#define DAY_SECONDS    86400

/* Saved as it is. */
struct rtc {
	uint8_t selected;
	uint8_t memory[RTC_REGISTERS];
};

static const struct device_option rtc_options[] = {{"port", "the first of its two ports", 0x70}};

static int rtc_attach(struct bus *bus, struct device *device, struct error *error)
{
	return bus_claim_ports(bus, device, device->values[0], 2, error);
}

static uint8_t decimal(uint64_t value)
{
	return (uint8_t)(value / 10 % 10 << 4 | value % 10);
}

static bool is_time(uint8_t which)
{
	return which < RTC_A || which == RTC_CENTURY;
}

struct date {
	uint64_t year, month, day; /* the last two from 1 on */
};

static bool is_leap(uint64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Not gmtime_r(3), which looks for the time zone's file: a monitor may open none. */
static struct date date_of(uint64_t days_since_1970)
{
	static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct date date = {1970, 1, days_since_1970 + 1};
	for (uint64_t length; date.day > (length = is_leap(date.year) ? 366 : 365); date.year++)
		date.day -= length;
	for (;; date.month++) {
		const uint64_t length =
		    lengths[date.month - 1] + (date.month == 2 && is_leap(date.year));
		if (date.day <= length)
			return date;
		date.day -= length;
	}
}

static uint8_t read_time(uint8_t which)
{
	const uint64_t now = (uint64_t)time(NULL), days = now / DAY_SECONDS;
	switch (which) {
	case 0:
		return decimal(now % 60);
	case 2:
		return decimal(now / 60 % 60);
	case 4:
		return decimal(now / 3600 % 24);
	case 6:
		return decimal((days + 4) % 7 + 1); /* 1970 began on a Thursday; Sunday is 1 */
	case 7:
		return decimal(date_of(days).day);
	case 8:
		return decimal(date_of(days).month);
	case 9:
		return decimal(date_of(days).year % 100);
	case RTC_CENTURY:
		return decimal(date_of(days).year / 100);
	default:
		return 0; /* alarms */
	}
}

static uint8_t read_register(const struct rtc *rtc)
{
	if (is_time(rtc->selected))
		return read_time(rtc->selected);
	switch (rtc->selected) {
	case RTC_A:
		return RTC_A_USUAL;
	case RTC_B:
		return RTC_B_24_HOURS;
	case RTC_C:
		return 0;
	case RTC_D:
		return RTC_D_VALID;
	default:
		return rtc->memory[rtc->selected];
	}
}

static int rtc_access(struct device *device, struct slot *slot, struct device_access *access,
		      enum device_next *next, struct error *error)
{
	struct rtc *rtc = device->state;
	(void)slot;
	(void)next;
	(void)error;
	if (!access->is_write)
		access->value = access->offset ? read_register(rtc) : UINT64_MAX;
	else if (!access->offset)
		rtc->selected = (uint8_t)(access->value % RTC_REGISTERS);
	else if (rtc->selected >= RTC_MEMORY && !is_time(rtc->selected))
		rtc->memory[rtc->selected] = (uint8_t)access->value;
	return 0;
}

static size_t rtc_save(const struct device *device, uint8_t *out)
{
	memcpy(out, device->state, sizeof(struct rtc));
	return sizeof(struct rtc);
}

static bool rtc_load(struct device *device, const uint8_t *data, size_t length)
{
	const struct rtc *rtc = (const struct rtc *)data;
	if (length != sizeof(*rtc) || rtc->selected >= RTC_REGISTERS)
		return false;
	memcpy(device->state, data, length);
	return true;
}

const struct device_kind device_rtc = {
    .name = "rtc",
    .options = rtc_options,
    .option_count = ARRAY_SIZE(rtc_options),
    .state_size = sizeof(struct rtc),
    .attach = rtc_attach,
    .access = rtc_access,
    .save = rtc_save,
    .load = rtc_load,
};
