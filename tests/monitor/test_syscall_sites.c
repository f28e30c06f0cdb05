/* Which system calls of real programs are rewritten, against a disassembler: nothing but
 * instructions, and next to all that have one of the shapes in lib/syscall_patch/code.h.
 *
 * The code there does without a disassembler, since it takes an eighth of the time or less (a C
 * library of 1.4 MB: 4 ms, Zydis' shortest way of decoding 34 ms), and is needed in guests, too.
 *
 * usage: test_syscall_sites PROGRAM...
 */
#include <Zydis/Zydis.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "sizes/sizes.h"
#include "syscall_patch/code.h"
#include "util/cleanup.h"
#include "util/file.h"

#define FILE_MAX  (256UL << 20)
#define SITES_MAX 65536

struct code {
	const uint8_t *bytes;
	size_t size;
	uint8_t *begins;  /* an instruction does */
	uint8_t *targets; /* a jump goes there */
	uint8_t *sites;	  /* one does */
};

/* Decodes all from the first byte on. After bytes that are none it finds the instructions again. */
static void decode(const struct code *code)
{
	ZydisDecoder decoder;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisDecoderEnableMode(&decoder, ZYDIS_DECODER_MODE_MINIMAL, ZYAN_TRUE);
	for (size_t at = 0; at < code->size;) {
		ZydisDecodedInstruction found;
		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, NULL, code->bytes + at,
								code->size - at, &found))) {
			at++;
			continue;
		}
		code->begins[at] = 1;
		at += found.length;
		const uint64_t target = at + (uint64_t)found.raw.imm[0].value.s;
		if (found.raw.imm[0].size && found.raw.imm[0].is_relative && target < code->size)
			code->targets[target] = 1;
	}
}

/* Whether the SYSCALL at `at` has one of the shapes; *taken: whether it is in one of the sites. */
static bool has_shape(const struct code *code, size_t at, bool *taken)
{
	const uint8_t *bytes = code->bytes + at;
	uint32_t number;
	if (at < 16 || at + 16 > code->size)
		return false;
	memcpy(&number, bytes - 4, sizeof(number));
	const bool is_checked = (!memcmp(bytes + 2, "\x48\x3d\x00\xf0\xff\xff", 6) ||
				 !memcmp(bytes + 2, "\x48\x3d\x01\xf0\xff\xff", 6)) &&
				!code->targets[at + 2];
	const bool is_numbered = bytes[-5] == 0xb8 && code->begins[at - 5] && number < 512;
	const bool is_return = !memcmp(bytes - 6, "\xc7\xc0\x0f\0\0\0", 6) &&
			       (code->begins[at - 6] || code->begins[at - 7]);
	*taken = code->sites[at] || code->sites[at - 5] || code->sites[at - 6];
	return is_checked || is_numbered || is_return;
}

/* A REX prefix before the third shape stays: it makes no difference to a jump. */
static bool begins_instruction(const struct code *code, const struct syscall_site *site)
{
	return code->begins[site->offset] ||
	       (site->move_size == 6 && site->offset && code->begins[site->offset - 1] &&
		(code->bytes[site->offset - 1] & 0xf0) == 0x40);
}

static void check_code(struct code *code, const char *name)
{
	cleanup_free uint8_t *marks = calloc(syscall_patch_marks_size(code->size), 1);
	cleanup_free struct syscall_site *sites = calloc(SITES_MAX, sizeof(*sites));
	cleanup_free uint8_t *begins = calloc(code->size, 1), *targets = calloc(code->size, 1);
	cleanup_free uint8_t *is_site = calloc(code->size, 1);
	if (!CHECK(marks && sites && begins && targets && is_site))
		return;
	code->sites = is_site;
	code->begins = begins;
	code->targets = targets;
	decode(code);
	const size_t count = syscall_patch_find(code->bytes, code->size, marks, sites, SITES_MAX);
	for (size_t i = 0; i < count; i++) {
		if (!CHECK(begins_instruction(code, &sites[i])))
			fprintf(stderr, "  %s: at %#lx of its code\n", name, sites[i].offset);
		is_site[sites[i].offset] = 1;
	}
	size_t wanted = 0, missing = 0;
	for (size_t at = 0; at < code->size; at++) {
		bool taken;
		if (!code->begins[at] || code->bytes[at] != 0x0f || code->bytes[at + 1] != 0x05 ||
		    !has_shape(code, at, &taken))
			continue;
		wanted++;
		missing += !taken;
	}
	printf("%s: %zu KiB of code, %zu sites, %zu by the disassembler, of them %zu not taken\n",
	       name, code->size >> 10, count, wanted, missing);
	CHECK(count <= wanted);
	/* What only looks like a jump to the comparison costs one now and then: few of many, and of a
	 * small program's a handful. */
	CHECK(missing <= 4 + wanted / 100);
}

static void check_program(const char *path)
{
	cleanup_free uint8_t *file = NULL;
	size_t size;
	struct stat status;
	Elf64_Ehdr header;
	if (stat(path, &status)) {
		printf("%s is not here\n", path);
		return;
	}
	if (!CHECK(!file_read(path, FILE_MAX, &file, &size, NULL)) || !CHECK(size > sizeof(header)))
		return;
	memcpy(&header, file, sizeof(header));
	for (size_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;
		memcpy(&segment, file + header.e_phoff + i * sizeof(segment), sizeof(segment));
		if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_X))
			continue;
		check_code(
		    &(struct code){.bytes = file + segment.p_offset, .size = segment.p_filesz},
		    path);
	}
}

/* Instructions whose last bytes are those of `mov $number, %eax`, before a SYSCALL. Compilers make them
 * where the number is in a register already. */
static void check_lookalikes(void)
{
	static const struct {
		const char *name;
		size_t length;
		const char *bytes;
	} lookalikes[] = {
	    {"movslq 200(%r8), %rdi", 7, "\x49\x63\xb8\xc8\x00\x00\x00"},
	    {"lea 200(%r8), %rdi", 7, "\x49\x8d\xb8\xc8\x00\x00\x00"},
	    {"mov 200(%r8), %edi", 7, "\x41\x8b\xb8\xc8\x00\x00\x00"},
	    {"movzwl 200(%r8), %edi", 8, "\x41\x0f\xb7\xb8\xc8\x00\x00\x00"},
	    {"movbe 200(%r8), %edi", 9, "\x41\x0f\x38\xf0\xb8\xc8\x00\x00\x00"},
	    {"sarl 200(%r8)", 7, "\x41\xd1\xb8\xc8\x00\x00\x00"},
	    {"mov 200(%r8,%rdi,4), %esi", 8, "\x41\x8b\xb4\xb8\xc8\x00\x00\x00"},
	    {"movzwl 200(%r8,%rdi,4), %edx", 9, "\x41\x0f\xb7\x94\xb8\xc8\x00\x00\x00"},
	    {"vmovdqu 200(%r8), %xmm7", 9, "\xc4\xc1\x7a\x6f\xb8\xc8\x00\x00\x00"},
	    {"vmovdqu32 200(%r8), %zmm7", 10, "\x62\xd1\x7e\x48\x6f\xb8\xc8\x00\x00\x00"},
	    {"vmovdqu 200(%r8,%rdi,4), %xmm1", 10, "\xc4\xc1\x7a\x6f\x8c\xb8\xc8\x00\x00\x00"},
	    {"movl $200, -72(%rdi)", 7, "\xc7\x47\xb8\xc8\x00\x00\x00"},
	    {"movl $200, -72(%rsp)", 8, "\xc7\x44\x24\xb8\xc8\x00\x00\x00"},
	    {"movb $0, 440(%rbx)", 7, "\xc6\x83\xb8\x01\x00\x00\x00"},
	    {"andl $0, 184(%rbx)", 7, "\x83\xa3\xb8\x00\x00\x00\x00"},
	    {"andb $0, 184(%rbx)", 7, "\x80\xa3\xb8\x00\x00\x00\x00"},
	    {"movb $0, 440(%rsp)", 8, "\xc6\x84\x24\xb8\x01\x00\x00\x00"},
	    {"movb $0, 440(%rip)", 7, "\xc6\x05\xb8\x01\x00\x00\x00"},
	    {"movw $0, 0xb8d0(%rip)", 9, "\x66\xc7\x05\xd0\xb8\x00\x00\x00\x00"},
	};
	static const uint8_t call[] = {0x0f, 0x05};
	for (size_t i = 0; i < ARRAY_SIZE(lookalikes); i++) {
		const size_t length = lookalikes[i].length;
		uint8_t bytes[64];
		memset(bytes, 0x90, sizeof(bytes));
		memcpy(bytes + 16, lookalikes[i].bytes, length);
		memcpy(bytes + 16 + length, call, sizeof(call));
		check_code(&(struct code){.bytes = bytes, .size = sizeof(bytes)},
			   lookalikes[i].name);
	}
}

int main(int count, char **arguments)
{
	check_lookalikes();
	for (int i = 1; i < count; i++)
		check_program(arguments[i]);
	return check_status();
}
