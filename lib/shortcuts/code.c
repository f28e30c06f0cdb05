/* Rewriting system calls; see code.h. */
#include "code.h"

#include <stdbool.h>
#include <string.h>

#define NUMBERS_MAX 512 /* system calls are numbered below */

#define SYSCALL_SIZE	2
#define COMPARISON_SIZE 6 /* cmp $imm32, %rax */
#define MOVE_SIZE	5 /* mov $imm32, %eax */
#define RETURN_SIZE	6 /* the same with an opcode that has a longer form */

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
	bool any = false;
	for (uint64_t at = 0; at + SYSCALL_SIZE + COMPARISON_SIZE <= size; at++) {
		if (code[at] != 0x0f || !is_checked_call(code + at))
			continue;
		marks[(at + SYSCALL_SIZE) / 8] |= (uint8_t)(1 << (at + SYSCALL_SIZE) % 8);
		any = true;
	}
	uint64_t target;
	for (uint64_t at = 0; any && at + 5 <= size; at++)
		if (jump_target(code, at, &target) && target < size && bit_test(marks, target))
			marks[target / 8] &= (uint8_t) ~(1 << target % 8);
}

size_t shortcut_find(const uint8_t *code, size_t size, uint8_t *marks, struct shortcut_site *sites,
		     size_t room)
{
	const size_t tail = SYSCALL_SIZE + COMPARISON_SIZE;
	size_t count = 0;
	mark_comparisons(code, size, marks);
	/* Each SYSCALL is looked at with the move before it and the comparison behind it. */
	for (size_t at = MOVE_SIZE + 3; at + tail <= size && count < room; at++) {
		if (code[at] != 0x0f || code[at + 1] != 0x05)
			continue;
		struct shortcut_site site = {.offset = at};
		if (!bit_test(marks, at + SYSCALL_SIZE)) {
			if (is_numbered_call(code + at - MOVE_SIZE))
				site.move_size = MOVE_SIZE;
			else if (is_return(code + at - RETURN_SIZE))
				site.move_size = RETURN_SIZE;
			else
				continue;
			site.offset -= site.move_size;
		}
		sites[count++] = site;
	}
	return count;
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

void shortcut_write_door(uint8_t *out, uint64_t syscall_entry)
{
	/* movabs $syscall_entry, %r11; jmp *%r11 */
	out = put(out, "\x49\xbb", 2);
	out = put(out, &syscall_entry, sizeof(syscall_entry));
	put(out, "\x41\xff\xe3", 3);
}

void shortcut_write(const struct shortcut_site *site, uint8_t *code, uint64_t address, uint8_t *out,
		    uint64_t shortcut, uint64_t door)
{
	if (site->move_size) {
		out = put(out, code, site->move_size);
		put_entry(out, shortcut + site->move_size, address + site->move_size + SYSCALL_SIZE,
			  door);
	} else {
		uint64_t back = shortcut + 15; /* behind the two instructions of put_entry() */
		out = put_entry(out, shortcut, back, door);
		out = put(out, code + SYSCALL_SIZE, COMPARISON_SIZE);
		put_jump(out, back + COMPARISON_SIZE, address + SYSCALL_SIZE + COMPARISON_SIZE);
	}
	put_jump(code, address, shortcut);
}
