/* ELF programs from hostile hands: whatever the bytes are, what is accepted keeps the promises of
 * elf_file.h, and symbols are looked up within the file. */
#include <stdlib.h>
#include <string.h>

#include "mayfly/guest_abi.h"
#include "monitor/elf/elf_file.h"
#include "sizes/sizes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_file file;
	struct error error = {0};
	if (elf_file_parse(&file, data, size, "input", &error)) {
		check(error.code > 0 && *error.text);
		return 0;
	}
	check(file.segment_count > 0 && file.segment_count <= ELF_SEGMENTS_MAX);
	uint64_t end = 0;
	for (size_t i = 0; i < file.segment_count; i++) {
		const struct elf_segment *segment = &file.segments[i];
		check(range_within(segment->offset, segment->file_size, size));
		check(segment->file_size <= segment->memory_size && segment->memory_size);
		check(segment->address >= end && segment->address >= file.low);
		check(range_within(segment->address, segment->memory_size, file.high));
		check(!(segment->protection & ~(GUEST_READ | GUEST_WRITE | GUEST_EXECUTE)));
		end = segment->address + segment->memory_size;
	}
	/* The file stays the fuzzer's: nothing here releases it. */
	file.data = (uint8_t *)(uintptr_t)data;
	uint64_t offset = 0;
	const char *name = elf_file_symbol(&file, file.entry, &offset);
	check(!name || strlen(name) < size);
	return 0;
}
