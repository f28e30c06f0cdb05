/* Small ELF programs in memory, for tests that spoil them. */
#ifndef MAYFLY_TESTS_MONITOR_ELF_BUILDER_H
#define MAYFLY_TESTS_MONITOR_ELF_BUILDER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define ELF_BUILDER_TEXT 0x401000UL
#define ELF_BUILDER_DATA 0x403000UL
#define ELF_BUILDER_SIZE 0x3100

/* A static program with a code and a data segment; as sound as it is useless. */
struct elf_builder {
	Elf64_Ehdr header;
	Elf64_Phdr segments[3]; /* text, data, stack */
	uint8_t rest[ELF_BUILDER_SIZE - sizeof(Elf64_Ehdr) - 3 * sizeof(Elf64_Phdr)];
};
_Static_assert(sizeof(struct elf_builder) == ELF_BUILDER_SIZE, "no padding");

static inline void elf_builder_init(struct elf_builder *elf)
{
	memset(elf, 0, sizeof(*elf));
	memcpy(elf->header.e_ident, ELFMAG, SELFMAG);
	elf->header.e_ident[EI_CLASS] = ELFCLASS64;
	elf->header.e_ident[EI_DATA] = ELFDATA2LSB;
	elf->header.e_ident[EI_VERSION] = EV_CURRENT;
	elf->header.e_type = ET_EXEC;
	elf->header.e_machine = EM_X86_64;
	elf->header.e_version = EV_CURRENT;
	elf->header.e_entry = ELF_BUILDER_TEXT;
	elf->header.e_phoff = offsetof(struct elf_builder, segments);
	elf->header.e_ehsize = sizeof(Elf64_Ehdr);
	elf->header.e_phentsize = sizeof(Elf64_Phdr);
	elf->header.e_phnum = 3;
	elf->segments[0] = (Elf64_Phdr){
	    .p_type = PT_LOAD,
	    .p_flags = PF_R | PF_X,
	    .p_offset = 0x1000,
	    .p_vaddr = ELF_BUILDER_TEXT,
	    .p_filesz = 0x1000,
	    .p_memsz = 0x1000,
	};
	elf->segments[1] = (Elf64_Phdr){
	    .p_type = PT_LOAD,
	    .p_flags = PF_R | PF_W,
	    .p_offset = 0x3000,
	    .p_vaddr = ELF_BUILDER_DATA,
	    .p_filesz = 0x100,
	    .p_memsz = 0x2100,
	};
	elf->segments[2] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
}

#endif
