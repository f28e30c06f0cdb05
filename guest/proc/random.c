/* /proc/sys/kernel/random: identifiers, and how much randomness there is. */
#include "guest/drivers/random.h"
#include "guest/fs/directory.h"
#include "guest/lib/text.h"
#include "proc.h"

#define BITS 256 /* of the generator's key */

/* A random identifier (RFC 4122, version 4). */
static void draw(uint8_t id[16])
{
	random_bytes(id, 16);
	id[6] = (uint8_t)((id[6] & 0x0f) | 0x40);
	id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
}

static void print_id(struct pseudo_text *out, const uint8_t id[16])
{
	for (int i = 0; i < 16; i++)
		pseudo_print(out, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", id[i]);
	pseudo_print(out, "\n");
}

static void print_uuid(struct pseudo_text *out)
{
	uint8_t id[16];
	draw(id);
	print_id(out, id);
}

/* The same as long as the clone lives, and another one in each clone. */
static void print_boot_id(struct pseudo_text *out)
{
	static uint8_t id[16];
	static uint32_t epoch;
	static bool drawn;
	if (!drawn || epoch != directory_epoch())
		draw(id);
	drawn = true;
	epoch = directory_epoch();
	print_id(out, id);
}

static void print_bits(struct pseudo_text *out)
{
	pseudo_print(out, "%u\n", BITS);
}

const struct proc_file proc_random_files[] = {
    {"boot_id", print_boot_id},
    {"entropy_avail", print_bits},
    {"poolsize", print_bits},
    {"uuid", print_uuid},
    {NULL, NULL},
};
