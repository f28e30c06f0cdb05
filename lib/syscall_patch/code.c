/* Rewriting system calls; see code.h. */
#include "code.h"

#include <string.h>

#define NUMBERS_MAX 512 /* system calls are numbered below */

#define SYSCALL_SIZE	2
#define SYSCALL_BYTES	0x050f
#define SHORT_JUMP_SIZE 2
#define JUMP_SIZE	5
#define COMPARISON_SIZE 6 /* cmp $imm32, %rax */
#define MOVE_SIZE	5 /* mov $imm32, %eax */
#define RETURN_SIZE	6 /* the same with an opcode that has a longer form */

#define ENTRY_SIZE	15 /* what put_entry() writes */
#define TRAMPOLINE_SIZE 13

static uint32_t read32(const uint8_t *bytes)
{
	uint32_t value;
	__builtin_memcpy(&value, bytes, sizeof(value)); /* no call, also in the library OS */
	return value;
}

/* syscall; cmp $-4096 or $-4095, %rax: eight bytes that are nothing else. */
static bool is_checked_call(const uint8_t *at)
{
	return at[0] == 0x0f && at[1] == 0x05 && at[2] == 0x48 && at[3] == 0x3d &&
	       (read32(at + 4) == 0xfffff000 || read32(at + 4) == 0xfffff001);
}

/* Whether a prefix and an opcode before `end` make R8 the base of an operand, where RAX would be. */
static bool has_base_r8(const uint8_t *end)
{
	const uint8_t opcode = end[-1];
	/* Those of one byte that a ModRM byte follows, and no immediate. */
	const bool is_short = (opcode & 0xc4) == 0 || opcode == 0x63 ||
			      (opcode >= 0x84 && opcode <= 0x8f) || (opcode & 0xfc) == 0xd0 ||
			      (opcode & 0xf8) == 0xd8 || (opcode & 0xf6) == 0xf6;
	const bool is_rex = (is_short && (end[-2] & 0xf1) == 0x41) ||
			    (end[-2] == 0x0f && (end[-3] & 0xf1) == 0x41) ||
			    (end[-3] == 0x0f && end[-2] == 0x38 && (end[-4] & 0xf1) == 0x41);
	const bool is_vex = end[-4] == 0xc4 && !(end[-3] & 0x20);
	const bool is_evex = end[-5] == 0x62 && !(end[-4] & 0x20);
	return is_rex || is_vex || is_evex;
}

/* b8 as the ModRM or SIB byte of an operand 200(%r8), whose displacement would be the number. Without R8
 * the base is RAX, which has the number of a call there and no address. */
static bool may_be_operand(const uint8_t *at)
{
	return has_base_r8(at) || ((at[-1] & 0xc7) == 0x84 && has_base_r8(at - 1));
}

/* b8 as the lowest byte of a displacement, as in movb $0, 440(%rbx): the number is the rest of it, and the
 * immediate its highest byte. Other instructions than MOV and AND do nothing worthwhile with 0. */
static bool may_be_displacement(const uint8_t *at)
{
	const bool is_plain = (at[-1] & 0xc0) == 0x80 || (at[-1] & 0xc7) == 0x05;
	const bool has_sib = (at[-2] & 0xc7) == 0x84;
	const uint8_t opcode = has_sib ? at[-3] : at[-2];
	return (is_plain || has_sib) && (opcode == 0xc6 || opcode == 0x80 || opcode == 0x83);
}

#define LOOK_BACK 6 /* bytes before a move that are looked at */

/* mov $number, %eax; syscall. The bytes before tell whether b8 could be the tail of a longer
 * instruction: a REX prefix with B makes it `mov $number, %r8d`, after the opcodes that take a
 * 32-bit immediate it can be an 8-bit displacement, and it can belong to an operand. */
static bool is_numbered_call(const uint8_t *at)
{
	if (at[0] != 0xb8 || at[5] != 0x0f || at[6] != 0x05 || read32(at + 1) >= NUMBERS_MAX ||
	    (at[-1] & 0xf1) == 0x41 || may_be_operand(at) || may_be_displacement(at))
		return false;
	for (int back = 2; back <= 3; back++)
		if (at[-back] == 0xc7 || at[-back] == 0x81 || at[-back] == 0x69)
			return false;
	return true;
}

/* mov $15, %eax (with REX: %rax); syscall: where handlers of signals return to. Unwinders look for
 * these bytes, so that they stand in the code of those as well, behind a movabs. */
static bool is_return(const uint8_t *at)
{
	const bool is_constant = (at[-2] & 0xf8) == 0x48 && (at[-1] & 0xf8) == 0xb8;
	return !is_constant &&
	       !memcmp(at, "\xc7\xc0\x0f\0\0\0\x0f\x05", RETURN_SIZE + SYSCALL_SIZE);
}

static bool bit_test(const uint8_t *bits, uint64_t index)
{
	return bits[index / 8] >> index % 8 & 1;
}

static void bit_clear(uint8_t *bits, uint64_t index)
{
	bits[index / 8] &= (uint8_t) ~(1 << index % 8);
}

static bool is_call(const uint8_t *at)
{
	uint16_t value;
	__builtin_memcpy(&value, at, sizeof(value));
	return value == SYSCALL_BYTES;
}

/* Whether a jump of two bytes that is near enough might go to that place. */
static bool has_short_jump(const uint8_t *code, uint64_t size, uint64_t place)
{
	for (int distance = INT8_MIN; distance <= INT8_MAX; distance++) {
		const uint64_t at = place - SHORT_JUMP_SIZE - (uint64_t)(int64_t)distance;
		if (at >= size || size - at < JUMP_SIZE || (int8_t)code[at + 1] != distance)
			continue;
		const uint8_t opcode = code[at];
		if (opcode == 0xeb || (opcode & 0xf0) == 0x70 || (opcode & 0xfc) == 0xe0)
			return true;
	}
	return false;
}

/* Takes the mark from places that a jump with a distance of four bytes might go to: jmp, call, and
 * the second byte of a conditional jump. Hardly any byte is followed by a distance to somewhere in
 * this code, which a processor foresees, unlike what the byte is: so that is looked at first. */
static void clear_jumped_to(const uint8_t *code, uint64_t size, uint8_t *marks)
{
	for (uint64_t at = 0; at + JUMP_SIZE <= size; at++) {
		const uint64_t target =
		    at + JUMP_SIZE + (uint64_t)(int64_t)(int32_t)read32(code + at + 1);
		if (target >= size || !bit_test(marks, target))
			continue;
		const uint8_t opcode = code[at];
		if (opcode == 0xe9 || opcode == 0xe8 || (opcode & 0xf0) == 0x80)
			bit_clear(marks, target);
	}
}

/* Marks the comparisons behind a SYSCALL, but for those that a jump might go to. Every byte of the
 * code is taken for an opcode: more jumps are found than there are, and none is missed but those
 * through tables, which a compiler does not make to such a place. */
static void mark_comparisons(const uint8_t *code, uint64_t size, uint8_t *marks)
{
	bool any = false;
	for (uint64_t at = 0; at + SYSCALL_SIZE + COMPARISON_SIZE <= size; at++) {
		const uint64_t place = at + SYSCALL_SIZE;
		if (!is_call(code + at) || !is_checked_call(code + at) ||
		    has_short_jump(code, size, place))
			continue;
		marks[place / 8] |= (uint8_t)(1 << place % 8);
		any = true;
	}
	if (any)
		clear_jumped_to(code, size, marks);
}

size_t syscall_patch_find(const uint8_t *code, size_t size, uint8_t *marks,
			  struct syscall_site *sites, size_t room)
{
	const size_t tail = SYSCALL_SIZE + COMPARISON_SIZE;
	size_t count = 0;
	mark_comparisons(code, size, marks);
	/* Each SYSCALL is looked at together with the move before it and the comparison after
	 * it. */
	for (size_t at = MOVE_SIZE + LOOK_BACK; at + tail <= size && count < room; at++) {
		if (!is_call(code + at))
			continue;
		struct syscall_site site = {.offset = at};
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

void syscall_patch_write_trampoline(uint8_t *out, uint64_t syscall_entry)
{
	/* movabs $syscall_entry, %r11; jmp *%r11 */
	out = put(out, "\x49\xbb", 2);
	out = put(out, &syscall_entry, sizeof(syscall_entry));
	put(out, "\x41\xff\xe3", 3);
}

void syscall_patch_write(const struct syscall_site *site, uint8_t *code, uint64_t address,
			 uint8_t *out, uint64_t stub, uint64_t trampoline)
{
	if (site->move_size) {
		out = put(out, code, site->move_size);
		put_entry(out, stub + site->move_size, address + site->move_size + SYSCALL_SIZE,
			  trampoline);
	} else {
		uint64_t back = stub + ENTRY_SIZE;
		out = put_entry(out, stub, back, trampoline);
		out = put(out, code + SYSCALL_SIZE, COMPARISON_SIZE);
		put_jump(out, back + COMPARISON_SIZE, address + SYSCALL_SIZE + COMPARISON_SIZE);
	}
	put_jump(code, address, stub);
}

/* ── reading them back ───────────────────────────────────────────────────────────────────────── */

static uint64_t read64(const uint8_t *bytes)
{
	uint64_t value;
	memcpy(&value, bytes, sizeof(value));
	return value;
}

bool syscall_patch_jump_target(const uint8_t *bytes, uint64_t address, uint64_t *target)
{
	if (bytes[0] != 0xe9)
		return false;
	*target = address + 5 + (uint64_t)(int64_t)(int32_t)read32(bytes + 1);
	return true;
}

bool syscall_patch_is_trampoline(const uint8_t *bytes, uint64_t syscall_entry)
{
	uint8_t trampoline[TRAMPOLINE_SIZE];
	syscall_patch_write_trampoline(trampoline, syscall_entry);
	return !memcmp(bytes, trampoline, sizeof(trampoline));
}

bool syscall_patch_read(const uint8_t *bytes, uint64_t address, struct syscall_stub *stub)
{
	unsigned move = 0;
	if (bytes[0] == 0xb8)
		move = MOVE_SIZE;
	else if (bytes[0] == 0xc7 && bytes[1] == 0xc0)
		move = RETURN_SIZE;
	const uint8_t *entry = bytes + move;
	*stub = (struct syscall_stub){.address = address, .move_size = move};
	if (entry[0] != 0x48 || entry[1] != 0xb9 ||
	    !syscall_patch_jump_target(entry + 10, address + move + 10, &stub->trampoline))
		return false;
	const uint64_t back = read64(entry + 2);
	if (move) {
		stub->call = back - SYSCALL_SIZE;
		return true;
	}
	uint64_t behind;
	const uint64_t out = ENTRY_SIZE + COMPARISON_SIZE;
	if (back != address + ENTRY_SIZE ||
	    !syscall_patch_jump_target(bytes + out, address + out, &behind))
		return false;
	stub->call = behind - SYSCALL_SIZE - COMPARISON_SIZE;
	return true;
}

uint64_t syscall_patch_place(const struct syscall_stub *stub, uint64_t offset)
{
	if (stub->move_size)
		return offset ? stub->call : stub->call - stub->move_size;
	if (offset < ENTRY_SIZE)
		return stub->call;
	return stub->call + SYSCALL_SIZE +
	       (offset < ENTRY_SIZE + COMPARISON_SIZE ? 0 : COMPARISON_SIZE);
}

uint64_t syscall_patch_behind_call(const struct syscall_stub *stub)
{
	return stub->address + ENTRY_SIZE;
}
