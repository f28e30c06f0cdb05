/* What both boot protocols have in common; see boot.h. */
#include "boot.h"

#include <string.h>

int linux_boot_place(struct linux_boot *boot, enum kernel_mode mode, uint64_t kernel_end,
		     uint64_t limit, struct error *error)
{
	const uint64_t end = limit < boot->memory_size ? limit : boot->memory_size;
	const size_t length = strlen(boot->command_line);
	memcpy(boot->memory + PC_COMMAND_LINE, boot->command_line, length + 1);
	pc_boot_tables(boot->memory, mode);
	pc_boot_registers(mode, &boot->start);
	boot->start.memory = boot->memory_size;
	boot->start.has_user_mode = true;
	return pc_boot_initrd(boot->memory, end, kernel_end, boot->initrd, boot->initrd_size,
			      &boot->initrd_address, error);
}
