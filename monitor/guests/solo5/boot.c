/* What a Solo5 guest finds when it begins: boot information, manifest, command line. */
#include <errno.h>
#include <string.h>

#include "monitor/guests/solo5/manifest.h"
#include "monitor/guests/solo5/solo5.h"
#include "monitor/guests/solo5/tables.h"

#define MANIFEST_ADDRESS (SOLO5_BOOT_ADDRESS + sizeof(struct solo5_boot))

_Static_assert(MANIFEST_ADDRESS + sizeof(struct solo5_manifest) + SOLO5_COMMAND_SIZE <=
		   SOLO5_BOOT_END,
	       "the pages that the guest may read have it all");

int solo5_command_write(char *out, const char *const *arguments, struct error *error)
{
	size_t used = 0;
	for (size_t i = 1; arguments[0] && arguments[i]; i++) {
		const size_t length = strlen(arguments[i]), space = used ? 1 : 0;
		if (length + space + 1 > SOLO5_COMMAND_SIZE - used)
			return error_set(error, E2BIG,
					 "its arguments have more than %d characters together",
					 SOLO5_COMMAND_SIZE - 1);
		if (space)
			out[used] = ' ';
		memcpy(out + used + space, arguments[i], length);
		used += space + length;
	}
	out[used] = 0;
	return 0;
}

int solo5_boot_write(uint8_t *memory, uint64_t size, uint64_t image_end,
		     const struct solo5_manifest *manifest, const char *const *arguments,
		     struct error *error)
{
	const size_t manifest_size = solo5_manifest_size(manifest);
	const struct solo5_boot boot = {
	    .memory = size,
	    .image_end = image_end,
	    .manifest = MANIFEST_ADDRESS,
	    .command_line = MANIFEST_ADDRESS + manifest_size,
	};
	memcpy(memory + SOLO5_BOOT_ADDRESS, &boot, sizeof(boot));
	memcpy(memory + MANIFEST_ADDRESS, manifest, manifest_size);
	return solo5_command_write((char *)memory + boot.command_line, arguments, error);
}

void solo5_boot_complete(struct slot *slot)
{
	const struct isolation *isolation = slot->machine->isolation;
	const struct solo5_slot *own = solo5_slot_of(slot);
	uint8_t *boot = isolation->memory(slot->machine, SOLO5_BOOT_ADDRESS,
					  SOLO5_BOOT_END - SOLO5_BOOT_ADDRESS);
	if (!slot->state) {
		const uint64_t rate = isolation->counter_hz(slot->machine);
		memcpy(boot + offsetof(struct solo5_boot, counter_hz), &rate, sizeof(rate));
	}
	for (size_t i = 0; i < SOLO5_ENTRIES_MAX; i++)
		if (own->links[i])
			memcpy(boot + sizeof(struct solo5_boot) +
				   offsetof(struct solo5_manifest, entries) +
				   i * sizeof(struct solo5_entry) +
				   offsetof(struct solo5_entry, net.mac),
			       own->links[i]->mac, NETWORK_MAC_SIZE);
}
