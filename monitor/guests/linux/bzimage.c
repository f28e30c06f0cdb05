/* A bzImage, by the 64-bit boot protocol: the kernel begins at an offset of 0x200 in 64-bit mode,
 * with the first memory mapped where it is, and RSI at the zero page, which has what the setup
 * header of its file says and what the monitor adds. See boot.h. */
#include <errno.h>
#include <string.h>

#include "boot.h"
#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"

#define HEADER_OFFSET	 0x1f1UL
#define HEADER_END_BYTE	 0x201UL /* the header ends so many bytes behind the next one */
#define HEADER_END_MAX	 0x290UL
#define BOOT_FLAG	 0xaa55
#define VERSION_64_BIT	 0x20c /* the first with xloadflags */
#define SECTOR		 512UL
#define SECTORS_USUAL	 4 /* where the header says 0 */
#define ENTRY_64_BIT	 0x200UL
#define LOADED_HIGH	 0x01
#define XLOAD_KERNEL_64	 0x01
#define LOADER_UNDEFINED 0xff
#define VIDEO_NORMAL	 0xffff

#define E820_COUNT_OFFSET 0x1e8UL
#define E820_TABLE_OFFSET 0x2d0UL
#define RSDP_OFFSET	  0x70UL
#define E820_RAM	  1

/* The setup header, as it stands in the file from HEADER_OFFSET on. */
struct setup_header {
	uint8_t setup_sects;
	uint16_t root_flags;
	uint32_t syssize; /* the rest of the file, in 16 bytes */
	uint16_t ram_size, vid_mode, root_dev, boot_flag, jump;
	uint32_t header;
	uint16_t version;
	uint32_t realmode_swtch;
	uint16_t start_sys_seg, kernel_version;
	uint8_t type_of_loader, loadflags;
	uint16_t setup_move_size;
	uint32_t code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
	uint16_t heap_end_ptr;
	uint8_t ext_loader_ver, ext_loader_type;
	uint32_t cmd_line_ptr, initrd_addr_max, kernel_alignment;
	uint8_t relocatable_kernel, min_alignment;
	uint16_t xloadflags;
	uint32_t cmdline_size, hardware_subarch;
	uint64_t hardware_subarch_data;
	uint32_t payload_offset, payload_length;
	uint64_t setup_data, pref_address;
	uint32_t init_size, handover_offset;
} __attribute__((packed));
_Static_assert(offsetof(struct setup_header, header) == LINUX_MAGIC_OFFSET - HEADER_OFFSET,
	       "boot.rst");
_Static_assert(offsetof(struct setup_header, init_size) == 0x260 - HEADER_OFFSET, "boot.rst");

struct e820_entry {
	uint64_t address, size;
	uint32_t type;
} __attribute__((packed));

static uint64_t setup_size(const struct setup_header *header)
{
	const uint64_t sectors = header->setup_sects ? header->setup_sects : SECTORS_USUAL;
	return (sectors + 1) * SECTOR;
}

static int check_size(const struct linux_boot *boot, const struct setup_header *header,
		      struct error *error)
{
	const uint64_t begin = setup_size(header), said = (uint64_t)header->syssize * 16;
	if (boot->file_size <= begin || boot->file_size - begin + 15 < said)
		return error_set(error, ENOEXEC,
				 "it is a Linux kernel that is cut off: %zu of %lu bytes are there",
				 boot->file_size, begin + said);
	return 0;
}

static int parse_header(const struct linux_boot *boot, struct setup_header *header,
			struct error *error)
{
	if (!linux_bzimage_recognise(boot->file, boot->file_size))
		return error_set(error, ENOEXEC, "it is no Linux kernel: it has no setup header");
	if (boot->file_size < HEADER_END_MAX)
		return error_set(error, ENOEXEC,
				 "it is a Linux kernel that is cut off within its setup header");
	memcpy(header, boot->file + HEADER_OFFSET, sizeof(*header));
	if (header->boot_flag != BOOT_FLAG)
		return error_set(error, ENOEXEC,
				 "it is a damaged Linux kernel: its boot flag is %#x, not %#x",
				 header->boot_flag, BOOT_FLAG);
	if (header->version < VERSION_64_BIT || !(header->xloadflags & XLOAD_KERNEL_64))
		return error_set(error, ENOEXEC,
				 "it is a Linux kernel without a 64-bit entry (boot protocol "
				 "%d.%02d): build it for x86-64, 3.8 or newer",
				 header->version >> 8, header->version & 0xff);
	if (!(header->loadflags & LOADED_HIGH))
		return error_set(error, ENOEXEC,
				 "it is a zImage, which is loaded low: build a bzImage");
	return check_size(boot, header, error);
}

/* Where the kernel goes: the address that it was linked for, with room to unpack itself. */
static int place_kernel(struct linux_boot *boot, const struct setup_header *header, uint64_t *end,
			struct error *error)
{
	const uint64_t begin = setup_size(header), length = boot->file_size - begin;
	const uint64_t address = header->pref_address;
	const uint64_t room = length > header->init_size ? length : header->init_size;
	if (address < PC_KERNEL_LOW || address % GUEST_PAGE_SIZE)
		return error_set(error, ENOEXEC,
				 "it is a damaged Linux kernel: it wants to be loaded at %#lx",
				 address);
	if (length < ENTRY_64_BIT + 1)
		return error_set(error, ENOEXEC, "it is a Linux kernel that is cut off");
	if (!range_within(address, room, boot->memory_size))
		return error_set(error, ENOMEM,
				 "it is a Linux kernel that needs memory from %lu to %lu MiB: give "
				 "more (--memory) than %lu MiB",
				 address >> 20, divide_up(room, 1UL << 20) + (address >> 20),
				 boot->memory_size >> 20);
	memcpy(boot->memory + address, boot->file + begin, length);
	boot->start.rip = address + ENTRY_64_BIT;
	*end = address + room;
	return 0;
}

static void write_memory_map(struct linux_boot *boot)
{
	const struct e820_entry entries[] = {
	    {0, PC_LOW_END, E820_RAM},
	    {PC_KERNEL_LOW, boot->memory_size - PC_KERNEL_LOW, E820_RAM},
	};
	uint8_t *zero_page = boot->memory + PC_BOOT_INFO;
	memcpy(zero_page + E820_TABLE_OFFSET, entries, sizeof(entries));
	zero_page[E820_COUNT_OFFSET] = ARRAY_SIZE(entries);
}

static void write_zero_page(struct linux_boot *boot, struct setup_header *header)
{
	uint8_t *zero_page = boot->memory + PC_BOOT_INFO;
	const uint64_t rsdp = LINUX_ACPI;
	uint64_t end = HEADER_END_BYTE + 1 + boot->file[HEADER_END_BYTE];
	if (end > HEADER_END_MAX)
		end = HEADER_END_MAX;
	memcpy(zero_page + HEADER_OFFSET, boot->file + HEADER_OFFSET, end - HEADER_OFFSET);
	header->type_of_loader = LOADER_UNDEFINED;
	header->vid_mode = VIDEO_NORMAL;
	header->cmd_line_ptr = PC_COMMAND_LINE;
	header->ramdisk_image = (uint32_t)boot->initrd_address;
	header->ramdisk_size = (uint32_t)boot->initrd_size;
	header->setup_data = 0;
	memcpy(zero_page + HEADER_OFFSET, header, sizeof(*header));
	memcpy(zero_page + RSDP_OFFSET, &rsdp, sizeof(rsdp));
	write_memory_map(boot);
}

int linux_bzimage_load(struct linux_boot *boot, struct error *error)
{
	struct setup_header header = {0};
	uint64_t end = 0;
	int result = parse_header(boot, &header, error);
	if (!result && strlen(boot->command_line) > header.cmdline_size)
		result = error_set(error, E2BIG,
				   "its command line has %zu bytes, and this kernel takes %u",
				   strlen(boot->command_line), header.cmdline_size);
	if (!result)
		result = place_kernel(boot, &header, &end, error);
	if (!result)
		result = linux_boot_place(boot, KERNEL_LONG, end,
					  (uint64_t)header.initrd_addr_max + 1, error);
	if (result)
		return result;
	boot->start.rsi = PC_BOOT_INFO;
	write_zero_page(boot, &header);
	return 0;
}
