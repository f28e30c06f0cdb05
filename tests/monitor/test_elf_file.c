/* ELF programs: sound ones are understood, spoilt ones refused with a sentence that names the
 * fault. */
#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "elf_builder.h"
#include "mayfly/guest_abi.h"
#include "monitor/elf/elf_file.h"
#include "sizes/sizes.h"

/* Parses a copy of exactly `size` bytes, so that a read beyond it is seen by sanitizers. */
static int parse(struct elf_file *file, const void *data, size_t size, struct error *error)
{
	uint8_t *copy = malloc(size ? size : 1);
	if (!CHECK(copy))
		return -ENOMEM;
	memcpy(copy, data, size);
	int result = elf_file_parse(file, copy, size, "program", error);
	free(copy);
	return result;
}

static void test_sound(void)
{
	struct elf_builder elf;
	struct elf_file file = {0};
	struct error error = {0};
	elf_builder_init(&elf);
	CHECK_NUMBER(parse(&file, &elf, sizeof(elf), &error), 0);
	CHECK_TEXT(error.text, "");
	CHECK_NUMBER(file.entry, ELF_BUILDER_TEXT);
	CHECK_NUMBER(file.segment_count, 2);
	CHECK_NUMBER(file.low, 0x401000);
	CHECK_NUMBER(file.high, 0x406000);
	CHECK(!file.is_pie);
	CHECK_NUMBER(file.headers_address, 0);
	CHECK_NUMBER(file.segments[0].protection, GUEST_READ | GUEST_EXECUTE);
	CHECK_NUMBER(file.segments[1].protection, GUEST_READ | GUEST_WRITE);
	CHECK_NUMBER(file.segments[1].memory_size, 0x2100);

	elf.header.e_type = ET_DYN;
	elf.segments[0].p_offset = 0;
	elf.segments[0].p_filesz = elf.segments[0].p_memsz = 0x2000;
	CHECK_NUMBER(parse(&file, &elf, sizeof(elf), &error), 0);
	CHECK(file.is_pie);
	CHECK_NUMBER(file.headers_address, ELF_BUILDER_TEXT + elf.header.e_phoff);
	CHECK_NUMBER(file.header_count, 3);
}

/* Each way to spoil a program, and a part of the sentence about it. */
static void spoil_magic(struct elf_builder *elf)
{
	elf->header.e_ident[1] = 'e';
}

static void spoil_machine(struct elf_builder *elf)
{
	elf->header.e_machine = EM_AARCH64;
}

static void spoil_class(struct elf_builder *elf)
{
	elf->header.e_ident[EI_CLASS] = ELFCLASS32;
}

static void spoil_order(struct elf_builder *elf)
{
	elf->header.e_ident[EI_DATA] = ELFDATA2MSB;
}

static void spoil_type(struct elf_builder *elf)
{
	elf->header.e_type = ET_REL;
}

static void spoil_no_headers(struct elf_builder *elf)
{
	elf->header.e_phnum = 0;
}

static void spoil_header_size(struct elf_builder *elf)
{
	elf->header.e_phentsize = 1;
}

static void spoil_header_count(struct elf_builder *elf)
{
	elf->header.e_phnum = 0xffff;
}

static void spoil_header_offset(struct elf_builder *elf)
{
	elf->header.e_phoff = UINT64_MAX - 8;
}

static void spoil_no_segments(struct elf_builder *elf)
{
	elf->segments[0].p_type = elf->segments[1].p_type = PT_NOTE;
}

static void spoil_empty_segments(struct elf_builder *elf)
{
	for (int i = 0; i < 2; i++)
		elf->segments[i].p_filesz = elf->segments[i].p_memsz = 0;
}

static void spoil_interpreter(struct elf_builder *elf)
{
	elf->segments[2].p_type = PT_INTERP;
}

static void spoil_interpreter_end(struct elf_builder *elf)
{
	elf->segments[2].p_type = PT_INTERP;
	elf->segments[2].p_offset = UINT64_MAX - 1;
	elf->segments[2].p_filesz = 8;
}

static void spoil_interpreter_text(struct elf_builder *elf)
{
	elf->segments[2].p_type = PT_INTERP;
	elf->segments[2].p_filesz = 4; /* the ELF magic, without a NUL */
}

static void spoil_overlap(struct elf_builder *elf)
{
	elf->segments[1].p_vaddr = ELF_BUILDER_TEXT;
}

static void spoil_shared_page(struct elf_builder *elf)
{
	elf->segments[0].p_memsz = 0x2001;
}

static void spoil_sequence(struct elf_builder *elf)
{
	Elf64_Phdr first = elf->segments[0];
	elf->segments[0] = elf->segments[1];
	elf->segments[1] = first;
}

static void spoil_file_size(struct elf_builder *elf)
{
	elf->segments[1].p_filesz = elf->segments[1].p_memsz = 0x101;
}

static void spoil_file_offset(struct elf_builder *elf)
{
	elf->segments[1].p_offset = UINT64_MAX - 0xfff;
}

static void spoil_memory_size(struct elf_builder *elf)
{
	elf->segments[1].p_memsz = 0xff;
}

static void spoil_end(struct elf_builder *elf)
{
	elf->segments[1].p_memsz = UINT64_MAX - 0x1000;
}

static void spoil_address(struct elf_builder *elf)
{
	elf->segments[1].p_vaddr = 0x7ffffffff000;
}

static void spoil_alignment(struct elf_builder *elf)
{
	elf->segments[1].p_vaddr += 8;
}

static void spoil_entry(struct elf_builder *elf)
{
	elf->header.e_entry = ELF_BUILDER_DATA;
}

static void spoil_entry_outside(struct elf_builder *elf)
{
	elf->header.e_entry = 0;
}

static void test_spoilt(void)
{
	const struct {
		void (*spoil)(struct elf_builder *elf);
		const char *sentence;
	} cases[] = {
	    {spoil_magic, "not an ELF program"},
	    {spoil_machine, "another machine (ELF machine 183)"},
	    {spoil_class, "another machine"},
	    {spoil_order, "another machine"},
	    {spoil_type, "not a program"},
	    {spoil_no_headers, "no program headers"},
	    {spoil_header_size, "no program headers"},
	    {spoil_header_count, "cut off within its program headers"},
	    {spoil_header_offset, "cut off within its program headers"},
	    {spoil_no_segments, "nothing to load"},
	    {spoil_empty_segments, "nothing to load"},
	    {spoil_interpreter, "names no interpreter"},
	    {spoil_interpreter_end, "names no interpreter"},
	    {spoil_interpreter_text, "names no interpreter"},
	    {spoil_overlap, "overlapping segments"},
	    {spoil_shared_page, "overlapping segments"},
	    {spoil_sequence, "overlapping segments"},
	    {spoil_file_size, "cut off"},
	    {spoil_file_offset, "cut off"},
	    {spoil_memory_size, "no address space can hold"},
	    {spoil_end, "no address space can hold"},
	    {spoil_address, "no address space can hold"},
	    {spoil_alignment, "misaligned segment"},
	    {spoil_entry, "where it has no code"},
	    {spoil_entry_outside, "where it has no code"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct elf_builder elf;
		struct elf_file file;
		struct error error = {0};
		elf_builder_init(&elf);
		cases[i].spoil(&elf);
		bool good = CHECK_NUMBER(parse(&file, &elf, sizeof(elf), &error), -ENOEXEC);
		good &= CHECK(strstr(error.text, cases[i].sentence));
		good &= CHECK(!strncmp(error.text, "program ", 8) && !strchr(error.text, '\n'));
		if (!good)
			fprintf(stderr, "  case %zu (%s) said: %s\n", i, cases[i].sentence,
				error.text);
	}
}

/* Cut off anywhere: refused, up to the last byte that a segment needs. */
static void test_cut_off(void)
{
	struct elf_builder elf;
	struct elf_file file;
	elf_builder_init(&elf);
	for (size_t size = 0; size < sizeof(elf); size++) {
		struct error error = {0};
		CHECK(parse(&file, &elf, size, &error) == -ENOEXEC);
		CHECK(strstr(error.text, size < EI_NIDENT ? "not an ELF program" : "cut off"));
	}
}

/* More segments than anybody has. */
static void test_many_segments(void)
{
	enum { COUNT = ELF_SEGMENTS_MAX + 1 };
	struct {
		struct elf_builder elf;
		Elf64_Phdr segments[COUNT];
	} many;
	struct elf_file file;
	struct error error = {0};
	memset(&many, 0, sizeof(many));
	elf_builder_init(&many.elf);
	many.elf.header.e_phoff = offsetof(__typeof__(many), segments);
	for (int count = COUNT - 1; count <= COUNT; count++) {
		many.elf.header.e_phnum = (uint16_t)count;
		for (int i = 0; i < count; i++)
			many.segments[i] = (Elf64_Phdr){
			    .p_type = PT_LOAD,
			    .p_flags = PF_R | PF_X,
			    .p_vaddr = ELF_BUILDER_TEXT + 0x1000UL * (unsigned)i,
			    .p_memsz = 0x1000,
			};
		CHECK_NUMBER(parse(&file, &many, sizeof(many), &error),
			     count == COUNT ? -ENOEXEC : 0);
	}
	CHECK(strstr(error.text, "more than 16 segments"));
}

/* From files: this test itself, which is linked dynamically, and none. */
static void test_files(void)
{
	struct error error = {0};
	struct elf_file file;
	int result = elf_file_open(&file, "/proc/self/exe", &error);
	if (CHECK_NUMBER(result, 0)) {
		CHECK(file.interpreter[0] == '/');
		elf_file_release(&file);
	}
	result = elf_file_open(&file, "/nowhere/at all", &error);
	CHECK_NUMBER(result, -ENOENT);
}

/* One symbol, `work`, of 16 bytes at the program's entry. */
static void test_symbols(void)
{
	struct {
		struct elf_builder elf;
		Elf64_Shdr sections[2];
		Elf64_Sym symbol;
		char names[8];
	} program;
	struct elf_file file;
	struct error error = {0};
	uint64_t offset = 0;
	memset(&program, 0, sizeof(program));
	elf_builder_init(&program.elf);
	program.elf.header.e_shoff = offsetof(__typeof__(program), sections);
	program.elf.header.e_shentsize = sizeof(Elf64_Shdr);
	program.elf.header.e_shnum = 2;
	program.sections[0] = (Elf64_Shdr){
	    .sh_type = SHT_SYMTAB,
	    .sh_offset = offsetof(__typeof__(program), symbol),
	    .sh_size = sizeof(Elf64_Sym),
	    .sh_link = 1,
	};
	program.sections[1] = (Elf64_Shdr){
	    .sh_type = SHT_STRTAB,
	    .sh_offset = offsetof(__typeof__(program), names),
	    .sh_size = sizeof(program.names),
	};
	program.symbol = (Elf64_Sym){
	    .st_name = 1,
	    .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
	    .st_value = ELF_BUILDER_TEXT,
	    .st_size = 16,
	};
	memcpy(program.names, "\0work", 6);

	CHECK_NUMBER(elf_file_parse(&file, (uint8_t *)&program, sizeof(program), "p", &error), 0);
	CHECK(!elf_file_symbol(&file, ELF_BUILDER_TEXT, &offset)); /* parsed only: no data kept */
	file.data = (uint8_t *)&program;
	CHECK_TEXT(elf_file_symbol(&file, ELF_BUILDER_TEXT + 5, &offset), "work");
	CHECK_NUMBER(offset, 5);
	CHECK(!elf_file_symbol(&file, ELF_BUILDER_TEXT + 16, &offset));
	CHECK(!elf_file_symbol(&file, ELF_BUILDER_TEXT - 1, &offset));

	/* What points outside is not followed. */
	memset(program.names, 'x', sizeof(program.names));
	CHECK(!elf_file_symbol(&file, ELF_BUILDER_TEXT, &offset));
	program.symbol.st_name = 100;
	CHECK(!elf_file_symbol(&file, ELF_BUILDER_TEXT, &offset));
	program.symbol.st_name = 1;
	program.names[7] = 0;
	CHECK_TEXT(elf_file_symbol(&file, ELF_BUILDER_TEXT, &offset), "xxxxxx");
	program.sections[0].sh_size = sizeof(program);
	CHECK(!elf_file_symbol(&file, ELF_BUILDER_TEXT, &offset));
	program.sections[0].sh_size = sizeof(Elf64_Sym);
	program.sections[0].sh_link = 2;
	CHECK(!elf_file_symbol(&file, ELF_BUILDER_TEXT, &offset));
	program.elf.header.e_shoff = UINT64_MAX - 10;
	CHECK(!elf_file_symbol(&file, ELF_BUILDER_TEXT, &offset));
}

int main(void)
{
	test_sound();
	test_spoilt();
	test_cut_off();
	test_many_segments();
	test_files();
	test_symbols();
	return check_status();
}
