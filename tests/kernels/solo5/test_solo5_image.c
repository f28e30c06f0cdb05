/* Solo5 images: what is loaded, and a sentence for each that is not sound. Needs no machine. */
#include "check.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "monitor/formats/solo5_notes.h"
#include "monitor/guests/recognise.h"
#include "monitor/guests/solo5/devices.h"
#include "monitor/guests/solo5/manifest.h"
#include "monitor/guests/solo5/program.h"
#include "monitor/guests/solo5/tables.h"
#include "monitor/slot/request_disk.h"
#include "sizes/sizes.h"
#include "solo5_builder.h"

#define MEMORY (16UL << 20)
#define LARGE  (2UL << 20)

static int parse(const struct solo5_builder *image, size_t size, struct solo5_manifest *manifest,
		 struct solo5_program *program, struct error *error)
{
	/* Of this size exactly, so that reading beyond it is noticed. */
	uint8_t *file = malloc(size ? size : 1);
	memcpy(file, image, size);
	int result = solo5_program_check(file, size, error);
	if (!result)
		result = solo5_abi_check(file, size, SOLO5_HVT, error);
	if (!result)
		result = solo5_manifest_read(manifest, file, size, error);
	if (!result)
		result = solo5_program_parse(program, file, size, MEMORY, error);
	free(file);
	return result;
}

static void test_sound(void)
{
	struct solo5_builder image;
	struct solo5_manifest manifest = {0};
	struct solo5_program program = {0};
	struct error error = {0};
	solo5_builder_init(&image);
	if (!CHECK_NUMBER(parse(&image, sizeof(image), &manifest, &program, &error), 0))
		fprintf(stderr, "  %s\n", error.text);
	CHECK_NUMBER(manifest.count, 3);
	CHECK_TEXT(manifest.entries[1].name, "disk");
	CHECK_NUMBER(solo5_manifest_size(&manifest), 8 + 3 * 104);
	CHECK_NUMBER(program.segment_count, 2);
	CHECK_NUMBER(program.entry, SOLO5_BUILDER_TEXT);
	CHECK_NUMBER(program.end, SOLO5_BUILDER_DATA + 0x3000);
	/* A segment without bytes in the file is not loaded, wherever it is. */
	solo5_builder_segment(&image.segments[1], PF_W | PF_X, 0, 0, 0, 1UL << 60);
	CHECK_NUMBER(parse(&image, sizeof(image), &manifest, &program, &error), 0);
	CHECK_NUMBER(program.segment_count, 1);
}

/* ── unsound images ──────────────────────────────────────────────────────────────────────────── */

#define SPOIL(name, ...)                                                                           \
	static void name(struct solo5_builder *image)                                              \
	{                                                                                          \
		__VA_ARGS__;                                                                       \
	}
SPOIL(no_elf, image->header.e_ident[0] = 0)
SPOIL(of_32_bits, image->header.e_ident[EI_CLASS] = ELFCLASS32)
SPOIL(of_arm, image->header.e_machine = EM_AARCH64)
SPOIL(an_object, image->header.e_type = ET_REL)
SPOIL(no_headers, image->header.e_phnum = 0)
SPOIL(headers_outside, image->header.e_phoff = UINT64_MAX - 8)
SPOIL(no_abi, image->abi_note.type = 1)
SPOIL(other_owner, image->abi_note.name[4] = '6')
SPOIL(small_abi, image->abi_note.content_size = 12)
SPOIL(large_abi, image->abi_note.content_size = 17)
SPOIL(note_outside, image->segments[2].p_filesz = SOLO5_BUILDER_SIZE)
SPOIL(for_spt, image->abi.target = SOLO5_SPT)
SPOIL(for_nobody, image->abi.target = 99)
SPOIL(of_version_1, image->abi.version = 1)
SPOIL(no_manifest, image->manifest_note.type = 1)
SPOIL(manifest_version, image->manifest.version = 2)
SPOIL(no_entries, image->manifest.count = 0)
SPOIL(many_entries, image->manifest.count = 65)
SPOIL(fewer_entries, image->manifest.count = 2)
SPOIL(first_entry, image->manifest.entries[0].type = SOLO5_BLOCK)
SPOIL(first_name, image->manifest.entries[0].name[0] = 'a')
SPOIL(empty_name, image->manifest.entries[1].name[0] = 0)
SPOIL(endless_name, memset(image->manifest.entries[1].name, 'a', SOLO5_NAME_SIZE))
SPOIL(odd_name, image->manifest.entries[1].name[0] = '\n')
SPOIL(attached, image->manifest.entries[1].attached = 1)
SPOIL(odd_type, image->manifest.entries[1].type = 3)
SPOIL(same_name, memcpy(image->manifest.entries[2].name, "disk", 5))
SPOIL(segment_outside, image->segments[0].p_offset = SOLO5_BUILDER_SIZE)
SPOIL(segment_low, image->segments[0].p_vaddr = 0xff000)
SPOIL(segment_high, image->segments[1].p_vaddr = MEMORY)
SPOIL(segment_wraps, image->segments[1].p_memsz = UINT64_MAX)
SPOIL(segment_shrinks, image->segments[1].p_memsz = 0x80)
SPOIL(segment_odd, image->segments[1].p_align = 0x1800)
SPOIL(segment_unaligned, image->segments[1].p_align = 0x800)
SPOIL(segment_twice, image->segments[1].p_vaddr = SOLO5_BUILDER_TEXT)
SPOIL(segment_both, image->segments[0].p_flags = PF_R | PF_W | PF_X)
SPOIL(nothing, image->segments[0].p_type = image->segments[1].p_type = PT_NULL)
SPOIL(entry_in_data, image->header.e_entry = SOLO5_BUILDER_DATA)

static void test_unsound(void)
{
	static const struct {
		void (*spoil)(struct solo5_builder *image);
		const char *says;
	} cases[] = {
	    {no_elf, "it is no ELF file"},
	    {of_32_bits, "it is an image of 32 bits: Mayfly runs images for x86-64"},
	    {of_arm, "it is an image for another processor (ELF machine 183): Mayfly runs images "
		     "for x86-64"},
	    {an_object, "it is an ELF file of type 1, and no image"},
	    {no_headers, "it has no program headers"},
	    {headers_outside, "it is cut off within its program headers"},
	    {no_abi, "it has no note ABI1, which images of Solo5 begin with"},
	    {other_owner, "it has no note ABI1, which images of Solo5 begin with"},
	    {small_abi, "it has no note ABI1, which images of Solo5 begin with"},
	    {large_abi, "its note ABI1 says that it has 17 bytes, and has 16"},
	    {note_outside, "it is cut off: a note of 12544 bytes at 0x120 ends beyond the file"},
	    {for_spt, "it is an image of Solo5 for the target spt: build it for hvt"},
	    {for_nobody, "it is an image of Solo5 for the target that nobody knows: build it for "
			 "hvt"},
	    {of_version_1, "it is an image of Solo5 for version 1 of the ABI of hvt, and Mayfly "
			   "has version 2: build it by Solo5 0.8 or later"},
	    {no_manifest, "it has no manifest (note MFT1)"},
	    {manifest_version, "its manifest is of version 2, and Mayfly reads version 1"},
	    {no_entries, "its manifest has 0 entries: there are 1 to 64"},
	    {many_entries, "its manifest has 65 entries: there are 1 to 64"},
	    {fewer_entries, "its manifest with 2 entries has 320 bytes, and not 216"},
	    {first_entry, "its manifest does not begin with the reserved entry"},
	    {first_name, "its manifest does not begin with the reserved entry"},
	    {empty_name, "device 1 of its manifest has a name that is not of letters and digits"},
	    {endless_name, "device 1 of its manifest has a name that is not of letters and digits"},
	    {odd_name, "device 1 of its manifest has a name that is not of letters and digits"},
	    {attached, "device disk of its manifest is attached already"},
	    {odd_type, "device disk of its manifest is of type 0x3: Mayfly has block devices (1) "
		       "and network devices (2)"},
	    {same_name, "its manifest has the device disk twice"},
	    {segment_outside, "it is cut off: a segment of 4096 bytes at 0x3100 ends beyond the "
			      "file"},
	    {segment_low, "its segment at 0xff000 begins below 0x100000"},
	    {segment_high, "it ends at 17 MiB, and the guest has 16 MiB of memory: give more with "
			   "--memory"},
	    {segment_wraps, "its segment at 0x102000 is one that no memory can hold"},
	    {segment_shrinks, "its segment at 0x102000 is one that no memory can hold"},
	    {segment_odd, "its segment at 0x102000 is aligned by 6144, which is no power of two"},
	    {segment_unaligned, "its segment at 0x102000 is not made of pages"},
	    {segment_twice, "its segment at 0x100000 is not above the one before it"},
	    {segment_both, "its segment at 0x100000 is both writable and executable"},
	    {nothing, "it has nothing to load"},
	    {entry_in_data, "it starts at 0x102000, where it has no code"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct solo5_builder image;
		struct solo5_manifest manifest;
		struct solo5_program program;
		struct error error = {0};
		solo5_builder_init(&image);
		cases[i].spoil(&image);
		CHECK_NUMBER(parse(&image, sizeof(image), &manifest, &program, &error), -ENOEXEC);
		CHECK_TEXT(error.text, cases[i].says);
	}
}

static void test_cut_off(void)
{
	struct solo5_builder image;
	struct solo5_manifest manifest;
	struct solo5_program program;
	solo5_builder_init(&image);
	for (size_t size = 0; size < sizeof(image); size += size < 1024 ? 1 : 256) {
		struct error error = {0};
		CHECK_NUMBER(parse(&image, size, &manifest, &program, &error), -ENOEXEC);
		CHECK(*error.text);
	}
}

/* ── which kind it is ────────────────────────────────────────────────────────────────────────── */

static const struct guest_format *format_of(const struct solo5_builder *image, size_t size)
{
	char path[] = "/tmp/mayfly-solo5-XXXXXX";
	int fd = mkstemp(path);
	CHECK(fd >= 0 && write(fd, image, size) == (ssize_t)size);
	const struct guest_format *format = guest_format_of(path);
	unlink(path);
	close(fd);
	return format;
}

static void test_recognised(void)
{
	struct solo5_builder image;
	solo5_builder_init(&image);
	CHECK(format_of(&image, sizeof(image)) == &guest_format_solo5);
	CHECK(format_of(&image, 100) == &guest_format_elf);
	image.abi.target = SOLO5_XEN;
	CHECK(format_of(&image, sizeof(image)) != &guest_format_solo5);
	image.abi.target = SOLO5_HVT;
	image.abi_note.type = 7;
	CHECK(format_of(&image, sizeof(image)) == &guest_format_elf);
}

/* ── page tables ─────────────────────────────────────────────────────────────────────────────── */

/* What the tables have for an address; 0: nothing. */
static uint64_t walk(const uint8_t *memory, uint64_t cr3, uint64_t address)
{
	uint64_t entry = cr3 | 1;
	for (int level = 3; level >= 0; level--) {
		const uint64_t table = entry & 0xffffffffff000UL;
		const uint64_t index = address >> (12 + 9 * level) & 511;
		memcpy(&entry, memory + table + 8 * index, 8);
		if (!(entry & 1))
			return 0;
		if (level == 1 && entry & 0x80)
			return (entry & ~0x1fff80UL) | (address & 0x1ff000);
	}
	return entry;
}

static void test_tables(void)
{
	const uint64_t executable = 1UL << 63, writable = 2;
	struct kernel_start start = {0};
	struct error error = {0};
	struct solo5_program program = {
	    .segment_count = 3,
	    .segments =
		{
		    {.start = 0x100000, .end = 0x203000, .executable = true},
		    {.start = 0x203000, .end = 0x204000},
		    {.start = 0x204000, .end = 0x300000, .writable = true},
		},
	};
	uint8_t *memory = calloc(1, MEMORY);
	CHECK_NUMBER(solo5_tables_build(memory, MEMORY, &program, &start, &error), 0);
	for (uint64_t address = 0; address < MEMORY; address += 4096) {
		const uint64_t entry = walk(memory, start.cr3, address);
		const bool boot = address >= SOLO5_BOOT_ADDRESS && address < SOLO5_BOOT_END;
		const bool code = address >= 0x100000 && address < 0x203000;
		const bool constant = address == 0x203000 || boot;
		const bool box = address == SOLO5_CALLS_ADDRESS;
		const bool stubs = address == SOLO5_CALLS_ADDRESS + 4096;
		if (address < 0x100000 && !boot && !box && !stubs) {
			CHECK(!entry);
			continue;
		}
		CHECK_NUMBER(entry & 0xffffffffff000UL, address);
		CHECK_NUMBER(!(entry & executable), code || stubs);
		CHECK_NUMBER(!(entry & writable), code || constant || stubs);
	}
	CHECK(!walk(memory, start.cr3, MEMORY));
	free(memory);
}

static void test_much_code(void)
{
	const uint64_t size = 1UL << 30;
	struct kernel_start start = {0};
	struct error error = {0};
	struct solo5_program program = {
	    .segment_count = 1,
	    .segments = {{.start = LARGE, .end = size, .executable = true}},
	};
	uint8_t *memory = calloc(1, size);
	if (!CHECK(memory))
		return;
	CHECK_NUMBER(solo5_tables_build(memory, size, &program, &start, &error), -ENOEXEC);
	CHECK_TEXT(error.text, "its code and constants are larger than 460 MiB");
	free(memory);
}

/* ── devices ─────────────────────────────────────────────────────────────────────────────────── */

static char file[] = "/tmp/mayfly-solo5-disk-XXXXXX";

static int attach(const char *one, const char *other, struct solo5_manifest *manifest,
		  struct error *error)
{
	static struct solo5_devices devices;
	const char *options[] = {one, other, NULL};
	*manifest = (struct solo5_manifest){.version = 1, .count = 3};
	manifest->entries[0].type = SOLO5_RESERVED;
	manifest->entries[1] = (struct solo5_entry){.name = "disk", .type = SOLO5_BLOCK};
	manifest->entries[2] = (struct solo5_entry){.name = "request", .type = SOLO5_BLOCK};
	memset(&devices, 0, sizeof(devices));
	int result = solo5_devices_open(&devices, manifest, options, error);
	CHECK(result || (devices.devices[1].is_request ? devices.devices[1].file < 0
						       : devices.devices[1].file > 2));
	CHECK(result || devices.devices[2].is_request);
	solo5_devices_release(&devices);
	return result;
}

static void test_devices(void)
{
	struct solo5_manifest manifest;
	struct error error = {0};
	char text[64];
	int fd = mkstemp(file);
	CHECK(fd >= 0 && !ftruncate(fd, 8192));
	snprintf(text, sizeof(text), "block:disk=%s", file);
	CHECK_NUMBER(attach(text, NULL, &manifest, &error), 0);
	CHECK_NUMBER(manifest.entries[1].block.capacity, 8192);
	CHECK_NUMBER(manifest.entries[1].block.block_size, 512);
	CHECK_NUMBER(manifest.entries[2].block.capacity, REQUEST_DISK_MAX + 512);
	CHECK(manifest.entries[1].attached && manifest.entries[2].attached);
	CHECK_NUMBER(attach(text, "block-sector-size:disk=4096", &manifest, &error), 0);
	CHECK_NUMBER(manifest.entries[1].block.block_size, 4096);
	CHECK_NUMBER(attach("block:disk=@request", NULL, &manifest, &error), 0);
	close(fd);
}

#define TENDER_SIZE                                                                                \
	": Block size must be a multiple of 2 greater than or equal 512, and a power of it"

static void test_bad_devices(void)
{
	char good[64], odd[192], empty[128];
	const struct {
		const char *one, *other, *says;
	} cases[] = {
	    {NULL, NULL,
	     "its manifest has the block device disk: say what is behind it by --block:disk=FILE"},
	    {"block:disk=/nonexistent/x", NULL,
	     "cannot open /nonexistent/x: No such file or directory"},
	    {"block:dosk=x", NULL,
	     "its manifest has no block device dosk, for which --block:dosk is given"},
	    {"net:disk=tap0", NULL,
	     "its manifest has no network device disk, for which --net:disk is given"},
	    {"9p:disk=x", NULL, "this kind of guest has no device 9p:disk"},
	    {good, good, "--block:disk is given twice"},
	    {good, "block-sector-size:disk=100",
	     "--block-sector-size:disk: '100' is no power of two from 512 to 32768" TENDER_SIZE},
	    {good, "block-sector-size:disk=600",
	     "--block-sector-size:disk: '600' is no power of two from 512 to 32768" TENDER_SIZE},
	    {good, "block-sector-size:disk=65536",
	     "--block-sector-size:disk: '65536' is no power of two from 512 to 32768" TENDER_SIZE},
	    {good, "block-sector-size:disk=1k",
	     "--block-sector-size:disk: '1k' is no power of two from 512 to 32768" TENDER_SIZE},
	    {good, "block-sector-size:disk=16384", odd},
	    {"block:disk=/dev/null", NULL, empty},
	};
	snprintf(good, sizeof(good), "block:disk=%s", file);
	snprintf(odd, sizeof(odd),
		 "%s has 8192 bytes, which are no whole blocks of 16384 (see "
		 "--block-sector-size:disk): Backing storage size must be block aligned",
		 file);
	snprintf(empty, sizeof(empty), "/dev/null is empty: a device has one block at least");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct solo5_manifest manifest;
		struct error error = {0};
		CHECK(attach(cases[i].one, cases[i].other, &manifest, &error) < 0);
		CHECK_TEXT(error.text, cases[i].says);
	}
	unlink(file);
}

int main(void)
{
	test_sound();
	test_unsound();
	test_cut_off();
	test_recognised();
	test_tables();
	test_much_code();
	test_devices();
	test_bad_devices();
	return check_status();
}
