/* Programs that a program starts in a guest: whatever the file's bytes are, what the library OS
 * accepts keeps the promises of guest/exec/elf.h and script.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guest/exec/elf.h"
#include "guest/exec/script.h"
#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_segment(const struct elf_program *program, const struct elf_segment *segment,
			  size_t size)
{
	check(range_within(segment->offset, segment->file_size, size));
	check(segment->memory_size && segment->file_size <= segment->memory_size);
	check(segment->address >= program->low);
	check(range_within(segment->address, segment->memory_size, program->high));
	check(segment->address % GUEST_PAGE_SIZE == segment->offset % GUEST_PAGE_SIZE);
	check(!(segment->protection & ~(GUEST_READ | GUEST_WRITE | GUEST_EXECUTE)));
}

static void try_program(const uint8_t *data, size_t size)
{
	Elf64_Ehdr header;
	struct elf_program program;
	if (size < sizeof(header))
		return;
	memcpy(&header, data, sizeof(header));
	if (elf_check_header(&header))
		return;
	const size_t headers_size = header.e_phnum * sizeof(Elf64_Phdr);
	check(headers_size <= ELF_HEADERS_MAX * sizeof(Elf64_Phdr));
	if (!range_within(header.e_phoff, headers_size, size))
		return;
	Elf64_Phdr *headers = malloc(headers_size);
	check(headers != NULL);
	memcpy(headers, data + header.e_phoff, headers_size);
	int error = elf_parse(&program, &header, headers, size);
	free(headers);
	check(!error || error == -ENOEXEC || error == -ENOMEM);
	if (error)
		return;
	check(program.segment_count && program.segment_count <= ELF_SEGMENTS_MAX);
	check(program.high <= GUEST_PROGRAM_LIMIT && program.low < program.high);
	check(program.alignment >= GUEST_PAGE_SIZE);
	check(!(program.alignment & (program.alignment - 1)));
	check(program.interpreter_size <= ELF_INTERPRETER_MAX);
	check(range_within(program.interpreter_offset, program.interpreter_size, size));
	for (size_t i = 0; i < program.segment_count; i++)
		check_segment(&program, &program.segments[i], size);
}

/* Texts of exactly their size, so that a look behind them is seen. */
static void try_script(const uint8_t *data, size_t size)
{
	struct script script;
	const size_t length = size < SCRIPT_LINE_MAX ? size : SCRIPT_LINE_MAX;
	char *line = calloc(length + 1, 1);
	check(line != NULL);
	if (length)
		memcpy(line, data, length);
	if (!script_parse(&script, line, length)) {
		check(script.interpreter >= line + 2);
		check(script.interpreter + strlen(script.interpreter) <= line + length);
		check(!script.argument || *script.argument);
	}
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try_program(data, size);
	try_script(data, size);
	return 0;
}
