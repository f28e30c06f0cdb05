/* System calls without SYSCALL; see shortcuts.h. */
#include "shortcuts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define SITES_MAX     (SHORTCUTS_SIZE_MAX / SHORTCUT_SIZE)
#define NUMBERS_MAX   512 /* system calls are numbered below */
#define SITE_SIZE     7
#define SHORTCUT_SIZE 32
#define GUARD_SIZE    (64UL << 10)
#define JUMP_REACH    (1UL << 30) /* a jump reaches 2 GiB; half of that is far from any overflow */

static uint32_t read32(const uint8_t *bytes)
{
	uint32_t value;
	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* Could these bytes be the tail of a longer instruction, so that b8 is no opcode? A REX prefix with
 * B makes it `mov $number, %r8d`; after the opcodes that take a 32-bit immediate it can be an 8-bit
 * displacement. `at` has at least three bytes before it. */
static bool is_inside_instruction(const uint8_t *at)
{
	if ((at[-1] & 0xf1) == 0x41)
		return true;
	for (int back = 2; back <= 3; back++)
		if (at[-back] == 0xc7 || at[-back] == 0x81 || at[-back] == 0x69)
			return true;
	return false;
}

static bool is_site(const uint8_t *at)
{
	return at[0] == 0xb8 && at[5] == 0x0f && at[6] == 0x05 && read32(at + 1) < NUMBERS_MAX &&
	       !is_inside_instruction(at);
}

static size_t find_sites(const struct image *image, const struct image_region *region,
			 uint64_t *sites, size_t room)
{
	const uint8_t *code = image->memory + region->offset;
	size_t count = 0;
	for (uint64_t at = 3; at + SITE_SIZE <= region->length && count < room; at++) {
		const uint8_t *next = memchr(code + at, 0xb8, region->length - SITE_SIZE + 1 - at);
		if (!next)
			break;
		at = (uint64_t)(next - code);
		if (is_site(next))
			sites[count++] = region->address + at;
	}
	return count;
}

static void write_jump(uint8_t *at, uint64_t from, uint64_t to)
{
	int32_t distance = (int32_t)((int64_t)to - (int64_t)(from + 5));
	at[0] = 0xe9;
	memcpy(at + 1, &distance, sizeof(distance));
}

/* mov $number, %eax; movabs $return, %rcx; movabs $entry, %r11; jmp *%r11 */
static void write_shortcut(uint8_t *at, uint32_t number, uint64_t back, uint64_t entry)
{
	*at++ = 0xb8;
	at = (uint8_t *)memcpy(at, &number, sizeof(number)) + sizeof(number);
	*at++ = 0x48;
	*at++ = 0xb9;
	at = (uint8_t *)memcpy(at, &back, sizeof(back)) + sizeof(back);
	*at++ = 0x49;
	*at++ = 0xbb;
	at = (uint8_t *)memcpy(at, &entry, sizeof(entry)) + sizeof(entry);
	memcpy(at, "\x41\xff\xe3", 3);
}

int shortcuts_install(struct image *image, size_t first_region, uint64_t end,
		      uint64_t syscall_entry, struct error *error)
{
	cleanup_free uint64_t *sites = calloc(SITES_MAX, sizeof(*sites));
	if (!sites)
		return error_set(error, ENOMEM, "no memory for the program's system calls");
	size_t count = 0, last_region = image->region_count;
	uint64_t low = end;
	for (size_t i = first_region; i < last_region; i++) {
		const struct image_region *region = &image->regions[i];
		if (region->address < low)
			low = region->address;
		if (region->protection & GUEST_EXECUTE)
			count += find_sites(image, region, sites + count, SITES_MAX - count);
	}
	if (!count || end - low > JUMP_REACH)
		return 0;
	uint64_t start = end + GUARD_SIZE;
	uint64_t size = (count * SHORTCUT_SIZE + GUEST_PAGE_SIZE - 1) & ~(GUEST_PAGE_SIZE - 1);
	int result = image_map(image, start, size, GUEST_READ | GUEST_EXECUTE, error);
	if (result)
		return error_wrap(error, "no room for system-call shortcuts");
	for (size_t i = 0; i < count; i++) {
		uint64_t shortcut = start + i * SHORTCUT_SIZE;
		uint8_t *site = image_pointer(image, sites[i], SITE_SIZE);
		write_shortcut(image_pointer(image, shortcut, SHORTCUT_SIZE), read32(site + 1),
			       sites[i] + SITE_SIZE, syscall_entry);
		write_jump(site, sites[i], shortcut);
	}
	return 0;
}
