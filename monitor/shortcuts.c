/* System calls without SYSCALL; see shortcuts.h. */
#include "shortcuts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define SHORTCUT_SIZE 32
#define SITES_MAX     (SHORTCUTS_SIZE_MAX / SHORTCUT_SIZE - 1)
#define NUMBERS_MAX   512 /* system calls are numbered below */
#define GUARD_SIZE    (64UL << 10)
#define JUMP_REACH    (1UL << 30) /* a jump reaches 2 GiB; half of that is far from any overflow */

#define SYSCALL_SIZE	2
#define COMPARISON_SIZE 6 /* cmp $imm32, %rax */
#define MOVE_SIZE	5 /* mov $imm32, %eax */
#define RETURN_SIZE	6 /* the same with an opcode that has a longer form */

struct site {
	uint64_t address;   /* of the first byte that is overwritten */
	unsigned move_size; /* 0: the first shape */
};

struct sites {
	struct site *found;
	size_t count;
};

static uint32_t read32(const uint8_t *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* syscall; cmp $-4096 or $-4095, %rax: eight bytes that are nothing else. */
static bool is_checked_call(const uint8_t *at)
{
	return at[0] == 0x0f && at[1] == 0x05 && at[2] == 0x48 && at[3] == 0x3d &&
	       (read32(at + 4) == 0xfffff000 || read32(at + 4) == 0xfffff001);
}

/* mov $number, %eax; syscall. The bytes before tell whether b8 could be the tail of a longer
 * instruction: a REX prefix with B makes it `mov $number, %r8d`, and after the opcodes that take a
 * 32-bit immediate it can be an 8-bit displacement. */
static bool is_numbered_call(const uint8_t *at)
{
	if (at[0] != 0xb8 || at[5] != 0x0f || at[6] != 0x05 || read32(at + 1) >= NUMBERS_MAX ||
	    (at[-1] & 0xf1) == 0x41)
		return false;
	for (int back = 2; back <= 3; back++)
		if (at[-back] == 0xc7 || at[-back] == 0x81 || at[-back] == 0x69)
			return false;
	return true;
}

/* mov $15, %eax (with REX: %rax); syscall: where handlers of signals return to. */
static bool is_return(const uint8_t *at)
{
	return !memcmp(at, "\xc7\xc0\x0f\0\0\0\x0f\x05", RETURN_SIZE + SYSCALL_SIZE);
}

/* Where the byte at `code + at`, read as the opcode of a jump, would go to; false for no jump. */
static bool jump_target(const uint8_t *code, uint64_t at, uint64_t *target)
{
	uint8_t opcode = code[at];
	if (opcode == 0xeb || (opcode & 0xf0) == 0x70 || (opcode & 0xfc) == 0xe0) {
		*target = at + 2 + (uint64_t)(int64_t)(int8_t)code[at + 1];
		return true;
	}
	/* jmp, call, and the second byte of a conditional jump */
	if (opcode == 0xe9 || opcode == 0xe8 || (opcode & 0xf0) == 0x80) {
		*target = at + 5 + (uint64_t)(int64_t)(int32_t)read32(code + at + 1);
		return true;
	}
	return false;
}

static bool bit_test(const uint8_t *bits, uint64_t index)
{
	return bits[index / 8] >> index % 8 & 1;
}

/* Marks the comparisons behind a SYSCALL, then takes the mark from those that a jump might go to.
 * Every byte of the code is taken for an opcode: more jumps are found than there are, and none is
 * missed but those through tables, which a compiler does not make to such a place. */
static void mark_comparisons(const uint8_t *code, uint64_t size, uint8_t *marks)
{
	for (uint64_t at = 0; at + SYSCALL_SIZE + COMPARISON_SIZE <= size; at++)
		if (code[at] == 0x0f && is_checked_call(code + at))
			marks[(at + SYSCALL_SIZE) / 8] |= (uint8_t)(1 << (at + SYSCALL_SIZE) % 8);
	uint64_t target;
	for (uint64_t at = 0; at + 5 <= size; at++)
		if (jump_target(code, at, &target) && target < size && bit_test(marks, target))
			marks[target / 8] &= (uint8_t) ~(1 << target % 8);
}

static int find_sites(const struct image *image, const struct image_region *region,
		      struct sites *sites, struct error *error)
{
	const uint8_t *code = image->memory + region->offset;
	const uint64_t tail = SYSCALL_SIZE + COMPARISON_SIZE;
	cleanup_free uint8_t *marks = calloc(region->length / 8 + 1, 1);
	if (!marks)
		return error_set(error, ENOMEM, "no memory for the program's system calls");
	mark_comparisons(code, region->length, marks);
	/* Each SYSCALL is looked at with the move before it and the comparison behind it. */
	for (uint64_t at = MOVE_SIZE + 3; at + tail <= region->length; at++) {
		const uint8_t *next = memchr(code + at, 0x0f, region->length - tail + 1 - at);
		if (!next || sites->count == SITES_MAX)
			break;
		at = (uint64_t)(next - code);
		if (next[1] != 0x05)
			continue;
		struct site site = {.address = region->address + at};
		if (!bit_test(marks, at + SYSCALL_SIZE)) {
			if (is_numbered_call(next - MOVE_SIZE))
				site.move_size = MOVE_SIZE;
			else if (is_return(next - RETURN_SIZE))
				site.move_size = RETURN_SIZE;
			else
				continue;
			site.address -= site.move_size;
		}
		sites->found[sites->count++] = site;
	}
	return 0;
}

static uint8_t *put(uint8_t *at, const void *bytes, size_t count)
{
	return (uint8_t *)memcpy(at, bytes, count) + count;
}

/* jmp to `to`; the instruction will stand at guest address `from`. */
static uint8_t *put_jump(uint8_t *at, uint64_t from, uint64_t to)
{
	int32_t distance = (int32_t)((int64_t)to - (int64_t)(from + 5));
	at = put(at, "\xe9", 1);
	return put(at, &distance, sizeof(distance));
}

/* movabs $back, %rcx; jmp `entry` */
static uint8_t *put_entry(uint8_t *at, uint64_t from, uint64_t back, uint64_t entry)
{
	at = put(at, "\x48\xb9", 2);
	at = put(at, &back, sizeof(back));
	return put_jump(at, from + 10, entry);
}

/* Writes the shortcut for `site` at guest address `address`, and the jump to it. */
static void write_shortcut(const struct image *image, const struct site *site, uint64_t address,
			   uint64_t entry)
{
	uint8_t *code = image_pointer(image, site->address, SYSCALL_SIZE + RETURN_SIZE);
	uint8_t *out = image_pointer(image, address, SHORTCUT_SIZE);
	if (site->move_size) {
		out = put(out, code, site->move_size);
		put_entry(out, address + site->move_size,
			  site->address + site->move_size + SYSCALL_SIZE, entry);
	} else {
		uint64_t back = address + 15; /* behind the two instructions of put_entry() */
		out = put_entry(out, address, back, entry);
		out = put(out, code + SYSCALL_SIZE, COMPARISON_SIZE);
		put_jump(out, back + COMPARISON_SIZE,
			 site->address + SYSCALL_SIZE + COMPARISON_SIZE);
	}
	put_jump(code, site->address, address);
}

int shortcuts_install(struct image *image, size_t first_region, uint64_t end,
		      uint64_t syscall_entry, struct error *error)
{
	cleanup_free struct site *found = calloc(SITES_MAX, sizeof(*found));
	if (!found)
		return error_set(error, ENOMEM, "no memory for the program's system calls");
	struct sites sites = {.found = found};
	uint64_t low = end;
	int result = 0;
	for (size_t i = first_region; i < image->region_count && !result; i++) {
		const struct image_region *region = &image->regions[i];
		if (region->address < low)
			low = region->address;
		if (region->protection & GUEST_EXECUTE)
			result = find_sites(image, region, &sites, error);
	}
	if (result || !sites.count || end - low > JUMP_REACH)
		return result;
	uint64_t start = end + GUARD_SIZE;
	uint64_t size = (sites.count + 1) * SHORTCUT_SIZE;
	size = (size + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
	result = image_map(image, start, size, GUEST_READ | GUEST_EXECUTE, error);
	if (result)
		return error_wrap(error, "no room for system-call shortcuts");
	/* What all of them share: movabs $syscall_entry, %r11; jmp *%r11 */
	uint8_t *entry = put(image_pointer(image, start, SHORTCUT_SIZE), "\x49\xbb", 2);
	entry = put(entry, &syscall_entry, sizeof(syscall_entry));
	put(entry, "\x41\xff\xe3", 3);
	for (size_t i = 0; i < sites.count; i++)
		write_shortcut(image, &sites.found[i], start + (i + 1) * SHORTCUT_SIZE, start);
	return 0;
}
