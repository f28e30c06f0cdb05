/* How an image of Unikraft is laid out in memory; see boot.h. */
#include "boot.h"

#include <string.h>

#include "monitor/guests/pc/boot.h"
#include "sizes/sizes.h"

/* ── Linux's 64-bit boot protocol ────────────────────────────────────────────────────────────── */

/* Places in the zero page. */
#define ZERO_E820_COUNT	  0x1e8
#define ZERO_BOOT_FLAG	  0x1fe
#define ZERO_MAGIC	  0x202
#define ZERO_LOADER	  0x210
#define ZERO_INITRD	  0x218
#define ZERO_INITRD_SIZE  0x21c
#define ZERO_COMMAND	  0x228
#define ZERO_COMMAND_SIZE 0x238
#define ZERO_E820	  0x2d0

#define LINUX_BOOT_FLAG	   0xaa55
#define LINUX_MAGIC	   0x53726448 /* "HdrS" */
#define LINUX_LOADER_OTHER 0xff
#define MEMORY_FREE	   1

struct e820_entry {
	uint64_t address, size;
	uint32_t type;
} __attribute__((packed));

static void put(uint8_t *page, size_t place, uint32_t value)
{
	memcpy(page + place, &value, sizeof(value));
}

static void write_zero_page(const struct unikraft_boot *boot, uint64_t initrd)
{
	uint8_t *page = boot->memory + PC_BOOT_INFO;
	const struct e820_entry entries[] = {
	    {PC_LOW_BEGIN, PC_LOW_END - PC_LOW_BEGIN, MEMORY_FREE},
	    {PC_KERNEL_LOW, boot->memory_size - PC_KERNEL_LOW, MEMORY_FREE},
	};
	const uint16_t flag = LINUX_BOOT_FLAG;
	memcpy(page + ZERO_BOOT_FLAG, &flag, sizeof(flag));
	page[ZERO_E820_COUNT] = ARRAY_SIZE(entries);
	page[ZERO_LOADER] = LINUX_LOADER_OTHER;
	put(page, ZERO_MAGIC, LINUX_MAGIC);
	put(page, ZERO_INITRD, (uint32_t)initrd);
	put(page, ZERO_INITRD_SIZE, (uint32_t)boot->initrd_size);
	put(page, ZERO_COMMAND, PC_COMMAND_LINE);
	/* The boot protocol has the largest size here; Unikraft takes it for that of this line. */
	put(page, ZERO_COMMAND_SIZE, (uint32_t)strlen(boot->command_line));
	memcpy(page + ZERO_E820, entries, sizeof(entries));
}

/* ── multiboot ───────────────────────────────────────────────────────────────────────────────── */

#define MULTIBOOT_LOADED  0x2badb002 /* in EAX */
#define MULTIBOOT_MEMORY  0x001
#define MULTIBOOT_COMMAND 0x004
#define MULTIBOOT_MODULES 0x008
#define MULTIBOOT_MAP	  0x040
#define MULTIBOOT_LOADER  0x200
#define LOADER_NAME	  "mayfly"

struct multiboot_information {
	uint32_t flags, memory_lower, memory_upper; /* KiB */
	uint32_t boot_device, command_line;
	uint32_t module_count, modules;
	uint32_t symbols[4];
	uint32_t map_size, map;
	uint32_t drive_size, drives, configuration, loader_name;
};

struct multiboot_module {
	uint32_t begin, end, command_line, reserved;
};

struct multiboot_memory {
	uint32_t size; /* of what follows it */
	uint64_t address, length;
	uint32_t type;
} __attribute__((packed));

struct multiboot_page {
	struct multiboot_information information;
	struct multiboot_module initrd;
	struct multiboot_memory memory[2];
	char loader_name[sizeof(LOADER_NAME)];
};

static struct multiboot_memory describe_memory(uint64_t begin, uint64_t end)
{
	return (struct multiboot_memory){
	    .size = sizeof(struct multiboot_memory) - sizeof(uint32_t),
	    .address = begin,
	    .length = end - begin,
	    .type = MEMORY_FREE,
	};
}

static uint32_t place_of(size_t offset)
{
	return (uint32_t)(PC_BOOT_INFO + offset);
}

static void write_multiboot(const struct unikraft_boot *boot, uint64_t initrd)
{
	struct multiboot_page page = {
	    .information =
		{
		    .flags = MULTIBOOT_MEMORY | MULTIBOOT_COMMAND | MULTIBOOT_MAP |
			     MULTIBOOT_LOADER | (initrd ? MULTIBOOT_MODULES : 0),
		    .memory_lower = PC_LOW_END >> 10,
		    .memory_upper = (uint32_t)((boot->memory_size - PC_KERNEL_LOW) >> 10),
		    .command_line = PC_COMMAND_LINE,
		    .module_count = initrd ? 1 : 0,
		    .modules = place_of(offsetof(struct multiboot_page, initrd)),
		    .map_size = sizeof(page.memory),
		    .map = place_of(offsetof(struct multiboot_page, memory)),
		    .loader_name = place_of(offsetof(struct multiboot_page, loader_name)),
		},
	    .initrd =
		{
		    .begin = (uint32_t)initrd,
		    .end = (uint32_t)(initrd + boot->initrd_size),
		    .command_line = place_of(offsetof(struct multiboot_page, loader_name)),
		},
	    .memory = {describe_memory(PC_LOW_BEGIN, PC_LOW_END),
		       describe_memory(PC_KERNEL_LOW, boot->memory_size)},
	    .loader_name = LOADER_NAME,
	};
	memcpy(boot->memory + PC_BOOT_INFO, &page, sizeof(page));
}

/* ── both ────────────────────────────────────────────────────────────────────────────────────── */

int unikraft_boot_place(const struct unikraft_boot *boot, struct error *error)
{
	const struct unikraft_image *image = boot->image;
	uint64_t initrd;
	int result = pc_boot_initrd(boot->memory, boot->memory_size, image->end, boot->initrd,
				    boot->initrd_size, &initrd, error);
	for (size_t i = 0; i < image->segment_count && !result; i++) {
		const struct unikraft_segment *segment = &image->segments[i];
		result = image_fill_at(boot->guest, segment->address, boot->file + segment->offset,
				       segment->file_size, error);
	}
	if (result)
		return result;
	memcpy(boot->memory + PC_COMMAND_LINE, boot->command_line, strlen(boot->command_line) + 1);
	if (image->protocol == UNIKRAFT_MULTIBOOT) {
		write_multiboot(boot, initrd);
		pc_boot_tables(boot->memory, KERNEL_PROTECTED);
	} else {
		write_zero_page(boot, initrd);
		pc_boot_tables(boot->memory, KERNEL_LONG);
	}
	return 0;
}

void unikraft_boot_start(const struct unikraft_image *image, uint64_t memory_size,
			 struct kernel_start *start)
{
	*start = (struct kernel_start){
	    .rip = image->entry,
	    .memory = memory_size,
	    .flags_page = PC_FLAGS_PAGE,
	};
	if (image->protocol == UNIKRAFT_MULTIBOOT) {
		pc_boot_registers(KERNEL_PROTECTED, start);
		start->rax = MULTIBOOT_LOADED;
		start->rbx = PC_BOOT_INFO;
	} else {
		pc_boot_registers(KERNEL_LONG, start);
		start->rsi = PC_BOOT_INFO;
	}
	memcpy(start->code, image->code, sizeof(start->code));
	start->code_count = image->code_count;
}
