/* Pointers from the program: does all of a range lie in memory that it may read or write?
 *
 * The program may use its own segments and stack (the regions that the monitor named), what it
 * mapped of the pool or in the area, and of the window the arena and the request's variables. In
 * other address spaces than the first, all but the window is VMAs.
 * Everything else, the library OS and its part of the pool included, is EFAULT. */
#include "user_memory.h"

#include <errno.h>

#include "guest/lib/text.h"
#include "pool.h"
#include "regions.h"
#include "sizes/sizes.h"
#include "space.h"
#include "vma.h"

#define ARENA_START (GUEST_WINDOW_BASE + WINDOW_ARENA_OFFSET)
#define ARENA_END   (GUEST_WINDOW_BASE + WINDOW_SIZE)

#define VARIABLES_START (GUEST_WINDOW_BASE + WINDOW_VARIABLES_OFFSET)
#define VARIABLES_END	(VARIABLES_START + WINDOW_VARIABLES_SIZE)

static bool in_window(uint64_t address, uint64_t end)
{
	return (address >= ARENA_START && end <= ARENA_END) ||
	       (address >= VARIABLES_START && end <= VARIABLES_END);
}

static bool user_accessible(uint64_t address, uint64_t length, uint32_t access)
{
	uint64_t end;
	if (add_overflows(address, length, &end))
		return false;
	if (length == 0)
		return true;
	if (address_space_has_pool(address, length))
		return pool_accessible(address, length, access);
	if (in_window(address, end))
		return true;
	/* A range may span several, as a struct across .rodata and .data does. */
	while (address < end) {
		uint64_t next = regions_accessible_end(address, access);
		if (!next)
			next = vma_accessible_end(address, access);
		if (!next)
			return false;
		address = next;
	}
	return true;
}

bool user_readable(uint64_t address, uint64_t length)
{
	return user_accessible(address, length, GUEST_READ);
}

bool user_writable(uint64_t address, uint64_t length)
{
	return user_accessible(address, length, GUEST_READ | GUEST_WRITE);
}

/* Only called if not all of the range is accessible. */
static uint64_t accessible_length(uint64_t address, uint64_t length, uint32_t access)
{
	uint64_t done = 0;
	while (done < length) {
		uint64_t part = GUEST_PAGE_SIZE - (address + done) % GUEST_PAGE_SIZE;
		if (part > length - done)
			part = length - done;
		if (!user_accessible(address + done, part, access))
			break;
		done += part;
	}
	return done;
}

uint64_t user_readable_length(uint64_t address, uint64_t length)
{
	return user_readable(address, length) ? length
					      : accessible_length(address, length, GUEST_READ);
}

uint64_t user_writable_length(uint64_t address, uint64_t length)
{
	return user_writable(address, length)
		   ? length
		   : accessible_length(address, length, GUEST_READ | GUEST_WRITE);
}

bool user_mapped(uint64_t address, uint64_t length)
{
	return user_accessible(address, length, 0);
}

int user_copy_in(void *out, uint64_t address, size_t length)
{
	if (!user_readable(address, length))
		return -EFAULT;
	if (length)
		memcpy(out, (const void *)address, length);
	return 0;
}

int user_copy_out(uint64_t address, const void *in, size_t length)
{
	if (!user_writable(address, length))
		return -EFAULT;
	if (length)
		memcpy((void *)address, in, length);
	return 0;
}

int user_string(uint64_t address, char *out, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		uint64_t next = address + i;
		if ((i == 0 || next % GUEST_PAGE_SIZE == 0) && !user_readable(next, 1))
			return -EFAULT;
		out[i] = *(const char *)next;
		if (!out[i])
			return 0;
	}
	return -ENAMETOOLONG;
}
