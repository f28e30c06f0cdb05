/* Kernels' code whose interrupt flag and CPUID are rewritten: the input is code, with tables behind it that it may
 * name. Nothing is written but that code and the area of the flag; each jump leads to a stub, each entry
 * of the table is one of an instruction that stood there; and whatever the area has later, questions
 * about it are answered. */
#include <stdlib.h>
#include <string.h>

#include "monitor/kvm/kernel/flags.h"
#include "monitor/kvm/kernel/flags_area.h"
#include "monitor/kvm/kernel/flags_search.h"
#include "sizes/sizes.h"

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AREA	 0x10000UL
#define CODE	 0x20000UL
#define CODE_MAX 0x2000UL
#define MEMORY	 (CODE + 2 * CODE_MAX)

static uint8_t memory[MEMORY], before[MEMORY];

static void check(int condition)
{
	if (!condition)
		abort();
}

/* Nothing is remembered: each input is searched. */
int LLVMFuzzerInitialize(int *count, char ***words)
{
	(void)count, (void)words;
	setenv("MAYFLY_CACHE", "/dev/null", 1);
	return 0;
}

static bool is_code(const struct kernel_start *kernel, uint64_t address)
{
	for (size_t i = 0; i < kernel->code_count; i++)
		if (address >= kernel->code[i].address &&
		    address - kernel->code[i].address < kernel->code[i].length)
			return true;
	return false;
}

static void check_table(const struct kernel_start *kernel)
{
	const struct flags_area *area = (const struct flags_area *)(memory + AREA);
	check(area->site_count <= FLAGS_SITES_MAX);
	for (uint32_t i = 0; i < area->site_count; i++) {
		const struct flags_site *site = &area->sites[i];
		check(is_code(kernel, site->address) && memory[site->address] == 0xcc);
		check(i == 0 || site->address > area->sites[i - 1].address);
		check(flags_is_place(before + site->address, MEMORY - site->address));
		const struct kernel_flags_site found =
		    kernel_flags_site(memory, kernel, site->address + 1UL);
		check(found.instruction == site->instruction && found.size == site->size);
		check(found.next == (uint64_t)site->address + site->length);
	}
}

/* What has changed begins with a jump to a stub, or is an INT3 of the table. */
static void check_changes(const struct kernel_start *kernel)
{
	for (uint64_t at = CODE; at < MEMORY; at++) {
		if (memory[at] == before[at])
			continue;
		check(is_code(kernel, at));
		if (kernel_flags_site(memory, kernel, at + 1).instruction != KERNEL_FLAGS_NONE)
			continue;
		int32_t distance;
		check(at + FLAGS_JUMP_LENGTH <= MEMORY && memory[at] == 0xe9);
		check(flags_is_place(before + at, MEMORY - at));
		memcpy(&distance, memory + at + 1, sizeof(distance));
		const uint64_t stub = at + FLAGS_JUMP_LENGTH + (uint64_t)distance;
		check(stub >= AREA + FLAGS_STUBS_OFFSET && stub < AREA + KERNEL_FLAGS_SIZE);
		at += FLAGS_JUMP_LENGTH;
		while (at < MEMORY && memory[at] == 0xcc)
			at++;
		at--;
	}
	check(!memcmp(memory, before, AREA));
	check(!memcmp(memory + AREA + KERNEL_FLAGS_SIZE, before + AREA + KERNEL_FLAGS_SIZE,
		      CODE - AREA - KERNEL_FLAGS_SIZE));
}

static void check_scribbled(const struct kernel_start *kernel, const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < FLAGS_STUBS_OFFSET; i++)
		memory[AREA + i] = data[i % size];
	check(!(kernel_flags_fetch(memory, kernel, 0) & ~KERNEL_FLAGS_VIRTUAL));
	for (size_t i = 0; i + 8 <= size; i += 8) {
		uint64_t rip;
		memcpy(&rip, data + i, sizeof(rip));
		const struct kernel_flags_site site =
		    kernel_flags_site(memory, kernel, i % 16 ? rip : (uint32_t)rip);
		const bool moves =
		    site.instruction == KERNEL_FLAGS_PUSH || site.instruction == KERNEL_FLAGS_POP;
		check(site.instruction <= KERNEL_FLAGS_CPUID);
		check(moves ? site.size == 2 || site.size == 8 : site.size == 0);
	}
	kernel_flags_share(memory, kernel, UINT64_MAX, true);
	check(kernel_flags_fetch(memory, kernel, 0) == KERNEL_FLAGS_VIRTUAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error error = {0};
	if (size < 2 || size > CODE_MAX)
		return 0;
	/* Two ranges of code, with a gap of up to 15 bytes in between, and data behind. */
	const uint64_t first = data[0] * size / 256, gap = data[1] & 15;
	struct kernel_start kernel = {.memory = MEMORY,
				      .flags_page = AREA,
				      .code = {{CODE, first}, {CODE + first + gap, size - first}},
				      .code_count = 2};
	memset(memory, 0, sizeof(memory));
	memcpy(memory + CODE, data, size);
	memcpy(before, memory, sizeof(memory));
	int result = kernel_flags_patch(memory, &kernel, &error);
	if (result) {
		check(error.code == -result && *error.text);
		return 0;
	}
	check_table(&kernel);
	check_changes(&kernel);
	check_scribbled(&kernel, data, size);
	return 0;
}
