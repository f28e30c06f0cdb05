/* Solo5 images in memory, for tests that spoil them: as sound as they are useless. */
#ifndef MAYFLY_TESTS_MONITOR_SOLO5_BUILDER_H
#define MAYFLY_TESTS_MONITOR_SOLO5_BUILDER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "monitor/formats/solo5_abi.h"

#define SOLO5_BUILDER_TEXT 0x100000UL
#define SOLO5_BUILDER_DATA 0x102000UL
#define SOLO5_BUILDER_SIZE 0x3100

/* A program with code, data, and a manifest with a block device and a network device. */
struct solo5_builder {
	Elf64_Ehdr header;
	Elf64_Phdr segments[4]; /* text, data, both notes */
	struct solo5_note abi_note;
	struct solo5_abi abi;
	uint32_t gap; /* the note is aligned as the manifest is */
	struct solo5_note manifest_note;
	uint32_t padding;
	struct {
		uint32_t version, count;
		struct solo5_entry entries[3];
	} manifest;
	uint8_t rest[SOLO5_BUILDER_SIZE - 672];
};
_Static_assert(sizeof(struct solo5_builder) == SOLO5_BUILDER_SIZE, "no padding");

static inline void solo5_builder_note(struct solo5_note *note, uint32_t type, size_t size)
{
	*note = (struct solo5_note){
	    .name_size = sizeof(SOLO5_NOTE_NAME),
	    .content_size = (uint32_t)size,
	    .type = type,
	    .name = SOLO5_NOTE_NAME,
	};
}

static inline void solo5_builder_segment(Elf64_Phdr *segment, uint32_t flags, uint64_t address,
					 uint64_t offset, uint64_t size, uint64_t memory)
{
	*segment = (Elf64_Phdr){
	    .p_type = PT_LOAD,
	    .p_flags = flags,
	    .p_offset = offset,
	    .p_vaddr = address,
	    .p_filesz = size,
	    .p_memsz = memory,
	    .p_align = 0x1000,
	};
}

static inline void solo5_builder_notes(struct solo5_builder *image)
{
	const size_t manifest_size = sizeof(image->padding) + sizeof(image->manifest);
	image->segments[2] = (Elf64_Phdr){
	    .p_type = PT_NOTE,
	    .p_offset = offsetof(struct solo5_builder, abi_note),
	    .p_filesz = sizeof(image->abi_note) + sizeof(image->abi),
	};
	image->segments[3] = (Elf64_Phdr){
	    .p_type = PT_NOTE,
	    .p_offset = offsetof(struct solo5_builder, manifest_note),
	    .p_filesz = sizeof(image->manifest_note) + manifest_size,
	};
	solo5_builder_note(&image->abi_note, SOLO5_NOTE_ABI, sizeof(image->abi));
	solo5_builder_note(&image->manifest_note, SOLO5_NOTE_MANIFEST, manifest_size);
	image->abi = (struct solo5_abi){.target = SOLO5_HVT, .version = SOLO5_ABI_VERSION};
	image->manifest.version = SOLO5_MANIFEST_VERSION;
	image->manifest.count = 3;
	image->manifest.entries[0].type = SOLO5_RESERVED;
	image->manifest.entries[1] = (struct solo5_entry){.name = "disk", .type = SOLO5_BLOCK};
	image->manifest.entries[2] = (struct solo5_entry){.name = "service", .type = SOLO5_NET};
}

static inline void solo5_builder_init(struct solo5_builder *image)
{
	memset(image, 0, sizeof(*image));
	memcpy(image->header.e_ident, ELFMAG, SELFMAG);
	image->header.e_ident[EI_CLASS] = ELFCLASS64;
	image->header.e_ident[EI_DATA] = ELFDATA2LSB;
	image->header.e_ident[EI_VERSION] = EV_CURRENT;
	image->header.e_type = ET_EXEC;
	image->header.e_machine = EM_X86_64;
	image->header.e_version = EV_CURRENT;
	image->header.e_entry = SOLO5_BUILDER_TEXT;
	image->header.e_phoff = offsetof(struct solo5_builder, segments);
	image->header.e_ehsize = sizeof(Elf64_Ehdr);
	image->header.e_phentsize = sizeof(Elf64_Phdr);
	image->header.e_phnum = 4;
	solo5_builder_segment(&image->segments[0], PF_R | PF_X, SOLO5_BUILDER_TEXT, 0x1000, 0x1000,
			      0x1000);
	solo5_builder_segment(&image->segments[1], PF_R | PF_W, SOLO5_BUILDER_DATA, 0x3000, 0x100,
			      0x2100);
	solo5_builder_notes(image);
}

#endif
